//! RFC 9111 §4.3 as tables: conditions, which answer a 304 speaks of, what it changes.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

fn pairs(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn conditions_come_from_readable_validators() {
    for (stored, expected) in [
        (&[][..], &[][..]),
        (&[("content-type", "x")], &[]),
        (&[("etag", "W/\"1\"")], &[("if-none-match", "W/\"1\"")]),
        (&[("last-modified", THEN)], &[("if-modified-since", THEN)]),
        (&[("last-modified", THEN), ("etag", "\"1\"")], &[("if-none-match", "\"1\""), ("if-modified-since", THEN)]),
        (&[("etag", "1"), ("last-modified", "0")], &[]),
        (&[("etag", "\"1\""), ("etag", "\"2\"")], &[]),
        (&[("last-modified", THEN), ("last-modified", LATER)], &[]),
    ] {
        let made = conditions(&pairs(stored), false);
        let made: Vec<_> = made.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(made, expected, "{stored:?}");
        assert_eq!(has_validator(&stored.iter().copied().collect()), !expected.is_empty(), "{stored:?}");
    }
}

/// §4.3.1: the date is sent "if the request is not for a subrange".
#[test]
fn a_request_for_a_part_is_validated_by_tag_alone() {
    let tagged = pairs(&[("last-modified", THEN), ("etag", "\"1\"")]);
    assert_eq!(conditions(&tagged, true), [("if-none-match", "\"1\"".to_owned())]);
    assert_eq!(conditions(&pairs(&[("last-modified", THEN)]), true), []);
}

#[test]
fn client_conditions_are_seen() {
    for name in ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range"] {
        assert!(client_has_condition(&Headers::from([("accept", "x"), (name, "")])), "{name}");
    }
    assert!(!client_has_condition(&Headers::from([("range", "bytes=0-1"), ("if", "x")])));
}

#[test]
fn a_304_replaces_what_it_names() {
    let stored =
        pairs(&[("content-type", "a"), ("link", "1"), ("link", "2"), ("x", "old"), ("cache-control", "max-age=1")]);
    let update = pairs(&[("cache-control", "max-age=9"), ("x", "new"), ("x", "newer"), ("y", "1")]);
    let expected = [
        ("content-type", "a"),
        ("link", "1"),
        ("link", "2"),
        ("cache-control", "max-age=9"),
        ("x", "new"),
        ("x", "newer"),
        ("y", "1"),
    ];
    assert_eq!(freshened(&stored, &update), pairs(&expected));
    assert_eq!(freshened(&stored, &[]), stored);
}

#[test]
fn a_304_does_not_touch_what_the_body_depends_on() {
    for name in [
        "content-length",
        "content-encoding",
        "content-range",
        "content-md5",
        "content-digest",
        "repr-digest",
        "digest",
        "transfer-encoding",
        "connection",
        "age",
        "proxy-authenticate",
        "x-envoy-upstream-service-time",
        ":status",
    ] {
        let stored = pairs(&[(name, "old")]);
        assert_eq!(freshened(&stored, &pairs(&[(name, "new")])), stored, "{name}");
        assert_eq!(freshened(&[], &pairs(&[(name, "new")])), [], "{name}");
    }
    for name in [
        "content-type",
        "content-location",
        "content-security-policy",
        "content-foo",
        "set-cookie",
        "etag",
        "expires",
        "date",
        "vary",
    ] {
        assert_eq!(freshened(&pairs(&[(name, "old")]), &pairs(&[(name, "new")])), pairs(&[(name, "new")]), "{name}");
    }
}

#[test]
fn a_304_speaks_of_one_stored_answer() {
    let strong = &[("etag", "\"1\""), ("last-modified", THEN)][..];
    let weak = &[("etag", "W/\"1\"")][..];
    let dated = &[("last-modified", THEN)][..];
    for (stored, update, expected) in [
        (strong, &[][..], true),
        (&[], &[], true),
        (strong, &[("etag", "\"1\"")], true),
        (strong, &[("etag", "\"2\"")], false),
        (strong, &[("etag", "W/\"1\"")], true),
        (strong, &[("etag", "W/\"2\"")], false),
        (weak, &[("etag", "W/\"1\"")], true),
        (weak, &[("etag", "\"1\"")], false),
        (dated, &[("etag", "\"1\"")], false),
        (strong, &[("etag", "1")], false),
        (strong, &[("etag", "\"1\""), ("etag", "\"2\"")], false),
        (strong, &[("etag", "\"2\""), ("last-modified", THEN)], false),
        (strong, &[("etag", "\"1\""), ("last-modified", LATER)], true),
        (strong, &[("last-modified", THEN)], true),
        (dated, &[("last-modified", THEN)], true),
        (dated, &[("last-modified", "sunday, 06-nov-94 08:49:37 gmt")], true),
        (dated, &[("last-modified", LATER)], false),
        (dated, &[("last-modified", "0")], false),
        (weak, &[("last-modified", THEN)], false),
        (&[("last-modified", "0")], &[("last-modified", "0")], false),
    ] {
        assert_eq!(answers(&pairs(stored), &update.iter().copied().collect()), expected, "{stored:?} {update:?}");
    }
}

/// §4.3.5.
#[test]
fn a_head_speaks_of_the_stored_answer_when_all_it_says_matches() {
    let strong = &[("etag", "\"1\""), ("last-modified", THEN)][..];
    let weak = &[("etag", "W/\"1\"")][..];
    for (stored, response, expected) in [
        (strong, &[][..], true),
        (&[], &[("x", "y")], true),
        (strong, &[("etag", "\"1\"")], true),
        (strong, &[("etag", "\"1\""), ("last-modified", THEN), ("content-length", "5")], true),
        (strong, &[("last-modified", "sunday, 06-nov-94 08:49:37 gmt")], true),
        (weak, &[("etag", "W/\"1\"")], true),
        (weak, &[("etag", "\"1\"")], false),
        (strong, &[("etag", "W/\"1\"")], false),
        (strong, &[("etag", "\"2\"")], false),
        (strong, &[("etag", "\"1\""), ("last-modified", LATER)], false),
        (strong, &[("etag", "\"2\""), ("last-modified", THEN)], false),
        (strong, &[("etag", "\"1\""), ("etag", "\"1\"")], false),
        (&[("etag", "1")], &[("etag", "1")], false),
        (weak, &[("last-modified", THEN)], false),
        (&[("last-modified", "0")], &[("last-modified", "0")], false),
        (&[], &[("etag", "\"1\"")], false),
        (&[], &[("content-length", " 5")], true),
        (&[], &[("content-length", "05")], true),
        (strong, &[("etag", "\"1\""), ("content-length", "6")], false),
        (&[], &[("content-length", "")], false),
        (&[], &[("content-length", "+5")], false),
        (&[], &[("content-length", "5, 5")], false),
        (&[], &[("content-length", "5"), ("content-length", "5")], false),
        (&[], &[("content-length", "99999999999999999999999")], false),
    ] {
        let response: Headers = response.iter().copied().collect();
        assert_eq!(head_answers(&pairs(stored), 5, &response), expected, "{stored:?} {response:?}");
    }
}
