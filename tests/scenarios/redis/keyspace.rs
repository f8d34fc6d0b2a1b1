//! What Redis holds, and the few commands that the scripts may use, with the replies and the expiry of the real ones.

use std::collections::BTreeMap;

/// A reply, before it is written as RESP or handed to Lua.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Nil,
    Integer(i64),
    Bulk(Vec<u8>),
    Array(Vec<Reply>),
    Error(String),
}

/// A hash with the time of its end, in milliseconds of Redis' clock.
#[derive(Clone, Debug, Default)]
pub struct Hash {
    pub fields: BTreeMap<Vec<u8>, Vec<u8>>,
    pub ends: Option<i64>,
}

/// A stream: of its events only how many there ever were, and are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stream {
    pub added: u64,
    pub length: u64,
}

/// All keys, and the state of the server that scripts can see.
#[derive(Debug, Default)]
pub struct Keyspace {
    pub hashes: BTreeMap<Vec<u8>, Hash>,
    pub streams: BTreeMap<Vec<u8>, Stream>,
    pub epoch: u64,
    /// Redis' clock, in microseconds since 1970.
    pub clock: i64,
    /// The keys that the running script declared.
    pub declared: Vec<Vec<u8>>,
}

impl Keyspace {
    /// Runs a command inside a script.
    pub fn call(&mut self, command: &[Vec<u8>]) -> Reply {
        let Some((name, arguments)) = command.split_first() else { return error("no command") };
        let name = String::from_utf8_lossy(name).to_ascii_uppercase();
        if !super::acl::allows(&name, arguments) {
            return Reply::Error(format!("NOPERM this user has no permissions to run the '{name}' command"));
        }
        self.expire();
        match (name.as_str(), arguments) {
            ("TIME", []) => self.time(),
            ("INFO", [section]) if section == b"replication" => self.info(),
            ("XINFO", [stream, key]) if stream == b"STREAM" => self.declared(key).unwrap_or_else(|| self.xinfo(key)),
            ("XADD", [key, rest @ ..]) => self.declared(key).unwrap_or_else(|| self.xadd(key, rest)),
            (_, [key, rest @ ..]) => self.declared(key).unwrap_or_else(|| self.hash(&name, key, rest)),
            _ => error(&format!("unknown command '{name}'")),
        }
    }

    fn hash(&mut self, name: &str, key: &[u8], rest: &[Vec<u8>]) -> Reply {
        if self.streams.contains_key(key) && name != "UNLINK" {
            return Reply::Error("WRONGTYPE Operation against a key holding the wrong kind of value".into());
        }
        match (name, rest) {
            ("HGET", [field]) => self.field(key, field),
            ("HMGET", [_, ..]) => Reply::Array(rest.iter().map(|field| self.field(key, field)).collect()),
            ("HLEN", []) => Reply::Integer(self.hashes.get(key).map_or(0, |hash| hash.fields.len() as i64)),
            ("HGETALL", []) => self.hgetall(key),
            ("HDEL", [_, ..]) => self.hdel(key, rest),
            ("HSET", [_, _, ..]) if rest.len().is_multiple_of(2) => self.hset(key, rest),
            ("UNLINK", []) => {
                let gone = self.hashes.remove(key).is_some() || self.streams.remove(key).is_some();
                Reply::Integer(i64::from(gone))
            }
            ("PTTL", []) => Reply::Integer(self.pttl(key)),
            ("PEXPIRE", [life]) => self.pexpire(key, life),
            _ => error(&format!("unknown command '{name}' of {} arguments", rest.len() + 1)),
        }
    }

    /// The ACL of the shipped user, and the rule that scripts name their keys beforehand.
    fn declared(&self, key: &[u8]) -> Option<Reply> {
        if !key.starts_with(b"fpc:") {
            return Some(Reply::Error("NOPERM this user has no permissions to access one of the keys".into()));
        }
        let known = self.declared.iter().any(|declared| declared == key);
        (!known).then(|| error("Script attempted to access a non declared key"))
    }

    fn time(&self) -> Reply {
        let part = |number: i64| Reply::Bulk(number.to_string().into_bytes());
        Reply::Array(vec![part(self.clock.div_euclid(1_000_000)), part(self.clock.rem_euclid(1_000_000))])
    }

    fn info(&self) -> Reply {
        let text = format!("# Replication\r\nrole:master\r\nmaster_replid:{:040x}\r\n", self.epoch);
        Reply::Bulk(text.into_bytes())
    }

    fn xinfo(&self, key: &[u8]) -> Reply {
        let Some(stream) = self.streams.get(key) else { return error("no such key") };
        let name = |text: &str| Reply::Bulk(text.as_bytes().to_vec());
        let number = |value: u64| Reply::Integer(value as i64);
        let last = Reply::Bulk(format!("{}-0", self.clock / 1000).into_bytes());
        Reply::Array(vec![
            name("length"),
            number(stream.length),
            name("last-generated-id"),
            last,
            name("entries-added"),
            number(stream.added),
            name("groups"),
            number(0),
        ])
    }

    /// `MAXLEN ~ n * field value ..`. What is trimmed "nearly exactly" leaves by whole nodes of 100.
    fn xadd(&mut self, key: &[u8], rest: &[Vec<u8>]) -> Reply {
        let [maxlen, about, most, id, fields @ ..] = rest else { return error("syntax error") };
        let most: Option<u64> = std::str::from_utf8(most).ok().and_then(|text| text.parse().ok());
        let (true, Some(most)) = (maxlen == b"MAXLEN" && about == b"~" && id == b"*", most) else {
            return error("syntax error");
        };
        if fields.is_empty() || !fields.len().is_multiple_of(2) {
            return error("wrong number of arguments for 'xadd' command");
        }
        let stream = self.streams.entry(key.to_vec()).or_default();
        stream.added += 1;
        stream.length += 1;
        stream.length -= stream.length.saturating_sub(most) / 100 * 100;
        Reply::Bulk(format!("{}-{}", self.clock / 1000, stream.added).into_bytes())
    }

    fn hgetall(&self, key: &[u8]) -> Reply {
        let fields = self.hashes.get(key).into_iter().flat_map(|hash| &hash.fields);
        Reply::Array(fields.flat_map(|(name, value)| [name, value]).cloned().map(Reply::Bulk).collect())
    }

    fn hdel(&mut self, key: &[u8], fields: &[Vec<u8>]) -> Reply {
        let Some(hash) = self.hashes.get_mut(key) else { return Reply::Integer(0) };
        let gone = fields.iter().filter(|field| hash.fields.remove(*field).is_some()).count();
        if hash.fields.is_empty() {
            self.hashes.remove(key);
        }
        Reply::Integer(gone as i64)
    }

    fn field(&self, key: &[u8], field: &[u8]) -> Reply {
        let found = self.hashes.get(key).and_then(|hash| hash.fields.get(field));
        found.map_or(Reply::Nil, |value| Reply::Bulk(value.clone()))
    }

    fn hset(&mut self, key: &[u8], pairs: &[Vec<u8>]) -> Reply {
        let hash = self.hashes.entry(key.to_vec()).or_default();
        let new = pairs.chunks_exact(2).filter(|pair| hash.fields.insert(pair[0].clone(), pair[1].clone()).is_none());
        Reply::Integer(new.count() as i64)
    }

    fn pttl(&self, key: &[u8]) -> i64 {
        let Some(hash) = self.hashes.get(key) else { return -2 };
        hash.ends.map_or(-1, |ends| ends - self.clock / 1000)
    }

    fn pexpire(&mut self, key: &[u8], life: &[u8]) -> Reply {
        let life: Option<i64> = std::str::from_utf8(life).ok().and_then(|text| text.parse().ok());
        let Some(life) = life else { return error("value is not an integer or out of range") };
        let ends = self.clock / 1000 + life;
        match self.hashes.get_mut(key) {
            Some(hash) => hash.ends = Some(ends),
            None => return Reply::Integer(0),
        }
        Reply::Integer(1)
    }

    /// Drops what is over its time.
    pub fn expire(&mut self) {
        let now = self.clock / 1000;
        self.hashes.retain(|_, hash| hash.ends.is_none_or(|ends| ends > now));
    }
}

fn error(text: &str) -> Reply {
    Reply::Error(format!("ERR {text}"))
}
