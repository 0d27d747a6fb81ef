//! Blocks of an entity side by side: examples, criteria, tests, and the gates of stages.

use super::Change;
use super::raw::{Walk, called, words_of_child};
use super::readers;
use super::values::same;
use crate::check::schema::{Class, Kind};
use crate::format::words;
use crate::program::{Child, Entity, EntityKind, Gate};

impl<'a> Walk<'a> {
    /// By what they ask, however it is written; one that is gone is paired with the one that is most like it.
    pub(super) fn gates(&mut self, entity: &Entity, before: &[Gate], after: &[Gate]) {
        for gate in after {
            let like = |old: &&Gate| (&old.text, &old.otherwise) == (&gate.text, &gate.otherwise);
            let asks = |old: &Gate| same(&old.condition, self.a.program, &gate.condition, self.b.program);
            // Its words are the same, and what they name is not: that is told where it stands.
            if let Some(old) = before.iter().find(like).filter(|old| !asks(old)) {
                let (from, to) = (Some(old.text.clone()), Some(gate.text.clone()));
                let change = Change::new(Class::Topology, called(entity), "gate", from, to);
                self.push(change, entity, false, (Some(old.span), Some(gate.span)));
                self.follows(true);
            }
        }
        let alike = |x: &Gate, y: &Gate| {
            let asks = same(&x.condition, self.a.program, &y.condition, self.b.program)
                || self.words_now(&x.text) == words(&y.text);
            x.otherwise == y.otherwise && asks
        };
        // Of those whose words are the same, what they say differs.
        let shown = |gate: &Gate, other: Option<&Gate>| match other {
            Some(other) if self.words_now(&other.text) == self.words_now(&gate.text) => {
                format!("{} else \"{}\"", gate.text, gate.otherwise)
            }
            _ => gate.text.clone(),
        };
        let mut told = Vec::new();
        let mut gone: Vec<&Gate> = before.iter().filter(|x| !after.iter().any(|y| alike(x, y))).collect();
        let come: Vec<&Gate> = after.iter().filter(|y| !before.iter().any(|x| alike(x, y))).collect();
        for gate in come {
            let new = words(&gate.text);
            let shared = |old: &Gate| {
                let old = self.words_now(&old.text);
                let common = old.iter().filter(|word| new.contains(word)).count();
                common as f64 / old.len().max(new.len()).max(1) as f64
            };
            let like =
                (0..gone.len()).map(|at| (shared(gone[at]), at)).max_by(|x, y| x.0.total_cmp(&y.0).then(y.1.cmp(&x.1)));
            let from = like.filter(|(share, _)| *share >= 0.8).map(|(_, at)| gone.remove(at));
            told.push((from.map(|old| shown(old, Some(gate))), Some(shown(gate, from))));
        }
        for (from, to) in told {
            self.plain(entity, &called(entity), "gate", Class::Topology, from, to);
        }
        for gate in gone {
            self.plain(entity, &called(entity), "gate", Class::Topology, Some(gate.text.clone()), None);
        }
    }

    /// Examples, criteria, tests: those that are alike first, then what is left in its order.
    pub(super) fn children(&mut self, before: &'a Entity, after: &'a Entity, kind: Option<&'static Kind>) {
        let alike = |x: &Child, y: &Child| {
            (&x.keyword, &x.name, &x.title, x.weight) == (&y.keyword, &y.name, &y.title, y.weight)
                && x.fields.keys().eq(y.fields.keys())
                && x.fields
                    .iter()
                    .all(|(name, field)| same(&field.value, self.a.program, &y.fields[name].value, self.b.program))
                && x.gates.iter().map(|gate| &gate.text).eq(y.gates.iter().map(|gate| &gate.text))
        };
        let mut gone: Vec<(usize, &Child)> = before.children.iter().enumerate().collect();
        let mut come: Vec<(usize, &Child)> = Vec::new();
        // Where one stood, and where it stands.
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for (at, child) in after.children.iter().enumerate() {
            match gone.iter().position(|(_, one)| alike(one, child)) {
                Some(found) => pairs.push((gone.remove(found).0, at)),
                None => come.push((at, child)),
            }
        }
        let named = called(after);
        for (at, child) in come {
            let number = after.children[..=at].iter().filter(|one| one.keyword == child.keyword).count();
            let label = format!("{} {}", child.keyword, child.name.clone().unwrap_or_else(|| number.to_string()));
            let block = kind.and_then(|kind| kind.child(&child.keyword));
            let class = block.map_or(Class::Topology, |block| self.child_class(after, block.class, &child.keyword));
            let old = gone.iter().position(|(_, one)| one.keyword == child.keyword && one.name == child.name);
            let Some((stood, old)) = old.map(|at| gone.remove(at)) else {
                let text = self.b.files.text(child.span).to_owned();
                let change = Change::new(class, named.clone(), &label, None, Some(text));
                let words = Some((0, words_of_child(child)));
                self.push(Change { words, ..change }, after, true, (None, None));
                continue;
            };
            pairs.push((stood, at));
            if old.title != child.title {
                self.plain(after, &named, &format!("{label}.title"), class, old.title.clone(), child.title.clone());
            }
            if old.weight != child.weight {
                let percent = |weight: Option<f64>| weight.map(|weight| format!("{}%", weight * 100.0));
                self.plain(
                    after,
                    &named,
                    &format!("{label}.weight"),
                    class,
                    percent(old.weight),
                    percent(child.weight),
                );
            }
            let from = self.all.len();
            let attribute = |name: &str| block.and_then(|block| block.fields.iter().find(|field| field.name == name));
            self.fields(after, &named, &label, &old.fields, &child.fields, &attribute);
            for one in &mut self.all[from..] {
                one.change.class = one.change.class.min(class);
            }
            if old.gates.iter().map(|gate| &gate.text).ne(child.gates.iter().map(|gate| &gate.text)) {
                let told = |child: &Child| child.gates.first().map(|gate| gate.text.clone());
                self.plain(after, &named, &format!("{label}.gate"), class, told(old), told(child));
            }
        }
        for (_, child) in gone {
            let block = kind.and_then(|kind| kind.child(&child.keyword));
            let class = block.map_or(Class::Topology, |block| self.child_class(after, block.class, &child.keyword));
            let label = match &child.name {
                Some(name) => format!("{} {name}", child.keyword),
                None => child.keyword.clone(),
            };
            let text = self.a.files.text(child.span).to_owned();
            let change = Change::new(class, named.clone(), &label, Some(text), None);
            let words = Some((words_of_child(child), 0));
            self.push(Change { words, ..change }, after, true, (None, None));
        }
        self.order(before, after, kind, pairs);
    }

    /// A model reads criteria and examples in the order in which they stand; of the `pairs`, where each stood and where it stands.
    fn order(&mut self, before: &Entity, after: &Entity, kind: Option<&'static Kind>, mut pairs: Vec<(usize, usize)>) {
        pairs.sort_by_key(|(_, at)| *at);
        for keyword in ["criterion", "example"] {
            let of = |(_, at): &&(usize, usize)| after.children[*at].keyword == keyword;
            let now: Vec<usize> = pairs.iter().filter(of).map(|(stood, _)| *stood).collect();
            let mut then = now.clone();
            then.sort_unstable();
            let Some(block) = kind.and_then(|kind| kind.child(keyword)).filter(|_| now != then) else { continue };
            // By name, or by the number that it had.
            let label = |at: &usize| {
                let number = before.children[..=*at].iter().filter(|one| one.keyword == keyword).count();
                before.children[*at].name.clone().unwrap_or_else(|| number.to_string())
            };
            let list = |all: &[usize]| Some(all.iter().map(label).collect::<Vec<_>>().join(", "));
            let class = self.child_class(after, block.class, keyword);
            let change = Change::new(class, called(after), keyword, list(&then), list(&now));
            // Those that are inherited stand elsewhere, and are told there.
            let first = |all: &[Child]| all.iter().find(|one| one.keyword == keyword).map(|one| one.span);
            self.push(change, after, true, (first(&before.children), first(&after.children)));
        }
    }

    /// An example that a contrast of an `evaluate` reads is part of the yardstick.
    fn child_class(&self, entity: &Entity, class: Class, keyword: &str) -> Class {
        let is_yardstick = entity.kind == EntityKind::Persona
            && keyword == "example"
            && [self.a.program, self.b.program].iter().any(|program| readers::measures_by(program, &entity.name));
        if is_yardstick { Class::Objective } else { class }
    }
}
