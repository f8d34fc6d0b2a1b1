//! What `fpcache inspect` prints, for people and for machines.

use std::time::Duration;

use fingerprint_cache::bans::Admission;
use serde_json::{Value, json};

use super::{Inspected, Lease};
use crate::store::{Known, Variant};
use crate::units;

/// All that was found.
pub struct Shown<'a> {
    /// The hashes.
    pub inspected: &'a [Inspected<'a>],
    /// What else there is to say.
    pub notes: &'a [String],
    /// The bans in force.
    pub known: &'a Known,
    /// The time, in milliseconds since the Unix epoch, by Redis' clock.
    pub now: u64,
}

impl Shown<'_> {
    /// For people.
    pub fn text(&self) -> String {
        let mut text: String = self.notes.iter().map(|note| format!("{note}\n")).collect();
        text.extend(self.inspected.iter().map(|one| self.paragraph(one)));
        text.push_str(&format!("the log stands at {}, with {} bans\n", self.known.position, self.known.count));
        text
    }

    fn paragraph(&self, one: &Inspected<'_>) -> String {
        let mut text = format!("{}\n", one.name.hash);
        if one.variants.is_empty() {
            text.push_str(&format!("  nothing is stored; lease: {}\n", lease(one.lease.as_ref())));
        } else {
            let ttl = one.ttl.map_or("without an end".to_owned(), |ttl| format!("for {}", time(ttl)));
            text.push_str(&format!("  stays {ttl}\n"));
        }
        for (variant, lease) in &one.variants {
            match variant {
                Ok(variant) => text.extend(self.lines(one, variant, lease.as_ref()).map(|line| format!("  {line}\n"))),
                Err(wrong) => text.push_str(&format!("  a variant that the filter does not use: {wrong}\n")),
            }
        }
        text
    }

    fn lines(&self, one: &Inspected<'_>, variant: &Variant, held: Option<&Lease>) -> impl Iterator<Item = String> {
        let entry = &variant.entry;
        let age = variant.age(self.now);
        let fresh = one.rule.map(|rule| freshness(age, entry.lifetime(&rule.freshness)));
        let fill = variant.fill.map_or("-".to_owned(), |fill| fill.to_string());
        let mut lines = vec![
            format!("variant {}", variant.id),
            format!(
                "  status {}, body {}, in Redis {}",
                entry.status,
                units::bytes(entry.body.len() as u64),
                units::bytes(variant.size as u64)
            ),
            format!("  age {}{}", units::seconds(age), fresh.map(|fresh| format!(", {fresh}")).unwrap_or_default()),
            format!("  {}", admission(self.admission(one, variant)).1),
            format!("  filled by {fill} at {}, after {}", variant.position, units::seconds(entry.made_in)),
            format!("  lease: {}", lease(held)),
        ];
        let mut list = |name: &str, values: Vec<String>| {
            if !values.is_empty() {
                lines.push(format!("  {name} {}", values.join(", ")));
            }
        };
        list("varies by", entry.selecting.iter().map(selected).collect());
        list("tags", entry.tags.clone());
        list("tags of the rule", one.rule.map(|rule| rule.tags.clone()).unwrap_or_default());
        lines.extend(entry.headers.iter().map(|(name, value)| format!("    {name}: {value}")));
        lines.into_iter()
    }

    fn admission(&self, one: &Inspected<'_>, variant: &Variant) -> Admission {
        let more_tags = one.rule.map(|rule| rule.tags.as_slice()).unwrap_or_default();
        variant.about(&one.name, more_tags, |about| self.known.admits(about, &variant.position))
    }

    /// For machines.
    pub fn tree(&self) -> Value {
        json!({
            "notes": self.notes,
            "position": self.known.position.to_string(),
            "bans": self.known.count,
            "keys": self.inspected.iter().map(|one| self.key_tree(one)).collect::<Vec<_>>(),
        })
    }

    fn key_tree(&self, one: &Inspected<'_>) -> Value {
        let variants = one.variants.iter().map(|(variant, lease)| match variant {
            Ok(variant) => self.variant_tree(one, variant, lease.as_ref()),
            Err(wrong) => json!({ "unreadable": wrong }),
        });
        json!({
            "hash": one.name.hash,
            "key": one.name.key,
            "rule": one.name.rule,
            "ttl_ms": one.ttl,
            "lease": one.lease.as_ref().map(lease_tree),
            "variants": variants.collect::<Vec<_>>(),
        })
    }

    fn variant_tree(&self, one: &Inspected<'_>, variant: &Variant, held: Option<&Lease>) -> Value {
        let entry = &variant.entry;
        let lifetime = one.rule.map(|rule| units::millis(entry.lifetime(&rule.freshness)));
        json!({
            "id": variant.id,
            "status": entry.status,
            "body_bytes": entry.body.len(),
            "redis_bytes": variant.size,
            "age_ms": units::millis(variant.age(self.now)),
            "lifetime_ms": lifetime,
            "admission": admission(self.admission(one, variant)).0,
            "fill": variant.fill.map(|fill| fill.to_string()),
            "position": variant.position.to_string(),
            "origin_ms": units::millis(entry.made_in),
            "lease": held.map(lease_tree),
            "key_text": entry.key,
            "selecting": entry.selecting,
            "tags": entry.tags,
            "rule_tags": one.rule.map(|rule| &rule.tags),
            "headers": entry.headers,
        })
    }
}

fn admission(admission: Admission) -> (&'static str, &'static str) {
    match admission {
        Admission::Admitted => ("admitted", "no ban is against it"),
        Admission::Refreshed(_) => ("refreshed", "to be refreshed: it counts as stale"),
        Admission::Banned => ("banned", "banned: no Envoy uses it"),
    }
}

fn freshness(age: Duration, lifetime: Duration) -> String {
    match lifetime.checked_sub(age) {
        Some(left) if !left.is_zero() => format!("fresh for {} more", units::seconds(left)),
        _ => format!("stale since {}", units::seconds(age.saturating_sub(lifetime))),
    }
}

fn lease(lease: Option<&Lease>) -> String {
    match lease {
        None => "none".to_owned(),
        Some(Lease { holder, left }) if holder == "U" => format!("marked as not for a cache, for {}", time(*left)),
        Some(Lease { holder, left }) => format!("{holder} fills it, for {} at most", time(*left)),
    }
}

fn lease_tree(lease: &Lease) -> Value {
    json!({ "holder": lease.holder, "uncacheable": lease.holder == "U", "left_ms": lease.left })
}

fn selected((name, value): &(String, Option<String>)) -> String {
    value.as_ref().map_or_else(|| format!("{name} (absent)"), |value| format!("{name}: {value}"))
}

fn time(millis: u64) -> String {
    units::seconds(Duration::from_millis(millis))
}
