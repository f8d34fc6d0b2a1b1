//! Entity tags, lists of them, and the conditions that they stand in.
#![no_main]

use fingerprint_cache::http::Headers;
use fingerprint_cache::http::etag::{EntityTag, EntityTags};
use fingerprint_cache::rfc9111::{precondition, validation};
use fuzz::message::{headers, parts, stored};
use libfuzzer_sys::fuzz_target;

const FIELD: &str = "if-none-match";

fn written(tag: &EntityTag<'_>) -> Vec<u8> {
    [if tag.weak { &b"W/\""[..] } else { b"\"" }, tag.opaque, b"\""].concat()
}

/// A list that was read is read again from its own text.
fn reread(tags: &[EntityTag<'_>]) {
    let line = tags.iter().map(written).collect::<Vec<_>>().join(&b", "[..]);
    let headers = Headers::from_pairs(vec![(FIELD.to_owned(), line)]);
    assert_eq!(EntityTags::read(&headers, FIELD), Some(EntityTags::List(tags.to_vec())));
}

fuzz_target!(|input: &[u8]| {
    let [asked, held] = parts(input);
    let (request, held) = (headers(asked), stored(held));
    if let Some(EntityTags::List(tags)) = EntityTags::read(&request, FIELD) {
        reread(&tags);
        for tag in &tags {
            assert_eq!(EntityTag::parse(&written(tag)), Some(*tag));
            assert!(tag.weakly_equals(*tag) && tag.strongly_equals(*tag) != tag.weak);
        }
        let mut own =
            held.iter().filter(|(name, _)| name == "etag").filter_map(|(_, tag)| EntityTag::parse(tag.as_bytes()));
        if precondition::not_modified(&request, 200, &held) {
            assert!(own.any(|own| tags.iter().any(|tag| own.opaque == tag.opaque)), "not modified, but no tag");
        }
    }
    // What we ask the origin is a condition that an unchanged answer meets.
    let conditions: Headers = validation::conditions(&held, false)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect();
    assert!(conditions.is_empty() || precondition::not_modified(&conditions, 200, &held), "{conditions:?}");
    let _ = validation::answers(&held, &request);
    let _ = validation::head_answers(&held, 0, &request);
    let freshened = validation::freshened(&held, &stored(asked));
    assert_eq!(validation::freshened(&freshened, &stored(asked)).len(), freshened.len(), "freshened twice it grows");
});
