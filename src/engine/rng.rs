//! Random numbers as a function of a key and a counter: no state, so what is drawn does not depend on what was drawn before,
//! by whom, or in which order. Every stream is forked by name from the task's seed.
//!
//! The mixing function is SplitMix64's finaliser (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators";
//! constants of Stafford's variant 13), applied twice to key and counter.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A named stream of random numbers, addressed by counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rng {
    key: u64,
}

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self { key: mix(seed ^ 0x6d61_7363_6f74) }
    }

    /// The stream of that name: independent of its parent and its siblings.
    pub fn fork(&self, name: &str) -> Self {
        let mut key = mix(self.key.wrapping_add(GOLDEN));
        for byte in name.bytes() {
            key = mix(key ^ u64::from(byte)).wrapping_add(GOLDEN);
        }
        Self { key: mix(key) }
    }

    /// The stream of that number.
    pub fn at(&self, index: u64) -> Self {
        Self { key: mix(mix(self.key ^ 0x5bd1_e995).wrapping_add(index.wrapping_mul(GOLDEN))) }
    }

    /// The `counter`-th word of this stream.
    pub fn word(&self, counter: u64) -> u64 {
        mix(mix(self.key.wrapping_add(counter.wrapping_mul(GOLDEN))) ^ self.key)
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&self, counter: u64) -> f64 {
        (self.word(counter) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in 0..n, by rejection-free multiplication (bias below n / 2^64).
    ///
    /// # Panics
    /// When `n` is 0.
    pub fn below(&self, counter: u64, n: usize) -> usize {
        assert!(n > 0, "nothing to choose from; this is a bug in mascot");
        ((u128::from(self.word(counter)) * n as u128) >> 64) as usize
    }

    /// Standard normal, by Box and Muller's transform of two words.
    pub fn normal(&self, counter: u64) -> f64 {
        let u = 1.0 - self.uniform(2 * counter);
        let v = self.uniform(2 * counter + 1);
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Fisher and Yates, in place.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64, i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_its_name_and_not_on_what_was_drawn() {
        let rng = Rng::new(1);
        assert_eq!(rng.fork("rollout").word(7), rng.fork("rollout").word(7));
        assert_ne!(rng.fork("rollout").word(7), rng.fork("shuffle").word(7));
        assert_ne!(rng.at(0).word(0), rng.at(1).word(0));
        assert_ne!(Rng::new(1).word(0), Rng::new(2).word(0));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let rng = Rng::new(3).fork("moments");
        let n = 20_000u64;
        let mean = (0..n).map(|i| rng.uniform(i)).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let square = (0..n).map(|i| rng.normal(i).powi(2)).sum::<f64>() / n as f64;
        assert!((square - 1.0).abs() < 0.03, "{square}");
        assert!((0..n).all(|i| rng.below(i, 7) < 7));
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<usize> = (0..50).collect();
        Rng::new(5).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
