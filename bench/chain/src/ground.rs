//! The processes, and what they use.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use stack::bootstrap::Bootstrap;
use stack::{Demo, Envoy, Metrics, Options, Port, Redis, Scratch, Webdis, paths};

use crate::plan;

/// All that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Ground {
    /// The Envoys.
    pub envoys: Vec<Envoy>,
    /// The service.
    pub demo: Demo,
    /// Redis.
    pub redis: Redis,
    /// The processes by name: both Envoys, Redis, webdis, the service.
    ids: Vec<(&'static str, u32)>,
    _webdis: Webdis,
    /// Last, so that it goes when nobody writes there any more.
    folder: Scratch,
}

impl Ground {
    /// Starts everything with the shipped configurations; only ports differ, and there is no access log.
    ///
    /// # Errors
    /// A sentence with the end of the log of what did not start.
    pub fn start() -> Result<Self, String> {
        let folder = Scratch::new("chain")?;
        let mut redis = Redis::new(Port::free()?, folder.path());
        redis.start()?;
        let mut webdis = Webdis::new(Port::free()?, redis.port(), folder.path());
        webdis.start()?;
        let mut demo = Demo::start(Port::free()?, folder.path(), plan::DELAY)?;
        let pods = (0..plan::PODS).map(|pod| envoy(&folder.room(&format!("pod-{pod}"))?, webdis.port(), demo.port()));
        let mut envoys = pods.collect::<Result<Vec<_>, String>>()?;
        let mut ids: Vec<_> = envoys.iter_mut().filter_map(|envoy| Some(("Envoy", envoy.process()?.id()))).collect();
        ids.extend(redis.process().map(|process| ("Redis", process.id())));
        ids.extend(webdis.process().map(|process| ("webdis", process.id())));
        ids.push(("service", demo.process().id()));
        Ok(Self { envoys, demo, redis, ids, _webdis: webdis, folder })
    }

    /// How often the service was really asked, by its own count.
    ///
    /// # Errors
    /// A sentence, when it does not answer.
    pub fn asked(&self) -> Result<u64, String> {
        let counts = self.demo.counts()?;
        Ok(counts.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum())
    }

    /// The sum of a metric over the Envoys.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let pages = self.envoys.iter().filter_map(|envoy| envoy.metrics().ok());
        pages.map(|metrics: Metrics| metrics.sum(name, labels)).sum()
    }

    /// A counter over the Envoys, by the values of a label, of the series that have these labels.
    pub fn counts(&self, name: &str, label: &str, labels: &[(&str, &str)]) -> BTreeMap<String, f64> {
        let mut counts = BTreeMap::new();
        for metrics in self.envoys.iter().filter_map(|envoy| envoy.metrics().ok()) {
            for value in metrics.values(name, label) {
                let wanted = [labels, &[(label, &value)]].concat();
                *counts.entry(value.clone()).or_default() += metrics.sum(name, &wanted);
            }
        }
        counts
    }

    /// The CPU time that each kind of process has used up to now.
    pub fn used(&self) -> Vec<(&'static str, Duration)> {
        self.ids.iter().map(|(name, id)| (*name, cpu(*id).unwrap_or_default())).collect()
    }

    /// The memory of each Envoy, in bytes.
    pub fn resident(&self) -> Vec<u64> {
        self.ids.iter().filter(|(name, _)| *name == "Envoy").filter_map(|(_, id)| resident(*id)).collect()
    }

    /// A figure out of a section of Redis' `INFO`.
    pub fn info(&self, section: &str, name: &str) -> Option<f64> {
        let info = self.redis.info(section).ok()?;
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().parse().ok()
    }

    /// Leaves the logs where they are.
    pub fn keep(&mut self) {
        self.folder.keep(true);
    }
}

fn envoy(folder: &std::path::Path, webdis: u16, service: u16) -> Result<Envoy, String> {
    let mut bootstrap = Bootstrap::shipped()?;
    bootstrap.load(&paths::plugin()?)?;
    bootstrap.send_to("fingerprint-api", service)?;
    bootstrap.send_to("webdis", webdis)?;
    // A line for each of some hundred thousand requests would be what is measured.
    bootstrap.connection_manager()?.as_object_mut().ok_or("no connection manager")?.remove("access_log");
    let options = Options { workers: plan::WORKERS, ..Options::default() };
    let mut envoy = Envoy::changed(bootstrap, folder, options)?;
    envoy.start()?;
    Ok(envoy)
}

/// From the scheduler, to the nanosecond: the first field of each thread's line.
fn cpu(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten();
    let lines = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
    let nanos = lines.filter_map(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    Some(Duration::from_nanos(nanos.sum()))
}

/// `VmRSS:   123 kB`.
fn resident(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let me = std::process::id();
        assert!(resident(me).unwrap() > 100_000);
        assert!(cpu(me).is_some() && resident(u32::MAX).is_none());
    }
}
