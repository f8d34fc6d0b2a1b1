//! RFC 9111 §4.2, Freshness: how long an answer lives, how old it is, whether it may be used as it is.
//!
//! Which lifetime counts is the rule's affair: the explicit one, a default, a heuristic one, or none.

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
    if let Some(lifetime) = directives.s_maxage.or(directives.max_age) {
        return Some(seconds(lifetime));
    }
    // RFC 9213 §2.2: with a targeted field, the cache "MUST ignore the Cache-Control and Expires header fields in that
    // response".
    if directives.targeted {
        return None;
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

/// For how long an answer had not changed when it was made: its `Date`, or else `received`, minus its `Last-Modified`.
///
/// Nothing where `Last-Modified` is missing, cannot be read or lies in the future. Of several lines the latest counts,
/// and of several `Date` lines the earliest: a life that is guessed from this is never too long.
pub fn unmodified_for(headers: &Headers, received: Timestamp) -> Option<Duration> {
    let modified: Option<Vec<_>> = headers.all("last-modified").map(http::date::parse).collect();
    let modified = modified?.into_iter().max()?;
    let date = headers.all("date").filter_map(http::date::parse).min().unwrap_or(received);
    (modified <= date).then(|| date.since(modified))
}

/// A heuristic lifetime (§4.2.2), at most `bound`: "If the response has a Last-Modified header field (Section 8.8.2 of
/// \[HTTP\]), caches are encouraged to use a heuristic expiration value that is no more than some fraction of the interval
/// since that time. A typical setting of this fraction might be 10%."
///
/// Not asked here: whether there is an explicit lifetime, and whether the status or `public` allows a guess.
pub fn heuristic(unmodified_for: Duration, bound: Duration) -> Duration {
    (unmodified_for / 10).min(bound)
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
    seconds(first.unwrap_or(0))
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
    // §4: "the stored response does not contain the no-cache directive, unless it is successfully validated"
    if stored.no_cache {
        return Err(Forward::Stale);
    }
    // §4.2: "response_is_fresh = (freshness_lifetime > current_age)"
    let fresh = lifetime > age;
    let wish = wishes_allow(age, lifetime, fresh && stored.immutable, request);
    if fresh {
        return wish;
    }
    let taken = wish.is_ok() && permits_stale(stored) && takes_stale(age, lifetime, request);
    if taken { Ok(()) } else { Err(Forward::Stale) }
}

/// Whether the client would take an answer of this age, fresh or not.
fn wishes_allow(
    age: Duration,
    lifetime: Duration,
    unchanged: bool,
    request: &RequestDirectives,
) -> Result<(), Forward> {
    // §5.2.1.4: "the client prefers a stored response not be used to satisfy the request without successful validation on
    // the origin server."
    if request.no_cache {
        return Err(Forward::RequestNoCache);
    }
    // §5.2.1.1: "the client prefers a response whose age is less than or equal to the specified number of seconds." But
    // RFC 8246 §2: "Clients SHOULD NOT issue a conditional request during the response's freshness lifetime (e.g., upon a
    // reload) unless explicitly overridden by the user (e.g., a force reload)." A reload is `max-age=0`, a forced one
    // `no-cache`.
    if !unchanged && request.max_age.is_some_and(|seconds| exceeds(age, seconds)) {
        return Err(Forward::RequestMaxAge);
    }
    // §5.2.1.3: "the client prefers a response whose freshness lifetime is no less than its current age plus the specified
    // time in seconds."
    let remaining = lifetime.saturating_sub(age);
    if request.min_fresh.is_some_and(|least| remaining < seconds(least)) {
        return Err(Forward::RequestMaxAge);
    }
    Ok(())
}

/// `max-age=0` is how clients ask for validation: it is exceeded even by an answer of this very instant.
fn exceeds(age: Duration, most: u32) -> bool {
    most == 0 || age > seconds(most)
}

/// §5.2.1.2: "If a value is present, then the client is willing to accept a response that has exceeded its freshness
/// lifetime by no more than the specified number of seconds."
///
/// 0 is also what an unreadable value counts as, so it accepts nothing.
fn takes_stale(age: Duration, lifetime: Duration, request: &RequestDirectives) -> bool {
    let beyond = age.saturating_sub(lifetime);
    request.max_stale.is_some_and(|most| most == u32::MAX || (most > 0 && beyond <= seconds(most)))
}

/// Whether an answer may be served stale at all, whoever asks for it. §4.2.4: "A cache MUST NOT generate a stale response if
/// it is prohibited by an explicit in-protocol directive (e.g., by a no-cache response directive, a must-revalidate response
/// directive, or an applicable s-maxage or proxy-revalidate response directive; see Section 5.2.2)."
pub fn permits_stale(stored: &ResponseDirectives) -> bool {
    // §5.2.2.10: "A shared cache MUST NOT reuse a stale response with s-maxage to satisfy another request until it has been
    // successfully validated by the origin".
    let revalidated = stored.must_revalidate || stored.proxy_revalidate || stored.s_maxage.is_some();
    !revalidated && !stored.no_cache
}

/// Whether an answer is stale, and has been so for less than `window` (RFC 5861). §4 there: "when the cached response is
/// more stale than the indicated amount, the cached response SHOULD NOT be used to satisfy the request".
///
/// Not asked here: whether it may be served stale at all ([`permits_stale`]).
pub fn within(age: Duration, lifetime: Duration, window: Duration) -> bool {
    age >= lifetime && age - lifetime < window
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(u64::from(number))
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
