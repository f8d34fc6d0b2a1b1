//! The service: each answer carries the version that its key had when the request came, and takes its time.

use std::sync::Arc;
use std::time::Duration;

use stack::{Origin, Step, answer};

use crate::truth::{TAGS, Truth};

/// The header with the version.
pub const VERSION: &str = "x-version";
/// What an answer takes.
const TIME: Duration = Duration::from_millis(20);
/// What makes an answer about as long as most are.
const PADDING: usize = 1000;

/// The request target of a key.
pub fn target(key: usize) -> String {
    format!("/v1/keys/{key}")
}

/// The tag of a key, by its number or the tag's.
pub fn tag(key: usize) -> String {
    format!("t{}", key % TAGS)
}

/// Starts it.
pub fn start(truth: &Arc<Truth>) -> Result<Origin, String> {
    let truth = Arc::clone(truth);
    Origin::start(move |asked| {
        let path = asked.path();
        let Some(key) = path.rsplit('/').next().and_then(|key| key.parse::<usize>().ok()) else {
            return answer(404, &[], "");
        };
        // Before the wait: a notice may come while it is on its way.
        let version = truth.version(key).to_string();
        let lines = [("cache-control", "max-age=600"), ("surrogate-key", &tag(key)), (VERSION, &version)];
        let mut steps = vec![Step::Sleep(TIME)];
        steps.extend(answer(200, &lines, "x".repeat(PADDING)));
        steps
    })
}
