//! Stories: reads that go on, reads that do not, and what siblings tell.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

pub(super) fn at(epoch: &str, n: u64) -> Position {
    Position { epoch: epoch.to_owned(), n }
}

pub(super) fn tag(name: &str) -> Notice {
    Notice::read(b"invalidate", b"tag", name.as_bytes())
}

pub(super) fn next(epoch: &str, n: u64, notices: &[Notice]) -> News {
    News::Next { to: at(epoch, n), notices: notices.to_vec() }
}

pub(super) fn whole(epoch: &str, n: u64) -> News {
    News::Whole { at: at(epoch, n), born: 0, continues: None, bans: Vec::new() }
}

/// What a follower says of an entry with a tag.
pub(super) fn admits(follower: &Follower, name: &str, position: &Position) -> Admission {
    let tags = [name.to_owned()];
    let about = About { key: "", uri: 0, host: "", target: "", rule: "", tags: &tags, more_tags: &[] };
    follower.admits(&about, position)
}

/// One that has read epoch `x` up to 5, sent at 100.
fn at_five() -> Follower {
    let mut follower = Follower::new();
    let start = Heard::Reloaded { why: Discontinuity::Start, empties: false };
    assert_eq!(follower.read(whole("x", 5), Instant(100)), start);
    follower
}

#[test]
fn one_that_knows_nothing_reads_everything_first() {
    let mut follower = Follower::new();
    assert_eq!((follower.position(), follower.lag(Instant(7))), (None, None));
    assert!(!follower.knows(&at("x", 0)));
    assert_eq!(follower.read(next("x", 1, &[tag("a")]), Instant(5)), Heard::Gap);
    let batch = Batch { from: at("x", 0), to: at("x", 0), notices: Vec::new(), sent: Timestamp(0) };
    assert_eq!(follower.follow(&batch, Instant(5)), Heard::Gap);
    assert_eq!(follower.lag(Instant(7)), None);
    assert_eq!(admits(&follower, "a", &Position::default()), Admission::Admitted);
}

#[test]
fn it_reads_on_from_where_it_stands() {
    let mut follower = at_five();
    let serial = follower.serial();
    let notices = [tag("a"), tag("b")];
    assert_eq!(follower.read(next("x", 7, &notices), Instant(200)), Heard::Followed(notices.to_vec()));
    assert_eq!(follower.position(), Some(&at("x", 7)));
    assert!(follower.serial() > serial);
    // Each stands at its own place.
    assert_eq!(admits(&follower, "a", &at("x", 5)), Admission::Banned);
    assert_eq!(admits(&follower, "a", &at("x", 6)), Admission::Admitted);
    assert_eq!(admits(&follower, "b", &at("x", 6)), Admission::Banned);
    assert_eq!(admits(&follower, "b", &at("x", 7)), Admission::Admitted);
    assert!(follower.knows(&at("x", 7)) && follower.knows(&at("x", 3)));
    assert!(!follower.knows(&at("x", 8)) && !follower.knows(&at("y", 3)));
}

#[test]
fn its_knowledge_is_as_old_as_the_sending_of_its_last_read() {
    let mut follower = at_five();
    assert_eq!(follower.lag(Instant(130)), Some(Duration::from_micros(30)));
    assert_eq!(follower.read(next("x", 5, &[]), Instant(200)), Heard::Followed(Vec::new()));
    assert_eq!(follower.lag(Instant(230)), Some(Duration::from_micros(30)));
    follower.read(next("x", 5, &[]), Instant(150));
    assert_eq!(follower.lag(Instant(230)), Some(Duration::from_micros(30)), "an older read makes nothing older");
    follower.read(whole("x", 5), Instant(220));
    assert_eq!(follower.lag(Instant(230)), Some(Duration::from_micros(10)));
    follower.read(next("x", 9, &[]), Instant(229));
    assert_eq!(follower.lag(Instant(230)), Some(Duration::from_micros(10)), "a gap is no knowledge");
}

#[test]
fn what_does_not_go_on_changes_nothing() {
    let mut follower = at_five();
    let serial = follower.serial();
    for news in [
        next("x", 7, &[tag("a")]),
        next("x", 5, &[tag("a")]),
        next("x", 4, &[tag("a")]),
        next("x", 4, &[]),
        next("y", 6, &[tag("a")]),
        next("y", 5, &[]),
    ] {
        assert_eq!(follower.read(news, Instant(200)), Heard::Gap);
    }
    assert_eq!((follower.position(), follower.serial(), follower.bans()), (Some(&at("x", 5)), serial, 0));
}

#[test]
fn reading_whole_says_what_broke_the_thread() {
    let of = |epoch: &str, n: u64, continues: Option<&str>| {
        let (mut follower, continues) = (at_five(), continues.map(str::to_owned));
        let serial = follower.serial();
        let heard = follower.read(News::Whole { at: at(epoch, n), born: 0, continues, bans: Vec::new() }, Instant(200));
        assert!(follower.serial() > serial, "all is asked again");
        assert_eq!(follower.position(), Some(&at(epoch, n)));
        heard
    };
    for (epoch, n, continues, why, empties) in [
        ("x", 5, None, Discontinuity::Trimmed, false),
        ("x", 9, Some("w"), Discontinuity::Trimmed, false),
        ("x", 4, None, Discontinuity::Rewound, true),
        ("x", 4, Some("x"), Discontinuity::Rewound, true),
        ("y", 9, Some("x"), Discontinuity::Epoch, false),
        ("y", 4, Some("x"), Discontinuity::Epoch, true),
        ("y", 5, Some("w"), Discontinuity::Epoch, true),
        ("y", 5, None, Discontinuity::Epoch, true),
    ] {
        assert_eq!(of(epoch, n, continues), Heard::Reloaded { why, empties }, "{epoch}:{n}");
    }
}

#[test]
fn a_log_that_began_after_its_place_is_another_one() {
    let continued = Some("x".to_owned());
    for (epoch, born, why, empties) in [
        ("x", 6, Discontinuity::Rewound, true),
        ("x", 5, Discontinuity::Trimmed, false),
        ("x", 4, Discontinuity::Trimmed, false),
        ("y", 6, Discontinuity::Epoch, true),
        ("y", 5, Discontinuity::Epoch, false),
        ("y", 4, Discontinuity::Epoch, false),
    ] {
        let (mut follower, continues) = (at_five(), continued.clone());
        let heard = follower.read(News::Whole { at: at(epoch, 9), born, continues, bans: Vec::new() }, Instant(200));
        assert_eq!(heard, Heard::Reloaded { why, empties }, "{epoch}:{born}");
        assert_eq!(follower.position(), Some(&at(epoch, 9)));
    }
}

#[test]
fn reading_whole_adds_to_what_it_knew() {
    let mut follower = at_five();
    follower.read(next("x", 6, &[tag("a")]), Instant(200));
    let refresh = Notice { op: Op::Refresh, ..tag("b") };
    let bans = vec![(refresh, at("y", 3), Duration::from_micros(40))];
    follower.read(News::Whole { at: at("y", 4), born: 0, continues: Some("x".to_owned()), bans }, Instant(300));
    assert_eq!(admits(&follower, "a", &at("x", 5)), Admission::Banned);
    assert_eq!(admits(&follower, "a", &at("x", 6)), Admission::Admitted);
    assert_eq!(admits(&follower, "a", &at("y", 0)), Admission::Admitted, "fetched under the present master");
    assert_eq!(admits(&follower, "b", &at("y", 2)), Admission::Refreshed(Instant(260)));
    assert_eq!(admits(&follower, "b", &at("x", 9)), Admission::Refreshed(Instant(260)));
}

#[test]
fn a_refresh_from_before_its_clock_began_invalidates() {
    let mut follower = Follower::new();
    let refresh = |name: &str| Notice { op: Op::Refresh, ..tag(name) };
    let bans = vec![
        (refresh("a"), at("x", 3), Duration::from_micros(101)),
        (refresh("b"), at("x", 3), Duration::from_micros(100)),
        (tag("c"), at("x", 3), Duration::MAX),
    ];
    follower.read(News::Whole { at: at("x", 4), born: 0, continues: None, bans }, Instant(100));
    assert_eq!(admits(&follower, "a", &at("x", 2)), Admission::Banned);
    assert_eq!(admits(&follower, "b", &at("x", 2)), Admission::Refreshed(Instant(0)));
    assert_eq!(admits(&follower, "c", &at("x", 2)), Admission::Banned);
}

#[test]
fn what_outlived_every_entry_is_forgotten() {
    let mut follower = at_five();
    follower.read(next("x", 6, &[tag("a")]), Instant(200));
    follower.forget(Instant(300), Duration::from_micros(100));
    assert_eq!(follower.bans(), 1);
    follower.forget(Instant(301), Duration::from_micros(100));
    assert_eq!(follower.bans(), 0);
}

/// From 4 to 7.
fn batch() -> Batch {
    let notices = [tag("a"), tag("b"), tag("c")].to_vec();
    Batch { from: at("x", 4), to: at("x", 7), notices, sent: Timestamp(9) }
}

#[test]
fn a_sibling_tells_what_is_new() {
    for (n, new) in [(4, &["a", "b", "c"][..]), (5, &["b", "c"]), (7, &[]), (9, &[])] {
        let mut follower = Follower::new();
        follower.read(whole("x", n), Instant(100));
        let new: Vec<Notice> = new.iter().map(|name| tag(name)).collect();
        assert_eq!(follower.follow(&batch(), Instant(200)), Heard::Followed(new.clone()), "{n}");
        assert_eq!(follower.position(), Some(&at("x", n.max(7))));
        // From before its own place nobody can tell what became of that place.
        let age = if n <= 7 { 10 } else { 110 };
        assert_eq!(follower.lag(Instant(210)), Some(Duration::from_micros(age)));
        assert_eq!(follower.bans(), new.len());
        let c = admits(&follower, "c", &at("x", 6));
        assert_eq!(c == Admission::Banned, n < 7, "at its own place");
        assert_eq!(admits(&follower, "c", &at("x", 7)), Admission::Admitted);
    }
}

#[test]
fn a_sibling_that_is_further_on_cannot_be_followed() {
    let wrong = [
        Batch { from: at("x", 6), ..batch() },
        Batch { from: at("x", 8), ..batch() },
        Batch { from: at("y", 4), ..batch() },
        Batch { to: at("y", 7), ..batch() },
        Batch { notices: Vec::new(), ..batch() },
        Batch { from: at("x", 6), to: at("x", 9), ..batch() },
    ];
    for batch in wrong {
        let mut follower = at_five();
        assert_eq!(follower.follow(&batch, Instant(200)), Heard::Gap, "{batch:?}");
        assert_eq!((follower.position(), follower.bans()), (Some(&at("x", 5)), 0));
        assert_eq!(follower.lag(Instant(210)), Some(Duration::from_micros(110)));
    }
}

#[test]
fn a_batch_is_sent_on_the_common_clock() {
    let now = |wall, mono| Now { wall: Timestamp(wall), mono: Instant(mono) };
    let batch = Batch { sent: Timestamp(1_000), ..batch() };
    assert_eq!(batch.sent_by(now(1_000, 7_000)), Instant(7_000));
    assert_eq!(batch.sent_by(now(1_003, 7_000)), Instant(4_000));
    assert_eq!(batch.sent_by(now(9_000, 7_000)), Instant(0));
    assert_eq!(batch.sent_by(now(999, 7_000)), Instant(0), "still to come");
}

#[test]
fn a_batch_is_read_as_it_was_written() {
    assert_eq!(Batch::decode(&batch().encode()), Some(batch()));
    for wrong in [&b""[..], b"1", b"{}", b"\xff"] {
        assert_eq!(Batch::decode(wrong), None);
    }
}
