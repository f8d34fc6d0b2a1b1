//! RFC 9110 §14 as tables: what of a stored body a request gets.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const SECOND_LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const MINUTE_LATER: &str = "Sun, 06 Nov 1994 08:50:37 GMT";
const NEARLY: &str = "Sun, 06 Nov 1994 08:50:36 GMT";

fn of_length(range: &str, length: usize) -> Part {
    part(&Headers::from([("range", range)]), 200, &[], length)
}

fn single(first: usize, last: usize) -> Part {
    Part::Single { first, last }
}

/// The examples of §14.1.2.
#[test]
fn one_range_is_cut_out() {
    for (range, length, expected) in [
        ("bytes=0-499", 10_000, single(0, 499)),
        ("bytes=500-999", 10_000, single(500, 999)),
        ("bytes=-500", 10_000, single(9500, 9999)),
        ("bytes=9500-", 10_000, single(9500, 9999)),
        ("bytes=0-0", 1, single(0, 0)),
        ("bytes=-1", 1, single(0, 0)),
        ("bytes=3-3", 5, single(3, 3)),
        ("bytes=0-", 5, single(0, 4)),
        ("bytes=4-9", 5, single(4, 4)),
        ("bytes=0-18446744073709551615", 5, single(0, 4)),
        ("bytes=1-99999999999999999999999999", 5, single(1, 4)),
        ("bytes=-5", 5, single(0, 4)),
        ("bytes=-6", 5, single(0, 4)),
        ("bytes=-99999999999999999999999999", 5, single(0, 4)),
    ] {
        assert_eq!(of_length(range, length), expected, "{range} of {length}");
    }
}

#[test]
fn what_lies_behind_the_end_cannot_be_had() {
    for (range, length) in [
        ("bytes=5-", 5),
        ("bytes=5-9", 5),
        ("bytes=18446744073709551615-", 5),
        ("bytes=99999999999999999999999999-", 5),
        ("bytes=-0", 5),
        ("bytes=-0", 0),
        ("bytes=0-", 0),
        ("bytes=0-0", 0),
    ] {
        assert_eq!(of_length(range, length), Part::Unsatisfiable, "{range} of {length}");
    }
    assert_eq!(of_length("bytes=-1", 0), Part::Whole);
}

#[test]
fn all_else_gets_the_whole() {
    for range in ["", "bytes=", "bytes=3-2", "bytes=x", "lines=0-1", "bytes=0-1,3-4", "bytes=0-0,-1", "bytes=7-,8-9"] {
        assert_eq!(of_length(range, 5), Part::Whole, "{range}");
    }
    assert_eq!(part(&Headers::default(), 200, &[], 5), Part::Whole);
    let twice = Headers::from([("range", "bytes=0-1"), ("range", "bytes=0-1")]);
    assert_eq!(part(&twice, 200, &[], 5), Part::Whole);
}

#[test]
fn only_a_200_is_cut() {
    for status in [100, 203, 204, 206, 301, 304, 404, 416, 500] {
        let request = Headers::from([("range", "bytes=0-1")]);
        assert_eq!(part(&request, status, &[], 5), Part::Whole, "{status}");
    }
}

type Lines<'a> = &'a [(&'a str, &'a str)];

fn ranged(conditions: Lines<'_>, stored: Lines<'_>) -> bool {
    let request = conditions.iter().copied().chain([("range", "bytes=1-2")]).collect();
    let stored: Vec<_> = stored.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    match part(&request, 200, &stored, 5) {
        Part::Single { first: 1, last: 2 } => true,
        Part::Whole => false,
        other => unreachable!("{other:?}"),
    }
}

/// §13.1.5.
#[test]
fn a_tag_must_be_the_very_same() {
    let strong = &[("etag", "\"1\"")][..];
    for (condition, stored, expected) in [
        ("\"1\"", strong, true),
        (" \"1\" ", strong, true),
        ("\"2\"", strong, false),
        ("W/\"1\"", strong, false),
        ("\"1\"", &[("etag", "W/\"1\"")], false),
        ("W/\"1\"", &[("etag", "W/\"1\"")], false),
        ("\"1\"", &[], false),
        ("\"1\"", &[("etag", "\"1\""), ("etag", "\"1\"")], false),
        ("\"1\", \"2\"", strong, false),
        ("1", &[("etag", "1")], false),
        ("*", strong, false),
        ("", strong, false),
    ] {
        assert_eq!(ranged(&[("if-range", condition)], stored), expected, "{condition} {stored:?}");
    }
    assert!(ranged(&[], strong));
    assert!(!ranged(&[("if-range", "\"1\""), ("if-range", "\"1\"")], strong));
}

/// §13.1.5 and §8.8.2.2.
#[test]
fn a_date_must_be_the_very_same_and_strong() {
    let modified = ("last-modified", THEN);
    for (condition, stored, expected) in [
        (THEN, &[modified, ("date", MINUTE_LATER)][..], true),
        (THEN, &[modified, ("date", NEARLY)], false),
        (THEN, &[modified, ("date", SECOND_LATER)], false),
        (THEN, &[modified, ("date", THEN)], false),
        (THEN, &[("last-modified", MINUTE_LATER), ("date", THEN)], false),
        (THEN, &[modified], false),
        (THEN, &[modified, ("date", "0")], false),
        (THEN, &[modified, ("date", MINUTE_LATER), ("date", MINUTE_LATER)], false),
        (THEN, &[modified, modified, ("date", MINUTE_LATER)], false),
        (THEN, &[("date", MINUTE_LATER)], false),
        (SECOND_LATER, &[modified, ("date", MINUTE_LATER)], false),
        ("Sunday, 06-Nov-94 08:49:37 GMT", &[modified, ("date", MINUTE_LATER)], false),
        ("0", &[("last-modified", "0"), ("date", MINUTE_LATER)], false),
        ("", &[("last-modified", ""), ("date", MINUTE_LATER)], false),
    ] {
        assert_eq!(ranged(&[("if-range", condition)], stored), expected, "{condition} {stored:?}");
    }
}

/// §13.1.5: a false condition takes a range away, and never a byte.
#[test]
fn a_false_condition_hides_an_unsatisfiable_range() {
    let request = Headers::from([("range", "bytes=9-"), ("if-range", "\"2\"")]);
    assert_eq!(part(&request, 200, &[("etag".to_owned(), "\"1\"".to_owned())], 5), Part::Whole);
}

/// §14.4.
#[test]
fn the_part_is_named() {
    for (part, length, expected) in [
        (single(0, 499), 1234, Some("bytes 0-499/1234")),
        (single(734, 1233), 1234, Some("bytes 734-1233/1234")),
        (Part::Unsatisfiable, 1234, Some("bytes */1234")),
        (Part::Unsatisfiable, 0, Some("bytes */0")),
        (Part::Whole, 1234, None),
    ] {
        assert_eq!(content_range(&part, length).as_deref(), expected);
    }
}
