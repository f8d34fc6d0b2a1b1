//! `Vary`: a request has an answer exactly if it writes the same values for it, in text as in comparison.
#![no_main]

use fingerprint_cache::rfc9111::selection::{matches, nominated, selecting, vary_names};
use fuzz::message::{headers, parts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [said, one, other] = parts(input).map(headers);
    let star = said.list("vary").any(|member| member == b"*");
    let Ok(names) = vary_names(&said) else { return };
    assert!(!star);
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    for names in [names, vec!["accept-language".to_owned(), "x".to_owned()]] {
        let (first, second) = (selecting(&one, &names), selecting(&other, &names));
        assert!(matches(&first, &one) && matches(&second, &other), "a request has its own answer");
        assert_eq!(matches(&first, &other), first == second);
        assert_eq!(matches(&second, &one), first == second);
        for (name, value) in &first {
            assert_eq!(*value, nominated(&one, name));
            assert_eq!(value.is_some(), one.contains(name));
        }
    }
});
