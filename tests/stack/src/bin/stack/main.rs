//! `stack run` and `stack demo`: what `make run` and `make demo` start.
//!
//! Redis, webdis, the demo service and Envoy on their fixed ports, with the shipped configurations as they are; then a
//! short tour that shows where answers come from. `run` stays up until Ctrl-C, `demo` ends with the tour: 0 only when
//! every answer came from where it should.
//!
//! - [`fixed`]: the processes, their ports, their watch.
//! - [`tour`]: the requests and what is expected of them; [`table`] shows them.

mod fixed;
mod table;
mod tour;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fixed::Fixed;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

const USAGE: &str = "Usage: stack run | stack demo\n\n  \
    run   starts the local stack, shows a tour, stays up until Ctrl-C\n  \
    demo  the same, but ends after the tour: exit 0 when it went as it should";

const NEXT: &str = "
It stays up until Ctrl-C. Try next:

  curl -i -H 'Authorization: Bearer me' http://127.0.0.1:18000/v1/fingerprints/profiles/chrome_120_win
  curl -i -H 'Authorization: Bearer me' http://127.0.0.1:18000/api/v1/models/features
  curl -i -H 'Authorization: Bearer me' http://127.0.0.1:18000/api/v1/fingerprint/identify \\
       -d '{\"tls_data\":\"FgMBAgABAAH8AwM=\",\"http_headers\":{\"user-agent\":\"Mozilla/5.0\"},\"session_id\":\"mine\"}'
  curl -i -H 'Authorization: Bearer me' --cacert .tools/tls/edge.crt https://127.0.0.1:18005/v1/whoami

  what the cache did    curl -s http://127.0.0.1:18001/stats/prometheus | grep ^fingerprint_cache
  what reached the API  curl -s http://127.0.0.1:18002/debug/counts
  what is in Redis      redis-cli -p 18004 --user admin --pass fpc-local-admin --no-auth-warning --scan
  Envoy's admin page    http://127.0.0.1:18001/";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let stays = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["run"] => true,
        ["demo"] => false,
        _ => return complain(USAGE, 2),
    };
    match go(stays) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => complain(&sentence, 1),
    }
}

/// The whole program; whatever it started is stopped when it returns.
fn go(stays: bool) -> Result<(), String> {
    let over = signals()?;
    let mut stack = Fixed::start(&over)?;
    let outcome = tour(&mut stack, stays, &over);
    if outcome.is_ok() {
        stack.went_well();
    }
    drop(stack);
    if over.load(Ordering::Relaxed) {
        say("\nStopped: nothing is left running.");
    }
    outcome
}

fn tour(stack: &mut Fixed, stays: bool, over: &AtomicBool) -> Result<(), String> {
    let stops = tour::walk(stack)?;
    let mut wrong: Vec<_> = stops.iter().filter_map(|stop| stop.wrong.clone()).collect();
    say(&table::show(&stops));
    let (lines, misled) = tour::proof(stack)?;
    say(&lines);
    wrong.extend(misled);
    if !wrong.is_empty() {
        return Err(format!("The tour did not go as it should:\n  {}\nLogs: {}", wrong.join("\n  "), stack.logs()));
    }
    if !stays {
        say("\nEvery answer came from where it should.");
        return Ok(());
    }
    say(NEXT);
    say(&format!("  logs                  {}", stack.logs()));
    watch(stack, over)
}

/// Until a signal comes, or a process dies.
fn watch(stack: &mut Fixed, over: &AtomicBool) -> Result<(), String> {
    while !over.load(Ordering::Relaxed) {
        if let Some(obituary) = stack.obituary() {
            return Err(format!("{obituary}\nEverything else was stopped."));
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Becomes true at Ctrl-C, at a polite kill, or when the terminal goes.
fn signals() -> Result<Arc<AtomicBool>, String> {
    let over = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&over))
            .map_err(|error| format!("cannot listen for signals: {error}"))?;
    }
    Ok(over)
}

/// Prints, unless nobody listens any more (`make run | head`).
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn complain(sentence: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{sentence}");
    ExitCode::from(code)
}
