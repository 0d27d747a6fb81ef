//! What each stage took and what it says: outcomes, time, tokens, money, results, notes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::escape::escape;
use super::intervals::minus;
use super::page::{Page, TaskLine};
use crate::cli::render::{count, duration, number};

/// Results that are prices, and how they are written.
const USD: &str = "usd";

pub fn section(page: &Page, to: &mut String) {
    to.push_str("<section id=\"stages\" aria-labelledby=\"stages-title\">\n<h2 id=\"stages-title\">Time and cost by stage</h2>\n");
    table(&page.tasks, to);
    failures(&page.tasks, to);
    notes(&page.notes, to);
    results(&page.tasks, to);
    to.push_str("</section>\n");
}

/// Tasks of one stage, in the order of the run.
fn stages(tasks: &[TaskLine]) -> Vec<(&str, Vec<&TaskLine>)> {
    let mut stages: Vec<(&str, Vec<&TaskLine>)> = Vec::new();
    for task in tasks {
        match stages.iter_mut().find(|(stage, _)| *stage == task.stage) {
            Some((_, tasks)) => tasks.push(task),
            None => stages.push((&task.stage, vec![task])),
        }
    }
    stages
}

fn table(tasks: &[TaskLine], to: &mut String) {
    let money = tasks.iter().any(|task| task.results.contains_key(USD));
    let mut head = vec!["took", "in this run", "tokens", "tokens/s"];
    if money {
        head.push("usd");
    }
    to.push_str(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"stages\"><table>\n\
         <caption>What making it took, whichever run did, and what of it was spent now</caption>\n\
         <thead><tr><th scope=\"col\">stage</th><th scope=\"col\">kind</th><th scope=\"col\">tasks</th>",
    );
    for name in &head {
        let _ = write!(to, "<th scope=\"col\" class=\"right\">{name}</th>");
    }
    to.push_str("</tr></thead>\n<tbody>\n");
    let mut total = [0.0; 4];
    for (stage, tasks) in stages(tasks) {
        let sum = |of: &dyn Fn(&TaskLine) -> Option<f64>| {
            let values: Vec<f64> = tasks.iter().filter_map(|task| of(task)).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>())
        };
        let took = sum(&|task| task.took);
        let now = sum(&|task| Some(task.seconds).filter(|seconds| *seconds > 0.0));
        let tokens = sum(&|task| task.results.get("tokens").copied());
        let usd = sum(&|task| task.results.get(USD).copied());
        let all = [took, now, tokens, usd];
        total.iter_mut().zip(all).for_each(|(total, value)| *total += value.unwrap_or_default());
        let rate = tokens.zip(took).filter(|(_, took)| *took > 0.0).map(|(tokens, took)| tokens / took);
        let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
        tasks.iter().for_each(|task| *outcomes.entry(&task.outcome).or_default() += 1);
        let outcomes: Vec<String> = outcomes.iter().map(|(word, n)| format!("{n} {word}")).collect();
        let _ = write!(
            to,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td>",
            escape(stage),
            escape(&tasks[0].kind),
            escape(&outcomes.join(", "))
        );
        let mut cells = vec![
            took.map(duration),
            now.map(duration),
            tokens.filter(|tokens| *tokens > 0.0).map(count),
            rate.filter(|rate| *rate > 0.0).map(|rate| format!("{rate:.0}")),
        ];
        if money {
            cells.push(usd.map(|usd| format!("{usd:.2}")));
        }
        cells_of(cells, to);
        to.push_str("</tr>\n");
    }
    to.push_str("</tbody>\n<tfoot><tr><th scope=\"row\" colspan=\"3\">together</th>");
    let [took, now, tokens, usd] = total;
    let mut cells =
        vec![Some(duration(took)), Some(now).filter(|now| *now > 0.0).map(duration), Some(count(tokens)), None];
    if money {
        cells.push(Some(format!("{usd:.2}")));
    }
    cells_of(cells, to);
    to.push_str("</tr></tfoot>\n</table></div>\n");
    if !money {
        to.push_str("<p class=\"dim\">No task reports money spent.</p>\n");
    }
}

fn cells_of(cells: Vec<Option<String>>, to: &mut String) {
    for cell in cells {
        let _ = write!(to, "<td class=\"right nowrap\">{}</td>", cell.unwrap_or_else(|| "–".to_owned()));
    }
}

/// Tasks that did not come to be, and why.
fn failures(tasks: &[TaskLine], to: &mut String) {
    let told: Vec<(&TaskLine, &String)> =
        tasks.iter().filter_map(|task| Some((task, task.because.as_ref()?))).collect();
    if told.is_empty() {
        return;
    }
    to.push_str("<h3>Why</h3>\n<ul>\n");
    for (task, why) in told {
        let _ =
            writeln!(to, "<li><strong>{}</strong> {}: {}</li>", escape(&task.id), escape(&task.outcome), escape(why));
    }
    to.push_str("</ul>\n");
}

fn notes(notes: &[(String, String)], to: &mut String) {
    if notes.is_empty() {
        return;
    }
    to.push_str("<h3>What the stages say</h3>\n<ul>\n");
    for (task, note) in notes {
        let _ = writeln!(to, "<li><strong>{}</strong>: {}</li>", escape(task), escape(note));
    }
    to.push_str("</ul>\n");
}

/// Every number that a task reports: what gates can ask of it, counts of void verdicts and refused rows among them.
fn results(tasks: &[TaskLine], to: &mut String) {
    let kinds: BTreeSet<&str> =
        tasks.iter().filter(|task| !task.results.is_empty()).map(|task| task.kind.as_str()).collect();
    if kinds.is_empty() {
        return;
    }
    to.push_str("<details>\n<summary>Every number that the tasks report</summary>\n");
    for kind in kinds {
        let of_kind: Vec<&TaskLine> =
            tasks.iter().filter(|task| task.kind == kind && !task.results.is_empty()).collect();
        let names: BTreeSet<&String> = of_kind.iter().flat_map(|task| task.results.keys()).collect();
        let _ = write!(
            to,
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"results, {kind}\"><table>\n<caption>{kind}</caption>\n\
             <thead><tr><th scope=\"col\">task</th>",
            kind = escape(kind)
        );
        for name in &names {
            let _ = write!(to, "<th scope=\"col\" class=\"right\">{}</th>", escape(name));
        }
        to.push_str("</tr></thead>\n<tbody>\n");
        for task in of_kind {
            let _ = write!(to, "<tr><th scope=\"row\">{}</th>", escape(&task.id));
            for name in &names {
                let cell = task.results.get(*name).map_or_else(|| "–".to_owned(), |value| minus(&number(*value)));
                let _ = write!(to, "<td class=\"right\">{cell}</td>");
            }
            to.push_str("</tr>\n");
        }
        to.push_str("</tbody>\n</table></div>\n");
    }
    to.push_str("</details>\n");
}
