//! The demo service (`demo/`) as a process.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::client::Request;
use crate::paths;
use crate::port::Port;
use crate::process::Process;

const START: Duration = Duration::from_secs(10);

/// A running demo service. Stopped when dropped.
#[derive(Debug)]
pub struct Demo {
    port: Port,
    process: Process,
}

impl Demo {
    /// Starts it on `port` with its log in `folder`; each answer takes it `delay`.
    ///
    /// # Errors
    /// A sentence with the end of its log.
    pub fn start(port: Port, folder: &Path, delay: Duration) -> Result<Self, String> {
        let mut command = Command::new(paths::sibling("fingerprint-demo")?);
        command.args(["--listen", &format!("127.0.0.1:{}", port.number())]);
        command.args(["--delay", &format!("{}ms", delay.as_millis())]);
        let mut process = Process::start("demo", command, &folder.join("demo.log"))?;
        process.until(START, || Request::get("/debug/counts").send(port.number()).ok())?;
        Ok(Self { port, process })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// How often each route was really asked, as `/debug/counts` says.
    ///
    /// # Errors
    /// A sentence, when it does not answer with JSON.
    pub fn counts(&self) -> Result<Value, String> {
        Request::get("/debug/counts").send(self.port())?.json()
    }
}
