//! RFC 9110 §8.8.3 and §13.1 as tables: what is an entity tag, which are equal, which a field names.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn tag(text: &str) -> EntityTag<'_> {
    EntityTag::parse(text.as_bytes()).unwrap_or_else(|| unreachable!("{text}"))
}

#[test]
fn tags_are_read() {
    assert_eq!(tag(r#""a,b""#), EntityTag { weak: false, opaque: b"a,b" });
    assert_eq!(tag(r#" W/"" "#), EntityTag { weak: true, opaque: b"" });
    assert!(EntityTag::parse(b"\"\xff\"").is_some());
    for other in ["", "a", "\"", "\"a", "a\"", "w/\"a\"", "W/a", "W/ \"a\"", "\"a b\"", "\"a\"b\"", "\"a\", \"b\"", "*"]
    {
        assert_eq!(EntityTag::parse(other.as_bytes()), None, "{other}");
    }
}

/// The table of RFC 9110 §8.8.3.2.
#[test]
fn tags_compare_as_the_standard_says() {
    for (one, other, strong, weak) in [
        (r#"W/"1""#, r#"W/"1""#, false, true),
        (r#"W/"1""#, r#"W/"2""#, false, false),
        (r#"W/"1""#, r#""1""#, false, true),
        (r#""1""#, r#""1""#, true, true),
        (r#""1""#, r#""2""#, false, false),
    ] {
        assert_eq!(tag(one).strongly_equals(tag(other)), strong, "{one} {other}");
        assert_eq!(tag(other).strongly_equals(tag(one)), strong, "{other} {one}");
        assert_eq!(tag(one).weakly_equals(tag(other)), weak, "{one} {other}");
    }
}

fn named(lines: &[&str]) -> Option<Vec<String>> {
    let headers: Headers = lines.iter().map(|line| ("if-none-match", *line)).collect();
    let text =
        |tag: &EntityTag<'_>| format!("{}{}", if tag.weak { "W/" } else { "" }, String::from_utf8_lossy(tag.opaque));
    match EntityTags::read(&headers, "if-none-match")? {
        EntityTags::Any => Some(vec!["*".to_owned()]),
        EntityTags::List(tags) => Some(tags.iter().map(text).collect()),
    }
}

#[test]
fn a_field_names_tags_over_all_its_lines() {
    let table: &[(&[&str], &[&str])] = &[
        (&[r#""a""#], &["a"]),
        (&[r#""a", W/"b" , "c""#], &["a", "W/b", "c"]),
        (&[r#""a""#, r#"W/"b","c""#], &["a", "W/b", "c"]),
        (&[r#","a",, ,"b","#, ""], &["a", "b"]),
        (&[r#""a,b", "c""#], &["a,b", "c"]),
        (&[r#""a\", "b""#], &[r"a\", "b"]),
        (&[""], &[]),
        (&[" , "], &[]),
        (&[" * "], &["*"]),
        (&["*,"], &["*"]),
        (&["", "*"], &["*"]),
        (&["\"*\""], &["*"]),
    ];
    for (lines, expected) in table {
        assert_eq!(named(lines).unwrap_or_default(), *expected, "{lines:?}");
    }
    assert_eq!(named(&[]), None);
    assert_eq!(named(&[""]), Some(vec![]));
}

#[test]
fn what_is_no_tag_names_nothing() {
    let table: &[(&[&str], &[&str])] = &[
        (&["a"], &[]),
        (&[r#"a, "b""#], &["b"]),
        (&[r#"w/"a", "b""#], &["b"]),
        (&[r#""a" "b", "c""#], &["c"]),
        (&[r#""b", "c"#], &["b"]),
        (&[r#"x", "ab","#], &[]),
        (&[r#""b", c", "d""#], &["b"]),
        (&["*, *"], &[]),
        (&["*", "*"], &[]),
        (&[r#"*, "a""#], &["a"]),
        (&[r#""a""#, "*"], &["a"]),
        (&["**"], &[]),
        (&["*\""], &[]),
    ];
    for (lines, expected) in table {
        assert_eq!(named(lines).unwrap_or_default(), *expected, "{lines:?}");
    }
}

#[test]
fn the_star_is_told_from_a_tag_of_that_name() {
    for (line, expected) in [("*", true), ("\"*\"", false), ("W/\"*\"", false), ("*, *", false), ("*\"", false)] {
        let headers = Headers::from([("if-match", line)]);
        assert_eq!(EntityTags::read(&headers, "if-match") == Some(EntityTags::Any), expected, "{line}");
        assert_eq!(EntityTags::read(&headers, "if-none-match"), None);
    }
}
