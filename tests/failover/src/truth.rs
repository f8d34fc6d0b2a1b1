//! Which version an answer must have. Keys are invalidated by their tags, so a version belongs to a tag.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// All keys.
pub const KEYS: usize = 2000;
/// All tags: key `n` has tag `n % TAGS`.
pub const TAGS: usize = 100;

/// What the service gives for one tag, and what was said of it.
#[derive(Debug, Default)]
struct Course {
    version: usize,
    /// Versions whose invalidation was acknowledged, in order, and when.
    acknowledged: Vec<(usize, Instant)>,
}

/// The truth about all tags.
#[derive(Debug)]
pub struct Truth {
    courses: Vec<Mutex<Course>>,
}

impl Truth {
    /// Everything at version 0.
    pub fn new() -> Self {
        Self { courses: (0..TAGS).map(|_| Mutex::default()).collect() }
    }

    /// The version that the service gives for a key now.
    pub fn version(&self, key: usize) -> usize {
        self.course(key).map_or(0, |course| course.version)
    }

    /// The service has a new version of a tag's keys; call it before the notice is published.
    pub fn advance(&self, tag: usize) -> usize {
        self.course(tag).map_or(0, |mut course| {
            course.version += 1;
            course.version
        })
    }

    /// The notice that asked for this version is on all replicas. Others may have come to nothing.
    pub fn acknowledge(&self, tag: usize, version: usize, at: Instant) {
        if let Some(mut course) = self.course(tag) {
            course.acknowledged.push((version, at));
        }
    }

    /// How long before `started` the oldest notice was acknowledged that an answer of this version knows nothing of;
    /// `None`: there is none.
    pub fn behind(&self, key: usize, version: usize, started: Instant) -> Option<Duration> {
        let course = self.course(key)?;
        let (_, at) = course.acknowledged.iter().find(|(acknowledged, _)| *acknowledged > version)?;
        started.checked_duration_since(*at)
    }

    fn course(&self, key: usize) -> Option<MutexGuard<'_, Course>> {
        self.courses.get(key % TAGS).map(|course| course.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_acknowledged_binds() {
        let (truth, zero) = (Truth::new(), Instant::now());
        let at = |milliseconds| zero + Duration::from_millis(milliseconds);
        assert_eq!((truth.advance(3), truth.advance(3)), (1, 2));
        assert_eq!(truth.version(3 + TAGS), 2);
        assert_eq!(truth.behind(3, 0, at(50)), None, "nobody was told");
        truth.acknowledge(3, 2, at(10));
        assert_eq!(truth.behind(3, 0, at(25)), Some(Duration::from_millis(15)));
        assert_eq!(truth.behind(3, 1, at(25)), Some(Duration::from_millis(15)), "what is newer binds as well");
        assert_eq!(truth.behind(3, 2, at(25)), None);
        assert_eq!(truth.behind(3, 0, at(9)), None, "asked before");
        assert_eq!(truth.behind(4, 0, at(25)), None, "another tag");
    }
}
