//! One child process: started with a log file, supervised, stopped by its process id.
//!
//! A child never outlives its parent: the kernel kills it when the thread that started it ends, and all are started
//! by one thread that lives as long as the process. (Test threads end earlier than the stacks they share.)

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal};

/// How long a process may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// A running child process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with standard output and error appended to `log`.
    ///
    /// # Errors
    /// A sentence, when the log cannot be written or the program not be run.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self, String> {
        let opened = File::options().create(true).append(true).open(log);
        let output = opened.map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        let errors = output.try_clone().map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        // A group of its own, so that Ctrl-C in a terminal reaches the supervisor alone, which then stops all in order.
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = spawn(command).map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_path_buf() })
    }

    /// The name given at the start.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How the process ended, or `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// A sentence when the process is gone: how it ended, and the end of its log.
    pub fn obituary(&mut self) -> Option<String> {
        let status = self.ended()?;
        let name = &self.name;
        Some(format!("{name} ended ({status}). The end of {}:\n{}", self.log.display(), last_lines(&self.log, 12)))
    }

    /// Asks it to end (SIGTERM) and waits; kills it after three seconds. It need not be running.
    pub fn stop(&mut self) {
        // A paused process would not hear the first signal before it goes on.
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
        let deadline = Instant::now() + GRACE;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                return self.kill();
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Halts it as it stands (SIGSTOP): its ports stay open, nothing is answered.
    pub fn pause(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets a paused process go on (SIGCONT).
    pub fn resume(&mut self) {
        self.signal(Signal::CONT);
    }

    /// Sends a signal, unless the process has been waited for: its id may then be another's.
    fn signal(&mut self, signal: Signal) {
        if self.ended().is_some() {
            return;
        }
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, signal);
        }
    }

    /// Waits until `ready` gives a value, at most `limit`.
    ///
    /// # Errors
    /// A sentence with the end of the log, when the process ends before or the time is over.
    pub fn until<T>(&mut self, limit: Duration, mut ready: impl FnMut() -> Option<T>) -> Result<T, String> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(value) = ready() {
                return Ok(value);
            }
            if let Some(obituary) = self.obituary() {
                return Err(obituary);
            }
            if Instant::now() > deadline {
                let tail = last_lines(&self.log, 12);
                return Err(format!("{} is not ready after {limit:?}. The end of its log:\n{tail}", self.name));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The last `count` lines of a text file, indented; `(empty)` where there are none.
pub fn last_lines(file: &Path, count: usize) -> String {
    let bytes = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return "  (empty)".to_owned();
    }
    let tail = lines.iter().skip(lines.len().saturating_sub(count));
    tail.map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

type Order = (Command, Sender<io::Result<Child>>);

/// Starts `command` on the one thread whose end is the end of this process.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    static STARTER: OnceLock<Sender<Order>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (orders, queue) = channel::<Order>();
        thread::spawn(move || {
            for (command, reply) in queue {
                let _ = reply.send(spawn_bound(command));
            }
        });
        orders
    });
    let (reply, child) = channel();
    let gone = || io::Error::other("the thread that starts processes is gone");
    starter.send((command, reply)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

/// Starts `command` so that the kernel kills the child when this thread ends.
fn spawn_bound(mut command: Command) -> io::Result<Child> {
    let parent = getpid();
    let bind = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died between the fork and the line above: then nobody would send that signal.
        if getppid() == Some(parent) { Ok(()) } else { Err(Errno::SRCH.into()) }
    };
    // SAFETY: between fork and exec the closure makes two system calls; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(bind) };
    command.spawn()
}
