//! One cache directive: which one it is, and what its argument can be read as. Not what follows from it.

use super::directives::delta_seconds;
use super::list;

/// The directives that mean something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    NoStore,
    NoCache,
    Private,
    Public,
    MustRevalidate,
    ProxyRevalidate,
    MustUnderstand,
    Immutable,
    MaxAge,
    SharedMaxAge,
    StaleWhileRevalidate,
    StaleIfError,
    MinFresh,
    MaxStale,
    OnlyIfCached,
}

impl Name {
    /// RFC 9111 §5.2: "Cache directives are identified by a token, to be compared case-insensitively".
    pub(super) fn of(token: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], Name); 15] = [
            (b"no-store", Name::NoStore),
            (b"no-cache", Name::NoCache),
            (b"private", Name::Private),
            (b"public", Name::Public),
            (b"must-revalidate", Name::MustRevalidate),
            (b"proxy-revalidate", Name::ProxyRevalidate),
            (b"must-understand", Name::MustUnderstand),
            (b"immutable", Name::Immutable),
            (b"max-age", Name::MaxAge),
            (b"s-maxage", Name::SharedMaxAge),
            (b"stale-while-revalidate", Name::StaleWhileRevalidate),
            (b"stale-if-error", Name::StaleIfError),
            (b"min-fresh", Name::MinFresh),
            (b"max-stale", Name::MaxStale),
            (b"only-if-cached", Name::OnlyIfCached),
        ];
        NAMES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(token)).map(|(_, known)| known)
    }

    /// Whether its argument is a number of seconds.
    pub(super) fn takes_seconds(self) -> bool {
        use Name::{MaxAge, MaxStale, MinFresh, SharedMaxAge, StaleIfError, StaleWhileRevalidate};
        matches!(self, MaxAge | SharedMaxAge | StaleWhileRevalidate | StaleIfError | MinFresh | MaxStale)
    }

    /// Whether its argument is a list of field names.
    pub(super) fn takes_fields(self) -> bool {
        matches!(self, Self::NoCache | Self::Private)
    }
}

/// What follows the name of a directive. Anything here keeps it from permitting something, and nothing here keeps it
/// from forbidding: `no-store; max-age=5` forbids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Argument<'a> {
    /// Whether nothing follows.
    pub(super) bare: bool,
    /// A number of seconds, at most 2³¹.
    pub(super) seconds: Option<u32>,
    /// A token, or the inside of a quoted string.
    pub(super) text: Option<&'a [u8]>,
}

impl<'a> Argument<'a> {
    /// A name alone.
    pub(super) const BARE: Self = Self { bare: true, seconds: None, text: None };

    /// Reads what follows the name in `Cache-Control`: `=argument`, quoted or not, or something that is none.
    ///
    /// RFC 9111 §5.2: "For the directives defined below that define arguments, recipients ought to accept both forms,
    /// even if a specific form is required for generation."
    fn read(rest: &'a [u8]) -> Self {
        let unquoted =
            |text: &'a [u8]| text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
        let text = rest.strip_prefix(b"=").map(unquoted);
        Self { bare: rest.is_empty(), seconds: text.and_then(delta_seconds), text }
    }

    /// The field names that a qualified `no-cache` or `private` lists, in lower case; nothing where the directive has
    /// to be taken as unqualified: the argument is not a list of names, or it names a field that the rest cannot do
    /// without.
    pub(super) fn fields(&self) -> Option<Vec<String>> {
        let names: Vec<&[u8]> = list::members(self.text?).collect();
        // A token may hold an apostrophe, but no field is called so: it was meant as a quotation mark.
        let separable = |name: &&[u8]| list::is_token(name) && !name.contains(&b'\'') && !is_needed(name);
        let qualified = !names.is_empty() && names.iter().all(separable);
        let lower = |name: &[u8]| String::from_utf8_lossy(name).to_ascii_lowercase();
        qualified.then(|| names.into_iter().map(lower).collect())
    }
}

/// Whether an answer without this field would be another one: reuse or reading depends on it.
fn is_needed(name: &[u8]) -> bool {
    const NEEDED: [&str; 12] = [
        "cache-control",
        "cdn-cache-control",
        "vary",
        "date",
        "age",
        "expires",
        "etag",
        "last-modified",
        "content-type",
        "content-encoding",
        "content-length",
        "location",
    ];
    NEEDED.iter().any(|needed| needed.as_bytes().eq_ignore_ascii_case(name))
}

/// Reads one member of `Cache-Control`; nothing when its name means nothing here.
pub(super) fn read(member: &[u8]) -> Option<(Name, Argument<'_>)> {
    let (name, rest) = list::split_token(member);
    Name::of(name).map(|name| (name, Argument::read(rest)))
}
