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
    /// The request headers that show who asks, in lower case, each once. `authorization` is among them unless
    /// [`Rule::auth`] is [`Auth::Shared`], under which nobody asks for them.
    pub credentials: Vec<String>,
    /// What becomes of answers with `Set-Cookie`.
    pub set_cookie: SetCookie,
    /// Whether the client's `Cache-Control` and `Pragma` count.
    pub client_directives: ClientDirectives,
    /// What an answer depends on besides method, host, path and query.
    pub key: KeySpec,
    /// How long answers last that do not say so, or that are not believed.
    pub freshness: Freshness,
    /// Names that all its answers share, to be invalidated by: 16 at most, each 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_`, `:`
    /// and `-`.
    pub tags: Vec<String>,
    /// Where stale answers are refreshed in the background; without it one request leads to the origin.
    pub refresh: Option<Refresh>,
    /// Whether `Cache-Status` has the parameter `key` (RFC 9211 §2.7).
    pub show_key: bool,
    /// The largest answer that is stored, in bytes; at most a twentieth of [`super::Memory::max_bytes`].
    pub max_response: usize,
    /// The response headers that never enter an entry.
    pub strip: Vec<Pattern>,
}

impl Rule {
    /// Whether a request belongs to this rule. `host` is compared without case and without its port;
    /// `path` is what is forwarded, without the query, and is compared byte for byte.
    pub fn matches(&self, method: &str, host: &[u8], path: &[u8]) -> bool {
        self.matches.methods.iter().any(|known| known == method) && self.matches_uri(host, path)
    }

    /// Whether a URI belongs to this rule, whatever the method: what an unsafe request may have changed.
    /// `host` and `path` are compared as by [`Rule::matches`].
    pub fn matches_uri(&self, host: &[u8], path: &[u8]) -> bool {
        self.matches.has_path(path) && self.matches.has_host(host)
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
    /// Whether a path, without the query, matches, byte for byte.
    pub fn has_path(&self, path: &[u8]) -> bool {
        self.paths.iter().any(|pattern| pattern.matches(path))
    }

    /// Whether a path is written out in full: no wildcard is needed for it to match.
    pub fn names_path(&self, path: &[u8]) -> bool {
        self.paths.iter().any(|pattern| pattern.is_exact() && pattern.matches(path))
    }

    /// Whether a host matches, without case and without its port.
    pub fn has_host(&self, host: &[u8]) -> bool {
        let host = without_port(host);
        self.hosts.iter().any(|pattern| pattern.matches_ignoring_case(host))
    }

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

/// Whose word an answer to a request with [`Rule::credentials`] needs before it may be shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// The origin's (RFC 9111 §3.5): `public`, `s-maxage` or `must-revalidate`.
    Origin,
    /// The operator's, given by this rule: the answer does not depend on who asks.
    Shared,
}

/// What becomes of an answer with `Set-Cookie`. RFC 9111 §7.3 lets a cache store it; here it has to be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SetCookie {
    /// It is not stored.
    #[default]
    Refuse,
    /// It is stored as any other, and the cookie goes to everyone.
    Store,
}

/// Whether clients have a say in reuse: `no-cache`, `no-store`, `max-age`, `max-stale`, `min-fresh`,
/// `only-if-cached` (RFC 9111 §5.2.1) and `Pragma` (§5.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientDirectives {
    /// They do.
    #[default]
    Honor,
    /// They do not: no client can make the origin work for it.
    Ignore,
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

/// How long answers last, 1 s to 30 d each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The lifetime of answers that do not say it themselves.
    pub default: Option<Duration>,
    /// The lifetime of all answers that may be stored, whatever they say.
    pub override_: Option<Duration>,
    /// The upper bound of heuristic lifetimes, a tenth of the time since `Last-Modified` (RFC 9111 §4.2.2);
    /// without it there are none.
    pub heuristic: Option<Duration>,
    /// The lifetimes of answers with these statuses, whatever they say: 200 to 599 without 206 and 304, in
    /// their order, each once.
    pub status: Vec<(u16, Duration)>,
    /// How long a stale answer may serve while it is revalidated, where the origin does not say (RFC 5861 §3).
    pub stale_while_revalidate: Option<Duration>,
    /// How long a stale answer may stand in for an error, where the origin does not say (RFC 5861 §4).
    pub stale_if_error: Option<Duration>,
    /// Whether a request now and then asks the origin before an answer is stale (XFetch), so that few have to wait.
    pub early_refresh: bool,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            default: None,
            override_: None,
            heuristic: None,
            status: Vec::new(),
            stale_while_revalidate: None,
            stale_if_error: None,
            early_refresh: true,
        }
    }
}

impl Freshness {
    /// The lifetime of all answers with this status, if the rule gives one.
    pub fn of_status(&self, status: u16) -> Option<Duration> {
        self.status.iter().find(|(known, _)| *known == status).map(|(_, lifetime)| *lifetime)
    }
}

/// Where stale answers are refreshed while they serve, with no client waiting. Such a request is not routed: it goes
/// to the cluster as it is, without the route's rewrites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// The Envoy cluster that leads to the origin; not empty, visible ASCII.
    pub cluster: String,
    /// The `Host` header; without it that of the request. Not empty, visible ASCII.
    pub authority: Option<String>,
    /// The longest a refresh may take, 1 ms to 60 s.
    pub timeout: Duration,
    /// Headers that requests on nobody's behalf (`prewarm`) carry: the name in lower case, and the variable of the VM's
    /// environment that holds the value. Eight at most.
    pub headers: Vec<(String, String)>,
}
