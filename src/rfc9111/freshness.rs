//! RFC 9111 §4.2, Freshness: how long an answer lives, how old it is, whether it may be used as it is.
//!
//! Without heuristics: an answer without explicit lifetime has the one that its rule gives, or none.

use crate::http::{self, Headers, RequestDirectives, ResponseDirectives};
use crate::reason::Forward;
use crate::time::Timestamp;
use std::time::Duration;

/// The lifetime that the origin gives (§4.2.1), "using the first match"; nothing when it gives none.
///
/// `received` stands in for a missing `Date`.
pub fn explicit_lifetime(headers: &Headers, directives: &ResponseDirectives, received: Timestamp) -> Option<Duration> {
    // "If the cache is shared and the s-maxage response directive is present, use its value, or If the max-age response
    // directive is present, use its value"
    if let Some(seconds) = directives.s_maxage.or(directives.max_age) {
        return Some(Duration::from_secs(u64::from(seconds)));
    }
    // "If the Expires response header field is present, use its value minus the value of the Date response header field
    // (using the time the message was received if it is not present"
    let expires = earliest_expiry(headers)?;
    let date = headers.all("date").filter_map(http::date::parse).max().unwrap_or(received);
    Some(expires.since(date))
}

/// §5.3: "A cache recipient MUST interpret invalid date formats, especially the value '0', as representing a time in the
/// past". Of several lines the earliest counts, and of several `Date` lines the latest: a life is never too long.
fn earliest_expiry(headers: &Headers) -> Option<Timestamp> {
    headers.all("expires").map(|value| http::date::parse(value).unwrap_or_default()).min()
}

/// The age of an answer when it arrived: `corrected_initial_age` of §4.2.3, the conservative form.
///
/// `requested` and `received` are wall-clock times, `delay` is the time between them on the monotonic clock. The longer of
/// the two delays counts: a wall clock may have been set meanwhile.
pub fn initial_age(headers: &Headers, requested: Timestamp, received: Timestamp, delay: Duration) -> Duration {
    // "apparent_age = max(0, response_time - date_value);"
    let date = headers.all("date").filter_map(http::date::parse).min();
    let apparent = date.map_or(Duration::ZERO, |date| received.since(date));
    // "response_delay = response_time - request_time; corrected_age_value = age_value + response_delay;"
    let delay = delay.max(received.since(requested));
    let corrected = age_value(headers).saturating_add(delay);
    // "corrected_initial_age = max(apparent_age, corrected_age_value);"
    apparent.max(corrected)
}

/// §5.1: "a cache encountering a message with a list-based Age field value SHOULD use the first member of the field value,
/// discarding subsequent ones. If the field value (after discarding additional members, as per above) is invalid (e.g., it
/// contains something other than a non-negative integer), a cache SHOULD ignore the field."
///
/// Ignoring it is not trusting it: `Date` still bounds the age from below.
fn age_value(headers: &Headers) -> Duration {
    let first = headers.list("age").next().and_then(http::delta_seconds);
    Duration::from_secs(u64::from(first.unwrap_or(0)))
}

/// Whether a stored answer of this age and lifetime may be used for a request without asking the origin.
///
/// # Errors
/// [`Forward::Stale`], [`Forward::RequestNoCache`] or [`Forward::RequestMaxAge`]: why the origin has to be asked. A stale
/// answer is `Stale` whatever the client said: RFC 9211 §2.2 keeps `request` for answers that were fresh.
pub fn may_reuse(
    age: Duration,
    lifetime: Duration,
    stored: &ResponseDirectives,
    request: &RequestDirectives,
) -> Result<(), Forward> {
    // §4: "the stored response does not contain the no-cache directive, unless it is successfully validated", and §4.2:
    // "response_is_fresh = (freshness_lifetime > current_age)"
    if stored.no_cache || lifetime <= age {
        return Err(Forward::Stale);
    }
    // §5.2.1.4: "the client prefers a stored response not be used to satisfy the request without successful validation on
    // the origin server."
    if request.no_cache {
        return Err(Forward::RequestNoCache);
    }
    // §5.2.1.1: "the client prefers a response whose age is less than or equal to the specified number of seconds."
    if request.max_age.is_some_and(|seconds| exceeds(age, seconds)) {
        return Err(Forward::RequestMaxAge);
    }
    // §5.2.1.3: "the client prefers a response whose freshness lifetime is no less than its current age plus the specified
    // time in seconds."
    let remaining = lifetime.saturating_sub(age);
    if request.min_fresh.is_some_and(|seconds| remaining < Duration::from_secs(u64::from(seconds))) {
        return Err(Forward::RequestMaxAge);
    }
    Ok(())
}

/// `max-age=0` is how clients ask for validation: it is exceeded even by an answer of this very instant.
fn exceeds(age: Duration, seconds: u32) -> bool {
    seconds == 0 || age > Duration::from_secs(u64::from(seconds))
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
