//! Conditions and ranges, as the standard means them, worked out for the service and for the oracle: what of some
//! content a request gets.

use crate::callers::Ask;
use crate::origin::read_date;

/// What of the content goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// From the first byte to the last, both included.
    Bytes(usize, usize),
    Unsatisfiable,
}

impl Part {
    pub fn of(self, whole: &[u8]) -> &[u8] {
        match self {
            Self::Whole => whole,
            Self::Bytes(first, last) => &whole[first..=last],
            Self::Unsatisfiable => &[],
        }
    }

    pub fn content_range(self, length: usize) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Bytes(first, last) => Some(format!("bytes {first}-{last}/{length}")),
            Self::Unsatisfiable => Some(format!("bytes */{length}")),
        }
    }
}

/// Whether `If-None-Match` names this tag; nothing where the request has none.
pub fn named(ask: &Ask, tag: Option<&str>) -> Option<bool> {
    let list = ask.joined("if-none-match")?;
    let opaque = |tag: &str| tag.trim_start_matches("W/").to_owned();
    let held = tag.map(opaque);
    Some(list == "*" || list.split(", ").any(|one| held.as_deref() == Some(&opaque(one))))
}

/// Whether what was last modified then is what `If-Modified-Since` knows.
pub fn unmodified(ask: &Ask, modified: u64) -> bool {
    let lines = ask.lines("if-modified-since");
    lines.len() == 1 && read_date(lines[0]).is_some_and(|since| modified <= since)
}

/// What of a content of `length` bytes a GET for a range gets. `strong` and `date` are validators for `If-Range`: a tag
/// that is not weak, a date that no two versions share.
pub fn part(ask: &Ask, strong: Option<&str>, date: Option<&str>, length: usize) -> Part {
    let lines = ask.lines("range");
    let (1, "GET") = (lines.len(), ask.method.as_str()) else { return Part::Whole };
    let unchanged = ask.get_header("if-range").is_none_or(|held| strong == Some(held) || date == Some(held));
    let Some((first, last)) = lines[0].strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Part::Whole;
    };
    let number = |text: &str| text.parse::<usize>().ok();
    match (number(first), number(last)) {
        _ if !unchanged || last.contains(',') => Part::Whole,
        (None, Some(0)) if first.is_empty() => Part::Unsatisfiable,
        (None, Some(count)) if first.is_empty() => Part::Bytes(length - count.min(length), length - 1),
        (Some(first), Some(last)) if first > last => Part::Whole,
        (Some(first), _) if first >= length => Part::Unsatisfiable,
        (Some(first), None) if last.is_empty() => Part::Bytes(first, length - 1),
        (Some(first), Some(last)) => Part::Bytes(first, last.min(length - 1)),
        _ => Part::Whole,
    }
}

#[test]
fn parts_are_cut_as_the_standard_cuts_them() {
    let cut = |range: &str| part(&Ask::get("/").header("range", range), None, None, 10);
    for (range, expected) in [
        ("bytes=0-0", Part::Bytes(0, 0)),
        ("bytes=2-", Part::Bytes(2, 9)),
        ("bytes=2-99", Part::Bytes(2, 9)),
        ("bytes=-3", Part::Bytes(7, 9)),
        ("bytes=-99", Part::Bytes(0, 9)),
        ("bytes=-0", Part::Unsatisfiable),
        ("bytes=10-", Part::Unsatisfiable),
        ("bytes=3-2", Part::Whole),
        ("bytes=0-1,3-4", Part::Whole),
        ("pages=0-1", Part::Whole),
        ("bytes=x", Part::Whole),
    ] {
        assert_eq!(cut(range), expected, "{range}");
    }
}
