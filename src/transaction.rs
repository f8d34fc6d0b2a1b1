//! One request's life: the phases it goes through, the events that move it, the verdicts that come back.
//!
//! ```text
//!            RequestHead ─┬─ no rule ───────────────────────────▶ untouched
//!                         ├─ must not be looked for ────────────▶ Passing
//!                         ├─ keyed on its body ▶ ReadingBody ─┐
//!                         └───────────────────────────────────┤
//!                                                    L1 fresh ├──▶ answered
//!                                                             ▼
//!                        answered ◀── L2 fresh ─────────── Lookup
//!                                                             │ nothing fresh
//!                                                             ▼
//!               answered ◀── 304 to our own condition ──── Fetching ── may not be stored ──▶ Passing
//!                                                             │
//!                                                             ▼
//!                                    stored ◀── whole ───── Filling ── cut short ──▶ dropped
//! ```

use crate::config::{Auth, Rule};
use crate::echo::Echo;
use crate::entry::{Asking, Entry};
use crate::http::{Headers, RequestDirectives};
use crate::key::PrimaryKey;
use crate::memory::Held;
use crate::metrics::Metric;
use crate::position::Position;
use crate::reason::{Forward, L2Failure};
use crate::redis::Call;
use crate::time::{Instant, Now};
use std::rc::Rc;

/// A stream of the host, by the number of its context.
pub type Stream = u32;

/// A rule in force.
#[derive(Debug)]
pub struct Ruled {
    /// What the operator wrote.
    pub rule: Rule,
    /// A digest of what it says of keys, sharing and stripping; part of every key.
    pub revision: u64,
    /// Its name in the worker's table of names.
    pub symbol: u16,
}

/// What happens to a stream.
#[derive(Debug)]
pub enum Event<'a> {
    /// The request head.
    RequestHead {
        /// All lines, pseudo headers among them.
        headers: Headers,
        /// Whether no body follows.
        end: bool,
    },
    /// The request body so far.
    RequestBody {
        /// How many bytes of it have come.
        length: usize,
        /// All of them, when it is complete and [`Worker::reads_body`](crate::worker::Worker::reads_body) said so.
        bytes: Option<&'a [u8]>,
    },
    /// What L2 answered.
    L2(Result<&'a [u8], L2Failure>),
    /// The time to wait for a request body is over.
    Deadline,
    /// The response head.
    ResponseHead {
        /// All lines, `:status` among them.
        headers: Headers,
        /// Whether no body follows.
        end: bool,
        /// Whether it came from the origin, and not from Envoy or another filter in its place.
        from_origin: bool,
    },
    /// A piece of the response body.
    ResponseBody(&'a [u8]),
    /// The response is complete.
    ResponseEnd,
    /// The stream is over, complete or not.
    Gone,
}

/// What becomes of the stream now.
#[derive(Debug)]
pub enum Verdict {
    /// It goes on as if there were no filter.
    Continue,
    /// It waits for the next event.
    Pause,
    /// It is answered from the cache.
    Reply(Box<Answer>),
}

/// What else is to be done, in this order.
#[derive(Debug)]
pub enum Command {
    /// Ask L2 on behalf of this stream; its reply comes as [`Event::L2`], also where the call cannot even be sent.
    Lookup(Box<Call>),
    /// Write to L2 with nobody waiting; how it ended comes to `Worker::filled`.
    Fill(Box<Call>),
    /// Set a header of the request on its way to the origin.
    RequestHeader(&'static str, String),
    /// Add a header line to the response on its way to the client.
    ResponseHeader(&'static str, String),
    /// Leave a word for access logs: filter state `cache_status`.
    State(String),
    /// Count.
    Count(Metric, i64),
}

/// An answer from the cache.
#[derive(Debug)]
pub struct Answer {
    /// What is stored.
    pub entry: Rc<Entry>,
    /// The body, where it is not the stored one: with the caller's own values.
    pub body: Option<Vec<u8>>,
    /// The value of `Age`, in seconds.
    pub age: u64,
    /// The value of `Cache-Status`.
    pub cache_status: String,
    /// What access logs see: status and tier.
    pub state: &'static str,
    /// When its request came; the host takes the time when the answer leaves.
    pub started: Instant,
}

/// Where a request stands.
#[derive(Debug)]
pub enum Phase {
    /// Paused until its body, which is part of the key, is complete.
    ReadingBody(Box<Reading>),
    /// Paused until L2 answers.
    Lookup(Box<Looking>),
    /// With the origin.
    Fetching(Box<Fetching>),
    /// The answer runs through to the client and is captured.
    Filling(Box<Filling>),
    /// Left alone, for a reason.
    Passing(Passing),
}

/// A request whose rule is known.
#[derive(Debug)]
pub struct Draft {
    /// Its rule.
    pub ruled: Rc<Ruled>,
    /// Its head.
    pub headers: Headers,
    /// Its `Cache-Control`.
    pub directives: RequestDirectives,
    /// Whether it carries credentials.
    pub credentialed: bool,
    /// When it came.
    pub started: Instant,
}

/// A request whose key is known.
#[derive(Debug)]
pub struct Asked {
    /// What was known before.
    pub draft: Draft,
    /// What its answer depends on.
    pub key: PrimaryKey,
    /// The caller's own values.
    pub echoes: Vec<Echo>,
}

impl Asked {
    /// Its side of the question whether an entry may answer it.
    pub fn asking(&self) -> Asking<'_> {
        let Draft { ruled, directives, credentialed, .. } = &self.draft;
        Asking {
            directives: *directives,
            credentialed: *credentialed,
            shared: matches!(ruled.rule.auth, Auth::Shared),
            freshness: &ruled.rule.freshness,
        }
    }

    /// Its method.
    pub fn method(&self) -> &str {
        self.draft.headers.get(":method").and_then(|method| std::str::from_utf8(method).ok()).unwrap_or_default()
    }
}

/// See [`Phase::ReadingBody`].
#[derive(Debug)]
pub struct Reading {
    /// The request.
    pub draft: Draft,
    /// Whether any of the body has come.
    pub seen: bool,
}

/// See [`Phase::Lookup`].
#[derive(Debug)]
pub struct Looking {
    /// The request.
    pub asked: Asked,
    /// Why L1 could not answer.
    pub reason: Forward,
    /// What L1 holds but may not use without the origin.
    pub stale: Option<Held>,
    /// The values of the headers that `Vary` was assumed to name.
    pub selecting: Vec<(String, Option<String>)>,
    /// The call, to be sent again whole.
    pub call: Call,
    /// Whether the variant was asked for a second time.
    pub again: bool,
    /// When the call went out.
    pub sent: Instant,
}

/// See [`Phase::Fetching`].
#[derive(Debug)]
pub struct Fetching {
    /// The request.
    pub asked: Asked,
    /// Why it went to the origin.
    pub reason: Forward,
    /// The entry whose validator we sent along.
    pub validating: Option<Held>,
    /// Where the log stood before.
    pub position: Position,
    /// When it went out.
    pub sent: Now,
}

/// See [`Phase::Filling`].
#[derive(Debug)]
pub struct Filling {
    /// The request.
    pub asked: Asked,
    /// The entry, complete but for its body.
    pub entry: Entry,
    /// How long the body must be, where the origin said so.
    pub expected: Option<u64>,
    /// When its head was received.
    pub received: Instant,
}

/// See [`Phase::Passing`].
#[derive(Clone, Copy, Debug)]
pub struct Passing {
    /// The symbol of its rule.
    pub rule: u16,
    /// Why it went to the origin.
    pub reason: Forward,
    /// When it was let go because its body had not come.
    pub let_go: Option<Instant>,
}
