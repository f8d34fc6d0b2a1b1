//! Redis holds what the filter did not write, or not so: a miss that is counted, never an answer and never an error.

use e2e::{Outcome, Pair, Scene, before, service, settings, verdict};
use fingerprint_cache::codec;
use stack::{Redis, Reply, Request};

fn profile(name: &str) -> Request {
    Request::get(format!("{}/{name}", settings::PROFILES))
}

/// The one hash in Redis whose stored entry speaks of `name`, its variant's field and that field's bytes.
fn found(redis: &Redis, name: &str) -> Result<(String, Vec<u8>, Vec<u8>), String> {
    for key in redis.keys()? {
        let members = redis.call(&["HGETALL", &key])?.list();
        for pair in members.chunks(2) {
            let [field, value] = pair else { continue };
            let said = value.windows(name.len()).any(|window| window == name.as_bytes());
            if field.starts_with(b"e:") && said {
                return Ok((key, field.clone(), value.clone()));
            }
        }
    }
    Err(format!("nothing in Redis speaks of {name}"))
}

/// What stands before an entry (the time of its fill, the place in the log of the lookup before its fetch), and it.
fn parted(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut bars = value.iter().enumerate().filter(|(_, byte)| **byte == b'|');
    let (third, _) = bars.nth(2)?;
    Some(value.split_at(third + 1))
}

/// What is put in the place of a good entry.
type Spoil = (&'static str, fn(&[u8]) -> Vec<u8>);

const SPOILS: &[Spoil] = &[
    ("empty", |_| Vec::new()),
    ("one byte", |_| b"x".to_vec()),
    ("text", |_| b"<html>404</html>".to_vec()),
    ("bytes", |_| (0..=255).cycle().take(100_000).collect()),
    ("truncated", |entry| entry.split_at(entry.len() / 2).0.to_vec()),
    ("without its last byte", |entry| entry.split_at(entry.len() - 1).0.to_vec()),
    ("with a byte more", |entry| [entry, b"x"].concat()),
    ("with a byte changed", |entry| changed(entry, entry.len() / 2)),
    ("with another checksum", |entry| changed(entry, entry.len() - 1)),
    ("of a future version", |entry| sealed(entry, 0, b"FPC2")),
    ("with a huge head", |entry| sealed(entry, 4, b"\xff\xff\xff\xff")),
    ("with a short head", |entry| sealed(entry, 4, b"\x01\0\0\0")),
    ("with a head that is no JSON", |entry| sealed(entry, 8, b"\xff")),
    ("of status 0", |entry| forged(entry, |entry| entry.status = 0)),
    ("of status 999", |entry| forged(entry, |entry| entry.status = 999)),
    ("of another key", |entry| forged(entry, |entry| entry.key.push('x'))),
    ("with a line break in a header", |entry| {
        forged(entry, |entry| entry.headers.push(("x".into(), "a\r\nset-cookie: b".into())))
    }),
    ("with a pseudo header", |entry| forged(entry, |entry| entry.headers.push((":status".into(), "500".into())))),
    ("with a cut of a value that nobody sent", |entry| forged(entry, |entry| entry.cuts.push(cut(0, 0)))),
    ("with a cut behind its end", |entry| forged(entry, |entry| entry.cuts.push(cut(1 << 30, 0)))),
    ("for another variant", |entry| forged(entry, |entry| entry.selecting.push(("accept".into(), Some("x".into()))))),
];

fn cut(at: usize, echo: usize) -> fingerprint_cache::echo::Cut {
    fingerprint_cache::echo::Cut { at, echo }
}

fn changed(entry: &[u8], at: usize) -> Vec<u8> {
    entry.iter().enumerate().map(|(index, byte)| if index == at { byte ^ 1 } else { *byte }).collect()
}

/// The entry with these bytes in the place of its own, under the right checksum.
fn sealed(entry: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let (body, _) = entry.split_at(entry.len() - 8);
    let (before, rest) = body.split_at(at);
    let sealed = [before, bytes, rest.split_at(bytes.len()).1].concat();
    let checksum = xxhash_rust::xxh3::xxh3_64(&sealed);
    [&sealed[..], &checksum.to_le_bytes()].concat()
}

/// The entry, changed and sealed again as only someone with our source could.
fn forged(bytes: &[u8], forge: fn(&mut fingerprint_cache::entry::Entry)) -> Vec<u8> {
    let Ok(mut entry) = codec::decode(bytes) else { return b"not an entry".to_vec() };
    forge(&mut entry);
    codec::encode(&entry).unwrap_or_default()
}

#[test]
fn a_spoiled_entry_is_a_miss_that_mends_itself() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        for (number, (what, spoil)) in SPOILS.iter().enumerate() {
            let name = format!("spoiled-{number}");
            spoiled(scene, &mut pair, &name, *spoil).map_err(|error| format!("{what}: {error}"))?;
        }
        let corrupt = scene.sum("l2_calls_total", &[("op", "lookup"), ("outcome", "corrupt")])?;
        verdict::same(corrupt, SPOILS.len() as f64, "corrupt entries counted")
    });
}

fn spoiled(scene: &Scene, pair: &mut Pair, name: &str, spoil: fn(&[u8]) -> Vec<u8>) -> Outcome {
    scene.warm(&mut pair.one, &profile(name))?;
    let (key, field, value) = found(&scene.stack.redis, name)?;
    let (filled, entry) = parted(&value).ok_or("a value without time and place")?;
    verdict::holds(codec::decode(entry).is_ok(), "what was stored is an entry")?;
    let bad = [filled, &spoil(entry)].concat();
    scene.stack.redis.call(&[b"HSET", key.as_bytes(), &field, &bad])?;
    let asked = scene.origin.count();
    let missed = scene.warm(&mut pair.other, &profile(name))?;
    verdict::answered(&missed, 200)?;
    verdict::same(scene.origin.count(), asked + 1, "how often the origin was asked")?;
    let (_, _, mended) = found(&scene.stack.redis, name)?;
    let (_, entry) = parted(&mended).ok_or("a value without time and place")?;
    verdict::same(codec::decode(entry).map(|entry| entry.body).ok(), Some(missed.body), "what is stored now")
}

/// An entry that is as it should be, but stands under another request's key.
#[test]
fn an_entry_copied_under_another_key_is_not_believed() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        scene.warm(&mut pair.one, &profile("mine"))?;
        scene.warm(&mut pair.one, &profile("yours"))?;
        let (mine, field, value) = found(&scene.stack.redis, "/mine")?;
        let (yours, _, _) = found(&scene.stack.redis, "/yours")?;
        verdict::holds(mine != yours, "two keys")?;
        scene.stack.redis.call(&[b"HSET", yours.as_bytes(), &field, &value])?;
        let answer = pair.other.send(&profile("yours"))?;
        verdict::from_origin(&answer)?;
        verdict::holds(answer.json()?["path"].as_str().is_some_and(|path| path.ends_with("yours")), "the own answer")?;
        scene.until_sum("l2_calls_total", &[("op", "lookup"), ("outcome", "corrupt")], 1.0)
    });
}

#[test]
fn a_hash_that_is_none_or_says_odd_things_is_a_miss() {
    let long = "x".repeat(100_000);
    let many = format!("v:{}", (0..2000).map(|number| format!("h{number:04}")).collect::<Vec<_>>().join(","));
    before(service::numbered).play(move |scene| {
        let mut pair = scene.pair()?;
        let odd = ["", "v", "accept", "v:Accept", "v:b,a", "v:\0", "v:é", "v:accept", "v:,,,", &many, &long];
        for (number, vary) in odd.into_iter().enumerate() {
            let name = format!("vary-{number}");
            scene.warm(&mut pair.one, &profile(&name))?;
            let (key, _, _) = found(&scene.stack.redis, &name)?;
            scene.stack.redis.call(&["HSET", &key, "vary", vary])?;
            verdict::from_origin(&pair.other.send(&profile(&name))?).map_err(|error| format!("{vary:?}: {error}"))?;
        }
        scene.warm(&mut pair.one, &profile("string"))?;
        let (key, _, _) = found(&scene.stack.redis, "/string")?;
        scene.stack.redis.call(&["SET", &key, "not a hash"])?;
        verdict::from_origin(&pair.other.send(&profile("string"))?)?;
        scene.until_sum("l2_calls_total", &[("op", "lookup"), ("outcome", "error")], 1.0)
    });
}

#[test]
fn a_log_that_is_none_costs_nothing() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        // Two workers and that of the main thread: they have read the log that there was, and then that it is none.
        let read = |why| e2e::until(why, || Ok(scene.sum("log_discontinuities_total", &[("reason", why)])? >= 3.0));
        read("start")?;
        scene.stack.redis.call(&["SET", "fpc:log", "not a stream"])?;
        read("rewound")?;
        scene.warm(&mut pair.one, &profile("a"))?;
        pair.tour(&profile("a")).map(drop)
    });
}

#[test]
fn the_user_of_webdis_can_do_what_the_scripts_need_and_nothing_else() {
    before(service::numbered).one_worker().play(|scene| {
        let redis = &scene.stack.redis;
        redis.call(&["SET", "other", "secret"])?;
        let (user, password) = stack::redis::WEBDIS;
        let mut webdis = stack::Resp::connect(redis.port(), user, password)?;
        let refused: &[&[&str]] = &[
            &["KEYS", "*"],
            &["SCAN", "0"],
            &["FLUSHALL"],
            &["GET", "other"],
            &["HGET", "other", "x"],
            &["DEL", "fpc:x"],
            &["SET", "other", "x"],
            &["CONFIG", "GET", "*"],
            &["ACL", "WHOAMI"],
            &["SCRIPT", "FLUSH"],
            &["SHUTDOWN"],
            &["REPLICAOF", "127.0.0.1", "1"],
            &["EVAL", "return redis.call('GET', 'other')", "0"],
            &["EVAL", "return redis.call('HGET', KEYS[1], 'x')", "1", "other"],
            &["EVAL", "return redis.call('HGET', 'other', 'x')", "0"],
            &["EVAL", "return redis.call('FLUSHALL')", "0"],
        ];
        for command in refused {
            let reply = webdis.call(command)?;
            let no = matches!(&reply, Reply::Error(text) if text.contains("NOPERM") || text.contains("can't"));
            verdict::holds(no, &format!("{command:?} is refused: {reply:?}"))?;
        }
        verdict::same(webdis.call(&["PING"])?, Reply::Status("PONG".to_owned()), "PING")?;
        verdict::same(redis.call(&["GET", "other"])?.bytes(), Some(&b"secret"[..]), "what is not ours")?;
        through_webdis(scene)
    });
}

/// What webdis itself lets through: the scripts, and nothing by name.
fn through_webdis(scene: &Scene) -> Outcome {
    for path in ["/GET/fpc:x", "/HGET/fpc:x/y", "/FLUSHALL", "/KEYS/*", "/INFO", "/CONFIG/GET/*"] {
        let answer = Request::get(path).send(scene.stack.webdis.port())?;
        verdict::answered(&answer, 403).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}
