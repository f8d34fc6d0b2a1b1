//! The metrics: one table of names, labels and help. Labels are written into the name in Istio's convention,
//! `label=.=value;.;name`; the shipped bootstrap's `stats_tags` take them out again.

mod label;

pub use label::{L2End, LeaseEnd, RefreshEnd, Status, Tier};

use crate::follower::Discontinuity;
use crate::memory::Eviction;
use crate::reason::{Forward, NotStored};

/// Something worth counting. `rule` is a symbol of the worker's table of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The table below says what each is.
pub enum Metric {
    Requests { rule: u16, status: Status, tier: Tier },
    Forwarded { rule: u16, reason: Forward },
    NotStored { rule: u16, reason: NotStored },
    Entries { rule: u16 },
    Bytes { rule: u16 },
    Evictions { reason: Eviction },
    Refreshes { rule: u16, end: RefreshEnd },
    Invalidations { scope: &'static str },
    L2Calls { op: &'static str, end: L2End },
    LookupMicros { tier: Tier },
    L2Millis,
    OriginMillis,
    BreakerOpen,
    Leases { end: LeaseEnd },
    Notices { op: &'static str, scope: &'static str },
    LogLag,
    Discontinuities { why: Discontinuity },
    Unexpected { reason: &'static str },
}

/// How a metric takes a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Adds it; never negative.
    Counter,
    /// Adds it, negative or not: the sum over all workers.
    Gauge,
    /// Is it, whichever worker said so last.
    Level,
    /// Takes it as one observation.
    Histogram,
}

/// What the documentation says of a metric.
#[derive(Debug)]
pub struct Help {
    /// Its name in Prometheus.
    pub name: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it means, with its unit.
    pub help: &'static str,
}

/// All metrics, as `docs/metrics.md` lists them.
pub const TABLE: &[Help] = &[
    Help {
        name: "fingerprint_cache_requests_total",
        labels: &["rule", "status", "tier"],
        help: "Requests of a matched rule, by how they ended and who answered.",
    },
    Help {
        name: "fingerprint_cache_forwarded_total",
        labels: &["rule", "reason"],
        help: "Requests that went to the origin, by reason.",
    },
    Help {
        name: "fingerprint_cache_not_stored_total",
        labels: &["rule", "reason"],
        help: "Answers of the origin that were not stored, by reason.",
    },
    Help { name: "fingerprint_cache_entries", labels: &["rule"], help: "Entries in L1, the sum over all workers." },
    Help {
        name: "fingerprint_cache_bytes",
        labels: &["rule"],
        help: "Bytes of L1 in use, keys and headers included, the sum over all workers.",
    },
    Help { name: "fingerprint_cache_evictions_total", labels: &["reason"], help: "Entries that left L1, by reason." },
    Help {
        name: "fingerprint_cache_refreshes_total",
        labels: &["rule", "outcome"],
        help: "Refreshes through `refresh.cluster`, with nobody waiting, by outcome.",
    },
    Help {
        name: "fingerprint_cache_invalidations_total",
        labels: &["scope"],
        help: "Invalidations made by this worker, by scope.",
    },
    Help {
        name: "fingerprint_cache_l2_calls_total",
        labels: &["op", "outcome"],
        help: "Calls to L2, by script and outcome.",
    },
    Help {
        name: "fingerprint_cache_lookup_us",
        labels: &["tier"],
        help: "Microseconds from the request to the answer of a hit.",
    },
    Help { name: "fingerprint_cache_l2_ms", labels: &[], help: "Milliseconds that a lookup in L2 took." },
    Help { name: "fingerprint_cache_origin_ms", labels: &[], help: "Milliseconds until the origin's response head." },
    Help {
        name: "fingerprint_cache_breaker_open",
        labels: &[],
        help: "1 while L2 is not called because it does not answer.",
    },
    Help {
        name: "fingerprint_cache_leases_total",
        labels: &["outcome"],
        help: "Single flight: requests that led, waited, took over, or went alone, by outcome.",
    },
    Help {
        name: "fingerprint_cache_notices_total",
        labels: &["op", "scope"],
        help: "Notices of the invalidation log that a worker heard of.",
    },
    Help {
        name: "fingerprint_cache_log_lag_ms",
        labels: &[],
        help: "Milliseconds since the log was last read, as the worker says that reads it for its Envoy.",
    },
    Help {
        name: "fingerprint_cache_log_discontinuities_total",
        labels: &["reason"],
        help: "Times that a worker could not read on in the log and read all bans anew, by reason.",
    },
    Help {
        name: "fingerprint_cache_unexpected_total",
        labels: &["reason"],
        help: "Things that should not happen; each one passed to the origin.",
    },
];

impl Metric {
    /// How it takes a number.
    pub fn kind(self) -> Kind {
        match self {
            Self::Entries { .. } | Self::Bytes { .. } | Self::BreakerOpen => Kind::Gauge,
            Self::LogLag => Kind::Level,
            Self::LookupMicros { .. } | Self::L2Millis | Self::OriginMillis => Kind::Histogram,
            _ => Kind::Counter,
        }
    }

    /// Its name for the host, with the labels in it; `rule` is the name behind its rule symbol.
    pub fn full_name(self, rule: &str) -> String {
        let mut name = String::with_capacity(96);
        for (label, value) in self.labels(rule) {
            name.extend([label, "=.=", value, ";.;"]);
        }
        name.push_str("fingerprint_cache_");
        name.push_str(self.stem());
        name
    }

    /// The symbol of the rule it belongs to, if it belongs to one.
    pub fn rule(self) -> Option<u16> {
        match self {
            Self::Requests { rule, .. }
            | Self::Forwarded { rule, .. }
            | Self::NotStored { rule, .. }
            | Self::Entries { rule }
            | Self::Bytes { rule }
            | Self::Refreshes { rule, .. } => Some(rule),
            _ => None,
        }
    }

    fn stem(self) -> &'static str {
        match self {
            Self::Requests { .. } => "requests_total",
            Self::Forwarded { .. } => "forwarded_total",
            Self::NotStored { .. } => "not_stored_total",
            Self::Entries { .. } => "entries",
            Self::Bytes { .. } => "bytes",
            Self::Evictions { .. } => "evictions_total",
            Self::Refreshes { .. } => "refreshes_total",
            Self::Invalidations { .. } => "invalidations_total",
            Self::L2Calls { .. } => "l2_calls_total",
            Self::LookupMicros { .. } => "lookup_us",
            Self::L2Millis => "l2_ms",
            Self::OriginMillis => "origin_ms",
            Self::BreakerOpen => "breaker_open",
            Self::Leases { .. } => "leases_total",
            Self::Notices { .. } => "notices_total",
            Self::LogLag => "log_lag_ms",
            Self::Discontinuities { .. } => "log_discontinuities_total",
            Self::Unexpected { .. } => "unexpected_total",
        }
    }

    fn labels(self, rule: &str) -> Vec<(&'static str, &str)> {
        match self {
            Self::Requests { status, tier, .. } => {
                vec![("rule", rule), ("status", status.as_str()), ("tier", tier.as_str())]
            }
            Self::Forwarded { reason, .. } => vec![("rule", rule), ("reason", reason.as_str())],
            Self::NotStored { reason, .. } => vec![("rule", rule), ("reason", reason.as_str())],
            Self::Entries { .. } | Self::Bytes { .. } => vec![("rule", rule)],
            Self::Evictions { reason } => vec![("reason", reason.as_str())],
            Self::Refreshes { end, .. } => vec![("rule", rule), ("outcome", end.as_str())],
            Self::Invalidations { scope } => vec![("scope", scope)],
            Self::L2Calls { op, end } => vec![("op", op), ("outcome", end.as_str())],
            Self::LookupMicros { tier } => vec![("tier", tier.as_str())],
            Self::Unexpected { reason } => vec![("reason", reason)],
            Self::Leases { end } => vec![("outcome", end.as_str())],
            Self::Notices { op, scope } => vec![("op", op), ("scope", scope)],
            Self::Discontinuities { why } => vec![("reason", why.as_str())],
            Self::L2Millis | Self::OriginMillis | Self::BreakerOpen | Self::LogLag => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn labels_stand_in_the_name_as_istio_writes_them() {
        let metric = Metric::Requests { rule: 0, status: Status::Hit, tier: Tier::L1 };
        let name = "rule=.=profiles;.;status=.=hit;.;tier=.=l1;.;fingerprint_cache_requests_total";
        assert_eq!(metric.full_name("profiles"), name);
        assert_eq!(Metric::BreakerOpen.full_name(""), "fingerprint_cache_breaker_open");
    }

    #[test]
    fn the_table_knows_every_metric_and_its_labels() {
        let rule = 0;
        let all = [
            Metric::Requests { rule, status: Status::Miss, tier: Tier::Origin },
            Metric::Forwarded { rule, reason: Forward::UriMiss },
            Metric::NotStored { rule, reason: NotStored::Status },
            Metric::Entries { rule },
            Metric::Bytes { rule },
            Metric::Evictions { reason: Eviction::Capacity },
            Metric::Refreshes { rule, end: RefreshEnd::Found },
            Metric::Invalidations { scope: "uri" },
            Metric::L2Calls { op: "lookup", end: L2End::Ok },
            Metric::LookupMicros { tier: Tier::L2 },
            Metric::L2Millis,
            Metric::OriginMillis,
            Metric::BreakerOpen,
            Metric::Leases { end: LeaseEnd::Led },
            Metric::Notices { op: "invalidate", scope: "tag" },
            Metric::LogLag,
            Metric::Discontinuities { why: Discontinuity::Start },
            Metric::Unexpected { reason: "event" },
        ];
        assert_eq!(all.len(), TABLE.len());
        for (metric, help) in all.into_iter().zip(TABLE) {
            assert_eq!(help.name, format!("fingerprint_cache_{}", metric.stem()));
            let labels: Vec<&str> = metric.labels("r").into_iter().map(|(label, _)| label).collect();
            assert_eq!(labels, help.labels, "{}", help.name);
        }
    }
}
