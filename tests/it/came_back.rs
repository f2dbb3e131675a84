//! HL7's own examples go through the service and come back as they were: by read and by history, as JSON and as XML.
//! <https://hl7.org/fhir/R4/http.html>
//!
//! A sample of them; `COMFREY_TEST_EXAMPLES=all` takes every one.

use std::io::BufRead;
use std::io::BufReader;

use comfrey::definitions::Definitions;
use comfrey::fhir::ResourceType;
use comfrey::fhir::json as body;
use comfrey::fhir::shape;
use comfrey::fhir::xml;
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::app::TestApp;
use crate::client::Client;

/// The examples, one a line: file name, tab, JSON. See `tests/data/README.md`.
const EXAMPLES: &[u8] = include_bytes!("../data/r4-examples.ndjson.gz");
/// Of how many one is taken; definitions are many, and much like one another.
const EACH: usize = 6;
const EACH_DEFINITION: usize = 120;
const DEFINITIONS: [&str; 4] = ["CodeSystem", "SearchParameter", "StructureDefinition", "ValueSet"];

/// Types of which a service refuses what it cannot act on, or stores none: a search parameter must have an expression
/// that can be indexed, and so on.
const MAY_BE_REFUSED: [&str; 5] =
    ["OperationDefinition", "Parameters", "SearchParameter", "StructureDefinition", "Subscription"];

#[test]
fn official_examples_come_back_as_they_were_sent() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let definitions = Definitions::shared().unwrap();
    let (mut count, mut refused, mut changed) = (0, Vec::new(), Vec::new());
    for chunk in examples().chunks(100) {
        let outcomes = sent(&clinician, chunk);
        for ((name, resource), (status, outcome)) in chunk.iter().zip(outcomes) {
            let (ty, id) = (resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
            if status >= 300 {
                // One of ours has the name of one of theirs, and nobody writes over it.
                let is_ours = definitions.published(ResourceType::parse(ty).unwrap(), id).is_some();
                if !(MAY_BE_REFUSED.contains(&ty) || is_ours && status == 409) {
                    refused.push(format!("{name}: {status} {outcome}"));
                }
                continue;
            }
            count += 1;
            let path = format!("/{ty}/{id}");
            for (way, back) in came_back(&clinician, &path) {
                if content(back) != content(resource.clone()) {
                    changed.push(format!("{name} by {way}"));
                }
            }
        }
    }
    println!("{count} examples came back");
    assert!(refused.is_empty(), "{} are refused:\n{}", refused.len(), refused.join("\n"));
    assert!(changed.is_empty(), "{} are changed:\n{}", changed.len(), changed.join("\n"));
    assert!(count > 80, "{count} are too few to show anything");
}

/// The examples that are valid, or a sample of them.
fn examples() -> Vec<(String, Value)> {
    let all = std::env::var("COMFREY_TEST_EXAMPLES").is_ok_and(|which| which == "all");
    let definitions = Definitions::shared().unwrap();
    let mut found = Vec::new();
    for (at, line) in BufReader::new(GzDecoder::new(EXAMPLES)).lines().enumerate() {
        let line = line.unwrap();
        let (name, text) = line.split_once('\t').unwrap();
        let is_definition = DEFINITIONS.iter().any(|ty| name.starts_with(&format!("{ty}-")));
        if !all && at % if is_definition { EACH_DEFINITION } else { EACH } != 0 {
            continue;
        }
        let resource = body::parse(text.as_bytes()).unwrap();
        if shape::validate(&definitions.shapes, &resource).is_empty() {
            found.push((name.to_owned(), resource));
        }
    }
    found
}

/// Stores them; the status of each, and what is wrong with it.
fn sent(client: &Client, examples: &[(String, Value)]) -> Vec<(u16, Value)> {
    let put = |(_, resource): &(String, Value)| {
        let (ty, id) = (resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        let reply = client.request("PUT", &format!("/{ty}/{id}")).json(resource).send();
        let outcome = if reply.status < 300 { Value::Null } else { reply.json()["issue"].clone() };
        (reply.status, outcome)
    };
    examples.iter().map(put).collect()
}

/// What is there now, by each way on which a client gets it.
fn came_back(client: &Client, path: &str) -> Vec<(&'static str, Value)> {
    let definitions = Definitions::shared().unwrap();
    let mut found = Vec::new();
    for (kind, path) in [("read", path.to_owned()), ("history", format!("{path}/_history"))] {
        let json = client.get(&path).expect(200).body;
        let call = client.request("GET", &path).header("Accept", "application/fhir+xml");
        let xml = call.send().expect(200).body;
        let of = |value: Value| match kind {
            "history" => value["entry"][0]["resource"].clone(),
            _ => value,
        };
        let way = |format: &str| match (kind, format) {
            ("read", "json") => "read, as JSON",
            ("read", _) => "read, as XML",
            (_, "json") => "history, as JSON",
            (_, _) => "history, as XML",
        };
        found.push((way("json"), of(body::parse(&json).unwrap())));
        found.push((way("xml"), of(xml::read(&definitions.shapes, &xml).unwrap())));
    }
    found
}

/// A resource without what the service sets itself.
fn content(mut resource: Value) -> Value {
    let map = resource.as_object_mut().unwrap();
    if let Some(meta) = map.get_mut("meta").and_then(Value::as_object_mut) {
        meta.retain(|name, _| !matches!(name.as_str(), "versionId" | "lastUpdated"));
        if meta.is_empty() {
            map.shift_remove("meta");
        }
    }
    resource
}
