//! Input that is made to break parsers is refused, soon and in few words, and the service goes on.
//! <https://hl7.org/fhir/R4/security.html>

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Reply;

const JSON: &str = "application/fhir+json";
const XML: &str = "application/fhir+xml";
const FORM: &str = "application/x-www-form-urlencoded";
/// An answer takes no longer, on a machine that tests keep busy and without optimisation.
const SOON: Duration = Duration::from_secs(60);
/// An answer is no longer, however long the question was.
const SHORT: usize = 512 * 1024;

/// An OperationOutcome with one of these statuses.
#[track_caller]
fn check(what: &str, reply: &Reply, statuses: &[u16], begun: Instant) {
    let took = begun.elapsed();
    let text: String = reply.text().chars().take(300).collect();
    assert!(statuses.contains(&reply.status), "{what}: {} {text}", reply.status);
    assert_eq!(reply.json()["resourceType"], "OperationOutcome", "{what}: {text}");
    assert!(took < SOON, "{what} took {took:?}");
    assert!(reply.body.len() < SHORT, "{what}: {} bytes", reply.body.len());
}

/// Sends bodies to a URL, each with the statuses that may come back.
fn refuse(app: &TestApp, (path, kind): (&str, &str), cases: Vec<(&str, Vec<u8>, &[u16])>) {
    let clinician = app.clinician();
    for (what, body, statuses) in cases {
        eprintln!("{what}");
        let begun = Instant::now();
        let reply = clinician.request("POST", path).header("Accept", JSON).body(kind, body).send();
        check(what, &reply, statuses, begun);
    }
    clinician.get("/Patient?_count=0").expect(200);
}

fn patient(inner: &str) -> Vec<u8> {
    format!("{{\"resourceType\":\"Patient\",{inner}}}").into_bytes()
}

fn xml(inner: &str) -> Vec<u8> {
    format!("<Patient xmlns=\"http://hl7.org/fhir\">{inner}</Patient>").into_bytes()
}

#[test]
fn hostile_json_is_refused() {
    let app = TestApp::new();
    let name = |text: &str| patient(&format!("\"name\":[{{\"family\":{text}}}]"));
    let number = |digits: &str| patient(&format!("\"multipleBirthInteger\":{digits}"));
    let long = "k".repeat(10_000_000);
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("no body", Vec::new(), &[400]),
        ("a mark of byte order alone", b"\xEF\xBB\xBF".to_vec(), &[400]),
        ("NUL bytes", vec![0; 1000], &[400]),
        ("UTF-16", b"\xFF\xFE{\0}\0".to_vec(), &[400]),
        (
            "broken UTF-8",
            patient("\"id\":\"\u{1}\"").into_iter().map(|b| if b == 1 { 0xFF } else { b }).collect(),
            &[400],
        ),
        ("deep lists", b"[".repeat(100_000), &[400]),
        ("deep objects", b"{\"a\":".repeat(100_000), &[400]),
        (
            "deep extensions",
            [b"{\"resourceType\":\"Patient\"".to_vec(), b",\"extension\":[{\"url\":\"a\"".repeat(100_000)]
                .concat(),
            &[400],
        ),
        ("a key of 10 MB", patient(&format!("\"{long}\":1")), &[400]),
        ("a key of 10 MB twice", patient(&format!("\"{0}\":1,\"{0}\":2", &long[..7_000_000])), &[400]),
        ("a string of 10 MB", name(&format!("\"{long}\"")), &[422]),
        ("a type of 10 MB", format!("{{\"resourceType\":\"{long}\"}}").into_bytes(), &[400]),
        ("a lone surrogate", name("\"\\ud800\""), &[400]),
        ("a surrogate the wrong way round", name("\"\\udc00\\ud800\""), &[400]),
        ("a key given twice", patient("\"active\":true,\"active\":false"), &[400]),
        ("a key given twice, escaped", patient("\"active\":true,\"\\u0061ctive\":false"), &[400]),
        ("a number of 10,000 digits", number(&"9".repeat(10_000)), &[400]),
        ("a vast exponent", number("1e999999999"), &[400]),
        ("a fraction of 10,000 digits", number(&format!("0.{}", "1".repeat(10_000))), &[400]),
        ("a bare NUL in a string", name("\"a\0b\""), &[400]),
        ("an escaped NUL in a string", name("\"a\\u0000b\""), &[422]),
        ("an escaped NUL in a code", patient("\"language\":\"a\\u0000b\""), &[422]),
        ("an escaped NUL in a URI", patient("\"implicitRules\":\"urn:a\\u0000b\""), &[422]),
        ("an escaped NUL in an id", patient("\"id\":\"a\\u0000b\""), &[422]),
        (
            "an escaped NUL in a narrative",
            patient(
                "\"text\":{\"status\":\"generated\",\"div\":\"<div xmlns=\\\"http://www.w3.org/1999/xhtml\\\">a\\u0000b</div>\"}",
            ),
            &[422],
        ),
        (
            "an escaped NUL in a token",
            patient("\"identifier\":[{\"system\":\"urn:a\\u0000\",\"value\":\"b\"}]"),
            &[422],
        ),
        ("a million wrong entries", patient(&format!("\"name\":[{}{{}}]", "{},".repeat(999_999))), &[400]),
        ("a million nulls", patient(&format!("\"name\":[{}null]", "null,".repeat(999_999))), &[400]),
        (
            "a million keys",
            patient(
                &(0..999_999).map(|at| format!("\"a{at}\":1,")).chain(["\"b\":1".into()]).collect::<String>(),
            ),
            &[400],
        ),
        ("a list without an end", [b"[".to_vec(), b"1,".repeat(1_000_000)].concat(), &[400]),
    ];
    refuse(&app, ("/Patient", JSON), cases);
    app.clinician()
        .request("POST", "/Patient")
        .body(JSON, [b"\xEF\xBB\xBF".to_vec(), patient("\"active\":true")].concat())
        .send()
        .expect(201);
}

#[test]
fn hostile_bundles_are_refused() {
    let app = TestApp::new();
    let bundle = |kind: &str, entry: &str| {
        let entries = vec![entry; 1_000_000].join(",");
        format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\",\"entry\":[{entries}]}}").into_bytes()
    };
    let urls: Vec<String> = (0..100_000).map(|at| format!("{{\"fullUrl\":\"urn:oid:1.{at}\"}}")).collect();
    let urls = format!("{{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{}]}}", urls.join(","));
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("a million empty entries", bundle("batch", "{}"), &[400]),
        ("a million entries of one wrong element", bundle("transaction", "{\"a\":1}"), &[400]),
        ("a million nulls", bundle("transaction", "null"), &[400]),
        ("100,000 entries with a URL each", urls.into_bytes(), &[400, 422]),
        ("a Bundle of another type", bundle("searchset", "{}"), &[400]),
    ];
    refuse(&app, ("", JSON), cases);
}

#[test]
fn hostile_xml_is_refused() {
    let app = TestApp::new();
    let div = |inner: &str| {
        xml(&format!(
            "<text><status value='generated'/><div xmlns='http://www.w3.org/1999/xhtml'>{inner}</div></text>"
        ))
    };
    let with_type = |declarations: &str| {
        [
            format!("<!DOCTYPE Patient [{declarations}]>").into_bytes(),
            xml("<name><family value='&lol9;'/></name>"),
        ]
        .concat()
    };
    let laughs: String = (1..10)
        .map(|at| format!("<!ENTITY lol{at} \"{}\">", format!("&lol{};", at - 1).repeat(10)))
        .collect();
    let attributes: String = (0..500_000).map(|at| format!(" a{at}=''")).collect();
    let declarations: String = (0..400_000).map(|at| format!(" xmlns:a{at}='urn:x'")).collect();
    let long = "k".repeat(10_000_000);
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("no body", Vec::new(), &[400]),
        ("a mark of byte order alone", b"\xEF\xBB\xBF".to_vec(), &[400]),
        ("NUL bytes", vec![0; 1000], &[400]),
        ("UTF-16", b"\xFF\xFE<\0a\0/\0>\0".to_vec(), &[400]),
        (
            "broken UTF-8",
            xml("<name><family value='\u{1}'/></name>")
                .into_iter()
                .map(|b| if b == 1 { 0xFF } else { b })
                .collect(),
            &[400],
        ),
        ("JSON", patient("\"active\":true"), &[400]),
        ("deep elements", b"<a>".repeat(100_000), &[400]),
        ("deep extensions", xml(&"<extension url='a'>".repeat(100_000)), &[400]),
        ("deep unknown elements", xml(&"<a>".repeat(100_000)), &[400]),
        ("a deep narrative", div(&"<b>".repeat(100_000)), &[400]),
        ("a billion laughs", with_type(&format!("<!ENTITY lol0 \"lol\">{laughs}")), &[400]),
        ("an entity from a file", with_type("<!ENTITY lol9 SYSTEM \"file:///etc/passwd\">"), &[400]),
        (
            "an entity from elsewhere",
            with_type("<!ENTITY % lol9 SYSTEM \"http://127.0.0.1:1/x\"> %lol9;"),
            &[400],
        ),
        ("a document type of 10 MB", with_type(&format!("<!-- {long} -->")), &[400]),
        ("an unknown entity", xml("<name><family value='&lol9;'/></name>"), &[400]),
        ("half a million attributes", xml(&format!("<name{attributes}/>")), &[400]),
        (
            "400,000 namespaces",
            format!("<Patient xmlns='http://hl7.org/fhir'{declarations}/>").into_bytes(),
            &[400],
        ),
        ("a name of 10 MB", xml(&format!("<{long}/>")), &[400]),
        ("a name of 10 MB that does not end", format!("<{long}").into_bytes(), &[400]),
        ("a value of 10 MB", xml(&format!("<name><family value='{long}'/></name>")), &[422]),
        ("200,000 wrong elements", xml(&"<name/>".repeat(200_000)), &[400]),
        ("200,000 unknown elements", xml(&"<a/>".repeat(200_000)), &[400]),
        (
            "a number of 10,000 digits",
            xml(&format!("<multipleBirthInteger value='{}'/>", "9".repeat(10_000))),
            &[400],
        ),
        ("an escaped NUL", xml("<name><family value='a&#0;b'/></name>"), &[400]),
        ("an escaped control character", xml("<name><family value='a&#x1;b'/></name>"), &[400]),
        ("a surrogate", xml("<name><family value='a&#xD800;b'/></name>"), &[400]),
        ("two resources", [xml(""), xml("")].concat(), &[400]),
        ("a script", div("<script>alert(1)</script>"), &[422]),
    ];
    refuse(&app, ("/Patient", XML), cases);
}

#[test]
fn bombs_are_put_out_at_the_limit() {
    let app = TestApp::new();
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let brotli = |bytes: &[u8]| {
        let mut out = Vec::new();
        brotli::CompressorWriter::new(&mut out, 4096, 5, 22).write_all(bytes).unwrap();
        out
    };
    let spaces = vec![b' '; 17_000_000];
    let mut members = gzip(&spaces);
    members.extend(gzip(&spaces));
    for (encoding, bomb, status) in [
        ("gzip", gzip(&spaces), 413),
        ("gzip", members, 413),
        ("br", brotli(&spaces), 413),
        ("gzip", gzip(&gzip(&spaces)), 400),
        ("gzip", vec![0; 10_000], 400),
        ("br", vec![0xFF; 10_000], 400),
        ("gzip", Vec::new(), 400),
        ("gzip, br", gzip(&spaces), 415),
        ("compress", vec![0; 100], 415),
    ] {
        let begun = Instant::now();
        assert!(bomb.len() < 100_000, "{encoding} {}", bomb.len());
        let request = app.clinician().request("POST", "/Patient").header("Content-Encoding", encoding);
        check(encoding, &request.body(JSON, bomb).send(), &[status], begun);
    }
}

#[test]
fn hostile_searches_are_refused() {
    let app = TestApp::new();
    let values = vec!["a"; 1_000_000].join(",");
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("a million parameters", b"name=a&".repeat(1_000_000), &[400]),
        (
            "a million empty parameters and one unknown",
            [b"&".repeat(1_000_000), b"nope=1".to_vec()].concat(),
            &[400],
        ),
        ("a million values", format!("name={values}").into_bytes(), &[400]),
        ("a million elements", format!("_elements={values}").into_bytes(), &[400]),
        ("a million sort keys", format!("_sort={values}").into_bytes(), &[400]),
        ("a name of 10 MB", b"k".repeat(10_000_000), &[400]),
        ("a deep chain", [b"general-practitioner.".repeat(100_000), b"name=a".to_vec()].concat(), &[400]),
        ("deep reverse chains", [b"_has:".repeat(100_000), b"name=a".to_vec()].concat(), &[400]),
        ("broken escapes", b"name=%".to_vec(), &[400]),
        ("an escape that is no UTF-8", b"name=%ff".to_vec(), &[400]),
        ("a NUL in an unknown parameter", b"na%00me=a".to_vec(), &[400]),
        ("bytes that are no text", vec![0xFF; 1000], &[400]),
        ("a number of 10,000 digits", [b"_lastUpdated=gt".to_vec(), b"9".repeat(10_000)].concat(), &[400]),
    ];
    refuse(&app, ("/Patient/_search", FORM), cases);
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "a", "name": [{ "family": "a" }] }));
    for query in ["name=a%00", "_id=%00", "identifier=%00%7C%00", "name:exact=%00", "_id=%ED%A0%80"] {
        let reply = clinician.get(&format!("/Patient?{query}"));
        assert_eq!(reply.status, 400, "{query} {}", reply.text());
    }
    for path in
        ["/Patient/%00", "/Patient/a%00", "/%00", "/Patient/a/_history/%00", "/Patient/%ff", "/Patient/%"]
    {
        let reply = clinician.get(path);
        assert!(matches!(reply.status, 400 | 404), "{path} {}", reply.text());
        assert_eq!(reply.json()["resourceType"], "OperationOutcome", "{path}");
    }
}

/// Sends these bytes as they are, and gives what comes back until the server closes or is silent.
fn raw(app: &TestApp, pieces: &[&[u8]]) -> String {
    let address = app.url("").trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    for piece in pieces {
        // the server may have answered and closed already
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..length]);
        if answer.ends_with(b"}]}") || answer.ends_with(b"\r\n0\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends these bytes as they are, and gives all that comes back until the server closes, which it must.
fn until_closed(app: &TestApp, bytes: &[u8]) -> String {
    let address = app.url("").trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(SOON)).unwrap();
    // the server may have answered and closed already
    drop(stream.write_all(bytes));
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
            // it closed with something of ours unread
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the connection stays open: {error}"),
        }
    }
    String::from_utf8(answer).expect("an answer is text")
}

/// A POST of a patient whose length is wrong, with another one hidden behind it.
fn smuggled(framing: &str, body: &str) -> Vec<u8> {
    let post = |framing: &str, body: &str| {
        format!(
            "POST /fhir/Patient HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {JSON}\r\n{framing}\r\n\r\n{body}"
        )
    };
    let hidden = "{\"resourceType\":\"Patient\"}";
    [post(framing, body), post(&format!("Content-Length: {}", hidden.len()), hidden)].concat().into_bytes()
}

#[test]
fn what_is_no_http_gets_a_bare_refusal_and_the_connection_ends() {
    let app = TestApp::with(|config| config.auth = comfrey::config::Auth::Off);
    let head = "GET /fhir/Patient?name=SECRET HTTP/1.1\r\nHost: 127.0.0.1\r\n";
    let many: String = (0..120).map(|at| format!("X-{at}: SECRET\r\n")).collect();
    for (what, request, status) in [
        ("no request line", b"SECRET\r\n\r\n".to_vec(), "400 Bad Request"),
        ("the beginning of TLS", b"\x16\x03\x01\x02\x00\r\n\r\n".to_vec(), "400 Bad Request"),
        ("an unknown version", b"GET /fhir/Patient SECRET/9\r\n\r\n".to_vec(), "400 Bad Request"),
        ("a NUL in a header", format!("{head}X: SECRET\0\r\n\r\n").into_bytes(), "400 Bad Request"),
        ("a length of words", smuggled("Content-Length: SECRET", "{}"), "400 Bad Request"),
        ("a length below nothing", smuggled("Content-Length: -1", "{}"), "400 Bad Request"),
        ("two lengths", smuggled("Content-Length: 2\r\nContent-Length: 3", "{}"), "400 Bad Request"),
        (
            "a length and chunks",
            smuggled("Content-Length: 2\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
            "400 Bad Request",
        ),
        ("an unknown framing", smuggled("Transfer-Encoding: SECRET", "{}"), "400 Bad Request"),
        ("too many headers", format!("{head}{many}\r\n").into_bytes(), "431 Request Header Fields Too Large"),
        (
            "a head of 300 kB",
            format!("{head}X: {}\r\n\r\n", "SECRET".repeat(50_000)).into_bytes(),
            "431 Request Header Fields Too Large",
        ),
    ] {
        let answer = until_closed(&app, &request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{what}: {answer}");
        let (headers, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        assert_eq!(body, "", "{what}");
        let mut names: Vec<_> =
            headers.lines().skip(1).map(|line| line.split(':').next().unwrap().to_lowercase()).collect();
        names.sort();
        assert_eq!(names, ["connection", "content-length", "date"], "{what}: {answer}");
        assert!(!answer.contains("SECRET"), "{what}: {answer}");
    }
    assert_eq!(
        app.anonymous().get("/Patient?_summary=count").expect(200).json()["total"],
        0,
        "none got through"
    );
}

#[test]
fn a_body_that_breaks_off_is_refused_in_words_and_the_connection_ends() {
    let app = TestApp::with(|config| config.auth = comfrey::config::Auth::Off);
    for chunks in
        ["zz\r\n{}\r\n", "2\r\n{}\r\nSECRET\r\n", "2\r\n{}SECRET\r\n0\r\n\r\n", "fffffffffffffffff\r\n{}"]
    {
        let answer = until_closed(&app, &smuggled("Transfer-Encoding: chunked", chunks));
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{chunks:?}: {answer}");
        let body = answer.split_once("\r\n\r\n").expect("an answer has a head").1;
        let outcome: serde_json::Value =
            serde_json::from_str(body).expect("one answer, and no other behind it");
        assert_eq!(outcome["issue"][0]["code"], "invalid", "{chunks:?}");
        assert!(!answer.contains("SECRET"), "{chunks:?}: {answer}");
    }
    assert_eq!(
        app.anonymous().get("/Patient?_summary=count").expect(200).json()["total"],
        0,
        "none got through"
    );
}

#[test]
fn a_body_beyond_the_limit_is_not_waited_for() {
    let app = TestApp::with(|config| {
        config.max_body = 64 * 1024;
        config.auth = comfrey::config::Auth::Off;
    });
    let head = "POST /fhir/Patient HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/fhir+json\r\n";
    for length in ["65537", "100000000000", "18446744073709551615"] {
        let begun = Instant::now();
        // nothing of the body is sent
        let answer = raw(&app, &[format!("{head}Content-Length: {length}\r\n\r\n").as_bytes()]);
        assert!(answer.starts_with("HTTP/1.1 413"), "{length}: {answer}");
        assert!(answer.contains("\"too-long\""), "{answer}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{length}");
    }
    // chunks that never end are read up to the limit
    let chunk = [b"1000\r\n".to_vec(), vec![b' '; 4096], b"\r\n".to_vec()].concat();
    let chunks = chunk.repeat(40);
    let answer = raw(&app, &[format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes(), &chunks]);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // chunks that break off
    let broken = format!("{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n{{}}\r\n");
    assert!(raw(&app, &[broken.as_bytes()]).starts_with("HTTP/1.1 400"));
}

#[test]
fn junk_in_headers_is_refused_or_passed_over() {
    let app = TestApp::with(|config| config.auth = comfrey::config::Auth::Off);
    let long = "x,".repeat(20_000);
    let post = |headers: &str, body: &str| {
        let length = body.len();
        format!("POST /fhir/Patient HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
    };
    let valid = "{\"resourceType\":\"Patient\",\"active\":true}";
    for (what, request, statuses) in [
        ("an Accept of many ranges", post(&format!("Accept: {long}\r\n"), valid), &["406"][..]),
        ("an Accept that is no text", [b"POST /fhir/Patient HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: \xFF\xFE\r\nContent-Length: 2\r\n\r\n{}".to_vec()].concat(), &["400", "406"]),
        ("a Content-Type of nothing", post("Content-Type: ;;;;\r\n", valid), &["415"]),
        ("a long Content-Type", post(&format!("Content-Type: {long}\r\n"), valid), &["415"]),
        ("a long Prefer", post(&format!("Prefer: {long}\r\n"), valid), &["201"]),
        ("a version that is none", post("If-None-Exist: \u{1}\r\n", valid), &["400"]),
        ("a condition of junk", post("If-None-Exist: %%%\r\n", valid), &["400"]),
        ("two lengths", post("Content-Length: 3\r\n", valid), &["400"]),
        ("a length and chunks", post("Transfer-Encoding: chunked\r\n", valid), &["400"]),
        ("a length of words", b"POST /fhir/Patient HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: abc\r\n\r\n".to_vec(), &["400"]),
        ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_vec(), &["400"]),
        ("a head without an end", [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 300_000]].concat(), &["400", "431", "413"]),
        ("a URL of 300 kB", [b"GET /fhir/Patient?name=".to_vec(), vec![b'x'; 300_000], b" HTTP/1.1\r\n\r\n".to_vec()].concat(), &["400", "414", "431"]),
    ] {
        let answer = raw(&app, &[&request]);
        let status = answer.split(' ').nth(1).unwrap_or("closed").to_owned();
        assert!(statuses.contains(&status.as_str()), "{what}: {status} {answer}");
    }
    app.anonymous().get("/Patient?_count=0").expect(200);
    for (name, value, statuses) in [
        ("If-Match", "W/\"\"", &[400, 412][..]),
        ("If-Match", "\"; drop table", &[400, 412]),
        ("If-Match", "W/\"99999999999999999999999\"", &[400, 412]),
        ("If-Match", "*, *", &[400, 412]),
    ] {
        let body = json!({ "resourceType": "Patient", "id": "p" });
        let reply = app.anonymous().request("PUT", "/Patient/p").header(name, value).json(&body).send();
        assert!(statuses.contains(&reply.status), "{name}: {value}: {} {}", reply.status, reply.text());
        assert_eq!(reply.json()["resourceType"], "OperationOutcome", "{name}: {value}");
    }
}
