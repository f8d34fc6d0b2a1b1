//! The command line and the environment.

use crate::delay::Delay;
use std::net::SocketAddr;

/// The text of `--help`.
pub const HELP: &str = "\
A synthetic fingerprint API to put the cache in front of.

Usage: fingerprint-demo [--listen ADDRESS:PORT] [--delay TIME]

  --listen ADDRESS:PORT  where to listen; port 0 takes a free one
                         [default: 127.0.0.1:18002; env: FINGERPRINT_DEMO_LISTEN]
  --delay TIME           how long API answers take: 150ms, 1s or 20ms..200ms, at most 5s;
                         a request may name its own: x-demo-delay: 150ms
                         [default: 20ms; env: FINGERPRINT_DEMO_DELAY]
  --help                 this text
  --version              the version

Any token opens the API: curl -H 'Authorization: Bearer me' http://127.0.0.1:18002/v1/fingerprints/profiles
GET /debug/counts says how often each route was asked; POST /debug/reset counts anew.
";

/// Where to listen if nobody says.
const LISTEN: &str = "127.0.0.1:18002";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    /// Serve, like this.
    Serve(Options),
    /// Print the help.
    Help,
    /// Print the version.
    Version,
}

/// How to serve.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How long API answers take.
    pub delay: Delay,
}

/// Reads `words`, the command line without the program's name, and asks
/// `environment` for what they leave open. The error is a sentence.
pub fn read(
    words: impl IntoIterator<Item = String>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Wish, String> {
    let mut listen = environment("FINGERPRINT_DEMO_LISTEN");
    let mut delay = environment("FINGERPRINT_DEMO_DELAY");
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let slot = match name {
            "--help" | "-h" => return Ok(Wish::Help),
            "--version" | "-V" => return Ok(Wish::Version),
            "--listen" => &mut listen,
            "--delay" => &mut delay,
            _ => return Err(format!("\"{word}\" is not an option; see --help.")),
        };
        *slot = value.or_else(|| words.next());
        if slot.is_none() {
            return Err(format!("{name} wants a value; see --help."));
        }
    }
    options(listen, delay).map(Wish::Serve)
}

fn options(listen: Option<String>, delay: Option<String>) -> Result<Options, String> {
    let listen = listen.as_deref().unwrap_or(LISTEN);
    let listen = listen.parse().map_err(|_| format!("\"{listen}\" is not an address and port; write {LISTEN}."))?;
    let delay = delay.map_or_else(|| Ok(Delay::default()), |delay| delay.parse())?;
    Ok(Options { listen, delay })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Wish, String> {
        read(line.split_whitespace().map(str::to_owned), |_| None)
    }

    fn served(listen: &str, delay: &str) -> Result<Wish, String> {
        options(Some(listen.into()), Some(delay.into())).map(Wish::Serve)
    }

    #[test]
    fn options_are_read_in_both_forms() {
        assert_eq!(asked(""), served("127.0.0.1:18002", "20ms"));
        assert_eq!(asked("--listen [::1]:9 --delay 1s"), served("[::1]:9", "1s"));
        assert_eq!(asked("--delay=20ms..200ms"), served(LISTEN, "20ms..200ms"));
        assert_eq!(asked("--delay 1s --help"), Ok(Wish::Help));
    }

    #[test]
    fn the_command_line_is_stronger_than_the_environment() {
        let environment = |name: &str| name.ends_with("DELAY").then(|| "70ms".to_owned());
        assert_eq!(read([], environment), served(LISTEN, "70ms"));
        assert_eq!(read(["--delay=1ms".to_owned()], environment), served(LISTEN, "1ms"));
    }

    #[test]
    fn what_cannot_be_read_gets_a_sentence() {
        for line in ["--port 1", "--listen", "--listen 18002", "--delay", "--delay soon", "x"] {
            assert!(asked(line).is_err_and(|sentence| sentence.ends_with('.')), "{line}");
        }
    }
}
