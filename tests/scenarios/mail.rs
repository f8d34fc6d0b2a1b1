//! What workers send each other: bytes through their queues, and a nudge to a stream that waits.

use crate::behind::OWN;
use crate::pods::pod_of;
use crate::random::Rng;
use crate::world::{Step, World};
use fingerprint_cache::transaction::{Event, Stream};
use std::collections::{BTreeMap, VecDeque};

/// All queues of the fleet, by number.
#[derive(Default)]
pub struct Post {
    queues: BTreeMap<u32, Queue>,
    last: u32,
}

/// A queue, read by a worker in one of its lives.
struct Queue {
    vm: usize,
    life: u32,
    letters: VecDeque<Vec<u8>>,
}

impl World {
    /// A worker begins: it gets a queue, and what its pod shares.
    pub fn enlist(&mut self, vm: usize) {
        self.post.last += 1;
        let (queue, life) = (self.post.last, self.vms[vm].life);
        self.post.queues.insert(queue, Queue { vm, life, letters: VecDeque::new() });
        self.vms[vm].worker.prepare(&mut self.pods[pod_of(vm)].shared);
        self.vms[vm].worker.enlist(Rng::new(u64::from(queue)).next(), queue);
    }

    /// Puts a letter into a queue. One that nobody reads any more takes it, too.
    pub fn send(&mut self, queue: u32, letter: Vec<u8>, rng: &mut Rng) {
        let Some(to) = self.post.queues.get_mut(&queue) else {
            return self.violated(format!("there is no queue {queue}"));
        };
        to.letters.push_back(letter);
        self.schedule(rng.between(50, 1500), rng.next(), Step::Mail(queue));
    }

    /// A worker reads all that is in its queue.
    pub fn read_mail(&mut self, queue: u32) {
        let Some(Queue { vm, life, letters }) = self.post.queues.get_mut(&queue) else { return };
        let (vm, gone) = (*vm, self.vms[*vm].life != *life);
        for letter in letters.drain(..).filter(|_| !gone).collect::<Vec<_>>() {
            let mut rng = Rng::new(self.now ^ u64::from(queue));
            self.step(vm, rng.next(), None, |worker, outside| worker.told(&letter, outside));
            self.run_for_root(vm, &mut rng);
        }
    }

    /// What a stream waits for has come; it hears of it a moment later, from the root.
    pub fn wake(&mut self, vm: usize, stream: Stream, rng: &mut Rng) {
        let life = self.vms[vm].life;
        self.schedule(rng.between(1, 400), rng.next(), Step::Woken(vm, life, stream));
    }

    pub fn woken(&mut self, vm: usize, life: u32, stream: Stream) {
        if self.vms[vm].life != life {
            return;
        }
        if stream >= OWN {
            return self.nudge_behind(vm, stream, Event::Woken);
        }
        self.nudge(stream, Event::Woken);
    }
}
