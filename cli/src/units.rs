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

/// Milliseconds, saturating.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A time as people say it: `350ms`, `12s`, `5m 3s`, `2h 0m`, `3d 4h`.
pub fn seconds(time: Duration) -> String {
    let (millis, seconds) = (millis(time), time.as_secs());
    let pair = |big: u64, large: &str, rest: u64, small: &str| {
        if rest == 0 { format!("{big}{large}") } else { format!("{big}{large} {rest}{small}") }
    };
    match seconds {
        0 if millis > 0 => format!("{millis}ms"),
        0..60 => format!("{seconds}s"),
        60..3600 => pair(seconds / 60, "m", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// An amount of bytes as people say it: `812 B`, `1.5 KiB`, `20.0 MiB`.
pub fn bytes(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", tenths(1 << 10)),
        1_048_576..1_073_741_824 => format!("{} MiB", tenths(1 << 20)),
        _ => format!("{} GiB", tenths(1 << 30)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        let of = |millis| seconds(Duration::from_millis(millis));
        let read = [0, 350, 12_000, 303_000, 300_000, 7_200_000, 273_600_000].map(of);
        assert_eq!(read, ["0s", "350ms", "12s", "5m 3s", "5m", "2h", "3d 4h"]);
        assert_eq!([812, 1536, 20 << 20, 3 << 30].map(bytes), ["812 B", "1.5 KiB", "20.0 MiB", "3.0 GiB"]);
    }

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
