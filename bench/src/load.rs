//! wrk: a load for a while, and what it saw.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use stack::paths;

use crate::case::Load;

/// How many connections ask at once, each for one answer at a time.
pub const CONNECTIONS: u32 = 32;

/// What every request carries besides `Host`: what a client of such an API sends. No credentials, since Envoy's own
/// cache answers nobody who shows some.
pub const HEADERS: [(&str, &str); 6] = [
    ("user-agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en-US,en;q=0.9"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("x-client-version", "2.14.0"),
];

/// What wrk saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Requests a second.
    pub rps: f64,
    /// Half of the answers came within this many microseconds.
    pub p50: f64,
    /// And 99 of a hundred within this many.
    pub p99: f64,
}

/// Loads a port of 127.0.0.1. `run` sets the fresh paths of one run apart from those of others.
///
/// # Errors
/// A sentence, when wrk is missing, or an answer is missing or has another status than 2xx or 3xx.
pub fn run(port: u16, load: Load, run: usize, length: Duration) -> Result<Seen, String> {
    let mut command = Command::new(paths::program("wrk")?);
    let connections = CONNECTIONS.to_string();
    // wrk counts in whole seconds.
    let seconds = format!("{}s", length.as_secs().max(1));
    command.args(["--threads", "1", "--connections", &connections, "--duration", &seconds, "--timeout", "5s"]);
    command.arg("--script").arg(paths::repository().join("bench/load.lua"));
    for (name, value) in HEADERS {
        command.args(["--header", &format!("{name}: {value}")]);
    }
    command.arg(format!("http://127.0.0.1:{port}/")).arg("--").args(words(load, run));
    let output = command.output().map_err(|error| format!("cannot run wrk: {error}"))?;
    read(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| format!("wrk did not end well: {}{}", text(&output.stdout), text(&output.stderr)))
}

/// The path that a load asks for first.
pub fn first(load: Load) -> String {
    match load {
        Load::One(path) => path.to_owned(),
        Load::Cycle(path, _) => format!("{path}1"),
        Load::Fresh(path) => format!("{path}0"),
    }
}

fn words(load: Load, run: usize) -> Vec<String> {
    match load {
        Load::One(path) => vec!["one".to_owned(), path.to_owned()],
        Load::Cycle(path, count) => vec!["cycle".to_owned(), path.to_owned(), count.to_string()],
        Load::Fresh(path) => vec!["fresh".to_owned(), format!("{path}{run}-")],
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The last line, which `load.lua` prints; `None` when there is none or something failed.
fn read(output: &str) -> Option<Seen> {
    let line: Value = serde_json::from_str(output.lines().last()?).ok()?;
    let number = |name: &str| line.get(name).and_then(Value::as_f64);
    let (requests, micros) = (number("requests")?, number("micros")?);
    let sound = number("failed")? == 0.0 && requests > 0.0 && micros > 0.0;
    let seen = Seen { rps: requests / micros * 1e6, p50: number("p50_us")?, p99: number("p99_us")? };
    sound.then_some(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_wrk_is_read_unless_something_failed() {
        let line = |failed| {
            format!("...\n{{\"requests\":100,\"micros\":2000000,\"p50_us\":3,\"p99_us\":9,\"failed\":{failed}}}\n")
        };
        assert_eq!(read(&line(0)), Some(Seen { rps: 50.0, p50: 3.0, p99: 9.0 }));
        assert_eq!(read(&line(1)), None);
        assert_eq!(read("unable to connect"), None);
    }
}
