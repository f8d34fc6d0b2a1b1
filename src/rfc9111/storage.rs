//! RFC 9111 §3, Storing Responses in Caches: which answers may be kept, and which of their headers.
//!
//! Not asked here: whether the answer has a lifetime ([`super::freshness`]), and whether all of it arrived.

use super::{selection, validation};
use crate::http::{Headers, RequestDirectives, ResponseDirectives};
use crate::reason::NotStored;

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
}

/// The answer in question.
pub struct Response<'a> {
    /// The status code.
    pub status: u16,
    /// Its headers.
    pub headers: &'a Headers,
    /// What its `Cache-Control` says.
    pub directives: ResponseDirectives,
}

/// Whether §3 lets a shared cache store this answer.
///
/// # Errors
/// The first reason that forbids it.
pub fn may_store(request: &Request<'_>, response: &Response<'_>) -> Result<(), NotStored> {
    method_allows(request)?;
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
    // "the no-store cache directive is not present in the response"
    if response.directives.no_store {
        return Err(NotStored::NoStore);
    }
    // "the private response directive is either not present or allows a shared cache to store a modified response":
    // the modified form is never stored, as §5.2.2.7 notes of many caches.
    if response.directives.private {
        return Err(NotStored::Private);
    }
    Ok(())
}

/// "the response status code is final", and is one of those "defined as heuristically cacheable" (RFC 9110 §15.1), which
/// are understood here whole but for 206. Others are not stored even when marked: most of them say "not now".
fn status_allows(response: &Response<'_>) -> Result<(), NotStored> {
    // §3.3: "a cache MUST NOT store incomplete or partial-content responses if it does not support the Range and
    // Content-Range header fields".
    if response.status == 206 || response.headers.contains("content-range") {
        return Err(NotStored::Partial);
    }
    match response.status {
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501 => Ok(()),
        _ => Err(NotStored::Status),
    }
}

/// What would hand one user's answer to another.
fn user_allows(request: &Request<'_>, response: &Response<'_>) -> Result<(), NotStored> {
    // §7.3: "the Set-Cookie response header field does not inhibit caching". Here it does: a cookie is for one user.
    if response.headers.contains("set-cookie") || response.headers.contains("set-cookie2") {
        return Err(NotStored::SetCookie);
    }
    // "the Authorization header field is not present in the request or a response directive is present that explicitly
    // allows shared caching"
    if request.credentialed && !request.shared && !allows_sharing(&response.directives) {
        return Err(NotStored::Authorization);
    }
    Ok(())
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

/// Whether a request shows who asks: it has `Authorization`, `Proxy-Authorization`, `Cookie` or `X-API-Key`.
///
/// §3.5 speaks of `Authorization` only. The others select one user's answer just as well, and an origin that reads them
/// need not know that a cache stands before it.
pub fn credentialed(headers: &Headers) -> bool {
    ["authorization", "cookie", "x-api-key", "proxy-authorization"].iter().any(|name| headers.contains(name))
}

/// §3.5: "In this specification, the following response directives have such an effect: must-revalidate, public, and
/// s-maxage."
///
/// `s-maxage=0` is no permission here: it is also what an unreadable value counts as.
pub fn allows_sharing(directives: &ResponseDirectives) -> bool {
    directives.public || directives.must_revalidate || directives.s_maxage.is_some_and(|seconds| seconds > 0)
}

/// The headers that an entry keeps: all, as §3.1 demands, but those of one exchange and those that `stripped` names.
///
/// Upstream `Cache-Status` is kept: "When adding a value to the Cache-Status header field, caches SHOULD preserve the
/// existing field value" (RFC 9211 §2), so a hit tells what the caches behind this one did when it was fetched.
///
/// # Errors
/// [`NotStored::HeaderEncoding`] when a value that would be kept is not UTF-8.
pub fn storable_headers(
    headers: &Headers,
    stripped: impl Fn(&str) -> bool,
) -> Result<Vec<(String, String)>, NotStored> {
    let mut kept = Vec::with_capacity(headers.len());
    for (name, value) in headers.iter() {
        if of_one_exchange(name) || named_in_connection(headers, name) || stripped(name) {
            continue;
        }
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
pub(super) fn of_one_exchange(name: &str) -> bool {
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
        // Never stored: an answer that has one is refused, and a 304 must not bring one in.
        | "set-cookie" | "set-cookie2"
    )
}

#[cfg(test)]
mod kept;
#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
