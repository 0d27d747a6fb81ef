//! What may stand at a cursor: keywords, blocks, fields, words of closed sets, calls, units, and names in scope that are of the type.

mod values;

use std::collections::BTreeSet;

use super::cursor::{Cursor, Inside, cursor};
use super::walk::{Fields, Place, Wanted};
use super::{Analysis, Led, MAIN, Scope};
use crate::address;
use crate::check::names::Binding;
use crate::check::schema::calls::MEANINGS;
use crate::check::schema::{self, Attribute, Default, Kind, Target, Ty};
use crate::check::{types, units};
use crate::explain;
use crate::program::{EntityId, EntityKind};
use crate::source::World;
use crate::stdlib;
use crate::syntax::ast::ItemKind;
use crate::syntax::{self, ITEM_KEYWORDS};

/// What is proposed, and what it replaces.
#[derive(Debug, Clone, PartialEq, Eq, std::default::Default)]
pub struct Proposals {
    /// Bytes of the main file.
    pub replaces: (usize, usize),
    pub all: Vec<Proposal>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub label: String,
    pub sort: Sort,
    /// On the line of the proposal.
    pub detail: String,
    /// Markdown.
    pub doc: String,
    /// With places to fill in, as the Language Server Protocol writes a snippet.
    pub insert: String,
}

impl Proposal {
    /// What the line says after it already is not written once more.
    fn fit(&mut self, rest: &str) {
        let rest = rest.trim_start();
        let has_sign = ["=", "+=", "-=", ":"].iter().any(|sign| rest.starts_with(sign)) && !rest.starts_with("==");
        let is_there = match self.sort {
            Sort::Field => has_sign,
            Sort::Call => rest.starts_with('('),
            Sort::Keyword | Sort::Block => !rest.is_empty() && !rest.starts_with(['}', '#', ';', ',']),
            _ => false,
        };
        if is_there {
            self.insert = escaped(&self.label);
        }
    }
}

/// What kind of thing is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    Field,
    Name(EntityKind),
    Module,
    Result,
    Word,
    Unit,
    Call,
    Keyword,
    Block,
    Kind,
    File,
    Constant,
}

/// Proposals for a place of the main file.
pub fn complete(analysis: &Analysis, world: &dyn World, offset: usize) -> Proposals {
    let scope = Scope::new(analysis);
    let resolve = |path: &str| scope.attribute_at(path);
    let at = cursor(analysis.text(), offset, &resolve);
    let mut propose = Propose { scope: &scope, world, at: &at, all: Vec::new() };
    propose.place();
    let mut seen = BTreeSet::new();
    let mut all: Vec<Proposal> = propose.all.into_iter().filter(|one| seen.insert(one.label.clone())).collect();
    let text = analysis.text();
    let rest = text[at.word.1..].lines().next().unwrap_or_default();
    all.iter_mut().for_each(|one| one.fit(rest));
    Proposals { replaces: at.word, all }
}

struct Propose<'p, 's> {
    scope: &'p Scope<'s>,
    world: &'p dyn World,
    at: &'p Cursor<'p>,
    all: Vec<Proposal>,
}

impl Propose<'_, '_> {
    fn place(&mut self) {
        match self.at.inside {
            Inside::Comment => return,
            Inside::Text => return self.inside_text(),
            Inside::Slot => return self.slots(),
            Inside::Code => {}
        }
        match (&self.at.place, self.at.path) {
            // `delta(a, b).|`
            (_, Some("")) => self.bounds(),
            (Place::Value(wanted), Some(path)) => self.parts(path, Some(wanted)),
            (Place::Path, Some(path)) => self.parts(path, None),
            (Place::Entry(fields), Some(path)) => {
                // `kl.beta`: a part of a field.
                if let Some(attribute) = fields.attribute(path) {
                    self.attributes(inside_of(attribute), " = ");
                }
            }
            (_, Some(_)) => {}
            (Place::Nowhere, None) => {}
            (Place::Item, None) => self.items(),
            (Place::Words(words), None) => self.words(words),
            (Place::ParamType, None) => self.param_types(),
            (Place::StageKind, None) => schema::stages::ALL.iter().for_each(|kind| self.kind(kind)),
            (Place::ImportPath, None) => self.files(),
            (Place::Import(path), None) => self.imports(path),
            (Place::Base(kind), None) => {
                let own = self.own();
                self.names(&|scope, id| scope.kind_of(id).is_some_and(|one| one.name == kind.name) && own != Some(id));
            }
            (Place::Entry(fields), None) => self.entry(*fields),
            (Place::Path, None) => self.path_heads(),
            (Place::Value(wanted), None) => self.value(wanted),
            (Place::Unit(dims, words), None) => {
                self.units(dims);
                self.words(words);
            }
        }
        if self.at.at_margin && self.at.inside == Inside::Code {
            self.items();
        }
    }

    fn push(&mut self, sort: Sort, label: &str, detail: &str, doc: &str, insert: String) {
        let (label, detail, doc) = (label.to_owned(), detail.to_owned(), doc.to_owned());
        self.all.push(Proposal { label, sort, detail, doc, insert });
    }

    fn plain(&mut self, sort: Sort, label: &str, detail: &str, doc: &str) {
        self.push(sort, label, detail, doc, escaped(label));
    }

    /// Whether a list says it already.
    fn is_said(&self, label: &str) -> bool {
        let Some(path) = self.at.path.filter(|path| !path.is_empty()) else {
            return (self.at.in_list || self.at.place == Place::Path) && self.at.written.contains(&label);
        };
        let whole = format!("{path}.{label}");
        (self.at.in_list || self.at.place == Place::Path) && self.at.written.contains(&whole.as_str())
    }

    /// The item that is being written: what is made of itself goes round in a circle.
    fn own(&self) -> Option<EntityId> {
        match self.scope.names.declared_in(MAIN, self.at.head.name)? {
            Binding::Decl(id) => Some(id),
            _ => None,
        }
    }

    /// The persona of `for persona in …`, where it is known by that.
    fn bound(&self) -> Option<&str> {
        self.at.head.variable.filter(|_| self.at.in_body)
    }

    /// All the slots that there are.
    fn slots(&mut self) {
        let rest = &self.scope.analysis.text()[self.at.word.1..];
        let missing = 2 - rest.bytes().take(2).take_while(|byte| *byte == b'}').count();
        for (slot, what) in [("char", "the name of who speaks"), ("user", "the name of who is spoken to")] {
            self.push(Sort::Constant, slot, what, "", format!("{slot}{}", "\\}".repeat(missing)));
        }
    }

    fn words(&mut self, words: &[&str]) {
        for word in words {
            self.plain(Sort::Keyword, word, "", "");
        }
    }

    fn items(&mut self) {
        let text = self.scope.analysis.text();
        let is_first = text[..self.at.word.0].lines().all(|line| line.trim().is_empty() || line.starts_with('#'));
        if is_first && self.scope.analysis.checked.tree.files.first().is_some_and(|file| file.edition.is_none()) {
            self.push(Sort::Keyword, "masc 1", "the edition: every file begins with it", "", "masc 1\n".to_owned());
        }
        let has_experiment = self.scope.names.experiment(MAIN).is_some();
        for keyword in ITEM_KEYWORDS.into_iter().filter(|keyword| !has_experiment || *keyword != "experiment") {
            let kind = schema::item(keyword);
            let doc = kind.map_or_else(
                || explain::explain(keyword).map_or(String::new(), |told| told.text),
                |kind| kind.doc.to_owned(),
            );
            let form = match keyword {
                "use" => "use \"${1:./companions.masc}\" { ${2:name} }".to_owned(),
                "param" => "param ${1:name}: ${2:int} = ${3:1}".to_owned(),
                "let" => "let ${1:name} = ${2:value}".to_owned(),
                "secret" => "secret ${1:name} from env \"${2:VARIABLE}\"".to_owned(),
                "stage" => "stage ${1:name} = ${2:sft} {\n  $0\n}".to_owned(),
                "persona" | "rubric" | "experiment" => format!("{keyword} ${{1:name}} \"${{2:Title}}\" {{\n  $0\n}}"),
                _ => format!("{keyword} ${{1:name}} {{\n  {}$0\n}}", kind.map_or(String::new(), required)),
            };
            self.push(Sort::Keyword, keyword, "item", &doc, form);
        }
    }

    fn param_types(&mut self) {
        for word in ["int", "float", "text", "bool", "fraction", "tokens", "seconds", "bytes"] {
            self.plain(Sort::Kind, word, "", "");
        }
        for unit in units::UNITS.iter().filter(|unit| unit.name != "%") {
            self.plain(Sort::Unit, unit.name, units::phrase(unit.dim), "");
        }
    }

    fn kind(&mut self, kind: &'static Kind) {
        let text = explain::of_kind(kind);
        self.plain(Sort::Kind, kind.name, kind.doc, &text);
    }

    fn files(&mut self) {
        for (name, what) in self.importable() {
            self.push(Sort::File, &name, what, "", format!("\"{}\"", escaped(&name)));
        }
    }

    /// What `use` could name: files of the project, and those of the library.
    fn importable(&self) -> Vec<(String, &'static str)> {
        let main = &self.scope.analysis.checked.files.file(MAIN).path;
        let others = self.world.at_hand().into_iter().filter(|path| path != main);
        let own = others.map(|path| (address::between(main, &path), "file"));
        // The nearest first.
        let mut own: Vec<(String, &str)> = own.collect();
        own.sort_by_key(|(path, _)| path.matches("../").count());
        own.into_iter().chain(stdlib::names().iter().map(|name| ((*name).to_owned(), "standard library"))).collect()
    }

    /// Names that another file declares and this one does not import yet.
    /// A `use` that is being written was not followed, so the file is read here.
    fn imports(&mut self, path: &str) {
        let files = &self.scope.analysis.checked.files;
        let Ok(resolved) = address::resolve(&files.file(MAIN).path, path) else { return };
        let known = files.find(&resolved).map(|file| files.file(file).text.clone());
        let library = resolved.strip_prefix("std/").and_then(stdlib::text).map(str::to_owned);
        let Some(text) = known.or(library).or_else(|| self.world.source(&resolved).ok()) else { return };
        let (file, _) = syntax::parse(MAIN, &text);
        for item in &file.items {
            let (name, detail, kind) = match &item.kind {
                ItemKind::Param { name, .. } => (name, "param".to_owned(), EntityKind::Param),
                ItemKind::Let { name, .. } => (name, "let".to_owned(), EntityKind::Let),
                ItemKind::Secret { name, .. } => (name, "secret".to_owned(), EntityKind::Secret),
                ItemKind::Stage { name, kind, .. } => (name, format!("stage = {}", kind.value), EntityKind::Stage),
                ItemKind::Block { keyword, name, title, .. } => {
                    let Some(kind) = schema::item(&keyword.value) else { continue };
                    let title = title.as_ref().map_or(String::new(), |title| format!(" \"{}\"", title.value));
                    (name, format!("{}{title}", keyword.value), kind.entity)
                }
                ItemKind::Use { .. } | ItemKind::Faulty { .. } => continue,
            };
            if !self.is_said(&name.value) {
                self.plain(Sort::Name(kind), &name.value, &detail, item.doc.as_deref().unwrap_or_default());
            }
        }
    }

    // ---- entries -------------------------------------------------------------------------------------------------------

    fn entry(&mut self, fields: Fields) {
        self.attributes(fields.all(), " = ");
        match fields {
            Fields::Item(kind) => {
                let children = kind.children.iter().map(|child| child.keyword).collect::<Vec<_>>();
                let more: &[&str] = if kind.entity == EntityKind::Sweep { &["grid", "zip"] } else { &[] };
                for word in children.iter().chain(more) {
                    self.block(word);
                }
                if kind.gates {
                    self.push(Sort::Keyword, "gate", "a condition that stops what depends on it", "", GATE.to_owned());
                }
                if kind.entity == EntityKind::Sweep {
                    self.push(
                        Sort::Keyword,
                        "skip",
                        "points to leave out",
                        "",
                        "skip ${1:condition} else \"${2:why}\"".to_owned(),
                    );
                }
            }
            Fields::Child(child) if child.gates => {
                self.push(Sort::Keyword, "gate", "what must hold of the answer", "", GATE.to_owned());
            }
            Fields::Map => {
                for word in MEANINGS {
                    self.push(Sort::Field, word, "a column's meaning", "", format!("{word} = \"${{1:column}}\""));
                }
            }
            _ => {}
        }
    }

    fn block(&mut self, word: &str) {
        let Some(child) = schema::items::CHILDREN.iter().find(|child| child.keyword == word) else { return };
        let insert = match word {
            "example" => "example { given = \"${1:what is said}\"; says = \"${2:the answer}\" }",
            "criterion" => "criterion ${1:name} \"${2:Title}\" ${3:100}% {\n  low = \"$4\"\n  high = \"$5\"\n}",
            "test" => {
                "test \"${1:title}\" {\n  given = \"${2:what is said}\"\n  gate ${3:condition} else \"${4:why}\"\n}"
            }
            "executor" => "executor ${1:local} {\n  $0\n}",
            _ => "",
        };
        let insert = if insert.is_empty() { format!("{word} {{\n  $0\n}}") } else { insert.to_owned() };
        self.push(Sort::Block, word, "block", child.doc, insert);
    }

    fn attributes(&mut self, attributes: &'static [Attribute], sign: &str) {
        for attribute in attributes.iter().filter(|one| !self.at.written.contains(&one.name)) {
            let detail = types::wanted(&attribute.ty);
            let doc = explain::of_attribute(attribute);
            self.push(Sort::Field, attribute.name, &detail, &doc, format!("{}{sign}", attribute.name));
        }
    }

    // ---- paths ---------------------------------------------------------------------------------------------------------

    fn path_heads(&mut self) {
        let is_changed =
            |kind: EntityKind| !matches!(kind, EntityKind::Variant | EntityKind::Sweep | EntityKind::Secret);
        self.names(&|scope, id| is_changed(scope.names.decl(id).kind));
        if self.scope.names.experiment(MAIN).is_some() {
            self.plain(Sort::Keyword, "experiment", "", "");
        }
    }

    /// After a point. `wanted`: of which type, when it is a value and not the path of one.
    fn parts(&mut self, path: &str, wanted: Option<&Wanted>) {
        let steps: Vec<&str> = path.split('.').collect();
        let bound = self.bound().into_iter().chain(Some("persona").filter(|_| self.at.head.keyword == "reward"));
        let variable = bound.into_iter().find(|variable| *variable == steps[0]);
        let conditional =
            wanted.is_some_and(|wanted| wanted.types.iter().any(|ty| matches!(ty, Ty::Condition | Ty::Any)));
        match self.scope.follow(&steps, variable) {
            Some(Led::Module(file)) => {
                let names: Vec<&str> = self.scope.names.own_names(file).collect();
                for name in names {
                    if let Some(Binding::Decl(id)) = self.scope.names.declared_in(file, name) {
                        self.name(name, id);
                    }
                }
            }
            Some(Led::Each(one)) => match wanted.filter(|_| !conditional) {
                Some(wanted) => self.fields_that_fit(one, wanted),
                None => self.fields_of(one),
            },
            Some(Led::Attribute(attribute)) => self.attributes(inside_of(attribute), ""),
            Some(Led::Item(id)) => {
                let decl = *self.scope.names.decl(id);
                let members = self.scope.members(id);
                // What a variant or sweep changes is a field: of a family's member, or of one of a list.
                let changes = wanted.is_none();
                let is_member = decl.kind == EntityKind::Stage && steps.last() != Some(&decl.name.value.as_str());
                let has_parts =
                    !is_member && matches!(decl.kind, EntityKind::Stage | EntityKind::Let | EntityKind::Param);
                for member in members.iter().filter(|_| !is_member && (has_parts || !changes)) {
                    let name = self.scope.names.decl(*member).name.value.clone();
                    self.name(&name, *member);
                }
                if !members.is_empty() && decl.kind != EntityKind::Judge && !is_member && (has_parts || !changes) {
                    self.plain(Sort::Constant, "*", "all of them", "");
                }
                if decl.kind == EntityKind::Dataset && !changes {
                    for split in ["train", "val", "test"] {
                        self.plain(Sort::Result, split, "a split", "");
                    }
                }
                // What a stage reports: of a gate, and where a curve is drawn.
                if let Some(kind) = decl.schema.filter(|_| conditional || wants_curve(wanted)) {
                    self.results(kind);
                }
                if conditional || wanted.is_none_or(|wanted| !is_reference(wanted)) {
                    self.fields_of(id);
                }
            }
            None => {
                // A result: `rm.held_out_accuracy.low`.
                if conditional && steps.len() > 1 {
                    self.bounds();
                }
            }
        }
    }

    fn bounds(&mut self) {
        for word in ["low", "high", "mean"] {
            self.plain(Sort::Result, word, "of an interval", "");
        }
    }

    fn results(&mut self, kind: &'static Kind) {
        for result in kind.results {
            self.plain(Sort::Result, result.name, if result.curve { "a curve" } else { "a number" }, result.doc);
        }
    }

    fn fields_of(&mut self, id: EntityId) {
        if let Some(kind) = self.scope.kind_of(id) {
            for field in kind.fields.iter().filter(|field| !self.is_said(field.name)).collect::<Vec<_>>() {
                self.plain(Sort::Field, field.name, &types::wanted(&field.ty), &explain::of_attribute(field));
            }
        }
    }

    // ---- names ---------------------------------------------------------------------------------------------------------

    fn ids(&self) -> Vec<(String, EntityId)> {
        let names = &self.scope.names;
        names
            .in_scope(MAIN)
            .filter_map(|name| match names.look_up(MAIN, name)? {
                Binding::Decl(id) => Some((name.to_owned(), id)),
                _ => None,
            })
            .collect()
    }

    /// Names in scope that are wanted, and the modules in which one is.
    fn names(&mut self, wanted: &dyn Fn(&Scope<'_>, EntityId) -> bool) {
        for (name, id) in self.ids() {
            if wanted(self.scope, id) && !self.is_said(&name) {
                self.name(&name, id);
            }
        }
        let names = &self.scope.names;
        let modules: Vec<String> = names
            .in_scope(MAIN)
            .filter(|name| match names.look_up(MAIN, name) {
                Some(Binding::Module(file)) => names.own_names(file).any(|own| match names.declared_in(file, own) {
                    Some(Binding::Decl(id)) => wanted(self.scope, id),
                    _ => false,
                }),
                _ => false,
            })
            .map(str::to_owned)
            .collect();
        for name in modules {
            self.plain(Sort::Module, &name, "a file", "");
        }
    }

    fn name(&mut self, name: &str, id: EntityId) {
        let decl = *self.scope.names.decl(id);
        let title = match &decl.item.kind {
            ItemKind::Block { title: Some(title), .. } => format!(" \"{}\"", title.value),
            ItemKind::Stage { kind, .. } => format!(" = {}", kind.value),
            _ => String::new(),
        };
        let doc = decl.item.doc.clone().unwrap_or_default();
        self.plain(Sort::Name(decl.kind), name, &format!("{}{title}", decl.kind.keyword()), &doc);
    }

    /// The text between its quotes.
    fn inside_text(&mut self) {
        match &self.at.place {
            Place::ImportPath => {
                self.importable().iter().for_each(|(name, what)| self.plain(Sort::File, name, what, ""));
            }
            Place::Value(wanted) => {
                for ty in &wanted.types {
                    if let Ty::TextOf(words) = ty {
                        words.iter().for_each(|word| self.plain(Sort::Word, word, "", ""));
                    }
                }
            }
            _ => {}
        }
    }
}

const GATE: &str = "gate ${1:condition} else \"${2:why}\"";

/// What a snippet would read as its own signs.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('$', "\\$").replace('}', "\\}")
}

/// Required fields, to be filled in.
fn required(kind: &'static Kind) -> String {
    let first = kind.fields.iter().find(|field| field.default == Default::Required);
    first.map_or(String::new(), |field| format!("{} = ", field.name))
}

/// What may be said below an attribute: fields of its record, arguments of its call.
fn inside_of(attribute: &'static Attribute) -> &'static [Attribute] {
    let all = super::walk::alternatives(&attribute.ty);
    let found = all.into_iter().find_map(|ty| match ty {
        Ty::Record(record) => Some(record.fields),
        Ty::Call([one]) => Some(one.args),
        _ => None,
    });
    found.unwrap_or(&[])
}

fn is_reference(wanted: &Wanted) -> bool {
    wanted.types.iter().all(|ty| matches!(ty, Ty::Ref(_) | Ty::Score | Ty::Call(_)))
}

fn wants_curve(wanted: Option<&Wanted>) -> bool {
    let is_curve = |ty: &Ty| matches!(ty, Ty::Ref(targets) if targets.contains(&Target::Curve));
    wanted.is_some_and(|wanted| wanted.types.iter().any(is_curve))
}
