//! Notices put into the log by the filter's own script, and who has them.

use std::time::Duration;

use fingerprint_cache::notice::Notice;
use fingerprint_cache::position::Position;
use fingerprint_cache::redis::{read_publish, script};

use redis::RedisError;

use super::{Redis, sentence};

/// The longest that any entry can live in Redis, however it is configured: `redis.ttl` is 7 d at most, and spread by 5 %.
pub const LONGEST: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// Where the notices are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The place of the last notice, and of all their bans.
    pub position: Position,
    /// Replicas that were connected.
    pub replicas: u64,
    /// Replicas that have it; `None` where Redis does not say.
    pub acknowledged: Option<u64>,
}

impl Published {
    /// Whether no failover to a replica that is connected can lose it.
    pub fn everywhere(&self) -> bool {
        self.acknowledged.is_some_and(|count| count >= self.replicas)
    }

    /// Who has it, in words.
    pub fn sentence(&self) -> String {
        match (self.replicas, self.acknowledged) {
            (0, _) => "there are no replicas: should this Redis fail, it is lost with all that is stored".to_owned(),
            (replicas, Some(count)) if count >= replicas => format!("all {replicas} replicas have it"),
            (replicas, Some(count)) => format!("{count} of {replicas} replicas have it: a failover may lose it"),
            (replicas, None) => format!("Redis does not say which of its {replicas} replicas have it"),
        }
    }
}

/// Publishes notices, all at one place, and waits until the replicas have them.
///
/// # Errors
/// A sentence, when they are not published, or nobody can tell whether they are.
pub fn publish(redis: &mut Redis, notices: &[Notice]) -> Result<Published, String> {
    let mut eval = redis::cmd("EVAL");
    eval.arg(script::PUBLISH.text).arg(2).arg(redis.log()).arg(redis.bans()).arg(LONGEST.as_millis().to_string());
    for notice in notices {
        let value = notice.scope.value();
        eval.arg(notice.op.as_str()).arg(notice.scope.as_str()).arg(if value.is_empty() { "-" } else { value });
    }
    let payload: Vec<u8> = eval.query(redis.connection()).map_err(|error| unpublished(&redis.address, &error))?;
    let reply = [format!("${}\r\n", payload.len()).as_bytes(), &payload, b"\r\n"].concat();
    let unread = |_| format!("Redis at {} gives no position for what was published. See its log.", redis.address);
    let position = read_publish(&reply).map_err(unread)?;
    let (replicas, acknowledged) = await_replicas(redis);
    Ok(Published { position, replicas, acknowledged })
}

/// What Redis refuses is not published; where it did not answer, nobody knows.
fn unpublished(address: &str, error: &RedisError) -> String {
    let known = error.code().is_some() || error.is_connection_refusal();
    let doubt = if known { "" } else { " Whether it was published is not known; to repeat it does no harm." };
    sentence(address, error) + doubt
}

/// Waits for the replicas at most as long as a reply may take. It is published already: what fails here is no failure.
fn await_replicas(redis: &mut Redis) -> (u64, Option<u64>) {
    let Ok(replication) = redis.replication() else { return (0, None) };
    if replication.replicas == 0 {
        return (0, Some(0));
    }
    let time = redis.timeout;
    // The answer comes when the time is over: not before the socket gives up.
    let patient = redis.patience(time.saturating_add(Duration::from_secs(1)));
    let mut wait = redis::cmd("WAIT");
    wait.arg(replication.replicas).arg(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let acknowledged = patient.and_then(|()| redis.ask(&wait)).ok();
    (replication.replicas, acknowledged.filter(|_| redis.patience(time).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(replicas: u64, acknowledged: Option<u64>) -> Published {
        Published { position: Position::default(), replicas, acknowledged }
    }

    #[test]
    fn everywhere_is_on_every_replica_there_is() {
        for (replicas, acknowledged, everywhere) in [
            (0, Some(0), true),
            (2, Some(2), true),
            (1, Some(2), true),
            (2, Some(1), false),
            (2, None, false),
            (0, None, false),
        ] {
            assert_eq!(published(replicas, acknowledged).everywhere(), everywhere, "{replicas} {acknowledged:?}");
        }
        assert!(published(2, Some(1)).sentence().contains("1 of 2"));
    }
}
