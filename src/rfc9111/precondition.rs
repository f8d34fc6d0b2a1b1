//! RFC 9111 §4.3.2, Handling a Received Validation Request: a client asks whether what it holds is still what we hold.
//!
//! Not here: `If-Range`, which is about ranges ([`super::range`]), and our own conditions ([`super::validation`]).

use super::validation::{only, values};
use crate::http::etag::{EntityTag, EntityTags};
use crate::http::{Headers, date};

/// Whether a request has a condition that only the origin can judge.
///
/// "A cache MUST NOT evaluate conditional header fields that only apply to an origin server [..] In summary, the If-Match
/// and If-Unmodified-Since conditional header fields are not applicable to a cache".
pub fn for_the_origin(request: &Headers) -> bool {
    request.contains("if-match") || request.contains("if-unmodified-since")
}

/// Whether a stored answer with this status is a 304 for a GET or HEAD with these headers.
///
/// "the cache SHOULD evaluate any applicable conditional header field preconditions received in that request with respect
/// to the corresponding validators contained within the stored response."
pub fn not_modified(request: &Headers, status: u16, stored: &[(String, String)]) -> bool {
    // RFC 9110 §13.2.1: "A server MUST ignore all received preconditions if its response to the same request without those
    // conditions, prior to processing the request content, would have been a status code other than a 2xx (Successful) or
    // 412 (Precondition Failed)."
    if !matches!(status, 200..=299) {
        return false;
    }
    // "If-None-Match takes precedence over If-Modified-Since." RFC 9110 §13.1.3: "A recipient MUST ignore
    // If-Modified-Since if the request contains an If-None-Match header field".
    match EntityTags::read(request, "if-none-match") {
        Some(tags) => names(&tags, stored),
        None => unmodified_since(request, stored),
    }
}

/// RFC 9110 §13.1.2: "A recipient MUST use the weak comparison function when comparing entity tags for If-None-Match".
fn names(tags: &EntityTags<'_>, stored: &[(String, String)]) -> bool {
    match tags {
        // "If the field value is '*', the condition is false if the origin server has a current representation for the
        // target resource": what may answer this request is one.
        EntityTags::Any => true,
        // "If the field value is a list of entity tags, the condition is false if one of the listed tags matches the
        // entity tag of the selected representation."
        EntityTags::List(tags) => {
            let held = only(values(stored, "etag")).and_then(EntityTag::parse);
            held.is_some_and(|held| tags.iter().any(|tag| tag.weakly_equals(held)))
        }
    }
}

/// RFC 9110 §13.1.3: "If the selected representation's last modification date is earlier or equal to the date provided in
/// the field value, the condition is false."
fn unmodified_since(request: &Headers, stored: &[(String, String)]) -> bool {
    // "A recipient MUST ignore the If-Modified-Since header field if the received field value is not a valid HTTP-date, the
    // field value has more than one member"
    let since = only(request.all("if-modified-since")).and_then(date::parse);
    let modified = only(values(stored, modification(stored))).and_then(date::parse);
    matches!((modified, since), (Some(modified), Some(since)) if modified <= since)
}

/// The stored field that says when the answer last changed.
///
/// "If a request contains an If-Modified-Since header field and the Last-Modified header field is not present in a stored
/// response, a cache SHOULD use the stored response's Date field value".
fn modification(stored: &[(String, String)]) -> &'static str {
    if values(stored, "last-modified").next().is_some() { "last-modified" } else { "date" }
}

/// Whether a line of the stored answer is also one of the 304 that stands for it; `name` in lower case.
///
/// RFC 9110 §15.4.5: "a sender SHOULD NOT generate representation metadata other than the above listed fields unless said
/// metadata exists for the purpose of guiding cache updates". So all that describes the body that is left out stays out,
/// but for `Last-Modified`; what is no metadata of a representation, and all that is unknown, is sent.
pub fn of_not_modified(name: &str) -> bool {
    !matches!(
        name,
        "content-type"
            | "content-encoding"
            | "content-language"
            | "content-length"
            | "content-range"
            | "content-md5"
            | "content-digest"
            | "repr-digest"
            | "digest"
    )
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
