//! The algebra of units: generated arithmetic against a reckoning of one's own, by exponents.

use std::collections::BTreeMap;

use super::{checked, told, words};
use crate::check::units::UNITS;
use crate::program::{Dim, Value};

/// A small generator of numbers, so that a failure can be repeated (Knuth's constants).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A value by exponents of what it counts. Percentages are numbers that are written otherwise, so they are kept apart.
#[derive(Debug, Clone, PartialEq)]
struct Reckoned {
    value: f64,
    /// Of each dimension that is no plain number.
    exponents: BTreeMap<String, i32>,
    percent: bool,
}

impl Reckoned {
    fn is_one_thing(&self) -> bool {
        let powers: Vec<i32> = self.exponents.values().copied().filter(|power| *power != 0).collect();
        powers.is_empty() || powers == [1]
    }

    fn is_plain(&self) -> bool {
        self.exponents.values().all(|power| *power == 0)
    }
}

fn leaf(draw: &mut Draw) -> (String, Option<Reckoned>) {
    let number = draw.below(10);
    if draw.below(3) == 0 {
        return (
            number.to_string(),
            Some(Reckoned { value: number as f64, exponents: BTreeMap::new(), percent: false }),
        );
    }
    let unit = UNITS[draw.below(UNITS.len())];
    let percent = unit.dim == Dim::Fraction;
    let exponents = if percent { BTreeMap::new() } else { BTreeMap::from([(format!("{:?}", unit.dim), 1)]) };
    let gap = if percent { "" } else { " " };
    let value = number as f64 * unit.factor;
    (format!("{number}{gap}{}", unit.name), Some(Reckoned { value, exponents, percent }))
}

fn expression(draw: &mut Draw, depth: usize) -> (String, Option<Reckoned>) {
    if depth == 0 || draw.below(4) == 0 {
        return leaf(draw);
    }
    let (left, a) = expression(draw, depth - 1);
    let (right, b) = expression(draw, depth - 1);
    let sign = ["+", "-", "*", "/"][draw.below(4)];
    let value = a.zip(b).and_then(|(a, b)| reckon(sign, &a, &b));
    (format!("({left} {sign} {right})"), value)
}

/// `None`: it means nothing.
fn reckon(sign: &str, a: &Reckoned, b: &Reckoned) -> Option<Reckoned> {
    let powers = |way: i32| {
        let mut sum = a.exponents.clone();
        b.exponents.iter().for_each(|(of, power)| *sum.entry(of.clone()).or_default() += way * power);
        sum.retain(|_, power| *power != 0);
        sum
    };
    let of = |value: f64, exponents: BTreeMap<String, i32>, percent: bool| Reckoned { value, exponents, percent };
    let result = match sign {
        "+" | "-" => {
            let alike = a.exponents == b.exponents && a.percent == b.percent;
            let value = if sign == "+" { a.value + b.value } else { a.value - b.value };
            alike.then(|| of(value, a.exponents.clone(), a.percent))?
        }
        // A share of something counts that thing; a share of a share is one.
        "*" => of(a.value * b.value, powers(1), a.percent && b.percent),
        _ if b.value == 0.0 => return None,
        // How often one goes into another of its kind is a plain number.
        _ => of(a.value / b.value, powers(-1), a.percent && b.is_plain() && !b.percent),
    };
    result.is_one_thing().then_some(result)
}

#[test]
fn arithmetic_keeps_to_what_it_counts() {
    let mut draw = Draw(7);
    let drawn: Vec<(String, Option<Reckoned>)> = (0..1_500).map(|_| expression(&mut draw, 3)).collect();
    let lets = |wanted: bool| -> Vec<&(String, Option<Reckoned>)> {
        drawn.iter().filter(|(_, value)| value.is_some() == wanted).collect()
    };
    let (right, wrong) = (lets(true), lets(false));
    assert!(right.len() > 300 && wrong.len() > 300, "{} right, {} wrong", right.len(), wrong.len());

    let text: String = right.iter().enumerate().map(|(at, (text, _))| format!("let x{at} = {text}\n")).collect();
    let found = checked(&format!("masc 1\n{text}"));
    let program = found.program.as_ref().unwrap_or_else(|| panic!("{}", words(&found)));
    for (entity, (text, reckoned)) in program.entities.iter().zip(&right) {
        let Value::Number { value, dim } = &entity.fields["value"].value else { panic!("{text} is a number") };
        let reckoned = reckoned.as_ref().expect("only those that mean something");
        let tolerance = 1e-9 * reckoned.value.abs().max(1.0);
        assert!((value - reckoned.value).abs() <= tolerance, "{text} = {value}, not {}", reckoned.value);
        let counts = match dim {
            Dim::None | Dim::Fraction => BTreeMap::new(),
            dim => BTreeMap::from([(format!("{dim:?}"), 1)]),
        };
        assert_eq!((&counts, *dim == Dim::Fraction), (&reckoned.exponents, reckoned.percent), "{text}");
    }
    // Each alone: past a hundred faults a file is not told more.
    for (text, _) in wrong.iter().take(300) {
        let found = checked(&format!("masc 1\nlet x = {text}\n"));
        let codes = told(&found);
        assert!(!codes.is_empty() && codes.iter().all(|one| one == "M0314@2" || one == "M0317@2"), "{text}: {codes:?}");
    }
}

#[test]
fn every_unit_is_so_many_of_the_first_of_its_dimension_and_misspelt_is_told_at_the_unit() {
    for unit in UNITS {
        let gap = if unit.name == "%" { "" } else { " " };
        let text = format!("masc 1\nlet one = 1{gap}{0}\nlet times = 6{gap}{0} / 2{gap}{0}\n", unit.name);
        let found = checked(&text);
        let program = found.program.as_ref().unwrap_or_else(|| panic!("{}", words(&found)));
        let number = |at: usize| match program.entities[at].fields["value"].value {
            Value::Number { value, dim } => (value, dim),
            ref other => panic!("{other:?}"),
        };
        assert_eq!(number(0), (unit.factor, unit.dim), "{}", unit.name);
        assert_eq!(number(1).1, Dim::None);
        assert!((number(1).0 - 3.0).abs() < 1e-12, "{}", unit.name);
        let mut misspelt = unit.name.to_owned();
        misspelt.insert(0, 'q');
        if unit.name.len() > 2 {
            let found = checked(&format!("masc 1\nlet x = 400 {misspelt}\n"));
            let all = found.diagnostics.sorted();
            assert_eq!((all.len(), all[0].code.0), (1, "M0301"), "{}", words(&found));
            assert_eq!(found.files.text(all[0].primary.span), misspelt);
            assert!(!all[0].fixes.is_empty(), "{misspelt}");
        }
    }
}
