//! The fills under way to L2: how many, and how large together. What is over goes unwritten, so a slow Redis cannot pile
//! up bodies in memory.

use crate::time::Instant;
use std::time::Duration;

/// How many may be under way.
const MOST: usize = 64;
/// One that has not ended by now never will: the root that sent it is gone, and its callback with it.
const LOST: Duration = Duration::from_secs(60);

/// The fills under way, each with its beginning and its bytes.
#[derive(Default)]
pub(super) struct Fills(Vec<(Instant, usize)>);

impl Fills {
    /// Books a fill of `bytes`; `false` when it would be one too many, or all together larger than `room`, in bytes.
    pub(super) fn admit(&mut self, bytes: usize, room: usize, now: Instant) -> bool {
        self.0.retain(|(since, _)| now.since(*since) < LOST);
        let taken = self.0.iter().fold(bytes, |sum, (_, bytes)| sum.saturating_add(*bytes));
        let admitted = self.0.len() < MOST && taken <= room;
        if admitted {
            self.0.push((now, bytes));
        }
        admitted
    }

    /// Books that a fill of `bytes` has ended, well or not.
    pub(super) fn ended(&mut self, bytes: usize) {
        if let Some(at) = self.0.iter().position(|(_, known)| *known == bytes) {
            self.0.remove(at);
        }
    }
}
