//! Several Envoys before one L2.

use std::collections::BTreeSet;

use stack::{Fleet, Origin, Port, Redis, Request, Scope, Scratch, Stack, answer};

fn fleet(origin: &Origin) -> Fleet {
    Stack::builder().service(origin.port()).fleet(2).unwrap()
}

#[test]
fn each_worker_gets_a_connection_and_the_log_outlives_its_master() {
    let origin = Origin::start(|_| answer(200, &[("cache-control", "max-age=60")], "x")).unwrap();
    let mut fleet = fleet(&origin);
    let mut workers = fleet.workers().unwrap();
    assert_eq!(workers.len(), 4);
    for worker in &mut workers {
        assert_eq!(worker.send(&Request::get("/health")).unwrap().status, 200);
    }
    fleet.pod(0).unwrap().link.cut();
    assert!(Request::get("/PING.raw").send(fleet.pods[0].link.port()).is_err());
    assert!(Request::get("/PING.raw").send(fleet.pods[1].link.port()).is_ok());

    fleet.add_replica().unwrap();
    let notice = Scope::Tag("a".to_owned());
    let mut positions = BTreeSet::from([fleet.publisher().unwrap().invalidate(&notice).unwrap()]);
    fleet.redis.replicated().unwrap();
    fleet.fail_over().unwrap();
    positions.insert(fleet.publisher().unwrap().invalidate(&notice).unwrap());
    let numbers = positions.iter().filter_map(|position| position.split_once(':')?.1.parse::<u64>().ok());
    let numbers: BTreeSet<u64> = numbers.collect();
    assert_eq!(numbers.last().zip(numbers.first()).map(|(last, first)| last - first), Some(1), "{positions:?}");
    assert_eq!(fleet.redis.notices(), Ok(2));
}

#[test]
fn a_replica_has_everything_and_takes_over() {
    let folder = Scratch::new("test").unwrap();
    let start = |name| {
        let mut redis = Redis::new(Port::free().unwrap(), &folder.room(name).unwrap());
        redis.start().unwrap();
        redis
    };
    let (mut master, mut replica) = (start("master"), start("replica"));
    master.call(&["SET", "fpc:a", "1"]).unwrap();
    assert!(master.replicated().is_err());
    replica.follow(&master).unwrap();
    master.call(&["SET", "fpc:b", "1"]).unwrap();
    master.replicated().unwrap();
    assert!(replica.call(&["SET", "fpc:c", "1"]).unwrap_err().contains("READONLY"));
    master.kill();
    replica.promote().unwrap();
    replica.call(&["SET", "fpc:c", "1"]).unwrap();
    assert_eq!(replica.keys().unwrap(), ["fpc:a", "fpc:b", "fpc:c"]);
}
