//! Cache directives as values. What cannot be read falls on the safe side: it may shorten a life, never lengthen it.

use super::directive::{self, Argument, Name};
use super::{Headers, list, targeted};
use serde::{Deserialize, Serialize};

/// The greatest number of seconds a directive can say, for ever as RFC 9111 §1.2.2 has it.
pub const MAX_DELTA_SECONDS: u32 = 1 << 31;

/// What the origin says about storing and reusing its answer (RFC 9111 §5.2.2).
///
/// Not read: `no-transform` (nothing is transformed) and other extensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseDirectives {
    /// Nobody may store it.
    pub no_store: bool,
    /// It may be stored, but asked for before each use. The form with fields counts only where [`withheld_fields`]
    /// cannot do what it says.
    pub no_cache: bool,
    /// It is for one user only. The form with fields counts as for `no_cache`.
    pub private: bool,
    /// Anyone may store it, even if the request was credentialed.
    pub public: bool,
    /// Never served stale; permits sharing as `public` does.
    pub must_revalidate: bool,
    /// Never served stale by a shared cache; permits nothing.
    pub proxy_revalidate: bool,
    /// Only for caches that understand its status, which may ignore `no_store` (RFC 9111 §5.2.2.3).
    pub must_understand: bool,
    /// It does not change while it is fresh (RFC 8246).
    pub immutable: bool,
    /// All this was said to us alone, in `CDN-Cache-Control` (RFC 9213): `Expires` does not count.
    pub targeted: bool,
    /// Lifetime in seconds, at most 2³¹; 0 when it cannot be read; the smallest when repeated.
    pub max_age: Option<u32>,
    /// Lifetime in seconds for shared caches, read like `max_age`.
    pub s_maxage: Option<u32>,
    /// For how many seconds it may be served stale while it is validated (RFC 5861 §3), read like `max_age`.
    pub stale_while_revalidate: Option<u32>,
    /// For how many seconds it may be served stale in place of an error (RFC 5861 §4), read like `max_age`.
    pub stale_if_error: Option<u32>,
}

impl ResponseDirectives {
    /// Reads all `Cache-Control` lines of a response, and nothing else.
    pub fn parse<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        Reading::of_cache_control(lines).directives
    }

    /// The directives that count for this cache: those of `CDN-Cache-Control` where it is valid and not empty, else
    /// those of `Cache-Control`.
    pub fn of(headers: &Headers) -> Self {
        Reading::of(headers).directives
    }
}

/// The fields that the qualified forms of `no-cache` and `private` list, in lower case, sorted: they are not stored.
///
/// RFC 9111 §3.1: "The no-cache (Section 5.2.2.4) and private (Section 5.2.2.7) cache directives can have arguments that
/// prevent storage of header fields by all caches and shared caches, respectively."
pub fn withheld_fields(headers: &Headers) -> Vec<String> {
    let mut fields = Reading::of(headers).withheld;
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// A response's directives while they are read.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) directives: ResponseDirectives,
    withheld: Vec<String>,
}

impl Reading {
    fn of(headers: &Headers) -> Self {
        targeted::read(headers).unwrap_or_else(|| Self::of_cache_control(headers.all("cache-control")))
    }

    fn of_cache_control<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut reading = Self::default();
        for (name, argument) in lines.flat_map(list::members).filter_map(directive::read) {
            reading.add(name, &argument);
        }
        reading
    }

    pub(super) fn add(&mut self, name: Name, argument: &Argument<'_>) {
        match name {
            Name::NoCache => self.directives.no_cache |= self.is_unqualified(argument),
            Name::Private => self.directives.private |= self.is_unqualified(argument),
            _ => self.directives.add(name, argument),
        }
    }

    /// RFC 9111 §5.2.2.4: "The qualified form of the no-cache response directive, with an argument that lists one or
    /// more field names, indicates that a cache MAY use the response to satisfy a subsequent request [..] if the listed
    /// header fields are excluded from the subsequent response".
    ///
    /// §5.2.2.7: "If a qualified private response directive is present [..] a shared cache MUST NOT store the listed
    /// header fields if they are present in the original response but MAY store the remainder of the response message
    /// without those header fields".
    ///
    /// Where both forms stand side by side, the unqualified one has its effect all the same.
    fn is_unqualified(&mut self, argument: &Argument<'_>) -> bool {
        let fields = argument.fields();
        let unqualified = fields.is_none();
        self.withheld.extend(fields.unwrap_or_default());
        unqualified
    }
}

impl ResponseDirectives {
    /// Adds a directive that speaks of the whole answer.
    fn add(&mut self, name: Name, argument: &Argument<'_>) {
        let seconds = argument.seconds.unwrap_or(0);
        match name {
            Name::NoStore => self.no_store = true,
            // An argument is not defined here, and these only ever permit.
            Name::Public => self.public |= argument.bare,
            Name::MustUnderstand => self.must_understand |= argument.bare,
            // RFC 8246 §2: it takes no argument, and one that is there has no meaning and is ignored.
            Name::Immutable => self.immutable |= argument.bare || argument.text.is_some(),
            // Malformed it still forbids, but no longer permits: that is what `proxy-revalidate` means.
            Name::MustRevalidate if argument.bare => self.must_revalidate = true,
            Name::MustRevalidate | Name::ProxyRevalidate => self.proxy_revalidate = true,
            Name::MaxAge => shorten(&mut self.max_age, seconds),
            Name::SharedMaxAge => shorten(&mut self.s_maxage, seconds),
            Name::StaleWhileRevalidate => shorten(&mut self.stale_while_revalidate, seconds),
            Name::StaleIfError => shorten(&mut self.stale_if_error, seconds),
            Name::NoCache | Name::Private | Name::MinFresh | Name::MaxStale | Name::OnlyIfCached => {}
        }
    }
}

/// What the client says about the answer it wants (RFC 9111 §5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// Nothing of this request or its answer may be stored.
    pub no_store: bool,
    /// The origin has to be asked.
    pub no_cache: bool,
    /// The origin must not be asked: what is not stored is answered with 504.
    pub only_if_cached: bool,
    /// The greatest age in seconds it takes, at most 2³¹; 0 when it cannot be read; the smallest when repeated.
    pub max_age: Option<u32>,
    /// The least remaining life in seconds it takes, at most 2³¹, which is also what an unreadable one counts as; the
    /// greatest when repeated.
    pub min_fresh: Option<u32>,
    /// For how many seconds after its life it still takes an answer, at most 2³¹; [`u32::MAX`] for any time; 0 when it
    /// cannot be read; the smallest when repeated.
    pub max_stale: Option<u32>,
}

impl RequestDirectives {
    /// Reads `Cache-Control`, and `Pragma` where there is none: it was made "for HTTP/1.0 caches, so that clients
    /// could specify a 'no-cache' request" (RFC 9111 §5.4).
    pub fn of(headers: &Headers) -> Self {
        if !headers.contains("cache-control") {
            let no_cache = headers.list("pragma").any(|member| member.eq_ignore_ascii_case(b"no-cache"));
            return Self { no_cache, ..Self::default() };
        }
        let mut directives = Self::default();
        for (name, argument) in headers.list("cache-control").filter_map(directive::read) {
            directives.add(name, &argument);
        }
        directives
    }

    fn add(&mut self, name: Name, argument: &Argument<'_>) {
        match name {
            Name::NoStore => self.no_store = true,
            Name::NoCache => self.no_cache = true,
            // It can only turn an answer into an error, so it has to be clear.
            Name::OnlyIfCached => self.only_if_cached |= argument.bare,
            Name::MaxAge => shorten(&mut self.max_age, argument.seconds.unwrap_or(0)),
            Name::MinFresh => {
                let seconds = argument.seconds.unwrap_or(MAX_DELTA_SECONDS);
                self.min_fresh = self.min_fresh.max(Some(seconds));
            }
            // RFC 9111 §5.2.1.2: "If no value is assigned to max-stale, then the client will accept a stale response of
            // any age."
            Name::MaxStale if argument.bare => shorten(&mut self.max_stale, u32::MAX),
            Name::MaxStale => shorten(&mut self.max_stale, argument.seconds.unwrap_or(0)),
            _ => {}
        }
    }
}

/// Reads delta-seconds; nothing unless all bytes are digits and there is one.
///
/// RFC 9111 §1.2.2: "If a cache receives a delta-seconds value greater than the greatest integer it can represent, or
/// if any of its subsequent calculations overflows, the cache MUST consider the value to be 2147483648 (2^31)".
pub fn delta_seconds(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let append = |sum: u32, digit: &u8| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    Some(text.iter().fold(0, append).min(MAX_DELTA_SECONDS))
}

/// RFC 9111 §4.2.1: "either the first occurrence should be used or the response should be considered stale. If
/// directives conflict [..] the most restrictive directive should be honored." The smallest is never more than either.
fn shorten(time: &mut Option<u32>, seconds: u32) {
    *time = Some(time.map_or(seconds, |earlier| earlier.min(seconds)));
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
