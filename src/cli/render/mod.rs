//! What people and programs read. The only place that prints; a closed pipe ends the call quietly, and colours are asked
//! for only where a terminal shows them.

pub mod diagnostics;
pub mod diff;
pub mod gate;
mod plain;
pub mod plan;
pub mod points;
pub mod progress;
pub mod results;
pub mod sarif;

pub mod table;
pub mod trials;

use std::io::{IsTerminal, Write};

use mascot_lang::syntax::nearest;

use super::exit::Exit;
use super::world;

/// Writes to standard output; what would drive a terminal is made visible.
pub fn out(text: &str) {
    write(&plain::plain(text, Paint::of_stdout().is_on()));
}

/// Writes to standard output byte by byte what a program or a patch is, unless a terminal is there to be driven by it.
pub fn exactly(text: &str) {
    if std::io::stdout().is_terminal() { out(text) } else { write(text) }
}

fn write(text: &str) {
    let mut to = std::io::stdout().lock();
    let Err(why) = to.write_all(text.as_bytes()).and_then(|()| to.flush()) else { return };
    // Whoever read us has gone; there is nobody left to tell.
    if why.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    complain(&format!("standard output: {}", world::in_words(&why)), None);
    std::process::exit(i32::from(Exit::Failed.number()));
}

/// Writes a line to standard error. When nobody reads it, a run goes on all the same.
pub fn say(text: &str) {
    let mut to = std::io::stderr().lock();
    let _ = to.write_all(format!("{}\n", plain::plain(text, Paint::of_stderr().is_on())).as_bytes());
}

/// Prints one JSON document, and the newline after it.
pub fn json(document: &serde_json::Value) {
    write(&format!("{}\n", plain::json(&document.to_string())));
}

/// A document for standard error: an event of a run.
pub fn say_json(document: &str) {
    say(&plain::json(document));
}

/// A text that is a JSON document, laid out.
pub fn json_text(text: &str) {
    write(&plain::json(text));
}

/// Prints anything plain as a line of JSON.
#[cfg(feature = "engine")]
pub fn json_of(value: &impl serde::Serialize) {
    let line = serde_json::to_string(value).expect("plain data: numbers, texts and lists of them");
    write(&format!("{}\n", plain::json(&line)));
}

/// `error: …`, and what to do about it.
pub fn complain(message: &str, help: Option<&str>) {
    say(&format!("{} {message}", Paint::of_stderr().red("error:")));
    if let Some(help) = help {
        say(&format!("  {help}"));
    }
}

/// What to say beside a name that is none of `names`: the nearest, or else the first of them.
pub fn one_of(asked: &str, names: &[&str]) -> String {
    const MOST: usize = 12;
    // `voices.anchor` is `voices/anchor`.
    let asked = asked.replace('.', "/");
    if let Some(near) = nearest(&asked, names.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let first = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST) {
        0 => format!("there is {first}"),
        more => format!("there is {first} and {more} more"),
    }
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    on: bool,
}

impl Paint {
    pub fn of_stdout() -> Self {
        Self { on: wanted(std::io::stdout().is_terminal()) }
    }

    pub fn of_stderr() -> Self {
        Self { on: wanted(std::io::stderr().is_terminal()) }
    }

    pub fn is_on(self) -> bool {
        self.on
    }

    pub fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }

    pub fn red_quiet(self, text: &str) -> String {
        self.with("31", text)
    }

    pub fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    pub fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn wanted(terminal: bool) -> bool {
    let asked_off = world::variable("NO_COLOR").is_some() || world::variable("TERM").as_deref() == Some("dumb");
    terminal && !asked_off
}

/// Columns of the terminal, between 60 and 140; 100 when there is none.
pub fn width() -> usize {
    terminal_size::terminal_size().map_or(100, |(columns, _)| usize::from(columns.0)).clamp(60, 140)
}

/// `45 s`, `3 min 20 s`, `1 h 04 min`.
pub fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3_600, whole / 60 % 60),
    }
}

/// `850`, `12.4 k`, `1.2 M`, `3.4 G`.
pub fn count(value: f64) -> String {
    match value {
        v if v < 1e3 => format!("{v:.0}"),
        v if v < 1e6 => format!("{:.1} k", v / 1e3),
        v if v < 1e9 => format!("{:.1} M", v / 1e6),
        v => format!("{:.1} G", v / 1e9),
    }
}

/// `512 MiB`, `1.4 GiB`.
pub fn bytes(value: f64) -> String {
    const KIB: f64 = 1024.0;
    match value {
        v if v < KIB => format!("{v:.0} B"),
        v if v < KIB * KIB => format!("{:.0} KiB", v / KIB),
        v if v < KIB * KIB * KIB => format!("{:.0} MiB", v / KIB / KIB),
        v => format!("{:.1} GiB", v / KIB / KIB / KIB),
    }
}

/// A number as a person would write it: four significant digits, no trailing zeros.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "void".to_owned();
    }
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    if !(-5..=6).contains(&magnitude) {
        return format!("{value:.2e}");
    }
    let decimals = (3 - magnitude).clamp(0, 8) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A measured value with its interval, all to the decimals that the value deserves: three below 1, two below 10, one above.
pub fn measured(mean: f64, interval: Option<(f64, f64)>) -> String {
    let decimals = match mean.abs() {
        small if small < 1.0 => 3,
        middle if middle < 10.0 => 2,
        _ => 1,
    };
    match interval {
        Some((low, high)) => format!("{mean:.decimals$} [{low:.decimals$}, {high:.decimals$}]"),
        None => format!("{mean:.decimals$}"),
    }
}

/// `n thing` or `n things`.
pub fn plural(n: usize, thing: &str) -> String {
    let ending = match thing {
        _ if n == 1 => "",
        thing if thing.ends_with(['s', 'x']) => "es",
        _ => "s",
    };
    format!("{n} {thing}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(0.05), "0.05");
        assert_eq!(number(1e-5), "0.00001");
        assert_eq!(number(1234.5678), "1235");
        assert_eq!(number(-0.33333), "-0.3333");
        assert_eq!(number(3.0), "3");
        assert_eq!(number(1e9), "1.00e9");
        assert_eq!(number(f64::NAN), "void");
        assert_eq!(measured(0.41234, Some((0.38, 0.4499))), "0.412 [0.380, 0.450]");
        assert_eq!(measured(61.25, None), "61.2");
        assert_eq!(duration(3_840.0), "1 h 04 min");
        assert_eq!(bytes(2_147_483_648.0), "2.0 GiB");
        assert_eq!(count(1_234.0), "1.2 k");
    }
}
