//! Variants and sweeps: which points a file has, and the values that each puts over the file's.
//!
//! A value of a variant or a sweep is checked where it lands: its item is evaluated with it, and the result thrown away.

use std::collections::BTreeMap;

use super::Checker;
use super::budget::Budget;
use super::diagnostics as say;
use super::layers::{self, Override, Seen, Write, span_of, text_of};
use super::load::Tree;
use super::names::Decl;
use super::schema::Ty;
use super::val::Val;
use super::values::Cx;
use crate::program::{EntityKind, Layer, Point};
use crate::source::{FileId, SourceMap, Span};
use crate::syntax::ast::{Assign, AssignOp, Block, Body, Entry, Expr, ExprKind, Item, ItemKind, Segment};

/// What a sweep may have before `skip`: more are not looked at, far less run.
const MAX_POINTS: usize = 10_000;

/// A point that `skip … else "why"` takes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    pub label: String,
    pub why: String,
}

/// `--set`, the strongest layer.
pub fn sets(tree: &Tree) -> Vec<Override<'_>> {
    tree.sets
        .iter()
        .map(|(path, value)| Override {
            layer: Layer::Set,
            path,
            op: AssignOp::Set,
            value,
            scope: FileId(0),
            span: value.span,
        })
        .collect()
}

/// Names of the main file's variants or sweeps, in the file's order.
pub fn named<'t>(tree: &'t Tree, keyword: &str) -> Vec<&'t str> {
    main_items(tree)
        .filter_map(|item| match &item.kind {
            ItemKind::Block { keyword: word, name, .. } if word.value == keyword => Some(name.value.as_str()),
            _ => None,
        })
        .collect()
}

fn main_items(tree: &Tree) -> impl Iterator<Item = &Item> {
    tree.files.first().into_iter().flat_map(|file| &file.items)
}

fn body_of<'t>(tree: &'t Tree, keyword: &str, wanted: &str) -> Option<&'t Body> {
    main_items(tree).find_map(|item| match &item.kind {
        ItemKind::Block { keyword: word, name, body, .. } if word.value == keyword && name.value == wanted => {
            Some(body)
        }
        _ => None,
    })
}

/// What a point puts over the file, `--set` on top, and its label. `None`: there is no such point.
pub fn overrides<'t>(tree: &'t Tree, files: &SourceMap, point: &Point) -> Option<(Vec<Override<'t>>, Option<String>)> {
    let (mut all, label) = match point {
        Point::Base => (Vec::new(), None),
        Point::Variant(name) => (of_variant(body_of(tree, "variant", name)?), Some(name.clone())),
        Point::Sweep { name, index } => {
            let sweep = Sweep::read(body_of(tree, "sweep", name)?);
            let chosen = sweep.at(*index)?;
            let label = label(name, &chosen, files);
            let all = chosen.iter().map(|(path, value)| over(path, AssignOp::Set, value, value.span)).collect();
            (all, Some(label))
        }
    };
    all.extend(sets(tree));
    Some((all, label))
}

fn over<'t>(path: &'t [Segment], op: AssignOp, value: &'t Expr, span: Span) -> Override<'t> {
    Override { layer: Layer::Point, path, op, value, scope: FileId(0), span }
}

/// The general before the special, whatever their order in the file: `crew.*.voice` before `anchor.voice`, `voices.lr` before
/// `voices.anchor.lr`.
fn of_variant(body: &Body) -> Vec<Override<'_>> {
    let mut all: Vec<Override<'_>> =
        assigns(body).map(|assign| over(&assign.path, assign.op, &assign.value, assign.span)).collect();
    let is_star = |segment: &Segment| matches!(segment, Segment::Star(_));
    all.sort_by_key(|one| (!one.path.iter().any(is_star), one.path.len()));
    all
}

fn assigns(body: &Body) -> impl Iterator<Item = &Assign> {
    body.entries.iter().filter_map(|entry| match entry {
        Entry::Assign(assign) => Some(assign),
        _ => None,
    })
}

/// `kl_grid[voices.kl.beta=0.02,experiment.seed=7]`
fn label(name: &str, chosen: &[(&[Segment], &Expr)], files: &SourceMap) -> String {
    let parts: Vec<String> =
        chosen.iter().map(|(path, value)| format!("{}={}", text_of(path), files.text(value.span))).collect();
    format!("{name}[{}]", parts.join(","))
}

/// One dimension of a sweep: a path and its values.
type Dimension<'t> = (&'t [Segment], &'t [Expr]);

/// Each of `grid`'s paths is an axis of its own, all of a `zip`'s are one.
struct Sweep<'t> {
    axes: Vec<Vec<Dimension<'t>>>,
    skips: Vec<(&'t Expr, &'t str)>,
}

impl<'t> Sweep<'t> {
    fn read(body: &'t Body) -> Self {
        let mut sweep = Sweep { axes: Vec::new(), skips: Vec::new() };
        for entry in &body.entries {
            match entry {
                Entry::Block(block) => {
                    let dimensions = assigns(&block.body).filter_map(|assign| match &assign.value.kind {
                        ExprKind::List(values) => Some((assign.path.as_slice(), values.as_slice())),
                        _ => None,
                    });
                    if block.keyword.value == "zip" {
                        sweep.axes.push(dimensions.collect());
                    } else {
                        sweep.axes.extend(dimensions.map(|dimension| vec![dimension]));
                    }
                }
                Entry::Skip { condition, otherwise, .. } => sweep.skips.push((condition, &otherwise.value)),
                _ => {}
            }
        }
        sweep
    }

    /// Whether a condition speaks of more than the sweep's own paths.
    fn asks_more(&self, condition: &Expr) -> bool {
        let own = |path: &[Segment]| self.axes.iter().flatten().any(|(one, _)| text_of(one) == text_of(path));
        let mut more = false;
        condition.each_path(&mut |path| more |= path.len() > 1 && !own(path));
        more
    }

    fn len_of(axis: &[Dimension<'t>]) -> usize {
        axis.iter().map(|(_, values)| values.len()).min().unwrap_or(0)
    }

    fn len(&self) -> usize {
        let lengths = self.axes.iter().map(|axis| Self::len_of(axis));
        if self.axes.is_empty() { 0 } else { lengths.fold(1, usize::saturating_mul) }
    }

    /// The values of a point; the last axis turns fastest.
    fn at(&self, index: usize) -> Option<Vec<(&'t [Segment], &'t Expr)>> {
        if index >= self.len() {
            return None;
        }
        let mut rest = index;
        let mut places = Vec::new();
        for axis in self.axes.iter().rev() {
            let len = Self::len_of(axis);
            places.push(rest % len);
            rest /= len;
        }
        let mut chosen = Vec::new();
        for (axis, at) in self.axes.iter().zip(places.into_iter().rev()) {
            chosen.extend(axis.iter().map(|(path, values)| (*path, &values[at])));
        }
        Some(chosen)
    }
}

/// The points of a sweep that are to be run, and those that `skip` takes out, with its reason. The tree has no errors.
pub fn of_sweep(tree: &Tree, files: &SourceMap, name: &str) -> (Vec<Point>, Vec<Skipped>) {
    let Some(body) = body_of(tree, "sweep", name) else { return (Vec::new(), Vec::new()) };
    let sweep = Sweep::read(body);
    let mut checker = super::checked(tree, files, &sets(tree), None);
    let (mut points, mut skipped) = (Vec::new(), Vec::new());
    let asks_more = sweep.skips.iter().any(|(condition, _)| sweep.asks_more(condition));
    for index in 0..sweep.len() {
        let chosen = sweep.at(index).expect("the index is below the length");
        // A field that the sweep does not set may still follow from one that it does.
        if asks_more && let Some((all, _)) = overrides(tree, files, &Point::Sweep { name: name.to_owned(), index }) {
            checker = super::checked(tree, files, &all, None);
        }
        checker.budget = Budget::default();
        let values = checker.values_of(&chosen);
        let cx = Cx { point: Some(&values), ..Cx::of(FileId(0)) };
        let why = sweep
            .skips
            .iter()
            .find(|(condition, _)| checker.value(condition, &Ty::Condition, &cx) == Val::Bool(true))
            .map(|(_, why)| (*why).to_owned());
        match why {
            Some(why) => skipped.push(Skipped { label: label(name, &chosen, files), why }),
            None => points.push(Point::Sweep { name: name.to_owned(), index }),
        }
    }
    (points, skipped)
}

/// What a point sets, `--set` aside: each path, as it is written, with the place of its value.
pub fn settings(tree: &Tree, point: &Point) -> Vec<(String, Span)> {
    let body = |keyword, name| body_of(tree, keyword, name);
    let all = match point {
        Point::Base => None,
        Point::Variant(name) => body("variant", name)
            .map(|body| assigns(body).map(|assign| (text_of(&assign.path), assign.value.span)).collect()),
        Point::Sweep { name, index } => body("sweep", name)
            .and_then(|body| Sweep::read(body).at(*index))
            .map(|chosen| chosen.into_iter().map(|(path, value)| (text_of(path), value.span)).collect()),
    };
    all.unwrap_or_default()
}

/// Checks every variant and sweep of every file against the evaluated base.
pub fn check_all(checker: &mut Checker<'_>) {
    for decl in checker.names.decls.clone() {
        let (Some(schema), Some(body)) = (decl.schema, decl.body) else { continue };
        match decl.kind {
            EntityKind::Variant => {
                checker.check_names(decl.id, schema, body);
                let mut seen = Seen::default();
                for assign in assigns(body) {
                    if let Some(twice) = seen.again(&assign.path, assign.op, 2) {
                        checker.found.add(twice);
                        continue;
                    }
                    checker.try_value(&assign.path, assign.op, &assign.value, assign.span, decl.file);
                }
            }
            EntityKind::Sweep => {
                checker.check_names(decl.id, schema, body);
                check_sweep(checker, &decl, body);
            }
            _ => {}
        }
    }
}

fn check_sweep<'t>(checker: &mut Checker<'t>, decl: &Decl<'t>, body: &'t Body) {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for entry in &body.entries {
        match entry {
            Entry::Assign(assign) => checker.found.add(say::value_outside_grid(assign.span)),
            Entry::Block(block) if matches!(block.keyword.value.as_str(), "grid" | "zip") => {
                check_axes(checker, decl, block, &mut seen);
            }
            _ => {}
        }
    }
    let sweep = Sweep::read(body);
    if sweep.len() == 0 {
        // What stands there in a wrong way is told already.
        let is_bare = body.entries.iter().all(|entry| match entry {
            Entry::Assign(_) => false,
            Entry::Block(block) => block.body.entries.is_empty(),
            _ => true,
        });
        if !body.is_faulty() && is_bare {
            checker.found.add(say::sweep_without_values(decl.item.header, &decl.name.value));
        }
        return;
    }
    if sweep.len() > MAX_POINTS {
        checker.found.add(say::too_many_points(decl.item.header, &decl.name.value, MAX_POINTS));
        return;
    }
    // A condition may speak of a path that could not be read.
    if body.is_faulty() {
        return;
    }
    let values = match sweep.at(0) {
        Some(chosen) => checker.values_of(&chosen),
        None => return,
    };
    for (condition, _) in sweep.skips {
        let cx = Cx { point: Some(&values), ..Cx::of(decl.file) };
        let val = checker.value(condition, &Ty::Condition, &cx);
        if !matches!(val, Val::Bool(_) | Val::Unknown) {
            checker.found.add(say::skip_needs_results(condition.span));
        }
    }
}

fn check_axes<'t>(checker: &mut Checker<'t>, decl: &Decl<'t>, block: &'t Block, seen: &mut BTreeMap<String, Span>) {
    let mut lengths: Option<(usize, Span)> = None;
    for entry in &block.body.entries {
        let assign = match entry {
            Entry::Assign(assign) => assign,
            Entry::Faulty { .. } => continue,
            Entry::Gate { span, .. } => {
                checker.found.add(say::gate_not_in_block(*span, &block.keyword.value));
                continue;
            }
            Entry::Skip { span, .. } => {
                checker.found.add(say::skip_not_here(*span));
                continue;
            }
            Entry::Block(inner) => {
                checker.found.add(say::block_in_block(&inner.keyword, &block.keyword.value));
                continue;
            }
        };
        let path = text_of(&assign.path);
        if let Some(first) = seen.insert(path.clone(), span_of(&assign.path)) {
            checker.found.add(say::field_twice(span_of(&assign.path), &path, first));
        }
        let ExprKind::List(values) = &assign.value.kind else {
            if !matches!(assign.value.kind, ExprKind::Faulty) {
                checker.found.add(say::grid_wants_a_list(assign.value.span, &path));
            }
            continue;
        };
        if values.is_empty() {
            checker.found.add(say::grid_wants_a_list(assign.value.span, &path));
        }
        for value in values {
            checker.try_value(&assign.path, AssignOp::Set, value, value.span, decl.file);
        }
        if block.keyword.value == "zip" {
            match lengths {
                Some((length, first)) if length != values.len() => {
                    checker.found.add(say::zip_of_unequal_lengths(assign.value.span, values.len(), length, first));
                }
                _ => lengths = Some((values.len(), assign.value.span)),
            }
        }
    }
}

impl<'t> Checker<'t> {
    /// Evaluates what a value lands on, and tells what is wrong with it there.
    fn try_value(&mut self, path: &'t [Segment], op: AssignOp, value: &'t Expr, span: Span, scope: FileId) {
        let places = match layers::places(&self.names, path, scope) {
            Ok(places) => places,
            Err(Some(diagnostic)) => return self.found.add(*diagnostic),
            Err(None) => return self.value_of_unknown(value, &Cx::of(scope)),
        };
        for place in places {
            let at = place.entity.0 as usize;
            let write = Write { layer: Layer::Point, op, sub: place.sub, value, scope, span, member: place.member };
            let before = self.done[at].clone();
            self.writes[at].entry(place.field).or_default().push(write);
            self.item(place.entity);
            self.done[at] = before;
            if let Some(writes) = self.writes[at].get_mut(place.field) {
                writes.pop();
            }
        }
    }

    /// A point's values by path, for `skip`: as they stand, without the type of the field that they are for.
    fn values_of(&mut self, chosen: &[(&'t [Segment], &'t Expr)]) -> BTreeMap<String, Val> {
        chosen
            .iter()
            .map(|(path, value)| {
                let val = match &value.kind {
                    // A bare word of the field's closed set.
                    ExprKind::Path(words) => match words.as_slice() {
                        [Segment::Name(word)] if self.names.look_up(FileId(0), &word.value).is_none() => {
                            Val::Word(word.value.clone())
                        }
                        // A secret for `auth`, too.
                        _ => self.path(words, &Cx::of(FileId(0))),
                    },
                    _ => self.infer(value, &Cx::of(FileId(0))),
                };
                (text_of(path), val)
            })
            .collect()
    }
}
