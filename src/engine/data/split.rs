//! Which split a conversation is in.

use mascot_run::task::{Cut, SplitName};

/// Where the source has no split of its own.
const DEFAULT: Cut = Cut { train: 0.8, val: 0.1, test: 0.1 };

/// The source's own splits; what it lacks is cut from train by digest, so that a row more moves no other. With `cut`,
/// everything is cut anew.
pub fn assign(conversations: &[(Option<SplitName>, [u8; 32])], cut: Option<&Cut>) -> Vec<SplitName> {
    let has = |split| conversations.iter().any(|(own, _)| *own == Some(split));
    let (has_val, has_test) = (has(SplitName::Val), has(SplitName::Test));
    conversations
        .iter()
        .map(|(own, digest)| {
            if let Some(cut) = cut {
                return place(digest, cut.val, cut.test, cut.train + cut.val + cut.test);
            }
            match own {
                Some(SplitName::Val) => SplitName::Val,
                Some(SplitName::Test) => SplitName::Test,
                _ => {
                    let val = if has_val { 0.0 } else { DEFAULT.val };
                    let test = if has_test { 0.0 } else { DEFAULT.test };
                    place(digest, val, test, 1.0)
                }
            }
        })
        .collect()
}

/// The digest as a number in [0, total): test first, then val, the rest is train.
fn place(digest: &[u8; 32], val: f64, test: f64, total: f64) -> SplitName {
    let (head, _) = digest.split_first_chunk::<8>().expect("a digest has 32 bytes");
    let at = u64::from_be_bytes(*head) as f64 / u64::MAX as f64 * total;
    if at < test {
        SplitName::Test
    } else if at < test + val {
        SplitName::Val
    } else {
        SplitName::Train
    }
}
