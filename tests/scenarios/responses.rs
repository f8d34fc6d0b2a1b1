//! Streams as far as their responses go: from the origin, from Envoy in its place, or from the cache, to the end.

use crate::callers::{MILLI, Sends};
use crate::host::Outcome;
use crate::network::ROUTE_TIMEOUT;
use crate::world::{Step, World};
use fingerprint_cache::answer::Answer;
use fingerprint_cache::http::Headers;
use fingerprint_cache::transaction::{Event, Verdict};

/// A response on its way in.
#[derive(Clone)]
pub struct Response {
    pub head: Vec<(String, Vec<u8>)>,
    pub pieces: Vec<Vec<u8>>,
    pub from_origin: bool,
    pub breaks: bool,
    pub exchange: Option<usize>,
    pub status: u16,
}

impl World {
    /// The request has reached the origin.
    pub fn asked(&mut self, id: u32) {
        if !self.open(id) {
            return;
        }
        let ask = self.stream(id).onward.clone();
        let wall = self.wall_base + self.now / 1_000_000;
        let (response, delay) = match ask.sends {
            Sends::Refused => (local(503), MILLI),
            Sends::Replaced => (local(200), MILLI),
            Sends::Hang => (local(504), ROUTE_TIMEOUT),
            _ => {
                let exchange = self.origin.answer(&ask, self.now, wall);
                (self.response(exchange), ask.takes)
            }
        };
        let stream = self.stream(id);
        stream.response = Some(response);
        let rank = stream.rng.next();
        self.schedule(delay, rank, Step::Head(id));
    }

    /// Envoy answers a stream that is still paused, as after its idle timeout.
    pub fn expire(&mut self, id: u32) {
        if !self.open(id) || self.stream(id).forwarded {
            return;
        }
        let stream = self.stream(id);
        (stream.paused, stream.forwarded, stream.expired) = (false, true, true);
        stream.response = Some(local(504));
        self.tell(format!("   #{id} has been paused for too long"));
        self.head(id);
    }

    pub fn response(&self, number: usize) -> Response {
        let exchange = &self.origin.exchanges[number];
        let bodiless = exchange.ask.method == "HEAD" || exchange.confirms.is_some();
        let mut head = vec![(":status".to_owned(), exchange.status().to_string().into_bytes())];
        head.extend(exchange.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())));
        let length = exchange.body.len();
        match exchange.sends {
            Sends::Chunked if bodiless => {}
            Sends::Chunked => head.push(("transfer-encoding".into(), b"chunked".to_vec())),
            Sends::UntilClose => {}
            _ if exchange.confirms.is_some() => {}
            _ => head.push(("content-length".into(), length.to_string().into_bytes())),
        }
        let sent = if exchange.sends == Sends::Short || exchange.sends == Sends::Cut { length - 5 } else { length };
        let pieces = exchange.body[..sent].chunks(sent / 2 + 1).map(<[u8]>::to_vec).collect();
        Response {
            head,
            pieces: if bodiless { Vec::new() } else { pieces },
            from_origin: true,
            breaks: exchange.sends == Sends::Cut && !bodiless,
            exchange: Some(number),
            status: exchange.status(),
        }
    }

    /// The response head is here.
    pub fn head(&mut self, id: u32) {
        if !self.open(id) {
            return;
        }
        let response = self.stream(id).response.clone().unwrap();
        let end = response.pieces.is_empty();
        self.note_change(id, &response);
        if self.stream(id).active {
            let headers = Headers::from_pairs(response.head.clone());
            let event = Event::ResponseHead { headers, end, from_origin: response.from_origin };
            match self.drive(id, event) {
                Verdict::Continue => {}
                Verdict::Pause => self.violated(format!("#{id} pauses a response")),
                Verdict::Reply(answer) => return self.serve(id, &answer),
            }
        }
        self.tell(format!("   #{id} origin: {} {:?}", response.status, response.exchange));
        if end {
            return self.end(id);
        }
        let mut at = 0;
        for number in 0..=response.pieces.len() {
            at += self.stream(id).rng.between(0, 3 * MILLI);
            let rank = self.stream(id).rng.next();
            self.schedule(at, rank, Step::Piece(id, number));
            at += 1;
        }
    }

    /// A piece of the response body, or what comes after the last.
    pub fn piece(&mut self, id: u32, number: usize) {
        if !self.open(id) {
            return;
        }
        let vm = self.stream(id).ask.vm;
        let response = self.stream(id).response.as_ref().unwrap();
        let (piece, breaks) = (response.pieces.get(number).cloned(), response.breaks);
        match piece {
            Some(piece) if self.stream(id).active && self.vms[vm].worker.captures(id) => {
                let verdict = self.on(id, Event::ResponseBody(&piece));
                if !matches!(verdict, Verdict::Continue) {
                    self.violated(format!("#{id} stops a response body: {verdict:?}"));
                }
            }
            Some(_) => {}
            None if breaks => self.close(id, Outcome::Broken),
            None => self.end(id),
        }
    }

    fn end(&mut self, id: u32) {
        if self.stream(id).active {
            self.on(id, Event::ResponseEnd);
            self.run_for(id);
        }
        let stream = self.stream(id);
        let response = stream.response.clone().unwrap();
        let added = stream.added.iter().filter(|(name, _)| name == "cache-status");
        let cache_status = added.map(|(_, value)| value.clone()).collect();
        self.close(id, Outcome::Origin { status: response.status, cache_status });
    }

    /// The origin's answer to a stream, as far as it is here.
    pub fn exchange_of(&self, id: u32) -> Option<usize> {
        self.streams[&id].response.as_ref()?.exchange
    }

    /// The cache answers.
    pub fn serve(&mut self, id: u32, answer: &Answer) {
        let (whole, body) = (answer.body.as_ref().unwrap_or(&answer.entry.body).clone(), answer.body().to_vec());
        let status = answer.status();
        self.tell(format!("   #{id} served {status} {} age={} {}", answer.state, answer.age, answer.cache_status));
        self.judge(id, answer, &whole);
        self.close(id, Outcome::Cache { state: answer.state, status, age: answer.age, body });
    }

    /// The client has had enough.
    pub fn leave(&mut self, id: u32) {
        if self.open(id) {
            self.tell(format!("   #{id} leaves"));
            self.close(id, Outcome::Left);
        }
    }

    /// The stream ends, as `Drop` of its context sees it.
    fn close(&mut self, id: u32, outcome: Outcome) {
        let served = matches!(outcome, Outcome::Cache { .. });
        if self.stream(id).active && !served {
            self.on(id, Event::Gone);
            self.run_for(id);
        }
        let vm = self.stream(id).ask.vm;
        if self.vms[vm].worker.knows(id) {
            self.violated(format!("#{id} is over, and its phase is still there"));
        }
        if self.stream(id).outcome.is_some() {
            self.violated(format!("#{id} is answered twice"));
        }
        self.judge_end(id, &outcome);
        self.stream(id).outcome = Some(outcome);
    }
}

/// Envoy's own answer in the origin's place.
pub fn local(status: u16) -> Response {
    let body = b"upstream connect error".to_vec();
    let line = |name: &str, value: String| (name.to_owned(), value.into_bytes());
    let head = vec![
        line(":status", status.to_string()),
        line("content-length", body.len().to_string()),
        line("cache-control", "max-age=60".to_owned()),
    ];
    Response { head, pieces: vec![body], from_origin: false, breaks: false, exchange: None, status }
}
