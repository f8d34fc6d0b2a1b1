//! The workers of one Envoy: who there is to be told, and which of them reads the log for all.
//!
//! Both are a few bytes that they share. Losing them costs reads: a worker that is not told reads for itself, and two
//! that read at once only read twice. Moments are of the common clock ([`crate::time::Now::common`]).

use crate::shared::Shared;
use crate::time::Instant;
use std::time::Duration;

/// How many workers may be on the list; others are not told.
const MOST: usize = 256;
/// How old a worker's mark on the list may be before it renews it.
const FRESH: Duration = Duration::from_secs(1);
/// How old it may be before the worker counts as gone.
const GONE: Duration = Duration::from_secs(10);
/// How long one reads for all without renewing.
const LEASE: Duration = Duration::from_secs(2);
/// How often a write is tried when others write too.
const TRIES: usize = 3;

/// A worker on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    id: u64,
    queue: u32,
    seen: Instant,
}

/// One worker's view of the others with its plugin.
#[derive(Debug)]
pub struct Siblings {
    list: String,
    poller: String,
    me: Option<(u64, u32)>,
}

impl Siblings {
    /// The workers of the plugin called `name`, in two slots of the shared data.
    pub fn new(name: &str) -> Self {
        Self {
            list: format!("fingerprint-cache/1/workers/{name}"),
            poller: format!("fingerprint-cache/1/poller/{name}"),
            me: None,
        }
    }

    /// Makes the slots, where they are missing. The host does not make creation atomic, so this belongs into start-up.
    pub fn prepare(&self, shared: &mut dyn Shared) {
        for slot in [&self.list, &self.poller] {
            if shared.get(slot).is_none() {
                let _ = shared.set(slot, &[], None);
            }
        }
    }

    /// Names this worker: a random `id`, and the queue on which it is told.
    pub fn enlist(&mut self, id: u64, queue: u32) {
        self.me = Some((id, queue));
    }

    /// Keeps this worker on the list, and drops those that are gone. To be called with every tick.
    pub fn keep(&self, shared: &mut dyn Shared, now: Instant) {
        let Some((id, queue)) = self.me else { return };
        for _ in 0..TRIES {
            let (members, version) = self.members(shared);
            let mine = |member: &Member| member.id == id && member.queue == queue;
            let fresh = |member: &Member| member.seen <= now && now.since(member.seen) < FRESH;
            if members.iter().any(|member| mine(member) && fresh(member)) {
                return;
            }
            let others = members.into_iter().filter(|member| member.id != id && member.is_there(now));
            let me = Member { id, queue, seen: now };
            let bytes: Vec<u8> = others.take(MOST - 1).chain([me]).flat_map(Member::bytes).collect();
            if shared.set(&self.list, &bytes, version).is_ok() {
                return;
            }
        }
    }

    /// The queues of the others that are there.
    pub fn others(&self, shared: &dyn Shared, now: Instant) -> Vec<u32> {
        let id = self.me.map(|(id, _)| id);
        let (members, _) = self.members(shared);
        let others = members.into_iter().filter(|member| Some(member.id) != id && member.is_there(now));
        others.map(|member| member.queue).collect()
    }

    /// Whether this worker is to read the log for all: it has the lease, or takes one that has ended. Asked with every
    /// tick, so that it keeps what it has. A worker that is not named never is.
    pub fn leads(&self, shared: &mut dyn Shared, now: Instant) -> bool {
        let Some((id, _)) = self.me else { return false };
        for _ in 0..TRIES {
            let (owner, until, version) = self.lease(shared);
            // A moment further away than any lease is no moment of this Envoy's clock.
            let held = now < until && until < now.after(LEASE + LEASE);
            if owner != id && held {
                return false;
            }
            if shared.set(&self.poller, &lease_bytes(id, now.after(LEASE)), version).is_ok() {
                return true;
            }
        }
        false
    }

    /// Leaves: the others need not wait for the lease to end, and tell it no more.
    pub fn resign(&mut self, shared: &mut dyn Shared) {
        let Some((id, _)) = self.me.take() else { return };
        let (owner, _, version) = self.lease(shared);
        if owner == id {
            // Whoever was faster has the lease.
            let _ = shared.set(&self.poller, &[], version);
        }
        for _ in 0..TRIES {
            let (members, version) = self.members(shared);
            let bytes: Vec<u8> = members.into_iter().filter(|member| member.id != id).flat_map(Member::bytes).collect();
            if shared.set(&self.list, &bytes, version).is_ok() {
                return;
            }
        }
    }

    fn members(&self, shared: &dyn Shared) -> (Vec<Member>, Option<u32>) {
        let (bytes, version) = shared.get(&self.list).unwrap_or_default();
        let (records, _) = bytes.as_chunks::<RECORD>();
        (records.iter().take(MOST).filter_map(|record| Member::parse(record)).collect(), version)
    }

    fn lease(&self, shared: &dyn Shared) -> (u64, Instant, Option<u32>) {
        let (bytes, version) = shared.get(&self.poller).unwrap_or_default();
        let (owner, until) = parse_lease(&bytes).unwrap_or_default();
        (owner, until, version)
    }
}

/// The bytes of one member.
const RECORD: usize = 20;

impl Member {
    /// Whether it was seen lately. A moment that is far ahead is no moment of this Envoy's clock.
    fn is_there(&self, now: Instant) -> bool {
        now.since(self.seen) < GONE && self.seen < now.after(GONE)
    }

    fn bytes(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        let fields = self.id.to_le_bytes().into_iter().chain(self.queue.to_le_bytes());
        let fields = fields.chain(self.seen.0.to_le_bytes());
        bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<8>()?;
        let (queue, seen) = rest.split_first_chunk::<4>()?;
        let seen = Instant(u64::from_le_bytes(seen.try_into().ok()?));
        Some(Self { id: u64::from_le_bytes(*id), queue: u32::from_le_bytes(*queue), seen })
    }
}

fn lease_bytes(owner: u64, until: Instant) -> [u8; 16] {
    let mut bytes = [0; 16];
    let fields = owner.to_le_bytes().into_iter().chain(until.0.to_le_bytes());
    bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
    bytes
}

fn parse_lease(bytes: &[u8]) -> Option<(u64, Instant)> {
    let (owner, until) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*owner), Instant(u64::from_le_bytes(until.try_into().ok()?))))
}

#[cfg(test)]
mod tests;
