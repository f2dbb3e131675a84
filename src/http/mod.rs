//! HTTP in and out; the only module that knows actix-web and utoipa. <https://hl7.org/fhir/R4/http.html>
//!
//! All below it is synchronous. What may take time runs on a bounded pool of threads beside the HTTP workers.
//!
//! What the parser of HTTP/1.1 cannot make a request of (a broken request line, lengths that contradict one another, more
//! than 96 headers, a head of more than 128 KB, one that does not arrive in time) never gets here: actix-http answers
//! it itself, with a bare 400, 431 or 408 and the end of the connection, and offers no hook to put an OperationOutcome
//! there. What goes wrong in a body, chunks among them, is seen by `body`, which says it like any other failure.

pub mod binary;
pub mod body;
pub mod caller;
pub mod cors;
pub mod encodings;
pub mod fetched;
pub mod fhir;
pub mod health;
pub mod load;
pub mod metrics;
pub mod negotiate;
pub mod observe;
pub mod openapi;
pub mod pages;
pub mod prefer;
pub mod respond;
pub mod routes;
pub mod sent;
pub mod smart;
pub mod threads;
pub mod tls;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::Server;
use actix_web::middleware::Compress;
use actix_web::middleware::from_fn;
use actix_web::web::Data;

use crate::app::App;
use crate::http::load::Load;
use crate::http::metrics::Metrics;

/// Threads beside each HTTP worker, for what waits on the database. Writers wait together for one durable commit,
/// so there are more of them than database connections.
const BLOCKING_THREADS: usize = 32;
/// A client must have sent its headers by then.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// Requests in flight may end within this many seconds of a shutdown.
const SHUTDOWN_SECONDS: u64 = 25;

/// What every request is served from.
pub struct Served {
    /// The service.
    pub app: Arc<App>,
    /// Counts of requests.
    pub metrics: Metrics,
    /// How much there is to do.
    pub load: Load,
}

/// Serves on this listener until told to stop; SIGTERM and SIGINT stop it after the requests in flight.
///
/// # Errors
/// Where the TLS files are unusable or the listener cannot be used.
pub fn serve(app: Arc<App>, listener: TcpListener) -> io::Result<Server> {
    let tls = tls::config(&app.config)?;
    let workers = app.config.workers();
    app.put_reads_first();
    let served = Data::new(Served { app, metrics: Metrics::default(), load: Load::default() });
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(served.clone())
            .configure(routes::configure)
            .wrap(Compress::default())
            .wrap(from_fn(encodings::word_refusals))
            .wrap(from_fn(observe::observe))
    })
    .workers(workers)
    .worker_max_blocking_threads(BLOCKING_THREADS)
    .client_request_timeout(HEADERS_WITHIN)
    .shutdown_timeout(SHUTDOWN_SECONDS);
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}
