//! RFC 9111 §4.2 as tables: lifetime, age, reuse.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NOON: Timestamp = Timestamp(784_123_200_000);

fn date(after_noon: i64) -> String {
    let seconds = NOON.0 / 1000;
    let time = std::time::UNIX_EPOCH + Duration::from_secs(seconds.saturating_add_signed(after_noon));
    httpdate::fmt_http_date(time)
}

fn lifetime(headers: &[(&str, &str)], received: Timestamp) -> Option<u64> {
    let headers: Headers = headers.iter().copied().collect();
    explicit_lifetime(&headers, &ResponseDirectives::of(&headers), received).map(|lifetime| lifetime.as_secs())
}

#[test]
fn the_first_match_gives_the_lifetime() {
    let (now, hour) = (date(0), date(3600));
    let dated = ("date", now.as_str());
    let expires = ("expires", hour.as_str());
    for (headers, expected) in [
        (vec![], None),
        (vec![dated], None),
        (vec![("cache-control", "public, no-cache")], None),
        (vec![("cache-control", "max-age=60, s-maxage=7"), dated, expires], Some(7)),
        (vec![("cache-control", "s-maxage=70, max-age=60"), dated, expires], Some(70)),
        (vec![("cache-control", "max-age=60"), dated, expires], Some(60)),
        (vec![("cache-control", "max-age=x"), dated, expires], Some(0)),
        (vec![("cache-control", "s-maxage, max-age=60")], Some(0)),
        (vec![("cache-control", "public"), dated, expires], Some(3600)),
        (vec![dated, expires], Some(3600)),
    ] {
        assert_eq!(lifetime(&headers, NOON), expected, "{headers:?}");
    }
}

#[test]
fn the_lifetime_without_a_date_counts_from_the_arrival() {
    let hour = date(3600);
    assert_eq!(lifetime(&[("expires", &hour)], NOON), Some(3600));
    assert_eq!(lifetime(&[("expires", &hour)], Timestamp(NOON.0 + 600_000)), Some(3000));
    assert_eq!(lifetime(&[("expires", &hour), ("date", "today")], NOON), Some(3600));
    assert_eq!(lifetime(&[("expires", &hour), ("date", &date(1800))], NOON), Some(1800));
}

#[test]
fn doubtful_expiry_is_the_past() {
    let (now, hour, later) = (date(0), date(3600), date(7200));
    let dated = ("date", now.as_str());
    for (headers, expected) in [
        (vec![dated, ("expires", "0")], 0),
        (vec![dated, ("expires", "-1")], 0),
        (vec![dated, ("expires", "")], 0),
        (vec![("expires", "tomorrow")], 0),
        (vec![("date", hour.as_str()), ("expires", now.as_str())], 0),
        (vec![dated, ("expires", now.as_str())], 0),
        (vec![dated, ("expires", later.as_str()), ("expires", hour.as_str())], 3600),
        (vec![dated, ("expires", hour.as_str()), ("expires", "0")], 0),
        (vec![dated, ("date", hour.as_str()), ("expires", later.as_str())], 3600),
    ] {
        assert_eq!(lifetime(&headers, NOON), Some(expected), "{headers:?}");
    }
}

fn age(headers: &[(&str, &str)], requested: i64, received: i64, delay: u64) -> u64 {
    let at = |after_noon: i64| Timestamp(NOON.0.saturating_add_signed(after_noon * 1000));
    let headers = headers.iter().copied().collect();
    initial_age(&headers, at(requested), at(received), Duration::from_secs(delay)).as_secs()
}

#[test]
fn the_age_is_the_greater_of_both_estimates() {
    let (now, past, future) = (date(0), date(-60), date(60));
    for (headers, requested, received, delay, expected) in [
        (vec![], 0, 0, 0, 0),
        (vec![("date", now.as_str())], 0, 0, 0, 0),
        (vec![("date", now.as_str())], 0, 3, 3, 3),
        // apparent_age
        (vec![("date", past.as_str())], 0, 0, 0, 60),
        (vec![("date", past.as_str()), ("age", "7")], 0, 0, 0, 60),
        (vec![("date", past.as_str()), ("date", now.as_str())], 0, 0, 0, 60),
        (vec![("date", future.as_str())], 0, 0, 0, 0),
        (vec![("date", "today")], 0, 0, 0, 0),
        // corrected_age_value
        (vec![("date", past.as_str()), ("age", "70")], 0, 0, 0, 70),
        (vec![("age", "70")], 0, 2, 2, 72),
        // the wall clock was set back, or forward, while the answer was on its way
        (vec![("age", "70")], 0, -9, 2, 72),
        (vec![("age", "70")], 0, 9, 2, 79),
    ] {
        assert_eq!(age(&headers, requested, received, delay), expected, "{headers:?} {requested} {received} {delay}");
    }
}

#[test]
fn age_values_are_read_as_the_standard_says() {
    let forever = 1 << 31;
    for (value, expected) in [
        ("0", 0),
        ("007", 7),
        ("2147483647", forever - 1),
        ("2147483649", forever),
        ("18446744073709551615", forever),
        ("99999999999999999999999999", forever),
        ("7200, 0", 7200),
        ("0, 7200", 0),
        (" , 7200", 7200),
        ("x, 7200", 0),
        ("", 0),
        ("abc", 0),
        ("-7200", 0),
        ("7200.0", 0),
        ("7200;foo=bar", 0),
        ("\"7200\"", 0),
    ] {
        assert_eq!(age(&[("age", value)], 0, 0, 0), expected, "{value}");
    }
    assert_eq!(age(&[("age", "7200"), ("age", "0")], 0, 0, 0), 7200);
    assert_eq!(age(&[("age", "0"), ("age", "7200")], 0, 0, 0), 0);
    let lines = Headers::from_pairs(vec![("age".to_owned(), vec![0xff])]);
    assert_eq!(initial_age(&lines, NOON, NOON, Duration::ZERO), Duration::ZERO);
}

#[test]
fn the_greatest_times_do_not_overflow() {
    let headers = Headers::from([("age", "18446744073709551615"), ("date", "Thu, 01 Jan 1970 00:00:00 GMT")]);
    let age = initial_age(&headers, Timestamp(0), Timestamp(u64::MAX), Duration::MAX);
    assert_eq!(age, Duration::MAX);
    assert_eq!(reuse((age, Duration::MAX), "", ""), Err(Forward::Stale));
}

fn reuse((age, lifetime): (Duration, Duration), stored: &str, asked: &str) -> Result<(), Forward> {
    let stored = ResponseDirectives::of(&Headers::from([("cache-control", stored)]));
    let request = RequestDirectives::of(&Headers::from([("cache-control", asked)]));
    may_reuse(age, lifetime, &stored, &request)
}

#[test]
fn fresh_answers_are_reused_unless_somebody_objects() {
    use Forward::*;
    for (age, lifetime, stored, asked, expected) in [
        (0, 60_000, "", "", Ok(())),
        (59_999, 60_000, "must-revalidate", "", Ok(())),
        (60_000, 60_000, "", "", Err(Stale)),
        (60_001, 60_000, "", "", Err(Stale)),
        (0, 0, "", "", Err(Stale)),
        (0, 60_000, "no-cache", "", Err(Stale)),
        (0, 60_000, "no-cache=\"x\"", "", Err(Stale)),
        (0, 60_000, "", "no-cache", Err(RequestNoCache)),
        (60_000, 60_000, "", "no-cache", Err(Stale)),
        (30_000, 60_000, "", "max-age=30", Ok(())),
        (30_001, 60_000, "", "max-age=30", Err(RequestMaxAge)),
        (30_000, 60_000, "", "max-age=29", Err(RequestMaxAge)),
        (30_000, 60_000, "", "max-age=x", Err(RequestMaxAge)),
        (0, 60_000, "", "max-age=0", Err(RequestMaxAge)),
        (90_000, 60_000, "", "max-age=120", Err(Stale)),
        (30_000, 60_000, "", "min-fresh=30", Ok(())),
        (30_001, 60_000, "", "min-fresh=30", Err(RequestMaxAge)),
        (30_000, 60_000, "", "min-fresh=31", Err(RequestMaxAge)),
        (30_000, 60_000, "", "min-fresh=99999999999", Err(RequestMaxAge)),
        (30_000, 60_000, "", "max-stale=60, no-store", Ok(())),
    ] {
        let times = (Duration::from_millis(age), Duration::from_millis(lifetime));
        assert_eq!(reuse(times, stored, asked), expected, "{age} {lifetime} {stored:?} {asked:?}");
    }
}
