//! L2 fails in every way it can. Nobody gets an error for it, what is in memory is still answered from there, the
//! failure is counted, and when L2 is back it is used again.

use e2e::{Outcome, Pair, Scene, before, service, settings, until, verdict};
use stack::Request;
use std::thread::sleep;
use std::time::Duration;

/// How many new keys are asked for during an outage, on each worker.
const REQUESTS: usize = 8;

fn profile(name: &str) -> Request {
    Request::get(format!("{}/{name}", settings::PROFILES))
}

/// One way to fail.
struct Outage {
    /// The outcome that is counted for a lookup.
    outcome: &'static str,
    /// Whether the breaker opens: L2 is not there, as opposed to unwilling.
    opens: bool,
    begin: fn(&mut Scene) -> Outcome,
    end: fn(&mut Scene) -> Outcome,
}

fn survive(outage: &Outage) {
    before(service::numbered).set(|builder| settings::patient(builder, "300ms")).play(|scene| {
        let mut pair = scene.pair()?;
        scene.warm(&mut pair.one, &profile("before"))?;
        (outage.begin)(scene)?;
        endured(outage, scene, &mut pair)?;
        (outage.end)(scene)?;
        recovered(scene, &mut pair)
    });
}

fn endured(outage: &Outage, scene: &Scene, pair: &mut Pair) -> Outcome {
    let asked = scene.origin.count();
    for number in 0..REQUESTS {
        verdict::from_origin(&pair.one.send(&profile(&format!("one-{number}")))?)?;
        verdict::from_origin(&pair.other.send(&profile(&format!("other-{number}")))?)?;
        verdict::hit(&pair.one.send(&profile("before"))?, "l1")?;
    }
    verdict::hit(&pair.other.send(&profile("other-0"))?, "l1")?;
    verdict::same(scene.origin.count(), asked + 2 * REQUESTS, "how often the origin was asked")?;
    scene.until_sum("l2_calls_total", &[("op", "lookup"), ("outcome", outage.outcome)], 1.0)?;
    if outage.opens {
        return scene.until_sum("breaker_open", &[], 1.0);
    }
    verdict::same(scene.sum("breaker_open", &[])?, 0.0, "the breaker")
}

/// L2 is used again: what one worker stores there the other finds, soon and without anything restarted.
fn recovered(scene: &Scene, pair: &mut Pair) -> Outcome {
    let mut number = 0;
    until("L2 to be used again", || {
        number += 1;
        let request = profile(&format!("after-{number}"));
        verdict::from_origin(&pair.one.send(&request)?)?;
        Ok(pair.other.send(&request)?.cache_status().is_some_and(|status| status.hit_from("l2")))
    })?;
    until("the breaker to close", || Ok(scene.sum("breaker_open", &[])? == 0.0))
}

#[test]
fn redis_is_stopped_and_started() {
    survive(&Outage {
        outcome: "unreachable",
        opens: true,
        begin: |scene| {
            scene.stack.redis.stop();
            Ok(())
        },
        end: |scene| scene.stack.redis.start(),
    });
}

#[test]
fn redis_is_killed_and_comes_back_empty_without_scripts() {
    survive(&Outage {
        outcome: "unreachable",
        opens: true,
        begin: |scene| {
            scene.stack.redis.kill();
            Ok(())
        },
        end: |scene| {
            scene.stack.redis.start()?;
            verdict::holds(scene.stack.redis.keys()?.is_empty(), "Redis is empty")
        },
    });
}

#[test]
fn redis_is_restarted_between_two_requests_and_nobody_notices() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        scene.warm(&mut pair.one, &profile("before"))?;
        scene.stack.redis.restart()?;
        until("webdis to have noticed", || Ok(scene.stack.webdis.answers()))?;
        verdict::hit(&pair.one.send(&profile("before"))?, "l1")?;
        verdict::stored(&pair.other.send(&profile("before"))?)?;
        recovered(scene, &mut pair)?;
        let again = scene.sum("l2_calls_total", &[("op", "lookup"), ("outcome", "no_script")])?;
        verdict::holds(again >= 2.0, &format!("the script is sent whole after each start: {again}"))
    });
}

#[test]
fn redis_is_paused_and_goes_on() {
    survive(&Outage {
        outcome: "timeout",
        opens: true,
        begin: |scene| {
            scene.stack.redis.pause();
            Ok(())
        },
        end: |scene| {
            scene.stack.redis.resume();
            Ok(())
        },
    });
}

#[test]
fn redis_is_a_replica_for_a_while() {
    survive(&Outage {
        outcome: "refused",
        opens: false,
        begin: |scene| scene.stack.redis.read_only(true),
        end: |scene| scene.stack.redis.read_only(false),
    });
}

#[test]
fn webdis_is_gone_and_comes_back() {
    survive(&Outage {
        outcome: "unreachable",
        opens: true,
        begin: |scene| {
            scene.stack.webdis.stop();
            Ok(())
        },
        end: |scene| scene.stack.webdis.start(),
    });
}

#[test]
fn webdis_is_paused_and_goes_on() {
    survive(&Outage {
        outcome: "timeout",
        opens: true,
        begin: |scene| {
            scene.stack.webdis.pause();
            Ok(())
        },
        end: |scene| {
            scene.stack.webdis.resume();
            Ok(())
        },
    });
}

#[test]
fn a_full_redis_serves_what_it_has_and_refuses_the_rest() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        scene.warm(&mut pair.one, &profile("before"))?;
        scene.stack.redis.out_of_memory(true)?;
        verdict::hit(&pair.other.send(&profile("before"))?, "l2")?;
        verdict::stored(&pair.one.send(&profile("during"))?)?;
        scene.until_sum("l2_calls_total", &[("op", "fill"), ("outcome", "refused")], 1.0)?;
        verdict::hit(&pair.one.send(&profile("during"))?, "l1")?;
        verdict::from_origin(&pair.other.send(&profile("during"))?)?;
        scene.stack.redis.out_of_memory(false)?;
        recovered(scene, &mut pair)
    });
}

#[test]
fn a_fill_that_redis_refuses_is_counted_though_nobody_waits_for_it() {
    before(service::numbered).one_worker().play(|scene| {
        let mut client = scene.stack.client()?;
        scene.warm(&mut client, &profile("before"))?;
        scene.stack.redis.out_of_memory(true)?;
        verdict::stored(&client.send(&profile("during"))?)?;
        client.leave();
        scene.until_sum("l2_calls_total", &[("op", "fill"), ("outcome", "refused")], 1.0)?;
        scene.stack.redis.out_of_memory(false)?;
        verdict::same(scene.stack.redis.entries()?.len(), 1, "how many entries are in Redis")
    });
}

/// A lookup without an answer may have taken the lease all the same: the fill is sent under its token, with the place up to
/// which the log was read before. Whatever Redis makes of that, the answer is in memory.
#[test]
fn what_was_fetched_without_an_answer_of_redis_is_kept_in_memory() {
    let hasty = |builder| settings::patient(builder, "300ms");
    before(service::numbered).one_worker().set(hasty).play(|scene| {
        let mut client = scene.stack.client()?;
        // Without any place in the log nothing would be sent. Here are one worker and that of the main thread.
        let begun = || scene.sum("log_discontinuities_total", &[("reason", "start")]);
        e2e::until("the log to be followed", || Ok(begun()? >= 2.0))?;
        scene.warm(&mut client, &profile("before"))?;
        scene.stack.redis.read_only(true)?;
        verdict::stored(&client.send(&profile("refused"))?)?;
        scene.until_sum("l2_calls_total", &[("op", "fill"), ("outcome", "refused")], 1.0)?;
        scene.stack.redis.read_only(false)?;
        scene.stack.redis.pause();
        verdict::stored(&client.send(&profile("late"))?)?;
        scene.stack.redis.resume();
        verdict::hit(&client.send(&profile("late"))?, "l1")?;
        let entries = scene.stack.redis.entries()?.len();
        verdict::holds(entries <= 2, &format!("{entries} entries in Redis, and the refused one is none"))
    });
}

#[test]
fn without_redis_from_the_start_memory_alone_serves() {
    before(service::numbered).set(|builder| builder.redis(false).webdis(false).workers(1)).play(|scene| {
        let mut client = scene.stack.client()?;
        verdict::stored(&client.send(&profile("a"))?)?;
        verdict::hit(&client.send(&profile("a"))?, "l1")
    });
}

/// When it goes on, its lookup counts as lost before Envoy gets to say that it has timed out: that reply is late, and
/// must not keep the answer from being stored.
#[test]
fn an_envoy_that_stood_still_while_it_asked_redis_stores_the_answer_all_the_same() {
    before(service::numbered).set(|builder| settings::patient(builder, "100ms")).play(|scene| {
        let mut client = scene.stack.client()?;
        scene.warm(&mut client, &profile("before"))?;
        scene.stack.redis.pause();
        client.write(&profile("still").bytes())?;
        sleep(Duration::from_millis(20));
        scene.stack.envoy.pause();
        sleep(Duration::from_millis(1500));
        scene.stack.envoy.resume();
        verdict::from_origin(&client.read("GET")?)?;
        scene.stack.redis.resume();
        verdict::hit(&client.send(&profile("still"))?, "l1")
    });
}
