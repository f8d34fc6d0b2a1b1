//! What befalls workers, pods and Redis itself.

use crate::callers::{MILLI, SECOND};
use crate::host::{Outcome, Vm};
use crate::pods::{Pod, WORKERS, pod_of};
use crate::world::{Step, World};

/// The epochs of masters are numbered from here, after the first.
const FIRST_EPOCH: u64 = 0xbeef_0000;
/// How long Envoy lets a stream hang whose worker has gone.
const IDLE: u64 = 4 * SECOND;
/// How long after a worker has gone its pod may be without somebody who reads the log.
const ORPHANED: u64 = 4 * SECOND;

impl World {
    /// A worker's VM is lost: its L1, its streams' phases, its queue. Another one takes its place. Streams that are paused
    /// hang until Envoy loses patience, answers under way break off.
    pub fn lose_worker(&mut self, vm: usize) {
        self.disturb(pod_of(vm), ORPHANED);
        let of_it: Vec<u32> = self.live.iter().copied().filter(|id| self.streams[id].ask.vm == vm).collect();
        self.replace(vm);
        for id in of_it {
            let stream = self.stream(id);
            let (touched, paused, forwarded) = (stream.active, stream.paused, stream.forwarded);
            stream.active = false;
            stream.token = None;
            stream.orphaned = true;
            match (touched, paused, forwarded) {
                (true, true, _) => self.schedule(IDLE, u64::from(id), Step::Expire(id)),
                (true, false, true) => self.close(id, Outcome::Broken),
                _ => {}
            }
        }
    }

    /// A pod goes, with all its streams and all that its workers shared. Another one takes its place.
    pub fn lose_pod(&mut self, pod: usize) {
        let of_it: Vec<u32> = self.live.iter().copied().filter(|id| pod_of(self.streams[id].ask.vm) == pod).collect();
        let disturbed = std::mem::take(&mut self.pods[pod].disturbed);
        self.pods[pod] = Pod { disturbed, ..Pod::new(self.pods[pod].clock) };
        self.disturb(pod, ORPHANED);
        (pod * WORKERS..(pod + 1) * WORKERS).for_each(|vm| self.replace(vm));
        for id in of_it {
            self.stream(id).active = false;
            self.close(id, Outcome::Broken);
        }
    }

    /// A new worker in the place of one that is gone, and of all that it was to hear.
    fn replace(&mut self, vm: usize) {
        self.flights.retain(|_, flight| flight.vm != vm);
        let mono = self.vms[vm].mono / 2 + 5 * MILLI;
        let new = Vm::new(self.vms[vm].config.clone(), mono);
        let old = std::mem::replace(&mut self.vms[vm], new);
        self.vms[vm].counts = old.counts;
        self.vms[vm].life = old.life + 1;
        self.vms[vm].ticking = old.ticking;
        self.leaders.retain(|(of, _), _| *of != vm);
        self.successes.retain(|success| !success.is_of(vm));
        if self.vms[vm].ticking {
            self.schedule(100 * MILLI, vm as u64, Step::Tick(vm, self.vms[vm].life));
        }
        self.enlist(vm);
    }

    /// Another master takes over: the replica as it was when it last heard anything. It has no scripts.
    pub fn fail_over(&mut self) {
        self.front.server.flush_scripts();
        if let Some((replica, ran)) = self.front.replica.take() {
            *self.front.server.keys() = replica;
            self.forget_notices(ran);
        }
        self.front.epochs += 1;
        let mut keys = self.front.server.keys();
        keys.before = Some(keys.epoch);
        keys.epoch = FIRST_EPOCH + self.front.epochs;
        drop(keys);
        self.disturb_all(SECOND);
    }

    /// Redis begins anew with all that it held: nothing says what came before.
    pub fn restart(&mut self) {
        self.front.server.flush_scripts();
        self.front.epochs += 1;
        let mut keys = self.front.server.keys();
        (keys.before, keys.epoch) = (None, FIRST_EPOCH + self.front.epochs);
        drop(keys);
        self.disturb_all(SECOND);
    }

    /// Redis forgets everything, bans too: what they promised is over.
    pub fn wipe(&mut self) {
        self.front.server.keys().flush();
        self.forget_notices(0);
        self.wiped = Some(self.now);
        self.disturb_all(SECOND);
    }

    /// Whether a flushed log may stand where the one before stood by the time that somebody looks: then nobody can tell the
    /// two apart, and misses what stands in the new one. It begins at the time, so that takes a clock that was turned.
    pub fn may_be_taken_for_another_log(&self) -> bool {
        let Some(wiped) = self.wiped.filter(|_| self.front.turned) else { return false };
        let disturbed = |(_, ended): &(u64, u64)| *ended > wiped + SECOND;
        self.now < wiped + 2 * SECOND || self.pods.iter().flat_map(|pod| &pod.disturbed).any(disturbed)
    }

    /// From now on the replica hears nothing more.
    pub fn stop_replica(&mut self) {
        let state = self.front.server.keys().clone();
        self.front.replica = Some((state, self.front.ran));
    }

    /// For so long the workers of a pod may not hear of what is said in the log.
    pub fn disturb(&mut self, pod: usize, lasts: u64) {
        let now = self.now;
        self.pods[pod].disturbed.push((now, now.saturating_add(lasts)));
        self.calm = false;
    }

    pub fn disturb_all(&mut self, lasts: u64) {
        (0..self.pods.len()).for_each(|pod| self.disturb(pod, lasts));
    }
}
