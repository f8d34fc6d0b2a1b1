//! Tables: what a lookup asks, and what of its answers is believed.

use super::*;
use crate::redis::tests::{EPOCH, TOKEN, TOKEN_TEXT, bulk_of, position, reply, selecting, somewhere};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn hit(since: u64, fill: Option<Token>, bytes: &[u8]) -> Lookup<'_> {
    Lookup::Hit { at: position(7), since: Duration::from_millis(since), fill, bytes }
}

#[test]
fn a_lookup_names_what_it_assumes_and_wants() {
    let selecting = selecting(&[("accept", Some("x")), ("origin", None)]);
    let lease = Duration::from_secs(3);
    let looks = Want { token: None, lease, refused: None };
    let call = lookup(&somewhere(), &selecting, &looks);
    assert_eq!((call.script.name, call.whole, call.body.is_none()), ("lookup", false, true));
    assert_eq!(call.keys, ["hash", &lease_key(&somewhere(), &selecting), "log"]);
    assert_eq!(call.arguments, ["v:accept,origin", &variant(&selecting), "-", "3000", "-"]);
    let wants = Want { token: Some(TOKEN), lease: Duration::ZERO, refused: Some(Token(1)) };
    let call = lookup(&somewhere(), &[], &wants);
    assert_eq!(call.arguments, ["v:", &variant(&[]), TOKEN_TEXT, "1", "0000000000000001"]);
    // The field `vary` is written as it is read.
    assert_eq!(
        read_lookup(&reply("V@v:accept,origin")),
        Ok(Lookup::OtherVary(position(7), names(&["accept", "origin"])))
    );
}

#[test]
fn a_lookup_is_answered_in_six_ways() {
    let at = || position(7);
    let entry = format!("H@1500|{TOKEN_TEXT}|FPC1\r\n|\0\u{e9}");
    assert_eq!(read_lookup(&reply(&entry)), Ok(hit(1500, Some(TOKEN), "FPC1\r\n|\0\u{e9}".as_bytes())));
    assert_eq!(read_lookup(&reply("H@0|-|")), Ok(hit(0, None, b"")));
    assert_eq!(read_lookup(&reply("H@0|-||x")), Ok(hit(0, None, b"|x")));
    assert_eq!(read_lookup(&reply("M@")), Ok(Lookup::Miss { at: at(), other: false }));
    assert_eq!(read_lookup(&reply("M@o")), Ok(Lookup::Miss { at: at(), other: true }));
    assert_eq!(read_lookup(&reply("L@")), Ok(Lookup::Led { at: at(), other: false }));
    assert_eq!(read_lookup(&reply("L@o")), Ok(Lookup::Led { at: at(), other: true }));
    let left = Duration::from_millis(2990);
    assert_eq!(read_lookup(&reply("W@2990|")), Ok(Lookup::Filling { at: at(), left, other: false }));
    assert_eq!(read_lookup(&reply("W@2990|o")), Ok(Lookup::Filling { at: at(), left, other: true }));
    assert_eq!(read_lookup(&reply("U@")), Ok(Lookup::Uncacheable { at: at() }));
    assert_eq!(read_lookup(&reply("V@v:")), Ok(Lookup::OtherVary(at(), vec![])));
    let vary = Lookup::OtherVary(at(), names(&["accept", "accept-language"]));
    assert_eq!(read_lookup(&reply("V@v:accept,accept-language")), Ok(vary));
    let huge = bulk_of(format!("M{EPOCH}:18446744073709551615|").as_bytes());
    assert_eq!(read_lookup(&huge), Ok(Lookup::Miss { at: position(u64::MAX), other: false }));
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
        "O@",
        "X@",
        "S",
        "\0@",
        "M@ ",
        "M@M@",
        "M@oo",
        "M@O",
        "L@x",
        "L@1|",
        "L@o|",
        "U@o",
        "U@1|",
        "W@",
        "W@o",
        "W@1",
        "W@|",
        "W@-1|",
        "W@+1|",
        "W@1.5|",
        "W@1|oo",
        "W@1|1",
        "H@",
        "H@1500",
        "H@1|",
        "H@1|-",
        "H@|-|",
        "H@-1|-|FPC1",
        "H@+1|-|FPC1",
        "H@1.5|-|FPC1",
        "H@0x1|-|FPC1",
        "H@99999999999999999999|-|FPC1",
        "H@1||FPC1",
        "H@1|feed|FPC1",
        "H@1|00000000000000000|x",
        "H@1|+00000000000feed|x",
        "H@1|000000000000feeg|x",
        "H@1|U|x",
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

#[cfg(not(target_family = "wasm"))]
mod native {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn anything_like_an_answer_is_read_or_refused(letter in "[HVLWUM]", n in "[0-9]{0,21}", rest in "[0-9|v:a-co,]{0,12}") {
            let _ = read_lookup(&bulk_of(format!("{letter}{EPOCH}:{n}|{rest}").as_bytes()));
        }

        #[test]
        fn what_a_hit_carries_is_not_looked_into(age in any::<u64>(), n in any::<u64>(), fill in any::<u64>(), entry in proptest::collection::vec(any::<u8>(), 0..40)) {
            let head = format!("H{EPOCH}:{n}|{age}|{}|", Token(fill));
            let bytes = bulk_of(&[head.as_bytes(), &entry].concat());
            let since = Duration::from_millis(age);
            prop_assert_eq!(read_lookup(&bytes), Ok(Lookup::Hit { at: position(n), since, fill: Some(Token(fill)), bytes: &entry }));
        }
    }
}
