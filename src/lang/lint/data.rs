//! Rules about what is read where: rows that train and measure, tables too small to say anything.

use super::context::{Context, Member, list, number, value};
use super::judges::{can_be_pleased, examples_of};
use super::rewards::guards;
use crate::diagnostic::Diagnostic;
use crate::program::Value;
use crate::source::Span;

/// The situations that an `evaluate` asks, or that a dialogue among its subjects plays.
fn asked<'c>(cx: &Context<'c>, table: Member<'c>) -> Vec<(Member<'c>, &'c Value)> {
    let played = cx.subjects(table).iter().filter_map(|subject| match subject {
        Value::Made(of) => of.first().map(|at| cx.member(*at)).filter(|member| member.kind == "dialogue"),
        _ => None,
    });
    let all = std::iter::once(table).chain(played).map(|member| (member, member.value("data")));
    all.filter(|(_, data)| cx.source(data).is_some()).collect()
}

pub fn trains_on_the_test_split(cx: &Context<'_>) {
    let measured: Vec<_> = cx.of_kind(&["evaluate"]).into_iter().flat_map(|table| asked(cx, table)).collect();
    for member in cx.members() {
        let Some((field, data)) = cx.learns_from(member) else { continue };
        let name = cx.called(data);
        match data {
            Value::Split { split, .. } if split == "test" => cx.tell(test_trains(member.span(field), &name)),
            Value::Entity(_) => {
                let test = |asked: &Value| matches!(asked, Value::Split { split, .. } if split == "test");
                let shared = measured.iter().find(|(_, asked)| test(asked) && cx.share_rows(data, asked));
                if let Some((table, asked)) = shared {
                    let (asked, at) = (cx.called(asked), table.span("data"));
                    cx.tell(all_of_it_trains(member.span(field), &name, &asked, at));
                }
            }
            _ => {}
        }
    }
}

fn test_trains(span: Span, data: &str) -> Diagnostic {
    Diagnostic::warning("M0950", span, format!("`{data}` is for measuring, and trains here"))
        .help(format!("train on `{}`", data.replace(".test", ".train")))
}

fn all_of_it_trains(span: Span, data: &str, asked: &str, at: Span) -> Diagnostic {
    Diagnostic::warning("M0950", span, format!("all of `{data}` trains, its test split included"))
        .also(at, format!("`{asked}` measures"))
        .help(format!("train on `{data}.train`"))
}

pub fn asks_what_it_was_trained_on(cx: &Context<'_>) {
    for table in cx.of_kind(&["evaluate"]) {
        let ancestors: Vec<Member<'_>> = cx.subjects(table).iter().flat_map(|subject| cx.ancestors(subject)).collect();
        for (asking, data) in asked(cx, table) {
            // A test split that trains is told where it trains.
            if matches!(data, Value::Split { split, .. } if split == "test") {
                continue;
            }
            let trained = ancestors.iter().find_map(|member| {
                let (field, rows) = cx.learns_from(*member)?;
                cx.share_rows(rows, data).then(|| member.span(field))
            });
            if let Some(trained) = trained {
                cx.tell(known_situations(asking.span("data"), &cx.called(data), trained));
            }
        }
    }
}

fn known_situations(span: Span, data: &str, trained: Span) -> Diagnostic {
    Diagnostic::warning("M0951", span, format!("`{data}` is asked of a policy that was trained on it"))
        .also(trained, "trained here")
        .help("measure on rows that nothing has seen: the `.test` split")
}

pub fn measures_by_lines_that_trained(cx: &Context<'_>) {
    // `none`: the personas' own examples.
    let mut trained: Vec<(Value, Span)> = Vec::new();
    for member in cx.of_kind(&["sft", "pairs", "grpo"]) {
        if let ("sft", Some((field, data))) = (member.kind, cx.learns_from(member)) {
            trained.push((data.clone(), member.span(field)));
        }
        for field in ["judge", "reward"] {
            trained.extend(examples_of(cx, member.value(field)).into_iter().map(|one| (one, member.span(field))));
        }
    }
    for table in cx.of_kind(&["evaluate"]) {
        for metric in list(table.value("metrics")) {
            for lines in examples_of(cx, metric) {
                let same = |other: &Value| match (&lines, other) {
                    (Value::Absent, Value::Absent) => true,
                    (lines, other) => cx.share_rows(lines, other),
                };
                let at = trained.iter().find(|(other, _)| same(other)).map(|(_, at)| *at);
                if let Some(at) = at {
                    let which = match &lines {
                        Value::Absent => "the personas' own examples".to_owned(),
                        lines => format!("`{}`", cx.called(lines)),
                    };
                    let metric = cx.called(metric);
                    cx.tell(lines_trained(table.span("metrics"), &metric, &which, at));
                }
            }
        }
    }
}

fn lines_trained(span: Span, metric: &str, lines: &str, at: Span) -> Diagnostic {
    Diagnostic::warning(
        "M0952",
        span,
        format!("`{metric}` measures by {lines}, which trained: it finds its own lines again"),
    )
    .also(at, "here they train")
    .help("give what measures lines of its own: another data set, or other rows by `only`")
}

const FEWEST: f64 = 16.0;

pub fn measures_too_few(cx: &Context<'_>) {
    for table in cx.of_kind(&["evaluate"]) {
        let samples = table.number_in("sample", "n").unwrap_or(1.0);
        let few =
            std::iter::once(table).chain(asked(cx, table).into_iter().map(|(member, _)| member)).find_map(|member| {
                let prompts = member.number("prompts")?;
                (prompts * samples < FEWEST).then(|| (member.span("prompts"), prompts))
            });
        if let Some((span, prompts)) = few {
            cx.tell(too_few(span, prompts, samples));
        }
    }
}

fn too_few(span: Span, prompts: f64, samples: f64) -> Diagnostic {
    let counted = match samples {
        1.0 => format!("{prompts} situations"),
        n => format!("{prompts} situations × {n} samples"),
    };
    Diagnostic::warning("M0953", span, format!("{counted} cannot tell a gain from chance"))
        .help("ask at least 16; leave `prompts` away to ask all")
}

pub fn resamples_too_seldom(cx: &Context<'_>) {
    for table in cx.of_kind(&["evaluate"]) {
        if table.number("bootstrap").is_some_and(|count| count < 200.0) {
            cx.tell(too_seldom(table.span("bootstrap")));
        }
    }
}

fn too_seldom(span: Span) -> Diagnostic {
    Diagnostic::warning("M0954", span, "the ends of an interval are a few of its resamples: they move from run to run")
        .help("resampling costs next to nothing: `bootstrap = 1_000`")
}

/// The seed that holds unless said is as good as any other, and nobody sees in the file that there is one to vary.
pub fn has_no_seed(cx: &Context<'_>) {
    let Some(experiment) = cx.program.experiment.map(|id| cx.program.entity(id)) else { return };
    let trains = cx.members().iter().any(|member| member.kind != "evaluate");
    let written = experiment.fields.get("seed").is_some_and(|field| field.origin.span.is_some());
    if !trains || written {
        return;
    }
    let seed = number(value(&experiment.fields, "seed")).unwrap_or(1.0);
    let header = experiment.header;
    let text = &cx.checked.files.file(header.file).text;
    let opening = text[header.end as usize..].find('{').map(|at| header.end + at as u32 + 1);
    let warning = no_seed(header);
    cx.tell(match opening {
        Some(at) => {
            // Where the block is written on one line, an entry more needs a sign behind it.
            let rest = text[at as usize..].lines().next().unwrap_or_default().trim();
            let entry = match rest {
                "" => format!("\n  seed = {seed}"),
                "}" => format!(" seed = {seed}"),
                _ => format!(" seed = {seed};"),
            };
            warning.fix(format!("write the seed that holds: {seed}"), Span { start: at, end: at, ..header }, entry)
        }
        None => warning,
    });
}

fn no_seed(span: Span) -> Diagnostic {
    Diagnostic::warning("M0955", span, "the experiment does not say its seed")
        .help("add `seed = 1`, and run others before a claim")
}

pub fn compares_with_nothing(cx: &Context<'_>) {
    for table in cx.of_kind(&["evaluate"]) {
        let several = matches!(table.value("subjects"), Value::List(all) if all.len() > 1);
        if !several {
            cx.tell(alone(table.span("subjects")));
        }
    }
}

fn alone(span: Span) -> Diagnostic {
    Diagnostic::warning("M0956", span, "one subject is compared with nothing: its numbers say neither good nor bad")
        .help("add `baseline(zero_shot)`, or written lines as the yardstick")
}

pub fn hides_the_share_of_reinforcement(cx: &Context<'_>) {
    for table in cx.of_kind(&["evaluate"]) {
        let Some(first) = cx.first_subject(table).filter(|first| first.kind == "grpo") else { continue };
        let Some(tuned) = cx.ancestors(first.value("policy")).into_iter().find(|member| member.kind == "sft") else {
            continue;
        };
        let shown = cx.subjects(table).iter().any(|subject| match subject {
            Value::Made(of) => of.iter().any(|at| at.stage == tuned.entity.id),
            Value::Call { args, .. } => args.get("kind") == Some(&Value::Word("sft".to_owned())),
            _ => false,
        });
        if !shown {
            cx.tell(no_tuned(table.span("subjects"), &tuned.entity.name));
        }
    }
}

fn no_tuned(span: Span, tuned: &str) -> Diagnostic {
    Diagnostic::warning(
        "M0957",
        span,
        format!("`{tuned}` is no subject: what fine-tuning gained reads as reinforcement's"),
    )
    .help("add `baseline(sft)` to the subjects")
}

pub fn shows_a_gain_without_its_guards(cx: &Context<'_>) {
    for table in cx.of_kind(&["evaluate"]) {
        let trained = cx.first_subject(table).is_some_and(|first| first.kind == "grpo");
        let metrics = table.value("metrics");
        if trained && can_be_pleased(metrics) && !guards(metrics) {
            cx.tell(no_guards(table.span("metrics")));
        }
    }
}

fn no_guards(span: Span) -> Diagnostic {
    Diagnostic::warning(
        "M0958",
        span,
        "a table of gains without a guard: every way to cheat the judge would look like a success",
    )
    .help("add `leak()`, `length(15..60 tok)` and `fluency()` to the metrics")
}
