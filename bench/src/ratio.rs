//! The ratios to reach, of CPU per request, and whether they are.
//!
//! Cases take turns, so each alternation gives a ratio of its own, of two runs seconds apart. A target is missed when
//! even the lowest of them is above it; above it in the median alone, noise decides.

use crate::stats::Spread;

/// A ratio to reach.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The case that is judged.
    pub of: &'static str,
    /// The case it is measured against.
    pub to: &'static str,
    /// The most that it may cost.
    pub most: f64,
}

/// The ratios to reach.
pub const TARGETS: [Target; 4] = [
    Target { of: "l1_hit", to: "wasm_floor", most: 1.15 },
    Target { of: "l1_hit", to: "native_cache", most: 1.40 },
    Target { of: "l2_hit", to: "callout_floor", most: 1.20 },
    Target { of: "pass", to: "pass_floor", most: 1.05 },
];

/// How a target was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The median is within it.
    Met,
    /// The median is above it, but not every alternation.
    InSpread,
    /// Every alternation is above it.
    Missed,
}

impl Verdict {
    /// One word for the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::InSpread => "within the spread",
            Self::Missed => "MISSED",
        }
    }
}

/// A measured ratio.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// What was to be reached.
    pub target: Target,
    /// The ratios of all alternations.
    pub spread: Spread,
}

impl Target {
    /// Its name in the report.
    pub fn name(&self) -> String {
        format!("{}/{}", self.of, self.to)
    }

    /// The ratio of two cases' CPU per request, alternation by alternation; `None` where there is none.
    pub fn measure(self, of: &[f64], to: &[f64]) -> Option<Ratio> {
        let ratios: Vec<f64> = of.iter().zip(to).map(|(of, to)| of / to).collect();
        Some(Ratio { target: self, spread: Spread::of(&ratios)? })
    }
}

impl Ratio {
    /// Whether the target is met.
    pub fn verdict(&self) -> Verdict {
        match self.target.most {
            most if self.spread.median <= most => Verdict::Met,
            most if self.spread.min <= most => Verdict::InSpread,
            _ => Verdict::Missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_missed_only_outside_the_spread() {
        let target = Target { of: "a", to: "b", most: 1.1 };
        let verdict = |of: [f64; 3]| target.measure(&of, &[10.0, 10.0, 10.0]).unwrap().verdict();
        assert_eq!(verdict([10.5, 11.0, 14.0]), Verdict::Met);
        assert_eq!(verdict([10.9, 11.5, 14.0]), Verdict::InSpread);
        assert_eq!(verdict([11.1, 11.5, 14.0]), Verdict::Missed);
        assert!(target.measure(&[], &[1.0]).is_none());
    }
}
