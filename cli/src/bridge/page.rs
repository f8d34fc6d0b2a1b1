//! `/metrics` and `/healthz`, for Prometheus and the kubelet.

use std::net::SocketAddr;
use std::sync::Arc;

use tiny_http::{Header, Method, Request, Response, Server};

use super::state::State;

/// Begins to serve; the address is the one that was taken where the port was 0.
///
/// # Errors
/// A sentence, when the address cannot be had.
pub fn serve(address: SocketAddr, state: Arc<State>) -> Result<SocketAddr, String> {
    let taken = |error| format!("Cannot listen on {address}: {error}. Name another address with --listen.");
    let server = Server::http(address).map_err(taken)?;
    let address = server.server_addr().to_ip().unwrap_or(address);
    std::thread::spawn(move || {
        for request in server.incoming_requests() {
            answer(request, &state);
        }
    });
    Ok(address)
}

fn answer(request: Request, state: &State) {
    let path = request.url().split('?').next().unwrap_or_default().to_owned();
    let known = matches!(request.method(), Method::Get | Method::Head);
    let (status, text) = match path.as_str() {
        "/metrics" if known => (200, state.page()),
        "/healthz" if known => match state.ailment() {
            None => (200, "ok\n".to_owned()),
            Some(ailment) => (503, format!("{ailment}\n")),
        },
        "/metrics" | "/healthz" => (405, "GET only\n".to_owned()),
        _ => (404, "There are /metrics and /healthz.\n".to_owned()),
    };
    let response = Response::from_string(text).with_status_code(status);
    let kind = Header::from_bytes("content-type", "text/plain; version=0.0.4; charset=utf-8");
    let response = kind.into_iter().fold(response, Response::with_header);
    // A client that has left has no use for the answer.
    let _ = request.respond(response);
}
