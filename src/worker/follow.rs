//! Following the invalidation log: who reads it, and what is done with what it says.
//!
//! One worker of an Envoy reads for all and tells the others. A worker that hears nothing for too long, or something that
//! does not go on from where it stands, reads for itself.

use super::standing::FETCH;
use super::{Outside, Worker};
use crate::bans::Admission;
use crate::config::Redis;
use crate::follower::{Batch, Discontinuity, Follower, Heard, News};
use crate::metrics::{L2End, Metric};
use crate::notice::{Notice, Op};
use crate::position::Position;
use crate::reason::L2Failure;
use crate::redis::{self, Call};
use crate::siblings::Siblings;
use crate::time::{Instant, Timestamp};
use crate::token::Token;
use crate::transaction::{Command, Phase, Stream, Turn};
use std::time::Duration;

/// How often a worker looks whether it should read.
const LOOKS: Duration = Duration::from_millis(25);
/// How much later than the interval a worker that is not told reads for itself.
const GRACE: Duration = Duration::from_millis(75);
/// The first byte of what one worker tells another: a batch of the log, or a key of Redis that was filled.
const BATCH: u8 = b'b';
const FILLED: u8 = b'f';

/// What a worker knows of the log, and how it hears of it.
pub(super) struct Following {
    pub(super) follower: Follower,
    siblings: Siblings,
    /// When the read under way was sent, by both clocks, and from where it reads on.
    reading: Option<Reading>,
    /// When to look next whether to read, and when to read for all.
    looks: Instant,
    due: Instant,
    /// Whether this worker reads for all.
    polls: bool,
}

/// A read of the log under way.
struct Reading {
    /// The replies of two reads are not taken for one another.
    token: Token,
    sent: Instant,
    /// The same on the clock that all workers share.
    wall: Timestamp,
    /// From where it reads on; from nowhere, all bans.
    known: Option<Position>,
}

impl Following {
    pub(super) fn new(plugin: &str) -> Self {
        Self {
            follower: Follower::new(),
            siblings: Siblings::new(plugin),
            reading: None,
            looks: Instant::default(),
            due: Instant::default(),
            polls: false,
        }
    }

    pub(super) fn siblings(&mut self) -> &mut Siblings {
        &mut self.siblings
    }
}

impl Worker {
    /// Reads the log when it is due.
    pub(super) fn follow(&mut self, outside: &mut Outside<'_>) {
        let (now, common) = (outside.now.mono, outside.now.common());
        let longest = self.force.config.redis.as_ref().map(super::fills::longest);
        let Some(longest) = longest.filter(|_| now >= self.following.looks) else { return };
        // An entry lives from its fill on, its ban from when it was heard: a fetch may lie between.
        let longest = longest.max(self.force.config.memory.ttl).saturating_add(FETCH);
        let interval = self.force.config.sync.interval;
        self.following.looks = now.after(LOOKS);
        self.following.siblings.keep(outside.shared, common);
        self.following.polls = self.following.siblings.leads(outside.shared, common);
        let lag = self.following.follower.lag(now);
        let late = lag.is_none_or(|lag| lag > interval + GRACE);
        if now >= self.following.due && (self.following.polls || late) {
            // Three quarters of the interval to all of it, by chance, so that pods do not read all at once.
            let part = (750 + outside.random % 251) as f64 / 1000.0;
            self.following.due = now.after(interval.mul_f64(part).saturating_sub(LOOKS));
            self.following.follower.forget(now, longest);
            self.read_log(false, outside);
        }
        if let Some(lag) = lag.filter(|_| self.following.polls) {
            let millis = i64::try_from(lag.as_millis()).unwrap_or(i64::MAX);
            self.commands.push(Command::Count(Metric::LogLag, millis));
        }
    }

    /// Reads on in the log, or `whole`: all bans. One read is under way at a time.
    pub(super) fn read_log(&mut self, whole: bool, outside: &Outside<'_>) {
        let Some(redis) = self.force.config.redis.as_ref() else { return };
        let lost = redis.timeout.saturating_mul(2).saturating_add(Duration::from_millis(200));
        if self.following.reading.as_ref().is_some_and(|reading| outside.now.mono.since(reading.sent) < lost) {
            return;
        }
        let known = self.following.follower.position().filter(|_| !whole);
        let token = Token(outside.random);
        self.commands.push(Command::Write(Box::new(redis::sync(redis, known, token))));
        let (sent, wall, known) = (outside.now.mono, outside.now.wall, known.cloned());
        self.following.reading = Some(Reading { token, sent, wall, known });
    }

    /// A reading of the log has ended.
    pub(super) fn read(&mut self, call: &Call, reply: Result<&[u8], L2Failure>, outside: &mut Outside<'_>) -> L2End {
        let asked = call.arguments.last().and_then(|token| Token::parse(token));
        let reading = self.following.reading.take_if(|reading| asked == Some(reading.token));
        let Some(Reading { token, sent, wall, known }) = reading else { return L2End::Abandoned };
        let follower = &mut self.following.follower;
        let before = follower.position().cloned();
        match reply.and_then(|reply| redis::read_sync(reply, token)) {
            Ok(news) => {
                let heard = match (news, known) {
                    // A sibling may have told some of it meanwhile.
                    (News::Next { to, notices }, Some(from)) => {
                        follower.follow(&Batch { from, to, notices, sent: wall }, sent)
                    }
                    (news, _) => follower.read(news, sent),
                };
                if self.hear(heard, outside) {
                    self.read_log(true, outside);
                } else {
                    self.tell_siblings(before, wall, outside);
                }
                self.wake_parked();
                L2End::Ok
            }
            Err(failure) => {
                if failure == L2Failure::Corrupt {
                    self.count(Metric::Discontinuities { why: Discontinuity::Unreadable });
                }
                // Whoever is parked is not woken: it would read again at once, and fail again.
                L2End::Failed(failure)
            }
        }
    }

    /// Does what news ask for; `true` when they do not go on from where this worker stands.
    fn hear(&mut self, heard: Heard, outside: &mut Outside<'_>) -> bool {
        match heard {
            Heard::Followed(notices) => {
                if !notices.is_empty() {
                    // More is to come, as a rule: the next look is earlier.
                    let soon = self.force.config.sync.interval / 4;
                    self.following.due = self.following.due.min(outside.now.mono.after(soon));
                    if let Some(end) = self.following.follower.position() {
                        self.own.hear(&notices, end);
                    }
                    self.move_on();
                    self.heed(&notices, outside);
                }
                false
            }
            Heard::Reloaded { why, empties } => {
                self.count(Metric::Discontinuities { why });
                self.own.lose_thread();
                if empties {
                    self.forget_all();
                }
                self.void_leases();
                false
            }
            Heard::Gap => true,
        }
    }

    fn heed(&mut self, notices: &[Notice], outside: &mut Outside<'_>) {
        for notice in notices {
            self.count(Metric::Notices { op: notice.op.as_str(), scope: notice.scope.as_str() });
        }
        for wanted in notices.iter().filter_map(Notice::wanted) {
            self.prewarm(&wanted, outside);
        }
        if notices.iter().any(|notice| notice.op != Op::Prewarm) {
            self.void_leases();
        }
    }

    /// Heeds notices of its own where there is no L2 to publish them: this worker is its own log.
    pub(super) fn heed_alone(&mut self, notices: Vec<Notice>, now: Instant) {
        let follower = &mut self.following.follower;
        let alone = || Position { epoch: "alone".to_owned(), n: 0 };
        // Of a Redis that there was before no place is left, see `change_logs`: here is a log of its own.
        let mut to = follower.position().cloned().unwrap_or_else(|| {
            follower.read(News::Whole { at: alone(), born: 0, continues: None, bans: Vec::new() }, now);
            alone()
        });
        to.n = to.n.saturating_add(u64::try_from(notices.len()).unwrap_or(u64::MAX));
        follower.read(News::Next { to, notices }, now);
    }

    /// Forgets its own notices with what they are about.
    pub(super) fn forget_alone(&mut self, now: Instant) {
        if self.force.config.redis.is_none() {
            self.following.follower.forget(now, self.force.config.memory.ttl.saturating_add(FETCH));
        }
    }

    /// Another configuration is in force. In another log no place of this one means anything; and where entries live longer
    /// than before, bans may be missing that were forgotten too early for them: all are read anew.
    pub(super) fn change_logs(&mut self, before: Option<&Redis>) {
        let now = self.force.config.redis.as_ref();
        let name = |redis: &Redis| (redis.cluster.clone(), redis.key_prefix.clone());
        let same = before.map(name) == now.map(name);
        let longer = before.zip(now).is_some_and(|(before, now)| now.ttl > before.ttl);
        if !same || longer {
            self.following.follower.lose_place(!same);
            self.own.lose_thread();
        }
        // Without L2 there is no log, and nothing to be heard from another.
        if !same && before.is_some() && self.force.config.redis.is_some() {
            self.forget_all();
        }
    }

    /// Notices may be lost for good: what is there goes, and what is under way is not kept.
    fn forget_all(&mut self) {
        let removed = self.memory.clear();
        self.count_removed(&removed);
        self.phases.values_mut().for_each(super::change::overtake);
    }

    /// Who asks the origin for what has been invalidated meanwhile asks for nobody else: others may fill.
    fn void_leases(&mut self) {
        let mut holders = self.flights.holders();
        holders.sort_unstable();
        for stream in holders {
            let Some(position) = self.flights.lease(stream).and_then(|granted| granted.position.clone()) else {
                continue;
            };
            let fenced = match self.phases.get(&stream) {
                Some(Phase::Fetching(fetching)) => self.fences(&fetching.asked, &position),
                Some(Phase::Filling(filling)) => {
                    let (asked, entry) = (&filling.asked, &filling.entry);
                    self.admission(entry, asked.uri, &asked.draft.ruled) == Admission::Admitted
                }
                _ => true,
            };
            if !fenced {
                self.void(stream);
            }
        }
    }

    fn void(&mut self, stream: Stream) {
        self.end_flight(stream, &Turn::Again);
        if let Some(granted) = self.flights.take_lease(stream) {
            self.release(&granted);
        }
    }

    /// Tells the other workers what was read, also when that was nothing: they know then that there is nothing.
    fn tell_siblings(&mut self, before: Option<Position>, sent: Timestamp, outside: &Outside<'_>) {
        let Some(to) = self.following.follower.position().cloned().filter(|_| self.following.polls) else { return };
        let notices = self.following.follower.last_read().to_vec();
        // Whoever stands where this one stood goes on from there; all others read for themselves.
        let from = before.filter(|before| to.follows(before, notices.len())).unwrap_or_else(|| to.clone());
        let mut bytes = vec![BATCH];
        bytes.extend(Batch { from, to, notices, sent }.encode());
        self.tell(&bytes, outside);
    }

    /// Tells the others that a key of Redis was filled: those who wait for it need not wait for their next look.
    pub(super) fn tell_filled(&mut self, hash: &str, outside: &Outside<'_>) {
        let mut bytes = vec![FILLED];
        bytes.extend_from_slice(hash.as_bytes());
        self.tell(&bytes, outside);
    }

    fn tell(&mut self, bytes: &[u8], outside: &Outside<'_>) {
        let others = self.following.siblings.others(outside.shared, outside.now.common());
        self.commands.extend(others.into_iter().map(|queue| Command::Tell(queue, bytes.to_vec())));
    }

    /// Another worker of this Envoy has told something.
    pub fn told(&mut self, bytes: &[u8], outside: &mut Outside<'_>) {
        match bytes.split_first() {
            Some((&BATCH, batch)) => {
                let Some(batch) = Batch::decode(batch) else { return };
                let sent = batch.sent_by(outside.now);
                let heard = self.following.follower.follow(&batch, sent);
                if self.hear(heard, outside) {
                    self.read_log(false, outside);
                }
                self.wake_parked();
            }
            Some((&FILLED, hash)) => self.wake_polling(hash),
            _ => {}
        }
    }

    fn wake_parked(&mut self) {
        self.wake_those(|phase| matches!(phase, Phase::Parked(_)));
    }

    fn wake_polling(&mut self, hash: &[u8]) {
        let waits = |phase: &Phase| match phase {
            Phase::Polling(polling) => polling.looking.call.keys.first().is_some_and(|key| key.as_bytes() == hash),
            _ => false,
        };
        self.wake_those(waits);
    }

    fn wake_those(&mut self, waits: impl Fn(&Phase) -> bool) {
        if self.flights.is_idle() && !self.phases.values().any(&waits) {
            return;
        }
        let mut streams: Vec<Stream> =
            self.phases.iter().filter(|(_, phase)| waits(phase)).map(|(stream, _)| *stream).collect();
        streams.sort_unstable();
        self.commands.extend(streams.into_iter().map(Command::Wake));
    }

    /// Renews the leases of those who still ask the origin.
    pub(super) fn renew_leases(&mut self, now: Instant) {
        let life = self.force.config.fill.lease;
        let mut due = self.flights.renewals(life, now);
        due.sort_unstable_by(|one, other| one.lease.key.cmp(&other.lease.key));
        let calls = due.into_iter().map(|granted| Command::Write(Box::new(redis::renew(&granted.lease, life))));
        self.commands.extend(calls);
    }
}
