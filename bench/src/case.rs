//! The cases: what stands in the request's way, what is asked, and what must have happened for the figures to count.

use stack::Metrics;

use crate::load::CONNECTIONS;

/// What Envoy does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It answers by itself, with a `direct_response`.
    Direct,
    /// A floor of this name answers or passes.
    Floor(&'static str),
    /// Envoy's own cache filter, in memory.
    Native,
    /// The cache, as shipped.
    Cache,
    /// The cache with an L1 that holds one entry.
    TinyL1,
}

/// What wrk asks for; see `load.lua`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// The same path each time.
    One(&'static str),
    /// So many paths in turn.
    Cycle(&'static str, u32),
    /// Another path each time.
    Fresh(&'static str),
}

/// Who must have answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Envoy or a filter alone; nobody else was asked.
    Proxy,
    /// webdis, once a request.
    Webdis,
    /// The origin, every request.
    Origin,
    /// L1.
    L1,
    /// L2.
    L2,
    /// The origin, each answer stored in both tiers.
    Stored,
}

/// A case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name in the report.
    pub name: &'static str,
    /// What Envoy does.
    pub way: Way,
    /// What is asked.
    pub load: Load,
    /// Who answers.
    pub source: Source,
}

/// A path of the rule `profiles`.
const PROFILE: &str = "/v1/fingerprints/profiles/chrome_131_win11";

/// All cases, in the order in which they take turns.
pub const CASES: [Case; 9] = [
    Case { name: "direct_response", way: Way::Direct, load: Load::One(PROFILE), source: Source::Proxy },
    Case { name: "wasm_floor", way: Way::Floor("reply"), load: Load::One(PROFILE), source: Source::Proxy },
    Case { name: "native_cache", way: Way::Native, load: Load::One(PROFILE), source: Source::Proxy },
    Case { name: "l1_hit", way: Way::Cache, load: Load::One(PROFILE), source: Source::L1 },
    Case { name: "callout_floor", way: Way::Floor("callout"), load: Load::One(PROFILE), source: Source::Webdis },
    Case {
        name: "l2_hit",
        way: Way::TinyL1,
        load: Load::Cycle("/v1/fingerprints/profiles/p", 256),
        source: Source::L2,
    },
    Case { name: "pass_floor", way: Way::Floor("pass"), load: Load::One("/elsewhere"), source: Source::Origin },
    Case { name: "pass", way: Way::Cache, load: Load::One("/elsewhere"), source: Source::Origin },
    Case { name: "miss", way: Way::Cache, load: Load::Fresh("/v1/fingerprints/profiles/m"), source: Source::Stored },
];

/// A counter of which some share of the requests is to be found.
struct Share {
    what: &'static str,
    metric: &'static str,
    labels: &'static [(&'static str, &'static str)],
    least: f64,
    most: f64,
}

const SERVED: &str = "envoy_http_downstream_rq_total";
const LISTENER: &[(&str, &str)] = &[("envoy_http_conn_manager_prefix", "fingerprint_api")];
const REQUESTS: &str = "fingerprint_cache_requests_total";
const UPSTREAM: &str = "envoy_cluster_upstream_rq_total";
const L2_CALLS: &str = "fingerprint_cache_l2_calls_total";
const ORIGIN: &[(&str, &str)] = &[("envoy_cluster_name", "fingerprint-api")];
const WEBDIS: &[(&str, &str)] = &[("envoy_cluster_name", "webdis")];

const fn none(what: &'static str, labels: &'static [(&'static str, &'static str)]) -> Share {
    Share { what, metric: UPSTREAM, labels, least: 0.0, most: 0.001 }
}

const fn all(what: &'static str, metric: &'static str, labels: &'static [(&'static str, &'static str)]) -> Share {
    Share { what, metric, labels, least: 0.999, most: 1.001 }
}

impl Source {
    fn shares(self) -> Vec<Share> {
        match self {
            Self::Proxy => vec![none("requests at the origin", ORIGIN), none("calls to webdis", WEBDIS)],
            Self::Webdis => vec![all("calls to webdis", UPSTREAM, WEBDIS), none("requests at the origin", ORIGIN)],
            Self::Origin => vec![all("requests at the origin", UPSTREAM, ORIGIN), none("calls to webdis", WEBDIS)],
            Self::L1 => vec![all("hits in L1", REQUESTS, &[("status", "hit"), ("tier", "l1")])],
            Self::L2 => {
                vec![Share { least: 0.99, ..all("hits in L2", REQUESTS, &[("status", "hit"), ("tier", "l2")]) }]
            }
            Self::Stored => vec![
                Share { least: 0.99, ..all("misses", REQUESTS, &[("status", "miss"), ("tier", "origin")]) },
                Share { least: 0.98, ..all("fills of L2", L2_CALLS, &[("op", "fill"), ("outcome", "ok")]) },
            ],
        }
    }

    /// How many requests Envoy served between these two moments, if they were answered by whom the case says.
    ///
    /// # Errors
    /// A sentence with the share that is off.
    pub fn check(self, before: &Metrics, after: &Metrics) -> Result<f64, String> {
        let counted = |metric, labels| after.sum(metric, labels) - before.sum(metric, labels);
        let requests = counted(SERVED, LISTENER);
        for Share { what, metric, labels, least, most } in self.shares() {
            let share = counted(metric, labels) / requests;
            // wrk leaves in the middle of as many requests as it has connections.
            let cut_off = f64::from(CONNECTIONS) / requests;
            if !(least - cut_off..=most).contains(&share) {
                return Err(format!("{what}: {share:.4} a request, not {least} to {most}"));
            }
        }
        Ok(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(l1: u32, l2: u32) -> Metrics {
        let line =
            |tier: &str, count: u32| format!("{REQUESTS}{{rule=\"r\",status=\"hit\",tier=\"{tier}\"}} {count}\n");
        let served = format!("{SERVED}{{envoy_http_conn_manager_prefix=\"fingerprint_api\"}} {}\n", l1 + l2);
        Metrics::parse(&(line("l1", l1) + &line("l2", l2) + &served))
    }

    #[test]
    fn a_run_counts_only_when_the_right_tier_answered() {
        assert_eq!(Source::L1.check(&page(5, 0), &page(100_005, 0)), Ok(100_000.0));
        assert!(Source::L1.check(&page(5, 0), &page(99_805, 200)).unwrap_err().contains("L1: 0.9980"));
        assert_eq!(Source::L2.check(&page(0, 0), &page(1000, 99_000)), Ok(100_000.0));
        assert!(Source::L2.check(&page(0, 0), &page(1100, 98_900)).is_err());
    }

    #[test]
    fn every_ratio_names_cases_that_exist() {
        for target in crate::ratio::TARGETS {
            for name in [target.of, target.to] {
                assert!(CASES.iter().any(|case| case.name == name), "{name}");
            }
        }
    }
}
