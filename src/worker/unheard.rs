//! Which invalidations L2 may not have heard of: what it says of their URIs is not believed.

use crate::time::Instant;

/// How many URIs may be doubted at once; the oldest doubts make room.
const MOST: usize = 1024;

/// The URIs whose invalidation L2 may not have heard of, or had not when it was asked.
#[derive(Default)]
pub(super) struct Unheard(Vec<Doubt>);

struct Doubt {
    uri: u128,
    since: Instant,
    until: Instant,
    state: Banning,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Banning {
    Pending,
    Failed,
    /// L2 has said so at this moment: what it was asked before may have overtaken that.
    Heard(Instant),
}

impl Unheard {
    /// A ban is on its way; `until` it should have arrived, or failed.
    pub(super) fn add(&mut self, uris: &[u128], since: Instant, until: Instant) {
        self.0.extend(uris.iter().map(|uri| Doubt { uri: *uri, since, until, state: Banning::Pending }));
        let over = self.0.len().saturating_sub(MOST);
        self.0.drain(..over);
    }

    fn pending(&mut self, uri: u128) -> impl Iterator<Item = &mut Doubt> {
        self.0.iter_mut().filter(move |doubt| doubt.uri == uri && doubt.state == Banning::Pending)
    }

    /// The earliest that is pending counts as heard, whichever it was, and so do those before it that had failed.
    pub(super) fn heard(&mut self, uris: &[u128], now: Instant, until: Instant) {
        for uri in uris {
            let Some(since) = self.pending(*uri).next().map(|doubt| doubt.since) else { continue };
            let first = self.0.iter_mut().filter(|doubt| doubt.uri == *uri && doubt.since <= since);
            for doubt in first.filter(|doubt| !matches!(doubt.state, Banning::Heard(_))) {
                (doubt.state, doubt.until) = (Banning::Heard(now), until);
            }
        }
    }

    /// One has failed; which of those that are pending is not known.
    pub(super) fn failed(&mut self, uris: &[u128], until: Instant) {
        for uri in uris {
            self.pending(*uri).for_each(|doubt| (doubt.state, doubt.until) = (Banning::Failed, until));
        }
    }

    /// Whether what L2 says about a URI, asked at `sent`, may be older than its invalidation.
    pub(super) fn doubts(&mut self, uri: u128, sent: Instant, now: Instant) -> bool {
        self.0.retain(|doubt| now <= doubt.until);
        let doubtful = |state: Banning| !matches!(state, Banning::Heard(heard) if sent > heard);
        self.0.iter().any(|doubt| doubt.uri == uri && doubtful(doubt.state))
    }
}
