//! `bench`: what a hit, a miss and a pass cost in a real Envoy, in CPU time of Envoy for one request, beside the least
//! that a Wasm filter can cost and Envoy's own cache.
//!
//! Envoy has one worker and a core of its own; the load, Redis, webdis and the origin share another. The cases take
//! turns, five times over, so that whatever drifts drifts for all of them.
//!
//! - [`case`], [`ratio`]: what is measured, and what is to be reached.
//! - [`answer`]: the one answer of every case.
//! - [`modules`], [`ground`], [`origin`], [`proxy`]: what has to be built and to run.
//! - [`load`], [`cpu`], [`run`]: one case, once.
//! - [`soak`]: the memory of the Wasm VM.
//! - [`stats`], [`report`]: the figures.

mod answer;
mod case;
mod cpu;
mod ground;
mod load;
mod modules;
mod options;
mod origin;
mod proxy;
mod ratio;
mod report;
mod run;
mod soak;
mod stats;

use std::process::ExitCode;

use case::Case;
use cpu::Cores;
use ground::Ground;
use options::Options;
use ratio::TARGETS;
use report::Report;
use run::Run;
use stack::{Scratch, paths};

fn main() -> ExitCode {
    let outcome = Options::read(std::env::args().skip(1)).and_then(|options| bench(&options));
    match outcome {
        Ok(met) if met => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, reports, and says whether the outcome is one to go on with.
fn bench(options: &Options) -> Result<bool, String> {
    let plugin = paths::plugin()?;
    println!("Building the floors with the exports of {} ...", plugin.display());
    let floors = modules::floors(&plugin)?;
    let module = std::fs::metadata(&plugin).map_err(|error| format!("{}: {error}", plugin.display()))?.len();
    let soaked = options.soak().then(|| {
        println!("A million answers through the core in a Wasm VM ...");
        soak::run()
    });
    let soaked = soaked.transpose()?;
    let mut folder = Scratch::new("bench")?;
    // For its logs, should anything fail.
    folder.keep(true);
    let cores = Cores::split()?;
    let ground = Ground::start(plugin, floors, folder.path())?;
    let cases = alternate(options, |case, number| {
        run::run(case, number, options.length, &ground, cores, folder.path())
            .map_err(|error| format!("{}: {error}", case.name))
    })?;
    folder.keep(false);
    let ratios = ratios(&cases);
    conclude(&Report { cases, ratios, soaked, module }, options)
}

fn alternate(
    options: &Options,
    mut run: impl FnMut(&Case, usize) -> Result<Run, String>,
) -> Result<Vec<(Case, Vec<Run>)>, String> {
    let mut cases: Vec<(Case, Vec<Run>)> = options.cases().map(|case| (case, Vec::new())).collect();
    for number in 0..options.alternations {
        print!("Alternation {} of {}, CPU us per request:", number + 1, options.alternations);
        for (case, runs) in &mut cases {
            let done = run(case, number)?;
            print!(" {} {:.1}", case.name, done.cpu);
            let _ = std::io::Write::flush(&mut std::io::stdout());
            runs.push(done);
        }
        println!();
    }
    Ok(cases)
}

fn ratios(cases: &[(Case, Vec<Run>)]) -> Vec<ratio::Ratio> {
    let cpu = |name: &str| -> Vec<f64> {
        let found = cases.iter().find(|(case, _)| case.name == name);
        found.map(|(_, runs)| runs.iter().map(|run| run.cpu).collect()).unwrap_or_default()
    };
    TARGETS.iter().filter_map(|target| target.measure(&cpu(target.of), &cpu(target.to))).collect()
}

/// Writes and prints the report; false when a target is missed and that was to be an error.
fn conclude(report: &Report, options: &Options) -> Result<bool, String> {
    let folder = paths::repository().join("target/bench");
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let file = folder.join("report.json");
    paths::write(&file, format!("{:#}\n", report.json()).as_bytes())?;
    println!("\n{}\nWritten to {}", report.text(), file.display());
    let missed = report.missed();
    for sentence in &missed {
        eprintln!("\nMISSED: {sentence}");
    }
    Ok(missed.is_empty() || !options.check)
}
