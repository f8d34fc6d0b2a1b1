//! A stored response: all that is needed to answer with it and to judge whether one may.

use crate::config::Freshness;
use crate::echo::Cut;
use crate::http::{Headers, RequestDirectives, ResponseDirectives, date};
use crate::position::Position;
use crate::reason::Forward;
use crate::rfc9111::{freshness, storage};
use crate::time::Timestamp;
use std::time::Duration;

/// A stored response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// The full text of the primary key: an entry found under another key is a miss.
    pub key: String,
    /// The headers that `Vary` names, with the values of the request that was answered.
    pub selecting: Vec<(String, Option<String>)>,
    /// The final status.
    pub status: u16,
    /// Header lines in their order, without those that are never stored.
    pub headers: Vec<(String, String)>,
    /// The body, without the values that belong to callers.
    pub body: Vec<u8>,
    /// Where callers' values go back in.
    pub cuts: Vec<Cut>,
    /// What the origin said to this cache alone: `CDN-Cache-Control`, which clients do not see.
    pub targeted: Option<String>,
    /// What the origin said in the one or in `Cache-Control`.
    pub directives: ResponseDirectives,
    /// The lifetime the origin gave, if it gave one (RFC 9111 §4.2.1).
    pub explicit: Option<Duration>,
    /// How long it had been unmodified when it was made: from `Last-Modified` to `Date`.
    pub unmodified: Option<Duration>,
    /// Names that it shares with others, to be invalidated by.
    pub tags: Vec<String>,
    /// Its corrected initial age (RFC 9111 §4.2.3), at the moment it was received.
    pub initial_age: Duration,
    /// Where the log stood before the origin was asked.
    pub position: Position,
    /// How long the origin took to answer.
    pub made_in: Duration,
}

impl Entry {
    /// When the origin made it, by its `Date`; the beginning of time where it has none that can be read.
    pub fn date(&self) -> Timestamp {
        let line = self.headers.iter().find(|(name, _)| name == "date");
        line.and_then(|(_, value)| date::parse(value.as_bytes())).unwrap_or_default()
    }

    /// Reads the directives out of the stored headers again, as after decoding.
    pub fn directives_of(headers: &[(String, String)], targeted: Option<&str>) -> ResponseDirectives {
        let lines = headers.iter().filter(|(name, _)| name == "cache-control");
        let lines = lines.map(|(name, value)| (name.as_str(), value.as_str()));
        let lines: Headers = lines.chain(targeted.map(|value| ("cdn-cache-control", value))).collect();
        ResponseDirectives::of(&lines)
    }

    /// How long it is fresh from its birth under a rule; zero where nobody says anything.
    pub fn lifetime(&self, rule: &Freshness) -> Duration {
        self.said(rule).unwrap_or_default()
    }

    /// Who says how long it is fresh, in this order: the rule for this status; the rule's `override`; the origin; the
    /// rule's `default`; the rule's `heuristic`. What a rule says for all statuses is not said for those that announce
    /// trouble, nor for those that RFC 9110 §15.1 does not count as heuristically cacheable.
    pub fn said(&self, rule: &Freshness) -> Option<Duration> {
        let ordinary = self.status < 500 && storage::heuristically_cacheable(self.status);
        let rules = |lifetime: Option<Duration>| lifetime.filter(|_| ordinary);
        rule.of_status(self.status)
            .or(rules(rule.override_))
            .or(self.explicit)
            .or(rules(rule.default))
            .or_else(|| self.guessed(rule.heuristic?))
    }

    /// §4.2.2: "a cache MAY assign a heuristic expiration time when an explicit time is not specified"; §3 names the
    /// answers that it may do so for: those marked `public`, or with a status "defined as heuristically cacheable".
    fn guessed(&self, bound: Duration) -> Option<Duration> {
        let allowed = self.directives.public || storage::heuristically_cacheable(self.status);
        let unmodified = self.unmodified.filter(|_| allowed)?;
        Some(freshness::heuristic(unmodified, bound))
    }

    /// For how long after its freshness it may be served while somebody asks the origin (RFC 5861 §3): the origin's
    /// word, else the rule's.
    pub fn while_revalidating(&self, rule: &Freshness) -> Duration {
        self.window(self.directives.stale_while_revalidate, rule.stale_while_revalidate)
    }

    /// For how long after its freshness it may be served instead of an error of the origin (RFC 5861 §4).
    pub fn if_error(&self, rule: &Freshness) -> Duration {
        self.window(self.directives.stale_if_error, rule.stale_if_error)
    }

    fn window(&self, origin: Option<u32>, rule: Option<Duration>) -> Duration {
        let window = origin.map(|seconds| Duration::from_secs(u64::from(seconds))).or(rule);
        window.filter(|_| freshness::permits_stale(&self.directives)).unwrap_or_default()
    }

    /// Whether it may answer a request at this age, when it is fresh for `lifetime`.
    ///
    /// # Errors
    /// The reason to go to the origin.
    pub fn may_answer(&self, age: Duration, lifetime: Duration, asking: &Asking<'_>) -> Result<(), Forward> {
        if asking.credentialed && !asking.shared && !storage::allows_sharing(&self.directives) {
            return Err(Forward::Credentials);
        }
        freshness::may_reuse(age, lifetime, &self.directives, &asking.directives)
    }

    /// What it costs in memory, in bytes: key, headers and body, with an allowance for the bookkeeping of each.
    pub fn weight(&self) -> usize {
        const ENTRY: usize = 384;
        const HEADER: usize = 64;
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + HEADER).sum();
        let selecting: usize = self
            .selecting
            .iter()
            .map(|(name, value)| name.len() + value.as_ref().map_or(0, String::len) + HEADER)
            .sum();
        let tags: usize = self.tags.iter().map(|tag| tag.len() + HEADER).sum();
        let targeted = self.targeted.as_ref().map_or(0, String::len);
        ENTRY + self.key.len() + headers + selecting + tags + targeted + self.body.len() + self.cuts.len() * 16
    }
}

/// The side of a request that decides on reuse.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// What the client said in `Cache-Control`.
    pub directives: RequestDirectives,
    /// Whether it carries credentials.
    pub credentialed: bool,
    /// Whether the rule says `auth: shared`.
    pub shared: bool,
    /// The rule's word on lifetimes.
    pub freshness: &'a Freshness,
}

#[cfg(test)]
pub(crate) mod tests;
