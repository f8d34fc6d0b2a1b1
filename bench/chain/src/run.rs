//! One phase after the other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use stack::{Client, Publisher, Request, Scope};

use crate::ask::{self, Mix, Question};
use crate::figures::Figures;
use crate::ground::Ground;
use crate::load::{self, Field, Phase, Record};
use crate::oracle::Oracle;
use crate::plan;
use crate::retrain::{self, Retrained};
use fastrand::Rng;

/// So many answers are held against the service's own, the most popular first.
const COMPARED: usize = 3_000;
/// With fewer answers nothing is measured.
const LEAST: usize = 5_000;

/// All that was seen.
pub struct Seen {
    /// How many fingerprints were fetched beforehand, and how long that took.
    pub warmed: (usize, Duration),
    /// The phase that is measured.
    pub measured: Figures,
    /// For how long, really.
    pub time: Duration,
    /// What reached the service meanwhile, by its own count.
    pub asked: u64,
    /// How lookups in L2 ended meanwhile, and why requests went to the service.
    pub reasons: [BTreeMap<String, f64>; 2],
    /// How many notices were published meanwhile.
    pub notices: usize,
    /// The CPU time that each process used meanwhile.
    pub used: Vec<(&'static str, Duration)>,
    /// The times where the machine has room.
    pub quiet: Figures,
    /// Requests a second while everybody asks as fast as answers come.
    pub full_rate: f64,
    /// The retrainings; none, where they failed.
    pub retrained: Vec<Retrained>,
    /// What is held, and what it takes.
    pub held: Held,
    /// How many answers were held against the service's own.
    pub compared: usize,
    /// What the filter met and did not know: each one passed to the service.
    pub unexpected: f64,
    /// Some of what is wrong, in words: empty, unless something is.
    pub faults: Vec<String>,
    /// How many answers were wrong or missing.
    pub wrong: usize,
    /// From the start to the end.
    pub whole: Duration,
}

/// What is held at the end of the measured phase.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Entries and bytes in L1, over all workers.
    pub l1: (f64, f64),
    /// The memory of each Envoy before any request, and now.
    pub resident: (Vec<u64>, Vec<u64>),
    /// Keys in Redis, and bytes of its memory above what it had when it was empty.
    pub redis: (f64, f64),
    /// Connections to Redis.
    pub connections: f64,
    /// How all fills of Redis ended up to then.
    pub fills: BTreeMap<String, f64>,
}

/// Starts everything, asks, and gives what was seen.
///
/// # Errors
/// A sentence, when something does not start, or so little was answered that nothing is measured.
pub fn run() -> Result<Seen, String> {
    let begun = Instant::now();
    let mut ground = Ground::start()?;
    let seen = phases(&ground, begun);
    if seen.as_ref().is_err() || seen.as_ref().is_ok_and(|seen| seen.wrong > 0) {
        ground.keep();
    }
    seen
}

fn phases(ground: &Ground, begun: Instant) -> Result<Seen, String> {
    let (empty, bare) = (ground.info("memory", "used_memory").unwrap_or_default(), ground.resident());
    let mut workers = workers(ground)?;
    let ports = ground.envoys.iter().map(stack::Envoy::port).collect();
    let field = Field { ports, mix: Mix::new(), oracle: Oracle::new() };
    say(&format!("Every one of {} fingerprints once ...", plan::KEYS));
    let warming = Instant::now();
    let warmed = (load::warm(&field), warming.elapsed());
    say(&format!("{} in {:.1} s; the memories settle ...", warmed.0, warmed.1.as_secs_f64()));
    load::run(&field, phase(1, plan::SETTLE, None));
    say(&format!("{:.0} requests/s for {:.0} s ...", plan::RATE, plan::MEASURED.as_secs_f64()));
    let window = measure(ground, &field)?;
    let held = held(ground, empty, bare);
    say(&format!("{:.0} requests/s ...", plan::QUIET_RATE));
    let quiet = Figures::of(&load::run(&field, phase(5, plan::QUIET, Some(plan::QUIET_RATE))));
    say("As fast as answers come ...");
    let (full, full_time) = timed(|| load::run(&field, phase(3, plan::FULL, None)));
    let compared = compare(ground, &field.oracle)?;
    say("Retrainings ...");
    let retrained = retrain(ground, &field, &mut workers).unwrap_or_else(|sentence| {
        field.oracle.fault(&sentence);
        Vec::new()
    });
    let unexpected = ground.sum("fingerprint_cache_unexpected_total", &[]);
    unharmed(ground, &field.oracle);
    let (wrong, faults) = field.oracle.verdict();
    Ok(Seen {
        warmed,
        measured: Figures::of(&window.records),
        time: window.time,
        asked: window.asked,
        notices: window.notices,
        reasons: window.reasons,
        used: window.used,
        quiet,
        full_rate: full.len() as f64 / full_time.as_secs_f64(),
        retrained,
        held,
        compared,
        unexpected,
        faults,
        wrong,
        whole: begun.elapsed(),
    })
}

/// The measured phase.
struct Window {
    records: Vec<Record>,
    time: Duration,
    asked: u64,
    reasons: [BTreeMap<String, f64>; 2],
    notices: usize,
    used: Vec<(&'static str, Duration)>,
}

fn measure(ground: &Ground, field: &Field) -> Result<Window, String> {
    let publisher = Publisher::connect(&ground.redis)?;
    let (asked, used, over) = (ground.asked()?, ground.used(), AtomicBool::new(false));
    let before = reasons(ground);
    let (notices, (records, time)) = thread::scope(|scope| {
        let publishing = scope.spawn(|| publish(publisher, &field.mix, &over));
        let asked = timed(|| load::run(field, phase(2, plan::MEASURED, Some(plan::RATE))));
        over.store(true, Ordering::Release);
        (publishing.join().unwrap_or_else(|_| Err("the publisher panicked".to_owned())), asked)
    });
    if records.len() < LEAST {
        return Err(format!("only {} answers in {time:.1?}: nothing is measured by that", records.len()));
    }
    let since = ground.used().into_iter().zip(used);
    let used = since.map(|((name, now), (_, before))| (name, now.saturating_sub(before))).collect();
    let asked = ground.asked()?.saturating_sub(asked);
    let ([lookups, forwarded], [lookups_before, forwarded_before]) = (reasons(ground), before);
    let reasons = [grown(lookups, &lookups_before), grown(forwarded, &forwarded_before)];
    Ok(Window { records, time, asked, reasons, notices: notices?, used })
}

fn reasons(ground: &Ground) -> [BTreeMap<String, f64>; 2] {
    let lookups = ground.counts("fingerprint_cache_l2_calls_total", "outcome", &[("op", "lookup")]);
    [lookups, ground.counts("fingerprint_cache_forwarded_total", "reason", &[])]
}

/// What was counted since.
fn grown(now: BTreeMap<String, f64>, before: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let grown = now.into_iter().map(|(name, count)| (before.get(&name).map_or(count, |before| count - before), name));
    grown.filter(|(count, _)| *count > 0.0).map(|(count, name)| (name, count)).collect()
}

/// Publishes now and then: one profile by its URI, and, every fiftieth time, all profiles by their tag.
fn publish(mut publisher: Publisher, mix: &Mix, over: &AtomicBool) -> Result<usize, String> {
    let (mut dice, mut count) = (Rng::with_seed(9), 0);
    while !over.load(Ordering::Acquire) {
        sleep(plan::NOTICES);
        count += 1;
        let scope = match count % 50 {
            0 => Scope::Tag("profile".to_owned()),
            _ => Scope::Uri(ask::profile_path(mix.profile(&mut dice))),
        };
        publisher.invalidate(&scope)?;
    }
    Ok(count)
}

/// Holds what was answered against the service's own answers.
fn compare(ground: &Ground, oracle: &Oracle) -> Result<usize, String> {
    let mut client = Client::connect(ground.demo.port())?;
    let keys: Vec<_> = oracle.answered().take(COMPARED).collect();
    for key in &keys {
        let request: Request = Question::Identify(*key, None).request("judge").header("x-demo-delay", "0ms");
        oracle.compare(*key, &client.send(&request)?);
    }
    Ok(keys.len())
}

/// The retrainings, under a load that goes on.
fn retrain(ground: &Ground, field: &Field, workers: &mut [Client]) -> Result<Vec<Retrained>, String> {
    // With time for the service's own answers, and to settle.
    let time = plan::WATCHED.mul_f64(plan::RETRAININGS as f64 * 1.1);
    let load = Phase { steady: false, ..phase(4, time, Some(plan::QUIET_RATE)) };
    thread::scope(|scope| {
        scope.spawn(move || load::run(field, load));
        retrain::run(ground, workers)
    })
}

/// A VM that died is a fault. What the filter did not know it passed on, and is told beside the figures: a machine that
/// stands still for a second can make it so.
fn unharmed(ground: &Ground, oracle: &Oracle) {
    let harms = ground.envoys.iter().filter_map(|envoy| envoy.unharmed().err());
    harms.filter(|harm| !harm.contains("the unexpected")).for_each(|harm| oracle.fault(&harm));
}

/// A connection to each worker.
fn workers(ground: &Ground) -> Result<Vec<Client>, String> {
    let all = ground.envoys.iter().map(stack::Envoy::workers).collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().flatten().collect())
}

fn held(ground: &Ground, empty: f64, bare: Vec<u64>) -> Held {
    let gauge = |name: &str| ground.sum(&format!("fingerprint_cache_{name}"), &[]);
    let memory = ground.info("memory", "used_memory").unwrap_or_default() - empty;
    let keys = ground.redis.call(&["DBSIZE"]).ok().and_then(|reply| reply.integer()).unwrap_or_default();
    Held {
        l1: (gauge("entries"), gauge("bytes")),
        resident: (bare, ground.resident()),
        redis: (keys as f64, memory),
        connections: ground.info("clients", "connected_clients").unwrap_or_default(),
        fills: ground.counts("fingerprint_cache_l2_calls_total", "outcome", &[("op", "fill")]),
    }
}

fn phase(number: u64, time: Duration, rate: Option<f64>) -> Phase {
    Phase { number, time, rate, steady: true }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let done = work();
    (done, begun.elapsed())
}

fn say(text: &str) {
    eprintln!("{text}");
}
