//! The model behind `identify`: its version, and the 53 features it reads.
//! Retraining makes a new version at once; nothing is learnt.

use serde::Serialize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Monday 5 January 2026, 00:00 UTC: when the profiles and the first model are
/// said to have been made. Fixed, so that `Last-Modified` outlives a restart.
pub const MADE: Duration = Duration::from_secs(1_767_571_200);

const TLS: [&str; 12] = [
    "tls_version",
    "tls_cipher_count",
    "tls_cipher_order",
    "tls_extension_count",
    "tls_extension_order",
    "tls_curve_order",
    "tls_signature_algorithms",
    "tls_point_formats",
    "tls_alpn",
    "tls_grease_positions",
    "tls_key_share_groups",
    "tls_session_ticket",
];

const HTTP: [&str; 6] = [
    "http_header_order",
    "http_header_count",
    "http_user_agent",
    "http_accept_language",
    "http_accept_encoding",
    "http_client_hints",
];

const OTHER: [&str; 35] = [
    "h2_window_size",
    "h2_header_table_size",
    "h2_max_frame_size",
    "h2_max_streams",
    "h2_enable_push",
    "h2_pseudo_header_order",
    "h2_priority_tree",
    "h2_window_update",
    "h3_max_data",
    "h3_max_streams",
    "h3_datagrams",
    "h3_grease",
    "quic_version",
    "quic_parameter_order",
    "quic_initial_size",
    "tcp_window_size",
    "tcp_window_scale",
    "tcp_segment_size",
    "tcp_option_order",
    "tcp_timestamps",
    "ip_time_to_live",
    "ip_fragmentation",
    "timing_handshake",
    "timing_first_byte",
    "timing_between_requests",
    "session_request_count",
    "session_resumed",
    "session_length",
    "locale_time_zone",
    "locale_languages",
    "network_kind",
    "network_round_trip",
    "history_seen_before",
    "history_families",
    "history_last_change",
];

/// The answer to a request for the features.
#[derive(Serialize)]
pub struct Features {
    tls: &'static [&'static str],
    http: &'static [&'static str],
    other: &'static [&'static str],
    total: usize,
    model_version: u64,
}

/// A trained model: a version, from 1 up, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// 1 at the start, one more after each retraining.
    pub number: u64,
    /// When this version came into use; whole seconds, as HTTP dates are.
    pub trained: SystemTime,
}

/// The model in use.
pub struct Model(Mutex<Version>);

impl Model {
    /// The first version.
    pub fn new() -> Self {
        Self(Mutex::new(Version { number: 1, trained: SystemTime::UNIX_EPOCH + MADE }))
    }

    /// The version in use.
    pub fn version(&self) -> Version {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the next version into use at `now`, cut to the second, and returns it.
    pub fn retrain(&self, now: SystemTime) -> Version {
        let mut version = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        version.number = version.number.saturating_add(1);
        version.trained = now.duration_since(SystemTime::UNIX_EPOCH).map_or(now, whole_second);
        *version
    }
}

/// An HTTP date has no fractions; a time with one would always be younger than the
/// date made of it.
fn whole_second(since: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

impl Features {
    /// The features that model `version` reads.
    pub fn of(version: Version) -> Self {
        Self {
            tls: &TLS,
            http: &HTTP,
            other: &OTHER,
            total: TLS.len() + HTTP.len() + OTHER.len(),
            model_version: version.number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_53_features_in_three_groups() {
        let features = Features::of(Model::new().version());
        let sizes = (features.tls.len(), features.http.len(), features.other.len());
        let names = [features.tls, features.http, features.other].concat();
        assert_eq!((sizes, features.total), ((12, 6, 35), 53));
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 53);
    }

    #[test]
    fn retraining_makes_a_new_version() {
        let model = Model::new();
        let now = SystemTime::UNIX_EPOCH + MADE * 2;
        let after = model.retrain(now + Duration::from_millis(999));
        assert_eq!((after.number, after.trained), (2, now));
        assert_eq!(model.version(), after);
    }
}
