//! Who sent a fingerprint: `identify`, `compare` and `batch`. Answers depend on
//! the body and the model version alone. JSON is read as most services read it:
//! of two members with one name the last counts, unknown members do not matter.

use crate::fingerprint::{Fingerprint, SAME};
use crate::profiles::Catalogue;
use serde::Serialize;
use serde_json::Value;

/// The most fingerprints one batch may hold.
const MAX_BATCH: usize = 100;

/// The answer of `identify`. Confidences go from 0 to 1.
#[derive(Serialize)]
pub struct Identity {
    family: &'static str,
    family_confidence: f64,
    version: String,
    version_confidence: f64,
    variant: &'static str,
    variant_confidence: f64,
    overall_confidence: f64,
    /// The caller's own, of whatever type, and only if the request had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<Value>,
}

/// The answer of `compare`. Similarities go from 0 to 1.
#[derive(Serialize)]
pub struct Comparison {
    similarity: f64,
    tls_similarity: f64,
    http_similarity: f64,
    same: bool,
}

/// The answer of `batch`, in the order of the request.
#[derive(Serialize)]
pub struct Batch {
    results: Vec<Identity>,
    total: usize,
}

/// What the service knows when it judges a fingerprint.
#[derive(Clone, Copy)]
pub struct Judge<'a> {
    /// The profiles it chooses among.
    pub catalogue: &'a Catalogue,
    /// The model's version; another version, another confidence.
    pub model: u64,
}

impl Judge<'_> {
    /// Answers `{tls_data, http_headers, session_id?}`; the error is a sentence
    /// for the caller.
    pub fn identify(self, body: &[u8]) -> Result<Identity, String> {
        self.identity(&parse(body)?, "")
    }

    /// Answers `{requests: [..]}`, each as `identify` would.
    pub fn batch(self, body: &[u8]) -> Result<Batch, String> {
        let request = parse(body)?;
        let Some(requests) = request.get("requests").and_then(Value::as_array) else {
            return Err("requests is missing: send a list of fingerprints.".into());
        };
        if requests.is_empty() || requests.len() > MAX_BATCH {
            let found = requests.len();
            return Err(format!("requests has {found} fingerprints: send 1 to {MAX_BATCH}."));
        }
        let one = |(index, request)| self.identity(request, &format!("requests[{index}]."));
        let results: Vec<_> = requests.iter().enumerate().map(one).collect::<Result<_, _>>()?;
        let total = results.len();
        Ok(Batch { results, total })
    }

    fn identity(self, request: &Value, at: &str) -> Result<Identity, String> {
        let fingerprint = Fingerprint::read(request, at)?;
        let (browser, version) = fingerprint.claim();
        let mut seed = fingerprint.seed(b"who");
        let found = self.catalogue.pick(browser, version, &mut seed);
        let found = found.ok_or("There are no profiles to compare with.")?;
        let mut seed = fingerprint.seed(&self.model.to_le_bytes());
        let parts = [0; 3].map(|_| seed.between(7_000, 9_999));
        let [family, version, variant] = parts.map(share);
        Ok(Identity {
            family: found.browser,
            family_confidence: family,
            version: found.version.clone(),
            version_confidence: version,
            variant: found.platform,
            variant_confidence: variant,
            overall_confidence: share(parts.iter().sum::<u64>() / 3),
            session_id: request.get("session_id").cloned(),
        })
    }
}

/// Answers `{first, second}`, two fingerprints; the error is a sentence for the
/// caller.
pub fn compare(body: &[u8]) -> Result<Comparison, String> {
    let request = parse(body)?;
    let one = |name: &str| {
        let missing = || format!("{name} is missing: send two fingerprints, first and second.");
        let fingerprint = request.get(name).ok_or_else(missing)?;
        Fingerprint::read(fingerprint, &format!("{name}."))
    };
    let (first, second) = (one("first")?, one("second")?);
    let (tls, http) = (first.tls_likeness(&second), first.http_likeness(&second));
    Ok(Comparison {
        similarity: share((2 * tls + http) / 3),
        tls_similarity: share(tls),
        http_similarity: share(http),
        same: tls == SAME && http == SAME,
    })
}

fn parse(body: &[u8]) -> Result<Value, String> {
    let value = serde_json::from_slice(body).map_err(|error| format!("The body is not JSON: {error}."))?;
    match value {
        Value::Object(_) => Ok(value),
        _ => Err("The body is JSON but not a map: send {\"tls_data\": …}.".into()),
    }
}

/// Ten-thousandths as a number from 0 to 1.
fn share(parts: u64) -> f64 {
    f64::from(u32::try_from(parts).unwrap_or(u32::MAX)) / 10_000.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn identify(body: &str, model: u64) -> Result<String, String> {
        let catalogue = Catalogue::new().unwrap();
        let judge = Judge { catalogue: &catalogue, model };
        let identity = judge.identify(body.as_bytes())?;
        Ok(serde_json::to_string(&identity).unwrap())
    }

    const BODY: &str = r#"{"tls_data":"FgMBAgA=","http_headers":{"User-Agent":"x","Accept":"y"}}"#;

    #[test]
    fn one_fingerprint_has_one_answer_whatever_the_case_and_order_of_its_headers() {
        let other = r#"{"http_headers":{"accept":"y","USER-AGENT":"x"},"tls_data":"FgMBAgA="}"#;
        assert_eq!(identify(BODY, 1), identify(BODY, 1));
        assert_eq!(identify(BODY, 1), identify(other, 1));
    }

    #[test]
    fn each_part_of_the_fingerprint_and_the_model_change_the_answer() {
        let before = identify(BODY, 1).unwrap();
        for (from, to) in [("FgMB", "FgMC"), ("\"x\"", "\"z\""), ("Accept", "Accepts")] {
            assert_ne!(identify(&BODY.replace(from, to), 1).unwrap(), before, "{from}");
        }
        assert_ne!(identify(BODY, 2).unwrap(), before);
    }

    #[test]
    fn the_session_id_is_echoed_only_when_the_request_has_it() {
        assert!(!identify(BODY, 1).unwrap().contains("session_id"));
        for value in [r#""s-1""#, r#""a\"b""#, "17", "null", "true", r#"{"a":[1]}"#] {
            let body = BODY.replacen('{', &format!("{{\"session_id\":{value},"), 1);
            let answer = identify(&body, 1).unwrap();
            assert!(answer.ends_with(&format!(r#","session_id":{value}}}"#)), "{answer}");
        }
    }

    #[test]
    fn the_session_id_changes_nothing_else() {
        let body = BODY.replacen('{', r#"{"session_id":"s","#, 1);
        let answer = identify(&body, 1).unwrap();
        assert_eq!(answer.replace(r#","session_id":"s""#, ""), identify(BODY, 1).unwrap());
    }

    #[test]
    fn bad_input_gets_a_sentence_that_names_it() {
        let table = [
            ("", "not JSON"),
            ("[]", "not a map"),
            (r#"{"http_headers":{}}"#, "tls_data is missing"),
            (r#"{"tls_data":5,"http_headers":{}}"#, "tls_data is missing"),
            (r#"{"tls_data":"","http_headers":{}}"#, "tls_data is empty"),
            (r#"{"tls_data":"*","http_headers":{}}"#, "not base64"),
            (r#"{"tls_data":"AAAA"}"#, "http_headers is missing"),
            (r#"{"tls_data":"AAAA","http_headers":{"a":1}}"#, "http_headers.a is not text"),
            (r#"{"tls_data":"AAAA","http_headers":{"a":"1","A":"2"}}"#, "twice"),
        ];
        for (body, words) in table {
            let sentence = identify(body, 1).unwrap_err();
            assert!(sentence.contains(words) && sentence.ends_with('.'), "{body}: {sentence}");
        }
    }

    #[test]
    fn of_two_members_with_one_name_the_last_counts() {
        let body = BODY.replacen('{', r#"{"tls_data":"AAAA","#, 1);
        assert_eq!(identify(&body, 1), identify(BODY, 1));
    }

    #[test]
    fn a_batch_answers_each_as_alone() {
        let catalogue = Catalogue::new().unwrap();
        let judge = Judge { catalogue: &catalogue, model: 1 };
        let batch = judge.batch(format!(r#"{{"requests":[{BODY},{BODY}]}}"#).as_bytes()).unwrap();
        let alone = identify(BODY, 1).unwrap();
        let both = serde_json::to_string(&batch).unwrap();
        assert_eq!(both, format!(r#"{{"results":[{alone},{alone}],"total":2}}"#));
        let sentence = |body: &str| judge.batch(body.as_bytes()).err().unwrap();
        assert!(sentence(r#"{"requests":[]}"#).contains("1 to 100"));
        assert!(sentence(&format!(r#"{{"requests":[{BODY},{{}}]}}"#)).contains("requests[1].tls_data"));
    }

    #[test]
    fn comparing_measures_what_is_alike() {
        let pair = |second: &str| {
            let body = format!(r#"{{"first":{BODY},"second":{second}}}"#);
            serde_json::to_value(compare(body.as_bytes()).unwrap()).unwrap()
        };
        let same = pair(BODY);
        assert_eq!((same.get("similarity"), same.get("same")), (Some(&1.0.into()), Some(&true.into())));
        let other = pair(&BODY.replace("\"x\"", "\"z\""));
        assert_eq!(other.get("tls_similarity"), Some(&1.0.into()));
        assert_eq!(other.get("http_similarity"), Some(&0.5.into()));
        assert!(compare(format!(r#"{{"first":{BODY}}}"#).as_bytes()).is_err());
    }
}
