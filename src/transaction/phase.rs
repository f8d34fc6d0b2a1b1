//! The phases of a request, each with what is true in it.

use super::{Ruled, Stream};
use crate::config::Auth;
use crate::echo::Echo;
use crate::entry::{Asking, Entry};
use crate::http::{Headers, RequestDirectives};
use crate::key::PrimaryKey;
use crate::memory::Held;
use crate::metrics::Tier;
use crate::position::Position;
use crate::reason::Forward;
use crate::redis::{Call, Lease};
use crate::time::{Instant, Now};
use std::rc::Rc;
use std::time::Duration;

/// Where a request stands.
#[derive(Debug)]
pub enum Phase {
    /// Paused until its body, which is part of the key, is complete.
    ReadingBody(Box<Reading>),
    /// Paused until another request of this worker has its answer.
    Waiting(Box<Waiting>),
    /// Paused until L2 answers.
    Lookup(Box<Looking>),
    /// Paused until L2 is asked again, since somebody elsewhere fills.
    Polling(Box<Polling>),
    /// Paused until the log is read: L2 knows of more invalidations than this worker.
    Parked(Box<Parked>),
    /// About to be asked for with nobody waiting.
    Refreshing(Box<Refreshing>),
    /// With the origin.
    Fetching(Box<Fetching>),
    /// The answer runs through to the client and is captured.
    Filling(Box<Filling>),
    /// Left alone, for a reason.
    Passing(Passing),
    /// With the origin, and should it succeed, what is stored of its URI is no longer so.
    Changing(Box<Changing>),
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
    /// Whether the client set a condition that a cache judges (`If-None-Match`, `If-Modified-Since`).
    pub conditional: bool,
    /// Whether the client asked for a part.
    pub ranged: bool,
    /// When it came.
    pub started: Instant,
    /// Its stream.
    pub stream: Stream,
}

/// Who asks the origin for an entry while others are served the stale one: whoever holds it. There is none when it is
/// dropped, however that comes about.
pub type Lead = Rc<()>;

/// A request whose key is known.
#[derive(Debug)]
pub struct Asked {
    /// What was known before.
    pub draft: Draft,
    /// What its answer depends on.
    pub key: PrimaryKey,
    /// The caller's own values.
    pub echoes: Vec<Echo>,
    /// The URI that it is about, see [`crate::key::uri`]; not known before L1 has failed to answer.
    pub uri: u128,
    /// Whether it asks the origin on behalf of others too.
    pub lead: Option<Lead>,
    /// Whether nobody waits for it.
    pub background: bool,
    /// Its place among the streams that nobody waits for.
    pub slot: Option<Lead>,
    /// Whether it was invalidated while it was under way: what it brings is not kept.
    pub overtaken: bool,
    /// Until when it may wait for answers that others ask for; unknown before it has to.
    pub patience: Option<Instant>,
    /// How often it has waited in vain.
    pub rounds: u8,
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
    /// How many calls it took so far.
    pub calls: u8,
    /// When the last one went out.
    pub sent: Instant,
    /// The pause before L2 is asked again, should it say that somebody fills.
    pub pause: Duration,
}

/// See [`Phase::Waiting`].
#[derive(Debug)]
pub struct Waiting {
    /// The request.
    pub asked: Asked,
    /// Why L1 could not answer.
    pub reason: Forward,
    /// What L1 holds but may not use without the origin.
    pub stale: Option<Held>,
    /// What it waits for: a primary key, the values that select a variant, and whether it may be for this client alone.
    pub wanted: (u128, u128, bool),
    /// What became of the request that it waits for, once that is known.
    pub turn: Option<Turn>,
}

/// What becomes of a request that waited for another one's answer.
#[derive(Clone, Debug)]
pub enum Turn {
    /// It may have the answer, if it is for it too; with where that came from.
    Answer(Held, Tier),
    /// The answer is for nobody else: each on its own.
    Alone,
    /// It asks anew: whoever was first is out of the way.
    Again,
    /// It goes first now; the lease of the one before, if that had one, is booked under its name.
    Lead,
}

/// A lease in L2, or the wish for one.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Its name and whose it is.
    pub lease: Lease,
    /// Where the log stood when it was granted; `None` while L2 has not said that it is.
    pub position: Option<Position>,
    /// When it was granted or renewed last.
    pub since: Instant,
    /// Whether L2 let it fill without a lease, since nobody waits for such answers.
    pub unheld: bool,
    /// Whether L2 has granted it before, perhaps to whoever went first: then it is there until it is given back.
    pub held: bool,
}

impl Granted {
    /// Whether L2 may be keeping others from filling on its account.
    pub fn is_owed(&self) -> bool {
        !self.unheld
    }
}

/// See [`Phase::Polling`].
#[derive(Debug)]
pub struct Polling {
    /// The lookup that was told to wait.
    pub looking: Looking,
    /// When to ask again.
    pub due: Instant,
    /// The pause before that.
    pub pause: Duration,
}

/// See [`Phase::Parked`].
#[derive(Debug)]
pub struct Parked {
    /// The lookup.
    pub looking: Looking,
    /// Its reply.
    pub reply: Vec<u8>,
    /// When it was answered.
    pub since: Instant,
}

/// See [`Phase::Refreshing`].
#[derive(Debug)]
pub struct Refreshing {
    /// A request like the one that found the entry.
    pub asked: Asked,
    /// Why it is made.
    pub reason: Forward,
    /// The stale entry; none where an answer is fetched before anybody asks for it.
    pub held: Option<Held>,
}

/// See [`Phase::Fetching`].
#[derive(Debug)]
pub struct Fetching {
    /// The request.
    pub asked: Asked,
    /// Why it went to the origin.
    pub reason: Forward,
    /// The entry that could not answer without the origin.
    pub held: Option<Held>,
    /// Whether we sent its validator along, in the place of the client's own.
    pub validating: bool,
    /// Where the log stood before; its epoch is empty where L2 did not say.
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
    /// When the origin was asked.
    pub begun: Instant,
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

/// See [`Phase::Changing`].
#[derive(Debug)]
pub struct Changing {
    /// Its head.
    pub headers: Headers,
    /// When it went out.
    pub sent: Now,
    /// Its stream.
    pub stream: Stream,
    /// Where the log stood before, as far as this worker knew.
    pub position: Position,
    /// The URI that it is about, as each rule that may have stored something of it writes it.
    pub uris: Vec<u128>,
    /// Whether that was invalidated while it was under way: then its answer may be the older one.
    pub overtaken: bool,
}
