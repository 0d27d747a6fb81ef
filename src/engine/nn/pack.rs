//! Packs: sequences one after another without padding, completions of one prompt sharing it.

use std::ops::Range;

use crate::kernels::attention::Block;

/// Rows of tokens, in blocks. Inside a block the prompt comes first; each completion sees the prompt and itself, and its
/// positions go on where the prompt ends. Every token of a completion is a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pack {
    ids: Vec<u32>,
    positions: Vec<u32>,
    blocks: Vec<Block>,
    targets: Vec<Target>,
    completions: Vec<Range<usize>>,
    ends: Vec<usize>,
}

/// A token to be predicted: its log-probability is read off the logits of `row`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub row: usize,
    pub id: u32,
}

impl Pack {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a prompt and its completions.
    ///
    /// # Panics
    /// When the prompt is empty: there would be no row to predict a first token from.
    #[must_use]
    pub fn block<C: AsRef<[u32]>>(mut self, prompt: &[u32], completions: &[C]) -> Self {
        self.push(prompt, completions);
        self
    }

    /// As [`Pack::block`], in place.
    ///
    /// # Panics
    /// When the prompt is empty.
    pub fn push<C: AsRef<[u32]>>(&mut self, prompt: &[u32], completions: &[C]) {
        assert!(!prompt.is_empty(), "a block needs a prompt of at least one token; this is a bug in mascot");
        let start = self.ids.len();
        self.ids.extend_from_slice(prompt);
        self.positions.extend(0..prompt.len() as u32);
        let last = self.ids.len() - 1;
        let mut lengths = Vec::with_capacity(completions.len());
        for completion in completions {
            let completion = completion.as_ref();
            let first = self.targets.len();
            for (i, &id) in completion.iter().enumerate() {
                let row = if i == 0 { last } else { self.ids.len() - 1 };
                self.targets.push(Target { row, id });
                self.ids.push(id);
                self.positions.push((prompt.len() + i) as u32);
            }
            self.completions.push(first..self.targets.len());
            self.ends.push(if completion.is_empty() { last } else { self.ids.len() - 1 });
            lengths.push(completion.len());
        }
        self.blocks.push(Block { start, prompt: prompt.len(), completions: lengths });
    }

    /// Tokens, which are rows.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// In the order in which completions were added, token by token.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Which targets belong to which completion, in the order in which completions were added.
    pub fn completions(&self) -> &[Range<usize>] {
        &self.completions
    }

    /// The row of each completion's last token (the prompt's last, if the completion is empty): where a reward is read.
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// Cuts into packs of whole blocks of at most `tokens` tokens each, as far as blocks allow. Targets keep their order.
    pub fn split(&self, tokens: usize) -> Vec<Pack> {
        let mut packs = vec![Pack::new()];
        for block in &self.blocks {
            let rows = block.start..block.start + block.len();
            let last = packs.last().map_or(0, Pack::len);
            if last > 0 && last + rows.len() > tokens {
                packs.push(Pack::new());
            }
            let ids = &self.ids[rows];
            let (prompt, mut rest) = ids.split_at(block.prompt);
            let mut parts = Vec::new();
            for &length in &block.completions {
                let (part, after) = rest.split_at(length);
                parts.push(part);
                rest = after;
            }
            if let Some(pack) = packs.last_mut() {
                pack.push(prompt, &parts);
            }
        }
        packs.retain(|pack| !pack.is_empty());
        packs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_share_their_prompt_and_go_on_from_its_end() {
        let pack = Pack::new().block(&[7, 8], &[vec![1, 2, 3], vec![], vec![4]]).block(&[9], &[[5]]);
        assert_eq!(pack.ids(), [7, 8, 1, 2, 3, 4, 9, 5]);
        assert_eq!(pack.positions(), [0, 1, 2, 3, 4, 2, 0, 1]);
        let rows: Vec<usize> = pack.targets().iter().map(|t| t.row).collect();
        assert_eq!(rows, [1, 2, 3, 1, 6]);
        assert_eq!(pack.completions(), [0..3, 3..3, 3..4, 4..5]);
        assert_eq!(pack.ends(), [4, 1, 5, 7]);
    }

    #[test]
    fn a_split_keeps_blocks_whole_and_targets_in_order() {
        let pack = Pack::new().block(&[7, 8], &[vec![1, 2, 3], vec![4]]).block(&[9], &[[5]]).block(&[1], &[[6]]);
        let parts = pack.split(4);
        assert_eq!(parts.iter().map(Pack::len).collect::<Vec<_>>(), [6, 4]);
        let ids: Vec<u32> = parts.iter().flat_map(|p| p.targets().iter().map(|t| t.id)).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
        assert_eq!(pack.split(100), [pack]);
    }
}
