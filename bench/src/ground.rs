//! What all cases stand on: the modules, Redis, webdis, the origin.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use stack::port::{Port, is_free};
use stack::{Process, Redis, paths};

use crate::answer;
use crate::origin;

/// Running servers, and the modules that Envoy is to load.
#[derive(Debug)]
pub struct Ground {
    /// The cache.
    pub plugin: PathBuf,
    /// The floors.
    pub floors: PathBuf,
    /// The port of the origin.
    pub origin: u16,
    redis: Redis,
    port: Port,
    _webdis: Process,
}

impl Ground {
    /// Starts the servers, with their files in `folder`.
    ///
    /// # Errors
    /// A sentence with the end of the log of what did not start.
    pub fn start(plugin: PathBuf, floors: PathBuf, folder: &Path) -> Result<Self, String> {
        let mut redis = Redis::new(Port::free()?, folder);
        redis.start()?;
        // A floor asks for a plain key, which the cache never does and may not do as shipped.
        redis.call(&["ACL", "SETUSER", stack::redis::WEBDIS.0, "+get"])?;
        let port = Port::free()?;
        let webdis = webdis(&port, redis.port(), folder)?;
        let ground = Self { plugin, floors, origin: origin::start()?, redis, port, _webdis: webdis };
        ground.empty()?;
        Ok(ground)
    }

    /// The port of webdis.
    pub fn webdis(&self) -> u16 {
        self.port.number()
    }

    /// Empties Redis, but for the scripts and what a floor asks for.
    ///
    /// # Errors
    /// A sentence, when Redis does not answer.
    pub fn empty(&self) -> Result<(), String> {
        self.redis.call(&["FLUSHALL"])?;
        self.redis.call(&["SET", answer::KEY, answer::BODY]).map(drop)
    }
}

/// webdis as shipped, but for the ports and the command `GET`.
fn webdis(port: &Port, redis: u16, folder: &Path) -> Result<Process, String> {
    let text = paths::read(&paths::shipped("webdis.json"))?;
    let mut settings: Value = serde_json::from_str(&text).map_err(|error| format!("webdis.json: {error}"))?;
    let enabled = settings.pointer_mut("/acl/1/enabled").and_then(Value::as_array_mut);
    enabled.ok_or("webdis.json enables no commands")?.push("GET".into());
    for (name, value) in [("http_port", json!(port.number())), ("redis_port", json!(redis))] {
        *settings.get_mut(name).ok_or_else(|| format!("webdis.json has no {name}"))? = value;
    }
    let file = folder.join("webdis.json");
    paths::write(&file, settings.to_string().as_bytes())?;
    let mut command = Command::new(paths::program("webdis")?);
    command.arg(&file).current_dir(folder);
    let mut process = Process::start("webdis", command, &folder.join("webdis.log"))?;
    process.until(Duration::from_secs(10), || (!is_free(port.number())).then_some(()))?;
    Ok(process)
}
