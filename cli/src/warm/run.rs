//! The run: some workers, one pace, and an end that can come at any time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::answer::{Outcome, Verdict};
use super::ask::Client;
use super::done::Done;
use super::list::Wanted;
use super::pace::{Pace, backoff};
use super::show::Show;
use super::tally::Tally;

/// How often a wait looks whether to end.
const GLANCE: Duration = Duration::from_millis(50);

/// How it is to go.
pub struct Settings {
    /// Requests at once.
    pub concurrency: usize,
    /// Requests a second, tries of all kinds counted.
    pub rate: f64,
    /// Tries after the first one.
    pub retries: u32,
    /// The longest that the origin may ask to be left alone.
    pub max_wait: Duration,
    /// After so many URLs in a row that could not be had, the origin is left alone; 0 for never.
    pub give_up: u64,
}

/// A run.
pub struct Run<'a> {
    settings: &'a Settings,
    client: &'a Client,
    show: &'a Show,
    interrupted: &'a AtomicBool,
    begun: Instant,
    pace: Mutex<Pace>,
    queue: Mutex<VecDeque<Wanted>>,
    book: Mutex<Book>,
}

/// What the workers write down.
struct Book {
    tally: Tally,
    done: Done,
    failed_in_a_row: u64,
}

/// How a URL ended that has no outcome.
struct GivenUp(Option<String>);

impl<'a> Run<'a> {
    /// Over these URLs, but for those that are done.
    pub fn new(
        settings: &'a Settings,
        client: &'a Client,
        show: &'a Show,
        interrupted: &'a AtomicBool,
        (queue, tally, done): (VecDeque<Wanted>, Tally, Done),
    ) -> Self {
        let pace = Mutex::new(Pace::new(settings.rate));
        let book = Mutex::new(Book { tally, done, failed_in_a_row: 0 });
        Self { settings, client, show, interrupted, begun: Instant::now(), pace, queue: Mutex::new(queue), book }
    }

    /// Goes through them; what became of them all.
    pub fn run(self) -> Tally {
        thread::scope(|scope| {
            for _ in 0..self.settings.concurrency {
                scope.spawn(|| self.work());
            }
        });
        let left = lock(&self.queue).len();
        let mut tally = self.book.into_inner().unwrap_or_else(PoisonError::into_inner).tally;
        tally.left = tally.left.saturating_add(left as u64);
        tally
    }

    fn work(&self) {
        while !self.over() {
            let Some(wanted) = lock(&self.queue).pop_front() else { return };
            match self.warm(&wanted) {
                Ok((outcome, unreachable)) => self.note(&wanted, &outcome, unreachable),
                Err(GivenUp(why)) => {
                    let tally = &mut lock(&self.book).tally;
                    tally.left = tally.left.saturating_add(1);
                    tally.ended = tally.ended.take().or(why);
                }
            }
        }
    }

    /// Asks until there is an outcome; with it, whether the origin could not be had.
    fn warm(&self, wanted: &Wanted) -> Result<(Outcome, bool), GivenUp> {
        let mut tries: u32 = 0;
        loop {
            self.place()?;
            let (why, after, all) = match self.client.ask(wanted) {
                Verdict::Done(outcome) => return Ok((outcome, false)),
                Verdict::Again { why, after, all } => (why, after, all),
            };
            tries = tries.saturating_add(1);
            let wait = backoff(tries, after, fastrand::f64());
            match (after > Some(self.settings.max_wait), all) {
                (true, true) => return Err(GivenUp(Some(patience(&why, after)))),
                (true, false) => return Ok((Outcome::Failed(format!("{why}, and it asks for a longer wait")), true)),
                _ if tries > self.settings.retries => {
                    return Ok((Outcome::Failed(format!("{why}, {tries} times")), true));
                }
                (false, true) => lock(&self.pace).hold(self.begun.elapsed().saturating_add(wait)),
                (false, false) => self.sleep(wait)?,
            }
        }
    }

    /// Waits until one more request may go.
    fn place(&self) -> Result<(), GivenUp> {
        loop {
            let at = lock(&self.pace).reserve(self.begun.elapsed());
            self.sleep(at.saturating_sub(self.begun.elapsed()))?;
            if lock(&self.pace).may_go(at) {
                return Ok(());
            }
        }
    }

    fn sleep(&self, time: Duration) -> Result<(), GivenUp> {
        let until = Instant::now() + time;
        loop {
            if self.over() {
                return Err(GivenUp(None));
            }
            match until.checked_duration_since(Instant::now()) {
                None => return Ok(()),
                Some(left) => thread::sleep(left.min(GLANCE)),
            }
        }
    }

    fn note(&self, wanted: &Wanted, outcome: &Outcome, unreachable: bool) {
        let mut book = lock(&self.book);
        book.tally.add(&wanted.name, outcome);
        if matches!(outcome, Outcome::Hit | Outcome::Fetched(_))
            && let Err(sentence) = book.done.add(&wanted.name)
        {
            self.show.say(&sentence);
        }
        book.failed_in_a_row = if unreachable { book.failed_in_a_row.saturating_add(1) } else { 0 };
        if book.failed_in_a_row == self.settings.give_up && unreachable {
            let count = book.failed_in_a_row;
            book.tally.ended = Some(format!("{count} URLs in a row could not be had, so the origin is left alone."));
        }
        self.show.update(&book.tally);
    }

    /// Whether no more request may begin.
    fn over(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst) || lock(&self.book).tally.ended.is_some()
    }
}

fn patience(why: &str, after: Option<Duration>) -> String {
    let time = crate::units::seconds(after.unwrap_or_default());
    format!("{why}: the origin wants to be left alone for {time}, which is longer than --max-wait.")
}

/// A worker that panicked leaves the numbers as good as they were.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
