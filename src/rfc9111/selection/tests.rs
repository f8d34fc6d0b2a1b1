//! RFC 9111 §4.1 as tables: which names `Vary` nominates, and which values match.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn raw(lines: &[(&str, &[u8])]) -> Headers {
    lines.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
}

fn names(lines: &[&str]) -> Result<Vec<String>, NotStored> {
    vary_names(&lines.iter().map(|line| ("vary", *line)).collect())
}

#[test]
fn vary_is_read() {
    for (lines, expected) in [
        (&[][..], &[][..]),
        (&[""], &[]),
        (&["Accept-Language, accept"], &["accept", "accept-language"]),
        (&["b", "A, b ,, c"], &["a", "b", "c"]),
    ] {
        let expected = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(names(lines), Ok(expected), "{lines:?}");
    }
}

#[test]
fn vary_that_cannot_be_matched_is_refused() {
    for lines in [
        &["*"][..],
        &["*, *"],
        &["*", "*"],
        &[", *"],
        &["", "*"],
        &["*, foo"],
        &["foo, *"],
        &["foo", "bar,*"],
        &["foo bar"],
        &["foo;q=1"],
        &["\"foo\""],
        &[":path"],
        &["é"],
    ] {
        assert_eq!(names(lines), Err(NotStored::VaryStar), "{lines:?}");
    }
}

/// Pairs of header sections, and whether a stored answer of the one is for the other.
#[test]
fn nominated_values_match_as_the_standard_says() {
    type Lines = &'static [&'static [u8]];
    let table: &[(Lines, Lines, bool)] = &[
        (&[], &[], true),
        (&[], &[b""], false),
        (&[b""], &[b"  "], true),
        (&[b"a"], &[b"a"], true),
        (&[b"a"], &[b"A"], false),
        (&[b"a"], &[b"ab"], false),
        (&[b"a"], &[b""], false),
        // whitespace, where it is allowed
        (&[b"a,b"], &[b" a ,\tb "], true),
        (&[b"a b"], &[b"ab"], false),
        (&[b"a b"], &[b"a  b"], false),
        (&[b"\"a,b\""], &[b"\"a, b\""], false),
        (&[b"x=\"a, b\",c"], &[b"x=\"a, b\" , c"], true),
        // lines
        (&[b"a", b"b"], &[b"a, b"], true),
        (&[b"a", b"b"], &[b"b", b"a"], false),
        (&[b"a", b"b"], &[b"a"], false),
        (&[b"a", b""], &[b"a"], false),
        (&[b"a,,b"], &[b"a,b"], false),
        // bytes that are no text
        (&[b"\xff"], &[b"\xff"], true),
        (&[b"\xff"], &[b"\xfe"], false),
        (&[b"\xff"], &[b"%FF"], false),
        (&[b"\xff"], &[b"%25FF"], false),
        (&[b"%"], &[b"%25"], false),
        (&[b"%"], &[b"%"], true),
        (&[b"\xff"], &[b"\xef\xbf\xbd"], false),
        (&[b"\xc3\xa9"], &[b"\xc3\xa9"], true),
        (&[b"\xc3\xa9"], &[b"\xe9"], false),
    ];
    for (one, other, expected) in table {
        assert_match("x", one, other, *expected);
    }
}

fn assert_match(name: &str, one: &[&[u8]], other: &[&[u8]], expected: bool) {
    let [one, other] = [one, other].map(|lines| raw(&lines.iter().map(|line| (name, *line)).collect::<Vec<_>>()));
    let names = [name.to_owned()];
    assert_eq!(matches(&selecting(&one, &names), &other), expected, "{name}: {one:?} {other:?}");
    assert_eq!(matches(&selecting(&other, &names), &one), expected, "{name}: {other:?} {one:?}");
}

/// RFC 9110 §12.5.3 and §12.5.4; no other field is known to be as free.
#[test]
fn languages_and_codings_match_in_any_case() {
    type Lines = &'static [&'static [u8]];
    let table: &[(Lines, Lines, bool)] = &[
        (&[b"en, de"], &[b"eN,De"], true),
        (&[b"en-GB;q=0.5, de"], &[b" EN-gb ; Q=0.5 ,\tde "], true),
        (&[b"gzip;q=1", b"br"], &[b"GZIP;q=1,br"], true),
        (&[b"*"], &[b"*"], true),
        (&[b""], &[b" "], true),
        (&[], &[], true),
        (&[], &[b""], false),
        (&[b"en, de"], &[b"de, en"], false),
        (&[b"en;q=0.5"], &[b"en;q=0.50"], false),
        (&[b"en;q=0.5"], &[b"en;q =0.5"], false),
        (&[b"en;q=0.5"], &[b"en;;q=0.5"], false),
        (&[b"en;"], &[b"en"], false),
        (&[b"en"], &[b"en, "], false),
        (&[b"e n"], &[b"en"], false),
        (&[b"en"], &[b"e"], false),
        // bytes that are no text keep apart
        (&[b"\xff"], &[b"%ff"], false),
        (&[b"%ff"], &[b"%FF"], true),
        (&[b"\xff;A"], &[b"\xff ; a"], true),
        (&[b"\xc3\x89"], &[b"\xc3\xa9"], false),
        // a quoted string is left alone
        (&[b"\"A\""], &[b"\"a\""], false),
        (&[b"x=\"a\" ;b, EN"], &[b"x=\"a\" ;b, en"], true),
        (&[b"x=\"a\" ;b"], &[b"x=\"a\";b"], false),
    ];
    for (one, other, expected) in table {
        assert_match("accept-language", one, other, *expected);
        assert_match("accept-encoding", one, other, *expected);
    }
    for name in ["accept", "accept-charset", "user-agent"] {
        assert_match(name, &[b"a;q=1"], &[b"A;q=1"], false);
        assert_match(name, &[b"a;q=1"], &[b"a; q=1"], false);
    }
}

#[test]
fn every_nominated_header_has_to_match() {
    let names = ["a".to_owned(), "b".to_owned()];
    let stored = selecting(&Headers::from([("a", "1"), ("c", "3")]), &names);
    assert_eq!(stored, [("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)]);
    assert!(matches(&stored, &Headers::from([("c", "4"), ("a", "1")])));
    assert!(!matches(&stored, &Headers::from([("a", "1"), ("b", "")])));
    assert!(!matches(&stored, &Headers::from([("a", "2")])));
    assert!(!matches(&stored, &Headers::default()));
    assert!(matches(&[], &Headers::from([("a", "1")])));
}

#[test]
fn values_are_written_as_text() {
    let value = |bytes: &[u8]| nominated(&raw(&[("x", bytes)]), "x");
    assert_eq!(value(b"gzip ,br"), Some("gzip, br".to_owned()));
    assert_eq!(value(b"100% \xff\x0a\xc3"), Some("100%25 %FF\n%C3".to_owned()));
    assert_eq!(value(b""), Some(String::new()));
    assert_eq!(nominated(&Headers::default(), "x"), None);
    let language = raw(&[("accept-language", b"EN-gb ; Q=1,\xe9; \xc3\x89"), ("accept-language", b"%")]);
    assert_eq!(nominated(&language, "accept-language"), Some("en-gb;q=1, %e9;\u{c9}, %25".to_owned()));
}
