//! Configurations: faults are named, each on its line; and what is accepted is written out as the same configuration.
#![no_main]

use fingerprint_cache::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| match Config::parse(input) {
    Ok(config) => {
        let effective = config.effective().to_string();
        assert_eq!(Config::parse(effective.as_bytes()).as_ref(), Ok(&config), "{effective}");
        for rule in &config.rules {
            let _ = rule.matches("GET", b"h.example:80", b"/a/b");
        }
    }
    Err(errors) => {
        assert!(!errors.problems().is_empty());
        assert_eq!(errors.to_string().lines().count(), errors.problems().len(), "{errors}");
    }
});
