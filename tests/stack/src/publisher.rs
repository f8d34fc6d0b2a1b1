//! Invalidations, published as a program beside the fleet would: the shipped script, by RESP.

use crate::paths;
use crate::redis::{ADMIN, Redis};
use crate::resp::{Reply, Resp};

/// Where the script is, from the root of the repository.
const SCRIPT: &str = "src/redis/scripts/publish.lua";
/// Longer than any entry of a test lives, in milliseconds.
const LONGEST: &str = "86400000";

/// What a notice is about, with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One primary key, as `Cache-Status` shows it.
    Key(String),
    /// One target, as `/path?query` or `host/path?query`.
    Uri(String),
    /// All targets that begin so.
    Prefix(String),
    /// All targets that match this glob.
    Pattern(String),
    /// All that carries this tag.
    Tag(String),
    /// All of this rule.
    Rule(String),
    /// Everything.
    All,
}

impl Scope {
    /// The word for it in the log.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Uri(_) => "uri",
            Self::Prefix(_) => "prefix",
            Self::Pattern(_) => "pattern",
            Self::Tag(_) => "tag",
            Self::Rule(_) => "rule",
            Self::All => "all",
        }
    }

    /// Its value in the log.
    pub fn value(&self) -> &str {
        match self {
            Self::Key(value) | Self::Uri(value) | Self::Prefix(value) => value,
            Self::Pattern(value) | Self::Tag(value) | Self::Rule(value) => value,
            Self::All => "",
        }
    }
}

/// A connection to Redis that publishes.
#[derive(Debug)]
pub struct Publisher {
    connection: Resp,
    script: String,
}

impl Publisher {
    /// Connects.
    ///
    /// # Errors
    /// A sentence, when Redis does not run or the script is not where it should be.
    pub fn connect(redis: &Redis) -> Result<Self, String> {
        let script = paths::read(&paths::repository().join(SCRIPT))?;
        Ok(Self { connection: Resp::connect(redis.port(), ADMIN.0, ADMIN.1)?, script })
    }

    /// Publishes one notice; when it returns, the notice is in the log. Gives its position.
    ///
    /// # Errors
    /// A sentence, when Redis does not take it.
    pub fn publish(&mut self, op: &str, scope: &Scope) -> Result<String, String> {
        let arguments = ["EVAL", &self.script, "2", "fpc:log", "fpc:bans", LONGEST, op, scope.as_str(), scope.value()];
        let reply = self.connection.call(&arguments)?;
        let position = reply.bytes().and_then(|bytes| bytes.strip_prefix(b"P"));
        match (position, reply.clone()) {
            (Some(position), _) => Ok(String::from_utf8_lossy(position).into_owned()),
            (None, Reply::Error(error)) => Err(format!("Redis did not take the notice: {error}")),
            (None, reply) => Err(format!("publish.lua says {reply:?}")),
        }
    }

    /// Invalidates.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub fn invalidate(&mut self, scope: &Scope) -> Result<String, String> {
        self.publish("invalidate", scope)
    }
}
