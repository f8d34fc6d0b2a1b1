//! What is left of a story that fails when all that it does not need is dropped.

use crate::plan::Plan;

/// Drops events, halves first, then fewer, as long as the story still fails in any way.
pub fn shrink(plan: &Plan) -> Plan {
    let mut least = plan.clone();
    let mut size = (least.events.len() / 2).max(1);
    loop {
        let before = least.events.len();
        let mut from = 0;
        while from < least.events.len() {
            let mut fewer = least.clone();
            fewer.events.drain(from..(from + size).min(least.events.len()));
            if fewer.play().1.is_err() { least = fewer } else { from += size }
        }
        if size > 1 {
            size /= 2;
        } else if least.events.len() == before {
            return least;
        }
    }
}
