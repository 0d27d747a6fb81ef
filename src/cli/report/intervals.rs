//! A difference with its interval: in words, and as a bar beside zero, drawn by plotters.

use plotters::prelude::*;

use super::curves::themed;
use super::page::Difference;
use crate::cli::render::measured;

/// Pixels of a bar.
const SIZE: (u32, u32) = (160, 18);
const INK: RGBColor = RGBColor(1, 1, 1);
const LINE: RGBColor = RGBColor(2, 2, 2);

/// What a table's bars share: from the lowest to the highest end, zero among them.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    low: f64,
    high: f64,
}

pub fn scale<'a>(all: impl Iterator<Item = &'a Difference>) -> Scale {
    let (mut low, mut high) = (0.0_f64, 0.0_f64);
    for of in all {
        let (from, to) = of.interval.unwrap_or((of.mean, of.mean));
        low = low.min(from).min(of.mean);
        high = high.max(to).max(of.mean);
    }
    if high - low <= 0.0 { Scale { low: -1.0, high: 1.0 } } else { Scale { low, high } }
}

/// Whether the interval lies on one side of zero.
pub fn clear(of: &Difference) -> bool {
    of.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0)
}

/// `+0.077` and `[0.030, 0.124]`.
pub fn written(of: &Difference) -> (String, String) {
    let text = measured(of.mean, of.interval);
    let (mean, interval) = text.split_once(' ').unwrap_or((&text, "–"));
    let sign = if of.mean > 0.0 { "+" } else { "" };
    (format!("{sign}{}", minus(mean)), minus(interval))
}

/// A hyphen before a number becomes a minus sign.
pub fn minus(text: &str) -> String {
    text.replace('-', "−")
}

/// `95%`
pub fn percent(share: f64) -> String {
    minus(&format!("{:.0}%", share * 100.0))
}

/// The bar. Its numbers stand beside it in the table, so a reader who does not see it misses nothing.
pub fn bar(of: &Difference, scale: Scale) -> String {
    let mut svg = String::new();
    if draw(of, scale, &mut svg).is_err() {
        return String::new();
    }
    themed(&svg, SIZE, "aria-hidden=\"true\"")
}

fn draw(of: &Difference, scale: Scale, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let (margin, middle) = (6.0, SIZE.1 as i32 / 2);
    let width = f64::from(SIZE.0) - 2.0 * margin;
    let at = |value: f64| (margin + (value - scale.low) / (scale.high - scale.low) * width).round() as i32;
    root.draw(&PathElement::new(vec![(at(0.0), 0), (at(0.0), SIZE.1 as i32)], INK.stroke_width(1)))?;
    if let Some((low, high)) = of.interval {
        root.draw(&PathElement::new(vec![(at(low), middle), (at(high), middle)], LINE.stroke_width(3)))?;
    }
    root.draw(&Circle::new((at(of.mean), middle), 5, LINE.filled()))?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_written_with_its_sign() {
        let of = |mean, interval| Difference { mean, interval, n: 3 };
        assert_eq!(written(&of(0.0771, Some((0.0302, 0.124)))), ("+0.077".into(), "[0.030, 0.124]".into()));
        assert_eq!(written(&of(-0.5, Some((-0.7, -0.3)))), ("−0.500".into(), "[−0.700, −0.300]".into()));
        assert_eq!(written(&of(2.0, None)), ("+2.00".into(), "–".into()));
        assert!(clear(&of(-0.5, Some((-0.7, -0.3)))) && !clear(&of(0.1, Some((-0.1, 0.3)))) && !clear(&of(1.0, None)));
    }

    #[test]
    fn a_bar_carries_no_colour_of_its_own() {
        let one = Difference { mean: 0.5, interval: Some((0.2, 0.8)), n: 3 };
        let svg = bar(&one, scale([one].iter()));
        assert!(svg.starts_with("<svg") && svg.contains("aria-hidden") && svg.contains("var(--line)"), "{svg}");
        assert!(!svg.contains("#0"), "{svg}");
    }
}
