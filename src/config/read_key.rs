//! Reads `key`: what an answer depends on besides method, host and path.

use super::pattern::Pattern;
use super::pointer::Pointer;
use super::problem::{Flaw, quote};
use super::read_headers;
use super::rule::{BodyKey, KeySpec, Projection, Query};
use super::section::{Field, Section};

const DEFAULT_MAX_BODY: usize = 64 << 10;
const LARGEST_MAX_BODY: usize = 1 << 20;

/// Reads `key`; `None` is what stands when it is absent.
pub(super) fn read(section: Option<Section>) -> KeySpec {
    let mut key = KeySpec {
        query: Query::All,
        sort_query: false,
        headers: vec![],
        properties: vec![],
        body: BodyKey::None,
        max_body: DEFAULT_MAX_BODY,
    };
    let Some(section) = section else { return key };
    if let Some(query) = section.section("query") {
        (key.query, key.sort_query) = read_query(query);
    }
    let headers = section.take("headers").map(|field| read_headers::read(&field, read_headers::of_key));
    key.headers = headers.unwrap_or_default();
    key.properties = section.take("properties").map(|field| properties(&field)).unwrap_or_default();
    key.body = body(&section);
    let max_body = section.take("max_body").and_then(|field| field.size(1..=LARGEST_MAX_BODY));
    key.max_body = max_body.unwrap_or(DEFAULT_MAX_BODY);
    section.finish();
    key
}

/// The choice of parameters, and whether they are sorted. To ignore none is to keep all.
fn read_query(section: Section) -> (Query, bool) {
    let list = |field: Field| field.parse_list(Pattern::parameter).unwrap_or_default();
    let query = match (section.take("include"), section.take("ignore")) {
        (Some(_), Some(_)) => {
            section
                .report("has both `include` and `ignore`", "keep one: `include` leaves out all that it does not name");
            Query::All
        }
        (Some(include), None) => Query::Include(list(include)),
        (None, ignore) => match ignore.map(list).unwrap_or_default() {
            none if none.is_empty() => Query::All,
            some => Query::Ignore(some),
        },
    };
    let sort = section.take("sort").and_then(|field| field.flag()).unwrap_or(false);
    section.finish();
    (query, sort)
}

fn properties(field: &Field) -> Vec<Vec<String>> {
    field.list().unwrap_or_default().iter().filter_map(property).collect()
}

/// Envoy joins the elements by NUL, so they have none.
fn property(field: &Field) -> Option<Vec<String>> {
    let path = field.parse_list(|text| match text {
        "" => Err(Flaw::new("is empty", "write the elements of a property path, such as [filter_state, lab.ja4]")),
        _ if text.contains('\0') => Err(Flaw::new("has a NUL", "write each element of the path by itself")),
        _ => Ok(text.to_owned()),
    })?;
    field.refuse_empty("is empty", "write a property path such as [filter_state, lab.ja4]");
    Some(path)
}

/// What of the body counts. When that cannot be read it counts whole, lest the rule be blamed twice.
fn body(section: &Section) -> BodyKey {
    match (section.take("body"), section.take("json")) {
        (None, None) => BodyKey::None,
        (Some(body), None) => body.parse(whole).unwrap_or(BodyKey::None),
        (None, Some(json)) => json.section().map_or(BodyKey::Whole, |section| BodyKey::Json(projection(section))),
        (Some(_), Some(_)) => {
            section.report("has both `body` and `json`", "keep `json` for chosen members, or `body` for all bytes");
            BodyKey::Whole
        }
    }
}

fn whole(text: &str) -> Result<BodyKey, Flaw> {
    match text {
        "whole" => Ok(BodyKey::Whole),
        _ => Err(Flaw::new(format!("{} is not a way to read a body", quote(text)), "write whole, or use `json`")),
    }
}

/// The three lists. Without `include` and `echo` one answer would do for all bodies.
fn projection(section: Section) -> Projection {
    let mut seen: Vec<(&'static str, Pointer)> = Vec::new();
    let mut list = |name: &'static str| pointers(&section, name, &mut seen);
    let projection = Projection { include: list("include"), echo: list("echo"), ignore: list("ignore") };
    if seen.iter().all(|(list, _)| *list == "ignore") {
        section.report("keys on no member", "name one in `include` at least, such as [/id]");
    }
    section.finish();
    projection
}

/// The pointers of one list, each compared with all that were seen before.
fn pointers(section: &Section, name: &'static str, seen: &mut Vec<(&'static str, Pointer)>) -> Vec<Pointer> {
    let mut pointers = Vec::new();
    for field in section.take(name).and_then(|field| field.list()).unwrap_or_default() {
        let Some(pointer) = field.parse(Pointer::parse) else { continue };
        let overlap = seen.iter().find(|(_, other)| other.contains(&pointer) || pointer.contains(other));
        if let Some((list, other)) = overlap {
            let wrong = format!("{} overlaps {} in `{list}`", quote(&pointer.to_string()), quote(&other.to_string()));
            field.report(Flaw::new(wrong, "name each member once, and none within another"));
        }
        seen.push((name, pointer.clone()));
        pointers.push(pointer);
    }
    pointers
}
