//! What the bridge counts, and the page of it in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::event::{CHANNELS, Malformed};

/// The upper bounds of the histograms' buckets, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Counters: name, help.
const COUNTERS: [(&str, &str); 8] = [
    ("events_total", "Messages heard, by channel and by what became of them"),
    ("malformed_total", "Messages that were no event, by the reason"),
    ("unmapped_total", "Events that the map cannot say, by what they asked for; alert on these"),
    ("notices_total", "Notices published, by operation and scope"),
    ("whole_invalidations_total", "Times that everything was invalidated, by the reason"),
    ("subscriptions_lost_total", "Times that the subscription was lost"),
    ("publish_failures_total", "Tries to publish that failed; they are repeated"),
    ("sample_failures_total", "Samples of the entries in Redis that failed"),
];
/// Gauges: name, help.
const GAUGES: [(&str, &str); 6] = [
    ("subscribed", "1 while the channels are heard"),
    ("settled", "1 while nothing that was missed is still to be made good"),
    ("waiting", "Notices that wait to be published"),
    ("l2_entries", "Entries in Redis by rule; an estimate where Redis has more keys than are sampled"),
    ("l2_bytes", "Bytes of memory they take in Redis by rule; an estimate in the same way"),
    ("l2_sampled_ratio", "How much of Redis the last sample looked at, from 0 to 1"),
];
/// Histograms: name, help.
const HISTOGRAMS: [(&str, &str); 2] = [
    ("event_lag_seconds", "From an event's own timestamp to its arrival; the clocks of two machines are in it"),
    ("publish_seconds", "From the arrival of an event to the answer that it is in the log"),
];
/// What every name begins with.
const PREFIX: &str = "fingerprint_cache_bridge";

/// All counts of one bridge.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    counters: BTreeMap<(&'static str, String), u64>,
    gauges: BTreeMap<(&'static str, String), f64>,
    histograms: BTreeMap<&'static str, Histogram>,
}

#[derive(Clone, Debug, Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

impl Counts {
    /// Counters that stand at 0, so that their first step is seen as one.
    pub fn new() -> Self {
        let counts = Self::default();
        for (channel, _) in CHANNELS {
            for outcome in ["published", "repeated", "nothing", "unmapped", "malformed"] {
                counts.add("events_total", &[("channel", channel), ("outcome", outcome)], 0);
            }
        }
        Malformed::ALL.iter().for_each(|reason| counts.add("malformed_total", &[("reason", reason.as_str())], 0));
        ["invalidate", "refresh", "prewarm"].iter().for_each(|op| counts.add("unmapped_total", &[("op", op)], 0));
        for reason in ["start", "lost", "overflow", "unmapped"] {
            counts.add("whole_invalidations_total", &[("reason", reason)], 0);
        }
        for name in ["subscriptions_lost_total", "publish_failures_total", "sample_failures_total"] {
            counts.add(name, &[], 0);
        }
        counts
    }

    /// Adds to a counter.
    pub fn add(&self, name: &'static str, labels: &[(&str, &str)], by: u64) {
        let mut table = self.table();
        let counter = table.counters.entry((name, text(labels))).or_default();
        *counter = counter.saturating_add(by);
    }

    /// Sets a gauge.
    pub fn set(&self, name: &'static str, labels: &[(&str, &str)], value: f64) {
        self.table().gauges.insert((name, text(labels)), value);
    }

    /// Removes all values of a gauge, such as those of rules that are no more.
    pub fn clear(&self, name: &'static str) {
        self.table().gauges.retain(|(known, _), _| *known != name);
    }

    /// Takes one measurement.
    pub fn measure(&self, name: &'static str, time: Duration) {
        let mut table = self.table();
        let histogram = table.histograms.entry(name).or_default();
        let seconds = time.as_secs_f64();
        let buckets = histogram.buckets.iter_mut().zip(BUCKETS);
        buckets.filter(|(_, bound)| seconds <= *bound).for_each(|(bucket, _)| *bucket = bucket.saturating_add(1));
        histogram.count = histogram.count.saturating_add(1);
        histogram.sum += seconds;
    }

    /// The page.
    pub fn page(&self) -> String {
        let table = self.table();
        let mut page = String::new();
        for (name, help) in COUNTERS {
            head(&mut page, name, help, "counter");
            let series = table.counters.iter().filter(|((known, _), _)| *known == name);
            series.for_each(|((_, labels), value)| line(&mut page, name, labels, value));
        }
        for (name, help) in GAUGES {
            head(&mut page, name, help, "gauge");
            let series = table.gauges.iter().filter(|((known, _), _)| *known == name);
            series.for_each(|((_, labels), value)| line(&mut page, name, labels, value));
        }
        for (name, help) in HISTOGRAMS {
            head(&mut page, name, help, "histogram");
            table.histograms.get(name).cloned().unwrap_or_default().write(&mut page, name);
        }
        page
    }

    /// A thread that panicked leaves the numbers as good as they were.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Histogram {
    fn write(&self, page: &mut String, name: &str) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in BUCKETS.iter().zip(self.buckets) {
            line(page, &bucket, &format!("{{le=\"{bound}\"}}"), count);
        }
        line(page, &bucket, "{le=\"+Inf\"}", self.count);
        line(page, &format!("{name}_sum"), "", self.sum);
        line(page, &format!("{name}_count"), "", self.count);
    }
}

fn head(page: &mut String, name: &str, help: &str, kind: &str) {
    let _ = write!(page, "# HELP {PREFIX}_{name} {help}.\n# TYPE {PREFIX}_{name} {kind}\n");
}

fn line(page: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(page, "{PREFIX}_{name}{labels} {value}");
}

/// Labels as they stand on the page, escaped as its format wants it.
fn text(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_has_a_name_of_the_table() {
        let counts = Counts::new();
        counts.add("notices_total", &[("op", "refresh"), ("scope", "tag")], 2);
        counts.set("l2_entries", &[("rule", "a\"\\\n")], 1.5);
        counts.measure("publish_seconds", Duration::from_millis(3));
        let page = counts.page();
        for expected in [
            "# TYPE fingerprint_cache_bridge_events_total counter",
            "fingerprint_cache_bridge_malformed_total{reason=\"not_json\"} 0",
            "fingerprint_cache_bridge_notices_total{op=\"refresh\",scope=\"tag\"} 2",
            "fingerprint_cache_bridge_l2_entries{rule=\"a\\\"\\\\\\n\"} 1.5",
            "fingerprint_cache_bridge_publish_seconds_bucket{le=\"0.0025\"} 0",
            "fingerprint_cache_bridge_publish_seconds_bucket{le=\"0.005\"} 1",
            "fingerprint_cache_bridge_publish_seconds_bucket{le=\"+Inf\"} 1",
            "fingerprint_cache_bridge_publish_seconds_sum 0.003",
            "fingerprint_cache_bridge_event_lag_seconds_count 0",
        ] {
            assert!(page.lines().any(|line| line == expected), "{expected} is not in\n{page}");
        }
        counts.clear("l2_entries");
        assert!(!counts.page().contains("l2_entries{"));
        let known = |name: &str| page.contains(&format!("# TYPE {PREFIX}_{name} "));
        let table = counts.table();
        assert!(table.counters.keys().map(|(name, _)| name).chain(table.histograms.keys()).all(|name| known(name)));
    }
}
