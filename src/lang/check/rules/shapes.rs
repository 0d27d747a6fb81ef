//! Laws about how many: of lists that a request cannot hold empty, and of numbers that must fit each other.

use super::{Checker, Decl, Val, say, val_of};
use crate::check::layers::{span_of, text_of};
use crate::check::schema::calls::{AS_EXAMPLES, MEANINGS};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind};

/// Lists of references whose emptiness has no meaning, and what to name.
const WANTED: [(&str, &str); 3] =
    [("actors", "one actor"), ("pairs", "one stage of pairs"), ("users", "one persona, or leave it away")];

pub fn lists_name_something(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    for instance in &checker.members(decl.id).instances {
        for (field, what) in WANTED {
            if val_of(instance, field) == Some(&Val::List(Vec::new())) {
                let span = checker.written_at(decl, field);
                checker.found.add(say::empty_list(span, field, what));
            }
        }
        if let Some(Val::List(betas)) = val_of(instance, "betas")
            && betas.len() != 2
        {
            let span = checker.written_at(decl, "betas");
            checker.found.add(say::not_two_betas(span, betas.len()));
        }
        if let Some(Val::Call { args, .. }) = val_of(instance, "adapter")
            && args.get("targets") == Some(&Val::List(Vec::new()))
        {
            let span = checker.written_at(decl, "adapter");
            checker.found.add(say::empty_list(span, "targets", "one projection, as in `targets: [q, v]`"));
        }
    }
}

/// Random weights are drawn by their shape; one that no model can have is told before anything is run.
pub fn heads_share_the_width(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let Some(Val::Call { name, args }) = checker.field_val(decl.id, "weights") else { return };
    let drawn: Vec<&Val> = match name.as_str() {
        "random" => vec![],
        "first" => match args.get("sources") {
            Some(Val::List(sources)) => sources.iter().collect(),
            _ => return,
        },
        _ => return,
    };
    let own = (name == "random").then_some(&args);
    let others = drawn.into_iter().filter_map(|source| match source {
        Val::Call { name, args } if name == "random" => Some(args),
        _ => None,
    });
    for args in own.into_iter().chain(others) {
        let number = |name: &str| match args.get(name) {
            Some(Val::Number { value, .. }) => Some(*value),
            _ => None,
        };
        let (Some(hidden), Some(heads), Some(shared)) = (number("hidden"), number("heads"), number("kv_heads")) else {
            continue;
        };
        let encoder = args.get("arch") == Some(&Val::Text("bert".to_owned()));
        let span = checker.written_at(decl, "weights");
        if hidden % heads != 0.0 || (!encoder && (hidden / heads) % 2.0 != 0.0) {
            checker.found.add(say::heads_do_not_fit(span, hidden, heads, !encoder));
        } else if !encoder && heads % shared != 0.0 {
            checker.found.add(say::heads_do_not_share(span, heads, shared));
        }
    }
}

/// `fields: { promt = "q" }` would leave a column unread.
pub fn a_column_means_what_there_is(checker: &mut Checker<'_>, decl: &Decl<'_>) {
    let Some(Val::Call { args, .. }) = checker.field_val(decl.id, "source") else { return };
    let Some(Val::Record(fields)) = args.get("fields") else { return };
    let known = [&MEANINGS[..], &AS_EXAMPLES].concat();
    for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
        let written = checker.last_expr(decl.id, "source").and_then(|expr| key_of(expr, name));
        let span = written.unwrap_or_else(|| checker.written_at(decl, "source"));
        checker.found.add(say::no_meaning_of_a_column(span, name, &known, written.is_some()));
    }
}

/// Where a key of `fields` is written.
fn key_of(source: &Expr, key: &str) -> Option<Span> {
    let ExprKind::Call { args, .. } = &source.kind else { return None };
    let records = args.iter().filter_map(|arg| match &arg.value.kind {
        ExprKind::Record(assigns) => Some(assigns),
        _ => None,
    });
    records.flatten().find(|assign| text_of(&assign.path) == key).map(|assign| span_of(&assign.path))
}
