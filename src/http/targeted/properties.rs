//! `CDN-Cache-Control` of arbitrary bytes: always answered, and counted whole or not at all.

use super::*;
use crate::http::ResponseDirectives;
use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let words = "((no-store|no-cache|private|public|max-age|stale-if-error|x)(=(\\?[01]|-?[0-9]{1,16}|\"[a-c, ]{0,5}\"|a|\\(a 1\\)|:YQ==:))?(;a)?,? ?){0,4}";
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..40), words.prop_map(String::into_bytes)]
}

proptest! {
    #[test]
    fn any_bytes_are_answered(lines in proptest::collection::vec(bytes(), 0..3), cache_control in bytes()) {
        let plain = ResponseDirectives::parse(std::iter::once(cache_control.as_slice()));
        let mut pairs: Vec<_> = lines.into_iter().map(|line| (FIELD.to_owned(), line)).collect();
        let alone = ResponseDirectives::of(&pairs.iter().cloned().collect());
        pairs.push(("cache-control".to_owned(), cache_control));
        let both = ResponseDirectives::of(&pairs.into_iter().collect());
        prop_assert_eq!(both, if alone.targeted { alone } else { plain });
        prop_assert!(alone.targeted || alone == ResponseDirectives::default());
        prop_assert!(both.max_age <= Some(MAX_DELTA_SECONDS));
    }

    /// What both syntaxes can say means the same in both.
    #[test]
    fn plain_directives_mean_what_they_mean_in_cache_control(
        text in "(no-store|no-cache|private=\"(a|vary)\"|public|immutable|must-understand|max-age=[0-9]{1,3})(, (must-revalidate|s-maxage=[0-9]{1,12}|x=1|stale-if-error=[0-9]))?",
    ) {
        let targeted = ResponseDirectives::of(&Headers::from([(FIELD, text.as_str())]));
        let plain = ResponseDirectives::of(&Headers::from([("cache-control", text.as_str())]));
        prop_assert_eq!(targeted, ResponseDirectives { targeted: true, ..plain });
    }
}
