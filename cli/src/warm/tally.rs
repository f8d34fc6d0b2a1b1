//! What became of all URLs.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer::Outcome;

/// So many failures are kept word for word.
const MOST: usize = 1000;

/// The counts, which together are all URLs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The cache had them.
    pub hit: u64,
    /// The cache has them now.
    pub fetched: u64,
    /// Of these, another request fetched them.
    pub collapsed: u64,
    /// Answered, but not stored.
    pub unstored: u64,
    /// Not answered, or not well.
    pub failed: u64,
    /// Done by an earlier run.
    pub skipped: u64,
    /// Not asked for, as the run ended before.
    pub left: u64,
    /// What failed or was not stored, and why.
    pub failures: Vec<(String, String)>,
    /// Why the run ended before its time.
    pub ended: Option<String>,
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, name: &str, outcome: &Outcome) {
        match outcome {
            Outcome::Hit => self.hit += 1,
            Outcome::Fetched(collapsed) => {
                self.fetched += 1;
                self.collapsed += u64::from(*collapsed);
            }
            Outcome::Unstored(why) => {
                self.unstored += 1;
                self.fail(name, &format!("not stored: {why}"));
            }
            Outcome::Failed(why) => {
                self.failed += 1;
                self.fail(name, why);
            }
        }
    }

    fn fail(&mut self, name: &str, why: &str) {
        if self.failures.len() < MOST {
            self.failures.push((name.to_owned(), why.to_owned()));
        }
    }

    /// Those that have an outcome.
    pub fn settled(&self) -> u64 {
        self.hit + self.fetched + self.unstored + self.failed
    }

    /// Whether the cache has all of them.
    pub fn warm(&self) -> bool {
        self.unstored == 0 && self.failed == 0 && self.left == 0
    }

    /// The counts in a few words.
    pub fn short(&self) -> String {
        let Self { hit, fetched, unstored, failed, .. } = self;
        format!("{hit} hit, {fetched} fetched, {unstored} not stored, {failed} failed")
    }

    /// For people.
    pub fn text(&self, time: Duration) -> String {
        let all = self.settled() + self.skipped + self.left;
        let mut text = format!("{all} URLs: {}", self.short());
        for (count, what) in [(self.skipped, "done before"), (self.left, "left")] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text.push_str(&format!("; {}\n", crate::units::seconds(time)));
        text.extend(self.failures.iter().map(|(name, why)| format!("  {name}: {why}\n")));
        text.extend(self.ended.iter().map(|why| format!("{why}\n")));
        text
    }

    /// For machines.
    pub fn tree(&self, time: Duration) -> Value {
        let failure = |(name, why): &(String, String)| json!({ "url": name, "why": why });
        json!({
            "warm": self.warm(),
            "hit": self.hit,
            "fetched": self.fetched,
            "collapsed": self.collapsed,
            "unstored": self.unstored,
            "failed": self.failed,
            "skipped": self.skipped,
            "left": self.left,
            "seconds": time.as_secs_f64(),
            "failures": self.failures.iter().map(failure).collect::<Vec<_>>(),
            "ended": self.ended,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_url_is_counted_once() {
        let mut tally = Tally { skipped: 2, ..Tally::default() };
        for outcome in [Outcome::Hit, Outcome::Fetched(false), Outcome::Fetched(true)] {
            tally.add("u", &outcome);
        }
        assert!(tally.warm());
        tally.add("u", &Outcome::Unstored("set_cookie".to_owned()));
        tally.add("v", &Outcome::Failed("status 404".to_owned()));
        assert!(!tally.warm());
        assert_eq!(tally.settled(), 5);
        let text = tally.text(Duration::from_secs(3));
        assert!(text.starts_with("7 URLs: 1 hit, 2 fetched, 1 not stored, 1 failed, 2 done before; 3s\n"), "{text}");
        assert!(text.contains("  u: not stored: set_cookie\n  v: status 404\n"), "{text}");
        let tree = tally.tree(Duration::from_secs(3));
        assert_eq!([&tree["collapsed"], &tree["failures"][1]["url"]], [&json!(1), &json!("v")]);
        assert!(!Tally { left: 1, ..Tally::default() }.warm());
    }
}
