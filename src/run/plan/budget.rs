//! Ceilings: what a plan comes to beside them before it runs, and what a run has spent of them.
//!
//! A ceiling fails a plan when even the low estimate goes over it, and warns when the likely one does; it stops a run in a state from which
//! the next goes on. A rehearsal spends nothing.

use super::estimate::{Basis, Estimate, Likely};
use super::{Plan, State, Task};

/// Ceilings, in base units; `None` where there is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Budget {
    /// Of accelerators: a processor spends none of it.
    pub gpu_seconds: Option<f64>,
    pub usd: Option<f64>,
    pub bytes: Option<f64>,
    pub seconds: Option<f64>,
    /// Not of the program: bytes that this machine has free.
    pub free_bytes: Option<f64>,
}

/// What a run has used up so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// From its start.
    pub seconds: f64,
    /// Those of them in which an accelerator was at work.
    pub gpu_seconds: f64,
    pub usd: f64,
}

/// What is left to do comes to, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Total {
    pub tokens: Likely,
    pub seconds: Likely,
    pub usd: Likely,
    /// Of the task that needs most.
    pub memory_bytes: Likely,
    /// Tasks of which tokens, seconds, money, memory are unknown: then the sum is of the others.
    pub unknown: Unknown,
    /// Of the seconds.
    pub basis: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unknown {
    pub tokens: usize,
    pub seconds: usize,
    pub usd: usize,
    pub memory_bytes: usize,
}

/// Its name, how high it is, what the plan comes to, how that is written, and on what it stands.
type Ceiling<'a> = (&'a str, Option<f64>, Likely, fn(f64) -> String, &'a str);

impl Plan {
    pub(super) fn to_do(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.state != State::Recalled)
    }

    /// Of all tasks that are not recalled.
    pub fn total(&self) -> Total {
        let sum = |part: fn(&Estimate) -> Option<Likely>| {
            let known: Vec<Likely> = self.to_do().filter_map(|task| part(&task.estimate)).collect();
            (known.iter().copied().sum::<Likely>(), self.to_do().count() - known.len())
        };
        let (tokens, no_tokens) = sum(|of| of.tokens);
        let (seconds, no_seconds) = sum(|of| of.seconds);
        let (usd, no_usd) = sum(|of| of.usd);
        let (_, no_memory) = sum(|of| of.memory_bytes);
        let most = |pick: fn(Likely) -> f64| {
            self.to_do().filter_map(|task| task.estimate.memory_bytes).map(pick).fold(0.0, f64::max)
        };
        let memory_bytes = Likely { low: most(|of| of.low), likely: most(|of| of.likely), high: most(|of| of.high) };
        let unknown = Unknown { tokens: no_tokens, seconds: no_seconds, usd: no_usd, memory_bytes: no_memory };
        Total { tokens, seconds, usd, memory_bytes, unknown, basis: self.basis_in_words() }
    }

    /// `14 tasks measured here 3 days ago, 2 analytic`
    fn basis_in_words(&self) -> String {
        let known: Vec<&Task> = self.to_do().filter(|task| task.estimate.seconds.is_some()).collect();
        let measured = |task: &&&Task| matches!(task.estimate.basis, Basis::Measured { .. });
        let scaled = |task: &&&Task| matches!(task.estimate.basis, Basis::Scaled { .. });
        let count = |of: &dyn Fn(&&&Task) -> bool| known.iter().filter(|task| of(task)).count();
        let (measured_ones, scaled_ones) = (count(&measured), count(&scaled));
        let latest = known.iter().filter(measured).max_by(|a, b| {
            let made = |task: &Task| match task.estimate.basis {
                Basis::Measured { made, .. } => made,
                _ => 0.0,
            };
            made(a).total_cmp(&made(b))
        });
        let analytic = known.len() - measured_ones - scaled_ones;
        let mut parts = Vec::new();
        if let Some(latest) = latest {
            parts.push((measured_ones, latest.estimate.in_words(self.places.now)));
        }
        if scaled_ones > 0 {
            parts.push((scaled_ones, "by the speed of others here".to_owned()));
        }
        if analytic > 0 {
            parts.push((analytic, "analytic: sizes in the program, and two ordinary CPU cores".to_owned()));
        }
        match parts.as_slice() {
            [(_, words)] => words.clone(),
            parts => parts.iter().map(|(n, words)| format!("{n} {words}")).collect::<Vec<_>>().join(", "),
        }
    }

    /// Ceilings that even the low estimates of what is left to do go over, as sentences. What is not known goes over nothing.
    pub fn over_budget(&self) -> Vec<String> {
        self.beside_budget(|of| of.low)
    }

    /// Ceilings that hold by the low estimates and not by the likely ones, as sentences.
    pub fn near_budget(&self) -> Vec<String> {
        let over = self.over_budget();
        let name = |sentence: &str| sentence.split(':').next().unwrap_or_default().to_owned();
        let mut near = self.beside_budget(|of| of.likely);
        near.retain(|sentence| !over.iter().any(|over| name(over) == name(sentence)));
        near
    }

    fn beside_budget(&self, part: fn(Likely) -> f64) -> Vec<String> {
        // A rehearsal spends nothing.
        if self.fake {
            return Vec::new();
        }
        let total = self.total();
        let gpu = if self.places.machine.device == "cuda" { total.seconds } else { Likely::default() };
        let Budget { gpu_seconds, usd, bytes, seconds, .. } = self.budget;
        let ceilings: [Ceiling<'_>; 4] = [
            ("gpu", gpu_seconds, gpu, hours, &total.basis),
            ("money", usd, total.usd, |usd| format!("{usd:.2} usd"), "tokens and hours at their prices"),
            ("vram", bytes, total.memory_bytes, gibibytes, "sizes of the models"),
            ("time", seconds, total.seconds, duration, &total.basis),
        ];
        let over = ceilings.into_iter().filter_map(|(name, ceiling, of, unit, basis)| {
            let ceiling = ceiling.filter(|ceiling| part(of) > *ceiling)?;
            let (low, likely, allowed) = (unit(of.low), unit(of.likely), unit(ceiling));
            Some(format!("{name}: at least {low}, likely {likely}, and {allowed} are allowed ({basis})"))
        });
        over.collect()
    }

    /// Ceilings that the plan cannot be held against, because what some tasks cost is unknown; as sentences. The run keeps them.
    pub fn unknown_beside_budget(&self) -> Vec<String> {
        let unknown = self.total().unknown;
        let of = [
            (
                "money",
                self.budget.usd,
                unknown.usd,
                "no price is known: a judge's `input_price` and `output_price`, a profile's `price`",
            ),
            ("time", self.budget.seconds, unknown.seconds, "how long they take is unknown until their inputs are here"),
        ];
        let told = of.into_iter().filter(|(_, ceiling, tasks, _)| ceiling.is_some() && *tasks > 0 && !self.fake);
        let tasks = |n: usize| if n == 1 { "1 task".to_owned() } else { format!("{n} tasks") };
        told.map(|(name, _, n, why)| format!("{name}: of {} {why}", tasks(n))).collect()
    }

    /// Tasks that even by their low estimates do not fit into what this machine has free, as sentences.
    pub fn over_memory(&self) -> Vec<String> {
        let needs = self.to_do().filter(|_| !self.fake).filter_map(|task| Some((task, task.estimate.memory_bytes?)));
        let over = needs.filter_map(|(task, needs)| Some(format!("{}: {}", task.id, self.budget.too_much(needs)?)));
        over.collect()
    }
}

impl Total {
    /// As `plan --json` has it: a sum of nothing known is unknown.
    pub(crate) fn document(&self, tasks: usize) -> serde_json::Value {
        let known = |of: Likely, unknown: usize| (unknown < tasks || tasks == 0).then_some(of);
        let Unknown { tokens, seconds, usd, memory_bytes } = self.unknown;
        serde_json::json!({
            "tokens": known(self.tokens, tokens), "seconds": known(self.seconds, seconds), "usd": known(self.usd, usd),
            "memory_bytes": known(self.memory_bytes, memory_bytes), "basis": self.basis,
            "unknown": {"tokens": tokens, "seconds": seconds, "usd": usd, "memory_bytes": memory_bytes},
        })
    }
}

impl Budget {
    /// Why this much memory will not do, if even its low end will not: this machine has less, or less is allowed.
    pub(crate) fn too_much(&self, needs: Likely) -> Option<String> {
        let tight = |most: Option<f64>| most.filter(|most| needs.low > *most);
        let (most, are) = match (tight(self.free_bytes), tight(self.bytes)) {
            (Some(free), _) => (free, "free"),
            (None, Some(allowed)) => (allowed, "allowed"),
            (None, None) => return None,
        };
        let [low, likely, most] = [needs.low, needs.likely, most].map(gibibytes);
        Some(format!("needs at least {low} of memory, likely {likely}, and {most} are {are}"))
    }

    /// The first ceiling that a run has reached, in a sentence.
    pub(crate) fn reached(&self, spent: Spent) -> Option<String> {
        let over = |ceiling: Option<f64>, spent: f64| ceiling.filter(|ceiling| spent > *ceiling);
        let said = |spent: String, of: String| format!("the budget is spent: {spent} of {of}");
        let time = over(self.seconds, spent.seconds).map(|of| said(duration(spent.seconds), duration(of)));
        let gpu = || over(self.gpu_seconds, spent.gpu_seconds).map(|of| said(hours(spent.gpu_seconds), hours(of)));
        let money =
            || over(self.usd, spent.usd).map(|of| said(format!("{:.2} usd", spent.usd), format!("{of:.2} usd")));
        time.or_else(gpu).or_else(money)
    }
}

fn gibibytes(bytes: f64) -> String {
    format!("{:.1} GiB", bytes / (1024.0 * 1024.0 * 1024.0))
}

fn hours(seconds: f64) -> String {
    format!("{:.2} gpu_h", seconds / 3_600.0)
}

fn duration(seconds: f64) -> String {
    match seconds {
        short if short < 120.0 => format!("{short:.0} s"),
        minutes if minutes < 7_200.0 => format!("{:.0} min", minutes / 60.0),
        long => format!("{:.1} h", long / 3_600.0),
    }
}
