//! What outlives a root context: one [`Plugin`] for each plugin name in this VM. A changed plugin configuration makes
//! a new root in the same VM, and L1 must survive it; two plugins with one image share a VM and must not share L1.

use super::outside::{self, HostShared};
use crate::answer::Answer;
use crate::config::Config;
use crate::metrics::{Kind, Metric, Tier};
use crate::redis::Call;
use crate::redis::webdis;
use crate::transaction::{Command, Event, OriginCall, Stream, Verdict};
use crate::worker::{InForce, Outside, Worker};
use proxy_wasm::hostcalls;
use proxy_wasm::types::MapType;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

thread_local! {
    static PLUGINS: RefCell<HashMap<String, Rc<Plugin>>> = RefCell::new(HashMap::new());
}

/// What stands in this VM's queue when errands wait; all else was told by other workers.
const ERRAND: &[u8] = b"errand";

/// A plugin's part of this VM.
pub struct Plugin {
    worker: RefCell<Worker>,
    metrics: RefCell<HashMap<Metric, u32>>,
    outbox: RefCell<VecDeque<Errand>>,
    name: RefCell<String>,
    queue: Cell<Option<u32>>,
    probe: Cell<bool>,
    pace: Cell<Duration>,
    answered: RefCell<HashMap<Stream, Served>>,
}

/// What Envoy gets wrong about our own reply, to be mended on its way out: without a body it drops the content type,
/// with one it makes one up.
pub enum Served {
    /// Nothing.
    AsIs,
    /// The content type.
    ContentType(Option<String>),
}

/// A configuration of a plugin, as its root and the root's streams hold it.
pub struct Setting {
    /// The plugin.
    pub plugin: Rc<Plugin>,
    force: Rc<InForce>,
    ticking: Cell<bool>,
}

impl Setting {
    /// Puts this configuration into force, as each new stream of its root does. True when the root's timer must be set:
    /// roots that serve nobody (the main thread's, old ones) need none.
    pub fn serve(&self) -> bool {
        self.plugin.worker.borrow_mut().adopt(&self.force);
        let begins = !self.ticking.get();
        if begins {
            self.begin();
        }
        begins
    }

    /// From now on its root has the timer: the next pace is set, whatever it was.
    pub fn begin(&self) {
        self.ticking.set(true);
        self.plugin.lose_pace();
        // Its queue, too: the last root that registered it reads it, and another may be gone by now.
        self.plugin.listen();
    }

    /// Whether this configuration is in force.
    pub fn is_in_force(&self) -> bool {
        self.plugin.worker.borrow().uses(&self.force)
    }

    /// Whether this configuration is in force. If not, its root rests until it serves again.
    pub fn rests(&self) -> bool {
        let rests = !self.is_in_force();
        self.ticking.set(!rests);
        rests
    }
}

/// What the root does on behalf of streams that need not wait for it.
pub enum Errand {
    /// Writes to L2.
    Write(Box<Call>),
    /// Begins a refresh, as a stream of its own.
    Refresh(Stream),
    /// Moves a stream that waits.
    Wake(Stream),
}

/// What the commands of one step came to.
#[derive(Default)]
pub struct Done {
    /// The token of a lookup under way.
    pub token: Option<u32>,
    /// Whether a lookup could not even be sent.
    pub refused: bool,
    /// A request to the origin that the step asked for.
    pub origin: Option<Box<OriginCall>>,
}

impl Plugin {
    /// The plugin called `name` under `config`, as it was before but for the configuration.
    pub fn configured(name: &str, config: Config) -> Setting {
        let known = PLUGINS.with(|plugins| plugins.borrow().get(name).cloned());
        let plugin = known.unwrap_or_else(|| Self::register(name, config.clone()));
        let force = plugin.worker.borrow_mut().configure(config);
        plugin.prepare(name);
        plugin.run_commands();
        Setting { plugin, force, ticking: Cell::new(false) }
    }

    fn register(name: &str, config: Config) -> Rc<Self> {
        let plugin = Rc::new(Self {
            worker: RefCell::new(Worker::new(name, config)),
            metrics: RefCell::default(),
            outbox: RefCell::default(),
            name: RefCell::default(),
            queue: Cell::new(None),
            probe: Cell::new(false),
            pace: Cell::new(Duration::ZERO),
            answered: RefCell::default(),
        });
        PLUGINS.with(|plugins| plugins.borrow_mut().insert(name.to_owned(), Rc::clone(&plugin)));
        plugin
    }

    fn prepare(&self, name: &str) {
        let mut worker = self.worker.borrow_mut();
        worker.prepare(&mut HostShared);
        let value = |variable: &str| Some((variable.to_owned(), std::env::var(variable).ok()?));
        let environment = worker.variables().filter_map(value).collect();
        worker.provide(environment);
        self.name.replace(name.to_owned());
        self.listen();
        if let Some(queue) = self.queue.get() {
            worker.enlist(outside::vm(), queue);
        }
    }

    /// Has what is sent to this worker read by the root in effect, or by that of the stream in effect.
    fn listen(&self) {
        self.queue.set(queue(&self.name.borrow()));
    }

    /// Hands over what other workers have told.
    pub fn read_queue(&self, queue: u32) {
        while let Ok(Some(bytes)) = hostcalls::dequeue_shared_queue(queue) {
            if bytes != ERRAND {
                self.step(|worker, outside| worker.told(&bytes, outside));
            }
        }
    }

    /// The same where the host has called nobody, since the root that it would call is gone.
    pub fn read_own_queue(&self) {
        if let Some(queue) = self.queue.get() {
            self.read_queue(queue);
        }
    }

    /// How soon the root's next tick is wanted, where that has changed.
    pub fn new_pace(&self) -> Option<Duration> {
        let pace = self.worker.borrow().pace();
        (self.pace.replace(pace) != pace).then_some(pace)
    }

    /// Notes that the root's timer has no pace: it was stopped, or belongs to another root.
    pub fn lose_pace(&self) {
        self.pace.set(Duration::ZERO);
    }

    /// Notes that the root has answered a stream.
    pub fn note_answer(&self, stream: Stream, served: Served) {
        self.answered.borrow_mut().insert(stream, served);
    }

    /// Whether the root has answered this stream.
    pub fn answered(&self, stream: Stream) -> Option<Served> {
        if self.answered.borrow().is_empty() { None } else { self.answered.borrow_mut().remove(&stream) }
    }

    /// Whether the last request was no rule's business. Then the next one's path is read alone first, which is
    /// cheaper than the whole head when it is no rule's business either.
    pub fn probes(&self) -> bool {
        self.probe.get()
    }

    /// Remembers whether a request was a rule's business.
    pub fn matched(&self, matched: bool) {
        self.probe.set(!matched);
    }

    /// Asks the worker something.
    pub fn ask<T>(&self, question: impl FnOnce(&Worker) -> T) -> T {
        question(&self.worker.borrow())
    }

    /// Moves a stream by an event and leaves its commands to be run.
    pub fn on(&self, stream: Stream, event: Event<'_>) -> Verdict {
        self.step(|worker, outside| worker.on(stream, event, outside))
    }

    /// Tells the worker how something written to L2 ended.
    pub fn written(&self, call: Call, reply: Result<&[u8], crate::reason::L2Failure>) {
        self.step(|worker, outside| worker.written(call, reply, outside));
    }

    /// Does what is due from time to time.
    pub fn tick(&self) {
        self.step(|worker, outside| worker.tick(outside));
    }

    fn step<T>(&self, step: impl FnOnce(&mut Worker, &mut Outside<'_>) -> T) -> T {
        let mut outside = Outside {
            now: outside::now(),
            random: outside::random(),
            shared: &mut HostShared,
            property: &outside::property,
        };
        step(&mut self.worker.borrow_mut(), &mut outside)
    }

    /// Carries out what the worker asked for, for the stream in effect.
    pub fn run_commands(&self) -> Done {
        let mut done = Done::default();
        let commands = self.worker.borrow_mut().take_commands();
        for command in commands {
            self.run(command, &mut done);
        }
        done
    }

    fn run(&self, command: Command, done: &mut Done) {
        match command {
            Command::Lookup(call) => {
                done.token = self.dispatch(&call);
                done.refused = done.token.is_none();
            }
            Command::Write(call) => self.post(Errand::Write(call)),
            Command::Refresh(stream) => self.post(Errand::Refresh(stream)),
            Command::Wake(stream) => self.post(Errand::Wake(stream)),
            Command::Tell(queue, bytes) => {
                let _ = hostcalls::enqueue_shared_queue(queue, Some(&bytes));
            }
            Command::CallOrigin(call) => done.origin = Some(call),
            Command::RequestHeader(name, value) => {
                let _ = hostcalls::set_map_value(MapType::HttpRequestHeaders, name, value.as_deref());
            }
            Command::ResponseHeader(name, value) => {
                let _ = hostcalls::add_map_value(MapType::HttpResponseHeaders, name, &value);
            }
            Command::HideHeader(name) => {
                let _ = hostcalls::set_map_value(MapType::HttpResponseHeaders, name, None);
            }
            Command::State(value) => set_state(&value),
            Command::Count(metric, value) => self.count(metric, value),
        }
    }

    /// Carries out what the worker asked for on behalf of a stream that is none of the host's: it has no headers and no
    /// client to tell anything.
    pub fn run_behind(&self) -> Done {
        let mut done = Done::default();
        let commands = self.worker.borrow_mut().take_commands();
        for command in commands {
            let of_a_client = matches!(
                command,
                Command::RequestHeader(..) | Command::ResponseHeader(..) | Command::HideHeader(_) | Command::State(_)
            );
            if !of_a_client {
                self.run(command, &mut done);
            }
        }
        done
    }

    /// Hands an errand to the root: a call of the stream's own would end unheard when the stream is gone. The root is
    /// woken through a queue that only this VM reads; should that fail, its next tick finds the errand.
    fn post(&self, errand: Errand) {
        let mut outbox = self.outbox.borrow_mut();
        outbox.push_back(errand);
        // One word is enough for all errands that wait.
        if let (Some(queue), 1) = (self.queue.get(), outbox.len()) {
            let _ = hostcalls::enqueue_shared_queue(queue, Some(ERRAND));
        }
    }

    /// The next errand.
    pub fn next_errand(&self) -> Option<Errand> {
        self.outbox.borrow_mut().pop_front()
    }

    /// Sends a call to L2; `None` where the host refuses it at once.
    pub fn dispatch(&self, call: &Call) -> Option<u32> {
        let redis = self.worker.borrow().redis().cloned()?;
        let request = webdis::request(call);
        let headers = vec![
            (":method", request.method),
            (":path", request.path.as_str()),
            (":authority", redis.authority.as_str()),
        ];
        let timeout = redis.timeout.max(Duration::from_millis(1));
        hostcalls::dispatch_http_call(&redis.cluster, headers, call.body.as_deref(), vec![], timeout).ok()
    }

    /// Takes the time of an answer from the cache, from its request to here.
    pub fn time_answer(&self, answer: &Answer) {
        let tier = match answer.state {
            "hit;l1" | "stale;l1" => Tier::L1,
            "hit;l2" | "stale;l2" => Tier::L2,
            _ => return,
        };
        let micros = outside::mono().since(answer.started).as_micros();
        self.count(Metric::LookupMicros { tier }, i64::try_from(micros).unwrap_or(i64::MAX));
    }

    fn count(&self, metric: Metric, value: i64) {
        let known = self.metrics.borrow().get(&metric).copied();
        let Some(id) = known.or_else(|| self.define(metric)) else { return };
        let _ = match metric.kind() {
            Kind::Counter | Kind::Gauge => hostcalls::increment_metric(id, value),
            Kind::Histogram | Kind::Level => hostcalls::record_metric(id, value.unsigned_abs()),
        };
    }

    fn define(&self, metric: Metric) -> Option<u32> {
        use proxy_wasm::types::MetricType;
        let kind = match metric.kind() {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge | Kind::Level => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let name = self.ask(|worker| metric.full_name(metric.rule().map_or("", |rule| worker.name(rule))));
        let id = hostcalls::define_metric(kind, &name).ok()?;
        self.metrics.borrow_mut().insert(metric, id);
        Some(id)
    }
}

/// Leaves a word for access logs and telemetry: `%FILTER_STATE(wasm.cache_status:PLAIN)%`.
pub fn set_state(value: &str) {
    let _ = hostcalls::set_property(vec!["cache_status"], Some(value.as_bytes()));
}

/// A queue for this plugin in this VM alone: a queue has one reader, the last that registered it.
fn queue(name: &str) -> Option<u32> {
    hostcalls::register_shared_queue(&format!("fingerprint-cache/1/worker/{name}/{:016x}", outside::vm())).ok()
}
