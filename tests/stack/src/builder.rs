//! All of it at once: Redis, webdis and Envoy with ports and files of their own, before a service of the caller's.

use std::path::Path;

use serde_json::Value;

use crate::bootstrap::Bootstrap;
use crate::client::{Client, Request, Response};
use crate::envoy::{Envoy, Options};
use crate::fleet::Fleet;
use crate::metrics::Metrics;
use crate::paths;
use crate::port::Port;
use crate::redis::Redis;
use crate::scratch::Scratch;
use crate::tunnel::Tunnel;
use crate::webdis::Webdis;

type Change = Box<dyn FnOnce(&mut Bootstrap) -> Result<(), String>>;

/// What a [`Stack`] is to be.
pub struct Builder {
    service: Option<u16>,
    redis: bool,
    webdis: bool,
    options: Options,
    changes: Vec<Change>,
}

impl Builder {
    /// Sends what the cache does not answer to this port. Without it nobody listens there.
    #[must_use]
    pub fn service(mut self, port: u16) -> Self {
        self.service = Some(port);
        self
    }

    /// Whether Redis runs from the start (default: yes).
    #[must_use]
    pub fn redis(mut self, runs: bool) -> Self {
        self.redis = runs;
        self
    }

    /// Whether webdis runs from the start (default: yes).
    #[must_use]
    pub fn webdis(mut self, runs: bool) -> Self {
        self.webdis = runs;
        self
    }

    /// The number of Envoy's workers (default: 2).
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.options.workers = workers;
        self
    }

    /// How Envoy is started.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Replaces the plugin configuration of the shipped file.
    #[must_use]
    pub fn plugin(self, plugin: Value) -> Self {
        self.change(move |bootstrap| bootstrap.set_plugin(&plugin))
    }

    /// Changes the plugin configuration of the shipped file.
    #[must_use]
    pub fn edit(self, edit: impl FnOnce(&mut Value) + 'static) -> Self {
        self.change(move |bootstrap| {
            let mut plugin = bootstrap.plugin()?;
            edit(&mut plugin);
            bootstrap.set_plugin(&plugin)
        })
    }

    /// Listens with TLS too, as the shipped configuration does.
    #[must_use]
    pub fn edge(self) -> Self {
        self.change(|bootstrap| {
            bootstrap.keep_edge();
            Ok(())
        })
    }

    /// Changes anything of the Envoy configuration.
    #[must_use]
    pub fn change(mut self, change: impl FnOnce(&mut Bootstrap) -> Result<(), String> + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Starts it all and waits until it serves.
    ///
    /// # Errors
    /// A sentence with the end of the log of what did not start; what had started is stopped.
    pub fn start(self) -> Result<Stack, String> {
        let folder = Scratch::new("test")?;
        let mut redis = Redis::new(Port::free()?, folder.path());
        let mut webdis = Webdis::new(Port::free()?, redis.port(), folder.path());
        if self.redis {
            redis.start()?;
        }
        if self.webdis {
            webdis.start()?;
        }
        let unserved = Port::free()?;
        let options = self.options.clone();
        let mut bootstrap = self.bootstrap(unserved.number())?;
        bootstrap.send_to("webdis", webdis.port())?;
        let mut envoy = Envoy::changed(bootstrap, folder.path(), options)?;
        envoy.start()?;
        Ok(Stack { envoy, webdis, redis, _unserved: unserved, folder })
    }

    /// Starts it with so many Envoys, each with workers of its own, before one webdis and one Redis. Redis and webdis run
    /// from the start, whatever was said before.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn fleet(self, pods: usize) -> Result<Fleet, String> {
        let unserved = Port::free()?;
        let options = self.options.clone();
        Fleet::start(&self.bootstrap(unserved.number())?, &options, pods, unserved)
    }

    /// The configuration, before ports are its own; `unserved` is the service's where there is none.
    fn bootstrap(self, unserved: u16) -> Result<Bootstrap, String> {
        let mut bootstrap = Bootstrap::shipped()?;
        bootstrap.load(&paths::plugin()?)?;
        bootstrap.send_to("fingerprint-api", self.service.unwrap_or(unserved))?;
        for change in self.changes {
            change(&mut bootstrap)?;
        }
        Ok(bootstrap)
    }
}

/// A running stack. Its parts can be stopped, paused and started again; all end when it is dropped.
#[derive(Debug)]
pub struct Stack {
    /// Envoy with the filter.
    pub envoy: Envoy,
    /// Redis' HTTP front.
    pub webdis: Webdis,
    /// Redis.
    pub redis: Redis,
    /// Keeps others from the port where nobody listens.
    _unserved: Port,
    /// Last, so that it goes when nobody writes there any more.
    folder: Scratch,
}

impl Stack {
    /// The shipped configuration with two workers, to be changed.
    pub fn builder() -> Builder {
        Builder { service: None, redis: true, webdis: true, options: Options::default(), changes: Vec::new() }
    }

    /// Sends a request on a connection of its own.
    ///
    /// # Errors
    /// A sentence, when there is no whole answer.
    pub fn send(&self, request: &Request) -> Result<Response, String> {
        request.send(self.envoy.port())
    }

    /// Sends a GET on a connection of its own.
    ///
    /// # Errors
    /// As [`Stack::send`].
    pub fn get(&self, target: &str) -> Result<Response, String> {
        self.send(&Request::get(target))
    }

    /// A connection that stays open, and so stays with one worker.
    ///
    /// # Errors
    /// A sentence, when Envoy does not listen.
    pub fn client(&self) -> Result<Client, String> {
        Client::connect(self.envoy.port())
    }

    /// A connection through TLS that stays open, begun as `openssl s_client` does with these options.
    ///
    /// # Errors
    /// As [`Tunnel::open`], or when it has no listener with TLS.
    pub fn tunnel(&self, options: &[&str]) -> Result<Tunnel, String> {
        Tunnel::open(self.envoy.edge_port()?, options)
    }

    /// All metrics at this moment.
    ///
    /// # Errors
    /// A sentence, when Envoy does not run.
    pub fn metrics(&self) -> Result<Metrics, String> {
        self.envoy.metrics()
    }

    /// That no VM died, nothing panicked, and the filter met no event it does not know.
    ///
    /// # Errors
    /// A sentence with what Envoy's log or metrics say.
    pub fn unharmed(&self) -> Result<(), String> {
        self.envoy.unharmed()
    }

    /// Where the configurations and logs are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
