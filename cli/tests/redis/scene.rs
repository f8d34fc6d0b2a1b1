//! A real Redis with entries in it, put there by the filter's own scripts, and the binary to look at them.

use std::process::Command;
use std::time::{Duration, Instant};

use fingerprint_cache::codec;
use fingerprint_cache::entry::Entry;
use fingerprint_cache::position::Position;
use fingerprint_cache::redis::{self, Call, Lease, Lookup, Place, Want};
use fingerprint_cache::token::Token;
use serde_json::Value;
use stack::redis::ADMIN;
use stack::{Port, Redis, Reply, Scratch};

/// One Redis, and perhaps a replica of it.
pub struct Scene {
    pub redis: Redis,
    pub replica: Option<Redis>,
    _folders: Vec<Scratch>,
}

/// What was stored.
pub struct Stored {
    pub place: Place,
    /// The short name.
    pub key: String,
    /// The digest of its URI.
    pub uri: String,
}

impl Scene {
    pub fn new() -> Self {
        let (redis, folder) = start();
        Self { redis, replica: None, _folders: vec![folder] }
    }

    pub fn with_replica() -> Self {
        let mut scene = Self::new();
        let (replica, folder) = start();
        let port = scene.redis.port().to_string();
        scene.redis.call(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]).unwrap();
        replica.call(&["CONFIG", "SET", "masteruser", ADMIN.0, "masterauth", ADMIN.1]).unwrap();
        replica.call(&["REPLICAOF", "127.0.0.1", &port]).unwrap();
        until(|| info(&replica).contains("master_link_status:up") && info(&scene.redis).contains("state=online"));
        scene.replica = Some(replica);
        scene._folders.push(folder);
        scene
    }

    /// The exit status, standard output and standard error of `fpcache` with the flags for this Redis.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        run(self.redis.port(), arguments)
    }

    pub fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let (status, stdout, stderr) = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(stderr, "", "{arguments:?}");
        (status, serde_json::from_str(&stdout).unwrap())
    }

    /// Stores an answer to a GET for `url` as a filter would that holds the lease.
    pub fn store(&self, url: &str, entry: Entry) -> Stored {
        let (_, told) = self.json(&["explain", url, "--config", "fleet.yaml"]);
        let text = |name: &str| told["treatment"]["key"][name].as_str().unwrap().to_owned();
        let place = Place { hash: text("hash"), log: "fpc:log".to_owned(), bans: "fpc:bans".to_owned() };
        let token = Token(u64::from(u8::MAX));
        let want = Want { token: Some(token), lease: Duration::from_secs(3), refused: None };
        let reply = self.call(redis::lookup(&place, &entry.selecting, &want));
        let position = match redis::read_lookup(&reply).unwrap() {
            Lookup::Led { at, .. } | Lookup::OtherVary(at, _) => at,
            other => panic!("{other:?}"),
        };
        let lease = Lease { key: redis::lease_key(&place, &entry.selecting), token };
        let bytes = codec::encode(&Entry { key: text("text"), position: position.clone(), ..entry.clone() }).unwrap();
        let fill = redis::fill(&place, &entry.selecting, Duration::from_secs(60), &position, &lease, bytes);
        assert_eq!(redis::read_fill(&self.call(fill)), Ok(true));
        Stored { place, key: text("name"), uri: text("uri") }
    }

    /// Runs a call of the filter's and gives the reply as it goes over the wire.
    pub fn call(&self, call: Call) -> Vec<u8> {
        let mut words = vec![b"EVAL".to_vec(), call.script.text.into(), call.keys.len().to_string().into()];
        words.extend(call.keys.into_iter().chain(call.arguments).map(String::into_bytes));
        words.extend(call.body);
        match self.redis.call(&words).unwrap() {
            Reply::Bulk(Some(payload)) => [format!("${}\r\n", payload.len()).as_bytes(), &payload, b"\r\n"].concat(),
            other => panic!("{other:?}"),
        }
    }

    /// The newest events of the log and the fields of the bans.
    pub fn log(&self) -> (i64, Vec<String>) {
        let length = self.redis.call(&["XLEN", "fpc:log"]).unwrap().integer().unwrap();
        let mut fields = self.redis.call(&["HKEYS", "fpc:bans"]).unwrap().list();
        fields.retain(|field| field != b"born");
        fields.sort();
        (length, fields.into_iter().map(|field| String::from_utf8(field).unwrap()).collect())
    }
}

/// `fpcache` with the flags for a Redis on `port`; the password is in the environment alone.
pub fn run(port: u16, arguments: &[&str]) -> (i32, String, String) {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let output = Command::new(env!("CARGO_BIN_EXE_fpcache"))
        .args(arguments)
        .current_dir(fixtures)
        .env("FPCACHE_REDIS", format!("redis://{}@127.0.0.1:{port}", ADMIN.0))
        .env("FPCACHE_REDIS_PASSWORD", ADMIN.1)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A 200 with these tags.
pub fn ok(tags: &[&str]) -> Entry {
    Entry {
        status: 200,
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: b"the body".to_vec(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        position: Position::default(),
        ..Entry::default()
    }
}

/// Waits until something is so, ten seconds at most.
pub fn until(mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !so() {
        assert!(Instant::now() < deadline, "not in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn info(redis: &Redis) -> String {
    let info = redis.call(&["INFO", "replication"]).unwrap();
    String::from_utf8_lossy(info.bytes().unwrap()).into_owned()
}

fn start() -> (Redis, Scratch) {
    let folder = Scratch::new("cli").unwrap();
    let mut redis = Redis::new(Port::free().unwrap(), folder.path());
    redis.start().unwrap();
    (redis, folder)
}
