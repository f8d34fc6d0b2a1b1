//! Reads the blocks that name an Envoy cluster for the filter to call: `redis` and, in rules, `refresh`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Redis;
use super::problem::{Flaw, quote};
use super::read::word;
use super::read_headers;
use super::rule::Refresh;
use super::section::{Field, Section};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// L2; the cluster is the only thing without a default.
pub(super) fn redis(section: Section) -> Redis {
    let cluster = cluster(&section, "write the name of the Envoy cluster that leads to webdis");
    let authority = authority(&section, "write a host name, or remove it to send the name of the cluster");
    let timeout = duration(&section, "timeout", MILLISECOND..=5 * SECOND);
    let ttl = duration(&section, "ttl", SECOND..=7 * DAY);
    let key_prefix = section.take("key_prefix").and_then(|field| field.parse(word));
    section.finish();
    Redis {
        authority: authority.unwrap_or_else(|| cluster.clone()),
        cluster,
        timeout: timeout.unwrap_or(50 * MILLISECOND),
        ttl: ttl.unwrap_or(30 * 60 * SECOND),
        key_prefix: key_prefix.unwrap_or_else(|| "fpc".to_owned()),
    }
}

/// Where a rule refreshes with nobody waiting. Without `authority` the origin sees the request's own host.
pub(super) fn refresh(section: Section) -> Refresh {
    let cluster = cluster(&section, "write the name of the Envoy cluster that leads to the service");
    let authority = authority(&section, "write a host name, or remove it to send the host of the request");
    let timeout = duration(&section, "timeout", MILLISECOND..=60 * SECOND);
    let headers = section.take("headers").map(|field| headers(&field)).unwrap_or_default();
    section.finish();
    Refresh { cluster, authority, timeout: timeout.unwrap_or(10 * SECOND), headers }
}

/// Headers by name, each with the variable of the environment that holds its value: a secret has no place in here.
fn headers(field: &Field) -> Vec<(String, String)> {
    const MOST: usize = 8;
    let members = field.members().unwrap_or_default();
    if members.len() > MOST {
        field.report(Flaw::new(format!("has {} headers", members.len()), format!("write {MOST} at most")));
    }
    let read = |(name, field): &(&str, Field)| {
        let name = field.settle(read_headers::credential(name));
        name.zip(field.parse(variable))
    };
    members.iter().filter_map(read).collect()
}

/// The name of a variable of the environment, as POSIX has it.
fn variable(text: &str) -> Result<String, Flaw> {
    let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if begins && text.len() <= 64 && text.bytes().all(known) {
        return Ok(text.to_owned());
    }
    let remedy = "write the name of a variable such as FPC_AUTHORIZATION, and set it in the VM's environment_variables";
    // Not quoted: whoever writes the secret itself here need not see it in a log.
    Err(Flaw::new("is not the name of an environment variable", remedy))
}

fn cluster(section: &Section, remedy: &str) -> String {
    let field = section.require("cluster", remedy);
    field
        .and_then(|field| field.parse(|text| visible(text, "is not the name of a cluster", remedy)))
        .unwrap_or_default()
}

fn authority(section: &Section, remedy: &str) -> Option<String> {
    section.take("authority")?.parse(|text| visible(text, "is not a Host header", remedy))
}

fn duration(section: &Section, name: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
    section.take(name)?.duration(range)
}

fn visible(text: &str, wrong: &str, remedy: &str) -> Result<String, Flaw> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(Flaw::new(format!("{} {wrong}", quote(text)), remedy))
}
