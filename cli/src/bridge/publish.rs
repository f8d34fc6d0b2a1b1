//! What was heard goes into the log: again and again until it is there.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use fingerprint_cache::notice::{Notice, Op, Scope};
use fingerprint_cache::redis::script;
use redis::Cmd;

use super::log::Level;
use super::seen::CLAIM;
use super::state::{Job, State, Why, backoff};
use crate::redis::{Arguments, LONGEST, Redis, sentence};

/// How often the bridge says that it lives, on a channel of its own.
pub const BEAT: Duration = Duration::from_secs(1);
/// How often a wait looks whether to end.
const GLANCE: Duration = Duration::from_millis(50);

/// The channel on which the bridges of one cache say that they live.
pub fn channel(prefix: &str) -> String {
    format!("{prefix}:bridge")
}

/// The one thread that writes.
pub struct Publisher {
    state: Arc<State>,
    arguments: Arguments,
    /// Who it is, among the bridges.
    name: String,
    /// Where a sentence goes that nothing but the operator can help.
    fatal: Sender<String>,
    redis: Option<Redis>,
    next_beat: Instant,
    /// Whether the notice in hand could not be published so far.
    in_trouble: bool,
    tried_last: bool,
}

impl Publisher {
    /// One that is not connected yet.
    pub fn new(state: Arc<State>, arguments: Arguments, name: String, fatal: Sender<String>) -> Self {
        Self {
            state,
            arguments,
            name,
            fatal,
            redis: None,
            next_beat: Instant::now(),
            in_trouble: false,
            tried_last: false,
        }
    }

    /// Publishes what comes, until it is asked to stop and nothing is left.
    pub fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            self.beat();
            if self.state.overflowed() {
                self.deliver(&Job::Whole(Why::Overflow, 0));
            }
            let patience = self.next_beat.saturating_duration_since(Instant::now()).min(GLANCE);
            match jobs.recv_timeout(patience) {
                Ok(job) => {
                    self.deliver(&job);
                    self.state.done();
                }
                Err(RecvTimeoutError::Timeout) if !self.state.stopping() => {}
                Err(_) => return,
            }
        }
    }

    /// Says that it lives, when it is time to; the subscriber hears it, and so do the other bridges.
    fn beat(&mut self) {
        let now = Instant::now();
        if now < self.next_beat {
            return;
        }
        self.next_beat = now + BEAT;
        let word = format!("{} {}", self.name, u8::from(self.state.settled()));
        let mut command = redis::cmd("PUBLISH");
        command.arg(channel(&self.arguments.key_prefix)).arg(word);
        let result = self.ask::<i64>(&command).map(drop);
        // A notice that cannot be published is not made better by a beat that can.
        if result.is_err() || !self.in_trouble {
            self.report(result);
        }
    }

    fn deliver(&mut self, job: &Job) {
        let mut failures: u32 = 0;
        loop {
            let result = self.publish(job);
            let published = result.is_ok();
            self.in_trouble = !published;
            self.report(result.map(|first| self.count(job, first)));
            if published {
                return;
            }
            failures = failures.saturating_add(1);
            if !self.wait(backoff(failures, fastrand::f64())) {
                return;
            }
        }
    }

    /// Waits with its beats. A bridge that is to end tries one more time and no longer: `false`.
    fn wait(&mut self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while Instant::now() < until {
            thread::sleep(GLANCE);
            self.beat();
            if self.state.stopping() {
                return !std::mem::replace(&mut self.tried_last, true);
            }
        }
        true
    }

    /// Publishes it; whether this bridge was the first.
    fn publish(&mut self, job: &Job) -> Result<bool, String> {
        let all = [Notice { op: Op::Invalidate, scope: Scope::All }];
        let command = match job {
            Job::Event { notices, claim, .. } => self.command(notices, claim.as_deref()),
            Job::Whole(..) => self.command(&all, None),
        };
        let reply: Vec<u8> = self.ask(&command)?;
        match reply.first() {
            Some(b'P') => Ok(true),
            Some(b'D') => Ok(false),
            _ => Err("Redis says something else than the script. See whether it is Redis.".to_owned()),
        }
    }

    fn command(&self, notices: &[Notice], claim: Option<&str>) -> Cmd {
        let prefix = &self.arguments.key_prefix;
        let (log, bans) = (format!("{prefix}:log"), format!("{prefix}:bans"));
        let mut eval = redis::cmd("EVAL");
        match claim {
            None => eval.arg(script::PUBLISH.text).arg(2).arg(log).arg(bans),
            Some(claim) => {
                eval.arg(claiming()).arg(3).arg(log).arg(bans).arg(format!("{prefix}:seen:{claim}"));
                eval.arg(CLAIM.as_millis().to_string())
            }
        };
        eval.arg(LONGEST.as_millis().to_string());
        for Notice { op, scope } in notices {
            eval.arg(op.as_str()).arg(scope.as_str()).arg(scope.value());
        }
        eval
    }

    /// One question, on a connection that is made anew after any failure to answer.
    fn ask<T: redis::FromRedisValue>(&mut self, command: &Cmd) -> Result<T, String> {
        let redis = match &mut self.redis {
            Some(redis) => redis,
            none => none.insert(self.arguments.connect_to_master()?),
        };
        let result = command.query::<T>(redis.connection());
        let result = result.map_err(|error| (error.code() == Some("NOPERM"), sentence(&redis.address, &error)));
        result.map_err(|(forbidden, sentence)| {
            self.redis = None;
            if forbidden {
                let _ = self.fatal.send(sentence.clone());
            }
            sentence
        })
    }

    /// Tells how it went, once for each change.
    fn report(&self, result: Result<(), String>) {
        let failure = result.err();
        if failure.is_some() {
            self.state.counts.add("publish_failures_total", &[], 1);
        }
        let log = self.state.log;
        if self.state.publishing(failure.clone()) {
            match failure {
                Some(why) => log.say(Level::Warn, "cannot publish, and tries again", &[("why", &why)]),
                None => log.say(Level::Info, "publishes again", &[]),
            }
        }
    }

    fn count(&self, job: &Job, first: bool) {
        let counts = &self.state.counts;
        match job {
            Job::Event { notices, channel, heard, .. } => {
                let outcome = if first { "published" } else { "repeated" };
                counts.add("events_total", &[("channel", channel), ("outcome", outcome)], 1);
                counts.measure("publish_seconds", heard.elapsed());
                let notices = notices.iter().filter(|_| first);
                let labels = |notice: &Notice| [("op", notice.op.as_str()), ("scope", notice.scope.as_str())];
                notices.for_each(|notice| counts.add("notices_total", &labels(notice), 1));
            }
            Job::Whole(why, gap) => {
                counts.add("whole_invalidations_total", &[("reason", why.as_str())], 1);
                counts.add("notices_total", &[("op", "invalidate"), ("scope", "all")], 1);
                self.state.settle(*gap);
                self.state.log.say(Level::Warn, "invalidated everything", &[("reason", why.as_str())]);
            }
        }
    }
}

/// The script that claims, with the shipped one inside.
fn claiming() -> String {
    let (_, body) = script::PUBLISH.text.split_once('\n').unwrap_or_default();
    include_str!("claim.lua").replace("  -- PUBLISH\n", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_that_claims_has_the_shipped_one_inside() {
        let text = claiming();
        assert!(text.starts_with("#!lua flags=allow-oom\n") && text.matches("#!lua").count() == 1);
        assert!(script::PUBLISH.text.starts_with("#!lua flags=allow-oom\n"));
        assert!(text.contains("'XADD', KEYS[1]") && text.contains("'SET', KEYS[3]"));
    }
}
