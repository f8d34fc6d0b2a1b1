//! Stale entries, asked for again: conditions, and what a 304 changes.

use super::bench::{Bench, Origin, empty, get, ok, post, request};
use crate::metrics::{Metric, Status, Tier};
use crate::transaction::{Event, Verdict};
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MODIFIED: &str = "Sat, 05 Nov 1994 08:49:37 GMT";

/// A bench with a stale entry for `/a`.
fn stale() -> Bench {
    let mut bench = Bench::with_rule(json!({}));
    let origin = ok("one").with("cache-control", "max-age=60").with("etag", "\"1\"").with("last-modified", MODIFIED);
    assert_eq!(bench.ask(&get("/a"), &origin), "miss;uri_miss");
    bench.wait(60_000);
    bench
}

fn not_modified() -> Origin {
    empty("304").without("content-length").with("etag", "\"1\"")
}

#[test]
fn a_confirmed_entry_answers_and_is_young_again() {
    let mut bench = stale();
    let news = not_modified().with("cache-control", "max-age=100").with("x-new", "1").with("x-ratelimit-left", "1");
    assert_eq!(bench.ask(&get("/a"), &news), "revalidated;origin");
    assert_eq!(bench.conditions, [("if-none-match", "\"1\"".to_owned()), ("if-modified-since", MODIFIED.to_owned())]);
    let answer = bench.answer.as_ref().unwrap();
    assert_eq!((bench.body().as_str(), answer.age, answer.entry.status), ("one", 0, 200));
    assert_eq!(answer.cache_status, "fingerprint-cache; fwd=stale; fwd-status=304; stored; ttl=100");
    let names: Vec<&str> = answer.entry.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"x-new") && !names.contains(&"x-ratelimit-left"), "{names:?}");
    assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::Revalidated, tier: Tier::Origin }), 1);
    bench.wait(99_000);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(bench.worker.memory().entries(), 1);
}

#[test]
fn what_the_304_says_counts_from_then_on() {
    let mut bench = stale();
    assert_eq!(bench.ask(&get("/a"), &not_modified().with("cache-control", "no-cache")), "revalidated;origin");
    assert_eq!(bench.ask(&get("/a"), &ok("two")), "miss;stale", "from now on the origin wants to be asked");
}

#[test]
fn a_new_answer_takes_the_place_of_the_old() {
    let mut bench = stale();
    assert_eq!(bench.ask(&get("/a"), &ok("two").with("etag", "\"2\"")), "miss;stale");
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(bench.body(), "two");
}

#[test]
fn an_origin_in_trouble_is_told_as_it_is() {
    let mut bench = stale();
    assert_eq!(bench.ask(&get("/a"), &ok("oops").with(":status", "503")), "miss;stale");
    assert_eq!(bench.ask(&get("/a"), &not_modified()), "revalidated;origin", "the old entry is still there");
}

#[test]
fn our_condition_takes_the_place_of_the_clients() {
    let ours = [("if-none-match", "\"1\"".to_owned()), ("if-modified-since", MODIFIED.to_owned())];
    for (client, status) in [
        (get("/a").with("if-none-match", "\"9\""), 200),
        (get("/a").with("if-none-match", "\"9\", \"1\""), 304),
        (get("/a").with("if-modified-since", MODIFIED), 304),
        (request("HEAD", "/a"), 200),
    ] {
        let mut bench = stale();
        assert_eq!(bench.ask(&client, &not_modified()), "revalidated;origin");
        assert_eq!((&bench.conditions[..], bench.removed.len()), (&ours[..], 0), "{:?}", client.headers);
        assert_eq!(
            bench.answer.as_ref().unwrap().status(),
            status,
            "what the client has is compared with what is stored"
        );
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    }
    let mut bench = stale();
    assert_eq!(bench.ask(&get("/a").with("if-none-match", "\"1\""), &ok("two").with("etag", "\"2\"")), "miss;stale");
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1", "a new answer is the client's as well");

    let mut dated = Bench::with_rule(json!({}));
    dated.ask(&get("/a"), &ok("one").with("cache-control", "max-age=60").with("last-modified", MODIFIED));
    dated.wait(60_000);
    assert_eq!(
        dated.ask(&get("/a").with("if-none-match", "\"9\""), &not_modified().without("etag")),
        "revalidated;origin"
    );
    assert_eq!(dated.removed, ["if-none-match"], "it would have come before ours");
    assert_eq!(dated.answer.as_ref().unwrap().status(), 200);
}

/// For a part, a date is no condition: the origin could not tell which part still holds.
#[test]
fn a_part_of_a_stale_answer_is_asked_for_with_its_tag_alone() {
    let mut bench = stale();
    assert_eq!(bench.ask(&get("/a").with("range", "bytes=0-0"), &not_modified()), "revalidated;origin");
    assert_eq!(bench.conditions, [("if-none-match", "\"1\"".to_owned())]);
    assert_eq!((bench.answer.as_ref().unwrap().status(), bench.body().as_str()), (206, "o"));
    let mut bench = stale();
    let part = ok("t").with(":status", "206").with("content-range", "bytes 0-0/3").with("etag", "\"2\"");
    assert_eq!(
        bench.ask(&get("/a").with("range", "bytes=0-0"), &part),
        "miss;stale",
        "the new one's part is passed on"
    );
}

/// RFC 9111 §5.2.2.7: neither the news nor the stored answer brings in what the other one withholds.
#[test]
fn what_is_for_one_user_does_not_come_in_with_a_304() {
    let private = "max-age=60, private=\"x-user\"";
    let headers = |bench: &Bench| -> Vec<String> {
        bench.answer.as_ref().unwrap().entry.headers.iter().map(|(name, _)| name.clone()).collect()
    };
    let mut bench = Bench::with_rule(json!({}));
    bench.ask(&get("/a"), &ok("one").with("etag", "\"1\"").with("cache-control", private).with("x-user", "me"));
    bench.wait(60_000);
    assert_eq!(bench.ask(&get("/a"), &not_modified().with("x-user", "you").with("x-new", "1")), "revalidated;origin");
    assert!(headers(&bench).contains(&"x-new".to_owned()) && !headers(&bench).contains(&"x-user".to_owned()));
    let mut bench = Bench::with_rule(json!({}));
    let open = ok("one").with("etag", "\"1\"").with("cache-control", "max-age=60").with("x-user", "me");
    bench.ask(&get("/a"), &open);
    bench.wait(60_000);
    bench.ask(&get("/a"), &not_modified().with("cache-control", private));
    assert!(!headers(&bench).contains(&"x-user".to_owned()), "{:?}", headers(&bench));
}

/// The origin's 304 names what the client has, and not what is stored.
#[test]
fn a_304_for_the_client_is_the_clients() {
    let mut bench = stale();
    let (stream, _) = bench.send(&get("/a").with("if-none-match", "\"2\""));
    assert!(matches!(bench.respond(stream, &not_modified().without("etag").with("etag", "\"2\"")), Verdict::Continue));
    assert_eq!(bench.ask(&get("/a"), &not_modified()), "revalidated;origin", "the old one is as stale as before");
}

#[test]
fn an_answer_to_head_tells_of_the_stored_one() {
    let head = |etag: &str| empty("200").without("content-length").with("content-length", "3").with("etag", etag);
    let mut bench = stale();
    let news = head("\"1\"").with("cache-control", "max-age=100").with("x-new", "1").with("last-modified", MODIFIED);
    assert_eq!(bench.ask(&request("HEAD", "/a"), &news), "miss;stale");
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1", "it holds, and is fresh again");
    assert_eq!(bench.body(), "one");
    assert!(bench.answer.as_ref().unwrap().entry.headers.contains(&("x-new".to_owned(), "1".to_owned())));
    for news in [head("\"2\""), head("\"1\"").without("content-length").with("content-length", "4")] {
        let mut bench = stale();
        bench.ask(&request("HEAD", "/a"), &news);
        assert_eq!(bench.ask(&get("/a"), &ok("two")), "miss;uri_miss", "it does not hold any more");
    }
    let mut bench = stale();
    bench.ask(&request("HEAD", "/a"), &head("\"1\"").without("etag"));
    assert_eq!(bench.ask(&get("/a"), &not_modified()), "revalidated;origin", "without a validator it proves nothing");
    let mut bench = stale();
    bench.ask(&request("HEAD", "/a"), &head("\"1\"").with(":status", "404"));
    assert_eq!(bench.ask(&get("/a"), &not_modified()), "revalidated;origin", "another status tells nothing");
}

#[test]
fn a_reason_that_the_origin_removes_is_needed() {
    let mut bench = stale();
    bench.ask(&get("/a").with("authorization", "x"), &not_modified());
    assert!(bench.conditions.is_empty() && bench.answer.is_none());
    let mut bench = stale();
    assert_eq!(bench.ask(&get("/a").with("cache-control", "no-cache"), &not_modified()), "revalidated;origin");
    assert_eq!(bench.ask(&get("/a").with("cache-control", "max-age=0"), &not_modified()), "revalidated;origin");
}

#[test]
fn an_entry_that_must_always_be_asked_for_is() {
    let mut bench = Bench::with_rule(json!({}));
    let origin = ok("one").with("cache-control", "no-cache").with("etag", "\"1\"");
    bench.ask(&get("/a"), &origin);
    assert_eq!(bench.ask(&get("/a"), &not_modified()), "revalidated;origin");
    assert_eq!(bench.ask(&get("/a"), &not_modified()), "revalidated;origin");
    assert_eq!(bench.body(), "one");
}

/// The answer of this request goes out, since the origin has confirmed it; but it is not kept as new.
#[test]
fn news_that_forbid_storing_are_not_stored() {
    for news in [
        not_modified().with("cache-control", "no-store"),
        not_modified().with("cache-control", "private, max-age=100"),
        not_modified().with("vary", "*"),
        not_modified().with("vary", "accept"),
        not_modified().with("x-name", b"\xff"),
        not_modified().without("etag").with("etag", "\"2\""),
        not_modified().with("access-control-allow-origin", "https://a.example"),
    ] {
        let mut bench = stale();
        assert_eq!(bench.ask(&get("/a"), &news), "revalidated;origin");
        assert_eq!(bench.body(), "one");
        let said = &bench.answer.as_ref().unwrap().cache_status;
        assert_eq!(said, "fingerprint-cache; fwd=stale; fwd-status=304", "it must not say that it is stored");
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "miss;stale", "{:?}", news.headers);
    }
}

/// The client set no condition: a bare 304 would leave it with nothing.
#[test]
fn a_304_of_another_filter_does_not_reach_the_client() {
    let mut bench = stale();
    let (stream, _) = bench.send(&get("/a"));
    let headers = not_modified().headers.into_iter().collect();
    let verdict = bench.on(stream, Event::ResponseHead { headers, end: true, from_origin: false });
    assert!(matches!(verdict, Verdict::Reply(answer) if answer.entry.body == b"one" && answer.entry.status == 200));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "miss;stale", "nobody who may has confirmed it");
}

/// A 304 may come with a header that holds the caller's value, which nobody would cut out.
#[test]
fn an_entry_with_a_callers_value_is_never_confirmed() {
    let key = json!({ "json": { "include": ["/q"], "echo": ["/id"] } });
    let change =
        json!({ "match": { "methods": ["GET", "POST"], "path": "/**" }, "key": key, "freshness": { "default": "1m" } });
    let mut bench = Bench::with_rule(change);
    let ask = super::bench::Request { body: post("/", r#"{"q":1,"id":"me"}"#).body, ..get("/a") };
    bench.ask(&ask, &ok(r#"{"id":"me"}"#).with("last-modified", MODIFIED));
    assert_eq!(bench.worker.memory().entries(), 1);
    bench.wait(60_000);
    bench.ask(&ask, &ok(r#"{"id":"me"}"#));
    assert!(bench.conditions.is_empty());
}

#[test]
fn a_304_that_nobody_asked_for_is_passed_on() {
    let mut bench = Bench::with_rule(json!({}));
    assert_eq!(bench.ask(&get("/a"), &not_modified()), "miss;uri_miss");
    assert_eq!(bench.worker.memory().entries(), 0);
    let mut plain = Bench::with_rule(json!({ "freshness": { "default": "1m" } }));
    plain.ask(&get("/a"), &ok("one"));
    plain.wait(60_000);
    let (stream, _) = plain.send(&get("/a"));
    assert!(matches!(plain.respond(stream, &not_modified()), Verdict::Continue), "there was nothing to ask with");
}
