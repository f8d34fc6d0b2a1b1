//! Tags: few, short, each once, and only of the headers that carry them.
#![no_main]

use fingerprint_cache::http::tags;
use fuzz::message::headers;
use libfuzzer_sys::fuzz_target;
use std::collections::HashSet;

fuzz_target!(|input: &[u8]| {
    let headers = headers(input);
    let Some(found) = tags::of(&headers, "h.example") else { return };
    assert!(found.len() <= 128);
    assert!(tags::invalidated(&headers, "h.example").iter().all(|tag| tag.starts_with("group:h.example ")));
    assert!(found.iter().all(|tag| (1..=256).contains(&tag.len())));
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), found.len(), "each once");
    let carried = ["surrogate-key", "cache-tag", "cache-groups"].into_iter().any(|name| headers.contains(name));
    assert!(carried || found.is_empty());
});
