//! Where a name is declared and used: definition, references, rename. In expressions a name means what the checker took it to mean;
//! headers, imports and the paths of variants and sweeps are added here.

use std::collections::{BTreeMap, BTreeSet};

use super::{Analysis, Led, MAIN, Scope};
use crate::check::layers::text_of;
use crate::check::names::Binding;
use crate::check::uses::Meaning;
use crate::program::{EntityId, EntityKind};
use crate::source::{FileId, Name, Span};
use crate::syntax::ast::{Assign, Base, Block, Body, Entry, Item, ItemKind, Segment};

/// What is declared somewhere, by the place of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Symbol {
    /// An item; a criterion of a rubric; a stage's `for persona`.
    At(Span),
    /// A whole file.
    File(FileId),
}

/// A place where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    pub span: Span,
    pub symbol: Symbol,
    /// The name that the symbol is declared by; not so of an alias, and of `experiment.seed`.
    pub own_name: bool,
}

/// Why something cannot be renamed; for the person who asked.
pub type Unnameable = String;

/// Every name of every file of a program, by place.
pub fn occurrences(analysis: &Analysis) -> Vec<Occurrence> {
    let scope = Scope::new(analysis);
    let mut found = Found { scope: &scope, all: BTreeMap::new() };
    for file in &analysis.checked.tree.files {
        for item in &file.items {
            found.item(file.id, item);
        }
    }
    for (span, meaning) in &analysis.uses {
        found.used(*span, *meaning);
    }
    found.all.into_values().collect()
}

/// The name at a place of the main file.
pub fn at(analysis: &Analysis, offset: usize) -> Option<Occurrence> {
    let offset = offset as u32;
    let touches = |one: &Occurrence| one.span.file == MAIN && one.span.start <= offset && offset <= one.span.end;
    occurrences(analysis).into_iter().find(touches)
}

/// Where what stands at a place is declared: of a path in `use`, the beginning of that file.
pub fn definition(analysis: &Analysis, offset: usize) -> Option<Span> {
    if let Some(found) = at(analysis, offset) {
        return Some(match found.symbol {
            Symbol::At(span) => span,
            Symbol::File(file) => Span::new(file, 0, 0),
        });
    }
    let offset = offset as u32;
    let import = analysis
        .checked
        .tree
        .imports
        .iter()
        .find(|(span, _)| span.file == MAIN && span.start <= offset && offset <= span.end);
    import.map(|(_, file)| Span::new(*file, 0, 0))
}

/// Every place of a symbol, its declaration among them.
pub fn references(analysis: &Analysis, symbol: Symbol) -> Vec<Occurrence> {
    occurrences(analysis).into_iter().filter(|one| one.symbol == symbol).collect()
}

/// The item whose name stands at a span, as messages and hover call it: `persona anchor`.
pub fn declared_at(analysis: &Analysis, span: Span) -> Option<EntityId> {
    let names = analysis.names();
    let found = names.decls.iter().find(|decl| decl.name.span == span);
    found.map(|decl| decl.id)
}

/// The places to be written anew when the name at `from` is changed. An alias is changed in its file alone; the name itself everywhere
/// else that it is said.
///
/// # Errors
/// What stands there has no name that could be changed.
pub fn renamed(analysis: &Analysis, from: Occurrence) -> Result<Vec<Span>, Unnameable> {
    let text = |span: Span| analysis.checked.files.text(span);
    let written = text(from.span);
    let all = references(analysis, from.symbol);
    if !from.own_name {
        let declares_alias =
            all.iter().any(|one| one.span.file == from.span.file && !one.own_name && text(one.span) == written);
        if !declares_alias || written == "experiment" {
            return Err(format!("`{written}` is a word of the language here"));
        }
        let here = |one: &&Occurrence| one.span.file == from.span.file && !one.own_name && text(one.span) == written;
        return Ok(all.iter().filter(here).map(|one| one.span).collect());
    }
    if let Symbol::At(span) = from.symbol {
        let path = &analysis.checked.files.file(span.file).path;
        if path.starts_with("std/") {
            return Err(format!(
                "`{written}` is declared in {path}, which is built in; `use \"{path}\" {{ {written} as … }}` gives it another name here"
            ));
        }
    }
    Ok(all.iter().filter(|one| one.own_name).map(|one| one.span).collect())
}

const RESERVED: [&str; 8] = ["and", "or", "not", "in", "else", "none", "true", "false"];

/// Whether a text can be a name.
pub fn is_name(text: &str) -> bool {
    has_form(text) && !RESERVED.contains(&text)
}

/// Why a text cannot be a name; for the person who wrote it.
pub fn why_no_name(text: &str) -> Option<Unnameable> {
    if RESERVED.contains(&text) {
        return Some(format!("`{text}` is a word of the language: choose another name"));
    }
    (!has_form(text)).then(|| format!("`{text}` is no name: letters, digits and `_`, a letter first"))
}

fn has_form(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
}

struct Found<'f, 's> {
    scope: &'f Scope<'s>,
    all: BTreeMap<Span, Occurrence>,
}

impl Found<'_, '_> {
    fn add(&mut self, span: Span, symbol: Symbol, own_name: bool) {
        self.all.entry(span).or_insert(Occurrence { span, symbol, own_name });
    }

    fn declares(&mut self, name: &Name) {
        self.add(name.span, Symbol::At(name.span), true);
    }

    fn of_item(&mut self, span: Span, id: EntityId) {
        let name = self.scope.names.decl(id).name;
        let own = self.scope.analysis.checked.files.text(span) == name.value;
        self.add(span, Symbol::At(name.span), own);
    }

    /// A name by what it means in a file.
    fn named(&mut self, file: FileId, name: &Name) {
        match self.scope.names.look_up(file, &name.value) {
            Some(Binding::Decl(id)) => self.of_item(name.span, id),
            Some(Binding::Module(module)) => self.add(name.span, Symbol::File(module), false),
            Some(Binding::Faulty) | None => {}
        }
    }

    fn base(&mut self, file: FileId, base: &Base) {
        match &base.module {
            None => self.named(file, &base.name),
            Some(module) => {
                self.named(file, module);
                if let Some(Binding::Decl(id)) = self.scope.names.base(file, base) {
                    self.of_item(base.name.span, id);
                }
            }
        }
    }

    fn item(&mut self, file: FileId, item: &Item) {
        match &item.kind {
            ItemKind::Use { path, names, alias } => self.import(path.span, names, alias.as_ref()),
            ItemKind::Param { name, .. } | ItemKind::Let { name, .. } | ItemKind::Secret { name, .. } => {
                self.declares(name)
            }
            ItemKind::Stage { name, binder, extends, body, .. } => {
                self.declares(name);
                if let Some(binder) = binder {
                    self.declares(&binder.variable);
                }
                extends.iter().for_each(|base| self.base(file, base));
                self.body(file, body);
            }
            ItemKind::Block { keyword, name, extends, body, .. } => {
                self.declares(name);
                extends.iter().for_each(|base| self.base(file, base));
                match keyword.value.as_str() {
                    "variant" => self.paths(file, body),
                    "sweep" => self.sweep(file, body),
                    _ => self.body(file, body),
                }
            }
            ItemKind::Faulty { .. } => {}
        }
    }

    fn import(&mut self, path: Span, names: &[crate::syntax::ast::ImportName], alias: Option<&Name>) {
        let Some(from) = self.scope.analysis.checked.tree.imports.get(&path).copied() else { return };
        if let Some(alias) = alias {
            self.add(alias.span, Symbol::File(from), false);
        }
        for one in names {
            if let Some(Binding::Decl(id)) = self.scope.names.declared_in(from, &one.name.value) {
                self.of_item(one.name.span, id);
                if let Some(alias) = &one.alias {
                    let name = self.scope.names.decl(id).name;
                    self.add(alias.span, Symbol::At(name.span), false);
                }
            }
        }
    }

    fn body(&mut self, file: FileId, body: &Body) {
        for entry in &body.entries {
            if let Entry::Block(block) = entry {
                self.block(file, block);
            }
        }
    }

    /// The paths of a sweep are said once more in its `skip`, where they mean the point's values.
    fn sweep(&mut self, file: FileId, body: &Body) {
        self.body(file, body);
        let axes = body.entries.iter().filter_map(|entry| match entry {
            Entry::Block(block) if matches!(block.keyword.value.as_str(), "grid" | "zip") => Some(&block.body.entries),
            _ => None,
        });
        let paths = axes.flatten().filter_map(|entry| match entry {
            Entry::Assign(assign) => Some(text_of(&assign.path)),
            _ => None,
        });
        let axes: BTreeSet<String> = paths.collect();
        for entry in &body.entries {
            if let Entry::Skip { condition, .. } = entry {
                condition.each_path(&mut |path| {
                    if axes.contains(&text_of(path)) {
                        self.path(file, path);
                    }
                });
            }
        }
    }

    fn block(&mut self, file: FileId, block: &Block) {
        match block.keyword.value.as_str() {
            "criterion" => block.name.iter().for_each(|name| self.declares(name)),
            "grid" | "zip" => self.paths(file, &block.body),
            _ => {}
        }
    }

    /// The paths of a variant or sweep: the item that they change, and the member.
    fn paths(&mut self, file: FileId, body: &Body) {
        for entry in &body.entries {
            if let Entry::Assign(Assign { path, .. }) = entry {
                self.path(file, path);
            }
        }
    }

    fn path(&mut self, file: FileId, path: &[Segment]) {
        let Some(Segment::Name(head)) = path.first() else { return };
        let mut led = match self.scope.names.look_up(file, &head.value) {
            Some(Binding::Decl(id)) => {
                self.of_item(head.span, id);
                Led::Item(id)
            }
            Some(Binding::Module(module)) => {
                self.add(head.span, Symbol::File(module), false);
                Led::Module(module)
            }
            Some(Binding::Faulty) => return,
            None => {
                let experiment = self.scope.names.experiment(file).filter(|_| head.value == "experiment");
                if let Some(id) = experiment {
                    self.of_item(head.span, id);
                }
                return;
            }
        };
        for segment in &path[1..] {
            let step = match segment {
                Segment::Name(name) => name,
                // `crew.*.voice`: what follows is a field.
                Segment::Star(_) => return,
            };
            match led {
                Led::Module(_) | Led::Item(_) => {
                    let member = match led {
                        Led::Item(id) => crate::check::layers::member_named(
                            &self.scope.names,
                            &self.scope.members(id),
                            &step.value,
                            file,
                        ),
                        _ => None,
                    };
                    match (member, self.scope.step(led, &step.value)) {
                        (_, Some(next @ Led::Attribute(_))) => led = next,
                        (Some(member), _) => {
                            self.of_item(step.span, member);
                            return;
                        }
                        (None, Some(next)) => {
                            if let Led::Item(id) = next {
                                self.of_item(step.span, id);
                            }
                            led = next;
                        }
                        (None, None) => return,
                    }
                }
                Led::Each(_) | Led::Attribute(_) => return,
            }
        }
    }

    fn used(&mut self, span: Span, meaning: Meaning) {
        match meaning {
            Meaning::Item(id) => self.of_item(span, id),
            Meaning::Module(file) => self.add(span, Symbol::File(file), false),
            Meaning::Bound => {
                if let Some(variable) = self.variable_around(span) {
                    let own = self.scope.analysis.checked.files.text(span) == variable.value;
                    self.add(span, Symbol::At(variable.span), own);
                }
            }
            Meaning::Criterion(rubric) => {
                let written = self.scope.analysis.checked.files.text(span).to_owned();
                if let Some(name) = self.criterion(rubric, &written) {
                    self.add(span, Symbol::At(name), true);
                }
            }
            Meaning::Part | Meaning::Word => {}
        }
    }

    /// `for persona in …` of the stage that a place is in.
    fn variable_around(&self, span: Span) -> Option<&Name> {
        let inside = |item: Span| item.file == span.file && item.start <= span.start && span.end <= item.end;
        let stages =
            self.scope.names.decls.iter().filter(|decl| decl.kind == EntityKind::Stage && inside(decl.item.span));
        stages.filter_map(|decl| decl.binder()).map(|binder| &binder.variable).next()
    }

    fn criterion(&self, rubric: EntityId, written: &str) -> Option<Span> {
        let body = self.scope.names.decl(rubric).body?;
        body.entries.iter().find_map(|entry| match entry {
            Entry::Block(block) => block.name.as_ref().filter(|name| name.value == written).map(|name| name.span),
            _ => None,
        })
    }
}
