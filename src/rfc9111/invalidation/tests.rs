//! RFC 9111 §4.4 as tables: which methods and statuses, and which URIs.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const HOST: &[u8] = b"h.example";
const TARGET: &[u8] = b"/a/b/c?d=1";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What an answer with these headers invalidates beside the target.
fn others(headers: &[(&str, &str)]) -> Vec<String> {
    let mut all = affected(b"http", HOST, TARGET, &headers.iter().copied().collect());
    let own = Target { host: HOST.to_vec(), target: TARGET.to_vec() };
    assert_eq!(all.remove(0), own, "{headers:?}");
    assert!(all.iter().all(|other| other.host == HOST), "{headers:?}");
    all.iter().map(|other| text(&other.target)).collect()
}

#[test]
fn only_methods_known_to_be_safe_are_safe() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"] {
        assert!(is_safe(method), "{method}");
        assert!(!is_safe(&method.to_lowercase()), "{method}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "CONNECT", "M-SEARCH", "PURGE", "MKCOL", "GETS", "", "X", "*"] {
        assert!(!is_safe(method), "{method}");
    }
}

#[test]
fn only_a_success_or_a_redirection_counts() {
    for (status, expected) in
        [(100, false), (199, false), (200, true), (204, true), (304, true), (399, true), (400, false), (500, false)]
    {
        assert_eq!(succeeded(status), expected, "{status}");
    }
}

/// RFC 9110 §4.2.3 and §4.3.1.
#[test]
fn hosts_have_one_form() {
    for (host, scheme, expected) in [
        ("h.example", "http", "h.example"),
        ("H.Example", "http", "h.example"),
        ("h.example:80", "http", "h.example"),
        ("h.example:443", "https", "h.example"),
        ("h.example:443", "HTTPS", "h.example"),
        ("h.example:443", "http", "h.example:443"),
        ("h.example:80", "https", "h.example:80"),
        ("h.example:80", "other", "h.example:80"),
        ("h.example:", "http", "h.example"),
        ("h.example:0080", "http", "h.example"),
        ("h.example:008080", "http", "h.example:8080"),
        ("h.example:00", "http", "h.example:0"),
        ("[::1]", "http", "[::1]"),
        ("[FE80::1]:80", "http", "[fe80::1]"),
        ("[::1]:8080", "http", "[::1]:8080"),
        ("h.example:x", "http", "h.example:x"),
        ("", "http", ""),
        (":80", "http", ""),
    ] {
        assert_eq!(text(&normal_host(host.as_bytes(), scheme.as_bytes())), expected, "{host} {scheme}");
    }
}

#[test]
fn the_target_comes_first_and_as_it_was_asked_for() {
    for (host, target, expected_host, expected) in [
        ("H.example:80", "/a?b", "h.example", "/a?b"),
        ("h.example", "/a?b#c", "h.example", "/a?b"),
        ("h.example", "/a/../b/%7e", "h.example", "/a/../b/%7e"),
        ("h.example", "/{é}|", "h.example", "/{é}|"),
        ("h example", "*", "h example", "*"),
        ("", "", "", ""),
    ] {
        let none = affected(b"http", host.as_bytes(), target.as_bytes(), &Headers::default());
        let own = Target { host: expected_host.into(), target: expected.into() };
        assert_eq!(none, [own], "{host} {target}");
    }
}

/// RFC 3986 §5.4, as far as it stays with one origin.
#[test]
fn references_are_resolved() {
    for (reference, expected) in [
        ("/x", "/x"),
        ("x", "/a/b/x"),
        ("./x", "/a/b/x"),
        ("x/", "/a/b/x/"),
        (".", "/a/b/"),
        ("..", "/a/"),
        ("../x", "/a/x"),
        ("../../x", "/x"),
        ("../../../x", "/x"),
        ("/./x/../y", "/y"),
        ("x;y=1/../z", "/a/b/z"),
        ("?q", "/a/b/c?q"),
        ("?", "/a/b/c?"),
        ("x?q=/../y#f", "/a/b/x?q=/../y"),
        ("/x#f?", "/x"),
        ("/x%2Fy%7e", "/x%2Fy%7e"),
        ("//h.example/x", "/x"),
        ("http://h.example", "/"),
        ("http://h.example?q", "/?q"),
        ("http://h.example#f", "/"),
        ("http://h.example/x/../y", "/y"),
        ("HTTP://H.EXAMPLE:80/X", "/X"),
        ("http://h.example:/x", "/x"),
        (" /x\t", "/x"),
        ("/x,/y", "/x,/y"),
    ] {
        assert_eq!(others(&[("location", reference)]), [expected], "{reference}");
        assert_eq!(others(&[("content-location", reference)]), [expected], "{reference}");
    }
}

#[test]
fn what_is_of_another_origin_is_left_out() {
    for reference in [
        "https://h.example/x",
        "https://h.example:80/x",
        "http://h.example:443/x",
        "http://h.example:8080/x",
        "http://other.example/x",
        "http://h.example.other/x",
        "http://h.example@other.example/x",
        "//other.example/x",
        "//x",
        "mailto:a@h.example",
        "http:x",
        "http:/x",
        "http:///x",
        "urn:h.example",
    ] {
        assert_eq!(others(&[("location", reference)]), [""; 0], "{reference}");
    }
}

#[test]
fn what_is_no_reference_is_skipped() {
    for reference in [
        "/a b",
        "/{x}",
        "/é",
        "/%zz",
        "/a|b",
        "http://h.example:x/",
        "http://[::1/",
        "http://me@h.example/x",
        "1:x",
        ":",
    ] {
        assert_eq!(others(&[("location", reference), ("location", "/y")]), ["/y"], "{reference}");
    }
    let bytes = Headers::from_pairs(vec![("location".to_owned(), b"/\xff".to_vec())]);
    assert_eq!(affected(b"http", HOST, TARGET, &bytes).len(), 1);
}

#[test]
fn each_line_counts_and_nothing_twice() {
    let headers = [
        ("location", "/x"),
        ("content-location", "/y"),
        ("location", "/z"),
        ("content-location", "/x"),
        ("link", "/l"),
    ];
    assert_eq!(others(&headers), ["/x", "/z", "/y"]);
    for own in ["", "#f", "/a/b/c?d=1", "c?d=1", "?d=1", "http://H.example:80/a/b/c?d=1#f"] {
        assert_eq!(others(&[("location", own)]), [""; 0], "{own}");
    }
}

/// A target that is no URI of RFC 3986 is still one here; only what is relative to it cannot be told.
#[test]
fn odd_targets_resolve_what_they_can() {
    let response = Headers::from([("location", "x"), ("location", "")]);
    for (host, target, expected) in [
        ("h.example", "/a/b?{x}", 2),
        ("h.example", "/a{b}/c", 1),
        ("h example", "/a/b", 1),
        ("me@h.example", "/a/b", 1),
        ("h.example", "*", 1),
        ("h.example", "@other.example/a", 1),
        ("h.example", ".other.example/a", 1),
        ("h.example", ":8080/a", 1),
        ("", "/a", 1),
    ] {
        assert_eq!(affected(b"http", host.as_bytes(), target.as_bytes(), &response).len(), expected, "{host} {target}");
    }
    assert_eq!(affected(b"", HOST, TARGET, &response).len(), 1);
}

#[test]
fn ports_and_schemes_are_of_the_origin() {
    let response = Headers::from([("location", "https://h.example:8443/x"), ("content-location", "//h.example/y")]);
    let targets = |scheme: &[u8], host: &[u8]| {
        let all = affected(scheme, host, b"/", &response);
        all.iter().skip(1).map(|other| text(&other.host) + &text(&other.target)).collect::<Vec<_>>()
    };
    assert_eq!(targets(b"https", b"h.example:8443"), ["h.example:8443/x"]);
    assert_eq!(targets(b"https", b"h.example:443"), ["h.example/y"]);
    assert_eq!(targets(b"http", b"h.example:8443"), [""; 0]);
}

/// RFC 9110 §9.3.3 and §8.7.
#[test]
fn an_answer_may_represent_its_own_target() {
    let represents = |values: &[&str]| {
        let response = values.iter().map(|value| ("content-location", *value)).collect();
        represents_target(b"http", HOST, TARGET, &response)
    };
    for own in ["", "/a/b/c?d=1", "c?d=1", "?d=1", "//h.example/a/b/c?d=1", "http://H.example:80/a/b/c?d=1"] {
        assert!(represents(&[own]), "{own}");
    }
    for other in [
        "/a/b/c",
        "/a/b/c?d=2",
        "/a/b/C?d=1",
        "/a/b/c?d=%31",
        "c",
        "?",
        "#f",
        "/a/b/c?d=1#f",
        "https://h.example/a/b/c?d=1",
        "http://other.example/a/b/c?d=1",
        "http://me@h.example/a/b/c?d=1",
        "/a/b/c?d=1 x",
    ] {
        assert!(!represents(&[other]), "{other}");
    }
    assert!(!represents(&[]));
    assert!(!represents(&["/a/b/c?d=1", "/a/b/c?d=1"]));
    assert!(!represents_target(b"http", HOST, TARGET, &Headers::from([("location", "/a/b/c?d=1")])));
}
