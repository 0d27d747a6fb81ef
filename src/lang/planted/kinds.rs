//! What can be planted in a program: the walk over its tree, and faults of entries and blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::items;
use crate::check::schema::{self, Attribute, Default, Kind, Ty};
use crate::source::{FileId, Span};
use crate::syntax::ast::{Assign, AssignOp, Block, Body, Entry, Expr, File, ItemKind, Segment};
use crate::syntax::parse;

/// A fault that can be planted.
#[derive(Debug, Clone)]
pub struct Fault {
    pub kind: &'static str,
    /// By number; of what is added between items, a number of its own.
    pub item: usize,
    /// The entry that it is in: no other fault may be.
    pub entry: Range<usize>,
    /// What an unclosed opener takes in.
    pub swallows: Range<usize>,
    pub scope: Scope,
    pub edit: Range<usize>,
    pub text: String,
    pub told: Told,
    /// It is one only while these items mean what they should: a part of what is unknown may be anything.
    pub rests_on: BTreeSet<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Other entries of its item may be faulty too.
    Entry,
    /// It stands alone in its item.
    Item,
}

#[derive(Debug, Clone, Copy)]
pub enum Told {
    /// A place of the unspoilt text.
    At(usize),
    /// A place of what was written instead.
    InEdit(usize),
}

/// Every fault that can be planted in a text without faults.
pub fn all(text: &str) -> Vec<Fault> {
    let (tree, faults) = parse(FileId(0), text);
    assert!(faults.is_empty(), "faults are planted in good programs");
    let mut finder = Finder::new(text, &tree);
    finder.behind = behind(text, &tree);
    for (at, item) in tree.items.iter().enumerate() {
        finder.item = at;
        // What is not closed goes on to the next item.
        let next = tree.items.get(at + 1).map_or(text.len(), |next| next.span.start as usize);
        finder.item_span = item.span.start as usize..next;
        items::find(&mut finder, item);
    }
    items::between(&mut finder, &tree);
    finder.found
}

/// By declared name, the items that it rests on: the one that declares it, and those behind the names in that.
fn behind(text: &str, tree: &File) -> BTreeMap<String, BTreeSet<usize>> {
    let declares = |kind: &ItemKind| match kind {
        ItemKind::Use { names, alias, .. } => {
            let names = names.iter().map(|one| one.alias.as_ref().unwrap_or(&one.name).value.clone());
            names.chain(alias.iter().map(|alias| alias.value.clone())).collect()
        }
        ItemKind::Param { name, .. }
        | ItemKind::Let { name, .. }
        | ItemKind::Secret { name, .. }
        | ItemKind::Stage { name, .. }
        | ItemKind::Block { name, .. } => vec![name.value.clone()],
        ItemKind::Faulty { .. } => Vec::new(),
    };
    let mut behind: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (at, item) in tree.items.iter().enumerate() {
        for name in declares(&item.kind) {
            behind.entry(name).or_default().insert(at);
        }
    }
    // Again until nothing is added.
    loop {
        let before = behind.clone();
        for items in behind.values_mut() {
            for at in items.clone() {
                let span = range(tree.items[at].span);
                let words = text[span].split(|one: char| !one.is_ascii_alphanumeric() && one != '_');
                items.extend(words.filter_map(|word| before.get(word)).flatten());
            }
        }
        if behind == before {
            return behind;
        }
    }
}

pub struct Finder<'t> {
    pub text: &'t str,
    pub item: usize,
    pub item_span: Range<usize>,
    pub entry: Range<usize>,
    /// Whether the item extends another.
    pub extends: bool,
    pub found: Vec<Fault>,
    /// Names that a misspelling must not become.
    known: BTreeSet<String>,
    /// By name, the items that it comes from, at first or second hand.
    pub behind: BTreeMap<String, BTreeSet<usize>>,
    /// Items of this file by name and keyword, for references of a wrong kind.
    pub named: Vec<(String, String)>,
}

pub fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

impl<'t> Finder<'t> {
    fn new(text: &'t str, tree: &File) -> Self {
        let words = text.split(|one: char| !one.is_ascii_alphanumeric() && one != '_').map(str::to_owned);
        let units = crate::check::units::UNITS.iter().map(|unit| unit.name.to_owned());
        let known = words.chain(units).chain(crate::explain::words()).collect();
        let named = tree.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Block { keyword, name, .. } => Some((name.value.clone(), keyword.value.clone())),
            _ => None,
        });
        Self {
            text,
            item: 0,
            item_span: 0..0,
            entry: 0..0,
            extends: false,
            found: Vec::new(),
            known,
            behind: BTreeMap::new(),
            named: named.collect(),
        }
    }

    /// One letter away from a word, and no word itself.
    pub fn misspelt(&self, word: &str) -> String {
        let letters: Vec<char> = word.chars().collect();
        let dropped: String =
            letters.iter().enumerate().filter(|(at, _)| *at + 2 != letters.len()).map(|(_, c)| *c).collect();
        let mut swapped = letters.clone();
        if letters.len() > 3 {
            swapped.swap(1, 2);
        }
        let tries = [dropped, swapped.into_iter().collect(), format!("{word}q")];
        let fits = |one: &String| one.len() > 2 && one != word && !self.known.contains(one);
        tries.into_iter().find(fits).unwrap_or_else(|| format!("{word}qq"))
    }

    /// A fault of the entry at hand, told where it stands.
    pub fn add(&mut self, kind: &'static str, edit: Range<usize>, text: impl Into<String>) -> &mut Fault {
        let told = Told::At(edit.start);
        let (item, entry) = (self.item, self.entry.clone());
        self.found.push(Fault {
            kind,
            item,
            entry,
            swallows: 0..0,
            scope: Scope::Entry,
            edit,
            text: text.into(),
            told,
            rests_on: BTreeSet::new(),
        });
        self.found.last_mut().expect("it was just added")
    }

    /// A bracket that is not closed takes in the rest of its item.
    pub fn unclosed(&mut self, kind: &'static str, opener: usize, closer: Range<usize>) {
        let end = self.item_span.end;
        let fault = self.add(kind, closer, "");
        fault.swallows = opener..end;
        fault.told = Told::At(opener);
    }

    pub fn body(&mut self, body: &Body, kind: Option<&'static Kind>, fields: &'static [Attribute]) {
        for entry in &body.entries {
            match entry {
                Entry::Assign(assign) => {
                    self.entry = range(assign.span);
                    self.assign(assign, kind, fields);
                }
                Entry::Block(block) => self.block(block, kind),
                Entry::Gate { span, condition, otherwise } | Entry::Skip { span, condition, otherwise } => {
                    self.entry = range(*span);
                    let is_gate = matches!(entry, Entry::Gate { .. });
                    let start = span.start as usize;
                    let kind = if is_gate { "a gate without its reason" } else { "a skip without its reason" };
                    self.add(kind, condition.span.end as usize..span.end as usize, "").told = Told::At(start);
                    self.string(otherwise.span);
                    let before = self.found.len();
                    self.value(condition, &Ty::Condition);
                    if !is_gate {
                        // A path of a `skip` is one that the sweep sets.
                        let item = self.item;
                        self.found[before..].iter_mut().for_each(|fault| fault.rests_on.extend([item]));
                    }
                }
                Entry::Faulty { .. } => unreachable!("the text has no faults"),
            }
        }
    }

    fn assign(&mut self, assign: &Assign, kind: Option<&'static Kind>, fields: &'static [Attribute]) {
        let whole = range(assign.span);
        let value = range(assign.value.span);
        let Some(Segment::Name(first)) = assign.path.first() else { return };
        let last = match assign.path.last() {
            Some(Segment::Name(name)) => name,
            _ => return,
        };
        let sign = self.text[last.span.end as usize..value.start].find(['=', ':', '+', '-']);
        let sign = last.span.end as usize + sign.expect("an assignment has a sign");
        let is_set = assign.op == AssignOp::Set;
        let of_path = kind.is_some_and(|kind| matches!(kind.name, "variant" | "sweep"));
        self.add(
            if of_path { "an unknown path" } else { "an unknown field" },
            range(first.span),
            self.misspelt(&first.value),
        );
        if of_path && assign.path.len() > 1 {
            let behind = self.behind.get(&first.value).cloned().unwrap_or_default();
            let fault = self.add("an unknown field of a path", range(last.span), self.misspelt(&last.value));
            fault.rests_on = behind;
        }
        if is_set {
            self.add(": for =", sign..sign + 1, ":");
            if !self.text[value.clone()].starts_with(['-', '(', '>']) {
                self.add("no =", sign..sign + 1, "");
            }
        }
        if !self.text[value.clone()].contains('\n') {
            self.add("no value", value.clone(), "");
            self.add("a bracket too many", value.end..value.end, ")");
            let copy = format!("\n  {}", &self.text[whole.clone()]);
            if is_set {
                self.add("a field twice", whole.end..whole.end, copy).told = Told::InEdit(3);
            }
        }
        let attribute = fields.iter().find(|one| one.name == first.value && assign.path.len() == 1);
        if let Some(attribute) = attribute {
            let is_list = matches!(attribute.ty, Ty::List(_) | Ty::Set(_));
            if is_set && !is_list && !matches!(attribute.ty, Ty::Optional(_) | Ty::Either(_)) {
                self.add("a list's sign for what is none", sign..sign + 1, "+=").told = Told::At(whole.start);
            }
            if attribute.default == Default::Required && kind.is_some() && is_set && !self.extends {
                let header = self.item_span.start;
                let fault = self.add("a field that is missing", whole, "");
                (fault.told, fault.scope) = (Told::At(header), Scope::Item);
            }
        }
        let ty = match attribute {
            Some(attribute) if is_set => attribute.ty,
            _ => Ty::Any,
        };
        let before = self.found.len();
        self.value(&assign.value, &ty);
        if of_path {
            // What is put on something unknown may be anything.
            let behind = self.behind.get(&first.value).cloned().unwrap_or_default();
            self.found[before..].iter_mut().for_each(|fault| fault.rests_on.extend(&behind));
        }
    }

    fn block(&mut self, block: &Block, kind: Option<&'static Kind>) {
        self.entry = range(block.header);
        let start = block.span.start as usize;
        self.add("an unknown block", range(block.keyword.span), self.misspelt(&block.keyword.value));
        self.entry = range(block.span);
        let open = block.body.span.start as usize;
        if self.text[open..].starts_with('{') {
            self.add("a block with =", open..open, "= ").told = Told::At(start);
            let close = block.body.span.end as usize - 1;
            self.unclosed("a block that is not closed", open, close..close + 1);
        }
        // The header is an entry of its own.
        self.entry = range(block.header);
        if let Some(title) = &block.title {
            self.string(title.span);
        }
        if let Some(weight) = &block.weight {
            let span = range(weight.span);
            let header = self.item_span.start;
            let fault = self.add("weights that do not add up", span.clone(), "7.5%");
            (fault.told, fault.scope) = (Told::At(header), Scope::Item);
            self.add("a weight without its unit", span.end - 1..span.end, "");
        }
        let child = kind.and_then(|kind| kind.child(&block.keyword.value));
        let fields = child.map_or(&[][..], |child| child.fields);
        let axes = schema::item("sweep").filter(|_| child.is_none());
        self.body(&block.body, axes, fields);
    }

    /// A string on one line.
    pub fn string(&mut self, span: Span) {
        let span = range(span);
        let written = &self.text[span.clone()];
        if written.contains('\n') || !written.ends_with('"') {
            return;
        }
        let line_end = self.text[span.end..].find('\n').map_or(self.text.len(), |at| span.end + at);
        let fault = self.add("a string that is not closed", span.end - 1..span.end, "");
        (fault.told, fault.swallows) = (Told::At(span.start), span.start..line_end);
        self.add("an escape that means nothing", span.start + 1..span.start + 1, "\\q");
        let inner = &written[1..written.len() - 1];
        if !inner.contains(['\'', '"', '“', '”']) {
            self.add("curly quotes", span.clone(), format!("“{inner}”"));
        }
        if inner.contains("{{char}}") || inner.contains("{{user}}") {
            self.add("an unknown slot", span.start + 1..span.start + 1, "{{usr}} ");
        }
    }

    pub fn each(&mut self, values: &[Expr], ty: &Ty) {
        values.iter().for_each(|value| self.value(value, ty));
    }
}
