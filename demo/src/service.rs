//! From a request to its answer: token, delay, route, body. Knows no sockets.

use crate::answer::Answer;
use crate::delay::Delay;
use crate::identify::{self, Judge};
use crate::model::{Features, MADE, Model};
use crate::profiles::{self, Catalogue, Profile};
use crate::routes::{self, Counts, Found, Route};
use crate::seed::Seed;
use crate::users::{self, Users};
use crate::whoami::whoami;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{ALLOW, CONNECTION, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use std::error::Error;
use std::time::{Duration, SystemTime};

/// The longest request body, in bytes.
const MAX_BODY: usize = 8 << 20;

/// How long a client may take to send its body.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Names a delay for one request, in the form of `--delay`.
const DELAY_HEADER: HeaderName = HeaderName::from_static("x-demo-delay");

/// The whole service; shared by all connections.
pub struct Service {
    catalogue: Catalogue,
    model: Model,
    users: Users,
    counts: Counts,
    delay: Delay,
}

/// Why a request gets no answer: status, name and a sentence.
struct Refusal(StatusCode, &'static str, String);

impl Service {
    /// A service whose API answers take `delay`.
    pub fn new(delay: Delay) -> Result<Self, serde_json::Error> {
        Ok(Self {
            catalogue: Catalogue::new()?,
            model: Model::new(),
            users: Users::default(),
            counts: Counts::default(),
            delay,
        })
    }

    /// Answers one request. Never fails: a refusal is an answer too.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        let (head, body) = request.into_parts();
        let answer = match routes::find(&head.method, head.uri.path(), &self.counts) {
            Found::Route(route, id) if route.is_api() => self.api(route, id, &head, body).await,
            Found::Route(route, _) => self.own(route),
            Found::WrongMethod(allowed) => wrong_method(allowed),
            Found::Nowhere => Answer::problem(StatusCode::NOT_FOUND, "not_found", "The service has no such path."),
        };
        answer.into_response()
    }

    /// The routes that want no token and take no time.
    fn own(&self, route: Route) -> Answer {
        let answer = match route {
            Route::Counts => Answer::json(StatusCode::OK, &self.counts.all()),
            Route::Reset => {
                self.counts.reset();
                Answer::empty(StatusCode::NO_CONTENT)
            }
            _ => Answer::json(StatusCode::OK, &json!({"status": "ok"})),
        };
        answer.cache_control("no-store")
    }

    async fn api<B>(&self, route: Route, id: &str, head: &Parts, body: B) -> Answer
    where
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        let Some(token) = users::token(&head.headers) else {
            return unauthorized();
        };
        let allowance = self.users.charge(token, SystemTime::now());
        let answer = match self.timed(route, id, &head.headers, body).await {
            Ok(answer) => answer.conditional(&head.headers),
            Err(refusal) => refusal.answer(),
        };
        answer.allowance(allowance)
    }

    /// The answer is made first and held back then, so that a slow answer may be
    /// an old one: what a cache must expect of a slow origin.
    async fn timed<B>(&self, route: Route, id: &str, headers: &HeaderMap, body: B) -> Result<Answer, Refusal>
    where
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        let delay = self.delay_for(headers)?.choose();
        let body = read(body).await?;
        let answer = self.answer(route, id, headers, &body);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        answer
    }

    fn delay_for(&self, headers: &HeaderMap) -> Result<Delay, Refusal> {
        let Some(value) = headers.get(DELAY_HEADER) else {
            return Ok(self.delay);
        };
        let text = String::from_utf8_lossy(value.as_bytes());
        let delay = text.trim().parse::<Delay>();
        delay.map_err(|sentence| bad_request(format!("{DELAY_HEADER}: {sentence}")))
    }

    fn answer(&self, route: Route, id: &str, headers: &HeaderMap, body: &[u8]) -> Result<Answer, Refusal> {
        match route {
            Route::Profiles => Ok(profile_answer(self.catalogue.list())),
            Route::Profile => self.profile(id),
            Route::Features => Ok(self.features()),
            Route::Identify => computed(self.judge().identify(body)),
            Route::Whoami => self.whoami(headers),
            Route::Batch => computed(self.judge().batch(body)),
            Route::Compare => computed(identify::compare(body)),
            Route::Generate => self.generate(body),
            Route::Retrain => Ok(self.retrain()),
            Route::Health | Route::Counts | Route::Reset => Ok(self.own(route)),
        }
    }

    fn judge(&self) -> Judge<'_> {
        Judge { catalogue: &self.catalogue, model: self.model.version().number }
    }

    fn profile(&self, id: &str) -> Result<Answer, Refusal> {
        match self.catalogue.profile(id) {
            Some(body) => Ok(profile_answer(body)),
            None => Err(Refusal(
                StatusCode::NOT_FOUND,
                "not_found",
                format!("There is no profile \"{id}\"; GET /v1/fingerprints/profiles lists all."),
            )),
        }
    }

    /// Says no `Vary`, as caches before whoever adds the header never see it: who caches
    /// the answer must know the route.
    fn whoami(&self, headers: &HeaderMap) -> Result<Answer, Refusal> {
        let answer = whoami(headers, &self.catalogue).map_err(bad_request)?;
        Ok(Answer::json(StatusCode::OK, &answer).cache_control("max-age=300").validators(SystemTime::UNIX_EPOCH + MADE))
    }

    fn features(&self) -> Answer {
        let version = self.model.version();
        Answer::json(StatusCode::OK, &Features::of(version)).cache_control("max-age=3600").validators(version.trained)
    }

    fn retrain(&self) -> Answer {
        let version = self.model.retrain(SystemTime::now());
        let answer = json!({"status": "accepted", "model_version": version.number});
        Answer::json(StatusCode::ACCEPTED, &answer).cache_control("no-store")
    }

    /// `{browser?}` or no body at all.
    fn generate(&self, body: &[u8]) -> Result<Answer, Refusal> {
        let browser = wanted_browser(body).map_err(bad_request)?;
        let mut seed = Seed::random();
        let model = self.catalogue.pick(&browser, "", &mut seed);
        let profile = model.map(|model| Profile::generated(model, &mut seed));
        Ok(Answer::json(StatusCode::OK, &profile).cache_control("no-store"))
    }
}

impl Refusal {
    fn answer(self) -> Answer {
        let Self(status, error, message) = self;
        let answer = Answer::problem(status, error, &message);
        match status {
            // The rest of the body was not read, so the connection is of no more use.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
                answer.with(CONNECTION, HeaderValue::from_static("close"))
            }
            _ => answer,
        }
    }
}

fn bad_request(message: String) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, "bad_request", message)
}

/// Profiles change with a release of the service only.
fn profile_answer(body: Bytes) -> Answer {
    Answer::of(StatusCode::OK, body).cache_control("max-age=300").validators(SystemTime::UNIX_EPOCH + MADE)
}

/// An answer computed from the body. It says nothing of its freshness: whoever
/// caches an answer to `POST` must know the route.
fn computed(result: Result<impl Serialize, String>) -> Result<Answer, Refusal> {
    let value = result.map_err(bad_request)?;
    Ok(Answer::json(StatusCode::OK, &value))
}

/// The browser that a request to `generate` names; empty where it names none.
fn wanted_browser(body: &[u8]) -> Result<String, String> {
    if body.is_empty() {
        return Ok(String::new());
    }
    let request: Value = serde_json::from_slice(body).map_err(|error| format!("The body is not JSON: {error}."))?;
    match request.get("browser") {
        None => Ok(String::new()),
        Some(Value::String(name)) if profiles::is_browser(name) => Ok(name.clone()),
        Some(other) => Err(format!("browser is {other}: send chrome, firefox, safari or edge.")),
    }
}

async fn read<B>(body: B) -> Result<Bytes, Refusal>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let whole = Limited::new(body, MAX_BODY).collect();
    match tokio::time::timeout(BODY_TIME, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("The body is longer than {MAX_BODY} bytes."),
        )),
        Ok(Err(error)) => Err(bad_request(format!("The body ended early: {error}."))),
        Err(_) => Err(Refusal(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            format!("The body took longer than {} seconds.", BODY_TIME.as_secs()),
        )),
    }
}

fn unauthorized() -> Answer {
    let message = "Send a token: Authorization: Bearer TOKEN, or X-API-Key: TOKEN; any will do.";
    let scheme = HeaderValue::from_static("Bearer realm=\"fingerprint-demo\"");
    Answer::problem(StatusCode::UNAUTHORIZED, "unauthorized", message).with(WWW_AUTHENTICATE, scheme)
}

fn wrong_method(allowed: &'static str) -> Answer {
    let allowed = if allowed == "GET" { "GET, HEAD" } else { allowed };
    let message = format!("The path wants another method: {allowed}.");
    Answer::problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", &message)
        .with(ALLOW, HeaderValue::from_static(allowed))
}

#[cfg(test)]
mod tests;
