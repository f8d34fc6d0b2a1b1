//! Those who ask: connections spread over the Envoys, each at its own pace, by Zipf's law. While an Envoy is drained
//! they ask the other one, as a mesh sees to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fastrand::Rng;
use stack::{Client, Request, Response, Zipf};

use crate::origin;
use crate::truth::KEYS;

/// So many connections; none of them has to wait for a slow answer to keep its pace.
pub const CONNECTIONS: usize = 64;
/// What all of them ask a second.
pub const RATE: u32 = 500;

/// Longer than Envoy lets anything hang (10 s with the service, 15 s without a byte, 30 s for a request): what hangs in
/// it ends as an error. Without an answer by then a request failed, too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where an answer came from, by what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// The worker's memory.
    L1,
    /// Redis.
    L2,
    /// The answer to another request that was on its way.
    Collapsed,
    /// The service.
    Origin,
}

/// Tier and version of an answer, or why there is none.
pub type Answer = Result<(Tier, usize), String>;

/// One request.
#[derive(Clone, Debug)]
pub struct Record {
    /// The key that was asked for.
    pub key: usize,
    /// When it was about to be sent.
    pub started: Instant,
    /// How long it took.
    pub elapsed: Duration,
    /// What came.
    pub outcome: Answer,
    /// The Envoy that was asked.
    pub pod: usize,
}

/// One Envoy, as those see it who ask.
#[derive(Debug)]
pub struct Target {
    port: u16,
    up: AtomicBool,
    busy: AtomicUsize,
    /// How often it was drained: connections from before are not used again.
    drained: AtomicUsize,
}

impl Target {
    /// One that may be asked.
    pub fn new(port: u16) -> Self {
        Self { port, up: AtomicBool::new(true), busy: AtomicUsize::new(0), drained: AtomicUsize::new(0) }
    }

    /// Lets nobody ask it any more, and waits until the last answer has come.
    pub fn drain(&self) {
        self.up.store(false, Ordering::SeqCst);
        self.drained.fetch_add(1, Ordering::SeqCst);
        while self.busy.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(5));
        }
    }

    /// It may be asked again.
    pub fn admit(&self) {
        self.up.store(true, Ordering::SeqCst);
    }

    /// Takes a place in it, unless it is drained.
    fn enter(&self) -> bool {
        self.busy.fetch_add(1, Ordering::SeqCst);
        let up = self.up.load(Ordering::SeqCst);
        if !up {
            self.leave();
        }
        up
    }

    fn leave(&self) {
        self.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What all who ask have in common.
#[derive(Debug)]
pub struct Field {
    /// The Envoys.
    pub pods: Vec<Target>,
    /// All requests.
    pub records: Mutex<Vec<Record>>,
    /// Answers from L2 so far.
    l2: AtomicUsize,
    over: AtomicBool,
    keys: Zipf,
}

impl Field {
    /// One with these Envoys.
    pub fn new(pods: Vec<Target>) -> Self {
        let (records, l2, over) = (Mutex::default(), AtomicUsize::new(0), AtomicBool::new(false));
        Self { pods, records, l2, over, keys: Zipf::new(KEYS, 1.0) }
    }

    /// Whether to end.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Lets all end.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Answers from L2 so far.
    pub fn l2_hits(&self) -> usize {
        self.l2.load(Ordering::Relaxed)
    }

    /// Asks until it is over, at home where that is up.
    pub fn ask(&self, number: usize) {
        let mut dice = Rng::with_seed(u64::try_from(number).unwrap_or(0));
        let pace = Duration::from_secs(1) / RATE * u32::try_from(CONNECTIONS).unwrap_or(1);
        let (mut next, mut held, mut records) = (Instant::now() + pace.mul_f64(dice.f64()), None, Vec::new());
        while !self.is_over() {
            sleep(next.saturating_duration_since(Instant::now()));
            // From the present where it fell behind: it does not catch up with a burst.
            next = Instant::now().max(next) + pace.mul_f64(0.5 + dice.f64());
            let key = self.keys.roll(&mut dice);
            records.push(self.request(number, key, &mut held));
        }
        self.records.lock().unwrap_or_else(PoisonError::into_inner).extend(records);
    }

    /// How long the machine stood still in all, until it is over: nobody ran for a second or more who wanted to.
    pub fn witness(&self) -> Duration {
        let mut still = Duration::ZERO;
        while !self.is_over() {
            let before = Instant::now();
            sleep(Duration::from_millis(20));
            still += Some(before.elapsed()).filter(|time| *time > Duration::from_secs(1)).unwrap_or_default();
        }
        still
    }

    fn request(&self, number: usize, key: usize, held: &mut Option<Held>) -> Record {
        let started = Instant::now();
        let count = self.pods.len().max(1);
        let pods = (number..number + count).map(|number| number % count);
        let mut pods = pods.filter_map(|pod| self.pods.get(pod).map(|target| (pod, target)));
        let Some((pod, target)) = pods.find(|(_, target)| target.enter()) else {
            let outcome = Err("no Envoy is up".to_owned());
            return Record { key, started, elapsed: Duration::ZERO, outcome, pod: 0 };
        };
        let outcome = Held::of(held, pod, target).and_then(|client| client.send(&Request::get(origin::target(key))));
        target.leave();
        if outcome.is_err() {
            *held = None;
        }
        let outcome = outcome.and_then(|response| read(&response));
        self.l2.fetch_add(usize::from(matches!(outcome, Ok((Tier::L2, _)))), Ordering::Relaxed);
        Record { key, started, elapsed: started.elapsed(), outcome, pod }
    }
}

/// A connection that stays open.
#[derive(Debug)]
struct Held {
    pod: usize,
    drained: usize,
    client: Client,
}

impl Held {
    /// The one to this Envoy; a new one where it leads elsewhere or the Envoy was restarted.
    fn of<'a>(held: &'a mut Option<Self>, pod: usize, target: &Target) -> Result<&'a mut Client, String> {
        let drained = target.drained.load(Ordering::SeqCst);
        let fits = held.take().filter(|held| (held.pod, held.drained) == (pod, drained));
        let client = match fits {
            Some(held) => held.client,
            None => Client::connect(target.port)?,
        };
        client.patience(PATIENCE)?;
        Ok(&mut held.insert(Self { pod, drained, client }).client)
    }
}

fn read(response: &Response) -> Answer {
    let version = response.text(origin::VERSION).and_then(|version| version.parse().ok());
    let version = version.filter(|_| response.status == 200);
    let version = version.ok_or_else(|| {
        let body = String::from_utf8_lossy(&response.body);
        format!("status {} without a version: {}", response.status, body.chars().take(200).collect::<String>())
    })?;
    let status = response.cache_status().unwrap_or_default();
    let tier = match () {
        () if status.hit_from("l1") => Tier::L1,
        () if status.hit_from("l2") => Tier::L2,
        () if status.collapsed => Tier::Collapsed,
        () => Tier::Origin,
    };
    Ok((tier, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drained_envoy_is_not_entered() {
        let target = Target::new(1);
        assert!(target.enter());
        target.leave();
        target.drain();
        assert!(!target.enter());
        target.admit();
        assert!(target.enter());
    }
}
