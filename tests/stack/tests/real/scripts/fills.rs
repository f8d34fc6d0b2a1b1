//! What is stored, what is fenced off, and what a lookup finds of it.

use super::*;
use fingerprint_cache::reason::L2Failure;

const ENTRY: &[u8] = b"FPC3|\0\r\n\xff|H";

fn selecting(values: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
    values.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect()
}

fn wants(token: Token, refused: Option<Token>) -> Want {
    Want { token: Some(token), lease: LONG, refused }
}

/// An entry of A under the position it was fetched at.
fn filled(both: &mut Both) -> Position {
    both.want(A, LONG);
    let at = both.position();
    assert!(both.fill(A, &at, ENTRY));
    at
}

#[test]
fn any_bytes_come_back_as_they_were() {
    let mut both = Both::new();
    let at = filled(&mut both);
    std::thread::sleep(Duration::from_millis(50));
    let reply = both.want(B, LONG);
    let Lookup::Hit { at: now, since, fill, bytes } = redis::read_lookup(&reply).unwrap() else { panic!() };
    assert_eq!((now, fill, bytes), (at, Some(A), ENTRY));
    assert!(since >= Duration::from_millis(50) && since < Duration::from_secs(5), "{since:?}");
    assert!(matches!(redis::read_lookup(&both.peek()).unwrap(), Lookup::Hit { .. }), "looking is enough");
    let Reply::Integer(life) = both.redis.call(&["PTTL", &place().hash]).unwrap() else { panic!() };
    assert!(life > 250_000 && life <= 300_000, "{life}");
}

#[test]
fn an_entry_that_is_not_wanted_again_is_replaced() {
    let mut both = Both::new();
    let at = filled(&mut both);
    let hit = |reply: &[u8], by: Token| matches!(redis::read_lookup(reply).unwrap(), Lookup::Hit { fill, .. } if fill == Some(by));
    assert!(hit(&both.look(&[], &wants(B, Some(C))), A), "it is another");
    let only_looks = Want { token: None, lease: LONG, refused: Some(A) };
    assert!(matches!(redis::read_lookup(&both.look(&[], &only_looks)).unwrap(), Lookup::Miss { other: false, .. }));
    let reply = both.look(&[], &wants(B, Some(A)));
    assert!(matches!(redis::read_lookup(&reply).unwrap(), Lookup::Led { other: false, .. }));
    assert!(hit(&both.want(C, LONG), A), "meanwhile it is there for the others");
    let reply = both.look(&[], &wants(C, Some(A)));
    assert!(matches!(redis::read_lookup(&reply).unwrap(), Lookup::Filling { .. }));
    assert!(both.fill(B, &at, b"new"));
    assert!(hit(&both.look(&[], &wants(C, Some(A))), B));
}

#[test]
fn what_was_fetched_before_a_ban_is_stored_under_its_place() {
    let mut both = Both::new();
    both.want(A, LONG);
    let before = both.position();
    let after = both.publish(&[tag(Op::Invalidate, "t")]);
    assert!(both.fill(A, &before, ENTRY));
    let Reply::Bulk(Some(field)) = both.redis.call(&["HGET", &place().hash, &redis::variant(&[])]).unwrap() else {
        panic!()
    };
    let text = String::from_utf8_lossy(&field);
    assert!(text.contains(&format!("|{before}|{A}|FPC3")), "{text}");
    assert_eq!((both.position(), before.n + 1), (after.clone(), after.n));
}

#[test]
fn what_was_fetched_before_a_flush_or_under_another_master_is_not_stored() {
    let mut both = Both::new();
    both.publish(&[tag(Op::Invalidate, "t")]);
    both.want(A, LONG);
    let at = both.position();
    both.flush();
    assert!(!both.fill(A, &at, ENTRY), "its lease went with all else");
    both.want(A, LONG);
    assert!(!both.fill(A, &at, ENTRY), "further on than the log");
    both.want(A, LONG);
    let at = both.position();
    both.promote();
    assert!(!both.fill(A, &at, ENTRY), "another master");
    both.want(A, LONG);
    let at = both.position();
    assert!(both.fill(A, &at, ENTRY));
    both.promote();
    let reply = both.want(B, LONG);
    let Lookup::Hit { at: now, .. } = redis::read_lookup(&reply).unwrap() else { panic!("whole after a failover") };
    assert_ne!(now.epoch, at.epoch);
}

#[test]
fn an_entry_from_beyond_the_log_is_none() {
    let mut both = Both::new();
    both.publish(&[tag(Op::Invalidate, "t")]);
    filled(&mut both);
    both.redis.call(&["DEL", "fpc:log"]).unwrap();
    both.double.keys().streams.clear();
    assert!(matches!(redis::read_lookup(&both.want(B, LONG)).unwrap(), Lookup::Led { other: false, .. }));
    both.begin_log();
    both.publish(&[tag(Op::Invalidate, "t")]);
    assert!(matches!(redis::read_lookup(&both.want(B, LONG)).unwrap(), Lookup::Hit { .. }));
}

#[test]
fn variants_are_told_apart_by_their_headers() {
    let mut both = Both::new();
    let [english, german] = ["en", "de"].map(|language| selecting(&[("accept-language", language)]));
    let led = both.look(&english, &wants(A, None));
    assert!(matches!(redis::read_lookup(&led).unwrap(), Lookup::Led { other: false, .. }));
    let lease = Lease { key: redis::lease_key(&place(), &english), token: A };
    let at = both.position();
    let fill = redis::fill(&place(), &english, LONG, &at, &lease, ENTRY.to_vec());
    assert_eq!(redis::read_fill(&both.ask(&fill)), Ok(true));
    let led = both.look(&german, &wants(A, None));
    assert!(matches!(redis::read_lookup(&led).unwrap(), Lookup::Led { other: true, .. }));
    let waits = both.look(&german, &wants(B, None));
    assert!(matches!(redis::read_lookup(&waits).unwrap(), Lookup::Filling { other: true, .. }));
    let misses = both.look(&german, &Want { token: None, lease: LONG, refused: None });
    assert!(matches!(redis::read_lookup(&misses).unwrap(), Lookup::Miss { other: true, .. }));
    let reply = both.want(B, LONG);
    let Lookup::OtherVary(_, names) = redis::read_lookup(&reply).unwrap() else { panic!() };
    assert_eq!(names, ["accept-language"]);
    assert!(!both.redis.keys().unwrap().contains(&super::lease(B).key), "no lease under the wrong names");
    // Under other names the old variants cannot be found: they go.
    both.held(&redis::mark(&super::lease(B), LONG));
    assert!(both.fill(B, &at, b"plain"));
    let found = both.look(&english, &Want { token: None, lease: LONG, refused: None });
    assert!(matches!(redis::read_lookup(&found).unwrap(), Lookup::OtherVary(_, names) if names.is_empty()));
    assert_eq!(both.redis.call(&["HLEN", &place().hash]).unwrap(), Reply::Integer(2));
}

#[test]
fn a_hash_with_too_many_variants_starts_anew() {
    let mut both = Both::new();
    let at = both.position();
    for number in 0..66 {
        let selecting = selecting(&[("accept-language", &format!("x-{number}"))]);
        both.look(&selecting, &wants(A, None));
        let lease = Lease { key: redis::lease_key(&place(), &selecting), token: A };
        let fill = redis::fill(&place(), &selecting, LONG, &at, &lease, ENTRY.to_vec());
        assert_eq!(redis::read_fill(&both.ask(&fill)), Ok(true));
        let Reply::Integer(fields) = both.redis.call(&["HLEN", &place().hash]).unwrap() else { panic!() };
        assert_eq!(fields, if number < 64 { number + 2 } else { number - 62 }, "{number}");
    }
}

#[test]
fn a_field_that_is_none_of_ours_is_handed_on_as_it_is() {
    let mut both = Both::new();
    for value in ["", "nonsense", "1|x", "1|0123:4|FPC3", "|0123:4|000000000000000a|x", "1|0123:4||x"] {
        let fields = [(b"vary".to_vec(), "v:".to_owned()), (redis::variant(&[]).into_bytes(), value.to_owned())];
        both.hset(&place().hash, &fields);
        let reply = both.want(A, LONG);
        let Lookup::Hit { since, fill, bytes, .. } = redis::read_lookup(&reply).unwrap() else { panic!("{value}") };
        assert_eq!((since, fill, bytes), (Duration::ZERO, None, value.as_bytes()));
        let reply = both.look(&[], &wants(A, Some(B)));
        assert!(matches!(redis::read_lookup(&reply).unwrap(), Lookup::Led { other: false, .. }), "{value}");
    }
    let at = both.position();
    assert!(both.fill(A, &at, ENTRY), "and can be replaced");
    assert!(matches!(redis::read_lookup(&both.peek()).unwrap(), Lookup::Hit { fill: Some(A), .. }));
}

#[test]
fn a_full_redis_gives_leases_but_takes_no_entries() {
    let mut both = Both::new();
    let at = both.position();
    both.redis.out_of_memory(true).unwrap();
    both.double.full = true;
    assert!(matches!(redis::read_lookup(&both.want(A, LONG)).unwrap(), Lookup::Led { .. }));
    let fill = redis::fill(&place(), &[], LONG, &at, &lease(A), ENTRY.to_vec());
    let (real, double) = (both.real(&fill), both.beside(&fill));
    assert_eq!(redis::read_fill(&real), Err(L2Failure::Refused));
    assert_eq!(redis::read_fill(&double), Err(L2Failure::Refused));
    assert!(both.held(&redis::release(&lease(A))));
    assert_eq!(both.publish(&[tag(Op::Invalidate, "t")]).n, 1);
    assert!(matches!(both.sync(Some(&at)), News::Next { .. }));
}

#[test]
fn a_replica_answers_nothing() {
    let mut both = Both::new();
    let at = filled(&mut both);
    both.redis.read_only(true).unwrap();
    both.double.read_only = true;
    let redis = both.config.redis.clone().unwrap();
    for call in [
        redis::lookup(&place(), &[], &wants(A, None)),
        redis::fill(&place(), &[], LONG, &at, &lease(A), ENTRY.to_vec()),
        redis::renew(&lease(A), LONG),
        redis::publish(&redis, &[tag(Op::Invalidate, "t")], LONG),
        redis::sync(&redis, None, A),
    ] {
        for reply in [both.real(&call), both.beside(&call)] {
            assert_eq!(redis::read_lookup(&reply), Err(L2Failure::Refused), "{}", call.script.name);
        }
    }
}
