//! Notices: published, read on, or made up for by all bans.

use super::*;

fn next(news: News) -> (Position, Vec<Notice>) {
    match news {
        News::Next { to, notices } => (to, notices),
        whole => panic!("{whole:?}"),
    }
}

/// The position, what it continues, and the bans in some order without their ages.
fn whole(news: News) -> (Position, Option<String>, Vec<(Notice, Position)>) {
    match orderly(news) {
        News::Whole { at, continues, bans, .. } => {
            (at, continues, bans.into_iter().map(|(notice, at, _)| (notice, at)).collect())
        }
        next => panic!("{next:?}"),
    }
}

/// Something to publish besides what the filter itself would.
fn foreign(both: &mut Both, words: &[&str]) -> Position {
    let call = redis::publish(both.config.redis.as_ref().unwrap(), &[], LONG);
    let mut arguments = call.arguments.clone();
    arguments.extend(words.iter().map(|word| (*word).to_owned()));
    redis::read_publish(&both.ask(&Call { arguments, ..call })).unwrap()
}

#[test]
fn what_is_published_is_read_on() {
    let mut both = Both::new();
    let start = both.position();
    assert_eq!(start.n, 0);
    let notices = [
        tag(Op::Invalidate, "a b/c.d+%|:,"),
        tag(Op::Refresh, "é"),
        Notice { op: Op::Invalidate, scope: Scope::read("pattern", "/v1/*/x/**").unwrap() },
        Notice { op: Op::Invalidate, scope: Scope::Prefix("host/a?b=1&c".to_owned()) },
        Notice { op: Op::Invalidate, scope: Scope::Key(format!("r:{:032x}", 7)) },
        Notice { op: Op::Refresh, scope: Scope::Rule("r".to_owned()) },
        Notice::of_uri(7),
        Notice { op: Op::Prewarm, scope: Scope::Uri("https://host/a".to_owned()) },
        Notice { op: Op::Refresh, scope: Scope::All },
        Notice::EVERYTHING,
    ];
    let end = both.publish(&notices);
    assert_eq!((end.n, &end.epoch), (10, &start.epoch));
    assert_eq!(next(both.sync(Some(&start))), (end.clone(), notices.to_vec()));
    assert_eq!(next(both.sync(Some(&end))), (end.clone(), vec![]));
    let halfway = Position { n: 6, ..end.clone() };
    assert_eq!(next(both.sync(Some(&halfway))), (end.clone(), notices[6..].to_vec()));
    let more = both.publish(&[tag(Op::Invalidate, "z")]);
    assert_eq!(next(both.sync(Some(&end))), (more.clone(), vec![tag(Op::Invalidate, "z")]));
    // All but the prewarm left a ban, each under the end of its call.
    let (at, continues, bans) = whole(both.sync(None));
    assert_eq!((at, continues, bans.len()), (more.clone(), None, 10));
    assert!(notices.iter().all(|notice| bans.contains(&(notice.clone(), end.clone())) == (notice.op != Op::Prewarm)));
    assert!(bans.contains(&(tag(Op::Invalidate, "z"), more)));
}

#[test]
fn a_ban_again_is_the_later_one() {
    let mut both = Both::new();
    both.publish(&[tag(Op::Invalidate, "a")]);
    both.publish(&[tag(Op::Refresh, "a")]);
    std::thread::sleep(Duration::from_millis(300));
    let end = both.publish(&[tag(Op::Invalidate, "a")]);
    let News::Whole { bans, .. } = both.sync(None) else { panic!() };
    let age = |op| bans.iter().find(|(notice, _, _)| *notice == tag(op, "a")).map(|(_, at, age)| (at.n, *age)).unwrap();
    let ((n, new), (earlier, old)) = (age(Op::Invalidate), age(Op::Refresh));
    assert_eq!((bans.len(), n, earlier), (2, end.n, 2));
    assert!(new < Duration::from_millis(200) && old >= Duration::from_millis(300), "{new:?} {old:?}");
}

#[test]
fn what_nobody_knows_bans_all() {
    for words in [["purge", "tag", "a"], ["invalidate", "nonsense", "a"], ["Refresh", "all", "-"]] {
        let mut both = Both::new();
        let start = both.position();
        let end = foreign(&mut both, &words);
        assert_eq!(whole(both.sync(None)).2, [(Notice::EVERYTHING, end.clone())], "{words:?}");
        assert_eq!(next(both.sync(Some(&start))), (end, vec![Notice::EVERYTHING]), "{words:?}");
    }
    let mut both = Both::new();
    let start = both.position();
    let end = foreign(&mut both, &["prewarm", "nonsense", "a", "prewarm", "all", "-"]);
    assert_eq!(whole(both.sync(None)).2, []);
    let nothing = Notice { op: Op::Prewarm, scope: Scope::Uri(String::new()) };
    assert_eq!(next(both.sync(Some(&start))), (end.clone(), vec![nothing.clone(), nothing]));
    assert_eq!(foreign(&mut both, &["invalidate", "tag"]), end, "an incomplete notice is none");
}

#[test]
fn what_the_log_no_longer_has_is_made_up_for_by_all_bans() {
    let mut both = Both::new();
    let start = both.position();
    let notices: Vec<_> = (0..10).map(|number| tag(Op::Invalidate, &number.to_string())).collect();
    let end = both.publish(&notices);
    both.trim(5);
    let known = |n| Position { n, ..start.clone() };
    assert_eq!(next(both.sync(Some(&known(5)))), (end.clone(), notices[5..].to_vec()));
    let (at, _, bans) = whole(both.sync(Some(&known(4))));
    assert_eq!((at, bans.len()), (end.clone(), 10));
    both.trim(0);
    assert_eq!(both.position(), end, "how many there were is still known");
    assert_eq!(whole(both.sync(Some(&known(9)))).2.len(), 10);
    assert_eq!(next(both.sync(Some(&end))), (end, vec![]));
}

#[test]
fn many_events_are_fewer_bans() {
    let mut both = Both::new();
    let start = both.position();
    let thousand = vec![tag(Op::Invalidate, "a"); 500];
    both.publish(&thousand);
    let end = both.publish(&thousand);
    assert_eq!(next(both.sync(Some(&start))).1.len(), 1000);
    let more = both.publish(&[tag(Op::Invalidate, "a")]);
    assert_eq!(whole(both.sync(Some(&start))).2, [(tag(Op::Invalidate, "a"), more.clone())]);
    assert_eq!(next(both.sync(Some(&end))).0, more);
}

#[test]
fn after_a_flush_or_a_failover_all_bans_are_read() {
    let mut both = Both::new();
    let notices = [tag(Op::Invalidate, "a"), tag(Op::Invalidate, "b")];
    let end = both.publish(&notices);
    both.promote();
    let (at, continues, bans) = whole(both.sync(Some(&end)));
    assert_eq!((at.n, continues.as_ref(), bans.len()), (2, Some(&end.epoch), 2));
    assert!(bans.iter().all(|(_, place)| *place == end) && at.epoch != end.epoch);
    let later = both.publish(&notices[..1]);
    assert_eq!((later.n, &later.epoch), (3, &at.epoch));
    assert_eq!(next(both.sync(Some(&at))), (later.clone(), notices[..1].to_vec()));
    both.flush();
    let (at, continues, bans) = whole(both.sync(Some(&later)));
    assert_eq!((at.n, continues.as_ref(), bans), (0, Some(&end.epoch), vec![]));
    // Nor is a known position that is none believed.
    for known in [Position::default(), Position { n: u64::MAX, ..at.clone() }] {
        whole(both.sync(Some(&known)));
    }
}

#[test]
fn a_redis_that_comes_back_empty_continues_nobody() {
    let mut both = Both::new();
    let end = both.publish(&[tag(Op::Invalidate, "a")]);
    both.restart();
    let (at, continues, bans) = whole(both.sync(Some(&end)));
    assert_eq!((at.n, continues, bans), (0, None, vec![]));
    assert_ne!(at.epoch, end.epoch);
}

#[test]
fn any_bytes_in_the_log_and_the_bans_are_read() {
    let mut both = Both::new();
    let start = both.position();
    both.xadd(&[b"op", b"\xff\0,", b"scope", b"tag", b"value", b"a"]);
    both.xadd(&[b"scope", b"tag"]);
    both.xadd(&[b"op", b"refresh", b"\0", b"", b"scope", b"tag", b"value", b"a\0b"]);
    both.xadd(&[b"op", b"invalidate", b"scope", b"tag", b"value", b"\xff\0,5:"]);
    both.xadd(&[b"op", b"invalidate", b"scope", b"tag", b"value", b"a", b"value", b"b"]);
    let (end, notices) = next(both.sync(Some(&start)));
    let all = Notice::EVERYTHING;
    let expected = [all.clone(), all.clone(), tag(Op::Refresh, "a\0b"), all, tag(Op::Invalidate, "b")];
    assert_eq!((end.n, notices), (5, expected.to_vec()));
    let epoch = both.epoch();
    let field = |field: &[u8], value: &str| (field.to_vec(), value.to_owned());
    both.hset(
        "fpc:bans",
        &[
            field(b"i:tag:\xff\0", "<now>:3:1"),
            field(b"r:tag:a\0,b", "<now>:3:1"),
            field(b"i:tag:c", "nonsense"),
            field(b"\xff", "<now>:1:1"),
            field(b"", ""),
        ],
    );
    let (_, _, bans) = whole(both.sync(None));
    let at = |n| Position { epoch: epoch.clone(), n };
    let count = |n| bans.iter().filter(|ban| **ban == (Notice::EVERYTHING, at(n))).count();
    assert_eq!((bans.len(), count(3), count(5)), (5, 1, 3));
    assert!(bans.contains(&(tag(Op::Refresh, "a\0,b"), at(3))));
}

#[test]
fn a_log_with_holes_is_not_read_on() {
    let mut both = Both::new();
    let start = both.position();
    both.publish(&[tag(Op::Invalidate, "a"), tag(Op::Invalidate, "b"), tag(Op::Invalidate, "c")]);
    let Reply::Array(events) = both.redis.call(&["XRANGE", "fpc:log", "-", "+"]).unwrap() else { panic!() };
    let Reply::Array(second) = &events[1] else { panic!() };
    both.redis.call(&[&b"XDEL"[..], b"fpc:log", second[0].bytes().unwrap()]).unwrap();
    let call = redis::sync(both.config.redis.as_ref().unwrap(), Some(&Position { n: 1, ..start }), A);
    assert!(matches!(redis::read_sync(&both.real(&call), A), Ok(News::Whole { .. })));
}
