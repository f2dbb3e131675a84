//! R4's invariants, each with a resource that keeps it and one that breaks it.

use serde_json::Value;
use serde_json::json;

use crate::definitions::Definitions;
use crate::fhir::Severity;
use crate::fhir::shape::advice;
use crate::fhir::shape::validate;

/// The keys of the invariants that a resource breaks, with their places; it must have no other problem.
fn broken(resource: &Value) -> Vec<String> {
    let definitions = Definitions::shared().expect("the definitions load");
    let issues = validate(&definitions.shapes, resource);
    issues
        .iter()
        .map(|issue| {
            assert_eq!(issue.code, "invariant", "{issue:?} in {resource}");
            let key = issue.text.rsplit_once('(').and_then(|(_, key)| key.split_once(')'));
            let key = key.map_or("", |(key, _)| key);
            format!("{key} {}", issue.expression.as_deref().unwrap_or_default())
        })
        .collect()
}

/// A resource with members added; null takes one away.
fn with(resource: &Value, members: Value) -> Value {
    let mut resource = resource.clone();
    let map = resource.as_object_mut().expect("an object");
    for (name, value) in members.as_object().expect("an object").clone() {
        match value {
            Value::Null => drop(map.shift_remove(&name)),
            value => drop(map.insert(name, value)),
        }
    }
    resource
}

/// Holds a valid resource against changes of it, and the invariants that each breaks.
fn hold(valid: &Value, cases: &[(Value, &[&str])]) {
    assert_eq!(broken(valid), Vec::<String>::new(), "{valid}");
    for (members, keys) in cases {
        assert_eq!(broken(&with(valid, members.clone())), *keys, "{members}");
    }
}

fn coded(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code }] })
}

fn display() -> Value {
    json!({ "display": "a" })
}

#[test]
fn data_types_keep_their_invariants() {
    let patient = json!({ "resourceType": "Patient", "gender": "other" });
    let extension =
        |members: Value| json!({ "extension": [with(&json!({ "url": "http://a.org" }), members)] });
    let value = |name: &str, value: Value| {
        let mut members = json!({});
        members[name] = value;
        extension(members)
    };
    let repeat = |members: Value| value("valueTiming", json!({ "repeat": members }));
    let at = |key: &str, name: &str| format!("{key} Patient.extension[0].{name}");
    let cases: Vec<(Value, Vec<String>)> = vec![
        (extension(json!({})), vec!["ext-1 Patient.extension[0]".to_owned()]),
        (value("valueQuantity", json!({ "value": 1, "code": "mg" })), vec![at("qty-3", "valueQuantity")]),
        (
            value("valueDuration", json!({ "value": 1, "code": "h" })),
            vec![at("qty-3", "valueDuration"), at("drt-1", "valueDuration")],
        ),
        (
            value("valueAge", json!({ "value": -1, "system": "http://unitsofmeasure.org", "code": "a" })),
            vec![at("age-1", "valueAge")],
        ),
        (
            value("valueCount", json!({ "value": 1.5, "system": "http://unitsofmeasure.org", "code": "1" })),
            vec![at("cnt-3", "valueCount")],
        ),
        (value("valueDistance", json!({ "value": 1 })), vec![at("dis-1", "valueDistance")]),
        (
            value("valueRange", json!({ "low": { "value": 2 }, "high": { "value": 1 } })),
            vec![at("rng-2", "valueRange")],
        ),
        (
            value(
                "valueRange",
                json!({ "low": { "value": 2, "unit": "a" }, "high": { "value": 1, "unit": "b" } }),
            ),
            vec![],
        ),
        (
            value("valueRange", json!({ "low": { "value": 1, "comparator": "<" } })),
            vec![at("sqty-1", "valueRange.low")],
        ),
        (value("valueRatio", json!({ "numerator": { "value": 1 } })), vec![at("rat-1", "valueRatio")]),
        (
            value("valuePeriod", json!({ "start": "2026-02-02", "end": "2026-02-01" })),
            vec![at("per-1", "valuePeriod")],
        ),
        (value("valuePeriod", json!({ "start": "2026-02-02", "end": "2026-02" })), vec![]),
        (value("valueContactPoint", json!({ "value": "1" })), vec![at("cpt-2", "valueContactPoint")]),
        (value("valueAttachment", json!({ "data": "AAAA" })), vec![at("att-1", "valueAttachment")]),
        (value("valueExpression", json!({ "language": "text/cql" })), vec![at("exp-1", "valueExpression")]),
        (value("valueString", json!("a")), vec![]),
        (repeat(json!({ "duration": 1 })), vec![at("tim-1", "valueTiming.repeat")]),
        (repeat(json!({ "period": 1 })), vec![at("tim-2", "valueTiming.repeat")]),
        (repeat(json!({ "duration": -1, "durationUnit": "h" })), vec![at("tim-4", "valueTiming.repeat")]),
        (repeat(json!({ "period": -0.5, "periodUnit": "h" })), vec![at("tim-5", "valueTiming.repeat")]),
        (repeat(json!({ "periodMax": 1 })), vec![at("tim-6", "valueTiming.repeat")]),
        (repeat(json!({ "durationMax": 1 })), vec![at("tim-7", "valueTiming.repeat")]),
        (repeat(json!({ "countMax": 1 })), vec![at("tim-8", "valueTiming.repeat")]),
        (repeat(json!({ "offset": 1 })), vec![at("tim-9", "valueTiming.repeat")]),
        (repeat(json!({ "offset": 1, "when": ["C"] })), vec![at("tim-9", "valueTiming.repeat")]),
        (repeat(json!({ "offset": 1, "when": ["AC"] })), vec![]),
        (
            repeat(json!({ "timeOfDay": ["10:00:00"], "when": ["AC"] })),
            vec![at("tim-10", "valueTiming.repeat")],
        ),
        (
            value("valueTriggerDefinition", json!({ "type": "named-event" })),
            vec![at("trd-3", "valueTriggerDefinition")],
        ),
        (value("valueHumanName", json!({ "id": "a" })), vec![at("ele-1", "valueHumanName")]),
    ];
    assert_eq!(broken(&patient), Vec::<String>::new());
    for (members, keys) in cases {
        let mut found = broken(&with(&patient, members.clone()));
        let mut keys = keys;
        found.sort();
        keys.sort();
        assert_eq!(found, keys, "{members}");
    }
}

#[test]
fn clinical_resources_keep_their_invariants() {
    let system = "condition-ver-status";
    hold(
        &json!({ "resourceType": "Condition", "subject": display(), "clinicalStatus": coded("condition-clinical", "resolved"),
            "verificationStatus": coded(system, "confirmed"), "abatementDateTime": "2026" }),
        &[
            (json!({ "clinicalStatus": coded("condition-clinical", "active") }), &["con-4 Condition"]),
            (json!({ "verificationStatus": coded(system, "entered-in-error") }), &["con-5 Condition"]),
            (json!({ "stage": [{ "type": { "text": "a" } }] }), &["con-1 Condition.stage[0]"]),
            (
                json!({ "evidence": [{ "extension": [{ "url": "http://a.org", "valueCode": "a" }] }] }),
                &["con-2 Condition.evidence[0]"],
            ),
        ],
    );
    let code = json!({ "coding": [{ "system": "http://loinc.org", "code": "1" }] });
    hold(
        &json!({ "resourceType": "Observation", "status": "final", "code": code, "valueInteger": 1,
            "component": [{ "code": { "text": "a" }, "valueInteger": 1 }] }),
        &[
            (json!({ "dataAbsentReason": { "text": "a" } }), &["obs-6 Observation"]),
            (json!({ "dataAbsentReason": { "text": "a" }, "valueInteger": null }), &[]),
            (json!({ "component": [{ "code": code }] }), &["obs-7 Observation"]),
            (json!({ "component": [{ "code": code }], "valueInteger": null }), &[]),
            (
                json!({ "referenceRange": [{ "age": { "low": { "value": 1 } } }] }),
                &["obs-3 Observation.referenceRange[0]"],
            ),
            (
                json!({ "referenceRange": [{ "low": { "value": 1, "comparator": "<" } }] }),
                &["sqty-1 Observation.referenceRange[0].low"],
            ),
        ],
    );
    hold(
        &json!({ "resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": display(),
            "activity": [{ "reference": display() }] }),
        &[(
            json!({ "activity": [{ "reference": display(), "detail": { "status": "in-progress" } }] }),
            &["cpl-3 CarePlan.activity[0]"],
        )],
    );
    hold(
        &json!({ "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "a" }, "subject": display(),
            "target": [{ "measure": { "text": "a" }, "detailString": "b" }] }),
        &[(json!({ "target": [{ "detailString": "b" }] }), &["gol-1 Goal.target[0]"])],
    );
    hold(
        &json!({ "resourceType": "CareTeam", "contained": [{ "resourceType": "Practitioner", "id": "p" }],
            "participant": [{ "member": { "reference": "#p" }, "onBehalfOf": display() }] }),
        &[(
            json!({ "contained": [{ "resourceType": "RelatedPerson", "id": "p", "patient": display() }] }),
            &["ctm-1 CareTeam.participant[0]"],
        )],
    );
    hold(
        &json!({ "resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": display(),
            "code": { "text": "a" }, "orderDetail": [{ "text": "b" }] }),
        &[(json!({ "code": null }), &["prr-1 ServiceRequest"])],
    );
    hold(
        &json!({ "resourceType": "Task", "status": "ready", "intent": "order", "authoredOn": "2026-01-01", "lastModified": "2026-01-01" }),
        &[
            (json!({ "lastModified": "2025-12-31" }), &["inv-1 Task"]),
            (json!({ "lastModified": "2026" }), &[]),
        ],
    );
    hold(
        &json!({ "resourceType": "AllergyIntolerance", "patient": display(), "clinicalStatus": coded("allergyintolerance-clinical", "active") }),
        &[
            (json!({ "clinicalStatus": null }), &["ait-1 AllergyIntolerance"]),
            (
                json!({ "verificationStatus": coded("allergyintolerance-verification", "entered-in-error") }),
                &["ait-2 AllergyIntolerance"],
            ),
        ],
    );
    hold(
        &json!({ "resourceType": "RiskAssessment", "status": "final", "subject": display(), "prediction": [{ "probabilityDecimal": 5 }] }),
        &[
            (
                json!({ "prediction": [{ "probabilityDecimal": 101 }] }),
                &["ras-2 RiskAssessment.prediction[0]"],
            ),
            (
                json!({ "prediction": [{ "probabilityRange": { "low": { "value": 1 } } }] }),
                &["ras-1 RiskAssessment.prediction[0].probabilityRange"],
            ),
        ],
    );
}

#[test]
fn administrative_resources_keep_their_invariants() {
    hold(
        &json!({ "resourceType": "Patient", "contact": [{ "name": { "text": "a" } }] }),
        &[(json!({ "contact": [{ "gender": "male" }] }), &["pat-1 Patient.contact[0]"])],
    );
    hold(
        &json!({ "resourceType": "Organization", "name": "a", "address": [{ "use": "work" }], "telecom": [{ "use": "work" }] }),
        &[
            (json!({ "name": null }), &["org-1 Organization"]),
            (json!({ "address": [{ "use": "home" }] }), &["org-2 Organization.address[0]"]),
            (json!({ "telecom": [{ "use": "home" }] }), &["org-3 Organization.telecom[0]"]),
        ],
    );
    let privacy = coded("consentscope", "patient-privacy");
    hold(
        &json!({ "resourceType": "Consent", "status": "active", "scope": privacy, "category": [{ "text": "a" }], "policyRule": { "text": "a" } }),
        &[(json!({ "policyRule": null }), &["ppc-1 Consent"])],
    );
    hold(
        &json!({ "resourceType": "Appointment", "status": "booked", "participant": [{ "actor": display(), "status": "accepted" }],
            "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z" }),
        &[
            (json!({ "start": null }), &["app-2 Appointment", "app-3 Appointment"]),
            (json!({ "start": null, "end": null }), &["app-3 Appointment"]),
            (json!({ "start": null, "end": null, "status": "proposed" }), &[]),
            (json!({ "cancelationReason": { "text": "a" } }), &["app-4 Appointment"]),
            (json!({ "participant": [{ "status": "accepted" }] }), &["app-1 Appointment.participant[0]"]),
        ],
    );
    hold(
        &json!({ "resourceType": "QuestionnaireResponse", "status": "completed", "item": [{ "linkId": "1", "answer": [{ "valueBoolean": true }] }] }),
        &[(
            json!({ "item": [{ "linkId": "1", "item": [{ "linkId": "2", "answer": [{ "valueBoolean": true }], "item": [{ "linkId": "3" }] }] }] }),
            &["qrs-1 QuestionnaireResponse.item[0].item[0]"],
        )],
    );
    hold(
        &json!({ "resourceType": "Questionnaire", "status": "draft", "item": [{ "linkId": "1", "type": "group", "item": [{ "linkId": "2", "type": "string" }] }] }),
        &[
            (
                json!({ "item": [{ "linkId": "1", "type": "string" }, { "linkId": "1", "type": "string" }] }),
                &["que-2 Questionnaire"],
            ),
            (
                json!({ "item": [{ "linkId": "1", "type": "boolean", "initial": [{ "valueBoolean": true }, { "valueBoolean": false }] }] }),
                &["que-13 Questionnaire.item[0]"],
            ),
            (json!({ "item": [{ "linkId": "1", "type": "group" }] }), &["que-1 Questionnaire.item[0]"]),
        ],
    );
}

#[test]
fn bundles_and_parameters_have_their_shape() {
    let id = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520";
    let patient = json!({ "resourceType": "Patient", "gender": "other" });
    let request = json!({ "method": "POST", "url": "Patient" });
    let entry = json!({ "fullUrl": id, "resource": patient, "request": request });
    hold(
        &json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] }),
        &[
            (json!({ "total": 1 }), &["bdl-1 Bundle"]),
            (json!({ "entry": [with(&entry, json!({ "search": { "mode": "match" } }))] }), &["bdl-2 Bundle"]),
            (json!({ "entry": [with(&entry, json!({ "request": null }))] }), &["bdl-3 Bundle"]),
            (json!({ "type": "collection" }), &["bdl-3 Bundle"]),
            (
                json!({ "entry": [with(&entry, json!({ "response": { "status": "200" } }))] }),
                &["bdl-4 Bundle"],
            ),
            (json!({ "entry": [entry, entry] }), &["bdl-7 Bundle"]),
            (
                json!({ "entry": [with(&entry, json!({ "fullUrl": "http://a.org/Patient/1/_history/1" }))] }),
                &["bdl-8 Bundle.entry[0]"],
            ),
        ],
    );
    hold(
        &json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": patient }] }),
        &[
            (json!({ "entry": [{ "fullUrl": id }] }), &["bdl-5 Bundle.entry[0]"]),
            (json!({ "type": "document" }), &["bdl-9 Bundle", "bdl-10 Bundle", "bdl-11 Bundle"]),
            (json!({ "type": "message" }), &["bdl-12 Bundle"]),
        ],
    );
    hold(
        &json!({ "resourceType": "Parameters", "parameter": [{ "name": "a", "part": [{ "name": "b", "valueCode": "c" }] }, { "name": "d", "resource": patient }] }),
        &[
            (json!({ "parameter": [{ "name": "a" }] }), &["inv-1 Parameters.parameter[0]"]),
            (
                json!({ "parameter": [{ "name": "a", "valueCode": "b", "resource": patient }] }),
                &["inv-1 Parameters.parameter[0]"],
            ),
            (
                json!({ "parameter": [{ "name": "a", "part": [{ "name": "b" }] }] }),
                &["inv-1 Parameters.parameter[0].part[0]"],
            ),
        ],
    );
}

#[test]
fn expressions_see_the_resource_in_which_they_stand() {
    // The Bundle's `type` is not that of a Bundle within it, nor a contained resource's code that of its container.
    let inner = json!({ "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": { "resourceType": "Patient", "gender": "other" } }] });
    let outer = json!({ "resourceType": "Bundle", "type": "transaction",
        "entry": [{ "resource": inner, "request": { "method": "POST", "url": "Bundle" } }] });
    assert_eq!(broken(&outer), Vec::<String>::new());
    let code = json!({ "coding": [{ "system": "http://loinc.org", "code": "1" }] });
    let contained = json!({ "resourceType": "Observation", "id": "o", "status": "final", "code": { "text": "a" }, "valueInteger": 1,
        "component": [{ "code": code }] });
    let container = json!({ "resourceType": "Observation", "status": "final", "code": code, "contained": [contained],
        "hasMember": [{ "reference": "#o" }] });
    assert_eq!(broken(&container), Vec::<String>::new());
}

#[test]
fn what_is_recommended_is_said_only_when_asked_for() {
    let definitions = Definitions::shared().expect("the definitions load");
    let patient = json!({ "resourceType": "Patient", "gender": "x" });
    assert_eq!(validate(&definitions.shapes, &patient).len(), 1);
    let warnings = advice(&definitions.shapes, &patient);
    assert_eq!((warnings.len(), warnings[0].severity), (1, Severity::Warning));
    assert!(warnings[0].text.ends_with("(dom-6)."), "{}", warnings[0].text);
    assert_eq!((warnings[0].code, warnings[0].expression.as_deref()), ("invariant", Some("Patient")));
}
