//! `chain`: L1, L2 and the service together, under a load like the real one, held against what the fingerprint API is to
//! be given.
//!
//! Redis, webdis, the demo service and two Envoys with the shipped configurations; 100,000 fingerprints that are asked
//! for by Zipf's law, profiles, lists, and what is never cached; notices all the while. Every answer is judged: its own
//! session id, its own fingerprint's family, the same as before, and the same as the service's own word. A wrong or
//! missing answer fails the program; a target that is missed does not, as it depends on the machine.
//!
//! - [`plan`]: all numbers of the load. [`ask`]: what is asked for, and what has to come back.
//! - [`ground`]: the processes, what they use. [`load`]: those who ask. [`run`]: one phase after the other.
//! - [`oracle`]: whether an answer is right. [`retrain`]: how long an old answer lives after its invalidation.
//! - [`figures`], [`target`], [`report`]: what it amounts to.

mod ask;
mod figures;
mod ground;
mod load;
mod oracle;
mod plan;
mod report;
mod retrain;
mod run;
mod target;

use std::process::ExitCode;

use stack::paths;

fn main() -> ExitCode {
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Runs, reports, and says whether every answer was right.
fn measure() -> Result<bool, String> {
    let seen = run::run()?;
    let folder = paths::repository().join("target/chain");
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let file = folder.join("report.json");
    paths::write(&file, format!("{:#}\n", report::json(&seen)).as_bytes())?;
    println!("{}\nWritten to {}", report::text(&seen), file.display());
    for fault in &seen.faults {
        eprintln!("WRONG: {fault}");
    }
    Ok(seen.faults.is_empty())
}
