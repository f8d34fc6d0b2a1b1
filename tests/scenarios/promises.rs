//! What an acknowledged notice promises, whatever befell the fleet: no look into L2 that ran after it gives what was
//! before; nor does L1 to a request that came later than a poll takes, while the log could be read; nor, ever, to one
//! that came later than `max_lag`.

use crate::callers::{MILLI, SECOND};
use crate::judge::Given;
use crate::notices::{Effect, Notice};
use crate::oracle::ensure;
use crate::pods::pod_of;
use crate::world::World;

/// `sync.interval` and `sync.max_lag` of all settings.
const INTERVAL: u64 = 250 * MILLI;
const MAX_LAG: u64 = 5 * SECOND;
/// A tick, a call to Redis with its timeout and a letter to the other worker.
const ROUND_TRIP: u64 = 80 * MILLI;
/// A tick, and the rounding of clocks.
const STEP: u64 = 110 * MILLI;

impl World {
    /// The answer is of no version older than what was there when a notice about it was acknowledged.
    pub fn keeps_promises(&self, id: u32, given: &Given<'_>) -> Result<(), String> {
        let state = given.answer.state;
        if state.starts_with("revalidated") || self.streams[&id].config.get("redis").is_none() {
            return Ok(());
        }
        for notice in self.notices.iter().filter(|notice| !notice.forgotten) {
            let older = given.source.version < self.version_then(given, notice.at);
            if !older || !notice.says.is_about(given) || !self.must_know(id, given, notice) {
                continue;
            }
            let after = (self.now - notice.at) as f64 / SECOND as f64;
            let what = || format!("version {} as {state}, {after} s after {:?}", given.source.version, notice.says);
            match notice.says.effect() {
                Effect::None => {}
                Effect::Refresh if state.starts_with("stale") => self.in_window(given, notice)?,
                Effect::Refresh | Effect::Invalidate => return Err(what()),
            }
        }
        Ok(())
    }

    /// What the origin gave then. Through other caches it may have been late.
    fn version_then(&self, given: &Given<'_>, at: u64) -> u64 {
        let late = given.source.terms.upstream_age * SECOND;
        self.origin.version(&given.source.ask, at.saturating_sub(late))
    }

    /// Whether the answer comes from a place that must have heard of it.
    fn must_know(&self, id: u32, given: &Given<'_>, notice: &Notice) -> bool {
        let stream = &self.streams[&id];
        let looked = stream.looked_at.filter(|_| given.answer.state.ends_with(";l2"));
        if looked.is_some_and(|looked| looked > notice.ran) {
            return true;
        }
        let pod = &self.pods[pod_of(given.ask.vm)];
        let (from, to) = (notice.at.saturating_sub(SECOND), stream.begun);
        let disturbed = pod.disturbed.iter().any(|(begun, ended)| *begun <= to && *ended >= from);
        let bound = if disturbed || stream.reconfigured { MAX_LAG + STEP } else { INTERVAL + ROUND_TRIP };
        stream.begun > notice.at + bound
    }

    /// What is to be refreshed may be served stale within its window, which begins when a worker hears of it.
    fn in_window(&self, given: &Given<'_>, notice: &Notice) -> Result<(), String> {
        let (rule, head) = (given.rule, given.head);
        let window = rule.while_revalidating(head).max(rule.if_error(head));
        let unbound = rule.control(given.ask).contains("max-stale");
        let late = self.now > notice.at + MAX_LAG + STEP + window;
        ensure(!late || unbound, || format!("stale for longer than {window} us since {:?}", notice.says))?;
        ensure(!head.terms.strict, || format!("never to be served stale, and refreshed by {:?}", notice.says))
    }
}
