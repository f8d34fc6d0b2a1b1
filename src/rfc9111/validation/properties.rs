//! RFC 9111 §4.3 on arbitrary headers: freshening is settled, and conditions can be answered.

use super::*;
use proptest::prelude::*;

fn lines() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = proptest::sample::select(
        &["a", "b", "etag", "last-modified", "content-length", "content-encoding", "set-cookie", "te"][..],
    );
    let value = "(W/)?\"[a-c]?\"|Sun, 06 Nov 1994 08:49:37 GMT|\\PC{0,6}";
    proptest::collection::vec((name.prop_map(str::to_owned), value), 0..6)
}

proptest! {
    /// Freshening with the same 304 twice is freshening once, and each name speaks with one voice.
    #[test]
    fn freshening_is_idempotent(stored in lines(), update in lines()) {
        let once = freshened(&stored, &update);
        prop_assert_eq!(&freshened(&once, &update), &once);
        for (name, value) in &once {
            let from = |lines: &[(String, String)]| lines.contains(&(name.clone(), value.clone()));
            let named = update.iter().any(|(newer, _)| newer == name) && updates(name);
            let expected = if named { from(&update) } else { from(&stored) };
            prop_assert!(expected, "{} {}", name, value);
        }
    }

    /// Whoever can be asked about has a validator, and a 304 that repeats them all speaks of it.
    #[test]
    fn a_304_that_repeats_the_validators_is_accepted(stored in lines()) {
        let headers: Headers = stored.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let conditions = conditions(&stored, false);
        prop_assert_eq!(has_validator(&headers), !conditions.is_empty());
        let by_tag = conditions.iter().any(|(name, _)| *name == "if-none-match");
        let by_date = !conditions.is_empty() && !headers.contains("etag");
        if by_tag || by_date {
            prop_assert!(answers(&stored, &headers));
        }
    }
    /// The stored answer's own headers speak of it, as far as they can be read; another length never does.
    #[test]
    fn a_head_that_repeats_the_headers_is_accepted(stored in lines(), length in 0_usize..9) {
        let said = |name: &str| ["etag", "last-modified"].contains(&name);
        let headers = |lines: &[(String, String)]| -> Headers {
            lines.iter().filter(|(name, _)| said(name)).map(|(name, value)| (name.as_str(), value.as_str())).collect()
        };
        let readable = |name, parsed: fn(&[u8]) -> bool| {
            values(&stored, name).next().is_none() || only(values(&stored, name)).is_some_and(parsed)
        };
        let all = readable("etag", |text| EntityTag::parse(text).is_some())
            && readable("last-modified", |text| date::parse(text).is_some());
        prop_assert_eq!(head_answers(&stored, length, &headers(&stored)), all);
        for other in (0_usize..9).filter(|other| *other != length) {
            let text = other.to_string();
            prop_assert!(!head_answers(&stored, length, &Headers::from([("content-length", text.as_str())])));
        }
    }

    /// Whatever bytes come from the origin, they are judged.
    #[test]
    fn any_answer_is_judged(stored in lines(), name in proptest::sample::select(&["etag", "last-modified", "content-length"][..]), value in proptest::collection::vec(any::<u8>(), 0..12)) {
        let response = Headers::from_pairs(vec![(name.to_owned(), value)]);
        let _ = head_answers(&stored, 3, &response);
        let _ = answers(&stored, &response);
    }
}
