use super::*;

fn map(targets: &[&str], urls: &[&str]) -> Map {
    let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    Map::read(&Given { targets: own(targets), urls: own(urls), alone: false, host: "api".to_owned() }).unwrap()
}

fn said_by(map: &Map, kind: Kind, pattern: &str) -> String {
    let event = Event { kind, pattern: pattern.to_owned(), sent: None, source: String::new() };
    let text = |notice: &Notice| format!("{} {} {}", notice.op.as_str(), notice.scope.as_str(), notice.scope.value());
    match map.translate(&event) {
        Translation::Notices(notices) => notices.iter().map(text).collect::<Vec<_>>().join("; "),
        Translation::Nothing => "nothing".to_owned(),
        Translation::Unmapped(notice) => format!("unmapped {}", notice.as_ref().map(text).unwrap_or_default()),
    }
}

fn said(kind: Kind, pattern: &str) -> String {
    said_by(&map(&[], &[]), kind, pattern)
}

#[test]
fn the_keys_of_the_fingerprint_api_are_known() {
    for (pattern, expected) in [
        ("fingerprint:v1:chrome133", "tag profile"),
        ("fingerprint:v1:chrome133*", "tag profile"),
        ("fingerprint:v1:*", "tag profile; invalidate tag model"),
        ("fingerprint:*", "tag profile; invalidate tag model"),
        ("fingerprint:v1*", "tag profile; invalidate tag model"),
        ("feature:tls:*", "tag model"),
        ("ml_model:v2", "tag model"),
        ("dns:example.com", "tag dns"),
        ("/v1/fingerprints/profiles/chrome_120_win", "uri /v1/fingerprints/profiles/chrome_120_win"),
        ("/v1/fingerprints/*", "prefix /v1/fingerprints/"),
        ("*", "all "),
    ] {
        assert_eq!(said(Kind::Invalidate, pattern), format!("invalidate {expected}"), "{pattern}");
    }
    assert_eq!(said(Kind::Update, "ml_model:*"), "refresh tag model");
}

#[test]
fn what_no_line_says_is_said_of_everything() {
    for pattern in ["user:1", "f*", "*:chrome133", "fingerprint"] {
        assert_eq!(said(Kind::Invalidate, pattern), "unmapped invalidate all ", "{pattern}");
    }
    assert_eq!(said(Kind::Update, "user:1"), "unmapped refresh all ");
    assert_eq!(said(Kind::Prewarm, "user:1"), "unmapped ");
}

#[test]
fn the_operators_lines_come_first() {
    let map = map(
        &["fingerprint:*:*=pattern:/p/$2", "fingerprint:*:*=tag:$1", "dns:*=none"],
        &["fingerprint:v1:*=http://h/p/$1"],
    );
    let expected = "invalidate pattern /p/chrome133*; invalidate tag v1";
    assert_eq!(said_by(&map, Kind::Invalidate, "fingerprint:v1:chrome133*"), expected);
    assert_eq!(said_by(&map, Kind::Invalidate, "fingerprint:v*:chrome"), "unmapped invalidate all ");
    assert_eq!(said_by(&map, Kind::Invalidate, "dns:x"), "nothing");
    assert_eq!(said_by(&map, Kind::Prewarm, "fingerprint:v1:a"), "prewarm uri http://h/p/a");
}

#[test]
fn without_the_built_in_lines_only_the_operators_count() {
    let given = Given { targets: vec!["a=tag:a".to_owned()], alone: true, ..Given::default() };
    let map = Map::read(&given).unwrap();
    assert_eq!(said_by(&map, Kind::Invalidate, "a"), "invalidate tag a");
    assert_eq!(said_by(&map, Kind::Invalidate, "ml_model:x"), "unmapped invalidate all ");
}

#[test]
fn only_what_is_one_url_is_prewarmed() {
    let list = "prewarm uri api/v1/fingerprints/profiles";
    assert_eq!(said(Kind::Prewarm, "fingerprint:v1:chrome_120_win"), format!("{list}/chrome_120_win"));
    for pattern in ["fingerprint:v1:chrome133", "fingerprint:v1:chrome_*", "fingerprint:*"] {
        assert_eq!(said(Kind::Prewarm, pattern), list, "{pattern}");
    }
    assert_eq!(said(Kind::Prewarm, "feature:*"), "prewarm uri api/api/v1/models/features");
    assert_eq!(said(Kind::Prewarm, "dns:x"), "nothing");
    assert_eq!(said(Kind::Prewarm, "/a/*"), "unmapped ");
}

#[test]
fn a_line_that_cannot_be_read_says_what_to_write() {
    for (line, expected) in [
        ("a", "has no ="),
        ("a=tag", "needs a value"),
        ("a=all:x", "needs a value"),
        ("a=host:x", "write all, none, or key"),
        ("a=tag:$1", "0 stars"),
        ("a\\=tag:x", "backslash"),
    ] {
        let given = Given { targets: vec![line.to_owned()], ..Given::default() };
        let error = Map::read(&given).unwrap_err();
        assert!(error.contains(expected) && error.contains("mapping"), "{line}: {error}");
    }
    let given = Given { urls: vec!["a=b".to_owned()], ..Given::default() };
    assert!(Map::read(&given).unwrap_err().contains("a URL"));
}
