//! RFC 9110 §14, Range Requests: which bytes of a complete stored answer a request gets.
//!
//! RFC 9110 §14.2: "A server MAY ignore the Range header field." That is done wherever something is in doubt, and where
//! several ranges are asked for: the whole answer is always right. Not here: answers that were stored in part, and the
//! method, of which "GET is the only method for which range handling is defined".

use super::validation::{only, values};
use crate::http::etag::EntityTag;
use crate::http::range::{ByteRange, ranges};
use crate::http::{Headers, date, trim};
use std::time::Duration;

/// What of a stored body answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it, as the 200 that was stored.
    Whole,
    /// A 206 with the bytes from `first` to `last`, both counted from zero, both included and both within the body.
    Single {
        /// The offset of the first byte.
        first: usize,
        /// The offset of the last byte; not less than `first`.
        last: usize,
    },
    /// None of it: a 416.
    Unsatisfiable,
}

/// What of a complete stored body of `length` bytes answers a GET with these headers.
pub fn part(request: &Headers, status: u16, stored: &[(String, String)], length: usize) -> Part {
    // §14.2: "The Range header field is evaluated after evaluating the precondition header fields defined in Section 13.1,
    // and only if the result in absence of the Range header field would be a 200 (OK) response."
    if status != 200 {
        return Part::Whole;
    }
    let asked = ranges(request);
    let Some([range]) = asked.as_deref() else { return Part::Whole };
    // §13.1.5: "A recipient of an If-Range header field MUST ignore the Range header field if the If-Range condition
    // evaluates to false."
    if request.contains("if-range") && !unchanged(request, stored) {
        return Part::Whole;
    }
    cut(*range, length)
}

/// Lays one range over a body of `length` bytes.
fn cut(range: ByteRange, length: usize) -> Part {
    let (first, last) = match range {
        ByteRange::From { first, last } => (offset(first), last.map_or(usize::MAX, offset)),
        // §14.1.2: satisfiable is "a suffix-range with a non-zero suffix-length."
        ByteRange::Suffix(0) => return Part::Unsatisfiable,
        // Such a range of nothing is satisfiable, but a Content-Range cannot say so.
        ByteRange::Suffix(_) if length == 0 => return Part::Whole,
        // §14.1.2: "If the selected representation is shorter than the specified suffix-length, the entire representation
        // is used."
        ByteRange::Suffix(count) => (length.saturating_sub(offset(count)), usize::MAX),
    };
    // §14.1.2: satisfiable is "an int-range with a first-pos that is less than the current length of the selected
    // representation". And: "If the last-pos value is absent, or if the value is greater than or equal to the current
    // length of the representation data, the byte range is interpreted as the remainder of the representation".
    match length.checked_sub(1) {
        Some(end) if first <= end => Part::Single { first, last: last.min(end) },
        _ => Part::Unsatisfiable,
    }
}

/// An offset as one of this machine, where no body reaches `usize::MAX`.
fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// Whether `If-Range` names the stored answer, byte for byte. A repeated or malformed field names nothing.
fn unchanged(request: &Headers, stored: &[(String, String)]) -> bool {
    let Some(value) = only(request.all("if-range")).map(trim) else { return false };
    match EntityTag::parse(value) {
        // §13.1.5: "If the entity-tag validator provided exactly matches the ETag field value for the selected
        // representation using the strong comparison function, the condition is true."
        Some(tag) => {
            only(values(stored, "etag")).and_then(EntityTag::parse).is_some_and(|held| tag.strongly_equals(held))
        }
        // "If the HTTP-date validator provided exactly matches the Last-Modified field value for the selected
        // representation, the condition is true."
        None => strong_date(stored).is_some_and(|held| held == value),
    }
}

/// The stored `Last-Modified` where no two versions of the answer can share it.
///
/// §13.1.5: "If the HTTP-date validator provided is not a strong validator in the sense defined by Section 8.8.2.2, the
/// condition is false." There a date is weak unless the `Date` beside it is "at least one second after the Last-Modified
/// value" and of the same clock, or else so much later that differing clocks do not matter. Whose clock it was is not
/// known here (a missing `Date` is added on arrival), so it has to be the minute that RFC 7232 §2.2.2 asked for.
fn strong_date(stored: &[(String, String)]) -> Option<&[u8]> {
    const APART: Duration = Duration::from_secs(60);
    let text = only(values(stored, "last-modified")).map(trim)?;
    let date = only(values(stored, "date")).and_then(date::parse)?;
    (date.since(date::parse(text)?) >= APART).then_some(text)
}

/// The value of `Content-Range` that tells the client what it got of `length` bytes; nothing with the whole answer.
pub fn content_range(part: &Part, length: usize) -> Option<String> {
    match part {
        Part::Whole => None,
        // §15.3.7.1: "the server generating the 206 response MUST generate a Content-Range header field, describing what
        // range of the selected representation is enclosed"
        Part::Single { first, last } => Some(format!("bytes {first}-{last}/{length}")),
        // §14.4: "A server generating a 416 (Range Not Satisfiable) response to a byte-range request SHOULD send a
        // Content-Range header field with an unsatisfied-range value"
        Part::Unsatisfiable => Some(format!("bytes */{length}")),
    }
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
