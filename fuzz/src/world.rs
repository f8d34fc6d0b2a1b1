//! A worker and its world: the clock, an L2 that does what the scripts do, and what must hold after each step.

use crate::redis::{Redis, bulk};
use crate::script::Step;
use fingerprint_cache::config::Config;
use fingerprint_cache::entry::Entry;
use fingerprint_cache::metrics::Metric;
use fingerprint_cache::reason::L2Failure;
use fingerprint_cache::redis::Call;
use fingerprint_cache::shared::{Conflict, Shared};
use fingerprint_cache::time::{Instant, Now, Timestamp};
use fingerprint_cache::transaction::{Command, Event, Stream, Verdict, is_behind};
use fingerprint_cache::worker::{InForce, Outside, Worker};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

/// The budget of L1 in bytes and in entries, in every configuration.
const MAX_BYTES: usize = 64 << 10;
const MAX_ENTRIES: usize = 24;

/// No step takes the clock near its end, in milliseconds: where it stands still nothing ages.
const LONGEST_WAIT: u64 = 100_000_000_000;

/// What the workers of one Envoy share.
#[derive(Default)]
struct Slots(HashMap<String, (Vec<u8>, u32)>);

impl Shared for Slots {
    fn get(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        self.0.get(name).map(|(bytes, version)| (bytes.clone(), Some(*version)))
    }

    fn set(&mut self, name: &str, bytes: &[u8], version: Option<u32>) -> Result<(), Conflict> {
        let known = self.0.get(name).map(|(_, version)| *version);
        if known.is_some() && version.is_some() && version != known {
            return Err(Conflict);
        }
        self.0.insert(name.to_owned(), (bytes.to_vec(), known.unwrap_or(0) + 1));
        Ok(())
    }
}

/// What the origin has said so far: whatever is answered is one of its bodies for the same path.
#[derive(Default)]
struct Said {
    paths: HashMap<Stream, Vec<u8>>,
    pieces: HashMap<Stream, Vec<u8>>,
    bodies: HashSet<(Vec<u8>, Vec<u8>)>,
}

impl Said {
    fn hear(&mut self, stream: Stream, event: &Event<'_>) {
        match event {
            Event::RequestHead { headers, .. } => self.asked(stream, headers.get(":path").unwrap_or_default()),
            Event::ResponseHead { end, .. } => {
                self.pieces.insert(stream, Vec::new());
                if *end {
                    self.ended(stream);
                }
            }
            Event::ResponseBody(piece) => self.pieces.entry(stream).or_default().extend_from_slice(piece),
            Event::ResponseEnd => self.ended(stream),
            _ => {}
        }
    }

    fn asked(&mut self, stream: Stream, target: &[u8]) {
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        self.paths.insert(stream, path.to_vec());
    }

    fn ended(&mut self, stream: Stream) {
        let path = self.paths.get(&stream).cloned().unwrap_or_default();
        let body = self.pieces.get(&stream).cloned().unwrap_or_default();
        self.bodies.insert((path, body));
    }

    /// Nothing is known of a body that callers' values were cut out of.
    fn stands_behind(&self, stream: Stream, entry: &Entry) -> bool {
        let path = self.paths.get(&stream).cloned().unwrap_or_default();
        !entry.cuts.is_empty() || path == b"/echo" || self.bodies.contains(&(path, entry.body.clone()))
    }
}

/// The configurations of a story, by number; read once.
static CONFIGS: LazyLock<Vec<Config>> = LazyLock::new(|| (0..8).map(read).collect());

fn config(number: u32) -> Config {
    CONFIGS[number as usize % CONFIGS.len()].clone()
}

fn read(number: u32) -> Config {
    let redis = if number == 1 { "" } else { r#""redis": {"cluster": "webdis"},"# };
    let more = match number {
        2 => r#", "auth": "shared", "client_directives": "ignore", "set_cookie": "store", "show_key": true"#,
        3 => r#", "refresh": {"cluster": "api"}"#,
        4 => r#", "key": {"query": {"include": ["p"], "sort": true}, "headers": ["x-key"], "properties": [["p"]]}"#,
        _ => "",
    };
    let freshness = match number {
        3 => r#"{"default": "5s", "stale_while_revalidate": "1m", "stale_if_error": "2m"}"#,
        5 => r#"{"heuristic": "1d", "status": {"404": "10s"}}"#,
        _ => r#"{"default": "1m"}"#,
    };
    let text = format!(
        r#"{{"memory": {{"max_bytes": "64KiB", "max_entries": {MAX_ENTRIES}, "ttl": "5m"}}, {redis} "rules": [
            {{"name": "echo", "match": {{"methods": ["POST"], "path": "/echo"}}, "freshness": {{"default": "1m"}},
             "key": {{"json": {{"include": ["/q"], "echo": ["/id"]}}, "max_body": "100B"}}}},
            {{"name": "whole", "match": {{"methods": ["POST"], "path": "/whole"}}, "key": {{"body": "whole"}}}},
            {{"name": "r", "match": {{"path": "/**"}}, "freshness": {freshness}{more}}}]}}"#
    );
    Config::parse(text.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A worker and its world.
pub struct World {
    worker: Worker,
    /// The configurations that were put into force after the first, which may come back.
    before: Vec<Rc<InForce>>,
    shared: Slots,
    now: Now,
    redis: Redis,
    /// What each stream asked L2 last, and the questions without an answer.
    lookups: HashMap<Stream, Call>,
    asking: BTreeMap<Stream, Call>,
    fills: Vec<Call>,
    invalidations: Vec<Call>,
    /// What is said of leases, and readings of the log.
    errands: Vec<Call>,
    /// Streams that are due to be woken, and those that are held back.
    wakes: Vec<Stream>,
    paused: BTreeSet<Stream>,
    draws: u64,
    refreshes: Vec<Stream>,
    /// Refreshes that have begun.
    background: Vec<Stream>,
    /// What the gauges say: entries and bytes.
    gauges: (i64, i64),
    said: Said,
}

impl World {
    /// A worker that has seen nothing.
    #[expect(clippy::new_without_default, reason = "it does not begin empty")]
    pub fn new() -> Self {
        let mut shared = Slots::default();
        let mut worker = Worker::new("p", config(0));
        worker.prepare(&mut shared);
        worker.enlist(1, 1);
        Self {
            worker,
            before: Vec::new(),
            shared,
            now: Now { wall: Timestamp(784_111_777_000), mono: Instant(1_000_000) },
            redis: Redis::default(),
            lookups: HashMap::new(),
            asking: BTreeMap::new(),
            fills: Vec::new(),
            invalidations: Vec::new(),
            errands: Vec::new(),
            wakes: Vec::new(),
            paused: BTreeSet::new(),
            draws: 0,
            refreshes: Vec::new(),
            background: Vec::new(),
            gauges: (0, 0),
            said: Said::default(),
        }
    }

    /// Does what a line of the story says; what must hold then, holds.
    pub fn take(&mut self, step: &Step<'_>) {
        let stream = step.number;
        match step.what {
            b'h' | b'H' => {
                // The host gives a number to one stream at a time, and `H` says that no body follows.
                if self.worker.knows(stream) {
                    self.gone(stream);
                }
                self.on(stream, Event::RequestHead { headers: step.request(), end: step.what == b'H' });
            }
            b'b' => {
                let bytes = Some(step.rest).filter(|_| self.worker.reads_body(stream));
                self.on(stream, Event::RequestBody { length: step.rest.len(), bytes });
            }
            b'p' => self.on(stream, Event::RequestBody { length: step.rest.len(), bytes: None }),
            b'l' => self.reply(stream, step.rest),
            b'r' | b'q' | b'x' => {
                let (end, from_origin) = (step.what == b'q', step.what != b'x');
                self.on(self.answered(stream), Event::ResponseHead { headers: step.response(), end, from_origin });
            }
            b'c' => self.on(self.answered(stream), Event::ResponseBody(step.rest)),
            b'C' => self.on(self.answered(stream), Event::ResponseBody(&step.rest.repeat(100))),
            b'e' => self.on(self.answered(stream), Event::ResponseEnd),
            b'g' => self.gone(self.answered(stream)),
            b'd' => self.on(stream, Event::Deadline),
            _ => self.turn(step),
        }
        self.holds();
    }

    /// The end of the story: all streams leave, all refreshes end, and time passes over what is stored.
    pub fn end(&mut self) {
        self.come_to_rest();
        let streams: Vec<Stream> = (0..8).chain(self.refreshes.drain(..)).chain(self.background.drain(..)).collect();
        for stream in streams {
            self.gone(stream);
        }
        self.wait(3_600_000);
        self.tick();
        self.holds();
        assert_eq!(self.worker.memory().entries(), 0, "all is over its time");
    }

    /// L2 is gone, the origin silent: whoever waits for others is let go in time.
    fn come_to_rest(&mut self) {
        for _ in 0..8 {
            for (stream, _) in std::mem::take(&mut self.asking) {
                self.on(stream, Event::L2(Err(L2Failure::Timeout)));
            }
            self.errands(false);
            self.wake();
            self.wait(200);
        }
        // A refresh waits for its origin alone, and for long.
        let held_back =
            self.paused.iter().filter(|stream| !is_behind(**stream) && !self.worker.reads_body(**stream)).count();
        assert_eq!(held_back, 0, "somebody waits for ever");
    }

    /// Digits above 5 mean a refresh that has begun, where there is one: its stream has no digit of its own.
    fn answered(&self, stream: Stream) -> Stream {
        self.background.last().copied().filter(|_| stream > 5).unwrap_or(stream)
    }

    /// What happens to the world and not to a stream.
    fn turn(&mut self, step: &Step<'_>) {
        match step.what {
            b'f' => self.settle(step.number == 0),
            b'i' => self.ban(),
            b's' => self.tick(),
            b'y' => self.errands(step.number == 0),
            b'v' => self.wake(),
            b'n' => self.publish(step),
            b'w' => self.wait(step.amount().min(LONGEST_WAIT)),
            b'u' => self.refresh(),
            b'k' => {
                self.before.push(self.worker.configure(config(step.number)));
                self.collect(0);
            }
            b'a' => {
                if let Some(force) = self.before.get(step.number as usize) {
                    self.worker.adopt(force);
                }
                self.collect(0);
            }
            _ => {}
        }
    }

    /// Calls the worker with the world as it is.
    fn step<T>(&mut self, stream: Stream, step: impl FnOnce(&mut Worker, &mut Outside<'_>) -> T) -> T {
        let property = |path: &[String]| (path == ["p"]).then(|| b"value".to_vec());
        self.draws += 1;
        // Never the same twice.
        let random = self.draws.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut outside = Outside { now: self.now, random, shared: &mut self.shared, property: &property };
        let result = step(&mut self.worker, &mut outside);
        self.collect(stream);
        result
    }

    fn collect(&mut self, stream: Stream) {
        for command in self.worker.take_commands() {
            match command {
                Command::Lookup(call) => {
                    self.asking.insert(stream, (*call).clone());
                    self.lookups.insert(stream, *call);
                }
                Command::Write(call) => match call.script.name {
                    "fill" => self.fills.push(*call),
                    "publish" => self.invalidations.push(*call),
                    _ => self.errands.push(*call),
                },
                Command::Wake(stream) => self.wakes.push(stream),
                Command::CallOrigin(call) => {
                    let path = call.headers.iter().find(|(name, _)| name == ":path");
                    self.said.asked(stream, path.map_or("", |(_, path)| path).as_bytes());
                }
                Command::Refresh(stream) => self.refreshes.push(stream),
                Command::Count(Metric::Entries { .. }, by) => self.gauges.0 += by,
                Command::Count(Metric::Bytes { .. }, by) => self.gauges.1 += by,
                _ => {}
            }
        }
    }

    fn on(&mut self, stream: Stream, event: Event<'_>) {
        self.said.hear(stream, &event);
        let woken = matches!(event, Event::Woken);
        if matches!(event, Event::L2(_) | Event::Gone) {
            self.asking.remove(&stream);
        }
        let verdict = self.step(stream, |worker, outside| worker.on(stream, event, outside));
        // Who is woken too late has moved on by itself.
        if !woken || !matches!(verdict, Verdict::Pause) {
            self.paused.remove(&stream);
        }
        match verdict {
            Verdict::Continue => {}
            Verdict::Pause if woken => {}
            Verdict::Pause => {
                assert!(self.worker.knows(stream), "nobody waits for nothing");
                self.paused.insert(stream);
            }
            Verdict::Reply(answer) => {
                assert!(!self.worker.knows(stream), "an answered stream is over");
                let own = !answer.is_stored() || self.said.stands_behind(stream, &answer.entry);
                assert!(own, "somebody else's answer");
                assert!((200..600).contains(&answer.status()));
                assert!(answer.headers().count() <= answer.entry.headers.len());
                let part = answer.content_range().is_some();
                assert_eq!(part, matches!(answer.status(), 206 | 416));
                assert!(answer.status() != 206 || !answer.body().is_empty());
                assert!(answer.cache_status.is_ascii());
            }
        }
    }

    fn gone(&mut self, stream: Stream) {
        self.on(stream, Event::Gone);
        assert!(!self.worker.knows(stream), "no phase after Gone");
        self.lookups.remove(&stream);
        self.background.retain(|known| *known != stream);
    }

    fn reply(&mut self, stream: Stream, text: &[u8]) {
        let stream = self.answered(stream);
        let call = self.lookups.get(&stream);
        let reply = match text.first() {
            None => call.map(|call| self.redis.run(call, self.now.mono)).ok_or(L2Failure::Error),
            Some(b'!') => Err(L2Failure::Timeout),
            Some(b'-' | b'+' | b':') => Ok([text, b"\r\n"].concat()),
            Some(_) => Ok(bulk(text)),
        };
        self.on(stream, Event::L2(reply.as_deref().map_err(|failure| *failure)));
    }

    fn settle(&mut self, well: bool) {
        for call in std::mem::take(&mut self.fills) {
            self.write(call, well);
        }
    }

    fn ban(&mut self) {
        for call in std::mem::take(&mut self.invalidations) {
            self.write(call, true);
        }
    }

    fn errands(&mut self, well: bool) {
        for call in std::mem::take(&mut self.errands) {
            self.write(call, well);
        }
    }

    fn write(&mut self, call: Call, well: bool) {
        let reply = if well { Ok(self.redis.run(&call, self.now.mono)) } else { Err(L2Failure::Timeout) };
        let reply = reply.as_deref().map_err(|failure| *failure);
        self.step(0, |worker, outside| worker.written(call, reply, outside));
    }

    /// Wakes all who are due.
    fn wake(&mut self) {
        for stream in std::mem::take(&mut self.wakes) {
            self.on(stream, Event::Woken);
        }
    }

    /// Somebody else publishes; or the log loses its events, or itself.
    fn publish(&mut self, step: &Step<'_>) {
        let mut words = std::str::from_utf8(step.rest).unwrap_or_default().splitn(3, ' ');
        let [op, scope, value] = [(); 3].map(|()| words.next().unwrap_or_default());
        match step.number {
            6 => self.redis.trim(),
            7 => self.redis.flush(),
            _ => self.redis.tell(op, scope, value, self.now.mono),
        }
    }

    fn refresh(&mut self) {
        for stream in std::mem::take(&mut self.refreshes) {
            self.on(stream, Event::Refresh);
            self.background.extend(self.worker.knows(stream).then_some(stream));
        }
    }

    fn wait(&mut self, millis: u64) {
        self.now.wall.0 = self.now.wall.0.saturating_add(millis);
        self.now.mono = self.now.mono.after(Duration::from_millis(millis));
        for stream in self.worker.overdue(self.now.mono) {
            self.on(stream, Event::Deadline);
        }
    }

    fn tick(&mut self) {
        self.step(0, |worker, outside| worker.tick(outside));
    }

    fn holds(&self) {
        let memory = self.worker.memory();
        assert!(memory.bytes() <= MAX_BYTES && memory.entries() <= MAX_ENTRIES, "L1 is within its budget");
        assert_eq!(self.gauges, (memory.entries() as i64, memory.bytes() as i64), "the gauges say what L1 holds");
        assert!(self.fills.len() <= 64, "fills are bounded");
    }
}
