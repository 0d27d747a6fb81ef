//! `mascot init`: what it writes is right, in the one style, and runs.

use crate::house::Sandbox;

#[test]
fn a_first_experiment_is_clean_and_runs() {
    let sandbox = Sandbox::empty();
    let told = sandbox.mascot(&["init", "mine"]).ended_with(0).out;
    assert!(told.contains("6 files in mine") && told.contains("--variant smoke"), "{told}");
    sandbox.mascot(&["check", "mine/first.masc"]).ended_with(0);
    sandbox.mascot(&["fmt", "--check", "mine/first.masc"]).ended_with(0);
    // Its folder is its root, though a repository is around it: what the lock is for.
    sandbox.mascot(&["lock", "--check", "--root", "mine"]).ended_with(0);
    let planned = sandbox.mascot(&["plan", "mine/first.masc"]).ended_with(0).out;
    assert!(!planned.contains("\nmissing"), "{planned}");
    // Its model is not here and says in its name how large it is; at however many places a task names it, it is one.
    let planned = sandbox.mascot(&["plan", "mine/first.masc", "--json"]).ended_with(0).json();
    let memory = planned["total"]["memory_bytes"]["likely"].as_f64().unwrap();
    assert!((0.3e9..2.0e9).contains(&memory), "{memory}");
    sandbox.mascot(&["run", "mine/first.masc", "--engine", "fake"]).ended_with(0);
    assert!(sandbox.path().join("mine/.mascot").is_dir() && !sandbox.path().join(".mascot").exists());
    #[cfg(feature = "engine")]
    {
        let smoke = ["run", "mine/first.masc", "--variant", "smoke", "--device", "cpu"];
        let told = sandbox.mascot(&smoke).ended_with(0).out;
        assert!(told.contains("1 of 1 hold") && told.contains("3 fresh"), "{told}");
    }
}

#[test]
fn nothing_of_yours_is_written_over() {
    let sandbox = Sandbox::empty();
    sandbox.write("first.masc", "masc 1\n");
    sandbox.write(".gitignore", "mine\n");
    let told = sandbox.mascot(&["init"]).ended_with(2).err;
    assert!(told.contains("first.masc is there already"), "{told}");
    assert_eq!(sandbox.read("first.masc"), "masc 1\n");
    assert!(!sandbox.path().join("data").exists());
    std::fs::remove_file(sandbox.path().join("first.masc")).unwrap();
    sandbox.mascot(&["init"]).ended_with(0);
    assert_eq!(sandbox.read(".gitignore"), "mine\n");
}
