//! Unsafe requests that succeed drop what is stored of their URI, in their own worker and in Redis; the other worker's
//! memory stays as it is. What the request says and gets is not touched, however Redis fares.
//!
//! The other worker has nothing in memory of what is dropped, so what it is given comes from Redis or from the origin.

use std::time::Duration;

use e2e::service::Gate;
use e2e::{Outcome, Pair, Scene, before, service, settings, verdict};
use serde_json::json;
use stack::{Asked, Builder, Client, Request, Response, Step, answer};

fn profile(name: &str) -> Request {
    Request::get(target(name))
}

fn target(name: &str) -> String {
    format!("{}/{name}", settings::PROFILES)
}

/// GET is numbered; everything else succeeds without content.
fn changeable(asked: &Asked) -> Vec<Step> {
    match asked.method.as_str() {
        "GET" | "HEAD" => service::numbered(asked),
        _ => no_content(&[]),
    }
}

fn no_content(lines: &[(&str, &str)]) -> Vec<Step> {
    let lines: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    vec![Step::Write(format!("HTTP/1.1 204 No Content\r\n{lines}\r\n").into_bytes())]
}

/// Sends an unsafe request that is to drop something, and waits until Redis knows.
fn change(scene: &Scene, client: &mut Client, request: &Request) -> Result<Response, String> {
    let logged = logged(scene)?;
    let answer = client.send(request)?;
    scene.until_logged(logged + 1).map_err(|error| format!("{} {}: {error}", request.method(), request.path()))?;
    verdict::untouched(&answer)?;
    Ok(answer)
}

fn logged(scene: &Scene) -> Result<i64, String> {
    scene.stack.redis.notices()
}

/// Neither tier has it: the other worker asks the origin, and so does the one, unless L2 has the new answer by then.
fn gone(scene: &Scene, pair: &mut Pair, request: &Request) -> Outcome {
    let asked = scene.origin.count();
    let news = pair.other.send(request)?;
    verdict::from_origin(&news)?;
    let own = pair.one.send(request)?;
    match scene.origin.count() - asked {
        1 => verdict::same(&own.body, &news.body, "the new answer"),
        count => verdict::same(count, 2, "how often the origin was asked"),
    }
}

#[test]
fn every_unsafe_method_that_no_rule_is_for_drops_the_uri_in_both_tiers() {
    before(changeable).play(|scene| {
        let mut pair = scene.pair()?;
        scene.warm(&mut pair.one, &profile("bystander"))?;
        for method in ["PUT", "DELETE", "POST", "PATCH", "M-SEARCH", "MKCOL", "put"] {
            scene.warm(&mut pair.one, &profile(method))?;
            verdict::hit(&pair.one.send(&profile(method))?, "l1")?;
            let request = Request::new(method, target(method)).body("{}");
            verdict::answered(&change(scene, &mut pair.one, &request)?, 204)?;
            gone(scene, &mut pair, &profile(method)).map_err(|error| format!("{method}: {error}"))?;
        }
        pair.tour(&profile("bystander"))?;
        verdict::same(scene.sum("invalidations_total", &[("scope", "uri")])?, 7.0, "invalidations counted")
    });
}

/// Another Envoy, or the same one later: nothing is in any memory, and Redis must not bring it back.
#[test]
fn an_envoy_with_an_empty_memory_does_not_find_it_either() {
    before(changeable).one_worker().play(|scene| {
        let mut client = scene.stack.client()?;
        scene.warm(&mut client, &profile("dropped"))?;
        scene.warm(&mut client, &profile("bystander"))?;
        change(scene, &mut client, &Request::new("DELETE", target("dropped")))?;
        scene.stack.envoy.restart()?;
        verdict::hit(&scene.send(&profile("bystander"))?, "l2")?;
        verdict::stored(&scene.send(&profile("dropped"))?)?;
        scene.until_fills(1.0)?;
        scene.stack.envoy.restart()?;
        // What was fetched after it is good.
        verdict::hit(&scene.send(&profile("dropped"))?, "l2")
    });
}

#[test]
fn what_is_fetched_afterwards_is_stored_again_in_both_tiers() {
    before(changeable).play(|scene| {
        let mut pair = scene.pair()?;
        let first = scene.warm(&mut pair.one, &profile("a"))?;
        change(scene, &mut pair.one, &Request::new("PUT", target("a")).body("{}"))?;
        let second = scene.warm(&mut pair.one, &profile("a"))?;
        verdict::holds(first.body != second.body, "two answers")?;
        for again in pair.tour(&profile("a"))? {
            verdict::same(&again.body, &second.body, "the second answer")?;
        }
        Ok(())
    });
}

/// A rule that keys on a header, and not on all of the query.
fn keyed(builder: Builder) -> Builder {
    let keyed = json!({
        "name": "keyed",
        "match": { "methods": ["GET"], "path": "/keyed/**" },
        "key": { "headers": ["x-tenant"], "query": { "ignore": ["utm_*"] } },
        "freshness": { "default": "5m" },
    });
    settings::with_rule(builder, keyed)
}

#[test]
fn every_key_and_every_variant_of_the_uri_goes() {
    let varied = |asked: &Asked| match asked.method.as_str() {
        "GET" => answer(200, &[("cache-control", "max-age=60"), ("vary", "accept-language")], asked.number.to_string()),
        _ => no_content(&[]),
    };
    before(service::numbered).set(keyed).play(|scene| {
        let mut pair = scene.pair()?;
        scene.origin.becomes(varied);
        let mut requests = Vec::new();
        for (tenant, language) in [("1", "de"), ("1", "en"), ("2", "de"), ("2", "en")] {
            let request =
                Request::get("/keyed/a?utm_x=1").header("x-tenant", tenant).header("accept-language", language);
            scene.warm(&mut pair.one, &request)?;
            verdict::hit(&pair.one.send(&request)?, "l1")?;
            requests.push(request);
        }
        let others = [
            Request::get("/keyed/b").header("x-tenant", "1"),
            Request::get("/keyed/a?user=1").header("x-tenant", "1"),
            Request::get("/keyed/a").header("x-tenant", "1").header("host", "other.example"),
        ];
        for other in &others {
            scene.warm(&mut pair.one, other)?;
        }
        change(scene, &mut pair.one, &Request::new("PUT", "/keyed/a?utm_y=2").body("{}"))?;
        for request in &requests {
            gone(scene, &mut pair, request)?;
        }
        for other in &others {
            pair.tour(other).map_err(|error| format!("{}: {error}", other.path()))?;
        }
        Ok(())
    });
}

#[test]
fn location_and_content_location_of_the_same_origin_go_too() {
    before(changeable).play(|scene| {
        let mut pair = scene.pair()?;
        for (number, (header, value, drops)) in [
            ("location", "/v1/fingerprints/profiles/x", true),
            ("content-location", "/v1/fingerprints/profiles/x", true),
            ("location", "http://localhost/v1/fingerprints/profiles/x", true),
            ("content-location", "x", true),
            ("location", "http://other.example/v1/fingerprints/profiles/x", false),
            ("content-location", "https://localhost/v1/fingerprints/profiles/x", false),
            ("location", "http://localhost:81/v1/fingerprints/profiles/x", false),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("x{number}");
            let says = format!("{value}{number}");
            scene.warm(&mut pair.one, &profile(&name))?;
            scene.origin.becomes(move |asked| match asked.method.as_str() {
                "GET" => service::numbered(asked),
                _ => no_content(&[(header, &says)]),
            });
            change(scene, &mut pair.one, &Request::post(target("another"), "{}"))?;
            let outcome = match drops {
                true => gone(scene, &mut pair, &profile(&name)),
                false => pair.tour(&profile(&name)).map(drop),
            };
            outcome.map_err(|error| format!("{header}: {value}: {error}"))?;
        }
        Ok(())
    });
}

#[test]
fn what_fails_or_only_reads_drops_nothing() {
    before(changeable).play(|scene| {
        let mut pair = scene.pair()?;
        for (method, status) in
            [("PUT", 400), ("DELETE", 404), ("POST", 409), ("PATCH", 500), ("PUT", 503), ("OPTIONS", 200)]
        {
            let name = format!("{method}-{status}");
            scene.warm(&mut pair.one, &profile(&name))?;
            scene.origin.becomes(move |asked| match asked.method.as_str() {
                "GET" => service::numbered(asked),
                _ => answer(status, &[("location", &target("bystander"))], "no"),
            });
            verdict::answered(&pair.one.send(&Request::new(method, target(&name)))?, status)?;
            pair.tour(&profile(&name)).map_err(|error| format!("{name}: {error}"))?;
        }
        // Envoy's own word that the origin said nothing is no success either.
        scene.warm(&mut pair.one, &profile("reset"))?;
        scene.origin.becomes(|asked| match asked.method.as_str() {
            "GET" => service::numbered(asked),
            _ => vec![Step::Reset],
        });
        verdict::answered(&pair.one.send(&Request::new("PUT", target("reset")).body("{}"))?, 503)?;
        pair.tour(&profile("reset"))?;
        verdict::same(scene.sum("invalidations_total", &[])?, 0.0, "invalidations counted")?;
        verdict::same(logged(scene)?, 0, "events in the log")
    });
}

/// GET waits behind the gate; all else succeeds at once.
fn gated(gate: &Gate) -> impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static {
    let gate = gate.clone();
    move |asked| {
        if asked.method == "GET" {
            gate.pass();
        }
        changeable(asked)
    }
}

#[test]
fn what_was_on_its_way_from_the_origin_is_not_stored() {
    before(service::numbered).play(|scene| {
        let (gate, mut pair) = (Gate::default(), scene.pair()?);
        let mut third = scene.stack.client()?;
        let asked = scene.origin.count();
        scene.origin.becomes(gated(&gate));
        pair.one.write(&profile("one").bytes())?;
        pair.other.write(&profile("other").bytes())?;
        scene.origin.until(asked + 2, e2e::LIMIT)?;
        for name in ["one", "other"] {
            change(scene, &mut third, &Request::new("PUT", target(name)).body("{}"))?;
        }
        gate.open();
        let first = pair.one.read("GET")?.body;
        verdict::answered(&pair.other.read("GET")?, 200)?;
        // One of the two was in the worker of the PUTs, the other one's has heard of them or is about to: what Redis may
        // have taken of it is older than its ban.
        scene.origin.becomes(service::numbered);
        let asked = scene.origin.count();
        for name in ["one", "other"] {
            e2e::until("both workers to ask anew", || {
                let one = pair.one.send(&profile(name))?;
                let other = pair.other.send(&profile(name))?;
                Ok(one.body == other.body && one.body != first)
            })?;
        }
        verdict::holds(scene.origin.count() >= asked + 2, "each was asked for anew")
    });
}

#[test]
fn in_its_own_worker_the_client_is_told_that_it_was_overtaken() {
    before(service::numbered).one_worker().play(|scene| {
        let (gate, mut client) = (Gate::default(), scene.stack.client()?);
        scene.origin.becomes(gated(&gate));
        client.write(&profile("a").bytes())?;
        scene.origin.until(1, e2e::LIMIT)?;
        change(scene, &mut scene.stack.client()?, &Request::new("PUT", target("a")).body("{}"))?;
        gate.open();
        let first = client.read("GET")?;
        verdict::answered(&first, 200)?;
        verdict::not_stored(&first, "overtaken")?;
        let second = scene.send(&profile("a"))?;
        verdict::stored(&second)?;
        verdict::hit(&scene.send(&profile("a"))?, "l1")
    });
}

/// How Redis fails.
struct Failure {
    name: &'static str,
    begin: fn(&mut Scene) -> Outcome,
    end: fn(&mut Scene) -> Outcome,
    /// Whether it hears of the invalidation in the end.
    hears: bool,
}

#[test]
fn a_change_is_unharmed_whatever_redis_does() {
    let failures = [
        Failure {
            name: "full",
            begin: |scene| scene.stack.redis.out_of_memory(true),
            end: |scene| scene.stack.redis.out_of_memory(false),
            hears: true,
        },
        Failure {
            name: "paused",
            begin: |scene| {
                scene.stack.redis.pause();
                Ok(())
            },
            end: |scene| {
                scene.stack.redis.resume();
                Ok(())
            },
            hears: true,
        },
        Failure {
            name: "a replica",
            begin: |scene| scene.stack.redis.read_only(true),
            end: |scene| scene.stack.redis.read_only(false),
            hears: false,
        },
        Failure {
            name: "down",
            begin: |scene| {
                scene.stack.redis.stop();
                Ok(())
            },
            end: |scene| scene.stack.redis.start(),
            hears: false,
        },
    ];
    before(changeable).one_worker().play(|scene| {
        for failure in failures {
            let mut client = scene.stack.client()?;
            scene.warm(&mut client, &profile("a"))?;
            let before = logged(scene)?;
            (failure.begin)(scene)?;
            let changed = client.send(&Request::new("PUT", target("a")).body("{}"));
            let asked = scene.origin.count();
            let next = client.send(&profile("a"));
            (failure.end)(scene)?;
            unharmed(&changed?).map_err(|error| format!("{}: {error}", failure.name))?;
            verdict::from_origin(&next?).map_err(|error| format!("{}: {error}", failure.name))?;
            verdict::same(scene.origin.count(), asked + 1, failure.name)?;
            if failure.hears {
                scene.until_logged(before + 1).map_err(|error| format!("{}: {error}", failure.name))?;
            }
            until_used(scene, &mut client)?;
        }
        Ok(())
    });
}

/// It has its answer, and at once: nobody waits for Redis.
fn unharmed(changed: &Response) -> Outcome {
    verdict::answered(changed, 204)?;
    verdict::untouched(changed)?;
    verdict::holds(changed.elapsed < Duration::from_secs(1), &format!("it took {:?}", changed.elapsed))
}

/// L2 is used again, and no entry of this test is stored anywhere: the next failure begins afresh.
fn until_used(scene: &Scene, client: &mut Client) -> Outcome {
    let mut number = 0;
    e2e::until("L2 to be used again", || {
        number += 1;
        let fills = scene.fills()?;
        client.send(&profile(&format!("after-{number}")))?;
        std::thread::sleep(Duration::from_millis(20));
        Ok(scene.fills()? > fills)
    })?;
    let drop = Request::new("PUT", target("a")).body("{}");
    change(scene, client, &drop).map(|_| ())
}

/// The bans are not what the scripts wrote. Whoever has to read them whole takes what cannot be read for a ban on everything
/// so far; and none of it is an error.
#[test]
fn garbage_among_the_bans_harms_nobody() {
    before(changeable).play(|scene| {
        let mut pair = scene.pair()?;
        let start = || scene.sum("log_discontinuities_total", &[("reason", "start")]);
        e2e::until("all workers to have read once", || Ok(start()? >= 3.0))?;
        let garbage = ["", "x", ":", "1:2:3", "ff:", "ff:99999999999999999999999999:1", "\u{e9}", "zz:1:1", "ff:-1:x"];
        for (number, ban) in garbage.iter().enumerate() {
            let request = profile(&format!("ban-{number}"));
            scene.warm(&mut pair.one, &request)?;
            scene.stack.redis.call(&["HSET", "fpc:bans", "i:all:", ban])?;
            read_whole(scene)?;
            let answer = pair.other.send(&request)?;
            verdict::from_origin(&answer).map_err(|error| format!("{ban:?}: {error}"))?;
            scene.stack.redis.call(&["DEL", "fpc:bans"])?;
        }
        // No hash at all: Redis cannot say what is banned, so what it has is not believed while it is to be read whole.
        scene.stack.redis.call(&["DEL", "fpc:log"])?;
        scene.stack.redis.call(&["SET", "fpc:bans", "no hash"])?;
        let changed = pair.one.send(&Request::new("PUT", target("string")).body("{}"))?;
        unharmed(&changed)?;
        verdict::from_origin(&pair.one.send(&profile("string"))?)?;
        scene.stack.redis.call(&["DEL", "fpc:bans"])?;
        let rewound = || scene.sum("log_discontinuities_total", &[("reason", "rewound")]);
        e2e::until("all workers to read the new log", || Ok(rewound()? >= 3.0))?;
        scene.warm(&mut pair.one, &profile("after"))?;
        pair.tour(&profile("after")).map(drop)
    });
}

/// Makes the workers read all bans: the log does not reach back to where they stand.
fn read_whole(scene: &Scene) -> Outcome {
    let reloads = || scene.sum("log_discontinuities_total", &[("reason", "trimmed")]);
    let before = reloads()?;
    // At one stroke: nobody may read between the two.
    const LOSE: &str =
        "for _ = 1, 2 do redis.call('XADD', KEYS[1], '*', 'op', 'prewarm', 'scope', 'uri', 'value', 'x') end
        return redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)";
    scene.stack.redis.call(&["EVAL", LOSE, "1", "fpc:log"])?;
    // Two workers, and the one of the main thread.
    e2e::until("all workers to read the bans", || Ok(reloads()? >= before + 3.0))
}
