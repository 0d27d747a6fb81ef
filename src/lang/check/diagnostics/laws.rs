//! Laws between declarations: `M05xx`.

use super::list;
use crate::check::units;
use crate::diagnostic::Diagnostic;
use crate::program::Dim;
use crate::source::{Name, Span};
use crate::syntax::nearest;

pub fn second_experiment(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::error("M0501", name.span, "a file has one experiment, and this is another")
        .also(first, "the first")
        .help("move it into a file of its own")
}

pub fn profile_beside_experiment(name: &Name) -> Diagnostic {
    Diagnostic::error("M0501", name.span, "a profile stands in a file of its own, and this one has an experiment")
        .help(format!("move it into `{0}.profile.masc`, and run with `--profile {0}.profile.masc`", name.value))
}

pub fn too_many_points(header: Span, name: &str, limit: usize) -> Diagnostic {
    Diagnostic::error("M0530", header, format!("the sweep `{name}` has more than {limit} points"))
        .help("take values out of `grid`, or move two lists that belong together into a `zip`")
}

pub fn rubric_without_criteria(header: Span, name: &str) -> Diagnostic {
    Diagnostic::error("M0502", header, format!("the rubric `{name}` has no criteria"))
        .help("add `criterion name \"what it asks\" 100%`")
}

pub fn criterion_without_weight(header: Span) -> Diagnostic {
    Diagnostic::error("M0503", header, "this criterion has no weight")
        .help("write its share of the rubric: `criterion name \"what it asks\" 40%`")
}

pub fn weights_do_not_add_up(header: Span, name: &str, sum: f64, criteria: &[(Span, f64)]) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(
        "M0503",
        header,
        format!("the weights of `{name}` add up to {}, not to 100%", units::write(sum, Dim::Fraction)),
    );
    for (span, weight) in criteria {
        diagnostic = diagnostic.also(*span, units::write(*weight, Dim::Fraction));
    }
    let missing = 1.0 - sum;
    let direction = if missing > 0.0 { "more" } else { "less" };
    diagnostic.help(format!("give them {} {direction} in all", units::write(missing.abs(), Dim::Fraction)))
}

pub fn split_does_not_add_up(span: Span, sum: f64) -> Diagnostic {
    Diagnostic::error("M0504", span, format!("the splits add up to {}, not to 100%", units::write(sum, Dim::Fraction)))
        .help("`split = { train = 80%, val = 10%, test = 10% }`")
}

pub fn empty_crew(span: Span) -> Diagnostic {
    Diagnostic::error("M0505", span, "this list of personas is empty").help("name at least one")
}

pub fn persona_twice(span: Span, name: &str) -> Diagnostic {
    Diagnostic::error("M0505", span, format!("`{name}` is in this list twice")).help("name each persona once")
}

pub fn chooses_outside_seats(span: Span) -> Diagnostic {
    Diagnostic::error("M0506", span, "the directive chooses among other personas than `seats`")
        .help("write the same list, or leave `agent` away: it is the seats unless said")
}

pub fn family_where_one_is_wanted(span: Span, field: &str, family: &str, members: &[&str]) -> Diagnostic {
    let first = members.first().copied().unwrap_or("…");
    Diagnostic::error(
        "M0507",
        span,
        format!("`{field}` wants one policy, and `{family}` is a family of {}", members.len()),
    )
    .help(format!("name one of {}: `{family}.{first}`; or make this stage `for persona in …` too", list(members)))
}

pub fn family_in_reward(span: Span, family: &str) -> Diagnostic {
    Diagnostic::error(
        "M0507",
        span,
        format!("this stage's reward asks for one score, and `{family}` in it is a whole family"),
    )
    .help(format!("name one member, `{family}.…`, or train one reward model for all"))
}

pub fn director_without_actors(header: Span, stage: &str) -> Diagnostic {
    Diagnostic::error("M0508", header, format!("`{stage}` trains a director, and nobody speaks for its seats"))
        .help("add `actors = …`, the stage that made the speakers")
}

pub fn actors_without_director(span: Span, field: &str) -> Diagnostic {
    Diagnostic::error("M0508", span, format!("`{field}` is of a director, and this stage's policy is none"))
        .help("leave it away, or name a director as `policy`")
}

pub fn not_a_director(span: Span) -> Diagnostic {
    Diagnostic::error("M0509", span, "this stage trained no director")
        .help("name a director, or the stage whose policy is one")
}

pub fn seat_without_actor(span: Span, persona: &str, director: &str) -> Diagnostic {
    Diagnostic::error("M0510", span, format!("nobody here speaks for `{persona}`, a seat of `{director}`"))
        .help("add one to the actors, or to the list that they are made for; or take it from the seats")
}

pub fn episodes_not_in_groups(span: Span, episodes: f64, group: f64) -> Diagnostic {
    Diagnostic::error("M0511", span, format!("{episodes} episodes do not make whole groups of {group}"))
        .help(format!("`episodes` is a multiple of `group`: {}, say", (episodes / group).ceil().max(1.0) * group))
}

pub fn dataset_without_pairs(span: Span, missing: &[&str]) -> Diagnostic {
    Diagnostic::error("M0512", span, format!("this dataset has no column for {}", list(missing)))
        .help("name the columns: `jsonl(\"…\", fields: { chosen = \"…\", rejected = \"…\" })`")
}

pub fn empty_list(span: Span, field: &str, what: &str) -> Diagnostic {
    Diagnostic::error("M0513", span, format!("`{field}` is empty")).help(format!("name at least {what}"))
}

/// `subject`: as it is written.
pub fn compared_with_itself(span: Span, subject: &str) -> Diagnostic {
    Diagnostic::error("M0517", span, format!("`delta(…)` compares `{subject}` with itself"))
        .help("name two of its `subjects`")
}

pub fn no_meaning_of_a_column(span: Span, name: &str, known: &[&str], exact: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error("M0402", span, format!("`{name}` is no meaning of a column"));
    match nearest(name, known.iter().copied()) {
        Some(near) if exact => {
            diagnostic.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, near)
        }
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("there is {}", list(known))),
    }
}

pub fn not_two_betas(span: Span, count: usize) -> Diagnostic {
    let is = if count == 1 { "one number".to_owned() } else { format!("{count} numbers") };
    Diagnostic::error("M0304", span, format!("`betas` is a list of {is}, where two are wanted"))
        .help("write one for each moment: `betas = [0.9, 0.999]`")
}

pub fn heads_do_not_fit(span: Span, hidden: f64, heads: f64, even: bool) -> Diagnostic {
    let even = if even { ", to an even width each" } else { "" };
    Diagnostic::error("M0313", span, format!("`hidden` is {hidden}, and {heads} heads cannot share it{even}"))
        .help("choose `hidden` as `heads` times an even number: `hidden: 64, heads: 4`")
}

pub fn heads_do_not_share(span: Span, heads: f64, shared: f64) -> Diagnostic {
    Diagnostic::error("M0313", span, format!("{heads} heads cannot share {shared} heads of keys and values"))
        .help("choose `kv_heads` so that it divides `heads`: it may be the same number")
}

pub fn only_baselines(span: Span) -> Diagnostic {
    Diagnostic::error("M0514", span, "baselines only: the crew and the model are those of the first stage subject")
        .help("name a stage or a dialogue among the subjects")
}

pub fn no_sft_before(span: Span) -> Diagnostic {
    Diagnostic::error("M0515", span, "`baseline(sft)`, and no `sft` stage comes before the first stage subject")
        .help("leave it away, or fine-tune the policy first")
}

pub fn subjects_need_data(header: Span, stage: &str) -> Diagnostic {
    Diagnostic::error("M0516", header, format!("`{stage}` asks policies to speak, and has no situations"))
        .help("add `data = …`; only a dialogue brings its own")
}

/// `call`: `delta`, `mean`…, what a gate asks of a table.
pub fn asked_outside_evaluate(span: Span, call: &str) -> Diagnostic {
    Diagnostic::error("M0517", span, format!("`{call}(…)` stands in a gate of an `evaluate` stage only"))
        .help("move the gate to the stage that measures")
}

/// `subject`: as it is written.
pub fn not_a_subject(span: Span, call: &str, subject: &str) -> Diagnostic {
    Diagnostic::error("M0517", span, format!("`{call}(…)` of `{subject}`, which this stage does not measure"))
        .help("name one of its `subjects`, as it is written there")
}

/// `metric`: as it is written.
pub fn not_a_metric(span: Span, call: &str, metric: &str) -> Diagnostic {
    Diagnostic::error("M0517", span, format!("`{call}(…)` by `{metric}`, which this stage does not take"))
        .help("name one of its `metrics`, as it is written there")
}

pub fn not_a_criterion(span: Span, call: &str, criterion: &str, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "M0517",
        span,
        format!("`{call}(…)` by \"{criterion}\", and its metric has no such criterion"),
    );
    match known {
        [] => diagnostic.help("leave `criterion` away: this metric has one number"),
        known => diagnostic.help(format!("its criteria are {}", list(known))),
    }
}

pub fn nothing_to_pair(span: Span, lines: &str) -> Diagnostic {
    Diagnostic::error("M0517", span, format!("`delta(…)` pairs samples, and `{lines}` answers situations of its own"))
        .help(format!("compare means: `mean(…) - mean({lines})`"))
}

pub fn written_lines_first(span: Span, lines: &str) -> Diagnostic {
    Diagnostic::error(
        "M0514",
        span,
        format!("`{lines}` comes first, and the crew and the model are those of the first subject"),
    )
    .help("name a stage before it")
}

pub fn merge_of_one(span: Span) -> Diagnostic {
    Diagnostic::error("M0518", span, "a merge takes at least two adapters").help("name another")
}

pub fn page_misplaced(span: Span, path: &str, why: &str) -> Diagnostic {
    Diagnostic::error("M0540", span, format!("\"{path}\" {why}, and a report is not written there"))
        .help("write a path under the root, as in \"report.html\"; `mascot report FILE --out PATH` writes it anywhere")
}

pub fn page_of_no_kind(span: Span, path: &str, endings: &[&str]) -> Diagnostic {
    let endings = endings.iter().map(|ending| format!(".{ending}")).collect::<Vec<_>>().join(", ");
    Diagnostic::error("M0541", span, format!("a report cannot be written as \"{path}\""))
        .help(format!("the endings that there are: {endings}"))
}
