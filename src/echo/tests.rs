//! Tables: which answers give a caller's value away, and what becomes of those that do not.

use super::*;
use crate::projection::tests::projection;
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ID: &str = "s3ss/Ion";

fn pointers(texts: &[&str]) -> Vec<Pointer> {
    projection(json!({ "echo": texts })).echo
}

fn text(value: &str) -> Echo {
    Echo::Text(value.to_owned())
}

/// Cuts `/id` out of an answer to a caller whose value is `echo`.
fn cut_id(body: &str, echo: Echo) -> Result<Template, NotStored> {
    cut(body.as_bytes().to_vec(), &[], &pointers(&["/id"]), &[echo])
}

/// What another caller gets.
fn hit(template: &Template, echo: Echo) -> Option<String> {
    splice(&template.body, &template.cuts, &[echo]).map(|body| String::from_utf8(body).unwrap())
}

#[test]
fn a_value_is_cut_out_and_each_caller_gets_its_own() {
    for (body, expected) in [
        (r#"{"id":"s3ss/Ion","n":1}"#, r#"{"id":"you \"\\\n é","n":1}"#),
        ("{\n  \"n\": 1,\n  \"id\" : \"s3ss/Ion\"\n}", "{\n  \"n\": 1,\n  \"id\" : \"you \\\"\\\\\\n é\"\n}"),
        (r#"{"id":"s3ss\/Ion"}"#, r#"{"id":"you \"\\\n é"}"#),
        (r#"{"id":"\u00733ss/Ion"}"#, r#"{"id":"you \"\\\n é"}"#),
        (r#"  {"\u0069d":"s3ss/Ion"}  "#, r#"  {"\u0069d":"you \"\\\n é"}  "#),
        (r#"{"idx":"s3ss","id":"s3ss/Ion"}"#, r#"{"idx":"s3ss","id":"you \"\\\n é"}"#),
    ] {
        let template = cut_id(body, text(ID)).unwrap();
        assert_eq!(template.cuts.len(), 1);
        assert!(!String::from_utf8(template.body.clone()).unwrap().contains("Ion"), "{body}");
        assert_eq!(hit(&template, text("you \"\\\n é")).as_deref(), Some(expected));
    }
    let template = cut_id(r#"{"id":12345678901234567890}"#, Echo::Number("12345678901234567890".to_owned())).unwrap();
    assert_eq!(hit(&template, Echo::Number("-1.5E3".to_owned())).as_deref(), Some(r#"{"id":-1.5E3}"#));
}

/// Each of these would show one caller's value to the next, or is not the caller's own value.
#[test]
fn a_theft_is_not_stored() {
    for body in [
        // again, elsewhere
        r#"{"id":"s3ss/Ion","x":"s3ss/Ion"}"#,
        r#"{"id":"s3ss/Ion","x":["y",{"z":"for s3ss/Ion, from us"}]}"#,
        r#"{"id":"s3ss/Ion","s3ss/Ion":1}"#,
        r#"{"id":"s3ss/Ion"} "s3ss/Ion""#,
        // in other letters
        r#"{"id":"s3ss/Ion","x":"S3SS/ION"}"#,
        r#"{"id":"s3ss/Ion","x":"s3ſs/İon"} {"id":"s3ss/Ion","x":"S3SS/ION"}"#,
        // escaped
        r#"{"id":"s3ss/Ion","x":"s3ss\/Ion"}"#,
        r#"{"id":"s3ss\/Ion","x":"s3ss/Ion"}"#,
        r#"{"id":"s3ss/Ion","x":"\u00733ss/Ion"}"#,
        r#"{"id":"s3ss/Ion","x":"s3ss\u002fIon"}"#,
        r#"{"id":"s3ss/Ion","x":"s3ss\u002FI\u006Fn"}"#,
        r#"{"id":"s3ss/Ion","\u00733ss/Ion":1}"#,
        // in a text in a text
        r#"{"id":"s3ss/Ion","x":"{\"id\":\"s3ss\\/Ion\"}"}"#,
        r#"{"id":"s3ss/Ion","x":"{\"id\":\"\\u00733ss/Ion\"}"}"#,
        r#"{"id":"s3ss/Ion","x":"{\"x\":\"{\\\"id\\\":\\\"s3ss\\\\/Ion\\\"}\"}"}"#,
        // in a URL
        r#"{"id":"s3ss/Ion","x":"/log?id=s3ss%2FIon"}"#,
        r#"{"id":"s3ss/Ion","x":"/log?id=%733ss%2fion"}"#,
        r#"{"id":"s3ss/Ion","x":"\/log?next=%252Flog%253Fid%253Ds3ss%252FIon"}"#,
        // twice at the same place
        r#"{"id":"s3ss/Ion","id":"s3ss/Ion"}"#,
        r#"{"id":"other","id":"s3ss/Ion"}"#,
        r#"{"id":"s3ss/Ion","\u0069d":"other"}"#,
        // not the caller's
        r#"{"id":"s3ss/ion"}"#,
        r#"{"id":"other"}"#,
        r#"{"id":"s3ss/Ion "}"#,
        r#"{"id":""}"#,
        r#"{"id":null}"#,
        r#"{"id":1}"#,
        r#"{"id":["s3ss/Ion"]}"#,
        r#"{"id":{"id":"s3ss/Ion"}}"#,
        // not there, or nowhere to be found
        "{}",
        r#"{"ID":"s3ss/Ion"}"#,
        r#"{"x":{"id":"s3ss/Ion"}}"#,
        r#"[{"id":"s3ss/Ion"}]"#,
        r#""s3ss/Ion""#,
        "<id>s3ss/Ion</id>",
        "",
        r#"{"id":"s3ss/Ion""#,
        r#"{"id":"s3ss/Ion"}x"#,
    ] {
        assert_eq!(cut_id(body, text(ID)), Err(NotStored::EchoAmbiguous), "{body}");
    }
    let body = b"{\"id\":\"s3ss/Ion\",\"x\":\"\xff\"}".to_vec();
    assert_eq!(cut(body, &[], &pointers(&["/id"]), &[text(ID)]), Err(NotStored::EchoAmbiguous));
}

/// Written partly with escapes and partly without, as no writer would have to.
#[test]
fn mixed_writings_are_found() {
    for (own, elsewhere) in [
        ("é\nb", r"\u00e9\nb"),
        ("é\rb", r"\u00e9\rb"),
        ("é\tb", r"\u00e9\tb"),
        ("é/b", r"\u00e9/b"),
        ("é\\b", r"\u00e9\\b"),
        ("😀x", r"\ud83d\ude00x"),
        ("x😀y😀", r"x\ud83d\ude00\u0079\ud83d\ude00"),
        ("a%b", r"\u0061%b"),
        ("a%b", "%61%25b"),
        ("a%zb c", "a%zb%20c"),
        ("é\u{8}b", r"\u00e9\bb"),
        ("é\u{c}b", r"\u00e9\fb"),
    ] {
        let body = json!({ "id": own }).to_string().replace('}', &format!(",\"x\":\"{elsewhere}\"}}"));
        assert_eq!(cut_id(&body, text(own)), Err(NotStored::EchoAmbiguous), "{body}");
    }
}

#[test]
fn letters_outside_ascii_are_found_behind_escapes() {
    for elsewhere in
        [r"é😀", r"\u00e9\ud83d\ude00", r"\u00E9\uD83D\uDE00", r"\\u00e9\\ud83d\\ude00", "%C3%A9%F0%9F%98%80"]
    {
        let body = format!(r#"{{"id":"é😀","x":"{elsewhere}"}}"#);
        assert_eq!(cut_id(&body, text("é😀")), Err(NotStored::EchoAmbiguous), "{elsewhere}");
    }
    for unlike in ["é", r"\ud83d\ude00", r"\ude00\ud83d", r"\ud83d", r"\\", "%", "%zz", r"\\u12", "100%"] {
        let body = format!(r#"{{"id":"é😀","x":"{unlike}"}}"#);
        assert!(cut_id(&body, text("é😀")).is_ok(), "{unlike}");
    }
    for (own, elsewhere) in
        [("a\nb", r"a\nb"), ("a\tb", r"a\\tb"), ("a\"b", r#"a\"b"#), ("a\\b", r"a\\b"), ("a b", "a%20b")]
    {
        let body = json!({ "id": own }).to_string().replace('}', &format!(",\"x\":\"{elsewhere}\"}}"));
        assert_eq!(cut_id(&body, text(own)), Err(NotStored::EchoAmbiguous), "{body}");
    }
}

/// Lower case is taken letter by letter: a sigma at the end of the value is none at the end of the text.
#[test]
fn letters_of_other_scripts_are_found_in_any_case() {
    for (own, elsewhere) in [("ÉÀ", "éà"), ("éà", "ÉÀ"), ("ΑΣ", "ΑΣΑ"), ("ΑΣ", "ασα"), ("ας", "ας"), ("жЖ", "ЖЖ")]
    {
        let body = format!(r#"{{"id":"{own}","x":"{elsewhere}"}}"#);
        assert_eq!(cut_id(&body, text(own)), Err(NotStored::EchoAmbiguous), "{body}");
    }
}

#[test]
fn a_value_in_a_header_is_not_stored() {
    let body = || br#"{"id":"s3ss/Ion"}"#.to_vec();
    for value in ["s3ss/Ion", "id=s3ss/Ion; x", "S3SS/ION", "/log?id=s3ss%2FIon", r#""s3ss\/Ion""#] {
        let headers = [("content-type".to_owned(), "x".to_owned()), ("x-id".to_owned(), value.to_owned())];
        let cut = cut(body(), &headers, &pointers(&["/id"]), &[text(ID)]);
        assert_eq!(cut, Err(NotStored::EchoInHeader), "{value}");
    }
    let headers = [("x-id".to_owned(), "s3ss".to_owned())];
    assert!(cut(body(), &headers, &pointers(&["/id"]), &[text(ID)]).is_ok());
}

/// A value that is in the key need not be cut, but an answer that says otherwise is somebody else's.
#[test]
fn values_without_a_callers_mark_stay() {
    let fixed = |json| Echo::read(json).unwrap();
    for (echo, body) in [
        (Echo::Absent, "{}"),
        (Echo::Absent, r#"{"id":null}"#),
        (fixed("null"), "{}"),
        (fixed("null"), r#"{"id":null}"#),
        (fixed("true"), r#"{"id":true,"x":true}"#),
        (fixed("false"), r#"{"id":false}"#),
        (fixed("\"\""), r#"{"id":"","x":""}"#),
    ] {
        let template = cut_id(body, echo.clone()).unwrap_or_else(|reason| panic!("{echo:?} {body} {reason:?}"));
        assert_eq!((template.cuts.len(), template.body.as_slice()), (0, body.as_bytes()));
        assert_eq!(hit(&template, echo).as_deref(), Some(body));
    }
    for (echo, body) in [
        (Echo::Absent, r#"{"id":"made up by the origin"}"#),
        (Echo::Absent, r#"{"id":""}"#),
        (Echo::Absent, r#"{"id":0}"#),
        (Echo::Absent, "not JSON"),
        (fixed("null"), r#"{"id":"made up by the origin"}"#),
        (fixed("true"), "{}"),
        (fixed("true"), r#"{"id":false}"#),
        (fixed("true"), r#"{"id":"true"}"#),
        (fixed("\"\""), r#"{"id":"made up by the origin"}"#),
        (fixed("\"\""), r#"{"id":null}"#),
        (fixed("\"\""), "{}"),
    ] {
        assert_eq!(cut_id(body, echo.clone()), Err(NotStored::EchoAmbiguous), "{echo:?} {body}");
    }
}

#[test]
fn numbers_are_the_callers_own_to_the_letter() {
    let number = |text: &str| Echo::read(text).unwrap();
    assert!(cut_id(r#"{"id":12345}"#, number("12345")).is_ok());
    for (echo, body) in [
        ("12345", r#"{"id":"12345"}"#),
        ("12345", r#"{"id":12345.0}"#),
        ("12345", r#"{"id":12345,"x":12345}"#),
        ("12345", r#"{"id":12345,"x":"no. 12345"}"#),
        ("12345", r#"{"id":12345,"x":9123450}"#),
        ("1E5", r#"{"id":1E5,"x":"1e5"}"#),
        ("9007199254740993", r#"{"id":9007199254740992}"#),
    ] {
        assert_eq!(cut_id(body, number(echo)), Err(NotStored::EchoAmbiguous), "{echo} {body}");
    }
    assert_eq!(cut_id(r#"{"id":"12345"}"#, text("12345")).map(|template| template.cuts.len()), Ok(1));
    assert_eq!(cut_id(r#"{"id":12345}"#, text("12345")), Err(NotStored::EchoAmbiguous));
}

#[test]
fn several_values_keep_their_places() {
    let two = pointers(&["/b/id", "/a"]);
    let echoes = [text("one"), Echo::Number("77".to_owned())];
    let template = cut(br#"{"a":77,"b":{"id":"one"}}"#.to_vec(), &[], &two, &echoes).unwrap();
    assert_eq!(template.body, br#"{"a":,"b":{"id":}}"#);
    assert_eq!(template.cuts, [Cut { at: 5, echo: 1 }, Cut { at: 16, echo: 0 }]);
    let other = splice(&template.body, &template.cuts, &[text("you"), text("me")]);
    assert_eq!(other.as_deref(), Some(&br#"{"a":"me","b":{"id":"you"}}"#[..]));
}

/// With equal values nobody can say which of them the origin repeated where.
#[test]
fn equal_values_and_one_within_the_other_are_not_stored() {
    let two = pointers(&["/a", "/b"]);
    let cut = |body: &str, a: &str, b: &str| cut(body.as_bytes().to_vec(), &[], &two, &[text(a), text(b)]);
    assert_eq!(cut(r#"{"a":"same","b":"same"}"#, "same", "same"), Err(NotStored::EchoAmbiguous));
    assert_eq!(cut(r#"{"a":"two","b":"one"}"#, "one", "two"), Err(NotStored::EchoAmbiguous));
    assert!(cut(r#"{"a":"one","b":"two"}"#, "one", "two").is_ok());
    assert_eq!(cut(r#"{"a":"one","b":"two","c":"oneself"}"#, "one", "two"), Err(NotStored::EchoAmbiguous));
    let fixed = || Echo::Fixed("true");
    let template = super::cut(br#"{"a":true,"b":true}"#.to_vec(), &[], &two, &[fixed(), fixed()]);
    assert!(template.is_ok(), "what is in the key may be equal");
}

#[test]
fn a_kind_says_all_that_is_no_callers_own() {
    let kind = |json| Echo::read(json).map(|echo| echo.kind());
    for (json, expected) in [
        ("null", Some("null")),
        ("true", Some("true")),
        ("false", Some("false")),
        ("\"\"", Some("\"\"")),
        ("\"x\"", Some("string")),
        ("\"null\"", Some("string")),
        ("0", Some("number")),
        ("-1e9", Some("number")),
        ("{}", None),
        ("[]", None),
        ("", None),
        (r#""\ud83d""#, None),
    ] {
        assert_eq!(kind(json), expected, "{json}");
    }
    assert_eq!(Echo::Absent.kind(), "absent");
}

#[test]
fn a_cut_that_nobody_can_fill_gives_no_answer() {
    let cut = |at, echo| vec![Cut { at, echo }];
    assert_eq!(splice(b"{}", &cut(1, 1), &[text("x")]), None);
    assert_eq!(splice(b"{}", &cut(3, 0), &[text("x")]), None);
    assert_eq!(splice(b"{}", &cut(usize::MAX, 0), &[text("x")]), None);
    assert_eq!(splice(b"{}", &[Cut { at: 2, echo: 0 }, Cut { at: 1, echo: 0 }], &[text("x")]), None);
    assert_eq!(splice(b"{}", &cut(1, 0), &[Echo::Absent]), None);
    assert_eq!(splice(b"{}", &cut(2, 0), &[text("x")]).as_deref(), Some(&b"{}\"x\""[..]));
}

/// The search is linear: a value made to be slow to find is not slow to find.
#[test]
fn a_long_value_is_searched_for_in_time() {
    let value = "a".repeat(30_000) + "b";
    let body = format!(r#"{{"id":"{value}","x":"{}"}}"#, "a".repeat(500_000));
    assert!(cut_id(&body, text(&value)).is_ok());
}
