//! What must hold of an answer from the cache: it is what the origin would give this caller, in the form it asked for.

use crate::callers::{Ask, Sends};
use crate::forms::{Part, named, part, unmodified};
use crate::oracle::{FOR_CACHES, ensure};
use crate::origin::{Exchange, Gives, read_date};
use crate::routes::{render, terms};
use crate::settings::{RuleFacts, rule_for};
use crate::world::World;
use fingerprint_cache::answer::Answer;

/// Headers that are made for each answer, or belong to the exchange that the oracle finds by them.
const OF_THE_ANSWER: [&str; 7] =
    ["x-exchange", "date", "etag", "expires", "last-modified", "location", "content-location"];
/// What an answer without its body does not say, since it is about that body.
const OF_THE_BODY: [&str; 2] = ["content-type", "content-range"];

/// An answer with all that is known of where it comes from.
pub struct Given<'a> {
    pub ask: &'a Ask,
    pub rule: &'a RuleFacts,
    pub answer: &'a Answer,
    /// The exchange that its head came with: the one of the body, or a later one that confirmed it.
    pub head: &'a Exchange,
    pub number: usize,
    /// One that gave the body.
    pub source: &'a Exchange,
}

impl World {
    /// An answer from the cache.
    pub fn judge(&mut self, id: u32, answer: &Answer) {
        if let Err(what) = self.judged(id, answer) {
            let text = String::from_utf8_lossy(whole(answer)).into_owned();
            let (status, headers) = (answer.status(), &answer.entry.headers);
            self.violated(format!("#{id} got a wrong answer: {what}\n    {status} {headers:?} {text}"));
        }
    }

    fn judged(&self, id: u32, answer: &Answer) -> Result<(), String> {
        let (ask, config) = (&self.streams[&id].ask, &self.streams[&id].config);
        let rule = &rule_for(config, ask).ok_or("no rule is for it")?;
        asked_for_it(ask, rule, answer)?;
        if !answer.is_stored() {
            return nothing(ask, rule, answer);
        }
        let serial = number(whole(answer), "{\"serial\":").ok_or("the origin never gave this body")?;
        let from = |exchange: &&Exchange| exchange.content == serial && exchange.is_whole();
        // Two hosts may give the same content, and have changed it at other times.
        let mut sources = self.origin.exchanges.iter().filter(from);
        let first = sources.clone().next().ok_or("it was never whole")?;
        let source = sources.find(|exchange| exchange.ask.host == ask.host).unwrap_or(first);
        let number = self.head_of(answer, source)?;
        let head = &self.origin.exchanges[number];
        let given = &Given { ask, rule, answer, head, number, source };
        same(given)?;
        form(given)?;
        may_be_shared(given)?;
        if answer.state.starts_with("revalidated") {
            let confirmed = self.exchange_of(id).map(|number| &self.origin.exchanges[number]);
            let this = |exchange: &Exchange| exchange.gives == Gives::Confirms && exchange.content == source.content;
            ensure(confirmed.is_some_and(this), || "not what the origin confirmed".into())?;
        }
        self.old_enough(given)?;
        self.young_enough(id, given)?;
        self.recent_enough(id, given)?;
        self.keeps_promises(id, given)
    }

    /// The exchange that an answer's head came with. An answer to HEAD speaks of any body of its length, or of any if it
    /// has none, where it has no validator to say which.
    fn head_of(&self, answer: &Answer, source: &Exchange) -> Result<usize, String> {
        let values: Vec<&str> = values(answer, "x-exchange").collect();
        let [value] = values[..] else { return Err(format!("x-exchange: {values:?}")) };
        let number: usize = value.parse().map_err(|_| "x-exchange")?;
        let head = self.origin.exchanges.get(number).ok_or("no such exchange")?;
        let vague = head.ask.method == "HEAD" && !head.terms.tagged && head.modified.is_none();
        let long = !matches!(head.sends, Sends::Chunked | Sends::UntilClose);
        let fits = !long || head.body.len() == source.body.len();
        let speaks = vague && fits && head.ask.target == source.ask.target;
        let same = head.content == source.content || speaks;
        ensure(same, || format!("head of {number}, body of {}", source.content)).map(|()| number)
    }
}

/// The stored body, in this caller's words.
fn whole(answer: &Answer) -> &[u8] {
    answer.body.as_ref().unwrap_or(&answer.entry.body)
}

fn asked_for_it(ask: &Ask, rule: &RuleFacts, answer: &Answer) -> Result<(), String> {
    let ours = ["if-match", "if-unmodified-since", "upgrade"].iter().all(|name| ask.get_header(name).is_none());
    ensure(ours, || "the request was none for a cache".into())?;
    ensure(!rule.control(ask).contains("no-store"), || "the client said no-store".into())?;
    let told = &answer.cache_status;
    ensure(told.starts_with("fingerprint-cache; "), || told.clone())?;
    let key = format!("; key=\"{}:", rule.name());
    ensure(told.contains(&key) == rule.shows_key(), || format!("the key in {told}"))
}

/// 504, where nothing is stored.
fn nothing(ask: &Ask, rule: &RuleFacts, answer: &Answer) -> Result<(), String> {
    ensure(rule.control(ask).contains("only-if-cached"), || "the origin might have been asked".into())?;
    ensure(answer.status() == 504 && answer.body().is_empty(), || format!("status {}", answer.status()))
}

/// Status, headers and body are those the origin would have given this caller.
fn same(given: &Given<'_>) -> Result<(), String> {
    let Given { ask, rule, answer, source, .. } = given;
    let (status, expected) = match source.gives {
        Gives::Trouble(status) => (status, source.body.clone()),
        _ => (source.terms.status, render(ask, source.version, source.content)),
    };
    ensure(answer.entry.status == status, || format!("status {}", answer.entry.status))?;
    let body = whole(answer);
    ensure(body == expected, || format!("this caller's would be {}", String::from_utf8_lossy(&expected)))?;
    let own = match source.gives {
        Gives::Trouble(_) => Vec::new(),
        _ => terms(ask, source.version).headers,
    };
    let out: Vec<(&str, &str)> = answer.headers().collect();
    let has = |name: &str, value: &str| out.contains(&(name, value));
    let strange = out.iter().find(|(name, value)| {
        !OF_THE_ANSWER.contains(name) && !own.contains(&((*name).to_owned(), (*value).to_owned()))
    });
    ensure(strange.is_none(), || format!("{strange:?} is not for this caller"))?;
    let bodiless = matches!(answer.status(), 304 | 416);
    let left_out =
        |name: &str| personal(name, rule) || FOR_CACHES.contains(&name) || (bodiless && OF_THE_BODY.contains(&name));
    let lost = own.iter().find(|(name, value)| !left_out(name) && !has(name, value));
    ensure(lost.is_none(), || format!("{lost:?} is lost"))?;
    let about = out.iter().find(|(name, _)| bodiless && OF_THE_BODY.contains(name));
    ensure(about.is_none(), || format!("{about:?} with no body"))?;
    let stays = out.iter().find(|(name, _)| personal(name, rule) || FOR_CACHES.contains(name));
    ensure(stays.is_none(), || format!("{stays:?} is for nobody else"))
}

/// What is one user's affair, or one exchange's.
fn personal(name: &str, rule: &RuleFacts) -> bool {
    let cookie = name == "set-cookie" && !rule.keeps_cookies();
    cookie || name.starts_with("x-ratelimit") || name.starts_with("x-quota") || ["age", "x-secret"].contains(&name)
}

/// 304 exactly where the client's own copy is this one; 206 and 416 exactly where it asked for a part; every byte right.
fn form(given: &Given<'_>) -> Result<(), String> {
    let Given { ask, rule, answer, .. } = given;
    let body = whole(answer);
    let status = answer.entry.status;
    let known = (200..300).contains(&status) && !rule.keyed_on_body() && has_copy(ask, answer);
    if known {
        ensure(answer.status() == 304, || format!("{} to who has it already", answer.status()))?;
        return ensure(answer.body().is_empty(), || "304 with a body".into());
    }
    ensure(answer.status() != 304, || "304 to who has it not".into())?;
    let wanted = if status == 200 && !rule.keyed_on_body() { wanted(ask, answer, body.len()) } else { Part::Whole };
    let expected = match wanted {
        Part::Whole => status,
        Part::Bytes(..) => 206,
        Part::Unsatisfiable => 416,
    };
    ensure(answer.status() == expected, || format!("{} for {wanted:?}", answer.status()))?;
    let range = wanted.content_range(body.len());
    ensure(answer.content_range() == range, || format!("{:?} instead of {range:?}", answer.content_range()))?;
    ensure(answer.body() == wanted.of(body), || "wrong bytes".into())
}

/// Whether the client has this very answer.
fn has_copy(ask: &Ask, answer: &Answer) -> bool {
    let modified = first(answer, "last-modified").or(first(answer, "date")).and_then(read_date);
    let dated = || modified.is_some_and(|at| unmodified(ask, at));
    named(ask, first(answer, "etag")).unwrap_or_else(dated)
}

/// The part that the request asks for.
fn wanted(ask: &Ask, answer: &Answer, length: usize) -> Part {
    let strong = first(answer, "etag").filter(|tag| !tag.starts_with("W/"));
    let (modified, date) = (first(answer, "last-modified"), first(answer, "date").and_then(read_date));
    let settled = |text: &&str| read_date(text).zip(date).is_some_and(|(at, date)| date >= at + 60);
    part(ask, strong, modified.filter(settled), length)
}

/// What the origin keeps from shared caches, or from those who do not show who they are, is not for this caller.
fn may_be_shared(given: &Given<'_>) -> Result<(), String> {
    let Given { ask, rule, source, .. } = given;
    ensure(!source.terms.never, || "it may not be stored".into())?;
    let unasked = rule.credentialed(ask) && !rule.shared() && !source.terms.public;
    ensure(!unasked, || "it may not be shared".into())
}

fn first<'a>(answer: &'a Answer, name: &'a str) -> Option<&'a str> {
    values(answer, name).next()
}

fn values<'a>(answer: &'a Answer, name: &'a str) -> impl Iterator<Item = &'a str> {
    answer.entry.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The number that follows `mark`.
fn number(bytes: &[u8], mark: &str) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (_, rest) = text.split_once(mark)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
