//! One caller's body must never get another caller's answer: JSON keys, and values that the answer repeats.

use e2e::theft::Theft;
use e2e::{Outcome, Scene, before, service, settings, verdict};
use serde_json::{Value, json};
use stack::{Asked, Builder, Request, Step, answer};

const ALPHA: &str = "alpha/é/11111111";
const BRAVO: &str = "bravo/ü/22222222";

fn identify(row: &str, body: &str) -> Request {
    Request::post(format!("{}?row={row}", settings::IDENTIFY), body).header("content-type", "application/json")
}

/// A body with these members after the usual `tls_data`.
fn with(members: &str) -> String {
    format!("{{\"tls_data\":\"AAEC\"{members}}}")
}

#[test]
fn bodies_are_told_apart_by_what_the_origin_may_read_in_them() {
    let theft = |row: &'static str, victim: &str, thief: &str| {
        let usual = identify(row, &with(",\"http_headers\":{\"control\":\"1\"}"));
        Theft::new(row, identify(row, &with(victim)), identify(row, &with(thief))).control(usual.clone(), usual)
    };
    let headers = |members: &str| format!(",\"http_headers\":{{{members}}}");
    let twice =
        |first: &str, last: &str| headers(&format!("\"a\":\"{first}\"")) + &headers(&format!("\"a\":\"{last}\""));
    let pairs = [
        ("value", headers("\"a\":\"1\""), headers("\"a\":\"2\"")),
        ("type", headers("\"a\":\"1\""), headers("\"a\":1")),
        ("member-absent", headers("\"a\":null"), headers("")),
        ("none-at-all", headers(""), String::new()),
        ("beyond-2-53", headers("\"a\":9007199254740993"), headers("\"a\":9007199254740992")),
        ("long-fraction", headers("\"a\":0.1"), headers("\"a\":0.10000000000000000001")),
        ("huge", headers("\"a\":1e400"), headers("\"a\":1e401")),
        ("minus-zero", headers("\"a\":0"), headers("\"a\":-0")),
        ("twice", headers("\"a\":\"1\",\"a\":\"2\""), headers("\"a\":\"1\",\"a\":\"3\"")),
        ("twice-escaped", headers("\"a\":\"1\",\"\\u0061\":\"2\""), headers("\"a\":\"1\",\"\\u0061\":\"3\"")),
        ("twice-outside", ",\"tls_data\":\"x\"".to_owned(), ",\"tls_data\":\"y\"".to_owned()),
        ("twice-first", twice("1", "same"), twice("2", "same")),
        ("twice-last", twice("same", "1"), twice("same", "2")),
        ("unlisted", ",\"user\":\"1\"".to_owned(), ",\"user\":\"2\"".to_owned()),
        ("unlisted-and-none", ",\"user\":\"1\"".to_owned(), String::new()),
        ("case-of-a-member", ",\"TLS_data\":\"x\"".to_owned(), ",\"TLS_data\":\"y\"".to_owned()),
        ("order-of-a-list", headers("\"a\":[1,2]"), headers("\"a\":[2,1]")),
        ("separator-in-a-value", headers("\"a\":\"1\\n/x\""), headers("\"a\":\"1\",\"b\":\"/x\"")),
        ("session-or-none", ",\"session_id\":\"s-12345\"".to_owned(), String::new()),
        ("session-or-number", ",\"session_id\":\"12345\"".to_owned(), ",\"session_id\":12345".to_owned()),
        ("session-null", ",\"session_id\":null".to_owned(), String::new()),
        ("session-nested", ",\"session_id\":{\"a\":1}".to_owned(), ",\"session_id\":{\"a\":2}".to_owned()),
    ];
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        pairs.iter().try_for_each(|(row, victim, thief)| theft(row, victim, thief).attempt(scene, &mut pair))
    });
}

#[test]
fn bodies_of_other_types_and_encodings_are_told_apart() {
    let body = with("");
    let plain = |row: &str| identify(row, &body);
    let typed = |row: &str, name: &str, value: &str| {
        Request::post(format!("{}?row={row}", settings::IDENTIFY), &body).header(name, value)
    };
    let thefts = [
        Theft::new("type", typed("t", "content-type", "application/json"), typed("t", "content-type", "text/plain")),
        Theft::new("encoding", typed("e", "content-encoding", "gzip"), typed("e", "content-encoding", "br"))
            .control(plain("e2"), plain("e2")),
        Theft::new("query", plain("q1"), plain("q2")),
        Theft::new("not JSON", identify("n", "AAEC"), identify("n", "AAED")).control(plain("n"), plain("n")),
        Theft::new("nothing", identify("0", ""), identify("0", " ")).control(plain("0"), plain("0")),
        Theft::new("whole", whole("1\n"), whole("1")),
        Theft::new("whole, empty", whole(""), Request::new("POST", "/whole").body("0")),
    ];
    before(service::numbered).set(with_whole_bodies).play(|scene| {
        let mut pair = scene.pair()?;
        thefts.iter().try_for_each(|theft| theft.attempt(scene, &mut pair))
    });
}

fn whole(body: &str) -> Request {
    Request::post("/whole", body)
}

fn with_whole_bodies(builder: Builder) -> Builder {
    let rule = json!({
        "name": "whole",
        "match": { "methods": ["POST"], "path": "/whole" },
        "key": { "body": "whole" },
        "freshness": { "default": "5m" },
    });
    settings::with_rule(builder, rule)
}

/// What an origin may make of a session: (how, whether the answer may be stored).
type Repeats = (&'static str, fn(&Value) -> String, bool);

const REPEATS: &[Repeats] = &[
    ("as it came", |session| format!("{{\"family\":\"x\",\"session_id\":{session}}}"), true),
    ("with white space", |session| format!("{{ \"family\" : \"x\" , \"session_id\" :\n{session} }}"), true),
    ("escaped", |session| format!("{{\"session_id\":{}}}", escaped(session)), true),
    (
        "inside another string",
        |session| format!("{{\"session_id\":{session},\"log\":\"for {}\"}}", inner(session)),
        false,
    ),
    ("twice", |session| format!("{{\"session_id\":{session},\"again\":{session}}}"), false),
    ("twice, once escaped", |session| format!("{{\"session_id\":{session},\"log\":{}}}", escaped(session)), false),
    ("twice, one slash escaped", |session| format!("{{\"session_id\":{session},\"log\":{}}}", slashed(session)), false),
    ("twice, escaped in place", |session| format!("{{\"session_id\":{},\"log\":{session}}}", escaped(session)), false),
    ("as a name", |session| format!("{{\"session_id\":{session},{session}:1}}"), false),
    (
        "in capitals",
        |session| format!("{{\"session_id\":{session},\"log\":{}}}", session.to_string().to_uppercase()),
        false,
    ),
    ("in a list", |session| format!("{{\"session_id\":[{session}]}}"), false),
    ("elsewhere", |session| format!("{{\"echo\":{{\"session_id\":{session}}}}}"), false),
    ("twice as a member", |session| format!("{{\"session_id\":{session},\"session_id\":{session}}}"), false),
    ("not as JSON", |session| format!("session_id={}", inner(session)), false),
    ("with more behind", |session| format!("{{\"session_id\":\"{}-1\"}}", inner(session)), false),
];

fn inner(session: &Value) -> &str {
    session.as_str().unwrap_or_default()
}

/// The same JSON string, each character written `\uXXXX`.
fn escaped(session: &Value) -> String {
    let units = inner(session).encode_utf16().map(|unit| format!("\\u{unit:04x}"));
    format!("\"{}\"", units.collect::<String>())
}

/// The same JSON string with `\/` for `/`, as some writers have it.
fn slashed(session: &Value) -> String {
    session.to_string().replace('/', "\\/")
}

fn session(row: usize, session: &str) -> Request {
    identify(&format!("repeats-{row}"), &with(&format!(",\"session_id\":\"{session}\"")))
}

fn repeated(asked: &Asked, how: fn(&Value) -> String) -> Vec<Step> {
    let request: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let session = request.get("session_id").cloned().unwrap_or_default();
    answer(200, &[("content-type", "application/json")], how(&session))
}

#[test]
fn a_session_that_the_answer_repeats_is_never_given_to_another_caller() {
    before(service::identified).play(|scene| {
        let mut pair = scene.pair()?;
        let mut wrong = Vec::new();
        for (row, (how, script, may_be_stored)) in REPEATS.iter().enumerate() {
            scene.origin.becomes(move |asked| repeated(asked, *script));
            let warm = session(row, ALPHA);
            if *may_be_stored {
                scene.warm(&mut pair.one, &warm)?
            } else {
                pair.one.send(&warm)?
            };
            for client in [&mut pair.one, &mut pair.other] {
                let answer = client.send(&session(row, BRAVO))?;
                let said = answer.cache_status().unwrap_or_default();
                wrong.extend(judged(how, &answer.body, said.hit, *may_be_stored).err());
            }
        }
        verdict::holds(wrong.is_empty(), &wrong.join("\n"))
    });
}

/// The second caller's answer must not hold a trace of the first, in any writing; nor come from the cache where it
/// cannot be put right.
fn judged(how: &str, body: &[u8], hit: bool, may_be_stored: bool) -> Outcome {
    let text = String::from_utf8_lossy(body).to_lowercase().replace("\\/", "/");
    let digits: String = "11111111".encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    verdict::holds(!text.contains("11111111") && !text.contains(&digits), &format!("{how}: {text}"))?;
    verdict::holds(hit || !may_be_stored, &format!("{how}: should be a hit"))?;
    verdict::holds(!hit || may_be_stored, &format!("{how}: should not be a hit"))
}

#[test]
fn a_session_in_a_header_of_the_answer_is_not_stored() {
    before(service::identified).play(|scene: &mut Scene| {
        for name in ["x-session", "location", "etag", "link"] {
            scene.origin.becomes(move |asked| {
                let request: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
                let session = request["session_id"].as_str().unwrap_or_default();
                answer(200, &[(name, &format!("\"/{session}/\""))], json!({ "session_id": session }).to_string())
            });
            let body = |session: &str| identify(name, &with(&format!(",\"session_id\":\"{session}\"")));
            scene.send(&body("alpha-1111"))?;
            let answer = scene.send(&body("bravo-2222"))?;
            let trace = answer.headers.iter().any(|(_, value)| value.windows(4).any(|window| window == b"1111"));
            verdict::holds(!trace, &format!("no foreign session in {name}"))?;
        }
        Ok(())
    });
}
