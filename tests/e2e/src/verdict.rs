//! What an answer must say of itself. Each function names the place of the test that it was called from.

use std::panic::Location;

use stack::Response;

use crate::Outcome;

/// It has this status.
///
/// # Errors
/// A sentence with the answer; so below.
#[track_caller]
pub fn answered(response: &Response, status: u16) -> Outcome {
    judge(response, response.status == status, &format!("status {status}"))
}

/// It came from this tier, `l1` or `l2`, with an `Age`.
///
/// # Errors
/// As [`answered`].
#[track_caller]
pub fn hit(response: &Response, tier: &str) -> Outcome {
    let said = response.cache_status().is_some_and(|status| status.hit_from(tier));
    judge(response, said && response.header("age").is_some(), &format!("a hit from {tier}"))
}

/// It came from the cache, whichever tier.
///
/// # Errors
/// As [`answered`].
#[track_caller]
pub fn any_hit(response: &Response) -> Outcome {
    judge(response, response.cache_status().is_some_and(|status| status.hit), "a hit")
}

/// It came from the origin and is stored.
///
/// # Errors
/// As [`answered`].
#[track_caller]
pub fn stored(response: &Response) -> Outcome {
    let said = response.cache_status().is_some_and(|status| !status.hit && status.stored);
    judge(response, said, "a miss that is stored")
}

/// It came from the origin, was looked for, and is not stored for this reason.
///
/// # Errors
/// As [`answered`].
#[track_caller]
pub fn not_stored(response: &Response, why: &str) -> Outcome {
    let said = response
        .cache_status()
        .is_some_and(|status| !status.hit && !status.stored && status.detail.as_deref() == Some(why));
    judge(response, said, &format!("a miss that is not stored: {why}"))
}

/// It came from the origin because the cache left the request alone for this reason.
///
/// # Errors
/// As [`answered`].
#[track_caller]
pub fn passed(response: &Response, why: &str) -> Outcome {
    let said = response.cache_status().is_some_and(|status| {
        status.fwd.as_deref() == Some("bypass") && !status.stored && status.detail.as_deref() == Some(why)
    });
    judge(response, said, &format!("a pass: {why}"))
}

/// It came from the origin, whatever became of it then.
///
/// # Errors
/// As [`answered`].
#[track_caller]
pub fn from_origin(response: &Response) -> Outcome {
    let said = response.cache_status().is_some_and(|status| !status.hit);
    judge(response, said && response.status == 200, "an answer of the origin")
}

/// No rule matched: the filter says nothing.
///
/// # Errors
/// As [`answered`].
#[track_caller]
pub fn untouched(response: &Response) -> Outcome {
    judge(response, response.header("cache-status").is_none(), "an answer that the cache has no say in")
}

/// `condition` holds.
///
/// # Errors
/// A sentence that says what was expected, and where.
#[track_caller]
pub fn holds(condition: bool, what: &str) -> Outcome {
    if condition { Ok(()) } else { Err(format!("{}: not so: {what}", Location::caller())) }
}

/// Both are the same.
///
/// # Errors
/// A sentence with both, and where.
#[track_caller]
pub fn same<T: PartialEq + std::fmt::Debug>(left: T, right: T, what: &str) -> Outcome {
    if left == right { Ok(()) } else { Err(format!("{}: {what}: {left:?} is not {right:?}", Location::caller())) }
}

#[track_caller]
fn judge(response: &Response, good: bool, expected: &str) -> Outcome {
    if good {
        return Ok(());
    }
    let headers = response.headers.iter().map(|(name, value)| format!("  {name}: {}", String::from_utf8_lossy(value)));
    let headers: Vec<_> = headers.map(|line| line.chars().take(200).collect()).collect::<Vec<String>>();
    let body: String = String::from_utf8_lossy(&response.body).chars().take(300).collect();
    let place = Location::caller();
    Err(format!("{place}: expected {expected}, got {}\n{}\n  {body}", response.status, headers.join("\n")))
}
