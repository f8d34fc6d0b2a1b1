//! Everything real at once, and a test played in it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use stack::bootstrap::Bootstrap;
use stack::{Asked, Builder, Client, Metrics, Origin, Request, Response, Stack, Step};

use crate::settings;
use crate::{Outcome, verdict};

/// How long anything may take that should happen at once. Only a failing test waits so long.
pub const LIMIT: Duration = Duration::from_secs(10);
/// A connection lands on one of two workers by chance: so many on the same one do not happen.
const CONNECTIONS: usize = 64;
/// So many connections in a row reach both.
const CHANGED: usize = 16;

/// A running stack before a scripted origin.
pub struct Scene {
    /// Redis, webdis, Envoy.
    pub stack: Stack,
    /// The service.
    pub origin: Origin,
    changes: usize,
}

/// A scene that is yet to be started.
pub struct Stage {
    origin: Result<Origin, String>,
    builder: Builder,
}

/// A scene with two workers before an origin with this script.
pub fn before(script: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static) -> Stage {
    let origin = Origin::start(script);
    let port = origin.as_ref().map_or(0, Origin::port);
    Stage { origin, builder: settings::roomy(Stack::builder().service(port)) }
}

impl Stage {
    /// With one worker, where it does not matter who answers.
    #[must_use]
    pub fn one_worker(self) -> Self {
        self.set(|builder| builder.workers(1))
    }

    /// With a changed stack.
    #[must_use]
    pub fn set(self, set: impl FnOnce(Builder) -> Builder) -> Self {
        Self { builder: set(self.builder), ..self }
    }

    /// Plays `test`, and then checks that no VM died and that the filter met nothing it does not know.
    ///
    /// # Panics
    /// With what went wrong; the logs are shown with it.
    pub fn play(self, test: impl FnOnce(&mut Scene) -> Outcome) {
        let (mut scene, mut wrong) = match self.start() {
            Ok(scene) => (Some(scene), None),
            Err(error) => (None, Some(error)),
        };
        if let Some(scene) = &mut scene {
            wrong = test(scene).and_then(|()| scene.stack.unharmed()).err();
        }
        // The scene is still there: its logs are shown because this panics.
        assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
    }

    fn start(self) -> Result<Scene, String> {
        Ok(Scene { origin: self.origin?, stack: self.builder.start()?, changes: 0 })
    }
}

impl Scene {
    /// Sends a request on a connection of its own.
    ///
    /// # Errors
    /// A sentence, when there is no whole answer; so below.
    pub fn send(&self, request: &Request) -> Result<Response, String> {
        self.stack.send(request)
    }

    /// Sends a GET on a connection of its own.
    ///
    /// # Errors
    /// As [`Scene::send`].
    pub fn get(&self, target: &str) -> Result<Response, String> {
        self.stack.get(target)
    }

    /// Two connections, each to another worker.
    ///
    /// # Errors
    /// A sentence, when all connections land on one worker, or nothing is stored.
    pub fn pair(&self) -> Result<Pair, String> {
        let probe = Request::get(format!("{}/which-worker", settings::PROFILES));
        let (mut one, fills) = (self.stack.client()?, self.fills()?);
        verdict::answered(&one.send(&probe)?, 200)?;
        self.until_fills(fills + 1.0)?;
        for _ in 0..CONNECTIONS {
            let mut other = self.stack.client()?;
            if other.send(&probe)?.cache_status().is_some_and(|status| status.hit_from("l2")) {
                return Ok(Pair { one, other });
            }
        }
        Err(format!("{CONNECTIONS} connections, all to one worker"))
    }

    /// Sends `request` on `client`, sees that its answer is stored, and waits until it is in Redis too.
    ///
    /// # Errors
    /// A sentence, when it is not.
    #[track_caller]
    pub fn warm(&self, client: &mut Client, request: &Request) -> Result<Response, String> {
        let fills = self.fills()?;
        let response = client.send(request)?;
        verdict::stored(&response)?;
        self.until_fills(fills + 1.0)?;
        Ok(response)
    }

    /// Changes the listener while it runs, and waits until all workers serve new connections by it: Envoy says that it
    /// has taken a change before its workers have.
    ///
    /// # Errors
    /// A sentence with the end of Envoy's log, when it is refused.
    pub fn change(&mut self, change: impl FnOnce(&mut Bootstrap) -> Outcome) -> Outcome {
        self.changes += 1;
        let name = format!("envoy-{}", self.changes);
        self.stack.envoy.change(|bootstrap| {
            settings::set(bootstrap.connection_manager()?, "/server_name", name.as_str().into());
            change(bootstrap)
        })?;
        // An encoded slash: answered by Envoy itself, with its name.
        let answers = || (0..CHANGED).map(|_| self.get("/%2f").map(|answer| answer.text("server")));
        until("all workers to have the change", || {
            answers().try_fold(true, |all, server| Ok(all && server?.as_ref() == Some(&name)))
        })
    }

    /// The sum of a metric of the filter; `name` without `fingerprint_cache_`.
    ///
    /// # Errors
    /// A sentence, when Envoy does not answer.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Result<f64, String> {
        Ok(self.metrics()?.sum(&format!("fingerprint_cache_{name}"), labels))
    }

    /// All metrics.
    ///
    /// # Errors
    /// As [`Scene::sum`].
    pub fn metrics(&self) -> Result<Metrics, String> {
        self.stack.metrics()
    }

    /// Waits until a metric of the filter is `least` or more.
    ///
    /// # Errors
    /// A sentence with what it is instead.
    #[track_caller]
    pub fn until_sum(&self, name: &str, labels: &[(&str, &str)], least: f64) -> Outcome {
        let what = format!("{name} {labels:?} to be {least}");
        until(&what, || Ok(self.sum(name, labels)? >= least)).map_err(|error| {
            let all = self.stack.envoy.page("/stats/prometheus?filter=fingerprint_cache").unwrap_or_default();
            format!("{error}\n{all}")
        })
    }

    /// Waits until the log in Redis has so many events. Nobody waits for an invalidation, so its outcome is heard and
    /// counted only where the request that made it is still there.
    ///
    /// # Errors
    /// As [`Scene::until_sum`], or when Redis does not answer.
    #[track_caller]
    pub fn until_logged(&self, least: i64) -> Outcome {
        let length = || self.stack.redis.notices();
        until(&format!("{least} events in the log"), || length().map(|length: i64| length >= least))
    }

    /// How many entries went into Redis.
    ///
    /// # Errors
    /// As [`Scene::sum`].
    pub fn fills(&self) -> Result<f64, String> {
        self.sum("l2_calls_total", &[("op", "fill"), ("outcome", "ok")])
    }

    /// Waits until so many entries went into Redis.
    ///
    /// # Errors
    /// As [`Scene::until_sum`].
    #[track_caller]
    pub fn until_fills(&self, least: f64) -> Outcome {
        self.until_sum("l2_calls_total", &[("op", "fill"), ("outcome", "ok")], least)
    }
}

/// Two connections, each to another worker.
#[derive(Debug)]
pub struct Pair {
    /// To the worker that is warmed.
    pub one: Client,
    /// To the other.
    pub other: Client,
}

impl Pair {
    /// Sends `request` to the warm worker, then twice to the other: the answers must come from L1, from L2, from L1.
    ///
    /// # Errors
    /// A sentence, when they do not.
    #[track_caller]
    pub fn tour(&mut self, request: &Request) -> Result<[Response; 3], String> {
        let answers = [self.one.send(request)?, self.other.send(request)?, self.other.send(request)?];
        for (answer, tier) in answers.iter().zip(["l1", "l2", "l1"]) {
            verdict::hit(answer, tier)?;
        }
        Ok(answers)
    }
}

/// Waits until `done` says so, at most [`LIMIT`].
///
/// # Errors
/// What was waited for, and from where; or what `done` failed with.
#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> Result<bool, String>) -> Outcome {
    let (place, deadline) = (std::panic::Location::caller(), Instant::now() + LIMIT);
    while !done()? {
        if Instant::now() > deadline {
            return Err(format!("{place}: waited {LIMIT:?} in vain for {what}"));
        }
        sleep(Duration::from_millis(5));
    }
    Ok(())
}
