//! The fleet: pods of two workers each, with what the workers of one pod have in common.

use crate::network::Fault;
use crate::shared::SharedData;
use crate::world::World;

/// How many pods there are, and workers in each.
pub const PODS: usize = 2;
pub const WORKERS: usize = 2;
/// All workers: those of the first pod come first.
pub const ALL: usize = PODS * WORKERS;

/// The pod of a worker.
pub fn pod_of(vm: usize) -> usize {
    vm / WORKERS
}

/// One pod.
#[derive(Default)]
pub struct Pod {
    pub shared: SharedData,
    /// Its wall clock, less the true time, in microseconds.
    pub clock: i64,
    /// How far that clock was ever behind.
    pub behind: u64,
    /// When its workers may not have heard of what stands in the log: from, to.
    pub disturbed: Vec<(u64, u64)>,
    /// What is wrong on its own way to L2, and until when.
    pub fault: Option<(Fault, u64)>,
}

impl Pod {
    pub fn new(clock: i64) -> Self {
        Self { clock, behind: behind(clock), ..Self::default() }
    }

    /// Sets its clock, by microseconds.
    pub fn turn_clock(&mut self, by: i64) {
        self.clock += by;
        self.behind = self.behind.max(behind(self.clock));
    }
}

impl World {
    /// The same of the workers of one pod.
    pub fn counted_in(&self, pod: usize, parts: &[&str]) -> i64 {
        let all = self.vms.iter().skip(pod * WORKERS).take(WORKERS).flat_map(|vm| &vm.counts);
        all.filter(|(name, _)| parts.iter().all(|part| name.contains(part))).map(|(_, count)| count).sum()
    }

    /// What is wrong now between a worker and L2.
    pub fn fault(&self, vm: usize) -> Option<Fault> {
        let own = self.pods[pod_of(vm)].fault.filter(|(_, until)| self.now < *until);
        self.front.fault(self.now).or(own.map(|(fault, _)| fault))
    }
}

fn behind(clock: i64) -> u64 {
    u64::try_from(-clock).unwrap_or(0)
}
