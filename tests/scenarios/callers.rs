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
    /// The same, and a call the host will not even make.
    NoCluster,
    /// Another filter answers 200 in the origin's place.
    Replaced,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which worker takes it.
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
    /// How long the origin thinks.
    pub takes: u64,
    /// The status that the origin answers with in any case: a failure, or how an unsafe request succeeds.
    pub status: Option<u16>,
    /// `location` or `content-location` of the answer to an unsafe request.
    pub points: Option<(&'static str, String)>,
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
            takes: 20 * MILLI,
            status: None,
            points: None,
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

    pub fn sends(self, sends: Sends) -> Self {
        Self { sends, ..self }
    }

    /// The origin fails with this status.
    pub fn fails(self, status: u16) -> Self {
        self.status(status)
    }

    /// The origin answers with this status.
    pub fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// The answer names another URI.
    pub fn points(self, header: &'static str, uri: &str) -> Self {
        Self { points: Some((header, uri.to_owned())), ..self }
    }

    /// Path without query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// Whether it is sent to change something. A question may be posted too.
    pub fn is_unsafe(&self) -> bool {
        let question = self.method == "POST" && ["/identify", "/compare"].contains(&self.path());
        !question && !["GET", "HEAD", "OPTIONS", "TRACE"].contains(&self.method.as_str())
    }

    /// Host and target of all that its success changes: its own, and what the answer names of the same origin.
    pub fn changes(&self) -> Vec<(String, String)> {
        let own = (self.host.clone(), self.target.clone());
        let named = self.points.as_ref().and_then(|(_, uri)| self.resolve(uri));
        [own].into_iter().chain(named).collect()
    }

    /// What a reference means, where it is of this origin: absolute, or a path.
    fn resolve(&self, uri: &str) -> Option<(String, String)> {
        let own = || (uri.starts_with('/') && !uri.starts_with("//")).then(|| (self.host.clone(), uri.to_owned()));
        let Some((scheme, rest)) = uri.split_once("://") else { return own() };
        let (host, target) = rest.split_once('/')?;
        (scheme == self.scheme && host == self.host).then(|| (host.to_owned(), format!("/{target}")))
    }

    /// All lines of a header.
    pub fn lines(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The first header of that name.
    pub fn get_header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
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
        format!(
            "{} {}://{}{} [{}]{ja4}{body} ({:?}{})",
            self.method,
            self.scheme,
            self.host,
            self.target,
            headers.join("; "),
            self.sends,
            self.status.map(|status| format!(" {status}")).unwrap_or_default()
        )
    }
}
