//! HTTP clients that are not ours, through TLS: curl has OpenSSL and HTTP/2, Debian's wget has GnuTLS.

use std::process::Command;

use stack::{Response, paths, wire::Reader};

/// The longest that a program may take, in seconds.
const PATIENCE: &str = "20";

/// What curl says of transfers to the edge, one after the other on one connection. Each is its words, the path last;
/// all have the `common` ones.
///
/// # Errors
/// A sentence with what it complains of; so below.
pub fn curl(port: u16, common: &[&str], transfers: &[&[&str]]) -> Result<Vec<Response>, String> {
    let mut command = Command::new(paths::program("curl")?);
    for (number, words) in transfers.iter().enumerate() {
        let (path, words) = words.split_last().ok_or("a transfer without a path")?;
        // What was said before it is forgotten then.
        command.args((number > 0).then_some("--next"));
        command.args(["-sS", "-i", "--raw", "--max-time", PATIENCE, "--cacert"]).arg(paths::certificate()?);
        command.args(common).args(words).arg(format!("https://127.0.0.1:{port}{path}"));
    }
    let bytes = output(command)?;
    let mut reader = Reader::new(bytes.as_slice());
    let method = |words: &[&str]| if words.contains(&"-I") { "HEAD" } else { "GET" };
    transfers.iter().map(|words| Response::read(&mut reader, method(words))).collect()
}

/// What curl says of so many transfers of one path at once, as streams of one HTTP/2 connection: `Cache-Status` of each.
///
/// # Errors
/// As [`curl`].
pub fn streams(port: u16, count: usize, path: &str) -> Result<Vec<String>, String> {
    let mut command = Command::new(paths::program("curl")?);
    command.args(["-sS", "--http2", "--parallel", "--parallel-max", &count.to_string(), "--max-time", PATIENCE]);
    command.args(["-o", "/dev/null", "-w", "%{http_code} %header{cache-status}\\n", "--cacert"]);
    // curl makes the addresses of a range, and sends no fragment.
    command.arg(paths::certificate()?).arg(format!("https://127.0.0.1:{port}{path}#[1-{count}]"));
    Ok(String::from_utf8_lossy(&output(command)?).lines().map(str::to_owned).collect())
}

/// What wget says of one GET of the edge.
///
/// # Errors
/// As [`curl`].
pub fn wget(port: u16, options: &[&str], path: &str) -> Result<Response, String> {
    let mut command = Command::new(paths::program("wget")?);
    command.args(["-q", "--tries=1", "--save-headers", "-O", "-", "--timeout", PATIENCE, "--ca-certificate"]);
    command.arg(paths::certificate()?).args(options).arg(format!("https://127.0.0.1:{port}{path}"));
    Response::read(&mut Reader::new(output(command)?.as_slice()), "GET")
}

fn output(mut command: Command) -> Result<Vec<u8>, String> {
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    let complaint = || format!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(output.stdout) } else { Err(complaint()) }
}
