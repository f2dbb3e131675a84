//! Whether the process runs, and whether it can serve: for load balancers and containers.
//! <https://docs.docker.com/reference/dockerfile/#healthcheck>

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web;

use crate::config::Config;
use crate::http::Served;

/// `GET /health/live`: the process runs.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("live\n")
}

/// `GET /health/ready`: the database answers and has the tables of this version.
pub async fn ready(served: web::Data<Served>) -> HttpResponse {
    let ready = web::block(move || served.app.ping()).await;
    if matches!(ready, Ok(Ok(()))) {
        HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n")
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header((RETRY_AFTER, "2"))
            .content_type("text/plain; charset=utf-8")
            .body("the database does not answer\n")
    }
}

/// Asks the server that runs on this machine with these settings whether it can serve.
///
/// # Errors
/// Why it cannot, in one line.
pub fn ask(config: &Config) -> Result<(), String> {
    let mut address = config.listen;
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    let scheme = if config.tls_cert.is_some() { "https" } else { "http" };
    // The certificate names the host as others know it, not this address; and nothing is told to who answers.
    let tls = ureq::tls::TlsConfig::builder()
        .disable_verification(true)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_millis(2_500)))
        .http_status_as_error(false)
        .tls_config(tls)
        .build()
        .into();
    let answer = agent.get(format!("{scheme}://{address}/health/ready")).call();
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("The server at {address} is not ready: it answers {}.", answer.status())),
        Err(error) => Err(format!("The server at {address} cannot be asked: {error}.")),
    }
}
