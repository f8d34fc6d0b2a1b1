//! How long an old answer lives: the model is retrained, the notice published, and each worker asked again and again for
//! what was old.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use stack::{Client, Publisher, Request, Scope};

use crate::ask::Question;
use crate::ground::Ground;
use crate::plan;

/// The fingerprints that are watched, besides the features: the most popular, so that every worker has them.
const KEYS: usize = 6;
/// How often each watcher asks.
const PACE: Duration = Duration::from_millis(3);
/// Longer than `sync.max_lag`: what is old then stays.
const NEVER: Duration = Duration::from_secs(8);
/// Who asks the service itself wants no delay.
const AT_ONCE: (&str, &str) = ("x-demo-delay", "0ms");

/// What one retraining showed.
#[derive(Clone, Copy, Debug)]
pub struct Retrained {
    /// How long publishing took.
    pub publishing: Duration,
    /// From the acknowledgement to the start of the last request with an old answer; zero: there was none.
    pub oldest: Duration,
    /// Answers to watchers after the acknowledgement.
    pub answers: usize,
    /// How many of them were old.
    pub old: usize,
}

/// One answer to a watcher.
struct Look {
    started: Instant,
    is_old: bool,
}

/// Retrains and watches, several times. `workers`: a connection to each.
///
/// # Errors
/// A sentence, when somebody does not answer, or a worker never shows the new answers.
pub fn run(ground: &Ground, workers: &mut [Client]) -> Result<Vec<Retrained>, String> {
    let mut publisher = Publisher::connect(&ground.redis)?;
    (0..plan::RETRAININGS).map(|_| once(ground.demo.port(), workers, &mut publisher)).collect()
}

fn once(service: u16, workers: &mut [Client], publisher: &mut Publisher) -> Result<Retrained, String> {
    let watched = watched();
    let old = truth(service, &watched)?;
    see_all(workers, &watched, &old)?;
    let post = Request::post("/api/v1/models/retrain", "").bearer("trainer").header(AT_ONCE.0, AT_ONCE.1);
    let trained = post.send(service)?;
    if trained.status != 202 {
        return Err(format!("the service does not retrain: status {}", trained.status));
    }
    let new = truth(service, &watched)?;
    if old.iter().zip(&new).any(|(old, new)| old == new) {
        return Err("a retrained model answers as before, so nobody could tell what is old".to_owned());
    }
    let (asked, (acknowledged, looks)) = (Instant::now(), watch(workers, &watched, &old, publisher)?);
    let after: Vec<_> = looks.iter().filter(|look| look.started >= acknowledged).collect();
    let olds = after.iter().filter(|look| look.is_old);
    let oldest = olds.clone().map(|look| look.started - acknowledged).max().unwrap_or_default();
    Ok(Retrained { publishing: acknowledged - asked, oldest, answers: after.len(), old: olds.count() })
}

/// Publishes while every worker is asked, and for a while after.
fn watch(
    workers: &mut [Client],
    watched: &[Request],
    old: &[Vec<u8>],
    publisher: &mut Publisher,
) -> Result<(Instant, Vec<Look>), String> {
    let until = Instant::now() + plan::WATCHED;
    thread::scope(|scope| {
        let looking: Vec<_> =
            workers.iter_mut().map(|client| scope.spawn(move || look(client, watched, old, until))).collect();
        publisher.invalidate(&Scope::Tag("model".to_owned()))?;
        let acknowledged = Instant::now();
        let looks = looking.into_iter().map(|looking| looking.join().unwrap_or_else(|_| Err("a panic".to_owned())));
        let looks = looks.collect::<Result<Vec<_>, String>>()?;
        Ok((acknowledged, looks.into_iter().flatten().collect()))
    })
}

fn look(client: &mut Client, watched: &[Request], old: &[Vec<u8>], until: Instant) -> Result<Vec<Look>, String> {
    let (mut looks, mut is_behind) = (Vec::new(), true);
    while Instant::now() < until || is_behind {
        is_behind = false;
        for (request, old) in watched.iter().zip(old) {
            let started = Instant::now();
            let is_old = client.send(request)?.body == *old;
            is_behind |= is_old;
            looks.push(Look { started, is_old });
        }
        if is_behind && Instant::now() > until + NEVER {
            return Err(format!("a worker gives old answers {NEVER:?} after the notice, which must never be"));
        }
        sleep(PACE);
    }
    Ok(looks)
}

fn watched() -> Vec<Request> {
    let keys = (0..KEYS).map(|key| Question::Identify(key, None));
    keys.chain([Question::Features]).map(|question| question.request("watcher")).collect()
}

/// What the service itself answers now.
fn truth(service: u16, watched: &[Request]) -> Result<Vec<Vec<u8>>, String> {
    let mut client = Client::connect(service)?;
    let ask = |request: &Request| Ok(client.send(&request.clone().header(AT_ONCE.0, AT_ONCE.1))?.body);
    watched.iter().map(ask).collect()
}

/// That each worker has what is about to become old: else there would be nothing to see.
fn see_all(workers: &mut [Client], watched: &[Request], old: &[Vec<u8>]) -> Result<(), String> {
    for client in workers {
        for (request, old) in watched.iter().zip(old) {
            if client.send(request)?.body != *old {
                return Err("before a retraining, an answer is not the service's own".to_owned());
            }
        }
    }
    Ok(())
}
