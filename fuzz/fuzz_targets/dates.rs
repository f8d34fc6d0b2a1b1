//! Dates: what is read can be written, and is read again as the same second.
#![no_main]

use fingerprint_cache::http::date;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // No message has control bytes in a field: a date between some of them is not asked about.
    if input.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return;
    }
    let Some(moment) = date::parse(input) else { return };
    assert_eq!(date::parse(date::write(moment).as_bytes()), Some(moment));
    assert_eq!(date::parse(&input.to_ascii_lowercase()), Some(moment), "case does not count");
    assert_eq!(date::parse(&[b" ", input, b"\t"].concat()), Some(moment), "nor does space around it");
});
