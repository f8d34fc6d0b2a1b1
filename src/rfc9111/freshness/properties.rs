//! RFC 9111 §4.2 on arbitrary headers: always answered, and no answer grows younger.

use super::*;
use proptest::prelude::*;

fn lines(name: &'static str) -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let value = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..30),
        "[0-9]{1,21}(, [0-9]{1,3})?".prop_map(String::into_bytes),
        (0_u64..4_000_000_000).prop_map(|seconds| {
            httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(seconds)).into_bytes()
        }),
    ];
    proptest::collection::vec(value.prop_map(|value| (name.to_owned(), value)), 0..3)
}

fn directive() -> impl Strategy<Value = Option<u32>> {
    proptest::option::of(prop_oneof![0_u32..200, any::<u32>()])
}

proptest! {
    #[test]
    fn any_headers_are_answered(
        ages in lines("age"), dates in lines("date"), expires in lines("expires"),
        requested: u64, received: u64, delay: u64,
    ) {
        let headers: Headers = [ages, dates, expires].concat().into_iter().collect();
        let (requested, received) = (Timestamp(requested), Timestamp(received));
        let delay = Duration::from_micros(delay);
        prop_assert!(initial_age(&headers, requested, received, delay) >= delay);
        let lifetime = explicit_lifetime(&headers, &ResponseDirectives::default(), received);
        prop_assert_eq!(lifetime.is_some(), headers.contains("expires"));
    }

    #[test]
    fn one_more_expires_never_lengthens_a_life(dates in lines("date"), expires in lines("expires"), more in lines("expires"), received: u64) {
        let before: Headers = [dates.clone(), expires.clone()].concat().into_iter().collect();
        let after: Headers = [dates, expires, more].concat().into_iter().collect();
        let lifetime = |headers| explicit_lifetime(headers, &ResponseDirectives::default(), Timestamp(received));
        prop_assert!(lifetime(&before).is_none() || lifetime(&after) <= lifetime(&before));
    }

    /// Once an answer may not be reused, it may never be again as it grows older or as its life is cut.
    #[test]
    fn freshness_ends_once(
        age in 0_u64..300_000, older in 0_u64..300_000, lifetime in 0_u64..300_000, cut in 0_u64..300_000,
        max_age in directive(), min_fresh in directive(), no_cache: bool,
    ) {
        let request = RequestDirectives { max_age, min_fresh, no_cache, no_store: false };
        let reuse = |age, lifetime| {
            may_reuse(Duration::from_millis(age), Duration::from_millis(lifetime), &ResponseDirectives::default(), &request)
        };
        if reuse(age, lifetime).is_err() {
            prop_assert!(reuse(age + older, lifetime).is_err());
            prop_assert!(reuse(age, lifetime.saturating_sub(cut)).is_err());
        }
        prop_assert!(reuse(lifetime + older, lifetime) == Err(Forward::Stale));
    }
}
