//! The suite: where its parts are, its server, one run of its client.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use stack::{Port, Process, Scratch, paths};

use crate::outcome::Findings;

const START: Duration = Duration::from_secs(10);
/// All tests take less than a minute, most of it pauses that let answers become stale.
const RUN: Duration = Duration::from_secs(300);

/// The suite, installed.
#[derive(Clone, Debug, PartialEq)]
pub struct Suite {
    /// The folder that holds `tests`.
    folder: PathBuf,
    /// The folder in it that holds `client` and `server`.
    engine: &'static str,
}

impl Suite {
    /// The suite in this folder: as the npm package has it, or as newer editions do.
    ///
    /// # Errors
    /// A sentence that says how to get it.
    pub fn open(folder: PathBuf) -> Result<Self, String> {
        let found = [".", "test-engine"].into_iter().find(|engine| folder.join(engine).join("client").is_dir());
        let missing = || {
            format!("there are no HTTP caching tests in {}; `make setup` installs the pinned edition", folder.display())
        };
        Ok(Self { engine: found.ok_or_else(missing)?, folder })
    }

    fn server(&self) -> PathBuf {
        self.folder.join(self.engine).join("server/server.mjs")
    }
}

/// The server of the suite: what the tests have for an origin. Stopped when dropped.
#[derive(Debug)]
pub struct Server {
    suite: Suite,
    port: Port,
    _process: Process,
    folder: Scratch,
}

impl Server {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// A sentence with the end of its log.
    pub fn start(suite: Suite) -> Result<Self, String> {
        let (folder, port) = (Scratch::new("conformance")?, Port::free()?);
        let mut command = node("server.mjs", folder.path())?;
        // It takes these for what npm would tell it.
        command.arg(suite.server()).env("npm_config_protocol", "http");
        command.env("npm_config_port", port.number().to_string());
        command.env("npm_config_pidfile", folder.path().join("server.pid"));
        let mut process = Process::start("the server of the suite", command, &log(&folder))?;
        process.until(START, || TcpStream::connect((Ipv4Addr::LOCALHOST, port.number())).ok())?;
        Ok(Self { suite, port, _process: process, folder })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Runs the tests, or one of them, through the proxy on this port.
    ///
    /// # Errors
    /// A sentence with the end of the log, when the client fails or takes minutes.
    pub fn run(&self, proxy: u16, id: Option<&str>) -> Result<Findings, String> {
        let file = self.folder.path().join("found.json");
        let mut command = node("client.mjs", self.folder.path())?;
        command.arg(&self.suite.folder).arg(self.suite.engine);
        command.arg(format!("http://127.0.0.1:{proxy}")).arg(&file).args(id);
        wait(Process::start("the client of the suite", command, &log(&self.folder))?)?;
        let found = paths::read(&file)?;
        serde_json::from_str(&found).map_err(|error| format!("what the client wrote cannot be understood: {error}"))
    }

    /// What client and server said, in the order of time.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn said(&self) -> Result<String, String> {
        paths::read(&log(&self.folder))
    }
}

/// Client and server write into one file.
fn log(folder: &Scratch) -> PathBuf {
    folder.path().join("suite.log")
}

fn node(script: &str, folder: &Path) -> Result<Command, String> {
    let mut command = Command::new(paths::program("node")?);
    command.arg("--no-warnings").arg(crate::folder().join(script)).current_dir(folder);
    Ok(command)
}

fn wait(mut client: Process) -> Result<(), String> {
    let deadline = Instant::now() + RUN;
    loop {
        match client.ended() {
            Some(status) if status.success() => return Ok(()),
            Some(_) => return Err(client.obituary().unwrap_or_default()),
            None if Instant::now() > deadline => return Err(format!("the tests are not through after {RUN:?}")),
            None => sleep(Duration::from_millis(50)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_are_found() {
        let folder = Scratch::new("unit").unwrap();
        for (engine, server) in [(".", "server/server.mjs"), ("test-engine", "test-engine/server/server.mjs")] {
            let suite = folder.path().join(engine.replace('.', "npm"));
            std::fs::create_dir_all(suite.join(engine).join("client")).unwrap();
            let found = Suite::open(suite.clone()).unwrap();
            assert_eq!((found.engine, found.server()), (engine, suite.join(engine).join("server/server.mjs")));
            assert!(found.server().ends_with(server));
        }
        assert!(Suite::open(folder.path().to_path_buf()).unwrap_err().contains("make setup"));
    }
}
