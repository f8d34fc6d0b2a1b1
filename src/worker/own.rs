//! Answers to unsafe requests that are stored (RFC 9110 §9.3.3): the invalidation that such a request publishes is about
//! all that was fetched before it, and not about its own answer.
//!
//! Nobody knows its place in the log before it is published, and then something else may have been published in between.
//! So the answer keeps the place from before its request, and is moved on behind its own notices once all others up to there
//! have been heard, and none of them was about it.

use super::Worker;
use crate::bans::{Admission, Bans};
use crate::notice::Notice;
use crate::position::Position;
use crate::transaction::Phase;
use std::collections::VecDeque;

/// How many answers may wait to be moved on, and how many notices are remembered for them.
const MOST: (usize, usize) = (64, 1024);

/// What waits to be moved on, and what was heard lately.
#[derive(Default)]
pub(super) struct Own {
    answers: VecDeque<Answer>,
    heard: VecDeque<(u64, Notice)>,
}

struct Answer {
    uri: u128,
    from: Position,
    /// Where its own notices end, and how many they are.
    published: Option<(Position, usize)>,
}

impl Own {
    /// An answer about `uri` is stored, whose request was sent when the log stood at `from`.
    pub(super) fn add(&mut self, uri: u128, from: &Position) {
        if self.answers.len() >= MOST.0 {
            self.answers.pop_front();
        }
        self.answers.push_back(Answer { uri, from: from.clone(), published: None });
    }

    /// Remembers notices, the last of which stands at `end`.
    pub(super) fn hear(&mut self, notices: &[Notice], end: &Position) {
        let first = end.n.saturating_sub(u64::try_from(notices.len()).unwrap_or(u64::MAX));
        self.heard.extend((first.saturating_add(1)..).zip(notices.iter().cloned()));
        let over = self.heard.len().saturating_sub(MOST.1);
        self.heard.drain(..over);
    }

    /// Nothing that was heard goes on from there.
    pub(super) fn lose_thread(&mut self) {
        *self = Self::default();
    }

    /// Its notices are published, and end at `at`.
    pub(super) fn publish(&mut self, uris: &[u128], notices: usize, at: &Position) {
        let own = self.answers.iter_mut().filter(|own| uris.contains(&own.uri) && own.published.is_none());
        own.for_each(|own| own.published = Some((at.clone(), notices)));
    }

    /// The answers of which all is heard that was published up to their own notices.
    fn ready(&mut self, end: &Position) -> Vec<Answer> {
        let ready = |own: &Answer| own.published.as_ref().is_some_and(|(at, _)| at.epoch == end.epoch && at.n <= end.n);
        let (ready, waiting) = std::mem::take(&mut self.answers).into_iter().partition(ready);
        self.answers = waiting;
        Vec::from(ready)
    }

    /// What others published meanwhile; `None` where not all of it is remembered.
    fn others(&self, own: &Answer, at: &Position, notices: usize) -> Option<Bans> {
        let last = at.n.saturating_sub(u64::try_from(notices).unwrap_or(u64::MAX));
        let between = || self.heard.iter().filter(|(n, _)| *n > own.from.n && *n <= last);
        let all = own.from.epoch == at.epoch && last.checked_sub(own.from.n) == u64::try_from(between().count()).ok();
        all.then_some(())?;
        let mut bans = Bans::default();
        let place = |n| Position { epoch: at.epoch.clone(), n };
        between().for_each(|(n, notice)| bans.add(notice, &place(*n), Default::default()));
        Some(bans)
    }
}

impl Worker {
    /// Moves on what can be moved on.
    pub(super) fn move_on(&mut self) {
        let Some(end) = self.following.follower.position().cloned() else { return };
        for own in self.own.ready(&end) {
            let Some((at, notices)) = own.published.clone() else { continue };
            if let Some(others) = self.own.others(&own, &at, notices) {
                self.move_answer(&own, &at, &others);
            }
        }
    }

    fn move_answer(&mut self, own: &Answer, at: &Position, others: &Bans) {
        let rules = self.force.rules.clone();
        self.memory.move_on(own.uri, &own.from, at, |held| {
            let ruled = rules.iter().find(|ruled| ruled.symbol == held.rule);
            ruled.is_some_and(|ruled| {
                super::standing::admitted(others, &held.entry, held.uri, ruled, &at.epoch) == Admission::Admitted
            })
        });
        for phase in self.phases.values_mut() {
            let Phase::Filling(filling) = phase else { continue };
            let (entry, asked) = (&filling.entry, &filling.asked);
            let about = asked.uri == own.uri && entry.position == own.from;
            if about
                && super::standing::admitted(others, entry, asked.uri, &asked.draft.ruled, &at.epoch)
                    == Admission::Admitted
            {
                filling.entry.position = at.clone();
            }
        }
    }
}
