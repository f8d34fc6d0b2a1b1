//! What all calls have in common: where things are, and what an answer is not.

use super::*;
use crate::config::Config;
use crate::key::KeyBuilder;
use crate::key::tests::rule;
use crate::token::Token;
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

pub const EPOCH: &str = "0123456789abcdef0123456789abcdef01234567";
pub const TOKEN: Token = Token(0xfeed);
pub const TOKEN_TEXT: &str = "000000000000feed";

pub fn position(n: u64) -> Position {
    Position { epoch: EPOCH.to_owned(), n }
}

/// A reply whose payload has `@` where the position belongs, as one bulk string.
pub fn reply(payload: &str) -> Vec<u8> {
    bulk_of(payload.replace('@', &format!("{EPOCH}:7|")).as_bytes())
}

pub fn bulk_of(payload: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat()
}

pub fn selecting(values: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
}

pub fn somewhere() -> Place {
    let [hash, log, bans] = ["hash", "log", "bans"].map(str::to_owned);
    Place { hash, log, bans }
}

pub fn config() -> Config {
    let redis = json!({ "cluster": "webdis", "key_prefix": "p" });
    let rules = json!([{ "name": "r", "match": { "path": "/**" } }]);
    let config = json!({ "schema_version": "v2", "redis": redis, "rules": rules }).to_string();
    Config::parse(config.as_bytes()).unwrap()
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
        assert_eq!(read_lease(reply.as_bytes()), Err(expected), "{reply}");
        assert_eq!(read_publish(reply.as_bytes()), Err(expected), "{reply}");
        assert!(read_sync(reply.as_bytes(), Token(1)).is_err_and(|error| error == expected), "{reply}");
        assert_eq!(is_unknown_script(reply.as_bytes()), expected == NoScript, "{reply}");
    }
}

#[test]
fn a_fill_is_stored_or_fenced_off() {
    assert_eq!(read_fill(b"$1\r\nS\r\n"), Ok(true));
    assert_eq!(read_fill(b"$1\r\nF\r\n"), Ok(false));
    for reply in ["$1\r\nK\r\n", "$1\r\nI\r\n", "$2\r\nSS\r\n", "$0\r\n\r\n", "+S\r\n", "$1\r\ns\r\n"] {
        assert_eq!(read_fill(reply.as_bytes()), Err(L2Failure::Corrupt), "{reply}");
    }
}

#[test]
fn a_lease_is_ours_or_not() {
    assert_eq!(read_lease(b"$1\r\nK\r\n"), Ok(true));
    assert_eq!(read_lease(b"$1\r\nF\r\n"), Ok(false));
    for reply in ["$1\r\nS\r\n", "$2\r\nKK\r\n", "$0\r\n\r\n", "+K\r\n", "$1\r\nk\r\n", "$1\r\nU\r\n"] {
        assert_eq!(read_lease(reply.as_bytes()), Err(L2Failure::Corrupt), "{reply}");
    }
}

#[test]
fn a_primary_key_is_one_hash() {
    let config = config();
    let redis = config.redis.as_ref().unwrap();
    let primary = KeyBuilder::new(&rule(json!({})), 0, "GET", b"h", b"/a").build();
    let place = super::place(redis, &config, "r", &primary);
    assert_eq!(place.hash, format!("p:{}.v2:r:{:032x}", codec::VERSION, primary.digest()));
    assert_eq!((place.log.as_str(), place.bans.as_str()), ("p:log", "p:bans"));
}

#[test]
fn a_variant_is_a_field_and_a_lease_of_its_own() {
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
    .map(|selecting| (variant(&selecting), lease_key(&somewhere(), &selecting)));
    for (index, (field, lease)) in fields.iter().enumerate() {
        assert!(field.len() == 34 && field.starts_with("e:"), "{field}");
        assert_eq!(lease, &format!("hash:l:{}", &field[2..]));
        assert!(!fields[index + 1..].iter().any(|(other, _)| other == field), "{index}");
    }
}

#[test]
fn a_fill_says_how_long_in_milliseconds() {
    let selecting = selecting(&[("accept", Some("x"))]);
    let lease = Lease { key: "lease".to_owned(), token: TOKEN };
    let life = Duration::from_micros(1_500_999);
    let call = fill(&somewhere(), &selecting, life, &position(7), &lease, vec![0, 255]);
    assert_eq!((call.script.name, call.whole, call.body), ("fill", false, Some(vec![0, 255])));
    assert_eq!(call.keys, ["hash", "lease", "log"]);
    assert_eq!(call.arguments, ["v:accept", &variant(&selecting), "1500", &format!("{EPOCH}:7"), TOKEN_TEXT]);
    let call = fill(&somewhere(), &selecting, Duration::ZERO, &position(7), &lease, vec![]);
    assert_eq!(call.arguments[2], "1");
}

#[test]
fn a_lease_is_kept_given_back_or_marked() {
    let lease = Lease { key: "lease".to_owned(), token: TOKEN };
    let time = Duration::from_millis(3000);
    for (call, arguments) in [
        (renew(&lease, time), &["renew", TOKEN_TEXT, "3000"][..]),
        (renew(&lease, Duration::ZERO), &["renew", TOKEN_TEXT, "1"]),
        (mark(&lease, time), &["mark", TOKEN_TEXT, "3000"]),
        (release(&lease), &["release", TOKEN_TEXT]),
    ] {
        assert_eq!((call.script.name, call.whole, call.body.is_none()), ("lease", false, true));
        assert_eq!(call.keys, ["lease"]);
        assert_eq!(call.arguments, arguments);
    }
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn redis_knows_each_script_by_the_digest_of_its_text() {
        for script in script::ALL {
            assert_eq!(sha1_smol::Sha1::from(script.text).digest().to_string(), script.sha1, "{}.lua", script.name);
            assert!(script.text.starts_with("#!lua"), "{}.lua", script.name);
        }
    }

    proptest! {
        #[test]
        fn any_reply_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            for reply in [bytes.clone(), bulk_of(&bytes)] {
                let _ = (read_lookup(&reply), read_fill(&reply), read_lease(&reply), read_publish(&reply));
                let _ = read_sync(&reply, Token(1));
            }
        }
    }
}
