//! What holds of any message that anybody may publish.

use fingerprint_cache::notice::{Notice, Op, Scope};
use proptest::prelude::*;

use super::event::{self, CHANNELS, Event, Kind};
use super::glob::Glob;
use super::map::{Given, Map, Translation};
use super::timestamp;

fn map() -> Map {
    let targets = ["u:*=uri:/u/$1", "p:*:*=prefix:$1/$2", "g:*=pattern:/g/*/$1/**", "t:*=tag:$1", "k:*=key:$1"];
    let targets = targets.map(str::to_owned).into();
    Map::read(&Given { targets, host: "api".to_owned(), ..Given::default() }).unwrap()
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Prewarm), Just(Kind::Update), Just(Kind::Invalidate)]
}

/// Of our own making, or anything.
fn patterns() -> impl Strategy<Value = String> {
    let known = ("(u|p|g|t|k|fingerprint|ml_model|dns|):", "[a-z0-9*?/:\\[\\]\\\\ é%#.-]{0,20}");
    prop_oneof![known.prop_map(|(start, rest)| start + &rest), any::<String>()]
}

fn notices(translation: Translation) -> Vec<Notice> {
    match translation {
        Translation::Notices(notices) => notices,
        Translation::Nothing => Vec::new(),
        Translation::Unmapped(notice) => notice.into_iter().collect(),
    }
}

proptest! {
    /// A filter reads what is published as what was meant, and everything only where everything was meant.
    #[test]
    fn what_is_published_is_understood(kind in kinds(), pattern in patterns()) {
        let event = Event { kind, pattern, sent: None, source: String::new() };
        for notice in notices(map().translate(&event)) {
            let (op, scope, value) = (notice.op.as_str(), notice.scope.as_str(), notice.scope.value());
            prop_assert_eq!(&Notice::read(op.as_bytes(), scope.as_bytes(), value.as_bytes()), &notice);
            prop_assert_eq!(notice.op, kind.op());
            prop_assert!(kind != Kind::Prewarm || notice.wanted().is_some());
        }
    }

    /// A pattern that is outdated is never left without a notice, unless the map says so; here it never does.
    #[test]
    fn nothing_that_is_outdated_is_left_out(update in any::<bool>(), pattern in patterns()) {
        let kind = if update { Kind::Update } else { Kind::Invalidate };
        let event = Event { kind, pattern, sent: None, source: String::new() };
        prop_assert!(!notices(map().translate(&event)).is_empty());
    }

    /// Whatever a pattern stands for, what it became covers it: each `*` replaced by any name, the URI is meant.
    #[test]
    fn what_a_pattern_stands_for_is_covered(parts in prop::collection::vec("[a-z]{0,3}", 1..4), name in "[a-z0-9.]{0,5}") {
        let (pattern, concrete) = (parts.join("*"), parts.join(&name));
        let event = Event { kind: Kind::Invalidate, pattern: format!("u:{pattern}"), sent: None, source: String::new() };
        let covered = notices(map().translate(&event)).iter().any(|notice| match &notice.scope {
            Scope::All => true,
            Scope::Uri(uri) => *uri == format!("/u/{concrete}"),
            Scope::Prefix(prefix) => format!("/u/{concrete}").starts_with(prefix.as_str()),
            _ => false,
        });
        prop_assert!(covered, "{} is not covered by {:?}", concrete, map().translate(&event));
    }

    /// Any bytes on any channel are an event or have a reason; an event is at least what its channel says.
    #[test]
    fn any_message_is_read(payload in prop::collection::vec(any::<u8>(), 0..200), text in any::<String>(), which in 0_usize..3) {
        let (channel, least) = CHANNELS[which];
        let _ = event::read(channel, &payload);
        let event = serde_json::json!({ "event_type": "prewarm", "key_pattern": text, "timestamp": text });
        if let Ok(event) = event::read(channel, event.to_string().as_bytes()) {
            prop_assert!(event.kind >= least);
            prop_assert_eq!(event.pattern, text);
        }
    }

    /// Any text and number has a time or none; a glob that matches says the whole text again.
    #[test]
    fn any_text_is_taken_apart(text in any::<String>(), number in any::<f64>(), glob in "[ab*]{0,6}", other in "[ab]{0,8}") {
        let _ = timestamp::read(&serde_json::Value::from(text.as_str()));
        let _ = timestamp::read(&serde_json::Value::from(number));
        let _ = Glob::read(&text);
        let read = Glob::read(&glob).unwrap();
        if let Some(captures) = read.captures(&other) {
            let mut captures = captures.into_iter();
            let filled: String =
                glob.chars().map(|c| if c == '*' { captures.next().unwrap_or("?").to_owned() } else { c.to_string() }).collect();
            prop_assert_eq!(filled, other);
        }
    }
}

#[test]
fn the_operations_of_the_log_are_those_of_the_channels() {
    assert_eq!(
        [Kind::Prewarm, Kind::Update, Kind::Invalidate].map(Kind::op),
        [Op::Prewarm, Op::Refresh, Op::Invalidate]
    );
}
