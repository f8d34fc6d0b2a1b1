//! The channels are heard, on a connection of its own; and what was missed is made good.
//!
//! Pub/sub keeps nothing: what was said while nobody listened is lost. After a lost connection everything is therefore
//! invalidated. At the start that is needed only where no other bridge listens: one that says so after this one began to
//! listen has heard all that was said before.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fingerprint_cache::notice::{Notice, Op};
use redis::{Msg, RedisError};

use super::event::{self, CHANNELS, Event, Malformed};
use super::log::Level;
use super::map::{Map, Translation};
use super::publish::{BEAT, channel};
use super::seen::Seen;
use super::state::{Job, State, Why, backoff};
use crate::redis::{Arguments, Redis, sentence};

/// Nothing heard for so long, not even the bridge's own beat: the connection is dead.
const SILENCE: Duration = BEAT.saturating_mul(10);
/// How long another bridge may take to say that it lives.
const OTHERS: Duration = BEAT.saturating_mul(3);

/// What is invalidated because of events that may have been missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Missed {
    // No doc comments on the variants: help would take a page for each.
    // Everything.
    All,
    // Nothing: old answers may be served until they expire.
    Ignore,
}

/// The same, at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Start {
    // Everything, unless another bridge has listened meanwhile.
    Auto,
    // Everything.
    All,
    // Nothing.
    Ignore,
}

/// The one thread that listens.
pub struct Subscriber {
    state: Arc<State>,
    arguments: Arguments,
    map: Map,
    name: String,
    fatal: Sender<String>,
    seen: Seen,
    start: Option<Start>,
    lost: Missed,
    /// Until when another bridge may speak up, and the gap that it would close.
    waits: Option<(Instant, u64)>,
}

impl Subscriber {
    /// One that is not connected yet.
    pub fn new(state: Arc<State>, arguments: Arguments, map: Map, name: String, fatal: Sender<String>) -> Self {
        let (seen, start, lost, waits) = (Seen::default(), Some(Start::Auto), Missed::All, None);
        Self { state, arguments, map, name, fatal, seen, start, lost, waits }
    }

    /// What to do about events that may have been missed.
    #[must_use]
    pub fn missed(mut self, start: Start, lost: Missed) -> Self {
        (self.start, self.lost) = (Some(start), lost);
        self
    }

    /// Listens for ever.
    pub fn run(mut self) {
        let mut failures: u32 = 0;
        loop {
            let (why, heard) = self.session();
            failures = if heard { 1 } else { failures.saturating_add(1) };
            // Once for the loss, and then only now and then.
            if heard || failures.is_power_of_two() {
                self.state.log.say(Level::Warn, "does not hear the channels, and tries again", &[("why", &why)]);
            }
            thread::sleep(backoff(failures, fastrand::f64()));
        }
    }

    /// Listens until the connection is gone: why, and whether anything was heard.
    fn session(&mut self) -> (String, bool) {
        let mut redis = match self.arguments.connect_to_master() {
            Ok(redis) => redis,
            Err(sentence) => return (sentence, false),
        };
        let address = redis.address.clone();
        let (error, heard) = self.listen(&mut redis);
        if heard {
            self.state.hears_no_more();
            self.state.counts.add("subscriptions_lost_total", &[], 1);
        }
        let sentence = sentence(&address, &error);
        if error.code() == Some("NOPERM") {
            let _ = self.fatal.send(sentence.clone());
        }
        (sentence, heard)
    }

    fn listen(&mut self, redis: &mut Redis) -> (RedisError, bool) {
        let own = channel(&self.arguments.key_prefix);
        let mut channels: Vec<&str> = CHANNELS.iter().map(|(name, _)| *name).collect();
        channels.push(&own);
        let mut pubsub = redis.connection().as_pubsub();
        if let Err(error) = pubsub.subscribe(&channels).and_then(|()| pubsub.set_read_timeout(Some(SILENCE))) {
            return (error, false);
        }
        self.begin();
        let error = loop {
            match pubsub.get_message() {
                Ok(message) => self.hear(&message, &own),
                Err(error) => break error,
            }
        };
        // It says goodbye when it goes, and need not wait long for an answer.
        let _ = pubsub.set_read_timeout(Some(Duration::from_millis(100)));
        (error, true)
    }

    /// From here on everything is heard.
    fn begin(&mut self) {
        let gap = self.state.hears();
        self.state.log.say(Level::Info, "hears the channels", &[]);
        match (self.start.take(), self.lost) {
            (Some(Start::Auto), _) => self.waits = Some((Instant::now() + OTHERS, gap)),
            (Some(Start::All), _) => self.state.push(Job::Whole(Why::Start, gap)),
            (None, Missed::All) => {
                self.waits = None;
                self.state.push(Job::Whole(Why::Lost, gap));
            }
            // Lost before another bridge could speak up: it still may.
            (None, Missed::Ignore) if self.waits.is_some() => self.waits = Some((Instant::now() + OTHERS, gap)),
            (Some(Start::Ignore), _) | (None, Missed::Ignore) => self.state.settle(gap),
        }
    }

    fn hear(&mut self, message: &Msg, own: &str) {
        let (channel, payload) = (message.get_channel_name(), message.get_payload_bytes());
        if channel == own {
            self.beat(payload);
        } else {
            self.event(channel, payload);
        }
    }

    /// A bridge lives: another one that misses nothing has heard all that was said before this one listened.
    fn beat(&mut self, payload: &[u8]) {
        let Some((until, gap)) = self.waits else { return };
        let other = std::str::from_utf8(payload).ok().and_then(|word| word.strip_suffix(" 1"));
        if other.is_some_and(|name| name != self.name) {
            self.waits = None;
            self.state.settle(gap);
            self.state.log.say(Level::Info, "another bridge has heard what was said before", &[]);
        } else if Instant::now() >= until {
            self.waits = None;
            self.state.push(Job::Whole(Why::Start, gap));
        }
    }

    fn event(&mut self, channel: &str, payload: &[u8]) {
        match event::read(channel, payload) {
            Ok(event) => self.mean(channel, payload, &event),
            Err(reason) => self.malformed(channel, payload, reason),
        }
    }

    fn mean(&mut self, channel: &str, payload: &[u8], event: &Event) {
        let lag = event.sent.map(|sent| Duration::from_millis(now().saturating_sub(sent)));
        lag.into_iter().for_each(|lag| self.state.counts.measure("event_lag_seconds", lag));
        let notices = match self.map.translate(event) {
            Translation::Notices(notices) => notices,
            Translation::Nothing => return self.outcome(channel, "nothing"),
            Translation::Unmapped(notice) => self.unmapped(channel, event, notice),
        };
        if notices.is_empty() {
            return;
        }
        // An invalidation that is repeated costs little; one that is wrongly taken for a repetition costs old answers.
        let once = event.kind.op() != Op::Invalidate;
        let claim = once.then(|| self.seen.name(channel, payload, Instant::now()));
        self.state.push(Job::Event { notices, claim, channel: channel.to_owned(), heard: Instant::now() });
    }

    /// Tells whoever keeps the map.
    fn unmapped(&self, channel: &str, event: &Event, notice: Option<Notice>) -> Vec<Notice> {
        let op = event.kind.op();
        self.state.counts.add("unmapped_total", &[("op", op.as_str())], 1);
        if op == Op::Invalidate {
            self.state.counts.add("whole_invalidations_total", &[("reason", "unmapped")], 1);
        }
        if notice.is_none() {
            self.outcome(channel, "unmapped");
        }
        let becomes = if notice.is_some() { "everything" } else { "nothing" };
        let fields = [("op", op.as_str()), ("key_pattern", &event.pattern), ("source_pod", &event.source)];
        let fields = [&fields[..], &[("becomes", becomes)]].concat();
        self.state.log.say(Level::Alert, "no mapping says what this pattern is about: give one by --map", &fields);
        notice.into_iter().collect()
    }

    fn malformed(&self, channel: &str, payload: &[u8], reason: Malformed) {
        const SHOWN: usize = 200;
        self.outcome(channel, "malformed");
        self.state.counts.add("malformed_total", &[("reason", reason.as_str())], 1);
        let start: String = String::from_utf8_lossy(payload).chars().take(SHOWN).collect();
        let fields = [("channel", channel), ("reason", reason.as_str()), ("message", &start)];
        self.state.log.say(Level::Warn, "a malformed event", &fields);
    }

    fn outcome(&self, channel: &str, outcome: &str) {
        self.state.counts.add("events_total", &[("channel", channel), ("outcome", outcome)], 1);
    }
}

/// Milliseconds since 1970 by the clock of this machine.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
