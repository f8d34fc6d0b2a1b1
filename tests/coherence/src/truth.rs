//! Which version an answer must have: a counter for each key, and when each step of it was acknowledged.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::keys::{self, Key};

/// What the origin gives for one key, and what was said of it.
#[derive(Debug, Default)]
struct Course {
    version: AtomicUsize,
    /// For each version from 1 on: when the notice that asked for it was acknowledged.
    acknowledged: Mutex<Vec<Instant>>,
}

/// The truth about all keys.
#[derive(Debug)]
pub struct Truth {
    /// The keys.
    pub keys: Vec<Key>,
    courses: Vec<Course>,
}

impl Truth {
    /// All keys at version 0.
    pub fn new() -> Self {
        let keys = keys::all();
        let courses = keys.iter().map(|_| Course::default()).collect();
        Self { keys, courses }
    }

    /// The version that the origin gives for a key now.
    pub fn version(&self, key: usize) -> usize {
        self.courses.get(key).map_or(0, |course| course.version.load(Ordering::SeqCst))
    }

    /// The origin has a new version of these keys; call it before the notice is published, by one thread.
    pub fn advance(&self, keys: &[usize]) {
        for course in keys.iter().filter_map(|key| self.courses.get(*key)) {
            course.version.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The notice about these keys was acknowledged.
    pub fn acknowledge(&self, keys: &[usize], at: Instant) {
        for course in keys.iter().filter_map(|key| self.courses.get(*key)) {
            course.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(at);
        }
    }

    /// How long before `started` the oldest notice was acknowledged that an answer of this version knows nothing of;
    /// `None`: there is none.
    pub fn behind(&self, key: usize, version: usize, started: Instant) -> Option<Duration> {
        let acknowledged = self.courses.get(key)?.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        // Versions and acknowledgements are in the same order, so the first that is missed is the oldest.
        started.checked_duration_since(*acknowledged.get(version)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_behind_from_the_oldest_notice_that_it_misses() {
        let (truth, zero) = (Truth::new(), Instant::now());
        let at = |milliseconds| zero + Duration::from_millis(milliseconds);
        truth.advance(&[3]);
        assert_eq!(truth.version(3), 1);
        assert_eq!(truth.behind(3, 0, at(5)), None, "nobody was told yet");
        truth.acknowledge(&[3], at(10));
        truth.advance(&[3, 4]);
        truth.acknowledge(&[3, 4], at(20));
        assert_eq!(truth.behind(3, 0, at(9)), None, "sent before");
        assert_eq!(truth.behind(3, 0, at(25)), Some(Duration::from_millis(15)));
        assert_eq!(truth.behind(3, 1, at(25)), Some(Duration::from_millis(5)));
        assert_eq!(truth.behind(3, 2, at(25)), None);
        assert_eq!(truth.behind(5, 0, at(25)), None, "another key");
    }
}
