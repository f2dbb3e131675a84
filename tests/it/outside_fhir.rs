//! What is served beside FHIR: the landing page, Swagger UI, the OpenAPI document, health.

use comfrey::import::samples;
use serde_json::Value;

use crate::app::TestApp;

#[test]
fn the_pages_answer_everybody() {
    let app = TestApp::new();
    let caller = app.anonymous();
    for (path, kind, words) in [
        ("/", "text/html", "palliative care"),
        ("/swagger-ui/", "text/html", "swagger-ui"),
        ("/openapi.json", "application/json", "\"openapi\""),
        ("/health/live", "text/plain", "live"),
        ("/health/ready", "text/plain", "ready"),
    ] {
        let reply = caller.request("GET", &app.url(path)).send().expect(200);
        assert!(reply.header("content-type").unwrap().starts_with(kind), "{path}");
        assert!(reply.text().contains(words), "{path}");
    }
}

#[test]
fn swagger_ui_comes_from_the_server_alone() {
    let app = TestApp::new();
    let caller = app.anonymous();
    let page = caller.request("GET", &app.url("/swagger-ui/")).send().expect(200).text();
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        assert!(page.contains(file), "{file}");
        caller.request("GET", &app.url(&format!("/swagger-ui/{file}"))).send().expect(200);
    }
    assert!(!page.contains("https://"), "{page}");
    let settings = caller.request("GET", &app.url("/swagger-ui/swagger-initializer.js")).send().text();
    assert!(settings.contains("\"validatorUrl\": \"none\""), "{settings}");
    assert!(settings.contains("/openapi.json"), "{settings}");
}

#[test]
fn the_document_served_is_the_one_published() {
    let app = TestApp::new();
    let served = app.anonymous().request("GET", &app.url("/openapi.json")).send().expect(200).json();
    let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/comfrey.json")).unwrap();
    assert_eq!(served, serde_json::from_slice::<Value>(&file).unwrap());
}

#[test]
fn the_landing_page_says_how_much_there_is() {
    let app = TestApp::new();
    samples::load(app.app()).unwrap();
    let page = app.anonymous().request("GET", &app.url("/")).send().expect(200).text();
    assert!(page.contains("<strong>7</strong> Patient"), "{page}");
}

/// What Swagger UI sends when nobody changes anything.
#[test]
fn the_examples_of_the_document_work_against_the_samples() {
    let app = TestApp::new();
    samples::load(app.app()).unwrap();
    let caller = app.clinician();
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/comfrey.json")).unwrap();
    let document: Value = serde_json::from_str(&file).unwrap();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let operation = &item["post"];
        let example = &operation["requestBody"]["content"]["application/fhir+json"]["example"];
        // of more than one patient a record is refused: whose it is stands in the path of the other form
        if example.is_null() || path.contains("{id}") || path == "/fhir/Patient/$everything" {
            continue;
        }
        let path =
            path.trim_start_matches("/fhir").replace("{type}", example["resourceType"].as_str().unwrap());
        let path = path.replace("/Parameters/$validate", "/Patient/$validate");
        let reply = caller.post(&path, example);
        let expected = if path.is_empty() || path.contains('$') { [200, 201] } else { [201, 201] };
        assert!(expected.contains(&reply.status), "{path}: {} {}", reply.status, reply.text());
        tried += 1;
    }
    assert!(tried > 14, "{tried}");
}
