//! What is published, and what of the answer is believed.

use super::*;
use crate::notice::{Op, Scope};
use crate::redis::tests::{EPOCH, bulk_of, config, position};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn each_notice_is_three_words_and_none_is_empty() {
    let config = config();
    let notices = [
        Notice { op: Op::Invalidate, scope: Scope::Tag("a b".to_owned()) },
        Notice { op: Op::Refresh, scope: Scope::All },
        Notice { op: Op::Prewarm, scope: Scope::Prefix("/é".to_owned()) },
        Notice { op: Op::Invalidate, scope: Scope::Tag(String::new()) },
    ];
    let call = publish(config.redis.as_ref().unwrap(), &notices, Duration::from_secs(2));
    assert_eq!((call.script.name, call.whole, call.body.is_none()), ("publish", true, true));
    assert_eq!(call.keys, ["p:log", "p:bans"]);
    let words =
        ["invalidate", "tag", "a b", "refresh", "all", "-", "prewarm", "prefix", "/é", "invalidate", "all", "-"];
    assert_eq!(call.arguments[0], "2000");
    assert_eq!(call.arguments[1..], words);
}

#[test]
fn a_publication_has_a_place() {
    let read = |payload: &str| read_publish(&bulk_of(payload.as_bytes()));
    assert_eq!(read(&format!("P{EPOCH}:7")), Ok(position(7)));
    for payload in ["", "P", "P7", "F", "PP", "I"].map(str::to_owned).into_iter().chain([
        format!("{EPOCH}:7"),
        format!("M{EPOCH}:7"),
        format!("P{EPOCH}:7|"),
        format!("P{EPOCH}:-7"),
        format!("P{EPOCH}:"),
        format!("P{}:7", &EPOCH[1..]),
        format!("P{EPOCH}:{}7", "0".repeat(30)),
    ]) {
        assert_eq!(read(&payload), Err(L2Failure::Corrupt), "{payload}");
    }
    assert_eq!(read_publish(&bulk_of(&[b"P", EPOCH.as_bytes(), b":\xff"].concat())), Err(L2Failure::Corrupt));
}
