//! `failover`: what a client sees while Redis fails over, for real.
//!
//! Three Redis, three Sentinels, HAProxy and webdis, started from the files in `k8s/base` that also the pods run (only
//! names, ports and folders differ), two Envoys with two workers each, a service, 500 requests a second. Then the
//! master is killed with its disk, frozen until it comes back as a stale master, and cut off from the others; and
//! everything is restarted, one after the other. Each answer carries the version that the service had when it was
//! asked, and invalidations are published by `fpcache invalidate` through Sentinel all the while.
//!
//! It fails if one request fails, if an answer is older than an acknowledged invalidation allows, if a write on an old
//! master is there afterwards, or if L2 does not give hits again within a minute. All else is reported.
//!
//! `failover kill freeze partition rolling` does only what is named.
//!
//! - [`shipped`]: the files and their variables. [`node`], [`sentinel`], [`front`], [`cluster`]: what is started from
//!   them.
//! - [`origin`], [`load`], [`publish`]: who serves, who asks, who invalidates. [`truth`]: which version an answer must
//!   have.
//! - [`scene`], [`faults`], [`rolling`]: what is done. [`judge`]: what was wrong. [`report`]: the figures.

mod cluster;
mod faults;
mod front;
mod judge;
mod load;
mod node;
mod origin;
mod publish;
mod report;
mod rolling;
mod scene;
mod sentinel;
mod shipped;
mod truth;

use std::process::ExitCode;

use stack::paths;

fn main() -> ExitCode {
    match check() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// How often it begins anew where the machine itself stood still.
const ATTEMPTS: usize = 2;

/// Runs, reports, and says whether the promises were kept. What is wrong on a machine on which nobody ran for a second or
/// more proves nothing: then it begins anew, and says so.
fn check() -> Result<bool, String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    for attempt in 1..=ATTEMPTS {
        let report = scene::run(&words)?;
        tell(&report)?;
        if report.violations.is_empty() || report.still.is_zero() || attempt == ATTEMPTS {
            return Ok(report.violations.is_empty());
        }
        eprintln!("The machine stood still for {:.1} s meanwhile: once more.", report.still.as_secs_f64());
    }
    Ok(false)
}

fn tell(report: &report::Report) -> Result<(), String> {
    let folder = paths::repository().join("target/failover");
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let file = folder.join("report.json");
    paths::write(&file, format!("{:#}\n", report.json()).as_bytes())?;
    println!("{}\nWritten to {}", report.text(), file.display());
    for violation in report.violations.iter().take(report::SHOWN) {
        eprintln!("VIOLATION: {violation}");
    }
    Ok(())
}
