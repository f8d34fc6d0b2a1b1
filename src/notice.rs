//! What the invalidation log says. Anybody may write there, so reading is total: what is not understood counts as
//! an invalidation of everything.
//!
//! Places are written as `/target` (of any host) or `host/target`; the target is path and query as in the primary key.
//! A scheme in front is taken off, and a host is compared in lower case, with its port unless that is 80 or 443.

use crate::config::Pattern;
use crate::key::push_hex;

/// How long a value may be; a longer one is not understood.
const LONGEST: usize = 4096;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// What was fetched before must not be used any more.
    Invalidate,
    /// What was fetched before counts as stale from now on.
    Refresh,
    /// Somebody should fetch it, and all should load it.
    Prewarm,
}

impl Op {
    /// As it stands in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalidate => "invalidate",
            Self::Refresh => "refresh",
            Self::Prewarm => "prewarm",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Invalidate, Self::Refresh, Self::Prewarm].into_iter().find(|op| op.as_str() == text)
    }
}

/// What it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One primary key, `<rule>:<32 hexadecimal digits>`.
    Key(String),
    /// One URI: the 32 hexadecimal digits of [`crate::key::uri`], or the place itself.
    Uri(String),
    /// All places that begin so.
    Prefix(String),
    /// All places that match.
    Pattern(Pattern),
    /// All that carries this tag.
    Tag(String),
    /// All that this rule stored.
    Rule(String),
    /// Everything.
    All,
}

impl Scope {
    /// As it stands in the log.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Uri(_) => "uri",
            Self::Prefix(_) => "prefix",
            Self::Pattern(_) => "pattern",
            Self::Tag(_) => "tag",
            Self::Rule(_) => "rule",
            Self::All => "all",
        }
    }

    /// The value beside it; empty for [`Scope::All`].
    pub fn value(&self) -> &str {
        match self {
            Self::Key(value) | Self::Uri(value) | Self::Prefix(value) | Self::Tag(value) | Self::Rule(value) => value,
            Self::Pattern(pattern) => pattern.as_str(),
            Self::All => "",
        }
    }

    /// Reads a scope and its value; `None` where one of them is not understood.
    pub fn read(scope: &str, value: &str) -> Option<Self> {
        if scope == "all" {
            return Some(Self::All);
        }
        let usable = !value.is_empty() && value.len() <= LONGEST;
        usable.then_some(())?;
        match scope {
            "key" => Some(Self::Key(value.to_owned())),
            "uri" => uri(value).map(Self::Uri),
            "prefix" => compared(value).map(Self::Prefix),
            "pattern" => compared(value).and_then(|place| Pattern::target(&place)).map(Self::Pattern),
            "tag" => Some(Self::Tag(value.to_owned())),
            "rule" => Some(Self::Rule(value.to_owned())),
            _ => None,
        }
    }
}

/// One event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What is to be done.
    pub op: Op,
    /// What it is about; of a prewarm that was read always [`Scope::Uri`].
    pub scope: Scope,
}

/// What a prewarm asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// `http` or `https`, where it says so.
    pub scheme: Option<&'a str>,
    /// The host in lower case, never empty.
    pub host: &'a str,
    /// Path and query, beginning with a slash.
    pub target: &'a str,
}

impl Notice {
    /// What is told when something was not understood.
    pub const EVERYTHING: Self = Self { op: Op::Invalidate, scope: Scope::All };

    /// That what is stored for a URI holds no longer; `digest` as [`crate::key::uri`] makes it.
    pub fn of_uri(digest: u128) -> Self {
        let mut text = String::with_capacity(32);
        push_hex(&mut text, digest, 32);
        Self { op: Op::Invalidate, scope: Scope::Uri(text) }
    }

    /// Reads the fields of an event. Total: what is not understood is [`Notice::EVERYTHING`], except for a prewarm, which
    /// then asks for nothing.
    pub fn read(op: &[u8], scope: &[u8], value: &[u8]) -> Self {
        let op = std::str::from_utf8(op).ok().and_then(Op::read);
        let (scope, value) = (std::str::from_utf8(scope).ok(), std::str::from_utf8(value).ok());
        match op {
            None => Self::EVERYTHING,
            Some(Op::Prewarm) => Self::prewarm(scope.unwrap_or_default(), value.unwrap_or_default()),
            Some(op) => match scope.zip(value).and_then(|(scope, value)| Scope::read(scope, value)) {
                Some(scope) => Self { op, scope },
                None => Self::EVERYTHING,
            },
        }
    }

    /// A prewarm of something else than a URL stays one, of nothing.
    fn prewarm(scope: &str, value: &str) -> Self {
        let usable = scope == "uri" && value.len() <= LONGEST;
        let url = usable.then(|| url(value)).flatten().filter(|url| wanted(url).is_some());
        Self { op: Op::Prewarm, scope: Scope::Uri(url.unwrap_or_default()) }
    }

    /// What a prewarm asks for; `None` for any other notice, and for a prewarm of nothing.
    pub fn wanted(&self) -> Option<Wanted<'_>> {
        match (self.op, &self.scope) {
            (Op::Prewarm, Scope::Uri(url)) => wanted(url),
            _ => None,
        }
    }
}

/// A URL in one form.
fn url(value: &str) -> Option<String> {
    let (scheme, rest) = split_scheme(value);
    let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
    Some(scheme + &place(rest)?)
}

fn wanted(url: &str) -> Option<Wanted<'_>> {
    let odd = |character: char| character.is_control() || " #\\".contains(character);
    let (scheme, rest) = split_scheme(url);
    let (host, target) = rest.split_at_checked(rest.find('/')?)?;
    let plain = !host.is_empty() && !host.contains(['@', '?']) && !rest.contains(odd);
    plain.then_some(Wanted { scheme, host, target })
}

/// The digest or the place of a URI, in the form that is compared.
fn uri(value: &str) -> Option<String> {
    if value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(value.to_ascii_lowercase());
    }
    let mut place = place(value)?;
    if !place.contains('/') {
        // RFC 9110 §4.2.3: "an empty path component is equivalent to an absolute path of '/'".
        place.push('/');
    }
    compared(&place)
}

/// A place as it is compared: without a port that goes without saying. The start of a host is left as it is.
fn compared(value: &str) -> Option<String> {
    let place = place(value)?;
    let (host, target) = place.split_at_checked(place.find('/').unwrap_or(place.len()))?;
    Some(if target.is_empty() { place } else { format!("{}{target}", bare(host)) })
}

/// A host without its port, where that is the default of `http` or `https`, whichever it was, or empty.
pub(crate) fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if matches!(port.trim_start_matches('0'), "80" | "443") || port.is_empty() => name,
        _ => host,
    }
}

/// A place without its scheme, its host in lower case; `None` where nothing is left.
fn place(value: &str) -> Option<String> {
    let mut rest = value;
    while let (Some(_), inner) = split_scheme(rest) {
        rest = inner;
    }
    let (host, target) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
    let mut place = host.to_ascii_lowercase();
    place.push_str(target);
    (!place.is_empty()).then_some(place)
}

fn split_scheme(value: &str) -> (Option<&'static str>, &str) {
    let after = |scheme: &'static str| {
        let (start, rest) = value.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(())?;
        Some((Some(scheme), rest.strip_prefix("://")?))
    };
    after("https").or_else(|| after("http")).unwrap_or((None, value))
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
pub(crate) mod properties;
