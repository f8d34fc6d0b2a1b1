//! Redis as the operator reaches it: RESP, straight or by way of Sentinel, with errors that say what to do next.
//!
//! - [`Arguments`]: the flags of every command that needs Redis.
//! - [`Redis`]: one connection.
//! - `address`: which Redis is meant.
//! - [`publish`]: notices put into the log, and who has them.
//! - `failure`: what goes wrong, in words.

mod address;
mod failure;
mod publish;

use std::time::Duration;

use fingerprint_cache::config::Config;
use redis::{Cmd, Connection, FromRedisValue, RedisResult};

pub use failure::sentence;
pub use publish::{LONGEST, Published, publish};

/// What keys begin with unless somebody says otherwise.
const KEY_PREFIX: &str = "fpc";

/// How to reach Redis; the password is better given in `FPCACHE_REDIS_PASSWORD` than in the URL, where others see it.
#[derive(Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Redis (password: FPCACHE_REDIS_PASSWORD)")]
pub struct Arguments {
    /// redis://[user[:password]@]host:port/db [default: redis://127.0.0.1:6379]
    #[arg(long, value_name = "URL", env = "FPCACHE_REDIS", hide_env_values = true)]
    pub redis: Option<String>,
    /// Sentinels to ask for the master (their password: FPCACHE_SENTINEL_PASSWORD); the login is that of --redis
    #[arg(long, value_name = "HOST:PORT,..", env = "FPCACHE_SENTINEL", value_delimiter = ',', requires = "master")]
    pub sentinel: Vec<String>,
    /// What Sentinel calls the master
    #[arg(long, value_name = "NAME", env = "FPCACHE_MASTER")]
    pub master: Option<String>,
    /// What every key begins with: redis.key_prefix of the configuration
    #[arg(long, value_name = "TEXT", env = "FPCACHE_KEY_PREFIX", default_value = KEY_PREFIX)]
    pub key_prefix: String,
    /// The longest that connecting, a reply, and the replicas may take each
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = crate::units::time)]
    pub timeout: Duration,
}

impl Arguments {
    /// These, with the key prefix of a configuration where none is given here.
    pub fn of(&self, config: Option<&Config>) -> Self {
        let theirs = config.and_then(|config| config.redis.as_ref()).map(|redis| redis.key_prefix.clone());
        let key_prefix = theirs.filter(|_| self.key_prefix == KEY_PREFIX).unwrap_or_else(|| self.key_prefix.clone());
        Self { key_prefix, ..self.clone() }
    }

    /// Connects to any Redis, for reading.
    ///
    /// # Errors
    /// A sentence with the address, without the password.
    pub fn connect(&self) -> Result<Redis, String> {
        let target = address::find(self)?;
        let address = target.addr().to_string();
        let failed = |error| sentence(&address, &error);
        let client = redis::Client::open(target).map_err(failed)?;
        let connection = client.get_connection_with_timeout(self.timeout).map_err(failed)?;
        let mut redis = Redis { connection, address, prefix: self.key_prefix.clone(), timeout: self.timeout };
        redis.patience(self.timeout)?;
        Ok(redis)
    }

    /// Connects to a master, for writing.
    ///
    /// # Errors
    /// As [`Arguments::connect`]; and where it is a replica, a sentence that says so.
    pub fn connect_to_master(&self) -> Result<Redis, String> {
        let mut redis = self.connect()?;
        let replication = redis.replication()?;
        match replication.master {
            None => Ok(redis),
            Some(master) => Err(failure::replica(&redis.address, &master)),
        }
    }
}

/// A connection to one Redis.
pub struct Redis {
    connection: Connection,
    /// Its host and port, for messages.
    pub address: String,
    /// What every key begins with.
    pub prefix: String,
    /// The longest a reply may take.
    pub timeout: Duration,
}

/// What a Redis is to others.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replication {
    /// The host and port it copies from; `None` for a master.
    pub master: Option<String>,
    /// Replicas that are connected to it.
    pub replicas: u64,
}

impl Redis {
    /// Sends a command and reads its reply.
    ///
    /// # Errors
    /// A sentence with the address and the next step.
    pub fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, String> {
        command.query(&mut self.connection).map_err(|error| sentence(&self.address, &error))
    }

    /// Sends several commands at once and reads their replies.
    ///
    /// # Errors
    /// As [`Redis::ask`], when one of them is refused.
    pub fn ask_all<T: FromRedisValue>(&mut self, commands: &[Cmd]) -> Result<Vec<T>, String> {
        if commands.is_empty() {
            return Ok(vec![]);
        }
        let mut pipe = redis::pipe();
        commands.iter().for_each(|command| {
            pipe.add_command(command.clone());
        });
        let replies: Result<Vec<RedisResult<T>>, _> = pipe.ignore_errors().query(&mut self.connection);
        let replies = replies.and_then(|replies| replies.into_iter().collect());
        replies.map_err(|error| sentence(&self.address, &error))
    }

    /// The connection itself, for what is no question with one answer: subscriptions, other time limits.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Lets each reply take up to `time` from now on.
    ///
    /// # Errors
    /// A sentence, when the socket does not have it.
    pub fn patience(&mut self, time: Duration) -> Result<(), String> {
        let failed = |error| sentence(&self.address, &error);
        self.connection.set_read_timeout(Some(time)).map_err(failed)?;
        self.connection.set_write_timeout(Some(time)).map_err(failed)
    }

    /// Asks what it is to others.
    ///
    /// # Errors
    /// As [`Redis::ask`].
    pub fn replication(&mut self) -> Result<Replication, String> {
        let text: String = self.ask(redis::cmd("INFO").arg("replication"))?;
        Ok(replication(&text))
    }

    /// The stream of invalidations.
    pub fn log(&self) -> String {
        format!("{}:log", self.prefix)
    }

    /// The hash of bans.
    pub fn bans(&self) -> String {
        format!("{}:bans", self.prefix)
    }
}

/// A command with arguments that are text.
pub fn command(name: &str, arguments: &[&str]) -> Cmd {
    let mut command = redis::cmd(name);
    arguments.iter().for_each(|argument| {
        command.arg(*argument);
    });
    command
}

fn replication(info: &str) -> Replication {
    let field = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.trim().split_once(':'));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value)
    };
    let host = || format!("{}:{}", field("master_host").unwrap_or("?"), field("master_port").unwrap_or("?"));
    Replication {
        master: (field("role") == Some("slave")).then(host),
        replicas: field("connected_slaves").and_then(|count| count.parse().ok()).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_counts_its_replicas_and_a_replica_names_its_master() {
        let master = replication("# Replication\r\nrole:master\r\nconnected_slaves:2\r\nslave0:ip=::1,port=1\r\n");
        assert_eq!(master, Replication { master: None, replicas: 2 });
        let replica = replication("role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nconnected_slaves:0\r\n");
        assert_eq!(replica.master.as_deref(), Some("10.0.0.1:6379"));
        assert_eq!(replication(""), Replication::default());
    }
}
