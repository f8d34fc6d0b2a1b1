//! What the tests of a worker drive it with: a host, an L2 that does what the scripts do, the clock.

pub use super::message::{Origin, Request, empty, get, ok, post, request};
use crate::answer::Answer;
use crate::config::Config;
use crate::http::Headers;
use crate::metrics::{L2End, Metric};
use crate::reason::L2Failure;
use crate::redis::Call;
use crate::redis::breaker::tests::Slots;
use crate::time::{Instant, Now, Timestamp};
use crate::transaction::{Command, Event, OriginCall, Stream, Verdict};
use crate::worker::{InForce, Outside, Worker};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// What L2 answers, or why it does not.
pub type Reply = Result<Vec<u8>, L2Failure>;

/// A variant in L2: when it came in, its place in the log, its bytes.
pub type Kept = (Instant, u64, Vec<u8>);

/// What the scripts keep: by hash, the `Vary` names and the variants.
type Hash = (String, HashMap<String, Kept>);

/// One worker and its world.
pub struct Bench {
    pub worker: Worker,
    pub slots: Slots,
    pub now: Now,
    pub random: u32,
    /// The property `p` of every stream.
    pub property: Option<Vec<u8>>,
    /// What L2 answers next, before it does what the scripts do.
    pub replies: VecDeque<Reply>,
    pub hashes: HashMap<String, Hash>,
    /// How many events the log has taken in, and the bans by field.
    pub log: u64,
    pub bans: HashMap<String, u64>,
    pub lookups: Vec<Call>,
    pub fills: Vec<Call>,
    /// Invalidations on their way.
    pub invalidations: Vec<Call>,
    /// Refreshes that have not begun, and calls to the origin with nobody waiting.
    pub refreshes: Vec<Stream>,
    pub origin_calls: Vec<OriginCall>,
    pub counts: Vec<(Metric, i64)>,
    pub conditions: Vec<(&'static str, String)>,
    /// Request headers that were taken away, and response headers.
    pub removed: Vec<&'static str>,
    pub hidden: Vec<&'static str>,
    pub said: Vec<String>,
    pub states: Vec<String>,
    pub answer: Option<Box<Answer>>,
    pub next: Stream,
}

/// The epoch of the log.
pub const EPOCH: &str = "0123456789abcdef0123456789abcdef01234567";
/// The position that L2 names as long as nothing is invalidated.
pub const POSITION: &str = "0123456789abcdef0123456789abcdef01234567:7|";

/// A configuration with L2 and these rules.
pub fn with_redis(rules: Value) -> Value {
    json!({ "redis": { "cluster": "webdis" }, "rules": rules })
}

/// The rule `r` for all GET and HEAD requests, five minutes fresh, changed by `change`.
pub fn rule(change: Value) -> Value {
    let mut rule = json!({ "name": "r", "match": { "path": "/**" }, "freshness": { "default": "5m" } });
    rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    rule
}

/// A bulk string.
pub fn bulk(payload: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat()
}

fn config(settings: &Value) -> Config {
    Config::parse(settings.to_string().as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
}

impl Bench {
    /// A worker under these settings.
    pub fn new(settings: &Value) -> Self {
        let worker = Worker::new("p", config(settings));
        let mut slots = Slots::default();
        worker.prepare(&mut slots);
        let now = Now { wall: Timestamp(784_111_777_000), mono: Instant(1_000_000) };
        Self {
            worker,
            slots,
            now,
            random: u32::MAX / 2,
            property: None,
            replies: VecDeque::new(),
            hashes: HashMap::new(),
            log: 7,
            bans: HashMap::new(),
            lookups: Vec::new(),
            fills: Vec::new(),
            invalidations: Vec::new(),
            refreshes: Vec::new(),
            origin_calls: Vec::new(),
            counts: Vec::new(),
            conditions: Vec::new(),
            removed: Vec::new(),
            hidden: Vec::new(),
            said: Vec::new(),
            states: Vec::new(),
            answer: None,
            next: 1,
        }
    }

    /// A worker with L1 alone and one rule.
    pub fn with_rule(change: Value) -> Self {
        Self::new(&json!({ "rules": [rule(change)] }))
    }

    /// A worker with L2 and one rule.
    pub fn with_l2(change: Value) -> Self {
        Self::new(&with_redis(json!([rule(change)])))
    }

    pub fn configure(&mut self, settings: &Value) -> Rc<InForce> {
        let force = self.worker.configure(config(settings));
        self.collect();
        force
    }

    pub fn adopt(&mut self, force: &Rc<InForce>) {
        self.worker.adopt(force);
        self.collect();
    }

    pub fn wait(&mut self, millis: u64) {
        self.now.wall.0 += millis;
        self.now.mono = self.now.mono.after(Duration::from_millis(millis));
    }

    /// Calls the worker with the world as it is.
    fn step<T>(&mut self, step: impl FnOnce(&mut Worker, &mut Outside<'_>) -> T) -> T {
        let property = self.property.clone();
        let property = |path: &[String]| property.clone().filter(|_| path == ["p"]);
        let (now, random) = (self.now, self.random);
        let mut outside = Outside { now, random, shared: &mut self.slots, property: &property };
        let result = step(&mut self.worker, &mut outside);
        self.collect();
        result
    }

    fn collect(&mut self) {
        for command in self.worker.take_commands() {
            match command {
                Command::Lookup(call) => self.lookups.push(*call),
                Command::Write(call) if call.body.is_some() => self.fills.push(*call),
                Command::Write(call) => self.invalidations.push(*call),
                Command::Refresh(stream) => self.refreshes.push(stream),
                Command::CallOrigin(call) => self.origin_calls.push(*call),
                Command::RequestHeader(name, Some(value)) => self.conditions.push((name, value)),
                Command::RequestHeader(name, None) => self.removed.push(name),
                Command::HideHeader(name) => self.hidden.push(name),
                Command::ResponseHeader(name, value) => self.said.push(format!("{name}: {value}")),
                Command::State(value) => self.states.push(value),
                Command::Count(metric, value) => self.counts.push((metric, value)),
            }
        }
    }

    pub fn on(&mut self, stream: Stream, event: Event<'_>) -> Verdict {
        self.step(|worker, outside| worker.on(stream, event, outside))
    }

    pub fn sweep(&mut self) {
        self.step(|worker, outside| worker.sweep(outside.now.mono));
    }

    /// A number for a new stream.
    pub fn stream(&mut self) -> Stream {
        self.next += 1;
        self.next
    }

    pub fn head(&mut self, stream: Stream, request: &Request) -> Verdict {
        let headers = Headers::from_pairs(request.headers.clone());
        self.on(stream, Event::RequestHead { headers, end: request.body.is_none() })
    }

    /// Sends a request, its body in one piece, and lets L2 answer until it is settled.
    pub fn send(&mut self, request: &Request) -> (Stream, Verdict) {
        let stream = self.stream();
        let calls = self.lookups.len();
        let mut verdict = self.head(stream, request);
        if let (true, Some(body)) = (self.worker.reads_body(stream), &request.body) {
            verdict = self.on(stream, Event::RequestBody { length: body.len(), bytes: Some(body) });
        }
        let mut at = calls;
        while let Some(call) = self.lookups.get(at).cloned() {
            at += 1;
            let reply = self.replies.pop_front().unwrap_or_else(|| Ok(self.look(&call)));
            verdict = self.on(stream, Event::L2(reply.as_deref().map_err(|failure| *failure)));
        }
        (stream, verdict)
    }

    /// The origin answers a stream, the body in two pieces.
    pub fn respond(&mut self, stream: Stream, origin: &Origin) -> Verdict {
        let headers = Headers::from_pairs(origin.headers.clone());
        let end = origin.body.is_empty();
        let verdict = self.on(stream, Event::ResponseHead { headers, end, from_origin: true });
        if !end && self.worker.captures(stream) {
            let (first, second) = origin.body.split_at(origin.body.len() / 2);
            self.on(stream, Event::ResponseBody(first));
            self.on(stream, Event::ResponseBody(second));
            self.on(stream, Event::ResponseEnd);
        }
        verdict
    }

    /// A whole request, answered by `origin` where the cache does not. Returns what access logs see of it, or
    /// `untouched`; whatever happened, nothing of the stream is left.
    pub fn ask(&mut self, request: &Request, origin: &Origin) -> String {
        self.answer = None;
        let (stream, mut verdict) = self.send(request);
        if !matches!(verdict, Verdict::Reply(_)) && !self.worker.knows(stream) {
            return "untouched".to_owned();
        }
        if matches!(verdict, Verdict::Continue) {
            verdict = self.respond(stream, origin);
        }
        self.on(stream, Event::Gone);
        assert!(!self.worker.knows(stream));
        match verdict {
            Verdict::Reply(answer) => self.answer.insert(answer).state.to_owned(),
            Verdict::Continue => self.states.pop().unwrap_or_default(),
            Verdict::Pause => "paused".to_owned(),
        }
    }

    /// What access logs see of a stream that the origin answers.
    pub fn respond_state(&mut self, stream: Stream) -> String {
        self.respond(stream, &ok("x"));
        self.states.pop().unwrap_or_default()
    }

    /// The body of the last answer from the cache.
    pub fn body(&self) -> String {
        let answer = self.answer.as_ref().expect("an answer from the cache");
        String::from_utf8(answer.body().to_vec()).unwrap()
    }

    /// What `lookup.lua` answers.
    pub fn look(&self, call: &Call) -> Vec<u8> {
        let [vary, field, ban] = &call.arguments[..] else { panic!("{:?}", call.arguments) };
        let position = format!("{EPOCH}:{}|", self.log);
        let banned = self.bans.get(ban).copied().unwrap_or(0);
        let payload = match self.hashes.get(&call.keys[0]) {
            None => format!("M{position}").into_bytes(),
            Some((names, _)) if names != vary => format!("V{position}{names}").into_bytes(),
            Some((_, variants)) => match variants.get(field) {
                None => format!("O{position}").into_bytes(),
                Some((_, at, _)) if *at < banned => format!("M{position}").into_bytes(),
                Some((filled, _, bytes)) => {
                    let age = self.now.mono.since(*filled).as_millis();
                    [format!("H{position}{age}|").as_bytes(), bytes].concat()
                }
            },
        };
        bulk(&payload)
    }

    /// Lets L2 take in all fills, as `fill.lua` does, and says so to the worker.
    pub fn settle(&mut self) {
        for call in std::mem::take(&mut self.fills) {
            let [vary, field, _life, position, ban] = &call.arguments[..] else { panic!("{:?}", call.arguments) };
            let at: u64 = position.strip_prefix(EPOCH).unwrap()[1..].parse().unwrap();
            if at < self.bans.get(ban).copied().unwrap_or(0) {
                self.filled(call, Ok(b"$1\r\nF\r\n"));
                continue;
            }
            let hash = self.hashes.entry(call.keys[0].clone()).or_default();
            if hash.0 != *vary {
                *hash = (vary.clone(), HashMap::new());
            }
            hash.1.insert(field.clone(), (self.now.mono, at, call.body.clone().unwrap()));
            self.filled(call, Ok(b"$1\r\nS\r\n"));
        }
    }

    /// Lets L2 take in all invalidations, as `invalidate.lua` does, and says so to the worker.
    pub fn ban(&mut self) {
        for call in std::mem::take(&mut self.invalidations) {
            for uri in &call.arguments[1..] {
                self.log += 1;
                self.bans.insert(uri.clone(), self.log);
            }
            self.filled(call, Ok(b"$1\r\nI\r\n"));
        }
    }

    /// Runs all refreshes to their end; the origin answers them with `origin`.
    pub fn refresh(&mut self, origin: &Origin) {
        for stream in std::mem::take(&mut self.refreshes) {
            let calls = self.lookups.len();
            self.on(stream, Event::Refresh);
            let mut at = calls;
            while let Some(call) = self.lookups.get(at).cloned() {
                at += 1;
                let reply = self.replies.pop_front().unwrap_or_else(|| Ok(self.look(&call)));
                self.on(stream, Event::L2(reply.as_deref().map_err(|failure| *failure)));
            }
            if self.worker.knows(stream) {
                self.respond(stream, origin);
            }
            self.on(stream, Event::Gone);
            assert!(!self.worker.knows(stream));
        }
    }

    pub fn filled(&mut self, call: Call, reply: Result<&[u8], L2Failure>) {
        self.step(|worker, outside| worker.written(call, reply, outside));
    }

    /// How often this was counted, or what its gauge says.
    pub fn count(&self, metric: Metric) -> i64 {
        self.counts.iter().filter(|(counted, _)| *counted == metric).map(|(_, value)| value).sum()
    }

    /// How many calls to L2 ended so.
    pub fn calls(&self, op: &'static str, end: L2End) -> i64 {
        self.count(Metric::L2Calls { op, end })
    }

    /// The gauges of L1, all rules together: entries and bytes.
    pub fn gauges(&self) -> (i64, i64) {
        let sum = |wanted: fn(&Metric) -> bool| -> i64 {
            self.counts.iter().filter(|(metric, _)| wanted(metric)).map(|(_, value)| value).sum()
        };
        (sum(|metric| matches!(metric, Metric::Entries { .. })), sum(|metric| matches!(metric, Metric::Bytes { .. })))
    }
}
