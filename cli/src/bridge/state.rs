//! What the bridge's threads share: what is under way, and how well it goes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fingerprint_cache::notice::Notice;

use super::counts::Counts;
use super::log::Log;

/// Why everything is invalidated, but for an event that nobody can map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The bridge began to hear, and nobody heard for it before.
    Start,
    /// The subscription was lost for a while.
    Lost,
    /// More events came than could be kept until they are published.
    Overflow,
}

impl Why {
    /// The label in metrics and log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Lost => "lost",
            Self::Overflow => "overflow",
        }
    }
}

/// Something to be published.
#[derive(Debug)]
pub enum Job {
    /// What an event means.
    Event {
        /// Not empty.
        notices: Vec<Notice>,
        /// The name under which one bridge alone acts on it; `None` where all may.
        claim: Option<String>,
        /// The channel it came from.
        channel: String,
        /// When it came.
        heard: Instant,
    },
    /// Everything, to make good what was missed up to the gap of this number.
    Whole(Why, u64),
}

/// What the threads share.
pub struct State {
    /// What is counted.
    pub counts: Counts,
    /// Where lines go.
    pub log: Log,
    jobs: SyncSender<Job>,
    waiting: AtomicU64,
    overflow: AtomicBool,
    subscribed: AtomicBool,
    gap: AtomicU64,
    covered: AtomicU64,
    failure: Mutex<Option<String>>,
    stopping: AtomicBool,
}

impl State {
    /// Nothing heard yet: that is the first gap.
    pub fn new(log: Log, jobs: SyncSender<Job>) -> Self {
        let (gap, covered) = (AtomicU64::new(1), AtomicU64::new(0));
        let (waiting, failure) = (AtomicU64::new(0), Mutex::new(None));
        let no = || AtomicBool::new(false);
        let (overflow, subscribed, stopping) = (no(), no(), no());
        Self { counts: Counts::new(), log, jobs, waiting, overflow, subscribed, gap, covered, failure, stopping }
    }

    /// Hands something to the publisher. Where there is no room, everything is invalidated instead.
    pub fn push(&self, job: Job) {
        match self.jobs.try_send(job) {
            Ok(()) => drop(self.waiting.fetch_add(1, Ordering::SeqCst)),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.overflow.store(true, Ordering::SeqCst),
        }
    }

    /// That the publisher is through with one.
    pub fn done(&self) {
        let _ = self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| Some(count.saturating_sub(1)));
    }

    /// Whether something found no room since the last question.
    pub fn overflowed(&self) -> bool {
        self.overflow.swap(false, Ordering::SeqCst)
    }

    /// That the channels are heard from now on; the number of the gap before.
    pub fn hears(&self) -> u64 {
        self.subscribed.store(true, Ordering::SeqCst);
        self.gap.load(Ordering::SeqCst)
    }

    /// That they are not: what is published from now on may be missed.
    pub fn hears_no_more(&self) {
        if self.subscribed.swap(false, Ordering::SeqCst) {
            self.gap.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// That nothing missed up to this gap matters any more.
    pub fn settle(&self, gap: u64) {
        self.covered.fetch_max(gap, Ordering::SeqCst);
    }

    /// Whether nothing that was missed is still to be made good.
    pub fn settled(&self) -> bool {
        self.subscribed.load(Ordering::SeqCst) && self.covered.load(Ordering::SeqCst) >= self.gap.load(Ordering::SeqCst)
    }

    /// How the last try to publish went: what went wrong, or `None`. Whether that is news.
    pub fn publishing(&self, failure: Option<String>) -> bool {
        let mut known = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *known != failure;
        *known = failure;
        news
    }

    /// What is wrong with the bridge; `None` when it is well.
    pub fn ailment(&self) -> Option<String> {
        if !self.subscribed.load(Ordering::SeqCst) {
            return Some("not subscribed".to_owned());
        }
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().map(|failure| format!("cannot publish: {failure}"))
    }

    /// The metrics as of now.
    pub fn page(&self) -> String {
        let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
        self.counts.set("subscribed", &[], flag(self.subscribed.load(Ordering::SeqCst)));
        self.counts.set("settled", &[], flag(self.settled()));
        let waiting = u32::try_from(self.waiting.load(Ordering::SeqCst)).unwrap_or(u32::MAX);
        self.counts.set("waiting", &[], f64::from(waiting));
        self.counts.page()
    }

    /// Asks the threads to come to an end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether they are asked to.
    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

/// How long to wait after so many failures in a row: from 0.1 s, doubled each time, to 5 s; `chance`, from 0 to 1, says how
/// much of the second half, so that bridges that failed together do not come back together.
pub fn backoff(failures: u32, chance: f64) -> Duration {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);
    let whole = FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST);
    whole.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn a_gap_is_closed_by_what_was_published_after_it() {
        let (jobs, _queue) = sync_channel(1);
        let state = State::new(Log { json: false }, jobs);
        assert_eq!(state.ailment().as_deref(), Some("not subscribed"));
        let first = state.hears();
        assert!(!state.settled());
        state.hears_no_more();
        state.hears_no_more();
        let second = state.hears();
        state.settle(first);
        assert!(!state.settled(), "what covers the first gap says nothing of the second");
        state.settle(second);
        assert!(state.settled() && state.ailment().is_none());
        assert_eq!(second, first + 1);
    }

    #[test]
    fn what_finds_no_room_is_not_forgotten() {
        let (jobs, _queue) = sync_channel(1);
        let state = State::new(Log { json: false }, jobs);
        state.push(Job::Whole(Why::Start, 1));
        assert!(!state.overflowed());
        state.push(Job::Whole(Why::Start, 1));
        assert!(state.overflowed() && !state.overflowed());
        assert!(state.page().contains("bridge_waiting 1"));
    }

    #[test]
    fn waiting_grows_to_its_bound() {
        let millis = |failures, chance| backoff(failures, chance).as_millis();
        assert_eq!([millis(1, 0.0), millis(1, 1.0), millis(3, 1.0)], [50, 100, 400]);
        assert_eq!([millis(40, 1.0), millis(u32::MAX, 0.0)], [5000, 2500]);
    }
}
