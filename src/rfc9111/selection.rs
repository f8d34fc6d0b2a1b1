//! RFC 9111 §4.1, Calculating Cache Keys with the Vary Header Field: which requests a stored answer is for.
//!
//! A nominated value is kept as text that is equal exactly when the normalised bytes are: bytes that are not UTF-8 are
//! written `%FF`, and `%` itself `%25`.

use crate::http::{Headers, is_token, list};
use crate::reason::NotStored;

/// The headers that the original request was selected by, with the values it had; nothing for an absent one.
pub type Selecting = Vec<(String, Option<String>)>;

/// The names that `Vary` nominates: lower case, sorted, each once.
///
/// # Errors
/// [`NotStored::VaryStar`] for `*`, which "always fails to match", and for what is not a list of names.
pub fn vary_names(headers: &Headers) -> Result<Vec<String>, NotStored> {
    let mut names = Vec::new();
    for member in headers.list("vary") {
        if member == b"*" || !is_token(member) {
            return Err(NotStored::VaryStar);
        }
        names.push(String::from_utf8_lossy(member).to_ascii_lowercase());
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The normalised value of one header of a request; nothing when it is absent.
pub fn nominated(request: &Headers, name: &str) -> Option<String> {
    let mut value = Vec::new();
    let present = normalised(request, name, |piece| {
        value.extend_from_slice(piece);
        true
    });
    // The pieces together are UTF-8, so nothing is lost here.
    present.then(|| String::from_utf8_lossy(&value).into_owned())
}

/// The values of all `names`, as an entry keeps them.
pub fn selecting(request: &Headers, names: &[String]) -> Selecting {
    names.iter().map(|name| (name.clone(), nominated(request, name))).collect()
}

/// Whether a request may have an answer that was `selecting`: "all the presented request header fields nominated by that
/// Vary field value match those fields in the original request". Allocates only for bytes that are escaped.
pub fn matches(selecting: &[(String, Option<String>)], request: &Headers) -> bool {
    selecting.iter().all(|(name, value)| match value {
        Some(value) => has_value(request, name, value),
        // "If (after any normalization that might take place) a header field is absent from a request, it can only match
        // another request if it is also absent there."
        None => !request.contains(name),
    })
}

fn has_value(request: &Headers, name: &str, value: &str) -> bool {
    let mut rest = Some(value.as_bytes());
    let present = normalised(request, name, |piece| {
        rest = rest.and_then(|rest| rest.strip_prefix(piece));
        rest.is_some()
    });
    present && rest == Some(b"")
}

/// Gives the normalised value piece by piece until `emit` has had enough. Returns whether the header is there.
///
/// Two fields match if one becomes the other by "adding or removing whitespace, where allowed in the header field's
/// syntax" (around the commas of a list, so not in quoted strings) and by "combining multiple header field lines with the
/// same field name". Case does not count where [`is_caseless`]. Order and empty members are left as they are: what they
/// mean is each field's own affair.
fn normalised(request: &Headers, name: &str, mut emit: impl FnMut(&[u8]) -> bool) -> bool {
    let caseless = is_caseless(name);
    let mut separator = None;
    for member in request.all(name).flat_map(list::raw_members) {
        // A quoted string is no part of those fields; whoever reads one there reads it as it is.
        let give = if caseless && !member.contains(&b'"') { folded } else { escaped };
        if !emit(separator.unwrap_or_default()) || !give(list::trim(member), &mut emit) {
            return true;
        }
        separator = Some(b", ".as_slice());
    }
    // Even an empty line has one member, so that a separator was due.
    separator.is_some()
}

/// Fields in which neither case means anything nor whitespace beside a `;`: "normalizing both header field values in a way
/// that is known to have identical semantics, according to the header field's specification (e.g., [..] case-normalization,
/// where values are defined to be case-insensitive)".
///
/// Content codings are (RFC 9110 §8.4.1), language tags are (§8.5.1), and so is the `q` of a weight (§12.4.2). The order of
/// languages does count: "some recipients treat the order in which language tags are listed as an indication of descending
/// priority" (§12.5.4), so that two orders may have two answers.
fn is_caseless(name: &str) -> bool {
    matches!(name, "accept-language" | "accept-encoding")
}

/// Gives one member in lower case, without whitespace around its `;`. Returns whether `emit` wants more.
fn folded(member: &[u8], emit: &mut impl FnMut(&[u8]) -> bool) -> bool {
    let mut lower = |piece: &[u8]| piece.iter().all(|byte| emit(&[byte.to_ascii_lowercase()]));
    let mut parts = member.split(|byte| *byte == b';').map(list::trim);
    let first = parts.next().unwrap_or_default();
    escaped(first, &mut lower) && parts.all(|part| lower(b";") && escaped(part, &mut lower))
}

/// Gives one member as text. Returns whether `emit` wants more.
fn escaped(member: &[u8], emit: &mut impl FnMut(&[u8]) -> bool) -> bool {
    member.utf8_chunks().all(|chunk| {
        let mut parts = chunk.valid().split('%');
        let first = parts.next().unwrap_or_default();
        emit(first.as_bytes())
            && parts.all(|part| emit(b"%25") && emit(part.as_bytes()))
            && chunk.invalid().iter().all(|byte| emit(format!("%{byte:02X}").as_bytes()))
    })
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
