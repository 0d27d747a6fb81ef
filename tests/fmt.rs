//! `mascot fmt` through the front door: files, standard input, and what it refuses.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::house::{Sandbox, command, files, repository};

const LOOSE: &str =
    "masc 1\nlet crew=[a,b] # who\npersona a \"A\" {role=\"first\"}\npersona b \"B\" { role = \"second\" }\n";
const NEAT: &str = "masc 1\nlet crew = [a, b]  # who\n\npersona a \"A\" {\n  role = \"first\"\n}\n\npersona b \"B\" {\n  role = \"second\"\n}\n";

#[test]
fn every_file_of_the_repository_is_in_the_one_style() {
    let sandbox = Sandbox::new();
    let all: Vec<String> = ["stdlib", "examples", "experiments"]
        .iter()
        .flat_map(|folder| files(&repository().join(folder), "masc"))
        .map(|path| path.display().to_string())
        .collect();
    assert!(all.len() > 8);
    let mut call = vec!["fmt", "--check"];
    call.extend(all.iter().map(String::as_str));
    sandbox.mascot(&call).ended_with(0);
}

#[test]
fn a_file_is_written_once_and_looked_at_without_being_written() {
    let sandbox = Sandbox::empty();
    sandbox.write("loose.masc", LOOSE);
    let told = sandbox.mascot(&["fmt", "--check", "loose.masc"]).ended_with(1).err;
    assert!(told.contains("would format loose.masc"), "{told}");
    let shown = sandbox.mascot(&["fmt", "--diff", "loose.masc"]).ended_with(0).out;
    assert!(shown.contains("-let crew=[a,b] # who\n") && shown.contains("+let crew = [a, b]  # who\n"), "{shown}");
    assert_eq!(sandbox.read("loose.masc"), LOOSE);
    sandbox.mascot(&["fmt", "loose.masc"]).ended_with(0);
    assert_eq!(sandbox.read("loose.masc"), NEAT);
    let again = sandbox.mascot(&["fmt", "loose.masc"]).ended_with(0).err;
    assert!(again.contains("1 file as it should be"), "{again}");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_a_file_is_read_by_whom_it_was() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::empty();
    sandbox.write("real.masc", LOOSE);
    let (real, link) = (sandbox.path().join("real.masc"), sandbox.path().join("link.masc"));
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.masc", &link).unwrap();
    sandbox.mascot(&["fmt", "link.masc"]).ended_with(0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(sandbox.read("real.masc"), NEAT);
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn standard_input_is_written_to_standard_output() {
    let sandbox = Sandbox::empty();
    let mut child = command(sandbox.path(), &["fmt", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(LOOSE.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stdout).unwrap().as_str()), (Some(0), NEAT));
    assert!(output.stderr.is_empty());
}

#[test]
fn what_cannot_be_read_is_told_and_left_as_it_is() {
    let sandbox = Sandbox::empty();
    let faulty = "masc 1\nlet crew=[a\nlet b=2\n";
    sandbox.write("faulty.masc", faulty);
    sandbox.write("loose.masc", LOOSE);
    let told = sandbox.mascot(&["fmt", "faulty.masc", "loose.masc", "absent.masc"]).ended_with(2).err;
    assert!(told.contains("M0012") && told.contains("left as it is") && told.contains("absent.masc"), "{told}");
    assert_eq!(sandbox.read("faulty.masc"), faulty);
    assert_eq!(sandbox.read("loose.masc"), NEAT, "its neighbours are formatted");
    fs::write(sandbox.path().join("bytes.masc"), b"masc 1\n# \xff\n").unwrap();
    let told = sandbox.mascot(&["fmt", "bytes.masc"]).ended_with(1).err;
    assert!(told.contains("is not UTF-8 (byte 9)"), "{told}");
}

#[test]
fn fixes_are_applied_and_what_is_left_is_told() {
    let sandbox = Sandbox::empty();
    let faulty =
        "masc 1\npersona anchor \"A\" {\n  voice: \"hello\"\n}\nlet crew = [anchr]\nlet other = nobody_at_all\n";
    sandbox.write("faulty.masc", faulty);
    let shown = sandbox.mascot(&["fix", "--diff", "faulty.masc"]).ended_with(1);
    assert!(shown.out.contains("-let crew = [anchr]\n+let crew = [anchor]\n"), "{}", shown.out);
    assert_eq!(sandbox.read("faulty.masc"), faulty);
    let told = sandbox.mascot(&["fix", "faulty.masc"]).ended_with(1).err;
    assert!(told.contains("faulty.masc:5:13") && told.contains("2 fixes applied, 1 error left"), "{told}");
    assert_eq!(sandbox.read("faulty.masc"), faulty.replace("voice:", "voice=").replace("anchr", "anchor"));
    sandbox.write("faulty.masc", &sandbox.read("faulty.masc").replace("nobody_at_all", "anchor"));
    let told = sandbox.mascot(&["fix", "faulty.masc"]).ended_with(0).err;
    assert!(told.contains("0 fixes applied, nothing is left"), "{told}");
}
