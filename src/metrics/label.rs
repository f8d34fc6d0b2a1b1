//! What labels can say.

use crate::reason::L2Failure;

/// How a request of a matched rule ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Answered from the cache, fresh.
    Hit,
    /// Answered from the cache, stale: while somebody asks the origin, or instead of its error.
    Stale,
    /// Answered from the cache after the origin confirmed it (304).
    Revalidated,
    /// Looked for, not found, answered by the origin.
    Miss,
    /// Not looked for, answered by the origin.
    Pass,
    /// Answered with what the origin gave another request that was under way.
    Collapsed,
    /// Not found, and the client wanted nothing else: 504.
    OnlyIfCached,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// This worker's memory.
    L1,
    /// Redis.
    L2,
    /// The service.
    Origin,
}

/// What a call to L2 was for, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum L2End {
    /// The script did what it is for.
    Ok,
    /// There is no such entry.
    Miss,
    /// It brought nothing.
    Failed(L2Failure),
    /// It was not sent: too many fills are under way, L2 does not answer, or it did not say where its log stood.
    Dropped,
    /// What was to be stored had been fetched under a lease that had ended, under another master, or before a flush.
    Fenced,
    /// The client left before the answer came, or nobody waits for it any more.
    Abandoned,
    /// The answer could not be trusted: the log could not be read as far as it.
    Unread,
}

/// What single flight did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaseEnd {
    /// A request asked the origin for all that want the answer.
    Led,
    /// A request had another one's answer.
    Collapsed,
    /// A request waited as long as it may, and went to the origin itself.
    TimedOut,
    /// A leader was gone, and another request took its place.
    HandedOver,
    /// A refresh was left to somebody who had begun one.
    Yielded,
    /// A leader was too slow, or its answer too old: L2 did not take it.
    Lost,
}

/// How a refresh with nobody waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshEnd {
    /// L2 had a fresh answer already.
    Found,
    /// The origin confirmed the stale answer.
    Confirmed,
    /// The origin gave a new answer, and it is stored.
    Replaced,
    /// The origin's answer may not be stored, or there was none.
    Failed,
    /// Somebody else had begun one.
    Yielded,
    /// It could not begin: no cluster, no credentials, or too many are under way.
    Refused,
}

impl Status {
    /// The label in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Miss => "miss",
            Self::Pass => "pass",
            Self::Collapsed => "collapsed",
            Self::OnlyIfCached => "only_if_cached",
        }
    }
}

impl Tier {
    /// The label in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::Origin => "origin",
        }
    }
}

impl RefreshEnd {
    /// The label in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Confirmed => "confirmed",
            Self::Replaced => "replaced",
            Self::Failed => "failed",
            Self::Yielded => "yielded",
            Self::Refused => "refused",
        }
    }
}

impl LeaseEnd {
    /// The label in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Led => "led",
            Self::Collapsed => "collapsed",
            Self::TimedOut => "timed_out",
            Self::HandedOver => "handed_over",
            Self::Yielded => "yielded",
            Self::Lost => "lost",
        }
    }
}

impl L2End {
    /// The label in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Miss => "miss",
            Self::Failed(failure) => failure.as_str(),
            Self::Dropped => "dropped",
            Self::Fenced => "fenced",
            Self::Abandoned => "abandoned",
            Self::Unread => "unread",
        }
    }
}
