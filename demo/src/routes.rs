//! Which route a request asks for, and how often each was asked. Paths are taken
//! as they come: nothing is decoded, so an escaped slash stays part of an id.

use hyper::Method;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What the service can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The list of profiles.
    Profiles,
    /// One profile, by its id.
    Profile,
    /// The features that the model reads.
    Features,
    /// Who sent a fingerprint.
    Identify,
    /// Who asks, by the fingerprint of the client's own hello.
    Whoami,
    /// How alike two fingerprints are.
    Compare,
    /// Many fingerprints at once.
    Batch,
    /// A random profile.
    Generate,
    /// A new version of the model.
    Retrain,
    /// Whether the service is alive.
    Health,
    /// How often each route was asked.
    Counts,
    /// Counting anew.
    Reset,
}

/// Method, path, route. `HEAD` is allowed wherever `GET` is. `compare` and `batch`
/// answer under two paths: alone, and beside `identify`.
const TABLE: [(&str, &str, Route); 14] = [
    ("GET", "/v1/fingerprints/profiles", Route::Profiles),
    ("GET", "/v1/fingerprints/profiles/{id}", Route::Profile),
    ("POST", "/v1/fingerprints/generate", Route::Generate),
    ("GET", "/v1/whoami", Route::Whoami),
    ("GET", "/api/v1/models/features", Route::Features),
    ("POST", "/api/v1/models/retrain", Route::Retrain),
    ("POST", "/api/v1/fingerprint/identify", Route::Identify),
    ("POST", "/api/v1/fingerprint/compare", Route::Compare),
    ("POST", "/api/v1/fingerprint/batch", Route::Batch),
    ("POST", "/compare", Route::Compare),
    ("POST", "/batch", Route::Batch),
    ("GET", "/health", Route::Health),
    ("GET", "/debug/counts", Route::Counts),
    ("POST", "/debug/reset", Route::Reset),
];

/// The path under which requests for no route are counted.
const NOWHERE: &str = "(no route)";

/// Where a request leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// To a route, with the id its path carries; empty where it carries none.
    Route(Route, &'a str),
    /// To a path that wants another method: this one.
    WrongMethod(&'static str),
    /// To no path of the service.
    Nowhere,
}

impl Route {
    /// Whether the route belongs to the API: it wants a token, takes its time and
    /// tells the user's allowance.
    pub fn is_api(self) -> bool {
        !matches!(self, Self::Health | Self::Counts | Self::Reset)
    }

    /// Whether requests are counted: all but those about counting.
    pub fn is_counted(self) -> bool {
        !matches!(self, Self::Counts | Self::Reset)
    }
}

/// How often each method and path was asked, `(method, path)` to times.
#[derive(Default)]
pub struct Counts(Mutex<BTreeMap<(&'static str, &'static str), u64>>);

impl Counts {
    fn add(&self, method: &Method, path: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((name(method), path)).or_default();
        *count = count.saturating_add(1);
    }

    /// The counts as `"GET /path"` to times; what was never asked is absent.
    pub fn all(&self) -> BTreeMap<String, u64> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = |((method, path), count): (&(_, _), &u64)| (format!("{method} {path}"), *count);
        counts.iter().map(text).collect()
    }

    /// Forgets all counts.
    pub fn reset(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Finds the route of `method` and `path` and counts the request.
pub fn find<'a>(method: &Method, path: &'a str, counts: &Counts) -> Found<'a> {
    let (found, template) = look_up(method, path);
    if !matches!(found, Found::Route(route, _) if !route.is_counted()) {
        counts.add(method, template);
    }
    found
}

fn look_up<'a>(method: &Method, path: &'a str) -> (Found<'a>, &'static str) {
    let asked = if method == Method::HEAD { "GET" } else { method.as_str() };
    let mut found = (Found::Nowhere, NOWHERE);
    for (allowed, template, route) in TABLE {
        match id_in(template, path) {
            Some(id) if allowed == asked => return (Found::Route(route, id), template),
            Some(_) => found = (Found::WrongMethod(allowed), template),
            None => {}
        }
    }
    found
}

/// The id that `path` has where `template` says `{id}`, empty where it says none;
/// nothing where they do not match.
fn id_in<'a>(template: &str, path: &'a str) -> Option<&'a str> {
    let Some(before) = template.strip_suffix("{id}") else {
        return (template == path).then_some("");
    };
    let id = path.strip_prefix(before)?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

/// Methods nobody has heard of share one name, so that the counts stay few.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_request_finds_its_route() {
        let table = [
            ("GET", "/v1/fingerprints/profiles", Found::Route(Route::Profiles, "")),
            ("HEAD", "/v1/fingerprints/profiles", Found::Route(Route::Profiles, "")),
            ("GET", "/v1/fingerprints/profiles/a", Found::Route(Route::Profile, "a")),
            ("GET", "/v1/fingerprints/profiles/a%2Fb", Found::Route(Route::Profile, "a%2Fb")),
            ("GET", "/v1/fingerprints/profiles/", Found::Nowhere),
            ("GET", "/v1/fingerprints/profiles/a/b", Found::Nowhere),
            ("POST", "/v1/fingerprints/profiles", Found::WrongMethod("GET")),
            ("HEAD", "/compare", Found::WrongMethod("POST")),
            ("POST", "/api/v1/fingerprint/compare", Found::Route(Route::Compare, "")),
        ];
        for (method, path, expected) in table {
            let method = method.parse().unwrap();
            assert_eq!(find(&method, path, &Counts::default()), expected, "{method} {path}");
        }
    }

    #[test]
    fn every_request_counts_but_those_about_counting() {
        let counts = Counts::default();
        let requests = [
            ("GET", "/v1/fingerprints/profiles/a"),
            ("GET", "/v1/fingerprints/profiles/b"),
            ("HEAD", "/v1/fingerprints/profiles/b"),
            ("GET", "/debug/counts"),
            ("POST", "/debug/reset"),
            ("BREW", "/coffee"),
        ];
        for (method, path) in requests {
            find(&method.parse().unwrap(), path, &counts);
        }
        let expected = [
            ("GET /v1/fingerprints/profiles/{id}", 2),
            ("HEAD /v1/fingerprints/profiles/{id}", 1),
            ("OTHER (no route)", 1),
        ];
        assert_eq!(counts.all(), expected.map(|(route, count)| (route.to_owned(), count)).into());
        counts.reset();
        assert!(counts.all().is_empty());
    }
}
