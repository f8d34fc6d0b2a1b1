//! Properties: a follower of a log that grows, is trimmed, changes masters and is flushed, hearing also what was
//! garbled, admits nothing that it was told not to.

use super::tests::{admits, at};
use super::*;
use crate::notice::properties::notice;
use proptest::prelude::*;

const TAGS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Publish(&'static str),
    Failover {
        continues: bool,
    },
    Flush,
    /// Reads on where that is possible, else everything.
    Poll,
    /// Reads everything anyway.
    Reload,
    /// Hears something else than what stands in the log.
    Garble {
        epoch: usize,
        n: u64,
        notices: usize,
        batch: Option<u64>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let garble = (0usize..3, 0u64..8, 0usize..3, proptest::option::of(0u64..8));
    prop_oneof![
        6 => proptest::sample::select(&TAGS[..]).prop_map(Step::Publish),
        1 => any::<bool>().prop_map(|continues| Step::Failover { continues }),
        1 => Just(Step::Flush),
        6 => Just(Step::Poll),
        2 => Just(Step::Reload),
        2 => garble.prop_map(|(epoch, n, notices, batch)| Step::Garble { epoch, n, notices, batch }),
    ]
}

/// The log as Redis has it, and a follower.
struct Pair {
    epoch: usize,
    continues: Option<usize>,
    /// What was published in the present epoch, and its bans.
    log: Vec<&'static str>,
    follower: Follower,
    /// All that the follower was told so far.
    told: Vec<(&'static str, Position)>,
    now: u64,
}

impl Pair {
    fn new() -> Self {
        Self { epoch: 0, continues: None, log: Vec::new(), follower: Follower::new(), told: Vec::new(), now: 0 }
    }

    fn end(&self) -> Position {
        at(&self.epoch.to_string(), self.log.len() as u64)
    }

    fn apply(&mut self, step: &Step) {
        self.now += 10;
        match step {
            Step::Publish(tag) => self.log.push(tag),
            Step::Failover { continues } => {
                (self.epoch, self.continues) = (self.epoch + 1, continues.then_some(self.epoch));
            }
            Step::Flush => self.log.clear(),
            Step::Poll => self.poll(),
            Step::Reload => self.reload(),
            Step::Garble { epoch, n, notices, batch } => self.garble(*epoch, *n, *notices, *batch),
        }
    }

    fn poll(&mut self) {
        let end = self.end();
        let known = self.follower.position().filter(|known| known.epoch == end.epoch && known.n <= end.n);
        let Some(from) = known.map(|known| known.n) else { return self.reload() };
        let told: Vec<_> = (1u64..).zip(&self.log).filter(|(n, _)| *n > from).map(|(n, tag)| (*tag, n)).collect();
        let notices: Vec<Notice> = told.iter().map(|(tag, _)| super::tests::tag(tag)).collect();
        let heard = self.follower.read(News::Next { to: end.clone(), notices: notices.clone() }, Instant(self.now));
        assert_eq!(heard, Heard::Followed(notices));
        self.told.extend(told.into_iter().map(|(tag, n)| (tag, at(&end.epoch, n))));
        self.check_knows(&end);
    }

    fn reload(&mut self) {
        let (end, before, serial) = (self.end(), self.follower.position().cloned(), self.follower.serial());
        let bans: Vec<_> = (1u64..).zip(&self.log).map(|(n, tag)| (*tag, at(&end.epoch, n))).collect();
        self.told.extend(bans.iter().cloned());
        let bans = bans.into_iter().map(|(tag, at)| (super::tests::tag(tag), at, Duration::ZERO)).collect();
        let continues = self.continues.map(|epoch| epoch.to_string());
        let lost = before.as_ref().is_some_and(|before| {
            before.n > end.n || (before.epoch != end.epoch && continues.as_ref() != Some(&before.epoch))
        });
        let heard = self.follower.read(News::Whole { at: end.clone(), born: 0, continues, bans }, Instant(self.now));
        assert!(matches!(heard, Heard::Reloaded { empties, .. } if empties == lost));
        assert!(self.follower.serial() > serial);
        self.check_knows(&end);
    }

    /// Either it goes on from where the follower stands, or nothing changes.
    fn garble(&mut self, epoch: usize, n: u64, notices: usize, batch: Option<u64>) {
        let (before, serial) = (self.follower.position().cloned(), self.follower.serial());
        let lag = self.follower.lag(Instant(self.now));
        let (to, told) = (at(&epoch.to_string(), n), TAGS.iter().take(notices));
        let notices: Vec<Notice> = told.clone().map(|tag| super::tests::tag(tag)).collect();
        let from = batch.map_or_else(|| before.clone(), |from| Some(at(&to.epoch, from)));
        let heard = match batch {
            None => self.follower.read(News::Next { to: to.clone(), notices }, Instant(self.now)),
            Some(from) => {
                let from = at(&to.epoch, from);
                self.follower.follow(&Batch { from, to: to.clone(), notices, sent: Timestamp(0) }, Instant(self.now))
            }
        };
        let Heard::Followed(_) = heard else {
            assert_eq!(heard, Heard::Gap);
            assert_eq!((self.follower.position(), self.follower.serial()), (before.as_ref(), serial));
            return assert_eq!(self.follower.lag(Instant(self.now)), lag);
        };
        assert!(before.is_some(), "followed from nowhere");
        let (before, from) = (before.unwrap_or_default(), from.unwrap_or_default());
        assert!(before.epoch == to.epoch && from.n <= before.n && from.n + told.len() as u64 == to.n);
        let told = (from.n + 1..).zip(told).filter(|(n, _)| *n > before.n);
        self.told.extend(told.map(|(n, tag)| (*tag, at(&to.epoch, n))));
        let end = at(&to.epoch, to.n.max(before.n));
        self.check_stands(&end);
        // What ends before where it stands makes nothing younger.
        let now = Instant(self.now);
        let younger = if before.n <= to.n { Some(Duration::ZERO) } else { lag };
        assert_eq!(self.follower.lag(now), younger);
    }

    fn check_knows(&self, end: &Position) {
        self.check_stands(end);
        assert_eq!(self.follower.lag(Instant(self.now + 3)), Some(Duration::from_micros(3)));
    }

    fn check_stands(&self, end: &Position) {
        assert_eq!(self.follower.position(), Some(end));
        assert!(self.follower.knows(end) && !self.follower.knows(&at(&end.epoch, end.n + 1)));
    }

    /// Exactly what it was told harms an entry.
    fn check_admits(&self, tag: &str, entry: &Position) {
        let current = self.follower.position().map_or("", |known| known.epoch.as_str());
        let admitted = |ban: &Position| {
            if ban.epoch == entry.epoch { entry.n >= ban.n } else { entry.epoch == current }
        };
        let banned = self.told.iter().any(|(told, ban)| *told == tag && !admitted(ban));
        assert_eq!(admits(&self.follower, tag, entry) == Admission::Banned, banned, "{tag} at {entry}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_admits_nothing_that_it_was_told_of(
        steps in proptest::collection::vec(step(), 0..40),
        entries in proptest::collection::vec((proptest::sample::select(&TAGS[..]), 0usize..4, 0u64..9), 1..20),
    ) {
        let mut pair = Pair::new();
        for step in &steps {
            // Masters that do not come back, as few as all their bans are kept of.
            if pair.epoch < 6 || !matches!(step, Step::Failover { .. }) {
                pair.apply(step);
            }
        }
        for (tag, epoch, n) in &entries {
            pair.check_admits(tag, &at(&epoch.to_string(), *n));
        }
    }

    #[test]
    fn decoding_is_total(bytes: Vec<u8>, cut: prop::sample::Index, notice in notice()) {
        let _ = Batch::decode(&bytes);
        let batch = Batch { from: at("x", 0), to: at("x", 1), notices: vec![notice], sent: Timestamp(1) };
        let bytes = batch.encode();
        prop_assert_eq!(Batch::decode(&bytes[..cut.index(bytes.len())]), None);
    }

    #[test]
    fn what_is_encoded_is_decoded(
        notices in proptest::collection::vec(notice(), 0..5),
        from in ("\\PC{0,40}", any::<u64>()),
        to in ("[0-9a-f]{40}", any::<u64>()),
        sent: u64,
    ) {
        let (from, to) = (at(&from.0, from.1), at(&to.0, to.1));
        let batch = Batch { from, to, notices, sent: Timestamp(sent) };
        prop_assert_eq!(Batch::decode(&batch.encode()), Some(batch));
    }

    /// Whatever numbers a batch names, nothing overflows, and it is one of two.
    #[test]
    fn following_is_total(known: u64, from: u64, to: u64, notices in proptest::collection::vec(notice(), 0..3), sent: u64) {
        let mut follower = Follower::new();
        follower.read(News::Whole { at: at("x", known), born: 0, continues: None, bans: Vec::new() }, Instant(5));
        for to in [to, from.saturating_add(notices.len() as u64)] {
            let batch = Batch { from: at("x", from), to: at("x", to), notices: notices.clone(), sent: Timestamp(sent) };
            let heard = follower.follow(&batch, batch.sent_by(Now::default()));
            prop_assert!(matches!(heard, Heard::Gap | Heard::Followed(_)));
        }
    }
}
