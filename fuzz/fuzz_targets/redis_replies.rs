//! Replies of Redis: any bytes are an answer or a failure, raw and as the payload of a bulk string.
#![no_main]

use fingerprint_cache::codec;
use fingerprint_cache::follower::News;
use fingerprint_cache::redis::{Lookup, read_fill, read_lease, read_lookup, read_publish, read_sync, resp};
use libfuzzer_sys::fuzz_target;

fn bulk(payload: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat()
}

/// What the script would have to say for this to be read.
fn written(lookup: &Lookup<'_>) -> Vec<u8> {
    let o = |other: &bool| if *other { "o" } else { "" };
    match lookup {
        Lookup::Hit { at, since, fill, bytes } => {
            let fill = fill.map_or("-".to_owned(), |fill| fill.to_string());
            [format!("H{at}|{}|{fill}|", since.as_millis()).as_bytes(), bytes].concat()
        }
        Lookup::OtherVary(at, names) => format!("V{at}|v:{}", names.join(",")).into_bytes(),
        Lookup::Led { at, other } => format!("L{at}|{}", o(other)).into_bytes(),
        Lookup::Filling { at, left, other } => format!("W{at}|{}|{}", left.as_millis(), o(other)).into_bytes(),
        Lookup::Uncacheable { at } => format!("U{at}|").into_bytes(),
        Lookup::Miss { at, other } => format!("M{at}|{}", o(other)).into_bytes(),
    }
}

fn read(reply: &[u8]) {
    // To two scripts the same letter says no.
    let written_to = usize::from(read_fill(reply).is_ok() || read_lease(reply).is_ok());
    let published = usize::from(read_publish(reply).is_ok());
    let (found, news) = (read_lookup(reply), read_sync(reply));
    // What the log says is only ever read as such: `W` begins both.
    let found_or_news = usize::from(found.is_ok() || news.is_ok());
    assert!(written_to + published + found_or_news <= 1, "one reply, one meaning");
    if let Ok(News::Next { notices, .. }) = news {
        assert!(notices.len() <= 1000);
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
