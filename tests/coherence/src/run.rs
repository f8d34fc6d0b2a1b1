//! All of it, for twenty seconds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::json;
use stack::{Client, Fleet, Publisher, Request, Stack};

use crate::keys::{self, RULES};
use crate::load::{self, Field, Record, Target};
use crate::plan::{self, Planned};
use crate::probe::{Probe, Watch};
use crate::truth::Truth;
use crate::{load::CONNECTIONS, origin};
use fastrand::Rng;

/// The Envoys.
const PODS: usize = 2;
/// The workers of each.
const WORKERS: usize = 2;
/// Who watch a worker, in turn: each has to do with one invalidation at a time, or two.
const TURNS: usize = 3;
/// How long requests come.
const TIME: Duration = Duration::from_secs(20);
/// From the first request to the first notice, and from the last notice to the last request.
const MARGIN: Duration = Duration::from_secs(1);
/// A key is watched for so long before it is invalidated, so that all workers have it in memory.
const BEFORE: Duration = Duration::from_millis(60);

/// One invalidation, published.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its scope.
    pub scope: &'static str,
    /// The key that all workers are asked for.
    pub watched: usize,
    /// The version of that key that it asks for.
    pub version: usize,
    /// When it was acknowledged.
    pub acknowledged: Instant,
}

/// What was seen.
pub struct Seen {
    /// The truth.
    pub truth: Arc<Truth>,
    /// All answers.
    pub records: Vec<Record>,
    /// Requests without an answer, by pod.
    pub lost: Vec<usize>,
    /// The pod that was killed, and when it was gone and back.
    pub killed: (usize, Instant, Instant),
    /// All invalidations.
    pub published: Vec<Published>,
    /// How often the origin was asked.
    pub fetches: usize,
    /// For how long requests came.
    pub time: Duration,
    /// Metrics of the filter at the end, by name and label.
    pub metrics: BTreeMap<String, f64>,
}

/// Starts everything, asks, invalidates, kills, and gives what was seen.
pub fn run() -> Result<Seen, String> {
    let truth = Arc::new(Truth::new());
    let origin = origin::start(&truth)?;
    let mut fleet = fleet(origin.port())?;
    let shown = warm(&fleet, &truth)?;
    let plan = plan::plan(&truth.keys, &shown, MARGIN, TIME - MARGIN, &mut Rng::with_seed(4));
    let (field, probes) = (field(&fleet), probes(&fleet)?);
    let mut publisher = fleet.publisher()?;
    let begun = Instant::now();
    let asked = origin.count();
    let (published, killed) = thread::scope(|scope| {
        let (field, truth) = (&field, &truth);
        (0..CONNECTIONS).for_each(|number| drop(scope.spawn(move || load::ask(field, truth, number))));
        probes.iter().for_each(|probe| drop(scope.spawn(move || probe.ask(field, truth))));
        let publishing = scope.spawn(|| publish(&plan, &shown, truth, &probes, &mut publisher, begun));
        let killed = kill(&mut fleet, field, &probes, begun);
        let published = publishing.join().unwrap_or_else(|_| Err("the publisher panicked".to_owned()));
        sleep((begun + TIME).saturating_duration_since(Instant::now()));
        field.over.store(true, Ordering::Release);
        (published, killed)
    });
    let (time, fetches) = (begun.elapsed(), origin.count() - asked);
    fleet.unharmed()?;
    let Field { records, lost, .. } = field;
    let records = records.into_inner().unwrap_or_else(PoisonError::into_inner);
    let lost = lost.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Seen { truth, records, lost, killed: killed?, published: published?, fetches, time, metrics: metrics(&fleet) })
}

/// The shipped configuration, with time for a busy machine and the rules for the keys.
fn fleet(origin: u16) -> Result<Fleet, String> {
    let builder = Stack::builder().service(origin).edit(|plugin| {
        if let Some(plugin) = plugin.as_object_mut() {
            plugin.insert("rules".to_owned(), json!(RULES.map(keys::rule)));
        }
    });
    let quiet = builder.change(|bootstrap| {
        let manager = bootstrap.connection_manager()?.as_object_mut().ok_or("no connection manager")?;
        manager.remove("access_log");
        Ok(())
    });
    quiet.workers(WORKERS).fleet(PODS)
}

/// Asks each worker for each key, and gives the keys as they are shown.
fn warm(fleet: &Fleet, truth: &Truth) -> Result<Vec<String>, String> {
    let workers = fleet.workers()?;
    // Each begins elsewhere, so that each fetches a part, and finds the others' parts in L2.
    let part = truth.keys.len() / workers.len().max(1);
    let shown = thread::scope(|scope| {
        let asking = workers.into_iter().enumerate();
        let asking = asking.map(|(number, worker)| scope.spawn(move || see(worker, truth, number * part)));
        let asking: Vec<_> = asking.collect();
        let seen = asking.into_iter().map(|asking| asking.join().unwrap_or_else(|_| Err("a panic".to_owned())));
        seen.collect::<Result<Vec<_>, String>>()
    });
    shown?.into_iter().next().ok_or_else(|| "no workers".to_owned())
}

/// Asks one worker for each key, beginning with that of number `first`.
fn see(mut worker: Client, truth: &Truth, first: usize) -> Result<Vec<String>, String> {
    let count = truth.keys.len();
    let mut shown = vec![String::new(); count];
    for number in (first..first + count).map(|number| number % count) {
        let target = truth.keys.get(number).map(|key| key.target.as_str()).unwrap_or_default();
        let status = worker.send(&Request::get(target))?.cache_status().unwrap_or_default();
        let place = shown.get_mut(number).ok_or("no such key")?;
        *place = status.key.ok_or_else(|| format!("{target} is answered without its key"))?;
    }
    Ok(shown)
}

fn field(fleet: &Fleet) -> Field {
    let pods = fleet.pods.iter().map(|pod| Target { port: pod.envoy.port(), up: AtomicBool::new(true) }).collect();
    Field { pods, records: Mutex::default(), lost: Mutex::default(), over: AtomicBool::new(false) }
}

/// Some for each worker, those of a pod and turn in a row.
fn probes(fleet: &Fleet) -> Result<Vec<Probe>, String> {
    let mut probes = Vec::new();
    for (pod, turn) in (0..fleet.pods.len()).flat_map(|pod| (0..TURNS).map(move |turn| (pod, turn))) {
        let clients = fleet.pods.get(pod).map(|pod| pod.envoy.workers()).ok_or("no such pod")??;
        let numbered = clients.into_iter().enumerate();
        probes.extend(numbered.map(|(worker, client)| Probe::new(pod, turn, pod * WORKERS + worker, client)));
    }
    Ok(probes)
}

/// Publishes what is planned, each at its time.
fn publish(
    plan: &[Planned],
    shown: &[String],
    truth: &Truth,
    probes: &[Probe],
    publisher: &mut Publisher,
    begun: Instant,
) -> Result<Vec<Published>, String> {
    let mut all = Vec::new();
    for Planned { at, scope, watched } in plan {
        let at = begun + *at;
        sleep((at - BEFORE).saturating_duration_since(Instant::now()));
        let watch = Watch { key: *watched, version: truth.version(*watched) + 1, since: Instant::now() };
        probes.iter().filter(|probe| probe.turn == all.len() % TURNS).for_each(|probe| probe.watch(watch));
        sleep(at.saturating_duration_since(Instant::now()));
        let pairs = truth.keys.iter().zip(shown).enumerate();
        let meant: Vec<_> = pairs.filter(|(_, (key, shown))| key.is_meant(scope, shown)).map(|(key, _)| key).collect();
        truth.advance(&meant);
        publisher.invalidate(scope)?;
        let acknowledged = Instant::now();
        truth.acknowledge(&meant, acknowledged);
        all.push(Published { scope: scope.as_str(), watched: *watched, version: watch.version, acknowledged });
    }
    Ok(all)
}

/// In the middle kills the first Envoy and starts it again; nobody else connects to it before those who watch have.
fn kill(
    fleet: &mut Fleet,
    field: &Field,
    probes: &[Probe],
    begun: Instant,
) -> Result<(usize, Instant, Instant), String> {
    sleep((begun + TIME / 2).saturating_duration_since(Instant::now()));
    let gone = Instant::now();
    let (pod, target) = (fleet.pod(0)?, field.pods.first().ok_or("no pods")?);
    pod.envoy.kill();
    target.up.store(false, Ordering::Release);
    let own: Vec<_> = probes.iter().filter(|probe| probe.pod == 0).collect();
    own.iter().for_each(|probe| probe.connect(None));
    pod.envoy.start()?;
    // A connection that was tried just when it was killed may still come.
    sleep(Duration::from_millis(100));
    let clients = (0..TURNS).map(|_| pod.envoy.workers()).collect::<Result<Vec<_>, _>>()?;
    own.iter().zip(clients.into_iter().flatten()).for_each(|(probe, client)| probe.connect(Some(client)));
    target.up.store(true, Ordering::Release);
    Ok((0, gone, Instant::now()))
}

/// What the filter counted of its own doing in the fleet. The Envoy that was killed counts from its new start.
fn metrics(fleet: &Fleet) -> BTreeMap<String, f64> {
    const NAMES: [(&str, &str); 4] = [
        ("leases_total", "outcome"),
        ("log_discontinuities_total", "reason"),
        ("l2_calls_total", "outcome"),
        ("unexpected_total", "reason"),
    ];
    let mut all = BTreeMap::new();
    for metrics in fleet.pods.iter().filter_map(|pod| pod.envoy.metrics().ok()) {
        for (name, label) in NAMES {
            let full = format!("fingerprint_cache_{name}");
            for value in metrics.values(&full, label) {
                *all.entry(format!("{name} {value}")).or_default() += metrics.sum(&full, &[(label, &value)]);
            }
        }
    }
    all
}
