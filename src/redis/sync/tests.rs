//! What is asked of the log, and what of the answer is believed.

use super::*;
use crate::notice::Scope;
use crate::redis::tests::{EPOCH, bulk_of, config, position};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const BEFORE: &str = "89abcdef0123456789abcdef0123456789abcdef";

const ASKED: Token = Token(0xa5);

/// An answer; `@` stands for a position and the call.
fn reply(payload: &str) -> Vec<u8> {
    crate::redis::tests::reply(&payload.replace('@', &format!("@{ASKED}|")))
}

fn read(reply: &[u8]) -> Result<News, L2Failure> {
    read_sync(reply, ASKED)
}

fn netstrings(texts: &[&[u8]]) -> Vec<u8> {
    texts.iter().flat_map(|text| [format!("{}:", text.len()).as_bytes(), text, b","].concat()).collect()
}

/// A reply with all bans, at ten seconds of Redis' clock.
fn whole(before: &str, bans: &[(&[u8], &[u8])]) -> Vec<u8> {
    let texts: Vec<&[u8]> = bans.iter().flat_map(|(name, value)| [*name, *value]).collect();
    bulk_of(&[format!("W{EPOCH}:7|{ASKED}|{before}|10000|").as_bytes(), &netstrings(&texts)].concat())
}

fn next(texts: &[&[u8]]) -> Vec<u8> {
    bulk_of(&[format!("E{EPOCH}:7|{ASKED}|").as_bytes(), &netstrings(texts)].concat())
}

fn tag(op: Op, tag: &str) -> Notice {
    Notice { op, scope: Scope::Tag(tag.to_owned()) }
}

fn bans(reply: &[u8]) -> Vec<(Notice, Position, Duration)> {
    match read(reply) {
        Ok(News::Whole { bans, .. }) => bans,
        _ => panic!("not whole"),
    }
}

#[test]
fn a_sync_says_what_is_known() {
    let config = config();
    let redis = config.redis.as_ref().unwrap();
    let call = sync(redis, None, ASKED);
    assert_eq!((call.script.name, call.whole, call.body.is_none()), ("sync", false, true));
    assert_eq!(call.keys, ["p:log", "p:bans"]);
    assert_eq!(call.arguments, ["-", "1000", "00000000000000a5"]);
    let call = sync(redis, Some(&position(7)), ASKED);
    assert_eq!(call.arguments[..2], [format!("{EPOCH}:7"), "1000".to_owned()]);
}

#[test]
fn the_answer_to_another_call_is_none() {
    for text in ["E@", "W@0000000000000000000000000000000000000000|1|"] {
        assert!(read(&reply(text)).is_ok(), "{text}");
        assert!(read_sync(&reply(text), Token(0xa6)).is_err_and(|error| error == L2Failure::Corrupt), "{text}");
        let without = crate::redis::tests::reply(text);
        assert!(read(&without).is_err_and(|error| error == L2Failure::Corrupt), "{text}");
    }
}

#[test]
fn events_come_in_their_order() {
    let Ok(News::Next { to, notices }) = read(&reply("E@")) else { panic!() };
    assert!(to == position(7) && notices.is_empty());
    let two = next(&[b"invalidate", b"tag", b"a,1:b|", b"refresh", b"tag", "é".as_bytes()]);
    let Ok(News::Next { to, notices }) = read(&two) else { panic!() };
    assert_eq!((to, notices), (position(7), vec![tag(Op::Invalidate, "a,1:b|"), tag(Op::Refresh, "é")]));
}

#[test]
fn an_event_that_makes_no_sense_is_one_of_all() {
    for event in [[&b""[..], b"", b""], [b"\xff", b"tag", b"a"], [b"invalidate", b"\0", b"a"]] {
        let Ok(News::Next { notices, .. }) = read(&next(&event)) else { panic!("{event:?}") };
        assert_eq!(notices, [Notice::EVERYTHING], "{event:?}");
    }
}

#[test]
fn the_whole_is_the_predecessor_and_all_bans_with_their_age() {
    let at = |n: u64, ms: u64| format!("{EPOCH}:{n}:{ms}").into_bytes();
    let reply = whole(BEFORE, &[(b"i:tag:a:b", &at(5, 9000)), (b"r:tag:c", &at(6, 10_001)), (b"i:all:", &at(0, 0))]);
    let Ok(News::Whole { at, born: 0, continues, bans }) = read(&reply) else { panic!() };
    assert_eq!((at, continues.as_deref()), (position(7), Some(BEFORE)));
    assert_eq!(
        bans,
        [
            (tag(Op::Invalidate, "a:b"), position(5), Duration::from_secs(1)),
            (tag(Op::Refresh, "c"), position(6), Duration::ZERO),
            (Notice::EVERYTHING, position(0), Duration::from_secs(10)),
        ]
    );
    let Ok(News::Whole { continues: None, .. }) = read(&whole(NO_EPOCH, &[])) else { panic!() };
}

#[test]
fn where_the_log_began_is_no_ban() {
    let ban = format!("{EPOCH}:5:9000").into_bytes();
    let of = |value: &[u8]| match read(&whole(BEFORE, &[(b"born", value), (b"i:tag:a", &ban)])) {
        Ok(News::Whole { born, bans, .. }) => (born, bans.len()),
        _ => panic!("not whole"),
    };
    for (value, born) in [(&b"0"[..], 0), (b"5", 5), (b"1795516130900", 1_795_516_130_900)] {
        assert_eq!(of(value), (born, 1));
    }
    for unreadable in [&b""[..], b"x", b"-1", b"+1", b"5:", b"\xff", b"99999999999999999999999"] {
        assert_eq!(of(unreadable), (7, 1), "as late as can be: {unreadable:?}");
    }
    let Ok(News::Whole { born: 0, .. }) = read(&whole(BEFORE, &[(b"i:tag:a", &ban)])) else { panic!() };
}

#[test]
fn a_ban_that_cannot_be_read_bans_all_that_is() {
    let good = format!("{EPOCH}:5:9000").into_bytes();
    let unreadable: &[(&[u8], &[u8])] = &[
        (b"", &good),
        (b"i", &good),
        (b"i:tag", &good),
        (b"x:tag:a", &good),
        (b"p:tag:a", &good),
        (b"uri:00", &good),
        (b"i:tag:a", b""),
        (b"i:tag:a", b"\xff:5:9000"),
        (b"i:tag:a", b"0123:5:9000"),
        (b"i:tag:a", &good[..42]),
        (b"i:tag:a", b"0123456789abcdef0123456789abcdef01234567:x:9000"),
    ];
    for (name, value) in unreadable {
        let expected = [all(&position(7))];
        assert_eq!(bans(&whole(BEFORE, &[(name, value)])), expected, "{}", String::from_utf8_lossy(name));
    }
    // What it is about cannot be read, but where it stands: all up to there.
    for name in [&b"i:tag:\xff"[..], b"i:nonsense:a", b"i::", b"r:\xff:a"] {
        let [(notice, at, age)] = &bans(&whole(BEFORE, &[(name, &good)]))[..] else { panic!() };
        assert_eq!((notice, at, *age), (&all(at).0, &position(5), Duration::from_secs(1)), "{name:?}");
    }
}

#[test]
fn a_ban_whose_time_cannot_be_read_is_new() {
    for ms in ["", "x", "-1", "+1", "99999999999999999999999"] {
        let value = format!("{EPOCH}:5:{ms}");
        let expected = [(tag(Op::Refresh, "a"), position(5), Duration::ZERO)];
        assert_eq!(bans(&whole(BEFORE, &[(b"r:tag:a", value.as_bytes())])), expected, "{ms}");
    }
}

#[test]
fn more_bans_than_anyone_should_have_are_one_of_all() {
    let value = format!("{EPOCH}:5:9000").into_bytes();
    let many = vec![(&b"i:tag:a"[..], &value[..]); MOST_BANS + 2];
    let read = bans(&whole(BEFORE, &many));
    assert_eq!(read.len(), MOST_BANS + 1);
    assert_eq!(read.last(), Some(&all(&position(7))));
    let read = bans(&whole(BEFORE, &many[..MOST_BANS - 1]));
    assert!(read.len() == MOST_BANS - 1 && read.iter().all(|(notice, _, _)| *notice == tag(Op::Invalidate, "a")));
}

#[test]
fn more_events_than_asked_for_are_corrupt() {
    let event = [&b"invalidate"[..], b"tag", b"a"];
    assert!(read(&next(&event.repeat(MOST_EVENTS))).is_ok());
    assert!(read(&next(&event.repeat(MOST_EVENTS + 1))).is_err_and(|error| error == L2Failure::Corrupt));
}

#[test]
fn whatever_the_script_does_not_say_is_corrupt() {
    let before = format!("W@{BEFORE}|10000|");
    for payload in [
        "",
        "E",
        "E7|",
        "@",
        "e@",
        "M@",
        "P@",
        "E@1",
        "E@1:",
        "E@1:a",
        "E@1:a,",
        "E@1:a,1:b,",
        "E@1:a,1:b,1:c",
        "E@1:a,1:b,1:c;",
        "E@1:a,1:b,1:c,1:d,",
        "E@2:a,1:b,1:c,",
        "E@-1:a,1:b,1:c,",
        "E@+1:a,1:b,1:c,",
        "E@:,:,:,",
        "E@1:a,1:b,99999999999:c,",
        "E@18446744073709551615:a,1:b,1:c,",
        "E@1:a,1:b,1:c,|",
        "W@",
        "W@|1|",
        "W@0123|1|",
        "W@-|1|",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(["1:a", "1:a,", "1:a,1:b", "1:a,1:b,1:c,", "x"].map(|rest| format!("{before}{rest}")))
    .chain([format!("W@{BEFORE}|"), format!("W@{BEFORE}|1"), format!("W@{BEFORE}||"), format!("W@{BEFORE}|-1|")])
    .chain([format!("W@{BEFORE}|+1|"), format!("W@x{}|1|", &BEFORE[1..]), format!("W@{BEFORE}0|1|")])
    {
        assert!(read(&reply(&payload)).is_err_and(|error| error == L2Failure::Corrupt), "{payload}");
    }
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use super::*;
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..20)
    }

    proptest! {
        #[test]
        fn anything_like_an_answer_is_read_or_refused(letter in "[EW]", rest in "[0-9:,|a-c]{0,40}") {
            let _ = read(&bulk_of(format!("{letter}{EPOCH}:7|{rest}").as_bytes()));
            let _ = read(&bulk_of(format!("W{EPOCH}:7|{BEFORE}|9|{rest}").as_bytes()));
        }

        #[test]
        fn no_event_and_no_ban_is_lost(texts in proptest::collection::vec([bytes(), bytes(), bytes()], 0..20)) {
            let flat: Vec<&[u8]> = texts.iter().flatten().map(Vec::as_slice).collect();
            let count = |news| match news {
                Ok(News::Next { notices, .. }) => notices.len(),
                Ok(News::Whole { bans, .. }) => bans.len(),
                Err(_) => usize::MAX,
            };
            prop_assert_eq!(count(read(&next(&flat))), texts.len());
            let pairs: Vec<(&[u8], &[u8])> = texts.iter().map(|[name, value, _]| (&name[..], &value[..])).collect();
            prop_assert_eq!(count(read(&whole(BEFORE, &pairs))), texts.len());
        }
    }
}
