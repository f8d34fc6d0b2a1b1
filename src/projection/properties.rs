//! Properties: the projection reads any bytes, and is equal exactly where the values are.

use super::tests::projection;
use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn lists() -> Projection {
    projection(json!({ "include": ["/a", "/o/p"], "echo": ["/e"], "ignore": ["/i"] }))
}

/// Values whose equality `serde_json` and canonical form see alike: numbers are whole and small.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i8..3).prop_map(Value::from),
        "[ab\"\\\\\n\u{e9}]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[ab\"]{0,2}", inner, 0..3).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// JSON with white space, members in descending order, and every character escaped.
fn written_otherwise(value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            format!("[ {} ]", elements.iter().map(written_otherwise).collect::<Vec<_>>().join("\n,"))
        }
        Value::Object(members) => {
            let member =
                |(name, value): (&String, &Value)| format!("{}\t: {}", escaped(name), written_otherwise(value));
            format!("{{ {} }}", members.iter().rev().map(member).collect::<Vec<_>>().join(" , "))
        }
        Value::String(text) => escaped(text),
        other => other.to_string(),
    }
}

fn escaped(text: &str) -> String {
    let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    format!("\"{units}\"")
}

proptest! {
    #[test]
    fn equal_values_and_only_these_have_equal_projections(one in value(), other in value()) {
        let body = |value: &Value| json!({ "a": value, "i": 1 });
        let [plain, same, different] =
            [body(&one).to_string(), written_otherwise(&body(&one)), body(&other).to_string()]
                .map(|text| project(text.as_bytes(), &lists()));
        // Names that differ in case alone do not come up here; a fault would be one of both.
        prop_assert_eq!(&plain, &same);
        prop_assert_eq!(plain.is_ok() && plain == different, one == other);
    }

    #[test]
    fn an_included_member_is_never_taken_for_another(one in value(), other in value()) {
        let at_a = project(json!({ "a": one, "o": { "p": other } }).to_string().as_bytes(), &lists());
        let swapped = project(json!({ "a": other, "o": { "p": one } }).to_string().as_bytes(), &lists());
        prop_assert_eq!(at_a == swapped, one == other);
        prop_assert_ne!(at_a, project(json!({ "a": one }).to_string().as_bytes(), &lists()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = project(&bytes, &lists());
    }

    #[test]
    fn anything_like_json_is_read_or_refused(text in "[{}\\[\\],:\"aeiop\\\\u0-9dD\\. -]{0,40}") {
        let _ = project(text.as_bytes(), &lists());
    }

    #[test]
    fn a_damaged_body_never_panics(value in value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = json!({ "a": value, "e": "x" }).to_string().into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        let _ = project(&body, &lists());
        let _ = project(&body[..at], &lists());
    }
}
