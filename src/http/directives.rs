//! `Cache-Control` as values. What cannot be read falls on the safe side: it may shorten a life, never lengthen it.

use super::{Headers, list};

/// The greatest number of seconds a directive can say, for ever as RFC 9111 §1.2.2 has it.
pub const MAX_DELTA_SECONDS: u32 = 1 << 31;

/// What the origin says about storing and reusing its answer (RFC 9111 §5.2.2).
///
/// Not read: `must-understand` (honouring the `no-store` beside it is always allowed), `no-transform` (nothing is
/// transformed) and extensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// Nobody may store it.
    pub no_store: bool,
    /// It may be stored, but asked for before each use. The form with fields (`no-cache="x"`) counts as this one.
    pub no_cache: bool,
    /// It is for one user only. The form with fields (`private="x"`) counts as this one.
    pub private: bool,
    /// Anyone may store it, even if the request was credentialed.
    pub public: bool,
    /// Never served stale; permits sharing as `public` does.
    pub must_revalidate: bool,
    /// Never served stale by a shared cache; permits nothing.
    pub proxy_revalidate: bool,
    /// Lifetime in seconds, at most 2³¹; 0 when it cannot be read; the smallest when repeated.
    pub max_age: Option<u32>,
    /// Lifetime in seconds for shared caches, read like `max_age`.
    pub s_maxage: Option<u32>,
}

impl ResponseDirectives {
    /// Reads all `Cache-Control` lines of a response.
    pub fn parse<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut directives = Self::default();
        for member in lines.flat_map(list::members) {
            directives.add(Directive::read(member));
        }
        directives
    }

    /// The directives of a response's headers.
    pub fn of(headers: &Headers) -> Self {
        Self::parse(headers.all("cache-control"))
    }

    fn add(&mut self, directive: Directive<'_>) {
        let bare = directive.is_bare();
        match Name::of(directive.name) {
            Some(Name::NoStore) => self.no_store = true,
            Some(Name::NoCache) => self.no_cache = true,
            Some(Name::Private) => self.private = true,
            // An argument is not defined here, and this one only ever permits.
            Some(Name::Public) => self.public |= bare,
            // Malformed it still forbids, but no longer permits: that is what `proxy-revalidate` means.
            Some(Name::MustRevalidate) if bare => self.must_revalidate = true,
            Some(Name::MustRevalidate | Name::ProxyRevalidate) => self.proxy_revalidate = true,
            Some(Name::MaxAge) => shorten(&mut self.max_age, directive.seconds().unwrap_or(0)),
            Some(Name::SharedMaxAge) => shorten(&mut self.s_maxage, directive.seconds().unwrap_or(0)),
            Some(Name::MinFresh) | None => {}
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
    /// The greatest age in seconds it takes, at most 2³¹; 0 when it cannot be read; the smallest when repeated.
    pub max_age: Option<u32>,
    /// The least remaining life in seconds it takes, at most 2³¹, which is also what an unreadable one counts as; the
    /// greatest when repeated.
    pub min_fresh: Option<u32>,
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
        for member in headers.list("cache-control") {
            directives.add(Directive::read(member));
        }
        directives
    }

    fn add(&mut self, directive: Directive<'_>) {
        match Name::of(directive.name) {
            Some(Name::NoStore) => self.no_store = true,
            Some(Name::NoCache) => self.no_cache = true,
            Some(Name::MaxAge) => shorten(&mut self.max_age, directive.seconds().unwrap_or(0)),
            Some(Name::MinFresh) => {
                let seconds = directive.seconds().unwrap_or(MAX_DELTA_SECONDS);
                self.min_fresh = self.min_fresh.max(Some(seconds));
            }
            _ => {}
        }
    }
}

/// The directives that mean something here.
enum Name {
    NoStore,
    NoCache,
    Private,
    Public,
    MustRevalidate,
    ProxyRevalidate,
    MaxAge,
    SharedMaxAge,
    MinFresh,
}

impl Name {
    /// RFC 9111 §5.2: "Cache directives are identified by a token, to be compared case-insensitively".
    fn of(token: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], Name); 9] = [
            (b"no-store", Name::NoStore),
            (b"no-cache", Name::NoCache),
            (b"private", Name::Private),
            (b"public", Name::Public),
            (b"must-revalidate", Name::MustRevalidate),
            (b"proxy-revalidate", Name::ProxyRevalidate),
            (b"max-age", Name::MaxAge),
            (b"s-maxage", Name::SharedMaxAge),
            (b"min-fresh", Name::MinFresh),
        ];
        NAMES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(token)).map(|(_, known)| known)
    }
}

/// One member of `Cache-Control`: `name`, `name=argument`, or something that begins like one of these.
struct Directive<'a> {
    name: &'a [u8],
    /// All that follows the name, the `=` included. Anything here keeps a directive from permitting something, and
    /// nothing here keeps it from forbidding: `no-store; max-age=5` forbids.
    rest: &'a [u8],
}

impl<'a> Directive<'a> {
    fn read(member: &'a [u8]) -> Self {
        let (name, rest) = list::split_token(member);
        Self { name, rest }
    }

    fn is_bare(&self) -> bool {
        self.rest.is_empty()
    }

    /// The argument as seconds; nothing when it is missing or is not digits, quoted or not.
    ///
    /// RFC 9111 §5.2: "For the directives defined below that define arguments, recipients ought to accept both forms,
    /// even if a specific form is required for generation."
    fn seconds(&self) -> Option<u32> {
        let argument = self.rest.strip_prefix(b"=")?;
        let unquoted = argument.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        delta_seconds(unquoted.unwrap_or(argument))
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
fn shorten(lifetime: &mut Option<u32>, seconds: u32) {
    *lifetime = Some(lifetime.map_or(seconds, |earlier| earlier.min(seconds)));
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
