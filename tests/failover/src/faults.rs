//! What happens to a master: it is killed with its disk, it is frozen and comes back, it is cut off.

use std::thread::sleep;
use std::time::{Duration, Instant};

use stack::Reply;

use crate::publish::{self, Outcome, Way};
use crate::scene::{BOUND, Event, Stage, event};

/// What the start script says of a master without data.
const EMPTY: &str = "whose volume is empty";
/// Between two writes on a master that is cut off.
const PACE: Duration = Duration::from_millis(100);
/// So many come at once.
const FIRST: usize = 5;
/// How long such a master is tried.
const TRIED: Duration = Duration::from_secs(12);
/// How long it may take a process that goes on to see which of its connections are gone.
const FOUND_GONE: Duration = Duration::from_secs(1);
/// The tag that is invalidated there.
const TAG: &str = "split-brain";

/// Kills the master, takes its disk, and starts it again at once, as a kubelet does.
pub fn kill(stage: &mut Stage) -> Result<(), String> {
    let (old, node) = stage.cluster.named()?;
    let mut event = event("master killed (SIGKILL), its disk lost");
    node.kill();
    node.lose_disk()?;
    let map = stage.cluster.map.clone();
    stage.cluster.node(old)?.start(&map)?;
    let new = taken_over(stage, &mut event, old)?;
    stage.l2_returns()?;
    event.sentence = format!(
        "redis-{old} was killed, lost its disk and was started again at once; after {:.1} s the Sentinels named \
         redis-{new}, and redis-{old} followed it, having waited",
        seconds(event.switched, event.at)
    );
    let waited = stage.cluster.node(old)?.said(EMPTY);
    if !waited {
        event.faults.push(format!("redis-{old} did not wait before it started without data"));
    }
    stage.settle(event)
}

/// Freezes the master, and lets it go on when there is another.
pub fn freeze(stage: &mut Stage) -> Result<(), String> {
    let (old, node) = stage.cluster.named()?;
    let mut event = event("master frozen (SIGSTOP), back as a stale master");
    node.freeze();
    let new = taken_over(stage, &mut event, old)?;
    stage.l2_returns()?;
    stage.cluster.node(old)?.thaw();
    let thawed = Instant::now();
    stale(stage, &mut event, old)?;
    event.sentence = format!(
        "redis-{old} was frozen; after {:.1} s the Sentinels named redis-{new}; when it went on it called itself a \
         master for {:.1} s more, and webdis was not led to it",
        seconds(event.switched, event.at),
        thawed.elapsed().as_secs_f64()
    );
    stage.settle(event)
}

/// Waits until a master that came back is a replica. Nobody may be led to it meanwhile: what was connected before it
/// was frozen it may first have to find gone.
fn stale(stage: &mut Stage, event: &mut Event, old: usize) -> Result<(), String> {
    let thawed = Instant::now();
    while stage.cluster.node(old)?.replication().is_none_or(|state| state.master) {
        let visitors = stage.cluster.node(old)?.visitors().unwrap_or(0);
        if thawed.elapsed() > FOUND_GONE && visitors > 0 {
            event.faults.push(format!("{visitors} connections of webdis are with the stale master"));
            break;
        }
        if thawed.elapsed() > BOUND {
            return Err("the stale master never became a replica".to_owned());
        }
        sleep(PACE);
    }
    Ok(())
}

/// Cuts the master off from Sentinels and replicas. HAProxy, and so the Envoys, still reach it, and somebody writes
/// there.
pub fn partition(stage: &mut Stage) -> Result<(), String> {
    let (old, node) = stage.cluster.named()?;
    let before = node.replication().ok_or("the master does not answer")?.history;
    let (mut event, port) = (event("master cut off from Sentinels and replicas, not from HAProxy"), node.port());
    node.link.hold();
    let written = write_some(stage, old)?;
    let outcome = publish::invalidate(TAG, &Way::Port(port))?;
    if outcome == Outcome::Acknowledged {
        event.faults.push("a notice on a master that was cut off counts as acknowledged".to_owned());
    }
    let split = split_brain(stage, &mut event, old, written)?;
    let new = stage.cluster.master().ok_or("no master is named")?;
    stage.l2_returns()?;
    let visitors = stage.cluster.node(old)?.visitors()?;
    if visitors > 0 {
        event.faults.push(format!("{visitors} connections of webdis are still with the master that was cut off"));
    }
    stage.cluster.node(old)?.link.release();
    stage.cluster.await_whole()?;
    event.faults.extend(survivors(stage, &split.written)?);
    let after = stage.cluster.node(old)?.replication().unwrap_or_default().history;
    if after == before {
        event.faults.push("the epoch is the same after a failover".to_owned());
    }
    event.sentence = format!(
        "redis-{old} was cut off; it took {} writes until it refused after {:.1} s; after {:.1} s the Sentinels named \
         redis-{new}; a notice on it was {}; when it was back all of it was gone, and the epoch another",
        split.written.len(),
        split.refused.as_secs_f64(),
        seconds(event.switched, event.at),
        if outcome == Outcome::Doubtful { "called doubtful" } else { "refused" },
    );
    stage.settle(event)
}

/// What a master took that was cut off.
struct Split {
    written: Vec<String>,
    /// When it refused, from the beginning.
    refused: Duration,
}

/// The first writes, at once: before it can have noticed anything.
fn write_some(stage: &mut Stage, old: usize) -> Result<Vec<String>, String> {
    let keys: Vec<_> = (0..FIRST).map(key).collect();
    for key in &keys {
        match stage.cluster.node(old)?.ask(&["SET", key, "x"])? {
            Reply::Status(_) => {}
            reply => return Err(format!("a master that was just cut off says {reply:?}")),
        }
    }
    Ok(keys)
}

fn key(number: usize) -> String {
    format!("fpc:split-brain:{number}")
}

/// Writes there until it refuses and another is named.
fn split_brain(stage: &mut Stage, event: &mut Event, old: usize, mut written: Vec<String>) -> Result<Split, String> {
    let mut refused = None;
    while refused.is_none() || event.switched.is_none() {
        let key = key(written.len());
        match stage.cluster.node(old)?.ask(&["SET", &key, "x"])? {
            Reply::Status(_) if refused.is_some() => {
                event.faults.push("the master that was cut off took writes again".to_owned());
                break;
            }
            Reply::Status(_) => written.push(key),
            Reply::Error(error) if error.starts_with("NOREPLICAS") => {
                refused.get_or_insert_with(|| event.at.elapsed());
            }
            other => return Err(format!("the master that was cut off says {other:?}")),
        }
        if event.switched.is_none() && stage.cluster.master().is_some_and(|master| master != old) {
            event.switched = Some(Instant::now());
        }
        if event.at.elapsed() > TRIED + BOUND {
            return Err("the master that was cut off never refused, or nobody took over".to_owned());
        }
        sleep(PACE);
    }
    Ok(Split { written, refused: refused.unwrap_or_default() })
}

/// What is there of the writes, anywhere.
fn survivors(stage: &Stage, written: &[String]) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for node in &stage.cluster.nodes {
        let count = node.has(written)?;
        if count > 0 {
            found.push(format!("{} has {count} keys that were written on the old master", node.name()));
        }
        let log = node.ask(&["XREVRANGE", "fpc:log", "+", "-", "COUNT", "1000"])?;
        if mentions(&log, TAG.as_bytes()) {
            found.push(format!("{} has the notice that was published on the old master", node.name()));
        }
    }
    Ok(found)
}

fn mentions(reply: &Reply, word: &[u8]) -> bool {
    match reply {
        Reply::Array(members) => members.iter().any(|member| mentions(member, word)),
        reply => reply.bytes() == Some(word),
    }
}

fn taken_over(stage: &mut Stage, event: &mut Event, old: usize) -> Result<usize, String> {
    let new = stage.cluster.taken_over(old, BOUND)?;
    event.switched = Some(Instant::now());
    Ok(new)
}

fn seconds(then: Option<Instant>, since: Instant) -> f64 {
    then.map_or(0.0, |then| then.duration_since(since).as_secs_f64())
}
