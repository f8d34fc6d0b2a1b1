//! What is said when Redis cannot be reached, and how Sentinel leads there.

use std::process::Command;

use stack::redis::ADMIN;
use stack::{Port, Process, Resp, Scratch};

use crate::scene::{Scene, run, until};

fn fpcache(environment: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_fpcache"))
        .args(arguments)
        .env_remove("FPCACHE_REDIS")
        .env_remove("FPCACHE_REDIS_PASSWORD")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn nobody_there_is_said_with_the_address() {
    let port = Port::free().unwrap();
    let (status, stdout, stderr) = run(port.number(), &["keys"]);
    let expected =
        format!("Nothing listens at 127.0.0.1:{}. Start Redis, or name another with --redis.\n", port.number());
    assert_eq!((status, stdout.as_str(), stderr), (2, "", expected));
}

#[test]
fn a_refused_login_never_shows_the_password() {
    let scene = Scene::new();
    let address = format!("127.0.0.1:{}", scene.redis.port());
    let with_password = format!("redis://admin:wr0ng-secret@{address}");
    let without = format!("redis://admin@{address}");
    for (environment, url) in [(&[][..], &with_password), (&[("FPCACHE_REDIS_PASSWORD", "wr0ng-secret")], &without)] {
        let (status, stderr) = fpcache(environment, &["keys", "--redis", url]);
        assert_eq!(status, 2);
        assert!(stderr.starts_with(&format!("Redis at {address} refuses the login")), "{stderr}");
        assert!(!stderr.contains("wr0ng-secret"), "{stderr}");
    }
    let (_, stderr) = fpcache(&[], &["keys", "--redis", &format!("redis://{address}")]);
    assert!(stderr.contains("refuses the login") && stderr.contains("FPCACHE_REDIS_PASSWORD"), "{stderr}");
    let secret = [("FPCACHE_REDIS", with_password.as_str())];
    let help = Command::new(env!("CARGO_BIN_EXE_fpcache")).args(["keys", "--help"]).envs(secret).output().unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("wr0ng-secret"));
}

#[test]
fn a_user_who_may_not_is_told_what() {
    let scene = Scene::new();
    let (user, password) = stack::redis::WEBDIS;
    let url = format!("redis://{user}:{password}@127.0.0.1:{}", scene.redis.port());
    let (status, stderr) = fpcache(&[], &["keys", "--redis", &url]);
    assert_eq!(status, 2);
    assert!(stderr.contains("does not allow this user") && stderr.contains("scan"), "{stderr}");
}

#[test]
fn a_redis_that_hangs_is_not_waited_for_longer_than_said() {
    let mut scene = Scene::new();
    scene.redis.pause();
    let begun = std::time::Instant::now();
    let (status, _, stderr) = scene.run(&["keys", "--timeout", "200ms"]);
    scene.redis.resume();
    assert_eq!(status, 2);
    assert!(stderr.contains("did not answer in time"), "{stderr}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(3));
}

#[test]
fn sentinel_names_the_master() {
    let scene = Scene::new();
    let (sentinel, port, _folder) = sentinel(scene.redis.port());
    let dead = Port::free().unwrap();
    let sentinels = format!("127.0.0.1:{},127.0.0.1:{}", dead.number(), port.number());
    let login = [("FPCACHE_REDIS_PASSWORD", ADMIN.1)];
    let user = format!("redis://{}@anywhere", ADMIN.0);
    let arguments = ["invalidate", "--all", "--redis", &user, "--sentinel", &sentinels, "--master"];
    let (status, stderr) = fpcache(&login, &[&arguments[..], &["cache"]].concat());
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert_eq!(scene.log().0, 1);
    let (status, stderr) = fpcache(&login, &[&arguments[..], &["other"]].concat());
    assert_eq!(status, 2);
    assert!(stderr.starts_with("No sentinel names a master for \"other\". Check --sentinel and --master."), "{stderr}");
    assert!(stderr.contains("Nothing listens at") && stderr.contains("It knows no such master."), "{stderr}");
    drop(sentinel);
}

/// A running Sentinel that watches the Redis on `master` under the name `cache`.
fn sentinel(master: u16) -> (Process, Port, Scratch) {
    let (folder, port) = (Scratch::new("sentinel").unwrap(), Port::free().unwrap());
    let file = folder.path().join("sentinel.conf");
    let text = format!(
        "port {}\nbind 127.0.0.1\ndir {}\nsentinel monitor cache 127.0.0.1 {master} 1\nsentinel auth-user cache {}\n\
         sentinel auth-pass cache {}\n",
        port.number(),
        folder.path().display(),
        ADMIN.0,
        ADMIN.1
    );
    stack::paths::write(&file, text.as_bytes()).unwrap();
    let mut command = Command::new(stack::paths::program("redis-server").unwrap());
    command.arg(&file).arg("--sentinel");
    let process = Process::start("sentinel", command, &folder.path().join("sentinel.log")).unwrap();
    until(|| std::net::TcpStream::connect(("127.0.0.1", port.number())).is_ok());
    // It speaks RESP, but has no users.
    assert!(Resp::connect(port.number(), "x", "y").is_err());
    (process, port, folder)
}
