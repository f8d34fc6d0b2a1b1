//! A webdis of one's own, with the shipped `webdis.json`; only the ports differ.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::client::Request;
use crate::paths;
use crate::port::Port;
use crate::process::Process;

const START: Duration = Duration::from_secs(10);

/// webdis: running, stopped or paused. Stopped when dropped.
#[derive(Debug)]
pub struct Webdis {
    port: Port,
    redis: u16,
    folder: PathBuf,
    process: Option<Process>,
}

impl Webdis {
    /// Prepares a webdis on `port` before the Redis on port `redis`; [`Webdis::start`] starts it.
    pub fn new(port: Port, redis: u16, folder: &Path) -> Self {
        Self { port, redis, folder: folder.to_path_buf(), process: None }
    }

    /// Starts it and waits until it listens; Redis need not run.
    ///
    /// # Errors
    /// A sentence with the end of its log.
    pub fn start(&mut self) -> Result<(), String> {
        let file = self.folder.join("webdis.json");
        paths::write(&file, configuration(self.port.number(), self.redis)?.to_string().as_bytes())?;
        let mut command = Command::new(paths::program("webdis")?);
        command.arg(&file).current_dir(&self.folder);
        let mut process = Process::start("webdis", command, &self.folder.join("webdis.log"))?;
        // By connecting: binding, even for a moment, could be just when webdis binds.
        let address = (std::net::Ipv4Addr::LOCALHOST, self.port.number());
        process.until(START, || std::net::TcpStream::connect(address).ok())?;
        self.process = Some(process);
        Ok(())
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The process, while there is one.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// Whether Redis answers through it.
    pub fn answers(&self) -> bool {
        Request::get("/PING.raw").send(self.port()).is_ok_and(|response| response.body == b"+PONG\r\n")
    }

    /// Stops it in order (SIGTERM).
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Halts it as it stands (SIGSTOP).
    pub fn pause(&mut self) {
        if let Some(process) = &mut self.process {
            process.pause();
        }
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&mut self) {
        if let Some(process) = &mut self.process {
            process.resume();
        }
    }
}

/// The shipped configuration with these ports.
fn configuration(port: u16, redis: u16) -> Result<Value, String> {
    let file = paths::shipped("webdis.json");
    let mut value: Value = serde_json::from_str(&paths::read(&file)?)
        .map_err(|error| format!("{} is not JSON: {error}", file.display()))?;
    for (member, number) in [("http_port", port), ("redis_port", redis)] {
        let place = value.get_mut(member).ok_or_else(|| format!("{} names no {member}", file.display()))?;
        *place = number.into();
    }
    Ok(value)
}
