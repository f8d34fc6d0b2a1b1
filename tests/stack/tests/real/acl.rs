//! `envoy/users.acl` and the access list of `envoy/webdis.json`.

use std::collections::BTreeSet;

use stack::{Reply, Request, Resp, paths, redis as ports};

/// What else the filter sends: the scripts themselves, and a sign of life.
const CALLS: [&str; 3] = ["eval", "evalsha", "ping"];

/// The commands that the shipped scripts call, as the access list names them.
fn scripted() -> BTreeSet<String> {
    let folder = paths::repository().join("src/redis/scripts");
    let mut commands = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for call in text.split("redis.call(").skip(1).chain(text.split("redis.pcall(").skip(1)) {
            let words: Vec<_> = call.split('\'').skip(1).step_by(2).take(2).collect();
            commands.insert(match words.as_slice() {
                ["XINFO", what, ..] => format!("xinfo|{what}").to_lowercase(),
                [command, ..] => command.to_lowercase(),
                [] => panic!("a call without a literal command: {call:.60}"),
            });
        }
    }
    commands
}

#[test]
fn webdis_may_run_what_the_scripts_need_and_nothing_else() {
    let (redis, _folder) = super::redis();
    let Reply::Array(users) = redis.call(&["ACL", "LIST"]).unwrap() else { panic!("no list") };
    let users = users.iter().filter_map(|user| String::from_utf8(user.bytes()?.to_vec()).ok());
    let user = users.into_iter().find(|user| user.starts_with("user default ")).unwrap();
    let granted: BTreeSet<_> = user.split(' ').filter_map(|word| word.strip_prefix('+')).map(str::to_owned).collect();
    let mut needed = scripted();
    assert!(needed.len() > 5, "the scripts were not read: {needed:?}");
    needed.extend(CALLS.map(str::to_owned));
    assert_eq!(granted, needed);
    assert!(user.contains(" ~fpc:* resetchannels -@all "), "{user}");
}

#[test]
fn webdis_is_refused_everything_else() {
    let (redis, _folder) = super::redis();
    redis.call(&["SET", "other", "secret"]).unwrap();
    let mut webdis = Resp::connect(redis.port(), ports::WEBDIS.0, ports::WEBDIS.1).unwrap();
    for command in [
        &["KEYS", "*"][..],
        &["FLUSHALL"],
        &["CONFIG", "GET", "*"],
        &["GET", "other"],
        &["MGET", "fpc:a"],
        &["SET", "other", "value"],
        &["DEL", "fpc:a"],
        &["XDEL", "fpc:log", "0-1"],
        &["XTRIM", "fpc:log", "MAXLEN", "0"],
        &["HGET", "other", "field"],
        &["HSET", "other", "field", "value"],
        &["SCRIPT", "FLUSH"],
        &["ACL", "WHOAMI"],
        &["EVAL", "return redis.call('GET', KEYS[1])", "1", "other"],
        &["EVAL", "return redis.call('HGET', 'other', 'a')", "0"],
    ] {
        let Reply::Error(error) = webdis.call(command).unwrap() else { panic!("{command:?} was allowed") };
        assert!(
            error.starts_with("NOPERM") || error.contains("can't run this") || error.contains("can't access"),
            "{command:?}: {error}"
        );
    }
    assert!(Resp::connect(redis.port(), ports::WEBDIS.0, "wrong").is_err());
}

#[test]
fn webdis_passes_scripts_on_and_nothing_else() {
    let (_redis, webdis, _folder) = super::l2();
    let get = |target: &str| Request::get(target).send(webdis.port()).unwrap();
    assert_eq!(get("/EVAL/return%20ARGV%5B1%5D/0/it.raw").body, b"$2\r\nit\r\n");
    assert!(get("/EVALSHA/0000000000000000000000000000000000000000/0.raw").body.starts_with(b"-NOSCRIPT"));
    for target in ["/GET/fpc:a", "/KEYS/*", "/FLUSHALL", "/HSET/fpc:a/b/c", "/INFO", "/CONFIG/GET/*"] {
        assert_eq!(get(target).status, 403, "{target}");
    }
}
