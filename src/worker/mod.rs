//! All mutable state of one VM, and the one place that holds any: events in, verdicts and commands out.
//!
//! - `chart`: which event moves which phase, and where to.
//! - `request`: from the head to the verdict of L1, and the body where it is part of the key.
//! - `answer`: answers from the cache.
//! - `wait`, `flights`: waiting for answers that others ask for.
//! - `lookup`, `fetch`: what L2 answers, and what goes on to the origin.
//! - `follow`, `standing`: the log of invalidations, and what it means for an entry.
//! - `early`, `prewarm`: answers asked for before they are needed.
//! - `stale`: stale answers, and refreshes that nobody waits for.
//! - `response`: what the origin answers: captured, stored, or left alone.
//! - `validate`: our own conditions, and what the origin's answers to them change.
//! - `change`, `own`: what unsafe requests invalidate, and what they do not.
//! - `unheard`: what L2 is not believed about.
//! - `fills`: what is written to L2, and how much of it may be under way.

mod answer;
mod change;
mod chart;
mod early;
mod fetch;
mod fills;
mod flights;
mod follow;
mod lookup;
mod own;
mod prewarm;
mod request;
mod response;
mod stale;
mod standing;
mod unheard;
mod validate;
mod wait;

use crate::config::{Config, Redis};
use crate::memory::{Budget, Memory, Removed};
use crate::metrics::{L2End, Metric, Status, Tier};
use crate::reason::Forward;
use crate::redis::breaker::{Breaker, Change};
use crate::shared::Shared;
use crate::time::{Instant, Now};
use crate::transaction::{Command, Event, Passing, Phase, Ruled, Stream, Verdict};
use fills::Fills;
use flights::Flights;
use follow::Following;
use own::Own;
use stale::Leads;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;
use unheard::Unheard;

/// How long a paused request may wait for the first byte of its body.
pub const BODY_WAIT: Duration = Duration::from_secs(1);
/// A body that comes this soon after its request was let go had been held back by the host.
const HELD_BACK: Duration = Duration::from_millis(50);
/// By how much the reply to a lookup may be late, since its thread was busy, before it counts as lost.
const STALL: Duration = Duration::from_millis(500);
/// How many keys one sweep looks at, and how often there is one.
const SWEEP: usize = 256;
const SWEEPS: Duration = Duration::from_millis(100);

/// What the core asks of the world outside at each step.
pub struct Outside<'a> {
    /// The time.
    pub now: Now,
    /// A random number, evenly spread over `u64`, and never the same as any other worker's.
    pub random: u64,
    /// What the workers of one Envoy share.
    pub shared: &'a mut dyn Shared,
    /// A property of the stream; `None` where the host has none.
    pub property: &'a dyn Fn(&[String]) -> Option<Vec<u8>>,
}

/// A configuration with its rules ready for use. The host keeps it for each of its roots, see [`Worker::adopt`].
pub struct InForce {
    config: Config,
    rules: Vec<Rc<Ruled>>,
}

/// One VM's worker.
pub struct Worker {
    force: Rc<InForce>,
    memory: Memory,
    breaker: Breaker,
    phases: HashMap<Stream, Phase>,
    commands: Vec<Command>,
    /// Names of rules, past and present: a symbol is an index here.
    names: Vec<String>,
    /// Rules whose requests are not paused for their body any more, since the host holds it back.
    withheld: HashSet<u16>,
    /// Whether the host has handed over a body during a pause: then it holds none back, however slow a client is.
    delivered: bool,
    /// Whether a client has waited in vain for the 100 before its body: requests that `Expect` one are not paused any more.
    unexpected_bodies: bool,
    /// The names last seen in `Vary`, by rule: the next lookup assumes them.
    vary: HashMap<u16, Vec<String>>,
    /// The fills under way; together they may be as large as L1.
    fills: Fills,
    /// Bytes set aside for the answers being captured.
    captured: usize,
    /// Who asks the origin for what is served stale meanwhile.
    leads: Leads,
    /// Invalidations that L2 may not have heard of yet.
    unheard: Unheard,
    /// Who asks for what, and who waits for it.
    flights: Flights,
    /// The log of invalidations.
    following: Following,
    /// Answers that their own invalidations are not about.
    own: Own,
    /// When it was last swept.
    swept: Instant,
    /// The variables of the environment that rules name.
    environment: Vec<(String, String)>,
}

impl Worker {
    /// A worker of the plugin called `plugin`, with an empty memory.
    pub fn new(plugin: &str, config: Config) -> Self {
        let memory = Memory::new(budget(&config));
        let mut worker = Self {
            force: Rc::new(InForce { config: config.clone(), rules: Vec::new() }),
            memory,
            breaker: Breaker::new(plugin),
            phases: HashMap::new(),
            commands: Vec::new(),
            names: Vec::new(),
            withheld: HashSet::new(),
            delivered: false,
            unexpected_bodies: false,
            vary: HashMap::new(),
            fills: Fills::default(),
            captured: 0,
            leads: Leads::default(),
            unheard: Unheard::default(),
            flights: Flights::default(),
            following: Following::new(plugin),
            own: Own::default(),
            swept: Instant::default(),
            environment: Vec::new(),
        };
        worker.configure(config);
        worker
    }

    /// Puts another configuration into force. L1 stays; requests under way end under the rules they began with.
    pub fn configure(&mut self, config: Config) -> Rc<InForce> {
        let effective = config.effective();
        let rules = config.rules.iter().enumerate().map(|(at, rule)| {
            let symbol = self.symbol(&rule.name);
            Rc::new(Ruled { rule: rule.clone(), revision: revision(&effective, at), symbol })
        });
        let force = Rc::new(InForce { rules: rules.collect(), config });
        self.withheld.clear();
        self.delivered = false;
        self.unexpected_bodies = false;
        self.adopt(&force);
        force
    }

    /// Puts a configuration into force again. The host does not say so when it goes back to one whose root is still
    /// there: its next stream does.
    pub fn adopt(&mut self, force: &Rc<InForce>) {
        if self.uses(force) {
            return;
        }
        let before = std::mem::replace(&mut self.force, Rc::clone(force));
        self.change_logs(before.config.redis.as_ref());
        let removed = self.memory.rebudget(budget(&force.config));
        self.count_removed(&removed);
    }

    /// Whether this configuration is the one in force.
    pub fn uses(&self, force: &Rc<InForce>) -> bool {
        Rc::ptr_eq(&self.force, force)
    }

    /// Prepares what the workers share; called once at start-up, before requests come.
    pub fn prepare(&mut self, shared: &mut dyn Shared) {
        self.breaker.prepare(shared);
        self.following.siblings().prepare(shared);
    }

    /// Names this worker to the others of its Envoy: a random `id`, and the number of the queue by which it is told.
    pub fn enlist(&mut self, id: u64, queue: u32) {
        self.following.siblings().enlist(id, queue);
    }

    /// The variables of the environment that rules name.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let refreshes = self.force.rules.iter().filter_map(|ruled| ruled.rule.refresh.as_ref());
        refreshes.flat_map(|refresh| refresh.headers.iter().map(|(_, variable)| variable.as_str()))
    }

    /// Hands over what those variables say.
    pub fn provide(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
    }

    /// How many bans it knows.
    pub fn bans(&self) -> usize {
        self.following.follower.bans()
    }

    /// Where L2 is, if anywhere.
    pub fn redis(&self) -> Option<&Redis> {
        self.force.config.redis.as_ref()
    }

    /// The name behind a rule symbol.
    pub fn name(&self, symbol: u16) -> &str {
        self.names.get(usize::from(symbol)).map_or("", String::as_str)
    }

    /// L1, to look at.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Whether some rule could match a request for this target, whatever its method and host.
    pub fn may_match(&self, target: &[u8]) -> bool {
        let (path, _) = crate::key::split_target(target);
        self.force.rules.iter().any(|ruled| ruled.rule.matches.paths.iter().any(|pattern| pattern.matches(path)))
    }

    /// Whether a request with this method, whatever its target, may make untrue what is stored.
    pub fn may_change(method: &[u8]) -> bool {
        !std::str::from_utf8(method).is_ok_and(crate::rfc9111::invalidation::is_safe)
    }

    /// Moves a stream by an event.
    pub fn on(&mut self, stream: Stream, event: Event<'_>, outside: &mut Outside<'_>) -> Verdict {
        let phase = self.phases.remove(&stream);
        self.captured = self.captured.saturating_sub(phase.as_ref().map_or(0, captured));
        let (phase, verdict) = self.step(stream, phase, event, outside);
        if !phase.as_ref().is_some_and(chart::asks) && !self.flights.is_idle() {
            self.settle(stream);
        }
        if let Some(phase) = phase {
            self.captured += captured(&phase);
            self.phases.insert(stream, phase);
        }
        verdict
    }

    /// What is to be done after [`Worker::on`], in order.
    pub fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// Whether the bytes of a request body are wanted when it is complete.
    pub fn reads_body(&self, stream: Stream) -> bool {
        matches!(self.phases.get(&stream), Some(Phase::ReadingBody(_)))
    }

    /// Whether the bytes of the response body are wanted.
    pub fn captures(&self, stream: Stream) -> bool {
        matches!(self.phases.get(&stream), Some(Phase::Filling(_)))
    }

    /// Where a stream stands, to look at.
    pub fn phase(&self, stream: Stream) -> Option<&Phase> {
        self.phases.get(&stream)
    }

    /// Whether the stream is any of this worker's business.
    pub fn knows(&self, stream: Stream) -> bool {
        self.phases.contains_key(&stream)
    }

    /// The streams that have waited long enough: each is due an [`Event::Deadline`].
    pub fn overdue(&self, now: Instant) -> Vec<Stream> {
        let lost = self.redis().map(|redis| redis.timeout.saturating_mul(2)).unwrap_or_default();
        let over = |phase: &Phase| match phase {
            Phase::ReadingBody(reading) => !reading.seen && now.since(reading.draft.started) >= BODY_WAIT,
            Phase::Waiting(waiting) => waiting.asked.patience.is_some_and(|until| now >= until),
            Phase::Polling(polling) => now >= polling.due,
            Phase::Parked(parked) => now.since(parked.since) >= lost,
            // Its reply never comes: the root that asked is gone.
            Phase::Lookup(looking) => now.since(looking.sent) >= lost.saturating_add(STALL),
            _ => false,
        };
        let over = self.phases.iter().filter(|(_, phase)| over(phase));
        let mut streams: Vec<Stream> = over.map(|(stream, _)| *stream).collect();
        streams.sort_unstable();
        streams
    }

    /// How soon the next tick is wanted. While somebody asks for an answer others may wait for it, to the hundredth of a
    /// second.
    pub fn pace(&self) -> Duration {
        const PACES: [Duration; 3] = [Duration::from_millis(10), Duration::from_millis(25), Duration::from_millis(100)];
        let [busy, following, idle] = PACES;
        match (self.flights.is_idle(), self.redis()) {
            (false, _) => busy,
            (true, Some(_)) => following,
            (true, None) => idle,
        }
    }

    /// Does what is due from time to time: reads the log, renews leases, lets go of what is over its time.
    pub fn tick(&mut self, outside: &mut Outside<'_>) {
        let now = outside.now.mono;
        self.follow(outside);
        self.renew_leases(now);
        if now.since(self.swept) >= SWEEPS {
            self.swept = now;
            self.drop_lost_refreshes(now);
            self.forget_alone(now);
            let removed = self.memory.sweep(now, SWEEP);
            self.count_removed(&removed);
        }
    }

    fn pass(&mut self, rule: u16, reason: Forward, let_go: Option<Instant>) -> (Option<Phase>, Verdict) {
        self.count(Metric::Requests { rule, status: Status::Pass, tier: Tier::Origin });
        self.count(Metric::Forwarded { rule, reason });
        let passing = Passing { rule, reason, let_go };
        (Some(Phase::Passing(passing)), Verdict::Continue)
    }

    fn symbol(&mut self, name: &str) -> u16 {
        let at = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    fn count(&mut self, metric: Metric) {
        self.commands.push(Command::Count(metric, 1));
    }

    fn count_l2(&mut self, op: &'static str, end: L2End) {
        self.count(Metric::L2Calls { op, end });
    }

    fn observe(&mut self, metric: Metric, value: u64) {
        self.commands.push(Command::Count(metric, i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn count_removed(&mut self, removed: &[Removed]) {
        for Removed { rule, bytes, why } in removed.iter().copied() {
            self.count(Metric::Evictions { reason: why });
            self.count_held(rule, -1, bytes);
        }
    }

    fn count_held(&mut self, rule: u16, sign: i64, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.commands.push(Command::Count(Metric::Entries { rule }, sign));
        self.commands.push(Command::Count(Metric::Bytes { rule }, sign.saturating_mul(bytes)));
    }

    /// Tells the breaker how a call ended, and the gauge when that changed it.
    fn book(&mut self, answered: bool, outside: &mut Outside<'_>) {
        let delta = match self.breaker.record(outside.shared, answered, outside.now.common()) {
            Change::None => return,
            Change::Opened => 1,
            Change::Closed => -1,
        };
        self.commands.push(Command::Count(Metric::BreakerOpen, delta));
    }
}

fn captured(phase: &Phase) -> usize {
    match phase {
        Phase::Filling(filling) => filling.entry.body.capacity(),
        _ => 0,
    }
}

fn budget(config: &Config) -> Budget {
    Budget { entries: config.memory.max_entries, bytes: config.memory.max_bytes, ttl: config.memory.ttl }
}

/// A digest of what a rule says of keys, sharing and stripping, under one `schema_version`. Entries made under another
/// wording are not found: what was left out of a key then may be what tells two callers apart now.
fn revision(effective: &serde_json::Value, at: usize) -> u64 {
    let rule = effective.get("rules").and_then(|rules| rules.get(at));
    let parts = ["auth", "credentials", "key", "set_cookie", "strip"].map(|name| rule.and_then(|rule| rule.get(name)));
    let parts = parts.into_iter().chain([effective.get("schema_version")]);
    let text: String = parts.map(|part| part.map(ToString::to_string).unwrap_or_default() + "\n").collect();
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

#[cfg(test)]
mod tests;
