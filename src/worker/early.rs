//! Early refresh: now and then a request asks the origin before an answer is stale, so that few have to wait when it is.
//!
//! Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015: with the time that an
//! answer took to be made, and a random number u in (0, 1], refresh when `now - time * ln(u) >= expiry`.

use super::{Outside, Worker};
use crate::memory::Held;
use crate::metrics::Tier;
use crate::reason::Forward;
use crate::transaction::{Asked, Phase, Verdict};
use std::time::Duration;

impl Worker {
    /// Whether this request refreshes what would answer it. One at a time does, for the whole fleet where L2 can say so.
    pub(super) fn goes_early(&self, asked: &Asked, held: &Held, outside: &Outside<'_>) -> bool {
        let rule = &asked.draft.ruled.rule.freshness;
        let plain = !asked.background
            && asked.method() != "HEAD"
            && !asked.draft.ranged
            && !asked.draft.directives.only_if_cached
            && rule.early_refresh;
        let (age, lifetime) = (held.age(outside.now.mono), held.lifetime(rule));
        plain && age < lifetime && is_early(lifetime.saturating_sub(age), held.entry.made_in, outside.random)
    }

    pub(super) fn refresh_early(
        &mut self,
        mut asked: Asked,
        held: Held,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let variant = super::stale::variant(&asked, &held);
        let Some(lead) = self.leads.take(variant, outside.now.mono) else {
            return self.hit(&asked, &held, Tier::L1, outside);
        };
        asked.uri = super::request::uri(&asked.draft);
        if self.refresh_behind(&asked, &held, Forward::EarlyRefresh, &lead) {
            return self.hit(&asked, &held, Tier::L1, outside);
        }
        asked.lead = Some(lead);
        self.ask_l2(asked, Forward::EarlyRefresh, Some(held), outside)
    }
}

/// Whether an answer that took `made_in` is refreshed when `left` of its lifetime is left.
fn is_early(left: Duration, made_in: Duration, random: u64) -> bool {
    // 53 bits of it, as many as a double holds; never zero.
    let chance = ((random >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
    made_in.as_secs_f64() * -chance.ln() >= left.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_nearer_the_end_and_the_longer_it_takes_the_likelier() {
        let share = |left: u64, made_in: u64| {
            let early = |step: u64| is_early(Duration::from_millis(left), Duration::from_millis(made_in), step << 54);
            (0..1024).filter(|step| early(*step)).count()
        };
        // exp(-left / made_in) of all.
        assert_eq!([share(100, 100), share(200, 100), share(1000, 100), share(100, 0)], [377, 139, 1, 0]);
        assert!(is_early(Duration::ZERO, Duration::ZERO, u64::MAX));
    }
}
