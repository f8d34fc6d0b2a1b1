//! From the publishers' key patterns to notices: the operator's map, and the one for the fingerprint API.
//!
//! The first source that matches decides, with all the targets that stand beside it. A pattern is matched as text, so
//! one that is wider than a source does not match it, and whatever nothing matches is said of everything.

use fingerprint_cache::notice::{Notice, Op, Scope};

use super::event::{Event, Kind};
use super::form::{Form, say};
use super::glob::{Glob, Part, Template};

/// What the fingerprint API's keys are about. Names of fingerprints (`chrome133`) are not the ids of profiles
/// (`chrome_133_win`), so even a single one is said of all profiles; what the model says hangs on all that the
/// model was made of.
const TARGETS: [&str; 11] = [
    r"\*=all",
    r"fingerprint:*:\*=tag:profile",
    r"fingerprint:*:\*=tag:model",
    "fingerprint:*:*=tag:profile",
    "fingerprint:*=tag:profile",
    "fingerprint:*=tag:model",
    "feature:*=tag:model",
    "ml_model:*=tag:model",
    "dns:*=tag:dns",
    "profile:*=tag:profile",
    "/*=uri:/$1",
];

/// What is worth fetching beforehand: the profile, where the name is an id; else the list that has all.
const URLS: [&str; 7] = [
    "fingerprint:*:*_*=/v1/fingerprints/profiles/$2_$3",
    "fingerprint:*=/v1/fingerprints/profiles",
    "profile:*=/v1/fingerprints/profiles",
    "feature:*=/api/v1/models/features",
    "ml_model:*=/api/v1/models/features",
    "dns:*=none",
    "/*=/$1",
];

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Translation {
    /// These notices.
    Notices(Vec<Notice>),
    /// No notice: the map says that no answer depends on it.
    Nothing,
    /// No line of the map can say it: the notice that is safe, if any is.
    Unmapped(Option<Notice>),
}

/// All lines of the map.
#[derive(Clone, Debug)]
pub struct Map {
    targets: Vec<Line<Target>>,
    urls: Vec<Line<Url>>,
    host: String,
}

#[derive(Clone, Debug)]
struct Line<T> {
    source: String,
    glob: Glob,
    to: T,
}

#[derive(Clone, Debug)]
enum Target {
    None,
    Of(Form, Template),
}

#[derive(Clone, Debug)]
enum Url {
    None,
    At(Template),
}

/// What the operator gave.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `SOURCE=SCOPE:VALUE`, in their order; they come before the built-in ones.
    pub targets: Vec<String>,
    /// `SOURCE=URL`, the same.
    pub urls: Vec<String>,
    /// Without the built-in ones.
    pub alone: bool,
    /// The host of URLs that begin with a slash.
    pub host: String,
}

impl Map {
    /// Reads all lines.
    ///
    /// # Errors
    /// A sentence with the line, what is wrong with it and what to write.
    pub fn read(given: &Given) -> Result<Self, String> {
        let (targets, urls): (&[&str], &[&str]) = if given.alone { (&[], &[]) } else { (&TARGETS, &URLS) };
        let (targets, urls) = (joined(&given.targets, targets), joined(&given.urls, urls));
        Ok(Self {
            targets: targets.iter().map(|line| read_line(line, target)).collect::<Result<_, _>>()?,
            urls: urls.iter().map(|line| read_line(line, url)).collect::<Result<_, _>>()?,
            host: given.host.clone(),
        })
    }

    /// Says what an event means here.
    pub fn translate(&self, event: &Event) -> Translation {
        match event.kind {
            Kind::Prewarm => self.prewarm(&event.pattern),
            Kind::Invalidate | Kind::Update => self.outdate(event.kind.op(), &event.pattern),
        }
    }

    fn outdate(&self, op: Op, pattern: &str) -> Translation {
        let unmapped = || Translation::Unmapped(Some(Notice { op, scope: Scope::All }));
        let matching = self.targets.iter().find_map(|line| Some((&line.source, line.glob.captures(pattern)?)));
        let Some((source, captures)) = matching else { return unmapped() };
        let mut notices = Vec::new();
        for line in self.targets.iter().filter(|line| line.source == *source) {
            let Target::Of(form, value) = &line.to else { continue };
            let said = say(*form, &value.fill(&captures));
            match said.and_then(|(form, value)| Scope::read(form.as_str(), &value)) {
                Some(scope) => notices.push(Notice { op, scope }),
                None => return unmapped(),
            }
        }
        if notices.is_empty() { Translation::Nothing } else { Translation::Notices(notices) }
    }

    /// A URL that a pattern cannot fill, as it has wildcards, is no URL: the next line may have one without.
    fn prewarm(&self, pattern: &str) -> Translation {
        for line in &self.urls {
            let Some(captures) = line.glob.captures(pattern) else { continue };
            let Url::At(template) = &line.to else { return Translation::Nothing };
            if let Some(notice) = self.wanted(&template.fill(&captures)) {
                return Translation::Notices(vec![notice]);
            }
        }
        Translation::Unmapped(None)
    }

    fn wanted(&self, parts: &[Part<'_>]) -> Option<Notice> {
        let (_, value) = say(Form::Uri, parts).filter(|(form, _)| *form == Form::Uri)?;
        let url = if value.starts_with('/') { format!("{}{value}", self.host) } else { value };
        let notice = Notice::read(Kind::Prewarm.op().as_str().as_bytes(), b"uri", url.as_bytes());
        notice.wanted().is_some().then_some(notice)
    }
}

/// The operator's lines, then the built-in ones, but for those with a source that the operator spoke of.
fn joined(given: &[String], built_in: &[&str]) -> Vec<String> {
    let source = |line: &str| line.split('=').next().map(str::to_owned);
    let spoken = |line: &str| given.iter().any(|own| source(own) == source(line));
    let built_in = built_in.iter().filter(|line| !spoken(line)).map(|line| (*line).to_owned());
    given.iter().cloned().chain(built_in).collect()
}

type Read<T> = fn(&str, usize) -> Result<T, String>;

fn read_line<T>(line: &str, read: Read<T>) -> Result<Line<T>, String> {
    let wrong = |why: String| format!("The mapping {line:?} cannot be used: {why}.");
    let missing =
        || wrong("it has no =. Write the source, =, and what it means, as in 'ml_model:*=tag:model'".to_owned());
    let (source, to) = line.split_once('=').ok_or_else(missing)?;
    let glob = Glob::read(source).map_err(wrong)?;
    let to = read(to, glob.stars()).map_err(wrong)?;
    Ok(Line { source: source.to_owned(), glob, to })
}

fn target(text: &str, stars: usize) -> Result<Target, String> {
    let (scope, value) = text.split_once(':').unwrap_or((text, ""));
    if (scope, value) == ("none", "") {
        return Ok(Target::None);
    }
    let known = Form::ALL.into_iter().find(|known| known.as_str() == scope);
    let known = known.ok_or(
        "right of the = write all, none, or key, uri, prefix, pattern, tag or rule with a value, as in tag:model",
    )?;
    if (known == Form::All) != value.is_empty() {
        return Err("every scope but all needs a value, as in tag:model".to_owned());
    }
    Ok(Target::Of(known, Template::read(value, stars)?))
}

fn url(text: &str, stars: usize) -> Result<Url, String> {
    if text == "none" {
        return Ok(Url::None);
    }
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    if !bare.contains('/') {
        return Err(
            "right of the = write none or a URL, as in /v1/profiles/$1 or http://host/v1/profiles/$1".to_owned()
        );
    }
    Template::read(text, stars).map(Url::At)
}

#[cfg(test)]
mod tests;
