//! All of it under one clock, see [`crate::clock`].

use crate::callers::{Ask, SECOND};
use crate::changes::Success;
use crate::clock::Agenda;
use crate::host::{Outcome, Stream, Vm};
use crate::mail::Post;
use crate::network::{Fault, Flight, Front, POLL, Request, Who};
use crate::notices::{Notice, Says};
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
    /// The replica hears nothing from now on.
    StopReplica,
    /// The replica takes over, as far as it has heard: another epoch, no scripts.
    Failover,
    /// Redis begins anew with what it held: another epoch that continues none, no scripts.
    Restart,
    /// Somebody publishes in the log of invalidations.
    Publish(Says),
    /// All but so many events are cut off the log.
    Trim(usize),
    /// All that the origin says for so many microseconds is this status.
    Trouble(u16, u64),
    /// The root of a worker is drained and gone, and what it was to hear is never heard.
    LoseRoot(usize),
    /// A worker's VM is lost, and another takes its place.
    LoseWorker(usize),
    /// A pod goes, and another takes its place.
    LosePod(usize),
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
    /// Of a worker; idle ones are those of calls that go on all the time.
    Errands(usize, bool),
    /// A queue has letters.
    Mail(u32),
    /// A stream of a worker in one of its lives.
    Woken(usize, u32, u32),
    BehindAsked(usize, u32),
    BehindAnswered(usize, u32),
    /// Of a worker, in which of its lives.
    Tick(usize, u32),
}

/// How long after a fault the breaker may still keep a worker from Redis.
const RECOVERS: u64 = 20 * SECOND;
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
    pub next_poll: u64,
    /// The story says how each poll of the log ends, too.
    pub tells_polls: bool,
    pub front: Front,
    pub post: Post,
    pub origin: Origin,
    /// What outsiders have published.
    pub notices: Vec<Notice>,
    /// The keys that clients were shown, by path.
    pub keys_shown: BTreeMap<String, String>,
    /// When Redis forgot everything last.
    pub wiped: Option<u64>,
    /// Nothing has gone wrong so far.
    pub calm: bool,
    /// Whether a worker ever got another configuration.
    pub configured: bool,
    /// Successes of unsafe requests.
    pub successes: Vec<Success>,
    /// Who asked the origin last on behalf of others, by worker and content.
    pub leaders: BTreeMap<(usize, usize), Who>,
    /// When each question was last with the origin.
    pub asked_for: BTreeMap<(&'static str, String, Vec<u8>), u64>,
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
            next_poll: POLL,
            tells_polls: false,
            front: Front::new(setup.redis_clock),
            post: Post::default(),
            origin: Origin::default(),
            notices: Vec::new(),
            keys_shown: BTreeMap::new(),
            wiped: None,
            calm: setup.pod_clocks.iter().all(|clock| *clock <= 0),
            configured: false,
            successes: Vec::new(),
            leaders: BTreeMap::new(),
            asked_for: BTreeMap::new(),
            story: Story::default(),
            violation: None,
        };
        (0..ALL).for_each(|vm| world.enlist(vm));
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
            Step::Errands(vm, _) => self.run_errands(vm),
            Step::Mail(queue) => self.read_mail(queue),
            Step::Woken(vm, life, stream) => self.woken(vm, life, stream),
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
            Action::Fault(fault, lasts) => {
                self.front.fault = Some((fault, self.now + lasts));
                self.disturb_all(lasts + RECOVERS);
            }
            Action::Partition(pod, fault, lasts) => {
                self.pods[pod].fault = Some((fault, self.now + lasts));
                self.disturb(pod, lasts + RECOVERS);
            }
            Action::FlushScripts => self.front.server.flush_scripts(),
            Action::Wipe => self.wipe(),
            Action::StopReplica => self.stop_replica(),
            Action::Failover => self.fail_over(),
            Action::Restart => self.restart(),
            Action::Publish(says) => self.publish(says),
            Action::Trim(kept) => self.front.server.keys().trim(b"fpc:log", kept),
            Action::Tamper(how) => {
                self.calm = false;
                let what = self.front.tamper(how, &mut Rng::new(seed));
                self.tell(format!("   {what}"));
            }
            Action::Trouble(status, lasts) => self.origin.trouble = Some((status, self.now + lasts)),
            Action::LoseRoot(vm) => self.lose_root(vm),
            Action::LoseWorker(vm) => self.lose_worker(vm),
            Action::LosePod(pod) => self.lose_pod(pod),
            Action::RedisClock(by) => {
                self.front.turn_clock(by, self.now);
                self.calm = false;
            }
            Action::PodClock(pod, by) => {
                self.pods[pod].turn_clock(by);
                self.front.turned = true;
                self.disturb(pod, RECOVERS);
            }
            Action::Configure(vm, name) => self.configure(vm, name),
        }
    }

    fn configure(&mut self, vm: usize, name: &str) {
        let config = settings::named(name);
        self.vms[vm].worker.configure(Config::parse(config.to_string().as_bytes()).unwrap());
        self.vms[vm].budget = settings::budget(&config);
        self.vms[vm].config = Rc::new(config);
        self.configured = true;
        self.calm = false;
        self.disturb(pod_of(vm), RECOVERS);
        self.live.iter().for_each(|id| self.streams.get_mut(id).unwrap().reconfigured = true);
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
