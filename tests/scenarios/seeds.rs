//! Random stories: as many as `SEEDS` says, or the one of `SEED`. `COUNTS=1` shows what they came across.

use crate::plan::Plan;
use crate::shrink::shrink;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters by the names of their metrics.
type Counts = BTreeMap<String, i64>;

/// So many stories take about 10 s on two cores, as `make scenarios` builds them.
const BY_DEFAULT: u64 = 1000;

/// What random stories have to come across, or they prove nothing: parts of names of metrics.
const ROOMS: [&str; 85] = [
    "rule=.=profiles;.;status=.=hit;.;tier=.=l1",
    "rule=.=profiles;.;status=.=hit;.;tier=.=l2",
    "rule=.=open;.;status=.=hit;.;tier=.=l1",
    "rule=.=open;.;status=.=hit;.;tier=.=l2",
    "rule=.=search;.;status=.=hit;.;tier=.=l1",
    "rule=.=keyed;.;status=.=hit;.;tier=.=l2",
    "rule=.=identify;.;status=.=hit;.;tier=.=l1",
    "rule=.=identify;.;status=.=hit;.;tier=.=l2",
    "rule=.=compare;.;status=.=hit;.;tier=.=l2",
    "rule=.=windows;.;status=.=hit;.;tier=.=l2",
    "rule=.=ignoring;.;status=.=hit;.;tier=.=l1",
    "rule=.=guessing;.;status=.=hit;.;tier=.=l1",
    "rule=.=tokens;.;status=.=hit;.;tier=.=l1",
    "status=.=stale;.;tier=.=l1",
    "status=.=stale;.;tier=.=l2",
    "status=.=stale;.;tier=.=origin",
    "status=.=only_if_cached",
    "outcome=.=confirmed;.;fingerprint_cache_refreshes",
    "outcome=.=replaced;.;fingerprint_cache_refreshes",
    "outcome=.=failed;.;fingerprint_cache_refreshes",
    "reason=.=invalidated",
    "reason=.=overtaken",
    "op=.=publish;.;outcome=.=ok",
    "op=.=publish;.;outcome=.=timeout",
    "op=.=publish;.;outcome=.=unreachable",
    "op=.=sync;.;outcome=.=timeout",
    "op=.=sync;.;outcome=.=unreachable",
    "op=.=sync;.;outcome=.=refused",
    "op=.=lease;.;outcome=.=ok",
    "op=.=lease;.;outcome=.=miss",
    "op=.=lease;.;outcome=.=timeout",
    "rule=.=profiles;.;status=.=collapsed",
    "rule=.=windows;.;status=.=collapsed",
    "rule=.=identify;.;status=.=collapsed",
    "outcome=.=collapsed;.;fingerprint_cache_leases",
    "outcome=.=handed_over;.;fingerprint_cache_leases",
    "outcome=.=led;.;fingerprint_cache_leases",
    "outcome=.=lost;.;fingerprint_cache_leases",
    "outcome=.=timed_out;.;fingerprint_cache_leases",
    "outcome=.=yielded;.;fingerprint_cache_leases",
    "reason=.=invalidated;.;fingerprint_cache_forwarded",
    "reason=.=suspended;.;fingerprint_cache_forwarded",
    "reason=.=epoch;.;fingerprint_cache_log_discontinuities",
    "reason=.=rewound;.;fingerprint_cache_log_discontinuities",
    "reason=.=trimmed;.;fingerprint_cache_log_discontinuities",
    "reason=.=unreadable;.;fingerprint_cache_log_discontinuities",
    "op=.=invalidate;.;scope=.=all",
    "op=.=invalidate;.;scope=.=key",
    "op=.=invalidate;.;scope=.=uri",
    "op=.=invalidate;.;scope=.=prefix",
    "op=.=invalidate;.;scope=.=pattern",
    "op=.=invalidate;.;scope=.=tag",
    "op=.=invalidate;.;scope=.=rule",
    "op=.=refresh;.;scope=.=tag",
    "op=.=refresh;.;scope=.=uri",
    "op=.=prewarm",
    "outcome=.=refused;.;fingerprint_cache_refreshes",
    "op=.=fill;.;outcome=.=fenced",
    "status=.=revalidated",
    "status=.=pass",
    "reason=.=vary_miss",
    "reason=.=credentials",
    "reason=.=stale",
    "reason=.=request_max_age",
    "reason=.=body_withheld",
    "reason=.=body_unlisted",
    "reason=.=body_duplicate",
    "reason=.=echo_ambiguous",
    "reason=.=echo_in_header",
    "reason=.=not_whole",
    "reason=.=not_from_origin",
    "reason=.=authorization",
    "reason=.=cors",
    "reason=.=too_large",
    "reason=.=capacity",
    "reason=.=replaced",
    "op=.=lookup;.;outcome=.=corrupt",
    "op=.=lookup;.;outcome=.=no_script",
    "op=.=lookup;.;outcome=.=timeout",
    "op=.=lookup;.;outcome=.=abandoned",
    "op=.=lookup;.;outcome=.=unreachable",
    "op=.=lookup;.;outcome=.=refused",
    "op=.=fill;.;outcome=.=no_script",
    "op=.=fill;.;outcome=.=timeout",
    "op=.=fill;.;outcome=.=dropped",
];

fn entered(all: &Counts, room: &str) -> i64 {
    all.iter().filter(|(name, _)| name.contains(room)).map(|(_, count)| count).sum()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays the story of a seed; the counters of its end, or the shortest story that fails.
fn play(seed: u64) -> Result<Counts, String> {
    let plan = Plan::of(seed);
    let (world, end) = plan.play();
    if let Err(what) = end {
        let least = shrink(&plan);
        let (world, end) = least.play();
        let what = end.err().unwrap_or(what);
        let again = format!("again: SEED={seed} cargo test --test scenarios seeds -- --nocapture");
        return Err(format!("{what}\n\n{:?}\n{}\n\n{again}", least.setup, world.story.text()));
    }
    let mut counts = Counts::new();
    for (name, count) in world.vms.iter().flat_map(|vm| &vm.counts) {
        *counts.entry(name.clone()).or_default() += count;
    }
    Ok(counts)
}

/// Plays so many seeds, on all cores; the counters of all, or the story of the first seed that fails.
fn play_all(seeds: u64) -> Result<Counts, String> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let failed = AtomicU64::new(u64::MAX);
    let share = |first: u64| {
        let mut all = Counts::new();
        for seed in (first..seeds).step_by(threads as usize) {
            if failed.load(Relaxed) < seed {
                break;
            }
            let counts = play(seed).inspect_err(|_| _ = failed.fetch_min(seed, Relaxed));
            add(&mut all, counts.map_err(|story| (seed, format!("seed {seed}: {story}")))?);
        }
        Ok::<_, (u64, String)>(all)
    };
    let ends: Vec<_> = std::thread::scope(|scope| {
        let playing: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn({
                    let share = &share;
                    move || share(first)
                })
            })
            .collect();
        playing.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let first = ends.iter().filter_map(|end| end.as_ref().err()).min().cloned();
    first.map_or(Ok(()), |(_, story)| Err(story))?;
    let mut all = Counts::new();
    ends.into_iter().flatten().for_each(|counts| add(&mut all, counts));
    Ok(all)
}

fn add(all: &mut Counts, counts: Counts) {
    counts.into_iter().for_each(|(name, count)| *all.entry(name).or_default() += count);
}

#[test]
fn what_must_hold_holds_in_every_story() {
    if let Some(seed) = number("SEED") {
        println!("{}", Plan::of(seed).play().0.story.text());
        return play(seed).map(drop).unwrap_or_else(|story| panic!("seed {seed}: {story}"));
    }
    let all = play_all(number("SEEDS").unwrap_or(BY_DEFAULT)).unwrap_or_else(|story| panic!("{story}"));
    println!("{} requests, {} of them hits", entered(&all, "requests_total"), entered(&all, "status=.=hit"));
    if number("COUNTS").is_some() {
        all.iter().for_each(|(name, count)| println!("{count:>8} {name}"));
    }
    if number("SEEDS").is_none_or(|seeds| seeds >= BY_DEFAULT) {
        let hardly: Vec<&&str> = ROOMS.iter().filter(|room| entered(&all, room) < 10).collect();
        assert!(hardly.is_empty(), "hardly a story enters {hardly:?}");
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in [1, 2, 3, 99] {
        let stories = [(); 2].map(|()| Plan::of(seed).play().0.story.text());
        assert_eq!(stories[0], stories[1]);
        assert!(stories[0].lines().count() > 50, "{}", stories[0]);
    }
}
