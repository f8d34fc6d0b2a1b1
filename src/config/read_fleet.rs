//! Reads `fill` and `sync`: how workers and pods share their work and hear of invalidations.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::section::Section;
use super::{Fill, Sync};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Who fills, and how long others wait; any part of it may be absent.
pub(super) fn fill(section: Option<Section>) -> Fill {
    let default = Fill::default();
    let Some(section) = section else { return default };
    let fill = Fill {
        lease: duration(&section, "lease", 100 * MILLISECOND..=60 * SECOND).unwrap_or(default.lease),
        wait: duration(&section, "wait", Duration::ZERO..=30 * SECOND).unwrap_or(default.wait),
        uncacheable: duration(&section, "uncacheable", 100 * MILLISECOND..=600 * SECOND).unwrap_or(default.uncacheable),
    };
    section.finish();
    fill
}

/// How often the log of invalidations is read; any part of it may be absent.
pub(super) fn sync(section: Option<Section>) -> Sync {
    let default = Sync::default();
    let Some(section) = section else { return default };
    let interval = duration(&section, "interval", 50 * MILLISECOND..=10 * SECOND).unwrap_or(default.interval);
    let max_lag = duration(&section, "max_lag", 100 * MILLISECOND..=300 * SECOND);
    let max_lag = max_lag.unwrap_or_else(|| default.max_lag.max(4 * interval));
    if max_lag < 2 * interval {
        section.report(
            "has a `max_lag` below twice its `interval`: one late reading would suspend all of L1",
            "write a longer `max_lag`, such as 5s, or a shorter `interval`",
        );
    }
    section.finish();
    Sync { interval, max_lag }
}

fn duration(section: &Section, name: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
    section.take(name)?.duration(range)
}
