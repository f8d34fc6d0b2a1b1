//! RFC 9111 §3, Storing Responses in Caches: which answers may be kept, and which of their headers.
//!
//! Not asked here: whether the answer has a lifetime ([`super::freshness`]), and whether all of it arrived.

use super::{selection, validation};
use crate::http::{Headers, RequestDirectives, ResponseDirectives, tags, withheld_fields};
use crate::reason::NotStored;

/// The headers by which an answer speaks to one browser.
const COOKIES: [&str; 2] = ["set-cookie", "set-cookie2"];

/// The request that an answer belongs to, as far as storing is concerned.
pub struct Request<'a> {
    /// The method, in the case it was sent in.
    pub method: &'a str,
    /// Its headers.
    pub headers: &'a Headers,
    /// What its `Cache-Control` says.
    pub directives: RequestDirectives,
    /// Whether it shows who asks; see [`credentialed`].
    pub credentialed: bool,
    /// The rule says that the answer does not depend on who asks (`auth: shared`).
    pub shared: bool,
    /// The rule keys on the body, so that methods like POST have a suitable key.
    pub body_keyed: bool,
    /// The rule says that the cookies an answer sets are for everybody.
    pub keeps_cookies: bool,
}

/// The answer in question.
pub struct Response<'a> {
    /// The status code.
    pub status: u16,
    /// Its headers.
    pub headers: &'a Headers,
    /// What its `CDN-Cache-Control` or `Cache-Control` says.
    pub directives: ResponseDirectives,
}

/// Whether §3 lets a shared cache store this answer.
///
/// # Errors
/// The first reason that forbids it.
pub fn may_store(request: &Request<'_>, response: &Response<'_>) -> Result<(), NotStored> {
    method_allows(request)?;
    // What is said of the ranges that one request asked for is no answer to another: nothing selects by `Range`.
    if response.status == 416 && request.headers.contains("range") {
        return Err(NotStored::Partial);
    }
    directives_allow(request, response)?;
    status_allows(response)?;
    user_allows(request, response)?;
    headers_allow(response)
}

/// "A cache MUST NOT store a response to a request unless: the request method is understood by the cache".
///
/// GET is; others only with a body key, which is "something suitable for use as a cache key" (§2). Answers to the methods
/// refused by name "are not cacheable" (RFC 9110 §9.3); one to HEAD has no content to store.
fn method_allows(request: &Request<'_>) -> Result<(), NotStored> {
    match request.method {
        "GET" => Ok(()),
        "HEAD" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" => Err(NotStored::Method),
        _ if request.body_keyed => Ok(()),
        _ => Err(NotStored::Method),
    }
}

fn directives_allow(request: &Request<'_>, response: &Response<'_>) -> Result<(), NotStored> {
    // §5.2.1.5: "a cache MUST NOT store any part of either this request or any response to it."
    if request.directives.no_store {
        return Err(NotStored::RequestNoStore);
    }
    // "the no-store cache directive is not present in the response". But §5.2.2.3: "When a cache that implements the
    // must-understand directive receives a response that includes it, the cache SHOULD ignore the no-store directive if it
    // understands and implements the status code's caching requirements."
    let overruled = response.directives.must_understand && is_understood(response.status);
    if response.directives.no_store && !overruled {
        return Err(NotStored::NoStore);
    }
    // "the private response directive is either not present or allows a shared cache to store a modified response": the
    // qualified form, which does not count as `private` here.
    if response.directives.private {
        return Err(NotStored::Private);
    }
    Ok(())
}

/// "the response status code is final". Any such status may be stored, as the one it is; whether it has a lifetime is not
/// asked here ([`heuristically_cacheable`]).
///
/// `Content-Range` on another status than 206 and 416 does not make it a part: it "has no meaning for status codes that do
/// not explicitly describe its semantic" (RFC 9110 §14.4).
fn status_allows(response: &Response<'_>) -> Result<(), NotStored> {
    match response.status {
        // §3.3: "a cache MUST NOT store incomplete or partial-content responses if it does not support the Range and
        // Content-Range header fields".
        206 => Err(NotStored::Partial),
        // It speaks of what is stored, and is no answer by itself (§4.3.4).
        304 => Err(NotStored::Status),
        // "if the response status code is 206 or 304, or the must-understand cache directive (see Section 5.2.2.3) is
        // present: the cache understands the response status code"
        status if response.directives.must_understand && !is_understood(status) => Err(NotStored::Status),
        200..=599 => Ok(()),
        _ => Err(NotStored::Status),
    }
}

/// Whether this cache does all that the standard asks of it for a final status: for those of RFC 9110 §15 but 206 and 304.
/// The two that it lists as unused (306, 418) have no meaning that could be understood.
fn is_understood(status: u16) -> bool {
    matches!(status, 200..=205 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505)
}

/// Whether a status lets a cache guess a lifetime. RFC 9110 §15.1: "Responses with status codes that are defined as
/// heuristically cacheable (e.g., 200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, and 501 in this specification) can
/// be reused by a cache with heuristic expiration unless otherwise indicated by the method definition or explicit cache
/// controls".
pub fn heuristically_cacheable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// What would hand one user's answer to another.
fn user_allows(request: &Request<'_>, response: &Response<'_>) -> Result<(), NotStored> {
    // §7.3: "the Set-Cookie response header field does not inhibit caching". Here it does where it would be stored: a
    // cookie is for one user, unless the rule says otherwise.
    if !request.keeps_cookies && sets_cookies(response.headers) {
        return Err(NotStored::SetCookie);
    }
    // "the Authorization header field is not present in the request or a response directive is present that explicitly
    // allows shared caching"
    if request.credentialed && !request.shared && !allows_sharing(&response.directives) {
        return Err(NotStored::Authorization);
    }
    Ok(())
}

/// Whether an answer sets cookies that the origin does not itself withhold from storage.
fn sets_cookies(headers: &Headers) -> bool {
    let withheld = |name: &str| withheld_fields(headers).iter().any(|field| field == name);
    COOKIES.iter().any(|name| headers.contains(name) && !withheld(name))
}

fn headers_allow(response: &Response<'_>) -> Result<(), NotStored> {
    // §4.1: "A stored response with a Vary header field value containing a member '*' always fails to match."
    let varies = selection::vary_names(response.headers)?;
    if names_one_origin(response.headers) && !varies.iter().any(|name| name == "origin") {
        return Err(NotStored::Cors);
    }
    // §5.2.2.4: "the response MUST NOT be used to satisfy any other request without forwarding it for validation", so
    // without a validator it could never be used.
    if response.directives.no_cache && !validation::has_validator(response.headers) {
        return Err(NotStored::NoCache);
    }
    Ok(())
}

/// An answer that lets one origin read it is wrong for every other one, which `Vary: Origin` has to say.
fn names_one_origin(headers: &Headers) -> bool {
    headers.all("access-control-allow-origin").any(|value| crate::http::trim(value) != b"*")
}

/// Whether a request shows who asks: it has a header of one of these names (in lower case), even an empty one.
///
/// §3.5 speaks of `Authorization` only. Others, like `Cookie`, select one user's answer just as well, and an origin that
/// reads them need not know that a cache stands before it.
pub fn credentialed(headers: &Headers, names: &[String]) -> bool {
    names.iter().any(|name| headers.contains(name))
}

/// §3.5: "In this specification, the following response directives have such an effect: must-revalidate, public, and
/// s-maxage."
///
/// `s-maxage=0` is no permission here: it is also what an unreadable value counts as.
pub fn allows_sharing(directives: &ResponseDirectives) -> bool {
    directives.public || directives.must_revalidate || directives.s_maxage.is_some_and(|seconds| seconds > 0)
}

/// The headers that an entry keeps: all, as §3.1 demands, but those of one exchange, those for us alone, those that the
/// origin withholds ([`withheld_fields`]), those that `stripped` names and, unless the rule keeps them, cookies.
///
/// Upstream `Cache-Status` is kept: "When adding a value to the Cache-Status header field, caches SHOULD preserve the
/// existing field value" (RFC 9211 §2), so a hit tells what the caches behind this one did when it was fetched.
///
/// # Errors
/// [`NotStored::HeaderEncoding`] when a value that would be kept is not UTF-8.
pub fn storable_headers(
    headers: &Headers,
    keeps_cookies: bool,
    stripped: impl Fn(&str) -> bool,
) -> Result<Vec<(String, String)>, NotStored> {
    let withheld = withheld_fields(headers);
    let left_out = |name: &str| {
        of_one_exchange(name)
            || named_in_connection(headers, name)
            || tags::FOR_US.contains(&name)
            || withheld.iter().any(|field| field == name)
            || (!keeps_cookies && COOKIES.contains(&name))
            || stripped(name)
    };
    let mut kept = Vec::with_capacity(headers.len());
    for (name, value) in headers.iter().filter(|(name, _)| !left_out(name)) {
        let text = std::str::from_utf8(value).map_err(|_| NotStored::HeaderEncoding)?;
        kept.push((name.to_owned(), text.to_owned()));
    }
    Ok(kept)
}

/// §3.1: "The Connection header field and fields whose names are listed in it are required by Section 7.6.1 of [HTTP] to
/// be removed before forwarding the message. This MAY be implemented by doing so before storage."
///
/// What decides about reuse stays all the same, or an entry would be freer than its answer was: "Cache-Control is never
/// appropriate as a connection option" (RFC 9110 §7.6.1).
fn named_in_connection(headers: &Headers, name: &str) -> bool {
    !matches!(name, "cache-control" | "vary" | "expires" | "date")
        && headers.list("connection").any(|member| member.eq_ignore_ascii_case(name.as_bytes()))
}

/// Headers that say something about this exchange only, or that are made anew for each answer.
pub(crate) fn of_one_exchange(name: &str) -> bool {
    // Pseudo-headers; §3.1: "Header fields that are specific to the proxy that a cache uses"; what one Envoy tells the
    // next about this very call, some of it with effects (`x-envoy-immediate-health-check-fail`).
    if name.starts_with(':') || name.starts_with("proxy-") || name.starts_with("x-envoy-") {
        return true;
    }
    matches!(
        name,
        // §3.1: "Likewise, some fields' semantics require them to be removed before forwarding the message"
        "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade"
        // Made anew: by the length of the stored body, by the age of the entry, by Envoy.
        | "content-length" | "age" | "server"
    )
}

#[cfg(test)]
mod kept;
#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
