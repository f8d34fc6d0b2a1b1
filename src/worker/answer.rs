//! Answers from the cache: in which form, in whose words, told how.

use super::{Outside, Worker};
use crate::answer::{Answer, Form};
use crate::echo;
use crate::entry::Entry;
use crate::memory::Held;
use crate::metrics::{Metric, RefreshEnd, Status, Tier};
use crate::reason::Forward;
use crate::rfc9111::cache_status::{self, Outcome};
use crate::rfc9111::{precondition, range};
use crate::transaction::{Asked, Phase, Verdict};
use std::rc::Rc;
use std::time::Duration;

impl Worker {
    /// Answers from the cache, with what is fresh or may be served stale.
    pub(super) fn hit(
        &mut self,
        asked: &Asked,
        held: &Held,
        tier: Tier,
        outside: &Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        if asked.background {
            return self.end_refresh(asked, RefreshEnd::Found);
        }
        let (age, ttl) = aged(asked, held, outside);
        let outcome = Outcome::Hit { ttl, tier: tier.as_str() };
        let (status, state) = match (ttl >= 0, tier) {
            (true, Tier::L1) => (Status::Hit, "hit;l1"),
            (true, _) => (Status::Hit, "hit;l2"),
            (false, Tier::L1) => (Status::Stale, "stale;l1"),
            (false, _) => (Status::Stale, "stale;l2"),
        };
        let Some(answer) = self.answer(asked, held, age, &outcome, state) else {
            self.count(Metric::Unexpected { reason: "echo_missing" });
            return self.pass(asked.draft.ruled.symbol, Forward::Unexpected, None);
        };
        self.count(Metric::Requests { rule: asked.draft.ruled.symbol, status, tier });
        (None, Verdict::Reply(Box::new(answer)))
    }

    /// The answer in this caller's own words; `None` when a value to put back is missing, which keys rule out.
    pub(super) fn answer(
        &self,
        asked: &Asked,
        held: &Held,
        age: Duration,
        outcome: &Outcome,
        state: &'static str,
    ) -> Option<Answer> {
        let entry = Rc::clone(&held.entry);
        let body =
            if entry.cuts.is_empty() { None } else { Some(echo::splice(&entry.body, &entry.cuts, &asked.echoes)?) };
        let form = form(asked, &entry);
        let cache_status = self.cache_status(asked, outcome);
        let (age, started) = (age.as_secs(), asked.draft.started);
        Some(Answer { entry, form, body, age, cache_status, state, started })
    }

    /// RFC 9111 §5.2.1.7: "the client only wishes to obtain a stored response. Caches that honor this request directive
    /// SHOULD, upon receiving it, respond with either a stored response consistent with the other constraints of the
    /// request or a 504 (Gateway Timeout) status code."
    pub(super) fn nothing(&mut self, asked: &Asked) -> (Option<Phase>, Verdict) {
        let rule = asked.draft.ruled.symbol;
        self.count(Metric::Requests { rule, status: Status::OnlyIfCached, tier: Tier::L1 });
        let answer = Answer {
            entry: Rc::new(Entry::default()),
            form: Form::Nothing,
            body: None,
            age: 0,
            cache_status: self.cache_status(asked, &Outcome::Nothing),
            state: "only_if_cached",
            started: asked.draft.started,
        };
        (None, Verdict::Reply(Box::new(answer)))
    }

    /// This cache's member of `Cache-Status`, with the key where the rule wants it shown.
    pub(super) fn cache_status(&self, asked: &Asked, outcome: &Outcome) -> String {
        let shown = asked.draft.ruled.rule.show_key;
        let member = cache_status::member(&self.force.config.name, outcome);
        if shown { cache_status::with_key(member, &asked.key.name(&asked.draft.ruled.rule.name)) } else { member }
    }
}

/// How old the entry is, and for how many seconds more it is fresh.
pub(super) fn aged(asked: &Asked, held: &Held, outside: &Outside<'_>) -> (Duration, i64) {
    let age = held.age(outside.now.mono);
    let lifetime = held.lifetime(&asked.draft.ruled.rule.freshness);
    let (whole, past) = (seconds(lifetime), seconds(age));
    // RFC 9211 §2.4: "May be negative, to indicate staleness": also when it is stale by less than a second.
    let ttl = if lifetime > age { whole.saturating_sub(past) } else { whole.saturating_sub(past).min(-1) };
    (age, ttl)
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// RFC 9110 §13.2.2: first the conditions; a part only where "the Range header field and If-Range" ask for one.
fn form(asked: &Asked, entry: &Entry) -> Form {
    let (draft, headers) = (&asked.draft, &asked.draft.headers);
    if draft.conditional && precondition::not_modified(headers, entry.status, &entry.headers) {
        return Form::NotModified;
    }
    if draft.ranged && entry.cuts.is_empty() {
        return Form::Part(range::part(headers, entry.status, &entry.headers, entry.body.len()));
    }
    Form::Whole
}
