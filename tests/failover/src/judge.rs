//! What was wrong, and the figures of each second and each event.

use std::time::{Duration, Instant};

use crate::load::{RATE, Record, Tier};
use crate::publish::Outcome;
use crate::report::{Figures, Report, Second, Span};
use crate::scene::{BOUND, Event, Seen};

/// How old a memory's knowledge may be: `sync.max_lag`. What Redis gives may not be old at all.
const LAG: Duration = Duration::from_secs(5);
/// L2 that gave no hit for so long was away.
const AWAY: Duration = Duration::from_secs(1);

/// L2 that gave no hit for so long at the very end did not come back.
const GONE: Duration = Duration::from_secs(3);

/// Makes figures of what was seen.
pub fn judge(seen: &Seen) -> Report {
    let spans: Vec<_> = seen.events.iter().enumerate().map(|(number, event)| span(seen, event, number)).collect();
    let seconds = seconds(seen);
    let mut violations: Vec<_> = seen.records.iter().filter_map(|record| wrong(seen, record)).collect();
    violations.extend(seen.events.iter().flat_map(|event| event.faults.clone()));
    violations.extend(seen.events.iter().zip(&spans).filter_map(|(event, span)| never_back(seen, event, span)));
    violations.extend(seen.harmed.clone());
    let acknowledged = count(seen, Outcome::Acknowledged);
    violations.extend(idle(seen, acknowledged));
    Report {
        time: seen.ended.duration_since(seen.begun),
        all: figures(seen.records.iter()),
        seconds,
        spans,
        acknowledged,
        doubtful: count(seen, Outcome::Doubtful),
        refused: count(seen, Outcome::Refused),
        behind: seen.records.iter().filter_map(|record| behind(seen, record)).map(|(_, late)| late).max(),
        still: seen.still,
        odd: seen.odd.clone(),
        violations,
    }
}

fn count(seen: &Seen, outcome: Outcome) -> usize {
    seen.published.iter().filter(|published| **published == outcome).count()
}

/// Where too little was done, nothing was proved. (On a machine that is busy with other things those who ask fall
/// behind.)
fn idle(seen: &Seen, acknowledged: usize) -> Option<String> {
    let asked = seen.records.len() as f64 / seen.ended.duration_since(seen.begun).as_secs_f64();
    match () {
        () if asked < f64::from(RATE) / 2.0 => Some(format!("only {asked:.0} requests a second, not {RATE}")),
        () if acknowledged * 2 < seen.published.len() => {
            Some(format!("only {acknowledged} of {} invalidations were acknowledged", seen.published.len()))
        }
        () => None,
    }
}

fn behind(seen: &Seen, record: &Record) -> Option<(Tier, Duration)> {
    let (tier, version) = record.outcome.as_ref().ok()?;
    Some((*tier, seen.truth.behind(record.key, *version, record.started)?))
}

/// What is wrong with one request, if anything.
fn wrong(seen: &Seen, record: &Record) -> Option<String> {
    let at = record.started.duration_since(seen.begun).as_secs_f64();
    if let Err(error) = &record.outcome {
        return Some(format!("at {at:.1} s Envoy {} failed a request: {error}", record.pod));
    }
    let (tier, late) = behind(seen, record)?;
    let allowed = match tier {
        Tier::L1 | Tier::Collapsed => LAG,
        Tier::L2 | Tier::Origin => Duration::ZERO,
    };
    (late > allowed).then(|| format!("at {at:.1} s Envoy {} gave from {tier:?} what was {late:.1?} behind", record.pod))
}

/// What is wrong with the return of L2, if anything.
fn never_back(seen: &Seen, event: &Event, span: &Span) -> Option<String> {
    let hit_after = |then: Instant| hits(seen, then).next().is_some();
    match span.back {
        None => Some(format!("{}: L2 gave no hits again", event.name)),
        Some(back) if back >= BOUND => Some(format!("{}: L2 was back only after {back:.1?}", event.name)),
        Some(_) if event.switched.is_some_and(|switched| !hit_after(switched)) => {
            Some(format!("{}: the new master gave no hit", event.name))
        }
        Some(_) => None,
    }
}

/// When answers from L2 came whose requests began after this moment.
fn hits(seen: &Seen, then: Instant) -> impl Iterator<Item = Instant> {
    let from_l2 = |record: &&Record| matches!(record.outcome, Ok((Tier::L2, _)));
    let records = seen.records.iter().filter(from_l2).filter(move |record| record.started >= then);
    records.map(|record| record.started + record.elapsed)
}

/// From one event to the next.
fn span(seen: &Seen, event: &Event, number: usize) -> Span {
    let end = seen.events.get(number + 1).map_or(seen.ended, |next| next.at);
    let within = |record: &&Record| record.started >= event.at && record.started < end;
    let records = || seen.records.iter().filter(within);
    let mut hits: Vec<_> = hits(seen, event.at).collect();
    hits.sort();
    let (within_it, later) = hits.split_at(hits.partition_point(|hit| *hit < end));
    let (away, back) = gap(event.at, within_it, end, later.is_empty());
    let each = by_second(records(), event.at);
    Span {
        name: event.name,
        at: event.at.duration_since(seen.begun),
        sentence: event.sentence.clone(),
        switched: event.switched.map(|switched| switched.duration_since(event.at)),
        whole: event.until.duration_since(event.at),
        away,
        back,
        worst_origin: each.iter().map(Figures::origin_share).fold(0.0, f64::max),
        worst_p99: each.iter().map(|second| second.p99).max().unwrap_or_default(),
        all: figures(records()),
    }
}

/// The longest time without a hit, and when it ended, from the event; zeros where L2 was never away. `None` where it was
/// away when all was over; what has not ended with the span and ends later is of the next event, or of a machine that
/// stood still.
fn gap(at: Instant, hits: &[Instant], end: Instant, last_of_all: bool) -> (Duration, Option<Duration>) {
    let (mut last, mut longest, mut back) = (at, Duration::ZERO, Duration::ZERO);
    for hit in hits {
        if hit.duration_since(last) > longest {
            (longest, back) = (hit.duration_since(last), hit.duration_since(at));
        }
        last = *hit;
    }
    match () {
        () if hits.is_empty() || last_of_all && end.duration_since(last) > GONE => (end.duration_since(last), None),
        () if longest < AWAY => (longest, Some(Duration::ZERO)),
        () => (longest, Some(back)),
    }
}

fn seconds(seen: &Seen) -> Vec<Second> {
    let all = by_second(seen.records.iter(), seen.begun).into_iter().enumerate();
    all.map(|(second, figures)| Second { second, figures }).collect()
}

/// Figures of each second from this moment on.
fn by_second<'a>(records: impl Iterator<Item = &'a Record>, from: Instant) -> Vec<Figures> {
    let mut seconds: Vec<Vec<&Record>> = Vec::new();
    for record in records {
        let second = usize::try_from(record.started.duration_since(from).as_secs()).unwrap_or(0);
        if seconds.len() <= second {
            seconds.resize(second + 1, Vec::new());
        }
        if let Some(place) = seconds.get_mut(second) {
            place.push(record);
        }
    }
    seconds.into_iter().map(|records| figures(records.into_iter())).collect()
}

fn figures<'a>(records: impl Iterator<Item = &'a Record>) -> Figures {
    let (mut figures, mut times) = (Figures::default(), Vec::new());
    for record in records {
        figures.requests += 1;
        times.push(record.elapsed);
        match record.outcome {
            Ok((Tier::L1, _)) => figures.l1 += 1,
            Ok((Tier::L2, _)) => figures.l2 += 1,
            Ok((Tier::Collapsed, _)) => figures.collapsed += 1,
            Ok((Tier::Origin, _)) => figures.origin += 1,
            Err(_) => figures.failed += 1,
        }
    }
    times.sort();
    let rank = |share: usize| times.get((times.len() * share).div_ceil(100).saturating_sub(1)).copied();
    (figures.p50, figures.p99) = (rank(50).unwrap_or_default(), rank(99).unwrap_or_default());
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Answer;
    use crate::truth::Truth;
    use std::sync::Arc;

    fn at(zero: Instant, milliseconds: u64) -> Instant {
        zero + Duration::from_millis(milliseconds)
    }

    /// An event at second 10; a notice for key 0 acknowledged at second 12; 800 hits from L1 a second, and these.
    fn seen(more: &[(u64, Answer)]) -> Seen {
        let (truth, zero) = (Arc::new(Truth::new()), Instant::now());
        truth.advance(0);
        truth.acknowledge(0, 1, at(zero, 12_000));
        let record = |key, started, outcome| Record { key, started, elapsed: Duration::ZERO, outcome, pod: 0 };
        let many = (0..16_000).map(|number| record(1, at(zero, number * 5 / 4), Ok((Tier::L1, 0))));
        let more = more.iter().cloned().map(|(started, outcome)| record(0, at(zero, started), outcome));
        let event = Event {
            name: "event",
            at: at(zero, 10_000),
            switched: Some(at(zero, 11_000)),
            until: at(zero, 15_000),
            sentence: String::new(),
            faults: Vec::new(),
        };
        Seen {
            truth,
            records: many.chain(more).collect(),
            events: vec![event],
            published: Vec::new(),
            begun: zero,
            ended: at(zero, 20_000),
            still: Duration::ZERO,
            odd: None,
            harmed: None,
        }
    }

    /// Hits from L2 every half second, but not between these.
    fn l2(gap: std::ops::Range<u64>) -> Vec<(u64, Answer)> {
        let times = (0..20_000).step_by(500).filter(|time| !gap.contains(time));
        times.map(|time| (time, Ok((Tier::L2, 1)))).collect()
    }

    #[test]
    fn l2_is_back_when_the_longest_gap_ends() {
        let report = judge(&seen(&l2(10_100..14_000)));
        assert_eq!(report.violations, Vec::<String>::new());
        let span = &report.spans[0];
        assert_eq!((span.away, span.back), (Duration::from_millis(4000), Some(Duration::from_secs(4))));
        assert_eq!(judge(&seen(&l2(0..1))).spans[0].back, Some(Duration::ZERO));
    }

    #[test]
    fn l2_that_stays_away_is_a_violation() {
        let report = judge(&seen(&l2(10_100..20_000)));
        assert_eq!(report.violations.len(), 1, "{:?}", report.violations);
        assert_eq!(report.spans[0].back, None);
    }

    #[test]
    fn what_is_behind_or_failed_is_a_violation() {
        for (started, outcome, count) in [
            (12_001, Ok((Tier::L2, 0)), 1),
            (12_001, Ok((Tier::Origin, 0)), 1),
            (11_999, Ok((Tier::L2, 0)), 0),
            (16_999, Ok((Tier::L1, 0)), 0),
            (17_001, Ok((Tier::L1, 0)), 1),
            (1, Err("status 503".to_owned()), 1),
        ] {
            let mut more = l2(0..1);
            more.push((started, outcome.clone()));
            assert_eq!(judge(&seen(&more)).violations.len(), count, "{started} {outcome:?}");
        }
    }

    #[test]
    fn without_load_nothing_is_proved() {
        let mut seen = seen(&l2(0..1));
        seen.records.truncate(100);
        seen.records.extend(l2(0..1).into_iter().map(|(started, outcome)| Record {
            key: 0,
            started: at(seen.begun, started),
            elapsed: Duration::ZERO,
            outcome,
            pod: 0,
        }));
        assert!(judge(&seen).violations[0].contains("requests a second"));
    }
}
