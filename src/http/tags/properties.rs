//! Tags of arbitrary bytes: few, short, none empty and none twice.

use super::*;
use proptest::prelude::*;

fn headers() -> impl Strategy<Value = Headers> {
    const NAMES: [&str; 4] = ["surrogate-key", "cache-tag", "cache-groups", "x"];
    let value = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        proptest::collection::vec("\"[a-c]{1,2}\"", 0..4).prop_map(|tags| tags.join(",").into_bytes()),
        proptest::collection::vec("[a-e]{1,3}", 0..200).prop_map(|tags| tags.join(" ").into_bytes()),
    ];
    let line = (proptest::sample::select(&NAMES[..]).prop_map(str::to_owned), value);
    proptest::collection::vec(line, 0..5).prop_map(Headers::from_pairs)
}

proptest! {
    #[test]
    fn any_headers_are_answered(headers in headers()) {
        let Some(mut tags) = of(&headers, "h") else { return Ok(()) };
        prop_assert!(tags.len() <= MOST && tags.iter().all(|tag| (1..=LONGEST).contains(&tag.len())));
        let all = tags.len();
        tags.sort_unstable();
        tags.dedup();
        prop_assert_eq!(tags.len(), all);
    }
}
