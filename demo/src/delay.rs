//! How long an answer takes: a fixed time or a range, from 0 to 5 seconds.

use crate::seed::Seed;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The longest delay; a longer one is cut to this.
pub const LONGEST: Duration = Duration::from_secs(5);

/// A delay between two bounds; equal bounds make it fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    low: Duration,
    high: Duration,
}

impl Delay {
    /// A time within the bounds, chosen at random where they differ.
    pub fn choose(self) -> Duration {
        if self.low == self.high {
            return self.low;
        }
        let micros = |bound: Duration| u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(Seed::random().between(micros(self.low), micros(self.high)))
    }
}

impl Default for Delay {
    fn default() -> Self {
        let usual = Duration::from_millis(20);
        Self { low: usual, high: usual }
    }
}

impl FromStr for Delay {
    type Err = String;

    /// Reads `20ms`, `1s` or `20ms..200ms`; the error is a sentence.
    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        let (low, high) = (duration(low)?, duration(high)?);
        if low > high {
            return Err(format!("\"{text}\" ends before it begins; write 20ms..200ms."));
        }
        Ok(Self { low: low.min(LONGEST), high: high.min(LONGEST) })
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high {
            return write!(to, "{:?}", self.low);
        }
        write!(to, "{:?}..{:?}", self.low, self.high)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("\"{text}\" is not a time; write 150ms, 1s or 20ms..200ms.");
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (text.strip_suffix('s').ok_or_else(bad)?, 1000),
    };

    // A sign would parse, and `u32` keeps the product far from overflow.
    let unsigned = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = digits.parse().ok().filter(|_| unsigned).ok_or_else(bad)?;
    Ok(Duration::from_millis(u64::from(number) * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        text.parse::<Delay>().map(|delay| delay.to_string())
    }

    #[test]
    fn times_and_ranges_are_read() {
        let table = [
            ("20ms", "20ms"),
            ("0ms", "0ns"),
            ("1s", "1s"),
            ("20ms..200ms", "20ms..200ms"),
            ("1s..4294967295s", "1s..5s"),
            ("9s", "5s"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_gets_a_sentence() {
        for text in ["", "20", "ms", "+5ms", "-5ms", "1.5s", "2m", "2s..1s", "..", "5 ms", "99999999999s"] {
            assert!(shown(text).is_err_and(|sentence| sentence.ends_with('.')), "{text}");
        }
    }

    #[test]
    fn a_choice_stays_within_the_bounds() {
        let delay: Result<Delay, _> = "20ms..22ms".parse();
        let bounds = Duration::from_millis(20)..=Duration::from_millis(22);
        assert!(delay.is_ok_and(|delay| (0..200).all(|_| bounds.contains(&delay.choose()))));
    }
}
