//! RFC 9111 §4.4, Invalidating Stored Responses: which requests change something, and which URIs they make doubtful.
//!
//! Not here: what is then dropped, and from which tier.

use super::validation::only;
use crate::http::{Headers, trim};
use fluent_uri::pct_enc::EStr;
use fluent_uri::{Uri, UriRef};

/// Whether a method only reads. Methods are case-sensitive (RFC 9110 §9.1): `get` is none of these.
///
/// RFC 9110 §9.2.1: "the GET, HEAD, OPTIONS, and TRACE methods are defined to be safe." The others are those that the
/// registry of methods lists as safe. All the rest is unsafe, as §4.4 wants it: "including methods whose safety is
/// unknown".
pub fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PROPFIND" | "REPORT" | "SEARCH" | "QUERY")
}

/// Whether an answer to an unsafe method says that it took effect.
///
/// §4.4: "A 'non-error response' is one with a 2xx (Successful) or 3xx (Redirection) status code."
pub fn succeeded(status: u16) -> bool {
    matches!(status, 200..=399)
}

/// One URI of the origin in question, in the words of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host as [`normal_host`] writes it.
    pub host: Vec<u8>,
    /// Path and query, as a request for it would have them.
    pub target: Vec<u8>,
}

/// The host in lower case, without the port that the scheme implies.
///
/// RFC 9110 §4.2.3: "If the port is equal to the default port for a scheme, the normal form is to omit the port
/// subcomponent." And: "The scheme and host are case-insensitive and normally provided in lowercase". Leading zeros of a
/// port go too (§4.3.1), and an empty port is none.
pub fn normal_host(host: &[u8], scheme: &[u8]) -> Vec<u8> {
    let lower = host.to_ascii_lowercase();
    let Some((name, port)) = split_port(&lower) else { return lower };
    match (port, default_port(scheme)) {
        (None, _) => name.to_vec(),
        (Some(port), Some(default)) if port == default => name.to_vec(),
        (Some(port), _) => [name, b":", port].concat(),
    }
}

/// What stands before the last colon, and the number behind it without leading zeros. Nothing when what stands there is
/// no number: then the colon is part of an address, or of nonsense.
fn split_port(host: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let colon = host.iter().rposition(|byte| *byte == b':')?;
    let (name, [_, digits @ ..]) = host.split_at_checked(colon)? else { return None };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let [zeros @ .., _] = digits else { return Some((name, None)) };
    let zeros = zeros.iter().take_while(|digit| **digit == b'0').count();
    Some((name, digits.get(zeros..)))
}

fn default_port(scheme: &[u8]) -> Option<&'static [u8]> {
    match scheme.to_ascii_lowercase().as_slice() {
        b"http" => Some(b"80"),
        b"https" => Some(b"443"),
        _ => None,
    }
}

/// What a non-error answer to an unsafe method invalidates: the target URI first, then those that the answer points to.
///
/// `scheme`, `host` and `target` are those of the request. `Location` and `Content-Location` are resolved against them by
/// RFC 3986 §5.2. What is no URI reference, or not in UTF-8, is skipped.
pub fn affected(scheme: &[u8], host: &[u8], target: &[u8], response: &Headers) -> Vec<Target> {
    // "A cache MUST invalidate the target URI when it receives a non-error status code in response to an unsafe request
    // method"
    let base = Base::new(scheme, host, target);
    let mut all = vec![base.own.clone()];
    // "In particular, the URI(s) in the Location and Content-Location response header fields (if present) are candidates
    // for invalidation"
    for reference in response.all("location").chain(response.all("content-location")) {
        match base.same_origin(reference) {
            Some(found) if !all.contains(&found) => all.push(found),
            _ => {}
        }
    }
    all
}

/// Whether an answer to POST says that it is the current representation of its own target.
///
/// RFC 9110 §9.3.3: "Responses to POST requests are only cacheable when they include explicit freshness information and
/// a Content-Location header field that has the same value as the POST's target URI". What it says only counts in a 2xx
/// answer (§8.7), which is the caller's to check. A repeated field says nothing.
pub fn represents_target(scheme: &[u8], host: &[u8], target: &[u8], response: &Headers) -> bool {
    // Content-Location = absolute-URI / partial-URI: neither has a fragment.
    let reference = only(response.all("content-location")).filter(|value| !value.contains(&b'#'));
    let base = Base::new(scheme, host, target);
    reference.and_then(|reference| base.same_origin(reference)).is_some_and(|named| named == base.own)
}

/// The target URI, against which references are resolved.
struct Base<'a> {
    scheme: &'a [u8],
    own: Target,
    /// Nothing when a request came for what is no URI: then there is nothing to resolve against.
    uri: Option<Uri<String>>,
}

impl<'a> Base<'a> {
    fn new(scheme: &'a [u8], host: &[u8], target: &[u8]) -> Self {
        let own = Target { host: normal_host(host, scheme), target: until(target, b'#').to_vec() };
        // Without the query, which no reference but the empty one takes over: it often holds what a URI may not.
        let text = [scheme, b"://", &own.host, until(&own.target, b'?')].concat();
        let uri = String::from_utf8(text).ok().and_then(|text| Uri::parse(text).ok());
        Self { scheme, own, uri }
    }

    /// What a reference points to, if that is of the same origin.
    ///
    /// "However, a cache MUST NOT trigger an invalidation under these conditions if the origin of the URI to be
    /// invalidated differs from that of the target URI."
    fn same_origin(&self, reference: &[u8]) -> Option<Target> {
        let reference = until(trim(reference), b'#');
        if reference.is_empty() {
            return Some(self.own.clone());
        }
        let reference = UriRef::parse(std::str::from_utf8(reference).ok()?).ok()?;
        let uri = reference.resolve_against(self.uri.as_ref()?).ok()?;
        let authority = uri.authority()?;
        // RFC 9110 §4.2.4: "a recipient SHOULD parse for userinfo and treat its presence as an error". And §4.2.1 of a URI
        // without a host: "A recipient that processes such a URI reference MUST reject it as invalid."
        let same = !authority.has_userinfo()
            && !authority.host().is_empty()
            && uri.scheme().as_str().as_bytes().eq_ignore_ascii_case(self.scheme)
            && normal_host(authority.as_str().as_bytes(), self.scheme) == self.own.host;
        let target = requested(uri.path().as_str(), uri.query().map(EStr::as_str));
        same.then(|| Target { host: self.own.host.clone(), target })
    }
}

/// Path and query as a request has them. RFC 9110 §4.2.3: "an empty path component is equivalent to an absolute path of
/// '/', so the normal form is to provide a path of '/' instead."
fn requested(path: &str, query: Option<&str>) -> Vec<u8> {
    let path = if path.is_empty() { "/" } else { path };
    query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")).into_bytes()
}

/// What stands before the first `end`, or all.
fn until(text: &[u8], end: u8) -> &[u8] {
    text.split(|byte| *byte == end).next().unwrap_or(text)
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
