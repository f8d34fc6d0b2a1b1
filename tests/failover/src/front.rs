//! HAProxy and webdis, with the shipped configurations.

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use stack::{Port, Process, Request, paths};

use crate::node::{START, log};
use crate::shipped::{self, Map};

/// The way from Envoy to the master.
#[derive(Debug)]
pub struct Front {
    haproxy: [Port; 3],
    webdis: Port,
    folder: PathBuf,
    processes: [Option<Process>; 2],
}

impl Front {
    /// Prepares both, with this folder.
    pub fn new(folder: PathBuf) -> Result<Self, String> {
        for name in ["haproxy", "webdis"] {
            let room = folder.join(name);
            std::fs::create_dir_all(&room).map_err(|error| format!("cannot make {}: {error}", room.display()))?;
        }
        let haproxy = [Port::free()?, Port::free()?, Port::free()?];
        Ok(Self { haproxy, webdis: Port::free()?, folder, processes: [None, None] })
    }

    /// The port of webdis.
    pub fn port(&self) -> u16 {
        self.webdis.number()
    }

    /// Starts HAProxy, after stopping the one that runs.
    pub fn start_haproxy(&mut self, map: &Map) -> Result<(), String> {
        let [place, _] = &mut self.processes;
        *place = None;
        let [port, metrics, verdict] = self.haproxy.each_ref().map(Port::number);
        let command = map.haproxy(port, metrics, verdict)?;
        let process = Process::start("haproxy", command, &log(&self.folder.join("haproxy")))?;
        let healthy = || Request::get("/healthz").send(metrics).ok().filter(|answer| answer.status == 200);
        place.insert(process).until(START, healthy).map(drop)
    }

    /// Starts webdis, after stopping the one that runs.
    pub fn start_webdis(&mut self) -> Result<(), String> {
        let [_, place] = &mut self.processes;
        *place = None;
        let ([master, ..], port) = (&self.haproxy, self.webdis.number());
        let folder = self.folder.join("webdis");
        let file = folder.join("webdis.json");
        paths::write(&file, shipped::webdis(port, master.number())?.to_string().as_bytes())?;
        let mut command = Command::new(paths::program("webdis")?);
        command.arg(&file).current_dir(&folder);
        let process = Process::start("webdis", command, &log(&folder))?;
        place.insert(process).until(START, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()).map(drop)
    }

    /// Whether the master answers through both.
    pub fn answers(&self) -> bool {
        Request::get("/PING.raw").send(self.port()).is_ok_and(|response| response.body == b"+PONG\r\n")
    }

    /// A sentence when one of them ended by itself.
    pub fn obituary(&mut self) -> Option<String> {
        self.processes.iter_mut().flatten().find_map(Process::obituary)
    }
}
