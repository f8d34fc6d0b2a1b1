//! Stories: one ban and the entries around it, and what becomes of many.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

pub(super) fn at(epoch: &str, n: u64) -> Position {
    Position { epoch: epoch.to_owned(), n }
}

fn notice(op: &str, scope: &str, value: &str) -> Notice {
    Notice::read(op.as_bytes(), scope.as_bytes(), value.as_bytes())
}

const ABOUT: About = About {
    key: "profiles:0123456789abcdef0123456789abcdef",
    uri: 0xab,
    host: "API.example.com",
    target: "/v1/models/7?full=1",
    rule: "profiles",
    tags: &[],
    more_tags: &[],
};

/// Bans in epoch `x` of one notice at 5.
fn one(op: &str, scope: &str, value: &str) -> Bans {
    let mut bans = Bans::default();
    bans.enter("x");
    bans.add(&notice(op, scope, value), &at("x", 5), Instant(70));
    bans
}

#[test]
fn a_ban_holds_for_what_it_names() {
    let tags = ["models".to_owned(), "hot".to_owned()];
    let about = About { tags: &tags[..1], more_tags: &tags[1..], ..ABOUT };
    let held = |scope: &str, value: &str| one("invalidate", scope, value).admits(&about, &at("x", 4), "x");
    for (scope, value) in [
        ("all", ""),
        ("key", about.key),
        ("uri", "000000000000000000000000000000ab"),
        ("uri", about.target),
        ("uri", "api.example.com/v1/models/7?full=1"),
        ("prefix", "/v1/"),
        ("prefix", "Api.example.com/v1/"),
        ("prefix", "api."),
        ("pattern", "/v1/*/7?full=*"),
        ("pattern", "*.example.com/v1/**"),
        ("tag", "models"),
        ("tag", "hot"),
        ("rule", "profiles"),
        ("unknown", "x"),
    ] {
        assert_eq!(held(scope, value), Admission::Banned, "{scope} {value}");
    }
    for (scope, value) in [
        ("key", "profiles:0123456789abcdef0123456789abcde0"),
        ("uri", "000000000000000000000000000000ac"),
        ("uri", "/v1/models/7"),
        ("uri", "example.com/v1/models/7?full=1"),
        ("prefix", "/models"),
        ("prefix", "example.com"),
        ("pattern", "/v1/*"),
        ("pattern", "api.example.com/v2/**"),
        ("tag", "profiles"),
        ("rule", "models"),
        ("rule", "hot"),
    ] {
        assert_eq!(held(scope, value), Admission::Admitted, "{scope} {value}");
    }
}

#[test]
fn a_ban_names_a_host_with_its_port_or_without() {
    let held = |host, scope: &str, value: &str| {
        let about = About { host, ..ABOUT };
        one("invalidate", scope, value).admits(&about, &at("x", 4), "x")
    };
    for (scope, rest) in [("uri", "/v1/models/7?full=1"), ("prefix", "/v1/"), ("pattern", "/v1/**")] {
        for (host, named, found) in [
            ("api.example.com:80", "api.example.com:80", Admission::Banned),
            ("api.example.com:80", "api.example.com", Admission::Banned),
            ("api.example.com:8443", "api.example.com:80", Admission::Admitted),
        ] {
            assert_eq!(held(host, scope, &format!("{named}{rest}")), found, "{scope} {named} of {host}");
        }
    }
}

#[test]
fn only_what_was_fetched_since_is_admitted() {
    let bans = one("invalidate", "rule", "profiles");
    for (epoch, n, current, admitted) in [
        ("x", 4, "x", false),
        ("x", 5, "x", true),
        ("x", 6, "x", true),
        ("x", 5, "y", true),
        ("x", 4, "y", false),
        ("y", 0, "y", true),
        ("y", 9, "x", false),
        ("y", 9, "z", false),
        ("", 9, "x", false),
        ("", 0, "", true),
    ] {
        let is = bans.admits(&ABOUT, &at(epoch, n), current) == Admission::Admitted;
        assert_eq!(is, admitted, "{epoch}:{n} in {current}");
    }
}

#[test]
fn a_refresh_leaves_it_stale_and_an_invalidation_goes_before_it() {
    let mut bans = one("refresh", "rule", "profiles");
    assert_eq!(bans.admits(&ABOUT, &at("x", 4), "x"), Admission::Refreshed(Instant(70)));
    assert_eq!(bans.admits(&ABOUT, &at("x", 5), "x"), Admission::Admitted);
    bans.add(&notice("refresh", "all", ""), &at("x", 6), Instant(60));
    assert_eq!(bans.admits(&ABOUT, &at("x", 4), "x"), Admission::Refreshed(Instant(60)), "the first that was heard");
    assert_eq!(bans.admits(&ABOUT, &at("y", 9), "x"), Admission::Refreshed(Instant(60)));
    bans.add(&notice("invalidate", "prefix", "/v1/"), &at("x", 5), Instant(90));
    assert_eq!(bans.admits(&ABOUT, &at("x", 4), "x"), Admission::Banned);
    assert_eq!(bans.admits(&ABOUT, &at("x", 5), "x"), Admission::Refreshed(Instant(60)));
}

#[test]
fn the_later_ban_of_one_field_stays() {
    for scope in ["rule", "all", "prefix"] {
        let value = if scope == "prefix" { "/v1/" } else { "profiles" };
        let mut bans = one("invalidate", scope, value);
        let length = bans.len();
        bans.add(&notice("invalidate", scope, value), &at("x", 9), Instant(80));
        bans.add(&notice("invalidate", scope, value), &at("x", 7), Instant(75));
        assert_eq!(bans.len(), length);
        assert_eq!(bans.admits(&ABOUT, &at("x", 8), "x"), Admission::Banned, "{scope}");
        assert_eq!(bans.admits(&ABOUT, &at("x", 9), "x"), Admission::Admitted, "{scope}");
        bans.forget(Instant(85), Duration::from_micros(5));
        assert_eq!(bans.admits(&ABOUT, &at("x", 8), "x"), Admission::Banned, "{scope}");
    }
}

#[test]
fn a_ban_goes_when_it_has_outlived_every_entry() {
    for (op, scope, value) in [("invalidate", "all", ""), ("refresh", "tag", "a"), ("refresh", "pattern", "/a/*")] {
        let mut bans = one(op, scope, value);
        bans.forget(Instant(80), Duration::from_micros(10));
        assert_eq!(bans.len(), 1, "{scope}");
        bans.forget(Instant(81), Duration::from_micros(10));
        assert!(bans.is_empty(), "{scope}");
    }
}

#[test]
fn a_prewarm_leaves_no_ban() {
    let bans = one("prewarm", "uri", "api.example.com/v1/models/7?full=1");
    assert_eq!((bans.len(), bans.serial()), (0, 0));
    assert_eq!(one("refresh", "tag", "a").serial(), 1);
}

#[test]
fn too_many_bans_become_one_of_everything() {
    let mut bans = Bans::default();
    bans.enter("x");
    for n in 1..=10_000 {
        bans.add(&notice("invalidate", "tag", &n.to_string()), &at("x", n), Instant(n));
    }
    assert_eq!(bans.len(), 10_000);
    assert_eq!(bans.admits(&ABOUT, &at("x", 0), "x"), Admission::Admitted);
    bans.add(&notice("refresh", "tag", "0"), &at("x", 10_001), Instant(10_001));
    assert_eq!(bans.len(), 5_001, "the newest, and one of everything");
    assert_eq!(bans.admits(&ABOUT, &at("x", 5_000), "x"), Admission::Banned);
    assert_eq!(bans.admits(&ABOUT, &at("x", 5_001), "x"), Admission::Admitted);
    let tags = ["0".to_owned(), "5002".to_owned()];
    let [refreshed, invalidated] = [&tags[..1], &tags[1..]].map(|tags| About { tags, ..ABOUT });
    assert_eq!(bans.admits(&refreshed, &at("x", 5_001), "x"), Admission::Refreshed(Instant(10_001)));
    assert_eq!(bans.admits(&invalidated, &at("x", 5_001), "x"), Admission::Banned);
    bans.forget(Instant(5_003), Duration::from_micros(2));
    assert_eq!(bans.admits(&ABOUT, &at("x", 5_000), "x"), Admission::Banned, "as long as the newest of them would be");
}

#[test]
fn of_too_many_those_of_other_epochs_go_first() {
    let mut bans = Bans { bounds: Bounds { exact: (3, 3), ..Bounds::default() }, ..Bans::default() };
    bans.enter("x");
    let tag = |tag: &str| notice("refresh", "tag", tag);
    bans.add(&tag("a"), &at("x", 90), Instant(1));
    bans.enter("y");
    for (name, n) in [("b", 1), ("c", 2), ("d", 3)] {
        bans.add(&tag(name), &at("y", n), Instant(n));
    }
    assert_eq!(bans.admits(&ABOUT, &at("x", 89), "y"), Admission::Banned);
    assert_eq!(bans.admits(&ABOUT, &at("x", 90), "y"), Admission::Admitted);
    let tags = ["b".to_owned()];
    let kept = About { tags: &tags, ..ABOUT };
    assert_eq!(bans.admits(&kept, &at("y", 0), "y"), Admission::Refreshed(Instant(1)));
}

#[test]
fn of_too_many_prefixes_half_stay() {
    let mut bans = Bans::default();
    for n in 1..=65 {
        let place = if n % 2 == 0 { ("prefix", format!("/{n}/")) } else { ("pattern", format!("/{n}/*")) };
        bans.add(&notice("invalidate", place.0, &place.1), &at("x", n), Instant(n));
    }
    assert_eq!(bans.len(), 33);
    assert_eq!(bans.admits(&ABOUT, &at("x", 32), "x"), Admission::Banned);
    assert_eq!(bans.admits(&ABOUT, &at("x", 33), "x"), Admission::Admitted);
    let newest = About { target: "/65/a", ..ABOUT };
    assert_eq!(bans.admits(&newest, &at("x", 64), "x"), Admission::Banned);
}

#[test]
fn of_too_many_epochs_the_oldest_admits_nothing_but_the_present() {
    let mut bans = one("refresh", "tag", "a");
    for epoch in ["1", "2", "3", "4", "5", "6", "7"] {
        bans.enter(epoch);
    }
    assert_eq!(bans.admits(&ABOUT, &at("x", 5), "7"), Admission::Admitted);
    bans.enter("8");
    assert_eq!(bans.admits(&ABOUT, &at("x", 5), "8"), Admission::Banned);
    assert_eq!(bans.admits(&ABOUT, &at("8", 0), "8"), Admission::Admitted);
    bans.forget(Instant(71), Duration::from_micros(1));
    assert_eq!(bans.admits(&ABOUT, &at("x", 5), "8"), Admission::Banned);
    bans.forget(Instant(72), Duration::from_micros(1));
    assert_eq!(bans.admits(&ABOUT, &at("x", 5), "8"), Admission::Admitted);
}
