//! Refreshes that nobody waits for, as the root runs them: streams of the worker's own, with their calls to L2 and to
//! the origin.

use crate::callers::{Ask, MILLI, SECOND, Sends};
use crate::errands::Errand;
use crate::network::{Who, outcome};
use crate::pods::pod_of;
use crate::random::Rng;
use crate::responses::{Response, local};
use crate::routes::render;
use crate::world::{Step, World};
use fingerprint_cache::http::Headers;
use fingerprint_cache::reason::L2Failure;
use fingerprint_cache::transaction::{Event, OriginCall};
use std::rc::Rc;

/// The worker's own streams have numbers from here.
pub const OWN: u32 = 1 << 31;

/// A refresh.
pub struct Behind {
    /// The stream that found the entry stale, if any, and its request.
    pub found: Option<u32>,
    pub ask: Ask,
    /// The configuration in force then.
    pub config: Rc<serde_json::Value>,
    pub rng: Rng,
    pub begun: u64,
    pub lookups: usize,
    /// Since when nothing moves it on but time and what others do.
    pub idle_since: Option<u64>,
    /// What will move it on.
    pub waits: Waits,
    /// The root that made its call is gone: no answer will be heard.
    pub lost: bool,
    /// The longest that the origin may take.
    timeout: u64,
    response: Option<Response>,
}

/// What a refresh waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Its turn.
    Turn,
    Lookup(u64),
    Origin,
    Nothing,
}

impl World {
    pub fn behind(&mut self, vm: usize, number: u32) -> &mut Behind {
        self.vms[vm].behind.get_mut(&number).unwrap()
    }

    /// A stream has found an entry stale, and leaves it to the root to refresh it.
    pub fn post_refresh(&mut self, vm: usize, number: u32, id: u32, rng: &mut Rng) {
        let stream = &self.streams[&id];
        let behind = Behind {
            found: Some(id),
            ask: stream.ask.clone(),
            config: stream.config.clone(),
            rng: Rng::new(rng.next()),
            begun: self.now,
            lookups: 0,
            idle_since: None,
            waits: Waits::Turn,
            lost: false,
            timeout: 0,
            response: None,
        };
        self.tell(format!("w{vm} #{id} leaves refresh {} to the root", number & 0xffff));
        self.check_alone(vm, &behind);
        self.vms[vm].behind.insert(number, behind);
        self.post(vm, Errand::Refresh(number), rng);
    }

    /// A worker was told to fetch something before anybody asks for it.
    pub fn post_prewarm(&mut self, vm: usize, number: u32, rng: &mut Rng) {
        let behind = Behind {
            found: None,
            // What it asks for shows when it asks the origin.
            ask: Ask::get("/unknown").at(vm),
            config: self.vms[vm].config.clone(),
            rng: Rng::new(rng.next()),
            begun: self.now,
            lookups: 0,
            idle_since: None,
            waits: Waits::Turn,
            lost: false,
            timeout: 0,
            response: None,
        };
        self.tell(format!("w{vm} is to fetch something, as refresh {}", number & 0xffff));
        self.vms[vm].behind.insert(number, behind);
        self.post(vm, Errand::Refresh(number), rng);
    }

    /// One refresh at a time for what the same question brings.
    fn check_alone(&mut self, vm: usize, new: &Behind) {
        let same = |other: &&Behind| {
            let alike = render(&other.ask, 0, 0) == render(&new.ask, 0, 0) && other.ask.scheme == new.ask.scheme;
            alike && !other.lost && other.config == new.config && other.found.is_some()
        };
        if let Some(other) = self.vms[vm].behind.values().find(same) {
            let (first, second) = (other.found, new.found);
            self.violated(format!("worker {vm} refreshes for {first:?} and for {second:?} what is the same"));
        }
    }

    /// Its turn has come.
    pub fn begin_refresh(&mut self, vm: usize, number: u32) {
        self.drive_behind(vm, number, Event::Refresh);
    }

    /// What a refresh waits for has come, or its time is over.
    pub fn nudge_behind(&mut self, vm: usize, number: u32, event: Event<'_>) {
        if self.vms[vm].behind.get(&number).is_some_and(|behind| !behind.lost) {
            self.behind(vm, number).lookups = 0;
            self.drive_behind(vm, number, event);
        }
    }

    /// Moves a refresh, and again where a call could not even be sent, as the root does.
    fn drive_behind(&mut self, vm: usize, number: u32, event: Event<'_>) {
        let nudged = matches!(event, Event::Woken | Event::Deadline);
        let (now, mut rng) = (self.now, self.behind(vm, number).rng.clone());
        let random = rng.next();
        self.step(vm, random, None, |worker, outside| worker.on(number, event, outside));
        let done = self.run_commands(vm, Who::Behind(number), &mut rng);
        let behind = self.behind(vm, number);
        behind.rng = rng;
        let still = Some(behind.waits).filter(|waits| nudged && *waits != Waits::Turn).unwrap_or(Waits::Nothing);
        behind.waits = done.token.map_or(still, Waits::Lookup);
        let idle = behind.waits == Waits::Nothing;
        behind.idle_since = behind.idle_since.filter(|_| idle).or(idle.then_some(now));
        if done.refused {
            return self.drive_behind(vm, number, Event::L2(Err(L2Failure::Unreachable)));
        }
        match done.origin {
            Some(_) if self.behind(vm, number).ask.sends == Sends::NoCluster => {
                self.drive_behind(vm, number, Event::Gone);
            }
            Some(call) => self.ask_origin(vm, number, &call),
            None => self.settle_behind(vm, number),
        }
    }

    /// A refresh that its worker no longer knows is over.
    fn settle_behind(&mut self, vm: usize, number: u32) {
        if !self.vms[vm].worker.knows(number) {
            let behind = self.vms[vm].behind.remove(&number);
            behind.iter().for_each(|behind| self.note_asking(&behind.ask));
        }
    }

    /// L2 has answered a refresh; unheard when its root is gone.
    pub fn looked_behind(&mut self, vm: usize, number: u32, token: u64, reply: Result<Vec<u8>, L2Failure>) {
        let waits = |behind: &Behind| behind.waits == Waits::Lookup(token) && !behind.lost;
        if !self.vms[vm].behind.get(&number).is_some_and(waits) {
            return;
        }
        self.tell(format!("w{vm} refresh {} L2 -> {}", number & 0xffff, outcome(&reply)));
        self.drive_behind(vm, number, Event::L2(reply.as_deref().map_err(|failure| *failure)));
    }

    fn ask_origin(&mut self, vm: usize, number: u32, call: &OriginCall) {
        self.tell(format!("w{vm} refresh {} asks the origin {:?}", number & 0xffff, call.headers));
        if let Err(what) = check_call(call) {
            self.violated(format!("refresh {number}: {what}"));
        }
        let behind = self.behind(vm, number);
        let header = |name: &str| call.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
        let headers = call.headers.iter().filter(|(name, _)| !name.starts_with(':')).cloned().collect();
        let scheme = if header(":scheme") == "https" { "https" } else { "http" };
        // The connection that was found out about is another one now, and no filter stands before the origin.
        let sends = if behind.ask.sends == Sends::Replaced { Sends::Whole } else { behind.ask.sends };
        behind.ask = Ask {
            method: header(":method"),
            scheme,
            host: header(":authority"),
            target: header(":path"),
            headers,
            ja4: None,
            sends,
            ..behind.ask.clone()
        };
        behind.waits = Waits::Origin;
        behind.timeout = call.timeout.as_micros() as u64;
        let (delay, rank) = (behind.rng.between(200, 2000), behind.rng.next());
        self.schedule(delay, rank, Step::BehindAsked(vm, number));
    }

    /// Its request has reached the origin, or Envoy answers in its place. The host cannot tell the two apart.
    pub fn behind_asked(&mut self, vm: usize, number: u32) {
        if !self.vms[vm].behind.contains_key(&number) {
            return;
        }
        let ask = self.behind(vm, number).ask.clone();
        let (response, takes) = match ask.sends {
            Sends::Refused => (Some(in_place(503)), MILLI),
            Sends::Hang => (None, u64::MAX),
            _ => {
                let exchange = self.origin.answer(&ask, self.now, self.wall_base);
                self.check_leader(vm, Who::Behind(number), &ask.headers, exchange);
                (Some(self.response(exchange)), ask.takes)
            }
        };
        let behind = self.behind(vm, number);
        let (timeout, late) = (behind.timeout, takes >= behind.timeout);
        behind.response = if late { Some(in_place(504)) } else { response };
        let rank = behind.rng.next();
        self.schedule(takes.min(timeout), rank, Step::BehindAnswered(vm, number));
    }

    /// The whole of the answer is here, or nothing will come.
    pub fn behind_answered(&mut self, vm: usize, number: u32) {
        if self.vms[vm].behind.get(&number).is_none_or(|behind| behind.lost) {
            return;
        }
        let response = self.behind(vm, number).response.take().unwrap();
        self.tell(format!("w{vm} refresh {} origin: {} {:?}", number & 0xffff, response.status, response.exchange));
        if !response.breaks {
            self.hear_origin(vm, number, &response);
        }
        if self.vms[vm].behind.contains_key(&number) {
            self.drive_behind(vm, number, Event::Gone);
        }
        if self.vms[vm].worker.knows(number) {
            self.violated(format!("refresh {number} is over, and its phase is still there"));
        }
    }

    /// The answer, as a stream would have it.
    fn hear_origin(&mut self, vm: usize, number: u32, response: &Response) {
        let body = response.pieces.concat();
        let headers = Headers::from_pairs(response.head.clone());
        let event = Event::ResponseHead { headers, end: body.is_empty(), from_origin: true };
        self.drive_behind(vm, number, event);
        if self.vms[vm].worker.captures(number) {
            self.drive_behind(vm, number, Event::ResponseBody(&body));
            if self.vms[vm].behind.contains_key(&number) {
                self.drive_behind(vm, number, Event::ResponseEnd);
            }
        }
    }

    /// The root of a worker goes, and what it was to hear is never heard.
    pub fn lose_root(&mut self, vm: usize) {
        self.disturb(pod_of(vm), SECOND);
        self.vms[vm].behind.values_mut().filter(|behind| behind.waits != Waits::Turn).for_each(|behind| {
            behind.lost = true;
        });
        let lost = |who: Who| matches!(who, Who::Root | Who::Behind(_));
        let fills: Vec<usize> = self
            .flights
            .values()
            .filter(|flight| flight.vm == vm && lost(flight.who))
            .filter_map(|flight| flight.call.body.as_ref().map(Vec::len))
            .collect();
        self.flights.retain(|_, flight| flight.vm != vm || !lost(flight.who));
        self.vms[vm].fills -= fills.len();
        self.vms[vm].fill_bytes -= fills.iter().sum::<usize>();
    }

    /// Lets go of what was lost, once its worker has.
    pub fn forget_lost(&mut self, vm: usize) {
        let (worker, behind) = (&self.vms[vm].worker, &self.vms[vm].behind);
        let gone = behind.iter().filter(|(number, behind)| behind.lost && !worker.knows(**number));
        let gone: Vec<u32> = gone.map(|(number, _)| *number).collect();
        gone.iter().for_each(|number| drop(self.vms[vm].behind.remove(number)));
    }
}

/// Envoy's own answer to a call. Nothing that is configured for streams shows in it.
fn in_place(status: u16) -> Response {
    let mut response = local(status);
    response.head.retain(|(name, _)| name != "cache-control");
    response
}

/// What the host accepts: pseudo headers first, all four; and nothing that is one client's affair.
fn check_call(call: &OriginCall) -> Result<(), String> {
    let pseudo = call.headers.iter().take_while(|(name, _)| name.starts_with(':')).count();
    let all = call.headers.iter().filter(|(name, _)| name.starts_with(':')).count();
    if pseudo != 4 || all != 4 {
        return Err(format!("pseudo headers in {:?}", call.headers));
    }
    let own = ["range", "if-range", "cache-control", "pragma", "connection", "content-length", "expect"];
    match call.headers.iter().find(|(name, _)| own.contains(&name.as_str())) {
        Some(line) => Err(format!("{line:?} is one client's affair")),
        None if call.cluster != "service" => Err(format!("cluster {}", call.cluster)),
        None => Ok(()),
    }
}
