//! Globs over paths, host names, header names and query parameter names.
//!
//! `*` stands for any text, in paths within one segment; `**` (in paths, as a segment of its own) for any
//! number of segments, so `/v1/**` matches `/v1/` and `/v1/a/b` but not `/v1`. Everything else stands for
//! itself. What needs no search is compared at once.

use super::problem::{Flaw, quote};

/// A glob. Made by the configuration, and by notices in the invalidation log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    shape: Shape,
}

/// How a pattern is compared; the parts are slices of its text, kept apart to spare the search.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// No `*` at all.
    Exact,
    /// A `**` at the end and nothing else: all that begins so.
    Under(String),
    /// One `*` in a path: all that begins and ends so, with no slash between.
    Star(String, String),
    /// One `*` in a name: all that begins and ends so.
    Affix(String, String),
    /// Any other, with all but `*` escaped for `fast_glob`.
    Glob(String),
}

impl Pattern {
    /// The pattern as written; host and header patterns in lower case.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has no wildcard.
    pub fn is_exact(&self) -> bool {
        self.shape == Shape::Exact
    }

    /// Whether `text` matches, byte for byte.
    pub fn matches(&self, text: &[u8]) -> bool {
        match &self.shape {
            Shape::Exact => text == self.text.as_bytes(),
            Shape::Under(start) => text.starts_with(start.as_bytes()),
            Shape::Star(start, end) => {
                between(text, start, end, <[u8]>::eq).is_some_and(|middle| !middle.contains(&b'/'))
            }
            Shape::Affix(start, end) => between(text, start, end, <[u8]>::eq).is_some(),
            Shape::Glob(glob) => fast_glob::glob_match(glob, text),
        }
    }

    /// Whether `text` matches when ASCII case does not count; for host and header patterns, which are
    /// in lower case. (A path pattern may have to copy the text.)
    pub fn matches_ignoring_case(&self, text: &[u8]) -> bool {
        match &self.shape {
            Shape::Exact => text.eq_ignore_ascii_case(self.text.as_bytes()),
            Shape::Affix(start, end) => between(text, start, end, <[u8]>::eq_ignore_ascii_case).is_some(),
            Shape::Under(_) | Shape::Star(..) | Shape::Glob(_) => self.matches(&text.to_ascii_lowercase()),
        }
    }

    /// Whether this pattern certainly matches all that `other` matches; `false` when unsure.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (&self.shape, &other.shape) {
            (Shape::Under(start), _) => other.start().starts_with(start.as_str()),
            (_, Shape::Exact) => self.matches(other.text.as_bytes()),
            _ => self.text == other.text || self.covers_samples(other),
        }
    }

    /// The text before the first `*`.
    fn start(&self) -> &str {
        self.text.split('*').next().unwrap_or_default()
    }

    /// Whether this pattern matches samples of `other` that together stand for all it can match.
    ///
    /// A sample holds a character that no pattern can name, so only a wildcard of this pattern can have
    /// matched it. With more such segments than this pattern has, one at least was matched by a `**`, and
    /// then any number is.
    fn covers_samples(&self, other: &Self) -> bool {
        const UNNAMED: &str = "\u{1}";
        let deepest = self.text.matches('/').count() + 2;
        (0..=deepest).all(|depth| {
            let run = format!("{UNNAMED}/").repeat(depth);
            let tail = vec![UNNAMED; depth].join("/");
            let deep = other.text.replace("**/", &run).replace("**", &tail);
            ["", UNNAMED].iter().all(|star| self.matches(deep.replace('*', star).as_bytes()))
        })
    }

    /// A pattern over request paths.
    pub(super) fn path(text: &str) -> Result<Self, Flaw> {
        check_path(text)?;
        if text.split('/').any(|segment| segment.contains("**") && segment != "**") {
            let wrong = format!("{} has a ** that is not a segment of its own", quote(text));
            return Err(Flaw::new(wrong, "write * for text within a segment, or /** for whole segments"));
        }
        Ok(Self { shape: path_shape(text), text: text.to_owned() })
    }

    /// A pattern over request targets, query included, or over a host and the target behind it; `None` for what no
    /// target matches.
    pub fn target(text: &str) -> Option<Self> {
        let foreign = |character: char| character.is_control() || character == ' ' || character == '#';
        let known = !matches!(text, "" | "*") && !text.contains(foreign);
        let whole = text.split('/').all(|segment| !segment.contains("**") || segment == "**");
        (known && whole).then(|| Self { shape: path_shape(text), text: text.to_owned() })
    }

    /// A pattern over host names, without their port.
    pub(super) fn host(text: &str) -> Result<Self, Flaw> {
        check_host(text)?;
        Self::name(&text.to_ascii_lowercase())
    }

    /// A pattern over header names.
    pub(super) fn header(text: &str) -> Result<Self, Flaw> {
        if text.is_empty() || !text.bytes().all(is_token_byte) {
            let wrong = format!("{} is not a header name", quote(text));
            return Err(Flaw::new(wrong, "write a name such as x-request-id, or the start of one such as x-quota-*"));
        }
        Self::name(&text.to_ascii_lowercase())
    }

    /// A pattern over the names of query parameters, percent-decoded.
    pub(super) fn parameter(text: &str) -> Result<Self, Flaw> {
        if text.is_empty() || text.contains(|character: char| character.is_control() || "&=?%".contains(character)) {
            let wrong = format!("{} is not the name of a query parameter", quote(text));
            return Err(Flaw::new(wrong, "write the name alone, as it reads when percent-decoded"));
        }
        Self::name(text)
    }

    fn name(text: &str) -> Result<Self, Flaw> {
        let shape = match text.split_once('*') {
            None => Shape::Exact,
            Some((start, end)) if !end.contains('*') => Shape::Affix(start.to_owned(), end.to_owned()),
            Some(_) => {
                let wrong = format!("{} has more than one *", quote(text));
                return Err(Flaw::new(wrong, "write one pattern with one * for each form"));
            }
        };
        Ok(Self { shape, text: text.to_owned() })
    }
}

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What stands between `start` and `end`, when `text` begins and ends with them.
fn between<'a>(text: &'a [u8], start: &str, end: &str, eq: fn(&[u8], &[u8]) -> bool) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(start.len())?;
    let (middle, tail) = rest.split_at_checked(rest.len().checked_sub(end.len())?)?;
    (eq(head, start.as_bytes()) && eq(tail, end.as_bytes())).then_some(middle)
}

/// The cheapest way to compare a path pattern.
fn path_shape(text: &str) -> Shape {
    match text.split_once('*') {
        None => Shape::Exact,
        Some((start, "*")) => Shape::Under(start.to_owned()),
        Some((start, end)) if !end.contains('*') => Shape::Star(start.to_owned(), end.to_owned()),
        Some(_) => Shape::Glob(escape(text)),
    }
}

/// `fast_glob` gives more characters a meaning than we do.
fn escape(text: &str) -> String {
    let mut glob = String::with_capacity(text.len());
    for character in text.chars() {
        if "?[]{}!\\".contains(character) {
            glob.push('\\');
        }
        glob.push(character);
    }
    glob
}

/// Refuses what no path matches, first of all what other tools would write here.
fn check_path(text: &str) -> Result<(), Flaw> {
    let flaw = |wrong: &str, remedy: String| Err(Flaw::new(format!("{} {wrong}", quote(text)), remedy));
    if matches!(text, "" | "*" | "**") {
        return flaw("is not a path", "write \"/**\" for all paths".to_owned());
    }
    if text.contains("://") {
        return flaw("is a URL", "write the path in `paths` and the host in `hosts`".to_owned());
    }
    if !text.starts_with('/') {
        return flaw("does not begin with a slash", format!("write {}", quote(&format!("/{text}"))));
    }
    if text.contains(['?', '#']) {
        return flaw(
            "has a query or a fragment",
            "write the path alone, and query parameters in `key.query`".to_owned(),
        );
    }
    if text.contains(['{', '}']) {
        return flaw("has braces, which name no placeholder here", "write * for any one segment".to_owned());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return flaw("has characters that no path has", "write them percent-encoded, as in %20".to_owned());
    }
    Ok(())
}

/// Refuses what no host matches once its port is gone.
fn check_host(text: &str) -> Result<(), Flaw> {
    let flaw = |wrong: &str, remedy: String| Err(Flaw::new(format!("{} {wrong}", quote(text)), remedy));
    if text.contains('/') {
        return flaw("is more than a host", "write the host name alone, such as \"api.example.com\"".to_owned());
    }
    let bare = without_port(text.as_bytes()).len();
    if let Some((host, port)) = text.split_at_checked(bare)
        && !port.is_empty()
    {
        return flaw("has a port, and hosts are compared without", format!("write {}", quote(host)));
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._*:[]".contains(&byte)) {
        return flaw(
            "is not a host",
            "write a name such as \"api.example.com\" or \"*.example.com\", or \"*\"".to_owned(),
        );
    }
    if text.contains("**") {
        return flaw("has a **, which is for paths", format!("write {}", quote(&text.replace("**", "*"))));
    }
    Ok(())
}

/// `host` without `:` and the digits after it; the brackets of an IPv6 address stay.
pub(super) fn without_port(host: &[u8]) -> &[u8] {
    let digits = host.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (name, _) = host.split_at_checked(host.len().saturating_sub(digits)).unwrap_or((host, &[]));
    name.strip_suffix(b":").filter(|name| name.ends_with(b"]") || !name.contains(&b':')).unwrap_or(host)
}
