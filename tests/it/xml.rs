//! XML over HTTP, and every official example in both forms. <https://hl7.org/fhir/R4/xml.html>
//!
//! `COMFREY_TEST_XML_FOLDER=FOLDER` keeps the XML of every example there, to hold it against R4's schemas, which are on
//! its page of downloads: `xmllint --nonet --noout --schema fhir-single.xsd FOLDER/*.xml`. Of the 4,917 examples 4,905
//! are valid by them; the others lack an element that R4 demands, and `official_examples.rs` names each.

use std::io::BufRead;
use std::io::BufReader;

use comfrey::definitions::Definitions;
use comfrey::fhir::json;
use comfrey::fhir::xml;
use comfrey::fhir::xml::Style;
use flate2::read::GzDecoder;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

/// The examples, one a line: file name, tab, JSON. See `tests/data/README.md`.
const EXAMPLES: &[u8] = include_bytes!("../data/r4-examples.ndjson.gz");
const FHIR_XML: &str = "application/fhir+xml";

/// The tree that XML gives.
fn tree(text: &[u8]) -> Value {
    let definitions = Definitions::shared().expect("the definitions load");
    xml::read(&definitions.shapes, text)
        .unwrap_or_else(|failure| panic!("{:?}: {}", failure.issues, String::from_utf8_lossy(text)))
}

/// The XML of a tree.
fn written(resource: &Value, style: Style) -> Vec<u8> {
    let definitions = Definitions::shared().expect("the definitions load");
    xml::write(&definitions.shapes, resource, style).expect("it is a resource")
}

#[test]
fn every_official_example_is_the_same_resource_in_both_forms() {
    let mut count = 0;
    let mut changed = Vec::new();
    let folder = std::env::var_os("COMFREY_TEST_XML_FOLDER");
    for line in BufReader::new(GzDecoder::new(EXAMPLES)).lines() {
        let line = line.expect("the archive is whole");
        let (name, text) = line.split_once('\t').expect("a line is a name, a tab and JSON");
        let resource = json::parse(text.as_bytes()).expect("it is JSON");
        count += 1;
        // broken lines are the same for all, so some will do
        let styles = if count % 16 == 0 { &[Style::Compact, Style::Pretty][..] } else { &[Style::Compact] };
        for &style in styles {
            let text = written(&resource, style);
            if tree(&text) != resource {
                changed.push(format!("{name} {style:?}"));
            }
            if let Some(folder) = folder.as_ref().filter(|_| style == Style::Compact) {
                let file = std::path::Path::new(folder).join(name).with_extension("xml");
                std::fs::write(file, text).expect("the folder is there");
            }
        }
    }
    assert_eq!(count, 4917);
    assert!(changed.is_empty(), "{changed:#?}");
}

fn send(client: &Client, method: &str, path: &str, body: &str) -> Reply {
    client.request(method, path).header("Accept", FHIR_XML).body(FHIR_XML, body.to_owned()).send()
}

#[test]
fn a_client_may_speak_xml_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let family = |name: &str| {
        format!(
            "<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"p\"/><text><status value=\"generated\"/>\
             <div xmlns=\"http://www.w3.org/1999/xhtml\">  a &lt; b &#160;\n</div></text>\
             <name><family value=\"{name}\"/></name></Patient>"
        )
    };
    let made = send(&clinician, "PUT", "/Patient/p", &family("Rivera")).expect(201);
    assert_eq!(made.header("content-type"), Some("application/fhir+xml; charset=utf-8"));
    assert_eq!(tree(&made.body)["name"][0]["family"], "Rivera");
    send(&clinician, "PUT", "/Patient/p", &family("Rivera y Paz")).expect(200);
    // what came in XML is there in JSON, its narrative to the letter
    let stored = clinician.get("/Patient/p").expect(200).json();
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\">  a &lt; b &#160;\n</div>";
    assert_eq!((&stored["text"]["div"], &stored["id"]), (&json!(div), &json!("p")));
    for path in [
        "/Patient/p",
        "/Patient/p/_history/2",
        "/Patient/p/_history",
        "/Patient?name=rivera",
        "/Patient?_count=0",
        "/Patient/p?_summary=true",
        "/Patient/p?_elements=name",
        "/metadata",
        "/metadata?mode=terminology",
        "/OperationDefinition/validate",
    ] {
        let (xml, json) =
            (clinician.request("GET", path).header("Accept", FHIR_XML).send(), clinician.get(path));
        assert_eq!((xml.status, xml.header("etag")), (200, json.header("etag")), "{path}");
        assert_eq!(xml.header("content-type"), Some("application/fhir+xml; charset=utf-8"), "{path}");
        let (mut one, mut other) = (tree(&xml.body), json.json());
        for bundle in [&mut one, &mut other] {
            bundle.as_object_mut().unwrap().retain(|key, _| bundle_stays(key));
        }
        assert_eq!(one, other, "{path}");
    }
    let form = clinician.request("POST", "/Patient/_search");
    let found = form.body("application/x-www-form-urlencoded", "name=rivera&_format=xml").send().expect(200);
    assert_eq!(tree(&found.body)["entry"][0]["resource"]["id"], "p");
    send(&clinician, "DELETE", "/Patient/p", "").expect(204);
}

#[test]
fn pages_that_were_asked_for_in_xml_lead_to_pages_in_xml() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for id in ["a", "b", "c"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id }));
    }
    for path in ["/Patient?_count=1&_format=xml", "/Patient/_history?_format=xml&_count=1"] {
        let (mut next, mut pages) = (Some(path.to_owned()), 0);
        while let Some(path) = next.take() {
            let bundle = tree(&clinician.request("GET", &path).send().expect(200).body);
            let links = bundle["link"].as_array().cloned().unwrap();
            let link = links.iter().find(|link| link["relation"] == "next");
            next = link.map(|link| link["url"].as_str().unwrap().to_owned());
            pages += 1;
        }
        assert_eq!(pages, 3, "{path}");
    }
}

/// A Bundle's own id and time differ from answer to answer.
fn bundle_stays(key: &str) -> bool {
    !matches!(key, "id" | "meta" | "timestamp")
}

#[test]
fn bundles_and_operations_come_and_go_in_xml() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        {
            "fullUrl": "urn:uuid:0d1d9a5e-0000-4000-8000-000000000001",
            "resource": { "resourceType": "Patient", "active": true },
            "request": { "method": "POST", "url": "Patient" },
        },
        {
            "resource": {
                "resourceType": "Flag", "status": "active", "code": { "text": "c" },
                "subject": { "reference": "urn:uuid:0d1d9a5e-0000-4000-8000-000000000001" },
            },
            "request": { "method": "POST", "url": "Flag" },
        },
    ] });
    let body = String::from_utf8(written(&bundle, Style::Pretty)).unwrap();
    let reply = send(&clinician, "POST", "", &body).expect(200);
    let entries = tree(&reply.body)["entry"].as_array().cloned().unwrap();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry["response"]["status"].as_str().unwrap().starts_with("201")));
    let valid = "<Patient xmlns=\"http://hl7.org/fhir\"><birthDate value=\"2000-02-30\"/><nme/></Patient>";
    let outcome = tree(&send(&clinician, "POST", "/Patient/$validate", valid).expect(200).body);
    let expressions: Vec<&str> = outcome["issue"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|issue| issue["expression"][0].as_str())
        .collect();
    assert_eq!(expressions, ["Patient.birthDate", "Patient.nme"]);
}

#[test]
fn failures_are_worded_in_the_format_that_was_asked_for() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let patient = |inner: &str| format!("<Patient xmlns=\"http://hl7.org/fhir\">{inner}</Patient>");
    for (body, status, code, expression) in [
        (patient("<birthDate/>"), 400, "structure", "Patient.birthDate"),
        (patient("<nme/>"), 400, "structure", "Patient.nme"),
        (patient("<birthDate value=\"2023-02-29\"/>"), 422, "value", "Patient.birthDate"),
        (patient("<active value=\"1\"/>"), 400, "structure", "Patient.active"),
        (patient("<name>"), 400, "structure", "Patient.name[0]"),
    ] {
        let reply = send(&clinician, "POST", "/Patient", &body).expect(status);
        let issue = tree(&reply.body)["issue"][0].clone();
        assert_eq!((&issue["code"], &issue["expression"][0]), (&json!(code), &json!(expression)), "{body}");
    }
    // refused before anything is read, and still in the format
    for (client, status) in [(app.anonymous(), 401), (app.stranger(), 403), (app.patient("other"), 403)] {
        let reply = send(&client, "POST", "/Patient", &patient("")).expect(status);
        assert_eq!(tree(&reply.body)["resourceType"], "OperationOutcome");
    }
    let pretty = clinician.get("/Patient/none?_format=xml&_pretty=true").expect(404).text();
    assert!(pretty.contains("\n  <issue>\n    <severity value=\"error\"/>"), "{pretty}");
}
