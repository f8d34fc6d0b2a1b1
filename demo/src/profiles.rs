//! The 66 browser profiles: which there are, as the list and one by one.

use crate::hello::Hello;
use crate::seed::Seed;
use hyper::body::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;

/// Browser, its versions, its platforms and the protocols it speaks.
type Line = (&'static str, &'static [u16], &'static [&'static str], &'static [&'static str]);

/// 14·3 + 4·3 + 3·2 + 3·2 = 66 profiles.
const LINES: [Line; 4] = [
    (
        "chrome",
        &[120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133],
        &["win", "mac", "linux"],
        &["h3", "h2", "http/1.1"],
    ),
    ("firefox", &[121, 125, 129, 133], &["win", "mac", "linux"], &["h3", "h2", "http/1.1"]),
    ("safari", &[16, 17, 18], &["mac", "ios"], &["h2", "http/1.1"]),
    ("edge", &[120, 126, 133], &["win", "mac"], &["h2", "http/1.1"]),
];

/// What the list says of a profile.
#[derive(Clone, Serialize)]
pub struct Summary {
    /// Such as `chrome_120_win`.
    pub id: String,
    name: String,
    /// `chrome`, `firefox`, `safari` or `edge`.
    pub browser: &'static str,
    /// The browser's major version.
    pub version: String,
    /// `win`, `mac`, `linux` or `ios`.
    pub platform: &'static str,
    supported_protocols: &'static [&'static str],
}

/// One profile with its hello.
#[derive(Serialize)]
pub struct Profile {
    #[serde(flatten)]
    summary: Summary,
    #[serde(flatten)]
    hello: Hello,
}

#[derive(Serialize)]
struct List<'a> {
    profiles: &'a [Summary],
    total: usize,
}

/// All profiles, already written as JSON.
pub struct Catalogue {
    summaries: Vec<Summary>,
    list: Bytes,
    bodies: BTreeMap<String, Bytes>,
}

impl Catalogue {
    /// Builds the 66 profiles; each call gives the same bytes.
    pub fn new() -> Result<Self, serde_json::Error> {
        let summaries = summaries();
        let list = serde_json::to_vec(&List { profiles: &summaries, total: summaries.len() })?;
        let bodies = summaries.iter().map(body).collect::<Result<_, _>>()?;
        Ok(Self { summaries, list: list.into(), bodies })
    }

    /// The answer to a request for the list.
    pub fn list(&self) -> Bytes {
        self.list.clone()
    }

    /// The answer to a request for profile `id`, if there is one.
    pub fn profile(&self, id: &str) -> Option<Bytes> {
        self.bodies.get(id).cloned()
    }

    /// A profile chosen by `seed` among those of `browser` and `version`; where
    /// there are none, among those of `browser`; else among all.
    pub fn pick(&self, browser: &str, version: &str, seed: &mut Seed) -> Option<&Summary> {
        let of = |wanted: &dyn Fn(&&Summary) -> bool| self.summaries.iter().filter(wanted).collect();
        let both: Vec<_> = of(&|one| one.browser == browser && one.version == version);
        let browser: Vec<_> = of(&|one| one.browser == browser);
        let all: Vec<_> = of(&|_| true);
        let found = [both, browser, all].into_iter().find(|some| !some.is_empty());
        seed.pick(&found?).copied()
    }
}

impl Profile {
    /// A profile under `summary`'s name with the hello that `seed` decides.
    fn new(summary: Summary, seed: &mut Seed) -> Self {
        Self { summary, hello: Hello::new(seed) }
    }

    /// Like `model`, but with an id and a hello of its own.
    pub fn generated(model: &Summary, seed: &mut Seed) -> Self {
        let mut summary = model.clone();
        summary.id = format!("generated_{}", seed.hex(8));
        Self::new(summary, seed)
    }
}

/// Whether the service knows `browser`.
pub fn is_browser(browser: &str) -> bool {
    LINES.iter().any(|line| line.0 == browser)
}

fn summaries() -> Vec<Summary> {
    let mut all = Vec::new();
    for (browser, versions, platforms, protocols) in LINES {
        for version in versions {
            for platform in platforms {
                all.push(summary(browser, *version, platform, protocols));
            }
        }
    }
    all
}

fn summary(
    browser: &'static str,
    version: u16,
    platform: &'static str,
    supported_protocols: &'static [&'static str],
) -> Summary {
    Summary {
        id: format!("{browser}_{version}_{platform}"),
        name: format!("{} {version} on {}", title(browser), system(platform)),
        browser,
        version: version.to_string(),
        platform,
        supported_protocols,
    }
}

fn body(summary: &Summary) -> Result<(String, Bytes), serde_json::Error> {
    let mut seed = Seed::of(&[b"profile", summary.id.as_bytes()]);
    let profile = Profile::new(summary.clone(), &mut seed);
    Ok((summary.id.clone(), serde_json::to_vec(&profile)?.into()))
}

fn title(browser: &str) -> String {
    let (first, rest) = browser.split_at_checked(1).unwrap_or((browser, ""));
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn system(platform: &str) -> &str {
    match platform {
        "win" => "Windows",
        "mac" => "macOS",
        "ios" => "iOS",
        _ => "Linux",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn profiles(catalogue: &Catalogue) -> Vec<Value> {
        let bodies = catalogue.bodies.values();
        bodies.map(|body| serde_json::from_slice(body).unwrap()).collect()
    }

    #[test]
    fn there_are_66_under_66_names() {
        let catalogue = Catalogue::new().unwrap();
        let list: Value = serde_json::from_slice(&catalogue.list()).unwrap();
        let listed = list["profiles"].as_array().unwrap();
        let ids: BTreeSet<_> = listed.iter().map(|one| one["id"].as_str().unwrap()).collect();
        assert_eq!((listed.len(), ids.len(), &list["total"]), (66, 66, &Value::from(66)));
        assert!(ids.iter().all(|id| catalogue.profile(id).is_some()));
        assert!(ids.contains("chrome_120_win") && ids.contains("chrome_133_mac"));
        assert!(catalogue.profile("netscape_4_win").is_none());
    }

    #[test]
    fn each_has_a_size_between_0_7_and_2_0_kilobytes() {
        let catalogue = Catalogue::new().unwrap();
        let sizes: Vec<_> = catalogue.bodies.values().map(Bytes::len).collect();
        let (least, greatest) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        assert!(*least >= 700 && *greatest <= 2000, "{least}..{greatest}");
        assert!(greatest - least > 300, "all of one size: {least}..{greatest}");
    }

    #[test]
    fn two_catalogues_are_the_same_to_the_byte() {
        let (one, other) = (Catalogue::new().unwrap(), Catalogue::new().unwrap());
        assert_eq!(one.list, other.list);
        assert_eq!(one.bodies, other.bodies);
        let hellos = profiles(&one).into_iter().map(|mut profile| profile["extensions"].take().to_string());
        assert_eq!(hellos.collect::<BTreeSet<_>>().len(), 66);
    }

    #[test]
    fn what_is_named_is_picked_and_what_is_unknown_is_any() {
        let catalogue = Catalogue::new().unwrap();
        let mut seed = Seed::of(&[b"pick"]);
        let mut pick = |browser, version| {
            let picked = catalogue.pick(browser, version, &mut seed).unwrap();
            (picked.browser, picked.version.clone())
        };
        assert_eq!(pick("safari", "17"), ("safari", "17".to_owned()));
        assert_eq!(pick("safari", "99").0, "safari");
        let any: BTreeSet<_> = (0..50).map(|_| pick("lynx", "").0).collect();
        assert!(any.len() > 1);
    }
}
