//! What was behind, and by how much; and when all workers gave the new version.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::load::{Record, Tier};
use crate::report::{Report, Times};
use crate::run::{Published, Seen};

/// What is promised: no answer is behind by so much.
pub const BOUND: Duration = Duration::from_millis(500);
/// A worker that has not given the new version by then, and was not gone, never did.
const NEVER: Duration = Duration::from_secs(3);

/// Makes figures of what was seen.
pub fn judge(seen: &Seen) -> Report {
    let behind: Vec<_> = seen.records.iter().filter_map(|record| Some((record, late(seen, record)?))).collect();
    let mut tiers = BTreeMap::new();
    for record in &seen.records {
        *tiers.entry(record.tier.as_str()).or_default() += 1;
    }
    let mut scopes = BTreeMap::new();
    for published in &seen.published {
        *scopes.entry(published.scope).or_default() += 1;
    }
    let propagation: Vec<_> = seen.published.iter().map(|published| propagation(seen, published)).collect();
    let mut violations: Vec<_> = behind.iter().filter_map(|(record, late)| violation(seen, record, *late)).collect();
    violations.extend(unanswered(seen));
    let unseen = propagation.iter().filter(|propagation| propagation.is_none()).count();
    if unseen > 0 {
        violations.push(format!("{unseen} invalidations that not every worker has shown"));
    }
    Report {
        time: seen.time,
        requests: seen.records.len(),
        lost: seen.lost.len(),
        down: seen.killed.2.duration_since(seen.killed.1),
        fetches: seen.fetches,
        tiers,
        scopes,
        behind: Times::of(behind.iter().map(|(_, late)| *late).collect()),
        propagation: Times::of(propagation.into_iter().flatten().collect()),
        metrics: seen.metrics.clone(),
        violations,
    }
}

fn late(seen: &Seen, record: &Record) -> Option<Duration> {
    seen.truth.behind(record.key, record.version?, record.started)
}

/// What is wrong with an answer that is behind by so much, if anything: a worker's memory, and those who wait for what is
/// on its way, may be behind for a while; Redis and the origin never.
fn violation(seen: &Seen, record: &Record, late: Duration) -> Option<String> {
    let allowed = match record.tier {
        Tier::L1 | Tier::Collapsed => BOUND,
        Tier::L2 | Tier::Origin => Duration::ZERO,
    };
    let target = seen.truth.keys.get(record.key).map(|key| key.target.as_str()).unwrap_or_default();
    let (tier, pod) = (record.tier.as_str(), record.pod);
    (late >= allowed).then(|| format!("{target} from {tier} of pod {pod} is {late:.1?} behind"))
}

/// An answer that is no answer; a pod that lived owes one to everybody.
fn unanswered(seen: &Seen) -> Vec<String> {
    let wrong = seen.records.iter().filter(|record| record.version.is_none()).count();
    let lost = seen.lost.iter().filter(|pod| **pod != seen.killed.0).count();
    let wrong = (wrong > 0).then(|| format!("{wrong} answers without a version"));
    let lost = (lost > 0).then(|| format!("{lost} requests without an answer, at a pod that was not killed"));
    wrong.into_iter().chain(lost).collect()
}

/// From the acknowledgement until every worker that was there has given the new version; `None`: one did not.
fn propagation(seen: &Seen, published: &Published) -> Option<Duration> {
    let mut workers: BTreeMap<usize, (usize, Option<Instant>)> = BTreeMap::new();
    for record in &seen.records {
        let Some(worker) = record.worker else { continue };
        let (_, first) = workers.entry(worker).or_insert((record.pod, None));
        let shows = record.key == published.watched && record.version >= Some(published.version);
        if shows {
            *first = Some(first.map_or(record.started, |first| first.min(record.started)));
        }
    }
    let there = workers.into_values().filter(|(pod, _)| *pod != seen.killed.0 || !was_gone(seen, published));
    let firsts: Option<Vec<_>> = there.map(|(_, first)| first).collect();
    let last = firsts?.into_iter().max()?;
    // Who asked the origin before the acknowledgement has it already.
    Some(last.saturating_duration_since(published.acknowledged)).filter(|took| *took < NEVER)
}

/// Whether the pod that was killed was away, or about to be, or just back, when its workers would have shown it.
fn was_gone(seen: &Seen, published: &Published) -> bool {
    let (_, gone, back) = seen.killed;
    published.acknowledged + BOUND > gone && published.acknowledged < back + BOUND
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::Truth;
    use std::sync::Arc;

    /// Key 0 was invalidated at second 10; these answers came.
    fn seen(answers: &[(Tier, usize, u64)]) -> Seen {
        let (truth, zero) = (Arc::new(Truth::new()), Instant::now());
        let at = |milliseconds| zero + Duration::from_millis(milliseconds);
        truth.advance(&[0]);
        truth.acknowledge(&[0], at(10_000));
        let records = answers.iter().map(|(tier, version, started)| Record {
            key: 0,
            started: at(*started),
            version: Some(*version),
            tier: *tier,
            pod: 1,
            worker: Some(2),
        });
        let published = Published { scope: "tag", watched: 0, version: 1, acknowledged: at(10_000) };
        Seen {
            records: records.collect(),
            truth,
            lost: vec![0],
            killed: (0, at(20_000), at(21_000)),
            published: vec![published],
            fetches: 1,
            time: Duration::from_secs(20),
            metrics: BTreeMap::new(),
        }
    }

    #[test]
    fn memory_may_be_behind_for_a_while_and_nothing_else() {
        let good = [(Tier::L2, 0, 9_999), (Tier::L1, 0, 10_400), (Tier::Origin, 1, 10_401), (Tier::L2, 1, 10_402)];
        let report = judge(&seen(&good));
        assert_eq!(report.violations, Vec::<String>::new());
        assert_eq!((report.behind.count, report.behind.longest), (1, Duration::from_millis(400)));
        assert_eq!(report.propagation.longest, Duration::from_millis(401));
        for bad in
            [(Tier::L1, 0, 10_500), (Tier::L2, 0, 10_001), (Tier::Origin, 0, 10_001), (Tier::Collapsed, 0, 11_000)]
        {
            let report = judge(&seen(&[good.as_slice(), &[bad]].concat()));
            assert_eq!(report.violations.len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn an_invalidation_that_a_worker_never_shows_is_one() {
        assert_eq!(judge(&seen(&[(Tier::L1, 0, 10_100)])).violations.len(), 1);
    }

    #[test]
    fn an_answer_that_is_none_is_one() {
        let mut seen = seen(&[(Tier::L1, 1, 10_100), (Tier::L1, 1, 10_200)]);
        assert!(judge(&seen).violations.is_empty());
        seen.records[1].version = None;
        seen.lost.push(1);
        assert_eq!(judge(&seen).violations.len(), 2);
    }
}
