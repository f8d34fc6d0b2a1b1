//! Scripts for the origin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use stack::{Asked, Step, answer};

/// How long a [`Crowd`] waits for more: less than the route's timeout.
const PATIENCE: Duration = Duration::from_secs(6);

/// Keeps requests at the origin until a test opens it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    /// Lets through whoever waits and whoever comes.
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Waits until it is open, and not much longer than a test waits for anything.
    pub fn pass(&self) {
        let deadline = Instant::now() + crate::LIMIT;
        while !self.0.load(Ordering::Acquire) && Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

/// Counts who is at the origin at the same time.
#[derive(Clone, Debug, Default)]
pub struct Crowd {
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Crowd {
    /// The most that were there at once.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// Forgets the most, for another round.
    pub fn forget(&self) {
        self.most.store(0, Ordering::SeqCst);
    }

    /// Comes, and stays until so many were there at once; not much longer than a test waits for anything.
    pub fn meet(&self, size: usize) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        let deadline = Instant::now() + PATIENCE;
        while self.most() < size && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers everything with a number that no two answers share, fresh for a minute.
pub fn numbered(asked: &Asked) -> Vec<Step> {
    let body = json!({ "number": asked.number, "path": asked.path() }).to_string();
    answer(200, &[("content-type", "application/json"), ("cache-control", "max-age=60")], body)
}

/// Answers as the identify route does: the same for all, but for the caller's `session_id`.
pub fn identified(asked: &Asked) -> Vec<Step> {
    let request: serde_json::Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let mut body = json!({ "family": "chrome", "number": asked.number });
    if let (Some(session), Some(members)) = (request.get("session_id"), body.as_object_mut()) {
        members.insert("session_id".to_owned(), session.clone());
    }
    answer(200, &[("content-type", "application/json")], body.to_string())
}

/// An answer as bytes: a first line with the status, these header lines and nothing else, then the body.
pub fn raw(head: &[u8], body: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\n", head, b"\r\n", body].concat()
}
