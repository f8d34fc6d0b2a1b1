//! A fleet before a scripted origin, and a test played in it: two Envoys with two workers each.
//!
//! Two rules of its own come before the shipped ones: `left` under `/left/` and `right` under `/right/`. Both show the
//! key, carry a tag with their name, and refresh in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stack::{Asked, Builder, Client, Fleet, Origin, Request, Response, Stack, Step, answer};

use crate::{Outcome, settings, until, verdict};

/// The Envoys of a fleet.
pub const PODS: usize = 2;
/// The workers of all of them.
pub const WORKERS: usize = 4;
/// When all workers know what was published: `sync.interval` and one look, with room for a busy machine. `max_lag` is
/// longer, so what helps by itself comes too late.
pub const BOUND: Duration = Duration::from_secs(2);

/// A running fleet before a scripted origin.
pub struct Pods {
    /// Envoys, webdis, Redis.
    pub fleet: Fleet,
    /// The service.
    pub origin: Origin,
    version: Version,
}

/// A fleet that is yet to be started.
pub struct Muster {
    origin: Result<Origin, String>,
    builder: Builder,
    version: Version,
}

/// What the origin gives at present.
#[derive(Clone, Debug, Default)]
pub struct Version(Arc<AtomicUsize>);

impl Version {
    /// Its number.
    pub fn now(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Gives the next one from now on.
    pub fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// A fleet before an origin with this script.
pub fn fleet(script: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static) -> Muster {
    muster(Origin::start(script), Version::default())
}

/// A fleet before an origin that answers with the present version, fresh for a minute, and tagged with the last part of
/// the path.
pub fn versioned() -> Muster {
    let version = Version::default();
    let now = version.clone();
    muster(Origin::start(move |asked| stamped(asked, now.now())), version)
}

/// An answer that carries a version.
pub fn stamped(asked: &Asked, version: usize) -> Vec<Step> {
    let path = asked.path();
    let tag = path.rsplit('/').next().unwrap_or_default();
    let body = json!({ "version": version, "path": path }).to_string();
    answer(200, &[("cache-control", "max-age=60"), ("surrogate-key", tag)], body)
}

/// The version that an answer carries.
///
/// # Errors
/// A sentence, when it carries none.
pub fn version_of(response: &Response) -> Result<usize, String> {
    verdict::answered(response, 200)?;
    let body = response.json()?;
    let version = body.get("version").and_then(Value::as_u64).and_then(|version| usize::try_from(version).ok());
    version.ok_or_else(|| format!("an answer without a version: {body}"))
}

fn muster(origin: Result<Origin, String>, version: Version) -> Muster {
    let port = origin.as_ref().map_or(0, Origin::port);
    let builder = settings::roomy(Stack::builder().service(port));
    let builder = settings::with_rule(settings::with_rule(builder, rule("right")), rule("left"));
    Muster { origin, builder, version }
}

fn rule(name: &str) -> Value {
    json!({
        "name": name,
        "match": { "methods": ["GET", "HEAD"], "path": format!("/{name}/**") },
        "auth": "shared",
        "freshness": { "default": "5m", "stale_while_revalidate": "1m", "early_refresh": false },
        "tags": [name],
        "refresh": { "cluster": "fingerprint-api" },
        "show_key": true,
    })
}

impl Muster {
    /// With a changed stack.
    #[must_use]
    pub fn set(self, set: impl FnOnce(Builder) -> Builder) -> Self {
        Self { builder: set(self.builder), ..self }
    }

    /// With these times: how long a fill may be led without a sign, and how long others wait for it.
    #[must_use]
    pub fn fill(self, lease: &'static str, wait: &'static str) -> Self {
        let fill = json!({ "lease": lease, "wait": wait });
        self.set(|builder| builder.edit(move |plugin| settings::set(plugin, "/fill", fill)))
    }

    /// Plays `test`, and then checks that no VM died and that the filter met nothing it does not know.
    ///
    /// # Panics
    /// With what went wrong; the logs are shown with it.
    pub fn play(self, test: impl FnOnce(&mut Pods) -> Outcome) {
        let (mut pods, mut wrong) = match self.start() {
            Ok(pods) => (Some(pods), None),
            Err(error) => (None, Some(error)),
        };
        if let Some(pods) = &mut pods {
            wrong = test(pods).and_then(|()| pods.fleet.unharmed()).err();
        }
        // The fleet is still there: its logs are shown because this panics.
        assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
    }

    fn start(self) -> Result<Pods, String> {
        Ok(Pods { origin: self.origin?, fleet: self.builder.fleet(PODS)?, version: self.version })
    }
}

impl Pods {
    /// The version that a [`versioned`] origin gives.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// A GET on a connection of its own to this pod.
    ///
    /// # Errors
    /// A sentence, when there is no whole answer.
    pub fn get(&self, pod: usize, target: &str) -> Result<Response, String> {
        Request::get(target).send(self.port(pod)?)
    }

    /// The port of a pod.
    ///
    /// # Errors
    /// A sentence, when there is no such pod.
    pub fn port(&self, pod: usize) -> Result<u16, String> {
        self.fleet.pods.get(pod).map(|pod| pod.envoy.port()).ok_or_else(|| format!("there is no pod {pod}"))
    }

    /// The sum of a metric of the filter over all pods; `name` without `fingerprint_cache_`.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.fleet.sum(&format!("fingerprint_cache_{name}"), labels)
    }

    /// What became of those who led or waited, as one line.
    pub fn leases(&self) -> String {
        let outcomes = ["led", "collapsed", "timed_out", "handed_over", "yielded", "lost"];
        let counts = outcomes.map(|outcome| format!("{outcome} {}", self.sum("leases_total", &[("outcome", outcome)])));
        counts.join(", ")
    }

    /// Brings the present version of a target into the memory of these workers.
    ///
    /// # Errors
    /// A sentence, when it does not stay there.
    #[track_caller]
    pub fn warm(&self, workers: &mut [Client], target: &str) -> Outcome {
        let request = Request::get(target);
        for worker in workers {
            let what = format!("{target} to be in memory");
            until(&what, || Ok(worker.send(&request)?.cache_status().is_some_and(|status| status.hit_from("l1"))))?;
        }
        Ok(())
    }

    /// Waits until this worker gives `version` of a target, for [`BOUND`] at most, and then never an older one.
    ///
    /// # Errors
    /// A sentence with what it gives instead.
    #[track_caller]
    pub fn becomes(&self, worker: &mut Client, target: &str, version: usize) -> Outcome {
        self.becomes_within(worker, target, version, BOUND)
    }

    /// The same, with another bound.
    ///
    /// # Errors
    /// As [`Pods::becomes`].
    #[track_caller]
    pub fn becomes_within(&self, worker: &mut Client, target: &str, version: usize, bound: Duration) -> Outcome {
        let (request, deadline) = (Request::get(target), Instant::now() + bound);
        loop {
            let begun = Instant::now();
            let response = worker.send(&request)?;
            let given = version_of(&response)?;
            if given == version {
                return verdict::same(version_of(&worker.send(&request)?)?, version, "the answer after a new one");
            }
            if begun > deadline {
                let status = response.text("cache-status").unwrap_or_default();
                return verdict::holds(false, &format!("{target}: {version} after {bound:?}, but {given}: {status}"));
            }
            sleep(Duration::from_millis(10));
        }
    }
}
