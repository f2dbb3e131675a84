//! The Authorization header to a caller, and the URL that they know us by.
//! <https://www.rfc-editor.org/rfc/rfc6750>

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use actix_web::http::header::HOST;
use actix_web::http::header::ORIGIN;
use actix_web::web;

use crate::access;
use crate::access::Caller;
use crate::access::emergency;
use crate::config::Auth;
use crate::config::Config;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::http::Served;
use crate::http::routes::FHIR;
use crate::interactions::Interaction;

/// Who asks.
///
/// # Errors
/// `Login` without a valid token; `Unavailable` where the issuer's keys cannot be had.
pub async fn caller(request: &HttpRequest, served: &web::Data<Served>) -> Result<Caller, Failure> {
    let header = authorization(request)?;
    let app = &served.app;
    if !access::token::would_fetch(&app.keys, &app.config, header) {
        return access::authenticate(&app.keys, &app.config, header, app.clock.now());
    }
    let (served, header) = (served.clone(), header.map(str::to_owned));
    let authenticating = web::block(move || {
        let app = &served.app;
        access::authenticate(&app.keys, &app.config, header.as_deref(), app.clock.now())
    });
    authenticating.await.unwrap_or_else(|error| Err(Failure::internal(error)))
}

/// Who asks, and whether it is in an emergency: then the patient is lifted from what they may read.
///
/// # Errors
/// As [`caller`]; 400 for a purpose that is not known, or with what does not read; 403 for one who may not.
pub async fn in_purpose(
    request: &HttpRequest,
    served: &web::Data<Served>,
    interaction: Option<&Interaction>,
) -> Result<(Caller, bool), Failure> {
    let caller = caller(request, served).await?;
    let mut headers = request.headers().get_all(emergency::HEADER);
    let (Some(purpose), second) = (headers.next(), headers.next()) else { return Ok((caller, false)) };
    emergency::purpose(purpose.to_str().ok().filter(|_| second.is_none()).unwrap_or_default())?;
    let is_looked_at = matches!(request.method().as_str(), "GET" | "HEAD");
    if !is_looked_at && !matches!(interaction, Some(Interaction::Search { .. }) | None) {
        let text = format!(
            "`{}` is for reading alone; send it with GET, or with POST to `_search`.",
            emergency::HEADER
        );
        return Err(Failure::new(Reason::Invalid, text).at(format!("http.{}", emergency::HEADER)));
    }
    // Where nobody has a token, nobody has a role.
    let is_off = served.app.config.auth == Auth::Off;
    Ok((if is_off { caller } else { emergency::lifted(caller)? }, true))
}

fn authorization(request: &HttpRequest) -> Result<Option<&str>, Failure> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let (first, second) = (headers.next(), headers.next());
    if second.is_some() {
        return Err(Failure::new(Reason::Invalid, "Send one Authorization header, not several."));
    }
    Ok(first.map(|value| value.to_str().unwrap_or_default()))
}

/// The base URL of FHIR as this caller knows it.
///
/// # Errors
/// `Invalid` for a Host header that is no host. Where access control is off also for a name that is not this
/// machine's, and `Forbidden` for a page of another origin: otherwise any web page that a developer opens could
/// read the data here.
pub fn base_url(request: &HttpRequest, config: &Config) -> Result<String, Failure> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let local = request.app_config().local_addr().to_string();
    let host = request.headers().get(HOST).map_or(Some(local.as_str()), |host| host.to_str().ok());
    let host = host.filter(|host| is_host(host)).ok_or_else(|| wrong_host("Host"))?;
    if config.auth == Auth::Off {
        only_from_here(
            host,
            request.headers().get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default()),
        )?;
    }
    if let Some(base) = &config.base_url {
        return Ok(base.clone());
    }
    let mut host = host;
    let mut scheme = if config.tls_cert.is_some() { "https" } else { "http" };
    if config.trust_proxy {
        if let Some(forwarded) = header("x-forwarded-host") {
            host = Some(first(forwarded))
                .filter(|host| is_host(host))
                .ok_or_else(|| wrong_host("X-Forwarded-Host"))?;
        }
        match header("x-forwarded-proto").map(first) {
            None => {}
            Some(name) if name.eq_ignore_ascii_case("https") => scheme = "https",
            Some(name) if name.eq_ignore_ascii_case("http") => scheme = "http",
            Some(_) => return Err(wrong_host("X-Forwarded-Proto")),
        }
    }
    Ok(format!("{scheme}://{host}{FHIR}"))
}

fn first(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}

fn wrong_host(name: &str) -> Failure {
    Failure::new(Reason::Invalid, format!("The {name} header is not a host (or scheme) as URLs have it."))
}

/// A host with or without a port, of the characters that a URL may hold there.
fn is_host(text: &str) -> bool {
    let (host, port) = match (text.strip_prefix('['), text.split_once(':')) {
        (Some(rest), _) => match rest.split_once(']') {
            Some((address, "")) => (address, None),
            Some((address, port)) => (address, Some(port.strip_prefix(':').unwrap_or("-"))),
            None => return false,
        },
        (None, Some((host, port))) => (host, Some(port)),
        (None, None) => (text, None),
    };
    let plain = if text.starts_with('[') {
        host.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    let port_fits =
        port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok());
    plain && port_fits && (1..=253).contains(&host.len())
}

fn only_from_here(host: &str, origin: Option<&str>) -> Result<(), Failure> {
    let name = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(host, |(name, _)| name);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let here =
        bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if !here {
        let text = "Access control is off, so this server answers only to localhost and 127.0.0.1.";
        return Err(Failure::new(Reason::Invalid, text));
    }
    let same = |origin: &str| origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host));
    if origin.is_some_and(|origin| !same(origin)) {
        let text = "Access control is off, so pages of other origins may not use this server.";
        return Err(Failure::new(Reason::Forbidden, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn base(config: &Config, headers: &[(&'static str, &'static str)]) -> Result<String, u16> {
        let request =
            headers.iter().fold(TestRequest::default(), |request, header| request.insert_header(*header));
        base_url(&request.to_http_request(), config).map_err(|failure| failure.status())
    }

    #[test]
    fn the_base_url_comes_from_the_request_or_the_setting() {
        let config = Config::default();
        let proxied = Config { trust_proxy: true, ..Config::default() };
        let fixed = Config { base_url: Some("https://p.example/r4".into()), ..Config::default() };
        let forwarded =
            [("host", "in:8080"), ("x-forwarded-host", "out.example, b"), ("x-forwarded-proto", "https")];
        for (config, headers, expected) in [
            (&config, &[("host", "h.example:81")][..], Ok("http://h.example:81/fhir")),
            (&config, &[("host", "[::1]:81")], Ok("http://[::1]:81/fhir")),
            (&config, &forwarded, Ok("http://in:8080/fhir")),
            (&proxied, &forwarded, Ok("https://out.example/fhir")),
            (&proxied, &[("host", "a"), ("x-forwarded-proto", "gopher")], Err(400)),
            (&proxied, &[("host", "a"), ("x-forwarded-host", "a/b")], Err(400)),
            (&fixed, &[("host", "h")], Ok("https://p.example/r4")),
        ] {
            assert_eq!(base(config, headers), expected.map(str::to_owned), "{headers:?}");
        }
    }

    #[test]
    fn a_host_that_could_forge_links_is_refused() {
        for host in
            ["", "a/b", "a b", "a\"b", "a<b", "a:b", "a:99999", "[::1", "[x]", "u@h", "a:1:2", "[::1]x", "é"]
        {
            assert!(!is_host(host), "{host}");
        }
    }

    #[test]
    fn without_access_control_only_this_machine_is_answered() {
        let off = Config { auth: Auth::Off, ..Config::default() };
        for (headers, expected) in [
            (&[("host", "localhost:8080")][..], Ok(())),
            (&[("host", "127.0.0.1:8080")], Ok(())),
            (&[("host", "[::1]:8080")], Ok(())),
            (&[("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")], Ok(())),
            (&[("host", "rebound.example:8080")], Err(400)),
            (&[("host", "127.0.0.1.evil.example")], Err(400)),
            (&[("host", "localhost:8080"), ("origin", "https://evil.example")], Err(403)),
            (&[("host", "localhost:8080"), ("origin", "null")], Err(403)),
        ] {
            assert_eq!(base(&off, headers).map(drop), expected, "{headers:?}");
        }
    }
}
