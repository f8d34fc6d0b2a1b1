//! The figures: a table for people, JSON for machines.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::judge::BOUND;

/// So many violations are shown one by one.
pub const SHOWN: usize = 20;

/// Several times as three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How many.
    pub count: usize,
    /// The one in the middle.
    pub p50: Duration,
    /// Of a hundred, only one is longer.
    pub p99: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Times {
    /// Those of these; none gives zeros.
    pub fn of(mut all: Vec<Duration>) -> Self {
        all.sort();
        let rank =
            |share: usize| all.get((all.len() * share).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default();
        Self { count: all.len(), p50: rank(50), p99: rank(99), longest: rank(100) }
    }

    fn json(&self) -> Value {
        let [p50, p99, longest] = [self.p50, self.p99, self.longest].map(milliseconds);
        json!({ "count": self.count, "p50_ms": p50, "p99_ms": p99, "longest_ms": longest })
    }

    fn text(&self) -> String {
        let [p50, p99, longest] = [self.p50, self.p99, self.longest].map(milliseconds);
        format!("p50 {p50:.0} ms, p99 {p99:.0} ms, longest {longest:.0} ms")
    }
}

/// All that was found.
#[derive(Debug)]
pub struct Report {
    /// For how long requests came.
    pub time: Duration,
    /// Answers.
    pub requests: usize,
    /// Requests that the kill left without an answer.
    pub lost: usize,
    /// For how long the killed Envoy was away.
    pub down: Duration,
    /// How often the origin was asked.
    pub fetches: usize,
    /// Answers by tier.
    pub tiers: BTreeMap<&'static str, usize>,
    /// Invalidations by scope.
    pub scopes: BTreeMap<&'static str, usize>,
    /// By how much answers were behind, of those that were.
    pub behind: Times,
    /// From each acknowledgement until every worker gave the new version.
    pub propagation: Times,
    /// What the filter counted.
    pub metrics: BTreeMap<String, f64>,
    /// What must not be, a sentence each.
    pub violations: Vec<String>,
}

impl Report {
    /// The report as JSON.
    pub fn json(&self) -> Value {
        json!({
            "seconds": self.time.as_secs_f64(),
            "requests": self.requests,
            "requests_per_second": self.rate(),
            "lost_to_the_kill": self.lost,
            "killed_envoy_away_ms": milliseconds(self.down),
            "origin_fetches": self.fetches,
            "tiers": self.tiers,
            "invalidations": self.scopes.values().sum::<usize>(),
            "scopes": self.scopes,
            "behind": self.behind.json(),
            "propagation": self.propagation.json(),
            "bound_ms": milliseconds(BOUND),
            "metrics": self.metrics,
            "violations": self.violations.len(),
            "violations_shown": self.violations.iter().take(SHOWN).collect::<Vec<_>>(),
        })
    }

    /// The report as a table, as the README has it.
    pub fn text(&self) -> String {
        let share = |tier: &str| self.share(self.tiers.get(tier).copied().unwrap_or(0));
        let shares = ["l1", "l2", "collapsed", "origin"].map(share);
        let [l1, l2, collapsed, origin] = shares;
        let scopes: Vec<_> = self.scopes.iter().map(|(scope, count)| format!("{count} {scope}")).collect();
        let behind = self.share(self.behind.count);
        let rows = [
            ("requests", format!("{} in {:.1} s ({:.0}/s)", self.requests, self.time.as_secs_f64(), self.rate())),
            ("answered by", format!("L1 {l1:.1} %, L2 {l2:.1} %, waiting {collapsed:.1} %, origin {origin:.1} %")),
            ("fetches at the origin", self.fetches.to_string()),
            ("invalidations", format!("{} ({})", self.scopes.values().sum::<usize>(), scopes.join(", "))),
            ("answers that were behind", format!("{} ({behind:.2} %)", self.behind.count)),
            ("by how much", self.behind.text()),
            ("until every worker had the new version", self.propagation.text()),
            ("an Envoy killed", format!("away for {:.1} s, {} requests lost", self.down.as_secs_f64(), self.lost)),
            ("**violations**", self.violations.len().to_string()),
        ];
        let rows = rows.map(|(name, value)| format!("| {name} | {value} |"));
        let counted: Vec<_> = self.metrics.iter().map(|(name, value)| format!("{name} {value}")).collect();
        format!("| figure | |\n|---|---|\n{}\n\nThe filter counted: {}", rows.join("\n"), counted.join(", "))
    }

    fn rate(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64().max(0.001)
    }

    /// So many of all answers, in percent.
    fn share(&self, count: usize) -> f64 {
        count as f64 * 100.0 / (self.requests.max(1)) as f64
    }
}

/// With tenths.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends() {
        let times = Times::of((1..=200).rev().map(Duration::from_millis).collect());
        let [p50, p99, longest] = [100, 198, 200].map(Duration::from_millis);
        assert_eq!(times, Times { count: 200, p50, p99, longest });
        assert_eq!(Times::of(Vec::new()), Times::default());
    }
}
