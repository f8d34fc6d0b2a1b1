//! The scripts of the filter on a real Redis behind a real webdis. The double of the simulator is asked the same, so what
//! holds there holds here.
//!
//! - [`leases`]: a lease taken, waited for, kept, lost, given back, marked.
//! - [`fills`]: what is stored, what is fenced off, what a lookup finds of it.
//! - [`log`]: notices published and read on, or all bans.
//! - [`overflow`]: more bans than Redis keeps.
//! - [`birth`]: a log that somebody makes, and one from before it.
//! - [`agree`]: a long random conversation.

mod agree;
mod birth;
mod fills;
mod leases;
mod log;
mod overflow;

#[path = "../../../../scenarios/redis/mod.rs"]
#[allow(dead_code, unused_imports)]
mod double;

use double::Server;
use fingerprint_cache::config::Config;
use fingerprint_cache::follower::News;
use fingerprint_cache::notice::{Notice, Op, Scope};
use fingerprint_cache::position::Position;
use fingerprint_cache::redis::{self, Call, Lease, Lookup, Place, Want, webdis};
use fingerprint_cache::token::Token;
use stack::{Redis, Reply, Request, Scratch, Webdis};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const A: Token = Token(0xa);
const B: Token = Token(0xb);
const C: Token = Token(0xc);

/// Longer than any test.
const LONG: Duration = Duration::from_secs(300);

/// A variant's selecting headers.
type Selecting = [(String, Option<String>)];

/// A real Redis behind a real webdis, and the double.
struct Both {
    redis: Redis,
    webdis: Webdis,
    double: Server,
    config: Config,
    /// The epochs so far, of each.
    epochs: Vec<(String, String)>,
    _folder: Scratch,
}

impl Both {
    fn new() -> Self {
        let (redis, webdis, folder) = super::l2();
        let rules = r#"{"redis":{"cluster":"webdis"},"rules":[{"name":"r","match":{"path":"/**"}}]}"#;
        let config = Config::parse(rules.as_bytes()).unwrap();
        let mut both = Self { redis, webdis, double: Server::new(), config, epochs: Vec::new(), _folder: folder };
        both.begin_log();
        both
    }

    /// An empty log that counts from zero on. Whoever makes one himself begins at the time, which is not the same for both:
    /// [`birth`] is about that.
    fn begin_log(&mut self) {
        self.redis.call(&["XGROUP", "CREATE", "fpc:log", "nobody", "$", "MKSTREAM"]).unwrap();
        self.double.keys().streams.entry(b"fpc:log".to_vec()).or_default();
    }

    /// What both say to a call; they say the same, except for times.
    fn ask(&mut self, call: &Call) -> Vec<u8> {
        let reply = self.real(call);
        let beside = self.beside(call);
        let (said, expected) = (self.comparable(call, &reply), self.comparable(call, &beside));
        assert_eq!(said, expected, "{} {:?}", call.script.name, call.arguments);
        reply
    }

    fn real(&self, call: &Call) -> Vec<u8> {
        let request = webdis::request(call);
        let http = Request::new(request.method, request.path);
        let http = call.body.iter().fold(http, |http, body| http.body(body));
        let reply = http.send(self.webdis.port()).unwrap().body;
        match redis::is_unknown_script(&reply) && !call.whole {
            true => self.real(&Call { whole: true, ..call.clone() }),
            false => reply,
        }
    }

    /// What the double says; where a position is meant, it is the same of its own.
    fn beside(&mut self, call: &Call) -> Vec<u8> {
        let own = |text: &String| {
            let epochs = self.epochs.iter();
            epochs.fold(text.clone(), |text, (real, double)| text.replace(real, double))
        };
        let call = &Call { arguments: call.arguments.iter().map(own).collect(), ..call.clone() };
        let request = webdis::request(call);
        let command = double::command(request.method, &request.path, call.body.as_deref()).unwrap();
        let reply = self.double.run(&command, now());
        match redis::is_unknown_script(&reply) && !call.whole {
            true => self.beside(&Call { whole: true, ..call.clone() }),
            false => reply,
        }
    }

    /// A reply without its times, and with the epochs of the double.
    fn comparable(&mut self, call: &Call, reply: &[u8]) -> String {
        let text = match call.script.name {
            "lookup" => format!("{:?}", redis::read_lookup(reply).map(timeless)),
            "sync" => format!("{:?}", redis::read_sync(reply, A).map(orderly)),
            _ => String::from_utf8_lossy(reply).into_owned(),
        };
        self.epochs();
        let epochs = self.epochs.iter();
        epochs.fold(text, |text, (real, double)| text.replace(real, double))
    }

    /// The present epoch of both.
    fn epochs(&mut self) -> (String, String) {
        let info = self.redis.call(&["INFO", "replication"]).unwrap().bytes().unwrap().to_vec();
        let info = String::from_utf8(info).unwrap();
        let real = info.lines().find_map(|line| line.strip_prefix("master_replid:")).unwrap().to_owned();
        let both = (real, format!("{:040x}", self.double.keys().epoch));
        if !self.epochs.contains(&both) {
            self.epochs.push(both.clone());
        }
        both
    }

    /// The present epoch of the real one.
    fn epoch(&mut self) -> String {
        self.epochs().0
    }

    /// A field of a hash, written by somebody else; `<now>` in the value stands for the epoch of each.
    fn hset(&mut self, key: &str, fields: &[(Vec<u8>, String)]) {
        let (real, double) = self.epochs();
        let mut admin = self.redis.admin().unwrap();
        for some in fields.chunks(1000) {
            let mut command = vec![b"HSET".to_vec(), key.as_bytes().to_vec()];
            for (field, value) in some {
                command.extend([field.clone(), value.replace("<now>", &real).into_bytes()]);
            }
            assert!(matches!(admin.call(&command).unwrap(), Reply::Integer(_)));
        }
        let mut keys = self.double.keys();
        let hash = keys.hashes.entry(key.as_bytes().to_vec()).or_default();
        for (field, value) in fields {
            hash.fields.insert(field.clone(), value.replace("<now>", &double).into_bytes());
        }
    }

    /// An event in the log, written by somebody else.
    fn xadd(&mut self, pairs: &[&[u8]]) {
        let mut command = vec![b"XADD".to_vec(), b"fpc:log".to_vec(), b"*".to_vec()];
        command.extend(pairs.iter().map(|word| word.to_vec()));
        self.redis.call(&command).unwrap();
        self.double.keys().clock = now();
        self.double.keys().append(b"fpc:log", &command[3..]);
    }

    fn trim(&mut self, most: usize) {
        self.redis.call(&["XTRIM", "fpc:log", "MAXLEN", &most.to_string()]).unwrap();
        self.double.keys().trim(b"fpc:log", most);
    }

    fn flush(&mut self) {
        self.redis.call(&["FLUSHALL"]).unwrap();
        self.double.keys().flush();
        self.begin_log();
    }

    /// Another epoch that continues this one, as at a failover; all data is still there.
    fn promote(&mut self) {
        self.redis.read_only(true).unwrap();
        self.redis.read_only(false).unwrap();
        let mut keys = self.double.keys();
        keys.before = Some(keys.epoch);
        keys.epoch += 1;
    }

    /// Another epoch that continues none, and nothing is left.
    fn restart(&mut self) {
        self.redis.restart().unwrap();
        // webdis would still answer some calls from connections to the old one.
        self.webdis.stop();
        self.webdis.start().unwrap();
        self.double.flush_scripts();
        let mut keys = self.double.keys();
        keys.flush();
        (keys.before, keys.epoch) = (None, keys.epoch + 1);
        drop(keys);
        self.begin_log();
    }

    fn look(&mut self, selecting: &Selecting, want: &Want) -> Vec<u8> {
        self.ask(&redis::lookup(&place(), selecting, want))
    }

    /// What one sees that wants to fetch.
    fn want(&mut self, token: Token, lease: Duration) -> Vec<u8> {
        self.look(&[], &Want { token: Some(token), lease, refused: None })
    }

    /// What one sees that only looks.
    fn peek(&mut self) -> Vec<u8> {
        self.look(&[], &Want { token: None, lease: LONG, refused: None })
    }

    fn fill(&mut self, token: Token, at: &Position, entry: &[u8]) -> bool {
        let call = redis::fill(&place(), &[], LONG, at, &lease(token), entry.to_vec());
        redis::read_fill(&self.ask(&call)).unwrap()
    }

    fn held(&mut self, call: &Call) -> bool {
        redis::read_lease(&self.ask(call)).unwrap()
    }

    fn publish(&mut self, notices: &[Notice]) -> Position {
        let call = redis::publish(self.config.redis.as_ref().unwrap(), notices, LONG);
        redis::read_publish(&self.ask(&call)).unwrap()
    }

    fn sync(&mut self, known: Option<&Position>) -> News {
        let call = redis::sync(self.config.redis.as_ref().unwrap(), known, A);
        redis::read_sync(&self.ask(&call), A).unwrap()
    }

    /// The end of the log.
    fn position(&mut self) -> Position {
        let reply = self.peek();
        match redis::read_lookup(&reply).unwrap() {
            Lookup::Miss { at, .. } | Lookup::Hit { at, .. } => at,
            other => panic!("{other:?}"),
        }
    }
}

/// Of both clocks, in microseconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
}

fn place() -> Place {
    let [hash, log, bans] = ["fpc:3.1:r:0123", "fpc:log", "fpc:bans"].map(str::to_owned);
    Place { hash, log, bans }
}

fn lease(token: Token) -> Lease {
    Lease { key: redis::lease_key(&place(), &[]), token }
}

fn tag(op: Op, tag: &str) -> Notice {
    Notice { op, scope: Scope::Tag(tag.to_owned()) }
}

fn timeless(mut found: Lookup<'_>) -> Lookup<'_> {
    match &mut found {
        Lookup::Hit { since, .. } => *since = Duration::ZERO,
        Lookup::Filling { left, .. } => *left = Duration::ZERO,
        _ => {}
    }
    found
}

/// Bans come in no order.
fn orderly(mut news: News) -> News {
    if let News::Whole { bans, .. } = &mut news {
        bans.iter_mut().for_each(|(_, _, age)| *age = Duration::ZERO);
        bans.sort_by_key(|ban| format!("{ban:?}"));
    }
    news
}
