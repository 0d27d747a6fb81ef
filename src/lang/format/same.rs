//! Whether two trees say the same, wherever they say it.

use crate::source::{Name, Spanned};
use crate::syntax::ast::{
    Arg, Assign, Base, Binder, Block, Body, Entry, Expr, ExprKind, File, ImportName, Item, ItemKind, Segment,
};

pub fn files(a: &File, b: &File) -> bool {
    texts(a.edition.as_ref(), b.edition.as_ref()) && all(&a.items, &b.items, items)
}

fn items(a: &Item, b: &Item) -> bool {
    use ItemKind as K;
    a.doc == b.doc
        && match (&a.kind, &b.kind) {
            (K::Use { path: p, names: n, alias: x }, K::Use { path: q, names: m, alias: y }) => {
                p.value == q.value && all(n, m, imports) && names(x.as_ref(), y.as_ref())
            }
            (
                K::Param { name: n, kind: k, value: v, within: w, about: t },
                K::Param { name: m, kind: l, value: u, within: x, about: s },
            ) => {
                name(n, m)
                    && name(k, l)
                    && exprs(v, u)
                    && both(w.as_ref(), x.as_ref(), exprs)
                    && texts(t.as_ref(), s.as_ref())
            }
            (K::Let { name: n, value: v }, K::Let { name: m, value: u }) => name(n, m) && exprs(v, u),
            (K::Secret { name: n, variable: v }, K::Secret { name: m, variable: u }) => {
                name(n, m) && v.value == u.value
            }
            (
                K::Stage { name: n, kind: k, binder: b, extends: e, body: v },
                K::Stage { name: m, kind: l, binder: c, extends: f, body: u },
            ) => {
                name(n, m)
                    && name(k, l)
                    && both(b.as_ref(), c.as_ref(), binders)
                    && both(e.as_ref(), f.as_ref(), bases)
                    && bodies(v, u)
            }
            (
                K::Block { keyword: k, name: n, title: t, extends: e, body: v },
                K::Block { keyword: l, name: m, title: s, extends: f, body: u },
            ) => {
                name(k, l)
                    && name(n, m)
                    && texts(t.as_ref(), s.as_ref())
                    && both(e.as_ref(), f.as_ref(), bases)
                    && bodies(v, u)
            }
            // What could not be read is not compared: it is never formatted.
            _ => false,
        }
}

fn bases(a: &Base, b: &Base) -> bool {
    name(&a.name, &b.name) && names(a.module.as_ref(), b.module.as_ref())
}

fn imports(a: &ImportName, b: &ImportName) -> bool {
    name(&a.name, &b.name) && names(a.alias.as_ref(), b.alias.as_ref())
}

fn binders(a: &Binder, b: &Binder) -> bool {
    name(&a.variable, &b.variable) && exprs(&a.list, &b.list)
}

fn bodies(a: &Body, b: &Body) -> bool {
    all(&a.entries, &b.entries, entries)
}

fn entries(a: &Entry, b: &Entry) -> bool {
    match (a, b) {
        (Entry::Assign(a), Entry::Assign(b)) => assigns(a, b),
        (Entry::Block(a), Entry::Block(b)) => blocks(a, b),
        (Entry::Gate { condition: c, otherwise: w, .. }, Entry::Gate { condition: d, otherwise: v, .. })
        | (Entry::Skip { condition: c, otherwise: w, .. }, Entry::Skip { condition: d, otherwise: v, .. }) => {
            exprs(c, d) && w.value == v.value
        }
        _ => false,
    }
}

fn assigns(a: &Assign, b: &Assign) -> bool {
    a.op == b.op && all(&a.path, &b.path, segments) && exprs(&a.value, &b.value)
}

fn blocks(a: &Block, b: &Block) -> bool {
    name(&a.keyword, &b.keyword)
        && names(a.name.as_ref(), b.name.as_ref())
        && texts(a.title.as_ref(), b.title.as_ref())
        && both(a.weight.as_ref(), b.weight.as_ref(), exprs)
        && bodies(&a.body, &b.body)
}

fn segments(a: &Segment, b: &Segment) -> bool {
    match (a, b) {
        (Segment::Name(a), Segment::Name(b)) => name(a, b),
        (Segment::Star(_), Segment::Star(_)) => true,
        _ => false,
    }
}

fn exprs(a: &Expr, b: &Expr) -> bool {
    use ExprKind as K;
    match (&a.kind, &b.kind) {
        (K::Number { value: x, unit: u }, K::Number { value: y, unit: v }) => {
            x.to_bits() == y.to_bits() && names(u.as_ref(), v.as_ref())
        }
        (K::String(x), K::String(y)) => x == y,
        (K::Prose { text: x, folded: f }, K::Prose { text: y, folded: g }) => x == y && f == g,
        (K::None, K::None) => true,
        (K::Bool(x), K::Bool(y)) => x == y,
        (K::Path(x), K::Path(y)) => all(x, y, segments),
        (K::Call { name: n, args: x }, K::Call { name: m, args: y }) => name(n, m) && all(x, y, args),
        (K::Field { of: x, name: n }, K::Field { of: y, name: m }) => exprs(x, y) && name(n, m),
        (K::List(x), K::List(y)) => all(x, y, exprs),
        (K::Record(x), K::Record(y)) => all(x, y, assigns),
        (K::Range { low: x, high: h }, K::Range { low: y, high: g }) => exprs(x, y) && exprs(h, g),
        (K::Unary { op: o, of: x }, K::Unary { op: p, of: y }) => o == p && exprs(x, y),
        (K::Binary { op: o, left: l, right: r, .. }, K::Binary { op: p, left: m, right: s, .. }) => {
            o == p && exprs(l, m) && exprs(r, s)
        }
        _ => false,
    }
}

fn args(a: &Arg, b: &Arg) -> bool {
    names(a.name.as_ref(), b.name.as_ref()) && exprs(&a.value, &b.value)
}

fn name(a: &Name, b: &Name) -> bool {
    a.value == b.value
}

fn names(a: Option<&Name>, b: Option<&Name>) -> bool {
    both(a, b, name)
}

fn texts<T: PartialEq>(a: Option<&Spanned<T>>, b: Option<&Spanned<T>>) -> bool {
    both(a, b, |a, b| a.value == b.value)
}

fn both<T>(a: Option<&T>, b: Option<&T>, same: impl Fn(&T, &T) -> bool) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    }
}

fn all<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}
