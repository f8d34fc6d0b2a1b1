//! What webdis 0.1.9 makes of a URL: a path of arguments, percent-decoded, `+` a space, empty ones lost, a known
//! suffix after the last dot the format; the body of a `PUT` as the last argument.

/// Suffixes that webdis takes for a format.
const FORMATS: [&str; 8] = ["raw", "json", "txt", "html", "xml", "bin", "png", "jpg"];

/// The arguments of the command, and whether RESP was asked for.
pub fn command(method: &str, path: &str, body: Option<&[u8]>) -> Result<Vec<Vec<u8>>, String> {
    let path = path.split('?').next().unwrap_or_default();
    let (path, format) = match path.rsplit_once('.') {
        Some((path, format)) if FORMATS.contains(&format) => (path, format),
        _ => (path, "json"),
    };
    if format != "raw" {
        return Err(format!("the reply would be {format}: {path}"));
    }
    if (method == "PUT") != body.is_some() || !matches!(method, "GET" | "PUT") {
        return Err(format!("{method} with{} body", if body.is_some() { "" } else { "out" }));
    }
    if path.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(format!("no URL: {path:?}"));
    }
    let mut arguments: Vec<Vec<u8>> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
    arguments.extend(body.filter(|body| !body.is_empty()).map(<[u8]>::to_vec));
    Ok(arguments)
}

fn decode(part: &str) -> Vec<u8> {
    let mut bytes = part.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap_or(b'?')
            }
            other => other,
        });
    }
    decoded
}

#[test]
fn a_url_is_read_as_webdis_reads_it() {
    let read = |path| command("GET", path, None).unwrap();
    assert_eq!(read("/A/b%2Fc//d+e.raw"), [&b"A"[..], b"b/c", b"d e"]);
    assert!(command("GET", "/A/b.txt", None).is_err());
    assert!(command("POST", "/A.raw", Some(b"x")).is_err());
    assert_eq!(command("PUT", "/A.raw", Some(b"\xff")).unwrap(), [&b"A"[..], b"\xff"]);
}
