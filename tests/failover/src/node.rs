//! One Redis, started by the shipped script. Sentinels and replicas reach it through a relay of its own, HAProxy does
//! not: so it can be cut off from those, and still be asked by this one.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stack::{Port, Process, Relay, Reply, Resp, paths};

use crate::shipped::{self, Map};

/// How long one that is there may be silent.
const STILL: Duration = Duration::from_secs(15);

/// What a Redis says of itself and its replication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replication {
    /// Whether it calls itself a master.
    pub master: bool,
    /// The id of the history it is in: the epoch.
    pub history: String,
    /// Whether a replica is connected to its master and has everything.
    pub linked: bool,
    /// The replicas of a master that have everything.
    pub replicas: usize,
}

/// One Redis of three.
#[derive(Debug)]
pub struct Node {
    number: usize,
    port: Port,
    /// How Sentinels and replicas reach it.
    pub link: Relay,
    folder: PathBuf,
    process: Option<Process>,
}

impl Node {
    /// Prepares one that has this folder.
    pub fn new(number: usize, folder: PathBuf) -> Result<Self, String> {
        let port = Port::free()?;
        let link = Relay::start(port.number())?;
        std::fs::create_dir_all(folder.join("data")).map_err(|error| format!("cannot make a data folder: {error}"))?;
        Ok(Self { number, port, link, folder, process: None })
    }

    /// Its name.
    pub fn name(&self) -> String {
        format!("redis-{}", self.number)
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Starts it, as the pod does; what it is to be, it asks the Sentinels.
    pub fn start(&mut self, map: &Map) -> Result<(), String> {
        self.process = None;
        let command = map.script("start-redis.sh", &self.name(), self.port(), self.link.port(), &self.folder);
        self.process = Some(Process::start(&self.name(), command, &self.log())?);
        Ok(())
    }

    /// Stops it as Kubernetes does: the preStop script, then SIGTERM. Gives what the script said.
    pub fn stop(&mut self, map: &Map) -> Result<String, String> {
        let mut command = map.script("stop-redis.sh", &self.name(), self.port(), self.link.port(), &self.folder);
        let output = command.output().map_err(|error| format!("cannot run stop-redis.sh: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if !output.status.success() {
            return Err(format!("stop-redis.sh failed ({}): {said}", output.status));
        }
        self.process = None;
        Ok(said)
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Takes its data away; it must not run.
    pub fn lose_disk(&self) -> Result<(), String> {
        let data = self.folder.join("data");
        let emptied = std::fs::remove_dir_all(&data).and_then(|()| std::fs::create_dir_all(&data));
        emptied.map_err(|error| format!("cannot empty {}: {error}", data.display()))
    }

    /// Halts it as it stands (SIGSTOP).
    pub fn freeze(&mut self) {
        self.process.iter_mut().for_each(Process::pause);
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&mut self) {
        self.process.iter_mut().for_each(Process::resume);
    }

    /// A sentence when it ended by itself.
    pub fn obituary(&mut self) -> Option<String> {
        self.process.as_mut().and_then(Process::obituary)
    }

    /// Whether its log says this.
    pub fn said(&self, words: &str) -> bool {
        paths::read(&self.log()).is_ok_and(|log| log.contains(words))
    }

    /// A connection as the user who may do nearly everything.
    fn admin(&self) -> Result<Resp, String> {
        Resp::connect(self.port(), "admin", &shipped::password("admin"))
    }

    /// What it says of itself; `None` when it does not answer.
    pub fn replication(&self) -> Option<Replication> {
        let reply = self.admin().ok()?.call(&["INFO", "replication"]).ok()?;
        Some(read(&String::from_utf8_lossy(reply.bytes()?)))
    }

    /// Asks it as that user, and again for some seconds where no reply comes: a machine may stand still for two.
    pub fn ask<A: AsRef<[u8]>>(&self, question: &[A]) -> Result<Reply, String> {
        let deadline = Instant::now() + STILL;
        loop {
            let reply = self.admin().and_then(|mut connection| connection.call(question));
            match reply {
                Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(50)),
                reply => return reply.map_err(|error| format!("{}: {error}", self.name())),
            }
        }
    }

    /// How many of these keys it has; a replica is asked as well.
    pub fn has(&self, keys: &[String]) -> Result<i64, String> {
        let mut question = vec!["EXISTS".to_owned()];
        question.extend_from_slice(keys);
        match self.ask(&question)? {
            Reply::Integer(count) => Ok(count),
            reply => Err(format!("{} does not say which keys it has: {reply:?}", self.name())),
        }
    }

    /// How many connections of webdis it has: of its user, which has asked something.
    pub fn visitors(&self) -> Result<usize, String> {
        let reply = self.ask(&["CLIENT", "LIST", "TYPE", "normal"])?;
        let list = String::from_utf8_lossy(reply.bytes().unwrap_or_default()).into_owned();
        Ok(list.lines().filter(|line| line.contains(" user=default ") && !line.contains(" cmd=NULL ")).count())
    }

    fn log(&self) -> PathBuf {
        log(&self.folder)
    }
}

/// The log file in a folder.
pub fn log(folder: &Path) -> PathBuf {
    folder.join("process.log")
}

/// How long a process may take to be there.
pub const START: Duration = Duration::from_secs(30);

fn read(info: &str) -> Replication {
    let field = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.trim().split_once(':'));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value)
    };
    let replicas = info.lines().filter(|line| line.starts_with("slave") && line.contains("state=online")).count();
    Replication {
        master: field("role") == Some("master"),
        history: field("master_replid").unwrap_or_default().to_owned(),
        linked: field("master_link_status") == Some("up"),
        replicas,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_counts_the_replicas_that_are_online() {
        let info = "# Replication\r\nrole:master\r\nconnected_slaves:2\r\nslave0:ip=a,state=online,lag=0\r\n\
            slave1:ip=b,state=wait_bgsave\r\nmaster_replid:ab\r\n";
        let expected = Replication { master: true, history: "ab".to_owned(), linked: false, replicas: 1 };
        assert_eq!(read(info), expected);
        assert!(read("role:slave\r\nmaster_link_status:up\r\nslave_repl_offset:1\r\n").linked);
    }
}
