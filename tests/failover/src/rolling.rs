//! Everything restarted, one after the other, as a rolling update does.

use std::time::Instant;

use crate::scene::{BOUND, Stage, event};

/// All of it.
pub fn restart(stage: &mut Stage) -> Result<(), String> {
    sentinels(stage)?;
    replicas(stage)?;
    master(stage)?;
    haproxy(stage)?;
    webdis(stage)?;
    envoys(stage)
}

fn sentinels(stage: &mut Stage) -> Result<(), String> {
    let mut event = event("Sentinels restarted, one by one");
    let map = stage.cluster.map.clone();
    for number in 0..stage.cluster.sentinels.len() {
        if let Some(sentinel) = stage.cluster.sentinels.get_mut(number) {
            sentinel.stop();
            sentinel.start(&map)?;
        }
        stage.cluster.await_whole()?;
    }
    event.sentence = "each Sentinel was restarted, with the id and the knowledge that it had".to_owned();
    stage.settle(event)
}

fn replicas(stage: &mut Stage) -> Result<(), String> {
    let mut event = event("replicas restarted, one by one");
    let (master, _) = stage.cluster.named()?;
    for number in (0..stage.cluster.nodes.len()).filter(|number| *number != master) {
        restart_redis(stage, number)?;
    }
    let (now, _) = stage.cluster.named()?;
    if now != master {
        event.faults.push(format!("redis-{now} is the master after replicas were restarted, not redis-{master}"));
    }
    event.sentence = format!("both replicas of redis-{master} were restarted (preStop, SIGTERM); it stayed the master");
    stage.settle(event)
}

fn master(stage: &mut Stage) -> Result<(), String> {
    let (old, _) = stage.cluster.named()?;
    let mut event = event("master restarted: preStop hands over");
    let said = restart_redis(stage, old)?;
    let (new, _) = stage.cluster.named()?;
    event.switched = (new != old).then(Instant::now);
    if new == old {
        event.faults.push(format!("redis-{old} is the master again: nobody took over ({said})"));
    }
    stage.l2_returns()?;
    event.sentence = format!("redis-{old} handed over to redis-{new} before it ended, and came back as its replica");
    stage.settle(event)
}

/// Stops one as Kubernetes does, starts it, and waits until all is whole.
fn restart_redis(stage: &mut Stage, number: usize) -> Result<String, String> {
    let map = stage.cluster.map.clone();
    let node = stage.cluster.node(number)?;
    let said = node.stop(&map)?;
    node.start(&map)?;
    stage.cluster.await_whole()?;
    Ok(said)
}

fn haproxy(stage: &mut Stage) -> Result<(), String> {
    let mut event = event("HAProxy restarted");
    let map = stage.cluster.map.clone();
    stage.cluster.front.start_haproxy(&map)?;
    stage.cluster.until("the master answers through webdis", BOUND, |cluster| cluster.front.answers())?;
    stage.l2_returns()?;
    event.sentence = "HAProxy was restarted; webdis connected anew by itself".to_owned();
    stage.settle(event)
}

fn webdis(stage: &mut Stage) -> Result<(), String> {
    let mut event = event("webdis restarted");
    stage.cluster.front.start_webdis()?;
    stage.l2_returns()?;
    event.sentence = "webdis was restarted; the Envoys connected anew by themselves".to_owned();
    stage.settle(event)
}

/// Each is drained first: what it would have been asked, the other one is.
fn envoys(stage: &mut Stage) -> Result<(), String> {
    let mut event = event("Envoys restarted, one by one");
    for (envoy, target) in stage.cluster.envoys.iter_mut().zip(&stage.field.pods) {
        target.drain();
        envoy.restart()?;
        target.admit();
    }
    stage.l2_returns()?;
    event.sentence = "each Envoy was drained, restarted with an empty L1, and asked again".to_owned();
    stage.settle(event)
}
