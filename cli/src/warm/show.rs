//! How far the run is, while it runs: a bar on a terminal, else now and then a line.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::tally::Tally;
use crate::units;

/// Between two lines.
const LINE: Duration = Duration::from_secs(5);

/// Where progress is shown: on standard error, so that the summary on standard output stays whole.
pub enum Show {
    /// A bar that redraws itself.
    Bar(ProgressBar),
    /// Lines, for logs.
    Lines {
        /// How many URLs there are.
        all: u64,
        /// When the run began, and when the last line was written.
        times: Mutex<(Instant, Instant)>,
    },
}

impl Show {
    /// Of so many URLs.
    pub fn new(all: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            let now = Instant::now();
            return Self::Lines { all, times: Mutex::new((now, now)) };
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  ETA {eta}  {msg}");
        let bar = ProgressBar::new(all);
        Self::Bar(style.into_iter().fold(bar, ProgressBar::with_style))
    }

    /// Shows how far it is.
    pub fn update(&self, tally: &Tally) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(tally.settled());
                bar.set_message(tally.short());
            }
            Self::Lines { all, times } => {
                let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
                if times.1.elapsed() >= LINE {
                    times.1 = Instant::now();
                    eprintln!("{}", line(tally, *all, times.0.elapsed()));
                }
            }
        }
    }

    /// Says something in between.
    pub fn say(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| eprintln!("{text}")),
            Self::Lines { .. } => eprintln!("{text}"),
        }
    }

    /// Makes room for the summary.
    pub fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// `12/100, ETA 8s: 3 hit, ..`
fn line(tally: &Tally, all: u64, time: Duration) -> String {
    let settled = tally.settled();
    let left = all.saturating_sub(settled) as f64 / settled.max(1) as f64;
    let eta = Duration::try_from_secs_f64(time.as_secs_f64() * left).unwrap_or(Duration::MAX);
    format!("{settled}/{all}, ETA {}: {}", units::seconds(eta), tally.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_long_it_will_take() {
        let tally = Tally { hit: 20, failed: 5, ..Tally::default() };
        let text = line(&tally, 100, Duration::from_secs(10));
        assert_eq!(text, "25/100, ETA 30s: 20 hit, 0 fetched, 0 not stored, 5 failed");
    }
}
