//! The filter's reasons as sentences, with what would change them. Each also goes by its token, as in metrics and in
//! `Cache-Status`.

use fingerprint_cache::reason::{Forward, NotStored};

/// Why a request goes to the origin.
pub fn forward(reason: Forward) -> &'static str {
    use Forward::*;
    match reason {
        UriMiss => "nothing is stored under its key",
        VaryMiss => "what is stored is for other values of the headers that Vary names",
        Stale => "what is stored is stale and has to be confirmed by the origin",
        Credentials => {
            "it carries credentials, and the stored answer does not say that it may be shared (RFC 9111 §3.5)"
        }
        RequestNoCache => "the client said no-cache",
        RequestNoStore => "the client said no-store",
        RequestMaxAge => "the client's max-age or min-fresh asks for a younger answer",
        Precondition => "If-Match and If-Unmodified-Since are for the origin to judge",
        Upgrade => "the client asks to change protocols",
        AmbiguousPath => {
            "its path has an escaped slash, a backslash or a dot segment where the rule has a wildcard, and servers differ in \
             what path that is: name it in match.paths, or write it plainly"
        }
        BodyTooLarge => "its body is larger than the rule's key.max_body",
        BodyWithheld => "Envoy did not hand over its body: see allow_on_headers_stop_iteration",
        BodyEncoded => "its body is content-encoded, so no members of it can be read",
        BodyNotJson => "its body is not JSON, and the rule keys on members of it",
        BodyUnlisted => "its body has a member that the rule neither includes, echoes nor ignores: list it in key.json",
        BodyDuplicate => "its body has a member twice, and readers differ in which one they believe",
        BodyEcho => "a value to be echoed is not a string, number, boolean or null",
        UnexpectedBody => "it has a body, and the rule does not key on bodies",
        Invalidated => "what is stored was invalidated since",
        Suspended => "the log of invalidations could not be read for longer than sync.max_lag",
        EarlyRefresh => "what is stored is fresh, and this request fetches its successor before it is stale",
        Unexpected => "the filter does not know what happened: see fingerprint_cache_unexpected_total",
    }
}

/// Why an answer is not stored.
pub fn not_stored(reason: NotStored) -> &'static str {
    use NotStored::*;
    match reason {
        Method => "answers to this method are not stored",
        RequestNoStore => "the client said no-store",
        NoStore => "the origin said no-store",
        Private => "the origin said private",
        NoCache => "the origin said no-cache, and gave no validator (ETag, Last-Modified) to ask it with",
        Status => "answers with this status are not stored; freshness.status of the rule can name it",
        Partial => "it is a part, or about a part",
        SetCookie => "it sets a cookie; `set_cookie: store` would keep it and give the cookie to everyone",
        Authorization => {
            "the request has credentials, and the answer says neither public, s-maxage nor must-revalidate (RFC 9111 §3.5); \
             `auth: shared` takes the operator's word"
        }
        VaryStar => "Vary is * or no list of names",
        Cors => "Access-Control-Allow-Origin names one origin without Vary: Origin",
        NoLifetime => {
            "it has no lifetime: give freshness.default or freshness.override in the rule, or max-age at the origin"
        }
        Expired => "it is stale already, and has no validator",
        HeaderEncoding => "a header is not UTF-8",
        TooLarge => "it is larger than the rule's max_response",
        Crowded => "too many answers would be captured at once",
        NotWhole => {
            "its body is not as long as announced, or has neither Content-Length nor Transfer-Encoding to prove it whole"
        }
        NotFromOrigin => "it does not come from the origin",
        EchoAmbiguous => "the value to be echoed is not in its body exactly once, or the body is content-encoded",
        EchoInHeader => "the value to be echoed stands in a header",
        Overtaken => "it was invalidated while it was under way",
        Tags => "it has more tags than are kept, or one that is too long",
    }
}
