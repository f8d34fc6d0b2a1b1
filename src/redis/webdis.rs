//! The dialect of webdis: a command is a path, its last argument may be the body of a `PUT`, `.raw` asks for RESP.

use super::Call;

/// An HTTP request to webdis, to be sent with a body when there is one.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, or `PUT` with a body.
    pub method: &'static str,
    /// The path.
    pub path: String,
}

/// Writes a call as webdis reads it: `/EVALSHA/<sha1>/<number of keys>/<keys…>/<arguments…>.raw`.
pub fn request(call: &Call) -> Request {
    let mut path = String::with_capacity(256);
    path.push_str(if call.whole { "/EVAL" } else { "/EVALSHA" });
    push(&mut path, if call.whole { call.script.text } else { call.script.sha1 });
    push(&mut path, &call.keys.len().to_string());
    call.keys.iter().chain(&call.arguments).for_each(|argument| push(&mut path, argument));
    path.push_str(".raw");
    Request { method: if call.body.is_some() { "PUT" } else { "GET" }, path }
}

/// Appends an argument. webdis decodes percent signs, reads `+` as a space and cuts a suffix off at the last dot, so
/// only what is safe everywhere stays as it is.
fn push(path: &mut String, argument: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or('0');
    path.push('/');
    for byte in argument.bytes() {
        if byte.is_ascii_alphanumeric() || b"_:-".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::script;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn call(body: Option<Vec<u8>>) -> Call {
        let keys = vec!["fpc:1.1:r:ab".to_owned()];
        Call {
            script: &script::FILL,
            whole: false,
            keys,
            arguments: vec!["v:a,b".to_owned(), "50% +.x/é".to_owned()],
            body,
        }
    }

    #[test]
    fn every_argument_survives_the_url() {
        let request = request(&call(None));
        let sha = script::FILL.sha1;
        assert_eq!(request.method, "GET");
        assert_eq!(request.path, format!("/EVALSHA/{sha}/1/fpc:1%2E1:r:ab/v:a%2Cb/50%25%20%2B%2Ex%2F%C3%A9.raw"));
    }

    #[test]
    fn a_body_makes_it_a_put_and_a_whole_script_an_eval() {
        let mut call = call(Some(vec![0, 255]));
        call.whole = true;
        let request = request(&call);
        assert_eq!(request.method, "PUT");
        assert!(request.path.starts_with("/EVAL/%23%21lua%0A"), "{}", request.path);
        assert!(!request.path.contains(' ') && !request.path.contains('\n'));
    }
}
