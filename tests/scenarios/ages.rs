//! How old an answer from the cache is, how old it may be, and how old it may be for this client.

use crate::callers::{MILLI, SECOND};
use crate::judge::Given;
use crate::oracle::ensure;
use crate::pods::pod_of;
use crate::world::World;

/// What rounding to milliseconds, here and there, may take off an age.
const ROUNDING: u64 = 10 * MILLI;

/// What a client says of the answer it wants, times in microseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Wishes {
    no_cache: bool,
    only_if_cached: bool,
    max_age: Option<u64>,
    min_fresh: Option<u64>,
    /// `u64::MAX` for any time.
    max_stale: Option<u64>,
}

impl Wishes {
    fn of(control: &str) -> Self {
        let mut wishes = Self::default();
        for directive in control.split(", ") {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let time = value.parse::<u64>().map(|seconds| seconds * SECOND);
            match name {
                "no-cache" => wishes.no_cache = true,
                "only-if-cached" => wishes.only_if_cached = true,
                "max-age" => wishes.max_age = time.ok(),
                "min-fresh" => wishes.min_fresh = time.ok(),
                "max-stale" => wishes.max_stale = Some(time.unwrap_or(u64::MAX)),
                _ => {}
            }
        }
        wishes
    }
}

impl World {
    /// By how much an answer may seem younger than it is: by what Redis' stamp does not tell, but no more than the pod's
    /// clock is behind where there is a `Date` to know better.
    fn slack(&self, given: &Given<'_>) -> u64 {
        let stamp = self.front.rejuvenates(given.number, given.head.born);
        ROUNDING + if given.head.date.is_some() { stamp.min(self.pods[pod_of(given.ask.vm)].behind) } else { stamp }
    }

    fn true_age(&self, given: &Given<'_>) -> u64 {
        self.now - given.head.born.min(self.now)
    }

    /// `Age` says no less than the truth.
    pub fn old_enough(&self, given: &Given<'_>) -> Result<(), String> {
        let (age, said) = (self.true_age(given), given.answer.age);
        let least = age.saturating_sub(self.slack(given)) / SECOND;
        ensure(said >= least, || format!("Age {said} of an answer {age} us old"))
    }

    /// Fresh, or stale where that is allowed: by the client, or in the window while somebody asks, or instead of an error.
    pub fn young_enough(&self, id: u32, given: &Given<'_>) -> Result<(), String> {
        if given.answer.state.starts_with("revalidated") {
            return Ok(());
        }
        let (rule, head) = (given.rule, given.head);
        let wishes = Wishes::of(&rule.control(given.ask));
        let (age, slack) = (self.true_age(given), self.slack(given));
        let lifetime = rule.lifetime(head, given.answer.entry.status) + slack;
        ensure(!head.terms.always_ask, || "it had to be asked for".into())?;
        ensure(!wishes.no_cache, || "served to no-cache".into())?;
        let unchanged = head.terms.immutable && age < lifetime;
        let too_old = wishes.max_age.is_some_and(|most| !unchanged && age > most + slack);
        ensure(!too_old, || format!("{age} us old for {wishes:?}"))?;
        let brief = wishes.min_fresh.is_some_and(|least| age + least > lifetime.max(age));
        ensure(!brief, || format!("{age} us old, good for {lifetime}, for {wishes:?}"))?;
        if given.answer.state == "stale;origin" {
            return self.instead(id, given, age, lifetime);
        }
        if age < lifetime {
            return Ok(());
        }
        ensure(!head.terms.strict, || format!("{age} us old, good for {lifetime}, never to be served stale"))?;
        let beyond = age - lifetime;
        if wishes.max_stale.is_some_and(|most| beyond <= most) {
            return Ok(());
        }
        let window = rule.while_revalidating(head);
        ensure(beyond < window, || format!("{age} us old, good for {lifetime}, the window is {window}"))?;
        ensure(wishes.min_fresh.is_none(), || "stale, and it was to be fresh for longer".into())?;
        if wishes.only_if_cached { Ok(()) } else { self.is_asked_for(id, given) }
    }

    /// The origin failed, as far as this request can tell.
    fn instead(&self, id: u32, given: &Given<'_>, age: u64, lifetime: u64) -> Result<(), String> {
        let status = self.streams[&id].response.as_ref().map(|response| response.status);
        let failed = matches!(status, Some(500 | 502 | 503 | 504));
        ensure(failed, || format!("instead of {status:?}"))?;
        let window = given.rule.if_error(given.head);
        ensure(age < lifetime + window, || format!("{age} us old, good for {lifetime}, the window is {window}"))
    }
}
