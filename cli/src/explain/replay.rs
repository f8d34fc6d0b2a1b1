//! One request, its response, and the same request again, through the filter's own worker. The only file here that
//! knows how a worker is driven.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fingerprint_cache::config::Config;
use fingerprint_cache::entry::Entry;
use fingerprint_cache::http::date;
use fingerprint_cache::metrics::Metric;
use fingerprint_cache::reason::{Forward, NotStored};
use fingerprint_cache::shared::{Conflict, Shared};
use fingerprint_cache::time::{Instant, Now, Timestamp};
use fingerprint_cache::transaction::{Asked, Command, Event, Phase, Stream, Verdict};
use fingerprint_cache::worker::{Outside, Worker};

use crate::message::Message;

const FIRST: Stream = 1;
const SECOND: Stream = 2;
/// The largest body that is made up where the file has none.
const MADE_UP: usize = 64 << 20;

/// What becomes of a request when it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// No rule has it.
    NoRule,
    /// No rule has it, and its success makes what is stored of its URI untrue.
    Changes,
    /// A rule has it, but it is not looked for.
    Passed { rule: String, reason: Forward },
    /// It is looked for; what is not found goes to the origin.
    Looked { rule: String, key: Key, reason: Forward },
    /// It is answered by the cache.
    Answered { status: u16, cache_status: String },
    /// The worker waits for what this replay does not have.
    Waits,
}

/// The primary key of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The rule and the digest, as in `Cache-Status`.
    pub name: String,
    /// What is digested.
    pub text: String,
    /// See [`fingerprint_cache::key::uri`].
    pub uri: u128,
}

/// What becomes of a response.
#[derive(Clone, Debug)]
pub struct Response {
    /// Whether it is stored.
    pub stored: bool,
    /// Why it is not stored, if it is not.
    pub refused: Option<NotStored>,
    /// What `Cache-Status` says of it.
    pub cache_status: String,
    /// What is stored.
    pub entry: Option<Entry>,
    /// Whether its body was made up, since the file has none.
    pub made_up: bool,
}

/// Everything that becomes of an exchange.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The request.
    pub request: Treatment,
    /// The response, where there is one.
    pub response: Option<Response>,
    /// The same request again.
    pub again: Option<Treatment>,
}

/// The filter, alone, at one moment.
pub struct Stage {
    worker: Worker,
    slots: Slots,
    properties: HashMap<String, Vec<u8>>,
    now: Now,
}

impl Stage {
    /// A worker with this configuration and an empty L1. L2 is left out: what it would add is `inspect`'s to say.
    pub fn new(config: &Config, properties: HashMap<String, Vec<u8>>, at: Timestamp) -> Self {
        let config = Config { redis: None, ..config.clone() };
        let now = Now { wall: at, mono: Instant(1_000_000) };
        Self { worker: Worker::new("explain", config), slots: Slots::default(), properties, now }
    }

    /// Sends a request, its response if there is one, and then the request again.
    pub fn replay(&mut self, request: &Message, response: Option<&Message>) -> Replay {
        let treatment = self.ask(FIRST, request).0;
        let Some(response) = response else { return Replay { request: treatment, response: None, again: None } };
        let mut response = self.respond(FIRST, response);
        let (again, found) = self.ask(SECOND, request);
        response.entry = response.entry.or(found.filter(|_| response.stored));
        Replay { request: treatment, response: Some(response), again: Some(again) }
    }

    /// What becomes of a request up to the point where it needs the origin.
    pub fn treat(&mut self, request: &Message) -> Treatment {
        self.ask(FIRST, request).0
    }

    /// Sends a request up to the point where it needs the origin; with the entry that answers it.
    fn ask(&mut self, stream: Stream, request: &Message) -> (Treatment, Option<Entry>) {
        let (length, end) = (request.body.len(), request.body.is_empty());
        let mut verdict = self.on(stream, Event::RequestHead { headers: request.headers(), end }).0;
        if !end {
            let bytes = self.worker.reads_body(stream).then_some(request.body.as_slice());
            verdict = self.on(stream, Event::RequestBody { length, bytes }).0;
        }
        match verdict {
            Verdict::Reply(answer) => {
                let (status, entry) = (answer.status(), Entry::clone(&answer.entry));
                (Treatment::Answered { status, cache_status: answer.cache_status }, Some(entry))
            }
            _ => (self.treatment(stream), None),
        }
    }

    fn treatment(&self, stream: Stream) -> Treatment {
        match self.worker.phase(stream) {
            None => Treatment::NoRule,
            Some(Phase::Changing(_)) => Treatment::Changes,
            Some(Phase::Passing(passing)) => {
                Treatment::Passed { rule: self.worker.name(passing.rule).to_owned(), reason: passing.reason }
            }
            Some(Phase::Fetching(fetching)) => {
                let rule = fetching.asked.draft.ruled.rule.name.clone();
                Treatment::Looked { key: key(&fetching.asked), rule, reason: fetching.reason }
            }
            Some(_) => Treatment::Waits,
        }
    }

    fn respond(&mut self, stream: Stream, response: &Message) -> Response {
        let (body, made_up) = body(response);
        let looked = matches!(self.worker.phase(stream), Some(Phase::Fetching(_)));
        let mut commands = self.on(stream, head(response, body.is_empty())).1;
        let entry = match self.worker.phase(stream) {
            Some(Phase::Filling(filling)) => Some(filling.entry.clone()),
            _ => None,
        };
        if self.worker.captures(stream) {
            commands.extend(self.on(stream, Event::ResponseBody(&body)).1);
        }
        commands.extend(self.on(stream, Event::ResponseEnd).1);
        let refused = commands.iter().find_map(refusal);
        let cache_status = commands.iter().find_map(said).unwrap_or_default();
        let entry = entry.filter(|_| refused.is_none()).map(|entry| Entry { body, ..entry });
        Response { stored: looked && refused.is_none(), refused, cache_status, entry, made_up }
    }

    fn on(&mut self, stream: Stream, event: Event<'_>) -> (Verdict, Vec<Command>) {
        let properties = &self.properties;
        let property = |path: &[String]| properties.get(&path.join(".")).cloned();
        let mut outside = Outside { now: self.now, random: u64::MAX / 2, shared: &mut self.slots, property: &property };
        let verdict = self.worker.on(stream, event, &mut outside);
        (verdict, self.worker.take_commands())
    }
}

/// The moment of a replay: that of the response's own `Date`, so that a recorded one has not aged; else the present.
pub fn moment(response: Option<&Message>) -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let present = Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    response.and_then(|response| date::parse(response.get("date")?.as_bytes())).unwrap_or(present)
}

fn key(asked: &Asked) -> Key {
    let rule = &asked.draft.ruled.rule.name;
    Key { name: asked.key.name(rule), text: asked.key.text().to_owned(), uri: asked.uri }
}

/// The head as the host hands it over. A body of no bytes still comes where its length says so.
fn head(response: &Message, empty: bool) -> Event<'static> {
    let announced = response.get("content-length").is_some() || response.get("transfer-encoding").is_some();
    Event::ResponseHead { headers: response.headers(), end: empty && !announced, from_origin: true }
}

/// The body, or as many blanks as its length announces where the file ends with the head.
fn body(response: &Message) -> (Vec<u8>, bool) {
    let length = response.get("content-length").and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0);
    match response.body.is_empty() && length > 0 {
        true => (vec![b' '; length.min(MADE_UP)], true),
        false => (response.body.clone(), false),
    }
}

fn refusal(command: &Command) -> Option<NotStored> {
    match command {
        Command::Count(Metric::NotStored { reason, .. }, _) => Some(*reason),
        _ => None,
    }
}

fn said(command: &Command) -> Option<String> {
    match command {
        Command::ResponseHeader("cache-status", value) => Some(value.clone()),
        _ => None,
    }
}

/// What the workers of one Envoy would share.
#[derive(Default)]
struct Slots(HashMap<String, Vec<u8>>);

impl Shared for Slots {
    fn get(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        self.0.get(name).map(|bytes| (bytes.clone(), Some(1)))
    }

    fn set(&mut self, name: &str, bytes: &[u8], _version: Option<u32>) -> Result<(), Conflict> {
        self.0.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }
}
