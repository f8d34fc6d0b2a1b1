//! More bans than Redis keeps: first those go that have outlived all entries, then the older half is one of all.

use super::*;
use std::collections::HashMap;

/// How long an entry lives at most, in ms: [`LONG`].
const LONGEST: i64 = 300_000;

/// Bans `name<number>` for each of `numbers`, at that place.
fn bans(epoch: &str, since: i64, numbers: std::ops::Range<u64>) -> Vec<(Vec<u8>, String)> {
    let ban = |n| (format!("i:tag:{epoch}-{n}").into_bytes(), format!("{epoch}:{n}:{since}"));
    numbers.map(ban).collect()
}

/// A log that has seen so many events.
fn lengthen(both: &mut Both, added: u64) {
    both.publish(&[Notice { op: Op::Prewarm, scope: Scope::All }]);
    let newest = format!("{}-9", now() / 1000);
    both.redis.call(&["XSETID", "fpc:log", &newest, "ENTRIESADDED", &added.to_string()]).unwrap();
    both.double.keys().streams.get_mut(&b"fpc:log"[..]).unwrap().added = added;
}

/// What is left, as the real Redis holds it. The double holds as many of each place: of those at one place it is open
/// which ones go.
fn left(both: &mut Both) -> HashMap<String, String> {
    let (real, double) = both.epochs();
    let all = both.redis.call(&["HGETALL", "fpc:bans"]).unwrap().list();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let held: HashMap<_, _> = all.chunks_exact(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
    let place = |value: &str| value.rsplit_once(':').unwrap_or_default().0.replace(&real, &double);
    let mut places: Vec<_> = held.values().map(|value| place(value)).collect();
    let keys = both.double.keys();
    let mut beside: Vec<_> = keys.hashes[&b"fpc:bans"[..]].fields.values().map(|value| place(&text(value))).collect();
    places.sort();
    beside.sort();
    assert!(places == beside, "Redis and its double");
    held
}

fn number(held: &HashMap<String, String>, epoch: &str) -> usize {
    held.keys().filter(|field| field.starts_with(&format!("i:tag:{epoch}-"))).count()
}

/// The place of the ban of all.
fn all(held: &HashMap<String, String>) -> Option<String> {
    held.get("i:all:").map(|value| value.rsplit_once(':').unwrap().0.to_owned())
}

fn ms() -> i64 {
    now() / 1000
}

const OTHER: &str = "00112233445566778899aabbccddeeff00112233";

#[test]
fn up_to_ten_thousand_all_stay() {
    let mut both = Both::new();
    lengthen(&mut both, 20_000);
    both.hset("fpc:bans", &bans("<now>", ms() - LONGEST - 60_000, 0..9_999));
    both.publish(&[tag(Op::Invalidate, "a")]);
    assert_eq!(left(&mut both).len(), 10_000);
}

#[test]
fn those_that_have_outlived_all_entries_go_first() {
    let mut both = Both::new();
    lengthen(&mut both, 20_000);
    both.hset("fpc:bans", &bans("<now>", ms() - LONGEST - 60_000, 0..1_001));
    both.hset("fpc:bans", &bans("<now>", ms() - LONGEST + 60_000, 2_000..10_999));
    let end = both.publish(&[tag(Op::Invalidate, "a")]);
    let held = left(&mut both);
    assert_eq!((held.len(), all(&held)), (9_000, None));
    assert_eq!(held["i:tag:a"].rsplit_once(':').unwrap().0, end.to_string());
    assert!(!held.contains_key("i:tag:<now>-1000") && held.contains_key("i:tag:<now>-2000"));
}

#[test]
fn then_the_oldest_are_one_of_all() {
    let mut both = Both::new();
    lengthen(&mut both, 20_000);
    both.hset("fpc:bans", &bans(OTHER, ms(), 90_000..93_000));
    both.hset("fpc:bans", &bans("<now>", ms(), 1..7_001));
    let end = both.publish(&[tag(Op::Invalidate, "a")]);
    let held = left(&mut both);
    // 10,001 less 5,001: all of the other epoch, then the places 1 to 2,001.
    assert_eq!((held.len(), number(&held, OTHER), number(&held, "<now>")), (5_001, 0, 4_999));
    assert!(!held.contains_key("i:tag:<now>-2001") && held.contains_key("i:tag:<now>-2002"));
    assert_eq!(all(&held), Some(format!("{}:2001", end.epoch)));
    let News::Whole { bans, .. } = both.sync(None) else { panic!() };
    let (_, at, age) = bans.iter().find(|(notice, _, _)| *notice == Notice::EVERYTHING).unwrap();
    assert_eq!((bans.len(), at.n), (5_001, 2_001));
    assert!(*age < Duration::from_secs(60), "{age:?}");
    // There is room again.
    both.publish(&[tag(Op::Invalidate, "b")]);
    assert_eq!(left(&mut both).len(), 5_002);
}

#[test]
fn a_ban_of_all_is_never_lowered() {
    let other = format!("{OTHER}:99999:7");
    for (before, after, count) in [("<now>:9999:7", 9_999, 3), ("<now>:2000:7", 5_001, 5_001), (&other, 5_001, 5_001)] {
        let mut both = Both::new();
        lengthen(&mut both, 20_000);
        both.hset("fpc:bans", &bans("<now>", ms(), 1..10_001));
        let before = before.replace(":7", &format!(":{}", ms()));
        both.hset("fpc:bans", &[(b"i:all:".to_vec(), before.clone())]);
        let end = both.publish(&[tag(Op::Invalidate, "a")]);
        let held = left(&mut both);
        assert_eq!((held.len(), all(&held)), (count, Some(format!("{}:{after}", end.epoch))), "{before}");
    }
}

#[test]
fn bans_of_another_epoch_alone_ban_that_epoch() {
    let mut both = Both::new();
    lengthen(&mut both, 20_000);
    both.hset("fpc:bans", &bans(OTHER, ms(), 1..8_001));
    both.hset("fpc:bans", &bans("<now>", ms(), 1..2_001));
    let end = both.publish(&[tag(Op::Invalidate, "a")]);
    let held = left(&mut both);
    assert_eq!((held.len(), number(&held, OTHER), number(&held, "<now>")), (2_002, 0, 2_000));
    assert_eq!(all(&held), Some(format!("{}:0", end.epoch)));
}

#[test]
fn what_cannot_be_read_is_as_good_as_new() {
    let field = |field: &str, value: &str| (field.as_bytes().to_vec(), value.to_owned());
    for odd in [
        field("nonsense", "<now>:1:1"),
        field("x:tag:x", "<now>:1:1"),
        field("i:tag", "<now>:1:1"),
        field("i:tag:x", "0123:1:1"),
        field("i:tag:x", "<now>:x:y"),
        field("i:tag:x", "<now>:1"),
        field("i:tag:x", ""),
    ] {
        let (mut both, held) = overflowed(&odd);
        let top = format!("{}:5001", both.epoch());
        assert!(held.len() == 5_001 && all(&held) == Some(top), "{odd:?}: {:?}", all(&held));
        assert!(held.contains_key(&*String::from_utf8_lossy(&odd.0)), "{odd:?}");
    }
    for odd in ["nonsense", "", "0123:1:1", "<now>:1"] {
        let (mut both, held) = overflowed(&field("i:all:", odd));
        let top = format!("{}:20001", both.epoch());
        assert!(held.len() == 1 && all(&held) == Some(top), "{odd}: {:?}", all(&held));
    }
}

/// What is left after a ban too many, with an odd one among them.
fn overflowed((field, value): &(Vec<u8>, String)) -> (Both, HashMap<String, String>) {
    let mut both = Both::new();
    lengthen(&mut both, 20_000);
    both.hset("fpc:bans", &bans("<now>", ms(), 1..10_000));
    both.hset("fpc:bans", &[(field.clone(), value.replace(":1:1", &format!(":1:{}", ms())))]);
    let end = both.publish(&[tag(Op::Invalidate, "a")]);
    assert_eq!(end.n, 20_001);
    let held = left(&mut both);
    (both, held)
}

#[test]
fn a_call_with_more_than_all_of_them_is_bounded_too() {
    let mut both = Both::new();
    let words: Vec<Vec<u8>> = (0..10_300)
        .flat_map(|number| ["invalidate".to_owned(), "tag".to_owned(), format!("t{number}")])
        .map(String::into_bytes)
        .collect();
    let call = redis::publish(both.config.redis.as_ref().unwrap(), &[], LONG);
    let mut command: Vec<Vec<u8>> =
        [b"EVAL", call.script.text.as_bytes(), b"2", b"fpc:log", b"fpc:bans", b"300000"].map(<[u8]>::to_vec).to_vec();
    command.extend(words);
    // Longer than any URL: by RESP.
    both.redis.call(&command).unwrap();
    both.double.run(&command, now());
    let held = left(&mut both);
    let epoch = both.epoch();
    assert_eq!((held.len(), all(&held)), (1, Some(format!("{epoch}:10300"))));
    let Reply::Integer(events) = both.redis.call(&["XLEN", "fpc:log"]).unwrap() else { panic!() };
    assert!((10_000..10_200).contains(&events), "{events}");
}
