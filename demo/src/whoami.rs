//! Who a client is by its TLS hello: `whoami` answers from the JA4 fingerprint in
//! `x-ja4`, which whoever ends TLS puts there and lets no client put there.

use crate::profiles::Catalogue;
use crate::seed::Seed;
use hyper::HeaderMap;
use serde::Serialize;

/// The header with the fingerprint of the client's hello.
const HEADER: &str = "x-ja4";

/// The answer of `whoami`; all of it but `ja4` is absent where nobody saw a hello.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Whoami {
    ja4: Option<String>,
    #[serde(flatten)]
    told: Option<Told>,
}

/// What the fingerprint tells. The family is as synthetic as all that the service
/// says, and the same for the same fingerprint.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Told {
    tls_version: &'static str,
    cipher_suites: u8,
    extensions: u8,
    alpn: Option<String>,
    family: &'static str,
}

/// Answers from the headers of a request; the error is a sentence for whoever sent
/// the fingerprint.
pub fn whoami(headers: &HeaderMap, catalogue: &Catalogue) -> Result<Whoami, String> {
    let Some(value) = headers.get(HEADER).filter(|value| !value.is_empty()) else {
        return Ok(Whoami { ja4: None, told: None });
    };
    let ja4 = value.to_str().unwrap_or_default();
    let told = told(ja4, catalogue).ok_or_else(|| {
        format!("{HEADER} is no JA4 fingerprint: have the proxy that ends TLS send one, such as t13d1516h2_8daaf6152771_e5627efa2ab1.")
    })?;
    Ok(Whoami { ja4: Some(ja4.to_owned()), told: Some(told) })
}

/// Reads `t13d1516h2_` and two digests: transport, version, name or address, how
/// many ciphers, how many extensions, the ends of the first protocol offered.
fn told(ja4: &str, catalogue: &Catalogue) -> Option<Told> {
    let mut parts = ja4.split('_');
    let (hello, digests) = (parts.next()?, [parts.next()?, parts.next()?]);
    let hexadecimal = |digest: &str| digest.len() == 12 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    if parts.next().is_some() || !digests.into_iter().all(hexadecimal) || !shaped(hello) {
        return None;
    }
    let family = catalogue.pick("", "", &mut Seed::of(&[b"whoami", ja4.as_bytes()]))?.browser;
    Some(Told {
        tls_version: version(hello.get(1..3)?)?,
        cipher_suites: hello.get(4..6)?.parse().ok()?,
        extensions: hello.get(6..8)?.parse().ok()?,
        alpn: hello.get(8..10).filter(|ends| *ends != "00").map(str::to_owned),
        family,
    })
}

fn shaped(hello: &str) -> bool {
    let mut letters = hello.bytes();
    let transport = matches!(letters.next(), Some(b't' | b'q' | b'd'));
    let name = matches!(hello.as_bytes().get(3), Some(b'd' | b'i'));
    transport && name && hello.len() == 10 && letters.all(|byte| byte.is_ascii_alphanumeric())
}

fn version(code: &str) -> Option<&'static str> {
    match code {
        "13" => Some("1.3"),
        "12" => Some("1.2"),
        "11" => Some("1.1"),
        "10" => Some("1.0"),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    const JA4: &str = "t13d1516h2_8daaf6152771_e5627efa2ab1";

    fn asked(value: &str) -> Result<Whoami, String> {
        let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), value.parse().unwrap())]);
        whoami(&headers, &Catalogue::new().unwrap())
    }

    #[test]
    fn what_the_fingerprint_says_is_told() {
        let mut answer = serde_json::to_value(asked(JA4).unwrap()).unwrap();
        let family = answer.as_object_mut().unwrap().remove("family").unwrap();
        assert!(crate::profiles::is_browser(family.as_str().unwrap()), "{family}");
        let expected = json!({ "ja4": JA4, "tls_version": "1.3", "cipher_suites": 15, "extensions": 16, "alpn": "h2" });
        assert_eq!(answer, expected);
    }

    #[test]
    fn one_fingerprint_has_one_answer_and_another_another() {
        assert_eq!(asked(JA4), asked(JA4));
        let families = (0..20).map(|number| asked(&format!("t12i0100h1_{number:012x}_000000000000")).unwrap());
        let families: Vec<_> = families.map(|answer| answer.told.unwrap().family).collect();
        assert!(families.iter().any(|family| Some(family) != families.first()), "{families:?}");
    }

    #[test]
    fn without_a_fingerprint_there_is_nothing_to_tell() {
        let nobody = whoami(&HeaderMap::new(), &Catalogue::new().unwrap()).unwrap();
        assert_eq!(serde_json::to_value(nobody).unwrap(), json!({ "ja4": null }));
        assert_eq!(serde_json::to_value(asked("").unwrap()).unwrap(), json!({ "ja4": null }));
        let silent = asked("t13i310900_8daaf6152771_e5627efa2ab1").unwrap();
        assert_eq!(silent.told.unwrap().alpn, None);
    }

    #[test]
    fn what_is_no_fingerprint_gets_a_sentence() {
        for value in [
            "-",
            "chrome",
            "t13d1516h2",
            "t13d1516h2_8daaf6152771",
            "t13d1516h2_8daaf6152771_e5627efa2ab",
            "t13d1516h2_8daaf6152771_e5627efa2ab1_",
            "x13d1516h2_8daaf6152771_e5627efa2ab1",
            "t99d1516h2_8daaf6152771_e5627efa2ab1",
            "t13x1516h2_8daaf6152771_e5627efa2ab1",
            "t13dab16h2_8daaf6152771_e5627efa2ab1",
            "t13d1516h_8daaf6152771_e5627efa2ab1",
            "t13d1516h2_8daaf615277z_e5627efa2ab1",
        ] {
            let sentence = asked(value).unwrap_err();
            assert!(sentence.contains(HEADER) && sentence.ends_with('.'), "{value}: {sentence}");
        }
    }
}
