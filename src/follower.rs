//! How far a worker has read the invalidation log, and what it knows from there.
//!
//! Reading is contiguous while the epoch stays and as many notices come as the log has grown by. Whatever else happens,
//! the worker reads all bans anew and keeps the union with what it knew. How old its knowledge is counts from the
//! *sending* of the read that brought it.

use crate::bans::{About, Admission, Bans};
use crate::notice::{Notice, Op};
use crate::position::Position;
use crate::time::{Instant, Now, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a read of the log brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// All that came after the place from where it was read.
    Next {
        /// The log's end.
        to: Position,
        /// What stands before it.
        notices: Vec<Notice>,
    },
    /// All bans that Redis holds.
    Whole {
        /// The log's end.
        at: Position,
        /// Where the log began: what stood before is of another one. Zero where nobody says so.
        born: u64,
        /// The epoch that the present one continues without loss (`master_replid2`).
        continues: Option<String>,
        /// The bans, their places, and how long ago they were published, by Redis' clock.
        bans: Vec<(Notice, Position, Duration)>,
    },
}

/// What news did to a follower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It has read on, and these are new.
    Followed(Vec<Notice>),
    /// It has read everything anew.
    Reloaded {
        /// What broke the thread.
        why: Discontinuity,
        /// Whether notices may be lost for good: what L1 holds must go.
        empties: bool,
    },
    /// What was read does not go on from where it stands; nothing has changed. To be read whole.
    Gap,
}

/// Why a follower had to read everything anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Discontinuity {
    /// It knew nothing yet.
    Start,
    /// The log no longer holds what came next, or it was too much.
    Trimmed,
    /// Another master.
    Epoch,
    /// The log has fewer events than before: flushed, or made anew.
    Rewound,
    /// What Redis said could not be understood.
    Unreadable,
}

impl Discontinuity {
    /// The label in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Trimmed => "trimmed",
            Self::Epoch => "epoch",
            Self::Rewound => "rewound",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A worker's place in the log.
#[derive(Debug, Default)]
pub struct Follower {
    /// What the last read brought.
    last: Vec<Notice>,
    position: Option<Position>,
    /// When the read was sent that brought the newest it knows.
    heard: Option<Instant>,
    bans: Bans,
}

impl Follower {
    /// One that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Up to where it has read.
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// The notices that the last read brought; none after all was read anew.
    pub fn last_read(&self) -> &[Notice] {
        &self.last
    }

    /// Forgets where it stands, and keeps the bans that it knows. In another log than before (`anew`) they are all that it
    /// knows.
    pub fn lose_place(&mut self, anew: bool) {
        self.position = None;
        self.heard = self.heard.filter(|_| !anew);
        self.last.clear();
    }

    /// Whether it has read up to a place, so that its bans can be trusted there.
    pub fn knows(&self, position: &Position) -> bool {
        self.position.as_ref().is_some_and(|known| known.epoch == position.epoch && known.n >= position.n)
    }

    /// Takes in what a read brought that was sent at `sent`.
    pub fn read(&mut self, news: News, sent: Instant) -> Heard {
        match news {
            News::Next { to, notices } => match self.position.clone() {
                Some(from) => self.follow(&Batch { from, to, notices, sent: Timestamp::default() }, sent),
                None => Heard::Gap,
            },
            News::Whole { at, born, continues, bans } => self.reload(at, born, continues.as_deref(), bans, sent),
        }
    }

    /// Takes in what a sibling has read; `sent` is when the sibling sent its read, on this worker's clock
    /// ([`Batch::sent_by`]).
    pub fn follow(&mut self, batch: &Batch, sent: Instant) -> Heard {
        let ahead = self.position.as_ref().and_then(|known| batch.known(known));
        let (Some(position), Some(known)) = (&mut self.position, ahead) else { return Heard::Gap };
        let new: Vec<Notice> = batch.notices.iter().skip(known).cloned().collect();
        for notice in &new {
            position.n = position.n.saturating_add(1);
            self.bans.add(notice, position, sent);
        }
        // What ends before its own place says nothing of that place: perhaps the log was made anew.
        if position.n <= batch.to.n {
            self.heard = self.heard.max(Some(sent));
        }
        self.last.clone_from(&new);
        Heard::Followed(new)
    }

    fn reload(
        &mut self,
        at: Position,
        born: u64,
        continues: Option<&str>,
        bans: Vec<(Notice, Position, Duration)>,
        sent: Instant,
    ) -> Heard {
        let (why, empties) = match &self.position {
            None => (Discontinuity::Start, false),
            Some(known) if known.epoch != at.epoch => {
                let continued = continues == Some(known.epoch.as_str()) && known.n >= born;
                // A master that comes back from an older file continues itself, and has lost what came after.
                (Discontinuity::Epoch, !continued || known.n > at.n)
            }
            Some(known) if known.n > at.n || known.n < born => (Discontinuity::Rewound, true),
            Some(_) => (Discontinuity::Trimmed, false),
        };
        self.bans.enter(&at.epoch);
        self.bans.touch();
        for (notice, place, age) in bans {
            let (notice, since) = dated(notice, sent, age);
            self.bans.add(&notice, &place, since);
        }
        self.position = Some(at);
        self.last.clear();
        self.heard = self.heard.max(Some(sent));
        Heard::Reloaded { why, empties }
    }

    /// How old its knowledge is; `None` while it has none.
    pub fn lag(&self, now: Instant) -> Option<Duration> {
        self.heard.map(|heard| now.since(heard))
    }

    /// Whether an entry may be used that was fetched at `position`, as far as it knows.
    pub fn admits(&self, about: &About, position: &Position) -> Admission {
        let epoch = self.position.as_ref().map_or("", |position| position.epoch.as_str());
        self.bans.admits(about, position, epoch)
    }

    /// Grows whenever an entry that was admitted may no longer be.
    pub fn serial(&self) -> u64 {
        self.bans.serial()
    }

    /// How many bans it knows.
    pub fn bans(&self) -> usize {
        self.bans.len()
    }

    /// Drops bans that have outlived every entry, see [`Bans::forget`].
    pub fn forget(&mut self, now: Instant, longest: Duration) {
        self.bans.forget(now, longest);
    }
}

/// When a ban was published. From before the clock began (a worker's starts at zero), nobody could say how long its
/// entries have been stale: they are not used at all.
fn dated(notice: Notice, sent: Instant, age: Duration) -> (Notice, Instant) {
    let micros = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
    match sent.0.checked_sub(micros) {
        Some(since) => (notice, Instant(since)),
        None if notice.op == Op::Refresh => (Notice { op: Op::Invalidate, ..notice }, Instant::default()),
        None => (notice, Instant::default()),
    }
}

/// What one worker has read, for its siblings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where the log ended before.
    pub from: Position,
    /// Where it ends now.
    pub to: Position,
    /// What came in between.
    pub notices: Vec<Notice>,
    /// When the read was sent, by the clock that all workers share.
    pub sent: Timestamp,
}

/// A batch as bytes.
#[derive(Serialize, Deserialize)]
struct Written {
    from: Position,
    to: Position,
    notices: Vec<[String; 3]>,
    sent: u64,
}

impl Batch {
    /// When the read was sent, on the clock of a worker that hears of it `now`. A moment that is still to come is none of
    /// this clock: it makes nothing younger.
    pub fn sent_by(&self, now: Now) -> Instant {
        if self.sent > now.wall {
            return Instant::default();
        }
        let micros = u64::try_from(now.wall.since(self.sent).as_micros()).unwrap_or(u64::MAX);
        Instant(now.mono.0.saturating_sub(micros))
    }

    /// How many of the notices somebody knows who has read up to `position`; `None` where they cannot be put on to it.
    fn known(&self, position: &Position) -> Option<usize> {
        let one_epoch = self.from.epoch == position.epoch && self.to.epoch == position.epoch;
        let grown = self.to.n.checked_sub(self.from.n).and_then(|grown| usize::try_from(grown).ok());
        let whole = one_epoch && grown == Some(self.notices.len());
        let known = position.n.checked_sub(self.from.n).filter(|_| whole)?;
        Some(usize::try_from(known).unwrap_or(usize::MAX))
    }

    /// As [`Batch::decode`] reads it.
    pub fn encode(&self) -> Vec<u8> {
        let words =
            |notice: &Notice| [notice.op.as_str(), notice.scope.as_str(), notice.scope.value()].map(str::to_owned);
        let notices = self.notices.iter().map(words).collect();
        let written = Written { from: self.from.clone(), to: self.to.clone(), notices, sent: self.sent.0 };
        // Texts and numbers: that cannot fail. Nothing would be no batch.
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// Reads a batch; `None` for anything else. Notices in it are read as in the log.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(bytes).ok()?;
        let read = |[op, scope, value]: &[String; 3]| Notice::read(op.as_bytes(), scope.as_bytes(), value.as_bytes());
        let notices = written.notices.iter().map(read).collect();
        Some(Self { from: written.from, to: written.to, notices, sent: Timestamp(written.sent) })
    }
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
