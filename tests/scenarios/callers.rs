//! Requests, as clients send them.

/// A second, in microseconds: the unit of all times here.
pub const SECOND: u64 = 1_000_000;
/// A millisecond.
pub const MILLI: u64 = 1_000;

/// How the origin's answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sends {
    /// With `content-length`, whole.
    Whole,
    /// Chunked, whole.
    Chunked,
    /// Without a length: its end is the end of the connection.
    UntilClose,
    /// Ends in order before its `content-length` is reached.
    Short,
    /// The connection breaks in the middle.
    Cut,
    /// No answer until Envoy's route timeout.
    Hang,
    /// Nobody listens: Envoy answers 503 itself.
    Refused,
    /// Another filter answers 200 in the origin's place.
    Replaced,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which worker of the pod takes it.
    pub vm: usize,
    pub method: String,
    pub scheme: &'static str,
    pub host: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
    /// When each piece of the body comes, after the head.
    pub pieces: Vec<u64>,
    /// What a filter before ours has found out about the connection.
    pub ja4: Option<String>,
    pub sends: Sends,
    /// The status with which the origin refuses it.
    pub fails: Option<u16>,
    /// And the refresh that it brings about.
    pub fails_refresh: bool,
    /// What the origin's answer to an unsafe request points to: `location` or `content-location`, and its value.
    pub points: Option<(&'static str, String)>,
    /// How long the origin thinks.
    pub takes: u64,
    /// When the client leaves, after its request.
    pub leaves: Option<u64>,
    /// When Envoy loses patience with the stream, should the request not have gone on by then.
    pub expires: Option<u64>,
}

impl Ask {
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            vm: 0,
            method: method.to_owned(),
            scheme: "http",
            host: "api".to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
            pieces: Vec::new(),
            ja4: None,
            sends: Sends::Whole,
            fails: None,
            fails_refresh: false,
            points: None,
            takes: 20 * MILLI,
            leaves: None,
            expires: None,
        }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A request with a body that comes in two pieces, 1 and 2 ms after the head.
    pub fn post(target: &str, body: &str) -> Self {
        let body = Some(body.as_bytes().to_vec());
        Self { body, pieces: vec![MILLI, 2 * MILLI], ..Self::new("POST", target) }
            .header("content-type", "application/json")
    }

    /// A question to `/identify`, with its session as a JSON text.
    pub fn identify(mode: &str, session: &str) -> Self {
        let body = format!(r#"{{"tls_data":"{mode}","http_headers":{{"ua":"x"}},"session_id":{session}}}"#);
        Self::post("/identify", &body)
    }

    pub fn at(self, vm: usize) -> Self {
        Self { vm, ..self }
    }

    pub fn user(self, name: &str) -> Self {
        self.header("authorization", &format!("Bearer {name}"))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn fails(self, status: u16) -> Self {
        Self { fails: Some(status), ..self }
    }

    /// The origin's answer names another URI.
    pub fn points(self, name: &'static str, value: &str) -> Self {
        Self { points: Some((name, value.to_owned())), ..self }
    }

    /// Whether its method may change something (RFC 9110 §9.2.1).
    pub fn is_unsafe(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }

    pub fn sends(self, sends: Sends) -> Self {
        Self { sends, ..self }
    }

    /// The first header of that name.
    pub fn get_header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it shows who asks.
    pub fn credentialed(&self) -> bool {
        ["authorization", "cookie", "x-api-key"].iter().any(|name| self.get_header(name).is_some())
    }

    /// Whether it says `max-stale`.
    pub fn takes_stale(&self) -> bool {
        self.get_header("cache-control").is_some_and(|control| control.contains("max-stale"))
    }

    /// All values of a list header as one, without optional white space.
    pub fn joined(&self, name: &str) -> Option<String> {
        let lines = self.headers.iter().filter(|(known, _)| known == name);
        let members: Vec<&str> = lines.flat_map(|(_, value)| value.split(',').map(str::trim)).collect();
        (!members.is_empty()).then(|| members.join(", "))
    }

    /// A line for the story.
    pub fn text(&self) -> String {
        let headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let body =
            self.body.as_deref().map(|body| format!(" <{}>", String::from_utf8_lossy(&body[..body.len().min(120)])));
        let ja4 = self.ja4.as_deref().map(|ja4| format!(" ja4={ja4}"));
        let (body, ja4) = (body.unwrap_or_default(), ja4.unwrap_or_default());
        let fails = self.fails.map(|status| format!(" fails={status}")).unwrap_or_default();
        let points = self.points.as_ref().map(|points| format!(" points={points:?}")).unwrap_or_default();
        format!(
            "{} {}://{}{} [{}]{ja4}{body}{fails}{points} ({:?})",
            self.method,
            self.scheme,
            self.host,
            self.target,
            headers.join("; "),
            self.sends
        )
    }
}
