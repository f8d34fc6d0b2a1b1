//! Whether an answer is right. It knows what was asked, what a fingerprint claims, what was answered before, and, at the
//! end, the service's own word; of caches it knows nothing.

use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use stack::Response;

use crate::ask::{self, Question};
use crate::plan;

/// So many faults are told one by one.
const TOLD: usize = 10;

/// What was answered so far.
#[derive(Debug)]
pub struct Oracle {
    /// The digest of each fingerprint's answer, the session cut out; 0: none yet.
    answers: Vec<AtomicU64>,
    faults: Mutex<Vec<String>>,
    count: AtomicUsize,
}

/// Why an answer is wrong, in words.
type Fault = &'static str;

impl Oracle {
    /// One that has seen nothing.
    pub fn new() -> Self {
        let answers = (0..plan::KEYS).map(|_| AtomicU64::new(0)).collect();
        Self { answers, faults: Mutex::default(), count: AtomicUsize::new(0) }
    }

    /// Judges an answer. `steady`: the model has not changed since the first one, so answers have to be the same.
    pub fn judge(&self, question: &Question, response: &Response, steady: bool) {
        if let Err(fault) = right(question, response) {
            self.fault(&format!("{fault}: {question:?} got status {} {}", response.status, text(response)));
        } else if let (true, Question::Identify(key, session)) = (steady, question) {
            self.same(*key, &cut(response, session.as_deref()));
        }
    }

    /// Notes that something is wrong.
    pub fn fault(&self, sentence: &str) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        self.count.fetch_add(1, Ordering::Relaxed);
        if faults.len() < TOLD {
            faults.push(sentence.to_owned());
        }
    }

    /// That a fingerprint has one answer, whoever gave it.
    fn same(&self, key: usize, answer: &str) {
        let (Some(known), digest) = (self.answers.get(key), digest(answer)) else { return };
        let before = known.compare_exchange(0, digest, Ordering::AcqRel, Ordering::Acquire);
        if before.is_err_and(|before| before != digest) {
            self.fault(&format!("two answers for fingerprint {key}, the second is {answer}"));
        }
    }

    /// The fingerprints that have an answer, the most popular first.
    pub fn answered(&self) -> impl Iterator<Item = usize> {
        let known = self.answers.iter().enumerate();
        known.filter(|(_, answer)| answer.load(Ordering::Acquire) != 0).map(|(key, _)| key)
    }

    /// Holds what was answered against the service's own answer.
    pub fn compare(&self, key: usize, truth: &Response) {
        self.judge(&Question::Identify(key, None), truth, true);
    }

    /// How many answers were wrong, and some of them in words.
    pub fn verdict(self) -> (usize, Vec<String>) {
        (self.count.into_inner(), self.faults.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether the answer is one to this question.
fn right(question: &Question, response: &Response) -> Result<(), Fault> {
    let body = text(response);
    let expected = if *question == Question::Account { 404 } else { 200 };
    if response.status != expected {
        return Err("another status");
    }
    match question {
        Question::Identify(key, session) => identity(*key, session.as_deref(), &body),
        Question::Profile(number) => {
            let id = ask::profiles().get(*number).cloned().unwrap_or_default();
            body.starts_with(&format!(r#"{{"id":"{id}","#)).then_some(()).ok_or("another profile")
        }
        Question::List => body.ends_with(r#""total":66}"#).then_some(()).ok_or("another list"),
        Question::Features => body.contains(r#""total":53,"#).then_some(()).ok_or("other features"),
        Question::Generate => body.starts_with(r#"{"id":"generated_"#).then_some(()).ok_or("no generated profile"),
        Question::Account => Ok(()),
    }
}

fn identity(key: usize, session: Option<&str>, body: &str) -> Result<(), Fault> {
    let (family, version) = ask::claim(key);
    if !body.starts_with(&format!(r#"{{"family":"{family}","#)) {
        return Err("another fingerprint's family");
    }
    if !body.contains(&format!(r#","version":"{version}","#)) {
        return Err("another fingerprint's version");
    }
    match session {
        Some(session) if body.ends_with(&echo(session)) && body.matches("session_id").count() == 1 => Ok(()),
        None if !body.contains("session_id") => Ok(()),
        _ => Err("another's session id, or none"),
    }
}

/// How an answer ends that repeats this session.
fn echo(session: &str) -> String {
    format!(r#","session_id":"{session}"}}"#)
}

/// The answer without the session.
fn cut(response: &Response, session: Option<&str>) -> String {
    let body = text(response);
    match session.and_then(|session| body.strip_suffix(&echo(session))) {
        Some(before) => format!("{before}}}"),
        None => body,
    }
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn answer(body: &str) -> Response {
        Response { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec(), elapsed: Duration::ZERO }
    }

    fn wrong(oracle: Oracle) -> usize {
        oracle.verdict().0
    }

    /// The answer for a fingerprint of Chrome 120, with something else instead of one thing.
    fn chrome(from: &str, to: &str) -> Response {
        let body = r#"{"family":"chrome","family_confidence":0.9,"version":"120","variant":"win","session_id":"a"}"#;
        answer(&body.replace(from, to))
    }

    #[test]
    fn the_own_session_and_family_are_right_and_no_others() {
        let question = Question::Identify(0, Some("a".to_owned()));
        let judged = |response: &Response| {
            let oracle = Oracle::new();
            oracle.judge(&question, response, true);
            wrong(oracle)
        };
        assert_eq!(judged(&chrome("", "")), 0);
        for (from, to) in [("\"a\"", "\"b\""), ("chrome", "edge"), ("120", "121"), (",\"session_id\":\"a\"", "")] {
            assert_eq!(judged(&chrome(from, to)), 1, "{from}");
        }
        let failed = Response { status: 503, ..chrome("", "") };
        assert_eq!(judged(&failed), 1);
    }

    #[test]
    fn who_sent_no_session_gets_none() {
        let oracle = Oracle::new();
        oracle.judge(&Question::Identify(0, None), &chrome("", ""), true);
        assert_eq!(wrong(oracle), 1);
    }

    #[test]
    fn a_fingerprint_has_one_answer_while_the_model_is_the_same() {
        let oracle = Oracle::new();
        let ask = |session: &str| Question::Identify(0, Some(session.to_owned()));
        oracle.judge(&ask("a"), &chrome("", ""), true);
        oracle.judge(&ask("b"), &chrome("\"a\"", "\"b\""), true);
        oracle.judge(&ask("a"), &chrome("0.9", "0.8"), false);
        assert_eq!(oracle.count.load(Ordering::Relaxed), 0);
        oracle.judge(&ask("a"), &chrome("0.9", "0.8"), true);
        oracle.compare(0, &chrome(r#","session_id":"a""#, ""));
        assert_eq!(oracle.answered().collect::<Vec<_>>(), [0]);
        assert_eq!(wrong(oracle), 1);
    }

    #[test]
    fn the_service_s_own_word_counts() {
        let oracle = Oracle::new();
        oracle.judge(&Question::Identify(0, Some("a".to_owned())), &chrome("win", "mac"), true);
        oracle.compare(0, &chrome(r#","session_id":"a""#, ""));
        assert_eq!(wrong(oracle), 1);
    }

    #[test]
    fn other_answers_are_told_by_what_they_are() {
        let of = |question: Question, body: &str| right(&question, &answer(body));
        assert_eq!(of(Question::Profile(0), r#"{"id":"chrome_120_win","name":1}"#), Ok(()));
        assert!(of(Question::Profile(1), r#"{"id":"chrome_120_win","name":1}"#).is_err());
        assert!(of(Question::List, "{}").is_err() && of(Question::Generate, r#"{"id":"chrome"}"#).is_err());
        assert!(of(Question::Account, "{}").is_err(), "its status is 404");
    }
}
