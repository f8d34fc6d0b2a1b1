//! What is invalidated while something else is under way is neither confirmed, nor served, nor kept.

use super::bench::{Bench, bulk, empty, get, ok};
use super::crowd::fate;
use super::notices::{filled, settings};
use crate::transaction::Event;
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn tell(bench: &mut Bench) {
    let now = bench.now.mono;
    bench.l2().tell("invalidate", "tag", "t", now);
}

/// L2 knows of the invalidation, the worker does not yet: what the origin confirms falls with what it was.
#[test]
fn what_is_confirmed_is_as_old_as_what_is_known() {
    let mut bench = filled(json!({ "freshness": { "default": "10s" } }));
    bench.wait(11_000);
    bench.l2().hashes.clear();
    tell(&mut bench);
    bench.cut = true;
    let stream = bench.leads(&get("/a"));
    bench.respond(stream, &empty("304").with("etag", "\"1\""));
    bench.cut = false;
    bench.wait(350);
    bench.settle();
    assert_eq!(bench.ask(&get("/a"), &ok("two")), "miss;invalidated");
}

/// A request that waits hears of the invalidation: what it had before is no longer worth confirming.
#[test]
fn what_was_invalidated_while_somebody_waited_lends_no_validator() {
    let mut bench = filled(json!({ "freshness": { "default": "10s" }, "tags": ["t"] }));
    bench.wait(11_000);
    bench.l2().hashes.clear();
    let first = bench.leads(&get("/a"));
    assert_eq!(bench.conditions.len(), 1);
    let other = bench.waits(&get("/a"));
    tell(&mut bench);
    bench.wait(350);
    assert_eq!(bench.woken(), [(other, "origin")]);
    assert_eq!(bench.conditions.len(), 1);
    bench.leaves(first);
    bench.respond(other, &empty("304").with("etag", "\"1\""));
    assert_ne!(bench.ask(&get("/a"), &ok("two")), "hit;l1");
}

/// Who is early and yields is not served what was invalidated while L2 was asked.
#[test]
fn who_yields_is_not_served_what_was_invalidated_meanwhile() {
    for reply in ["W", "-"] {
        let mut bench = filled(json!({}));
        bench.wait(0);
        let stream = bench.leads(&get("/b"));
        bench.wait(1_000);
        bench.respond(stream, &ok("one").with("cache-control", "max-age=60").with("cache-tag", "t"));
        bench.settle();
        bench.wait(49_000);
        bench.random = 0;
        let stream = bench.stream();
        bench.head(stream, &get("/b"));
        assert_eq!(bench.phase(stream), "lookup");
        tell(&mut bench);
        bench.wait(350);
        let said = format!("W{}|2000|", bench.l2().position());
        let verdict = match reply {
            "W" => bench.on(stream, Event::L2(Ok(&bulk(said.as_bytes())))),
            _ => bench.on(stream, Event::L2(Err(crate::reason::L2Failure::Timeout))),
        };
        assert_eq!(fate(&verdict), "origin", "{reply}");
        bench.on(stream, Event::Gone);
    }
}

/// A slow client: its answer takes longer than bans are remembered.
#[test]
fn what_took_longer_than_bans_are_kept_is_not_stored() {
    let mut settings = settings(json!({}));
    settings["redis"]["ttl"] = json!("30s");
    settings["memory"] = json!({ "ttl": "30s" });
    let mut bench = Bench::new(&settings);
    bench.wait(0);
    let stream = bench.leads(&get("/a"));
    let origin = ok("old").with("cache-tag", "t");
    let headers = crate::http::Headers::from_pairs(origin.headers);
    bench.on(stream, Event::ResponseHead { headers, end: false, from_origin: true });
    tell(&mut bench);
    for _ in 0..700 {
        bench.wait(300);
    }
    bench.on(stream, Event::ResponseBody(b"old"));
    bench.on(stream, Event::ResponseEnd);
    bench.settle();
    assert_ne!(bench.ask(&get("/a"), &ok("new")), "hit;l1");
}

/// RFC 9110 §4.2.3: a default port that is written out is the same place.
#[test]
fn a_default_port_hides_nothing() {
    for (host, value) in [
        ("h.example:80", "h.example/a"),
        ("h.example:0443", "https://h.example/a"),
        ("h.example", "http://h.example:80/a"),
        ("h.example:443", "h.example:443/a"),
    ] {
        let mut bench = Bench::new(&settings(json!({})));
        bench.wait(0);
        let mut request = get("/a");
        request.headers.retain(|(name, _)| name != ":authority");
        let request = request.with(":authority", host);
        bench.ask(&request, &ok("one"));
        bench.settle();
        assert_eq!(bench.ask(&request, &ok("x")), "hit;l1");
        let now = bench.now.mono;
        bench.l2().tell("invalidate", "uri", value, now);
        bench.wait(350);
        assert_eq!(bench.ask(&request, &ok("two")), "miss;invalidated", "{host} {value}");
    }
}

/// A reply that never comes, since the root that asked is gone, holds nobody for ever.
#[test]
fn a_lookup_that_is_never_answered_ends() {
    let mut bench = filled(json!({}));
    let stream = bench.stream();
    bench.head(stream, &get("/b"));
    assert_eq!(bench.phase(stream), "lookup");
    bench.asking.clear();
    bench.pass(30_000);
    assert_eq!(bench.overdue(), [(stream, "origin")]);
}
