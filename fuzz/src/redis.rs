//! An L2 that does what the scripts do.

use fingerprint_cache::redis::Call;
use fingerprint_cache::time::Instant;
use std::collections::HashMap;
use std::time::Duration;

const EPOCH: &str = "0123456789abcdef0123456789abcdef01234567";

/// A variant: when it came in, where the log stood, who filled it, its bytes.
struct Variant(Instant, u64, String, Vec<u8>);

/// What the scripts keep: by hash the `Vary` names and the variants, the leases, the log.
pub struct Redis {
    hashes: HashMap<String, (String, HashMap<String, Variant>)>,
    leases: HashMap<String, (String, Instant)>,
    log: u64,
    /// The events that the log still holds, as netstrings.
    events: Vec<String>,
    bans: Vec<String>,
}

impl Default for Redis {
    fn default() -> Self {
        Self { hashes: HashMap::new(), leases: HashMap::new(), log: 7, events: Vec::new(), bans: Vec::new() }
    }
}

/// A bulk string.
pub fn bulk(payload: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat()
}

impl Redis {
    /// What a script answers.
    pub fn run(&mut self, call: &Call, now: Instant) -> Vec<u8> {
        self.leases.retain(|_, (_, until)| now < *until);
        bulk(&match call.script.name {
            "lookup" => self.look(call, now),
            "fill" => self.fill(call, now).to_vec(),
            "lease" => self.lease(call, now).to_vec(),
            "publish" => self.publish(&call.arguments[1..], now),
            _ => self.sync(call, now),
        })
    }

    /// Somebody else publishes.
    pub fn tell(&mut self, op: &str, scope: &str, value: &str, now: Instant) {
        self.publish(&[op, scope, value].map(str::to_owned), now);
    }

    /// The log forgets its events.
    pub fn trim(&mut self) {
        self.events.clear();
    }

    /// All is gone.
    pub fn flush(&mut self) {
        *self = Self { log: 0, ..Self::default() };
    }

    fn at(&self) -> String {
        format!("{EPOCH}:{}", self.log)
    }

    fn look(&mut self, call: &Call, now: Instant) -> Vec<u8> {
        let [vary, field, token, life, refused] = &call.arguments[..] else { panic!("{:?}", call.arguments) };
        let (at, mut other) = (self.at(), "");
        match self.hashes.get(&call.keys[0]) {
            Some((names, _)) if names != vary => return format!("V{at}|{names}").into_bytes(),
            Some((_, variants)) => match variants.get(field) {
                Some(Variant(since, n, fill, bytes)) if fill != refused && *n <= self.log => {
                    let age = now.since(*since).as_millis();
                    return [format!("H{at}|{age}|{fill}|").as_bytes(), bytes].concat();
                }
                Some(_) => {}
                None => other = "o",
            },
            None => {}
        }
        if token == "-" {
            return format!("M{at}|{other}").into_bytes();
        }
        match self.leases.get(&call.keys[1]) {
            Some((holder, _)) if holder == "U" => return format!("U{at}|").into_bytes(),
            Some((holder, until)) if holder != token => {
                return format!("W{at}|{}|{other}", until.since(now).as_millis()).into_bytes();
            }
            _ => {}
        }
        self.leases.insert(call.keys[1].clone(), (token.clone(), later(now, life)));
        format!("L{at}|{other}").into_bytes()
    }

    fn fill(&mut self, call: &Call, now: Instant) -> &'static [u8] {
        let [vary, field, _life, position, token] = &call.arguments[..] else { panic!("{:?}", call.arguments) };
        match self.leases.get(&call.keys[1]).map(|(holder, _)| holder) {
            Some(holder) if holder == token => drop(self.leases.remove(&call.keys[1])),
            Some(holder) if holder == "U" => {}
            _ => return b"F",
        }
        let position = position.rsplit(':').next().and_then(|n| n.parse().ok()).unwrap_or(u64::MAX);
        if position > self.log {
            return b"F";
        }
        let hash = self.hashes.entry(call.keys[0].clone()).or_default();
        if hash.0 != *vary {
            *hash = (vary.clone(), HashMap::new());
        }
        let variant = Variant(now, position, token.clone(), call.body.clone().unwrap_or_default());
        hash.1.insert(field.clone(), variant);
        b"S"
    }

    fn lease(&mut self, call: &Call, now: Instant) -> &'static [u8] {
        let [what, token, rest @ ..] = &call.arguments[..] else { panic!("{:?}", call.arguments) };
        let key = call.keys[0].clone();
        let holder = self.leases.get(&key).map(|(holder, _)| holder.clone());
        let until = rest.first().map(|life| later(now, life));
        match (what.as_str(), until) {
            ("renew", Some(until)) if holder.as_ref() == Some(token) => {
                self.leases.insert(key, (token.clone(), until));
            }
            ("release", None) if holder.as_ref() == Some(token) => drop(self.leases.remove(&key)),
            ("mark", Some(until)) if holder.as_ref().is_none_or(|holder| holder == token) => {
                self.leases.insert(key, ("U".to_owned(), until));
            }
            _ => return b"F",
        }
        b"K"
    }

    fn publish(&mut self, words: &[String], now: Instant) -> Vec<u8> {
        for [op, scope, value] in words.as_chunks::<3>().0 {
            self.log += 1;
            self.events.push([op, scope, value].map(|word| netstring(word)).concat());
            if op != "prewarm" {
                let value = if scope == "all" { "" } else { value };
                let ban = format!("{}:{scope}:{value}", op.chars().next().unwrap_or('i'));
                let place = format!("{}:{}", self.at(), now.0 / 1000);
                self.bans.push(netstring(&ban) + &netstring(&place));
            }
        }
        format!("P{}", self.at()).into_bytes()
    }

    fn sync(&self, call: &Call, now: Instant) -> Vec<u8> {
        let token = &call.arguments[2];
        let known = call.arguments[0].strip_prefix(EPOCH).and_then(|n| n[1..].parse::<u64>().ok());
        let missed = known.and_then(|known| usize::try_from(self.log.checked_sub(known)?).ok());
        let text = match missed.filter(|missed| *missed <= self.events.len().min(1000)) {
            Some(missed) => format!("E{}|{token}|{}", self.at(), self.events[self.events.len() - missed..].concat()),
            None => format!("W{}|{token}|{}|{}|{}", self.at(), "0".repeat(40), now.0 / 1000, self.bans.concat()),
        };
        text.into_bytes()
    }
}

fn netstring(text: &str) -> String {
    format!("{}:{text},", text.len())
}

fn later(now: Instant, millis: &str) -> Instant {
    now.after(Duration::from_millis(millis.parse().unwrap_or(1)))
}
