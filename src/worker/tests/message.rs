//! Requests of clients and answers of the origin, as tests write them.

/// A request as a client sends it.
#[derive(Clone)]
pub struct Request {
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Option<Vec<u8>>,
}

/// A request to `h.example` over https.
pub fn request(method: &str, target: &str) -> Request {
    let headers = [(":method", method), (":scheme", "https"), (":authority", "h.example"), (":path", target)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    Request { headers: headers.into(), body: None }
}

/// A GET request.
pub fn get(target: &str) -> Request {
    request("GET", target)
}

/// A POST request with a body.
pub fn post(target: &str, body: &str) -> Request {
    Request { body: Some(body.as_bytes().to_vec()), ..request("POST", target) }
}

impl Request {
    /// With one more header line; a pseudo header takes the place of its own.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.retain(|(known, _)| !name.starts_with(':') || known != name);
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }
}

/// An answer of the origin.
#[derive(Clone)]
pub struct Origin {
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// A 200 with a length.
pub fn ok(body: &str) -> Origin {
    Origin { headers: Vec::new(), body: body.as_bytes().to_vec() }
        .with(":status", "200")
        .with("content-length", body.len().to_string())
}

/// An answer without a body.
pub fn empty(status: &str) -> Origin {
    ok("").with(":status", status)
}

impl Origin {
    /// With one more header line; the status takes the place of its own.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.retain(|(known, _)| name != ":status" || known != name);
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Without any line of this name.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// With a length in chunks.
    pub fn chunked(self) -> Self {
        self.without("content-length").with("transfer-encoding", "chunked")
    }
}
