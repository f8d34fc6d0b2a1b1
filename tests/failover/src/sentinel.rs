//! One Sentinel, started by the shipped script.

use std::path::PathBuf;

use stack::{Port, Process, Reply, Resp};

use crate::node;
use crate::shipped::{MASTER, Map};

/// One Sentinel of three.
#[derive(Debug)]
pub struct Sentinel {
    number: usize,
    port: Port,
    folder: PathBuf,
    process: Option<Process>,
}

impl Sentinel {
    /// Prepares one that has this folder.
    pub fn new(number: usize, folder: PathBuf) -> Result<Self, String> {
        std::fs::create_dir_all(folder.join("data")).map_err(|error| format!("cannot make a data folder: {error}"))?;
        Ok(Self { number, port: Port::free()?, folder, process: None })
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Starts it, as the pod does, and waits until it answers.
    pub fn start(&mut self, map: &Map) -> Result<(), String> {
        let name = format!("sentinel-{}", self.number);
        let command = map.script("start-sentinel.sh", &name, self.port(), self.port(), &self.folder);
        let mut process = Process::start(&name, command, &node::log(&self.folder))?;
        process.until(node::START, || self.named())?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops it in order (SIGTERM).
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// The port by which it names the master, asked without a password.
    pub fn named(&self) -> Option<u16> {
        let named = self.ask(&["SENTINEL", "get-master-addr-by-name", MASTER])?.list();
        String::from_utf8_lossy(named.get(1)?).parse().ok()
    }

    /// Whether it knows both other Sentinels and both replicas, and sees a quorum.
    pub fn settled(&self) -> bool {
        let Some(Reply::Array(fields)) = self.ask(&["SENTINEL", "master", MASTER]) else { return false };
        let text = |reply: &Reply| reply.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let field = |name: &str| {
            let place = fields.iter().position(|field| text(field).as_deref() == Some(name))?;
            fields.get(place + 1).and_then(text)
        };
        let flags = field("flags").unwrap_or_default();
        ["num-slaves", "num-other-sentinels"].iter().all(|name| field(name).as_deref() == Some("2"))
            && flags == "master"
    }

    fn ask(&self, question: &[&str]) -> Option<Reply> {
        Resp::connect(self.port(), "default", "-").ok()?.call(question).ok()
    }
}
