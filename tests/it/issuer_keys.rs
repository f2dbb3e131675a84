//! The issuer's keys, fetched over HTTPS by the program itself from a server of the test's own.
//! <https://www.rfc-editor.org/rfc/rfc7517>

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::StreamOwned;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use crate::crash::Running;
use crate::crash::comfrey;
use crate::signer::AUDIENCE;
use crate::signer::ISSUER;
use crate::signer::Signer;

/// What the issuer's server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Issuer {
    Answers,
    Redirects,
    Overflows,
    Trickles,
    Fails,
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

/// A server for `localhost`, of which the test's authority says that it is: its port, and how often its keys went out.
fn serve(issuer: Issuer) -> (u16, Arc<AtomicUsize>) {
    let chain = CertificateDer::pem_file_iter(file("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(file("server-key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (config, given) = (Arc::new(config), Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, counted) = (listener.local_addr().unwrap().port(), given.clone());
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            let mut request = [0; 4096];
            // A client that does not trust the certificate hangs up here.
            if let Ok(length) = stream.read(&mut request) {
                let asked = String::from_utf8_lossy(&request[..length]).into_owned();
                let keys = !matches!(issuer, Issuer::Redirects) || asked.starts_with("GET /elsewhere");
                counted.fetch_add(usize::from(keys), Ordering::SeqCst);
                answer(
                    &mut stream,
                    if keys && issuer == Issuer::Redirects { Issuer::Answers } else { issuer },
                );
            }
        }
    });
    (port, given)
}

fn answer(stream: &mut impl Write, issuer: Issuer) {
    let keys = Signer::shared().jwks().to_string();
    let (status, header, body) = match issuer {
        Issuer::Answers => ("200 OK", "", keys),
        Issuer::Redirects => ("302 Found", "location: /elsewhere\r\n", String::new()),
        Issuer::Overflows => ("200 OK", "", format!("{keys}{}", " ".repeat(512 * 1024))),
        Issuer::Fails => ("500 Internal Server Error", "", keys),
        Issuer::Trickles => ("200 OK", "", format!("{}{keys}", " ".repeat(10_000))),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{header}\r\n");
    let mut sent = stream.write_all(head.as_bytes()).and_then(|()| stream.flush());
    let size = if issuer == Issuer::Trickles { 1 } else { length.max(1) };
    for piece in body.as_bytes().chunks(size) {
        sent = sent.and_then(|()| stream.write_all(piece)).and_then(|()| stream.flush());
        if sent.is_err() {
            return;
        }
        if issuer == Issuer::Trickles {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The program with this issuer, trusting this authority.
fn start(port: u16, authority: &str) -> Running {
    let mut command = comfrey(&["serve", "--listen", "127.0.0.1:0", "--database-url", "sqlite::memory:"]);
    command
        .env("COMFREY_ISSUER", ISSUER)
        .env("COMFREY_AUDIENCE", AUDIENCE)
        .env("COMFREY_JWKS", format!("https://localhost:{port}/keys"))
        .env("SSL_CERT_FILE", file(authority))
        .env_remove("SSL_CERT_DIR");
    Running::of(command)
}

/// What a token of the test's signer gets.
fn status(service: &Running, signer: &Signer) -> u16 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let claims = json!({ "sub": "somebody", "scope": "system/*.rs" });
    let token = signer.token(&claims, i64::try_from(now).unwrap());
    let http = reqwest::blocking::Client::new();
    let call =
        http.get(format!("{}/Patient", service.base)).header("authorization", format!("Bearer {token}"));
    call.send().unwrap().status().as_u16()
}

#[test]
fn keys_are_fetched_over_https_and_tokens_verified_with_them() {
    let (port, given) = serve(Issuer::Answers);
    let service = start(port, "authority.pem");
    assert_eq!(given.load(Ordering::SeqCst), 1, "they are fetched at the start");
    assert_eq!(status(&service, Signer::shared()), 200);
    assert_eq!(status(&service, &Signer::new("test-1")), 401, "another key of the same name");
}

#[test]
fn an_issuer_whose_certificate_is_of_another_authority_gives_no_keys() {
    let (port, given) = serve(Issuer::Answers);
    let service = start(port, "stranger.pem");
    assert_eq!(status(&service, Signer::shared()), 503);
    assert_eq!(given.load(Ordering::SeqCst), 0);
}

#[test]
fn an_answer_that_is_no_key_set_of_the_issuers_own_is_not_used() {
    for issuer in [Issuer::Redirects, Issuer::Overflows, Issuer::Fails] {
        let (port, given) = serve(issuer);
        let service = start(port, "authority.pem");
        assert_eq!(status(&service, Signer::shared()), 503, "{issuer:?}");
        let followed = issuer == Issuer::Redirects && given.load(Ordering::SeqCst) > 0;
        assert!(!followed, "a redirect leads away from whom the operator named");
    }
}

#[test]
fn an_issuer_that_answers_slowly_does_not_keep_the_service_from_starting() {
    let (port, _) = serve(Issuer::Trickles);
    let begun = Instant::now();
    let service = start(port, "authority.pem");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(status(&service, Signer::shared()), 503);
}
