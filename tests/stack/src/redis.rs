//! A Redis of one's own, with the shipped `redis.conf` and `users.acl`; only port and directory differ.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::paths;
use crate::port::Port;
use crate::process::Process;
use crate::resp::{Reply, Resp};

/// The user for people and tests in `users.acl`, who may do everything.
pub const ADMIN: (&str, &str) = ("admin", "fpc-local-admin");
/// The user of webdis in `users.acl`, who may do what the filter's scripts need.
pub const WEBDIS: (&str, &str) = ("default", "fpc-local-webdis");

const START: Duration = Duration::from_secs(10);

/// Redis: running, stopped or paused. Stopped when dropped; its data is gone then.
#[derive(Debug)]
pub struct Redis {
    port: Port,
    folder: PathBuf,
    process: Option<Process>,
}

impl Redis {
    /// Prepares a Redis on `port` that keeps its files in `folder`; [`Redis::start`] starts it.
    pub fn new(port: Port, folder: &Path) -> Self {
        Self { port, folder: folder.to_path_buf(), process: None }
    }

    /// Starts it and waits until it answers. Its data is empty: it never saves any.
    ///
    /// # Errors
    /// A sentence with the end of its log.
    pub fn start(&mut self) -> Result<(), String> {
        let mut command = Command::new(paths::program("redis-server")?);
        command.arg(paths::shipped("redis.conf")).current_dir(paths::repository());
        command.arg("--port").arg(self.port.number().to_string()).arg("--dir").arg(&self.folder);
        // `--dir` is where relative paths count from.
        command.arg("--aclfile").arg(paths::shipped("users.acl"));
        let mut process = Process::start("redis", command, &self.folder.join("redis.log"))?;
        process.until(START, || Resp::connect(self.port.number(), ADMIN.0, ADMIN.1).ok())?;
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

    /// Stops it in order (SIGTERM).
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops it and starts it anew, empty, on the same port.
    ///
    /// # Errors
    /// A sentence with the end of its log.
    pub fn restart(&mut self) -> Result<(), String> {
        self.stop();
        self.start()
    }

    /// Halts it as it stands (SIGSTOP): connections stay open, nothing is answered.
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

    /// A connection as the user who may do everything.
    ///
    /// # Errors
    /// A sentence, when it does not run or answer.
    pub fn admin(&self) -> Result<Resp, String> {
        Resp::connect(self.port(), ADMIN.0, ADMIN.1)
    }

    /// One command as the user who may do everything, on a connection of its own.
    ///
    /// # Errors
    /// A sentence, when there is no reply, or it is an error.
    pub fn call<A: AsRef<[u8]>>(&self, arguments: &[A]) -> Result<Reply, String> {
        match self.admin()?.call(arguments)? {
            Reply::Error(error) => Err(format!("Redis says: {error}")),
            reply => Ok(reply),
        }
    }

    /// The keys of the cache, sorted.
    ///
    /// # Errors
    /// A sentence, when it does not run or answer.
    pub fn keys(&self) -> Result<Vec<String>, String> {
        let keys = self.call(&["KEYS", "fpc:*"])?.list();
        let mut keys: Vec<_> = keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
        keys.sort();
        Ok(keys)
    }

    /// The keys of entries: neither leases nor the log with its bans.
    ///
    /// # Errors
    /// A sentence, when it does not run or answer.
    pub fn entries(&self) -> Result<Vec<String>, String> {
        let mut keys = self.keys()?;
        keys.retain(|key| !key.contains(":l:") && !matches!(key.as_str(), "fpc:log" | "fpc:bans"));
        Ok(keys)
    }

    /// How many notices are in the log: all but the one that only makes it.
    ///
    /// # Errors
    /// A sentence, when it does not run or answer.
    pub fn notices(&self) -> Result<i64, String> {
        const COUNT: &str = "local n = 0 for _, event in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
            if event[2][6] ~= '-' then n = n + 1 end end return n";
        Ok(self.call(&["EVAL", COUNT, "1", "fpc:log"])?.integer().unwrap_or_default())
    }

    /// Makes it refuse writes like a replica (`-READONLY`), or accept them again.
    ///
    /// # Errors
    /// A sentence, when it does not run or answer.
    pub fn read_only(&self, read_only: bool) -> Result<(), String> {
        // A master that does not answer: nothing is ever copied from it, so the data stays.
        let master = if read_only { ["REPLICAOF", "127.0.0.1", "1"] } else { ["REPLICAOF", "NO", "ONE"] };
        self.call(&master).map(drop)
    }

    /// Makes it a replica of another Redis, and waits until it has all that is there.
    ///
    /// # Errors
    /// A sentence, when one of them does not run or answer, or it takes too long.
    pub fn follow(&mut self, master: &Self) -> Result<(), String> {
        // Without it a master waits some seconds for more replicas to come.
        master.call(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"])?;
        self.call(&["CONFIG", "SET", "masteruser", ADMIN.0, "masterauth", ADMIN.1])?;
        self.call(&["REPLICAOF", "127.0.0.1", &master.port().to_string()])?;
        self.until(|redis| Ok(redis.info("replication")?.contains("master_link_status:up")))
    }

    /// Makes a replica a master of its own.
    ///
    /// # Errors
    /// As [`Redis::follow`].
    pub fn promote(&mut self) -> Result<(), String> {
        self.call(&["REPLICAOF", "NO", "ONE"]).map(drop)
    }

    /// Waits until its replica has all that was written so far.
    ///
    /// # Errors
    /// A sentence, when it does not run or answer, or the replica has not confirmed after two seconds.
    pub fn replicated(&self) -> Result<(), String> {
        match self.call(&["WAIT", "1", "1500"])?.integer() {
            Some(1..) => Ok(()),
            _ => Err("no replica has it".to_owned()),
        }
    }

    /// A section of `INFO`.
    ///
    /// # Errors
    /// A sentence, when it does not run or answer.
    pub fn info(&self, section: &str) -> Result<String, String> {
        let reply = self.call(&["INFO", section])?;
        Ok(reply.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default())
    }

    fn until(&mut self, done: impl Fn(&Self) -> Result<bool, String>) -> Result<(), String> {
        let deadline = Instant::now() + START;
        while !done(self)? {
            if Instant::now() > deadline {
                return Err(format!("the replica has no link to its master after {START:?}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Makes every write fail for want of memory (`-OOM`), or gives the shipped limit back.
    ///
    /// # Errors
    /// A sentence, when it does not run or answer.
    pub fn out_of_memory(&self, full: bool) -> Result<(), String> {
        let (policy, limit) = if full { ("noeviction", "1") } else { ("volatile-lru", "256mb") };
        self.call(&["CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", limit]).map(drop)
    }
}
