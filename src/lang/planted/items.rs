//! Faults of items: their headers, what they import, what is added between them.

use super::kinds::{Finder, Scope, Told, range};
use crate::check::schema::{self, Target, Ty};
use crate::syntax::ast::{Base, Body, ExprKind, File, Item, ItemKind};

const PERSONAS: Ty = Ty::List(&Ty::Ref(&[Target::Persona]));

/// Faults that can be planted in one item.
pub fn find(finder: &mut Finder<'_>, item: &Item) {
    let span = range(item.span);
    finder.entry = span.clone();
    match &item.kind {
        ItemKind::Use { path, names, .. } => {
            finder.string(path.span);
            let at = path.span.end as usize - 6;
            finder.add("an import of no file", at..at, "qq").told = Told::At(span.start);
            for one in names {
                // Otherwise than a reference to it would be: the same name twice would be no fault the second time.
                let misspelt = format!("{}{}", &one.name.value[..1], one.name.value);
                finder.add("an import of no name", range(one.name.span), misspelt);
            }
        }
        ItemKind::Param { kind, value, within, about, .. } => {
            finder.add("an unknown param type", range(kind.span), finder.misspelt(&kind.value));
            if let Some(about) = about {
                finder.string(about.span);
            }
            finder.value(value, &Ty::Any);
            if let Some(within) = within {
                finder.value(within, &Ty::Any);
                if matches!(within.kind, ExprKind::Range { .. })
                    && matches!(value.kind, ExprKind::Number { unit: None, .. })
                {
                    finder.add("a param outside its range", range(value.span), "999");
                }
            }
        }
        ItemKind::Let { value, .. } => finder.value(value, &Ty::Any),
        ItemKind::Secret { variable, .. } => finder.string(variable.span),
        ItemKind::Stage { kind, binder, extends, body, .. } => {
            let header = range(item.header);
            finder.entry = header.clone();
            header_faults(finder, item, body, extends.as_ref());
            finder.add("an unknown kind of stage", range(kind.span), finder.misspelt(&kind.value));
            if let Some(binder) = binder {
                finder.value(&binder.list, &PERSONAS);
            }
            if let Some(schema) = schema::stage(&kind.value) {
                finder.body(body, Some(schema), schema.fields);
            }
        }
        ItemKind::Block { keyword, title, extends, body, .. } => {
            finder.entry = range(item.header);
            header_faults(finder, item, body, extends.as_ref());
            if let Some(title) = title {
                finder.string(title.span);
            }
            if let Some(schema) = schema::item(&keyword.value) {
                finder.body(body, Some(schema), schema.fields);
            }
        }
        ItemKind::Faulty { .. } => unreachable!("the text has no faults"),
    }
}

fn header_faults(finder: &mut Finder<'_>, item: &Item, body: &Body, extends: Option<&Base>) {
    finder.extends = extends.is_some();
    let start = item.span.start as usize;
    let keyword_end = start + finder.text[start..].find(' ').expect("a keyword and a name");
    let keyword = &finder.text[start..keyword_end];
    let (open, close) = (body.span.start as usize, body.span.end as usize - 1);
    finder.add("an unknown item", start..keyword_end, finder.misspelt(keyword));
    if let Some(extends) = extends {
        finder.add("a base that is not there", range(extends.name.span), finder.misspelt(&extends.name.value));
    }
    finder.unclosed("an item that is not closed", open, close..close + 1);
    finder.add("an item that is not opened", open..open + 1, "").told = Told::At(start);
    // What has no place in this kind of item, as its first entry.
    let of = keyword.to_owned();
    let mut misplaced = |kind, entry: &str| {
        let fault = finder.add(kind, open + 1..open + 1, format!("\n  {entry}\n"));
        (fault.told, fault.entry) = (Told::InEdit(3), open..open + 1);
    };
    if of != "sweep" {
        misplaced("a skip outside of a sweep", "skip 1 > 2 else \"why\"");
    }
    if of != "stage" {
        misplaced("a gate outside of a stage", "gate 1 > 2 else \"why\"");
    }
    if of != "persona" {
        misplaced("a block of another item", "example { given = \"x\"; says = \"y\" }");
    }
}

/// Whole items that are wrong, added after each item.
pub fn between(finder: &mut Finder<'_>, tree: &File) {
    const ADDED: [(&str, &str, usize); 7] = [
        ("a circle", "let qa = qb\nlet qb = qa", 4),
        ("two dimensions", "let qc = 3 tok + 4 steps", 0),
        ("division by zero", "let qd = 3 / 0", 0),
        ("a secret elsewhere", "secret qe from env \"QE\"\nmodel qf { weights = hf(qe) }", 40),
        ("a rubric without criteria", "rubric qg \"Q\" { scale = 1..5 }", 0),
        (
            "a split that does not add up",
            "dataset qh {\n  source = gsm8k(\"q\")\n  split = { train = 80%, val = 10%, test = 20% }\n}",
            45,
        ),
        ("no item", "frobnicate = 3", 0),
    ];
    let count = tree.items.len();
    for (at, item) in tree.items.iter().enumerate() {
        let end = item.span.end as usize;
        let end = end + finder.text[end..].find('\n').unwrap_or(0);
        finder.entry = end..end;
        for (number, (kind, text, told)) in ADDED.iter().enumerate() {
            // Each once in a file: a second of the same name would be another fault.
            finder.item = count + number;
            let fault = finder.add(kind, end..end, format!("\n{text}"));
            (fault.told, fault.scope) = (Told::InEdit(told + 1), Scope::Item);
        }
        let twice = match &item.kind {
            ItemKind::Block { name, .. } | ItemKind::Stage { name, .. } | ItemKind::Let { name, .. } => name,
            _ => continue,
        };
        finder.item = at;
        let fault = finder.add("a name twice", end..end, format!("\nlet {} = 1", twice.value));
        (fault.told, fault.scope) = (Told::InEdit(1), Scope::Item);
    }
    let experiment = tree
        .items
        .iter()
        .any(|item| matches!(&item.kind, ItemKind::Block { keyword, .. } if keyword.value == "experiment"));
    if experiment {
        let end = finder.text.trim_end().len();
        finder.entry = end..end;
        finder.item = count + ADDED.len();
        finder.add("a second experiment", end..end, "\nexperiment qz \"Q\" { seed = 3 }").told = Told::InEdit(1);
    }
}
