//! Every "no" is a value. These two enums feed `Cache-Status`, the metrics, the log and `fpcache explain`.

/// Why a request of a matched rule goes to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Forward {
    /// Nothing is stored under its primary key.
    UriMiss,
    /// Something is stored, but for other values of the headers named in `Vary`.
    VaryMiss,
    /// What is stored is stale, and could not be validated without the origin.
    Stale,
    /// What is stored was invalidated since.
    Invalidated,
    /// The log of invalidations could not be read for too long, so what is stored may have been invalidated.
    Suspended,
    /// What is stored is fresh, and this request asks for its successor before it is stale.
    EarlyRefresh,
    /// The stored answer may not be reused for a credentialed request (RFC 9111 §3.5).
    Credentials,
    /// The client said `no-cache` (or `Pragma: no-cache`).
    RequestNoCache,
    /// The client said `no-store`.
    RequestNoStore,
    /// The client's `max-age` or `min-fresh` asks for a younger answer than the stored one.
    RequestMaxAge,
    /// The client set a condition that only the origin can judge (`If-Match`, `If-Unmodified-Since`).
    Precondition,
    /// The client asked to change protocols.
    Upgrade,
    /// A wildcard of the rule has met an escaped slash, a backslash or a dot segment: servers differ in what path that is.
    AmbiguousPath,
    /// The request body that is part of the key is over the rule's limit.
    BodyTooLarge,
    /// The host did not hand over the request body while the request was paused.
    BodyWithheld,
    /// The request body is content-encoded, so it has no readable members.
    BodyEncoded,
    /// The request body is not the JSON that the rule's projection needs.
    BodyNotJson,
    /// The request body has a member that the rule neither includes, echoes nor ignores.
    BodyUnlisted,
    /// The request body has a member twice: readers differ in which one they believe.
    BodyDuplicate,
    /// A value to be echoed is not a string, number, boolean or null.
    BodyEcho,
    /// A GET or HEAD carries a body.
    UnexpectedBody,
    /// The filter met a combination of state and event that it does not know.
    Unexpected,
}

impl Forward {
    /// All variants, in the order of their declaration.
    pub const ALL: [Self; 22] = [
        Self::UriMiss,
        Self::VaryMiss,
        Self::Stale,
        Self::Invalidated,
        Self::Suspended,
        Self::EarlyRefresh,
        Self::Credentials,
        Self::RequestNoCache,
        Self::RequestNoStore,
        Self::RequestMaxAge,
        Self::Precondition,
        Self::Upgrade,
        Self::AmbiguousPath,
        Self::BodyTooLarge,
        Self::BodyWithheld,
        Self::BodyEncoded,
        Self::BodyNotJson,
        Self::BodyUnlisted,
        Self::BodyDuplicate,
        Self::BodyEcho,
        Self::UnexpectedBody,
        Self::Unexpected,
    ];

    /// The reason as a token: the label in the metrics and the `detail` in `Cache-Status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UriMiss => "uri_miss",
            Self::VaryMiss => "vary_miss",
            Self::Stale => "stale",
            Self::Invalidated => "invalidated",
            Self::Suspended => "suspended",
            Self::EarlyRefresh => "early_refresh",
            Self::Credentials => "credentials",
            Self::RequestNoCache => "request_no_cache",
            Self::RequestNoStore => "request_no_store",
            Self::RequestMaxAge => "request_max_age",
            Self::Precondition => "precondition",
            Self::Upgrade => "upgrade",
            Self::AmbiguousPath => "ambiguous_path",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyWithheld => "body_withheld",
            Self::BodyEncoded => "body_encoded",
            Self::BodyNotJson => "body_not_json",
            Self::BodyUnlisted => "body_unlisted",
            Self::BodyDuplicate => "body_duplicate",
            Self::BodyEcho => "body_echo",
            Self::UnexpectedBody => "unexpected_body",
            Self::Unexpected => "unexpected",
        }
    }

    /// The reason as RFC 9211 §2.2 names it in the `fwd` parameter.
    pub fn fwd(self) -> &'static str {
        match self {
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale | Self::Suspended => "stale",
            Self::RequestNoCache | Self::RequestMaxAge => "request",
            Self::Credentials | Self::Invalidated | Self::EarlyRefresh => "miss",
            _ => "bypass",
        }
    }

    /// Whether the cache was asked at all: a miss looked and found nothing to use, a pass did not look.
    pub fn is_miss(self) -> bool {
        self.fwd() != "bypass"
    }
}

/// Why an answer of the origin was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NotStored {
    /// Answers to this method are not stored (HEAD, or any other without a body key).
    Method,
    /// The client said `no-store`.
    RequestNoStore,
    /// The origin said `no-store`.
    NoStore,
    /// The origin said `private`.
    Private,
    /// The origin said `no-cache`, and gave no validator to ask it with.
    NoCache,
    /// This status is not stored.
    Status,
    /// The answer is a part (206), or about the part that one request asked for (416).
    Partial,
    /// The answer sets a cookie.
    SetCookie,
    /// The request was credentialed and the origin did not allow its answer to be shared (RFC 9111 §3.5).
    Authorization,
    /// `Vary: *`, or a `Vary` that is not a list of names.
    VaryStar,
    /// `Access-Control-Allow-Origin` names one origin without `Vary: Origin`.
    Cors,
    /// It has no lifetime: neither the origin nor the rule gives one.
    NoLifetime,
    /// It is stale already and has no validator.
    Expired,
    /// A header is not UTF-8.
    HeaderEncoding,
    /// It is larger than the rule's `max_response`.
    TooLarge,
    /// Too many answers are being captured at once: together they would take more memory than L1.
    Crowded,
    /// The body was cut short, or has no length that could prove it whole.
    NotWhole,
    /// It did not come from the origin but from Envoy or another filter.
    NotFromOrigin,
    /// The value to be echoed is not in the body exactly once, or the body is content-encoded.
    EchoAmbiguous,
    /// The value to be echoed stands in a header.
    EchoInHeader,
    /// It was invalidated while it was under way.
    Overtaken,
    /// It has more tags than are kept, or one that is too long: some of them would not invalidate it.
    Tags,
}

impl NotStored {
    /// All variants, in the order of their declaration.
    pub const ALL: [Self; 22] = [
        Self::Method,
        Self::RequestNoStore,
        Self::NoStore,
        Self::Private,
        Self::NoCache,
        Self::Status,
        Self::Partial,
        Self::SetCookie,
        Self::Authorization,
        Self::VaryStar,
        Self::Cors,
        Self::NoLifetime,
        Self::Expired,
        Self::HeaderEncoding,
        Self::TooLarge,
        Self::Crowded,
        Self::NotWhole,
        Self::NotFromOrigin,
        Self::EchoAmbiguous,
        Self::EchoInHeader,
        Self::Overtaken,
        Self::Tags,
    ];

    /// The reason as a token: the label in the metrics and the `detail` in `Cache-Status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::RequestNoStore => "request_no_store",
            Self::NoStore => "no_store",
            Self::Private => "private",
            Self::NoCache => "no_cache",
            Self::Status => "status",
            Self::Partial => "partial",
            Self::SetCookie => "set_cookie",
            Self::Authorization => "authorization",
            Self::VaryStar => "vary_star",
            Self::Cors => "cors",
            Self::NoLifetime => "no_lifetime",
            Self::Expired => "expired",
            Self::HeaderEncoding => "header_encoding",
            Self::TooLarge => "too_large",
            Self::Crowded => "crowded",
            Self::NotWhole => "not_whole",
            Self::NotFromOrigin => "not_from_origin",
            Self::EchoAmbiguous => "echo_ambiguous",
            Self::EchoInHeader => "echo_in_header",
            Self::Overtaken => "overtaken",
            Self::Tags => "tags",
        }
    }

    /// Whether the next answer under this key is as little for everybody as this one: then nobody waits for it.
    pub fn is_lasting(self) -> bool {
        !matches!(
            self,
            Self::Method
                | Self::RequestNoStore
                | Self::Partial
                | Self::Crowded
                | Self::NotWhole
                | Self::NotFromOrigin
                | Self::Overtaken
        )
    }
}

/// Why a call to L2 brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum L2Failure {
    /// No answer in time.
    Timeout,
    /// Redis, or its front, is not there.
    Unreachable,
    /// Redis does not know the script yet: to be sent whole, once.
    NoScript,
    /// Redis will not do it now: read-only, out of memory, loading, not allowed.
    Refused,
    /// Redis, or its front, reports another error.
    Error,
    /// The answer, or the entry in it, is none that we wrote.
    Corrupt,
}

impl L2Failure {
    /// The label in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::NoScript => "no_script",
            Self::Refused => "refused",
            Self::Error => "error",
            Self::Corrupt => "corrupt",
        }
    }

    /// Whether it says that L2 itself is not there, so that further calls would only wait.
    pub fn is_absence(self) -> bool {
        matches!(self, Self::Timeout | Self::Unreachable)
    }
}
