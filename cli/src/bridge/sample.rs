//! How many entries each rule has in Redis, and how many bytes: looked up now and then, a bounded number of keys at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::log::Level;
use super::state::State;
use crate::redis::{Arguments, Redis};
use crate::store::{Name, Walk};

/// Between two pages, so that Redis has time for others.
const PAUSE: Duration = Duration::from_millis(5);

/// The one thread that looks.
pub struct Sampler {
    state: Arc<State>,
    arguments: Arguments,
    interval: Duration,
    most: u64,
}

/// What a rule has: entries, bytes.
type Amounts = BTreeMap<String, (u64, u64)>;

/// What was found.
#[derive(Debug, Default, PartialEq)]
struct Sample {
    rules: Amounts,
    /// How much of Redis was looked at, from 0 to 1.
    ratio: f64,
}

impl Sampler {
    /// Looks at `most` keys every `interval`; at none where that is 0.
    pub fn new(state: Arc<State>, arguments: Arguments, interval: Duration, most: u64) -> Self {
        Self { state, arguments, interval, most }
    }

    /// Looks again and again.
    pub fn run(self) {
        if self.most == 0 {
            return;
        }
        let mut failed = false;
        loop {
            let sample = self.arguments.connect().and_then(|mut redis| sample(&mut redis, self.most));
            match &sample {
                Ok(sample) => self.show(sample),
                Err(why) => self.fail(why, failed),
            }
            failed = sample.is_err();
            thread::sleep(self.interval);
        }
    }

    /// Counts it, and tells the first of several.
    fn fail(&self, why: &str, again: bool) {
        self.state.counts.add("sample_failures_total", &[], 1);
        if !again {
            self.state.log.say(Level::Warn, "cannot sample what is in Redis", &[("why", why)]);
        }
    }

    fn show(&self, sample: &Sample) {
        let counts = &self.state.counts;
        let whole = |amount: u64| (amount as f64 / sample.ratio).round();
        counts.clear("l2_entries");
        counts.clear("l2_bytes");
        for (rule, (entries, bytes)) in &sample.rules {
            counts.set("l2_entries", &[("rule", rule)], whole(*entries));
            counts.set("l2_bytes", &[("rule", rule)], whole(*bytes));
        }
        counts.set("l2_sampled_ratio", &[], sample.ratio);
    }
}

fn sample(redis: &mut Redis, most: u64) -> Result<Sample, String> {
    let mut walk = Walk::all();
    let mut rules = Amounts::new();
    while walk.seen < most {
        let Some(page) = walk.next(redis)? else { break };
        measure(redis, &page, &mut rules)?;
        thread::sleep(PAUSE);
    }
    let all: u64 = redis.ask(&redis::cmd("DBSIZE"))?;
    let ratio = if walk.over() { 1.0 } else { ratio(walk.seen, all) };
    Ok(Sample { rules, ratio })
}

/// Redis looks at as many keys as it was asked to, but for the last page. At least something was looked at.
fn ratio(seen: u64, all: u64) -> f64 {
    (seen as f64 / all.max(1) as f64).clamp(1e-6, 1.0)
}

/// Asks for all of a page at once. What has gone meanwhile has no answer, and counts nothing.
fn measure(redis: &mut Redis, page: &[Name], rules: &mut Amounts) -> Result<(), String> {
    let question = |name: &Name| {
        let mut fields = redis::cmd("HLEN");
        fields.arg(&name.hash);
        let mut memory = redis::cmd("MEMORY");
        memory.arg("USAGE").arg(&name.hash);
        [fields, memory]
    };
    let questions: Vec<_> = page.iter().flat_map(question).collect();
    let replies: Vec<Option<u64>> = redis.ask_all(&questions)?;
    for (name, pair) in page.iter().zip(replies.chunks(2)) {
        let [fields, memory] = [pair.first(), pair.get(1)].map(|reply| reply.copied().flatten().unwrap_or(0));
        let (entries, bytes) = rules.entry(name.rule.clone()).or_default();
        // One of the fields names the headers of `Vary`.
        *entries = entries.saturating_add(fields.saturating_sub(1));
        *bytes = bytes.saturating_add(memory);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stands_for_the_whole() {
        assert_eq!([ratio(500, 1000), ratio(1000, 500), ratio(0, 0)], [0.5, 1.0, 1e-6]);
    }
}
