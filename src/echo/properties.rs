//! Properties: what is cut can be put back, and what is stored holds nobody's value.

use super::*;
use crate::projection::tests::projection;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Texts with all that JSON escapes.
fn value() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9/\"\\\\%\n\t\u{e9}\u{1f600}-]{1,12}"
}

fn answer(id: &str, other: &str, escaped: bool) -> Vec<u8> {
    let text = json!({ "a": other, "session": { "id": id }, "z": [other, 1.5, null] }).to_string();
    let text = if escaped { text.replace('/', "\\/").replace('\u{e9}', "\\u00e9") } else { text };
    text.into_bytes()
}

fn cut_out(id: &str, other: &str, escaped: bool) -> Result<Template, NotStored> {
    let pointers = projection(json!({ "echo": ["/session/id"] })).echo;
    cut(answer(id, other, escaped), &[], &pointers, &[Echo::Text(id.to_owned())])
}

/// All texts in a value, names of members included.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(elements) => elements.iter().flat_map(texts).collect(),
        Value::Object(members) => {
            members.iter().flat_map(|(name, value)| [vec![name.clone()], texts(value)].concat()).collect()
        }
        _ => Vec::new(),
    }
}

proptest! {
    #[test]
    fn what_was_cut_goes_back_for_the_same_caller(id in value(), other in value()) {
        if let Ok(template) = cut_out(&id, &other, false) {
            let back = splice(&template.body, &template.cuts, &[Echo::Text(id.clone())]);
            prop_assert_eq!(back, Some(answer(&id, &other, false)));
        }
    }

    #[test]
    fn another_caller_gets_what_the_origin_would_say(id in value(), other in value(), you in value(), escaped: bool) {
        if let Ok(template) = cut_out(&id, &other, escaped) {
            let body = splice(&template.body, &template.cuts, &[Echo::Text(you.clone())]).unwrap();
            let said: Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(&said, &serde_json::from_slice::<Value>(&answer(&you, &other, false)).unwrap());
            let own = id.to_ascii_lowercase();
            let kept: Value = serde_json::from_slice(&answer("", &other, false)).unwrap();
            prop_assert!(texts(&kept).iter().all(|text| !text.to_ascii_lowercase().contains(&own)));
        }
    }

    /// A value that is nowhere else in the answer is always found, or nothing would ever be stored.
    #[test]
    fn a_value_of_its_own_is_always_cut(id in "[A-Z]{8}[/\"\u{e9}\u{1f600}]?[A-Z]{8}", other in "[a-z]{0,7}", escaped: bool) {
        prop_assert_eq!(cut_out(&id, &other, escaped).map(|template| template.cuts.len()), Ok(1));
    }

    #[test]
    fn a_value_within_another_text_is_always_noticed(id in value(), before in "[a-z ]{0,3}", after in "[a-z ]{0,3}", escaped: bool) {
        let other = format!("{before}{id}{after}");
        prop_assert!(cut_out(&id, &other, escaped).is_err());
        let nested = json!({ "log": other }).to_string();
        prop_assert!(cut_out(&id, &nested, escaped).is_err());
    }

    #[test]
    fn any_answer_is_cut_or_refused(body in proptest::collection::vec(any::<u8>(), 0..40), id in value()) {
        let pointers = projection(json!({ "echo": ["/a"] })).echo;
        let _ = cut(body, &[], &pointers, &[Echo::Text(id)]);
    }

    #[test]
    fn any_cuts_are_filled_or_refused(body in proptest::collection::vec(any::<u8>(), 0..9), cuts in proptest::collection::vec((0usize..12, 0usize..3), 0..4)) {
        let cuts: Vec<Cut> = cuts.into_iter().map(|(at, echo)| Cut { at, echo }).collect();
        let _ = splice(&body, &cuts, &[Echo::Text("x".to_owned()), Echo::Absent]);
    }
}
