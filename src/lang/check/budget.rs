//! How much a program may stand for. A name is as long as what it stands for, a family as large as its crew, an item as long as
//! what it extends: a short text could fill any memory. Ours stay below a tenth of this, and a program of 30 000 lines below a half.

use super::Checker;
use super::diagnostics as say;
use super::val::Val;
use crate::program::EntityId;
use crate::source::Span;

/// Values that names stand for, in all.
const VALUES: usize = 200_000;
/// Values inside each other: what later passes walk by recursion.
const HEIGHT: usize = 200;
/// Rewards that name rewards.
const REWARDS: usize = 50;
/// What one member of a family or one reward in a stage counts, in values.
pub const ITEM: usize = 50;
/// Fields that items take over from what they extend, in all.
pub const INHERITED: usize = 100_000;

/// What is left of it.
#[derive(Debug)]
pub struct Budget {
    left: usize,
    rewards: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: VALUES, rewards: 0 }
    }
}

impl Budget {
    /// From then on every name is unknown, and nothing more is told of it.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }
}

impl Checker<'_> {
    /// A value that a name at `span` stands for, unless that is too much.
    pub fn spend_on(&mut self, val: Val, span: Span) -> Val {
        let mut count = 0;
        let height = measure(&val, &mut count);
        if self.spend(count, span) && height > HEIGHT {
            self.budget.left = 0;
            self.found.add(say::too_much(span));
        }
        if self.budget.is_spent() { Val::Unknown } else { val }
    }

    /// False when it is too much; told the first time.
    pub fn spend(&mut self, count: usize, span: Span) -> bool {
        if self.budget.is_spent() {
            return false;
        }
        self.budget.left = self.budget.left.saturating_sub(count);
        if self.budget.is_spent() {
            self.found.add(say::too_much(span));
        }
        !self.budget.is_spent()
    }

    /// Goes into a reward; false when rewards lead to rewards too often. Each is left by [`Self::leave_reward`].
    pub fn enter_reward(&mut self, reward: EntityId) -> bool {
        let span = self.names.decl(reward).name.span;
        self.budget.rewards += 1;
        if self.spend(ITEM, span) && self.budget.rewards > REWARDS {
            self.budget.left = 0;
            self.found.add(say::too_much(span));
        }
        !self.budget.is_spent()
    }

    pub fn leave_reward(&mut self) {
        self.budget.rewards -= 1;
    }
}

/// Counts the values in a value; how high it is.
fn measure(val: &Val, count: &mut usize) -> usize {
    *count += 1;
    let mut highest = |vals: &mut dyn Iterator<Item = &Val>| vals.map(|val| measure(val, count)).max().unwrap_or(0);
    1 + match val {
        Val::List(vals) | Val::Op { args: vals, .. } => highest(&mut vals.iter()),
        Val::Record(vals) | Val::Call { args: vals, .. } => {
            let height = highest(&mut vals.values());
            // Names as well.
            *count += vals.len();
            height
        }
        Val::Made(of) | Val::Result { of, .. } => {
            *count += of.len();
            0
        }
        Val::Text(text) => {
            *count += text.len() / 64;
            0
        }
        _ => 0,
    }
}
