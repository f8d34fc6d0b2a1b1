//! What of a foreign pattern the scopes of notices can say.
//!
//! What a scope cannot say is never left out: a path is cut before it and said of all that begins so, which is wider.

use fingerprint_cache::notice::Scope;

use super::glob::Part;

/// A scope without its value. The words and their meaning are those of the invalidation log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// One primary key, `rule:digest`.
    Key,
    /// One URI, `/target` on any host or `host/target`.
    Uri,
    /// All URIs that begin so.
    Prefix,
    /// All URIs that match a glob.
    Pattern,
    /// All entries with a tag.
    Tag,
    /// All entries of a rule.
    Rule,
    /// All entries.
    All,
}

impl Form {
    /// Every scope.
    pub const ALL: [Self; 7] = [Self::Key, Self::Uri, Self::Prefix, Self::Pattern, Self::Tag, Self::Rule, Self::All];

    /// The word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Uri => "uri",
            Self::Prefix => "prefix",
            Self::Pattern => "pattern",
            Self::Tag => "tag",
            Self::Rule => "rule",
            Self::All => "all",
        }
    }
}

/// The value of a scope, or a wider scope with its value; `None` where only everything would be wide enough.
pub fn say(form: Form, parts: &[Part<'_>]) -> Option<(Form, String)> {
    match form {
        Form::All => Some((form, String::new())),
        Form::Key | Form::Tag | Form::Rule => Some((form, exact(parts)?)),
        Form::Uri | Form::Prefix | Form::Pattern => path(form, parts),
    }
}

/// A name; a foreign wildcard in it would be taken for itself.
fn exact(parts: &[Part<'_>]) -> Option<String> {
    let sayable = |part: &Part<'_>| match part {
        Part::Own(_) => true,
        Part::Taken(text) => !text.contains(['*', '?', '[', '\\']) && !text.contains(char::is_control),
    };
    let value: String = parts.iter().all(sayable).then(|| parts.iter().map(Part::text).collect())?;
    (!value.is_empty()).then_some(value)
}

fn path(form: Form, parts: &[Part<'_>]) -> Option<(Form, String)> {
    let mut value = String::new();
    let mut whole = true;
    for part in parts {
        let text = part.text();
        let end = match part {
            Part::Own(_) => text.len(),
            Part::Taken(_) => sayable(form, text),
        };
        value.push_str(text.get(..end)?);
        whole = end == text.len();
        if !whole {
            break;
        }
    }
    let whole = whole && Scope::read(form.as_str(), &value).is_some();
    let (form, value) = if whole { (form, value) } else { widened(form, value) };
    // Without its slash a value would name no path, or the beginning of many hosts.
    value.contains('/').then_some((form, value))
}

/// How much of a foreign text a path can say: no wildcards, but for a `*` in a pattern, and nothing that no path has.
fn sayable(form: Form, text: &str) -> usize {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"*?[]{}\\#\"<>^`|".contains(&byte);
    let star = |byte: u8| byte == b'*' && form == Form::Pattern;
    text.bytes().position(|byte| !plain(byte) && !star(byte)).unwrap_or(text.len())
}

/// All that begins as the value does, before any glob of a pattern.
fn widened(form: Form, value: String) -> (Form, String) {
    let start = if form == Form::Pattern { value.split('*').next().unwrap_or_default() } else { &value };
    (Form::Prefix, start.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Part::{Own, Taken};

    fn said(form: Form, parts: &[Part<'_>]) -> Option<(&'static str, String)> {
        say(form, parts).map(|(form, value)| (form.as_str(), value))
    }

    fn some(form: &'static str, value: &str) -> Option<(&'static str, String)> {
        Some((form, value.to_owned()))
    }

    #[test]
    fn what_a_path_cannot_say_is_said_of_all_that_begins_so() {
        let uri = |taken| said(Form::Uri, &[Own("/p/"), Taken(taken), Own("/x")]);
        assert_eq!(uri("a"), some("uri", "/p/a/x"));
        assert_eq!(uri("a*b"), some("prefix", "/p/a"));
        assert_eq!(uri("a?"), some("prefix", "/p/a"));
        assert_eq!(uri("a é"), some("prefix", "/p/a"));
        assert_eq!(said(Form::Prefix, &[Own("/p/"), Taken("[ab]")]), some("prefix", "/p/"));
        assert_eq!(said(Form::Uri, &[Own("host"), Taken("*"), Own("/x")]), None);
        assert_eq!(said(Form::Uri, &[Own("a")]), None);
    }

    #[test]
    fn a_pattern_says_stars_and_no_other_wildcards() {
        let pattern = |taken| said(Form::Pattern, &[Own("/*/"), Taken(taken)]);
        assert_eq!(pattern("chrome133*"), some("pattern", "/*/chrome133*"));
        assert_eq!(pattern("chrome?"), some("prefix", "/"));
        assert_eq!(pattern("a**"), some("prefix", "/"));
        assert_eq!(said(Form::Pattern, &[Own("/p/"), Taken("a*b[c]")]), some("prefix", "/p/a"));
        assert_eq!(said(Form::Pattern, &[Own("/p/**")]), some("pattern", "/p/**"));
    }

    #[test]
    fn a_name_says_no_wildcard() {
        assert_eq!(said(Form::Tag, &[Own("t-"), Taken("a")]), some("tag", "t-a"));
        for wild in ["a*", "a?", "[a]", "a\\", "a\n"] {
            assert_eq!(said(Form::Tag, &[Own("t-"), Taken(wild)]), None, "{wild}");
        }
        assert_eq!(said(Form::Rule, &[]), None);
        assert_eq!(said(Form::All, &[Taken("*")]), some("all", ""));
    }
}
