//! Ranges against an oracle that looks at each byte and shares no code with the filter.
#![no_main]

use fingerprint_cache::rfc9111::range::{Part, content_range, part};
use fuzz::message::{headers, parts, stored};
use libfuzzer_sys::fuzz_target;

/// `bytes=` and one range as RFC 9110 §14.1.1 writes it: its two numbers, of which one may be missing.
fn one_range(line: &str) -> Option<(Option<u128>, Option<u128>)> {
    let (unit, set) = line.trim_matches([' ', '\t']).split_once('=')?;
    let specs: Vec<&str> =
        set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty()).collect();
    let [spec] = specs[..] else { return None };
    let (first, last) = spec.split_once('-')?;
    let number = |text: &str| match text {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(digits.parse().unwrap_or(u128::MAX))),
        _ => None,
    };
    let (first, last) = (number(first)?, number(last)?);
    let ordered = first.zip(last).is_none_or(|(first, last)| first <= last) || huge(first) && huge(last);
    let valid = unit.eq_ignore_ascii_case("bytes") && ordered && (first.is_some() || last.is_some());
    valid.then_some((first, last))
}

/// As large as the largest number that the filter reads: which of two such is the greater does not matter.
fn huge(number: Option<u128>) -> bool {
    number.is_some_and(|number| number >= u128::from(u64::MAX))
}

fn asked(at: usize, length: usize, range: (Option<u128>, Option<u128>)) -> bool {
    let at = at as u128;
    match range {
        (Some(first), last) => at >= first && last.is_none_or(|last| at <= last),
        (None, Some(count)) => at.saturating_add(count) >= length as u128,
        (None, None) => false,
    }
}

fuzz_target!(|input: &[u8]| {
    let [request, held, body] = parts(input);
    let (request, held) = (headers(request), stored(held));
    let length = body.len();
    let lines: Vec<&[u8]> = request.all("range").collect();
    let line = if let [line] = lines[..] { std::str::from_utf8(line).ok() } else { None };
    let range = line.and_then(one_range);
    let right: Vec<usize> = (0..length).filter(|at| range.is_some_and(|range| asked(*at, length, range))).collect();
    let unconditional = !request.contains("if-range");
    let got = part(&request, 200, &held, length);
    match got {
        Part::Whole => assert!(range.is_none() || !unconditional || length == 0, "not served: {line:?}"),
        Part::Single { first, last } => {
            assert_eq!(right, (first..=last).collect::<Vec<_>>(), "{line:?} of {length}");
            assert!(unconditional || held.iter().any(|(name, _)| name == "etag" || name == "last-modified"));
        }
        Part::Unsatisfiable => assert!(range.is_some() && right.is_empty(), "{line:?} of {length}"),
    }
    assert_eq!(content_range(&got, length).is_none(), got == Part::Whole);
    for status in [206, 304, 404] {
        assert_eq!(part(&request, status, &held, length), Part::Whole);
    }
});
