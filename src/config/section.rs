//! Takes a JSON tree apart by name and notes every fault with its place, so that all come at once.
//!
//! `serde`'s own derived readers stop at the first fault.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use super::json;
use super::problem::{Flaw, Problems, quote};
use super::units;

/// A JSON object of which every member has to be taken by somebody.
pub(super) struct Section<'a> {
    path: String,
    members: &'a Map<String, Value>,
    known: RefCell<Vec<&'static str>>,
    problems: &'a Problems,
}

/// A value and its place.
pub(super) struct Field<'a> {
    path: String,
    value: &'a Value,
    problems: &'a Problems,
}

impl<'a> Section<'a> {
    /// The member `name`, if it is there; from now on a known one.
    pub(super) fn take(&self, name: &'static str) -> Option<Field<'a>> {
        self.known.borrow_mut().push(name);
        let value = self.members.get(name)?;
        Some(Field { path: json::member(&self.path, name), value, problems: self.problems })
    }

    /// The member `name`, whose absence is a fault.
    pub(super) fn require(&self, name: &'static str, remedy: &str) -> Option<Field<'a>> {
        let field = self.take(name);
        if field.is_none() {
            self.problems.report(&json::member(&self.path, name), Flaw::new("is missing", remedy));
        }
        field
    }

    /// The member `name` as a section.
    pub(super) fn section(&self, name: &'static str) -> Option<Section<'a>> {
        self.take(name)?.section()
    }

    /// Notes a fault of the section as a whole.
    pub(super) fn report(&self, wrong: impl Into<String>, remedy: impl Into<String>) {
        self.problems.report(&self.path, Flaw::new(wrong, remedy));
    }

    /// Notes every member that nobody took. To be called when all known members are.
    pub(super) fn finish(self) {
        let known = self.known.into_inner();
        for name in self.members.keys().filter(|name| !known.contains(&name.as_str())) {
            self.problems.report(&json::member(&self.path, name), unknown(name, &known));
        }
    }
}

impl<'a> Field<'a> {
    /// The configuration as a whole.
    pub(super) fn root(value: &'a Value, problems: &'a Problems) -> Self {
        Self { path: String::new(), value, problems }
    }

    /// Notes a fault of this field.
    pub(super) fn report(&self, flaw: Flaw) {
        self.problems.report(&self.path, flaw);
    }

    /// The members of an object. `None`, here and below, when a fault was noted instead.
    pub(super) fn section(&self) -> Option<Section<'a>> {
        let members =
            self.value.as_object().or_else(|| self.mistyped("an object", "write { ... } with named fields"))?;
        let (path, problems) = (self.path.clone(), self.problems);
        Some(Section { path, members, known: RefCell::default(), problems })
    }

    /// The members of an object whose names the operator chooses.
    pub(super) fn members(&self) -> Option<Vec<(&'a str, Field<'a>)>> {
        let Section { path, members, problems, .. } = self.section()?;
        let field = |(name, value): (&'a String, &'a Value)| {
            (name.as_str(), Field { path: json::member(&path, name), value, problems })
        };
        Some(members.iter().map(field).collect())
    }

    /// A string.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str().or_else(|| match self.value {
            Value::Number(_) | Value::Bool(_) => self.mistyped("text", &format!("write \"{}\"", self.value)),
            _ => self.mistyped("text", "write text in quotes"),
        })
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.mistyped("true or false", "write true or false without quotes"))
    }

    /// The elements of a list.
    pub(super) fn list(&self) -> Option<Vec<Field<'a>>> {
        let list = self.value.as_array().or_else(|| match self.value {
            Value::String(_) => self.mistyped("a list", &format!("write [{}]", self.value)),
            _ => self.mistyped("a list", "write [...]"),
        })?;
        let field = |(index, value)| Field { path: json::element(&self.path, index), value, problems: self.problems };
        Some(list.iter().enumerate().map(field).collect())
    }

    /// Notes that this field is an empty list, if it is one.
    pub(super) fn refuse_empty(&self, wrong: &str, remedy: &str) {
        if self.value.as_array().is_some_and(Vec::is_empty) {
            self.report(Flaw::new(wrong, remedy));
        }
    }

    /// What `read` makes of the text of this field.
    pub(super) fn parse<T>(&self, read: impl FnOnce(&str) -> Result<T, Flaw>) -> Option<T> {
        self.settle(read(self.text()?))
    }

    /// What `read` makes of each text in this list; faulty ones are noted and left out.
    pub(super) fn parse_list<T>(&self, read: impl Fn(&str) -> Result<T, Flaw>) -> Option<Vec<T>> {
        Some(self.list()?.iter().filter_map(|field| field.parse(&read)).collect())
    }

    /// A whole number without a unit.
    pub(super) fn count(&self, range: RangeInclusive<usize>) -> Option<usize> {
        let number = self.value.as_u64().and_then(|number| usize::try_from(number).ok());
        let number = number.or_else(|| self.mistyped("a whole number", "write digits without quotes"))?;
        self.settle(within(number, range, |number| number.to_string()))
    }

    /// A duration with its unit, within `range`.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let duration = self.with_unit("s", units::duration)?;
        self.settle(within(duration, range, |duration| units::write_duration(*duration)))
    }

    /// A number of bytes with its unit, within `range`.
    pub(super) fn size(&self, range: RangeInclusive<usize>) -> Option<usize> {
        let size = self.with_unit("B", units::size)?;
        self.settle(within(size, range, |size| units::write_size(*size)))
    }

    /// A bare number gets a remedy of its own: to guess its unit would be to guess.
    fn with_unit<T>(&self, unit: &str, read: fn(&str) -> Result<T, Flaw>) -> Option<T> {
        match self.value {
            Value::Number(number) => {
                let remedy = format!("write it with its unit and in quotes, as in \"{number}{unit}\"");
                self.settle(Err(Flaw::new(format!("{number} has no unit"), remedy)))
            }
            _ => self.parse(read),
        }
    }

    /// What was read; a flaw is noted here.
    pub(super) fn settle<T>(&self, read: Result<T, Flaw>) -> Option<T> {
        read.map_err(|flaw| self.report(flaw)).ok()
    }

    /// Notes that a value of another type stands here.
    fn mistyped<T>(&self, expected: &str, remedy: &str) -> Option<T> {
        let found = match self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => quote(text),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        self.settle(Err(Flaw::new(format!("{found} stands where {expected} belongs"), remedy)))
    }
}

fn within<T: PartialOrd>(value: T, range: RangeInclusive<T>, write: impl Fn(&T) -> String) -> Result<T, Flaw> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (low, high) = (write(range.start()), write(range.end()));
    let wrong = format!("{} is out of range", write(&value));
    Err(Flaw::new(wrong, format!("write {low} to {high}")))
}

/// What to say of a member that nobody took.
fn unknown(name: &str, known: &[&'static str]) -> Flaw {
    let remedy = match nearest(name, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("remove it; known here: {}", list(known)),
    };
    Flaw::new("is an unknown field", remedy)
}

fn list(names: &[impl Display]) -> String {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// The known name that differs from `name` by the fewest letters, if that is a third of it at most.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let limit = (name.chars().count() / 3).max(1);
    let ranked = known.iter().map(|known| (distance(name, known), *known));
    ranked.min().filter(|(distance, _)| *distance <= limit).map(|(_, known)| known)
}

/// The edit distance of Levenshtein, row by row, without case.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (index, left) in from.chars().enumerate() {
        let mut diagonal = index;
        let mut last = index + 1;
        let rest = row.iter_mut().skip(1).zip(to.chars());
        for (cell, right) in rest {
            let changed = diagonal + usize::from(!left.eq_ignore_ascii_case(&right));
            diagonal = *cell;
            last = changed.min(last + 1).min(diagonal + 1);
            *cell = last;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn measures_how_far_two_names_differ() {
        let cases =
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("kitten", "sitting", 3), ("Paths", "path", 1), ("é", "e", 1)];
        for (from, to, expected) in cases {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn suggests_only_what_is_near() {
        assert_eq!(nearest("max_entrys", &["ttl", "max_entries"]), Some("max_entries"));
        assert_eq!(nearest("ttls", &["ttl", "max_entries"]), Some("ttl"));
        assert_eq!(nearest("cluster", &["ttl", "max_entries"]), None);
        assert_eq!(nearest("x", &[]), None);
    }
}
