//! Which tags an answer has, by the header that they came in.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn tags(lines: &[(&str, &str)]) -> Vec<String> {
    of(&lines.iter().copied().collect(), "h").unwrap()
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
        ("cache-groups", "\"a\"", &["group:h a"]),
        ("cache-groups", "\"b c\", \"a\";x=1 , \"b\\\"\\\\\"", &["group:h b c", "group:h a", "group:h b\"\\"]),
        ("cache-groups", "\"\", \" a\"", &["group:h ", "group:h  a"]),
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
    assert_eq!(tags(&[("cache-groups", "\"a\""), ("cache-groups", "\"b\"")]), ["group:h a", "group:h b"]);
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
    assert_eq!(tags(&lines), ["a", "b", "e", "c", "group:h d", "group:h a"]);
}

#[test]
fn what_is_not_text_is_left_out() {
    let line = |value: &[u8]| Headers::from_pairs(vec![("cache-tag".to_owned(), value.to_vec())]);
    assert_eq!(of(&line(b"a, \xff, b"), "h").unwrap(), ["a", "b"]);
}

/// An answer that some of its tags do not invalidate must not be stored.
#[test]
fn too_long_or_too_many_tags_are_none_at_all() {
    let of = |lines: &[(&str, String)]| {
        super::of(&lines.iter().map(|(name, value)| (*name, value.as_str())).collect(), "h").map(|tags| tags.len())
    };
    let long = |bytes: usize| "x".repeat(bytes);
    assert_eq!(of(&[("cache-tag", format!("{}, a", long(256)))]), Some(2));
    assert_eq!(of(&[("cache-tag", format!("{}, a", long(257)))]), None);
    // With its host a group is longer.
    assert_eq!(of(&[("cache-groups", format!("\"{}\"", long(248)))]), Some(1));
    assert_eq!(of(&[("cache-groups", format!("\"{}\"", long(249)))]), None);
    let names = |from: u32, to: u32| (from..to).map(|number| number.to_string()).collect::<Vec<_>>();
    let keys = [names(0, 100), names(0, 100)].concat().join(" ");
    assert_eq!(of(&[("surrogate-key", keys.clone()), ("cache-tag", names(90, 128).join(","))]), Some(128));
    assert_eq!(of(&[("surrogate-key", keys), ("cache-tag", names(90, 129).join(","))]), None);
}

/// RFC 9875 §2.1, §3: groups are those of one origin.
#[test]
fn groups_belong_to_a_host() {
    let headers = Headers::from([("cache-groups", "\"a\""), ("cache-group-invalidation", "\"a\", \"b\";x")]);
    assert_eq!(of(&headers, "h").unwrap(), ["group:h a"]);
    assert_eq!(invalidated(&headers, "h"), ["group:h a", "group:h b"]);
    assert_eq!(invalidated(&headers, "other"), ["group:other a", "group:other b"]);
    assert_eq!(invalidated(&Headers::from([("cache-group-invalidation", "a")]), "h"), [""; 0]);
}
