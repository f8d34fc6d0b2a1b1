//! `fpcache`: what an operator does with fingerprint-cache outside Envoy.
//!
//! Exit status: 0 all is well, 1 the configuration has problems, 2 there was nothing to judge (wrong
//! usage, a file that cannot be read, no configuration in it).

mod bridge;
mod check;
mod document;
mod find;
mod report;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "fpcache", version, about = "The native companion of fingerprint-cache.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Arguments),
}

fn main() -> ExitCode {
    let Arguments { command: Command::Check(arguments) } = Arguments::parse();
    match check::run(&arguments) {
        Ok(report) => {
            // A reader that has seen enough (`| head`) closes the pipe; the exit status still tells.
            let _ = std::io::stdout().write_all(report.text.as_bytes());
            ExitCode::from(u8::from(!report.ok))
        }
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::from(2)
        }
    }
}
