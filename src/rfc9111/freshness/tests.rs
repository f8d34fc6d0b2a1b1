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
        // RFC 9213 §2.2
        (
            vec![("cdn-cache-control", "max-age=5, s-maxage=6"), ("cache-control", "s-maxage=7"), dated, expires],
            Some(6),
        ),
        (vec![("cdn-cache-control", "none"), ("cache-control", "max-age=7"), dated, expires], None),
        (vec![("cdn-cache-control", "&"), dated, expires], Some(3600)),
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

#[test]
fn what_has_not_changed_is_measured_on_the_short_side() {
    let (now, hour, day) = (date(0), date(-3600), date(-86_400));
    let (dated, changed) = (("date", now.as_str()), ("last-modified", hour.as_str()));
    for (headers, expected) in [
        (vec![dated], None),
        (vec![changed], Some(3660)),
        (vec![dated, changed], Some(3600)),
        (vec![("date", "today"), changed], Some(3660)),
        (vec![dated, ("last-modified", now.as_str())], Some(0)),
        (vec![("date", day.as_str()), changed], None),
        (vec![dated, ("last-modified", "0")], None),
        (vec![dated, changed, ("last-modified", "0")], None),
        (vec![dated, changed, ("last-modified", day.as_str())], Some(3600)),
        (vec![dated, ("date", hour.as_str()), ("last-modified", day.as_str())], Some(82_800)),
    ] {
        let lines = headers.iter().copied().collect();
        let unmodified = unmodified_for(&lines, Timestamp(NOON.0 + 60_000)).map(|time| time.as_secs());
        assert_eq!(unmodified, expected, "{headers:?}");
    }
}

#[test]
fn a_guessed_life_is_a_tenth_and_bounded() {
    for (unmodified, bound, expected) in
        [(0, 60, 0), (600, 60, 60), (590, 60, 59), (601, 60, 60), (6000, 60, 60), (600, 0, 0)]
    {
        let lifetime = heuristic(Duration::from_secs(unmodified), Duration::from_secs(bound));
        assert_eq!(lifetime.as_secs(), expected, "{unmodified} {bound}");
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
        ("0,7200", 0),
        ("7200,0", 7200),
        ("0, 0", 0),
        ("3600, 3600", 3600),
        (" , 7200", 7200),
        ("x, 7200", 0),
        ("", 0),
        ("abc", 0),
        ("-7200", 0),
        ("7200.0", 0),
        ("7200;foo=bar", 0),
        ("7200;foo=111", 0),
        ("7200.5, 7200", 0),
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
        (0, 60_000, "no-cache=\"x\"", "", Ok(())),
        (0, 60_000, "no-cache=\"vary\"", "", Err(Stale)),
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
        (30_000, 60_000, "", "only-if-cached", Ok(())),
    ] {
        let times = (Duration::from_millis(age), Duration::from_millis(lifetime));
        assert_eq!(reuse(times, stored, asked), expected, "{age} {lifetime} {stored:?} {asked:?}");
    }
}

/// RFC 8246 §2.
#[test]
fn an_immutable_answer_outlasts_a_reload_while_it_is_fresh() {
    use Forward::*;
    for (age, stored, asked, expected) in [
        (30_000, "immutable", "max-age=0", Ok(())),
        (30_000, "immutable", "max-age=29", Ok(())),
        (30_000, "immutable", "no-cache", Err(RequestNoCache)),
        (30_000, "immutable", "max-age=0, no-cache", Err(RequestNoCache)),
        (30_000, "immutable", "max-age=0, min-fresh=31", Err(RequestMaxAge)),
        (30_000, "immutable, no-cache", "max-age=0", Err(Stale)),
        (60_000, "immutable", "", Err(Stale)),
        (60_000, "immutable", "max-age=0, max-stale", Err(Stale)),
        (30_000, "", "max-age=0", Err(RequestMaxAge)),
    ] {
        let times = (Duration::from_millis(age), Duration::from_secs(60));
        assert_eq!(reuse(times, stored, asked), expected, "{age} {stored:?} {asked:?}");
    }
}

/// §5.2.1.2, and §4.2.4 where the origin forbids it.
#[test]
fn the_client_may_take_a_stale_answer() {
    let taken = Ok(());
    let stale = Err(Forward::Stale);
    for (age, stored, asked, expected) in [
        (60_000, "", "max-stale", taken),
        (90_000, "", "max-stale=30", taken),
        (90_001, "", "max-stale=30", stale),
        (90_000, "", "max-stale=30, max-stale=29", stale),
        (u64::MAX, "", "max-stale", taken),
        (60_000, "", "max-stale=0", stale),
        (60_000, "", "max-stale=x", stale),
        (90_000, "immutable, public", "max-stale=30", taken),
        (90_000, "", "max-stale=30, max-age=90", taken),
        (90_000, "", "max-stale=30, max-age=89", stale),
        (90_000, "", "max-stale=30, min-fresh=1", stale),
        (90_000, "", "max-stale=30, no-cache", stale),
        (30_000, "must-revalidate", "max-stale", taken),
        (60_000, "must-revalidate", "max-stale", stale),
        (60_000, "proxy-revalidate", "max-stale", stale),
        (60_000, "s-maxage=60", "max-stale", stale),
        (60_000, "no-cache", "max-stale", stale),
        (30_000, "no-cache", "max-stale", stale),
    ] {
        let times = (Duration::from_millis(age), Duration::from_secs(60));
        assert_eq!(reuse(times, stored, asked), expected, "{age} {stored:?} {asked:?}");
    }
}

#[test]
fn the_origin_may_forbid_staleness() {
    for (stored, expected) in [
        ("", true),
        ("max-age=60, public, immutable, stale-if-error=5, private, must-understand", true),
        ("no-cache=\"x\"", true),
        ("must-revalidate", false),
        ("must-revalidate=1", false),
        ("proxy-revalidate", false),
        ("s-maxage=60", false),
        ("s-maxage=0", false),
        ("no-cache", false),
    ] {
        let stored_as = ResponseDirectives::of(&Headers::from([("cache-control", stored)]));
        assert_eq!(permits_stale(&stored_as), expected, "{stored}");
    }
}

#[test]
fn a_window_begins_with_staleness_and_ends_before_its_length() {
    let lifetime = Duration::from_secs(60);
    for (age, window, expected) in [
        (59_999, 30, false),
        (60_000, 30, true),
        (89_999, 30, true),
        (90_000, 30, false),
        (60_000, 0, false),
        (u64::MAX, 30, false),
    ] {
        let within = within(Duration::from_millis(age), lifetime, Duration::from_secs(window));
        assert_eq!(within, expected, "{age} {window}");
    }
    assert!(!within(Duration::MAX, Duration::ZERO, Duration::MAX));
}
