//! The way to Redis: callouts with their delays and timeouts, webdis at the other end, and all that goes wrong there.

use crate::callers::{MILLI, SECOND};
use crate::random::Rng;
use crate::redis::{Keyspace, Server, command};
use crate::world::{Step, World};
use fingerprint_cache::reason::L2Failure;
use fingerprint_cache::redis::{Call, webdis};
use std::collections::BTreeMap;
use std::fmt;

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

/// Who waits for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Stream(u32),
    /// A refresh, by its worker's own number.
    Behind(u32),
    /// The root, for a write.
    Root,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(id) => write!(f, "#{id}"),
            Self::Behind(number) => write!(f, "refresh {}", number & 0xffff),
            Self::Root => f.write_str("root"),
        }
    }
}

/// A callout under way.
pub struct Flight {
    pub call: Call,
    pub vm: usize,
    pub who: Who,
    /// The stream whose success a ban is about.
    pub about: Option<u32>,
    /// When Redis ran it, counted in scripts.
    pub ran: Option<u64>,
    pub rng: Rng,
    pub reply: Option<Result<Vec<u8>, L2Failure>>,
}

/// The front of Redis, with what is wrong with it.
pub struct Front {
    pub server: Server,
    pub fault: Option<(Fault, u64)>,
    /// Redis' clock less the true time, in microseconds.
    pub clock: i64,
    /// The replica as it was when it last heard anything, and how many scripts had run.
    pub replica: Option<(Keyspace, u64)>,
    /// How many masters there were after the first.
    pub epochs: u64,
    /// How many scripts have run.
    pub ran: u64,
    /// Bans on their way, by flight: the stream whose success each is about.
    pub bans: BTreeMap<u64, u32>,
    /// Whether a clock was ever turned.
    pub turned: bool,
    /// When that clock was turned back, and how far: entries seem younger by so much.
    turned_back: Vec<(u64, u64)>,
    /// How long the fill of each answer waited before it ran, by exchange: its entry seems younger by so much.
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
            replica: None,
            epochs: 0,
            ran: 0,
            bans: BTreeMap::new(),
            turned: false,
            turned_back: Vec::new(),
            late: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// What is wrong now.
    pub fn fault(&self, now: u64) -> Option<Fault> {
        self.fault.filter(|(_, until)| now < *until).map(|(fault, _)| fault)
    }

    /// Sets the clock forward, or back.
    pub fn turn_clock(&mut self, by: i64, now: u64) {
        self.clock += by;
        self.turned = true;
        self.turned_back.push((now, u64::try_from(-by).unwrap_or(0)));
    }

    /// By how much an answer born then, with the head of this exchange, may seem younger than it is. Two things that the
    /// protocol does not see: Redis' clock set back, and a fill that waits on its way, as in front of a stopped Redis or for its script.
    pub fn rejuvenates(&self, exchange: usize, born: u64) -> u64 {
        let turned: u64 = self.turned_back.iter().filter(|(at, _)| *at >= born).map(|(_, by)| by).sum();
        turned + self.late.get(&exchange).copied().unwrap_or(0)
    }

    /// A fill is asked for.
    pub fn note_fill(&mut self, call: &Call, now: u64) {
        if let (Some(exchange), false) = (exchange(call.body.as_deref()), call.whole) {
            self.asked.insert(exchange, now);
        }
    }

    /// It runs.
    fn note_run(&mut self, body: Option<&[u8]>, now: u64) {
        let asked = exchange(body).and_then(|exchange| Some((exchange, self.asked.get(&exchange)?)));
        if let Some((exchange, asked)) = asked {
            let most = self.late.entry(exchange).or_default();
            *most = (now - asked).max(*most);
        }
    }
}

impl World {
    /// Sends a callout; `None` where the host refuses it at once.
    pub fn dispatch(&mut self, vm: usize, who: Who, call: &Call, mut rng: Rng) -> Option<u64> {
        let timeout = self.vms[vm].worker.redis()?.timeout.as_micros() as u64;
        let fault = self.fault(vm);
        if fault == Some(Fault::NoCluster) {
            return None;
        }
        let id = self.number(call);
        let slow = fault == Some(Fault::Slow);
        let (out, rank) = (if slow { timeout } else { 0 } + rng.between(100, 1500), rng.next());
        self.requests.insert(id, (vm, webdis_request(call)));
        self.flights.insert(id, Flight { call: call.clone(), vm, who, about: None, ran: None, rng, reply: None });
        self.schedule(out, rank, Step::Arrives(id));
        self.schedule(timeout, rank, Step::TimesOut(id));
        Some(id)
    }

    /// A command has reached webdis.
    pub fn arrives(&mut self, id: u64) {
        let Some((vm, request)) = self.requests.remove(&id) else { return };
        let fault = self.fault(vm);
        if let (Some(Fault::Hung), Some((_, until))) = (fault, self.front.fault) {
            self.requests.insert(id, (vm, request));
            return self.schedule(until - self.now, id, Step::Arrives(id));
        }
        self.front.note_run(request.2.as_deref(), self.now);
        let reply = match fault {
            Some(Fault::Down) => Err(L2Failure::Unreachable),
            Some(Fault::Forbidden) => Err(L2Failure::Refused),
            _ => Ok(self.run_request(&request, fault)),
        };
        let ran = self.front.ran;
        if let Some(about) =
            self.front.bans.remove(&id).filter(|_| reply.as_ref().is_ok_and(|reply| reply.starts_with(b"$")))
        {
            self.banned(about);
        }
        let Some(flight) = self.flights.get_mut(&id) else { return };
        flight.ran = Some(ran);
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

    fn run_request(&mut self, request: &Request, fault: Option<Fault>) -> Vec<u8> {
        let (method, path, body) = request;
        let arguments = match command(method, path, body.as_deref()) {
            Ok(arguments) => arguments,
            Err(error) => {
                self.violated(format!("webdis would not understand: {error}"));
                return Vec::new();
            }
        };
        self.execute(&arguments, fault)
    }

    /// Redis runs a command.
    pub fn execute(&mut self, command: &[Vec<u8>], fault: Option<Fault>) -> Vec<u8> {
        let clock = self.redis_clock();
        self.front.server.read_only = fault == Some(Fault::ReadOnly);
        self.front.server.full = fault == Some(Fault::Full);
        self.front.ran += 1;
        self.front.server.run(command, clock)
    }

    /// The number of a call.
    fn number(&mut self, call: &Call) -> u64 {
        let next = if call.script.name == "sync" { &mut self.next_poll } else { &mut self.next_flight };
        *next += 1;
        *next - 1
    }

    /// The reply is back, or the time to wait for it over.
    pub fn replies(&mut self, id: u64, in_time: bool) {
        let Some(flight) = self.flights.remove(&id) else { return };
        let reply = if in_time { flight.reply.clone().unwrap() } else { Err(L2Failure::Timeout) };
        match flight.who {
            Who::Stream(stream) => self.looked(stream, id, flight.ran, reply),
            Who::Behind(number) => self.looked_behind(flight.vm, number, id, reply),
            Who::Root => self.written(flight, reply),
        }
    }

    /// Redis' clock, in microseconds since 1970.
    pub fn redis_clock(&self) -> i64 {
        (self.wall_base * SECOND + self.now) as i64 + self.front.clock
    }
}

/// Method, path and body.
pub type Request = (String, String, Option<Vec<u8>>);

/// The exchange that the head of this entry came with.
fn exchange(body: Option<&[u8]>) -> Option<usize> {
    let text = String::from_utf8_lossy(body?).into_owned();
    text.split_once("\"x-exchange\",\"")?.1.split('"').next()?.parse().ok()
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

/// Calls that go on all the time have numbers from here.
pub const POLL: u64 = 1 << 63;
/// How long a story goes on after its last event, so that all timeouts come.
pub const AFTER: u64 = 40 * SECOND;
/// The route timeout of Envoy.
pub const ROUTE_TIMEOUT: u64 = 15_000 * MILLI;
