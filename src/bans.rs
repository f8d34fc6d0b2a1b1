//! What the invalidation log forbids: from each notice a ban stays behind, and an entry is admitted or not.
//!
//! A ban holds for what was fetched before it, and only positions say what was: no clock. Bans of one field in one epoch
//! are one, the latest; bans of different epochs stand side by side, since nobody can say which came first.
//!
//! Memory is bounded: over the bounds the oldest bans become one ban of everything, at the place of the newest of them.
//! So what is lost of them costs hits, and never admits anything.

mod era;

use crate::notice::{Notice, Op};
use crate::position::Position;
use crate::time::Instant;
use era::{Era, Mark, Part, Subject};
use std::time::Duration;

/// What an entry is about: what a ban can name.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Its primary key in short, `<rule>:<32 hexadecimal digits>`, see [`crate::key::PrimaryKey::name`].
    pub key: &'a str,
    /// Its URI, see [`crate::key::uri`].
    pub uri: u128,
    /// Its host; case does not count.
    pub host: &'a str,
    /// Its path and query, as in the primary key.
    pub target: &'a str,
    /// The rule that stored it.
    pub rule: &'a str,
    /// The tags that came with it.
    pub tags: &'a [String],
    /// The tags that its rule gives it.
    pub more_tags: &'a [String],
}

/// Whether an entry may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admitted,
    /// It counts as stale, since this moment at the latest: that is when it was heard.
    Refreshed(Instant),
    /// It may not, and lends no validator either.
    Banned,
}

/// How many bans are kept: how many at most, and how many stay of them when there are more.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    exact: (usize, usize),
    loose: (usize, usize),
    /// Epochs that they may be of.
    epochs: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { exact: (10_000, 5_000), loose: (64, 32), epochs: 8 }
    }
}

/// All bans that one worker knows.
#[derive(Debug, Default)]
pub struct Bans {
    bounds: Bounds,
    /// By epoch, the present one last.
    eras: Vec<Era>,
    /// Whether anything of an epoch that is not kept any more was banned, and when that was last heard.
    older: Option<Instant>,
    serial: u64,
}

impl Bans {
    /// Takes in the ban that a notice leaves behind at a place of the log, heard at `since`. A prewarm leaves none.
    pub fn add(&mut self, notice: &Notice, at: &Position, since: Instant) {
        if notice.op == Op::Prewarm {
            return;
        }
        self.touch();
        let mark = Mark { n: at.n, since };
        match self.eras.iter_mut().find(|era| era.epoch == at.epoch) {
            Some(era) => era.add(notice, mark),
            None => {
                let mut era = Era::new(&at.epoch);
                era.add(notice, mark);
                self.begin(era);
            }
        }
        self.shrink(Part::Exact, self.bounds.exact);
        self.shrink(Part::Loose, self.bounds.loose);
    }

    /// Says which epoch is the present one: its bans stay longest. To be said before bans of others are added.
    pub fn enter(&mut self, epoch: &str) {
        let at = self.eras.iter().position(|era| era.epoch == epoch);
        let era = at.map_or_else(|| Era::new(epoch), |at| self.eras.remove(at));
        self.eras.push(era);
        self.drop_oldest();
    }

    /// Whether an entry may be used that was fetched at `position`, when the log is now in `current_epoch`.
    ///
    /// Against a ban that is about it, it may if both are of one epoch and the entry is not the earlier one, or if they
    /// are of two and the entry's is the current one.
    pub fn admits(&self, about: &About, position: &Position, current_epoch: &str) -> Admission {
        let current = position.epoch == current_epoch;
        if self.older.is_some() && !current {
            return Admission::Banned;
        }
        // The places up to there do no harm.
        let after = |era: &Era| (era.epoch == position.epoch).then_some(position.n);
        let eras = self.eras.iter().filter(|era| !current || era.epoch == position.epoch);
        let mut eras = eras.map(|era| (era, after(era))).filter(|(era, after)| era.reaches(*after)).peekable();
        if eras.peek().is_none() {
            return Admission::Admitted;
        }
        let subject = Subject::new(about);
        let mut since = None;
        for (era, after) in eras {
            if era.invalidated.harms(&subject, after).is_some() {
                return Admission::Banned;
            }
            since = since.into_iter().chain(era.refreshed.harms(&subject, after)).min();
        }
        since.map_or(Admission::Admitted, Admission::Refreshed)
    }

    /// Grows with every ban, so that what was once admitted need not be asked again while it stays.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Makes everybody ask again.
    pub fn touch(&mut self) {
        self.serial = self.serial.saturating_add(1);
    }

    /// How many bans it holds.
    pub fn len(&self) -> usize {
        self.eras.iter().map(Era::len).sum::<usize>() + usize::from(self.older.is_some())
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops bans that have outlived every entry: those heard more than `longest` ago. `longest` is how long any entry
    /// lives at most, from the lookup before its fetch on.
    pub fn forget(&mut self, now: Instant, longest: Duration) {
        let lives = |since: Instant| now.since(since) <= longest;
        self.eras.iter_mut().for_each(|era| era.retain(lives));
        let present = self.eras.pop();
        self.eras.retain(|era| era.len() > 0);
        self.eras.extend(present);
        self.older = self.older.filter(|since| lives(*since));
    }

    /// One more epoch, which is not the present one unless there is no other; the oldest may have to make room.
    fn begin(&mut self, era: Era) {
        self.eras.insert(self.eras.len().saturating_sub(1), era);
        self.drop_oldest();
    }

    fn drop_oldest(&mut self) {
        if self.eras.len() > self.bounds.epochs {
            let gone = self.eras.remove(0);
            self.older = self.older.max(gone.newest());
        }
    }

    /// With more than `most` bans of a part, drops the oldest until `left` stay, and bans everything up to where they were.
    fn shrink(&mut self, part: Part, (most, left): (usize, usize)) {
        let all: usize = self.eras.iter().map(|era| era.count(part)).sum();
        if all <= most {
            return;
        }
        let mut excess = all.saturating_sub(left);
        for era in &mut self.eras {
            excess = excess.saturating_sub(era.fold(part, excess));
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
