//! Tables: what is sent to L2, and what of its answers is believed.

use super::*;
use crate::config::Config;
use crate::key::KeyBuilder;
use crate::key::tests::rule;
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const EPOCH: &str = "0123456789abcdef0123456789abcdef01234567";

fn position(n: u64) -> Position {
    Position { epoch: EPOCH.to_owned(), n }
}

/// A reply whose payload has `@` where the position belongs, as one bulk string.
fn reply(payload: &str) -> Vec<u8> {
    bulk_of(payload.replace('@', &format!("{EPOCH}:7|")).as_bytes())
}

fn bulk_of(payload: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn selecting(values: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
}

#[test]
fn a_lookup_is_answered_in_four_ways() {
    let entry = bulk_of(format!("H{EPOCH}:7|1500|FPC1\r\n|\0\u{e9}").as_bytes());
    let expected = Lookup::Hit(position(7), Duration::from_millis(1500), "FPC1\r\n|\0\u{e9}".as_bytes());
    assert_eq!(read_lookup(&entry), Ok(expected));
    assert_eq!(read_lookup(&reply("H@0|")), Ok(Lookup::Hit(position(7), Duration::ZERO, b"")));
    assert_eq!(read_lookup(&reply("M@")), Ok(Lookup::Miss(position(7))));
    assert_eq!(read_lookup(&reply("O@")), Ok(Lookup::OtherVariant(position(7))));
    assert_eq!(read_lookup(&reply("V@v:")), Ok(Lookup::OtherVary(position(7), vec![])));
    let vary = Lookup::OtherVary(position(7), names(&["accept", "accept-language"]));
    assert_eq!(read_lookup(&reply("V@v:accept,accept-language")), Ok(vary));
    let huge = bulk_of(format!("M{EPOCH}:18446744073709551615|").as_bytes());
    assert_eq!(read_lookup(&huge), Ok(Lookup::Miss(position(u64::MAX))));
}

#[test]
fn whatever_the_script_does_not_say_is_corrupt() {
    for payload in [
        "",
        "M",
        "M|",
        "M7|",
        "Mepoch:7|",
        "@",
        "m@",
        "X@",
        "L@",
        "\0@",
        "M@ ",
        "M@M@",
        "O@v:",
        "H@",
        "H@1500",
        "H@|",
        "H@-1|FPC1",
        "H@1.5|FPC1",
        "H@0x1|FPC1",
        "H@99999999999999999999|FPC1",
        "V@",
        "V@accept",
        "V@v:Accept",
        "V@v:b,a",
        "V@e:a",
    ] {
        assert_eq!(read_lookup(&reply(payload)), Err(L2Failure::Corrupt), "{payload}");
    }
    let long_names = format!("V@v:{}", "a".repeat(5000));
    assert_eq!(read_lookup(&reply(&long_names)), Err(L2Failure::Corrupt));
    let short_epoch = format!("M{}:7|", &EPOCH[1..]);
    let later = format!("M{}:{}|", EPOCH, "9".repeat(70));
    let signed = format!("M{EPOCH}:-7|");
    for payload in [short_epoch, later, signed] {
        assert_eq!(read_lookup(&bulk_of(payload.as_bytes())), Err(L2Failure::Corrupt), "{payload}");
    }
    assert_eq!(read_lookup(&bulk_of(b"V\xff\xff")), Err(L2Failure::Corrupt));
    let not_text = [b"V", EPOCH.as_bytes(), b":7|v:\xff"].concat();
    assert_eq!(read_lookup(&bulk_of(&not_text)), Err(L2Failure::Corrupt));
}

#[test]
fn other_replies_have_their_own_reasons() {
    use L2Failure::{Corrupt, Error, NoScript, Refused};
    for (reply, expected) in [
        ("-NOSCRIPT No matching script. Please use EVAL.\r\n", NoScript),
        ("-READONLY You can't write against a read only replica.\r\n", Refused),
        ("-OOM command not allowed when used memory > 'maxmemory'.\r\n", Refused),
        ("-NOREPLICAS Not enough good replicas to write.\r\n", Refused),
        ("-NOPERM this user has no permissions\r\n", Refused),
        ("-LOADING Redis is loading the dataset in memory\r\n", Refused),
        ("-MASTERDOWN Link with MASTER is down\r\n", Refused),
        ("-BUSY Redis is busy running a script.\r\n", Refused),
        ("-MISCONF Redis is configured to save RDB snapshots\r\n", Refused),
        ("-NOAUTH Authentication required.\r\n", Refused),
        ("-WRONGPASS invalid username-password pair\r\n", Refused),
        ("-CLUSTERDOWN Hash slot not served\r\n", Refused),
        ("-ERR unknown command\r\n", Error),
        ("-WRONGTYPE Operation against a key\r\n", Error),
        ("-NOSCRIPTED\r\n", Error),
        ("-\r\n", Error),
        ("+OK\r\n", Corrupt),
        (":1\r\n", Corrupt),
        ("$-1\r\n", Corrupt),
        ("*1\r\n$1\r\nM\r\n", Corrupt),
        ("", Corrupt),
        ("<html>403 Forbidden</html>", Corrupt),
        ("-NOSCRIPT no line end", Corrupt),
    ] {
        assert_eq!(read_lookup(reply.as_bytes()), Err(expected), "{reply}");
        assert_eq!(read_fill(reply.as_bytes()), Err(expected), "{reply}");
        assert_eq!(read_invalidate(reply.as_bytes()), Err(expected), "{reply}");
    }
}

#[test]
fn a_fill_is_stored_or_fenced_off() {
    assert_eq!(read_fill(b"$1\r\nS\r\n"), Ok(true));
    assert_eq!(read_fill(b"$1\r\nF\r\n"), Ok(false));
    assert_eq!(read_invalidate(b"$1\r\nI\r\n"), Ok(()));
    assert_eq!(read_invalidate(b"$1\r\nS\r\n"), Err(L2Failure::Corrupt));
    for reply in ["$1\r\nI\r\n", "$2\r\nSS\r\n", "$0\r\n\r\n", "+S\r\n", "$1\r\ns\r\n"] {
        assert_eq!(read_fill(reply.as_bytes()), Err(L2Failure::Corrupt), "{reply}");
    }
}

#[test]
fn a_primary_key_is_one_hash() {
    let redis = json!({ "cluster": "webdis", "key_prefix": "p" });
    let rules = json!([{ "name": "r", "match": { "path": "/**" } }]);
    let config = json!({ "schema_version": "v2", "redis": redis, "rules": rules }).to_string();
    let config = Config::parse(config.as_bytes()).unwrap();
    let redis = config.redis.as_ref().unwrap();
    let primary = KeyBuilder::new(&rule(json!({})), 0, "GET", b"h", b"/a").build();
    let place = super::place(redis, &config, "r", &primary, 0xab);
    assert_eq!(place.hash, format!("p:2.v2:r:{:032x}", primary.digest()));
    assert_eq!(place.hash.len(), "p:2.v2:r:".len() + 32);
    assert_eq!((place.log.as_str(), place.bans.as_str()), ("p:log", "p:bans"));
    assert_eq!(place.uri, "uri:000000000000000000000000000000ab");
    let call = invalidate(redis, &[0xab, 1], Duration::from_secs(2));
    assert_eq!((call.script.name, call.whole, call.body.is_none()), ("invalidate", true, true));
    assert_eq!(call.keys, ["p:log", "p:bans"]);
    assert_eq!(banned(&call), [0xab, 1]);
    assert_eq!(call.arguments, ["2000", &place.uri, "uri:00000000000000000000000000000001"]);
}

#[test]
fn a_variant_is_a_field_of_its_own() {
    let fields = [
        selecting(&[]),
        selecting(&[("a", None)]),
        selecting(&[("a", Some(""))]),
        selecting(&[("a", Some("!"))]),
        selecting(&[("a", Some("1"))]),
        selecting(&[("a", Some("1 "))]),
        selecting(&[("b", Some("1"))]),
        selecting(&[("a", None), ("b", None)]),
        selecting(&[("a", Some("")), ("b", None)]),
        selecting(&[("a", None), ("b", Some(""))]),
        selecting(&[("a", Some("1")), ("b", Some("2"))]),
        selecting(&[("a", Some("2")), ("b", Some("1"))]),
        selecting(&[("a", Some("1\nb=2"))]),
    ]
    .map(|selecting| variant(&selecting));
    for (index, field) in fields.iter().enumerate() {
        assert!(field.len() == 34 && field.starts_with("e:"), "{field}");
        assert!(!fields[index + 1..].contains(field), "{index}");
    }
}

fn somewhere() -> Place {
    let [hash, log, bans, uri] = ["hash", "log", "bans", "uri:1"].map(str::to_owned);
    Place { hash, log, bans, uri }
}

#[test]
fn a_lookup_names_what_it_assumes() {
    let selecting = selecting(&[("accept", Some("x")), ("origin", None)]);
    let call = lookup(&somewhere(), &selecting);
    assert_eq!((call.script.name, call.whole, call.body.is_none()), ("lookup", false, true));
    assert_eq!(call.keys, ["hash", "log", "bans"]);
    assert_eq!(call.arguments, ["v:accept,origin", &variant(&selecting), "uri:1"]);
    // The field `vary` is written as it is read.
    assert_eq!(
        read_lookup(&reply("V@v:accept,origin")),
        Ok(Lookup::OtherVary(position(7), names(&["accept", "origin"])))
    );
    assert_eq!(lookup(&somewhere(), &[]).arguments[0], "v:");
}

#[test]
fn a_fill_says_how_long_in_milliseconds() {
    let selecting = selecting(&[("accept", Some("x"))]);
    let call = fill(&somewhere(), &selecting, Duration::from_micros(1_500_999), &position(7), vec![0, 255]);
    assert_eq!((call.script.name, call.whole, call.body), ("fill", false, Some(vec![0, 255])));
    assert_eq!(call.keys, ["hash", "log", "bans"]);
    assert_eq!(call.arguments, ["v:accept", &variant(&selecting), "1500", &format!("{EPOCH}:7"), "uri:1"]);
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn redis_knows_each_script_by_the_digest_of_its_text() {
        for script in [&script::LOOKUP, &script::FILL, &script::INVALIDATE] {
            assert_eq!(sha1_smol::Sha1::from(script.text).digest().to_string(), script.sha1, "{}.lua", script.name);
            assert!(script.text.starts_with("#!lua"), "{}.lua", script.name);
        }
    }

    proptest! {
        #[test]
        fn any_reply_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = (read_lookup(&bytes), read_fill(&bytes), read_lookup(&bulk_of(&bytes)));
        }

        #[test]
        fn anything_like_an_answer_is_read_or_refused(letter in "[HVOM]", n in "[0-9]{0,21}", rest in "[0-9|v:a-c,]{0,12}") {
            let _ = read_lookup(&bulk_of(format!("{letter}{EPOCH}:{n}|{rest}").as_bytes()));
        }

        #[test]
        fn what_a_hit_carries_is_not_looked_into(age in any::<u64>(), n in any::<u64>(), entry in proptest::collection::vec(any::<u8>(), 0..40)) {
            let bytes = bulk_of(&[format!("H{EPOCH}:{n}|{age}|").as_bytes(), &entry].concat());
            prop_assert_eq!(read_lookup(&bytes), Ok(Lookup::Hit(position(n), Duration::from_millis(age), &entry)));
        }
    }
}
