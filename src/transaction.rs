//! One request's life: the phases it goes through, the events that move it, the verdicts that come back.
//!
//! ```text
//!            RequestHead ─┬─ no rule, safe method ──────────────▶ untouched
//!                         ├─ no rule, unsafe ▶ Changing ── succeeds ▶ what is stored of its URIs goes
//!                         ├─ must not be looked for ────────────▶ Passing
//!                         ├─ keyed on its body ▶ ReadingBody ─┐
//!                         └───────────────────────────────────┤
//!                            L1 fresh, or stale and being asked ├──▶ answered
//!                                                             ▼
//!   answered, in turn, or alone ◀── Waiting ◀── somebody in this worker asks already
//!                                                             │ nobody does
//!                                                             ▼
//!              answered ◀── L2 fresh, or stale ────────── Lookup ◀── Refreshing, behind a client's back
//!                                                             │  ▲ Parked, until the log is read as far as the answer
//!                                                             │  ▲ Polling, while another worker or pod fills
//!                                                             │ nothing to answer with
//!                                                             ▼
//!  answered ◀── 304 to our own condition; stale, for an error ── Fetching ── may not be stored ──▶ Passing
//!                                                             │
//!                                                             ▼
//!                                    stored ◀── whole ───── Filling ── cut short ──▶ dropped
//! ```

mod phase;

pub use phase::{
    Asked, Changing, Draft, Fetching, Filling, Granted, Lead, Looking, Parked, Passing, Phase, Polling, Reading,
    Refreshing, Turn, Waiting,
};

use crate::answer::Answer;
use crate::config::Rule;
use crate::http::Headers;
use crate::metrics::Metric;
use crate::reason::L2Failure;
use crate::redis::Call;
use std::time::Duration;

/// A stream of the host, by the number of its context.
pub type Stream = u32;

/// The streams of a worker's own count from here; the host's count from 1.
pub const BEHIND: Stream = 1 << 31;

/// Whether a stream is one of the worker's own: nobody waits for it.
pub fn is_behind(stream: Stream) -> bool {
    stream >= BEHIND
}

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
    /// The time to wait, for a request body or for another request's answer, is over.
    Deadline,
    /// What it waited for has come, see [`Command::Wake`].
    Woken,
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
    /// A refresh that [`Command::Refresh`] asked for begins. Its stream is none of the host's: nobody waits for it.
    Refresh,
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
    /// Call L2 with nobody waiting: a fill, a lease, notices for the log or a reading of it. How it ended comes to
    /// `Worker::written`.
    Write(Box<Call>),
    /// Begin a refresh with nobody waiting: this stream, which is none of the host's, is due an [`Event::Refresh`].
    Refresh(Stream),
    /// A waiting stream, another one than this, is due an [`Event::Woken`]: from the root, never from within a callback of
    /// the stream in effect.
    Wake(Stream),
    /// Send bytes to another worker of this Envoy, by the number of its queue; they come to its `Worker::told`.
    Tell(u32, Vec<u8>),
    /// Ask the origin for a stream that is none of the host's; its answer comes as if to a request, or [`Event::Gone`].
    CallOrigin(Box<OriginCall>),
    /// Set a header of the request on its way to the origin, or take it away.
    RequestHeader(&'static str, Option<String>),
    /// Add a header line to the response on its way to the client.
    ResponseHeader(&'static str, String),
    /// Take a header of the response away: it was for this cache alone.
    HideHeader(&'static str),
    /// Leave a word for access logs: filter state `cache_status`.
    State(String),
    /// Count.
    Count(Metric, i64),
}

/// A request to the origin with nobody waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginCall {
    /// The Envoy cluster that leads there.
    pub cluster: String,
    /// All header lines, pseudo headers first.
    pub headers: Vec<(String, String)>,
    /// The longest it may take.
    pub timeout: Duration,
}
