//! What is asked for, and what has to be in the answer.

use std::sync::LazyLock;

use stack::Request;

use crate::plan;
use fastrand::Rng;
use stack::Zipf;

/// Browser, its mark in a user agent, its versions: as the service knows them, so that what a client claims is what it is
/// told.
const CLAIMS: [(&str, &str, &[u16]); 4] = [
    ("chrome", "Chrome/", &[120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133]),
    ("firefox", "Firefox/", &[121, 125, 129, 133]),
    ("safari", "Version/", &[16, 17, 18]),
    ("edge", "Edg/", &[120, 126, 133]),
];
/// Characters of base64; as many as the TLS hello of a fingerprint has.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HELLO: usize = 344;
/// Where fingerprints are identified.
const IDENTIFY: &str = "/api/v1/fingerprint/identify";

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Who sent the fingerprint of this number; with a session id, which the answer has to repeat.
    Identify(usize, Option<String>),
    /// The profile of this number.
    Profile(usize),
    /// All profiles.
    List,
    /// What the model reads.
    Features,
    /// A random profile: never cached.
    Generate,
    /// Something private: no rule is for it, and the demo service has no such route.
    Account,
}

/// Chooses questions.
#[derive(Debug)]
pub struct Mix {
    keys: Zipf,
    profiles: Zipf,
}

impl Mix {
    /// The mix of the plan.
    pub fn new() -> Self {
        Self { keys: Zipf::new(plan::KEYS, plan::SKEW), profiles: Zipf::new(profiles().len(), plan::SKEW) }
    }

    /// The next question; `session` names who asks, and is used for most fingerprints.
    pub fn question(&self, dice: &mut Rng, session: impl Fn() -> String) -> Question {
        let mut roll = dice.usize(..1000);
        let mut is = |share: usize| {
            let is = roll < share;
            roll = roll.wrapping_sub(share);
            is
        };
        match () {
            () if is(plan::PROFILE) => Question::Profile(self.profiles.roll(dice)),
            () if is(plan::LIST) => Question::List,
            () if is(plan::FEATURES) => Question::Features,
            () if is(plan::GENERATE) => Question::Generate,
            () if is(plan::ACCOUNT) => Question::Account,
            () => Question::identify(self.keys.roll(dice), session),
        }
    }

    /// A profile, for a notice.
    pub fn profile(&self, dice: &mut Rng) -> usize {
        self.profiles.roll(dice)
    }
}

impl Question {
    /// Who sent a fingerprint. Every fifth client has no session: with one and without one are two keys of the cache, and
    /// there are to be as many as fingerprints.
    pub fn identify(key: usize, session: impl FnOnce() -> String) -> Self {
        Self::Identify(key, (key % 5 < 4).then(session))
    }

    /// The request, by a user of this name.
    pub fn request(&self, user: &str) -> Request {
        let request = match self {
            Self::Identify(key, session) => {
                Request::post(IDENTIFY, body(*key, session.as_deref())).header("content-type", "application/json")
            }
            Self::Profile(number) => Request::get(profile_path(*number)),
            Self::List => Request::get("/v1/fingerprints/profiles"),
            Self::Features => Request::get("/api/v1/models/features"),
            Self::Generate => Request::post("/v1/fingerprints/generate", "{}"),
            Self::Account => Request::get("/v1/account/me"),
        };
        request.bearer(user)
    }

    /// Whether a rule is for it.
    pub fn is_cached(&self) -> bool {
        !matches!(self, Self::Generate | Self::Account)
    }
}

/// The path of a profile.
pub fn profile_path(number: usize) -> String {
    format!("/v1/fingerprints/profiles/{}", profiles().get(number).map(String::as_str).unwrap_or_default())
}

/// The ids of the 66 profiles.
pub fn profiles() -> &'static [String] {
    static ALL: LazyLock<Vec<String>> = LazyLock::new(|| CLAIMS.iter().flat_map(ids).collect());
    &ALL
}

fn ids((browser, _, versions): &(&str, &str, &[u16])) -> Vec<String> {
    let platforms: &[&str] = match *browser {
        "safari" => &["mac", "ios"],
        "edge" => &["win", "mac"],
        _ => &["win", "mac", "linux"],
    };
    let pairs = versions.iter().flat_map(|version| platforms.iter().map(move |platform| (version, platform)));
    pairs.map(|(version, platform)| format!("{browser}_{version}_{platform}")).collect()
}

/// The family and the version that the fingerprint of this number claims, and so is.
pub fn claim(key: usize) -> (&'static str, u16) {
    let (family, _, version) = agent(key);
    (family, version)
}

fn agent(key: usize) -> (&'static str, &'static str, u16) {
    let all = CLAIMS.iter().flat_map(|(family, mark, versions)| versions.iter().map(move |one| (*family, *mark, *one)));
    let count = CLAIMS.iter().map(|(_, _, versions)| versions.len()).sum::<usize>();
    all.cycle().nth(key % count.max(1)).unwrap_or(("chrome", "Chrome/", 120))
}

fn body(key: usize, session: Option<&str>) -> String {
    let (_, mark, version) = agent(key);
    let mut dice = Rng::with_seed(u64::try_from(key).unwrap_or(0));
    let character = |_| char::from(ALPHABET.get(dice.usize(..64)).copied().unwrap_or(b'A'));
    let hello: String = (0..HELLO).map(character).collect();
    let session = session.map(|session| format!(r#","session_id":"{session}""#)).unwrap_or_default();
    format!(
        r#"{{"tls_data":"{hello}","http_headers":{{"User-Agent":"Mozilla/5.0 (n {key}) {mark}{version}.0.0","Accept":"*/*","Accept-Language":"en-US,en;q=0.9"}}{session}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_66_profiles_and_as_many_claims_as_versions() {
        let all = profiles();
        assert_eq!((all.len(), all[0].as_str(), all[65].as_str()), (66, "chrome_120_win", "edge_133_mac"));
        assert_eq!((claim(0), claim(14), claim(24)), (("chrome", 120), ("firefox", 121), ("chrome", 120)));
    }

    #[test]
    fn a_body_is_json_with_the_session_last_or_absent() {
        let with: serde_json::Value = serde_json::from_str(&body(14, Some("s-1"))).unwrap();
        assert_eq!(with["session_id"], "s-1");
        assert!(with["http_headers"]["User-Agent"].as_str().unwrap().ends_with("Firefox/121.0.0"));
        assert_eq!(with["tls_data"].as_str().unwrap().len() % 4, 0);
        let without: serde_json::Value = serde_json::from_str(&body(15, None)).unwrap();
        assert!(without.get("session_id").is_none() && without["tls_data"] != with["tls_data"]);
    }

    #[test]
    fn the_mix_has_its_shares() {
        let (mix, mut dice) = (Mix::new(), Rng::with_seed(2));
        let asked: Vec<_> = (0..20_000).map(|_| mix.question(&mut dice, || "s".to_owned())).collect();
        let share = |of: &dyn Fn(&Question) -> bool| asked.iter().filter(|one| of(one)).count() * 1000 / asked.len();
        assert!((165..195).contains(&share(&|one| matches!(one, Question::Profile(_)))));
        assert!((22..38).contains(&share(&|one| !one.is_cached())));
        assert!((690..730).contains(&share(&|one| matches!(one, Question::Identify(..)))));
        assert!((80..160).contains(&share(&|one| matches!(one, Question::Identify(_, None)))));
    }
}
