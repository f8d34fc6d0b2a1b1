//! When an event was sent, in the forms that publishers write: a number, or RFC 3339.

use serde_json::Value;

/// From here on a number of seconds would be in the year 5138, so it counts something smaller.
const SECONDS_END: f64 = 1e11;

/// Milliseconds since 1970. A number counts seconds, or milli-, micro- or nanoseconds, whichever lies in our times.
pub fn read(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_f64().and_then(from_number),
        Value::String(text) => text.parse().ok().and_then(from_number).or_else(|| from_text(text)),
        _ => None,
    }
}

fn from_number(mut number: f64) -> Option<u64> {
    if !number.is_finite() || number <= 0.0 {
        return None;
    }
    while number >= SECONDS_END {
        number /= 1000.0;
    }
    // In range: less than 1e14, and not negative.
    Some((number * 1000.0) as u64)
}

/// `2026-11-24T02:00:00.5+01:00`; without an offset UTC is meant, a space may stand for the `T`.
fn from_text(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, offset) = match rest.find(['Z', 'z', '+', '-']) {
        Some(at) => rest.split_at_checked(at)?,
        None => (rest, "Z"),
    };
    let [year, month, day] = numbers(date, '-')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(clock, ':')?;
    let within = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    within.then_some(())?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - east(offset)?;
    u64::try_from(seconds * 1000 + millis(fraction)?).ok()
}

/// Three numbers of digits alone.
fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let read = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten();
    let numbers: Option<Vec<i64>> = text.split(separator).map(read).collect();
    numbers?.try_into().ok()
}

fn millis(fraction: &str) -> Option<i64> {
    let digits = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| format!("{fraction:0<3}").get(..3)?.parse().ok()).flatten()
}

/// Seconds east of Greenwich.
fn east(offset: &str) -> Option<i64> {
    if matches!(offset, "Z" | "z") {
        return Some(0);
    }
    let (sign, clock) = offset.split_at_checked(1)?;
    let (hours, minutes) = clock.split_once(':').or_else(|| clock.split_at_checked(2))?;
    let seconds = hours.parse::<u8>().ok().map(i64::from)? * 3600 + minutes.parse::<u8>().ok().map(i64::from)? * 60;
    Some(if sign == "-" { -seconds } else { seconds })
}

/// Days since 1970-01-01 of a date in the Gregorian calendar: years begin in March, so that the odd day is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_count_whatever_lies_in_our_times() {
        for number in [json!(1_790_000_000), json!(1_790_000_000_000_u64), json!(1_790_000_000_000_000_u64)] {
            assert_eq!(read(&number), Some(1_790_000_000_000), "{number}");
        }
        assert_eq!(read(&json!(1_790_000_000.25)), Some(1_790_000_000_250));
        assert_eq!(read(&json!("1790000000")), Some(1_790_000_000_000));
        for nothing in [json!(0), json!(-5), json!(null), json!({}), json!("inf"), json!("NaN")] {
            assert_eq!(read(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn texts_are_rfc_3339_or_nearly() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2026-11-24T02:00:00.5+01:00", 1_795_482_000_500),
            ("2026-11-24T02:00:00.123456-0130", 1_795_491_000_123),
            ("2026-11-24 02:00:00", 1_795_485_600_000),
        ] {
            assert_eq!(read(&json!(text)), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in ["", "soon", "2026-13-01T00:00:00Z", "2026-11-24", "2026-11-24T02:00Z", "é026-11-24T02:00:00Z"] {
            assert_eq!(read(&json!(text)), None, "{text}");
        }
        assert_eq!(read(&json!("2026-11-24T02:00:00+é1:00")), None);
        assert_eq!(read(&json!("1969-12-31T00:00:00Z")), None);
        assert_eq!(read(&json!("2026--1-24T02:00:00Z")), None);
        assert_eq!(read(&json!("9223372036854775807-01-01T00:00:00Z")), None);
    }
}
