//! Envoy: started with the shipped configuration or a changed one, reconfigured while it runs, asked for its metrics.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bootstrap::Bootstrap;
use crate::client::{Client, Request};
use crate::metrics::Metrics;
use crate::paths;
use crate::port::Port;
use crate::process::{Process, last_lines};

/// The port of the listener in the shipped configuration.
pub const LISTENER: u16 = 18000;
/// The port of the listener with TLS in the shipped configuration.
pub const EDGE: u16 = 18005;
/// The port of the admin page in the shipped configuration.
pub const ADMIN: u16 = 18001;

/// Compiling the module takes most of it, on a machine with two busy cores.
const START: Duration = Duration::from_secs(30);

/// A connection lands on a worker by chance: so many never to one of them do not happen.
const CONNECTIONS: usize = 64;

/// How the process is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Worker threads, each with a VM of its own.
    pub workers: usize,
    /// What Envoy's log tells: `warn`, `info`, `debug`.
    pub log_level: String,
    /// A command that runs Envoy, such as `["taskset", "-c", "0"]`. It must `exec` it, so that signals reach it.
    pub prefix: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { workers: 2, log_level: "info".to_owned(), prefix: Vec::new() }
    }
}

/// Where the configuration comes from.
#[derive(Debug)]
enum Source {
    /// The shipped file, as it is.
    Shipped,
    /// A changed one, with the listeners in a file of their own, to be replaced while Envoy runs.
    Changed { bootstrap: Box<Bootstrap>, version: usize },
}

/// Envoy: running or stopped. Stopped when dropped.
#[derive(Debug)]
pub struct Envoy {
    source: Source,
    listener: Port,
    edge: Option<Port>,
    admin: Port,
    folder: PathBuf,
    options: Options,
    process: Option<Process>,
}

impl Envoy {
    /// Prepares an Envoy with the shipped configuration on the shipped ports; [`Envoy::start`] starts it.
    pub fn shipped(folder: &Path, options: Options) -> Self {
        let (listener, edge, admin) = (Port::fixed(LISTENER), Some(Port::fixed(EDGE)), Port::fixed(ADMIN));
        Self { source: Source::Shipped, listener, edge, admin, folder: folder.to_path_buf(), options, process: None }
    }

    /// Prepares an Envoy with a changed configuration, on free ports; [`Envoy::start`] starts it.
    ///
    /// # Errors
    /// A sentence, when no port is free or the configuration has no place for them.
    pub fn changed(mut bootstrap: Bootstrap, folder: &Path, options: Options) -> Result<Self, String> {
        let (listener, admin) = (Port::free()?, Port::free()?);
        bootstrap.listen(listener.number(), admin.number())?;
        let edge = bootstrap.has_edge().then(Port::free).transpose()?;
        edge.iter().try_for_each(|edge| bootstrap.listen_with_tls(edge.number()))?;
        let source = Source::Changed { bootstrap: Box::new(bootstrap), version: 0 };
        Ok(Self { source, listener, edge, admin, folder: folder.to_path_buf(), options, process: None })
    }

    /// Starts it and waits until it serves.
    ///
    /// # Errors
    /// A sentence with the end of its log, when it ends before or refuses its configuration.
    pub fn start(&mut self) -> Result<(), String> {
        let configuration = self.configuration()?;
        let process = Process::start("envoy", self.command(&configuration)?, &self.log())?;
        let process = self.process.insert(process);
        let admin = self.admin.number();
        process.until(START, || {
            let ready = Request::get("/ready").send(admin).ok()?;
            ready.body.starts_with(b"LIVE").then_some(())
        })?;
        match self.updates()? {
            (_, 0.0) => Ok(()),
            _ => Err(self.refusal()),
        }
    }

    /// The port of the listener.
    pub fn port(&self) -> u16 {
        self.listener.number()
    }

    /// The port of the listener with TLS.
    ///
    /// # Errors
    /// A sentence, when it was not kept.
    pub fn edge_port(&self) -> Result<u16, String> {
        self.edge.as_ref().map(Port::number).ok_or_else(|| "this Envoy has no listener with TLS".to_owned())
    }

    /// The port of the admin page.
    pub fn admin_port(&self) -> u16 {
        self.admin.number()
    }

    /// The process, while there is one.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// The file with its log and the access log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("envoy.log")
    }

    /// Stops it in order (SIGTERM).
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Halts it as it stands (SIGSTOP).
    pub fn pause(&mut self) {
        if let Some(process) = &mut self.process {
            process.pause();
        }
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&mut self) {
        if let Some(process) = &mut self.process {
            process.resume();
        }
    }

    /// Stops it and starts it anew on the same ports; every L1 is empty then.
    ///
    /// # Errors
    /// As [`Envoy::start`].
    pub fn restart(&mut self) -> Result<(), String> {
        self.stop();
        self.start()
    }

    /// Changes the plugin configuration while it runs, and waits until new connections are served by the new one.
    /// Connections that are open go on with the old one until they close.
    ///
    /// # Errors
    /// A sentence with the end of its log when Envoy or the filter refuses it; the old one then stays in force.
    pub fn reconfigure(&mut self, plugin: &Value) -> Result<(), String> {
        self.change(|bootstrap| bootstrap.set_plugin(plugin))
    }

    /// Changes anything of the listener while it runs, as [`Envoy::reconfigure`] does the plugin configuration.
    ///
    /// # Errors
    /// As [`Envoy::reconfigure`].
    pub fn change(&mut self, change: impl FnOnce(&mut Bootstrap) -> Result<(), String>) -> Result<(), String> {
        let Source::Changed { bootstrap, version } = &mut self.source else {
            return Err("the shipped configuration is static".to_owned());
        };
        let before = bootstrap.clone();
        change(bootstrap)?;
        *version += 1;
        let outcome = self.apply();
        if let (Err(_), Source::Changed { bootstrap, .. }) = (&outcome, &mut self.source) {
            *bootstrap = before;
        }
        outcome
    }

    /// A page of the admin interface.
    ///
    /// # Errors
    /// A sentence, when it does not run or the answer is not 200.
    pub fn page(&self, path: &str) -> Result<String, String> {
        let response = Request::get(path).send(self.admin_port())?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        if response.status == 200 { Ok(text) } else { Err(format!("admin {path}: {} {text}", response.status)) }
    }

    /// All metrics at this moment.
    ///
    /// # Errors
    /// A sentence, when it does not run.
    pub fn metrics(&self) -> Result<Metrics, String> {
        self.page("/stats/prometheus").map(|page| Metrics::parse(&page))
    }

    /// A connection to each worker, in their order. Nobody else may connect meanwhile: which worker got a
    /// connection is told by Envoy's own counters.
    ///
    /// # Errors
    /// A sentence, when it does not run, or one worker gets all connections.
    pub fn workers(&self) -> Result<Vec<Client>, String> {
        let mut found = BTreeMap::new();
        let mut before = self.taken()?;
        for _ in 0..CONNECTIONS {
            let client = Client::connect(self.port())?;
            let after = self.changed_from(&before)?;
            let grown = after.iter().find(|(worker, count)| before.get(*worker) != Some(count));
            let worker = grown.map(|(worker, _)| worker.clone()).unwrap_or_default();
            found.entry(worker).or_insert(client);
            if found.len() == self.options.workers {
                return Ok(found.into_values().collect());
            }
            before = after;
        }
        Err(format!("{CONNECTIONS} connections, and {} of {} workers", found.len(), self.options.workers))
    }

    /// How many connections each worker has taken.
    fn taken(&self) -> Result<BTreeMap<String, String>, String> {
        let page = self.page("/stats?filter=^listener\\..*\\.worker_[0-9]+\\.downstream_cx_total$")?;
        let lines = page.lines().filter(|line| !line.starts_with("listener.admin"));
        Ok(lines.filter_map(|line| line.split_once(": ")).map(|(name, count)| (name.into(), count.into())).collect())
    }

    /// The same, once it is something else: the system says that a connection stands before its worker knows of it.
    fn changed_from(&self, before: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
        let deadline = Instant::now() + START;
        loop {
            let now = self.taken()?;
            if now != *before {
                return Ok(now);
            }
            if Instant::now() > deadline {
                return Err("no worker took the connection".to_owned());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// That no VM died, nothing panicked, and the filter met no event it does not know.
    ///
    /// # Errors
    /// A sentence with what its log or metrics say.
    pub fn unharmed(&self) -> Result<(), String> {
        let log = std::fs::read(self.log()).map_err(|error| format!("no log: {error}"))?;
        let log = String::from_utf8_lossy(&log);
        let bad = log.lines().find(|line| line.contains("panicked") || line.contains("Proxy-Wasm plugin in-VM"));
        if let Some(line) = bad {
            return Err(format!("Envoy's log says: {line}"));
        }
        let page = self.page("/stats/prometheus")?;
        let reloaded = |line: &&str| line.contains("vm_reload") && !line.starts_with('#') && !line.ends_with(" 0");
        if let Some(line) = page.lines().find(reloaded) {
            return Err(format!("a VM was made anew: {line}"));
        }
        let unknown = |line: &&str| line.contains("unexpected_total{") && !line.contains("body_withheld");
        page.lines().find(unknown).map_or(Ok(()), |line| Err(format!("the filter met the unexpected: {line}")))
    }

    /// Writes the listener file anew and waits for what becomes of it.
    fn apply(&mut self) -> Result<(), String> {
        let (taken, refused) = self.updates()?;
        self.write_listener()?;
        let admin = self.admin_port();
        let process = self.process.as_mut().ok_or("Envoy does not run")?;
        let refused = process.until(START, || {
            let page = Request::get("/stats/prometheus").send(admin).ok()?;
            let metrics = Metrics::parse(&String::from_utf8_lossy(&page.body));
            let (now_taken, now_refused) = updates(&metrics);
            let warming = metrics.sum("envoy_listener_manager_total_listeners_warming", &[]);
            let settled = now_refused > refused || (now_taken > taken && warming == 0.0);
            settled.then_some(now_refused > refused)
        })?;
        if refused { Err(self.refusal()) } else { Ok(()) }
    }

    fn updates(&self) -> Result<(f64, f64), String> {
        self.metrics().map(|metrics| updates(&metrics))
    }

    fn refusal(&self) -> String {
        format!("Envoy refuses the configuration. The end of its log:\n{}", last_lines(&self.log(), 20))
    }

    /// The file to start with.
    fn configuration(&self) -> Result<PathBuf, String> {
        let Source::Changed { bootstrap, .. } = &self.source else { return Ok(paths::shipped("envoy.yaml")) };
        self.write_listener()?;
        let file = self.folder.join("envoy.json");
        paths::write(&file, bootstrap.with_listener_from(&self.listener_file())?.to_string().as_bytes())?;
        Ok(file)
    }

    fn listener_file(&self) -> PathBuf {
        self.folder.join("listener.json")
    }

    /// Envoy reads the file again only when another is moved to its place, which also never shows it half written.
    fn write_listener(&self) -> Result<(), String> {
        let Source::Changed { bootstrap, version } = &self.source else { return Ok(()) };
        let next = self.folder.join("listener.next.json");
        paths::write(&next, bootstrap.clone().listener_file(*version)?.to_string().as_bytes())?;
        std::fs::rename(&next, self.listener_file())
            .map_err(|error| format!("cannot replace the listener file: {error}"))
    }

    fn command(&self, configuration: &Path) -> Result<Command, String> {
        let mut words = self.options.prefix.iter().map(PathBuf::from).collect::<Vec<_>>();
        words.push(paths::program("envoy")?);
        let (first, rest) = words.split_first().ok_or("no command")?;
        let mut command = Command::new(first);
        command.args(rest).arg("-c").arg(configuration).current_dir(paths::repository());
        command.arg("--concurrency").arg(self.options.workers.to_string());
        command.args(["--log-level", &self.options.log_level]);
        // Hot restart needs shared memory under a name that two Envoys must not have in common.
        command.arg("--disable-hot-restart").args(["--file-flush-interval-msec", "100"]);
        Ok(command)
    }
}

/// How many listener updates Envoy took, and how many it refused.
fn updates(metrics: &Metrics) -> (f64, f64) {
    let sum = |what: &str| metrics.sum(&format!("envoy_listener_manager_lds_update_{what}"), &[]);
    (sum("success"), sum("rejected"))
}
