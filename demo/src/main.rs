//! A synthetic fingerprint API: the service that the demonstration and the tests
//! put the cache in front of. Its data is made from seeds and its answers can be
//! foretold, except where they are random on purpose; it counts what it is asked,
//! so that a test can prove that a hit never reached it.
//!
//! - [`args`] the command line, [`delay`] how long an answer takes
//! - [`server`] sockets; [`service`] from a request to its answer
//! - [`routes`] which route, and how often; [`users`] token and allowance
//! - [`profiles`] and [`hello`], [`model`], [`fingerprint`] and [`identify`], [`whoami`]
//!   what is answered; [`seed`] where it comes from
//! - [`answer`] headers, validators, 304

mod answer;
mod args;
mod delay;
mod fingerprint;
mod hello;
mod identify;
mod model;
mod profiles;
mod routes;
mod seed;
mod server;
mod service;
mod users;
mod whoami;

use args::{Options, Wish};
use service::Service;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    match args::read(std::env::args().skip(1), |name| std::env::var(name).ok()) {
        Ok(Wish::Help) => say(args::HELP.trim_end()),
        Ok(Wish::Version) => say(concat!("fingerprint-demo ", env!("CARGO_PKG_VERSION"))),
        Ok(Wish::Serve(options)) => match run(&options) {
            Ok(()) => say("fingerprint-demo: ended"),
            Err(error) => return complain(&error, 1),
        },
        Err(sentence) => return complain(&sentence, 2),
    }
    ExitCode::SUCCESS
}

fn run(options: &Options) -> Result<(), String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("Cannot start: {error}."))?;
    let result = runtime.block_on(listen(options));
    // Clients that did not end in time must not keep the process.
    runtime.shutdown_background();
    result
}

async fn listen(options: &Options) -> Result<(), String> {
    let service = Service::new(options.delay).map_err(|error| format!("Cannot make the profiles: {error}."))?;
    // Before the line that says we listen: from then on a signal ends us in order.
    let stop = stop_signal().map_err(|error| format!("Cannot wait for signals: {error}."))?;
    let listener = TcpListener::bind(options.listen).await.map_err(|error| no_port(options, &error))?;
    let address = listener.local_addr().unwrap_or(options.listen);
    say(&format!("fingerprint-demo: listening on http://{address}, answers take {}", options.delay));
    server::serve(listener, Arc::new(service), stop).await;
    Ok(())
}

/// Is over at the first SIGINT (Ctrl-C) or SIGTERM.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn no_port(options: &Options, error: &io::Error) -> String {
    let address = options.listen;
    match error.kind() {
        ErrorKind::AddrInUse => format!(
            "{address} is in use by another program; stop that one, or choose another port with --listen ADDRESS:PORT."
        ),
        _ => format!("Cannot listen on {address}: {error}; choose another with --listen ADDRESS:PORT."),
    }
}

/// A line for whoever watches; a closed pipe is no reason to end.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn complain(sentence: &str, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "fingerprint-demo: {sentence}");
    ExitCode::from(code)
}
