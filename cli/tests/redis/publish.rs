//! What `invalidate` and `refresh` count, and who has what they publish.

use serde_json::json;

use crate::scene::{Scene, ok, run};
use crate::{CHROME, FIREFOX};

fn matched(scene: &Scene, arguments: &[&str]) -> (u64, u64) {
    let (status, tree) = scene.json(&[&["invalidate", "--dry-run"], arguments].concat());
    assert_eq!((status, &tree["published"]), (0, &json!(null)));
    (tree["matched"]["keys"].as_u64().unwrap(), tree["matched"]["entries"].as_u64().unwrap())
}

#[test]
fn what_matches_is_counted_as_the_filter_would() {
    let scene = Scene::new();
    let chrome = scene.store(CHROME, ok(&["a"]));
    let firefox = scene.store(FIREFOX, ok(&["a", "b"]));
    for (arguments, count) in [
        (&["--all"][..], 2),
        (&["--rule", "profiles"], 2),
        (&["--rule", "identify"], 0),
        (&["--rule", "p*"], 0),
        (&["--tag", "a"], 2),
        (&["--tag", "b"], 1),
        (&["--tag", "browsers"], 0),
        (&["--tag", "browsers", "--config", "fleet.yaml"], 2),
        (&["--key", &chrome.key], 1),
        (&["--key", &firefox.place.hash], 1),
        (&["--uri", FIREFOX], 1),
        (&["--uri", &firefox.uri], 1),
        (&["--uri", "/v1/profiles/firefox"], 0),
        (&["--prefix", "/v1/profiles/"], 2),
        (&["--prefix", "api.example/v1/profiles/c"], 1),
        (&["--prefix", "other.example/"], 0),
        (&["--pattern", "/v1/*/chrome"], 1),
        (&["--pattern", "/**"], 2),
    ] {
        assert_eq!(matched(&scene, arguments), (count, count), "{arguments:?}");
    }
    assert_eq!(scene.log(), (0, vec![]), "a dry run leaves nothing behind");
}

#[test]
fn variants_count_each() {
    let scene = Scene::new();
    for value in ["gzip", "br"] {
        let mut entry = ok(&["a"]);
        entry.selecting = vec![("accept-encoding".to_owned(), Some(value.to_owned()))];
        scene.store(CHROME, entry);
    }
    assert_eq!(matched(&scene, &["--tag", "a"]), (1, 2));
    assert_eq!(matched(&scene, &["--all"]), (1, 2));
}

#[test]
fn a_notice_is_in_the_log_and_leaves_a_ban() {
    let scene = Scene::new();
    scene.store(CHROME, ok(&["a"]));
    let (status, stdout, stderr) = scene.run(&["invalidate", "--tag", "a"]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[..2], ["invalidate tag a", "  matches 1 entries of 1 keys in Redis"]);
    assert!(lines[2].contains("--config"), "{stdout}");
    assert!(lines[3].starts_with("  published at ") && lines[3].contains("; there are no replicas"), "{stdout}");
    assert_eq!(scene.log(), (1, vec!["i:tag:a".to_owned()]));
    let (_, tree) = scene.json(&["refresh", "--all", "--no-count"]);
    assert_eq!((&tree["op"], &tree["matched"]), (&json!("refresh"), &json!(null)));
    assert_eq!(scene.log(), (2, vec!["i:tag:a".to_owned(), "r:all:".to_owned()]));
}

#[test]
fn a_replica_that_has_it_is_waited_for() {
    let scene = Scene::with_replica();
    let (status, tree) = scene.json(&["invalidate", "--rule", "profiles"]);
    let published = &tree["published"];
    assert_eq!((status, &published["everywhere"]), (0, &json!(true)));
    assert_eq!((&published["replicas"], &published["acknowledged"]), (&json!(1), &json!(1)));
    let fields = scene.replica.as_ref().unwrap().call(&["HKEYS", "fpc:bans"]).unwrap().list();
    assert!(fields.contains(&b"i:rule:profiles".to_vec()), "{fields:?}");
}

#[test]
fn a_replica_that_does_not_answer_is_told() {
    let mut scene = Scene::with_replica();
    scene.replica.as_mut().unwrap().pause();
    let (status, stdout, stderr) = scene.run(&["invalidate", "--all", "--timeout", "300ms"]);
    assert_eq!((status, stderr.as_str()), (3, ""));
    assert!(stdout.contains("; 0 of 1 replicas have it: a failover may lose it"), "{stdout}");
    assert_eq!(scene.log().0, 1);
    scene.replica.as_mut().unwrap().resume();
}

#[test]
fn a_replica_takes_no_notices() {
    let scene = Scene::with_replica();
    let port = scene.replica.as_ref().unwrap().port();
    let (status, stdout, stderr) = run(port, &["invalidate", "--all"]);
    assert_eq!((status, stdout.as_str()), (2, ""));
    let expected = format!(
        "Redis at 127.0.0.1:{port} is a replica of 127.0.0.1:{} and takes no writes. Name the master with --redis, or let \
         Sentinel name it.\n",
        scene.redis.port()
    );
    assert_eq!(stderr, expected);
    assert_eq!(scene.log().0, 0);
}

#[test]
fn what_the_filter_would_not_understand_is_not_published() {
    let scene = Scene::new();
    for (arguments, expected) in [
        (&["--key", "profiles"][..], "\"profiles\" is not a key; write RULE:DIGEST"),
        (&["--prefix", "api"], "\"api\" is not a place; write /path or host/path"),
        (&["--pattern", "/a**"], "\"/a**\" is no pattern that the filter reads."),
        (&["--tag", ""], "\"\" is no tag that the filter reads."),
    ] {
        let (status, stdout, stderr) = scene.run(&[&["invalidate"], arguments].concat());
        assert_eq!((status, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.starts_with(expected), "{stderr}");
    }
    assert_eq!(scene.run(&["invalidate"]).0, 2);
    assert_eq!(scene.run(&["invalidate", "--all", "--tag", "a"]).0, 2);
    assert_eq!(scene.log().0, 0);
}
