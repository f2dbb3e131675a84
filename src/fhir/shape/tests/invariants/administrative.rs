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

#[test]
fn consents_of_some_scopes_have_a_patient() {
    // As R4 publishes them, these four look for a system named `something`; they are held as they stand.
    for (key, code) in
        [("ppc-2", "patient-privacy"), ("ppc-3", "research"), ("ppc-4", "adr"), ("ppc-5", "treatment")]
    {
        let scope = json!({ "coding": [{ "system": "something", "code": code }] });
        let consent = json!({ "resourceType": "Consent", "status": "active", "scope": scope, "category": [{ "text": "a" }],
            "policyRule": { "text": "a" }, "patient": display() });
        hold(
            &consent,
            &[
                (json!({ "patient": null }), &[format!("{key} Consent").as_str()]),
                (json!({ "patient": null, "scope": { "text": "a" } }), &[]),
            ],
        );
    }
}

#[test]
fn items_of_a_questionnaire_keep_their_invariants() {
    let text = json!([{ "valueString": "a" }]);
    let at = |key: &str| vec![format!("{key} Questionnaire.item[0]")];
    let valid = json!({ "resourceType": "Questionnaire", "status": "draft", "item": [{ "linkId": "1", "type": "string" }] });
    let when =
        |operator: &str, answer: Value| with(&json!({ "question": "2", "operator": operator }), answer);
    for (members, keys) in [
        (json!({ "type": "display", "code": [{ "code": "a" }] }), at("que-3")),
        (json!({ "type": "choice", "answerOption": text, "answerValueSet": "http://a.org/vs" }), at("que-4")),
        (json!({ "type": "boolean", "answerOption": text }), at("que-5")),
        (json!({ "type": "choice", "answerOption": text }), vec![]),
        (json!({ "type": "display", "required": true }), at("que-6")),
        (json!({ "type": "display", "readOnly": true }), at("que-9")),
        (json!({ "type": "display", "initial": [{ "valueString": "a" }] }), at("que-8")),
        (json!({ "type": "date", "maxLength": 3 }), at("que-10")),
        (json!({ "type": "string", "maxLength": 3 }), vec![]),
        (
            json!({ "type": "choice", "answerOption": text, "initial": [{ "valueString": "a" }] }),
            at("que-11"),
        ),
        (json!({ "enableWhen": vec![when("exists", json!({ "answerBoolean": true })); 3] }), at("que-12")),
        (
            json!({ "enableWhen": [when("exists", json!({ "answerString": "a" }))] }),
            vec!["que-7 Questionnaire.item[0].enableWhen[0]".to_owned()],
        ),
        (json!({ "enableWhen": [when("=", json!({ "answerString": "a" }))] }), vec![]),
    ] {
        let item = with(&valid["item"][0], members.clone());
        assert_eq!(broken(&with(&valid, json!({ "item": [item] }))), keys, "{members}");
    }
}

#[test]
fn lists_groups_and_documents_keep_their_invariants() {
    let entry = json!([{ "item": display() }]);
    hold(
        &json!({ "resourceType": "List", "status": "current", "mode": "working", "entry": entry }),
        &[
            (json!({ "emptyReason": { "text": "a" } }), &["lst-1 List"]),
            (json!({ "emptyReason": { "text": "a" }, "entry": null }), &[]),
            (json!({ "entry": [{ "item": display(), "deleted": true }] }), &["lst-2 List"]),
            (json!({ "mode": "changes", "entry": [{ "item": display(), "deleted": true }] }), &[]),
            (
                json!({ "mode": "snapshot", "entry": [{ "item": display(), "date": "2026" }] }),
                &["lst-3 List"],
            ),
        ],
    );
    hold(
        &json!({ "resourceType": "Group", "type": "person", "actual": true, "member": [{ "entity": display() }] }),
        &[(json!({ "actual": false }), &["grp-1 Group"])],
    );
    let section = json!({ "title": "a", "entry": [display()] });
    let composition = json!({ "resourceType": "Composition", "status": "final", "type": { "text": "a" },
        "date": "2026", "author": [display()], "title": "a", "section": [section] });
    hold(
        &composition,
        &[
            (json!({ "section": [{ "title": "a" }] }), &["cmp-1 Composition.section[0]"]),
            (
                json!({ "section": [with(&section, json!({ "emptyReason": { "text": "a" } }))] }),
                &["cmp-2 Composition.section[0]"],
            ),
        ],
    );
}
