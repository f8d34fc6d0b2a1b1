//! Those who ask: connections spread over the Envoys, at a pace or as fast as answers come.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use stack::{Client, Response};

use crate::ask::{Mix, Question};
use crate::oracle::Oracle;
use crate::plan;
use fastrand::Rng;

/// The user who warms up; the service does not keep that one waiting.
const WARMER: &str = "warmer";
/// A plan that is further behind is given up.
const BEHIND: Duration = Duration::from_millis(500);

/// Where an answer came from, by what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The worker's memory.
    L1,
    /// Redis.
    L2,
    /// The answer to another request that was on its way.
    Collapsed,
    /// The service, though a rule is for it.
    Service,
    /// The service, as no rule is for it.
    Never,
}

/// One answer.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Where it came from.
    pub tier: Tier,
    /// From the first byte sent to the last one read.
    pub took: Duration,
    /// How much later it was asked than planned.
    pub late: Duration,
}

/// What all who ask have in common.
#[derive(Debug)]
pub struct Field {
    /// The ports of the Envoys.
    pub ports: Vec<u16>,
    /// What is asked.
    pub mix: Mix,
    /// Who judges.
    pub oracle: Oracle,
}

/// How a phase goes.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    /// Tells its questions from those of other phases.
    pub number: u64,
    /// How long it takes.
    pub time: Duration,
    /// Requests a second, all connections together; `None`: the next as soon as the last is answered.
    pub rate: Option<f64>,
    /// Whether the model stays the same.
    pub steady: bool,
}

/// Asks for a while, and gives all answers.
pub fn run(field: &Field, phase: Phase) -> Vec<Record> {
    thread::scope(|scope| {
        let asking: Vec<_> =
            (0..plan::CONNECTIONS).map(|number| scope.spawn(move || ask(field, phase, number))).collect();
        asking.into_iter().flat_map(|asking| asking.join().unwrap_or_default()).collect()
    })
}

fn ask(field: &Field, phase: Phase, number: usize) -> Vec<Record> {
    let Some(port) = field.ports.get(number % field.ports.len().max(1)).copied() else { return Vec::new() };
    let mut dice = Rng::with_seed(phase.number * 10_000 + u64::try_from(number).unwrap_or(0));
    let pace = phase.rate.map(|rate| Duration::from_secs_f64(plan::CONNECTIONS as f64 / rate));
    let (begun, user) = (Instant::now(), format!("user-{number}"));
    let (mut next, mut client, mut records) = (begun, None, Vec::new());
    if let Some(pace) = pace {
        next += pace.mul_f64(dice.f64());
    }
    while begun.elapsed() < phase.time {
        sleep(next.saturating_duration_since(Instant::now()));
        let late = next.elapsed();
        let session = || format!("s-{}-{number}-{}", phase.number, records.len());
        let question = field.mix.question(&mut dice, session);
        let answer = send(&mut client, port, &question, &user, &field.oracle);
        if let Some(response) = answer {
            field.oracle.judge(&question, &response, phase.steady);
            records.push(Record { tier: tier(&question, &response), took: response.elapsed, late });
        }
        next = pace.map_or_else(Instant::now, |pace| plan_next(next, pace.mul_f64(0.5 + dice.f64())));
    }
    records
}

/// The next moment of a plan; from the present where that is far behind: who cannot keep up does not end in a burst.
fn plan_next(last: Instant, pace: Duration) -> Instant {
    let next = last + pace;
    if next.elapsed() > BEHIND { Instant::now() } else { next }
}

/// Asks on a connection that is kept; without an answer that is a fault, and the connection is gone.
fn send(client: &mut Option<Client>, port: u16, question: &Question, user: &str, oracle: &Oracle) -> Option<Response> {
    let connected = client.take().map_or_else(|| Client::connect(port), Ok);
    let answer = connected.and_then(|mut connected| {
        let request = question.request(user);
        let request = if user == WARMER { request.header("x-demo-delay", "0ms") } else { request };
        let response = connected.send(&request)?;
        *client = Some(connected);
        Ok(response)
    });
    answer.inspect_err(|error| oracle.fault(&format!("{question:?} got no answer: {error}"))).ok()
}

fn tier(question: &Question, response: &Response) -> Tier {
    let status = response.cache_status();
    match status {
        None if !question.is_cached() => Tier::Never,
        Some(status) if status.hit_from("l1") => Tier::L1,
        Some(status) if status.hit_from("l2") => Tier::L2,
        Some(status) if status.collapsed => Tier::Collapsed,
        _ => Tier::Service,
    }
}

/// Asks for every fingerprint once, the most popular first, as the warmer would; says how many in the time there was.
pub fn warm(field: &Field) -> usize {
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    thread::scope(|scope| {
        for number in 0..plan::WARMERS {
            let (next, ports) = (&next, &field.ports);
            scope.spawn(move || {
                let Some(port) = ports.get(number % ports.len().max(1)).copied() else { return };
                let mut client = None;
                while begun.elapsed() < plan::WARM {
                    let key = next.fetch_add(1, Ordering::Relaxed);
                    if key >= plan::KEYS {
                        return;
                    }
                    let question = Question::identify(key, || format!("warm-{key}"));
                    if let Some(response) = send(&mut client, port, &question, WARMER, &field.oracle) {
                        field.oracle.judge(&question, &response, true);
                    }
                }
            });
        }
    });
    next.into_inner().min(plan::KEYS)
}
