//! Names and imports: `M02xx`.

use super::{did_you_mean, list};
use crate::check::schema::Kind;
use crate::diagnostic::Diagnostic;
use crate::source::{Name, Span};
use crate::syntax::nearest;

fn with_nearest(diagnostic: Diagnostic, word: &str, span: Span, known: &[&str]) -> Diagnostic {
    let diagnostic = match did_you_mean(word, known) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    };
    match nearest(word, known.iter().copied()) {
        Some(near) => diagnostic.fix(format!("write `{near}`"), span, near),
        None => diagnostic,
    }
}

pub fn name_twice(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::error("M0201", name.span, format!("`{}` is declared twice", name.value))
        .label("declared again here")
        .also(first, "first declared here")
        .help("give one of them another name; all items of a file share one set of names")
}

pub fn unknown_name(name: &Name, known: &[&str]) -> Diagnostic {
    let word = &name.value;
    let diagnostic = Diagnostic::error("M0202", name.span, format!("nothing here is called `{word}`"));
    match nearest(word, known.iter().copied()) {
        Some(_) => with_nearest(diagnostic, word, name.span, known),
        None => diagnostic.help(match super::where_a_word_is_valid(word) {
            Some(place) => place,
            None => format!("declare `{word}`, or import it: `use \"./file.masc\" {{ {word} }}`"),
        }),
    }
}

pub fn imported_by_another_name(name: &Name, alias: &str) -> Diagnostic {
    let word = &name.value;
    Diagnostic::error("M0202", name.span, format!("nothing here is called `{word}`: it is imported as `{alias}`"))
        .help(format!("write `{alias}`"))
        .fix(format!("write `{alias}`"), name.span, alias)
}

pub fn no_experiment(name: &Name) -> Diagnostic {
    Diagnostic::error("M0202", name.span, "this file has no experiment")
        .help("declare one: `experiment name { seed = 7 }`")
}

pub fn persona_outside_family(name: &Name) -> Diagnostic {
    Diagnostic::error("M0202", name.span, "nothing here is called `persona`").help(
        "`persona` is known inside `stage … = … for persona in crew { … }`, and in a reward that such a stage uses",
    )
}

pub fn each_outside_gate(name: &Name) -> Diagnostic {
    Diagnostic::error("M0202", name.span, "nothing here is called `each`").help(
        "`persona: each` belongs to `delta`, `mean`, `median` and `p95` in a gate, which is then asked for every persona",
    )
}

pub fn call_without_brackets(name: &Name) -> Diagnostic {
    let word = &name.value;
    Diagnostic::error("M0202", name.span, format!("nothing here is called `{word}`, but there is a call of that name"))
        .help(format!("write `{word}(…)`"))
        .fix(format!("write `{word}()`"), name.span, format!("{word}()"))
}

pub fn import_unreadable(span: Span, path: &str, why: &str, library: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0203", span, format!("cannot read \"{path}\": {why}"));
    if path.starts_with("std/") {
        let diagnostic = diagnostic.help(format!("the library has {}", list(library)));
        // By what tells them apart.
        let stem = |path: &str| path.trim_start_matches("std/").trim_end_matches(".masc").to_owned();
        let stems: Vec<String> = library.iter().map(|path| stem(path)).collect();
        let near = nearest(&stem(path), stems.iter().map(String::as_str));
        return match library.iter().find(|path| near == Some(stem(path).as_str())) {
            Some(near) => diagnostic.fix(format!("write \"{near}\""), span, format!("\"{near}\"")),
            None => diagnostic,
        };
    }
    with_remedy(diagnostic, why, "the path is relative to this file: `./companions.masc`")
}

/// What to do about a file that is not read; `missing` when it is not there.
pub(super) fn with_remedy(diagnostic: Diagnostic, why: &str, missing: &str) -> Diagnostic {
    match why {
        "no such file" => diagnostic.help(missing),
        why if why.contains("UTF-8") => diagnostic.help("save it as UTF-8"),
        why if why.contains("folder") => diagnostic.help("name a file in it"),
        why if why.contains("leaves") => diagnostic.help("copy it into the project, and name it there"),
        _ => diagnostic,
    }
}

pub fn file_unreadable(span: Span, path: &str, why: &str) -> Diagnostic {
    with_remedy(
        Diagnostic::error("M0203", span, format!("cannot read \"{path}\": {why}")),
        why,
        "name a file that is there",
    )
}

pub fn not_declared_there(name: &Name, path: &str, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0204", name.span, format!("\"{path}\" declares no `{}`", name.value));
    with_nearest(diagnostic, &name.value, name.span, known)
}

/// `uses`: where each of the files names the next, and the last the first.
pub fn import_cycle(uses: &[Span], files: &[&str]) -> Diagnostic {
    let path: Vec<String> = files.iter().chain(files.first()).map(|file| format!("\"{file}\"")).collect();
    let message = format!("files import each other in a circle: {}", path.join(" → "));
    let diagnostic = Diagnostic::error("M0205", uses[0], message).help("move what both need into a third file");
    uses[1..].iter().fold(diagnostic, |told, span| told.also(*span, "and on from here"))
}

pub fn too_many_imports(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::error("M0206", span, format!("more than {limit} files are imported"))
        .help("join some of them: what is not read here is not checked")
}

/// `panel.synergi`, `meetings.trian`: `of` is the path before it, as written.
pub fn unknown_part(name: &Name, of: &str, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0207", name.span, format!("`{of}` has no `{}`", name.value));
    with_nearest(diagnostic, &name.value, name.span, known)
}

/// A member, result or field that a stage `for persona in …` does not have; `known`: all of them.
pub fn unknown_part_of_family(name: &Name, of: &str, members: &[&str], known: &[&str], kind: &str) -> Diagnostic {
    let told = unknown_part(name, of, known);
    let is_near = nearest(&name.value, known.iter().copied()).is_some();
    match members {
        _ if is_near => told,
        [] => told.help(format!("`mascot explain {kind}` lists its fields and results")),
        members => told
            .help(format!("its members are {}; `mascot explain {kind}` lists its fields and results", list(members))),
    }
}

pub fn no_parts(name: &Name, is: &str) -> Diagnostic {
    Diagnostic::error("M0207", name.span, format!("{is} has no parts, so no `.{}`", name.value))
        .help("leave the part away")
}

pub fn no_star(span: Span, of: &str, is: &str) -> Diagnostic {
    Diagnostic::error("M0207", span, format!("`{of}` is {is}, which has no members"))
        .help("`.*` is every member of a list or of a stage `for persona in …`")
}

pub fn member_missing(span: Span, persona: &str, family: &str) -> Diagnostic {
    Diagnostic::error("M0208", span, format!("`{family}` has no member for `{persona}`"))
        .help(format!("add `{persona}` to the list that `{family}` is made for, or name another stage"))
}

pub fn whole_file_as_value(name: &Name) -> Diagnostic {
    Diagnostic::error("M0209", name.span, format!("`{}` is a whole file", name.value))
        .help(format!("name something in it: `{}.…`", name.value))
}

/// An item whose path ends where a field should be.
pub fn overrides_nothing(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("M0210", span, format!("this path ends at `{name}`, which is not a field"))
        .help(format!("name the field that is to have another value: `{name}.field = …`"))
}

pub fn overrides_unknown_field(name: &Name, schema: &Kind, of: &str) -> Diagnostic {
    let known: Vec<&str> = schema.fields.iter().map(|field| field.name).collect();
    let diagnostic = Diagnostic::error("M0210", name.span, format!("`{of}` has no field `{}` to override", name.value));
    with_nearest(diagnostic, &name.value, name.span, &known)
}

pub fn no_part_to_set(span: Span, name: &str, is: &str, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0210", span, format!("{is} has no `{name}` to override"));
    with_nearest(diagnostic, name, span, known)
}

pub fn path_begins_with_star(span: Span) -> Diagnostic {
    Diagnostic::error("M0210", span, "a path begins with a name").help("write `crew.*.voice`, say")
}

pub fn cannot_extend(name: &Name, kind: &str) -> Diagnostic {
    Diagnostic::error("M0211", name.span, format!("{} `{kind}` extends nothing", super::article(kind)))
        .help("personas, models, judges, rubrics, rewards and stages can extend one of their own kind")
}

pub fn extends_another_kind(name: &Name, schema: &Kind, is: String) -> Diagnostic {
    let suffix = if schema.makes.is_some() { " stage" } else { "" };
    let what = format!("{} {}{suffix}", super::article(schema.name), schema.name);
    Diagnostic::error("M0211", name.span, format!("{what} extends {what}, and `{}` is {is}", name.value))
        .help("extend one of the same kind")
}

pub fn unknown_stage_kind(kind: &Name) -> Diagnostic {
    let known: Vec<&str> = crate::check::schema::stages::ALL.iter().map(|kind| kind.name).collect();
    let diagnostic = Diagnostic::error("M0212", kind.span, format!("there is no stage kind `{}`", kind.value));
    with_nearest(diagnostic, &kind.value, kind.span, &known)
}

pub fn unknown_param_type(kind: &Name) -> Diagnostic {
    let known = ["int", "float", "text", "bool", "fraction", "tok", "steps", "epochs", "s", "GiB", "gpu_h", "usd"];
    let diagnostic = Diagnostic::error("M0213", kind.span, format!("there is no param type `{}`", kind.value));
    with_nearest(diagnostic, &kind.value, kind.span, &known)
}

/// A circle of items, in order of need, beginning with the first in the file.
pub fn cycle(steps: &[&Name]) -> Diagnostic {
    let path: Vec<String> = steps.iter().chain(steps.first()).map(|name| format!("`{}`", name.value)).collect();
    let first = steps[0];
    let mut diagnostic =
        Diagnostic::error("M0214", first.span, format!("`{}` needs itself: {}", first.value, path.join(" → ")))
            .help("one of these must do without the next");
    for name in &steps[1..] {
        diagnostic = diagnostic.also(name.span, "on the way");
    }
    diagnostic
}
