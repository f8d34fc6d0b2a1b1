//! The mesh without a mesh: the shipped Istio manifests, rendered to what pilot and the sidecar's agent make of them, in the
//! real Envoy. **Rendered by us, not recorded from Istio**: its own filters (metadata exchange, `istio_authn`, `istio_stats`)
//! and mTLS are not there, and `docs/istio.md` says what therefore is not proved.
//!
//! - [`manifest`]: the files, and what is in them.
//! - [`render`]: plugin, patches and policies as Envoy is given them.
//! - [`bootstrap`]: statistics, clusters and listener as Istio has them.

pub mod bootstrap;
pub mod manifest;
pub mod render;

use std::fs;

use serde_json::{Value, json};
use stack::bootstrap::Bootstrap;
use stack::{Asked, Envoy, Options, Origin, Port, Redis, Request, Response, Scratch, Step, Webdis, paths};

use crate::Outcome;
use render::Extension;

/// The file of extension discovery.
const DISCOVERED: &str = "ecds.json";

/// A sidecar that is yet to be started.
pub struct Plan {
    extension: Result<Extension, String>,
    policy: Option<Value>,
    patches: Vec<Value>,
    front: Option<Value>,
}

/// A sidecar in front of a scripted service, with its L2.
pub struct Sidecar {
    /// The sidecar.
    pub envoy: Envoy,
    /// That of webdis, where there is one.
    pub front: Option<Envoy>,
    /// The service.
    pub origin: Origin,
    /// Redis' HTTP front.
    pub webdis: Webdis,
    /// Redis.
    pub redis: Redis,
    /// The filter as it was started with.
    pub extension: Extension,
    /// Last, so that it goes when nobody writes there any more.
    folder: Scratch,
}

impl Plan {
    /// The sidecar of the API's pods, with the plugin of this file and what `listener.yaml` and `telemetry.yaml` add.
    pub fn inbound(file: &str) -> Self {
        let extension = manifest::documents(file).and_then(|documents| Extension::of(&documents));
        Self { extension, policy: None, patches: vec![], front: None }
    }

    /// The same with patches of this document too.
    #[must_use]
    pub fn patched(mut self, document: Value) -> Self {
        self.patches.push(document);
        self
    }

    /// With this policy before the plugin, or behind it where its phase is an early one.
    #[must_use]
    pub fn policy(mut self, policy: Value) -> Self {
        self.policy = Some(policy);
        self
    }

    /// With the plugin changed.
    #[must_use]
    pub fn change(mut self, change: impl FnOnce(&mut Extension)) -> Self {
        if let Ok(extension) = &mut self.extension {
            change(extension);
        }
        self
    }

    /// With a sidecar in front of webdis too, in a mesh whose connection managers have these members.
    #[must_use]
    pub fn front(mut self, manager: Value) -> Self {
        self.front = Some(manager);
        self
    }

    /// Plays `test` before a service with this script, and then checks that no VM died.
    ///
    /// # Panics
    /// With what went wrong; the logs are shown with it.
    pub fn play(
        self,
        script: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static,
        test: impl FnOnce(&mut Sidecar) -> Outcome,
    ) {
        let (mut sidecar, mut wrong) = match self.start(script) {
            Ok(sidecar) => (Some(sidecar), None),
            Err(error) => (None, Some(error)),
        };
        if let Some(sidecar) = &mut sidecar {
            wrong = test(sidecar).and_then(|()| sidecar.envoy.unharmed()).err();
        }
        assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
    }

    fn start(self, script: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static) -> Result<Sidecar, String> {
        let extension = self.extension?;
        let folder = Scratch::new("test-istio")?;
        let origin = Origin::start(script)?;
        let mut redis = Redis::new(Port::free()?, folder.path());
        redis.start()?;
        let mut webdis = Webdis::new(Port::free()?, redis.port(), folder.path());
        webdis.start()?;
        let front = self.front.as_ref().map(|manager| front(manager, webdis.port(), &folder)).transpose()?;
        let l2 = front.as_ref().map_or(webdis.port(), Envoy::port);

        discover(&folder, &extension)?;
        let mut filters = vec![extension.filter(&folder.path().join(DISCOVERED))];
        filters.extend(self.policy);
        if !extension.early {
            filters.reverse();
        }
        let mut tree = Bootstrap::shipped()?;
        bootstrap::sidecar(&mut tree, filters, l2, origin.port())?;
        let patches = manifest::documents("listener.yaml")?.into_iter().chain(self.patches);
        patches.into_iter().try_for_each(|patch| bootstrap::patch(&mut tree, &patch))?;
        let mut envoy = Envoy::changed(tree, folder.path(), Options { workers: 1, ..Options::default() })?;
        envoy.start()?;
        Ok(Sidecar { envoy, front, origin, webdis, redis, extension, folder })
    }
}

/// Puts there what extension discovery finds. Envoy reads it again when another file is moved to its place.
fn discover(folder: &Scratch, extension: &Extension) -> Outcome {
    let next = folder.path().join("next.json");
    paths::write(&next, extension.resource(&paths::plugin()?).to_string().as_bytes())?;
    fs::rename(&next, folder.path().join(DISCOVERED)).map_err(|error| format!("cannot replace {DISCOVERED}: {error}"))
}

/// The sidecar of webdis: the policy of `security.yaml`, then webdis; what `manager` says stands for the mesh's ways, which
/// `l2.yaml` patches.
fn front(manager: &Value, webdis: u16, folder: &Scratch) -> Result<Envoy, String> {
    let policies = manifest::documents("security.yaml")?;
    let policy = policies.iter().find(|one| manifest::kind(one) == "AuthorizationPolicy").ok_or("no policy")?;
    let mut tree = Bootstrap::shipped()?;
    bootstrap::sidecar(&mut tree, vec![render::policy(policy)], webdis, webdis)?;
    bootstrap::merge(tree.connection_manager()?, manager);
    let patches = manifest::documents("l2.yaml")?;
    patches
        .iter()
        .filter(|one| manifest::kind(one) == "EnvoyFilter")
        .try_for_each(|one| bootstrap::patch(&mut tree, one))?;
    let mut envoy = Envoy::changed(tree, &folder.room("front")?, Options { workers: 1, ..Options::default() })?;
    envoy.start()?;
    Ok(envoy)
}

impl Sidecar {
    /// Sends a request on a connection of its own.
    ///
    /// # Errors
    /// A sentence, when there is no whole answer.
    pub fn send(&self, request: &Request) -> Result<Response, String> {
        request.send(self.envoy.port())
    }

    /// Lets extension discovery find another plugin configuration, as a changed manifest would.
    ///
    /// # Errors
    /// A sentence, when it cannot be written.
    pub fn reconfigure(&self, plugin: &Value) -> Outcome {
        let mut extension = self.extension.clone();
        extension.set_plugin_config(plugin);
        discover(&self.folder, &extension)
    }

    /// The sum of a metric of the filter; `name` without `fingerprint_cache_`.
    ///
    /// # Errors
    /// A sentence, when Envoy does not answer.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Result<f64, String> {
        Ok(self.envoy.metrics()?.sum(&format!("fingerprint_cache_{name}"), labels))
    }

    /// Waits until so many entries went into Redis.
    ///
    /// # Errors
    /// A sentence, when they do not.
    #[track_caller]
    pub fn until_fills(&self, least: f64) -> Outcome {
        let filled = [("op", "fill"), ("outcome", "ok")];
        crate::until(&format!("{least} fills"), || Ok(self.sum("l2_calls_total", &filled)? >= least))
    }

    /// The lines of the access log so far that are JSON.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.envoy.log()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect()
    }
}

/// A policy that allows requests with this header, as pilot writes an `AuthorizationPolicy` with a `when` on it.
pub fn allow(header: &str, value: &str) -> Value {
    render::policy(&json!({
        "kind": "AuthorizationPolicy",
        "metadata": { "name": "callers", "namespace": "fingerprint-api" },
        "spec": {
            "action": "ALLOW",
            "rules": [{ "when": [{ "key": format!("request.headers[{header}]"), "values": [value] }] }],
        },
    }))
}
