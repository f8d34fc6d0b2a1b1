//! The service: its content changes now and then, and each answer names all that it depends on, the caller included
//! where it is the caller's own, and the number of the exchange that first gave it. So it can be told of any answer
//! whether it is what this very caller would have got, and when. What it says to whom is in [`crate::routes`].

use crate::callers::{Ask, SECOND, Sends};
use crate::forms::{Part, named, part, unmodified};
use crate::questions::search;
use crate::routes::{Terms, render, terms};
use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

/// What an exchange brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// The content.
    Whole,
    /// 304: the caller has the content already.
    Confirms,
    /// 206 or 416.
    Part(Part),
    /// Something else in its place, mostly an error, with this status.
    Trouble(u16),
    /// An unsafe request took effect, with this status.
    Done(u16),
    /// The same, and the answer is what a GET would bring now.
    Represents,
}

/// One answer that the origin gave.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request as it reached the origin.
    pub ask: Ask,
    pub sends: Sends,
    pub gives: Gives,
    /// When its content was right.
    pub born: u64,
    pub asked_at: u64,
    pub version: u64,
    pub terms: Terms,
    pub headers: Vec<(String, String)>,
    /// What is sent, but for HEAD.
    pub body: Vec<u8>,
    /// The exchange that first gave this content: its number stands in the body, and in the tag.
    pub content: usize,
    /// The seconds in its `Date` and `Last-Modified`, since 1970.
    pub date: Option<u64>,
    pub modified: Option<u64>,
}

impl Exchange {
    pub fn status(&self) -> u16 {
        match self.gives {
            Gives::Whole => self.terms.status,
            Gives::Confirms => 304,
            Gives::Part(Part::Unsatisfiable) => 416,
            Gives::Part(_) => 206,
            Gives::Trouble(status) | Gives::Done(status) => status,
            Gives::Represents => 200,
        }
    }

    /// Whether all of the content travelled to its end.
    pub fn is_whole(&self) -> bool {
        let all = matches!(self.gives, Gives::Whole | Gives::Represents | Gives::Trouble(_));
        all && self.ask.method != "HEAD" && matches!(self.sends, Sends::Whole | Sends::Chunked)
    }

    /// Whether no body follows its head.
    pub fn is_bodiless(&self) -> bool {
        self.ask.method == "HEAD" || matches!(self.status(), 204 | 304)
    }
}

/// The service.
#[derive(Default)]
pub struct Origin {
    /// When the content behind each path and each URI changed.
    changes: BTreeMap<String, Vec<u64>>,
    /// Who gave each content first.
    contents: BTreeMap<Vec<u8>, usize>,
    /// All it can say for a while.
    pub trouble: Option<(u16, u64)>,
    pub exchanges: Vec<Exchange>,
}

impl Origin {
    /// From now on the content behind `path`, whatever host and query, is another.
    pub fn change(&mut self, path: &str, now: u64) {
        self.changes.entry(path.to_owned()).or_default().push(now);
    }

    /// Which version of the content this caller gets at a moment: how often it had changed.
    pub fn version(&self, ask: &Ask, at: u64) -> u64 {
        let names = [ask.path().to_owned(), uri(ask)];
        let changes = names.iter().filter_map(|name| self.changes.get(name)).flatten();
        changes.filter(|change| **change <= at).count() as u64
    }

    /// Answers a request; the number of the exchange. `wall` is the time in seconds since 1970, `base` when the story
    /// began.
    pub fn answer(&mut self, ask: &Ask, now: u64, base: u64) -> usize {
        let troubled = self.trouble.filter(|(_, until)| now < *until).map(|(status, _)| status);
        let failure = troubled.or(ask.status.filter(|status| !ask.is_unsafe() || *status >= 400));
        let exchange = match failure {
            Some(status) => self.fails(ask, status, now),
            None if ask.is_unsafe() => self.changed(ask, now, base),
            None => self.content(ask, now, base),
        };
        self.exchanges.push(exchange);
        self.exchanges.len() - 1
    }

    fn fails(&self, ask: &Ask, status: u16, now: u64) -> Exchange {
        let serial = self.exchanges.len();
        let body = format!("{{\"serial\":{serial},\"trouble\":{status}}}").into_bytes();
        let mut headers = vec![("x-exchange".to_owned(), serial.to_string())];
        headers.push(("cache-control".to_owned(), "no-store".to_owned()));
        Exchange { body, headers, version: self.version(ask, now), ..self.plain(ask, Gives::Trouble(status), now) }
    }

    /// An answer that says nothing of any content.
    fn plain(&self, ask: &Ask, gives: Gives, now: u64) -> Exchange {
        let serial = self.exchanges.len();
        Exchange {
            ask: ask.clone(),
            sends: ask.sends,
            gives,
            born: now,
            asked_at: now,
            version: 0,
            terms: Terms { status: 200, ..Terms::default() },
            headers: vec![("x-exchange".to_owned(), serial.to_string())],
            body: Vec::new(),
            content: serial,
            date: None,
            modified: None,
        }
    }

    /// An unsafe request changes its target, and what the answer to it names.
    fn changed(&mut self, ask: &Ask, now: u64, base: u64) -> Exchange {
        for (host, target) in ask.changes() {
            let at = uri(&Ask { host, target, ..ask.clone() });
            self.changes.entry(at).or_default().push(now);
        }
        let as_get = Ask { method: "GET".to_owned(), body: None, points: None, status: None, ..ask.clone() };
        let own = ask.points.as_ref().is_some_and(|(name, uri)| *name == "content-location" && *uri == ask.target);
        let mut exchange = match own && ask.method == "POST" && ask.status.is_none() {
            true => Exchange { gives: Gives::Represents, ask: ask.clone(), ..self.content(&as_get, now, base) },
            false => self.plain(ask, Gives::Done(ask.status.unwrap_or(200)), now),
        };
        if let Gives::Done(status) = exchange.gives {
            exchange.body = if status == 204 { Vec::new() } else { b"done".to_vec() };
        }
        exchange.headers.extend(ask.points.iter().map(|(name, uri)| ((*name).to_owned(), uri.clone())));
        exchange
    }

    /// The content, or as much of it as the caller needs.
    fn content(&mut self, ask: &Ask, now: u64, base: u64) -> Exchange {
        let age = terms(ask, self.version(ask, now)).upstream_age;
        let born = now.saturating_sub(age * SECOND);
        let version = self.version(ask, born);
        let terms = terms(ask, version);
        let serial = self.exchanges.len();
        let content = *self.contents.entry(render(ask, version, 0)).or_insert(serial);
        let wall = base + now / SECOND - age;
        let date = (ask.path() != "/v1/short").then_some(wall);
        let modified = terms.dated.map(|before| base - before + version * 2);
        let mut headers = terms.headers.clone();
        headers.push(("x-exchange".to_owned(), serial.to_string()));
        headers.extend(date.map(|date| ("date".to_owned(), http_date(date))));
        headers.extend((ask.path() == "/v1/expires").then(|| ("expires".to_owned(), http_date(wall + 30))));
        headers.extend(modified.map(|modified| ("last-modified".to_owned(), http_date(modified))));
        let tag = terms.tagged.then(|| format!("{}\"s{content}\"", if terms.weak { "W/" } else { "" }));
        headers.extend(tag.clone().map(|tag| ("etag".to_owned(), tag)));
        let whole = render(ask, version, content);
        let gives = gives(ask, &terms, tag.as_deref(), modified, &whole);
        if let Gives::Part(part) = gives {
            headers.extend(part.content_range(whole.len()).map(|range| ("content-range".to_owned(), range)));
        }
        let body = if let Gives::Part(part) = gives { part.of(&whole).to_vec() } else { whole };
        Exchange { born, version, terms, headers, body, content, date, modified, ..self.plain(ask, gives, now) }
    }
}

/// First the conditions, then the range.
fn gives(ask: &Ask, terms: &Terms, tag: Option<&str>, modified: Option<u64>, whole: &[u8]) -> Gives {
    let deaf = ask.path().ends_with("/deaf");
    let succeeds = !deaf && (200..300).contains(&terms.status) && matches!(ask.method.as_str(), "GET" | "HEAD");
    let known = match named(ask, tag) {
        Some(known) => known,
        None => modified.is_some_and(|modified| unmodified(ask, modified)),
    };
    let strong = tag.filter(|tag| !tag.starts_with("W/"));
    match part(ask, strong, None, whole.len()) {
        _ if succeeds && known => Gives::Confirms,
        Part::Whole => Gives::Whole,
        part if terms.status == 200 => Gives::Part(part),
        _ => Gives::Whole,
    }
}

/// What tells one URI from another for this service: in a search, the parameters that count.
fn uri(ask: &Ask) -> String {
    let host = ask.host.to_ascii_lowercase();
    let host = host.strip_suffix(":80").filter(|_| ask.scheme == "http").unwrap_or(&host).to_owned();
    match ask.path() {
        "/search" => search(&Ask { host, ..ask.clone() }),
        _ => format!("{host}{}", ask.target),
    }
}

/// A moment in seconds since 1970, as HTTP writes it.
pub fn http_date(wall: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(wall))
}

/// And reads it.
pub fn read_date(text: &str) -> Option<u64> {
    Some(httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
