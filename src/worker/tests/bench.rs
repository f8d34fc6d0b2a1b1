//! What the tests of a worker drive it with: a host, an L2, the clock.

pub use super::l2::{EPOCH, L2, OTHER, POSITION, bulk};
pub use super::message::{Origin, Request, empty, get, ok, post, request};
use crate::answer::Answer;
use crate::config::Config;
use crate::http::Headers;
use crate::metrics::{L2End, Metric};
use crate::reason::L2Failure;
use crate::redis::Call;
use crate::redis::breaker::tests::Slots;
use crate::time::{Instant, Now, Timestamp};
use crate::transaction::{Command, Event, OriginCall, Phase, Stream, Verdict};
use crate::worker::{InForce, Outside, Worker};
use serde_json::{Value, json};
use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// What L2 answers, or why it does not.
pub type Reply = Result<Vec<u8>, L2Failure>;

/// One worker and its world.
pub struct Bench {
    pub worker: Worker,
    pub slots: Rc<RefCell<Slots>>,
    pub now: Now,
    /// What chance says; its last 21 bits are another draw each time.
    pub random: u64,
    draws: u64,
    /// The property `p` of every stream.
    pub property: Option<Vec<u8>>,
    /// What L2 answers to the next lookups, before it does what the scripts do.
    pub replies: VecDeque<Reply>,
    pub redis: Rc<RefCell<L2>>,
    /// All lookups ever, and those without an answer.
    pub lookups: Vec<Call>,
    pub asking: VecDeque<(Stream, Call)>,
    /// Writes on their way: fills, invalidations, what is said of leases, readings of the log.
    pub fills: Vec<Call>,
    pub invalidations: Vec<Call>,
    pub leases: Vec<Call>,
    pub syncs: Vec<Call>,
    /// Whether L2 hears of leases only when a test says so, and is read only then.
    pub cut: bool,
    /// Streams that are due to be woken.
    pub wakes: Vec<Stream>,
    /// What other workers are told, with their queues.
    pub tells: Vec<(u32, Vec<u8>)>,
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
    others: u64,
}

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

fn config(settings: &Value) -> Config {
    Config::parse(settings.to_string().as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
}

impl Bench {
    /// A worker under these settings.
    pub fn new(settings: &Value) -> Self {
        Self::in_envoy(settings, Rc::default(), Rc::default(), 0)
    }

    fn in_envoy(settings: &Value, slots: Rc<RefCell<Slots>>, redis: Rc<RefCell<L2>>, others: u64) -> Self {
        let mut worker = Worker::new("p", config(settings));
        worker.prepare(&mut *slots.borrow_mut());
        let now = Now { wall: Timestamp(784_111_777_000), mono: Instant(1_000_000) };
        Self {
            worker,
            slots,
            now,
            random: u64::MAX / 2,
            draws: others << 14,
            property: None,
            replies: VecDeque::new(),
            redis,
            lookups: Vec::new(),
            asking: VecDeque::new(),
            fills: Vec::new(),
            invalidations: Vec::new(),
            leases: Vec::new(),
            syncs: Vec::new(),
            cut: false,
            wakes: Vec::new(),
            tells: Vec::new(),
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
            others,
        }
    }

    /// Another worker of the same Envoy.
    pub fn sibling(&mut self, settings: &Value) -> Self {
        self.others += 1;
        let (slots, redis) = (Rc::clone(&self.slots), Rc::clone(&self.redis));
        Self { now: self.now, ..Self::in_envoy(settings, slots, redis, self.others) }
    }

    /// A worker of another Envoy.
    pub fn pod(&mut self, settings: &Value) -> Self {
        Self { slots: Rc::default(), ..self.sibling(settings) }
    }

    /// Redis, to look at and to change.
    pub fn l2(&self) -> RefMut<'_, L2> {
        self.redis.borrow_mut()
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
        self.collect(None);
        force
    }

    pub fn adopt(&mut self, force: &Rc<InForce>) {
        self.worker.adopt(force);
        self.collect(None);
    }

    /// Time passes, and the log is read meanwhile.
    pub fn wait(&mut self, millis: u64) {
        self.pass(millis);
        if !self.cut {
            self.step(|worker, outside| worker.follow(outside));
            self.errands();
        }
    }

    /// Time passes, and nothing is done.
    pub fn pass(&mut self, millis: u64) {
        self.now.wall.0 += millis;
        self.now.mono = self.now.mono.after(Duration::from_millis(millis));
    }

    /// Calls the worker with the world as it is.
    pub fn step<T>(&mut self, step: impl FnOnce(&mut Worker, &mut Outside<'_>) -> T) -> T {
        self.step_of(None, step)
    }

    fn step_of<T>(&mut self, stream: Option<Stream>, step: impl FnOnce(&mut Worker, &mut Outside<'_>) -> T) -> T {
        const DRAWS: u64 = (1 << 21) - 1;
        let property = self.property.clone();
        let property = |path: &[String]| property.clone().filter(|_| path == ["p"]);
        self.draws = self.draws.wrapping_add(1);
        let (now, random) = (self.now, self.random & !DRAWS | self.draws & DRAWS);
        let slots = Rc::clone(&self.slots);
        let mut outside = Outside { now, random, shared: &mut *slots.borrow_mut(), property: &property };
        let result = step(&mut self.worker, &mut outside);
        self.collect(stream);
        result
    }

    fn collect(&mut self, stream: Option<Stream>) {
        for command in self.worker.take_commands() {
            match command {
                Command::Lookup(call) => {
                    self.lookups.push((*call).clone());
                    self.asking.push_back((stream.expect("a lookup without a stream"), *call));
                }
                Command::Write(call) => match call.script.name {
                    "fill" => self.fills.push(*call),
                    "publish" => self.invalidations.push(*call),
                    "lease" => self.leases.push(*call),
                    _ => self.syncs.push(*call),
                },
                Command::Wake(stream) => self.wakes.push(stream),
                Command::Tell(queue, bytes) => self.tells.push((queue, bytes)),
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
        if matches!(event, Event::L2(_) | Event::Gone) {
            self.asking.retain(|(asking, _)| *asking != stream);
        }
        self.step_of(Some(stream), |worker, outside| worker.on(stream, event, outside))
    }

    pub fn sweep(&mut self) {
        self.pass(100);
        self.step(|worker, outside| worker.tick(outside));
        self.errands();
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
        if !self.cut {
            self.errands();
        }
        let stream = self.stream();
        let mut verdict = self.head(stream, request);
        if let (true, Some(body)) = (self.worker.reads_body(stream), &request.body) {
            verdict = self.on(stream, Event::RequestBody { length: body.len(), bytes: Some(body) });
        }
        while let Some(next) = self.go_on(stream) {
            verdict = next;
        }
        (stream, verdict)
    }

    /// L2 answers what a stream asks, or wakes it.
    pub fn go_on(&mut self, stream: Stream) -> Option<Verdict> {
        if let Some(at) = self.asking.iter().position(|(asking, _)| *asking == stream) {
            let (_, call) = self.asking.remove(at)?;
            let reply = self.replies.pop_front().unwrap_or_else(|| Ok(self.look(&call)));
            return Some(self.on(stream, Event::L2(reply.as_deref().map_err(|failure| *failure))));
        }
        if !self.cut {
            self.errands();
        }
        let at = self.wakes.iter().position(|woken| *woken == stream)?;
        self.wakes.remove(at);
        Some(self.on(stream, Event::Woken))
    }

    /// L2 hears of leases and is read, until there is no more.
    pub fn errands(&mut self) {
        while let Some(call) = if self.leases.is_empty() { self.syncs.pop() } else { Some(self.leases.remove(0)) } {
            let reply = self.look(&call);
            self.filled(call, Ok(&reply));
        }
    }

    /// Lets a stream go on until it waits again, with what has come for it.
    pub fn wake(&mut self, stream: Stream) -> Verdict {
        let mut verdict = self.on(stream, Event::Woken);
        self.wakes.retain(|woken| *woken != stream);
        while let Some(next) = self.go_on(stream) {
            verdict = next;
        }
        verdict
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

    /// The phase of a stream.
    pub fn phase(&self, stream: Stream) -> &'static str {
        match self.worker.phases.get(&stream) {
            None => "none",
            Some(Phase::ReadingBody(_)) => "reading",
            Some(Phase::Waiting(_)) => "waiting",
            Some(Phase::Lookup(_)) => "lookup",
            Some(Phase::Polling(_)) => "polling",
            Some(Phase::Parked(_)) => "parked",
            Some(Phase::Refreshing(_)) => "refreshing",
            Some(Phase::Fetching(_)) => "fetching",
            Some(Phase::Filling(_)) => "filling",
            Some(Phase::Passing(_)) => "passing",
            Some(Phase::Changing(_)) => "changing",
        }
    }

    /// What L2 answers.
    pub fn look(&self, call: &Call) -> Vec<u8> {
        self.l2().run(call, self.now.mono)
    }

    /// Lets L2 take in all fills, and says so to the worker.
    pub fn settle(&mut self) {
        for call in std::mem::take(&mut self.fills) {
            let reply = self.look(&call);
            self.filled(call, Ok(&reply));
        }
    }

    /// Lets L2 take in all invalidations, and says so to the worker.
    pub fn ban(&mut self) {
        for call in std::mem::take(&mut self.invalidations) {
            let reply = self.look(&call);
            self.filled(call, Ok(&reply));
        }
    }

    /// Runs all refreshes to their end; the origin answers them with `origin`.
    pub fn refresh(&mut self, origin: &Origin) {
        for stream in std::mem::take(&mut self.refreshes) {
            self.on(stream, Event::Refresh);
            while self.go_on(stream).is_some() {}
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
