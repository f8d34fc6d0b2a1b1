//! What is published reaches every worker of every Envoy, whatever becomes of Redis and of the Envoys meanwhile.

use std::time::Duration;

use e2e::pods::{BOUND, Pods, WORKERS, stamped, version_of, versioned};
use e2e::service::Gate;
use e2e::{LIMIT, Outcome, until, verdict};
use serde_json::json;
use stack::{Asked, Client, Publisher, Request, Scope, Step, answer};

/// The old version is in the memory of all but the last of these workers; then the origin has a new one, which is
/// published. The last worker, which has to ask L2, gives it at once, the others soon.
fn reaches_all(pods: &Pods, publisher: &mut Publisher, workers: &mut [Client], target: &str, scope: &Scope) -> Outcome {
    let (last, others) = workers.split_last_mut().ok_or("no workers")?;
    pods.warm(others, target)?;
    let version = pods.version().next();
    publisher.invalidate(scope)?;
    let first = last.send(&Request::get(target))?;
    verdict::same(version_of(&first)?, version, &format!("{scope:?}: what L2 gives"))?;
    for worker in others {
        pods.becomes(worker, target, version).map_err(|error| format!("{scope:?}: {error}"))?;
    }
    Ok(())
}

/// A target of its own for each scope, and a notice that is about it.
fn scopes(pods: &Pods) -> Result<Vec<(String, Scope)>, String> {
    let shown = pods.get(0, "/left/key")?.cache_status().and_then(|status| status.key);
    let notices = [
        ("key", Scope::Key(shown.ok_or("no key is shown")?)),
        ("uri", Scope::Uri("/left/uri".to_owned())),
        ("uri-of-host", Scope::Uri("localhost/left/uri-of-host".to_owned())),
        ("prefix-1", Scope::Prefix("/left/prefix-".to_owned())),
        ("prefix-of-host", Scope::Prefix("localhost/left/prefix-of".to_owned())),
        ("pattern-1", Scope::Pattern("/left/pattern-*".to_owned())),
        ("tag", Scope::Tag("tag".to_owned())),
        ("tag-of-rule", Scope::Tag("left".to_owned())),
        ("rule", Scope::Rule("left".to_owned())),
        ("all", Scope::All),
    ];
    Ok(notices.into_iter().map(|(name, scope)| (format!("/left/{name}"), scope)).collect())
}

#[test]
fn every_scope_reaches_every_worker() {
    versioned().play(|pods| {
        let (mut workers, mut publisher) = (pods.fleet.workers()?, pods.fleet.publisher()?);
        verdict::same(workers.len(), WORKERS, "workers")?;
        let bystander = "/right/bystander";
        for (target, scope) in scopes(pods)? {
            pods.warm(&mut workers, bystander)?;
            reaches_all(pods, &mut publisher, &mut workers, &target, &scope)?;
            for worker in &mut workers {
                let answer = worker.send(&Request::get(bystander))?;
                let stayed = answer.cache_status().is_some_and(|status| status.hit_from("l1"));
                verdict::same(stayed, scope != Scope::All, &format!("{scope:?}: the bystander stays"))?;
            }
        }
        Ok(())
    });
}

#[test]
fn what_was_fetched_before_a_notice_is_not_stored_after_it() {
    let gate = Gate::default();
    versioned().play(|pods| {
        let (mut workers, mut publisher) = (pods.fleet.workers()?, pods.fleet.publisher()?);
        let (held, version) = (gate.clone(), pods.version().clone());
        pods.origin.becomes(move |asked| {
            let read = version.now();
            if asked.path() == "/left/slow" && read == 0 {
                held.pass();
            }
            stamped(asked, read)
        });
        let [first, ..] = workers.as_mut_slice() else { return Err("no workers".to_owned()) };
        first.write(&Request::get("/left/slow").bytes())?;
        pods.origin.until(1, LIMIT)?;
        let version = pods.version().next();
        publisher.invalidate(&Scope::Tag("left".to_owned()))?;
        gate.open();
        // It was on its way before the notice, so its own client may have it.
        verdict::same(version_of(&first.read("GET")?)?, 0, "the answer that was on its way")?;
        for worker in workers.iter_mut().rev() {
            pods.becomes(worker, "/left/slow", version)?;
        }
        Ok(())
    });
}

/// What the origin says to an unsafe request: it has succeeded, and there is a new version.
fn changes(pods: &Pods, lines: &'static str) {
    let version = pods.version().clone();
    pods.origin.becomes(move |asked| {
        if asked.method == "GET" {
            return grouped(asked, version.now());
        }
        version.next();
        vec![Step::Write(format!("HTTP/1.1 204 No Content\r\n{lines}\r\n").into_bytes())]
    });
}

/// As [`stamped`], and of the group `g`.
fn grouped(asked: &Asked, version: usize) -> Vec<Step> {
    let body = json!({ "version": version }).to_string();
    let lines = [("cache-control", "max-age=60"), ("cache-groups", "\"g\""), ("x-path", &asked.path())];
    answer(200, &lines, body)
}

/// A change that goes through one pod is heard by the workers of the other, too.
fn change_reaches_all(lines: &'static str, changed: &'static str) {
    versioned().play(|pods| {
        changes(pods, lines);
        let mut workers = pods.fleet.workers()?;
        pods.warm(&mut workers, "/left/a")?;
        let version = pods.version().now() + 1;
        verdict::answered(&Request::new("PUT", changed).body("{}").send(pods.port(0)?)?, 204)?;
        until("the log to have it", || Ok(pods.fleet.redis.notices()? > 0))?;
        workers.iter_mut().try_for_each(|worker| pods.becomes(worker, "/left/a", version))
    });
}

#[test]
fn a_put_through_one_pod_drops_its_uri_in_all() {
    change_reaches_all("", "/left/a");
}

#[test]
fn a_group_that_an_unsafe_answer_invalidates_is_gone_from_all() {
    change_reaches_all("cache-group-invalidation: \"g\"\r\n", "/elsewhere");
}

/// Asks all workers until the origin has been asked so often.
fn ask_until(pods: &Pods, workers: &mut [Client], target: &str, count: usize) -> Outcome {
    until(&format!("the origin to be asked {count} times"), || {
        for worker in workers.iter_mut() {
            version_of(&worker.send(&Request::get(target))?)?;
        }
        Ok(pods.origin.count() >= count)
    })
}

#[test]
fn a_refresh_serves_the_old_answer_while_one_fetches_the_new() {
    let gate = Gate::default();
    versioned().play(|pods| {
        let (mut workers, mut publisher) = (pods.fleet.workers()?, pods.fleet.publisher()?);
        pods.warm(&mut workers, "/left/a")?;
        let (held, version, asked) = (gate.clone(), pods.version().clone(), pods.origin.count());
        pods.origin.becomes(move |asked| {
            held.pass();
            stamped(asked, version.now())
        });
        let new = pods.version().next();
        publisher.publish("refresh", &Scope::Tag("left".to_owned()))?;
        ask_until(pods, &mut workers, "/left/a", asked + 1)?;
        // All have heard of it by now or will have: nobody waits, nobody else fetches.
        let heard = std::time::Instant::now() + BOUND;
        while std::time::Instant::now() < heard {
            for worker in &mut workers {
                verdict::same(
                    version_of(&worker.send(&Request::get("/left/a"))?)?,
                    new - 1,
                    "what is given meanwhile",
                )?;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        verdict::same(pods.origin.count(), asked + 1, &format!("the fetches ({})", pods.leases()))?;
        gate.open();
        for worker in &mut workers {
            pods.becomes(worker, "/left/a", new)?;
        }
        verdict::same(pods.origin.count(), asked + 1, &format!("the fetches in the end ({})", pods.leases()))
    });
}

#[test]
fn a_prewarmed_answer_is_fetched_once_and_is_in_every_memory() {
    versioned().play(|pods| {
        let (mut workers, mut publisher) = (pods.fleet.workers()?, pods.fleet.publisher()?);
        // Who has not read the log yet begins with what is there: a prewarm from before is not for it. Each pod has one
        // worker more, on its main thread.
        let begun = || pods.sum("log_discontinuities_total", &[("reason", "start")]);
        let all = (WORKERS + pods.fleet.pods.len()) as f64;
        until("all workers to follow the log", || Ok(begun() >= all))?;
        publisher.publish("prewarm", &Scope::Uri("localhost/left/warm".to_owned()))?;
        let loaded = until("all memories to have it", || Ok(pods.sum("entries", &[("rule", "left")]) >= all));
        loaded.map_err(|error| {
            let sum = |name, label, value| pods.sum(name, &[(label, value)]);
            let ends = ["found", "confirmed", "replaced", "failed", "yielded", "refused"];
            let ends = ends.map(|end| format!("{end} {}", sum("refreshes_total", "outcome", end))).join(", ");
            format!("{error}; heard {} times, refreshes: {ends}", sum("notices_total", "op", "prewarm"))
        })?;
        for worker in &mut workers {
            verdict::hit(&worker.send(&Request::get("/left/warm"))?, "l1")?;
        }
        verdict::same(pods.origin.count(), 1, "how often the origin was asked")
    });
}

/// What may happen to Redis between an answer and the notice about it.
fn in_the_middle(name: &str, fault: impl FnOnce(&mut Pods) -> Outcome) {
    versioned().play(|pods| {
        let mut workers = pods.fleet.workers()?;
        pods.warm(&mut workers, "/left/before")?;
        reaches_all(pods, &mut pods.fleet.publisher()?, &mut workers, "/left/a", &Scope::Rule("left".to_owned()))?;
        fault(pods)?;
        until("webdis to reach Redis", || Ok(pods.fleet.webdis.answers()))?;
        let version = pods.version().next();
        let mut publisher = pods.fleet.publisher()?;
        publisher.invalidate(&Scope::Uri("/left/before".to_owned()))?;
        for target in ["/left/before", "/left/a"] {
            let (version, scope) = match target {
                "/left/a" => (pods.version().next(), Scope::Tag("a".to_owned())),
                _ => (version, Scope::Tag("before".to_owned())),
            };
            publisher.invalidate(&scope)?;
            for worker in &mut workers {
                pods.becomes_within(worker, target, version, LIMIT).map_err(|error| format!("{name}: {error}"))?;
            }
        }
        // And all is well again.
        reaches_all(pods, &mut publisher, &mut workers, "/left/after", &Scope::Prefix("/left/af".to_owned()))
    });
}

#[test]
fn redis_is_restarted_empty_in_the_middle() {
    in_the_middle("restart", |pods| pods.fleet.redis.restart());
}

#[test]
fn redis_is_flushed_in_the_middle() {
    in_the_middle("flush", |pods| pods.fleet.redis.call(&["FLUSHALL"]).map(drop));
}

#[test]
fn the_log_is_trimmed_in_the_middle() {
    in_the_middle("trim", |pods| pods.fleet.redis.call(&["XTRIM", "fpc:log", "MAXLEN", "0"]).map(drop));
}

#[test]
fn the_replica_takes_over_in_the_middle() {
    in_the_middle("failover", |pods| {
        pods.fleet.add_replica()?;
        pods.fleet.redis.replicated()?;
        pods.fleet.fail_over()
    });
}

/// What was acknowledged, and was with the replica, is known to all after it took over.
#[test]
fn a_notice_that_the_replica_has_survives_its_master() {
    versioned().play(|pods| {
        let mut workers = pods.fleet.workers()?;
        pods.fleet.add_replica()?;
        pods.warm(&mut workers, "/left/a")?;
        for pod in &pods.fleet.pods {
            pod.link.cut();
        }
        let version = pods.version().next();
        pods.fleet.publisher()?.invalidate(&Scope::Tag("a".to_owned()))?;
        pods.fleet.redis.replicated()?;
        pods.fleet.fail_over()?;
        let webdis = pods.fleet.webdis.port();
        for pod in &pods.fleet.pods {
            pod.link.lead_to(webdis);
        }
        workers.iter_mut().try_for_each(|worker| pods.becomes_within(worker, "/left/a", version, LIMIT))
    });
}

/// A pod that has not heard of the log for a while, and finds that what it missed is not there any more.
#[test]
fn what_was_trimmed_while_a_pod_was_cut_off_is_known_to_it_all_the_same() {
    versioned().play(|pods| {
        let mut workers = pods.fleet.workers()?;
        pods.warm(&mut workers, "/left/a")?;
        let cut = pods.fleet.pod(1)?;
        cut.link.cut();
        let version = pods.version().next();
        let mut publisher = pods.fleet.publisher()?;
        publisher.invalidate(&Scope::Tag("a".to_owned()))?;
        publisher.invalidate(&Scope::Tag("nothing".to_owned()))?;
        pods.fleet.redis.call(&["XTRIM", "fpc:log", "MAXLEN", "1"])?;
        let webdis = pods.fleet.webdis.port();
        pods.fleet.pod(1)?.link.lead_to(webdis);
        workers.iter_mut().try_for_each(|worker| pods.becomes_within(worker, "/left/a", version, LIMIT))
    });
}

/// A pod that hears nothing serves from its memory for `max_lag`, and not longer.
#[test]
fn a_pod_that_is_cut_off_does_not_serve_old_answers_for_long() {
    let lag = |plugin: &mut serde_json::Value| e2e::settings::set(plugin, "/sync", json!({ "max_lag": "1s" }));
    versioned().set(|builder| builder.edit(lag)).play(|pods| {
        let mut workers = pods.fleet.workers()?;
        pods.warm(&mut workers, "/left/a")?;
        pods.fleet.pods.iter().for_each(|pod| pod.link.cut());
        let version = pods.version().next();
        pods.fleet.publisher()?.invalidate(&Scope::Tag("a".to_owned()))?;
        for worker in &mut workers {
            pods.becomes_within(worker, "/left/a", version, Duration::from_secs(1) + BOUND)?;
        }
        let webdis = pods.fleet.webdis.port();
        pods.fleet.pods.iter().for_each(|pod| pod.link.lead_to(webdis));
        until("L2 to be used again", || {
            let stored = pods.get(0, "/left/new")?;
            Ok(stored.status == 200
                && pods.get(1, "/left/new")?.cache_status().is_some_and(|status| status.hit_from("l2")))
        })
    });
}

/// Whoever reads the log for the others is in one of these Envoys.
#[test]
fn an_envoy_is_killed_and_started_again() {
    versioned().play(|pods| {
        let mut publisher = pods.fleet.publisher()?;
        for dies in [0, 1] {
            let mut survivors = pods.fleet.pod(1 - dies)?.envoy.workers()?;
            let scope = Scope::Tag("left".to_owned());
            pods.fleet.pod(dies)?.envoy.kill();
            reaches_all(pods, &mut publisher, &mut survivors, "/left/a", &scope)?;
            pods.fleet.pod(dies)?.envoy.start()?;
            let mut workers = pods.fleet.workers()?;
            reaches_all(pods, &mut publisher, &mut workers, "/left/b", &scope)?;
        }
        Ok(())
    });
}
