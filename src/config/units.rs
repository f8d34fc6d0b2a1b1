//! Durations and sizes as operators write them: one whole number and one unit, `5m` or `10MiB`.

use std::time::Duration;

use super::problem::{Flaw, quote};

/// Units of time and their milliseconds, the largest first.
const TIME: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
/// Units of size and their bytes, the largest first.
const SIZE: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Units of ours and how others spell them, in lower case.
const TIME_SPELLINGS: [(&str, &str); 5] = [
    ("ms", "msec millis milliseconds"),
    ("s", "sec secs second seconds"),
    ("m", "min mins minute minutes"),
    ("h", "hr hrs hour hours"),
    ("d", "day days"),
];
const SIZE_SPELLINGS: [(&str, &str); 4] =
    [("B", "b byte bytes"), ("KiB", "k kb kib"), ("MiB", "m mb mib"), ("GiB", "g gb gib")];

/// A duration from `<number><ms|s|m|h|d>`.
pub(super) fn duration(text: &str) -> Result<Duration, Flaw> {
    let read = read(text, &TIME).map(Duration::from_millis);
    read.ok_or_else(|| flaw(text, "duration", &TIME_SPELLINGS, "250ms, 5s, 5m, 2h or 7d"))
}

/// A number of bytes from `<number><B|KiB|MiB|GiB>`.
pub(super) fn size(text: &str) -> Result<usize, Flaw> {
    let read = read(text, &SIZE).and_then(|bytes| usize::try_from(bytes).ok());
    read.ok_or_else(|| flaw(text, "size", &SIZE_SPELLINGS, "512B, 64KiB, 10MiB or 1GiB"))
}

/// `duration` in the largest unit that holds it whole; what is below a millisecond is dropped.
pub(super) fn write_duration(duration: Duration) -> String {
    write(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &TIME)
}

/// `bytes` in the largest unit that holds them whole.
pub(super) fn write_size(bytes: usize) -> String {
    write(bytes as u64, &SIZE)
}

fn read(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = split(text)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn split(text: &str) -> Option<(&str, &str)> {
    text.split_at_checked(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn write(number: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().find(|(_, factor)| number >= *factor && number.is_multiple_of(*factor));
    let (name, factor) = whole.or(units.last()).copied().unwrap_or(("", 1));
    format!("{}{name}", number / factor)
}

fn flaw(text: &str, kind: &str, spellings: &[(&str, &str)], examples: &str) -> Flaw {
    let meant = split(text).filter(|(number, _)| !number.is_empty()).and_then(|(number, unit)| {
        let unit = unit.trim().to_ascii_lowercase();
        let known = |(name, others): &&(&str, &str)| {
            name.eq_ignore_ascii_case(&unit) || others.split(' ').any(|other| other == unit)
        };
        spellings.iter().find(known).map(|(name, _)| format!("{number}{name}"))
    });
    let remedy = match meant {
        Some(meant) => format!("write {meant:?}"),
        None => format!("write one whole number and one unit: {examples}"),
    };
    Flaw::new(format!("{} is not a {kind}", quote(text)), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn reads_one_number_and_one_unit() {
        let times = [("250ms", 250), ("5s", 5_000), ("5m", 300_000), ("2h", 7_200_000), ("7d", 604_800_000)];
        for (text, millis) in times {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, bytes) in [("0B", 0), ("64KiB", 65_536), ("10MiB", 10_485_760), ("1GiB", 1_073_741_824)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else_and_names_the_form() {
        for text in ["", "5", "m", "-5m", "+5m", "1.5h", "1h30m", "5 m", "99999999999999999999s", "99999999999999999d"]
        {
            let flaw = duration(text).unwrap_err();
            assert_eq!(flaw.wrong, format!("{text:?} is not a duration"));
            assert!(flaw.remedy.starts_with("write "), "{text}: {}", flaw.remedy);
        }
        assert_eq!(
            size("1.5MiB").unwrap_err().remedy,
            "write one whole number and one unit: 512B, 64KiB, 10MiB or 1GiB"
        );
    }

    #[test]
    fn suggests_the_unit_that_was_meant() {
        assert_eq!(duration("5min").unwrap_err().remedy, "write \"5m\"");
        assert_eq!(duration("30 seconds").unwrap_err().remedy, "write \"30s\"");
        assert_eq!(duration("5 s").unwrap_err().remedy, "write \"5s\"");
        assert_eq!(duration("5M").unwrap_err().remedy, "write \"5m\"");
        assert_eq!(size("10MB").unwrap_err().remedy, "write \"10MiB\"");
        assert_eq!(size("64k").unwrap_err().remedy, "write \"64KiB\"");
    }

    #[test]
    fn writes_the_largest_whole_unit() {
        for text in ["0ms", "1ms", "1500ms", "90s", "90m", "1h", "36h", "7d"] {
            assert_eq!(write_duration(duration(text).unwrap()), text);
        }
        for text in ["0B", "3276B", "512KiB", "10MiB", "1025MiB", "2GiB"] {
            assert_eq!(write_size(size(text).unwrap()), text);
        }
        assert_eq!(write_duration(Duration::from_secs(120)), "2m");
    }
}
