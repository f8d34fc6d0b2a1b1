//! Replies of Redis: any bytes are an answer or a failure, raw and as the payload of a bulk string.
#![no_main]

use fingerprint_cache::codec;
use fingerprint_cache::follower::News;
use fingerprint_cache::redis::{Lookup, read_fill, read_lease, read_lookup, read_publish, read_sync, resp};
use fingerprint_cache::token::Token;
use libfuzzer_sys::fuzz_target;

fn bulk(payload: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat()
}

/// What the script would have to say for this to be read.
fn written(lookup: &Lookup<'_>) -> Vec<u8> {
    let o = |other: &bool| if *other { "o" } else { "" };
    match lookup {
        Lookup::Hit { at, since, fill, bytes } => {
            let fill = fill.map_or_else(|| "-".to_owned(), |fill| fill.to_string());
            [format!("H{at}|{}|{fill}|", since.as_millis()).as_bytes(), bytes].concat()
        }
        Lookup::Led { at, other } => format!("L{at}|{}", o(other)).into_bytes(),
        Lookup::Filling { at, left, other } => format!("W{at}|{}|{}", left.as_millis(), o(other)).into_bytes(),
        Lookup::Uncacheable { at } => format!("U{at}|").into_bytes(),
        Lookup::OtherVary(at, names) => format!("V{at}|v:{}", names.join(",")).into_bytes(),
        Lookup::Miss { at, other } => format!("M{at}|{}", o(other)).into_bytes(),
    }
}

fn read(reply: &[u8]) {
    let (found, news) = (read_lookup(reply), read_sync(reply, Token(0)));
    // `F` is a no to a fill and to what is done to a lease.
    let either = [read_fill(reply), read_lease(reply)].contains(&Ok(true)) || read_fill(reply) == Ok(false);
    let meanings = [either, read_publish(reply).is_ok(), found.is_ok(), news.is_ok()];
    assert!(meanings.into_iter().filter(|read| *read).count() <= 1, "one reply, one meaning");
    match news {
        Ok(News::Next { notices, .. }) => assert!(notices.len() <= 1000 && notices.len() * 9 <= reply.len()),
        Ok(News::Whole { bans, .. }) => assert!(bans.len() <= 16_385 && bans.len() * 6 <= reply.len()),
        Err(_) => {}
    }
    let Ok(found) = found else { return };
    assert_eq!(read_lookup(&bulk(&written(&found))).as_ref(), Ok(&found));
    match found {
        Lookup::Hit { bytes, .. } => drop(codec::decode(bytes)),
        Lookup::OtherVary(_, names) => assert!(names.is_sorted() && names.iter().all(|name| !name.is_empty())),
        _ => {}
    }
}

fuzz_target!(|input: &[u8]| {
    assert_eq!(resp::read(&bulk(input)), Some(resp::Reply::Bulk(input)));
    read(input);
    read(&bulk(input));
});
