//! What Envoy and the host half of the filter do: events handed to the worker, its commands carried out, ticks, shared
//! data. What comes from clients is in [`crate::requests`], what comes back in [`crate::responses`].

use crate::callers::{Ask, MILLI};
use crate::network::{Waiter, short};
use crate::random::Rng;
use crate::responses::Response;
use crate::world::{Step, World};
use fingerprint_cache::config::Config;
use fingerprint_cache::reason::L2Failure;
use fingerprint_cache::redis::Call;
use fingerprint_cache::shared::{Conflict, Shared};
use fingerprint_cache::transaction::{Command, Event, Verdict};
use fingerprint_cache::worker::{Outside, Worker};
use std::collections::{BTreeMap, VecDeque};

/// Envoy's shared data: versions count, a set of a name that is not there succeeds whatever version it names.
#[derive(Default)]
pub struct SharedData(BTreeMap<String, (Vec<u8>, u32)>);

impl Shared for SharedData {
    fn get(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        self.0.get(name).map(|(bytes, version)| (bytes.clone(), Some(*version)))
    }

    fn set(&mut self, name: &str, bytes: &[u8], version: Option<u32>) -> Result<(), Conflict> {
        let current = self.0.get(name).map(|(_, version)| *version);
        if let (Some(current), Some(version)) = (current, version)
            && current != version
        {
            return Err(Conflict);
        }
        self.0.insert(name.to_owned(), (bytes.to_vec(), current.unwrap_or(0) + 1));
        Ok(())
    }
}

/// What the root does on behalf of streams that need not wait for it.
pub enum Errand {
    Write(Box<Call>),
    Refresh(u32),
}

/// One VM of the pod: a worker and its root context.
pub struct Vm {
    pub worker: Worker,
    pub config: serde_json::Value,
    pub outbox: VecDeque<(Errand, Rng)>,
    /// Fills asked for and not ended, and their bytes.
    pub fills: usize,
    pub fill_bytes: usize,
    /// Where its monotonic clock began.
    pub mono: u64,
    pub ticking: bool,
    pub counts: BTreeMap<String, i64>,
}

impl Vm {
    pub fn new(config: serde_json::Value, mono: u64) -> Self {
        let parsed = Config::parse(config.to_string().as_bytes()).unwrap();
        let worker = Worker::new("cache", parsed);
        Self {
            worker,
            config,
            outbox: VecDeque::new(),
            fills: 0,
            fill_bytes: 0,
            mono,
            ticking: false,
            counts: BTreeMap::new(),
        }
    }
}

/// How a request ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// From the cache: `hit;l1`, `hit;l2` or `revalidated;origin`, with the value of `Age`.
    Cache { state: &'static str, status: u16, age: u64, body: Vec<u8> },
    /// From the origin, or from Envoy in its place.
    Origin { status: u16, cache_status: Vec<String> },
    /// The answer broke off.
    Broken,
    /// The client left.
    Left,
}

/// A stream.
pub struct Stream {
    pub ask: Ask,
    /// The same as it goes to the origin.
    pub onward: Ask,
    /// The configuration in force when it came.
    pub config: serde_json::Value,
    pub rng: Rng,
    pub active: bool,
    pub paused: bool,
    pub lookup: Option<u64>,
    /// When it last asked.
    pub looked_at: u64,
    /// How often it asked L2.
    pub lookups: usize,
    pub arrived: usize,
    /// Pieces that the host holds back while the head is paused.
    pub held: bool,
    pub forwarded: bool,
    /// Envoy has lost patience with it.
    pub expired: bool,
    pub added: Vec<(String, String)>,
    pub hidden: Vec<&'static str>,
    pub response: Option<Response>,
    pub outcome: Option<Outcome>,
}

impl World {
    /// Whether it is not over.
    pub fn open(&self, id: u32) -> bool {
        self.streams.get(&id).is_some_and(|stream| stream.outcome.is_none())
    }

    pub fn stream(&mut self, id: u32) -> &mut Stream {
        self.streams.get_mut(&id).unwrap()
    }

    /// Moves a stream, and again where a lookup could not even be sent, as the host does.
    pub fn drive(&mut self, id: u32, event: Event<'_>) -> Verdict {
        let mut verdict = self.on(id, event);
        loop {
            let (vm, mut rng) = (self.stream(id).ask.vm, self.stream(id).rng.clone());
            let refused = self.run_commands(vm, Some(id), &mut rng);
            self.stream(id).rng = rng;
            if !refused {
                return verdict;
            }
            verdict = self.on(id, Event::L2(Err(L2Failure::Unreachable)));
        }
    }

    pub fn on(&mut self, id: u32, event: Event<'_>) -> Verdict {
        let (vm, random) = (self.stream(id).ask.vm, self.stream(id).rng.next() as u32);
        let ja4 = self.stream(id).ask.ja4.clone();
        self.step(vm, random, ja4, |worker, outside| worker.on(id, event, outside))
    }

    pub fn step<T>(
        &mut self,
        vm: usize,
        random: u32,
        ja4: Option<String>,
        step: impl FnOnce(&mut Worker, &mut Outside<'_>) -> T,
    ) -> T {
        let now = self.now_of(vm);
        let property =
            |path: &[String]| ja4.clone().filter(|_| path == ["filter_state", "lab.ja4"]).map(String::into_bytes);
        let mut outside = Outside { now, random, shared: &mut self.shared, property: &property };
        step(&mut self.vms[vm].worker, &mut outside)
    }

    /// Carries out commands; says whether a lookup could not be sent.
    pub fn run_commands(&mut self, vm: usize, id: Option<u32>, rng: &mut Rng) -> bool {
        let mut refused = false;
        if let Some(id) = id {
            self.stream(id).lookup = None;
        }
        for command in self.vms[vm].worker.take_commands() {
            refused |= self.run_command(vm, id, command, rng);
        }
        refused
    }

    /// Carries out a command; `id` is the stream that it is for.
    pub fn run_command(&mut self, vm: usize, id: Option<u32>, command: Command, rng: &mut Rng) -> bool {
        match (command, id) {
            (Command::Lookup(call), Some(id)) => return !self.send_lookup(vm, id, &call, rng),
            (Command::Write(call), _) => {
                match &call.body {
                    Some(body) => {
                        self.front.note_fill(&call, self.now);
                        self.vms[vm].fills += 1;
                        self.vms[vm].fill_bytes += body.len();
                    }
                    None => {
                        self.note_invalidation(vm, &call);
                        self.tell(format!("w{vm} invalidates {:?}", &call.arguments[1..]));
                    }
                }
                self.post(vm, Errand::Write(call), rng);
            }
            (Command::Refresh(stream), Some(_)) => {
                self.begin_refresh(vm, stream, id);
                self.post(vm, Errand::Refresh(stream), rng);
            }
            (Command::RequestHeader(name, value), Some(id)) => self.set_request_header(id, name, value),
            (Command::HideHeader(name), Some(id)) => self.stream(id).hidden.push(name),
            (Command::ResponseHeader(name, value), Some(id)) => self.stream(id).added.push((name.to_owned(), value)),
            (Command::State(_), Some(_)) => {}
            (Command::Count(metric, by), _) => {
                let rule = metric.rule().map_or("", |rule| self.vms[vm].worker.name(rule));
                let name = metric.full_name(rule);
                *self.vms[vm].counts.entry(name).or_default() += by;
            }
            (command @ Command::CallOrigin(_), _) | (command, None) => {
                self.violated(format!("the root was given {command:?}"))
            }
        }
        false
    }

    /// Leaves an errand to the root, which is woken for it.
    fn post(&mut self, vm: usize, errand: Errand, rng: &mut Rng) {
        let fork = Rng::new(rng.next());
        self.vms[vm].outbox.push_back((errand, fork));
        self.schedule(rng.between(10, 2000), rng.next(), Step::Outbox(vm));
    }

    fn send_lookup(&mut self, vm: usize, id: u32, call: &Call, rng: &mut Rng) -> bool {
        let fork = Rng::new(rng.next());
        let token = self.dispatch(vm, Waiter::Stream(id), call, fork);
        let now = self.now;
        (self.stream(id).lookup, self.stream(id).looked_at) = (token, now);
        self.stream(id).lookups += 1;
        let how = if token.is_none() { " refused" } else { "" };
        self.tell(format!("w{vm} #{id} asks L2 for {}{how}", short(&call.keys[0])));
        token.is_some()
    }

    fn set_request_header(&mut self, id: u32, name: &str, value: Option<String>) {
        let forwarded = self.stream(id).forwarded;
        if forwarded {
            self.violated(format!("#{id} sets {name} after the request has gone"));
        }
        let headers = &mut self.stream(id).onward.headers;
        headers.retain(|(known, _)| known != name);
        headers.extend(value.map(|value| (name.to_owned(), value)));
    }

    /// Carries out commands after an event that lets no lookup be.
    pub fn run_for(&mut self, id: u32) {
        let (vm, mut rng) = (self.stream(id).ask.vm, self.stream(id).rng.clone());
        self.run_commands(vm, Some(id), &mut rng);
        self.stream(id).rng = rng;
    }

    /// The root's timer. While nothing happens in a worker its ticks are left out; one makes up for them.
    pub fn tick(&mut self, vm: usize) {
        let mono = self.now_of(vm).mono;
        let mut overdue = self.vms[vm].worker.overdue(mono);
        overdue.sort_unstable();
        for id in overdue.into_iter().filter(|id| self.open(*id)).collect::<Vec<_>>() {
            self.tell(format!("   #{id} has waited long enough for its body"));
            let verdict = self.on(id, Event::Deadline);
            self.run_for(id);
            if matches!(verdict, Verdict::Continue) {
                self.resume(id);
            }
        }
        self.vms[vm].worker.sweep(mono);
        let mut rng = Rng::new(self.now);
        self.run_commands(vm, None, &mut rng);
        self.run_errands(vm);
        let busy = self.streams.values().any(|stream| stream.ask.vm == vm && stream.outcome.is_none());
        let busy = busy || self.refreshes.keys().any(|(at, _)| *at == vm);
        self.vms[vm].ticking = busy;
        if busy {
            self.schedule(100 * MILLI, vm as u64, Step::Tick(vm));
        }
    }

    /// Sets the first tick after a quiet time.
    pub fn wind(&mut self, vm: usize) {
        if !std::mem::replace(&mut self.vms[vm].ticking, true) {
            self.schedule(100 * MILLI, vm as u64, Step::Tick(vm));
        }
    }
}
