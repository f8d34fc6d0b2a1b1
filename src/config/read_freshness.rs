//! Reads `freshness`: how long answers last, fresh and stale.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::problem::{Flaw, quote};
use super::rule::Freshness;
use super::section::{Field, Section};

const LIFETIME: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30 * 86_400);

/// Reads `freshness`; any part of it may be absent.
pub(super) fn read(section: Section) -> Freshness {
    let lifetime = |name| section.take(name).and_then(|field| field.duration(LIFETIME));
    let freshness = Freshness {
        default: lifetime("default"),
        override_: lifetime("override"),
        heuristic: lifetime("heuristic"),
        status: section.take("status").map(|field| statuses(&field)).unwrap_or_default(),
        stale_while_revalidate: lifetime("stale_while_revalidate"),
        stale_if_error: lifetime("stale_if_error"),
        early_refresh: section.take("early_refresh").and_then(|field| field.flag()).unwrap_or(true),
    };
    section.finish();
    freshness
}

/// Lifetimes by status, in its order. No status has two spellings, so none stands there twice unseen.
fn statuses(field: &Field) -> Vec<(u16, Duration)> {
    let members = field.members().unwrap_or_default();
    let read = |(name, field): &(&str, Field)| {
        let (status, lifetime) = (field.settle(status(name)), field.duration(LIFETIME));
        status.zip(lifetime)
    };
    let mut lifetimes: Vec<_> = members.iter().filter_map(read).collect();
    lifetimes.sort_unstable();
    lifetimes
}

/// The status of an answer that may be stored by itself, in three digits.
fn status(text: &str) -> Result<u16, Flaw> {
    let flaw = |wrong: &str, remedy: &str| Err(Flaw::new(format!("{} {wrong}", quote(text)), remedy));
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse().ok().filter(|_| digits) {
        Some(206) => flaw("is for a part of an answer, which lasts as long as the whole", "remove it"),
        Some(304) => flaw("makes a stored answer fresh again and is none itself", "remove it"),
        Some(status @ 200..=599) => Ok(status),
        _ => flaw("is not the status of a final answer", "write each status in three digits, 200 to 599"),
    }
}
