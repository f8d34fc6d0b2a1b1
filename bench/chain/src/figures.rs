//! What a phase amounts to.

use std::time::Duration;

use serde_json::{Value, json};

use crate::load::{Record, Tier};

/// Times, the shortest first.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Those of the records that are chosen.
    pub fn of(records: &[Record], chosen: impl Fn(&Record) -> bool) -> Self {
        let mut all: Vec<_> = records.iter().filter(|record| chosen(record)).map(|record| record.took).collect();
        all.sort_unstable();
        Self(all)
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Of a thousand, so many are not longer: milliseconds. 0 where there are none.
    pub fn ms(&self, thousandths: usize) -> f64 {
        let place = (self.0.len() * thousandths).div_ceil(1000).saturating_sub(1);
        self.0.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let [p50, p95, p99] = [500, 950, 990].map(|share| crate::report::round(self.ms(share)));
        json!({ "count": self.count(), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99 })
    }
}

/// The figures of a phase.
#[derive(Clone, Debug)]
pub struct Figures {
    /// All answers.
    pub all: Times,
    /// By tier.
    pub tiers: [(Tier, Times); 5],
    /// How much later than planned they were asked: of a hundred, 99 not more, in milliseconds.
    pub late_ms: f64,
}

impl Figures {
    /// Of these answers.
    pub fn of(records: &[Record]) -> Self {
        let tiers = [Tier::L1, Tier::L2, Tier::Collapsed, Tier::Service, Tier::Never];
        let late: Vec<_> = records.iter().map(|record| Record { took: record.late, ..*record }).collect();
        Self {
            all: Times::of(records, |_| true),
            tiers: tiers.map(|tier| (tier, Times::of(records, |record| record.tier == tier))),
            late_ms: Times::of(&late, |_| true).ms(990),
        }
    }

    /// The times of a tier.
    pub fn tier(&self, tier: Tier) -> Times {
        self.tiers.iter().find(|(known, _)| *known == tier).map(|(_, times)| times.clone()).unwrap_or_default()
    }

    /// How many a tier answered.
    pub fn count(&self, tier: Tier) -> f64 {
        self.tier(tier).count() as f64
    }

    /// How many a rule was for.
    pub fn cached(&self) -> f64 {
        self.all.count() as f64 - self.count(Tier::Never)
    }

    /// How many of them L1 answered, in percent.
    pub fn l1(&self) -> f64 {
        percent(self.count(Tier::L1), self.cached())
    }

    /// How many of the others L2 answered, in percent.
    pub fn l2(&self) -> f64 {
        percent(self.count(Tier::L2), self.cached() - self.count(Tier::L1))
    }

    /// How many of them both answered, in percent.
    pub fn both(&self) -> f64 {
        percent(self.count(Tier::L1) + self.count(Tier::L2), self.cached())
    }
}

/// 0 of nothing.
pub fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part * 100.0 / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(tier: Tier, milliseconds: u64) -> Record {
        Record { tier, took: Duration::from_millis(milliseconds), late: Duration::from_millis(1) }
    }

    #[test]
    fn rates_are_of_what_reaches_a_tier_and_a_rule_is_for() {
        let mut records = vec![record(Tier::L1, 1); 60];
        records.extend([record(Tier::L2, 5); 30]);
        records.extend([record(Tier::Service, 60); 6]);
        records.extend([record(Tier::Collapsed, 60); 4]);
        records.extend([record(Tier::Never, 60); 100]);
        let figures = Figures::of(&records);
        assert_eq!((figures.l1(), figures.l2(), figures.both()), (60.0, 75.0, 90.0));
        assert_eq!((figures.all.count(), figures.late_ms), (200, 1.0));
    }

    #[test]
    fn times_are_ranked() {
        let records: Vec<_> = (1..=1000).rev().map(|time| record(Tier::L1, time)).collect();
        let times = Times::of(&records, |_| true);
        assert_eq!([500, 950, 990, 1000].map(|share| times.ms(share)), [500.0, 950.0, 990.0, 1000.0]);
        assert_eq!(Times::default().ms(990), 0.0);
    }
}
