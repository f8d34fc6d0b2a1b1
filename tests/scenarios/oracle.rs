//! What must hold after each step and at the end. It knows the origin, the plan and the true time, and nothing of how
//! the filter decides. What must hold of answers is in [`crate::judge`], [`crate::ages`], [`crate::changes`] and
//! [`crate::leads`].

use crate::alone::MOST_PAUSED;
use crate::behind::Waits;
use crate::host::Outcome;
use crate::network::POLL;
use crate::pods::PODS;
use crate::settings::rule_for;
use crate::world::World;

/// How many fills a worker may have under way.
const MAX_FILLS: usize = 64;
/// How many bytes they may be together: the largest byte budget of all settings, since fills outlive theirs.
const MAX_FILL_BYTES: usize = 96 << 10;
/// How often one request may ask L2: for a variant, for the right one, and each time once more with the whole script.
const MAX_LOOKUPS: usize = 4;
/// Headers that the origin means for this cache alone.
pub const FOR_CACHES: [&str; 3] = ["cdn-cache-control", "surrogate-key", "cache-tag"];
/// Pairs of state and event that never meet. (A request that Envoy answers while it is paused is one that may.)
const NEVER: [&str; 4] = ["reason=.=event;", "reason=.=l2_reply;", "reason=.=request_head;", "reason=.=echo_missing;"];

impl World {
    /// After each step.
    pub fn check(&mut self) {
        for at in 0..self.vms.len() {
            self.forget_lost(at);
            if let Err(what) = self.check_vm(at) {
                self.violated(format!("worker {at}: {what}"));
            }
        }
        let lost = self.live.iter().find(|id| {
            let stream = &self.streams[id];
            let waits = self.vms[stream.ask.vm].worker.knows(**id) && self.vms[stream.ask.vm].ticking;
            stream.paused && stream.token.is_none() && !stream.orphaned && !waits
        });
        let stubborn = self.live.iter().find(|id| self.streams[id].lookups > MAX_LOOKUPS).copied();
        if let Some(id) = lost.copied() {
            self.violated(format!("#{id} is paused and waits for nothing"));
        }
        if let Err(what) = self.check_patience() {
            self.violated(what);
        }
        if let Some(id) = stubborn {
            self.violated(format!("#{id} asks L2 again and again"));
        }
    }

    fn check_vm(&self, at: usize) -> Result<(), String> {
        let vm = &self.vms[at];
        let (most_entries, most_bytes) = vm.budget;
        let (entries, bytes) = (vm.worker.memory().entries(), vm.worker.memory().bytes());
        ensure(bytes <= most_bytes && entries <= most_entries, || {
            format!("L1 holds {entries} entries, {bytes} bytes")
        })?;
        let told = vm.told;
        ensure(told == (entries as i64, bytes as i64), || format!("gauges say {told:?}, L1 holds {entries}, {bytes}"))?;
        let idle = vm.behind.iter().find(|(_, behind)| {
            let since = behind.idle_since.filter(|_| behind.waits == Waits::Nothing && !behind.lost);
            since.is_some_and(|since| self.now > since + MOST_PAUSED)
        });
        ensure(idle.is_none(), || format!("refresh {:?} waits for nothing", idle.map(|(number, _)| number)))?;
        let stubborn = vm.behind.values().any(|behind| behind.lookups > MAX_LOOKUPS);
        ensure(!stubborn, || "a refresh asks L2 again and again".into())?;
        let bounded = vm.fills <= MAX_FILLS && vm.fill_bytes <= MAX_FILL_BYTES;
        ensure(bounded, || format!("{} fills of {} bytes under way", vm.fills, vm.fill_bytes))
    }

    /// After the last step.
    pub fn check_end(&mut self) {
        let open = self.live.clone();
        let flights = self.flights.range(..POLL).count();
        let fills: usize = self.vms.iter().map(|vm| vm.fills).sum();
        let behind = self.vms.iter().flat_map(|vm| vm.behind.values()).filter(|behind| !behind.lost).count();
        if !open.is_empty() || flights + fills + behind > 0 {
            self.violated(format!("left over: streams {open:?}, {flights} flights, {fills} fills, {behind} refreshes"));
        }
        self.check_leases();
        for pod in 0..PODS {
            let breaker = self.counted_in(pod, &["breaker_open"]);
            if !(0..=1).contains(&breaker) {
                self.violated(format!("the breaker's gauge of pod {pod} says {breaker}"));
            }
        }
        if let Some(name) = NEVER.iter().find(|name| self.counted(&[name, "unexpected_total"]) > 0) {
            self.violated(format!("something unexpected: {name}"));
        }
    }

    /// An answer that did not come from the cache says why, once, where a rule was for the request; but for the one with
    /// which Envoy ends a stream that was still paused. It keeps what is meant for this cache to itself, and it is the
    /// one to the client's own condition.
    pub fn judge_end(&mut self, id: u32, outcome: &Outcome) {
        let Outcome::Origin { cache_status, status } = outcome else { return };
        let stream = &self.streams[&id];
        if stream.expired || stream.orphaned {
            return;
        }
        let ruled = rule_for(&stream.config, &stream.ask).is_some();
        let response = stream.response.as_ref().unwrap();
        let shown = response.head.iter().find(|(name, _)| ruled && FOR_CACHES.contains(&name.as_str()));
        let shown = shown.map(|(name, _)| name.clone());
        let foreign = *status == 304 && !self.asked_for_304(id);
        if cache_status.len() != usize::from(ruled) {
            self.violated(format!("#{id} has Cache-Status {cache_status:?}"));
        }
        if let Some(name) = shown {
            self.violated(format!("#{id} sees {name}"));
        }
        if foreign {
            self.violated(format!("#{id} was told 304 of a copy that it has not"));
        }
    }

    /// Whether a 304 of the origin is the answer to what the client itself said.
    fn asked_for_304(&self, id: u32) -> bool {
        let stream = &self.streams[&id];
        let Some(exchange) = self.exchange_of(id).map(|number| &self.origin.exchanges[number]) else { return false };
        let tag = exchange.headers.iter().find(|(name, _)| name == "etag").map(|(_, value)| value.as_str());
        let known = crate::forms::named(&stream.ask, tag);
        known.unwrap_or_else(|| exchange.modified.is_some_and(|at| crate::forms::unmodified(&stream.ask, at)))
    }
}

pub fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
