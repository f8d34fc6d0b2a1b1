//! Numbers from seeds: where all synthetic data comes from, so that two runs of
//! the service give the same answers. Not fit for secrets.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A 64-bit FNV-1a digest of `parts`, each preceded by its length so that
/// `["ab", "c"]` and `["a", "bc"]` differ.
pub fn digest(parts: &[&[u8]]) -> u64 {
    parts.iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| {
        let length = (part.len() as u64).to_le_bytes();
        length
            .iter()
            .chain(*part)
            .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
    })
}

/// A sequence of numbers (splitmix64) that its seed decides.
pub struct Seed(u64);

impl Seed {
    /// The sequence that belongs to `parts`.
    pub fn of(parts: &[&[u8]]) -> Self {
        Self(digest(parts))
    }

    /// A sequence nobody can foretell, from the randomness that seeds the
    /// standard library's maps.
    pub fn random() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    /// The next number of the sequence.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound` − 1; 0 where `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// One of `choices`; none where there are none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let index = self.below(choices.len() as u64);
        choices.get(usize::try_from(index).ok()?)
    }

    /// Puts `values` into an order of the seed's choosing (Fisher–Yates).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            let other = self.below(last as u64 + 1);
            values.swap(last, usize::try_from(other).unwrap_or(last));
        }
    }

    /// `length` bytes as lower-case hexadecimal text.
    pub fn hex(&mut self, length: u64) -> String {
        (0..length).map(|_| format!("{:02x}", self.below(256))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let numbers = |name: &[u8]| {
            let mut seed = Seed::of(&[name]);
            [seed.next(), seed.next(), seed.next()]
        };
        assert_eq!(numbers(b"a"), numbers(b"a"));
        assert_ne!(numbers(b"a"), numbers(b"b"));
        assert_ne!(Seed::random().next(), Seed::random().next());
    }

    #[test]
    fn where_a_part_ends_counts() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
    }

    #[test]
    fn numbers_keep_their_bounds() {
        let mut seed = Seed::of(&[b"bounds"]);
        assert_eq!(seed.below(0), 0);
        assert!((0..1000).all(|_| (3..=5).contains(&seed.between(3, 5))));
        assert_eq!(seed.pick::<u8>(&[]), None);
        assert_eq!(seed.hex(4).len(), 8);
    }

    #[test]
    fn shuffling_keeps_every_value() {
        let mut values: Vec<u32> = (0..50).collect();
        Seed::of(&[b"order"]).shuffle(&mut values);
        assert_ne!(values, (0..50).collect::<Vec<_>>());
        values.sort_unstable();
        assert_eq!(values, (0..50).collect::<Vec<_>>());
    }
}
