//! More keys than fit: memory stays under its budget, and so does Envoy.

use std::thread;

use e2e::{Outcome, Scene, before, settings, verdict};
use serde_json::{Value, json};
use stack::{Asked, Builder, Client, Request, Step, answer};

const KEYS: usize = 100_000;
const CLIENTS: usize = 4;
const BUDGET: f64 = 4.0 * 1024.0 * 1024.0;
/// What Envoy may grow by from the first thousands of keys to the last: two VMs with their budget and a half, and
/// room for connections and statistics. The bodies and heads of all keys would be 100 MB.
const GROWTH: u64 = 48 << 20;

fn sized(asked: &Asked) -> Vec<Step> {
    let length = 100 + asked.number * 7919 % 1000;
    answer(200, &[("cache-control", "max-age=600"), ("content-type", "text/plain")], "x".repeat(length))
}

/// Memory alone, small, and nothing written for each request.
fn small(builder: Builder) -> Builder {
    builder.redis(false).webdis(false).edit(shrink).change(|bootstrap| {
        settings::set(bootstrap.connection_manager()?, "/access_log", json!([]));
        Ok(())
    })
}

fn shrink(plugin: &mut Value) {
    plugin.as_object_mut().map(|members| members.remove("redis"));
    settings::set(plugin, "/memory", json!({ "max_entries": 100_000, "max_bytes": "4MiB", "ttl": "1h" }));
}

#[test]
fn a_hundred_thousand_keys_stay_under_the_budget_of_each_worker() {
    before(sized).set(small).play(|scene| {
        fill(scene, 0..KEYS / 10)?;
        within(scene)?;
        let early = resident(scene)?;
        fill(scene, KEYS / 10..KEYS)?;
        within(scene)?;
        let grown = resident(scene)?.saturating_sub(early);
        verdict::holds(grown < GROWTH, &format!("Envoy grew by {grown} bytes"))?;
        verdict::same(scene.origin.count(), KEYS, "how often the origin was asked")?;
        books_balance(scene)
    });
}

/// Asks for each key once, on a few connections.
fn fill(scene: &Scene, keys: std::ops::Range<usize>) -> Outcome {
    let port = scene.stack.envoy.port();
    thread::scope(|scope| {
        let clients = (0..CLIENTS).map(|client| {
            let keys = keys.clone().skip(client).step_by(CLIENTS);
            scope.spawn(move || ask(port, keys))
        });
        let clients: Vec<_> = clients.collect();
        let ends = clients.into_iter().map(|client| client.join().unwrap_or(Err("a client panicked".to_owned())));
        ends.fold(Ok(()), Outcome::and)
    })
}

fn ask(port: u16, keys: impl Iterator<Item = usize>) -> Outcome {
    let mut client = Client::connect(port)?;
    for key in keys {
        verdict::stored(&client.send(&Request::get(format!("{}/key-{key}", settings::PROFILES)))?)?;
    }
    Ok(())
}

fn within(scene: &Scene) -> Outcome {
    let bytes = scene.sum("bytes", &[])?;
    verdict::holds(bytes <= 2.0 * BUDGET && bytes > 0.5 * BUDGET, &format!("{bytes} bytes are in use"))
}

/// What came in has either left or is there.
fn books_balance(scene: &Scene) -> Outcome {
    let (entries, left) = (scene.sum("entries", &[])?, scene.sum("evictions_total", &[("reason", "capacity")])?);
    verdict::same(entries + left, KEYS as f64, "entries and those that left")
}

/// Bytes of memory that Envoy has in use.
fn resident(scene: &mut Scene) -> Result<u64, String> {
    let id = scene.stack.envoy.process().ok_or("Envoy does not run")?.id();
    let file = format!("/proc/{id}/status");
    let status = std::fs::read_to_string(&file).map_err(|error| format!("cannot read {file}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>();
    kilobytes.map(|kilobytes| kilobytes << 10).map_err(|error| format!("{line}: {error}"))
}

/// One key with more variants than any key may have.
#[test]
fn a_flood_of_variants_stays_bounded_in_both_tiers() {
    let varied = |_: &Asked| answer(200, &[("vary", "x-flood"), ("cache-control", "max-age=600")], "x");
    before(varied).one_worker().play(|scene| {
        let mut client = scene.stack.client()?;
        for number in 0..500 {
            let request = Request::get(format!("{}/flood", settings::PROFILES)).header("x-flood", number.to_string());
            verdict::stored(&client.send(&request)?)?;
        }
        scene.until_fills(500.0)?;
        let entries = scene.sum("entries", &[])?;
        verdict::holds(entries <= 32.0, &format!("{entries} variants in memory"))?;
        let keys = scene.stack.redis.entries()?;
        let fields = scene.stack.redis.call(&["HLEN", keys.first().ok_or("no key")?])?.integer().unwrap_or_default();
        verdict::holds(keys.len() == 1 && fields <= 66, &format!("{fields} fields in Redis"))
    });
}
