//! L1: the entries in this worker's own memory, under three budgets at once: entries, bytes, time.
//!
//! The least recently used primary key goes first, its oldest variant before the others. What is over its time is never
//! found, and leaves when a newer answer takes its place or when [`Memory::sweep`] passes by.

use crate::config::Freshness;
use crate::entry::{Asking, Entry};
use crate::http::Headers;
use crate::key::PrimaryKey;
use crate::position::Position;
use crate::reason::Forward;
use crate::rfc9111::selection;
use crate::time::Instant;
use crate::token::Token;
use lru::LruCache;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// How many variants one primary key may have; the oldest makes room.
const MAX_VARIANTS: usize = 32;

/// What the memory may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Variants, all keys together.
    pub entries: usize,
    /// The sum of [`Entry::weight`].
    pub bytes: usize,
    /// How long an entry stays after it came in, fresh or not.
    pub ttl: Duration,
}

/// An entry in memory.
#[derive(Clone, Debug)]
pub struct Held {
    /// The entry itself, shared with the answers under way.
    pub entry: Rc<Entry>,
    /// Its age when it came in.
    pub age_then: Duration,
    /// When it came in.
    pub since: Instant,
    /// The symbol of the rule that stored it, for the gauges.
    pub rule: u16,
    /// The URI that it is about, see [`crate::key::uri`].
    pub uri: u128,
    /// When the origin was asked for it, or L2: what was invalidated before is not in it.
    pub begun: Instant,
    /// The fill in L2 that it is of.
    pub fill: Option<Token>,
    /// Up to which change of the log it has been looked at: shared with those who hold it too.
    pub checked: Rc<Cell<Option<u64>>>,
    /// Since when it counts as stale, whatever its lifetime.
    pub stale: Option<Instant>,
}

impl Held {
    /// How long it is fresh from its birth under a rule: no longer than until it was said to be stale.
    pub fn lifetime(&self, rule: &Freshness) -> Duration {
        let lifetime = self.entry.lifetime(rule);
        self.stale.map_or(lifetime, |since| lifetime.min(self.age_at(since)))
    }

    /// The same, stale since that moment.
    pub fn stale_from(self, since: Instant) -> Self {
        Self { stale: Some(since), ..self }
    }

    /// Whether it may answer a request now.
    ///
    /// # Errors
    /// The reason to go to the origin.
    pub fn may_answer(&self, now: Instant, asking: &Asking<'_>) -> Result<(), Forward> {
        self.entry.may_answer(self.age(now), self.lifetime(asking.freshness), asking)
    }

    /// Its age at a moment that may be before it came in.
    fn age_at(&self, then: Instant) -> Duration {
        self.age(then).saturating_sub(self.since.since(then))
    }

    /// RFC 9111 §4.2.3: `current_age = corrected_initial_age + resident_time`.
    pub fn age(&self, now: Instant) -> Duration {
        self.age_then.saturating_add(now.since(self.since))
    }
}

/// What a look into the memory brings.
#[derive(Debug)]
pub enum Found<'a> {
    /// An entry for this request.
    Entry(&'a Held),
    /// Entries, but for other values of the headers named in `Vary`.
    OtherVariant,
    /// Nothing.
    Nothing,
}

/// Why an entry left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Eviction {
    /// To keep the budgets.
    Capacity,
    /// Its time was over.
    Expired,
    /// A newer answer took its place.
    Replaced,
    /// What it says is no longer so.
    Invalidated,
}

impl Eviction {
    /// The label in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
            Self::Invalidated => "invalidated",
        }
    }
}

/// An entry that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The symbol of the rule that had stored it.
    pub rule: u16,
    /// What it weighed.
    pub bytes: usize,
    /// Why it left.
    pub why: Eviction,
}

/// L1.
pub struct Memory {
    budget: Budget,
    keys: LruCache<u128, Vec<Held>>,
    entries: usize,
    bytes: usize,
}

impl Memory {
    /// An empty memory.
    pub fn new(budget: Budget) -> Self {
        Self { budget, keys: LruCache::unbounded(), entries: 0, bytes: 0 }
    }

    /// How many entries it holds.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// What they weigh together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts it under other budgets and keeps what fits.
    pub fn rebudget(&mut self, budget: Budget) -> Vec<Removed> {
        self.budget = budget;
        self.shrink()
    }

    /// The entry that answers `request`, however old within the memory's time.
    pub fn find(&mut self, key: &PrimaryKey, request: &Headers, now: Instant) -> Found<'_> {
        let ttl = self.budget.ttl;
        let Some(variants) = self.keys.get(&key.digest()) else { return Found::Nothing };
        let mut other = false;
        for held in variants.iter().filter(|held| held.entry.key == key.text() && now.since(held.since) < ttl) {
            if selection::matches(&held.entry.selecting, request) {
                return Found::Entry(held);
            }
            other = true;
        }
        if other { Found::OtherVariant } else { Found::Nothing }
    }

    /// Takes an entry in, as the newest of its key. One heavier than a tenth of the byte budget is let go.
    pub fn insert(&mut self, digest: u128, held: Held) -> Vec<Removed> {
        let weight = held.entry.weight();
        let mut removed = self.forget(digest, &held);
        if weight > self.budget.bytes / 10 {
            return removed;
        }
        self.entries += 1;
        self.bytes += weight;
        self.keys.get_or_insert_mut(digest, Vec::new).insert(0, held);
        removed.extend(self.shrink());
        removed
    }

    /// Drops what an entry replaces: its own variant, other keys of the same digest, and variants over the limit.
    fn forget(&mut self, digest: u128, newer: &Held) -> Vec<Removed> {
        let Some(variants) = self.keys.peek_mut(&digest) else { return Vec::new() };
        let mut kept = 1;
        let removed = variants
            .extract_if(.., |held| {
                let same = held.entry.key != newer.entry.key || held.entry.selecting == newer.entry.selecting;
                kept += usize::from(!same);
                same || kept > MAX_VARIANTS
            })
            .map(|held| gone(&held, Eviction::Replaced))
            .collect();
        self.settle(digest, removed)
    }

    /// Drops entries that are over their time, looking at the `most` least recently used keys.
    pub fn sweep(&mut self, now: Instant, most: usize) -> Vec<Removed> {
        let ttl = self.budget.ttl;
        let over = |held: &Held| now.since(held.since) >= ttl;
        let digests: Vec<u128> = self.keys.iter().rev().take(most).map(|(digest, _)| *digest).collect();
        let mut all = Vec::new();
        for digest in digests {
            let Some(variants) = self.keys.peek_mut(&digest) else { continue };
            let removed =
                variants.extract_if(.., |held| over(held)).map(|held| gone(&held, Eviction::Expired)).collect();
            all.extend(self.settle(digest, removed));
        }
        all
    }

    /// Drops one entry that was found, since it was invalidated.
    pub fn discard(&mut self, digest: u128, held: &Held) -> Vec<Removed> {
        let Some(variants) = self.keys.peek_mut(&digest) else { return Vec::new() };
        let removed = variants.extract_if(.., |known| Rc::ptr_eq(&known.entry, &held.entry));
        let removed = removed.map(|held| gone(&held, Eviction::Invalidated)).collect();
        self.settle(digest, removed)
    }

    /// Drops everything, since nobody can say what was invalidated.
    pub fn clear(&mut self) -> Vec<Removed> {
        let keys = std::mem::replace(&mut self.keys, LruCache::unbounded());
        (self.entries, self.bytes) = (0, 0);
        let held = keys.into_iter().flat_map(|(_, variants)| variants);
        held.map(|held| gone(&held, Eviction::Invalidated)).collect()
    }

    /// Drops all that is stored for these URIs. Looks at every entry: who calls for it is rare, and hits pay nothing.
    pub fn invalidate(&mut self, uris: &[u128]) -> Vec<Removed> {
        let hit = |held: &Held| uris.contains(&held.uri);
        let digests = self.keys.iter().filter(|(_, variants)| variants.iter().any(hit)).map(|(digest, _)| *digest);
        let digests: Vec<u128> = digests.collect();
        let mut all = Vec::new();
        for digest in digests {
            let Some(variants) = self.keys.peek_mut(&digest) else { continue };
            let removed = variants.extract_if(.., |held| hit(held));
            let removed = removed.map(|held| gone(&held, Eviction::Invalidated)).collect();
            all.extend(self.settle(digest, removed));
        }
        all
    }

    /// Moves entries of a URI on in the log, from one place to another, where `may` says so.
    pub fn move_on(&mut self, uri: u128, from: &Position, to: &Position, may: impl Fn(&Held) -> bool) {
        let all = self.keys.iter_mut().flat_map(|(_, variants)| variants.iter_mut());
        for held in all.filter(|held| held.uri == uri && held.entry.position == *from && may(held)) {
            Rc::make_mut(&mut held.entry).position = to.clone();
            held.checked = Rc::default();
        }
    }

    fn shrink(&mut self) -> Vec<Removed> {
        let mut all = Vec::new();
        while self.entries > self.budget.entries || self.bytes > self.budget.bytes {
            let Some(digest) = self.keys.peek_lru().map(|(digest, _)| *digest) else { break };
            let oldest = self.keys.peek_mut(&digest).and_then(Vec::pop);
            let removed = oldest.iter().map(|held| gone(held, Eviction::Capacity)).collect();
            all.extend(self.settle(digest, removed));
        }
        all
    }

    /// Books what left a key, and removes the key when nothing is left of it.
    fn settle(&mut self, digest: u128, removed: Vec<Removed>) -> Vec<Removed> {
        self.entries = self.entries.saturating_sub(removed.len());
        self.bytes = self.bytes.saturating_sub(removed.iter().map(|entry| entry.bytes).sum());
        if self.keys.peek(&digest).is_some_and(Vec::is_empty) {
            self.keys.pop(&digest);
        }
        removed
    }
}

fn gone(held: &Held, why: Eviction) -> Removed {
    Removed { rule: held.rule, bytes: held.entry.weight(), why }
}

#[cfg(test)]
pub(crate) mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
