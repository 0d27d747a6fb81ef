//! Fields and blocks: `M04xx`.

use super::{article, list};
use crate::check::schema::{self, Attribute, ChildBlock, Kind};
use crate::check::types;
use crate::diagnostic::Diagnostic;
use crate::program::EntityKind;
use crate::source::{Name, Span};
use crate::syntax::ast::AssignOp;
use crate::syntax::nearest;

/// "it is a field of …", when it is one anywhere.
pub fn where_valid(name: &str) -> Option<String> {
    let places = schema::places_of(name);
    match places.as_slice() {
        [] => None,
        [one] => Some(format!("`{name}` belongs in {one}")),
        [some @ .., last] if places.len() <= 5 => Some(format!("`{name}` belongs in {} or {last}", some.join(", "))),
        some => Some(format!("`{name}` belongs in {}, among others", some[..4].join(", "))),
    }
}

pub fn missing_field(header: Span, attribute: &Attribute, schema: &Kind, name: &str) -> Diagnostic {
    Diagnostic::error("M0401", header, format!("`{name}` lacks the field `{}`", attribute.name))
        .label(format!("this {} needs `{}`", kind_phrase(schema), attribute.name))
        .help(format!("add `{} = …`, {}", attribute.name, types::wanted(&attribute.ty)))
}

pub fn missing_in_block(header: Span, attribute: &Attribute, schema: &ChildBlock) -> Diagnostic {
    Diagnostic::error("M0401", header, format!("this `{}` lacks the field `{}`", schema.keyword, attribute.name))
        .help(format!("add `{} = …`, {}", attribute.name, types::wanted(&attribute.ty)))
}

pub fn unknown_field(name: &Name, schema: &Kind, kind: EntityKind) -> Diagnostic {
    let word = &name.value;
    let what = kind_phrase(schema);
    let diagnostic = Diagnostic::error("M0402", name.span, format!("{} {what} has no field `{word}`", article(&what)));
    let known: Vec<&str> = schema.fields.iter().map(|field| field.name).collect();
    let near = nearest(word, known.iter().copied());
    let diagnostic = match near {
        Some(near) => diagnostic.fix(format!("write `{near}`"), name.span, near),
        None => diagnostic,
    };
    let belongs = where_valid(word);
    match (near, belongs) {
        (Some(near), None) => diagnostic.help(format!("did you mean `{near}`?")),
        (Some(near), Some(belongs)) => diagnostic.help(format!("did you mean `{near}`? ({belongs})")),
        (None, Some(belongs)) => diagnostic.help(belongs),
        (None, None) if kind == EntityKind::Report || known.len() <= 12 => {
            diagnostic.help(format!("there is {}", list(&known)))
        }
        (None, None) => diagnostic.help(format!("`mascot explain {}` lists its fields", schema.name)),
    }
}

pub fn unknown_field_of_block(name: &Name, schema: &ChildBlock) -> Diagnostic {
    let known: Vec<&str> = schema.fields.iter().map(|field| field.name).collect();
    let diagnostic = Diagnostic::error(
        "M0402",
        name.span,
        format!("{} `{}` has no field `{}`", article(schema.keyword), schema.keyword, name.value),
    );
    match nearest(&name.value, known.iter().copied()) {
        Some(near) => {
            diagnostic.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), name.span, near)
        }
        None => diagnostic.help(where_valid(&name.value).unwrap_or_else(|| format!("there is {}", list(&known)))),
    }
}

fn kind_phrase(schema: &Kind) -> String {
    match schema.makes {
        Some(_) => format!("{} stage", schema.name),
        None => schema.name.to_owned(),
    }
}

pub fn field_twice(span: Span, path: &str, first: Span) -> Diagnostic {
    Diagnostic::error("M0403", span, format!("`{path}` is given twice"))
        .label("given again here")
        .also(first, "first given here")
        .help("leave one of them away")
}

/// `kl = { … }` and `kl.beta = …` beside each other.
pub fn field_whole_and_in_part(span: Span, path: &str, other: &str, first: Span) -> Diagnostic {
    let (whole, part) = if path.len() < other.len() { (path, other) } else { (other, path) };
    Diagnostic::error("M0403", span, format!("`{whole}` is given as a whole, and `{part}` of it once more"))
        .label("given again here")
        .also(first, "first given here")
        .help(format!("write all of it in `{whole}`, or each part by itself"))
}

pub fn block_not_here(keyword: &Name, schema: &Kind) -> Diagnostic {
    let owners: Vec<&str> =
        schema::items::ALL.iter().filter(|kind| kind.child(&keyword.value).is_some()).map(|kind| kind.name).collect();
    let what = kind_phrase(schema);
    let diagnostic = Diagnostic::error(
        "M0404",
        keyword.span,
        format!("{} {what} has no `{} {{ … }}`", article(&what), keyword.value),
    );
    match (owners.first(), keyword.value.as_str()) {
        (Some(owner), _) => diagnostic.help(format!("it belongs in {} `{owner}`", article(owner))),
        (None, "grid" | "zip") => diagnostic.help("it belongs in a `sweep`"),
        (None, _) => diagnostic.help("leave it away"),
    }
}

pub fn block_in_block(keyword: &Name, outer: &str) -> Diagnostic {
    Diagnostic::error("M0404", keyword.span, format!("`{} {{ … }}` does not stand inside `{outer}`", keyword.value))
        .help("move it out, beside the block")
}

pub fn block_without_name(header: Span, keyword: &str) -> Diagnostic {
    Diagnostic::error("M0405", header, format!("this `{keyword}` has no name"))
        .help(format!("write `{keyword} name …`"))
}

pub fn weight_not_here(span: Span, keyword: &str) -> Diagnostic {
    Diagnostic::error("M0405", span, format!("{} `{keyword}` has no weight", article(keyword)))
        .help("only a `criterion` has one")
}

pub fn name_not_here(span: Span, keyword: &str) -> Diagnostic {
    Diagnostic::error("M0405", span, format!("{} `{keyword}` has no name", article(keyword))).help("leave it away")
}

pub fn gate_not_here(span: Span, schema: &Kind) -> Diagnostic {
    let what = kind_phrase(schema);
    Diagnostic::error("M0406", span, format!("{} {what} has no gates", article(&what)))
        .help("a gate stands in a stage, or in a persona's `test`")
}

pub fn gate_not_in_block(span: Span, keyword: &str) -> Diagnostic {
    Diagnostic::error("M0406", span, format!("{} `{keyword}` has no gates", article(keyword)))
        .help("a gate stands in a stage, or in a persona's `test`")
}

pub fn skip_not_here(span: Span) -> Diagnostic {
    Diagnostic::error("M0406", span, "`skip` stands in a sweep only").help("leave it away, or write a gate")
}

/// `field`: its name as written, where it has one.
pub fn not_a_list(span: Span, op: AssignOp, field: Option<&str>) -> Diagnostic {
    let sign = match op {
        AssignOp::Add => "+=",
        AssignOp::Remove => "-=",
        AssignOp::Set => "=",
    };
    if op == AssignOp::Set {
        return Diagnostic::error("M0407", span, "a path, where a field's name is wanted")
            .help("write the field's name alone");
    }
    let field = field.map_or_else(|| "this field".to_owned(), |name| format!("`{name}`"));
    Diagnostic::error("M0407", span, format!("`{sign}` edits lists, and {field} is none")).help("write `=`")
}

pub fn not_in_list(span: Span, item: &str) -> Diagnostic {
    Diagnostic::error("M0407", span, format!("{item} is not in the list, so it cannot be taken out"))
        .help("take out what the list has, as it is written there")
}

pub fn value_outside_grid(span: Span) -> Diagnostic {
    Diagnostic::error("M0408", span, "a value in a sweep stands in `grid { … }` or `zip { … }`")
        .help("write `grid { path = [ … ] }`")
}

pub fn grid_wants_a_list(span: Span, path: &str) -> Diagnostic {
    Diagnostic::error("M0408", span, format!("`{path}` wants a list of values to try"))
        .help("write `[0.01, 0.02]`, say")
}

pub fn sweep_without_values(header: Span, name: &str) -> Diagnostic {
    Diagnostic::error("M0408", header, format!("the sweep `{name}` has nothing to vary"))
        .help("add `grid { path = [ … ] }`")
}

pub fn zip_of_unequal_lengths(span: Span, is: usize, other: usize, first: Span) -> Diagnostic {
    Diagnostic::error("M0408", span, format!("{}, beside {other} of the same `zip`", values(is)))
        .also(first, values(other))
        .help("`zip` takes first with first, second with second: the lists must be equally long")
}

fn values(count: usize) -> String {
    if count == 1 { "1 value".to_owned() } else { format!("{count} values") }
}

pub fn skip_needs_results(span: Span) -> Diagnostic {
    Diagnostic::error("M0408", span, "`skip` cannot ask for results: nothing has run when it is asked")
        .help("speak of the sweep's own paths, of params and of fields")
}
