//! What a client gets of an answer: all of it, a part (RFC 9110 §14), or that its own copy still holds (§13).

use crate::callers::Ask;
use crate::oracle::ensure;
use crate::origin::tagged;
use fingerprint_cache::answer::Answer;

/// Status, body and `Content-Range` are those that this request gets of a whole answer.
pub fn formed(ask: &Ask, answer: &Answer, whole: &[u8]) -> Result<(), String> {
    let expected = expected(ask, answer, whole);
    let got = (answer.status(), answer.body().to_vec(), answer.content_range());
    let text = |(status, body, range): &(u16, Vec<u8>, Option<String>)| {
        format!("{status} {range:?} <{}>", String::from_utf8_lossy(body))
    };
    ensure(got == expected, || format!("{}, not {}", text(&got), text(&expected)))
}

fn expected(ask: &Ask, answer: &Answer, whole: &[u8]) -> (u16, Vec<u8>, Option<String>) {
    let status = answer.entry.status;
    if (200..300).contains(&status) && ask.body.is_none() && holds(ask, answer) {
        return (304, Vec::new(), None);
    }
    let ranged = ask.method == "GET" && status == 200 && answer.entry.cuts.is_empty();
    let range = ask.get_header("range").filter(|_| ranged && unchanged(ask, answer));
    match range.and_then(|range| bytes(range, whole.len())) {
        None => (status, whole.to_vec(), None),
        Some(None) => (416, Vec::new(), Some(format!("bytes */{}", whole.len()))),
        Some(Some((first, last))) => {
            let range = format!("bytes {first}-{last}/{}", whole.len());
            (206, whole[first..=last].to_vec(), Some(range))
        }
    }
}

/// Whether the client's copy, by its tag or its date, is what it would get.
fn holds(ask: &Ask, answer: &Answer) -> bool {
    match (ask.joined("if-none-match"), ask.get_header("if-modified-since")) {
        (Some(tags), _) if tags == "*" => true,
        (Some(tags), _) => {
            let held = header(answer, "etag").and_then(tagged);
            held.is_some() && tags.split(',').any(|tag| tagged(tag) == held)
        }
        (None, Some(since)) => {
            let date = header(answer, "date").map(|text| httpdate::parse_http_date(text).unwrap());
            date.is_some_and(|date| date <= httpdate::parse_http_date(since).unwrap())
        }
        (None, None) => false,
    }
}

/// Whether `If-Range` lets a part be given.
fn unchanged(ask: &Ask, answer: &Answer) -> bool {
    ask.get_header("if-range").is_none_or(|tag| header(answer, "etag") == Some(tag))
}

/// First and last byte of a range; `None` when it is none that a cache need heed, `Some(None)` when it is of nothing.
fn bytes(range: &str, length: usize) -> Option<Option<(usize, usize)>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let count: usize = last.parse().ok()?;
        return Some((count > 0).then(|| (length - count.min(length), length - 1)));
    }
    let first: usize = first.parse().ok()?;
    let last: usize = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
    if first > last {
        return None;
    }
    Some((first < length).then(|| (first, last.min(length - 1))))
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.entry.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
