//! Stale answers (RFC 9111 §4.2.4, RFC 5861): served while one request asks the origin, or instead of an error; and
//! refreshes that nobody waits for.

use super::answer::aged;
use super::standing::Standing;
use super::{Outside, Worker};
use crate::config::BodyKey;
use crate::http::Headers;
use crate::memory::Held;
use crate::metrics::{Metric, RefreshEnd, Status, Tier};
use crate::reason::Forward;
use crate::rfc9111::cache_status::Outcome;
use crate::rfc9111::freshness;
use crate::time::{Instant, Now};
use crate::transaction::{
    Asked, BEHIND, Command, Draft, Fetching, Lead, OriginCall, Phase, Refreshing, Stream, Verdict,
};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// How many refreshes may be under way with nobody waiting; beyond that a request leads.
const MOST_REFRESHES: usize = 64;
/// Who has led for so long leads no more: its root may be gone, and its callback with it.
const LOST: Duration = Duration::from_secs(90);

/// Who asks the origin for which variant.
#[derive(Default)]
pub(super) struct Leads {
    held: HashMap<(u128, u128), (Weak<()>, Instant)>,
    /// Which variants somebody elsewhere asks for, and until when that may last.
    elsewhere: HashMap<(u128, u128), Instant>,
    refreshes: Vec<Weak<()>>,
    streams: Stream,
}

impl Leads {
    /// The lead for a variant; `None` while somebody has it.
    pub(super) fn take(&mut self, variant: (u128, u128), now: Instant) -> Option<Lead> {
        self.elsewhere.retain(|_, until| now < *until);
        self.held.retain(|_, (lead, since)| lead.strong_count() > 0 && now.since(*since) < LOST);
        if self.held.contains_key(&variant) || self.elsewhere.contains_key(&variant) {
            return None;
        }
        let lead = Rc::new(());
        self.held.insert(variant, (Rc::downgrade(&lead), now));
        Some(lead)
    }

    /// Nobody leads before that: somebody elsewhere does.
    pub(super) fn hold_off(&mut self, variant: (u128, u128), until: Instant) {
        self.elsewhere.insert(variant, until);
    }

    /// A stream of our own for whoever has this lead; `None` when there are too many.
    pub(super) fn stream(&mut self, lead: &Lead) -> Option<Stream> {
        self.refreshes.retain(|refresh| refresh.strong_count() > 0);
        (self.refreshes.len() < MOST_REFRESHES).then_some(())?;
        self.refreshes.push(Rc::downgrade(lead));
        self.streams = self.streams.wrapping_add(1) % BEHIND;
        Some(BEHIND + self.streams)
    }
}

impl Worker {
    /// Whether a stale entry goes out at once, since somebody asks the origin or will behind this client's back. If not,
    /// and within the window, this request leads: from now on others are served the stale entry.
    ///
    /// RFC 5861 §3: "caches MAY serve the response in which it appears after it becomes stale, up to the indicated number
    /// of seconds [..] the cache SHOULD attempt to revalidate it while still serving stale responses (i.e., without
    /// blocking)."
    pub(super) fn goes_stale(&mut self, asked: &mut Asked, held: &Held, now: Now) -> bool {
        let (age, rule) = (held.age(now.mono), &asked.draft.ruled.rule.freshness);
        let window = held.entry.while_revalidating(rule);
        let within = freshness::within(age, held.lifetime(rule), window);
        if !within || asked.background || asked.lead.is_some() || !takes_stale(&asked.draft, age) {
            return false;
        }
        if asked.draft.directives.only_if_cached {
            return true;
        }
        let Some(lead) = self.leads.take(variant(asked, held), now.mono) else { return true };
        if self.refresh_behind(asked, held, Forward::Stale, &lead) {
            return true;
        }
        asked.lead = Some(lead);
        false
    }

    /// Begins a refresh that nobody waits for; `false` where there can be none.
    pub(super) fn refresh_behind(&mut self, asked: &Asked, held: &Held, reason: Forward, lead: &Lead) -> bool {
        let Some(stream) = refreshable(&asked.draft).then(|| self.leads.stream(lead)).flatten() else { return false };
        let draft = Draft { stream, ..plain(&asked.draft) };
        let key = asked.key.clone();
        let lead = Some(Rc::clone(lead));
        let asked = Asked { lead, uri: asked.uri, background: true, ..super::request::asked(draft, key, vec![]) };
        let refreshing = Refreshing { asked, reason, held: Some(held.clone()) };
        self.phases.insert(stream, Phase::Refreshing(Box::new(refreshing)));
        self.commands.push(Command::Refresh(stream));
        true
    }

    /// A refresh begins: with a look into L2, where another pod's answer may be.
    pub(super) fn begin_refresh(
        &mut self,
        refreshing: Refreshing,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let Refreshing { asked, reason, held } = refreshing;
        self.look(asked, reason, held, outside)
    }

    /// The request to the origin that nobody waits for; `None` where the rule no longer names a cluster.
    pub(super) fn origin_call(&self, asked: &Asked, conditions: Vec<(&'static str, String)>) -> Option<OriginCall> {
        let refresh = asked.draft.ruled.rule.refresh.as_ref()?;
        let text = |value: &[u8]| std::str::from_utf8(value).ok().map(str::to_owned);
        let lines = asked.draft.headers.iter().map(|(name, value)| Some((name.to_owned(), text(value)?)));
        let mut headers = lines.collect::<Option<Vec<(String, String)>>>()?;
        if let Some(authority) = &refresh.authority {
            headers.retain(|(name, _)| name != ":authority");
            headers.insert(0, (":authority".to_owned(), authority.clone()));
        }
        headers.extend(conditions.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Some(OriginCall { cluster: refresh.cluster.clone(), headers, timeout: refresh.timeout })
    }

    /// Lets go of refreshes that will never end.
    pub(super) fn drop_lost_refreshes(&mut self, now: Instant) {
        let lost = |asked: &Asked| asked.background && now.since(asked.draft.started) > LOST;
        let phases = self.phases.extract_if(|_, phase| super::change::asked_of(phase).is_some_and(|asked| lost(asked)));
        let mut gone = phases.collect::<Vec<_>>();
        gone.sort_unstable_by_key(|(stream, _)| *stream);
        for (stream, mut phase) in gone {
            let _ = super::change::asked_of(&mut phase).map(|asked| self.end_refresh(asked, RefreshEnd::Failed));
            self.settle(stream);
        }
    }

    pub(super) fn end_refresh(&mut self, asked: &Asked, end: RefreshEnd) -> (Option<Phase>, Verdict) {
        self.count(Metric::Refreshes { rule: asked.draft.ruled.symbol, end });
        (None, Verdict::Continue)
    }

    /// The stale entry in the place of an error, where the origin or the rule allows it. RFC 5861 §4: "an error is any
    /// situation that would result in a 500, 502, 503, or 504 HTTP response status code being returned", whether the
    /// origin says so or Envoy, because the origin said nothing.
    pub(super) fn instead_of_error(
        &mut self,
        fetching: &Fetching,
        status: Option<u16>,
        outside: &Outside<'_>,
    ) -> Option<(Option<Phase>, Verdict)> {
        let asked = &fetching.asked;
        let early = fetching.reason == Forward::EarlyRefresh;
        let held =
            fetching.held.as_ref().filter(|_| (early || fetching.reason == Forward::Stale) && !asked.overtaken)?;
        let usable = !matches!(
            self.standing(held, &asked.draft.ruled, outside.now.mono),
            Standing::Banned | Standing::Suspended
        );
        let failed = matches!(status, Some(500 | 502 | 503 | 504)) && !asked.background;
        let ((age, ttl), rule) = (aged(asked, held, outside), &asked.draft.ruled.rule.freshness);
        let within = (early && ttl >= 0) || freshness::within(age, held.lifetime(rule), held.entry.if_error(rule));
        let serves = failed && usable && within && takes_stale(&asked.draft, age);
        serves.then_some(())?;
        let outcome = Outcome::InsteadOfError { reason: fetching.reason, status: status.unwrap_or_default(), ttl };
        let answer = self.answer(asked, held, age, &outcome, "stale;origin")?;
        self.count(Metric::Requests { rule: asked.draft.ruled.symbol, status: Status::Stale, tier: Tier::Origin });
        self.count(Metric::Forwarded { rule: asked.draft.ruled.symbol, reason: fetching.reason });
        Some((None, Verdict::Reply(Box::new(answer))))
    }
}

/// Whether the client leaves it to others how stale its answer is.
fn takes_stale(draft: &Draft, age: Duration) -> bool {
    let directives = &draft.directives;
    let young = directives.max_age.is_none_or(|seconds| age <= Duration::from_secs(u64::from(seconds)));
    !directives.no_cache && directives.min_fresh.is_none() && young
}

pub(super) fn variant(asked: &Asked, held: &Held) -> (u128, u128) {
    (asked.key.digest(), crate::redis::variant_digest(&held.entry.selecting))
}

/// Whether the origin can be asked without this client: the rule says where, the key is made of what a call has (so not
/// of a body or of what other filters know of a stream), and its headers are text, as the host wants them for calls.
fn refreshable(draft: &Draft) -> bool {
    draft.ruled.rule.refresh.is_some()
        && draft.ruled.rule.key.body == BodyKey::None
        && draft.ruled.rule.key.properties.is_empty()
        && draft.headers.iter().all(|(_, value)| std::str::from_utf8(value).is_ok())
}

/// The same request without what concerns this client's copy or connection alone.
fn plain(draft: &Draft) -> Draft {
    let mut headers: Vec<(String, Vec<u8>)> = draft
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with(':') || !of_one_client(name))
        .map(|(name, value)| (name.to_owned(), if name == ":method" { b"GET".to_vec() } else { value.to_vec() }))
        .collect();
    // The host wants pseudo headers first.
    headers.sort_by_key(|(name, _)| !name.starts_with(':'));
    Draft {
        ruled: Rc::clone(&draft.ruled),
        headers: Headers::from_pairs(headers),
        directives: Default::default(),
        credentialed: draft.credentialed,
        conditional: false,
        ranged: false,
        started: draft.started,
        stream: draft.stream,
    }
}

fn of_one_client(name: &str) -> bool {
    crate::rfc9111::storage::of_one_exchange(name)
        || matches!(
            name,
            "range" | "if-range" | "if-none-match" | "if-modified-since" | "cache-control" | "pragma" | "expect"
        )
}
