//! What elements hold: primitives, codes, invariants, narrative.

use super::*;

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
        (
            patient(json!({ "photo": [{ "contentType": "json" }] })),
            &["code-invalid Patient.photo[0].contentType"],
        ),
        (
            patient(json!({ "photo": [{ "contentType": "png" }] })),
            &["code-invalid Patient.photo[0].contentType"],
        ),
    ]);
    let money = |currency: &str| json!({ "resourceType": "Invoice", "status": "draft", "totalNet": { "value": 1, "currency": currency } });
    let metadata = |format: &str| {
        json!({ "resourceType": "CapabilityStatement", "status": "draft", "date": "2026", "kind": "requirements",
            "description": "a", "fhirVersion": "4.0.1", "format": [format], "rest": [{ "mode": "server" }] })
    };
    let unit = |system: &str, code: &str| {
        json!({ "resourceType": "EffectEvidenceSynthesis", "status": "draft", "population": display(),
            "exposure": display(), "exposureAlternative": display(), "outcome": display(),
            "effectEstimate": [{ "unitOfMeasure": { "coding": [{ "system": system, "code": code }] } }] })
    };
    let ucum = "http://unitsofmeasure.org";
    hold(&[
        (money("USD"), &[]),
        (money("SLE"), &[]),
        (money("DEM"), &[]),
        (money("usd"), &["code-invalid Invoice.totalNet.currency"]),
        (money("dollars"), &["code-invalid Invoice.totalNet.currency"]),
        (metadata("json"), &[]),
        (metadata("application/fhir+xml"), &[]),
        (metadata("pdf"), &["code-invalid CapabilityStatement.format[0]"]),
        (unit(ucum, "mg/dL"), &[]),
        (unit(ucum, "mmHg"), &["code-invalid EffectEvidenceSynthesis.effectEstimate[0].unitOfMeasure"]),
        (
            unit("http://a.org", "mg/dL"),
            &["code-invalid EffectEvidenceSynthesis.effectEstimate[0].unitOfMeasure"],
        ),
    ]);
}

fn display() -> Value {
    json!({ "display": "a" })
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
