//! What Envoy and the host half of the filter do: events handed to the worker, its commands carried out, ticks, shared
//! data. What comes from clients is in [`crate::requests`], what comes back in [`crate::responses`], refreshes that
//! nobody waits for in [`crate::behind`].

use crate::behind::{Behind, OWN};
use crate::callers::{Ask, MILLI};
use crate::errands::Errand;
use crate::network::{Who, short};
use crate::pods::pod_of;
use crate::random::Rng;
use crate::responses::Response;
use crate::settings::budget;
use crate::world::{Step, World};
use fingerprint_cache::config::Config;
use fingerprint_cache::reason::L2Failure;
use fingerprint_cache::redis::Call;
use fingerprint_cache::transaction::{Command, Event, OriginCall, Verdict};
use fingerprint_cache::worker::{Outside, Worker};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// When a worker's timer first goes off, after its first request.
pub const WINDING: u64 = 100 * MILLI;

/// One VM of a pod: a worker and its root context.
pub struct Vm {
    pub worker: Worker,
    pub config: Rc<serde_json::Value>,
    /// The most that its L1 may hold: entries and bytes.
    pub budget: (usize, usize),
    /// What streams have left for the root to do.
    pub outbox: VecDeque<(Errand, Rng)>,
    /// Refreshes that are due or under way, by the worker's own numbers.
    pub behind: BTreeMap<u32, Behind>,
    /// Fills asked for and not ended, and their bytes.
    pub fills: usize,
    pub fill_bytes: usize,
    /// Where its monotonic clock began.
    pub mono: u64,
    pub ticking: bool,
    /// How many workers there were in its place before.
    pub life: u32,
    pub counts: BTreeMap<String, i64>,
    /// What the gauges say that L1 holds: entries and bytes.
    pub told: (i64, i64),
}

impl Vm {
    pub fn new(config: Rc<serde_json::Value>, mono: u64) -> Self {
        let parsed = Config::parse(config.to_string().as_bytes()).unwrap();
        let worker = Worker::new("cache", parsed);
        Self {
            worker,
            budget: budget(&config),
            config,
            outbox: VecDeque::new(),
            behind: BTreeMap::new(),
            fills: 0,
            fill_bytes: 0,
            mono,
            ticking: false,
            life: 0,
            counts: BTreeMap::new(),
            told: (0, 0),
        }
    }

    fn gauge(&mut self, name: &str, by: i64) {
        self.told.0 += if name.ends_with("fingerprint_cache_entries") { by } else { 0 };
        self.told.1 += if name.ends_with("fingerprint_cache_bytes") { by } else { 0 };
    }
}

/// How a request ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// From the cache: `hit;l1`, `stale;l2`, `revalidated;origin` and so on.
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
    /// Its headers as they go to the origin.
    pub sent: Vec<(String, String)>,
    /// The configuration in force when it came.
    pub config: Rc<serde_json::Value>,
    pub rng: Rng,
    pub active: bool,
    pub paused: bool,
    /// Since when it is paused, but for its body.
    pub paused_since: Option<u64>,
    /// When it came.
    pub begun: u64,
    /// Its worker is gone.
    pub orphaned: bool,
    /// Its worker got another configuration meanwhile.
    pub reconfigured: bool,
    /// Its request has reached the origin.
    pub reached: bool,
    /// The call to L2 whose end it will hear.
    pub token: Option<u64>,
    /// How often it asked L2, and when Redis ran what it heard of last, counted in scripts.
    pub lookups: usize,
    pub looked_at: Option<u64>,
    pub arrived: usize,
    /// Pieces that the host holds back while the head is paused.
    pub held: bool,
    pub forwarded: bool,
    /// Envoy has lost patience with it.
    pub expired: bool,
    /// A response head has come.
    pub answered: bool,
    pub response: Option<Response>,
    pub outcome: Option<Outcome>,
}

/// What the commands of one step came to.
#[derive(Default)]
pub struct Done {
    pub token: Option<u64>,
    /// A call that could not be sent.
    pub refused: bool,
    pub origin: Option<Box<OriginCall>>,
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
        let nudged = matches!(event, Event::Woken | Event::Deadline);
        let mut verdict = self.on(id, event);
        loop {
            let done = self.run_for(id);
            // A nudge does not end a call under way.
            let calls = done.token.or(self.stream(id).token.filter(|_| nudged && !done.refused));
            self.stream(id).token = calls;
            if !done.refused {
                return verdict;
            }
            verdict = self.on(id, Event::L2(Err(L2Failure::Unreachable)));
        }
    }

    /// Time is up for a stream, or what it waits for has come. From then on it may ask L2 anew.
    pub fn nudge(&mut self, id: u32, event: Event<'_>) {
        if self.open(id) && self.streams[&id].active {
            self.stream(id).lookups = 0;
            match self.drive(id, event) {
                // It goes on to wait, or has gone on before.
                Verdict::Pause => {}
                verdict => self.act(id, verdict),
            }
        }
    }

    pub fn on(&mut self, id: u32, event: Event<'_>) -> Verdict {
        let (vm, random) = (self.stream(id).ask.vm, self.stream(id).rng.next());
        let ja4 = self.stream(id).ask.ja4.clone();
        self.step(vm, random, ja4, |worker, outside| worker.on(id, event, outside))
    }

    pub fn step<T>(
        &mut self,
        vm: usize,
        random: u64,
        ja4: Option<String>,
        step: impl FnOnce(&mut Worker, &mut Outside<'_>) -> T,
    ) -> T {
        let now = self.now_of(vm);
        let property =
            |path: &[String]| ja4.clone().filter(|_| path == ["filter_state", "lab.ja4"]).map(String::into_bytes);
        let mut outside = Outside { now, random, shared: &mut self.pods[pod_of(vm)].shared, property: &property };
        step(&mut self.vms[vm].worker, &mut outside)
    }

    /// Carries out the commands of a step for a stream, for a refresh, or for nobody.
    pub fn run_commands(&mut self, vm: usize, who: Who, rng: &mut Rng) -> Done {
        let mut done = Done::default();
        for command in self.vms[vm].worker.take_commands() {
            match (command, who) {
                (Command::Lookup(call), Who::Stream(_) | Who::Behind(_)) => {
                    done.token = self.send_lookup(vm, who, &call, rng);
                    done.refused = done.token.is_none();
                }
                (Command::Write(call), _) => self.post_write(vm, who, call, rng),
                (Command::Refresh(number), Who::Stream(id)) => self.post_refresh(vm, number, id, rng),
                (Command::Refresh(number), Who::Root) => self.post_prewarm(vm, number, rng),
                (Command::Wake(stream), _) => self.wake(vm, stream, rng),
                (Command::Tell(queue, letter), _) => self.send(queue, letter, rng),
                (Command::CallOrigin(call), Who::Behind(_)) => done.origin = Some(call),
                (Command::Count(metric, by), _) => {
                    let rule = metric.rule().map_or("", |rule| self.vms[vm].worker.name(rule));
                    let name = metric.full_name(rule);
                    self.vms[vm].gauge(&name, by);
                    *self.vms[vm].counts.entry(name).or_default() += by;
                }
                (command, Who::Stream(id)) => self.change_head(id, command),
                // It has no headers and no client: the host drops what would be theirs.
                (
                    Command::RequestHeader(..)
                    | Command::ResponseHeader(..)
                    | Command::HideHeader(_)
                    | Command::State(_),
                    Who::Behind(_),
                ) => {}
                (command, _) => self.violated(format!("{who:?} was given {command:?}")),
            }
        }
        done
    }

    fn change_head(&mut self, id: u32, command: Command) {
        match command {
            Command::RequestHeader(name, value) => self.set_request_header(id, name, value),
            Command::ResponseHeader(name, value) => match &mut self.stream(id).response {
                Some(response) => response.head.push((name.to_owned(), value.into_bytes())),
                None => self.violated(format!("#{id} adds {name} to no response")),
            },
            Command::HideHeader(name) => match &mut self.stream(id).response {
                Some(response) => response.head.retain(|(known, _)| known != name),
                None => self.violated(format!("#{id} hides {name} of no response")),
            },
            Command::State(_) => {}
            other => self.violated(format!("#{id} was given {other:?}")),
        }
    }

    fn set_request_header(&mut self, id: u32, name: &str, value: Option<String>) {
        if self.stream(id).forwarded {
            self.violated(format!("#{id} sets {name} after the request has gone"));
        }
        let sent = &mut self.stream(id).sent;
        sent.retain(|(known, _)| known != name);
        sent.extend(value.map(|value| (name.to_owned(), value)));
    }

    fn send_lookup(&mut self, vm: usize, who: Who, call: &Call, rng: &mut Rng) -> Option<u64> {
        let fork = Rng::new(rng.next());
        let token = self.dispatch(vm, who, call, fork);
        match who {
            Who::Stream(id) => self.stream(id).lookups += 1,
            Who::Behind(number) => self.behind(vm, number).lookups += 1,
            Who::Root => {}
        }
        let how = if token.is_none() { " refused" } else { "" };
        self.tell(format!("w{vm} {who} asks L2 for {}{how}", short(&call.keys[0])));
        token
    }

    /// A fill or a ban is left for the root.
    fn post_write(&mut self, vm: usize, who: Who, call: Box<Call>, rng: &mut Rng) {
        match &call.body {
            Some(body) => {
                self.front.note_fill(&call, self.now);
                self.vms[vm].fills += 1;
                self.vms[vm].fill_bytes += body.len();
            }
            None if call.script.name == "publish" => {
                self.tell(format!("w{vm} {who} publishes {:?}", &call.arguments[1..]))
            }
            None => {}
        }
        let about = if let Who::Stream(id) = who { Some(id) } else { None };
        let about = about.filter(|_| call.script.name == "publish");
        self.post(vm, Errand::Write(call, about), rng);
    }

    /// Leaves an errand for the root, and wakes it.
    pub fn post(&mut self, vm: usize, errand: Errand, rng: &mut Rng) {
        let (fork, idle) = (Rng::new(rng.next()), errand.is_poll());
        self.vms[vm].outbox.push_back((errand, fork));
        self.schedule(rng.between(10, 2000), rng.next(), Step::Errands(vm, idle));
    }

    /// Carries out commands after an event that lets no lookup be.
    pub fn run_for(&mut self, id: u32) -> Done {
        let (vm, mut rng) = (self.stream(id).ask.vm, self.stream(id).rng.clone());
        let done = self.run_commands(vm, Who::Stream(id), &mut rng);
        self.stream(id).rng = rng;
        done
    }

    /// Carries out commands that are nobody's.
    pub fn run_for_root(&mut self, vm: usize, rng: &mut Rng) {
        self.run_commands(vm, Who::Root, rng);
    }

    /// The root's timer.
    pub fn tick(&mut self, vm: usize) {
        let mono = self.now_of(vm).mono;
        for id in self.vms[vm].worker.overdue(mono) {
            if id >= OWN {
                self.nudge_behind(vm, id, Event::Deadline);
            } else {
                self.nudge(id, Event::Deadline);
            }
        }
        let mut rng = Rng::new(self.now ^ vm as u64);
        self.step(vm, rng.next(), None, |worker, outside| worker.tick(outside));
        self.run_for_root(vm, &mut rng);
        self.run_errands(vm);
        let pace = self.vms[vm].worker.pace().as_micros() as u64 + rng.between(0, 4) * MILLI;
        self.schedule(self.rest(pace), vm as u64, Step::Tick(vm, self.vms[vm].life));
    }
}
