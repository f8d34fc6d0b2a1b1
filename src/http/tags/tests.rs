//! Which tags an answer has, by the header that they came in.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn tags(lines: &[(&str, &str)]) -> Vec<String> {
    of(&lines.iter().copied().collect())
}

#[test]
fn each_header_has_its_own_syntax() {
    for (name, value, expected) in [
        ("surrogate-key", "", &[][..]),
        ("surrogate-key", "a", &["a"]),
        ("surrogate-key", "  b\ta  a,c B ", &["b", "a", "a,c", "B"]),
        ("surrogate-key", "\"a b\"", &["\"a", "b\""]),
        ("cache-tag", "", &[]),
        ("cache-tag", "a", &["a"]),
        ("cache-tag", " b c ,,\ta, \" , A,b c", &["b c", "a", "\"", "A"]),
        ("cache-tag", "é", &["é"]),
        ("cache-groups", "\"a\"", &["a"]),
        ("cache-groups", "\"b c\", \"a\";x=1 , \"b\\\"\\\\\"", &["b c", "a", "b\"\\"]),
        ("cache-groups", "\"\", \" a\"", &[" a"]),
        ("cache-tags", "a", &[]),
    ] {
        assert_eq!(tags(&[(name, value)]), expected, "{name}: {value}");
    }
}

/// RFC 9875 §2, RFC 9651 §4.2: a list of anything but strings is none.
#[test]
fn groups_that_are_no_list_of_strings_are_ignored() {
    for value in
        ["", "a", "\"a\", b", "\"a\", 1", "(\"a\")", "\"a\", ()", "\"a", "\"a\",", "\"é\"", "\"a\" \"b\"", "'a'", "?1"]
    {
        assert_eq!(tags(&[("cache-groups", value), ("cache-tag", "x")]), ["x"], "{value}");
    }
    assert_eq!(tags(&[("cache-groups", "\"a\""), ("cache-groups", "b")]), [""; 0]);
    assert_eq!(tags(&[("cache-groups", "\"a\""), ("cache-groups", "\"b\"")]), ["a", "b"]);
}

#[test]
fn all_headers_add_up_and_no_tag_comes_twice() {
    let lines = [
        ("cache-groups", "\"d\", \"a\""),
        ("cache-tag", "c, a"),
        ("surrogate-key", "a b"),
        ("cache-tag", "b"),
        ("surrogate-key", "b e"),
    ];
    assert_eq!(tags(&lines), ["a", "b", "e", "c", "d"]);
}

#[test]
fn what_is_not_text_or_too_long_is_left_out() {
    let line = |value: &[u8]| Headers::from_pairs(vec![("cache-tag".to_owned(), value.to_vec())]);
    assert_eq!(of(&line(b"a, \xff, b")), ["a", "b"]);
    let long = |bytes: usize| "x".repeat(bytes);
    assert_eq!(tags(&[("cache-tag", &format!("{}, a", long(257)))]), ["a"]);
    assert_eq!(tags(&[("cache-tag", &format!("{}, a", long(256)))]), [long(256), "a".to_owned()]);
}

#[test]
fn the_first_hundred_and_twenty_eight_are_kept() {
    let names = |from: u32, to: u32| (from..to).map(|number| number.to_string()).collect::<Vec<_>>();
    let keys = [names(0, 100), names(0, 100)].concat().join(" ");
    let kept = tags(&[("surrogate-key", &keys), ("cache-tag", &names(90, 200).join(","))]);
    assert_eq!(kept, names(0, 128));
}
