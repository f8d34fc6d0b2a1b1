//! The hottest entries in Redis, as far as they can be asked for again.
//!
//! How hot a key is, Redis knows by how often it was used where its `maxmemory-policy` counts that (`*-lfu`), else by how
//! long ago. Keys are sampled by SCAN; entries are read only of those that are chosen, as reading counts as use.

use crate::redis::{self, Redis};
use crate::store::{self, Name, Variant, Walk};

use super::list::{List, Wanted};

/// Headers that say who asks: never sent again for somebody else.
const CREDENTIALS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];

/// How heat is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By how often a key was used, lately more than formerly.
    Frequency,
    /// By how long ago it was used.
    Idleness,
}

impl By {
    /// In words, with the command that says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frequency => "by how often they were used (OBJECT FREQ)",
            Self::Idleness => "by how long ago they were used (OBJECT IDLETIME)",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Frequency => "FREQ",
            Self::Idleness => "IDLETIME",
        }
    }
}

/// What was found.
pub struct Hottest {
    /// The URLs, the hottest first.
    pub list: List,
    /// How heat was measured.
    pub by: By,
    /// Keys that were looked at.
    pub looked_at: usize,
    /// Whether these were all.
    pub all: bool,
    /// Entries that a GET without a user does not ask for: of other methods, of bodies, of properties, of errors.
    pub unaskable: usize,
}

/// Finds so many URLs among at most `sample` keys.
///
/// # Errors
/// A sentence when Redis cannot be read, or does not say how hot its keys are.
pub fn find(redis: &mut Redis, count: usize, sample: usize) -> Result<Hottest, String> {
    let (mut walk, mut heated, mut by) = (Walk::all(), Vec::new(), None);
    while heated.len() < sample
        && let Some(mut names) = walk.next(redis)?
    {
        names.truncate(sample.saturating_sub(heated.len()));
        let measure = match (by, names.first()) {
            (Some(by), _) => by,
            (None, None) => continue,
            (None, Some(name)) => *by.insert(measure(redis, &name.hash)?),
        };
        heated.extend(heats(redis, &names, measure)?.into_iter().zip(names));
    }
    // The same heat in the same order, whatever order SCAN has.
    heated.sort_by(|(one, name), (other, another)| one.cmp(other).then_with(|| name.hash.cmp(&another.hash)));
    heated.dedup();
    let (looked_at, all) = (heated.len(), walk.over());
    let mut hottest = Hottest { list: List::default(), by: by.unwrap_or(By::Idleness), looked_at, all, unaskable: 0 };
    for (_, name) in &heated {
        if hottest.list.wanted.len() >= count {
            break;
        }
        hottest.take(redis, name)?;
    }
    hottest.list.wanted.truncate(count);
    Ok(hottest)
}

impl Hottest {
    fn take(&mut self, redis: &mut Redis, name: &Name) -> Result<(), String> {
        for variant in store::variants(redis, &name.hash)? {
            match variant.ok().as_ref().and_then(askable) {
                Some(wanted) => self.list.wanted.push(wanted),
                None => self.unaskable = self.unaskable.saturating_add(1),
            }
        }
        self.list.once();
        Ok(())
    }
}

/// Frequency where Redis counts it; else idleness.
fn measure(redis: &mut Redis, hash: &str) -> Result<By, String> {
    let mut said = String::new();
    for by in [By::Frequency, By::Idleness] {
        match redis.ask::<Option<i64>>(&redis::command("OBJECT", &[by.word(), hash])) {
            Ok(_) => return Ok(by),
            Err(sentence) => said = sentence,
        }
    }
    Err(format!("How hot keys are cannot be told. {said}"))
}

/// The heat of each, the hottest being the smallest. What is gone meanwhile is the coldest.
fn heats(redis: &mut Redis, names: &[Name], by: By) -> Result<Vec<i64>, String> {
    let questions: Vec<_> = names.iter().map(|name| redis::command("OBJECT", &[by.word(), &name.hash])).collect();
    let heat = |reply: &Option<i64>| match (reply, by) {
        (Some(count), By::Frequency) => count.saturating_neg(),
        (Some(seconds), By::Idleness) => *seconds,
        (None, _) => i64::MAX,
    };
    Ok(redis.ask_all(&questions)?.iter().map(heat).collect())
}

/// The request that this entry answers; `None` where it takes more than a GET with some headers.
fn askable(variant: &Variant) -> Option<Wanted> {
    let entry = &variant.entry;
    (entry.status < 400 && !entry.key.contains('\\')).then_some(())?;
    let mut lines = entry.key.split('\n').skip(1);
    let (class, host, target) = (lines.next()?, lines.next()?, lines.next()?);
    (class == "GET").then_some(())?;
    let (mut scheme, mut headers) = ("http", Vec::new());
    for line in lines {
        let (what, value) = line.split_once('=')?;
        match what.split_once(' ')? {
            ("scheme", "") => scheme = value,
            ("header", name) => headers.push((name.to_owned(), value.to_owned())),
            _ => return None,
        }
    }
    let chosen = entry.selecting.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    headers.extend(chosen);
    let private = headers.iter().any(|(name, _)| CREDENTIALS.contains(&name.as_str()));
    let wanted = Wanted::read(&format!("{scheme}://{host}{target}"), None).ok().filter(|_| !private)?;
    Some(wanted.with(headers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fingerprint_cache::entry::Entry;
    use fingerprint_cache::position::Position;

    fn asked(key: &str, selecting: &[(&str, Option<&str>)], status: u16) -> Option<String> {
        let selecting = selecting.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect();
        let entry = Entry { key: key.to_owned(), status, selecting, ..Entry::default() };
        let (id, position) = (String::new(), Position::default());
        askable(&Variant { id, filled: 0, position, fill: None, size: 0, entry }).map(|wanted| wanted.name)
    }

    #[test]
    fn a_key_says_what_to_ask_for() {
        assert_eq!(asked("r 0\nGET\nh\n/a?b=1", &[], 200).as_deref(), Some("http://h/a?b=1"));
        let key = "r 0\nGET\nh:8080\n/a\nscheme =https\nheader accept=x";
        let name = asked(key, &[("accept-language", Some("de")), ("dnt", None)], 301);
        assert_eq!(name.as_deref(), Some("https://h:8080/a accept:\"x\" accept-language:\"de\""));
    }

    #[test]
    fn what_a_get_without_a_user_cannot_ask_for_is_left_out() {
        for key in
            ["r 0\nPOST\nh\n/a\nbody sha256=ab", "r 0\nGET\nh\n/a\nproperty ja4=t", "r 0\nGET\nh\n/\\x00", "r 0", ""]
        {
            assert_eq!(asked(key, &[], 200), None, "{key}");
        }
        assert_eq!(asked("r 0\nGET\nh\n/a", &[], 404), None);
        assert_eq!(asked("r 0\nGET\nh\n/a", &[("cookie", Some("a=b"))], 200), None);
        assert_eq!(asked("r 0\nGET\nh\n/a\nheader authorization=x", &[], 200), None);
    }
}
