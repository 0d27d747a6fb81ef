//! The closed list of units: what each counts and how many of the dimension's base unit it is.
//!
//! Uses `program::Dim` only. `mascot explain units` prints [`UNITS`].

use crate::program::Dim;

/// A unit as it may be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    pub name: &'static str,
    pub dim: Dim,
    /// How many base units one of it is.
    pub factor: f64,
}

impl Unit {
    /// A number of this unit in the base unit. Divides where it can: 7 · 0.01 is not 0.07, 7 / 100 is.
    pub fn to_base(self, value: f64) -> f64 {
        if self.factor < 1.0 { value / (1.0 / self.factor).round() } else { value * self.factor }
    }
}

const fn unit(name: &'static str, dim: Dim, factor: f64) -> Unit {
    Unit { name, dim, factor }
}

const KIB: f64 = 1024.0;

/// Every unit. The first of a dimension is the one that a diagnostic proposes.
pub static UNITS: &[Unit] = &[
    unit("%", Dim::Fraction, 0.01),
    unit("tok", Dim::Tokens, 1.0),
    unit("steps", Dim::Steps, 1.0),
    unit("step", Dim::Steps, 1.0),
    unit("epochs", Dim::Epochs, 1.0),
    unit("epoch", Dim::Epochs, 1.0),
    unit("s", Dim::Seconds, 1.0),
    unit("ms", Dim::Seconds, 0.001),
    unit("min", Dim::Seconds, 60.0),
    unit("h", Dim::Seconds, 3600.0),
    unit("d", Dim::Seconds, 86_400.0),
    unit("GiB", Dim::Bytes, KIB * KIB * KIB),
    unit("TiB", Dim::Bytes, KIB * KIB * KIB * KIB),
    unit("MiB", Dim::Bytes, KIB * KIB),
    unit("KiB", Dim::Bytes, KIB),
    unit("TB", Dim::Bytes, 1e12),
    unit("GB", Dim::Bytes, 1e9),
    unit("MB", Dim::Bytes, 1e6),
    unit("kB", Dim::Bytes, 1e3),
    unit("B", Dim::Bytes, 1.0),
    unit("gpu_h", Dim::GpuSeconds, 3600.0),
    unit("gpu_min", Dim::GpuSeconds, 60.0),
    unit("gpu_s", Dim::GpuSeconds, 1.0),
    unit("usd", Dim::Dollars, 1.0),
];

/// The unit that a word of everyday language stands for.
pub fn meant(word: &str) -> Option<&'static str> {
    let unit = match word.to_ascii_lowercase().as_str() {
        "token" | "tokens" | "toks" => "tok",
        "percent" => "%",
        "second" | "seconds" | "sec" | "secs" => "s",
        "minute" | "minutes" | "mins" => "min",
        "hour" | "hours" | "hr" | "hrs" => "h",
        "day" | "days" => "d",
        "gpu_hour" | "gpu_hours" | "gpuh" => "gpu_h",
        "dollar" | "dollars" => "usd",
        _ => return None,
    };
    UNITS.iter().find(|one| one.name == unit).map(|one| one.name)
}

pub fn find(name: &str) -> Option<Unit> {
    UNITS.iter().copied().find(|unit| unit.name == name)
}

/// The unit that a number of this dimension is written with when nothing else is known.
pub fn usual(dim: Dim) -> Option<&'static str> {
    UNITS.iter().find(|unit| unit.dim == dim).map(|unit| unit.name)
}

/// What a number of this dimension counts, with its article.
pub fn phrase(dim: Dim) -> &'static str {
    match dim {
        Dim::None => "a plain number",
        Dim::Fraction => "a percentage",
        Dim::Tokens => "a number of tokens",
        Dim::Steps => "a number of steps",
        Dim::Epochs => "a number of epochs",
        Dim::Seconds => "a duration",
        Dim::Bytes => "an amount of memory",
        Dim::GpuSeconds => "an amount of GPU time",
        Dim::Dollars => "an amount of money",
    }
}

/// The dimension of a param's type word (`param budget: usd = …` and `param share: fraction = …`).
pub fn dim_of_param(kind: &str) -> Option<Dim> {
    match kind {
        "fraction" => Some(Dim::Fraction),
        "tokens" => Some(Dim::Tokens),
        "seconds" | "duration" => Some(Dim::Seconds),
        "bytes" => Some(Dim::Bytes),
        _ => find(kind).map(|unit| unit.dim),
    }
}

/// A number of a dimension's base unit as a reader would write it: `400 steps`, `25%`, `1 epoch`.
pub fn write(value: f64, dim: Dim) -> String {
    match dim {
        Dim::None => format!("{value}"),
        Dim::Fraction => format!("{}%", round(value * 100.0)),
        Dim::Steps if value == 1.0 => "1 step".to_owned(),
        Dim::Epochs if value == 1.0 => "1 epoch".to_owned(),
        _ => {
            let whole = UNITS
                .iter()
                .filter(|unit| unit.dim == dim && (value / unit.factor).fract() == 0.0 && value >= unit.factor)
                .max_by(|a, b| a.factor.total_cmp(&b.factor));
            match whole.or_else(|| UNITS.iter().find(|unit| unit.dim == dim)) {
                // Of two names for one unit the first is the plural: kept for any number but one.
                Some(unit) => {
                    let name = UNITS
                        .iter()
                        .find(|other| other.dim == dim && other.factor == unit.factor)
                        .map_or(unit.name, |other| other.name);
                    format!("{} {name}", value / unit.factor)
                }
                None => format!("{value}"),
            }
        }
    }
}

/// Undoes the binary noise of `0.07 * 100`.
fn round(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_in_the_largest_unit_that_leaves_it_whole() {
        assert_eq!(write(400.0, Dim::Steps), "400 steps");
        assert_eq!(write(1.0, Dim::Epochs), "1 epoch");
        assert_eq!(write(0.07, Dim::Fraction), "7%");
        assert_eq!(write(96.0 * 1024.0 * 1024.0 * 1024.0, Dim::Bytes), "96 GiB");
        assert_eq!(write(12.0 * 3600.0, Dim::GpuSeconds), "12 gpu_h");
        assert_eq!(write(90.0, Dim::Seconds), "90 s");
    }
}
