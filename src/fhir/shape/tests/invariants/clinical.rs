//! Invariants of clinical resources. <https://hl7.org/fhir/R4/resourcelist.html>

use super::*;

#[test]
fn conditions_keep_their_invariants() {
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
}

#[test]
fn observations_keep_their_invariants() {
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
}

#[test]
fn plans_and_orders_keep_their_invariants() {
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
}

#[test]
fn allergies_and_assessments_of_risk_keep_their_invariants() {
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
