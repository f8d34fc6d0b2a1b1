//! A stored response: all that is needed to answer with it and to judge whether one may.

use crate::config::Freshness;
use crate::echo::Cut;
use crate::http::{RequestDirectives, ResponseDirectives, date};
use crate::position::Position;
use crate::reason::Forward;
use crate::rfc9111::{freshness, storage};
use crate::time::Timestamp;
use std::time::Duration;

/// A stored response.
#[derive(Clone, Debug, PartialEq)]
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
    /// What the origin said in `Cache-Control`.
    pub directives: ResponseDirectives,
    /// The lifetime the origin gave, if it gave one (RFC 9111 §4.2.1).
    pub explicit: Option<Duration>,
    /// Its corrected initial age (RFC 9111 §4.2.3), at the moment it was received.
    pub initial_age: Duration,
    /// Where the log stood before the origin was asked.
    pub position: Position,
}

impl Entry {
    /// When the origin made it, by its `Date`; the beginning of time where it has none that can be read.
    pub fn date(&self) -> Timestamp {
        let line = self.headers.iter().find(|(name, _)| name == "date");
        line.and_then(|(_, value)| date::parse(value.as_bytes())).unwrap_or_default()
    }

    /// Reads the directives out of the stored headers again, as after decoding.
    pub fn directives_of(headers: &[(String, String)]) -> ResponseDirectives {
        let lines = headers.iter().filter(|(name, _)| name == "cache-control");
        ResponseDirectives::parse(lines.map(|(_, value)| value.as_bytes()))
    }

    /// How long it is fresh from its birth under a rule: the rule's `override`, the origin's word, the rule's
    /// `default`; zero where nobody says anything.
    pub fn lifetime(&self, freshness: &Freshness) -> Duration {
        freshness.override_.or(self.explicit).or(freshness.default).unwrap_or_default()
    }

    /// Whether it may answer a request at this age.
    ///
    /// # Errors
    /// The reason to go to the origin.
    pub fn may_answer(&self, age: Duration, asking: &Asking<'_>) -> Result<(), Forward> {
        if asking.credentialed && !asking.shared && !storage::allows_sharing(&self.directives) {
            return Err(Forward::Credentials);
        }
        freshness::may_reuse(age, self.lifetime(asking.freshness), &self.directives, &asking.directives)
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
        ENTRY + self.key.len() + headers + selecting + self.body.len() + self.cuts.len() * 16
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
