//! An answer from the cache as it goes out: which part of an entry, with which status and lines.

use crate::entry::Entry;
use crate::rfc9111::{precondition, range};
use crate::time::Instant;
use std::rc::Rc;

/// What of an entry answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// All of it.
    Whole,
    /// Only that the client's own copy still holds: 304.
    NotModified,
    /// A part of the body, 206, or that there is no such part, 416.
    Part(range::Part),
    /// Nothing is stored and the client wanted nothing else: 504.
    Nothing,
}

/// An answer from the cache.
#[derive(Debug)]
pub struct Answer {
    /// What is stored.
    pub entry: Rc<Entry>,
    /// What of it goes out.
    pub form: Form,
    /// The body, where it is not the stored one: with the caller's own values.
    pub body: Option<Vec<u8>>,
    /// The value of `Age`, in seconds.
    pub age: u64,
    /// The value of `Cache-Status`.
    pub cache_status: String,
    /// What access logs see: status and tier.
    pub state: &'static str,
    /// When its request came; the host takes the time when the answer leaves.
    pub started: Instant,
}

impl Answer {
    /// Its status.
    pub fn status(&self) -> u16 {
        match self.form {
            Form::Whole | Form::Part(range::Part::Whole) => self.entry.status,
            Form::NotModified => 304,
            Form::Part(range::Part::Single { .. }) => 206,
            Form::Part(range::Part::Unsatisfiable) => 416,
            Form::Nothing => 504,
        }
    }

    /// Its body.
    pub fn body(&self) -> &[u8] {
        let whole = self.body.as_deref().unwrap_or(&self.entry.body);
        match self.form {
            Form::Whole | Form::Part(range::Part::Whole) => whole,
            Form::Part(range::Part::Single { first, last }) => whole.get(first..=last).unwrap_or_default(),
            Form::NotModified | Form::Nothing | Form::Part(range::Part::Unsatisfiable) => &[],
        }
    }

    /// The stored header lines that it has; `Age`, `Cache-Status` and [`Answer::content_range`] come on top.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.entry.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        lines.filter(|(name, _)| match self.form {
            Form::Whole => true,
            // It says which part of something this is; what was stored is all of it.
            Form::Part(range::Part::Single { .. } | range::Part::Whole) => *name != "content-range",
            Form::NotModified | Form::Part(range::Part::Unsatisfiable) => precondition::of_not_modified(name),
            Form::Nothing => false,
        })
    }

    /// The value of `Content-Range`, where it has one.
    pub fn content_range(&self) -> Option<String> {
        let Form::Part(part) = &self.form else { return None };
        range::content_range(part, self.body.as_deref().unwrap_or(&self.entry.body).len())
    }

    /// Whether it has an `Age`: a stored answer does (RFC 9111 §5.1), ours does not.
    pub fn is_stored(&self) -> bool {
        self.form != Form::Nothing
    }
}
