//! A rule: which requests it is for, what their answers depend on, how long they last.

use std::time::Duration;

use super::pattern::{Pattern, without_port};
use super::pointer::Pointer;

/// One rule, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name in keys and metrics: 1 to 40 of `a-z`, `0-9`, `_` and `-`, unique among the rules.
    pub name: String,
    /// Which requests it is for.
    pub matches: Match,
    /// Whether answers to credentialed requests may be shared without the origin's word.
    pub auth: Auth,
    /// What an answer depends on besides method, host, path and query.
    pub key: KeySpec,
    /// How long answers last that do not say so, or that are not believed.
    pub freshness: Freshness,
    /// The largest answer that is stored, in bytes; at most a twentieth of [`super::Memory::max_bytes`].
    pub max_response: usize,
    /// The response headers that never enter an entry.
    pub strip: Vec<Pattern>,
}

impl Rule {
    /// Whether a request belongs to this rule. `host` is compared without case and without its port;
    /// `path` is what is forwarded, without the query, and is compared byte for byte.
    pub fn matches(&self, method: &str, host: &[u8], path: &[u8]) -> bool {
        let Match { methods, hosts, paths } = &self.matches;
        let host = without_port(host);
        methods.iter().any(|known| known == method)
            && paths.iter().any(|pattern| pattern.matches(path))
            && hosts.iter().any(|pattern| pattern.matches_ignoring_case(host))
    }

    /// Whether the response header `header` stays out of entries.
    pub fn strips(&self, header: &str) -> bool {
        self.strip.iter().any(|pattern| pattern.matches_ignoring_case(header.as_bytes()))
    }
}

/// Which requests a rule is for: one pattern of each list has to match. No list is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Methods, in upper case.
    pub methods: Vec<String>,
    /// Host patterns, in lower case, without ports.
    pub hosts: Vec<Pattern>,
    /// Path patterns.
    pub paths: Vec<Pattern>,
}

impl Match {
    /// Whether every request that `other` matches certainly matches this too; `false` when unsure.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let all = |ours: &[Pattern], theirs: &[Pattern]| {
            !theirs.is_empty() && theirs.iter().all(|their| ours.iter().any(|our| our.covers(their)))
        };
        other.methods.iter().all(|method| self.methods.contains(method))
            && all(&self.hosts, &other.hosts)
            && all(&self.paths, &other.paths)
    }
}

/// Whose word an answer to a request with `Authorization` needs before it may be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// The origin's (RFC 9111 §3.5): `public`, `s-maxage` or `must-revalidate`.
    Origin,
    /// The operator's, given by this rule: the answer does not depend on who asks.
    Shared,
}

/// What an answer depends on besides method, host and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// The query parameters that count.
    pub query: Query,
    /// Whether the order of query parameters does not count.
    pub sort_query: bool,
    /// Request headers, in lower case.
    pub headers: Vec<String>,
    /// Envoy properties, each a path of one element at least.
    pub properties: Vec<Vec<String>>,
    /// What of the request body counts.
    pub body: BodyKey,
    /// The largest request body that is read for the key, in bytes (1 B to 1 MiB); larger ones pass.
    pub max_body: usize,
}

/// The query parameters that are part of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// All of them.
    All,
    /// Only those whose names match.
    Include(Vec<Pattern>),
    /// All but those whose names match.
    Ignore(Vec<Pattern>),
}

/// What of the request body is part of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyKey {
    /// Nothing: requests of the rule have no body.
    None,
    /// All of it, byte for byte.
    Whole,
    /// Chosen members of a JSON body.
    Json(Projection),
}

/// What becomes of each member of a JSON body. No pointer lies within another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    /// Members that are part of the key.
    pub include: Vec<Pointer>,
    /// Members that the answer repeats, and that are put into it anew on a hit.
    pub echo: Vec<Pointer>,
    /// Members that the answer does not depend on.
    pub ignore: Vec<Pointer>,
}

/// How long answers are fresh, 1 s to 30 d each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// For answers that do not say it themselves.
    pub default: Option<Duration>,
    /// For all answers that may be stored, whatever they say.
    pub override_: Option<Duration>,
}
