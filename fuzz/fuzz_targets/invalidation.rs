//! What an unsafe request invalidates: its own target first, each once, and nothing of another origin.
#![no_main]

use fingerprint_cache::http::Headers;
use fingerprint_cache::rfc9111::invalidation::{affected, normal_host, represents_target};
use fuzz::message::{headers, parts};
use libfuzzer_sys::fuzz_target;

/// Scheme and authority of a reference, where it has its own; by hand, without a reader of URIs.
fn own_origin(reference: &str) -> Option<(Option<String>, Option<String>)> {
    let end = reference.find(['/', '?', '#']).unwrap_or(reference.len());
    let (scheme, rest) = match reference[..end].split_once(':') {
        Some((scheme, _)) => (Some(scheme.to_ascii_lowercase()), &reference[scheme.len() + 1..]),
        None => (None, reference),
    };
    let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(rest).to_owned());
    (scheme.is_some() || authority.is_some()).then_some((scheme, authority))
}

/// Whether a reference leads elsewhere as far as one can see.
fn leads_elsewhere(reference: &str, scheme: &str, host: &[u8]) -> bool {
    let Some((own, authority)) = own_origin(reference) else { return false };
    let other_host = |authority: &String| normal_host(authority.as_bytes(), scheme.as_bytes()) != host;
    own.is_some_and(|own| own != scheme.to_ascii_lowercase())
        || authority.is_none_or(|authority| other_host(&authority))
}

fuzz_target!(|input: &[u8]| {
    let [request, response] = parts(input).map(headers);
    let field = |name| request.get(name).unwrap_or_default();
    let (scheme, host, target) = (field(":scheme"), field(":authority"), field(":path"));
    let normal = normal_host(host, scheme);
    // Of a host with more than one colon, so no host, one port goes each time.
    let after_address = host.rsplit(|byte| *byte == b']').next().unwrap_or_default();
    let is_host = after_address.iter().filter(|byte| **byte == b':').count() <= 1;
    assert!(!is_host || normal_host(&normal, scheme) == normal, "normal twice is normal once");

    let all = affected(scheme, host, target, &response);
    let before_fragment = target.split(|byte| *byte == b'#').next().unwrap_or_default();
    assert_eq!(all.first().map(|own| own.target.as_slice()), Some(before_fragment));
    for (index, found) in all.iter().enumerate() {
        assert_eq!(found.host, normal, "of the same origin");
        assert!(index == 0 || found.target.starts_with(b"/"), "{found:?}");
        assert!(!all[..index].contains(found), "each once");
    }
    for reference in response.all("location") {
        let alone = Headers::from_pairs(vec![("location".to_owned(), reference.to_vec())]);
        let alone = affected(scheme, host, target, &alone);
        let (text, scheme) = (String::from_utf8_lossy(reference), String::from_utf8_lossy(scheme));
        let elsewhere = leads_elsewhere(text.trim_matches([' ', '\t']), &scheme, &normal);
        assert!(alone.len() == 1 || !elsewhere, "{text:?} is not of this origin");
    }
    let _ = represents_target(scheme, host, target, &response);
});
