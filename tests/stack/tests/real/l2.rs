//! What is done to Redis and webdis in the end-to-end tests really happens.

use std::time::Duration;

use stack::{Client, Reply, Request, Webdis};

const LITTLE: Duration = Duration::from_millis(300);

/// What a write through webdis says.
fn write(webdis: &Webdis) -> String {
    let script = "redis.call('HSET',KEYS%5B1%5D,'a','b')%20return%201";
    let response = Request::get(format!("/EVAL/{script}/1/fpc:k.raw")).send(webdis.port()).unwrap();
    String::from_utf8_lossy(&response.body).into_owned()
}

#[test]
fn any_bytes_can_be_put_into_redis() {
    let (redis, _folder) = super::redis();
    let key = b"fpc:\xff\r\n";
    redis.call(&[&b"HSET"[..], key, b"\0", b"FPC1\xfe\r\n"]).unwrap();
    assert_eq!(redis.call(&[&b"HGET"[..], key, b"\0"]).unwrap().bytes(), Some(&b"FPC1\xfe\r\n"[..]));
    assert_eq!(redis.keys().unwrap().len(), 1);
    assert!(redis.call(&["NONSENSE"]).unwrap_err().contains("unknown command"));
}

#[test]
fn a_redis_that_was_killed_comes_back_empty_on_its_port() {
    let (mut redis, mut webdis, _folder) = super::l2();
    assert_eq!(write(&webdis), ":1\r\n");
    redis.kill();
    assert!(!webdis.answers() && redis.admin().is_err());
    redis.start().unwrap();
    assert_eq!(redis.keys().unwrap(), [""; 0]);
    webdis.stop();
    assert!(Client::connect(webdis.port()).is_err());
    webdis.start().unwrap();
    assert!(webdis.answers());
}

#[test]
fn a_paused_redis_says_nothing_until_it_goes_on() {
    let (mut redis, webdis, _folder) = super::l2();
    redis.pause();
    let mut client = Client::connect(webdis.port()).unwrap();
    client.patience(LITTLE).unwrap();
    assert!(client.send(&Request::get("/PING.raw")).is_err());
    redis.resume();
    assert!(webdis.answers());
}

#[test]
fn a_paused_redis_can_be_stopped() {
    let (mut redis, _folder) = super::redis();
    redis.pause();
    let begun = std::time::Instant::now();
    redis.stop();
    assert!(begun.elapsed() < Duration::from_secs(2), "had to be killed");
}

#[test]
fn redis_can_be_read_only_and_full_and_neither_again() {
    let (redis, webdis, _folder) = super::l2();
    redis.read_only(true).unwrap();
    assert!(write(&webdis).contains("READONLY"), "{}", write(&webdis));
    redis.read_only(false).unwrap();
    assert_eq!(write(&webdis), ":1\r\n");
    redis.out_of_memory(true).unwrap();
    assert!(write(&webdis).contains("OOM"), "{}", write(&webdis));
    redis.out_of_memory(false).unwrap();
    assert_eq!(write(&webdis), ":1\r\n");
    assert_eq!(redis.call(&["HLEN", "fpc:k"]).unwrap(), Reply::Integer(1));
}
