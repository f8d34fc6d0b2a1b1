//! The shipped files in `k8s/base`, and the variables in which one machine differs from a cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use stack::paths;

/// The name of every Redis and Sentinel here: not an address to those that compare it, 127.0.0.1 to those that resolve
/// it. (`localhost` may be `::1`.) The ports tell them apart.
pub const HOST: &str = "127.1";
/// What Sentinel calls the group.
pub const MASTER: &str = "fpc";
/// The users that have a password.
const USERS: [&str; 6] = ["webdis", "admin", "replica", "sentinel", "operator", "publisher"];

/// A shipped file.
pub fn file(name: &str) -> PathBuf {
    paths::repository().join("k8s/base").join(name)
}

/// The password of a user.
pub fn password(user: &str) -> String {
    format!("failover-{user}")
}

/// Who is where.
#[derive(Clone, Debug)]
pub struct Map {
    /// The port on which each Redis listens: HAProxy reaches it there.
    pub redis: Vec<u16>,
    /// The port by which Sentinels and replicas reach it, and by which it is named.
    pub named: Vec<u16>,
    /// The port of each Sentinel.
    pub sentinels: Vec<u16>,
    /// The folder with the passwords.
    secrets: PathBuf,
}

impl Map {
    /// Writes the passwords into this folder.
    pub fn new(redis: Vec<u16>, named: Vec<u16>, sentinels: Vec<u16>, secrets: PathBuf) -> Result<Self, String> {
        for user in USERS {
            paths::write(&secrets.join(user), password(user).as_bytes())?;
        }
        Ok(Self { redis, named, sentinels, secrets })
    }

    /// A shipped script for the node of this name, which listens on `port`, is named by `announced`, and has `folder`.
    pub fn script(&self, script: &str, node: &str, port: u16, announced: u16, folder: &Path) -> Command {
        let mut command = Command::new("sh");
        command.arg(file("scripts").join(script)).env("FPC_CONFIG", file("config")).env("FPC_SECRETS", &self.secrets);
        command.env("FPC_NODE", node).env("FPC_HOST", HOST).env("FPC_BIND", "127.0.0.1");
        command.env("FPC_PORT", port.to_string()).env("FPC_ANNOUNCE_PORT", announced.to_string());
        command.env("FPC_RUN", folder.join("run")).env("FPC_DATA", folder.join("data")).env("FPC_MAXMEMORY", "128mb");
        command.env("FPC_SENTINELS", all(&self.sentinels, " ")).env("FPC_REDISES", all(&self.named, " "));
        command
    }

    /// HAProxy with the shipped configuration.
    pub fn haproxy(&self, port: u16, metrics: u16, verdict: u16) -> Result<Command, String> {
        let mut command = Command::new(paths::program("haproxy")?);
        command.arg("-f").arg(file("config/haproxy.cfg")).env("FPC_BIND", "127.0.0.1");
        let ports = [("FPC_PORT", port), ("FPC_METRICS_PORT", metrics), ("FPC_VERDICT_PORT", verdict)];
        command.envs(ports.map(|(name, port)| (name, port.to_string())));
        for (number, ((redis, named), sentinel)) in self.redis.iter().zip(&self.named).zip(&self.sentinels).enumerate()
        {
            command.env(format!("FPC_REDIS_{number}"), format!("127.0.0.1:{redis}"));
            command.env(format!("FPC_NAME_{number}"), HOST).env(format!("FPC_NAME_PORT_{number}"), named.to_string());
            command.env(format!("FPC_SENTINEL_{number}"), format!("127.0.0.1:{sentinel}"));
        }
        Ok(command)
    }

    /// The Sentinels as `fpcache` takes them.
    pub fn sentinels(&self) -> String {
        all(&self.sentinels, ",")
    }
}

/// The shipped configuration of webdis, with the variables replaced as webdis 0.1.10 and later do by themselves.
pub fn webdis(port: u16, redis: u16) -> Result<Value, String> {
    let file = file("config/webdis.json");
    let mut value: Value = serde_json::from_str(&paths::read(&file)?)
        .map_err(|error| format!("{} is not JSON: {error}", file.display()))?;
    let members = value.as_object_mut().ok_or("webdis.json is no map")?;
    for value in members.values_mut() {
        let Some(name) = value.as_str().and_then(|text| text.strip_prefix('$')) else { continue };
        *value = match name {
            "FPC_MASTER_HOST" | "FPC_HTTP_HOST" => "127.0.0.1".into(),
            "FPC_MASTER_PORT" => redis.into(),
            "FPC_HTTP_PORT" => port.into(),
            "FPC_PASSWORD_WEBDIS" => password("webdis").into(),
            _ => return Err(format!("webdis.json names {name}, which nobody sets")),
        };
    }
    Ok(value)
}

fn all(ports: &[u16], between: &str) -> String {
    ports.iter().map(|port| format!("{HOST}:{port}")).collect::<Vec<_>>().join(between)
}
