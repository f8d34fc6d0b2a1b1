//! Properties: a key is one text for one request, and what a rule leaves out leaves no mark.

use super::tests::rule;
use super::*;
use proptest::prelude::*;
use serde_json::json;

/// All that a key of the rule below is made of.
#[derive(Clone, Debug, PartialEq)]
struct Asking {
    host: Vec<u8>,
    target: Vec<u8>,
    scheme: Vec<u8>,
    a: Vec<Vec<u8>>,
    b: Vec<Vec<u8>>,
    property: Option<Vec<u8>>,
    body: Vec<u8>,
}

/// Bytes that mean something to the format, or nothing to UTF-8. Few, so that two of them are often nearly equal.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&[u8]; 10] = [b"\n", b"\\", b"\\x0a", b"\nheader b=", b"=", b"?", b"\xff", b"\xc3", b"\xa9", b"a"];
    let piece = proptest::sample::select(&PIECES[..]);
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn asking() -> impl Strategy<Value = Asking> {
    let lines = || proptest::collection::vec(bytes(), 0..3);
    let parts = (bytes(), bytes(), bytes(), lines(), lines(), proptest::option::of(bytes()), bytes());
    parts.prop_map(|(host, target, scheme, a, b, property, body)| Asking { host, target, scheme, a, b, property, body })
}

/// Another request that differs in one part only, or in none.
fn neighbour(of: &Asking, part: usize, value: Vec<u8>) -> Asking {
    let mut other = of.clone();
    match part {
        0 => other.host = value,
        1 => other.target = value,
        2 => other.scheme = value,
        3 => other.a.push(value),
        4 => other.b.insert(0, value),
        5 => other.property = Some(value),
        6 => other.body = value,
        7 => std::mem::swap(&mut other.a, &mut other.b),
        _ => other.property = None,
    }
    other
}

fn text(asking: &Asking) -> String {
    let Asking { host, target, scheme, a, b, property, body } = asking;
    let lines = |name: &str, values: &[Vec<u8>]| -> Vec<(String, Vec<u8>)> {
        values.iter().map(|value| (name.to_owned(), value.clone())).collect()
    };
    let headers = Headers::from_pairs([lines("a", a), lines("b", b)].concat());
    KeyBuilder::new(&rule(json!({})), 1, "POST", host, target)
        .scheme(scheme)
        .headers(&["a".to_owned(), "b".to_owned()], &headers)
        .property(&["p".to_owned()], property.as_deref())
        .body(body, &Headers::default())
        .build()
        .text()
        .to_owned()
}

/// Parameters with names of their own, none of which is `x`.
fn parameters() -> impl Strategy<Value = Vec<String>> {
    let values = proptest::collection::vec("[a-c%+=]{0,3}", 1..5);
    values.prop_map(|values| values.iter().zip('d'..).map(|(value, name)| format!("{name}={value}")).collect())
}

fn target(query: serde_json::Value, parameters: &[String]) -> String {
    let target = format!("/p?{}", parameters.join("&"));
    KeyBuilder::new(&rule(json!({ "query": query })), 1, "GET", b"h", target.as_bytes()).build().text().to_owned()
}

proptest! {
    #[test]
    fn different_requests_never_share_a_key(one in asking(), other in asking(), part in 0usize..9, value in bytes()) {
        let near = neighbour(&one, part, value);
        prop_assert_eq!(text(&one) == text(&other), one == other);
        prop_assert_eq!(text(&one) == text(&near), one == near, "{:?}\n{:?}", one, near);
    }

    #[test]
    fn an_ignored_parameter_leaves_no_mark(known in parameters(), at in 0usize..5, value in "[a-z%=+]{0,4}") {
        let mut more = known.clone();
        more.insert(at.min(known.len()), format!("x={value}"));
        for query in [json!({ "ignore": ["x"] }), json!({ "ignore": ["x"], "sort": true }), json!({ "include": ["d", "e", "f", "g"] })] {
            prop_assert_eq!(target(query.clone(), &known), target(query, &more));
        }
    }

    #[test]
    fn the_order_of_different_names_does_not_count_when_sorted(known in parameters(), turn in 0usize..5) {
        let mut other = known.clone();
        other.rotate_left(turn % known.len());
        prop_assert_eq!(target(json!({ "sort": true }), &known), target(json!({ "sort": true }), &other));
        prop_assert_eq!(target(json!({}), &known) == target(json!({}), &other), known == other);
    }

    #[test]
    fn a_counted_parameter_always_counts(known in parameters(), at in 0usize..4, value in "[a-c%+=;]{0,3}") {
        let mut other = known.clone();
        let at = at.min(known.len() - 1);
        let name = other[at].chars().next().unwrap();
        other[at] = format!("{name}={value}");
        for query in [json!({}), json!({ "ignore": ["x"] }), json!({ "sort": true }), json!({ "include": ["d", "e", "f", "g"] })] {
            prop_assert_eq!(target(query.clone(), &known) == target(query, &other), known == other);
        }
    }

    #[test]
    fn any_bytes_make_a_key_of_printable_lines(host in proptest::collection::vec(any::<u8>(), 0..20), target in proptest::collection::vec(any::<u8>(), 0..20)) {
        let key = KeyBuilder::new(&rule(json!({ "query": { "sort": true } })), 1, "GET", &host, &target).build();
        prop_assert_eq!(key.text().split('\n').count(), 4);
        prop_assert!(key.text().chars().all(|character| character == '\n' || character >= ' '));
    }
}
