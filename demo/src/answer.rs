//! One answer and the headers that belong to it: freshness, validators, the
//! user's allowance. Turns into a 304 where the request's conditions say so
//! (RFC 9110 §13).

use crate::users::Allowance;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use std::time::SystemTime;

/// An answer on its way; `Date` and `Content-Length` are the server's to add.
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    modified: Option<SystemTime>,
}

#[derive(Serialize)]
struct Problem<'a> {
    error: &'static str,
    message: &'a str,
}

impl Answer {
    /// An answer with `body`, which is JSON.
    pub fn of(status: StatusCode, body: Bytes) -> Self {
        let kind = HeaderValue::from_static("application/json");
        Self { status, headers: HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]), body, modified: None }
    }

    /// An answer with `value` as JSON; 500 where it cannot be written.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::of(status, body.into()),
            Err(_) => Self::of(StatusCode::INTERNAL_SERVER_ERROR, Bytes::from_static(b"{}")),
        }
    }

    /// A refusal that says why in a sentence. Never to be stored: the next request
    /// may do better.
    pub fn problem(status: StatusCode, error: &'static str, message: &str) -> Self {
        Self::json(status, &Problem { error, message }).cache_control("no-store")
    }

    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new(), modified: None }
    }

    /// With `Cache-Control: value`.
    pub fn cache_control(self, value: &'static str) -> Self {
        self.with(header::CACHE_CONTROL, HeaderValue::from_static(value))
    }

    /// With one more header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With a strong `ETag` made of the body, and `Last-Modified`.
    pub fn validators(mut self, modified: SystemTime) -> Self {
        let tag = format!("\"{:016x}\"", crate::seed::digest(&[&self.body]));
        self.modified = Some(modified);
        self.text("last-modified", &httpdate::fmt_http_date(modified));
        self.text("etag", &tag);
        self
    }

    /// With what is left of the user's allowance.
    pub fn allowance(mut self, allowance: Allowance) -> Self {
        self.text("x-ratelimit-limit", &allowance.limit.to_string());
        self.text("x-ratelimit-remaining", &allowance.remaining.to_string());
        self.text("x-ratelimit-reset", &allowance.reset.to_string());
        self.text("x-quota-tier", allowance.tier);
        self.text("x-quota-monthly-remaining", &allowance.monthly_remaining.to_string());
        self
    }

    /// 304 instead, if the request's conditions hold; the same answer otherwise.
    pub fn conditional(self, request: &HeaderMap) -> Self {
        if !self.is_unchanged(request) {
            return self;
        }
        let mut headers = self.headers;
        headers.remove(header::CONTENT_TYPE);
        Self { status: StatusCode::NOT_MODIFIED, headers, body: Bytes::new(), modified: None }
    }

    /// The answer as the server sends it.
    pub fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    fn text(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }

    /// "A recipient MUST ignore If-Modified-Since if the request contains an
    /// If-None-Match header field" (RFC 9110 §13.1.3).
    fn is_unchanged(&self, request: &HeaderMap) -> bool {
        let (Some(tag), Some(modified)) = (self.headers.get(header::ETAG), self.modified) else {
            return false;
        };
        if request.contains_key(header::IF_NONE_MATCH) {
            let lines = request.get_all(header::IF_NONE_MATCH);
            return lines.iter().any(|line| names(line.as_bytes(), tag.as_bytes()));
        }
        let since = request.get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
        since.and_then(|date| httpdate::parse_http_date(date).ok()).is_some_and(|date| modified <= date)
    }
}

/// Whether one `If-None-Match` line names `tag`, by the weak comparison that
/// RFC 9110 §13.1.2 asks for. Our tags have no comma in them, so a list can be split.
fn names(line: &[u8], tag: &[u8]) -> bool {
    line.split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .any(|one| one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == tag)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn answer() -> Answer {
        let made = UNIX_EPOCH + Duration::from_secs(784_111_777);
        Answer::of(StatusCode::OK, Bytes::from_static(b"[1]")).cache_control("max-age=5").validators(made)
    }

    fn asked(name: &'static str, value: &str) -> Answer {
        let name = HeaderName::from_static(name);
        answer().conditional(&HeaderMap::from_iter([(name, value.parse().unwrap())]))
    }

    #[test]
    fn a_condition_that_holds_makes_a_304() {
        let tag = answer().headers["etag"].to_str().unwrap().to_owned();
        let table = [
            ("if-none-match", tag.clone(), 304),
            ("if-none-match", format!("\"x\" , W/{tag}"), 304),
            ("if-none-match", "*".into(), 304),
            ("if-none-match", "\"x\"".into(), 200),
            ("if-none-match", "".into(), 200),
            ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT".into(), 304),
            ("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT".into(), 200),
            ("if-modified-since", "yesterday".into(), 200),
        ];
        for (name, value, status) in table {
            assert_eq!(asked(name, &value).status.as_u16(), status, "{name}: {value}");
        }
    }

    #[test]
    fn the_tag_counts_more_than_the_date() {
        let request = [("if-none-match", "\"x\""), ("if-modified-since", "Sun, 06 Nov 2094 08:49:37 GMT")];
        let request = request.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        assert_eq!(answer().conditional(&HeaderMap::from_iter(request)).status, 200);
    }

    #[test]
    fn a_304_keeps_the_freshness_and_loses_the_body() {
        let unchanged = asked("if-none-match", "*");
        assert_eq!(unchanged.headers["cache-control"], "max-age=5");
        assert_eq!(unchanged.headers["etag"], answer().headers["etag"]);
        assert!(unchanged.body.is_empty() && !unchanged.headers.contains_key("content-type"));
    }

    #[test]
    fn an_answer_without_a_tag_has_no_conditions() {
        let plain = Answer::of(StatusCode::OK, Bytes::new());
        let any = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static("*"))]);
        assert_eq!(plain.conditional(&any).status, 200);
    }
}
