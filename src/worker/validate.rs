//! Validation (RFC 9111 §4.3): our own condition, what a 304 to it changes, what an answer to HEAD tells.

use super::answer::aged;
use super::response::{dated, group_host, request, status, targeted};
use super::{Outside, Worker};
use crate::config::SetCookie;
use crate::entry::Entry;
use crate::http::etag::{EntityTag, EntityTags};
use crate::http::{Headers, ResponseDirectives, tags, withheld_fields};
use crate::memory::Held;
use crate::metrics::{Metric, RefreshEnd, Status, Tier};
use crate::position::Position;
use crate::reason::Forward;
use crate::rfc9111::cache_status::Outcome;
use crate::rfc9111::{freshness, selection, storage, validation};
use crate::time::Instant;
use crate::transaction::{Asked, Command, Fetching, Phase, Turn, Verdict};
use std::rc::Rc;

/// Our own condition for a stored answer, where we may set one: a GET or HEAD, a reason that the origin's confirmation
/// would remove, and no caller's value that the confirmation's headers could hold.
///
/// It takes the place of the client's own. Were both sent, a 304 that names no entity tag could mean either. What the
/// client has is compared with what comes out of it: the stored answer, fresh again, or the origin's new one.
pub(super) fn conditions(asked: &Asked, reason: Forward, held: &Held) -> Vec<(&'static str, String)> {
    let curable = matches!(
        reason,
        Forward::Stale | Forward::Suspended | Forward::EarlyRefresh | Forward::RequestNoCache | Forward::RequestMaxAge
    );
    let ours = matches!(asked.method(), "GET" | "HEAD") && held.entry.cuts.is_empty();
    if curable && ours { validation::conditions(&held.entry.headers, asked.draft.ranged) } else { Vec::new() }
}

/// The same as commands: the client's own conditions go where we have none of that name.
pub(super) fn replacing(asked: &Asked, conditions: Vec<(&'static str, String)>) -> Vec<Command> {
    let theirs = ["if-none-match", "if-modified-since"]
        .into_iter()
        .filter(|name| asked.draft.headers.contains(name) && !conditions.iter().any(|(ours, _)| ours == name));
    let removed = theirs.map(|name| Command::RequestHeader(name, None)).collect::<Vec<_>>();
    let set = conditions.into_iter().map(|(name, value)| Command::RequestHeader(name, Some(value)));
    set.chain(removed).collect()
}

impl Worker {
    /// A 304, if it is one to our own condition. Whoever says it: the client must not see it but for its own copy.
    pub(super) fn not_modified(
        &mut self,
        fetching: &Fetching,
        headers: &Headers,
        from_origin: bool,
        outside: &mut Outside<'_>,
    ) -> Option<(Option<Phase>, Verdict)> {
        let held = fetching.held.clone().filter(|_| fetching.validating && status(headers) == Some(304))?;
        let fresh = from_origin.then(|| self.freshened(fetching, &held, headers, outside)).flatten();
        if fresh.is_none() && speaks_of_the_clients(fetching, headers) {
            return None;
        }
        Some(self.confirmed(fetching, &held, fresh, outside))
    }

    /// RFC 9111 §4.3.4: a 304 to our own condition. The stored answer goes out, with the news of the 304 where there are
    /// any that may be kept.
    fn confirmed(
        &mut self,
        fetching: &Fetching,
        held: &Held,
        fresh: Option<Held>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let asked = &fetching.asked;
        let rule = asked.draft.ruled.symbol;
        let kept = self.may_keep(fetching, held, outside.now.mono);
        let fresh = fresh.filter(|fresh| kept && !self.is_banned(fresh, asked));
        if let Some(fresh) = &fresh {
            self.renew(asked, fresh.clone(), outside);
            self.end_flight(asked.draft.stream, &Turn::Answer(fresh.clone(), Tier::Origin));
        }
        if asked.background {
            return self.end_refresh(asked, fresh.map_or(RefreshEnd::Failed, |_| RefreshEnd::Confirmed));
        }
        self.count(Metric::Requests { rule, status: Status::Revalidated, tier: Tier::Origin });
        self.count(Metric::Forwarded { rule, reason: fetching.reason });
        let stored = fresh.is_some();
        let held = fresh.unwrap_or_else(|| held.clone());
        let (age, ttl) = aged(asked, &held, outside);
        let outcome = if stored {
            Outcome::Revalidated { reason: fetching.reason, ttl }
        } else {
            Outcome::Forwarded { reason: fetching.reason, status: Some(304), stored, not_stored: None }
        };
        match self.answer(asked, &held, age, &outcome, "revalidated;origin") {
            Some(answer) => (None, Verdict::Reply(Box::new(answer))),
            None => (None, Verdict::Continue),
        }
    }

    /// RFC 9111 §4.3.5: "A response to the HEAD method is identical to what an equivalent request made with a GET would
    /// have been, without sending the content. This property of HEAD responses can be used to invalidate or update a
    /// cached GET response".
    pub(super) fn hear_head(
        &mut self,
        fetching: &mut Fetching,
        headers: &Headers,
        from_origin: bool,
        outside: &mut Outside<'_>,
    ) {
        let heard = from_origin && fetching.asked.method() == "HEAD" && status(headers) == Some(200);
        let stored =
            fetching.held.take().filter(|held| heard && held.entry.status == 200 && held.entry.cuts.is_empty());
        let Some(held) = stored else { return };
        if !validation::head_answers(&held.entry.headers, held.entry.body.len(), headers) {
            return self.invalidate(vec![held.uri], vec![], outside);
        }
        // Without a validator it contradicts nothing and proves nothing: what is stored may be of before a change.
        if !headers.contains("etag") && !headers.contains("last-modified") {
            return;
        }
        if self.may_keep(fetching, &held, outside.now.mono)
            && let Some(fresh) = self.renewed(fetching, &held, headers, outside)
        {
            self.renew(&fetching.asked, fresh, outside);
        }
    }

    /// Whether news of a stored answer are kept: neither it nor they are invalidated, as far as anybody remembers.
    fn may_keep(&self, fetching: &Fetching, held: &Held, now: Instant) -> bool {
        let remembered = Self::remembers(fetching.sent.mono, now);
        remembered && !fetching.asked.overtaken && !self.is_banned(held, &fetching.asked)
    }

    /// The stored answer with the fields of the 304, its age reckoned anew; `None` when the 304 speaks of another answer
    /// or of one that may no longer be stored.
    fn freshened(&self, fetching: &Fetching, held: &Held, headers: &Headers, outside: &Outside<'_>) -> Option<Held> {
        validation::answers(&held.entry.headers, headers).then_some(())?;
        self.renewed(fetching, held, headers, outside)
    }

    /// The stored answer with newer fields; `None` when it may no longer be stored.
    fn renewed(&self, fetching: &Fetching, held: &Held, headers: &Headers, outside: &Outside<'_>) -> Option<Held> {
        let position = self.confirmed_at(&fetching.position);
        renewed(fetching, held, headers, position, outside)
    }

    fn renew(&mut self, asked: &Asked, fresh: Held, outside: &mut Outside<'_>) {
        let fill = self.fill(asked, &fresh.entry, outside);
        self.keep(asked.key.digest(), Held { fill, ..fresh });
    }
}

/// Whether a 304 says that it is the client's own copy which is current: it names one of the client's entity tags.
fn speaks_of_the_clients(fetching: &Fetching, headers: &Headers) -> bool {
    let Some(named) = headers.get("etag").and_then(EntityTag::parse) else { return false };
    match EntityTags::read(&fetching.asked.draft.headers, "if-none-match") {
        Some(EntityTags::List(tags)) => tags.iter().any(|tag| tag.weakly_equals(named)),
        _ => false,
    }
}

/// The stored answer with newer fields, as it stands at `position`; `None` when it may no longer be stored.
fn renewed(
    fetching: &Fetching,
    held: &Held,
    headers: &Headers,
    position: Position,
    outside: &Outside<'_>,
) -> Option<Held> {
    let rule = &fetching.asked.draft.ruled.rule;
    let keeps_cookies = rule.set_cookie == SetCookie::Store;
    let update = storage::storable_headers(headers, keeps_cookies, |name| rule.strips(name)).ok()?;
    let mut merged = validation::freshened(&held.entry.headers, &dated(update, outside));
    let targeted = targeted(headers).or_else(|| held.entry.targeted.clone());
    let all = lines(&merged, targeted.as_deref());
    // What the news and the stored answer withhold together: each may bring a field that the other one names.
    let withheld = withheld_fields(&all);
    merged.retain(|(name, _)| !withheld.contains(name));
    let directives = ResponseDirectives::of(&all);
    let response = storage::Response { status: held.entry.status, headers: &all, directives };
    let asked = storage::Request { method: "GET", ..request(&fetching.asked) };
    storage::may_store(&asked, &response).ok()?;
    // News that tell the variants apart by other headers belong to another set of entries.
    let names = selection::vary_names(&all).ok()?;
    names.iter().eq(held.entry.selecting.iter().map(|(name, _)| name)).then_some(())?;
    let delay = outside.now.mono.since(fetching.sent.mono);
    let named = tags::of(headers, &group_host(&fetching.asked.draft))?;
    let entry = Entry {
        directives,
        explicit: freshness::explicit_lifetime(&all, &directives, outside.now.wall),
        unmodified: freshness::unmodified_for(&all, outside.now.wall),
        initial_age: freshness::initial_age(headers, fetching.sent.wall, outside.now.wall, delay),
        position,
        made_in: delay,
        tags: if named.is_empty() { held.entry.tags.clone() } else { named },
        headers: merged,
        targeted,
        ..(*held.entry).clone()
    };
    Some(Held::new(Rc::new(entry), &fetching.asked, fetching.sent.mono, outside.now.mono))
}

/// Stored lines as the header section they came from.
fn lines(stored: &[(String, String)], targeted: Option<&str>) -> Headers {
    let stored = stored.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    stored.chain(targeted.map(|value| ("cdn-cache-control", value))).collect()
}
