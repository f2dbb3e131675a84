//! `$validate`, and what every operation has in common. <https://hl7.org/fhir/R4/operations.html>

use comfrey::config::Validation;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Reply;

const US_CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition";
const COLOUR: &str = "http://example.org/StructureDefinition/coloured-patient";

/// The places of the issues of this severity.
fn places(reply: &Reply, severity: &str) -> Vec<String> {
    let issues = reply.json()["issue"].as_array().unwrap().clone();
    let of = issues.into_iter().filter(|issue| issue["severity"] == severity);
    of.map(|issue| issue["expression"][0].as_str().unwrap_or_default().to_owned()).collect()
}

fn is_fine(reply: &Reply) -> bool {
    let first = &reply.json()["issue"][0];
    first["severity"] == "information" && first["details"]["text"].as_str().unwrap().starts_with("All OK")
}

/// A person of whom US Core misses name and identifier.
fn bare(profile: &str) -> Value {
    json!({ "resourceType": "Patient", "gender": "female", "meta": { "profile": [format!("{US_CORE}/{profile}")] } })
}

#[test]
fn every_problem_is_listed_and_the_answer_is_200() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let body = json!({ "resourceType": "Patient", "birthDate": "never", "nope": 1 });
    let reply = clinician.post("/Patient/$validate", &body).expect(200);
    let mut expressions = reply.expressions();
    expressions.sort();
    assert_eq!(expressions, ["Patient.birthDate", "Patient.nope"]);
    let parameters = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "mode", "valueCode": "create" }, { "name": "resource", "resource": body } ] });
    assert_eq!(clinician.post("/Patient/%24validate", &parameters).expect(200).expressions().len(), 2);
    let fine =
        clinician.post("/Patient/$validate?mode=create", &json!({ "resourceType": "Patient" })).expect(200);
    assert_eq!(fine.json()["issue"][0]["severity"], "information");
    let other = clinician.post("/Goal/$validate", &json!({ "resourceType": "Patient" })).expect(200);
    assert_eq!(other.expressions(), ["Patient.resourceType"]);
}

#[test]
fn a_stored_resource_is_validated_where_it_is() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    let reply = clinician.get("/Patient/p/$validate").expect(200);
    assert_eq!(reply.json()["issue"][0]["severity"], "information");
    clinician.get("/Patient/none/$validate").expect_issue(404, "not-found");
    app.patient("other").get("/Patient/p/$validate").expect_issue(404, "not-found");
    app.stranger().get("/Patient/p/$validate").expect_issue(403, "forbidden");
    app.anonymous().get("/Patient/p/$validate").expect_issue(401, "login");
}

#[test]
fn what_an_operation_is_given_must_fit_its_definition() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let send = |parameter: serde_json::Value| {
        let body = json!({ "resourceType": "Parameters", "parameter": parameter });
        clinician.post("/Patient/$validate", &body)
    };
    let missing = send(json!([{ "name": "mode", "valueCode": "create" }])).expect_issue(400, "required");
    assert_eq!(missing.details(), ["missing-parameter"]);
    let unknown = send(json!([{ "name": "nope", "valueCode": "x" }])).expect_issue(400, "invalid");
    assert_eq!(unknown.details(), ["bad-parameter"]);
    assert_eq!(unknown.expressions(), ["Parameters.parameter[0]"]);
    send(json!([{ "name": "mode", "valueString": "create" }])).expect_issue(400, "invalid");
    send(json!([{ "name": "mode", "valueCode": "guess" }])).expect_issue(400, "invalid");
    clinician.get("/Patient/$validate?nope=1").expect_issue(400, "invalid");
}

#[test]
fn an_operation_is_called_where_and_how_its_definition_says() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.get("/$validate").expect_issue(404, "not-supported");
    clinician.get("/Patient/$nothing").expect_issue(404, "not-supported");
    let reply = clinician.put("/Patient/$validate", &json!({})).expect(405);
    assert_eq!(reply.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
}

#[test]
fn a_profile_that_is_asked_for_or_claimed_is_judged_by() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let patient = json!({ "resourceType": "Patient", "gender": "female", "telecom": [{ "use": "home" }], "birthDate": "x",
        "extension": [{ "url": format!("{US_CORE}/us-core-birthsex"), "valueCode": "Q" }] });
    let wrong = [
        "Patient.birthDate",
        "Patient.extension[0].valueCode",
        "Patient.identifier",
        "Patient.name",
        "Patient.telecom[0].system",
        "Patient.telecom[0].value",
    ];
    let sorted = |reply: &Reply| {
        let mut places = places(reply, "error");
        places.sort();
        places
    };
    let url = format!("{US_CORE}/us-core-patient");
    let asked = clinician.post(&format!("/Patient/$validate?profile={url}"), &patient).expect(200);
    assert_eq!(sorted(&asked), wrong);
    let parameters = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "profile", "valueUri": format!("{url}|6.1.0") }, { "name": "mode", "valueCode": "profile" },
        { "name": "resource", "resource": patient } ] });
    assert_eq!(sorted(&clinician.post("/Patient/$validate", &parameters).expect(200)), wrong);
    let mut claiming = patient.clone();
    claiming["meta"] = json!({ "profile": [url] });
    assert_eq!(sorted(&clinician.post("/Patient/$validate", &claiming).expect(200)), wrong);
    let own = "http://hl7.org/fhir/StructureDefinition/Patient";
    let base = clinician.post(&format!("/Patient/$validate?profile={own}"), &claiming).expect(200);
    assert_eq!(places(&base, "error"), ["Patient.birthDate"]);
    let goal =
        clinician.post(&format!("/Patient/$validate?profile={US_CORE}/us-core-goal"), &bare("x")).expect(200);
    assert_eq!(places(&goal, "error"), ["Patient.meta.profile"]);
    clinician.post("/Patient/$validate?mode=profile", &patient).expect_issue(400, "required");
}

#[test]
fn a_profile_that_is_not_known_is_an_error_where_it_is_asked_for_and_a_warning_where_it_is_claimed() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let none = format!("/Patient/$validate?profile={US_CORE}/us-core-nothing");
    clinician.post(&none, &json!({ "resourceType": "Patient" })).expect_issue(404, "not-found");
    let claimed = clinician.post("/Patient/$validate", &bare("us-core-nothing")).expect(200);
    // The second is that R4 recommends a narrative.
    assert_eq!(places(&claimed, "warning"), ["Patient.meta.profile", "Patient"]);
    assert_eq!(places(&claimed, "error"), Vec::<String>::new());
}

/// A profile with an extension and a value set of its own.
fn coloured() -> [Value; 3] {
    let mut profile = definition("coloured-patient", "Patient");
    let slicing = json!({ "discriminator": [{ "type": "value", "path": "url" }], "rules": "open" });
    let colour =
        json!([{ "code": "Extension", "profile": ["http://example.org/StructureDefinition/colour"] }]);
    profile["snapshot"]["element"] = json!([
        element("Patient", json!({})),
        element("Patient.extension", json!({ "slicing": slicing })),
        element(
            "Patient.extension",
            json!({ "id": "Patient.extension:colour", "sliceName": "colour", "min": 1, "type": colour })
        ),
    ]);
    let mut extension = definition("colour", "Extension");
    extension["kind"] = "complex-type".into();
    extension["context"] = json!([{ "type": "element", "expression": "Patient" }]);
    let binding = json!({ "strength": "required", "valueSet": "http://example.org/ValueSet/colours" });
    let types = json!([{ "code": "code" }]);
    extension["snapshot"]["element"] = json!([
        element("Extension", json!({})),
        element("Extension.value[x]", json!({ "min": 1, "max": "1", "type": types, "binding": binding })),
    ]);
    let include = json!([{ "system": "urn:colours", "concept": [{ "code": "red" }] }]);
    let value_set = json!({ "resourceType": "ValueSet", "id": "colours", "status": "active",
        "url": "http://example.org/ValueSet/colours", "compose": { "include": include } });
    [profile, extension, value_set]
}

fn definition(id: &str, ty: &str) -> Value {
    json!({ "resourceType": "StructureDefinition", "id": id, "url": format!("http://example.org/StructureDefinition/{id}"),
        "version": "1.0", "name": "Own", "status": "active", "kind": "resource", "abstract": false, "type": ty,
        "baseDefinition": format!("http://hl7.org/fhir/StructureDefinition/{ty}"), "derivation": "constraint" })
}

fn element(path: &str, more: Value) -> Value {
    let mut element = json!({ "id": path, "path": path, "definition": "It.", "min": 0, "max": "*",
        "base": { "path": path, "min": 0, "max": "*" } });
    element.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    element
}

#[test]
fn a_profile_that_is_stored_here_is_used_with_all_that_it_names() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for definition in coloured() {
        clinician.store(&definition);
    }
    let judge = |code: &str| {
        let extension =
            json!([{ "url": "http://example.org/StructureDefinition/colour", "valueCode": code }]);
        let patient = json!({ "resourceType": "Patient", "extension": extension });
        clinician.post(&format!("/Patient/$validate?profile={COLOUR}"), &patient).expect(200)
    };
    assert!(is_fine(&judge("red")), "{}", judge("red").text());
    assert_eq!(places(&judge("green"), "error"), ["Patient.extension[0].valueCode"]);
    let none = json!({ "resourceType": "Patient", "meta": { "profile": [COLOUR] } });
    assert_eq!(
        places(&clinician.post("/Patient/$validate", &none).expect(200), "error"),
        ["Patient.extension"]
    );
    let versioned = |version: &str| {
        clinician.post(
            &format!("/Patient/$validate?profile={COLOUR}%7C{version}"),
            &json!({ "resourceType": "Patient" }),
        )
    };
    versioned("1.0").expect(200);
    versioned("2.0").expect_issue(404, "not-found");
    // who may not read definitions does not learn of them
    let reader = app.with_scope("user/Patient.rs");
    let refused = reader.post(&format!("/Patient/$validate?profile={COLOUR}"), &none);
    refused.expect_issue(404, "not-found");
}

#[test]
fn a_stored_definition_without_a_snapshot_or_that_is_no_profile_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let [mut profile, ..] = coloured();
    profile.as_object_mut().unwrap().remove("snapshot");
    profile["differential"] = json!({ "element": [{ "id": "Patient", "path": "Patient" }] });
    clinician.store(&profile);
    let ask = || {
        clinician.post(&format!("/Patient/$validate?profile={COLOUR}"), &json!({ "resourceType": "Patient" }))
    };
    assert!(ask().expect_issue(422, "invalid").text().contains("snapshot"));
}

#[test]
fn a_mode_tells_whether_a_write_would_be_accepted() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p" }));
    let patient = json!({ "resourceType": "Patient", "id": "p", "active": true });
    for path in [
        "/Patient/$validate?mode=create",
        "/Patient/$validate?mode=update",
        "/Patient/p/$validate?mode=update",
    ] {
        assert!(is_fine(&clinician.post(path, &patient).expect(200)), "{path}");
    }
    assert!(is_fine(&clinician.get("/Patient/p/$validate?mode=delete").expect(200)));
    // nothing of it is done
    assert_eq!(clinician.get("/Patient/p").expect(200).json()["meta"]["versionId"], "1");
    let other = json!({ "resourceType": "Patient", "id": "q" });
    let mismatch = clinician.post("/Patient/p/$validate?mode=update", &other).expect(200);
    assert_eq!(places(&mismatch, "error"), ["Patient.id"]);
    // what was read as a part would lose the rest
    let part = clinician.get("/Patient/p?_elements=active").expect(200).json();
    for path in ["/Patient/$validate?mode=update", "/Patient/p/$validate?mode=update"] {
        assert_eq!(
            places(&clinician.post(path, &part).expect(200), "error"),
            ["Patient.meta.tag[0]"],
            "{path}"
        );
    }
    assert!(is_fine(&clinician.post("/Patient/$validate?mode=create", &part).expect(200)));
    let put = clinician.put("/Patient/p", &part).expect(422);
    assert_eq!(put.expressions(), ["Patient.meta.tag[0]"]);
    clinician.get("/Patient/$validate?mode=delete").expect_issue(400, "invalid");
    // a reader may validate, and is told that a write would be refused
    let reader = app.with_scope("user/*.rs");
    for (path, body) in
        [("/Patient/$validate?mode=create", &patient), ("/Patient/p/$validate?mode=update", &patient)]
    {
        assert_eq!(reader.post(path, body).expect(200).codes(), ["forbidden"], "{path}");
    }
    assert_eq!(reader.get("/Patient/p/$validate?mode=delete").expect(200).codes(), ["forbidden"]);
}

#[test]
fn what_only_the_programme_may_set_would_not_be_accepted() {
    let app = TestApp::new();
    let clinician = app.clinician();
    crate::programme::person(&clinician, "p");
    let id = crate::programme::refer(&clinician, "p");
    let mut episode = clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json();
    episode["status"] = "finished".into();
    let path = format!("/EpisodeOfCare/{id}/$validate");
    assert!(is_fine(&clinician.post(&path, &episode).expect(200)), "the resource itself is valid");
    let refused = clinician.post(&format!("{path}?mode=update"), &episode).expect(200);
    assert_eq!(refused.codes(), ["business-rule"]);
    assert_eq!(clinician.put(&format!("/EpisodeOfCare/{id}"), &episode).codes(), ["business-rule"]);
}

#[test]
fn a_caller_held_to_one_patient_learns_nothing_of_others() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for id in ["a", "b"] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id }));
    }
    let of = |id: &str, patient: &str| {
        json!({ "resourceType": "Observation", "id": id, "status": "final", "code": { "text": "x" },
                "subject": { "reference": format!("Patient/{patient}") } })
    };
    clinician.store(&of("theirs", "b"));
    let own = app.with_claims(json!({ "sub": "a", "scope": "patient/*.cruds", "patient": "a" }));
    for path in ["/Observation/theirs/$validate", "/Observation/theirs/$validate?mode=delete"] {
        own.get(path).expect_issue(404, "not-found");
    }
    own.post("/Observation/theirs/$validate?mode=update", &of("theirs", "a")).expect_issue(404, "not-found");
    // on the type, one that is there and is not theirs looks like one that is not there
    let update = |id: &str| own.post("/Observation/$validate?mode=update", &of(id, "a")).expect(200);
    let said = |id: &str| (update(id).codes(), update(id).text().replace(id, "ID"));
    assert_eq!(said("theirs"), said("nowhere"));
    let elsewhere = own.post("/Observation/$validate?mode=create", &of("x", "b")).expect(200);
    assert_eq!(elsewhere.codes(), ["forbidden"]);
    assert!(is_fine(&own.post("/Observation/$validate?mode=create", &of("x", "a")).expect(200)));
}

#[test]
fn what_cannot_be_read_as_a_resource_is_an_answer_too() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let send = |body: &str| {
        let call =
            clinician.request("POST", "/Patient/$validate").body("application/fhir+json", body.to_owned());
        call.send().expect(200)
    };
    for body in ["{", "[]", "{}", r#"{"resourceType":"Nothing"}"#, r#"{"a":1,"a":2}"#] {
        assert_eq!(send(body).json()["issue"][0]["severity"], "error", "{body}");
    }
    let inside = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "resource", "resource": { "resourceType": "Nothing" } }] });
    assert_eq!(send(&inside.to_string()).json()["issue"][0]["severity"], "error");
    let anonymous = app.anonymous().request("POST", "/Patient/$validate").body("application/fhir+json", "{");
    anonymous.send().expect_issue(401, "login");
    let stranger = app.stranger().request("POST", "/Patient/$validate").body("application/fhir+json", "{");
    stranger.send().expect_issue(403, "forbidden");
    let elsewhere =
        clinician.request("POST", "/Patient/$palliative-screen").body("application/fhir+json", "{");
    elsewhere.send().expect_issue(400, "structure");
}

#[test]
fn with_us_core_set_a_write_must_keep_the_profile_that_it_claims() {
    let app = TestApp::with(|config| config.validation = Validation::UsCore);
    let clinician = app.clinician();
    let mut wrong = bare("us-core-patient");
    wrong["birthDate"] = "2023-02-29".into();
    let refused = clinician.post("/Patient", &wrong).expect(422);
    let mut places = refused.expressions();
    places.sort();
    assert_eq!(places, ["Patient.birthDate", "Patient.identifier", "Patient.name"]);
    let mut patient = bare("us-core-patient");
    clinician.put("/Patient/p", &json!({ "resourceType": "Patient", "id": "p" })).expect(201);
    patient["id"] = "p".into();
    clinician.put("/Patient/p", &patient).expect(422);
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": patient, "request": { "method": "POST", "url": "Patient" } }] });
    let refused = clinician.post("", &bundle).expect(422);
    assert!(
        refused.expressions().iter().all(|at| at.starts_with("Bundle.entry[0].resource.")),
        "{}",
        refused.text()
    );
    // what claims none, one that is not known, or keeps its own, is written
    clinician.post("/Patient", &bare("us-core-nothing")).expect(201);
    patient["identifier"] = json!([{ "system": "urn:mrn", "value": "1" }]);
    patient["name"] = json!([{ "family": "A" }]);
    clinician.put("/Patient/p", &patient).expect(200);
}

#[test]
fn without_it_a_claim_is_taken_as_it_is() {
    let app = TestApp::new();
    app.clinician().post("/Patient", &bare("us-core-patient")).expect(201);
}

#[test]
fn the_claims_of_what_a_bundle_holds_are_judged_where_they_stand() {
    let app = TestApp::new();
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "fullUrl": "urn:uuid:8a3ad0b3-3a0f-4a33-9a3a-4c1b1f6b7f01", "resource": bare("us-core-patient") }] });
    let reply = app.clinician().post("/Bundle/$validate", &bundle).expect(200);
    let mut wrong = places(&reply, "error");
    wrong.sort();
    assert_eq!(wrong, ["Bundle.entry[0].resource.identifier", "Bundle.entry[0].resource.name"]);
}

#[test]
fn xml_is_validated_and_answered_as_xml() {
    let app = TestApp::new();
    let send = |body: &str| {
        let call =
            app.clinician().request("POST", "/Patient/$validate").header("accept", "application/fhir+xml");
        call.body("application/fhir+xml", body.to_owned()).send().expect(200).text()
    };
    let wrong = send(r#"<Patient xmlns="http://hl7.org/fhir"><birthDate value="never"/></Patient>"#);
    assert!(wrong.contains("<OperationOutcome") && wrong.contains("Patient.birthDate"), "{wrong}");
    assert!(send("<Patient").contains(r#"<severity value="error"/>"#));
}

#[test]
fn two_problems_of_one_place_are_both_listed() {
    let app = TestApp::new();
    let pressure = json!({ "resourceType": "Observation", "status": "final", "effectiveDateTime": "2026-01-01",
        "subject": { "reference": "Patient/p" }, "dataAbsentReason": { "text": "?" },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                    "code": "vital-signs" }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "85354-9" }] } });
    let path = format!("/Observation/$validate?profile={US_CORE}/us-core-blood-pressure");
    let reply = app.clinician().post(&path, &pressure).expect(200);
    assert_eq!(places(&reply, "error"), ["Observation.component"; 3], "{}", reply.text());
    assert!(reply.text().contains("`systolic`") && reply.text().contains("`diastolic`"));
}

#[test]
fn a_profile_that_is_claimed_again_and_again_is_judged_once() {
    for validation in [Validation::UsCore, Validation::Base] {
        let app = TestApp::with(|config| config.validation = validation);
        let url = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient";
        let issues = |claims: usize| {
            let own = json!({ "resourceType": "Patient", "meta": { "profile": vec![url; claims] } });
            let reply = app.clinician().post("/Patient/$validate", &own);
            let wanting = reply.json()["issue"].as_array().expect("issues").len();
            (
                reply.status,
                wanting,
                app.clinician().post("/Patient", &own).json()["issue"].as_array().map(Vec::len),
            )
        };
        let once = issues(1);
        assert!(once.1 > 1, "{once:?}");
        assert_eq!(issues(300), once);
    }
}
