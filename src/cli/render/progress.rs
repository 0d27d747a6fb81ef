//! A run as it goes: a live line for each task in hand on a terminal, plain lines elsewhere, JSON lines when asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mascot_run::engine::Progress;
use mascot_run::event::{Event, Listener};
use mascot_run::report::Outcome;

use super::{Paint, duration, measured, number, plural, say, say_json};
use crate::cli::report::gather::{gate_values, word};
use crate::cli::world;

/// Seconds between two plain lines of one task.
const EVERY: f64 = 10.0;

/// How events are shown.
enum Manner {
    Live(MultiProgress),
    Plain,
    Json,
}

/// Hears a run and prints it to standard error.
pub struct Shown {
    manner: Manner,
    paint: Paint,
    tasks: usize,
    done: usize,
    in_hand: BTreeMap<String, InHand>,
    /// Notes.
    said: BTreeSet<String>,
    /// Tasks of which nothing is to be said but how many there are: told together, once another kind of line comes.
    alike: Option<Alike>,
    rehearses: bool,
}

/// A task that is being performed.
struct InHand {
    /// Its live line.
    bar: Option<ProgressBar>,
    /// Where it went on from: steps that an earlier run had done tell nothing about speed.
    first: Option<(u64, Instant)>,
    last_line: Instant,
}

/// Tasks in a row that were recalled, or skipped for one reason.
struct Alike {
    outcome: Outcome,
    because: Option<String>,
    /// The first of them, and how many there are.
    first: String,
    count: usize,
}

impl Shown {
    /// Of a rehearsal, gates that do not hold are told with the results alone: they stop nothing.
    pub fn new(json_events: bool, rehearses: bool) -> Self {
        let manner = match json_events {
            true => Manner::Json,
            false if std::io::stderr().is_terminal() => {
                Manner::Live(MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
            }
            false => Manner::Plain,
        };
        Self {
            manner,
            paint: Paint::of_stderr(),
            tasks: 0,
            done: 0,
            in_hand: BTreeMap::new(),
            said: BTreeSet::new(),
            alike: None,
            rehearses,
        }
    }

    /// Says what was kept back: a rerun recalls many tasks, and a run that is stopped skips many.
    fn flush(&mut self) {
        let Some(Alike { outcome, because, first, count }) = self.alike.take() else { return };
        let (mark, word) = (self.mark(outcome), word(outcome));
        let because = because.map_or(String::new(), |why| format!(": {why}"));
        let (number, more) = match count {
            1 => (format!("[{}/{}]", self.done, self.tasks), String::new()),
            _ => {
                let from = self.done - count + 1;
                (format!("[{from}\u{2013}{}/{}]", self.done, self.tasks), format!(" and {} more", count - 1))
            }
        };
        self.line(&format!("{mark} {} {first}{more}  {word}{because}", self.paint.dim(&number)));
    }

    fn mark(&self, outcome: Outcome) -> String {
        match outcome {
            Outcome::Recalled => self.paint.dim("="),
            Outcome::Fresh => self.paint.green("✓"),
            Outcome::Failed | Outcome::Gated => self.paint.red("✗"),
            Outcome::Skipped => self.paint.yellow("-"),
        }
    }

    fn line(&self, text: &str) {
        match &self.manner {
            Manner::Live(bars) => bars.suspend(|| say(text)),
            Manner::Plain => say(text),
            Manner::Json => {}
        }
    }

    /// A task is in hand from now on.
    fn begun(&mut self, task: &str, resumed: bool) {
        let bar = match &self.manner {
            Manner::Live(bars) => Some(bars.add(live(task))),
            Manner::Plain | Manner::Json => None,
        };
        if resumed || bar.is_none() {
            let how = if resumed { "goes on from where it was stopped" } else { "begins" };
            self.line(&format!("  {task}  {how}"));
        }
        self.in_hand.insert(task.to_owned(), InHand { bar, first: None, last_line: Instant::now() });
    }

    fn progress(&mut self, task: &str, progress: &Progress) {
        let now = Instant::now();
        let Some(in_hand) = self.in_hand.get_mut(task) else { return };
        let (first, since) = *in_hand.first.get_or_insert((progress.step, now));
        let done = progress.step.saturating_sub(first);
        let left = (done > 0 && progress.steps > progress.step)
            .then(|| since.elapsed().as_secs_f64() / done as f64 * (progress.steps - progress.step) as f64);
        let words = in_words(progress, left);
        if let Some(bar) = &in_hand.bar {
            bar.set_message(format!("{task}  {words}"));
        } else if in_hand.last_line.elapsed().as_secs_f64() >= EVERY {
            in_hand.last_line = now;
            self.line(&format!("  {task}  {words}"));
        }
    }

    fn task_done(&mut self, task: &str, outcome: Outcome, seconds: f64, because: Option<&str>, notes: &[String]) {
        if let Some(bar) = self.in_hand.remove(task).and_then(|in_hand| in_hand.bar) {
            bar.finish_and_clear();
        }
        if matches!(outcome, Outcome::Recalled | Outcome::Skipped) {
            let is_like = |one: &Alike| one.outcome == outcome && one.because.as_deref() == because;
            if !self.alike.as_ref().is_some_and(is_like) {
                self.flush();
            }
            self.done += 1;
            match &mut self.alike {
                Some(alike) => alike.count += 1,
                None => {
                    let (first, because) = (task.to_owned(), because.map(str::to_owned));
                    self.alike = Some(Alike { outcome, because, first, count: 1 });
                }
            }
            return;
        }
        self.done += 1;
        let mark = self.mark(outcome);
        let took = match outcome {
            // A rehearsal's seconds are those of no clock.
            Outcome::Fresh if self.rehearses => String::new(),
            Outcome::Fresh => format!(" in {}", duration(seconds)),
            _ => String::new(),
        };
        let because = because.map_or(String::new(), |why| format!(": {why}"));
        let count = self.paint.dim(&format!("[{}/{}]", self.done, self.tasks));
        self.line(&format!("{mark} {count} {task}  {}{took}{because}", word(outcome)));
        if outcome == Outcome::Fresh {
            for note in notes {
                // What several tasks say alike is said once.
                if self.said.insert(note.clone()) {
                    self.line(&format!("    {}", self.paint.dim(note)));
                }
            }
        }
    }
}

impl Listener for Shown {
    fn now(&mut self) -> f64 {
        world::now()
    }

    fn tell(&mut self, event: Event<'_>) {
        if matches!(self.manner, Manner::Json) {
            // An event is plain data; were it not, one line less is better than no run.
            if let Ok(line) = serde_json::to_string(&event) {
                say_json(&line);
            }
            return;
        }
        // What is said of several tasks together comes before what is said next.
        let is_silent = match &event {
            Event::TaskDone { .. } | Event::Progress { .. } => true,
            Event::Gate { asked, .. } => asked.holds || self.rehearses,
            _ => false,
        };
        if !is_silent {
            self.flush();
        }
        match event {
            Event::RunStarted { run, tasks } => {
                self.tasks = tasks;
                self.line(&self.paint.dim(&format!("run {run}: {}", plural(tasks, "task"))));
            }
            Event::Fetching { source, note } => self.line(&format!("  fetching {source}: {note}")),
            Event::Waiting { task, .. } => {
                self.line(&format!("  {task}  waiting: another run on this store is making it"))
            }
            Event::Broken { task, why } => {
                self.line(&format!("  {task}  what the store holds of it is broken, so it is made again ({why})"));
            }
            Event::TaskStarted { task, resumed, .. } => self.begun(task, resumed),
            Event::Progress { task, progress } => self.progress(task, progress),
            Event::Notice { task, note } => self.line(&format!("  {task}  {}", self.paint.yellow(note))),
            // All of them stand under the results; while it runs, only what the user may want to stop it for.
            Event::Gate { asked, .. } if asked.holds || self.rehearses => {}
            Event::Gate { task, asked } => {
                let whom = |(persona, told): &(Option<String>, String)| match persona {
                    Some(persona) => format!("{persona}: {told}"),
                    None => told.clone(),
                };
                let told = match asked.told.as_slice() {
                    told if asked.values.len() > 1 => told.iter().map(whom).collect::<Vec<_>>().join("; "),
                    _ => gate_values(asked),
                };
                let fell = self.paint.red("does not hold");
                self.line(&format!("  gate of {task} {fell}: {}  ({told})", asked.text));
            }
            Event::TaskDone { task, outcome, seconds, because, notes } => {
                if !matches!(outcome, Outcome::Recalled | Outcome::Skipped) {
                    self.flush();
                }
                self.task_done(task, outcome, seconds, because, notes);
            }
            // Every task has come to an outcome, and its line is gone.
            Event::RunDone { .. } => {}
        }
    }
}

/// To be added to those that are drawn.
fn live(task: &str) -> ProgressBar {
    let bar = ProgressBar::hidden();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise}  {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_message(format!("{task}  begins"));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// `training step 3/10 · reward 0.41 · 210 tok/s · 1 min 20 s left`
fn in_words(progress: &Progress, left: Option<f64>) -> String {
    let mut parts = vec![match progress.steps {
        0 => progress.phase.to_owned(),
        steps => format!("{} {}/{steps}", progress.phase, progress.step),
    }];
    parts.extend(progress.reward.map(|reward| format!("reward {}", measured(reward, None))));
    parts.extend(progress.loss.map(|loss| format!("loss {}", number(loss))));
    parts.extend(progress.tokens_per_second.map(|speed| format!("{speed:.0} tok/s")));
    parts.extend(left.map(|left| format!("{} left", duration(left))));
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_step_reward_speed_and_time_left() {
        let progress = Progress {
            phase: "training",
            step: 3,
            steps: 10,
            reward: Some(0.4123),
            loss: None,
            tokens_per_second: Some(209.7),
        };
        assert_eq!(in_words(&progress, Some(80.0)), "training 3/10 · reward 0.412 · 210 tok/s · 1 min 20 s left");
    }
}
