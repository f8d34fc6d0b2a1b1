//! RFC 9111 §4.3 on arbitrary headers: freshening is settled, and conditions can be answered.

use super::*;
use proptest::prelude::*;

fn lines() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = proptest::sample::select(
        &["a", "b", "etag", "last-modified", "content-length", "content-encoding", "set-cookie"][..],
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
        let conditions = conditions(&stored);
        prop_assert_eq!(has_validator(&headers), !conditions.is_empty());
        let by_tag = conditions.iter().any(|(name, _)| *name == "if-none-match");
        let by_date = !conditions.is_empty() && !headers.contains("etag");
        if by_tag || by_date {
            prop_assert!(answers(&stored, &headers));
        }
    }
}
