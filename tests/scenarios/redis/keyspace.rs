//! What Redis holds, and the few commands that the scripts may use, with the replies and the expiry of the real ones.

use super::stream::Stream;
use std::collections::BTreeMap;

/// A reply, before it is written as RESP or handed to Lua.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Nil,
    Status(&'static str),
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

/// A string with the time of its end, in milliseconds of Redis' clock.
#[derive(Clone, Debug, Default)]
pub struct Text {
    pub value: Vec<u8>,
    pub ends: Option<i64>,
}

/// All keys, and the state of the server that scripts can see.
#[derive(Clone, Debug, Default)]
pub struct Keyspace {
    pub hashes: BTreeMap<Vec<u8>, Hash>,
    pub strings: BTreeMap<Vec<u8>, Text>,
    pub streams: BTreeMap<Vec<u8>, Stream>,
    /// `master_replid`.
    pub epoch: u64,
    /// `master_replid2`: whose data it continues.
    pub before: Option<u64>,
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
            ("XINFO", [stream, key]) if stream == b"STREAM" => self.keyed("XINFO", key, &[]),
            (_, [key, rest @ ..]) => self.keyed(&name, key, rest),
            _ => error(&format!("unknown command '{name}'")),
        }
    }

    fn keyed(&mut self, name: &str, key: &[u8], rest: &[Vec<u8>]) -> Reply {
        if let Some(refusal) = self.declared(key).or_else(|| self.of_other_kind(name, key)) {
            return refusal;
        }
        match (name, rest) {
            ("UNLINK", []) => Reply::Integer(i64::from(self.remove(key))),
            ("PTTL", []) => Reply::Integer(self.pttl(key)),
            ("PEXPIRE", [life]) => self.pexpire(key, life),
            ("GET", []) => self.strings.get(key).map_or(Reply::Nil, |text| Reply::Bulk(text.value.clone())),
            ("SET", [value, px, life]) if px == b"PX" => self.set(key, value, life),
            ("XINFO", []) => self.xinfo(key),
            ("XADD", _) => self.xadd(key, rest),
            ("XSETID", [last, word, added]) if word == b"ENTRIESADDED" => self.xsetid(key, last, added),
            ("XREVRANGE", [end, start, count, most]) if count == b"COUNT" => self.xrevrange(key, [end, start], most),
            _ => self.hash(name, key, rest),
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

    fn of_other_kind(&self, name: &str, key: &[u8]) -> Option<Reply> {
        let (hash, string) = (self.hashes.contains_key(key), self.strings.contains_key(key));
        let stream = self.streams.contains_key(key);
        let wrong = match name.as_bytes() {
            b"GET" => hash || stream,
            [b'H', ..] => string || stream,
            [b'X', ..] => string || hash,
            _ => false,
        };
        wrong.then(|| Reply::Error("WRONGTYPE Operation against a key holding the wrong kind of value".into()))
    }

    fn time(&self) -> Reply {
        let part = |number: i64| Reply::Bulk(number.to_string().into_bytes());
        Reply::Array(vec![part(self.clock.div_euclid(1_000_000)), part(self.clock.rem_euclid(1_000_000))])
    }

    fn info(&self) -> Reply {
        let (epoch, before) = (self.epoch, self.before.unwrap_or_default());
        let ids = format!("master_replid:{epoch:040x}\r\nmaster_replid2:{before:040x}\r\n");
        Reply::Bulk(format!("# Replication\r\nrole:master\r\n{ids}master_repl_offset:0\r\n").into_bytes())
    }

    fn remove(&mut self, key: &[u8]) -> bool {
        let (hash, string) = (self.hashes.remove(key).is_some(), self.strings.remove(key).is_some());
        self.streams.remove(key).is_some() || hash || string
    }

    fn set(&mut self, key: &[u8], value: &[u8], life: &[u8]) -> Reply {
        match number(life) {
            None => error("value is not an integer or out of range"),
            Some(..=0) => error("invalid expire time in 'set' command"),
            Some(life) => {
                self.remove(key);
                let ends = Some(self.clock / 1000 + life);
                self.strings.insert(key.to_vec(), Text { value: value.to_vec(), ends });
                Reply::Status("OK")
            }
        }
    }

    /// The end of a key, where there is such a key.
    fn ends(&mut self, key: &[u8]) -> Option<&mut Option<i64>> {
        let hash = self.hashes.get_mut(key).map(|hash| &mut hash.ends);
        let string = self.strings.get_mut(key).map(|text| &mut text.ends);
        hash.or(string).or(self.streams.get_mut(key).map(|stream| &mut stream.ends))
    }

    fn pttl(&mut self, key: &[u8]) -> i64 {
        let now = self.clock / 1000;
        self.ends(key).map_or(-2, |ends| ends.map_or(-1, |ends| ends - now))
    }

    fn pexpire(&mut self, key: &[u8], life: &[u8]) -> Reply {
        let Some(life) = number(life) else { return error("value is not an integer or out of range") };
        let now = self.clock / 1000;
        let Some(ends) = self.ends(key) else { return Reply::Integer(0) };
        *ends = Some(now + life);
        if life <= 0 {
            self.remove(key);
        }
        Reply::Integer(1)
    }

    /// Drops what is over its time: at its very end a key is still there.
    pub fn expire(&mut self) {
        let now = self.clock / 1000;
        let lasts = |ends: Option<i64>| ends.is_none_or(|ends| ends >= now);
        self.hashes.retain(|_, hash| lasts(hash.ends));
        self.strings.retain(|_, text| lasts(text.ends));
        self.streams.retain(|_, stream| lasts(stream.ends));
    }

    /// How many hashes hold entries: all but that of the bans.
    pub fn entries(&self) -> usize {
        self.hashes.keys().filter(|key| !key.ends_with(b":bans")).count()
    }

    /// `FLUSHALL`: no key is left, and nobody can tell by the epoch.
    pub fn flush(&mut self) {
        (self.hashes, self.strings, self.streams) = Default::default();
    }
}

pub fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

pub fn error(text: &str) -> Reply {
    Reply::Error(format!("ERR {text}"))
}
