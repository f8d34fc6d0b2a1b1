//! What `inspect` shows of an entry.

use fingerprint_cache::redis;
use fingerprint_cache::redis::{Lease, lease_key};
use fingerprint_cache::token::Token;
use serde_json::json;
use std::time::Duration;

use crate::CHROME;
use crate::scene::{Scene, ok};

#[test]
fn an_entry_is_shown_with_all_that_decides_on_it() {
    let scene = Scene::new();
    let stored = scene.store(CHROME, ok(&["a", "b"]));
    let (status, stdout, stderr) = scene.run(&["inspect", &stored.key, "--config", "fleet.yaml"]);
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    for line in [
        &*stored.place.hash,
        "    status 200, body 8 B, in Redis ",
        "    age ",
        ", fresh for 4m 5",
        "    no ban is against it",
        "    filled by 00000000000000ff at ",
        "    lease: none",
        "    tags a, b",
        "    tags of the rule browsers",
        "      content-type: text/plain",
        ", with 0 bans",
    ] {
        assert!(stdout.contains(line), "{line}\n{stdout}");
    }
    let (_, tree) = scene.json(&["inspect", &stored.place.hash]);
    let variant = &tree["keys"][0]["variants"][0];
    assert_eq!((&variant["tags"], &variant["admission"]), (&json!(["a", "b"]), &json!("admitted")));
    let ttl = tree["keys"][0]["ttl_ms"].as_u64().unwrap();
    assert!((50_000..=60_000).contains(&ttl), "{ttl}");
}

#[test]
fn a_ban_is_judged_as_the_filter_does() {
    let scene = Scene::new();
    let stored = scene.store(CHROME, ok(&["a"]));
    let admission = || {
        scene.json(&["inspect", &stored.key, "--config", "fleet.yaml"]).1["keys"][0]["variants"][0]["admission"].clone()
    };
    scene.run(&["invalidate", "--tag", "other"]);
    assert_eq!(admission(), "admitted");
    scene.run(&["refresh", "--tag", "browsers"]);
    assert_eq!(admission(), "refreshed");
    scene.run(&["invalidate", "--prefix", "API.example/v1/"]);
    assert_eq!(admission(), "banned");
    scene.redis.call(&["DEL", &stored.place.hash]).unwrap();
    scene.store(CHROME, ok(&["a"]));
    assert_eq!(admission(), "admitted", "what was fetched since");
}

#[test]
fn a_url_is_found_by_the_filters_own_key() {
    let scene = Scene::new();
    let stored = scene.store("http://api.example/v1/profiles/chrome", ok(&[]));
    let (status, tree) = scene.json(&["inspect", CHROME, "--config", "fleet.yaml"]);
    assert_eq!(status, 0);
    let found: Vec<_> = tree["keys"].as_array().unwrap().iter().filter(|key| key["variants"] != json!([])).collect();
    assert_eq!((found.len(), &found[0]["hash"]), (1, &json!(stored.place.hash)));

    let (status, tree) = scene.json(&["inspect", "https://api.example/v1/profiles/none", "--config", "fleet.yaml"]);
    assert_eq!((status, &tree["keys"][0]["variants"]), (1, &json!([])));
    let (status, stdout, stderr) = scene.run(&["inspect", CHROME]);
    assert_eq!((status, stdout.as_str()), (2, ""));
    assert_eq!(stderr, "The keys of a URL depend on the rules. Name the configuration with --config.\n");
    let (_, tree) = scene.json(&["inspect", "https://other/", "--config", "fleet.yaml"]);
    assert_eq!(tree["notes"], json!(["no rule is for it; `fpcache explain` says why"]));
}

#[test]
fn leases_are_told() {
    let scene = Scene::new();
    let stored = scene.store(CHROME, ok(&[]));
    let lease = Lease { key: lease_key(&stored.place, &[]), token: Token(7) };
    let shown = || scene.run(&["inspect", &stored.key]).1;
    scene.redis.call(&["SET", &lease.key, &lease.token.to_string(), "PX", "60000"]).unwrap();
    assert!(shown().contains("lease: 0000000000000007 fills it, for 59s at most"), "{}", shown());
    scene.call(redis::mark(&lease, Duration::from_secs(60)));
    assert!(shown().contains("lease: marked as not for a cache, for 59s"), "{}", shown());
    scene.redis.call(&["DEL", &stored.place.hash]).unwrap();
    let (status, stdout, _) = scene.run(&["inspect", &stored.place.hash]);
    assert_eq!(status, 1);
    assert!(stdout.contains("nothing is stored; lease: marked"), "{stdout}");
}

#[test]
fn the_body_comes_alone() {
    let scene = Scene::new();
    for value in ["gzip", "br"] {
        let mut entry = ok(&[]);
        entry.body = format!("{value}\0").into();
        entry.selecting = vec![("accept-encoding".to_owned(), Some(value.to_owned()))];
        scene.store(CHROME, entry);
    }
    let (status, tree) = scene.json(&["inspect", CHROME, "--config", "fleet.yaml"]);
    let variants = tree["keys"][0]["variants"].as_array().unwrap();
    assert_eq!((status, variants.len()), (0, 2));
    for variant in variants {
        let id = variant["id"].as_str().unwrap();
        let (status, stdout, _) =
            scene.run(&["inspect", CHROME, "--config", "fleet.yaml", "--variant", &id[..8], "--body"]);
        assert_eq!((status, stdout), (0, format!("{}\0", variant["selecting"][0][1].as_str().unwrap())));
    }
    let (status, _, stderr) = scene.run(&["inspect", CHROME, "--config", "fleet.yaml", "--body"]);
    assert_eq!(status, 2);
    assert!(stderr.starts_with("There are 2 variants. Choose one with --variant:\n"), "{stderr}");
}

#[test]
fn damage_is_shown_and_not_used() {
    let scene = Scene::new();
    let stored = scene.store(CHROME, ok(&[]));
    let damaged = "e:0123456789abcdef0123456789abcdef";
    scene.redis.call(&["HSET", &stored.place.hash, damaged, "damaged"]).unwrap();
    let (status, stdout, _) = scene.run(&["inspect", &stored.key]);
    assert_eq!(status, 0);
    assert!(stdout.contains("a variant that the filter does not use: its value does not begin with"), "{stdout}");
    let (_, tree) = scene.json(&["invalidate", "--dry-run", "--prefix", "/v1"]);
    assert_eq!(tree["matched"], json!({ "keys": 1, "entries": 1, "unreadable": 1 }));
}
