//! Sockets: accepts connections, speaks HTTP/1.1 on each, ends in order.

use crate::service::Service;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long requests in flight may take to finish once the service is told to end.
const GRACE: Duration = Duration::from_secs(2);

/// How long to wait where no connection can be accepted, mostly because the
/// process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `listener` until `stop` is over, then finishes what is in flight.
pub async fn serve(listener: TcpListener, service: Arc<Service>, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connect(stream, &service, &graceful),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    // A client that does not come to an end is left behind.
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}

/// Serves one connection, in its own task, for as long as the client keeps it.
fn connect(stream: TcpStream, service: &Arc<Service>, graceful: &GracefulShutdown) {
    // Without it a small answer may wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = Arc::clone(service);
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.respond(request).await) }
    });
    // No timeout for an idle connection: a proxy keeps its connections, and one
    // closed at the moment of its next request would look like a failing origin.
    let connection = http1::Builder::new().header_read_timeout(None).serve_connection(TokioIo::new(stream), answer);
    let connection = graceful.watch(connection);
    // A connection's error is its client's concern, and the client has seen it.
    tokio::spawn(async move { drop(connection.await) });
}
