//! Invariants of resources about people, places, agreements and questions.
//! <https://hl7.org/fhir/R4/resourcelist.html>

use super::*;

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
