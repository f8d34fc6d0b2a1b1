//! The figures: markdown for people, JSON for machines.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::figures::percent;
use crate::load::Tier;
use crate::plan;
use crate::run::{Held, Seen};
use crate::target::{self, Target};

/// To a hundredth.
pub fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// For machines.
pub fn json(seen: &Seen) -> Value {
    let targets = target::all(seen);
    let targets = targets.iter().map(|target| {
        let Target { name, found, limit, unit } = target;
        json!({ "name": name, "found": round(*found), "limit": limit.text(), "unit": unit,
            "met": limit.is_met(*found) })
    });
    let tiers = seen.measured.tiers.iter().map(|(tier, times)| (name(*tier).to_owned(), times.json()));
    let retrained = seen.retrained.iter().map(|one| {
        json!({ "publishing_ms": round(one.publishing.as_secs_f64() * 1000.0),
            "longest_ms": round(one.oldest.as_secs_f64() * 1000.0), "answers": one.answers, "old": one.old })
    });
    let [lookups, forwarded] = &seen.reasons;
    json!({
        "load": { "keys": plan::KEYS, "zipf": plan::SKEW, "service_ms": round(plan::DELAY.as_secs_f64() * 1000.0),
            "envoys": plan::PODS, "workers_each": plan::WORKERS, "connections": plan::CONNECTIONS,
            "rate": plan::RATE, "warmed": seen.warmed.0, "notices": seen.notices },
        "seconds": round(seen.time.as_secs_f64()),
        "seconds_whole": round(seen.whole.as_secs_f64()),
        "requests": seen.measured.all.count(),
        "targets": targets.collect::<Vec<_>>(),
        "all": seen.measured.all.json(),
        "tiers": tiers.collect::<Map<_, _>>(),
        "sent_late_p99_ms": round(seen.measured.late_ms),
        "cpu_us_per_request": costs(seen).into_iter().map(|(name, cost)| (name, json!(round(cost)))).collect::<Map<_, _>>(),
        "lookups_in_l2": lookups,
        "went_to_the_service": forwarded,
        "held": held_json(&seen.held),
        "retrainings": retrained.collect::<Vec<_>>(),
        "held_against_the_service": seen.compared,
        "unexpected": seen.unexpected,
        "wrong": seen.wrong,
        "faults": seen.faults,
    })
}

/// CPU time of each kind of process for one request, in microseconds.
fn costs(seen: &Seen) -> Vec<(String, f64)> {
    let mut all: Vec<(String, f64)> = Vec::new();
    for (name, used) in &seen.used {
        let cost = used.as_secs_f64() * 1e6 / seen.measured.all.count().max(1) as f64;
        match all.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += cost,
            None => all.push(((*name).to_owned(), cost)),
        }
    }
    all
}

fn held_json(held: &Held) -> Value {
    json!({
        "l1_entries": held.l1.0, "l1_bytes": held.l1.1,
        "envoy_bytes_at_start": held.resident.0, "envoy_bytes": held.resident.1,
        "redis_keys": held.redis.0, "redis_bytes": held.redis.1,
        "redis_connections": held.connections, "fills": held.fills,
    })
}

/// For people, as the documents have it.
pub fn text(seen: &Seen) -> String {
    let (keys, skew) = (plan::KEYS, plan::SKEW);
    let head = format!(
        "{} Envoys × {} worker(s), {keys} fingerprints by Zipf's law (s = {skew}), {} of them fetched beforehand in \
         {:.0} s; a service that takes {} ms; {} requests in {:.1} s over {} connections, and {} notices.",
        plan::PODS,
        plan::WORKERS,
        seen.warmed.0,
        seen.warmed.1.as_secs_f64(),
        plan::DELAY.as_millis(),
        seen.measured.all.count(),
        seen.time.as_secs_f64(),
        plan::CONNECTIONS,
        seen.notices,
    );
    let targets: Vec<_> = target::all(seen).iter().map(target_row).collect();
    let tables = [
        format!("| | found | to reach | |\n|---|---|---|---|\n{}", targets.join("\n")),
        format!(
            "| answered by | of all | p50, ms | p95, ms | p99, ms |\n|---|---|---|---|---|\n{}",
            rows(seen).join("\n")
        ),
    ];
    [head, tables.join("\n\n"), reasons_text(seen), cost_text(seen), held_text(&seen.held), tail(seen)].join("\n\n")
}

fn target_row(target: &Target) -> String {
    let Target { name, found, limit, unit } = target;
    let digits = if *found >= 1000.0 || found.fract() == 0.0 { 0 } else { 2 };
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    format!("| {name} | {found:.digits$}{unit} | {}{unit} | {} |", limit.text(), target.verdict())
}

fn rows(seen: &Seen) -> Vec<String> {
    let tiers = seen.measured.tiers.iter().map(|(tier, times)| (name(*tier), times));
    let all = [("all", &seen.measured.all)];
    let row = |(name, times): (&str, &crate::figures::Times)| {
        let share = percent(times.count() as f64, seen.measured.all.count() as f64);
        let [p50, p95, p99] = [500, 950, 990].map(|thousandths| times.ms(thousandths));
        format!("| {name} | {share:.1} % | {p50:.2} | {p95:.2} | {p99:.2} |")
    };
    tiers.chain(all).map(row).collect()
}

fn name(tier: Tier) -> &'static str {
    match tier {
        Tier::L1 => "L1",
        Tier::L2 => "L2",
        Tier::Collapsed => "waiting for another's",
        Tier::Service => "service",
        Tier::Never => "service (no rule)",
    }
}

fn reasons_text(seen: &Seen) -> String {
    let [lookups, forwarded] = seen.reasons.each_ref().map(list);
    let fills = list(&seen.held.fills);
    format!("Lookups in L2: {lookups}. Went to the service: {forwarded}. Fills of L2 up to then: {fills}.")
}

fn list(counts: &BTreeMap<String, f64>) -> String {
    let all: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {count:.0}")).collect();
    all.join(", ")
}

fn cost_text(seen: &Seen) -> String {
    let costs = costs(seen);
    let envoy = costs.iter().find(|(name, _)| name == "Envoy").map_or(0.0, |(_, cost)| *cost);
    let all: Vec<_> = costs.iter().map(|(name, cost)| format!("{name} {cost:.0}")).collect();
    format!(
        "CPU for one request, µs: {}. So a core of Envoy's own answers {:.0} requests/s of this mix.",
        all.join(", "),
        1e6 / envoy.max(0.001)
    )
}

fn held_text(held: &Held) -> String {
    let mib = |bytes: f64| bytes / 1_048_576.0;
    let sum = |all: &[u64]| all.iter().map(|bytes| *bytes as f64).sum::<f64>() / all.len().max(1) as f64;
    format!(
        "L1 holds {:.0} entries, {:.1} MiB; an Envoy {:.0} MiB, {:.0} before the first request. Redis holds {:.0} keys in \
         {:.1} MiB, {:.0} bytes each, over {:.0} connections.",
        held.l1.0,
        mib(held.l1.1),
        mib(sum(&held.resident.1)),
        mib(sum(&held.resident.0)),
        held.redis.0,
        mib(held.redis.1),
        held.redis.1 / held.redis.0.max(1.0),
        held.connections,
    )
}

fn tail(seen: &Seen) -> String {
    let old: usize = seen.retrained.iter().map(|one| one.old).sum();
    let answers: usize = seen.retrained.iter().map(|one| one.answers).sum();
    format!(
        "{} retrainings: {old} of {answers} watched answers were old after the notice was acknowledged. {} answers were \
         held against the service's own. The filter met the unexpected {:.0} times. Sent late: 99 of a hundred by {:.1} ms \
         at most. All of it took {:.0} s.",
        seen.retrained.len(),
        seen.compared,
        seen.unexpected,
        seen.measured.late_ms,
        seen.whole.as_secs_f64()
    )
}
