//! `Range` (RFC 9110 §14.2): which bytes a request asks for. Not whether they exist.

use super::{Headers, list, trim};

/// One byte range, as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// From an offset on.
    From {
        /// The offset of the first byte, counted from zero.
        first: u64,
        /// The offset of the last byte, which belongs to it; nothing for all that follow. Not less than `first`.
        last: Option<u64>,
    },
    /// So many bytes at the end.
    Suffix(u64),
}

/// The byte ranges of a request, in its order, at least one. Nothing when the field is absent, has another unit, is
/// malformed or repeated: then the field is ignored.
///
/// RFC 9110 §14.2: "A server that supports range requests MAY ignore or reject a Range header field that contains an
/// invalid ranges-specifier", and one with a unit it does not know it does not support.
pub fn ranges(headers: &Headers) -> Option<Vec<ByteRange>> {
    let mut lines = headers.all("range");
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let line = trim(line);
    let equals = line.iter().position(|byte| *byte == b'=')?;
    let (unit, set) = (line.get(..equals)?, line.get(equals + 1..)?);
    // §14.1: "All range unit names are case-insensitive"
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    // §14.1.1: "A ranges-specifier is invalid if it contains any range-spec that is invalid or undefined for the
    // indicated range-unit." And: range-set = 1#range-spec
    let ranges: Vec<_> = list::members(set).map(ByteRange::read).collect::<Option<_>>()?;
    (!ranges.is_empty()).then_some(ranges)
}

impl ByteRange {
    /// Reads `first-`, `first-last` or `-length`.
    fn read(spec: &[u8]) -> Option<Self> {
        let dash = spec.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (spec.get(..dash)?, spec.get(dash + 1..)?);
        if first.is_empty() {
            return number(last).map(Self::Suffix);
        }
        let first = number(first)?;
        if last.is_empty() {
            return Some(Self::From { first, last: None });
        }
        // §14.1.1: "An int-range is invalid if the last-pos value is present and less than the first-pos."
        let last = number(last).filter(|last| first <= *last)?;
        Some(Self::From { first, last: Some(last) })
    }
}

/// Reads digits. RFC 9110 §14.1.2: "recipients MUST anticipate potentially large decimal numerals and prevent parsing
/// errors due to integer conversion overflows." What is too large is the largest, which is beyond the end of any body.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let append = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(digits.iter().fold(0, append))
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
