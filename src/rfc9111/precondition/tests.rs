//! RFC 9111 §4.3.2 with RFC 9110 §13 as tables: when a stored answer becomes a 304, and what that carries.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const EARLIER: &str = "Sat, 05 Nov 1994 08:49:37 GMT";
const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

type Lines<'a> = &'a [(&'a str, &'a str)];

fn answered(request: Lines<'_>, status: u16, stored: Lines<'_>) -> bool {
    let stored: Vec<_> = stored.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    not_modified(&request.iter().copied().collect(), status, &stored)
}

fn check(table: &[(Lines<'_>, Lines<'_>, bool)]) {
    for (request, stored, expected) in table {
        assert_eq!(answered(request, 200, stored), *expected, "{request:?} {stored:?}");
    }
}

#[test]
fn what_only_the_origin_can_judge_is_seen() {
    for (name, expected) in [
        ("if-match", true),
        ("if-unmodified-since", true),
        ("if-none-match", false),
        ("if-modified-since", false),
        ("if-range", false),
    ] {
        assert_eq!(for_the_origin(&Headers::from([("accept", "x"), (name, "")])), expected, "{name}");
    }
}

#[test]
fn without_a_condition_there_is_no_304() {
    check(&[
        (&[], &[("etag", "\"1\""), ("last-modified", THEN), ("date", THEN)], false),
        (&[("if-range", "\"1\""), ("if-match", "\"1\"")], &[("etag", "\"1\"")], false),
    ]);
}

/// RFC 9110 §13.1.2.
#[test]
fn tags_are_compared_weakly() {
    let strong = &[("etag", "\"1\"")][..];
    let weak = &[("etag", "W/\"1\"")][..];
    check(&[
        (&[("if-none-match", "\"1\"")], strong, true),
        (&[("if-none-match", "W/\"1\"")], strong, true),
        (&[("if-none-match", "\"1\"")], weak, true),
        (&[("if-none-match", "W/\"1\"")], weak, true),
        (&[("if-none-match", "\"2\"")], strong, false),
        (&[("if-none-match", "\"2\", \"1\" , \"3\"")], strong, true),
        (&[("if-none-match", "\"2\""), ("if-none-match", "\"3\", W/\"1\"")], strong, true),
        (&[("if-none-match", "\"2\", \"3\"")], strong, false),
        (&[("if-none-match", "2, \"1\"")], strong, true),
        (&[("if-none-match", "1")], strong, false),
        (&[("if-none-match", "")], strong, false),
        (&[("if-none-match", "\"1\"")], &[], false),
    ]);
}

#[test]
fn a_star_matches_whatever_is_stored() {
    check(&[
        (&[("if-none-match", "*")], &[], true),
        (&[("if-none-match", " * ")], &[("etag", "1")], true),
        (&[("if-none-match", "*, \"2\"")], &[("etag", "\"1\"")], false),
        (&[("if-none-match", "\"*\"")], &[("etag", "\"1\"")], false),
    ]);
}

#[test]
fn a_stored_tag_that_cannot_be_read_matches_nothing() {
    check(&[
        (&[("if-none-match", "1")], &[("etag", "1")], false),
        (&[("if-none-match", "w/\"1\"")], &[("etag", "w/\"1\"")], false),
        (&[("if-none-match", "\"1\"")], &[("etag", "\"1\""), ("etag", "\"1\"")], false),
        (&[("if-none-match", "\"1\"")], &[("etag", "\"1\", \"1\"")], false),
    ]);
}

/// RFC 9110 §13.1.3 and §13.2.2.
#[test]
fn a_date_counts_only_without_tags() {
    let stored = &[("etag", "\"1\""), ("last-modified", THEN)][..];
    check(&[
        (&[("if-none-match", "\"1\""), ("if-modified-since", EARLIER)], stored, true),
        (&[("if-none-match", "\"2\""), ("if-modified-since", LATER)], stored, false),
        (&[("if-none-match", ""), ("if-modified-since", LATER)], stored, false),
        (&[("if-none-match", "x"), ("if-modified-since", LATER)], stored, false),
        (&[("if-modified-since", LATER)], stored, true),
    ]);
}

#[test]
fn dates_are_compared_with_the_last_modification() {
    let stored = &[("last-modified", THEN), ("date", LATER)][..];
    check(&[
        (&[("if-modified-since", EARLIER)], stored, false),
        (&[("if-modified-since", THEN)], stored, true),
        (&[("if-modified-since", LATER)], stored, true),
        (&[("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT")], stored, true),
        (&[("if-modified-since", "Sun Nov  6 08:49:37 1994")], stored, true),
        (&[("if-modified-since", "Sun Nov  6 08:49:36 1994")], stored, false),
        (&[("if-modified-since", "0")], stored, false),
        (&[("if-modified-since", "")], stored, false),
        (&[("if-modified-since", "Thu, 18 Aug 2050 02:01:18 AEST")], stored, false),
        (&[("if-modified-since", THEN), ("if-modified-since", THEN)], stored, false),
    ]);
}

#[test]
fn the_date_of_the_answer_stands_in_for_a_missing_modification() {
    check(&[
        (&[("if-modified-since", EARLIER)], &[("date", THEN)], false),
        (&[("if-modified-since", THEN)], &[("date", THEN)], true),
        (&[("if-modified-since", THEN)], &[("date", "0")], false),
        (&[("if-modified-since", THEN)], &[], false),
        (&[("if-modified-since", LATER)], &[("last-modified", "0"), ("date", THEN)], false),
        (&[("if-modified-since", LATER)], &[("last-modified", THEN), ("last-modified", THEN), ("date", THEN)], false),
    ]);
}

/// RFC 9110 §13.2.1.
#[test]
fn only_a_success_becomes_a_304() {
    for (status, expected) in
        [(200, true), (203, true), (204, true), (206, true), (299, true), (300, false), (301, false), (304, false)]
    {
        assert_eq!(answered(&[("if-none-match", "*")], status, &[]), expected, "{status}");
    }
    for status in [100, 199, 404, 410, 412, 501] {
        let stored = &[("etag", "\"1\""), ("last-modified", THEN)];
        assert!(!answered(&[("if-none-match", "\"1\"")], status, stored), "{status}");
        assert!(!answered(&[("if-modified-since", LATER)], status, stored), "{status}");
    }
}

/// RFC 9110 §15.4.5.
#[test]
fn a_304_carries_all_but_what_describes_the_body() {
    let sent = "content-location date etag vary cache-control expires last-modified age set-cookie link x-unknown \
                access-control-allow-origin content-security-policy content-disposition";
    for name in sent.split_ascii_whitespace() {
        assert!(of_not_modified(name), "{name}");
    }
    let left_out = "content-type content-encoding content-language content-length content-range content-md5 \
                    content-digest repr-digest digest";
    for name in left_out.split_ascii_whitespace() {
        assert!(!of_not_modified(name), "{name}");
    }
}
