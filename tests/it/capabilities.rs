//! The CapabilityStatement over HTTP. <https://hl7.org/fhir/R4/http.html#capabilities>

use comfrey::definitions::Definitions;
use comfrey::fhir::shape;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;

fn resource<'a>(statement: &'a Value, ty: &str) -> &'a Value {
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    resources.iter().find(|resource| resource["type"] == ty).unwrap()
}

#[test]
fn everybody_may_read_what_the_server_can_do_and_it_is_valid() {
    let app = TestApp::new();
    let statement = app.anonymous().get("/metadata").expect(200).json();
    let definitions = Definitions::shared().unwrap();
    assert_eq!(shape::validate(&definitions.shapes, &statement), Vec::new());
    assert!(statement.to_string().len() < 1_500_000, "{}", statement.to_string().len());
    assert_eq!(statement["fhirVersion"], "4.0.1");
    assert_eq!(statement["implementation"]["url"], app.url("/fhir"));
    assert_eq!(statement["rest"][0]["resource"].as_array().unwrap().len(), 146);
    let terminology = app.anonymous().get("/metadata?mode=terminology").expect(200).json();
    assert_eq!(terminology["resourceType"], "TerminologyCapabilities");
    assert_eq!(shape::validate(&definitions.shapes, &terminology), Vec::new());
    let systems = terminology["codeSystem"].as_array().unwrap();
    assert!(systems.contains(&json!({ "uri": "http://hl7.org/fhir/administrative-gender" })));
    let parameters = terminology["expansion"]["parameter"].as_array().unwrap();
    assert!(parameters.iter().any(|one| one["name"] == "filter"), "{parameters:?}");
}

#[test]
fn it_says_what_each_type_has() {
    let app = TestApp::new();
    let statement = app.anonymous().get("/metadata?mode=full").expect(200).json();
    let plan = resource(&statement, "CarePlan");
    let codes: Vec<&str> =
        plan["interaction"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(
        codes,
        [
            "create",
            "delete",
            "history-instance",
            "history-type",
            "patch",
            "read",
            "search-type",
            "update",
            "vread"
        ]
    );
    let profiles = plan["supportedProfile"].as_array().unwrap();
    assert!(profiles.contains(&json!("http://hl7.org/fhir/us/core/StructureDefinition/us-core-careplan")));
    assert_eq!(
        (&plan["readHistory"], &plan["conditionalUpdate"], &plan["conditionalDelete"]),
        (&json!(true), &json!(true), &json!("single"))
    );
    assert_eq!(statement["patchFormat"].as_array().unwrap().len(), 4);
    let system = statement["rest"][0]["interaction"].as_array().unwrap();
    assert!(system.contains(&json!({ "code": "history-system" })), "{system:?}");
    let parameters = plan["searchParam"].as_array().unwrap();
    let subject = parameters.iter().find(|one| one["name"] == "subject").unwrap();
    assert_eq!(subject["type"], "reference");
    assert_eq!(subject["definition"], "http://hl7.org/fhir/SearchParameter/CarePlan-subject");
    assert!(plan["searchInclude"].as_array().unwrap().contains(&json!("CarePlan:goal")));
    assert!(
        resource(&statement, "Goal")["searchRevInclude"]
            .as_array()
            .unwrap()
            .contains(&json!("CarePlan:goal"))
    );
    let operations = plan["operation"].as_array().unwrap();
    assert!(operations.iter().any(|operation| operation["name"] == "validate"));
}

#[test]
fn every_search_parameter_that_it_names_is_understood() {
    let app = TestApp::new();
    let statement = app.anonymous().get("/metadata").expect(200).json();
    for ty in ["Patient", "CarePlan", "Goal", "Condition", "Encounter", "EpisodeOfCare"] {
        for parameter in resource(&statement, ty)["searchParam"].as_array().unwrap() {
            let value = match parameter["type"].as_str().unwrap() {
                "date" => "2026-01-01",
                "number" | "quantity" => "1",
                "reference" => "Patient/1",
                _ => "x",
            };
            let name = parameter["name"].as_str().unwrap();
            let reply = app.clinician().get(&format!("/{ty}?{name}={value}"));
            let known = reply.status == 200 || (reply.status == 400 && parameter["type"] == "reference");
            assert!(known, "{ty}?{name}={value}: {}", reply.text());
        }
    }
}

#[test]
fn it_is_sent_again_only_where_it_has_changed() {
    let app = TestApp::new();
    let first = app.anonymous().get("/metadata").expect(200);
    let tag = first.header("etag").unwrap().to_owned();
    for (known, status) in [(tag.as_str(), 304), ("W/\"other\"", 200), ("*", 304)] {
        let reply = app.anonymous().request("GET", "/metadata").header("If-None-Match", known).send();
        assert_eq!((reply.status, reply.header("etag")), (status, Some(tag.as_str())), "{known}");
    }
    let terminology = app.anonymous().get("/metadata?mode=terminology").expect(200);
    assert_ne!(terminology.header("etag"), Some(tag.as_str()));
}

#[test]
fn the_modes_are_those_of_r4() {
    let app = TestApp::new();
    let normative = app.anonymous().get("/metadata?mode=normative").expect(200).json();
    assert!(normative["rest"][0]["resource"].as_array().unwrap().iter().all(|one| one["type"] != "CarePlan"));
    let refused = app.anonymous().get("/metadata?mode=other").expect_issue(400, "invalid");
    assert_eq!(refused.expressions(), ["http.mode"]);
    app.anonymous().get("/metadata?nope=1").expect_issue(400, "invalid");
}

#[test]
fn a_part_of_it_can_be_asked_for() {
    let app = TestApp::new();
    app.anonymous().get("/metadata?_summary=true").expect(200);
    for (query, has, has_not) in [
        ("_elements=fhirVersion", "fhirVersion", "rest"),
        ("_elements=rest", "rest", "software"),
        ("_summary=true&mode=terminology", "status", "validateCode"),
    ] {
        let part = app.anonymous().get(&format!("/metadata?{query}")).expect(200);
        let json = part.json();
        assert!(json.get(has).is_some() && json.get(has_not).is_none(), "{query}: {json}");
        assert_eq!(json["meta"]["tag"][0]["code"], "SUBSETTED", "{query}");
        // What is a part is not taken for the whole.
        assert_eq!(part.header("etag"), None, "{query}");
    }
    for wrong in ["_summary=some", "_elements=nope", "_elements=validateCode", "_summary=true&_elements=rest"]
    {
        app.anonymous().get(&format!("/metadata?{wrong}")).expect_issue(400, "invalid");
    }
}
