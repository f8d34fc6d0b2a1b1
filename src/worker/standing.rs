//! What the log means for an entry: whether it may be used, and what may be made of it.

use super::Worker;
use crate::bans::{About, Admission, Bans};
use crate::entry::Entry;
use crate::key;
use crate::memory::Held;
use crate::position::Position;
use crate::time::Instant;
use crate::transaction::{Asked, Ruled};
use std::time::Duration;

/// The longest that a fetch lasts whose answer is stored; a hanging fill included.
pub(super) const FETCH: Duration = Duration::from_secs(120);

/// What the log means for an entry in L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Good,
    /// It counts as stale since then.
    Refreshed(Instant),
    /// It must not be used any more.
    Banned,
    /// What the log says is not known well enough.
    Suspended,
}

/// Whether an entry is older than one of these bans of it.
pub(super) fn admitted(bans: &Bans, entry: &Entry, uri: u128, ruled: &Ruled, epoch: &str) -> Admission {
    about(entry, uri, ruled, |about| bans.admits(about, &entry.position, epoch))
}

/// Asks about an entry of a rule.
fn about<T>(entry: &Entry, uri: u128, ruled: &Ruled, ask: impl FnOnce(&About<'_>) -> T) -> T {
    let (rule, name) = (&ruled.rule, key::name_of(&entry.key, &ruled.rule.name));
    let (host, target) = key::place_of(&entry.key);
    ask(&About { key: &name, uri, host, target, rule: &rule.name, tags: &entry.tags, more_tags: &rule.tags })
}

impl Worker {
    /// What the log means for an entry of a rule. A hit pays two comparisons for it.
    pub(super) fn standing(&self, held: &Held, ruled: &Ruled, now: Instant) -> Standing {
        let (follower, most) = (&self.following.follower, self.force.config.sync.max_lag);
        let recent = || now.since(held.begun) <= most || follower.lag(now).is_some_and(|lag| lag <= most);
        if self.force.config.redis.is_some() && !recent() {
            return Standing::Suspended;
        }
        if held.checked.get() == Some(follower.serial()) {
            return Standing::Good;
        }
        match self.admission(&held.entry, held.uri, ruled) {
            Admission::Admitted => {
                held.checked.set(Some(follower.serial()));
                Standing::Good
            }
            Admission::Refreshed(since) => Standing::Refreshed(since),
            Admission::Banned => Standing::Banned,
        }
    }

    /// Whether an entry is older than an invalidation of it.
    pub(super) fn admission(&self, entry: &Entry, uri: u128, ruled: &Ruled) -> Admission {
        about(entry, uri, ruled, |about| self.following.follower.admits(about, &entry.position))
    }

    /// Whether what a request found before is invalidated by now.
    pub(super) fn is_banned(&self, held: &Held, asked: &Asked) -> bool {
        self.admission(&held.entry, held.uri, &asked.draft.ruled) == Admission::Banned
    }

    /// Whether what a request found before may still be served.
    pub(super) fn may_serve(&self, held: &Held, asked: &Asked, now: Instant) -> bool {
        let standing = self.standing(held, &asked.draft.ruled, now);
        !asked.overtaken && !matches!(standing, Standing::Banned | Standing::Suspended)
    }

    /// Whether the bans are still known that came after a fetch which began then.
    pub(super) fn remembers(begun: Instant, now: Instant) -> bool {
        now.since(begun) <= FETCH
    }

    /// Where an answer stands that the origin has confirmed: no further on than this worker has read, since only up to there
    /// it is known not to be invalidated.
    pub(super) fn confirmed_at(&self, position: &Position) -> Position {
        let follower = &self.following.follower;
        follower.position().filter(|_| !follower.knows(position)).unwrap_or(position).clone()
    }

    /// Whether what a request brings, asked for when the log stood at `position`, is not invalidated yet. Its tags are not
    /// known before it is there.
    pub(super) fn fences(&self, asked: &Asked, position: &Position) -> bool {
        let rule = &asked.draft.ruled.rule;
        let (host, target) = key::place_of(asked.key.text());
        let (name, uri) = (asked.key.name(&rule.name), asked.uri);
        let about = About { key: &name, uri, host, target, rule: &rule.name, tags: &[], more_tags: &rule.tags };
        self.following.follower.admits(&about, position) == Admission::Admitted
    }
}
