//! What is the same for every request: ids, formats, sizes, methods, CORS, counts. <https://hl7.org/fhir/R4/http.html>

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use comfrey::config::Auth;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;

fn patient() -> Value {
    json!({ "resourceType": "Patient", "id": "p", "name": [{ "family": "Rivera" }] })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::CompressorWriter::new(&mut out, 4096, 5, 22).write_all(bytes).unwrap();
    out
}

#[test]
fn every_answer_names_its_request() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for path in ["/metadata", "/Patient/none", "/Nothing", &app.url("/"), &app.url("/nowhere")] {
        let made = clinician.get(path).header("x-request-id").expect(path).to_owned();
        assert_eq!(made.len(), 36, "{path}");
        let taken = clinician.request("GET", path).header("X-Request-Id", "mine-1").send();
        assert_eq!(taken.header("x-request-id"), Some("mine-1"), "{path}");
        let replaced = clinician.request("GET", path).header("X-Request-Id", "a b").send();
        assert_ne!(replaced.header("x-request-id"), Some("a b"), "{path}");
        assert_eq!(taken.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}

#[test]
fn health_data_is_not_for_caches() {
    let app = TestApp::new();
    app.clinician().store(&patient());
    for path in ["/Patient/p", "/Patient", "/Patient/none"] {
        assert_eq!(app.clinician().get(path).header("cache-control"), Some("no-store"), "{path}");
    }
}

#[test]
fn formats_are_agreed_on_by_header_or_query() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient());
    for (path, accept, status, kind) in [
        ("/Patient/p", "", 200, "application/fhir+json; charset=utf-8"),
        ("/Patient/p", "application/json", 200, "application/json; charset=utf-8"),
        ("/Patient/p?_format=json", "application/fhir+xml", 200, "application/fhir+json; charset=utf-8"),
        ("/Patient/p", "application/fhir+xml", 200, "application/fhir+xml; charset=utf-8"),
        ("/Patient/p?_format=xml", "application/json", 200, "application/fhir+xml; charset=utf-8"),
        ("/Patient/p", "text/xml", 200, "text/xml; charset=utf-8"),
        ("/Patient/p", "text/turtle", 406, "application/fhir+json; charset=utf-8"),
        ("/Patient/p?_format=html", "", 406, "application/fhir+json; charset=utf-8"),
        ("/Patient/none?_format=xml", "", 404, "application/fhir+xml; charset=utf-8"),
        ("/Nothing", "application/xml", 404, "application/xml; charset=utf-8"),
        ("/metadata", "application/fhir+xml", 200, "application/fhir+xml; charset=utf-8"),
        ("/Patient/p?_pretty=perhaps", "", 400, "application/fhir+json; charset=utf-8"),
        ("/Patient/none", "application/json", 404, "application/json; charset=utf-8"),
    ] {
        let reply = clinician.request("GET", path).header("Accept", accept).send();
        assert_eq!((reply.status, reply.header("content-type")), (status, Some(kind)), "{path} {accept}");
    }
    let pretty = clinician.get("/Patient/p?_pretty=true").expect(200);
    assert!(pretty.text().starts_with("{\n  \"resourceType\": \"Patient\""), "{}", pretty.text());
    assert_eq!(pretty.json(), clinician.get("/Patient/p").json());
    let found = clinician.get("/Patient?_pretty=true&_format=json&name=rivera").expect(200);
    assert_eq!(found.ids(), ["p"]);
}

#[test]
fn a_body_is_in_utf_8_and_what_its_type_says() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (kind, status) in [
        ("application/fhir+json", 201),
        ("application/json; charset=UTF-8", 201),
        ("application/fhir+json; fhirVersion=4.0", 201),
        ("application/fhir+json; fhirVersion=5.0", 415),
        ("application/json; charset=latin1", 415),
        ("application/fhir+xml", 400),
        ("application/fhir+xml; charset=utf-16", 415),
        ("text/turtle", 415),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
    ] {
        let reply = clinician.request("POST", "/Patient").body(kind, patient().to_string()).send();
        assert_eq!(reply.status, status, "{kind} {}", reply.text());
    }
    let broken =
        clinician.request("POST", "/Patient").body("application/json", b"{\"a\":\"\xff\"}".to_vec()).send();
    broken.expect_issue(400, "structure");
}

#[test]
fn bodies_come_and_go_compressed() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let sent = clinician.request("PUT", "/Patient/p").header("Content-Encoding", "gzip");
    sent.body("application/fhir+json", gzip(patient().to_string().as_bytes())).send().expect(201);
    let reply = clinician.request("GET", "/Patient/p").header("Accept-Encoding", "gzip").send().expect(200);
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    GzDecoder::new(reply.body.as_slice()).read_to_string(&mut text).unwrap();
    assert!(text.contains("Rivera"), "{text}");
    assert_eq!(clinician.get("/Patient/p").header("content-encoding"), None);
    let sent = clinician.request("PUT", "/Patient/p").header("Content-Encoding", "br");
    sent.body("application/fhir+json", brotli(patient().to_string().as_bytes())).send().expect(200);
    let asked = clinician.request("GET", "/Patient/p").header("Accept-Encoding", "br, gzip;q=0.5");
    let reply = asked.send().expect(200);
    assert_eq!(reply.header("content-encoding"), Some("br"));
    assert_eq!(reply.header("vary"), Some("Accept, Accept-Encoding"));
    let mut text = String::new();
    brotli::Decompressor::new(reply.body.as_slice(), 4096).read_to_string(&mut text).unwrap();
    assert!(text.contains("Rivera"), "{text}");
    for refused in ["identity;q=0", "zstd, *;q=0", "*;q=0"] {
        let reply = clinician.request("GET", "/Patient/p").header("Accept-Encoding", refused).send();
        reply.expect_issue(406, "not-supported");
    }
    for (encoding, body, status) in [
        ("zstd", vec![1, 2, 3], 415),
        ("gzip, br", vec![1, 2, 3], 415),
        ("gzip", b"plain".to_vec(), 400),
        ("br", b"plain".to_vec(), 400),
    ] {
        let request = clinician.request("POST", "/Patient").header("Content-Encoding", encoding);
        assert_eq!(request.body("application/fhir+json", body).send().status, status, "{encoding}");
    }
}

#[test]
fn a_body_beyond_the_limit_is_refused_plain_or_compressed() {
    let app = TestApp::with(|config| config.max_body = 64 * 1024);
    let clinician = app.clinician();
    let mut large = patient();
    large["name"][0]["family"] = "x".repeat(70_000).into();
    clinician.post("/Patient", &large).expect_issue(413, "too-long");
    let bomb = gzip(large.to_string().as_bytes());
    assert!(bomb.len() < 10_000);
    let request = clinician.request("POST", "/Patient").header("Content-Encoding", "gzip");
    request.body("application/fhir+json", bomb).send().expect_issue(413, "too-long");
    let bomb = brotli(large.to_string().as_bytes());
    assert!(bomb.len() < 10_000);
    let request = clinician.request("POST", "/Patient").header("Content-Encoding", "br");
    request.body("application/fhir+json", bomb).send().expect_issue(413, "too-long");
    clinician.post("/Patient", &patient()).expect(201);
}

#[test]
fn head_is_get_without_its_body() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient());
    let (get, head) = (clinician.get("/Patient/p"), clinician.request("HEAD", "/Patient/p").send());
    assert_eq!((head.status, head.body.len()), (200, 0));
    for name in ["etag", "last-modified", "content-type", "content-length"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(clinician.request("HEAD", "/Patient/none").send().status, 404);
    let outside = [
        "/",
        "/openapi.json",
        "/swagger-ui/",
        "/health/live",
        "/health/ready",
        "/fhir/.well-known/smart-configuration",
    ];
    for path in [
        "/metadata",
        "/Patient",
        "/Patient?_summary=count",
        "/Patient/p/_history",
        "/Patient/_history",
        "/Patient/p/_history/1",
        "/Patient/p/$meta",
        "/Patient/p?_format=xml",
        "/Patient/p?nope=1",
        "/nothing",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(outside.map(|path| app.url(path)))
    {
        let (get, head) = (clinician.get(&path), clinician.request("HEAD", &path).send());
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        for name in ["etag", "last-modified", "content-type", "content-length", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}

#[test]
fn a_method_that_is_not_there_is_refused_with_those_that_are() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (method, path, allow) in [
        ("POST", "/Patient/p".to_owned(), "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("DELETE", "/metadata".into(), "GET, HEAD, OPTIONS"),
        ("BREW", "/Patient".into(), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("POST", app.url("/health/live"), "GET, HEAD, OPTIONS"),
    ] {
        let reply = clinician.request(method, &path).send().expect_issue(405, "not-supported");
        assert_eq!(reply.header("allow"), Some(allow), "{method} {path}");
    }
}

#[test]
fn pages_of_other_origins_may_ask_and_read_where_that_is_set() {
    let app = TestApp::with(|config| config.cors_origins = vec!["*".into()]);
    let preflight = app.anonymous().request("OPTIONS", "/Patient/p").header("Origin", "https://app.example");
    let reply = preflight.header("Access-Control-Request-Method", "PUT").send().expect(204);
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    for (name, words) in [
        ("access-control-allow-methods", &["PUT", "DELETE", "PATCH"][..]),
        (
            "access-control-allow-headers",
            &["Authorization", "If-Match", "Prefer", "Content-Type", "X-Security-Context"],
        ),
        ("access-control-expose-headers", &["ETag", "Location", "X-Request-Id", "X-Security-Context"]),
    ] {
        let value = reply.header(name).unwrap();
        assert!(words.iter().all(|word| value.contains(word)), "{name}: {value}");
    }
    let refused = app.anonymous().get("/Patient/p").expect(401);
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"));
    let statement = app.anonymous().get("/metadata").expect(200).json();
    assert_eq!(statement["rest"][0]["security"]["cors"], true);
}

#[test]
fn pages_of_origins_that_are_not_named_read_nothing() {
    let closed = TestApp::new();
    let named = TestApp::with(|config| config.cors_origins = vec!["https://app.example".into()]);
    for (app, origin, expected) in [
        (&closed, "https://app.example", None),
        (&named, "https://app.example", Some("https://app.example")),
        (&named, "https://evil.example", None),
        (&named, "null", None),
    ] {
        for method in ["OPTIONS", "GET"] {
            let request = app.anonymous().request(method, "/Patient/p").header("Origin", origin);
            let reply = request.header("Access-Control-Request-Method", "PUT").send();
            assert_eq!(reply.header("access-control-allow-origin"), expected, "{method} {origin}");
            assert_eq!(
                reply.header("access-control-allow-methods").is_some(),
                method == "OPTIONS" && expected.is_some()
            );
        }
    }
    let varied = named.anonymous().get("/metadata").expect(200);
    assert!(varied.headers.get_all("vary").iter().any(|vary| vary == "Origin"), "{:?}", varied.headers);
    assert_eq!(closed.anonymous().get("/metadata").json()["rest"][0]["security"]["cors"], false);
}

#[test]
fn options_names_the_methods_of_a_path() {
    let app = TestApp::new();
    for (path, allow) in [
        ("/Patient/_history".to_owned(), "GET, HEAD, OPTIONS"),
        ("/metadata".into(), "GET, HEAD, OPTIONS"),
        ("/".into(), "POST, GET, HEAD, OPTIONS"),
        ("/_search".into(), "POST, OPTIONS"),
        ("/Patient/$validate".into(), "GET, HEAD, POST, OPTIONS"),
        ("/Patient/p/%24meta-add".into(), "POST, OPTIONS"),
        (app.url("/health/live"), "GET, HEAD, OPTIONS"),
    ] {
        let reply = app.anonymous().request("OPTIONS", &path).send().expect(204);
        assert_eq!((reply.header("allow"), reply.body.len()), (Some(allow), 0), "{path}");
    }
    let instance = app.anonymous().request("OPTIONS", "/Patient/p").send().expect(204);
    let allow = instance.header("allow").unwrap();
    assert!(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].iter().all(|one| allow.contains(one)), "{allow}");
    for path in ["/Nothing", "/Patient/$nothing", "/Patient/a_b"] {
        app.anonymous().request("OPTIONS", path).send().expect(404);
    }
}

#[test]
fn a_slash_at_the_end_and_an_encoded_dollar_change_nothing() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient());
    for path in [
        "/metadata/",
        "/Patient/",
        "/Patient/p/",
        "/Patient/p/_history/",
        "/Patient/p/_history/1/",
        "/Patient/p/%24meta",
        "/Patient/%24validate?mode=create",
    ] {
        let status = clinician.get(path).status;
        assert_eq!(status, if path.contains("validate") { 400 } else { 200 }, "{path}");
    }
}

#[test]
fn what_a_server_cannot_hold_is_refused_at_once_with_a_time_to_come_back() {
    let app = TestApp::with(|config| config.max_requests = 1);
    let clinician = app.clinician();
    let address = app.url("").replace("http://", "");
    let mut slow = TcpStream::connect(&address).unwrap();
    let (body, token) = (patient().to_string(), app.clinician_token());
    let head = format!(
        "PUT /fhir/Patient/p HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/fhir+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    // its body is still to come: it has the only place for arrivals as soon as its head has been read
    let refused = (0..200).find_map(|_| {
        let reply = clinician.put("/Patient/q", &patient());
        if reply.status < 300 {
            std::thread::sleep(Duration::from_millis(25));
        }
        (reply.status >= 300).then_some(reply)
    });
    let refused = refused.expect("there is no place for a second").expect_issue(429, "throttled");
    assert_eq!(refused.header("retry-after"), Some("2"));
    app.anonymous().request("GET", &app.url("/health/live")).send().expect(200);
    app.anonymous().get("/Patient").expect(401);
    // whose request is there is answered all the same, and nobody's body is waited for who has said nothing of who
    // they are
    clinician.get("/Patient").expect(200);
    let mut idle = TcpStream::connect(&address).unwrap();
    idle.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!("GET /fhir/metadata HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1\r\n\r\n");
    idle.write_all(head.as_bytes()).unwrap();
    let mut start = [0; 12];
    idle.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    slow.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    clinician.get("/Patient/p").expect(200);
    clinician.get("/Patient").expect(200);
}

#[test]
fn without_access_control_only_this_machines_own_pages_are_served() {
    let app = TestApp::with(|config| config.auth = Auth::Off);
    let anyone = app.anonymous();
    anyone.store(&patient());
    let reply = anyone.get("/Patient/p").expect(200);
    assert_eq!(reply.header("access-control-allow-origin"), None);
    let of = |name: &str, value: &str| anyone.request("GET", "/Patient/p").header(name, value).send().status;
    assert_eq!(of("Origin", "https://evil.example"), 403);
    assert_eq!(of("Origin", &app.url("")), 200);
    assert_eq!(of("Host", "rebound.example"), 400);
}

#[test]
fn links_follow_the_base_url() {
    let plain = TestApp::new();
    let made = plain.clinician().post("/Patient", &patient()).expect(201);
    assert!(made.header("location").unwrap().starts_with(&plain.url("/fhir/Patient/")));
    let forged = plain.clinician().request("POST", "/Patient").header("X-Forwarded-Host", "evil.example");
    let made = forged.json(&patient()).send().expect(201);
    assert!(made.header("location").unwrap().starts_with(&plain.url("/fhir/Patient/")));
    let proxied = TestApp::with(|config| config.trust_proxy = true);
    let request = proxied.clinician().request("POST", "/Patient").header("X-Forwarded-Host", "fhir.example");
    let made = request.header("X-Forwarded-Proto", "https").json(&patient()).send().expect(201);
    assert!(made.header("location").unwrap().starts_with("https://fhir.example/fhir/Patient/"));
    let fixed = TestApp::with(|config| config.base_url = Some("https://public.example/r4".into()));
    let made = fixed.clinician().post("/Patient", &patient()).expect(201);
    assert!(made.header("location").unwrap().starts_with("https://public.example/r4/Patient/"));
}

#[test]
fn requests_are_counted_without_a_word_of_whom_they_were_about() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&patient());
    clinician.get("/Patient/p?_format=json").expect(200);
    clinician.get("/Patient/none").expect(404);
    let text = app.anonymous().request("GET", &app.url("/metrics")).send().expect(200).text();
    for line in [
        "comfrey_http_requests_total{method=\"GET\",status=\"2xx\"} 1",
        "comfrey_http_requests_total{method=\"GET\",status=\"4xx\"} 1",
        "comfrey_http_requests_total{method=\"PUT\",status=\"2xx\"} 1",
        "comfrey_http_request_seconds_count 3",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("Patient"), "{text}");
}

#[test]
fn apps_learn_how_to_get_a_token() {
    let app = TestApp::new();
    for path in ["/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration"] {
        let document = app.anonymous().request("GET", &app.url(path)).send().expect(200).json();
        assert_eq!(document["issuer"], crate::signer::ISSUER, "{path}");
        assert!(document["capabilities"].as_array().unwrap().contains(&json!("permission-v2")), "{path}");
    }
}

#[test]
fn what_client_libraries_send_is_understood() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "1", "active": true, "gender": "female" }));
    let counted = clinician.get("/Patient?active=true&_count=0&_totalMethod=count").expect(200).json();
    assert_eq!(counted["total"], 1);
    let elements = "_elements=gender,id,resourceType";
    let found = clinician.get(&format!("/Patient?active=true&{elements}")).expect(200).resources();
    assert_eq!((&found[0]["gender"], &found[0]["active"]), (&json!("female"), &Value::Null));
    let read = clinician.get(&format!("/Patient/1?{elements}")).expect(200).json();
    assert_eq!((&read["gender"], &read["active"]), (&json!("female"), &Value::Null));
    let again =
        |version: &str| clinician.request("GET", "/Patient/1").header("if-none-match", version).send().status;
    assert_eq!((again("1"), again("2")), (304, 200));
}
