//! Zipf's law: the thing of rank k is asked for in proportion to 1/kˢ, as caches are.

use fastrand::Rng;

/// Ranks from 0 to below some number.
#[derive(Debug)]
pub struct Zipf {
    /// The share of all ranks up to each.
    upto: Vec<f64>,
}

impl Zipf {
    /// The law for so many ranks.
    pub fn new(ranks: usize, skew: f64) -> Self {
        let mut sum = 0.0;
        let weigh = |rank: usize| {
            sum += (rank as f64).powf(skew).recip();
            sum
        };
        let weights: Vec<f64> = (1..=ranks).map(weigh).collect();
        Self { upto: weights.into_iter().map(|weight| weight / sum).collect() }
    }

    /// A rank.
    pub fn roll(&self, dice: &mut Rng) -> usize {
        let share = dice.f64();
        self.upto.partition_point(|upto| *upto <= share).min(self.upto.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_come_as_often_as_the_law_says() {
        let (zipf, mut dice) = (Zipf::new(1000, 1.0), Rng::with_seed(1));
        let mut counts = vec![0_u32; 1000];
        (0..100_000).for_each(|_| counts[zipf.roll(&mut dice)] += 1);
        // The thousandth harmonic number is 7.485.
        assert!((f64::from(counts[0]) - 100_000.0 / 7.485).abs() < 500.0, "{}", counts[0]);
        assert!((f64::from(counts[9]) - 10_000.0 / 7.485).abs() < 200.0, "{}", counts[9]);
        assert!(counts[900..].iter().sum::<u32>() > 1000);
    }
}
