//! Those who ask: connections spread over the Envoys, each at its own pace, a few keys more often than the others.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stack::{Client, Request, Response};

use crate::keys::COUNT;
use crate::origin;
use crate::truth::Truth;
use fastrand::Rng;

/// So many connections; none of them has to wait for a slow answer to keep its pace.
pub const CONNECTIONS: usize = 64;
/// What all of them ask a second; those who watch come on top.
const RATE: u32 = 900;
/// Before a connection that was refused is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// Where an answer came from, by what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// The worker's memory.
    L1,
    /// Redis.
    L2,
    /// The answer to another request that was on its way.
    Collapsed,
    /// The origin.
    Origin,
}

impl Tier {
    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::Collapsed => "collapsed",
            Self::Origin => "origin",
        }
    }
}

/// One answer.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// The key that was asked for.
    pub key: usize,
    /// When the request was about to be sent.
    pub started: Instant,
    /// The version that came; `None`: none, or not with status 200.
    pub version: Option<usize>,
    /// Where it came from.
    pub tier: Tier,
    /// The pod that was asked.
    pub pod: usize,
    /// The worker that was asked, where it is known.
    pub worker: Option<usize>,
}

/// One Envoy, as those see it who ask.
#[derive(Debug)]
pub struct Target {
    /// The port of its listener.
    pub port: u16,
    /// Whether it may be asked.
    pub up: AtomicBool,
}

/// What all who ask have in common.
#[derive(Debug)]
pub struct Field {
    /// The Envoys.
    pub pods: Vec<Target>,
    /// All answers.
    pub records: Mutex<Vec<Record>>,
    /// Requests without an answer, by pod.
    pub lost: Mutex<Vec<usize>>,
    /// Whether to end.
    pub over: AtomicBool,
}

impl Field {
    /// Whether to end.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Notes answers.
    pub fn note(&self, records: Vec<Record>) {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).extend(records);
    }

    /// Notes a request without an answer.
    pub fn lose(&self, pod: usize) {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(pod);
    }
}

/// Asks until it is over.
pub fn ask(field: &Field, truth: &Truth, number: usize) {
    let pod = number % field.pods.len().max(1);
    let Some(target) = field.pods.get(pod) else { return };
    let mut dice = Rng::with_seed(u64::try_from(number).unwrap_or(0) + 1000);
    let pace = Duration::from_secs(1) / RATE * u32::try_from(CONNECTIONS).unwrap_or(1);
    let (mut next, mut client, mut records) = (Instant::now() + pace.mul_f64(dice.f64()), None, Vec::new());
    while !field.is_over() {
        sleep(next.saturating_duration_since(Instant::now()));
        // From the present where it fell behind: it does not catch up with a burst.
        next = Instant::now().max(next) + pace.mul_f64(0.5 + dice.f64());
        if !target.up.load(Ordering::Acquire) {
            client = None;
            continue;
        }
        let share = dice.f64();
        // A few keys get most of the requests.
        let key = (((share * share) * 1e6) as usize * COUNT) / 1_000_000;
        match send(&mut client, target.port, truth, key) {
            Some(answer) => records.push(Record { pod, ..answer }),
            None => {
                field.lose(pod);
                sleep(RETRY);
            }
        }
    }
    field.note(records);
}

/// Asks for one key; without an answer the connection is gone.
pub fn send(client: &mut Option<Client>, port: u16, truth: &Truth, key: usize) -> Option<Record> {
    let request = Request::get(&truth.keys.get(key)?.target);
    let mut connected = client.take().or_else(|| Client::connect(port).ok())?;
    let started = Instant::now();
    let response = connected.send(&request).ok()?;
    *client = Some(connected);
    Some(record(key, started, &response))
}

fn record(key: usize, started: Instant, response: &Response) -> Record {
    let version = response.text(origin::VERSION).and_then(|version| version.parse().ok());
    let version = version.filter(|_| response.status == 200);
    let status = response.cache_status().unwrap_or_default();
    let tier = match () {
        () if status.hit_from("l1") => Tier::L1,
        () if status.hit_from("l2") => Tier::L2,
        () if status.collapsed => Tier::Collapsed,
        () => Tier::Origin,
    };
    Record { key, started, version, tier, pod: 0, worker: None }
}
