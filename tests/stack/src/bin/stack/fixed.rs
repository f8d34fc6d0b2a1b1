//! The local stack on its fixed ports: started in order, watched, stopped in the opposite order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stack::{Demo, Envoy, Options, Port, Process, Redis, Scratch, Webdis, envoy, paths, port};

/// The demo service's port, as `envoy/envoy.yaml` has it.
const SERVICE: u16 = 18002;
/// webdis' port, as `envoy/envoy.yaml` and `envoy/webdis.json` have it.
const WEBDIS: u16 = 18003;
/// Redis' port, as `envoy/webdis.json` and `envoy/redis.conf` have it.
const REDIS: u16 = 18004;
/// What an answer takes the demo service.
const DELAY: Duration = Duration::from_millis(20);
/// Two workers, so that one can be shown to find in Redis what the other fetched.
const WORKERS: usize = 2;

const PORTS: [(u16, &str); 6] = [
    (envoy::LISTENER, "Envoy's listener"),
    (envoy::EDGE, "Envoy's listener with TLS"),
    (envoy::ADMIN, "Envoy's admin page"),
    (SERVICE, "the demo service"),
    (WEBDIS, "webdis"),
    (REDIS, "Redis"),
];

/// The processes. Dropping stops them, in the order of the fields.
pub struct Fixed {
    /// Envoy with the filter.
    pub envoy: Envoy,
    /// The service behind it.
    pub demo: Demo,
    /// Redis' HTTP front.
    webdis: Webdis,
    /// L2.
    pub redis: Redis,
    /// Last, so that it goes when nobody writes there any more.
    folder: Scratch,
}

impl Fixed {
    /// Starts them all; a signal in between ends it early, and what had started is stopped.
    pub fn start(over: &AtomicBool) -> Result<Self, String> {
        ports_free()?;
        paths::plugin()?;
        paths::certificate()?;
        let begun = Instant::now();
        let mut folder = Scratch::new("run")?;
        // For whoever asks why it did not go well; [`Fixed::went_well`] takes it back.
        folder.keep(true);
        let (redis, webdis) = l2(&folder, over)?;
        let demo = Demo::start(Port::fixed(SERVICE), folder.path(), DELAY)?;
        go_on(over)?;
        let mut envoy = Envoy::shipped(folder.path(), Options { workers: WORKERS, ..Options::default() });
        envoy.start()?;
        go_on(over)?;
        let took = begun.elapsed().as_secs_f32();
        let parts = format!("Redis, webdis, the demo service and Envoy ({WORKERS} workers)");
        crate::say(&format!("{parts} are up after {took:.1} s.\n"));
        Ok(Self { envoy, demo, webdis, redis, folder })
    }

    /// A sentence about a process that died, and the end of its log.
    pub fn obituary(&mut self) -> Option<String> {
        let others = [self.envoy.process(), self.webdis.process(), self.redis.process()];
        others.into_iter().flatten().chain([self.demo.process()]).find_map(Process::obituary)
    }

    /// The folder of the logs, from the root of the repository.
    pub fn logs(&self) -> String {
        let folder = self.folder.path();
        let folder = folder.strip_prefix(paths::repository()).unwrap_or(folder);
        format!("{}/*.log", folder.display())
    }

    /// Lets the logs go with it.
    pub fn went_well(&mut self) {
        self.folder.keep(false);
    }
}

fn l2(folder: &Scratch, over: &AtomicBool) -> Result<(Redis, Webdis), String> {
    let mut redis = Redis::new(Port::fixed(REDIS), folder.path());
    redis.start()?;
    go_on(over)?;
    let mut webdis = Webdis::new(Port::fixed(WEBDIS), REDIS, folder.path());
    webdis.start()?;
    go_on(over)?;
    Ok((redis, webdis))
}

/// An error once a signal came.
fn go_on(over: &AtomicBool) -> Result<(), String> {
    if over.load(Ordering::Relaxed) { Err("Interrupted: nothing is left running.".to_owned()) } else { Ok(()) }
}

fn ports_free() -> Result<(), String> {
    let taken = PORTS.iter().filter(|(number, _)| !port::is_free(*number));
    let taken: Vec<_> =
        taken.map(|(number, whose)| format!("Port {number}, which {whose} needs, is in use.")).collect();
    if taken.is_empty() {
        return Ok(());
    }
    let remedy = "`ss -ltnp` shows who has it: end that program and start again. Nothing was started.";
    Err(format!("{}\n{remedy}", taken.join("\n")))
}
