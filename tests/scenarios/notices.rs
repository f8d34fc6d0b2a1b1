//! What outsiders publish in the log of invalidations, and what each notice is about, found out without the filter.

use crate::callers::Ask;
use crate::judge::Given;
use crate::network::Fault;
use crate::settings::target_as_keyed;
use crate::world::World;

/// The shipped script that publishes.
const PUBLISH: &str = include_str!("../../src/redis/scripts/publish.lua");
/// Longer than any entry lives under any setting, in milliseconds.
const LONGEST: &str = "600000";

/// What an outsider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Says {
    /// `invalidate`, `refresh`, `prewarm`, or anything else.
    pub op: &'static str,
    pub scope: &'static str,
    pub value: String,
}

impl Says {
    pub fn new(op: &'static str, scope: &'static str, value: &str) -> Self {
        Self { op, scope, value: value.to_owned() }
    }

    /// What it does to what it is about: what nobody understands invalidates all.
    pub fn effect(&self) -> Effect {
        match self.op {
            "refresh" if self.known() => Effect::Refresh,
            "prewarm" => Effect::None,
            _ => Effect::Invalidate,
        }
    }

    fn known(&self) -> bool {
        ["key", "uri", "prefix", "pattern", "tag", "rule", "all"].contains(&self.scope)
    }

    /// Whether it is about the entry that an answer was made of.
    pub fn is_about(&self, given: &Given<'_>) -> bool {
        let value = self.value.as_str();
        let (host, target) = place(given);
        let compared = |text: &str| if text.starts_with('/') { target.clone() } else { format!("{host}{target}") };
        match self.scope {
            "rule" => given.rule.name() == value,
            "tag" => tags(given).iter().any(|tag| tag == value),
            "uri" => compared(value) == value,
            "prefix" => compared(value).starts_with(value),
            "pattern" => matches(value.as_bytes(), compared(value).as_bytes()),
            "key" => given.answer.cache_status.contains(&format!("key=\"{value}\"")),
            _ => true,
        }
    }
}

/// What a notice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Invalidate,
    Refresh,
    None,
}

/// A notice that has been acknowledged.
#[derive(Clone, Debug)]
pub struct Notice {
    pub says: Says,
    pub at: u64,
    /// As which script it ran.
    pub ran: u64,
    /// Whether L2 has lost it, as after a flush.
    pub forgotten: bool,
}

impl World {
    /// An outsider publishes, and is told that it is done. It asks Redis itself: what is wrong with webdis does not matter.
    pub fn publish(&mut self, mut says: Says) {
        if says.scope == "key" && says.value.starts_with('/') {
            let Some(key) = self.keys_shown.get(&says.value) else { return self.tell("   nobody has seen the key") };
            says.value = key.clone();
        }
        let fault = self.front.fault(self.now);
        if matches!(fault, Some(Fault::Down | Fault::Hung)) {
            return self.tell("   nobody is there to publish to");
        }
        let value = if says.value.is_empty() { "-" } else { &says.value };
        let words = ["EVAL", PUBLISH, "2", "fpc:log", "fpc:bans", LONGEST, says.op, says.scope, value];
        let command: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let reply = self.execute(&command, fault);
        let reply = String::from_utf8_lossy(&reply).into_owned();
        self.tell(format!("   published: {}", reply.replace("\r\n", " ")));
        if reply.starts_with('$') {
            let (at, ran) = (self.now, self.front.ran);
            let forgotten = self.may_be_taken_for_another_log();
            self.notices.push(Notice { says, at, ran, forgotten });
        }
    }

    /// A client sees the key under which an answer is stored.
    pub fn note_key(&mut self, id: u32, cache_status: &str) {
        let key = cache_status.split_once("; key=\"").and_then(|(_, rest)| rest.split('"').next());
        if let Some(key) = key {
            self.keys_shown.insert(self.streams[&id].ask.path().to_owned(), key.to_owned());
        }
    }

    /// What was said after so many scripts had run is lost.
    pub fn forget_notices(&mut self, ran: u64) {
        let wiped = ran == 0;
        self.notices.iter_mut().filter(|notice| wiped || notice.ran > ran).for_each(|notice| notice.forgotten = true);
        self.successes.iter_mut().for_each(|success| success.forget(ran));
    }
}

/// Host and target as the key has them.
fn place(given: &Given<'_>) -> (String, String) {
    let Ask { host, .. } = given.ask;
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":80").unwrap_or(&host).to_owned();
    (host, target_as_keyed(given.rule, given.ask))
}

/// The tags of the rule, and those that the origin gave.
fn tags(given: &Given<'_>) -> Vec<String> {
    let group = |name: &str| format!("group:{} {name}", place(given).0);
    let said = given.source.terms.headers.iter().filter_map(|(name, value)| match name.as_str() {
        "surrogate-key" => Some(value.split(' ').map(str::to_owned).collect::<Vec<_>>()),
        "cache-tag" => Some(value.split(',').map(|tag| tag.trim().to_owned()).collect()),
        "cache-groups" => Some(value.split(',').map(|tag| group(tag.trim().trim_matches('"'))).collect()),
        _ => None,
    });
    given.rule.tags().into_iter().chain(said.flatten()).collect()
}

/// Whether a text is of a pattern: `*` within a segment, `**` across them.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', b'*', rest @ ..] => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        [b'*', rest @ ..] => {
            let segment = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
            (0..=segment).any(|at| matches(rest, &text[at..]))
        }
        [byte, rest @ ..] => text.first() == Some(byte) && matches(rest, &text[1..]),
    }
}

#[test]
fn patterns_match_by_segments() {
    let matched = |pattern: &str, text: &str| matches(pattern.as_bytes(), text.as_bytes());
    assert!(matched("/v1/*", "/v1/a") && !matched("/v1/*", "/v1/a/b") && matched("/v1/**", "/v1/a/b"));
    assert!(matched("/*/plain", "/w/plain") && !matched("/*/plain", "/w/x/plain") && matched("api/**", "api/w"));
}
