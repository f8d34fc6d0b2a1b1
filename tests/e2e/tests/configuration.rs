//! The configuration changes while requests come: nobody notices, and what is in memory stays where it may.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use e2e::{Outcome, Scene, before, settings, until, verdict};
use serde_json::{Value, json};
use stack::bootstrap::Bootstrap;
use stack::{Asked, Builder, CacheStatus, Client, Request, Step, answer};

const KEYS: usize = 20;
/// The filters of [`with_a_second`], and what each calls itself in `Cache-Status`.
const FILTERS: [(&str, &str); 2] = [("fingerprint_cache", "fingerprint-cache"), ("second", "second")];

fn profile(name: &str) -> Request {
    Request::get(format!("{}/{name}", settings::PROFILES))
}

/// Says nothing of how long it lasts: the rule does.
fn unsaid(asked: &Asked) -> Vec<Step> {
    answer(200, &[("content-type", "application/json")], json!({ "number": asked.number }).to_string())
}

/// The plugin configuration in force, changed.
fn changed(scene: &mut Scene, edit: impl FnOnce(&mut Value) + 'static) -> Outcome {
    scene.change(|bootstrap| {
        let mut plugin = bootstrap.plugin()?;
        edit(&mut plugin);
        bootstrap.set_plugin(&plugin)
    })
}

#[test]
fn a_change_under_load_fails_no_request_and_keeps_the_memory() {
    before(unsaid).play(|scene| {
        let mut pair = scene.pair()?;
        for key in 0..KEYS {
            scene.warm(&mut pair.one, &profile(&key.to_string()))?;
            pair.tour(&profile(&key.to_string()))?;
        }
        let (asked, entries) = (scene.origin.count(), scene.sum("entries", &[])?);
        let (stop, answered) = (&AtomicBool::new(false), &AtomicUsize::new(0));
        let port = scene.stack.envoy.port();
        thread::scope(|scope| {
            let clients: Vec<_> =
                (0..4).map(|client| scope.spawn(move || load(port, client % 2 == 0, stop, answered))).collect();
            let outcome = changes(scene, answered);
            stop.store(true, Ordering::Relaxed);
            let loads = clients.into_iter().map(|client| client.join().unwrap_or(Err("a client panicked".to_owned())));
            loads.fold(outcome, Outcome::and)
        })?;
        verdict::same(scene.origin.count(), asked, "how often the origin was asked")?;
        verdict::same(scene.sum("entries", &[])?, entries, "entries")
    });
}

/// Three changes of what is no part of a key, each in force before the next, with requests between them.
fn changes(scene: &mut Scene, answered: &AtomicUsize) -> Outcome {
    for minutes in [20, 40, 60] {
        let before = answered.load(Ordering::Relaxed);
        changed(scene, move |plugin| {
            settings::set(plugin, "/rules/0/freshness/default", json!(format!("{minutes}m")))
        })?;
        until("the new lifetime", || {
            let status = scene.send(&profile("0"))?.cache_status().unwrap_or_default();
            verdict::holds(status.hit, "the entry is still there")?;
            Ok(status.ttl.is_some_and(|ttl| ttl > (minutes - 20) * 60))
        })?;
        until("requests under the new one", || Ok(answered.load(Ordering::Relaxed) > before + 100))?;
    }
    Ok(())
}

/// Asks for the keys that are stored, in turn, until told to stop: each must be a hit.
fn load(port: u16, stays: bool, stop: &AtomicBool, answered: &AtomicUsize) -> Outcome {
    let mut client = Client::connect(port)?;
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if !stays {
            client = Client::connect(port)?;
        }
        verdict::any_hit(&client.send(&profile(&(number % KEYS).to_string()))?)?;
        answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

#[test]
fn a_refused_configuration_changes_nothing() {
    before(unsaid).one_worker().play(|scene| {
        verdict::stored(&scene.send(&profile("a"))?)?;
        let refusals: [fn(&mut Value); 3] = [
            |plugin| settings::set(plugin, "/rules/0/freshnes", json!({})),
            |plugin| settings::set(plugin, "/memory/ttl", json!("5 minutes")),
            |plugin| *plugin = json!([]),
        ];
        for (number, refusal) in refusals.into_iter().enumerate() {
            let error = changed(scene, refusal).err().unwrap_or_default();
            verdict::holds(error.contains("refused"), &format!("number {number} is refused: {error}"))?;
            verdict::hit(&scene.send(&profile("a"))?, "l1")?;
        }
        // And a good one after them is taken.
        changed(scene, |plugin| settings::set(plugin, "/rules/0/freshness/default", json!("9m")))?;
        let status = scene.send(&profile("a"))?.cache_status().unwrap_or_default();
        verdict::holds(status.hit_from("l1") && status.ttl.is_some_and(|ttl| ttl > 300), &format!("{status:?}"))
    });
}

/// Envoy keeps the filter's former roots for a while and takes them up again: the filter is not configured anew then.
#[test]
fn a_change_that_is_taken_back_is_out_of_force() {
    before(unsaid).one_worker().play(|scene| {
        verdict::stored(&scene.send(&profile("a"))?)?;
        for (lifetime, least, most) in [("30m", 300, 1800), ("5m", 0, 300), ("30m", 300, 1800), ("5m", 0, 300)] {
            scene_with(scene, lifetime)?;
            let status = scene.send(&profile("a"))?.cache_status().unwrap_or_default();
            let ttl = status.ttl.unwrap_or_default();
            verdict::holds(status.hit_from("l1"), &format!("{lifetime}: a hit: {status:?}"))?;
            verdict::holds(least < ttl && ttl <= most, &format!("{lifetime} is in force: {ttl} s are left"))?;
        }
        Ok(())
    });
}

fn scene_with(scene: &mut Scene, lifetime: &'static str) -> Outcome {
    changed(scene, move |plugin| settings::set(plugin, "/rules/0/freshness/default", json!(lifetime)))
}

/// Entries made when a header did not count must not answer once it does; and back again they may.
#[test]
fn what_a_key_is_made_of_changes_and_old_entries_are_out_of_reach() {
    before(unsaid).play(|scene| {
        let tenant = |name: &str| profile("a").header("x-tenant", name);
        let mut pair = scene.pair()?;
        scene.warm(&mut pair.one, &tenant("alpha"))?;
        pair.tour(&tenant("bravo"))?;
        changed(scene, |plugin| settings::set(plugin, "/rules/0/key", json!({ "headers": ["x-tenant"] })))?;
        let mut pair = scene.pair()?;
        scene.warm(&mut pair.one, &tenant("alpha"))?;
        pair.tour(&tenant("alpha"))?;
        verdict::from_origin(&pair.one.send(&tenant("bravo"))?)?;
        changed(scene, |plugin| settings::set(plugin, "/rules/0/auth", json!("origin")))?;
        verdict::not_stored(&scene.send(&tenant("alpha").bearer("t"))?, "authorization")
    });
}

#[test]
fn a_rule_that_goes_and_comes_back_finds_its_entries() {
    before(unsaid).one_worker().play(|scene| {
        verdict::stored(&scene.send(&profile("a"))?)?;
        let features = |plugin: &mut Value| {
            if let Some(rules) = plugin.pointer_mut("/rules").and_then(Value::as_array_mut) {
                rules.rotate_left(1);
            }
        };
        changed(scene, features)?;
        verdict::hit(&scene.send(&profile("a"))?, "l1")?;
        changed(scene, |plugin| {
            settings::set(plugin, "/rules/3/match", json!({ "methods": ["GET"], "path": "/none" }))
        })?;
        verdict::untouched(&scene.send(&profile("a"))?)
    });
}

/// Two filters in one chain, and so in one VM: the second has the same rules, but none of its requests at first.
fn with_a_second(builder: Builder) -> Builder {
    builder.redis(false).webdis(false).change(|bootstrap| {
        let mut plugin = bootstrap.plugin()?;
        plugin.as_object_mut().map(|members| members.remove("redis"));
        bootstrap.set_plugin(&plugin)?;
        let mut second = bootstrap.filter()?.clone();
        settings::set(&mut second, "/name", json!("second"));
        settings::set(&mut second, "/typed_config/config/name", json!("second"));
        let filters = bootstrap.connection_manager()?.pointer_mut("/http_filters").and_then(Value::as_array_mut);
        let filters = filters.ok_or("no filters")?;
        let first = filters.iter().position(|filter| filter["name"] == FILTERS[0].0).ok_or("no filter of ours")?;
        filters.insert(first + 1, second);
        serves(bootstrap, 0)
    })
}

/// Lets the first (0) or the second (1) filter serve the profiles, and the other nothing; at each `turn` in other words,
/// as going back is another test's affair.
fn serves(bootstrap: &mut Bootstrap, turn: usize) -> Outcome {
    let (mut plugin, which) = (bootstrap.plugin()?, turn % 2);
    settings::set(&mut plugin, "/rules/1/freshness/default", json!(format!("{}m", turn + 1)));
    for (number, (filter, name)) in FILTERS.into_iter().enumerate() {
        let path = if number == which { format!("{}/*", settings::PROFILES) } else { "/none".to_owned() };
        settings::set(&mut plugin, "/name", json!(name));
        settings::set(&mut plugin, "/rules/0/match", json!({ "methods": ["GET"], "path": path }));
        let filters = bootstrap.connection_manager()?.pointer_mut("/http_filters").and_then(Value::as_array_mut);
        let mut filters = filters.into_iter().flatten();
        let filter = filters.find(|found| found["name"] == filter).ok_or("no such filter")?;
        settings::set(filter, "/typed_config/config/configuration/value", json!(plugin.to_string()));
    }
    Ok(())
}

#[test]
fn two_plugins_in_one_vm_do_not_share_their_memory() {
    before(unsaid).one_worker().set(with_a_second).play(|scene| {
        let first = scene.send(&profile("a"))?;
        verdict::stored(&first)?;
        scene.change(|bootstrap| serves(bootstrap, 1))?;
        let second = scene.send(&profile("a"))?;
        verdict::holds(second.cache_status().is_none(), "the first has nothing to say")?;
        let said = CacheStatus::parse(&second.text("cache-status").unwrap_or_default(), "second");
        verdict::same(said.map(|said| (said.hit, said.stored)), Some((false, true)), "what the second says")?;
        verdict::holds(second.body != first.body, "two answers")?;
        scene.change(|bootstrap| serves(bootstrap, 2))?;
        let again = scene.send(&profile("a"))?;
        verdict::hit(&again, "l1")?;
        verdict::same(again.body, first.body, "the first one's own entry")
    });
}
