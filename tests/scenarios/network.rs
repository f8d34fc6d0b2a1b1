//! The way to Redis: callouts with their delays and timeouts, webdis at the other end, and all that goes wrong there.

use crate::callers::{MILLI, SECOND};
use crate::host::Errand;
use crate::random::Rng;
use crate::redis::{Hash, Server, command};
use crate::world::{Step, World};
use fingerprint_cache::reason::L2Failure;
use fingerprint_cache::redis::{Call, webdis};
use fingerprint_cache::transaction::Event;
use std::collections::BTreeMap;

/// What is wrong with L2, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Redis is not there: webdis says 503 at once.
    Down,
    /// Redis is stopped: commands wait, and run when it goes on.
    Hung,
    /// Commands run; their replies are lost.
    Mute,
    /// Replies take longer than anybody waits.
    Slow,
    /// Replies take 40 ms, which is in time.
    Lagging,
    ReadOnly,
    Full,
    /// Replies are any bytes.
    Babble,
    /// The host refuses callouts at once.
    NoCluster,
    /// webdis says 403.
    Forbidden,
}

/// What somebody does to the bytes of an entry in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tamper {
    Flip,
    Truncate,
    /// Another key's entry in its place.
    Foreign,
    /// Another variant's entry in its place.
    Sibling,
    Future,
    VaryNames,
    /// Names as no fill writes them.
    OddNames,
}

/// Who waits for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiter {
    Stream(u32),
    /// The root, for a fill.
    Root,
    /// The root, for a refresh.
    Refresh(u32),
}

/// A callout under way.
pub struct Flight {
    pub call: Call,
    pub vm: usize,
    pub waiter: Waiter,
    pub rng: Rng,
    reply: Option<Result<Vec<u8>, L2Failure>>,
}

/// The front of Redis, with what is wrong with it.
pub struct Front {
    pub server: Server,
    pub fault: Option<(Fault, u64)>,
    /// Redis' clock less the true time, in microseconds.
    pub clock: i64,
    /// When that clock was turned back, and how far: entries seem younger by so much.
    turned_back: Vec<(u64, u64)>,
    /// How long the fill of each answer waited before it ran, by serial number: its entry seems younger by so much.
    late: BTreeMap<usize, u64>,
    /// When it was asked for.
    asked: BTreeMap<usize, u64>,
}

impl Front {
    pub fn new(clock: i64) -> Self {
        Self {
            server: Server::new(),
            fault: None,
            clock,
            turned_back: Vec::new(),
            late: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    fn fault(&self, now: u64) -> Option<Fault> {
        self.fault.filter(|(_, until)| now < *until).map(|(fault, _)| fault)
    }

    /// Sets the clock forward, or back.
    pub fn turn_clock(&mut self, by: i64, now: u64) {
        self.clock += by;
        self.turned_back.push((now, u64::try_from(-by).unwrap_or(0)));
    }

    /// By how much an answer born then, under this serial number, may seem younger than it is. Two things that the
    /// protocol does not see: Redis' clock set back, and a fill that waits on its way, as in front of a stopped Redis or for its script.
    pub fn rejuvenates(&self, serial: usize, born: u64) -> u64 {
        let turned: u64 = self.turned_back.iter().filter(|(at, _)| *at >= born).map(|(_, by)| by).sum();
        turned + self.late.get(&serial).copied().unwrap_or(0)
    }

    /// A fill is asked for.
    pub fn note_fill(&mut self, call: &Call, now: u64) {
        if let (Some(serial), false) = (serial(call.body.as_deref()), call.whole) {
            self.asked.insert(serial, now);
        }
    }

    /// It runs.
    fn note_run(&mut self, body: Option<&[u8]>, now: u64) {
        let asked = serial(body).and_then(|serial| Some((serial, self.asked.get(&serial)?)));
        if let Some((serial, asked)) = asked {
            let most = self.late.entry(serial).or_default();
            *most = (now - asked).max(*most);
        }
    }

    /// Changes the bytes of some entry; says what it did.
    pub fn tamper(&mut self, how: Tamper, rng: &mut Rng) -> String {
        let mut keys = self.server.keys();
        let entries = keys.hashes.iter().filter(|(_, hash)| hash.fields.contains_key(b"vary".as_slice()));
        let names: Vec<Vec<u8>> = entries.map(|(name, _)| name.clone()).collect();
        if names.is_empty() {
            return "nothing to tamper with".to_owned();
        }
        let (name, other) = (rng.pick(&names), rng.pick(&names));
        let source = keys.hashes[&other].clone();
        let hash = keys.hashes.get_mut(&name).unwrap();
        tamper(hash, &source, how, rng);
        format!("{how:?} in {}", String::from_utf8_lossy(&name))
    }
}

fn tamper(hash: &mut Hash, other: &Hash, how: Tamper, rng: &mut Rng) {
    let entries =
        |hash: &Hash| -> Vec<Vec<u8>> { hash.fields.keys().filter(|name| name.starts_with(b"e:")).cloned().collect() };
    let (own, others) = (entries(hash), entries(other));
    let field = rng.pick(&own);
    let sibling = hash.fields[&rng.pick(&own)].clone();
    let bytes = hash.fields.get_mut(&field).unwrap();
    // Time and position stand before the second `|`; whoever can change those can make any entry young.
    let bars = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'|');
    let entry = bars.map(|(at, _)| at + 1).nth(1).unwrap_or(0);
    let at = entry + rng.below((bytes.len() - entry).max(1) as u64) as usize;
    match how {
        Tamper::Flip if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
        Tamper::Truncate => bytes.truncate(at),
        Tamper::Foreign => *bytes = other.fields[&rng.pick(&others)].clone(),
        Tamper::Sibling => *bytes = sibling,
        Tamper::Future if entry + 4 <= bytes.len() => bytes[entry..entry + 4].copy_from_slice(b"FPC2"),
        Tamper::OddNames => drop(hash.fields.insert(b"vary".to_vec(), b"v:accept,,accept-language".to_vec())),
        Tamper::VaryNames => drop(hash.fields.insert(b"vary".to_vec(), b"v:accept,accept-language".to_vec())),
        _ => {}
    }
}

impl World {
    /// Sends a callout; `None` where the host refuses it at once.
    pub fn dispatch(&mut self, vm: usize, waiter: Waiter, call: &Call, mut rng: Rng) -> Option<u64> {
        let timeout = self.vms[vm].worker.redis()?.timeout.as_micros() as u64;
        if self.front.fault(self.now) == Some(Fault::NoCluster) {
            return None;
        }
        let id = self.next_flight;
        self.next_flight += 1;
        let slow = self.front.fault(self.now) == Some(Fault::Slow);
        let (out, rank) = (if slow { timeout } else { 0 } + rng.between(100, 1500), rng.next());
        self.requests.insert(id, webdis_request(call));
        self.flights.insert(id, Flight { call: call.clone(), vm, waiter, rng, reply: None });
        self.schedule(out, rank, Step::Arrives(id));
        self.schedule(timeout, rank, Step::TimesOut(id));
        Some(id)
    }

    /// A command has reached webdis.
    pub fn arrives(&mut self, id: u64) {
        let fault = self.front.fault(self.now);
        if let (Some(Fault::Hung), Some((_, until))) = (fault, self.front.fault) {
            return self.schedule(until - self.now, id, Step::Arrives(id));
        }
        let request = self.requests.remove(&id).unwrap();
        self.front.note_run(request.2.as_deref(), self.now);
        let invalidates = self.flights.get(&id).map(|flight| flight.call.clone());
        let reply = match fault {
            Some(Fault::Down) => Err(L2Failure::Unreachable),
            Some(Fault::Forbidden) => Err(L2Failure::Refused),
            _ => Ok(self.execute(&request, fault)),
        };
        if let (Some(call), Ok(reply)) = (&invalidates, &reply) {
            self.note_ban(call, reply);
        }
        let Some(flight) = self.flights.get_mut(&id) else { return };
        let lag = if fault == Some(Fault::Lagging) { 40 * MILLI } else { 0 };
        let (delay, rank) = (lag + flight.rng.between(100, 1500), flight.rng.next());
        flight.reply = Some(match fault {
            Some(Fault::Babble) => Ok(babble(&mut flight.rng, reply.unwrap_or_default())),
            _ => reply,
        });
        if fault != Some(Fault::Mute) {
            self.schedule(delay, rank, Step::Replies(id));
        }
    }

    fn execute(&mut self, request: &Request, fault: Option<Fault>) -> Vec<u8> {
        let (method, path, body) = request;
        let clock = self.redis_clock();
        self.front.server.read_only = fault == Some(Fault::ReadOnly);
        self.front.server.full = fault == Some(Fault::Full);
        let arguments = match command(method, path, body.as_deref()) {
            Ok(arguments) => arguments,
            Err(error) => {
                self.violated(format!("webdis would not understand: {error}"));
                return Vec::new();
            }
        };
        self.front.server.run(&arguments, clock)
    }

    /// The reply is back, or the time to wait for it over.
    pub fn replies(&mut self, id: u64, in_time: bool) {
        let Some(flight) = self.flights.remove(&id) else { return };
        let reply = if in_time { flight.reply.clone().unwrap() } else { Err(L2Failure::Timeout) };
        match flight.waiter {
            Waiter::Stream(stream) => self.looked(stream, id, reply),
            Waiter::Refresh(stream) => self.refresh_hears(flight.vm, stream, reply),
            Waiter::Root => self.written(flight, reply),
        }
    }

    /// The root sends what streams have left behind.
    pub fn run_errands(&mut self, vm: usize) {
        while let Some((errand, rng)) = self.vms[vm].outbox.pop_front() {
            match errand {
                Errand::Refresh(stream) => self.drive_refresh(vm, stream, Event::Refresh),
                Errand::Write(call) if self.dispatch(vm, Waiter::Root, &call, rng.clone()).is_none() => {
                    let flight = Flight { call: *call, vm, waiter: Waiter::Root, rng, reply: None };
                    self.written(flight, Err(L2Failure::Unreachable));
                }
                Errand::Write(_) => {}
            }
        }
    }

    fn written(&mut self, flight: Flight, reply: Result<Vec<u8>, L2Failure>) {
        let Flight { call, vm, mut rng, .. } = flight;
        if let Some(body) = &call.body {
            self.vms[vm].fills -= 1;
            self.vms[vm].fill_bytes -= body.len();
        }
        self.tell(format!("w{vm} {} {} -> {}", call.script.name, short(&call.keys[0]), outcome(&reply)));
        let reply = reply.as_deref().map_err(|failure| *failure);
        self.step(vm, rng.next() as u32, None, |worker, outside| worker.written(call, reply, outside));
        self.run_commands(vm, None, &mut rng);
        self.schedule(50, rng.next(), Step::Outbox(vm));
    }

    /// Redis' clock, in microseconds since 1970.
    pub fn redis_clock(&self) -> i64 {
        (self.wall_base * SECOND + self.now) as i64 + self.front.clock
    }
}

/// Method, path and body.
pub type Request = (String, String, Option<Vec<u8>>);

/// The serial number of the answer whose entry this is.
fn serial(body: Option<&[u8]>) -> Option<usize> {
    let text = String::from_utf8_lossy(body?).into_owned();
    text.rsplit_once("{\"serial\":")?.1.split(',').next()?.parse().ok()
}

fn webdis_request(call: &Call) -> Request {
    let request = webdis::request(call);
    (request.method.to_owned(), request.path, call.body.clone())
}

/// Bytes that no script returns, some of them nearly right.
fn babble(rng: &mut Rng, reply: Vec<u8>) -> Vec<u8> {
    match rng.below(6) {
        0 => Vec::new(),
        1 => b"<html>502</html>".to_vec(),
        2 => b"$-1\r\n".to_vec(),
        3 => reply[..reply.len() / 2].to_vec(),
        4 => b"*2\r\n$1\r\nH\r\n$1\r\nx\r\n".to_vec(),
        _ => b"-LOADING Redis is loading the dataset in memory\r\n".to_vec(),
    }
}

/// What a reply says, for the story.
pub fn outcome(reply: &Result<Vec<u8>, L2Failure>) -> String {
    match reply {
        Ok(bytes) => {
            let text: String = bytes
                .iter()
                .take(24)
                .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
                .collect();
            format!("{text} ({} bytes)", bytes.len())
        }
        Err(failure) => failure.as_str().to_owned(),
    }
}

/// A key of Redis without most of its digest.
pub fn short(key: &str) -> &str {
    key.get(..key.len().saturating_sub(26)).unwrap_or(key)
}

/// How long a story goes on after its last event, so that all timeouts come.
pub const AFTER: u64 = 40 * SECOND;
/// The route timeout of Envoy.
pub const ROUTE_TIMEOUT: u64 = 15_000 * MILLI;
