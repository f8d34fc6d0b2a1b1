//! Cores and the CPU time of a process.

use std::fs;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The core of Envoy and the core of all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// Envoy's.
    pub envoy: usize,
    /// The one for wrk, Redis, webdis and the origin.
    pub rest: usize,
}

impl Cores {
    /// The first two cores that this process may use; itself and what it starts stay on the second from now on.
    ///
    /// # Errors
    /// A sentence, when there is only one.
    pub fn split() -> Result<Self, String> {
        let failed = |error| format!("cannot choose cores: {error}");
        let allowed = sched_getaffinity(None).map_err(failed)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let (Some(envoy), Some(rest)) = (cores.next(), cores.next()) else {
            return Err("the bench needs two cores: one for Envoy, one for the load".to_owned());
        };
        let mut mine = CpuSet::new();
        mine.set(rest);
        sched_setaffinity(None, &mine).map_err(failed)?;
        Ok(Self { envoy, rest })
    }

    /// What makes a command run on Envoy's core.
    pub fn prefix(self) -> Vec<String> {
        ["taskset", "-c", &self.envoy.to_string()].map(str::to_owned).to_vec()
    }
}

/// What a process has used up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// CPU time of all its threads.
    pub cpu: Duration,
    /// How long its threads were ready to run and had to wait for a core: little on a quiet machine.
    pub waited: Duration,
}

impl Used {
    /// What the process has used. From the scheduler where it says, to the nanosecond; else from `/proc/<id>/stat`, to
    /// the hundredth of a second.
    ///
    /// # Errors
    /// A sentence, when there is no such process.
    pub fn by(process: u32) -> Result<Self, String> {
        scheduled(process).or_else(|| accounted(process)).ok_or_else(|| format!("process {process} is gone"))
    }

    /// What was used since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        let Self { cpu, waited } = self;
        Self { cpu: cpu.saturating_sub(earlier.cpu), waited: waited.saturating_sub(earlier.waited) }
    }
}

fn scheduled(process: u32) -> Option<Used> {
    let mut used = Used::default();
    for thread in fs::read_dir(format!("/proc/{process}/task")).ok()? {
        // A thread may have ended since the folder was read.
        let Ok(text) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else { continue };
        let thread = read_schedstat(&text)?;
        used.cpu += thread.cpu;
        used.waited += thread.waited;
    }
    Some(used).filter(|used| !used.cpu.is_zero())
}

/// Nanoseconds on a core, nanoseconds waiting for one, slices.
fn read_schedstat(text: &str) -> Option<Used> {
    let mut fields = text.split_ascii_whitespace().map(|field| field.parse().ok().map(Duration::from_nanos));
    Some(Used { cpu: fields.next()??, waited: fields.next()?? })
}

fn accounted(process: u32) -> Option<Used> {
    let ticks = read_stat(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)?;
    let second = rustix::param::clock_ticks_per_second();
    Some(Used { cpu: Duration::from_millis(ticks * 1000 / second), waited: Duration::ZERO })
}

/// `utime` and `stime`, fields 14 and 15; the second field is a name in brackets that may hold anything.
fn read_stat(text: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11).map(|field| field.parse::<u64>().ok());
    Some(fields.next()?? + fields.next()??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_lines_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 120 30 0 0 20 0 1 0";
        assert_eq!(read_stat(stat), Some(150));
        let schedstat = Used { cpu: Duration::from_nanos(1500), waited: Duration::from_nanos(20) };
        assert_eq!(read_schedstat("1500 20 3\n"), Some(schedstat));
        assert_eq!(read_schedstat(""), None);
    }

    #[test]
    fn work_is_seen() {
        let me = std::process::id();
        let before = Used::by(me).unwrap();
        let begun = std::time::Instant::now();
        let seen = || Used::by(me).unwrap().since(before).cpu >= Duration::from_millis(20);
        // Others may have the core for a while.
        while !seen() {
            assert!(begun.elapsed() < Duration::from_secs(10), "ten seconds of work are not seen");
        }
        assert!(Used::by(u32::MAX).is_err());
    }
}
