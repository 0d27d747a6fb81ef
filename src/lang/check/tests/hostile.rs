//! What a stranger might send is read or refused without harm: no panic, no stack or memory used up, and an end. How soon is the
//! benchmark's to say (`benches/speed.rs`); here nothing is timed, as other tests run beside.

mod shapes;

use super::{Files, check};

/// Near their full size: hours, were their time to grow with the square again.
#[test]
fn what_once_took_minutes_ends() {
    let once = ["a string of \"{{\"", "a path", "a base that is long"];
    let mut seen = 0;
    for (_, files) in shapes::all(400_000).into_iter().filter(|(name, _)| once.contains(&name.as_str())) {
        let pairs: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let _ = check(&Files::of(&pairs), "main.masc", &[]);
        seen += 1;
    }
    assert_eq!(seen, once.len());
}

/// What stands for much is refused before much is made of it: by what was evaluated, not by the clock.
#[test]
fn an_item_of_too_many_parts_is_not_read() {
    let list = |parts: usize| format!("masc 1\nlet x = [{}]\nlet y = x\n", "1, ".repeat(parts));
    let told = |text: &str| {
        let checked = check(&Files::of(&[("main.masc", text)]), "main.masc", &[]);
        let told: Vec<String> = checked.diagnostics.sorted().iter().map(|one| one.message.clone()).collect();
        told
    };
    assert_eq!(told(&list(19_000)), Vec::<String>::new());
    assert_eq!(told(&list(21_000)), ["this item has more than 20000 lines and commas"]);
    // What comes after it is read.
    let fields = format!("masc 1\npersona p {{\n{}}}\nlet y = z\n", "  role = \"x\"\n".repeat(21_000));
    assert_eq!(told(&fields), ["this item has more than 20000 lines and commas", "nothing here is called `z`"]);
}

#[test]
fn hostile_programs_are_read_or_refused() {
    for (name, files) in shapes::all(8_000) {
        let pairs: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let files = Files::of(&pairs);
        let checked = check(&files, "main.masc", &[]);
        assert_eq!(checked.program.is_some(), !checked.diagnostics.has_errors(), "{name}");
        let told = checked.diagnostics.sorted();
        assert!(told.len() <= 101 * pairs.len(), "{name}: {}", told.len());
        if shapes::is_refused(&name) {
            assert!(checked.diagnostics.has_errors(), "{name} is not refused");
        }
        for one in told {
            // On boundaries of characters, or this panics.
            let _ = checked.files.text(one.primary.span);
        }
    }
}
