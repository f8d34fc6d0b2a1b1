//! The service: each answer carries the version that the key had when the request came, and takes its time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use stack::{Origin, Step, answer};

use crate::truth::Truth;
use fastrand::Rng;

/// The header with the version.
pub const VERSION: &str = "x-version";
/// What an answer takes, in milliseconds: so much, and up to so much more.
const TIME: (u64, usize) = (5, 46);
/// What makes an answer about as long as most are.
const PADDING: usize = 700;

/// Starts it.
pub fn start(truth: &Arc<Truth>) -> Result<Origin, String> {
    let truth = Arc::clone(truth);
    let numbers: HashMap<_, _> =
        truth.keys.iter().enumerate().map(|(number, key)| (key.target.clone(), number)).collect();
    Origin::start(move |asked| {
        let Some(key) = numbers.get(&asked.path()) else { return answer(404, &[], "") };
        // Before the wait: a notice may come while it is on its way.
        let version = truth.version(*key).to_string();
        let seed = u64::try_from(asked.number).unwrap_or(0);
        let more = u64::try_from(Rng::with_seed(seed).usize(..TIME.1)).unwrap_or(0);
        let tag = truth.keys.get(*key).map(|key| key.tag.as_str()).unwrap_or_default();
        let lines = [("cache-control", "max-age=600"), ("surrogate-key", tag), (VERSION, &version)];
        let mut steps = vec![Step::Sleep(Duration::from_millis(TIME.0 + more))];
        steps.extend(answer(200, &lines, "x".repeat(PADDING)));
        steps
    })
}
