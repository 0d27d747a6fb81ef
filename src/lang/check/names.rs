//! Pass 1: what each file declares and what each name in it means.
//!
//! One namespace a file, for all kinds of items; names of calls are not in it. May use: `syntax::ast`, `program`, the schema.
//! Deliberately absent: values. Whether a path's second segment exists is `paths.rs`'s question.

use std::collections::BTreeMap;

use super::diagnostics as say;
use super::load::Tree;
use super::schema::{self, Kind};
use super::sink::Sink;
use crate::program::{EntityId, EntityKind};
use crate::source::{FileId, Name, SourceMap, Span};
use crate::syntax::ast::{Base, Body, Expr, Item, ItemKind};
use crate::syntax::nearest;

/// A declared item.
#[derive(Debug, Clone, Copy)]
pub struct Decl<'t> {
    pub id: EntityId,
    pub file: FileId,
    pub item: &'t Item,
    pub name: &'t Name,
    pub kind: EntityKind,
    /// What its attributes are; `None` of params, lets and secrets, and of a stage whose kind is not known.
    pub schema: Option<&'static Kind>,
    pub extends: Option<&'t Base>,
    pub body: Option<&'t Body>,
}

impl<'t> Decl<'t> {
    /// Its header is not what it was meant to be: which base it has, say, nobody knows.
    pub fn header_is_faulty(&self) -> bool {
        let guessed = match &self.item.kind {
            ItemKind::Stage { kind, .. } => schema::stage(&kind.value).is_none(),
            _ => false,
        };
        guessed || self.body.is_some_and(|body| body.is_under_faulty_header(self.item.header))
    }

    /// The expression of a param or a let.
    pub fn value(&self) -> Option<&'t Expr> {
        match &self.item.kind {
            ItemKind::Let { value, .. } | ItemKind::Param { value, .. } => Some(value),
            _ => None,
        }
    }

    /// `for persona in crew`.
    pub fn binder(&self) -> Option<&'t crate::syntax::ast::Binder> {
        match &self.item.kind {
            ItemKind::Stage { binder, .. } => binder.as_ref(),
            _ => None,
        }
    }
}

/// What a name means in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    Decl(EntityId),
    /// A whole file, `use "…" as rubrics`.
    Module(FileId),
    /// Declared by something that could not be read.
    Faulty,
}

#[derive(Debug, Default)]
pub struct Names<'t> {
    pub decls: Vec<Decl<'t>>,
    /// By file: everything that may be said in it.
    scopes: Vec<BTreeMap<&'t str, (Binding, Span)>>,
    /// By file: what it declares itself, and so what others may import.
    own: Vec<BTreeMap<&'t str, Binding>>,
    /// By file: of what is imported under another name, that name by its own.
    aliases: Vec<BTreeMap<&'t str, &'t str>>,
    /// By file.
    experiments: Vec<Option<EntityId>>,
}

impl<'t> Names<'t> {
    pub fn decl(&self, id: EntityId) -> &Decl<'t> {
        &self.decls[id.0 as usize]
    }

    pub fn look_up(&self, file: FileId, name: &str) -> Option<Binding> {
        self.scopes[file.0 as usize].get(name).map(|(binding, _)| *binding)
    }

    /// What a file declares under this name, for `rubrics.synergy`.
    pub fn declared_in(&self, file: FileId, name: &str) -> Option<Binding> {
        self.own[file.0 as usize].get(name).copied()
    }

    /// What `base` means in a file.
    pub fn base(&self, file: FileId, base: &Base) -> Option<Binding> {
        match &base.module {
            None => self.look_up(file, &base.name.value),
            Some(module) => match self.look_up(file, &module.value)? {
                Binding::Module(other) => self.declared_in(other, &base.name.value),
                Binding::Faulty => Some(Binding::Faulty),
                Binding::Decl(_) => None,
            },
        }
    }

    /// By which name a file says what is called so where it is declared.
    pub fn imported_as(&self, file: FileId, name: &str) -> Option<&'t str> {
        self.aliases[file.0 as usize].get(name).copied()
    }

    /// Names that may be said in a file.
    pub fn in_scope(&self, file: FileId) -> impl Iterator<Item = &'t str> {
        self.scopes[file.0 as usize].keys().copied()
    }

    /// The same to suggest from; nothing once so much is wrong that nobody reads suggestions, as looking for them takes its time.
    pub fn known_in(&self, file: FileId, found: &Sink) -> Vec<&'t str> {
        let many = found.len() > MANY || !found.may_suggest(self.scopes[file.0 as usize].len());
        if many { Vec::new() } else { self.in_scope(file).collect() }
    }

    pub fn own_names(&self, file: FileId) -> impl Iterator<Item = &'t str> {
        self.own[file.0 as usize].keys().copied()
    }

    pub fn experiment(&self, file: FileId) -> Option<EntityId> {
        self.experiments[file.0 as usize]
    }
}

/// More diagnostics than a file is told of.
const MANY: usize = 100;

/// Declares every item of every file, then binds imports.
pub fn declare<'t>(tree: &'t Tree, files: &SourceMap, found: &mut Sink) -> Names<'t> {
    let mut names = Names::default();
    for file in &tree.files {
        let mut own = BTreeMap::new();
        let mut places: BTreeMap<&'t str, (Binding, Span)> = BTreeMap::new();
        let mut experiment = None;
        for item in &file.items {
            for (name, binding) in names.enter(file.id, item, found) {
                if let Binding::Decl(id) = binding
                    && names.decl(id).kind == EntityKind::Experiment
                {
                    experiment.get_or_insert(id);
                }
                insert(&mut places, name, binding, found);
                own.entry(name.value.as_str()).or_insert(binding);
            }
        }
        names.own.push(own);
        names.scopes.push(places);
        names.aliases.push(BTreeMap::new());
        names.experiments.push(experiment);
    }
    let mut meant = Vec::new();
    for file in &tree.files {
        for item in &file.items {
            names.import(tree, files, file.id, item, &mut meant, found);
        }
    }
    for file in &tree.files {
        names.loops(file.id, &file.items, found);
    }
    // Whoever uses the name that was meant is not told of it again.
    for (file, name, span) in meant {
        names.scopes[file.0 as usize].entry(name).or_insert((Binding::Faulty, span));
    }
    names
}

fn insert<'t>(places: &mut BTreeMap<&'t str, (Binding, Span)>, name: &'t Name, binding: Binding, found: &mut Sink) {
    match places.get(name.value.as_str()) {
        None => {
            places.insert(&name.value, (binding, name.span));
        }
        // Of a name that something unreadable declares too nobody knows which is meant.
        Some((Binding::Faulty, _)) => {}
        Some(_) if binding == Binding::Faulty => {}
        // The same place: an item that says its name in two ways.
        Some((_, before)) if *before == name.span => {}
        // Imports are bound after declarations, wherever they stand.
        Some((_, other)) => {
            let first = if *other < name.span { *other } else { name.span };
            let second = if first == name.span { *other } else { name.span };
            found.add(say::name_twice(&Name { value: name.value.clone(), span: second }, first));
        }
    }
}

impl<'t> Names<'t> {
    fn enter(&mut self, file: FileId, item: &'t Item, found: &mut Sink) -> Vec<(&'t Name, Binding)> {
        let (name, kind, schema, extends, body) = match &item.kind {
            ItemKind::Use { .. } => return Vec::new(),
            ItemKind::Faulty { declares } => {
                return declares.iter().map(|name| (name, Binding::Faulty)).collect();
            }
            ItemKind::Param { name, .. } => (name, EntityKind::Param, None, None, None),
            ItemKind::Let { name, .. } => (name, EntityKind::Let, None, None, None),
            ItemKind::Secret { name, .. } => (name, EntityKind::Secret, None, None, None),
            ItemKind::Stage { name, kind, extends, body, .. } => {
                let known = schema::stages::ALL.iter().map(|kind| kind.name);
                let schema = schema::stage(&kind.value).or_else(|| {
                    found.add(say::unknown_stage_kind(kind));
                    // Its entries are held against the kind that was meant.
                    nearest(&kind.value, known).and_then(schema::stage)
                });
                (name, EntityKind::Stage, schema, extends.as_ref(), Some(body))
            }
            ItemKind::Block { keyword, name, extends, body, .. } => match schema::item(&keyword.value) {
                Some(schema) => (name, schema.entity, Some(schema), extends.as_ref(), Some(body)),
                // The parser knows the same keywords, and has told of others.
                None => return vec![(name, Binding::Faulty)],
            },
        };
        let id = EntityId(self.decls.len() as u32);
        self.decls.push(Decl { id, file, item, name, kind, schema, extends, body });
        vec![(name, Binding::Decl(id))]
    }

    /// The variable of `for persona in crew` is a name of its file too: one that hid another would say two things in one stage.
    fn loops(&self, file: FileId, items: &'t [Item], found: &mut Sink) {
        for item in items {
            let ItemKind::Stage { binder: Some(binder), body, .. } = &item.kind else { continue };
            let variable = &binder.variable;
            // Of a header that is not read, what was taken for a variable may be the list.
            if body.is_under_faulty_header(item.header) {
                continue;
            }
            if let Some((binding, first)) = self.scopes[file.0 as usize].get(variable.value.as_str())
                && *binding != Binding::Faulty
            {
                let (second, first) =
                    if *first < variable.span { (variable.span, *first) } else { (*first, variable.span) };
                found.add(say::name_twice(&Name { value: variable.value.clone(), span: second }, first));
            }
        }
    }

    /// `meant`: names that an import was near to.
    fn import(
        &mut self,
        tree: &'t Tree,
        files: &SourceMap,
        file: FileId,
        item: &'t Item,
        meant: &mut Vec<(FileId, &'t str, Span)>,
        found: &mut Sink,
    ) {
        let ItemKind::Use { path, names, alias } = &item.kind else { return };
        let from = tree.imports.get(&path.span).copied();
        let here = file.0 as usize;
        if let Some(alias) = alias {
            let binding = from.map_or(Binding::Faulty, Binding::Module);
            insert(&mut self.scopes[here], alias, binding, found);
        }
        for one in names {
            let visible = one.alias.as_ref().unwrap_or(&one.name);
            let binding = match from {
                None => Binding::Faulty,
                // Told as a circle.
                Some(from) if from == file => Binding::Faulty,
                Some(from) => match self.declared_in(from, &one.name.value) {
                    Some(binding) => binding,
                    None => {
                        let known = if found.len() > MANY { Vec::new() } else { self.own_names(from).collect() };
                        found.add(say::not_declared_there(&one.name, &files.file(from).path, &known));
                        let near = nearest(&one.name.value, known.iter().copied());
                        meant.extend(near.filter(|_| one.alias.is_none()).map(|near| (file, near, one.name.span)));
                        Binding::Faulty
                    }
                },
            };
            if let Some(alias) = &one.alias {
                self.aliases[here].insert(&one.name.value, &alias.value);
            }
            insert(&mut self.scopes[here], visible, binding, found);
        }
    }
}
