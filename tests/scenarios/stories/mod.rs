//! One story each, named by what it tells. The oracle listens to all of them.

mod bans;
mod bodies;
mod changes;
mod clocks;
mod failover;
mod forms;
mod log;
mod origins;
mod prewarm;
mod redis_faults;
mod refreshes;
mod single_flight;
mod stale;
mod tiers;
mod validation;
mod windows;
mod workers;

use crate::callers::{Ask, SECOND};
use crate::host::Outcome;
use crate::network::Fault;
use crate::world::{Action, Setup, World};

/// A story as its test tells it.
pub struct Tale {
    pub world: World,
    seed: u64,
}

impl Tale {
    pub fn new() -> Self {
        Self::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Self {
        Self { world: World::new(setup), seed: 1 }
    }

    /// Something happens `delay` microseconds from now, once the story goes on.
    pub fn plan(&mut self, delay: u64, action: Action) -> u32 {
        self.seed += 1;
        self.world.plan(delay, action, self.seed)
    }

    /// Plays what is planned, to its end.
    pub fn play(&mut self) {
        if let Err(what) = self.world.play() {
            panic!("{what}\n{}", self.world.story.text());
        }
    }

    pub fn act(&mut self, action: Action) {
        self.plan(0, action);
        self.play();
    }

    /// Asks, and waits for the end.
    pub fn ask(&mut self, ask: Ask) -> u32 {
        let id = self.plan(0, Action::Ask(ask));
        self.play();
        id
    }

    /// Asks, and says how it ended: `hit;l1`, `stale;l2`, `revalidated;origin`, `origin 200`, `broken`, `left`.
    pub fn end(&mut self, ask: Ask) -> String {
        let id = self.ask(ask);
        self.ended(id)
    }

    pub fn ended(&self, id: u32) -> String {
        match self.world.outcome(id) {
            Outcome::Cache { state, .. } => (*state).to_owned(),
            Outcome::Origin { status, .. } => format!("origin {status}"),
            Outcome::Broken => "broken".to_owned(),
            Outcome::Left => "left".to_owned(),
        }
    }

    pub fn later(&mut self, seconds: u64) {
        if let Err(what) = self.world.wait(seconds * SECOND) {
            panic!("{what}\n{}", self.world.story.text());
        }
    }

    /// Lets time go by until a moment.
    pub fn until(&mut self, at: u64) {
        if let Err(what) = self.world.wait(at - self.world.now) {
            panic!("{what}\n{}", self.world.story.text());
        }
    }

    /// From now on something is wrong with L2, until it is said otherwise.
    pub fn broken_by(&mut self, fault: Fault) {
        self.act(Action::Fault(fault, 3600 * SECOND));
    }

    pub fn mended(&mut self) {
        self.world.front.fault = None;
    }

    /// The `Age` and the body of an answer from the cache.
    pub fn served(&self, id: u32) -> (u64, String) {
        match self.world.outcome(id) {
            Outcome::Cache { age, body, .. } => (*age, String::from_utf8(body.clone()).unwrap()),
            other => panic!("#{id} was not answered from the cache: {other:?}\n{}", self.world.story.text()),
        }
    }

    /// The status of an answer from the cache.
    pub fn status(&self, id: u32) -> u16 {
        match self.world.outcome(id) {
            Outcome::Cache { status, .. } => *status,
            other => panic!("#{id} was not answered from the cache: {other:?}\n{}", self.world.story.text()),
        }
    }

    /// How many refreshes with nobody waiting ended so.
    pub fn refreshes(&self, outcome: &str) -> i64 {
        self.world.counted(&[&format!("outcome=.={outcome};"), "refreshes_total"])
    }

    /// How often the origin was asked.
    pub fn origin_asked(&self) -> usize {
        self.world.origin.exchanges.len()
    }

    /// Calls to L2 by script and outcome.
    pub fn calls(&self, script: &str, outcome: &str) -> i64 {
        self.world.counted(&[&format!("op=.={script};"), &format!("outcome=.={outcome};")])
    }
}
