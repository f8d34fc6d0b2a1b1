//! Scripts for the origin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::json;
use stack::{Asked, Step, answer};

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
