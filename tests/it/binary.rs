//! What a Binary holds, sent and received as it is. <https://hl7.org/fhir/R4/binary.html#rest>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x01\xff";

fn post(client: &Client, media_type: &str, content: &[u8]) -> Reply {
    client.request("POST", "/Binary").body(media_type, content.to_vec()).send()
}

fn get(client: &Client, path: &str, accept: &str) -> Reply {
    client.request("GET", path).header("accept", accept).send()
}

fn place(reply: &Reply) -> String {
    format!("/Binary/{}", reply.json()["id"].as_str().unwrap())
}

#[test]
fn content_is_stored_as_it_is_and_comes_back_so_where_that_is_asked_for() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let made = post(&clinician, "image/png", PNG).expect(201);
    let (path, binary) = (place(&made), made.json());
    assert_eq!(binary["contentType"], "image/png");
    assert_eq!(binary["data"], STANDARD.encode(PNG));
    for accept in [
        "image/png",
        "image/*",
        "IMAGE/PNG;q=0.5",
        "image/png, */*;q=0.1",
        "image/png, */*",
        "text/html, image/*;q=0.2",
    ] {
        let reply = get(&clinician, &path, accept).expect(200);
        assert_eq!(reply.body, PNG, "{accept}");
        for (name, value) in [
            ("content-type", "image/png"),
            ("etag", "W/\"1\""),
            ("x-content-type-options", "nosniff"),
            ("content-disposition", "attachment"),
            ("content-security-policy", "default-src 'none'; sandbox"),
            ("cache-control", "no-store"),
            ("vary", "Accept, Accept-Encoding"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{accept}");
        }
        assert!(reply.header("last-modified").is_some());
    }
    for accept in
        ["*/*", "application/fhir+json", "application/json", "application/fhir+json, image/png;q=0.5"]
    {
        assert_eq!(get(&clinician, &path, accept).expect(200).json(), binary, "{accept}");
    }
    let xml = get(&clinician, &path, "application/fhir+xml, image/png").expect(200);
    assert_eq!(xml.header("content-type"), Some("application/fhir+xml; charset=utf-8"));
    for accept in ["text/html", "image/jpeg", "image/png;q=0", "application/fhir+json;fhirVersion=5.0"] {
        get(&clinician, &path, accept).expect_issue(406, "not-supported");
    }
    let head = clinician.request("HEAD", &path).header("accept", "image/png").send().expect(200);
    assert_eq!((head.header("content-type"), head.body.len()), (Some("image/png"), 0));
    let unchanged =
        clinician.request("GET", &path).header("accept", "image/png").header("if-none-match", "W/\"1\"");
    assert!(unchanged.send().expect(304).body.is_empty());
    // What the URL asks for comes before what the header does, and a part is had of a resource alone.
    assert_eq!(get(&clinician, &format!("{path}?_format=json"), "image/png").expect(200).json(), binary);
    get(&clinician, &format!("{path}?_elements=contentType"), "image/png").expect(406);
}

#[test]
fn a_page_that_was_stored_is_no_page_of_this_origin() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let page = b"<script>alert(1)</script>";
    let path = place(&post(&clinician, "text/html; charset=utf-8", page).expect(201));
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    let reply = get(&clinician, &path, browser).expect(200);
    assert_eq!(reply.body, page);
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(reply.header("content-disposition"), Some("attachment"));
    assert_eq!(reply.header("content-security-policy"), Some("default-src 'none'; sandbox"));
}

#[test]
fn content_is_updated_under_its_id_and_each_version_is_there() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let put = |content: &[u8], version: &str| {
        let call = clinician.request("PUT", "/Binary/letter").header("if-match", version);
        call.body("text/plain;  charset=iso-8859-1", content.to_vec()).send()
    };
    clinician.request("PUT", "/Binary/letter").body("text/plain", b"first".to_vec()).send().expect(201);
    put(b"caf\xe9", "W/\"1\"").expect(200);
    put(b"late", "W/\"1\"").expect(412);
    let now = get(&clinician, "/Binary/letter", "text/plain").expect(200);
    assert_eq!(
        (now.body.as_slice(), now.header("content-type")),
        (b"caf\xe9".as_slice(), Some("text/plain; charset=iso-8859-1"))
    );
    let before = get(&clinician, "/Binary/letter/_history/1", "text/plain").expect(200);
    assert_eq!((before.body.as_slice(), before.header("etag")), (b"first".as_slice(), Some("W/\"1\"")));
    clinician.delete("/Binary/letter").expect(204);
    get(&clinician, "/Binary/letter", "text/plain").expect_issue(410, "deleted");
    get(&clinician, "/Binary/none", "text/plain").expect_issue(404, "not-found");
    // A resource without data is content of no bytes.
    clinician.store(&json!({ "resourceType": "Binary", "id": "empty", "contentType": "text/plain" }));
    assert!(get(&clinician, "/Binary/empty", "text/plain").expect(200).body.is_empty());
}

#[test]
fn the_security_context_is_kept_and_told() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let call = |context: &str| {
        let call = clinician.request("POST", "/Binary").header("x-security-context", context);
        call.body("image/png", PNG).send()
    };
    let made = call("Patient/1").expect(201);
    assert_eq!(made.json()["securityContext"]["reference"], "Patient/1");
    let reply = get(&clinician, &place(&made), "image/png").expect(200);
    assert_eq!(reply.header("x-security-context"), Some("Patient/1"));
    assert_eq!(call("").expect_issue(400, "invalid").expressions(), ["http.X-Security-Context"]);
    call("Nobody/1").expect(422);
}

#[test]
fn only_who_may_read_or_write_a_binary_may_do_so_as_it_is() {
    let app = TestApp::with(|config| config.max_body = 4096);
    let clinician = app.clinician();
    let path = place(&post(&clinician, "image/png", PNG).expect(201));
    get(&app.patient("1"), &path, "image/png").expect(403);
    get(&app.stranger(), &path, "image/png").expect_issue(403, "forbidden");
    get(&app.anonymous(), &path, "image/png").expect_issue(401, "login");
    get(&app.with_scope("user/Patient.rs"), &path, "image/png").expect(403);
    post(&app.partner(), "image/png", PNG).expect(403);
    post(&app.patient("1"), "image/png", PNG).expect(403);
    post(&app.anonymous(), "image/png", PNG).expect(401);
    post(&clinician, "image/png", &[7; 5000]).expect(413);
    // Base64 makes more of it than a body may have, which is no reason to refuse what came in one.
    let large = place(&post(&clinician, "image/png", &[7; 4000]).expect(201));
    assert_eq!(get(&clinician, &large, "image/png").expect(200).body, [7; 4000]);
}

#[test]
fn what_is_no_binary_is_a_resource_as_before() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let send = |method: &str, path: &str, media_type: &str| {
        clinician.request(method, path).body(media_type, PNG).send()
    };
    clinician
        .store(&json!({ "resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "aGk=" }));
    for (method, path, media_type, status) in [
        ("POST", "/Patient", "image/png", 415),
        ("PUT", "/Patient/1", "image/png", 415),
        ("POST", "/Binary/_search", "image/png", 415),
        ("PATCH", "/Binary/b", "image/png", 415),
        ("POST", "", "image/png", 415),
        ("POST", "/Binary", "png", 415),
        ("POST", "/Binary", "image/p ng", 415),
        ("POST", "/Binary", "application/fhir+json", 400),
        ("POST", "/Binary", "application/json", 400),
    ] {
        send(method, path, media_type).expect(status);
    }
    get(&clinician, "/Patient", "image/png").expect(406);
    get(&clinician, "/Binary", "text/plain").expect(406);
    get(&clinician, "/Binary/b/_history", "text/plain").expect(406);
    let entry = json!({ "request": { "method": "GET", "url": "Binary/b" } });
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] });
    assert_eq!(clinician.post("", &batch).expect(200).json()["entry"][0]["resource"]["data"], "aGk=");
}
