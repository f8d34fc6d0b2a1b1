//! `conformance`: the public HTTP caching tests (npm `http-cache-tests`) through a real Envoy with the filter, Redis and
//! webdis, compared with the outcomes that are committed. Better is a difference, too.
//!
//! - [`options`]: the command line.
//! - [`suite`]: where the suite is, its server, one run of its client.
//! - [`stage`]: what the tests go through.
//! - [`outcome`]: what became of each test, judged as the suite does.
//! - [`expected`]: the committed outcomes, and what differs.
//! - [`report`]: what is printed.

mod expected;
mod options;
mod outcome;
mod report;
mod stage;
mod suite;

use std::path::PathBuf;
use std::process::ExitCode;

use expected::Outcomes;
use options::Options;
use outcome::Findings;
use stack::{Stack, paths};
use suite::{Server, Suite};

fn main() -> ExitCode {
    let outcome = Options::read(std::env::args().skip(1)).and_then(|options| run(&options));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Where the files of this crate are.
fn folder() -> PathBuf {
    paths::repository().join("tests/conformance")
}

fn run(options: &Options) -> Result<(), String> {
    let server = Server::start(Suite::open(options.suite())?)?;
    let stack = stage::start(&options.plugin(), server.port())?;
    let findings = server.run(stack.envoy.port(), options.id.as_deref())?;
    match &options.id {
        Some(id) => one(&findings, id, &server, options),
        None => all(&findings, &stack, options),
    }
}

fn all(findings: &Findings, stack: &Stack, options: &Options) -> Result<(), String> {
    let found = Outcomes::found(findings);
    println!("{}", report::whole(findings, &found));
    stack.unharmed()?;
    if !options.compares() {
        return Ok(());
    }
    stage::used_redis(stack)?;
    let file = expected::file();
    if options.accept {
        println!("Accepted: docs/conformance.md and the README have to say the same.");
        return paths::write(&file, found.text()?.as_bytes());
    }
    let differences = found.differences(&Outcomes::read(&file)?);
    if differences.is_empty() {
        println!("All {} outcomes are as expected.", findings.tests.len());
        return Ok(());
    }
    let lines = report::differences(findings, &differences);
    Err(format!("{} outcomes differ; `make conformance-accept` accepts them:\n{lines}", differences.len()))
}

/// What was sent for one test, and what became of it; those that it builds on were not run.
fn one(findings: &Findings, id: &str, server: &Server, options: &Options) -> Result<(), String> {
    let test = findings.find(id).ok_or_else(|| format!("the suite has no test {id} for a proxy"))?;
    println!("{}", server.said()?);
    let found = findings.alone(test);
    println!("{}", format!("{id} ({}): {found} {}", test.kind, findings.message(test, found)).trim_end());
    let expected = options.compares().then(|| Outcomes::read(&expected::file())).transpose()?;
    if let Some(expected) = expected.and_then(|expected| expected.get(test.kind, id)) {
        println!("expected, judged with the tests that it builds on: {expected}");
    }
    Ok(())
}
