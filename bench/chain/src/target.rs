//! What is to be reached, and whether it was.

use crate::figures::percent;
use crate::load::Tier;
use crate::run::Seen;

/// A figure beside what it should be.
#[derive(Clone, Debug)]
pub struct Target {
    /// What it is.
    pub name: &'static str,
    /// What was found.
    pub found: f64,
    /// The limit.
    pub limit: Limit,
    /// What both are counted in.
    pub unit: &'static str,
}

/// From where on a target is met.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// More than that.
    Above(f64),
    /// So much, or more.
    Least(f64),
    /// Less than that.
    Below(f64),
    /// So much, or less.
    Most(f64),
}

impl Limit {
    /// Whether a figure meets it.
    pub fn is_met(self, found: f64) -> bool {
        match self {
            Self::Above(limit) => found > limit,
            Self::Least(limit) => found >= limit,
            Self::Below(limit) => found < limit,
            Self::Most(limit) => found <= limit,
        }
    }

    /// Its sign and number.
    pub fn text(self) -> String {
        let (sign, limit) = match self {
            Self::Above(limit) => (">", limit),
            Self::Least(limit) => ("≥", limit),
            Self::Below(limit) => ("<", limit),
            Self::Most(limit) => ("≤", limit),
        };
        format!("{sign} {limit}")
    }
}

impl Target {
    /// `met` or `missed`.
    pub fn verdict(&self) -> &'static str {
        if self.limit.is_met(self.found) { "met" } else { "**missed**" }
    }
}

/// All of them.
pub fn all(seen: &Seen) -> Vec<Target> {
    let figures = &seen.measured;
    let oldest = seen.retrained.iter().map(|one| one.oldest.as_secs_f64() * 1000.0).reduce(f64::max);
    // What was not measured meets nothing.
    let oldest = oldest.unwrap_or(f64::NAN);
    let target = |name, found, limit, unit| Target { name, found, limit, unit };
    vec![
        target("L1 hits", figures.l1(), Limit::Above(50.0), "%"),
        target("L2 hits, of what reaches it", figures.l2(), Limit::Above(80.0), "%"),
        target("hits of both", figures.both(), Limit::Above(85.0), "%"),
        target("p95 of L1", figures.tier(Tier::L1).ms(950), Limit::Below(1.0), "ms"),
        target("p95 of L2", figures.tier(Tier::L2).ms(950), Limit::Most(20.0), "ms"),
        target("p95 of all", figures.all.ms(950), Limit::Below(50.0), "ms"),
        target("p95 of L1, at 1,000/s", seen.quiet.tier(Tier::L1).ms(950), Limit::Below(1.0), "ms"),
        target("p95 of L2, at 1,000/s", seen.quiet.tier(Tier::L2).ms(950), Limit::Most(20.0), "ms"),
        target("p95 of all, at 1,000/s", seen.quiet.all.ms(950), Limit::Below(50.0), "ms"),
        target("requests/s while measured", rate(seen), Limit::Least(5_000.0), ""),
        target("requests/s at most", seen.full_rate, Limit::Least(5_000.0), ""),
        target("of all requests at the service", at_service(seen), Limit::Most(15.0), "%"),
        target("longest life of an old answer", oldest, Limit::Below(500.0), "ms"),
        target("wrong or missing answers", seen.wrong as f64, Limit::Most(0.0), ""),
    ]
}

/// Requests a second.
pub fn rate(seen: &Seen) -> f64 {
    seen.measured.all.count() as f64 / seen.time.as_secs_f64().max(0.001)
}

/// What reached the service, in percent of all requests.
fn at_service(seen: &Seen) -> f64 {
    percent(seen.asked as f64, seen.measured.all.count() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_met_on_its_own_side() {
        let met = |limit: Limit| [4.9, 5.0, 5.1].map(|found| limit.is_met(found));
        assert_eq!(met(Limit::Above(5.0)), [false, false, true]);
        assert_eq!(met(Limit::Least(5.0)), [false, true, true]);
        assert_eq!(met(Limit::Below(5.0)), [true, false, false]);
        assert_eq!(met(Limit::Most(5.0)), [true, true, false]);
        assert_eq!(Limit::Most(15.0).text(), "≤ 15");
        assert!(!Limit::Below(500.0).is_met(f64::NAN), "what was not measured meets nothing");
    }
}
