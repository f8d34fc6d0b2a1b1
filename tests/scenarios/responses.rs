//! Streams as far as their responses go: from the origin, from Envoy in its place, or from the cache, to the end.

use crate::callers::{Ask, MILLI, Sends};
use crate::host::Outcome;
use crate::network::{ROUTE_TIMEOUT, Who};
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
        let stream = self.stream(id);
        let (vm, sent) = (stream.ask.vm, stream.sent.clone());
        let ask = Ask { headers: sent.clone(), ..stream.ask.clone() };
        let (response, delay) = match ask.sends {
            Sends::Refused | Sends::NoCluster => (local(503), MILLI),
            Sends::Replaced => (local(200), MILLI),
            Sends::Hang => (local(504), ROUTE_TIMEOUT),
            _ => {
                let exchange = self.origin.answer(&ask, self.now, self.wall_base);
                self.check_leader(vm, Who::Stream(id), &sent, exchange);
                self.stream(id).reached = true;
                self.check_alone_in_fleet(id);
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

    /// An answer of the origin as it travels.
    pub fn response(&self, number: usize) -> Response {
        let exchange = &self.origin.exchanges[number];
        let bodiless = exchange.is_bodiless();
        let status = exchange.status();
        let mut head = vec![(":status".to_owned(), status.to_string().into_bytes())];
        head.extend(exchange.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())));
        let length = exchange.body.len();
        match exchange.sends {
            Sends::Chunked if bodiless => {}
            Sends::Chunked => head.push(("transfer-encoding".into(), b"chunked".to_vec())),
            Sends::UntilClose => {}
            _ if matches!(status, 204 | 304) => {}
            _ => head.push(("content-length".into(), length.to_string().into_bytes())),
        }
        let cut = exchange.sends == Sends::Short || exchange.sends == Sends::Cut;
        let sent = if cut { length.saturating_sub(5) } else { length };
        let pieces = exchange.body[..sent].chunks(sent / 2 + 1).map(<[u8]>::to_vec).collect();
        Response {
            head,
            pieces: if bodiless { Vec::new() } else { pieces },
            from_origin: true,
            breaks: exchange.sends == Sends::Cut && !bodiless,
            exchange: Some(number),
            status,
        }
    }

    /// The response head is here.
    pub fn head(&mut self, id: u32) {
        if !self.open(id) {
            return;
        }
        let response = self.stream(id).response.clone().unwrap();
        let end = response.pieces.is_empty();
        self.stream(id).answered = true;
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
        self.note_success(id, &response);
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
        let lines = response.head.iter().filter(|(name, _)| name == "cache-status");
        let cache_status: Vec<String> = lines.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
        cache_status.iter().for_each(|line| self.note_key(id, line));
        self.close(id, Outcome::Origin { status: response.status, cache_status });
    }

    /// The origin's answer to a stream, as far as it is here.
    pub fn exchange_of(&self, id: u32) -> Option<usize> {
        self.streams[&id].response.as_ref()?.exchange
    }

    /// The cache answers.
    pub fn serve(&mut self, id: u32, answer: &Answer) {
        let (state, status, age) = (answer.state, answer.status(), answer.age);
        self.tell(format!("   #{id} served {state} {status} age={age} {}", answer.cache_status));
        self.note_key(id, &answer.cache_status);
        self.judge(id, answer);
        self.close(id, Outcome::Cache { state, status, age, body: answer.body().to_vec() });
    }

    /// The client has had enough.
    pub fn leave(&mut self, id: u32) {
        if self.open(id) {
            self.tell(format!("   #{id} leaves"));
            self.close(id, Outcome::Left);
        }
    }

    /// The stream ends, as `Drop` of its context sees it.
    pub fn close(&mut self, id: u32, outcome: Outcome) {
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
        if self.streams[&id].forwarded {
            let ask = self.streams[&id].ask.clone();
            self.note_asking(&ask);
        }
        self.stream(id).outcome = Some(outcome);
        self.live.remove(&id);
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
