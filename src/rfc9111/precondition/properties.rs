//! RFC 9111 §4.3.2 on arbitrary headers: always answered, and 304 only for what the client can have.

use super::*;
use proptest::prelude::*;

const NAMES: [&str; 2] = ["if-none-match", "if-modified-since"];

fn value() -> impl Strategy<Value = String> {
    prop_oneof!["(W/)?\"[ab]?\"(, ?(W/)?\"[ab]\"){0,2}", "Sun, 0[5-7] Nov 1994 08:49:37 GMT", "[*]|\\PC{0,6}",]
}

fn stored() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = proptest::sample::select(&["etag", "last-modified", "date", "x"][..]).prop_map(str::to_owned);
    proptest::collection::vec((name, value()), 0..4)
}

proptest! {
    #[test]
    fn any_bytes_are_answered(name in proptest::sample::select(&NAMES[..]), value in proptest::collection::vec(any::<u8>(), 0..40), status: u16, stored in stored()) {
        let answered = not_modified(&Headers::from_pairs(vec![(name.to_owned(), value)]), status, &stored);
        prop_assert!(!answered || (200..300).contains(&status));
    }

    /// A client that sends back the validators it got is told that nothing changed, unless they cannot be read.
    #[test]
    fn what_was_sent_is_known_again(stored in stored()) {
        let tag = only(values(&stored, "etag")).filter(|value| EntityTag::parse(value).is_some());
        if let Some(tag) = tag {
            let request = Headers::from_pairs(vec![("if-none-match".to_owned(), tag.to_vec())]);
            prop_assert!(not_modified(&request, 200, &stored));
        }
        let date = only(values(&stored, "last-modified")).filter(|value| date::parse(value).is_some());
        if let Some(date) = date {
            let request = Headers::from_pairs(vec![("if-modified-since".to_owned(), date.to_vec())]);
            prop_assert!(not_modified(&request, 200, &stored));
        }
    }

    /// Without a validator of ours, only a star or a date can be answered by 304; and no date where a tag is named.
    #[test]
    fn a_304_has_a_reason(none_match in value(), since in value(), stored in stored()) {
        let request = Headers::from([("if-none-match", none_match.as_str()), ("if-modified-since", since.as_str())]);
        if not_modified(&request, 200, &stored) {
            let held = only(values(&stored, "etag")).and_then(EntityTag::parse);
            let quoted = held.is_some_and(|tag| none_match.as_bytes().windows(tag.opaque.len() + 2).any(|part| part == [b"\"", tag.opaque, b"\""].concat()));
            prop_assert!(quoted || none_match.trim_matches([' ', '\t', ',']) == "*");
        }
    }
}
