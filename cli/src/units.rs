//! Amounts as people write and read them.

use std::time::Duration;

/// Reads `250ms`, `5s`, `2m`, `1h`, or a number of seconds; more than zero, a day at most.
pub fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time as in 500ms, 5s or 2m".to_owned();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let factor: u64 = match unit {
        "ms" => 1,
        "s" | "" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)?;
    let within = (1..=86_400_000).contains(&millis);
    within.then(|| Duration::from_millis(millis)).ok_or_else(|| "write a time between 1ms and 24h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in [("250ms", 250), ("5s", 5000), ("5", 5000), ("2m", 120_000), ("1h", 3_600_000)] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "0s", "1d", "-1s", "1.5s", "25h", "99999999999999999999s", "é"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
