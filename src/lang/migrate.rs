//! A file of an older edition, written as the newest one: what `mascot migrate` does.
//!
//! What an edition changed is a table, [`EDITIONS`]: one row an edition, with the words that got other names in it. The syntax is
//! shared, so that an older file is read by today's grammar, and a change is an edit at the words that it names; comments and
//! layout stay. There is one edition so far, so the table's one row is empty, and nothing needs migrating; tests bring rows of their
//! own. Absent: files, printing.

use crate::diagnostic::{Diagnostics, Edit};
use crate::fix;
use crate::source::{FileId, Name, Span};
use crate::syntax;
use crate::syntax::ast::{Arg, Block, Body, Entry, Expr, ExprKind, Item, ItemKind, Segment};

/// An edition, and what was renamed on the way to it from the one before.
#[derive(Debug)]
pub struct Edition {
    pub number: u32,
    pub changes: &'static [Change],
}

/// A word that is called otherwise since.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// A field of a kind of item, stage or block.
    Field { of: &'static str, from: &'static str, to: &'static str },
    /// A kind of stage.
    Stage { from: &'static str, to: &'static str },
    /// A call.
    Call { from: &'static str, to: &'static str },
    /// An argument of a call, by the call's newer name.
    Argument { of: &'static str, from: &'static str, to: &'static str },
    /// A unit.
    Unit { from: &'static str, to: &'static str },
    /// A word of a field's closed set, by the field's newer name.
    Word { field: &'static str, from: &'static str, to: &'static str },
}

/// Every edition that a file may be of: the newest, and the one before it.
pub const EDITIONS: &[Edition] = &[Edition { number: 1, changes: &[] }];

/// What a file of an older edition is told.
const UNKNOWN_EDITION: &str = "M0004";

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Migrated {
    /// It is of the newest edition.
    UpToDate,
    Rewritten {
        from: u32,
        to: u32,
        text: String,
        /// How many words were changed, beside the edition's number.
        changed: usize,
    },
}

/// Writes a file as the newest edition of [`EDITIONS`].
///
/// # Errors
/// What is wrong with the file as it stands: a file that is not read is not rewritten.
pub fn migrate(file: FileId, text: &str) -> Result<Migrated, Diagnostics> {
    migrate_by(file, text, EDITIONS)
}

/// As [`migrate`], by a table of one's own: oldest edition first, each after the one that it follows.
///
/// # Errors
/// As [`migrate`].
pub fn migrate_by(file: FileId, text: &str, editions: &[Edition]) -> Result<Migrated, Diagnostics> {
    let (newest, oldest) = match editions {
        [] => return Ok(Migrated::UpToDate),
        [only] => (only.number, only.number),
        [.., before, newest] => (newest.number, before.number),
    };
    let written = written_edition(text).filter(|(number, _)| (oldest..newest).contains(number));
    let (tree, found) = syntax::parse(file, text);
    // The one thing that today's reader holds against a file of an older edition.
    let mut other = Diagnostics::default();
    for one in found.sorted() {
        if one.code.0 != UNKNOWN_EDITION || written.is_none() {
            other.add(one.clone());
        }
    }
    if other.has_errors() {
        return Err(other);
    }
    let Some((from, place)) = written else { return Ok(Migrated::UpToDate) };
    let mut renaming = Renaming { changes: Vec::new(), edits: Vec::new() };
    let later = editions.iter().filter(|edition| edition.number > from);
    renaming.changes.extend(later.flat_map(|edition| edition.changes));
    tree.items.iter().for_each(|item| renaming.item(item));
    let changed = renaming.edits.len();
    let span = Span::new(file, place.start, place.end);
    renaming.edits.push(Edit { span, text: newest.to_string() });
    renaming.edits.sort_by_key(|edit| edit.span);
    let text = fix::applied(text, &renaming.edits.iter().collect::<Vec<_>>());
    Ok(Migrated::Rewritten { from, to: newest, text, changed })
}

/// The number after `masc` in the first line of code, and where it stands.
fn written_edition(text: &str) -> Option<(u32, std::ops::Range<usize>)> {
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    loop {
        let line = &text[at..];
        let line = &line[..line.find('\n').unwrap_or(line.len())];
        let code = line.trim();
        if code.is_empty() || code.starts_with('#') {
            at += line.len() + 1;
            if at >= text.len() {
                return None;
            }
            continue;
        }
        let rest = code.strip_prefix("masc")?;
        let digits = rest.trim_start();
        let digits = &digits[..digits.find(|one: char| !one.is_ascii_digit()).unwrap_or(digits.len())];
        let start = at + line.find(code)? + 4 + (rest.len() - rest.trim_start().len());
        return Some((digits.parse().ok()?, start..start + digits.len()));
    }
}

/// The edits that changes make in one file.
struct Renaming {
    changes: Vec<&'static Change>,
    edits: Vec<Edit>,
}

impl Renaming {
    fn rename(&mut self, name: &Name, to: Option<&'static str>) {
        if let Some(to) = to {
            self.edits.push(Edit { span: name.span, text: to.to_owned() });
        }
    }

    /// What a word is called now: the last change that has a say, each read after the one before.
    fn now(
        &self,
        written: &str,
        applies: impl Fn(&Change) -> Option<(&'static str, &'static str)>,
    ) -> Option<&'static str> {
        let mut now: Option<&'static str> = None;
        for (from, to) in self.changes.iter().filter_map(|change| applies(change)) {
            if now.unwrap_or(written) == from {
                now = Some(to);
            }
        }
        now
    }

    fn field(&mut self, kind: &str, name: &Name) -> String {
        let now = self.now(&name.value, |change| match change {
            Change::Field { of, from, to } if *of == kind => Some((*from, *to)),
            _ => None,
        });
        self.rename(name, now);
        now.map_or_else(|| name.value.clone(), str::to_owned)
    }

    fn item(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Param { value, within, .. } => {
                self.expr(value, "");
                within.iter().for_each(|within| self.expr(within, ""));
            }
            ItemKind::Let { value, .. } => self.expr(value, ""),
            ItemKind::Stage { kind, binder, body, .. } => {
                let now = self.now(&kind.value, |change| match change {
                    Change::Stage { from, to } => Some((*from, *to)),
                    _ => None,
                });
                self.rename(kind, now);
                binder.iter().for_each(|binder| self.expr(&binder.list, ""));
                self.body(now.unwrap_or(&kind.value), body);
            }
            ItemKind::Block { keyword, body, .. } => self.body(&keyword.value, body),
            ItemKind::Use { .. } | ItemKind::Secret { .. } | ItemKind::Faulty { .. } => {}
        }
    }

    fn body(&mut self, kind: &str, body: &Body) {
        for entry in &body.entries {
            match entry {
                Entry::Assign(assign) => {
                    // A variant's path ends in a field of whatever it leads to: of that the name alone is known.
                    let of_path = matches!(kind, "variant" | "sweep" | "grid" | "zip");
                    let field = match (assign.path.as_slice(), of_path) {
                        ([Segment::Name(name), ..], false) => self.field(kind, name),
                        ([.., Segment::Name(name)], true) => self.any_field(name),
                        _ => String::new(),
                    };
                    self.expr(&assign.value, &field);
                }
                Entry::Block(block) => self.block(block),
                Entry::Gate { condition, .. } | Entry::Skip { condition, .. } => self.expr(condition, ""),
                Entry::Faulty { .. } => {}
            }
        }
    }

    fn any_field(&mut self, name: &Name) -> String {
        let now = self.now(&name.value, |change| match change {
            Change::Field { from, to, .. } => Some((*from, *to)),
            _ => None,
        });
        self.rename(name, now);
        now.map_or_else(|| name.value.clone(), str::to_owned)
    }

    fn block(&mut self, block: &Block) {
        block.weight.iter().for_each(|weight| self.expr(weight, ""));
        self.body(&block.keyword.value, &block.body);
    }

    /// `field`: whose value it is.
    fn expr(&mut self, expr: &Expr, field: &str) {
        match &expr.kind {
            ExprKind::Number { unit: Some(unit), .. } => {
                let now = self.now(&unit.value, |change| match change {
                    Change::Unit { from, to } => Some((*from, *to)),
                    _ => None,
                });
                self.rename(unit, now);
            }
            ExprKind::Path(path) => {
                if let [Segment::Name(word)] = path.as_slice() {
                    let now = self.now(&word.value, |change| match change {
                        Change::Word { field: of, from, to } if *of == field => Some((*from, *to)),
                        _ => None,
                    });
                    self.rename(word, now);
                }
            }
            ExprKind::Call { name, args } => {
                let now = self.now(&name.value, |change| match change {
                    Change::Call { from, to } => Some((*from, *to)),
                    _ => None,
                });
                self.rename(name, now);
                let call = now.map_or_else(|| name.value.clone(), str::to_owned);
                args.iter().for_each(|arg| self.arg(&call, arg));
            }
            ExprKind::Field { of, .. } => self.expr(of, field),
            ExprKind::List(items) => items.iter().for_each(|item| self.expr(item, field)),
            ExprKind::Record(assigns) => {
                for assign in assigns {
                    let name = match assign.path.as_slice() {
                        [Segment::Name(name)] => self.field(field, name),
                        _ => String::new(),
                    };
                    self.expr(&assign.value, &name);
                }
            }
            ExprKind::Range { low, high } => {
                self.expr(low, field);
                self.expr(high, field);
            }
            ExprKind::Unary { of, .. } => self.expr(of, field),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left, field);
                self.expr(right, field);
            }
            _ => {}
        }
    }

    fn arg(&mut self, call: &str, arg: &Arg) {
        let mut field = String::new();
        if let Some(name) = &arg.name {
            let now = self.now(&name.value, |change| match change {
                Change::Argument { of, from, to } if *of == call => Some((*from, *to)),
                _ => None,
            });
            self.rename(name, now);
            field = now.map_or_else(|| name.value.clone(), str::to_owned);
        }
        self.expr(&arg.value, &field);
    }
}

#[cfg(test)]
mod tests;
