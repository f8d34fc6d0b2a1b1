//! Stale answers: served while one request, or a call that nobody waits for, asks the origin, and instead of its errors.
//!
//! Nothing here waits for an answer to grow old: the origin gives it an `Age` that it comes with.

use std::time::Duration;

use e2e::service::Gate;
use e2e::{Outcome, Scene, before, service, settings, until, verdict};
use serde_json::{Value, json};
use stack::{Asked, Builder, Client, Origin, Request, Response, Step, answer};

fn profile(name: &str) -> Request {
    Request::get(format!("{}/{name}", settings::PROFILES))
}

/// Stale as it comes: the shipped rule lets it serve for half a minute while it is refreshed, and instead of errors.
fn stale(_: &Asked) -> Vec<Step> {
    answer(200, &[("cache-control", "max-age=10"), ("age", "10"), ("etag", "\"v1\"")], "the first")
}

/// Stale as it comes, and these words with it.
fn stale_under(control: &'static str) -> impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static {
    move |_| answer(200, &[("cache-control", control), ("age", "10"), ("etag", "\"v1\"")], "the first")
}

/// Behind `gate`: confirms the first answer to whoever asks with its tag, for a minute; gives the second to others.
fn fresh(gate: &Gate) -> impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static {
    let gate = gate.clone();
    move |asked| {
        gate.pass();
        match asked.header("if-none-match") {
            Some(b"\"v1\"") => answer(304, &[("etag", "\"v1\""), ("cache-control", "max-age=60"), ("x-news", "1")], ""),
            _ => answer(200, &[("cache-control", "max-age=60")], "the second"),
        }
    }
}

fn is_stale(answer: &Response, tier: &str) -> Outcome {
    verdict::answered(answer, 200)?;
    verdict::hit(answer, tier)?;
    verdict::same(&answer.body[..], b"the first", "the body")?;
    let ttl = answer.cache_status().and_then(|status| status.ttl);
    verdict::holds(ttl.is_some_and(|ttl| ttl < 0), &format!("it says that it is stale: {ttl:?}"))
}

fn is_fresh(answer: &Response, tier: &str) -> Outcome {
    verdict::hit(answer, tier)?;
    let ttl = answer.cache_status().and_then(|status| status.ttl);
    verdict::holds(ttl.is_some_and(|ttl| ttl > 0), &format!("it says that it is fresh: {ttl:?}"))
}

/// Sends a request that the origin keeps, and waits until it is there.
fn lead(scene: &Scene, client: &mut Client, request: &Request) -> Outcome {
    let asked = scene.origin.count();
    client.write(&request.bytes())?;
    scene.origin.until(asked + 1, e2e::LIMIT)
}

#[test]
fn one_leads_to_a_slow_origin_and_the_others_are_served_the_stale_answer_at_once() {
    before(stale).one_worker().play(|scene| {
        let (gate, mut leader) = (Gate::default(), scene.stack.client()?);
        scene.warm(&mut leader, &profile("a"))?;
        scene.origin.becomes(fresh(&gate));
        lead(scene, &mut leader, &profile("a"))?;
        for _ in 0..10 {
            is_stale(&scene.send(&profile("a"))?, "l1")?;
        }
        verdict::same(scene.origin.count(), 2, "how often the origin was asked")?;
        gate.open();
        let led = leader.read("GET")?;
        verdict::answered(&led, 200)?;
        verdict::same(led.text("x-news"), Some("1".to_owned()), "what the origin said")?;
        is_fresh(&scene.send(&profile("a"))?, "l1")?;
        verdict::same(scene.origin.count(), 2, "how often the origin was asked")?;
        let stale = [("rule", "profiles"), ("status", "stale"), ("tier", "l1")];
        verdict::same(scene.sum("requests_total", &stale)?, 10.0, "stale answers counted")
    });
}

/// The lead goes to the next when the leader leaves.
#[test]
fn a_leader_that_leaves_lets_another_lead() {
    before(stale).one_worker().play(|scene| {
        let (gate, mut leader) = (Gate::default(), scene.stack.client()?);
        scene.warm(&mut leader, &profile("a"))?;
        scene.origin.becomes(fresh(&gate));
        lead(scene, &mut leader, &profile("a"))?;
        is_stale(&scene.send(&profile("a"))?, "l1")?;
        leader.leave();
        let mut next = scene.stack.client()?;
        next.patience(Duration::from_millis(500))?;
        until("another to lead", || {
            if scene.origin.count() > 2 {
                return Ok(true);
            }
            // Either it is answered at once, or it leads and waits.
            let _ = next.send(&profile("a"));
            next = scene.stack.client()?;
            next.patience(Duration::from_millis(500))?;
            Ok(false)
        })?;
        gate.open();
        until("the new answer", || Ok(scene.send(&profile("a"))?.cache_status().and_then(|said| said.ttl) > Some(0)))
    });
}

#[test]
fn redis_gives_the_stale_answer_that_memory_has_lost() {
    before(stale).one_worker().play(|scene| {
        let gate = Gate::default();
        scene.warm(&mut scene.stack.client()?, &profile("a"))?;
        scene.warm(&mut scene.stack.client()?, &profile("b"))?;
        scene.stack.envoy.restart()?;
        scene.origin.becomes(|_| answer(503, &[], "out of order"));
        let instead = scene.send(&profile("b"))?;
        verdict::answered(&instead, 200)?;
        verdict::same(&instead.body[..], b"the first", "the body")?;
        scene.origin.becomes(fresh(&gate));
        let mut leader = scene.stack.client()?;
        lead(scene, &mut leader, &profile("a"))?;
        let asked = scene.origin.count();
        // Memory has it again since somebody asks on behalf of all.
        is_stale(&scene.send(&profile("a"))?, "l1")?;
        verdict::same(scene.origin.count(), asked, "how often the origin was asked")?;
        gate.open();
        verdict::same(leader.read("GET")?.text("x-news"), Some("1".to_owned()), "what the origin said")?;
        is_fresh(&scene.send(&profile("a"))?, "l1")
    });
}

/// The shipped rule for profiles, refreshed through the service's own cluster.
fn refreshing(builder: Builder) -> Builder {
    builder.edit(|plugin| settings::set(plugin, "/rules/0/refresh", json!({ "cluster": "fingerprint-api" })))
}

fn until_refreshed(scene: &Scene, outcome: &str, least: f64) -> Outcome {
    scene.until_sum("refreshes_total", &[("rule", "profiles"), ("outcome", outcome)], least)
}

#[test]
fn with_a_cluster_to_refresh_through_nobody_waits_and_the_origin_is_asked_once() {
    before(service::numbered).set(refreshing).play(|scene| {
        let (gate, mut pair) = (Gate::default(), scene.pair()?);
        scene.origin.becomes(stale);
        scene.warm(&mut pair.one, &profile("a"))?;
        let (asked, fills) = (scene.origin.count(), scene.fills()?);
        scene.origin.becomes(fresh(&gate));
        let picky = profile("a").header("range", "bytes=0-1").header("if-none-match", "\"mine\"").header("x-mine", "1");
        verdict::answered(&pair.one.send(&picky)?, 206)?;
        scene.origin.until(asked + 1, e2e::LIMIT)?;
        for _ in 0..10 {
            is_stale(&pair.one.send(&profile("a"))?, "l1")?;
        }
        gate.open();
        until_refreshed(scene, "confirmed", 1.0)?;
        is_fresh(&pair.one.send(&profile("a"))?, "l1")?;
        scene.until_fills(fills + 1.0)?;
        for again in pair.tour(&profile("a"))? {
            verdict::same(again.text("x-news"), Some("1".to_owned()), "what the origin said")?;
        }
        verdict::same(scene.origin.count(), asked + 1, "how often the origin was asked")?;
        let sent = scene.origin.asked().pop().ok_or("nothing was asked")?;
        verdict::same(sent.header("if-none-match"), Some(&b"\"v1\""[..]), "the condition is ours")?;
        verdict::same(sent.path(), profile("a").path(), "the path")?;
        verdict::same(sent.header("host"), Some(&b"localhost"[..]), "the host")?;
        verdict::same(sent.header("x-mine"), Some(&b"1"[..]), "what the answer may depend on")?;
        verdict::holds(sent.header("range").is_none(), "no range of one client's")
    });
}

#[test]
fn a_refresh_replaces_what_has_changed_and_leaves_what_it_cannot_refresh() {
    before(stale).one_worker().set(refreshing).play(|scene| {
        scene.warm(&mut scene.stack.client()?, &profile("changed"))?;
        scene.origin.becomes(|_| answer(200, &[("cache-control", "max-age=60")], "the second"));
        is_stale(&scene.send(&profile("changed"))?, "l1")?;
        until_refreshed(scene, "replaced", 1.0)?;
        let again = scene.send(&profile("changed"))?;
        is_fresh(&again, "l1")?;
        verdict::same(&again.body[..], b"the second", "the body")?;
        scene.origin.becomes(stale);
        scene.warm(&mut scene.stack.client()?, &profile("broken"))?;
        scene.origin.becomes(|_| answer(503, &[], "out of order"));
        for number in 1..4 {
            is_stale(&scene.send(&profile("broken"))?, "l1")?;
            until_refreshed(scene, "failed", f64::from(number))?;
        }
        scene.origin.becomes(|_| vec![Step::Reset]);
        is_stale(&scene.send(&profile("broken"))?, "l1")?;
        until_refreshed(scene, "failed", 4.0)
    });
}

/// A refresh looks into Redis first: what another worker has refreshed there need not be asked for.
#[test]
fn a_refresh_takes_what_is_fresh_in_redis() {
    before(service::numbered).set(refreshing).play(|scene| {
        let mut pair = scene.pair()?;
        scene.origin.becomes(stale);
        scene.warm(&mut pair.one, &profile("a"))?;
        is_stale(&pair.other.send(&profile("a"))?, "l2")?;
        until("the other worker's refresh", || Ok(scene.sum("refreshes_total", &[])? >= 1.0))?;
        let fills = scene.fills()?;
        let open = Gate::default();
        open.open();
        scene.origin.becomes(fresh(&open));
        is_stale(&pair.other.send(&profile("a"))?, "l1")?;
        scene.until_fills(fills + 1.0)?;
        let asked = scene.origin.count();
        is_stale(&pair.one.send(&profile("a"))?, "l1")?;
        until_refreshed(scene, "found", 1.0)?;
        is_fresh(&pair.one.send(&profile("a"))?, "l1")?;
        verdict::same(scene.origin.count(), asked, "how often the origin was asked")
    });
}

#[test]
fn webdis_leaves_while_a_refresh_asks_it_and_the_origin_is_asked_all_the_same() {
    before(stale).one_worker().set(refreshing).play(|scene| {
        let open = Gate::default();
        open.open();
        scene.warm(&mut scene.stack.client()?, &profile("a"))?;
        scene.origin.becomes(fresh(&open));
        scene.stack.webdis.pause();
        is_stale(&scene.send(&profile("a"))?, "l1")?;
        verdict::same(scene.origin.count(), 1, "how often the origin was asked yet")?;
        scene.stack.webdis.stop();
        until_refreshed(scene, "confirmed", 1.0)?;
        is_fresh(&scene.send(&profile("a"))?, "l1")?;
        verdict::same(scene.origin.count(), 2, "how often the origin was asked")?;
        // Sent in vain, or not at all where the log was not read yet.
        let ended = |outcome| scene.sum("l2_calls_total", &[("op", "fill"), ("outcome", outcome)]);
        e2e::until("the fill to end", || Ok(ended("dropped")? + ended("unreachable")? + ended("timeout")? >= 1.0))
    });
}

#[test]
fn a_refresh_outlives_the_configuration_it_began_under() {
    before(stale).one_worker().set(refreshing).play(|scene| {
        let gate = Gate::default();
        scene.warm(&mut scene.stack.client()?, &profile("a"))?;
        scene.origin.becomes(fresh(&gate));
        is_stale(&scene.send(&profile("a"))?, "l1")?;
        scene.origin.until(2, e2e::LIMIT)?;
        scene.change(|bootstrap| {
            let mut plugin = bootstrap.plugin()?;
            settings::set(&mut plugin, "/rules/0/freshness/default", json!("7m"));
            bootstrap.set_plugin(&plugin)
        })?;
        is_stale(&scene.send(&profile("a"))?, "l1")?;
        verdict::same(scene.origin.count(), 2, "how often the origin was asked")?;
        gate.open();
        until_refreshed(scene, "confirmed", 1.0)?;
        is_fresh(&scene.send(&profile("a"))?, "l1")?;
        verdict::same(scene.origin.count(), 2, "how often the origin was asked")
    });
}

/// One that no rule names a cluster for any more comes to an end, and the next is as the new rules say.
#[test]
fn a_refresh_that_no_rule_wants_any_more_does_no_harm() {
    before(stale).one_worker().set(refreshing).play(|scene| {
        let gate = Gate::default();
        scene.warm(&mut scene.stack.client()?, &profile("a"))?;
        scene.origin.becomes(fresh(&gate));
        is_stale(&scene.send(&profile("a"))?, "l1")?;
        scene.origin.until(2, e2e::LIMIT)?;
        scene.change(|bootstrap| {
            let mut plugin = bootstrap.plugin()?;
            plugin.pointer_mut("/rules/0").and_then(Value::as_object_mut).map(|rule| rule.remove("refresh"));
            bootstrap.set_plugin(&plugin)
        })?;
        gate.open();
        until_refreshed(scene, "confirmed", 1.0)?;
        is_fresh(&scene.send(&profile("a"))?, "l1")?;
        verdict::same(scene.origin.count(), 2, "how often the origin was asked")
    });
}

/// What a client gets when the origin fails with something stale in store.
fn failing(client: &mut Client, name: &str, status: u16) -> Outcome {
    let instead = client.send(&profile(name))?;
    verdict::answered(&instead, 200)?;
    verdict::same(&instead.body[..], b"the first", "the body")?;
    let said = instead.cache_status().unwrap_or_default();
    let words = (said.hit, said.fwd.as_deref(), said.fwd_status, said.detail.as_deref());
    verdict::same(words, (false, Some("stale"), Some(status), Some("stale_if_error")), "what it says")?;
    verdict::holds(said.ttl.is_some_and(|ttl| ttl < 0) && !said.stored, "stale, and not stored")?;
    verdict::holds(instead.header("age").is_some(), "an age")
}

/// A route that waits for a second only.
fn hasty(builder: Builder) -> Builder {
    builder.workers(1).change(|bootstrap| {
        let route = "/route_config/virtual_hosts/0/routes/0/route/timeout";
        settings::set(bootstrap.connection_manager()?, route, json!("1s"));
        Ok(())
    })
}

type Script = fn(&Asked) -> Vec<Step>;

/// The same, once nobody holds the lease any more: until then the stale answer is served without the origin.
fn until_failing(client: &mut Client, name: &str, status: u16) -> Outcome {
    let mut last = Ok(());
    e2e::until("the origin to be asked", || {
        last = failing(client, name, status);
        Ok(last.is_ok())
    })
    .map_err(|error| format!("{name}: {error}: {last:?}"))
}

#[test]
fn a_stale_answer_stands_in_for_every_error_of_the_origin() {
    before(stale).set(hasty).play(|scene| {
        let mut client = scene.stack.client()?;
        let errors: [(&str, u16, Script); 7] = [
            ("500", 500, |_| answer(500, &[], "broken")),
            ("502", 502, |_| answer(502, &[], "broken")),
            ("503", 503, |_| answer(503, &[("retry-after", "1")], "broken")),
            ("504", 504, |_| answer(504, &[], "broken")),
            ("reset", 503, |_| vec![Step::Reset]),
            ("garbage", 502, |_| vec![Step::Write(b"\x16\x03\x01nonsense\r\n\r\n".to_vec()), Step::Close]),
            ("hangs", 504, |_| vec![Step::Hang]),
        ];
        for (name, status, error) in errors {
            scene.origin.becomes(stale);
            scene.warm(&mut client, &profile(name))?;
            scene.origin.becomes(error);
            let asked = scene.origin.count();
            // Twice: an error has not become the stored answer.
            for _ in 0..2 {
                until_failing(&mut client, name, status)?;
            }
            verdict::holds(scene.origin.count() >= asked + 2, "the origin was asked each time")?;
        }
        // Nobody listens there any more.
        scene.origin = Origin::start(service::numbered)?;
        until_failing(&mut client, "500", 503)
    });
}

#[test]
fn other_statuses_go_through_though_something_stale_is_stored() {
    before(stale).one_worker().play(|scene| {
        let mut client = scene.stack.client()?;
        for status in [400, 403, 404, 410, 429, 501] {
            let name = status.to_string();
            scene.origin.becomes(stale);
            scene.warm(&mut client, &profile(&name))?;
            scene.origin.becomes(move |_| answer(status, &[("cache-control", "no-store")], "no"));
            verdict::answered(&client.send(&profile(&name))?, status)?;
        }
        Ok(())
    });
}

/// RFC 9111 §4.2.4: what forbids stale answers forbids them in both cases. So does a client that wants none.
#[test]
fn who_forbids_stale_answers_gets_none() {
    before(stale).one_worker().play(|scene| {
        for (name, control) in [
            ("must", "max-age=10, must-revalidate"),
            ("proxy", "max-age=10, proxy-revalidate"),
            ("shared", "s-maxage=10"),
            ("no-cache", "max-age=10, no-cache"),
            ("must-though", "max-age=10, must-revalidate, stale-if-error=60, stale-while-revalidate=60"),
            ("zero", "max-age=10, stale-if-error=0, stale-while-revalidate=0"),
        ] {
            forbidden(scene, name, control, &profile(name)).map_err(|error| format!("{control}: {error}"))?;
        }
        for (name, directive) in
            [("client-no-cache", "no-cache"), ("client-max-age", "max-age=5"), ("min", "min-fresh=1")]
        {
            let request = profile(name).header("cache-control", directive);
            forbidden(scene, name, "max-age=10", &request).map_err(|error| format!("{directive}: {error}"))?;
        }
        Ok(())
    });
}

/// Two requests while the origin is slow both wait for it; and its error is what they get.
fn forbidden(scene: &Scene, name: &str, control: &'static str, request: &Request) -> Outcome {
    let (gate, mut clients) = (Gate::default(), [scene.stack.client()?, scene.stack.client()?]);
    scene.origin.becomes(stale_under(control));
    verdict::stored(&scene.get(&profile(name).path())?)?;
    let kept = gate.clone();
    scene.origin.becomes(move |_| {
        kept.pass();
        answer(503, &[], "out of order")
    });
    for client in &mut clients {
        lead(scene, client, request)?;
    }
    gate.open();
    for client in &mut clients {
        verdict::answered(&client.read("GET")?, 503)?;
    }
    Ok(())
}

/// The windows of the origin count before those of the rule.
#[test]
fn a_window_ends() {
    let rule = json!({
        "name": "windows",
        "match": { "paths": ["/windows/**"] },
        "freshness": { "default": "1s", "stale_while_revalidate": "5s", "stale_if_error": "8s" },
    });
    let script = |asked: &Asked| {
        let age = asked.path().rsplit('/').next().unwrap_or_default().to_owned();
        answer(200, &[("cache-control", "max-age=1"), ("age", &age), ("etag", "\"v1\"")], "the first")
    };
    before(script).one_worker().set(|builder| settings::with_rule(builder, rule)).play(|scene: &mut Scene| {
        let mut client = scene.stack.client()?;
        // Within both, within that for errors alone, within none.
        for (age, instead) in [("2", true), ("7", true), ("20", false)] {
            scene.origin.becomes(script);
            let request = Request::get(format!("/windows/{age}"));
            verdict::stored(&client.send(&request)?)?;
            scene.origin.becomes(|_| answer(503, &[], "out of order"));
            let status = if instead { 200 } else { 503 };
            verdict::answered(&client.send(&request)?, status).map_err(|error| format!("age {age}: {error}"))?;
        }
        followers(scene)
    });
}

/// Of two requests at once the second waits too, where the window for it is over.
fn followers(scene: &Scene) -> Outcome {
    let (gate, mut clients) = (Gate::default(), [scene.stack.client()?, scene.stack.client()?]);
    scene.origin.becomes(fresh(&gate));
    for client in &mut clients {
        lead(scene, client, &Request::get("/windows/7"))?;
    }
    gate.open();
    clients.iter_mut().try_for_each(|client| verdict::answered(&client.read("GET")?, 200))
}

/// Who leads has the lease: another worker does not ask the origin too, and serves what it has.
#[test]
fn all_workers_have_one_leader() {
    before(service::numbered).play(|scene| {
        let (gate, mut pair) = (Gate::default(), scene.pair()?);
        scene.origin.becomes(stale);
        scene.warm(&mut pair.one, &profile("a"))?;
        scene.origin.becomes(fresh(&gate));
        lead(scene, &mut pair.one, &profile("a"))?;
        let asked = scene.origin.count();
        is_stale(&pair.other.send(&profile("a"))?, "l1")?;
        verdict::same(scene.origin.count(), asked, "how often the origin was asked")?;
        gate.open();
        verdict::same(pair.one.read("GET")?.text("x-news"), Some("1".to_owned()), "what the origin said")
    });
}
