//! What `keys` counts.

use serde_json::json;

use crate::scene::{Scene, ok};
use crate::{CHROME, FIREFOX};

#[test]
fn entries_and_bytes_are_counted_by_rule_and_by_tag() {
    let scene = Scene::new();
    scene.store(CHROME, ok(&["a"]));
    scene.store(FIREFOX, ok(&["a", "b"]));
    scene.redis.call(&["SET", "someone:elses", "x"]).unwrap();
    let (status, tree) = scene.json(&["keys"]);
    assert_eq!((status, &tree["estimate"]), (0, &json!(false)));
    let profiles = &tree["parts"]["profiles"];
    assert_eq!((&profiles["keys"], &profiles["entries"]), (&json!(2), &json!(2)));
    assert_eq!(profiles, &tree["total"]);
    assert!(profiles["bytes"].as_u64().unwrap() > 400, "{tree}");

    let (_, tree) = scene.json(&["keys", "--by", "tag"]);
    let entries = |tag: &str| tree["parts"][tag]["entries"].clone();
    assert_eq!((entries("a"), entries("b"), entries("browsers")), (json!(2), json!(1), json!(null)));
    assert_eq!(tree["parts"]["a"]["bytes"], tree["total"]["bytes"]);
    let (_, tree) = scene.json(&["keys", "--by", "tag", "--config", "fleet.yaml"]);
    assert_eq!(tree["parts"]["browsers"]["keys"], 2);
    let (_, stdout, _) = scene.run(&["keys", "--by", "rule"]);
    assert!(stdout.lines().nth(1).unwrap().starts_with("profiles          2          2"), "{stdout}");
}

#[test]
fn a_sample_is_an_estimate_and_says_so() {
    let scene = Scene::new();
    // Pages of SCAN have 500 names: three of them and a bit.
    for number in 0..1700 {
        let hash = format!("fpc:3.7:profiles:{number:032x}");
        scene.redis.call(&["HSET", &hash, "vary", "v:", "e:0123456789abcdef0123456789abcdef", "x"]).unwrap();
    }
    let (status, tree) = scene.json(&["keys", "--sample", "600"]);
    assert_eq!((status, &tree["estimate"]), (0, &json!(true)));
    let (seen, total) = (tree["keys_looked_at"].as_u64().unwrap(), tree["total"]["keys"].as_u64().unwrap());
    assert!((600..1700).contains(&seen) && (1690..=1710).contains(&total), "{tree}");
    let (_, stdout, _) = scene.run(&["keys", "--sample", "600"]);
    assert!(stdout.contains("An estimate: ") && stdout.contains("More with --sample."), "{stdout}");
}
