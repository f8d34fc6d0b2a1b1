//! An L2 that does what the scripts do.

use crate::redis::Call;
use crate::time::Instant;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The epoch of the log.
pub const EPOCH: &str = "0123456789abcdef0123456789abcdef01234567";
/// The position that L2 names as long as nothing is published.
pub const POSITION: &str = "0123456789abcdef0123456789abcdef01234567:7|";
/// The epoch of another master.
pub const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba98";

/// A bulk string.
pub fn bulk(payload: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat()
}

/// A variant: when it came in, its place in the log, who filled it, its bytes.
#[derive(Clone, Debug)]
pub struct Kept {
    pub since: Instant,
    pub epoch: String,
    pub n: u64,
    pub fill: String,
    pub bytes: Vec<u8>,
}

/// What the scripts keep of one primary key: the `Vary` names and the variants.
pub type Hash = (String, HashMap<String, Kept>);

/// One Redis.
#[derive(Clone, Debug)]
pub struct L2 {
    pub epoch: String,
    /// The epoch that this one continues.
    pub before: Option<String>,
    /// How many events the log has taken in, and those that it still holds.
    pub log: u64,
    pub events: Vec<[String; 3]>,
    /// The bans by field: epoch, place, moment.
    pub bans: BTreeMap<String, (String, u64, Instant)>,
    pub hashes: HashMap<String, Hash>,
    /// The leases: who, until when.
    pub leases: HashMap<String, (String, Instant)>,
}

impl Default for L2 {
    fn default() -> Self {
        Self {
            epoch: EPOCH.to_owned(),
            before: None,
            log: 7,
            events: Vec::new(),
            bans: BTreeMap::new(),
            hashes: HashMap::new(),
            leases: HashMap::new(),
        }
    }
}

impl L2 {
    /// What a script answers.
    pub fn run(&mut self, call: &Call, now: Instant) -> Vec<u8> {
        self.leases.retain(|_, (_, until)| now < *until);
        let payload = match call.script.name {
            "lookup" => self.lookup(call, now),
            "fill" => self.fill(call, now),
            "lease" => self.lease(call, now),
            "publish" => self.publish(&call.arguments[1..], now),
            "sync" => self.sync(call, now),
            name => panic!("{name}"),
        };
        bulk(&payload)
    }

    /// The newest position.
    pub fn position(&self) -> String {
        format!("{}:{}", self.epoch, self.log)
    }

    /// Somebody publishes a notice.
    pub fn tell(&mut self, op: &str, scope: &str, value: &str, now: Instant) {
        self.publish(&[op, scope, value].map(str::to_owned), now);
    }

    /// The keys of the leases and who has them, in order.
    pub fn holders(&self) -> Vec<&str> {
        let mut holders: Vec<_> = self.leases.values().map(|(holder, _)| holder.as_str()).collect();
        holders.sort_unstable();
        holders
    }

    fn lookup(&mut self, call: &Call, now: Instant) -> Vec<u8> {
        let [vary, field, token, life, refused] = &call.arguments[..] else { panic!("{:?}", call.arguments) };
        let position = self.position();
        let mut other = "";
        if let Some((names, variants)) = self.hashes.get(&call.keys[0]) {
            if names != vary {
                return format!("V{position}|{names}").into_bytes();
            }
            match variants.get(field) {
                None => other = "o",
                Some(kept) if kept.fill != *refused && !(kept.epoch == self.epoch && kept.n > self.log) => {
                    let age = now.since(kept.since).as_millis();
                    return [format!("H{position}|{age}|{}|", kept.fill).as_bytes(), &kept.bytes].concat();
                }
                Some(_) => {}
            }
        }
        if token == "-" {
            return format!("M{position}|{other}").into_bytes();
        }
        match self.leases.get(&call.keys[1]) {
            Some((holder, _)) if holder == "U" => return format!("U{position}|").into_bytes(),
            Some((holder, until)) if holder != token => {
                return format!("W{position}|{}|{other}", until.since(now).as_millis()).into_bytes();
            }
            _ => {}
        }
        self.leases.insert(call.keys[1].clone(), (token.clone(), later(now, life)));
        format!("L{position}|{other}").into_bytes()
    }

    fn fill(&mut self, call: &Call, now: Instant) -> Vec<u8> {
        let [vary, field, _life, position, token] = &call.arguments[..] else { panic!("{:?}", call.arguments) };
        match self.leases.get(&call.keys[1]) {
            Some((holder, _)) if holder == token => drop(self.leases.remove(&call.keys[1])),
            Some((holder, _)) if holder == "U" => {}
            _ => return b"F".to_vec(),
        }
        let (epoch, n) = position.split_once(':').unwrap();
        let n: u64 = n.parse().unwrap();
        if epoch != self.epoch || n > self.log {
            return b"F".to_vec();
        }
        let hash = self.hashes.entry(call.keys[0].clone()).or_default();
        if hash.0 != *vary {
            *hash = (vary.clone(), HashMap::new());
        }
        let bytes = call.body.clone().unwrap();
        let kept = Kept { since: now, epoch: epoch.to_owned(), n, fill: token.clone(), bytes };
        hash.1.insert(field.clone(), kept);
        b"S".to_vec()
    }

    fn lease(&mut self, call: &Call, now: Instant) -> Vec<u8> {
        let [what, token, rest @ ..] = &call.arguments[..] else { panic!("{:?}", call.arguments) };
        let key = &call.keys[0];
        let holder = self.leases.get(key).map(|(holder, _)| holder.clone());
        let ours = holder.as_ref() == Some(token);
        match what.as_str() {
            "renew" if ours => drop(self.leases.insert(key.clone(), (token.clone(), later(now, &rest[0])))),
            "release" if ours => drop(self.leases.remove(key)),
            "mark" if ours || holder.is_none() => {
                self.leases.insert(key.clone(), ("U".to_owned(), later(now, &rest[0])));
            }
            _ => return b"F".to_vec(),
        }
        b"K".to_vec()
    }

    fn publish(&mut self, words: &[String], now: Instant) -> Vec<u8> {
        let (notices, _) = words.as_chunks::<3>();
        for [op, scope, value] in notices {
            let value = if scope == "all" { "" } else { value };
            self.log += 1;
            self.events.push([op.clone(), scope.clone(), value.to_owned()]);
        }
        for [op, scope, value] in notices.iter().filter(|[op, ..]| op != "prewarm") {
            let value = if scope == "all" { "" } else { value };
            let field = format!("{}:{scope}:{value}", &op[..1]);
            self.bans.insert(field, (self.epoch.clone(), self.log, now));
        }
        format!("P{}", self.position()).into_bytes()
    }

    fn sync(&mut self, call: &Call, now: Instant) -> Vec<u8> {
        let token = &call.arguments[2];
        let known = call.arguments[0].split_once(':');
        let known = known.filter(|(epoch, _)| *epoch == self.epoch).map(|(_, n)| n.parse::<u64>().unwrap());
        let missed = known.and_then(|known| self.log.checked_sub(known)).map(|missed| missed as usize);
        if let Some(missed) = missed.filter(|missed| *missed <= self.events.len()) {
            let events = self.events[self.events.len() - missed..].iter().flatten();
            let text: String = events.map(|word| netstring(word)).collect();
            return format!("E{}|{token}|{text}", self.position()).into_bytes();
        }
        let bans = self.bans.iter().map(|(field, (epoch, n, since))| {
            netstring(field) + &netstring(&format!("{epoch}:{n}:{}", since.0 / 1000))
        });
        let before = self.before.clone().unwrap_or_else(|| "0".repeat(40));
        format!("W{}|{token}|{before}|{}|{}", self.position(), now.0 / 1000, bans.collect::<String>()).into_bytes()
    }
}

fn netstring(text: &str) -> String {
    format!("{}:{text},", text.len())
}

fn later(now: Instant, millis: &str) -> Instant {
    now.after(Duration::from_millis(millis.parse().unwrap()))
}
