//! A lease: one fetches, the others know of it.

use super::*;

const SHORT: Duration = Duration::from_millis(400);

fn led(reply: &[u8]) -> bool {
    matches!(redis::read_lookup(reply).unwrap(), Lookup::Led { other: false, .. })
}

/// What is left of another's lease.
fn left(reply: &[u8]) -> Option<Duration> {
    match redis::read_lookup(reply).unwrap() {
        Lookup::Filling { left, other: false, .. } => Some(left),
        _ => None,
    }
}

#[test]
fn a_lease_is_with_one_until_it_runs_out() {
    let mut both = Both::new();
    assert!(led(&both.want(A, SHORT)));
    assert!(led(&both.want(A, SHORT)), "who has it is told so again");
    let wait = left(&both.want(B, SHORT)).unwrap();
    assert!(wait <= SHORT && wait > SHORT / 4, "{wait:?}");
    assert!(matches!(redis::read_lookup(&both.peek()).unwrap(), Lookup::Miss { other: false, .. }));
    std::thread::sleep(SHORT + SHORT / 2);
    let at = both.position();
    assert!(!both.fill(A, &at, b"late"), "nobody holds it");
    assert!(!both.held(&redis::renew(&lease(A), LONG)), "what has run out is not kept");
    assert!(led(&both.want(B, LONG)));
    assert!(!both.fill(A, &at, b"late"), "another holds it");
    assert!(!both.held(&redis::release(&lease(A))) && !both.held(&redis::mark(&lease(A), LONG)));
    assert!(left(&both.want(A, LONG)).is_some(), "and still does");
    assert!(both.fill(B, &at, b"entry"));
}

#[test]
fn a_lease_is_kept_and_given_back() {
    let mut both = Both::new();
    assert!(led(&both.want(A, SHORT)));
    assert!(both.held(&redis::renew(&lease(A), Duration::from_secs(60))));
    let wait = left(&both.want(B, SHORT)).unwrap();
    assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
    assert!(!both.held(&redis::renew(&lease(B), LONG)));
    assert!(both.held(&redis::release(&lease(A))));
    assert!(!both.held(&redis::release(&lease(A))), "only once");
    assert!(led(&both.want(B, LONG)));
}

#[test]
fn a_fill_gives_the_lease_back_stored_or_not() {
    let mut both = Both::new();
    assert!(led(&both.want(A, LONG)));
    let at = both.position();
    let beyond = Position { n: at.n + 1, ..at.clone() };
    assert!(!both.fill(A, &beyond, b"entry"));
    assert!(led(&both.want(B, LONG)), "it was given back");
    assert!(both.fill(B, &at, b"entry"));
    assert_eq!(both.redis.entries().unwrap(), [place().hash]);
}

#[test]
fn what_is_not_for_a_cache_keeps_the_next_from_waiting() {
    let mut both = Both::new();
    let uncacheable = |reply: &[u8]| matches!(redis::read_lookup(reply).unwrap(), Lookup::Uncacheable { .. });
    assert!(led(&both.want(A, LONG)));
    assert!(!both.held(&redis::mark(&lease(B), LONG)), "it is with another");
    assert!(both.held(&redis::mark(&lease(A), SHORT)));
    assert!(uncacheable(&both.want(A, LONG)) && uncacheable(&both.want(B, LONG)));
    assert!(matches!(redis::read_lookup(&both.peek()).unwrap(), Lookup::Miss { .. }));
    assert!(!both.held(&redis::renew(&lease(A), LONG)) && !both.held(&redis::release(&lease(A))));
    assert!(!both.held(&redis::mark(&lease(A), LONG)), "a mark is not prolonged");
    std::thread::sleep(SHORT + SHORT / 2);
    assert!(both.held(&redis::mark(&lease(C), LONG)), "where there is no lease");
    let at = both.position();
    assert!(both.fill(B, &at, b"entry"), "whoever comes may fill");
    assert!(matches!(redis::read_lookup(&both.want(A, LONG)).unwrap(), Lookup::Hit { fill: Some(B), .. }));
}

#[test]
fn a_lease_that_cannot_end_is_none() {
    let mut both = Both::new();
    for value in ["000000000000000b", "U", "nonsense"] {
        both.redis.call(&["SET", &lease(A).key, value]).unwrap();
        let key = lease(A).key.into_bytes();
        both.double.keys().strings.insert(key.clone(), Default::default());
        both.double.keys().strings.entry(key).or_default().value = value.into();
        assert!(led(&both.want(A, LONG)), "{value}");
        assert!(left(&both.want(B, LONG)).is_some(), "{value}");
    }
}
