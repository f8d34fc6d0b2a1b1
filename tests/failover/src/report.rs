//! The figures: a table for people, JSON for machines.

use std::time::Duration;

use serde_json::{Value, json};

/// So many violations are shown one by one.
pub const SHOWN: usize = 20;

/// Requests of some time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// All.
    pub requests: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that a worker's memory answered.
    pub l1: usize,
    /// Those that Redis answered.
    pub l2: usize,
    /// Those that were given another one's answer.
    pub collapsed: usize,
    /// Those that the service answered.
    pub origin: usize,
    /// What the middle one took.
    pub p50: Duration,
    /// Of a hundred, only one took longer.
    pub p99: Duration,
}

impl Figures {
    /// How many of a hundred went to the service.
    pub fn origin_share(&self) -> f64 {
        self.share(self.origin)
    }

    fn share(&self, count: usize) -> f64 {
        count as f64 * 100.0 / self.requests.max(1) as f64
    }

    fn json(&self) -> Value {
        json!({
            "requests": self.requests, "failed": self.failed, "l1": self.l1, "l2": self.l2, "collapsed": self.collapsed,
            "origin": self.origin, "origin_percent": tenths(self.origin_share()), "p50_ms": milliseconds(self.p50),
            "p99_ms": milliseconds(self.p99),
        })
    }
}

/// A second of the run.
#[derive(Clone, Copy, Debug)]
pub struct Second {
    /// Its number.
    pub second: usize,
    /// What was asked in it.
    pub figures: Figures,
}

/// From one event to the next.
#[derive(Clone, Debug)]
pub struct Span {
    /// What was done.
    pub name: &'static str,
    /// When, from the first request on.
    pub at: Duration,
    /// What happened.
    pub sentence: String,
    /// From the event until two Sentinels named another master.
    pub switched: Option<Duration>,
    /// From the event until all replicas followed again.
    pub whole: Duration,
    /// The longest time without a hit from L2.
    pub away: Duration,
    /// From the event to the first hit after that time; zero: L2 was never away.
    pub back: Option<Duration>,
    /// The largest share of a second that went to the service, in percent.
    pub worst_origin: f64,
    /// The largest p99 of a second.
    pub worst_p99: Duration,
    /// All requests.
    pub all: Figures,
}

impl Span {
    fn json(&self) -> Value {
        json!({
            "event": self.name, "at_s": seconds(self.at), "what_happened": self.sentence,
            "other_master_s": self.switched.map(seconds), "whole_again_s": seconds(self.whole),
            "l2_longest_gap_s": seconds(self.away), "first_l2_hit_s": self.back.map(seconds),
            "worst_second_origin_percent": tenths(self.worst_origin),
            "worst_second_p99_ms": milliseconds(self.worst_p99), "requests": self.all.json(),
        })
    }

    fn row(&self) -> String {
        let time =
            |time: Option<Duration>| time.map_or("–".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()));
        let back = match self.back {
            Some(Duration::ZERO) => "never away".to_owned(),
            Some(back) => time(Some(back)),
            None => "**not**".to_owned(),
        };
        format!(
            "| {} | {} | {} | {} | {back} | {:.0} % | {:.0} ms |",
            self.name,
            self.all.requests,
            self.all.failed,
            time(self.switched),
            self.worst_origin,
            milliseconds(self.worst_p99),
        )
    }
}

/// All that was found.
#[derive(Debug)]
pub struct Report {
    /// For how long requests came.
    pub time: Duration,
    /// All requests.
    pub all: Figures,
    /// Each second.
    pub seconds: Vec<Second>,
    /// Each event.
    pub spans: Vec<Span>,
    /// Invalidations that were on all replicas.
    pub acknowledged: usize,
    /// Invalidations that a failover might have lost, as their publisher was told.
    pub doubtful: usize,
    /// Invalidations that were not published, as their publisher was told.
    pub refused: usize,
    /// How much any answer from a memory was behind at most.
    pub behind: Option<Duration>,
    /// How long the machine stood still in all: times of events and of requests have that in them.
    pub still: Duration,
    /// What was odd, and no violation.
    pub odd: Option<String>,
    /// What must not be, a sentence each.
    pub violations: Vec<String>,
}

impl Report {
    /// The report as JSON.
    pub fn json(&self) -> Value {
        let each = self.seconds.iter().map(|second| {
            let mut tree = second.figures.json();
            if let Some(members) = tree.as_object_mut() {
                members.insert("second".to_owned(), second.second.into());
            }
            tree
        });
        json!({
            "seconds": self.time.as_secs_f64(), "all": self.all.json(),
            "events": self.spans.iter().map(Span::json).collect::<Vec<_>>(),
            "invalidations": {
                "acknowledged": self.acknowledged, "doubtful": self.doubtful, "refused": self.refused,
                "longest_behind_ms": self.behind.map(milliseconds),
            },
            "machine_stood_still_s": seconds(self.still), "odd": self.odd,
            "violations": self.violations.len(),
            "violations_shown": self.violations.iter().take(SHOWN).collect::<Vec<_>>(),
            "each_second": each.collect::<Vec<_>>(),
        })
    }

    /// The report as a table, as the README has it.
    pub fn text(&self) -> String {
        let rows: Vec<_> = self.spans.iter().map(Span::row).collect();
        let head = "| event | requests | failed | other master after | first L2 hit after | origin, worst second | \
            p99, worst second |\n|---|---|---|---|---|---|---|";
        let odd = self.odd.as_ref().map(|odd| format!(" Odd: {odd}.")).unwrap_or_default();
        let still = self.still.as_secs_f64();
        let still = if still > 0.0 { format!(" The machine stood still for {still:.1} s.") } else { String::new() };
        format!("{head}\n{}\n\n{}{still}{odd}", rows.join("\n"), self.sentence())
    }

    fn sentence(&self) -> String {
        let Figures { requests, failed, l1, l2, .. } = self.all;
        format!(
            "{requests} requests in {:.0} s ({:.0}/s), {failed} failed; L1 {:.0} %, L2 {:.0} %, origin {:.1} %; p50 \
             {:.1} ms, p99 {:.0} ms. {} invalidations acknowledged, {} called doubtful, {} refused; no memory was \
             behind by more than {:.0} ms. Violations: {}.",
            self.time.as_secs_f64(),
            requests as f64 / self.time.as_secs_f64().max(0.001),
            self.all.share(l1),
            self.all.share(l2),
            self.all.origin_share(),
            milliseconds(self.all.p50),
            milliseconds(self.all.p99),
            self.acknowledged,
            self.doubtful,
            self.refused,
            self.behind.map_or(0.0, milliseconds),
            self.violations.len(),
        )
    }
}

/// With tenths.
fn milliseconds(time: Duration) -> f64 {
    tenths(time.as_secs_f64() * 1000.0)
}

/// With hundredths.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
