//! `coherence`: how old an answer can be after an invalidation was acknowledged.
//!
//! Two Envoys with two workers each, one Redis, some hundred keys, a thousand requests a second; two hundred
//! invalidations over all scopes while fills are in flight; in the middle one Envoy, with the worker in it that reads the
//! log for the other, is killed and started again. Each answer carries the version that the origin had when it was asked.
//! An answer is *behind* when, before its request was sent, somebody had been told that a later version is published.
//!
//! - [`keys`]: what is asked for. [`plan`]: what is invalidated, and when.
//! - [`truth`]: which version an answer must have; it knows nothing of caches.
//! - [`origin`]: the service. [`load`], [`probe`]: those who ask. [`run`]: all of it, for twenty seconds.
//! - [`judge`]: what was behind, and by how much. [`report`]: the figures.

mod judge;
mod keys;
mod load;
mod origin;
mod plan;
mod probe;
mod report;
mod run;
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

/// Runs, reports, and says whether the promise was kept.
fn check() -> Result<bool, String> {
    let report = judge::judge(&run::run()?);
    let folder = paths::repository().join("target/coherence");
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let file = folder.join("report.json");
    paths::write(&file, format!("{:#}\n", report.json()).as_bytes())?;
    println!("{}\nWritten to {}", report.text(), file.display());
    for violation in report.violations.iter().take(report::SHOWN) {
        eprintln!("VIOLATION: {violation}");
    }
    Ok(report.violations.is_empty())
}
