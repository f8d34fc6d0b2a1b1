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

fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// An age, a later one less it, a lifetime, and what it might have more.
fn times() -> impl Strategy<Value = (u64, u64, u64, u64)> {
    let time = || prop_oneof![0_u64..300_000, (0_u64..300).prop_map(|seconds| seconds * 1000)];
    (time(), time(), time(), time())
}

fn response_directives() -> impl Strategy<Value = ResponseDirectives> {
    let flags = proptest::array::uniform5(proptest::bool::weighted(0.1));
    (flags, any::<bool>(), directive()).prop_map(|(flags, immutable, s_maxage)| {
        let [no_cache, must_revalidate, proxy_revalidate, targeted, shared] = flags;
        ResponseDirectives {
            no_cache,
            must_revalidate,
            proxy_revalidate,
            immutable,
            targeted,
            s_maxage: s_maxage.filter(|_| shared),
            ..ResponseDirectives::default()
        }
    })
}

fn request_directives() -> impl Strategy<Value = RequestDirectives> {
    let flags = (proptest::bool::weighted(0.1), any::<bool>(), any::<bool>());
    let stale = prop_oneof![directive(), Just(Some(u32::MAX))];
    (flags, directive(), directive(), stale).prop_map(|(flags, max_age, min_fresh, max_stale)| RequestDirectives {
        no_cache: flags.0,
        no_store: flags.1,
        only_if_cached: flags.2,
        max_age,
        min_fresh,
        max_stale,
    })
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

    /// Freshness never grows with time: what may be reused at some age may be at every smaller one, whatever both sides
    /// said, and so it may with a longer life.
    #[test]
    fn freshness_never_grows_with_time(
        (age, older, lifetime, more) in times(), stored in response_directives(), request in request_directives(),
    ) {
        let reuse = |age, lifetime| may_reuse(millis(age), millis(lifetime), &stored, &request);
        if reuse(age + older, lifetime).is_ok() {
            prop_assert_eq!(reuse(age, lifetime), Ok(()));
            prop_assert_eq!(reuse(age + older, lifetime + more), Ok(()));
        }
    }

    /// Nothing stale is reused that the origin forbids or the client did not ask for.
    #[test]
    fn staleness_needs_a_permission(
        (age, older, lifetime, _) in times(), stored in response_directives(), request in request_directives(),
    ) {
        let verdict = may_reuse(millis(lifetime + older), millis(lifetime), &stored, &request);
        let permitted = permits_stale(&stored) && request.max_stale.is_some() && !request.no_cache;
        prop_assert!(verdict == Err(Forward::Stale) || (verdict.is_ok() && permitted));
        prop_assert!(within(millis(age), millis(lifetime), Duration::MAX) == (age >= lifetime));
    }

    #[test]
    fn a_guess_is_never_longer_than_a_tenth(dates in lines("date"), modified in lines("last-modified"), received: u64, bound: u64) {
        let headers: Headers = [dates, modified].concat().into_iter().collect();
        if let Some(unmodified) = unmodified_for(&headers, Timestamp(received)) {
            let lifetime = heuristic(unmodified, millis(bound));
            prop_assert!(lifetime <= millis(bound) && lifetime.saturating_mul(10) <= unmodified);
        }
    }
}
