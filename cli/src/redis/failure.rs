//! What goes wrong with Redis, as sentences that name the address and the next step.

use redis::{ErrorKind, RedisError};

/// Says what an error means. Replies of Redis are repeated; passwords are in none of them.
pub fn sentence(address: &str, error: &RedisError) -> String {
    let detail = error.detail().unwrap_or_else(|| error.category());
    match (error.code(), error.kind()) {
        (Some("READONLY"), _) => format!(
            "Redis at {address} is a replica and takes no writes. Name the master with --redis, or let Sentinel name it."
        ),
        (Some("NOAUTH" | "WRONGPASS"), _) | (_, ErrorKind::AuthenticationFailed) => format!(
            "Redis at {address} refuses the login ({detail}). Give the user in --redis and the password in \
             FPCACHE_REDIS_PASSWORD."
        ),
        (Some("NOPERM"), _) => {
            format!("Redis at {address} does not allow this user: {detail}. Log in as a user who may, such as admin.")
        }
        (Some(code @ ("LOADING" | "BUSY" | "MASTERDOWN" | "OOM")), _) => {
            format!("Redis at {address} cannot do it now: {code} {detail}. Try again when it is well.")
        }
        (Some(code), _) => format!("Redis at {address} reports {code} {detail}. Look into its log."),
        (None, _) if error.is_timeout() => {
            format!("Redis at {address} did not answer in time. See whether it is well, or allow more with --timeout.")
        }
        (None, _) if error.is_connection_refusal() => {
            format!("Nothing listens at {address}. Start Redis, or name another with --redis.")
        }
        (None, ErrorKind::Io) => format!("Cannot reach Redis at {address}: {error}. Check --redis and the network."),
        (None, _) => format!("Redis at {address} answers otherwise than expected: {error}. Check that it is Redis."),
    }
}

/// Says that a master was wanted.
pub fn replica(address: &str, master: &str) -> String {
    format!(
        "Redis at {address} is a replica of {master} and takes no writes. Name the master with --redis, or let Sentinel \
         name it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_names_the_address_and_the_next_step() {
        let io = |kind| RedisError::from(std::io::Error::from(kind));
        let refused = sentence("h:1", &io(std::io::ErrorKind::ConnectionRefused));
        assert_eq!(refused, "Nothing listens at h:1. Start Redis, or name another with --redis.");
        assert!(sentence("h:1", &io(std::io::ErrorKind::TimedOut)).contains("--timeout"));
        assert!(sentence("h:1", &io(std::io::ErrorKind::WouldBlock)).contains("--timeout"));
        assert!(sentence("h:1", &io(std::io::ErrorKind::BrokenPipe)).contains("h:1"));
    }

    #[test]
    fn what_redis_refuses_says_why() {
        let said = |code: &str| {
            let error = redis::make_extension_error(code.to_owned(), Some("the detail".to_owned()));
            sentence("h:1", &error)
        };
        for (code, expected) in [
            ("READONLY", "is a replica and takes no writes. Name the master"),
            ("NOAUTH", "refuses the login (the detail). Give the user in --redis and the password"),
            ("NOPERM", "does not allow this user: the detail. Log in as a user who may"),
            ("LOADING", "cannot do it now: LOADING the detail. Try again"),
            ("MISCONF", "reports MISCONF the detail. Look into its log."),
        ] {
            assert!(said(code).contains(expected), "{}", said(code));
        }
    }
}
