//! Directives of both sides, and what follows from them.
#![no_main]

use fingerprint_cache::http::{Headers, MAX_DELTA_SECONDS, RequestDirectives, ResponseDirectives, withheld_fields};
use fingerprint_cache::rfc9111::freshness::{explicit_lifetime, initial_age, may_reuse, permits_stale, unmodified_for};
use fingerprint_cache::time::Timestamp;
use fuzz::message::{headers, parts};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

const NOW: Timestamp = Timestamp(784_111_777_000);

/// The ages at which something may change, each with its neighbours, in order.
fn ages(lifetime: Duration, request: &RequestDirectives) -> Vec<Duration> {
    let said = [request.max_age, request.min_fresh, request.max_stale].map(|seconds| seconds.unwrap_or(0));
    let said = said.map(|seconds| Duration::from_secs(u64::from(seconds)));
    let beyond = said.iter().flat_map(|said| [*said, lifetime.saturating_sub(*said), lifetime.saturating_add(*said)]);
    let milli = Duration::from_millis(1);
    let mut ages: Vec<_> = beyond
        .chain([Duration::ZERO, lifetime, Duration::MAX])
        .flat_map(|age| [age.saturating_sub(milli), age, age.saturating_add(milli)])
        .collect();
    ages.sort_unstable();
    ages
}

fn in_range(seconds: Option<u32>) -> bool {
    seconds.is_none_or(|seconds| seconds <= MAX_DELTA_SECONDS)
}

/// What forbids is heard wherever it stands.
fn forbids(said: &Headers) {
    let lines = || said.all("cache-control");
    let after = ResponseDirectives::parse(lines().chain([&b"No-Store"[..]]));
    let before = ResponseDirectives::parse([&b"No-Store"[..]].into_iter().chain(lines()));
    assert!(after.no_store && before.no_store);
}

fuzz_target!(|input: &[u8]| {
    let [asked, said] = parts(input).map(headers);
    let request = RequestDirectives::of(&asked);
    let stored = ResponseDirectives::of(&said);
    assert!([stored.max_age, stored.s_maxage, stored.stale_if_error].into_iter().all(in_range));
    assert!([request.max_age, request.min_fresh].into_iter().all(in_range));
    assert!(withheld_fields(&said).is_sorted());
    forbids(&said);

    let delay = Duration::from_secs(1);
    assert!(initial_age(&said, NOW, NOW, delay) >= delay);
    let _ = unmodified_for(&said, NOW);
    let lifetime = explicit_lifetime(&said, &stored, NOW).unwrap_or_default();
    let mut reusable = true;
    for age in ages(lifetime, &request) {
        let verdict = may_reuse(age, lifetime, &stored, &request);
        assert!(reusable || verdict.is_err(), "reusable again at {age:?} of {lifetime:?}");
        reusable = verdict.is_ok();
        assert!(!reusable || !(stored.no_cache || request.no_cache));
        assert!(!reusable || age < lifetime || (permits_stale(&stored) && request.max_stale.is_some()));
    }
});
