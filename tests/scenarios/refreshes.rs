//! Refreshes with nobody waiting, as the root runs them: streams that are none of the host's, whose calls it makes and
//! hears.

use crate::callers::{Ask, MILLI, Sends};
use crate::host::Stream;
use crate::network::{Waiter, outcome};
use crate::random::Rng;
use crate::responses::{Response, local};
use crate::world::{Step, World};
use fingerprint_cache::http::Headers;
use fingerprint_cache::reason::L2Failure;
use fingerprint_cache::transaction::{Command, Event, OriginCall};

/// A refresh under way.
pub struct Refresh {
    /// The request that found the stale entry.
    pub after: Ask,
    /// The configuration that it came under.
    pub config: serde_json::Value,
    /// The request to the origin.
    pub ask: Option<Ask>,
    rng: Rng,
    response: Option<Response>,
}

/// Envoy's own answer, which nothing tells from the origin's.
fn envoys(status: u16) -> Response {
    let mut response = local(status);
    response.head.retain(|(name, _)| name != "cache-control");
    response
}

impl World {
    /// A worker wants a refresh, on behalf of a stream that it serves what is stale.
    pub fn begin_refresh(&mut self, vm: usize, id: u32, stream: Option<u32>) {
        let Some(Stream { ask, config, rng, .. }) = stream.and_then(|stream| self.streams.get(&stream)) else { return };
        let refresh = Refresh {
            after: ask.clone(),
            config: config.clone(),
            ask: None,
            rng: Rng::new(rng.clone().next()),
            response: None,
        };
        self.tell(format!("w{vm} refresh {id:x} is due"));
        if self.refreshes.insert((vm, id), refresh).is_some() {
            self.violated(format!("two refreshes are called {id:x}"));
        }
    }

    /// Moves a refresh, and again where a call could not even be sent.
    pub fn drive_refresh(&mut self, vm: usize, id: u32, event: Event<'_>) {
        let Some(refresh) = self.refreshes.get_mut(&(vm, id)) else { return };
        let random = refresh.rng.next() as u32;
        self.step(vm, random, None, |worker, outside| worker.on(id, event, outside));
        let mut refused = false;
        for command in self.vms[vm].worker.take_commands() {
            refused |= self.run_behind(vm, id, command);
        }
        if refused {
            return self.drive_refresh(vm, id, Event::L2(Err(L2Failure::Unreachable)));
        }
        if !self.vms[vm].worker.knows(id) {
            self.refreshes.remove(&(vm, id));
        }
    }

    /// Carries out a command; says whether a call could not be sent. There are no headers and no client to be told.
    fn run_behind(&mut self, vm: usize, id: u32, command: Command) -> bool {
        let mut rng = Rng::new(self.refreshes.get_mut(&(vm, id)).map_or(0, |refresh| refresh.rng.next()));
        match command {
            Command::Lookup(call) => {
                self.tell(format!("w{vm} refresh {id:x}: {}", call.script.name));
                return self.dispatch(vm, Waiter::Refresh(id), &call, rng).is_none();
            }
            Command::CallOrigin(call) => self.call_origin(vm, id, &call, &mut rng),
            Command::RequestHeader(..) | Command::ResponseHeader(..) | Command::HideHeader(_) | Command::State(_) => {}
            other => drop(self.run_command(vm, None, other, &mut rng)),
        }
        false
    }

    fn call_origin(&mut self, vm: usize, id: u32, call: &OriginCall, rng: &mut Rng) {
        let header = |name: &str| {
            let mut all = call.headers.iter().filter(|(known, _)| known == name);
            all.next().map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let after = self.refreshes[&(vm, id)].after.clone();
        let rest = call.headers.iter().filter(|(name, _)| !name.starts_with(':'));
        let scheme = if header(":scheme") == "https" { "https" } else { "http" };
        let ask = Ask {
            vm,
            scheme,
            host: header(":authority"),
            headers: rest.cloned().collect(),
            sends: rng.pick(&[Sends::Whole, Sends::Whole, Sends::Whole, after.sends]),
            takes: rng.between(1, 100) * MILLI,
            fails: after.fails.filter(|_| after.fails_refresh),
            ..Ask::new(&header(":method"), &header(":path"))
        };
        self.tell(format!("w{vm} refresh {id:x} asks {}: {}", call.cluster, ask.text()));
        if call.cluster != "origin" || !call.headers[0].0.starts_with(':') {
            self.violated(format!("refresh {id:x} calls {call:?}"));
        }
        self.refreshes.get_mut(&(vm, id)).unwrap().ask = Some(ask);
        self.schedule(rng.between(200, 2000), rng.next(), Step::RefreshAsked(vm, id));
    }

    /// Its request has reached the origin.
    pub fn refresh_asked(&mut self, vm: usize, id: u32) {
        let Some(ask) = self.refreshes.get(&(vm, id)).and_then(|refresh| refresh.ask.clone()) else { return };
        let wall = self.wall_base + self.now / 1_000_000;
        let (response, delay) = match ask.sends {
            Sends::Refused | Sends::Replaced => (envoys(503), MILLI),
            Sends::Hang => (envoys(504), 2000 * MILLI),
            _ => {
                let exchange = self.origin.answer(&ask, self.now, wall);
                (self.response(exchange), ask.takes)
            }
        };
        self.refreshes.get_mut(&(vm, id)).unwrap().response = Some(response);
        self.schedule(delay, id.into(), Step::RefreshAnswered(vm, id));
    }

    /// Its answer is here, whole; or it broke off, which has no head.
    pub fn refresh_answered(&mut self, vm: usize, id: u32) {
        let Some(refresh) = self.refreshes.get(&(vm, id)) else { return };
        let (sends, response) = (refresh.ask.as_ref().unwrap().sends, refresh.response.clone().unwrap());
        self.tell(format!("w{vm} refresh {id:x} origin: {} {:?}", response.status, response.exchange));
        let body = response.pieces.concat();
        if !matches!(sends, Sends::Short | Sends::Cut) {
            let headers = Headers::from_pairs(response.head);
            self.drive_refresh(vm, id, Event::ResponseHead { headers, end: body.is_empty(), from_origin: true });
            if self.vms[vm].worker.captures(id) {
                self.drive_refresh(vm, id, Event::ResponseBody(&body));
                self.drive_refresh(vm, id, Event::ResponseEnd);
            }
        }
        if self.refreshes.contains_key(&(vm, id)) {
            self.drive_refresh(vm, id, Event::Gone);
        }
    }

    /// L2 has answered a refresh.
    pub fn refresh_hears(&mut self, vm: usize, id: u32, reply: Result<Vec<u8>, L2Failure>) {
        self.tell(format!("w{vm} refresh {id:x} L2 -> {}", outcome(&reply)));
        self.drive_refresh(vm, id, Event::L2(reply.as_deref().map_err(|failure| *failure)));
    }
}
