//! One case, once: a fresh Envoy, a look at the answer, a while to warm up, a while that counts.
//!
//! A fresh process each time: where things happen to lie in memory then is part of the spread, not of the result.

use std::path::Path;
use std::time::Duration;

use stack::{Envoy, Request, Response};

use crate::answer;
use crate::case::{Case, Load};
use crate::cpu::{Cores, Used};
use crate::ground::Ground;
use crate::load::{self, Seen};
use crate::proxy;

/// Long enough for V8 to compile what is hot with its optimizing compiler, and for L2 to be filled.
const WARM_UP: Duration = Duration::from_secs(1);

/// What one run gave.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// CPU time of Envoy, all threads, for one request, in microseconds.
    pub cpu: f64,
    /// How long Envoy's threads waited for their core, as a share of the time they had it.
    pub waited: f64,
    /// What wrk saw.
    pub seen: Seen,
}

/// Runs a case for `length`; `number` tells the runs of one bench apart.
///
/// # Errors
/// A sentence, when something does not start or another answered than should have.
pub fn run(
    case: &Case,
    number: usize,
    length: Duration,
    ground: &Ground,
    cores: Cores,
    folder: &Path,
) -> Result<Run, String> {
    if matches!(case.load, Load::Fresh(_)) {
        ground.empty()?;
    }
    let mut envoy = proxy::envoy(case.way, ground, cores, folder)?;
    envoy.start()?;
    same_answer(&ask(&envoy, case)?)?;
    load::run(envoy.port(), case.load, number * 2, WARM_UP)?;
    settle();
    measure(case, number * 2 + 1, length, &mut envoy)
}

fn measure(case: &Case, number: usize, length: Duration, envoy: &mut Envoy) -> Result<Run, String> {
    let before = envoy.metrics()?;
    let process = envoy.process().ok_or("Envoy does not run")?.id();
    let used = Used::by(process)?;
    let seen = load::run(envoy.port(), case.load, number, length)?;
    settle();
    let used = Used::by(process)?.since(used);
    let after = envoy.metrics()?;
    let requests = case.source.check(&before, &after)?;
    let cpu = used.cpu.as_secs_f64();
    Ok(Run { cpu: cpu * 1e6 / requests, waited: used.waited.as_secs_f64() / cpu, seen })
}

/// Lets what is still under way behind the clients' backs come to its end: fills, and wrk's last unread answers.
fn settle() {
    std::thread::sleep(Duration::from_millis(100));
}

fn ask(envoy: &Envoy, case: &Case) -> Result<Response, String> {
    let mut request = Request::get(load::first(case.load));
    for (name, value) in load::HEADERS {
        request = request.header(name, value);
    }
    // The second answer of a cache is the one that counts.
    request.send(envoy.port())?;
    settle();
    request.send(envoy.port())
}

/// Nothing is compared unless it answers the same.
fn same_answer(response: &Response) -> Result<(), String> {
    if response.status != 200 || response.body != answer::BODY.as_bytes() {
        return Err(format!("another answer: status {}, {} bytes", response.status, response.body.len()));
    }
    let wrong = answer::HEADERS.iter().find(|(name, value)| response.text(name).as_deref() != Some(*value));
    match wrong {
        Some((name, _)) => Err(format!("another answer: {name} is {:?}", response.text(name))),
        None if response.header("date").is_none() => Err("another answer: no date".to_owned()),
        None => Ok(()),
    }
}
