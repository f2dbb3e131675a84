//! Validation judged as a client sees it: what is sent, and every issue that comes back.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::*;

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    let lines = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).expect("a definition a line")).collect()
    };
    let structures = lines(include_str!("../../definitions/r4/structures.ndjson"));
    let value_sets = lines(include_str!("../../definitions/r4/value-sets.ndjson"));
    Shapes::compile(structures.iter(), value_sets.iter()).expect("R4 compiles")
});

/// The issue codes and expressions, sorted.
fn issues(resource: &Value) -> Vec<(String, String)> {
    let mut found: Vec<_> = validate(&SHAPES, resource)
        .into_iter()
        .map(|issue| (issue.code.to_owned(), issue.expression.expect("every issue says where")))
        .collect();
    found.sort();
    found
}

/// Holds cases of a resource and the issues expected, as `code expression`.
fn hold(cases: &[(Value, &[&str])]) {
    for (resource, expected) in cases {
        let found: Vec<String> = issues(resource).iter().map(|(code, at)| format!("{code} {at}")).collect();
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{resource}");
    }
}

fn patient(rest: Value) -> Value {
    let mut patient = json!({ "resourceType": "Patient" });
    let members = rest.as_object().expect("an object").clone();
    patient.as_object_mut().expect("an object").extend(members);
    patient
}

fn observation(rest: Value) -> Value {
    let mut observation =
        json!({ "resourceType": "Observation", "status": "final", "code": { "text": "a" } });
    let members = rest.as_object().expect("an object").clone();
    observation.as_object_mut().expect("an object").extend(members);
    observation
}

#[test]
fn a_full_resource_is_valid() {
    let resource = patient(json!({
        "id": "a.B-1",
        "meta": { "versionId": "1", "lastUpdated": "2026-02-28T13:28:17.239+02:00", "profile": ["http://a.org/p"] },
        "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Ada</p></div>" },
        "contained": [{ "resourceType": "Organization", "id": "o", "name": "O" }],
        "extension": [{ "url": "http://a.org/e", "valueDecimal": 1.10 }],
        "identifier": [{ "use": "official", "system": "urn:oid:1.2.3", "value": "1", "period": { "start": "2026" } }],
        "active": true,
        "name": [{ "given": ["Ada", null], "_given": [null, { "extension": [{ "url": "http://a.org/e", "valueCode": "x" }] }] }],
        "gender": "female",
        "_birthDate": { "extension": [{ "url": "http://a.org/e", "valueString": "unknown" }] },
        "deceasedDateTime": "2026-02",
        "multipleBirthInteger": 2,
        "photo": [{ "contentType": "image/png", "data": "AAAA AAA=" }],
        "managingOrganization": { "reference": "#o" },
        "generalPractitioner": [{ "reference": "https://a.org/fhir/Practitioner/1", "type": "Practitioner" }],
        "communication": [{ "language": { "coding": [{ "system": "urn:ietf:bcp:47", "code": "en" }] } }]
    }));
    hold(&[(resource, &[])]);
}

#[test]
fn what_is_no_resource_is_refused() {
    hold(&[
        (json!([]), &["structure Resource"]),
        (json!({}), &["structure Resource.resourceType"]),
        (json!({ "resourceType": 1 }), &["structure Resource.resourceType"]),
        (json!({ "resourceType": "Patent" }), &["structure Resource.resourceType"]),
        (json!({ "resourceType": "DomainResource" }), &["structure Resource.resourceType"]),
    ]);
}

#[test]
fn elements_are_those_of_the_type_in_the_json_form_of_the_type() {
    hold(&[
        (
            patient(json!({ "brithDate": "2026", "nmae": [], "zzz": null })),
            &["structure Patient.brithDate", "structure Patient.nmae", "structure Patient.zzz"],
        ),
        (patient(json!({ "resourcetype": "Patient" })), &["structure Patient.resourcetype"]),
        (
            patient(json!({ "name": [{ "resourceType": "HumanName" }] })),
            &["structure Patient.name[0].resourceType"],
        ),
        (
            patient(json!({ "name": { "family": 5 } })),
            &["structure Patient.name", "structure Patient.name.family"],
        ),
        (patient(json!({ "gender": ["male"] })), &["structure Patient.gender"]),
        (patient(json!({ "name": ["Ada"] })), &["structure Patient.name[0]"]),
        (patient(json!({ "active": "true" })), &["structure Patient.active"]),
        (patient(json!({ "multipleBirthInteger": "2" })), &["structure Patient.multipleBirthInteger"]),
        (patient(json!({ "birthDate": 2026 })), &["structure Patient.birthDate"]),
        (patient(json!({ "maritalStatus": "M" })), &["structure Patient.maritalStatus"]),
        (
            patient(json!({ "maritalStatus": {}, "name": [], "id": "" })),
            &["structure Patient.maritalStatus", "structure Patient.name", "value Patient.id"],
        ),
        (
            patient(json!({ "birthDate": null, "name": [null], "contact": null })),
            &["structure Patient.birthDate", "structure Patient.contact", "structure Patient.name[0]"],
        ),
        (patient(json!({ "name": [[{}]] })), &["structure Patient.name[0]"]),
        (
            observation(json!({ "valueQuantity": { "value": "5" } })),
            &["structure Observation.valueQuantity.value"],
        ),
    ]);
}

#[test]
fn names_that_are_nearly_right_are_suggested() {
    let text = |resource: Value| validate(&SHAPES, &resource).remove(0).text;
    assert!(text(patient(json!({ "brithDate": "2026" }))).contains("`birthDate`"));
    assert!(text(observation(json!({ "valueCode": "a" }))).contains("`valueQuantity`"));
    assert!(text(observation(json!({ "value": 1 }))).contains("`valueQuantity`"));
    assert!(text(patient(json!({ "_name": {} }))).contains("remove `_name`"));
    assert!(text(patient(json!({ "favouriteColour": "red" }))).contains("extension"));
}

#[test]
fn required_elements_are_there() {
    hold(&[
        (
            json!({ "resourceType": "Observation" }),
            &["required Observation.code", "required Observation.status"],
        ),
        (
            json!({ "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": { "display": "a" } }),
            &["required MedicationRequest.medication"],
        ),
        (patient(json!({ "link": [{ "type": "refer" }] })), &["required Patient.link[0].other"]),
        (
            json!({ "resourceType": "Observation", "code": { "text": "a" },
                 "_status": { "extension": [{ "url": "http://a.org/e", "valueCode": "unknown" }] } }),
            &[],
        ),
    ]);
}

#[test]
fn a_choice_is_made_once_and_among_its_types() {
    hold(&[
        (
            observation(json!({ "valueString": "a", "valueInteger": 1 })),
            &["structure Observation.valueInteger"],
        ),
        (observation(json!({ "valueString": "a", "_valueString": { "id": "x" } })), &[]),
        (
            observation(json!({ "valueString": "a", "_valueInteger": { "id": "x" } })),
            &["invariant Observation.valueInteger", "structure Observation.valueInteger"],
        ),
        (observation(json!({ "valueDecimal": 1.5 })), &["structure Observation.valueDecimal"]),
    ]);
}

#[test]
fn the_siblings_of_primitives_match_them() {
    let extension = json!({ "extension": [{ "url": "http://a.org/e", "valueString": "x" }] });
    hold(&[
        (
            patient(json!({ "name": [{ "given": ["A", "B"], "_given": [extension] }] })),
            &["structure Patient.name[0].given"],
        ),
        (
            patient(json!({ "name": [{ "given": ["A", null], "_given": [null, null] }] })),
            &["structure Patient.name[0].given[1]"],
        ),
        (patient(json!({ "name": [{ "given": [null] }] })), &["structure Patient.name[0].given[0]"]),
        (patient(json!({ "name": [{ "_given": [null] }] })), &["structure Patient.name[0].given[0]"]),
        (patient(json!({ "name": [{ "_given": [extension] }] })), &[]),
        (
            patient(json!({ "name": [{ "given": ["A"], "_given": extension }] })),
            &["structure Patient.name[0].given"],
        ),
        (
            patient(json!({ "birthDate": "2026", "_birthDate": [extension] })),
            &["structure Patient.birthDate"],
        ),
        (patient(json!({ "birthDate": "2026", "_birthDate": "x" })), &["structure Patient.birthDate"]),
        (patient(json!({ "birthDate": "2026", "_birthDate": {} })), &["structure Patient.birthDate"]),
        (patient(json!({ "birthDate": "2026", "_birthDate": null })), &["structure Patient.birthDate"]),
        (
            patient(json!({ "birthDate": "2026", "_birthDate": { "value": "x" } })),
            &["structure Patient.birthDate.value"],
        ),
        (
            patient(json!({ "_birthDate": { "extension": [{ "url": "http://a.org/e" }] } })),
            &["invariant Patient.birthDate.extension[0]"],
        ),
        (patient(json!({ "_name": [{ "id": "x" }] })), &["structure Patient._name"]),
        (patient(json!({ "_resourceType": { "id": "x" } })), &["structure Patient._resourceType"]),
    ]);
}

#[test]
fn primitives_are_written_as_their_types_ask() {
    let value = |name: &str, value: Value| {
        let resource = json!({ "resourceType": "Basic", "code": { "text": "a" },
            "extension": [{ "url": "http://a.org/e", name: value }] });
        issues(&resource).iter().map(|(code, _)| code.clone()).collect::<Vec<_>>()
    };
    for (name, good, bad) in [
        ("valueId", json!("a.-9"), json!("a_b")),
        ("valueId", json!("x".repeat(64)), json!("x".repeat(65))),
        ("valueCode", json!("a b"), json!("a  b")),
        ("valueCode", json!("a"), json!(" a")),
        ("valueUri", json!("urn:x:é"), json!("http://a b")),
        ("valueUrl", json!("mailto:a@b"), json!("a\n")),
        ("valueCanonical", json!("http://a.org/x|1"), json!("a b")),
        ("valueOid", json!("urn:oid:1.2.840.0"), json!("1.2.840")),
        ("valueOid", json!("urn:oid:2.999"), json!("urn:oid:1.02")),
        (
            "valueUuid",
            json!("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
            json!("c757873d-ec9a-4326-a141-556f43239520"),
        ),
        ("valueBase64Binary", json!("AAA="), json!("AAA")),
        ("valueBase64Binary", json!("AAAA\nAA=="), json!("A=AA")),
        ("valueDate", json!("2024-02-29"), json!("2026-02-29")),
        ("valueDateTime", json!("2026-02-28T00:00:00Z"), json!("2026-02-28T00:00:00")),
        ("valueInstant", json!("2026-02-28T00:00:00.1Z"), json!("2026-02-28")),
        ("valueTime", json!("23:59:59"), json!("24:00:00")),
        ("valueString", json!(" a\t\r\n"), json!("a\u{1}")),
        ("valueMarkdown", json!("*a*"), json!("")),
        ("valueInteger", json!(-2_147_483_648_i64), json!(-2_147_483_649_i64)),
        ("valueInteger", json!(0), serde_json::from_str("1.0").expect("a number")),
        ("valueInteger", json!(0), serde_json::from_str("1e2").expect("a number")),
        ("valuePositiveInt", json!(1), json!(0)),
        ("valueUnsignedInt", json!(0), json!(-1)),
        ("valueUnsignedInt", json!(2_147_483_647), json!(2_147_483_648_i64)),
        ("valueDecimal", serde_json::from_str("1.10e-3").expect("a number"), json!("1.10")),
        ("valueBoolean", json!(false), json!(0)),
    ] {
        assert_eq!(value(name, good.clone()), Vec::<String>::new(), "{name} {good}");
        let code = if name == "valueDecimal" || name == "valueBoolean" { "structure" } else { "value" };
        assert_eq!(value(name, bad.clone()), [code], "{name} {bad}");
    }
}

#[test]
fn required_bindings_allow_only_their_codes() {
    let condition = |status: Value| json!({ "resourceType": "Condition", "subject": { "display": "a" }, "clinicalStatus": status });
    let system = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    hold(&[
        (patient(json!({ "gender": "f" })), &["code-invalid Patient.gender"]),
        (patient(json!({ "gender": "Female" })), &["code-invalid Patient.gender"]),
        (condition(json!({ "coding": [{ "system": system, "code": "active" }] })), &[]),
        (
            condition(
                json!({ "coding": [{ "system": "http://a.org", "code": "x" }, { "system": system, "code": "active" }] }),
            ),
            &[],
        ),
        (
            condition(json!({ "coding": [{ "system": system, "code": "x" }] })),
            &["code-invalid Condition.clinicalStatus"],
        ),
        (condition(json!({ "coding": [{ "code": "active" }] })), &["code-invalid Condition.clinicalStatus"]),
        (condition(json!({ "text": "active" })), &["code-invalid Condition.clinicalStatus"]),
        (patient(json!({ "photo": [{ "contentType": "any/thing" }] })), &[]),
    ]);
}

#[test]
fn references_point_to_what_the_element_allows() {
    let subject = |reference: Value| json!({ "resourceType": "Condition", "subject": reference });
    hold(&[
        (subject(json!({ "reference": "Patient/1" })), &[]),
        (subject(json!({ "reference": "Patient/1/_history/2" })), &[]),
        (subject(json!({ "reference": "Patient?identifier=a|b" })), &[]),
        (subject(json!({ "reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520" })), &[]),
        (subject(json!({ "reference": "https://a.org/Group/1" })), &[]),
        (subject(json!({ "reference": "https://a.org/whatever" })), &[]),
        (subject(json!({ "identifier": { "value": "1" }, "type": "Patient" })), &[]),
        (subject(json!({ "reference": "Practitioner/1" })), &["value Condition.subject.reference"]),
        (
            subject(json!({ "reference": "https://a.org/fhir/Practitioner/1/_history/1" })),
            &["value Condition.subject.reference"],
        ),
        (
            subject(json!({ "reference": "Practitioner?identifier=a" })),
            &["value Condition.subject.reference"],
        ),
        (subject(json!({ "reference": "Pat/1" })), &["value Condition.subject.reference"]),
        (subject(json!({ "reference": "1" })), &["value Condition.subject.reference"]),
        (subject(json!({ "type": "Device", "display": "a" })), &["value Condition.subject.type"]),
        (subject(json!({ "type": "Pat", "display": "a" })), &["value Condition.subject.type"]),
        (subject(json!({ "reference": "Patient/1", "type": "Group" })), &["value Condition.subject.type"]),
        (subject(json!({ "reference": "#p" })), &["invariant Condition.subject.reference"]),
        (
            json!({ "resourceType": "Condition", "subject": { "reference": "#o" },
                 "contained": [{ "resourceType": "Organization", "id": "o", "name": "O" }] }),
            &["value Condition.subject.reference"],
        ),
        (observation(json!({ "focus": [{ "reference": "Basic/1" }] })), &[]),
    ]);
}

#[test]
fn contained_resources_belong_to_their_container() {
    let with = |contained: Value, reference: &str| {
        patient(json!({ "contained": contained, "managingOrganization": { "reference": reference } }))
    };
    let organization = |id: &str| json!({ "resourceType": "Organization", "id": id, "name": "O" });
    hold(&[
        (with(json!([organization("o")]), "#o"), &[]),
        (with(json!([organization("o")]), "Organization/1"), &["invariant Patient.contained[0]"]),
        (
            with(json!([organization("o"), organization("o")]), "#o"),
            &["invariant Patient.contained[1]", "value Patient.contained[1].id"],
        ),
        (
            with(json!([{ "resourceType": "Organization", "name": "O" }]), "Organization/1"),
            &["required Patient.contained[0].id"],
        ),
        (
            with(
                json!([{ "resourceType": "Organization", "id": "o", "name": "O", "contained": [organization("p")], "partOf": { "reference": "#o" } }]),
                "#o",
            ),
            &["invariant Patient.contained[0].contained[0]"],
        ),
        (
            with(
                json!([{ "resourceType": "Organization", "id": "o", "name": "O",
                       "meta": { "versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z", "security": [{ "code": "R" }] } }]),
                "#o",
            ),
            &[
                "invariant Patient.contained[0].meta.lastUpdated",
                "invariant Patient.contained[0].meta.security",
                "invariant Patient.contained[0].meta.versionId",
            ],
        ),
        (
            patient(
                json!({ "contained": [{ "resourceType": "Provenance", "id": "p", "target": [{ "reference": "#" }],
            "recorded": "2026-01-01T00:00:00Z", "agent": [{ "who": { "display": "a" } }] }] }),
            ),
            &[],
        ),
        (
            patient(json!({ "contained": [{ "resourceType": "Nothing", "id": "n" }] })),
            &["invariant Patient.contained[0]", "structure Patient.contained[0].resourceType"],
        ),
        (
            patient(json!({ "contained": { "resourceType": "Organization", "id": "o", "name": "O" } })),
            &["invariant Patient.contained[0]", "structure Patient.contained"],
        ),
    ]);
}

#[test]
fn resources_within_resources_are_judged_where_they_stand() {
    hold(&[
        (
            json!({ "resourceType": "Bundle", "type": "collection", "entry": [
            { "resource": { "resourceType": "Patient", "gender": "x" } },
            { "resource": { "resourceType": "Patient", "managingOrganization": { "reference": "#o" } } },
            { "resource": { "gender": "x" } },
        ] }),
            &[
                "code-invalid Bundle.entry[0].resource.gender",
                "invariant Bundle.entry[1].resource.managingOrganization.reference",
                "structure Bundle.entry[2].resource.resourceType",
            ],
        ),
        (
            json!({ "resourceType": "Parameters", "parameter": [
            { "name": "a", "part": [{ "name": "b", "resource": { "resourceType": "Patient", "zzz": 1 } }] },
        ] }),
            &["structure Parameters.parameter[0].part[0].resource.zzz"],
        ),
    ]);
}

#[test]
fn invariants_that_are_often_broken_are_held() {
    let quantity = json!({ "value": 1, "code": "mg" });
    hold(&[
        (patient(json!({ "extension": [{ "url": "http://a.org/e" }] })), &["invariant Patient.extension[0]"]),
        (patient(json!({ "extension": [{ "valueString": "a" }] })), &["required Patient.extension[0].url"]),
        (
            patient(json!({ "extension": [{ "url": "http://a.org/e", "valueString": "a",
            "extension": [{ "url": "b", "valueString": "c" }] }] })),
            &["invariant Patient.extension[0]"],
        ),
        (patient(json!({ "contact": [{ "gender": "male" }] })), &["invariant Patient.contact[0]"]),
        (patient(json!({ "telecom": [{ "value": "1" }] })), &["invariant Patient.telecom[0]"]),
        (
            patient(json!({ "name": [{ "period": { "start": "2026-02", "end": "2026-01-31" } }] })),
            &["invariant Patient.name[0].period"],
        ),
        (patient(json!({ "name": [{ "period": { "start": "2026-02-05", "end": "2026-02" } }] })), &[]),
        (
            patient(
                json!({ "name": [{ "period": { "start": "2026-02-01T00:00:00+02:00", "end": "2026-01-31T22:30:00Z" } }] }),
            ),
            &[],
        ),
        (observation(json!({ "valueQuantity": quantity })), &["invariant Observation.valueQuantity"]),
        (
            observation(json!({ "valueString": "a", "dataAbsentReason": { "text": "b" } })),
            &["invariant Observation"],
        ),
        (
            observation(json!({ "referenceRange": [{ "appliesTo": [{ "text": "a" }] }] })),
            &["invariant Observation.referenceRange[0]"],
        ),
        (
            json!({ "resourceType": "Observation", "status": "final", "valueString": "a",
                 "code": { "coding": [{ "system": "s", "code": "c" }] },
                 "component": [{ "code": { "coding": [{ "system": "s", "code": "c" }] } }] }),
            &["invariant Observation"],
        ),
        (
            json!({ "resourceType": "Condition", "subject": { "display": "a" }, "abatementString": "b" }),
            &["invariant Condition"],
        ),
        (
            json!({ "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "a" },
                 "subject": { "display": "b" }, "target": [{ "detailString": "c" }] }),
            &["invariant Goal.target[0]"],
        ),
        (
            json!({ "resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": { "display": "a" },
                 "activity": [{ "reference": { "display": "b" }, "detail": { "status": "in-progress" } }] }),
            &["invariant CarePlan.activity[0]"],
        ),
        (
            json!({ "resourceType": "Bundle", "type": "transaction", "entry": [{ "resource": { "resourceType": "Patient", "active": true } }] }),
            &["invariant Bundle"],
        ),
        (json!({ "resourceType": "Bundle", "type": "searchset", "total": 0 }), &[]),
    ]);
}

#[test]
fn a_narrative_is_harmless_xhtml() {
    let text = |div: &str| patient(json!({ "text": { "status": "generated", "div": div } }));
    hold(&[
        (
            text("<div xmlns=\"http://www.w3.org/1999/xhtml\">a<script>b</script></div>"),
            &["value Patient.text.div"],
        ),
        (text("a"), &["value Patient.text.div"]),
    ]);
}

#[test]
fn the_status_tells_a_wrong_shape_from_a_broken_rule() {
    let status = |resource: Value| check(&SHAPES, &resource).expect_err("it is refused").status();
    assert_eq!(status(patient(json!({ "zzz": 1, "gender": "x" }))), 400);
    assert_eq!(status(patient(json!({ "gender": "x" }))), 422);
    assert_eq!(status(json!({ "resourceType": "Observation" })), 422);
    assert!(check(&SHAPES, &patient(json!({ "active": true }))).is_ok());
}

#[test]
fn the_deepest_body_that_is_read_is_also_walked() {
    let levels = crate::fhir::json::MAX_DEPTH / 2 - 1;
    let inner = r#"{"url":"a","valueUri":"urn:x:1"}"#;
    let opened = r#"{"url":"a","extension":["#.repeat(levels - 1);
    let text = format!(
        r#"{{"resourceType":"Basic","code":{{"text":"a"}},"extension":[{opened}{inner}{}]}}"#,
        "]}".repeat(levels - 1)
    );
    let mut resource = crate::fhir::json::parse(text.as_bytes()).expect("it is not too deep");
    assert_eq!(issues(&resource), []);
    let mut count = 0;
    links_mut(&SHAPES, &mut resource, &mut |_, _| count += 1);
    assert_eq!(count, levels + 1);
}

#[test]
fn a_body_full_of_problems_is_not_described_without_end() {
    let names: serde_json::Map<String, Value> = (0..5_000).map(|n| (format!("z{n}"), Value::Null)).collect();
    let found = validate(&SHAPES, &patient(Value::Object(names)));
    assert_eq!(found.len(), 1_001);
    assert!(found[1_000].text.starts_with("4000 more"));
}

#[test]
fn links_are_found_at_any_depth_and_can_be_rewritten() {
    let mut resource = json!({
        "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": {
            "resourceType": "Patient",
            "meta": { "profile": ["urn:uuid:1"] },
            "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"urn:uuid:1\">a</a></div>" },
            "contained": [{ "resourceType": "Organization", "id": "o", "partOf": { "reference": "urn:uuid:1" } }],
            "extension": [{ "url": "http://a.org/e", "valueReference": { "reference": "urn:uuid:1" } }],
            "_birthDate": { "extension": [{ "url": "http://a.org/e", "valueUri": "urn:uuid:1" }] },
            "photo": [{ "url": "urn:uuid:1", "title": "urn:uuid:1" }],
            "managingOrganization": { "reference": "urn:uuid:1", "display": "urn:uuid:1" },
            "zzz": [{ "reference": "urn:uuid:1" }]
        } }]
    });
    let mut seen = Vec::new();
    links_mut(&SHAPES, &mut resource, &mut |link, text| {
        if text == "urn:uuid:1" {
            seen.push(link);
            *text = "Patient/1".to_owned();
        }
    });
    let count = |kind: Link| seen.iter().filter(|link| **link == kind).count();
    assert_eq!((count(Link::Reference), count(Link::Url), count(Link::NarrativeUrl)), (3, 2, 1));
    let text = resource.to_string();
    // The two texts that are no links, the canonical and the element that nobody knows stay.
    assert_eq!(text.matches("urn:uuid:1").count(), 4);
}

/// Trees of names that R4 knows, in places where it does not expect them.
fn wild() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(json!(1)),
        Just(json!(true)),
        prop::sample::select(vec!["", "#", "#a", "a", "Patient", "Bundle", "Patient/1", "2026"])
            .prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "resourceType",
        "contained",
        "id",
        "_id",
        "name",
        "given",
        "_given",
        "extension",
        "url",
        "valueReference",
        "reference",
        "entry",
        "resource",
        "link",
        "meta",
        "text",
        "div",
        "status",
        "parameter",
        "part",
        "managingOrganization",
        "birthDate",
        "_birthDate",
        "period",
        "start",
        "coding",
        "code",
        "system",
        "valueQuantity",
        "valueRange",
        "valuePeriod",
        "low",
        "high",
        "value",
        "end",
        "component",
        "item",
        "linkId",
        "type",
        "fullUrl",
        "request",
        "abatementDateTime",
        "clinicalStatus",
        "lastModified",
        "authoredOn",
    ]);
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((names.clone(), inner), 0..5).prop_map(|members| Value::Object(
                members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn no_tree_makes_it_panic(tree in wild(), ty in prop::sample::select(vec!["Patient", "Bundle", "Parameters", "Observation", "Condition", "Questionnaire", "Task"])) {
        let mut resource = tree;
        if let Some(map) = resource.as_object_mut() {
            map.insert("resourceType".to_owned(), ty.into());
        }
        for issue in validate(&SHAPES, &resource) {
            prop_assert!(issue.expression.is_some_and(|at| at.starts_with(ty) || at.starts_with("Resource")));
        }
        links_mut(&SHAPES, &mut resource, &mut |_, text| text.push('x'));
    }
}
