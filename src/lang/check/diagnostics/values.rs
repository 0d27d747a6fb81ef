//! Values, units and types: `M03xx`.

use super::{did_you_mean, list};
use crate::check::fields::written_of;
use crate::check::schema::{self, Call, Record, Ty};
use crate::check::units;
use crate::check::val::Val;
use crate::diagnostic::Diagnostic;
use crate::program::Dim;
use crate::source::{Name, Span};
use crate::syntax::nearest;

pub fn unknown_unit(unit: &Name) -> Diagnostic {
    let known: Vec<&str> = units::UNITS.iter().map(|unit| unit.name).collect();
    let diagnostic = Diagnostic::error("M0301", unit.span, format!("there is no unit `{}`", unit.value));
    match units::meant(&unit.value).or_else(|| nearest(&unit.value, known.iter().copied())) {
        Some(near) => {
            diagnostic.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), unit.span, near)
        }
        None => diagnostic.help("`mascot explain units` lists them all"),
    }
}

pub fn unit_missing(span: Span, dim: Dim, val: &Val) -> Diagnostic {
    let unit = units::usual(dim).unwrap_or_default();
    let diagnostic = Diagnostic::error("M0302", span, format!("a bare number, where {} is wanted", units::phrase(dim)));
    match val {
        // `0.2` for a share is 20%; what is more than the whole was meant in percent.
        Val::Number { value, .. } if dim == Dim::Fraction => {
            let written = if *value > 1.0 { format!("{value}%") } else { units::write(*value, dim) };
            diagnostic.help(format!("write `{written}`")).fix("write a percentage", span, written)
        }
        Val::Number { value, .. } => {
            let unit = match unit {
                "steps" | "epochs" if *value == 1.0 => unit.trim_end_matches('s'),
                unit => unit,
            };
            let written = format!("{value} {unit}");
            diagnostic.help(format!("write `{written}`")).fix("add the unit", span, written)
        }
        _ => diagnostic.help(format!("add the unit `{unit}`")),
    }
}

pub fn unit_wrong(span: Span, is: Dim, wanted: Dim) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "M0303",
        span,
        format!("this is {}, where {} is wanted", units::phrase(is), units::phrase(wanted)),
    );
    match units::usual(wanted) {
        Some(unit) => diagnostic.help(format!("write it in `{unit}`")),
        None => diagnostic.help("leave the unit away"),
    }
}

pub fn wrong_type(span: Span, wanted: &str, is: &str, val: &Val, ty: &Ty) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("M0304", span, format!("{is}, where {wanted} is wanted")).label(format!("this is {is}"));
    match (ty, val) {
        (Ty::List(_) | Ty::Set(_), Val::List(_)) => diagnostic.help("take it out of the list"),
        (Ty::List(_) | Ty::Set(_), _) => diagnostic.help("write it in brackets: `[…]`"),
        (Ty::Condition, _) => diagnostic.help("compare it with something: `… >= 0.5`"),
        (Ty::Ref(targets), Val::Entity(_)) if targets.contains(&schema::Target::Verdict) => {
            diagnostic.help("name one of the judge's rubrics: `judge.rubric`")
        }
        (Ty::Text, Val::Word(_) | Val::Number { .. }) => diagnostic.help("write it in quotes"),
        _ => diagnostic.help(format!("write {wanted} here")),
    }
}

pub fn too_much(span: Span) -> Diagnostic {
    Diagnostic::error("M0330", span, "with this the program stands for more than can be looked at")
        .help("names stand for names, families for crews and items for what they extend: shorten one of these chains")
}

pub fn secret_elsewhere(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("M0305", span, format!("the secret `{name}` may flow into `auth` only"))
        .help("a secret is never hashed, printed, logged or stored")
}

pub fn unknown_word(span: Span, word: &str, words: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0306", span, format!("`{word}` is not one of the words that may stand here"));
    let diagnostic = match nearest(word, words.iter().copied()) {
        Some(near) => diagnostic.fix(format!("write `{near}`"), span, near),
        None => diagnostic,
    };
    match nearest(word, words.iter().copied()) {
        // Of a few words the nearest may not be the one that was meant: `k4` is as near to `k1` as to `k3`.
        Some(near) if (2..=8).contains(&words.len()) => {
            diagnostic.help(format!("did you mean `{near}`? there is {}", list(words)))
        }
        near => match (near.is_none().then(|| super::where_a_word_is_valid(word)).flatten(), did_you_mean(word, words))
        {
            (Some(place), Some(help)) => diagnostic.help(format!("{help}; {place}")),
            (Some(help), None) | (None, Some(help)) => diagnostic.help(help),
            (None, None) => diagnostic,
        },
    }
}

pub fn word_in_quotes(span: Span, word: &str) -> Diagnostic {
    Diagnostic::error("M0306", span, format!("a text, where the word `{word}` is wanted"))
        .help("leave the quotes away")
        .fix("leave the quotes away", span, word)
}

pub fn word_wanted(span: Span, words: &[&str], is: &str) -> Diagnostic {
    Diagnostic::error("M0306", span, format!("{is}, where one of {} is wanted", list(words)))
        .help("write one of these words")
}

pub fn not_one_of(span: Span, text: &str, words: &[&str]) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("M0306", span, format!("\"{text}\" is not one of the texts that may stand here"));
    match nearest(text, words.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean \"{near}\"?")).fix(
            format!("write \"{near}\""),
            span,
            format!("\"{near}\""),
        ),
        None => diagnostic.help(format!("there is {}", list(words))),
    }
}

pub fn unknown_call(name: &Name) -> Diagnostic {
    let known: Vec<&str> = schema::every_call().map(|call| call.name).collect();
    let diagnostic = Diagnostic::error("M0307", name.span, format!("there is no call `{}(…)`", name.value));
    match nearest(&name.value, known.iter().copied()) {
        Some(near) => {
            diagnostic.help(format!("did you mean `{near}(…)`?")).fix(format!("write `{near}`"), name.span, near)
        }
        None => {
            diagnostic.help("the language has no functions of one's own; `mascot explain calls` lists what there is")
        }
    }
}

/// A call that exists, or does not, where another kind of call is wanted.
pub fn call_not_wanted(name: &Name, calls: &[&Call]) -> Diagnostic {
    let wanted = calls.first().map_or("a call", |call| call.role.phrase());
    let known: Vec<&str> = calls.iter().map(|call| call.name).collect();
    let message = match schema::every_call().find(|call| call.name == name.value) {
        Some(call) => format!("`{}(…)` is {}, where {wanted} is wanted", name.value, call.role.phrase()),
        None => format!("there is no `{}(…)`, where {wanted} is wanted", name.value),
    };
    let diagnostic = Diagnostic::error("M0307", name.span, message);
    match nearest(&name.value, known.iter().copied()) {
        Some(near) => {
            diagnostic.help(format!("did you mean `{near}(…)`?")).fix(format!("write `{near}`"), name.span, near)
        }
        None if known.len() > 24 => diagnostic.help(format!("write {wanted}")),
        None => diagnostic.help(format!("there is {}", list(&known))),
    }
}

pub fn unknown_argument(name: &Name, call: &Call) -> Diagnostic {
    let known: Vec<&str> = call.args.iter().map(|arg| arg.name).collect();
    let diagnostic = Diagnostic::error("M0308", name.span, format!("`{}(…)` takes no `{}`", call.name, name.value));
    let diagnostic = match nearest(&name.value, known.iter().copied()) {
        Some(near) => diagnostic.fix(format!("write `{near}`"), name.span, near),
        None => diagnostic,
    };
    let places =
        super::fields::where_valid(&name.value).filter(|_| nearest(&name.value, known.iter().copied()).is_none());
    match (did_you_mean(&name.value, &known), places) {
        (Some(help), Some(place)) => diagnostic.help(format!("{help}; {place}")),
        (Some(help), None) => diagnostic.help(help),
        (None, Some(place)) => diagnostic.help(place),
        (None, None) => diagnostic.help("it takes no arguments"),
    }
}

pub fn argument_twice(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("M0309", span, format!("the argument `{name}` is given twice"))
        .label("given again here")
        .also(first, "first given here")
        .help("leave one of them away")
}

pub fn too_many_arguments(span: Span, call: &Call) -> Diagnostic {
    let takes = match call.args.len() {
        0 => "no arguments".to_owned(),
        1 => "one argument".to_owned(),
        count => format!("{count} arguments"),
    };
    Diagnostic::error("M0310", span, format!("`{}(…)` takes {takes}, and this is one more", call.name))
        .help("leave it away")
}

pub fn missing_arguments(span: Span, call: &Call, missing: &[&str]) -> Diagnostic {
    Diagnostic::error("M0311", span, format!("`{}(…)` lacks {}", call.name, list(missing))).help(format!(
        "write `{}({}: …)`",
        call.name,
        missing.join(": …, ")
    ))
}

pub fn not_whole(span: Span, val: &Val) -> Diagnostic {
    Diagnostic::error("M0312", span, format!("{}, where a whole number is wanted", written_of(val))).help("round it")
}

pub fn out_of_bounds(span: Span, val: &Val, low: f64, high: f64) -> Diagnostic {
    let (value, dim) = match val {
        Val::Number { value, dim } => (*value, *dim),
        _ => (f64::NAN, Dim::None),
    };
    // That a count has an end at all is only told to who went beyond it.
    let high = if high == schema::MOST && value < low { f64::INFINITY } else { high };
    let help = match (low.is_finite(), high.is_finite()) {
        (true, true) => format!("it may be {} to {}", units::write(low, dim), units::write(high, dim)),
        (true, false) => format!("it may be {} or more", units::write(low, dim)),
        _ => format!("it may be {} or less", units::write(high, dim)),
    };
    Diagnostic::error("M0313", span, format!("{} is out of bounds", written_of(val))).help(help)
}

pub fn param_outside(span: Span, name: &str, value: &str, within: &str, range: Span) -> Diagnostic {
    Diagnostic::error("M0313", span, format!("`{name}` is {value}, and that is not in {within}"))
        .also(range, "what it may be")
        .help("choose a value within, or widen the range")
}

/// A range that says what a text or a yes may be.
pub fn no_range_of(span: Span, is: &str) -> Diagnostic {
    Diagnostic::error("M0304", span, format!("{is} lies in no range"))
        .label("this is a range")
        .help("list what it may be: `in [\"one\", \"other\"]`")
}

pub fn mixed_dimensions(span: Span, sign: &str, a: Dim, b: Dim) -> Diagnostic {
    Diagnostic::error("M0314", span, format!("`{sign}` between {} and {}", units::phrase(a), units::phrase(b)))
        .help(if a == b { "leave the unit of one side away" } else { "both sides must count the same thing" })
}

pub fn no_arithmetic(span: Span, sign: &str, is: &str, in_gate: bool) -> Diagnostic {
    if in_gate {
        return Diagnostic::error(
            "M0315",
            span,
            format!("`{sign}` in a gate takes numbers and results, and this is {is}"),
        )
        .help("write a number, a result of a stage, `delta(…)`, `mean(…)`, `median(…)` or `p95(…)`");
    }
    let (takes, write) = match sign {
        "not" => ("a condition", "compare with something: `not … >= 0.5`"),
        "==" | "!=" => ("two of a kind, numbers or scores, texts or words", "write on both sides what can be equal"),
        _ => ("numbers and scores", "write a number, a reward model, a judge's rubric or a term"),
    };
    Diagnostic::error("M0315", span, format!("`{sign}` takes {takes}, and this is {is}")).help(write)
}

pub fn empty_range(span: Span) -> Diagnostic {
    Diagnostic::error("M0316", span, "this range is empty").help("the lower end comes first: `2..8`")
}

pub fn division_by_zero(span: Span) -> Diagnostic {
    Diagnostic::error("M0317", span, "division by zero").help("divide by something else")
}

/// `exact`: the span is the slot's own, so that it can be replaced.
pub fn unknown_slot(span: Span, written: &str, slot: &str, exact: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0318", span, format!("there is no slot `{written}`"));
    match nearest(slot, SLOTS) {
        Some(near) => {
            let slot = format!("{{{{{near}}}}}");
            let diagnostic = diagnostic.help(format!("did you mean `{slot}`?"));
            if exact { diagnostic.fix(format!("write `{slot}`"), span, slot) } else { diagnostic }
        }
        None => diagnostic.help("the slots are `{{char}}` and `{{user}}`, written without blanks"),
    }
}

/// In the text of another file, at this line of it.
pub fn unknown_slot_of_file(span: Span, slot: &str, path: &str, line: usize) -> Diagnostic {
    let message = format!("there is no slot `{{{{{slot}}}}}`, and line {line} of \"{path}\" has it");
    let help = match nearest(slot, SLOTS) {
        Some(near) => format!("did you mean `{{{{{near}}}}}`?"),
        None => "the slots are `{{char}}` and `{{user}}`, written without blanks".to_owned(),
    };
    Diagnostic::error("M0318", span, message).help(help)
}

const SLOTS: [&str; 2] = ["char", "user"];

pub fn text_unreadable(span: Span, path: &str, why: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0319", span, format!("cannot read \"{path}\": {why}"));
    super::names::with_remedy(diagnostic, why, "the path is relative to this file")
}

pub fn missing_in_record(span: Span, missing: &[&str], record: &str) -> Diagnostic {
    Diagnostic::error("M0401", span, format!("`{record}` lacks {}", list(missing)))
        .help(format!("write `{} = …`", missing.join(" = …, ")))
}

pub fn unknown_field_of_record(span: Span, name: &str, record: &Record) -> Diagnostic {
    let known: Vec<&str> = record.fields.iter().map(|field| field.name).collect();
    let diagnostic = Diagnostic::error("M0402", span, format!("`{}` has no field `{name}`", record.name));
    match nearest(name, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, near),
        None => {
            diagnostic.help(super::fields::where_valid(name).unwrap_or_else(|| format!("there is {}", list(&known))))
        }
    }
}

pub fn path_in_record(span: Span) -> Diagnostic {
    Diagnostic::error("M0320", span, "a key of a record is one word")
        .help("write a record in the record: `{ a = { b = 1 } }`")
}
