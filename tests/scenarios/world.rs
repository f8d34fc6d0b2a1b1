//! All of it under one clock, see [`crate::clock`].

use crate::callers::{Ask, SECOND};
use crate::changes::Success;
use crate::clock::Agenda;
use crate::host::{Outcome, Stream, Vm};
use crate::network::{Fault, Flight, Front, Request, Who};
use crate::origin::Origin;
use crate::pods::{ALL, PODS, Pod, pod_of};
use crate::random::Rng;
use crate::settings;
use crate::story::Story;
use crate::tamper::Tamper;
use fingerprint_cache::config::Config;
use fingerprint_cache::time::{Instant, Now, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What somebody outside does.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // Most actions are requests, so a box would save nothing.
pub enum Action {
    /// A client asks.
    Ask(Ask),
    /// The content behind a path changes.
    Change(String),
    /// Something is wrong with L2 for so many microseconds.
    Fault(Fault, u64),
    /// Something is wrong on the way from one pod to L2.
    Partition(usize, Fault, u64),
    /// Redis forgets its scripts.
    FlushScripts,
    /// Redis forgets everything.
    Wipe,
    /// Another Redis takes over: another epoch, no scripts.
    Failover,
    /// Somebody appends to the log of invalidations.
    Log,
    /// All that the origin says for so many microseconds is this status.
    Trouble(u16, u64),
    /// The root of a worker is drained and gone, and what it was to hear is never heard.
    LoseRoot(usize),
    Tamper(Tamper),
    /// Redis' clock is set, by microseconds.
    RedisClock(i64),
    /// A pod's wall clock is set, by microseconds.
    PodClock(usize, i64),
    /// A worker gets another configuration.
    Configure(usize, &'static str),
}

/// What happens at a moment. Numbers are those of streams, flights, workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Planned(usize),
    Body(u32),
    Leave(u32),
    Expire(u32),
    Asked(u32),
    Head(u32),
    Piece(u32, usize),
    Arrives(u64),
    Replies(u64),
    TimesOut(u64),
    Errands(usize),
    BehindAsked(usize, u32),
    BehindAnswered(usize, u32),
    /// Of a worker, in which of its lives.
    Tick(usize, u32),
}

/// When the workers' monotonic clocks began, in seconds before the story.
const BEGAN: [u64; ALL] = [3, 777, 12, 90_000];

/// How a world is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    /// Redis' clock and those of the pods, less the true time, in microseconds.
    pub redis_clock: i64,
    pub pod_clocks: [i64; 2],
    /// The host holds bodies back while a request head is paused.
    pub withholds: bool,
    pub setting: Option<&'static str>,
}

/// The world of one story.
pub struct World {
    /// The true time, in microseconds since the story began.
    pub now: u64,
    /// When it began, in seconds since 1970.
    pub wall_base: u64,
    pub agenda: Agenda,
    planned: Vec<(Action, u64)>,
    pub pods: Vec<Pod>,
    /// Their workers, see [`pod_of`].
    pub vms: Vec<Vm>,
    pub withholds: bool,
    pub streams: BTreeMap<u32, Stream>,
    /// Those that are not over.
    pub live: BTreeSet<u32>,
    pub flights: BTreeMap<u64, Flight>,
    /// Commands on their way to webdis, and from which worker.
    pub requests: BTreeMap<u64, (usize, Request)>,
    pub next_flight: u64,
    pub front: Front,
    pub origin: Origin,
    /// Whether a worker ever got another configuration.
    pub configured: bool,
    /// Successes of unsafe requests.
    pub successes: Vec<Success>,
    /// Who asked the origin last on behalf of others, by worker and content.
    pub leaders: BTreeMap<(usize, usize), Who>,
    pub story: Story,
    pub violation: Option<String>,
}

impl World {
    /// Two pods of two workers.
    pub fn new(setup: Setup) -> Self {
        let config = Rc::new(settings::named(setup.setting.unwrap_or("base")));
        let vms: Vec<Vm> = BEGAN.map(|seconds| Vm::new(config.clone(), seconds * SECOND)).into_iter().collect();
        let mut world = Self {
            now: 0,
            wall_base: 1_800_000_000,
            agenda: Agenda::default(),
            planned: Vec::new(),
            pods: setup.pod_clocks.map(Pod::new).into_iter().collect(),
            vms,
            withholds: setup.withholds,
            streams: BTreeMap::new(),
            live: BTreeSet::new(),
            flights: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_flight: 0,
            front: Front::new(setup.redis_clock),
            origin: Origin::default(),
            configured: false,
            successes: Vec::new(),
            leaders: BTreeMap::new(),
            story: Story::default(),
            violation: None,
        };
        for (at, vm) in world.vms.iter().enumerate() {
            vm.worker.prepare(&mut world.pods[pod_of(at)].shared);
        }
        world
    }

    /// Both clocks of a worker.
    pub fn now_of(&self, vm: usize) -> Now {
        let wall = (self.wall_base * 1000 + self.now / 1000) as i64 + self.pods[pod_of(vm)].clock / 1000;
        Now { wall: Timestamp(wall as u64), mono: Instant(self.now + self.vms[vm].mono) }
    }

    pub fn tell(&mut self, line: impl AsRef<str>) {
        self.story.tell(self.now, line);
    }

    /// Something that must not be; the first one ends the story.
    pub fn violated(&mut self, what: String) {
        self.tell(format!("VIOLATED: {what}"));
        self.violation.get_or_insert(what);
    }

    /// Plans an action for a moment from now; the number of its stream, should it be a request.
    pub fn plan(&mut self, delay: u64, action: Action, seed: u64) -> u32 {
        self.planned.push((action, seed));
        self.schedule(delay, seed, Step::Planned(self.planned.len() - 1));
        (self.planned.len() - 1) as u32
    }

    pub fn happen(&mut self, step: Step) {
        match step {
            Step::Planned(at) => self.act_out(at),
            Step::Body(id) => self.body(id),
            Step::Leave(id) => self.leave(id),
            Step::Expire(id) => self.expire(id),
            Step::Asked(id) => self.asked(id),
            Step::Head(id) => self.head(id),
            Step::Piece(id, number) => self.piece(id, number),
            Step::Arrives(id) => self.arrives(id),
            Step::Replies(id) => self.replies(id, true),
            Step::TimesOut(id) => self.replies(id, false),
            Step::Errands(vm) => self.run_errands(vm),
            Step::BehindAsked(vm, number) => self.behind_asked(vm, number),
            Step::BehindAnswered(vm, number) => self.behind_answered(vm, number),
            Step::Tick(vm, life) if self.vms[vm].life == life => self.tick(vm),
            Step::Tick(..) => {}
        }
    }

    fn act_out(&mut self, at: usize) {
        let (action, seed) = self.planned[at].clone();
        if !matches!(action, Action::Ask(_)) {
            self.tell(format!("-- {action:?}"));
        }
        match action {
            Action::Ask(ask) => {
                self.wind(ask.vm);
                self.begin(at as u32, ask, seed);
            }
            Action::Change(path) => self.origin.change(&path, self.now),
            Action::Fault(fault, lasts) => self.front.fault = Some((fault, self.now + lasts)),
            Action::Partition(pod, fault, lasts) => self.pods[pod].fault = Some((fault, self.now + lasts)),
            Action::FlushScripts => self.front.server.flush_scripts(),
            Action::Wipe => self.wipe(),
            Action::Failover => self.fail_over(),
            Action::Log => self.append_to_log(),
            Action::Tamper(how) => {
                let what = self.front.tamper(how, &mut Rng::new(seed));
                self.tell(format!("   {what}"));
            }
            Action::Trouble(status, lasts) => self.origin.trouble = Some((status, self.now + lasts)),
            Action::LoseRoot(vm) => self.lose_root(vm),
            Action::RedisClock(by) => self.front.turn_clock(by, self.now),
            Action::PodClock(pod, by) => {
                self.pods[pod].turn_clock(by);
                self.front.turned = true;
            }
            Action::Configure(vm, name) => self.configure(vm, name),
        }
    }

    fn fail_over(&mut self) {
        self.front.server.flush_scripts();
        self.front.server.keys().epoch += 1;
    }

    fn append_to_log(&mut self) {
        let mut keys = self.front.server.keys();
        let log = keys.streams.entry(b"fpc:log".to_vec()).or_default();
        log.added += 1;
        log.length += 1;
    }

    /// Redis forgets everything, bans too: what they promised is over.
    fn wipe(&mut self) {
        let mut keys = self.front.server.keys();
        keys.hashes.clear();
        keys.streams.clear();
        drop(keys);
        self.successes.iter_mut().for_each(|success| success.forgotten = true);
    }

    fn configure(&mut self, vm: usize, name: &str) {
        let config = settings::named(name);
        self.vms[vm].worker.configure(Config::parse(config.to_string().as_bytes()).unwrap());
        self.vms[vm].config = Rc::new(config);
        self.configured = true;
        let mut rng = Rng::new(self.now);
        self.run_for_root(vm, &mut rng);
    }

    /// How a request ended.
    pub fn outcome(&self, id: u32) -> &Outcome {
        self.streams[&id].outcome.as_ref().unwrap()
    }

    /// A counter of all workers together: the sum over all names that hold each of `parts`.
    pub fn counted(&self, parts: &[&str]) -> i64 {
        (0..PODS).map(|pod| self.counted_in(pod, parts)).sum()
    }
}
