//! Streams as far as their requests go: head and body in, pauses, and on to the origin.

use crate::callers::Ask;
use crate::host::Stream;
use crate::network::outcome;
use crate::random::Rng;
use crate::world::{Step, World};
use fingerprint_cache::http::Headers;
use fingerprint_cache::reason::L2Failure;
use fingerprint_cache::transaction::{Event, Verdict};

impl World {
    /// A request comes.
    pub fn begin(&mut self, id: u32, ask: Ask, seed: u64) {
        let (vm, config) = (ask.vm, self.vms[ask.vm].config.clone());
        self.tell(format!("w{vm} #{id} {}", ask.text()));
        let mut rng = Rng::new(seed);
        let delays: Vec<(u64, u64)> = ask.pieces.iter().map(|at| (*at, rng.next())).collect();
        delays.into_iter().for_each(|(at, rank)| self.schedule(at, rank, Step::Body(id)));
        if let Some(at) = ask.leaves {
            self.schedule(at, rng.next(), Step::Leave(id));
        }
        if let Some(at) = ask.expires {
            self.schedule(at, rng.next(), Step::Expire(id));
        }
        let (headers, end) = (request_head(&ask), ask.body.is_none());
        let stream = Stream {
            sent: ask.headers.clone(),
            ask,
            config,
            rng,
            active: false,
            paused: false,
            paused_since: None,
            begun: self.now,
            orphaned: false,
            reconfigured: false,
            reached: false,
            token: None,
            lookups: 0,
            looked_at: None,
            arrived: 0,
            held: false,
            forwarded: false,
            expired: false,
            answered: false,
            response: None,
            outcome: None,
        };
        self.streams.insert(id, stream);
        self.live.insert(id);
        let verdict = self.drive(id, Event::RequestHead { headers, end });
        let known = self.vms[vm].worker.knows(id);
        self.stream(id).active = !matches!(verdict, Verdict::Continue) || known;
        self.stream(id).held = self.withholds && matches!(verdict, Verdict::Pause);
        self.act(id, verdict);
    }

    /// A piece of the request body comes.
    pub fn body(&mut self, id: u32) {
        if !self.open(id) {
            return;
        }
        self.stream(id).arrived += 1;
        if !self.stream(id).held {
            self.pass_body(id);
        }
        self.forward(id);
    }

    fn pass_body(&mut self, id: u32) {
        let stream = self.stream(id);
        let (body, pieces) = (stream.ask.body.clone().unwrap_or_default(), stream.ask.pieces.len());
        let end = stream.arrived == pieces;
        let so_far = body.len() * stream.arrived / pieces;
        let before = body.len() * (stream.arrived - 1) / pieces;
        let length = if stream.paused { so_far } else { so_far - before };
        if !stream.active {
            return;
        }
        let wanted = end && self.vms[self.streams[&id].ask.vm].worker.reads_body(id);
        let bytes = wanted.then_some(body.as_slice());
        let verdict = self.drive(id, Event::RequestBody { length, bytes });
        self.act(id, verdict);
    }

    /// What a verdict of the request phase means for the stream.
    pub fn act(&mut self, id: u32, verdict: Verdict) {
        match verdict {
            Verdict::Pause => {
                let reads = self.vms[self.streams[&id].ask.vm].worker.reads_body(id);
                let now = self.now;
                let stream = self.stream(id);
                stream.paused = true;
                stream.paused_since = stream.paused_since.filter(|_| !reads).or((!reads).then_some(now));
            }
            Verdict::Continue => self.resume(id),
            Verdict::Reply(answer) => self.serve(id, &answer),
        }
    }

    /// It goes on; what the host held back comes now.
    pub fn resume(&mut self, id: u32) {
        let stream = self.stream(id);
        stream.paused = false;
        stream.paused_since = None;
        if std::mem::take(&mut stream.held) && stream.arrived > 0 {
            self.pass_body(id);
        }
        self.forward(id);
    }

    /// L2 has answered a stream; unheard when the stream is gone or asks something else.
    pub fn looked(&mut self, id: u32, token: u64, ran: Option<u64>, reply: Result<Vec<u8>, L2Failure>) {
        if !self.open(id) || self.stream(id).token != Some(token) {
            return;
        }
        self.stream(id).looked_at = ran;
        self.tell(format!("   #{id} L2 -> {}", outcome(&reply)));
        let verdict = self.drive(id, Event::L2(reply.as_deref().map_err(|failure| *failure)));
        self.act(id, verdict);
    }

    fn forward(&mut self, id: u32) {
        if !self.open(id) {
            return;
        }
        let stream = self.stream(id);
        if stream.paused || stream.forwarded || stream.arrived < stream.ask.pieces.len() {
            return;
        }
        stream.forwarded = true;
        let (delay, rank) = (stream.rng.between(200, 2000), stream.rng.next());
        self.tell(format!("   #{id} goes to the origin"));
        let ask = self.streams[&id].ask.clone();
        self.note_asking(&ask);
        self.schedule(delay, rank, Step::Asked(id));
    }
}

fn request_head(ask: &Ask) -> Headers {
    let pseudo = [
        (":method", &ask.method),
        (":scheme", &ask.scheme.to_owned()),
        (":authority", &ask.host),
        (":path", &ask.target),
    ]
    .map(|(name, value)| (name.to_owned(), value.clone().into_bytes()));
    let length = ask.body.as_ref().map(|body| ("content-length".to_owned(), body.len().to_string().into_bytes()));
    let rest = ask.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes()));
    Headers::from_pairs(pseudo.into_iter().chain(rest).chain(length).collect())
}
