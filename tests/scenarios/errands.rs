//! What the root does on behalf of streams that need not wait for it: writes to L2, and refreshes.

use crate::network::{Flight, Who, outcome, short};
use crate::random::Rng;
use crate::world::{Step, World};
use fingerprint_cache::reason::L2Failure;
use fingerprint_cache::redis::Call;

/// What streams leave for the root to do.
pub enum Errand {
    /// Write to L2; what that stream has changed is banned, where it is a ban.
    Write(Box<Call>, Option<u32>),
    /// Begin a refresh.
    Refresh(u32),
}

impl Errand {
    /// Whether it is a call that goes on all the time.
    pub fn is_poll(&self) -> bool {
        matches!(self, Self::Write(call, _) if call.script.name == "sync")
    }

    /// Whether it bans what this stream has changed.
    pub fn is_ban_of(&self, id: u32) -> bool {
        matches!(self, Self::Write(_, Some(about)) if *about == id)
    }
}

impl World {
    /// The root does what streams have left behind.
    pub fn run_errands(&mut self, vm: usize) {
        while let Some((errand, rng)) = self.vms[vm].outbox.pop_front() {
            match errand {
                Errand::Refresh(number) => self.begin_refresh(vm, number),
                Errand::Write(call, about) => self.write(vm, *call, about, rng),
            }
        }
    }

    fn write(&mut self, vm: usize, call: Call, about: Option<u32>, rng: Rng) {
        match (self.dispatch(vm, Who::Root, &call, rng.clone()), about) {
            (None, _) => {
                let flight = Flight { call, vm, who: Who::Root, about, ran: None, rng, reply: None };
                self.written(flight, Err(L2Failure::Unreachable));
            }
            (Some(id), Some(about)) => {
                self.front.bans.insert(id, about);
                self.flights.get_mut(&id).unwrap().about = Some(about);
            }
            _ => {}
        }
    }

    pub fn written(&mut self, flight: Flight, reply: Result<Vec<u8>, L2Failure>) {
        let Flight { call, vm, about, mut rng, .. } = flight;
        let fill = call.body.as_ref().map(Vec::len);
        self.vms[vm].fills -= usize::from(fill.is_some());
        self.vms[vm].fill_bytes -= fill.unwrap_or(0);
        let poll = call.script.name == "sync";
        if !poll || self.tells_polls || reply.is_err() {
            self.tell(format!("w{vm} {} {} -> {}", call.script.name, short(&call.keys[0]), outcome(&reply)));
        }
        let reply = reply.as_deref().map_err(|failure| *failure);
        self.step(vm, rng.next(), None, |worker, outside| worker.written(call, reply, outside));
        if let Some(about) = about {
            self.told_of_ban(about);
        }
        let who = about.map_or(Who::Root, Who::Stream);
        self.run_commands(vm, who, &mut rng);
        self.schedule(50, rng.next(), Step::Errands(vm, poll));
    }
}
