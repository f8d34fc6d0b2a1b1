//! Numbers that look random and are the same in each run (SplitMix64).

/// A source of them.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// One for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to below `end`; 0, where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let wide = u128::from(self.roll()) * u128::try_from(end).unwrap_or(0);
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from 0 to below 1.
    pub fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.roll() >> 32).unwrap_or(0)) / 4_294_967_296.0
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_stay_within_and_differ() {
        let mut dice = Dice::new(1);
        let rolls: Vec<_> = (0..1000).map(|_| dice.below(10)).collect();
        assert!((0..10).all(|number| rolls.contains(&number)) && rolls.iter().all(|roll| *roll < 10));
        assert!((0..1000).all(|_| (0.0..1.0).contains(&dice.share())));
        assert_eq!(dice.below(0), 0);
    }
}
