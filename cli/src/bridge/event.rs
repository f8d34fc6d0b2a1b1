//! The events that publishers send over pub/sub, read strictly where it matters and leniently where it does not.

use fingerprint_cache::notice::Op;
use serde_json::{Map, Value};

use super::timestamp;

/// The channels that publishers use, with what an event on each is at least.
pub const CHANNELS: [(&str, Kind); 3] =
    [("cache:invalidate", Kind::Invalidate), ("cache:update", Kind::Update), ("cache:prewarm", Kind::Prewarm)];

/// No event needs more bytes; a longer one is not parsed.
const MOST_BYTES: usize = 64 << 10;
/// No pattern needs more bytes.
const MOST_PATTERN: usize = 2048;

/// What an event asks for, the stronger the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something will be asked for soon.
    Prewarm,
    /// Something has a newer value.
    Update,
    /// Something is wrong from now on.
    Invalidate,
}

impl Kind {
    /// The operation of the notice that says so.
    pub fn op(self) -> Op {
        match self {
            Self::Prewarm => Op::Prewarm,
            Self::Update => Op::Refresh,
            Self::Invalidate => Op::Invalidate,
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Prewarm, Self::Update, Self::Invalidate].into_iter().find(|kind| kind.as_str() == text)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Prewarm => "prewarm",
            Self::Update => "update",
            Self::Invalidate => "invalidate",
        }
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it asks for: what it says itself, or its channel where that is stronger.
    pub kind: Kind,
    /// The keys it is about, in the publisher's own words.
    pub pattern: String,
    /// When it was sent, in ms since 1970 by the publisher's clock, where it says so in a form that can be read.
    pub sent: Option<u64>,
    /// The pod it says it is from; for the log.
    pub source: String,
}

/// Why a message is not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Longer than any event.
    TooLong,
    /// Not JSON, or not UTF-8.
    NotJson,
    /// JSON, but no object.
    NotAnObject,
    /// No `event_type`, or one that is not text.
    NoEventType,
    /// An `event_type` other than `invalidate`, `update`, `prewarm`.
    UnknownEventType,
    /// No `key_pattern`, or one that is not text, empty, or longer than any pattern.
    NoKeyPattern,
}

impl Malformed {
    /// Every reason, for the metrics.
    pub const ALL: [Self; 6] = [
        Self::TooLong,
        Self::NotJson,
        Self::NotAnObject,
        Self::NoEventType,
        Self::UnknownEventType,
        Self::NoKeyPattern,
    ];

    /// The label in metrics and log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::NoEventType => "no_event_type",
            Self::UnknownEventType => "unknown_event_type",
            Self::NoKeyPattern => "no_key_pattern",
        }
    }
}

/// Reads a message of `channel`. Members that nobody needs may be missing, of any type, or more than are known.
///
/// # Errors
/// Why it is not an event.
pub fn read(channel: &str, payload: &[u8]) -> Result<Event, Malformed> {
    if payload.len() > MOST_BYTES {
        return Err(Malformed::TooLong);
    }
    let value: Value = serde_json::from_slice(payload).map_err(|_| Malformed::NotJson)?;
    let members = value.as_object().ok_or(Malformed::NotAnObject)?;
    let told = Kind::read(text(members, "event_type").ok_or(Malformed::NoEventType)?);
    let told = told.ok_or(Malformed::UnknownEventType)?;
    let pattern = text(members, "key_pattern").filter(|text| (1..=MOST_PATTERN).contains(&text.len()));
    Ok(Event {
        // Where the two differ, one of them is a slip, and losing the stronger would be the worse one.
        kind: CHANNELS.iter().find(|(name, _)| *name == channel).map_or(told, |(_, kind)| told.max(*kind)),
        pattern: pattern.ok_or(Malformed::NoKeyPattern)?.to_owned(),
        sent: members.get("timestamp").and_then(timestamp::read),
        source: text(members, "source_pod").unwrap_or("unknown").to_owned(),
    })
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(payload: &str) -> Malformed {
        read("cache:invalidate", payload.as_bytes()).unwrap_err()
    }

    #[test]
    fn an_event_needs_a_type_and_a_pattern_and_nothing_else() {
        let least = br#"{"event_type":"invalidate","key_pattern":"ml_model:*"}"#;
        let event = read("cache:invalidate", least).unwrap();
        assert_eq!((event.kind, event.pattern.as_str(), event.sent), (Kind::Invalidate, "ml_model:*", None));
        let full = br#"{"event_type":"update","key_pattern":"k","timestamp":1790000000,"source_pod":"api-1","priority":"high","x":[1]}"#;
        let event = read("cache:update", full).unwrap();
        assert_eq!((event.kind, event.sent, event.source.as_str()), (Kind::Update, Some(1_790_000_000_000), "api-1"));
    }

    #[test]
    fn members_that_nobody_needs_may_be_of_any_type() {
        let odd = br#"{"event_type":"prewarm","key_pattern":"k","timestamp":[],"source_pod":7,"priority":null}"#;
        let event = read("cache:prewarm", odd).unwrap();
        assert_eq!((event.kind, event.sent, event.source.as_str()), (Kind::Prewarm, None, "unknown"));
    }

    #[test]
    fn every_malformed_event_has_its_reason() {
        for (payload, expected) in [
            ("{", Malformed::NotJson),
            ("", Malformed::NotJson),
            ("[]", Malformed::NotAnObject),
            (r#"{"key_pattern":"k"}"#, Malformed::NoEventType),
            (r#"{"event_type":1,"key_pattern":"k"}"#, Malformed::NoEventType),
            (r#"{"event_type":"Invalidate","key_pattern":"k"}"#, Malformed::UnknownEventType),
            (r#"{"event_type":"update"}"#, Malformed::NoKeyPattern),
            (r#"{"event_type":"update","key_pattern":""}"#, Malformed::NoKeyPattern),
            (r#"{"event_type":"update","key_pattern":["k"]}"#, Malformed::NoKeyPattern),
        ] {
            assert_eq!(reason(payload), expected, "{payload}");
        }
        assert_eq!(read("c", b"\"\xff\"").unwrap_err(), Malformed::NotJson);
        assert_eq!(reason(&" ".repeat(MOST_BYTES + 1)), Malformed::TooLong);
        let long = format!(r#"{{"event_type":"update","key_pattern":"{}"}}"#, "k".repeat(MOST_PATTERN + 1));
        assert_eq!(reason(&long), Malformed::NoKeyPattern);
    }

    #[test]
    fn of_type_and_channel_the_stronger_counts() {
        let kind = |channel: &str, told: &str| {
            read(channel, format!(r#"{{"event_type":"{told}","key_pattern":"k"}}"#).as_bytes()).unwrap().kind
        };
        assert_eq!(kind("cache:invalidate", "prewarm"), Kind::Invalidate);
        assert_eq!(kind("cache:prewarm", "invalidate"), Kind::Invalidate);
        assert_eq!(kind("cache:prewarm", "update"), Kind::Update);
        assert_eq!(kind("elsewhere", "prewarm"), Kind::Prewarm);
    }
}
