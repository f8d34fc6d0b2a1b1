//! Dates in HTTP messages (RFC 9110 §5.6.7), in all three formats that a recipient has to accept.

use crate::time::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// No date is longer: `Wednesday, 09-Nov-94 08:49:37 GMT` has 33 bytes.
const LONGEST: usize = 33;

/// Reads an HTTP date from 1970 to 9999. Nothing when it is anything else, a time zone other than GMT included.
pub fn parse(value: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(super::trim(value)).ok()?;
    // The library trims more than HTTP does.
    if text.len() > LONGEST || text.bytes().any(|byte| byte.is_ascii_control()) {
        return None;
    }
    exact(text).or_else(|| exact(&usual_case(text)))
}

fn exact(text: &str) -> Option<Timestamp> {
    let time: SystemTime = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().map(Timestamp)
}

/// RFC 9111 §4.2: "Although all date formats are specified to be case-sensitive, a cache recipient SHOULD match
/// the field value case-insensitively."
fn usual_case(text: &str) -> String {
    let mut after_letter = false;
    let mut usual = String::with_capacity(text.len());
    for letter in text.chars() {
        usual.push(if after_letter { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() });
        after_letter = letter.is_ascii_alphabetic();
    }
    match usual.strip_suffix("Gmt") {
        Some(local) => format!("{local}GMT"),
        None => usual,
    }
}

/// Writes a moment as an IMF-fixdate, to the second.
pub fn write(moment: Timestamp) -> String {
    /// The last second that the format can say: the end of the year 9999.
    const LAST: u64 = 253_402_300_799;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs((moment.0 / 1000).min(LAST)))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn all_three_formats_are_read() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            " Sun, 06 Nov 1994 08:49:37 GMT\t",
            "SUN, 06 nov 1994 08:49:37 gMT",
            "sunday, 06-NOV-94 08:49:37 gmt",
            "sun NOV  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(Timestamp(784_111_777_000)), "{text}");
        }
    }

    #[test]
    fn the_ends_of_the_calendar_are_read() {
        assert_eq!(parse(b"Thu, 01 Jan 1970 00:00:00 GMT"), Some(Timestamp(0)));
        assert_eq!(parse(b"Fri, 31 Dec 9999 23:59:59 GMT"), Some(Timestamp(253_402_300_799_000)));
        assert_eq!(parse(b"Tue, 19 Jan 2038 14:14:08 GMT"), Some(Timestamp(2_147_523_248_000)));
    }

    #[test]
    fn nothing_else_is_a_date() {
        for text in [
            "",
            "0",
            "-1",
            "now",
            "Thu, 18 Aug 2050 02:01:18 UTC",
            "Thu, 18 Aug 2050 02:01:18 AEST",
            "Thu, 18 Aug 2050 02:01:18",
            "Thu, 18 Aug 50 02:01:18 GMT",
            "Thu 18 Aug 2050 02:01:18 GMT",
            "Thu, 18  Aug  2050 02:01:18 GMT",
            "Thu, 18-Aug-2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 02.01.18 GMT",
            "Thu, 18 Aug 2050 2:01:18 GMT",
            "Thu, 31 Feb 2050 02:01:18 GMT",
            "Thu, 18 Aug 2050 25:01:18 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"\xff\xfe"), None);
        assert_eq!(parse(b"\rSun, 06 Nov 1994 08:49:37 GMT\x0c"), None);
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..48)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn nearly_dates_are_answered(
            text in "(Sun|Sunday|sUn|Mon)(, |,? )[0-9 ]{1,2}[ -](Nov|nov|Feb|xxx)[ -][0-9]{2,4} [0-9]{1,2}:[0-9]{2}:[0-9]{2}( GMT| gmt| UTC| 1994)?",
        ) {
            let _ = parse(text.as_bytes());
        }

        #[test]
        fn what_is_written_is_read(seconds in 0_u64..253_402_300_800) {
            let text = httpdate::fmt_http_date(UNIX_EPOCH + std::time::Duration::from_secs(seconds));
            prop_assert_eq!(parse(text.as_bytes()), Some(Timestamp(seconds * 1000)));
            prop_assert_eq!(parse(text.to_lowercase().as_bytes()), Some(Timestamp(seconds * 1000)));
        }
    }
}
