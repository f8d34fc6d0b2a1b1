//! `fpcache`: what an operator does with fingerprint-cache outside Envoy.
//!
//! - `check`, `explain`: the filter's own code on a configuration, a request, a response.
//! - `inspect`, `keys`: what is in Redis.
//! - `invalidate`, `refresh`: notices in the log that all Envoys follow.
//! - `warm`: requests that fill the cache beforehand.
//! - `bridge`: notices out of the pub/sub channels that publishers already use.
//! - `redis`, `input`, `message`, `output`, `units`: what they share.

mod bridge;
mod check;
mod document;
mod explain;
mod find;
mod input;
mod inspect;
mod keys;
mod message;
mod output;
mod publish;
mod redis;
mod report;
mod store;
mod units;
mod warm;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fingerprint_cache::notice::Op;
use output::Output;

const STATUS: &str = "\
Exit status:
  0  all is well
  1  the answer is no (check: problems; explain: not stored or not reused; inspect: nothing there)
  2  nothing was done: wrong usage, or a file or Redis that cannot be read
  3  published, but not on all replicas";

/// The native companion of fingerprint-cache.
#[derive(Parser)]
#[command(name = "fpcache", version, after_help = STATUS)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Arguments),
    Explain(explain::Arguments),
    Inspect(inspect::Arguments),
    Keys(keys::Arguments),
    /// Makes all Envoys forget what matches, in L1 and L2
    Invalidate(publish::Arguments),
    /// Makes all Envoys take what matches for stale: served within its stale window while it is revalidated
    Refresh(publish::Arguments),
    Warm(warm::Arguments),
    Bridge(bridge::Arguments),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(output) => {
            // A reader that has seen enough (`| head`) closes the pipe; the exit status still tells.
            let _ = std::io::stdout().write_all(&output.bytes);
            ExitCode::from(output.status)
        }
        Err(sentence) => {
            eprintln!("{}", output::plain(&sentence));
            ExitCode::from(2)
        }
    }
}

fn run(command: &Command) -> Result<Output, String> {
    match command {
        Command::Check(arguments) => {
            check::run(arguments).map(|report| Output::text(report.text, u8::from(!report.ok)))
        }
        Command::Explain(arguments) => explain::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Keys(arguments) => keys::run(arguments),
        Command::Invalidate(arguments) => publish::run(Op::Invalidate, arguments),
        Command::Refresh(arguments) => publish::run(Op::Refresh, arguments),
        Command::Warm(arguments) => warm::run(arguments),
        Command::Bridge(arguments) => bridge::run(arguments),
    }
}
