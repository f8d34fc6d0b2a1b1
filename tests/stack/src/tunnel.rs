//! A client behind TLS: our own bytes, begun with the hello of `openssl s_client`, whose options make it another.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::client::{PATIENCE, Request, Response};
use crate::paths;
use crate::process;
use crate::wire::Reader;

/// A connection through TLS that stays open from one request to the next. Closed when dropped.
#[derive(Debug)]
pub struct Tunnel {
    child: Child,
    stream: UnixStream,
    reader: Reader<UnixStream>,
}

impl Tunnel {
    /// Connects to a port of 127.0.0.1 and trusts the certificate that `make setup` made, and no other.
    ///
    /// # Errors
    /// A sentence, when that certificate or the program is missing. What goes wrong later, the first request says.
    pub fn open(port: u16, options: &[&str]) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot start openssl: {error}");
        let (stream, end) = UnixStream::pair().map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let reader = Reader::new(stream.try_clone().map_err(failed)?);
        let output = end.try_clone().map_err(failed)?;
        let mut command = Command::new(paths::program("openssl")?);
        // -quiet: nothing but what comes through, and no letter in it that is a command.
        command.args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}")]);
        command.args(["-verify_return_error", "-verify_ip", "127.0.0.1", "-CAfile"]).arg(paths::certificate()?);
        command.args(options).stdin(OwnedFd::from(end)).stdout(OwnedFd::from(output)).stderr(Stdio::piped());
        let child = process::spawn(command).map_err(failed)?;
        Ok(Self { child, stream, reader })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// A sentence, when there is no whole answer: also when the certificate is another's.
    pub fn send(&mut self, request: &Request) -> Result<Response, String> {
        let begun = Instant::now();
        self.stream.write_all(&request.bytes()).map_err(|error| format!("cannot send through TLS: {error}"))?;
        let response = Response::read(&mut self.reader, request.method());
        let mut response = response.map_err(|error| format!("{error}; openssl says:\n{}", self.complaint()))?;
        response.elapsed = begun.elapsed();
        Ok(response)
    }

    /// What it said; the connection is over then.
    fn complaint(&mut self) -> String {
        let _ = self.child.kill();
        let mut said = String::new();
        let _ = self.child.stderr.take().map(|mut errors| errors.read_to_string(&mut said));
        said
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
