//! Which event is which, so that several bridges agree on it without speaking to each other.
//!
//! Every bridge hears every message once. The first time it hears these bytes is the first for all, the second the
//! second; so a publisher that says the same twice is heard twice, and two bridges that hear it still act once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a claim stands: longer than two bridges are ever apart.
pub const CLAIM: Duration = Duration::from_secs(60);
/// How long a message is remembered. Longer than its claims stand: a bridge that has forgotten it and begins anew
/// finds none left that would keep it silent.
const MEMORY: Duration = Duration::from_secs(180);
/// So many messages are remembered at most, some minutes of a busy fleet.
const MOST: usize = 100_000;

/// What was heard lately.
#[derive(Debug, Default)]
pub struct Seen {
    times: HashMap<u128, (u64, Instant)>,
}

impl Seen {
    /// The name of this message among all bridges.
    pub fn name(&mut self, channel: &str, payload: &[u8], now: Instant) -> String {
        let digest = digest(channel, payload);
        if self.times.len() >= MOST {
            self.forget(now);
        }
        let (count, last) = self.times.entry(digest).or_insert((0, now));
        if now.saturating_duration_since(*last) > MEMORY {
            *count = 0;
        }
        *count = count.saturating_add(1);
        *last = now;
        format!("{digest:032x}:{count}")
    }

    /// All at once where age alone does not make room: the worst is a message that is acted on twice.
    fn forget(&mut self, now: Instant) {
        self.times.retain(|_, (_, last)| now.saturating_duration_since(*last) <= MEMORY);
        if self.times.len() >= MOST {
            self.times.clear();
        }
    }
}

/// No channel's name holds a zero byte.
fn digest(channel: &str, payload: &[u8]) -> u128 {
    xxhash_rust::xxh3::xxh3_128(&[channel.as_bytes(), b"\0", payload].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_that_hear_the_same_call_it_the_same() {
        let now = Instant::now();
        let (mut one, mut other) = (Seen::default(), Seen::default());
        let names = |seen: &mut Seen| ["a", "b", "a"].map(|payload| seen.name("c", payload.as_bytes(), now));
        let [first, second, third] = names(&mut one);
        assert_eq!(names(&mut other), [first.clone(), second.clone(), third.clone()]);
        assert!(first.ends_with(":1") && second.ends_with(":1") && third.ends_with(":2"));
        assert_eq!(first.split(':').next(), third.split(':').next());
        assert_ne!(first, second);
        assert_ne!(Seen::default().name("other", b"a", now), first);
    }

    #[test]
    fn what_is_old_begins_anew_and_memory_is_bounded() {
        let now = Instant::now();
        let mut seen = Seen::default();
        seen.name("c", b"a", now);
        assert!(seen.name("c", b"a", now + MEMORY + MEMORY).ends_with(":1"));
        for number in 0..MOST + 10 {
            seen.name("c", &number.to_le_bytes(), now + MEMORY);
        }
        assert!(seen.times.len() <= MOST);
    }
}
