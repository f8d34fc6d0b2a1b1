//! RFC 9111 §4.3, Validation: asking the origin whether a stored answer still holds, and what its 304, or its answer to
//! HEAD, changes. Not here: a client that asks us ([`super::precondition`]).

use super::storage;
use crate::http::{Headers, date, etag::EntityTag, trim};

/// The request headers that ask the origin whether the stored answer still holds; empty when it has no validator.
///
/// They replace the client's own of the same names. Validators that are malformed or repeated are none. `subrange` is
/// whether the request goes to the origin with a `Range`.
pub fn conditions(headers: &[(String, String)], subrange: bool) -> Vec<(&'static str, String)> {
    let mut conditions = Vec::new();
    let stored = |name| only(headers.iter().filter(move |(line, _)| line == name).map(|(_, value)| value.as_str()));
    // §4.3.1: "MUST send the relevant entity tags (using If-Match, If-None-Match, or If-Range) if the entity tags were
    // provided in the stored response(s) being validated."
    if let Some(tag) = stored("etag").filter(|tag| EntityTag::parse(tag.as_bytes()).is_some()) {
        conditions.push(("if-none-match", tag.to_owned()));
    }
    // §4.3.1: "SHOULD send the Last-Modified value (using If-Modified-Since) if the request is not for a subrange, a single
    // stored response is being validated, and that response contains a Last-Modified value."
    if let Some(modified) = stored("last-modified").filter(|text| !subrange && date::parse(text.as_bytes()).is_some()) {
        conditions.push(("if-modified-since", modified.to_owned()));
    }
    conditions
}

/// Whether an answer could be validated later: it has a readable `ETag` or `Last-Modified`, and it once.
pub fn has_validator(headers: &Headers) -> bool {
    only(headers.all("etag")).and_then(EntityTag::parse).is_some()
        || only(headers.all("last-modified")).and_then(date::parse).is_some()
}

/// Whether the client set a condition of its own (RFC 9110 §13.1).
pub fn client_has_condition(headers: &Headers) -> bool {
    ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range"]
        .iter()
        .any(|name| headers.contains(name))
}

/// The stored headers after a 304, which `update` holds (§3.2): "the cache MUST add each header field in the provided
/// response to the stored response, replacing field values that are already present".
///
/// The result is not judged: the update may forbid storing, shorten the life or change `Vary`, so the caller asks
/// [`storage::may_store`] and [`super::selection`] again.
pub fn freshened(stored: &[(String, String)], update: &[(String, String)]) -> Vec<(String, String)> {
    let new = || update.iter().filter(|(name, _)| updates(name));
    let kept = stored.iter().filter(|(name, _)| !new().any(|(newer, _)| newer == name));
    kept.chain(new()).cloned().collect()
}

/// The exceptions of §3.2: "Header fields excepted from storage in Section 3.1", "Header fields that the cache's stored
/// response depends upon" (the stored bytes have the coding and the digests they came with), those "that are automatically
/// processed and removed by the recipient" (`Content-Range`), and "The Content-Length header field."
///
/// "Note that the Content-* prefix is not a signal that a header field is omitted from update". Nor is `Set-Cookie` one:
/// whether cookies are kept is the caller's to say, by what it leaves in the update.
fn updates(name: &str) -> bool {
    match name {
        "content-encoding" | "content-range" | "content-length" => false,
        "content-md5" | "content-digest" | "repr-digest" | "digest" => false,
        "set-cookie" | "set-cookie2" => true,
        _ => !storage::of_one_exchange(name),
    }
}

/// Whether a 304 speaks of the stored answer (§4.3.4). If not, neither may be used: the origin has to be asked again,
/// without conditions.
pub fn answers(stored: &[(String, String)], update: &Headers) -> bool {
    if update.contains("etag") {
        return same_tag(only(values(stored, "etag")), only(update.all("etag")));
    }
    if update.contains("last-modified") {
        return same_date(stored, update);
    }
    // The standard selects only a stored response that "also lacks a validator" here. But only one was asked about, many
    // origins leave validators out of a 304, and §4.3.3 says: "A 304 (Not Modified) response status code indicates that the
    // stored response can be updated and reused".
    true
}

/// "If the new response contains one or more strong validators, then [..] If none of the initial set contains at least one
/// of the same strong validators, then the cache MUST NOT use the new response to update any stored responses." A weak one
/// need only "correspond to one of the initial set's stored responses".
fn same_tag(stored: Option<&[u8]>, update: Option<&[u8]>) -> bool {
    let (Some(stored), Some(update)) = (stored.and_then(EntityTag::parse), update.and_then(EntityTag::parse)) else {
        return false;
    };
    if update.weak { update.weakly_equals(stored) } else { update.strongly_equals(stored) }
}

/// Whether both have a `Last-Modified` of the same second, and only one.
fn same_date(stored: &[(String, String)], update: &Headers) -> bool {
    let old = only(values(stored, "last-modified")).and_then(date::parse);
    old.is_some() && old == only(update.all("last-modified")).and_then(date::parse)
}

/// Whether a 200 to HEAD speaks of the stored answer, whose body has `length` bytes (§4.3.5). Then its fields update those
/// stored; if not, "the cache SHOULD consider the stored response to be stale."
pub fn head_answers(stored: &[(String, String)], length: usize, response: &Headers) -> bool {
    // "if the stored response and HEAD response have matching values for any received validator fields (ETag and
    // Last-Modified) and, if the HEAD response has a Content-Length header field, the value of Content-Length matches that
    // of the stored response"
    (!response.contains("etag") || equal_tag(stored, response))
        && (!response.contains("last-modified") || same_date(stored, response))
        && (!response.contains("content-length") || says_length(response, length))
}

/// Whether both have the same `ETag`, strong or weak, and only one.
fn equal_tag(stored: &[(String, String)], response: &Headers) -> bool {
    let old = only(values(stored, "etag")).and_then(EntityTag::parse);
    old.is_some() && old == only(response.all("etag")).and_then(EntityTag::parse)
}

/// Whether the one `Content-Length` is this length.
fn says_length(response: &Headers, length: usize) -> bool {
    let text = only(response.all("content-length")).and_then(|value| std::str::from_utf8(trim(value)).ok());
    let digits = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()) == Some(length)
}

/// The value of a stored header in each of its lines; `name` in lower case.
pub(super) fn values<'a>(stored: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    stored.iter().filter(move |(line, _)| line == name).map(|(_, value)| value.as_bytes())
}

/// The value of a header that stands there once; a repeated validator says nothing.
pub(super) fn only<T>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
