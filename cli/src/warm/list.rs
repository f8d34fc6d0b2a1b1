//! What to warm: a list of URLs, each with headers of its own where it needs them.

use std::collections::HashSet;

use crate::message::Message;

/// One URL to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// As it was given, with the headers that are its own: its name in the state file and in messages.
    pub name: String,
    /// `http` or `https`, as the client would have used.
    pub scheme: String,
    /// The host, with its port if it has one.
    pub host: String,
    /// Path and query, byte for byte.
    pub target: String,
    /// Headers that choose among variants.
    pub headers: Vec<(String, String)>,
}

/// A line that is no URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What stands there.
    pub line: String,
    /// What is wrong with it.
    pub why: String,
}

/// A list, in its order, each URL once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct List {
    /// What can be asked for.
    pub wanted: Vec<Wanted>,
    /// What cannot.
    pub unreadable: Vec<Unreadable>,
}

impl Wanted {
    /// Reads `http://host/target`, or `/target` where a host is given.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str, host: Option<&str>) -> Result<Self, String> {
        let url = match (text.starts_with('/'), host) {
            (false, _) => text.to_owned(),
            (true, Some(host)) => format!("http://{host}{text}"),
            (true, None) => return Err("it has no host, and no --host says which".to_owned()),
        };
        let message = Message::of_url("GET", &url)?;
        let part = |name: &str| message.get(name).unwrap_or_default().to_owned();
        let (scheme, host, target) = (part(":scheme"), part(":authority"), part(":path"));
        if !url.is_ascii() {
            return Err("it has characters that no URL has: write them percent-encoded".to_owned());
        }
        Ok(Self { name: format!("{scheme}://{host}{target}"), scheme, host, target, headers: Vec::new() })
    }

    /// The same with headers of its own.
    #[must_use]
    pub fn with(mut self, headers: Vec<(String, String)>) -> Self {
        headers.iter().for_each(|(name, value)| self.name.push_str(&format!(" {name}:{value:?}")));
        self.headers = headers;
        self
    }
}

impl List {
    /// Reads lines: one URL each, `GET` before it or not; `#` begins a comment.
    pub fn read(text: &str, host: Option<&str>) -> Self {
        let mut list = Self::default();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            let url = line.strip_prefix("GET ").map_or(line, str::trim);
            match Wanted::read(url, host) {
                Ok(wanted) => list.wanted.push(wanted),
                Err(why) => list.unreadable.push(Unreadable { line: line.to_owned(), why }),
            }
        }
        list.once();
        list
    }

    /// Leaves out what stands there again.
    pub fn once(&mut self) {
        let mut names = HashSet::new();
        self.wanted.retain(|wanted| names.insert(wanted.name.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_url_a_line() {
        let list = List::read("# all\nhttp://a/x?y=1\n\n GET https://b:8443/z \n/p\nhttp://a/x?y=1\n", Some("h"));
        let names: Vec<_> = list.wanted.iter().map(|wanted| wanted.name.as_str()).collect();
        assert_eq!(names, ["http://a/x?y=1", "https://b:8443/z", "http://h/p"]);
        assert_eq!((list.wanted[1].host.as_str(), list.wanted[1].target.as_str()), ("b:8443", "/z"));
        assert!(list.unreadable.is_empty());
    }

    #[test]
    fn what_is_no_url_is_kept_with_the_reason() {
        let list = List::read("http://a/x\nPOST http://a/y\n/p\nftp://a\nhttp://a/\u{e9}\n", None);
        assert_eq!(list.wanted.len(), 1);
        let lines: Vec<_> = list.unreadable.iter().map(|unreadable| unreadable.line.as_str()).collect();
        assert_eq!(lines, ["POST http://a/y", "/p", "ftp://a", "http://a/\u{e9}"]);
        assert!(list.unreadable[1].why.contains("--host"));
    }

    #[test]
    fn headers_make_another_name() {
        let plain = Wanted::read("http://a/x", None).unwrap();
        let with = plain.clone().with(vec![("accept-language".to_owned(), "de".to_owned())]);
        assert_eq!(with.name, "http://a/x accept-language:\"de\"");
        let mut list = List { wanted: vec![plain.clone(), with, plain], unreadable: vec![] };
        list.once();
        assert_eq!(list.wanted.len(), 2);
    }
}
