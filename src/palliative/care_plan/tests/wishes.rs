//! Advance care planning: four facts that are never taken for one another, and orders on resuscitation.

use serde_json::Value;
use serde_json::json;

use super::LOINC;
use super::apply;
use super::count;
use super::enrolled;
use super::missing;
use super::observed;
use super::on;
use super::template;
use crate::fhir::form::pairs;
use crate::palliative::care_plan::wishes::Wishes;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::tests::World;

pub(super) fn document(id: &str, code: &str, day: &str, more: Value) -> Value {
    let mut one = json!({ "resourceType": "DocumentReference", "id": id, "status": "current", "docStatus": "final",
        "type": { "coding": [{ "system": LOINC, "code": code }] }, "subject": { "reference": "Patient/p" },
        "date": format!("{day}T10:00:00Z"),
        "content": [{ "attachment": { "contentType": "application/pdf", "url": "https://example.org/1" } }] });
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one
}

pub(super) fn signed() -> Value {
    json!({ "authenticator": { "reference": "Practitioner/dr" } })
}

pub(super) fn choice(id: &str, day: &str, answer: &str) -> Value {
    let value = json!({ "valueCodeableConcept": { "coding": [{ "system": LOINC, "code": answer }] } });
    observed(id, (LOINC, "100822-6"), day, value)
}

pub(super) fn order(id: &str, day: &str) -> Value {
    json!({ "resourceType": "ServiceRequest", "id": id, "status": "active", "intent": "order",
        "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "304253006" }] },
        "subject": { "reference": "Patient/p" }, "requester": { "reference": "Practitioner/dr" }, "authoredOn": day })
}

/// The documents that count, whether it was talked about and preferred, and whether there is an order.
pub(super) fn stands(world: &World) -> (Vec<String>, bool, usize, Option<String>) {
    on(world, &template(), |planning, _| {
        let wishes = Wishes::of(planning);
        let documents = wishes.documents.iter().map(|one| one.resource.id().unwrap().to_owned()).collect();
        let order = wishes.not_for_resuscitation().map(|order| order.source.clone());
        (documents, wishes.discussed.is_some(), wishes.preferences.len(), order)
    })
}

pub(super) fn flags(world: &World) -> Vec<&str> {
    let flags = world.resources.values().filter(|one| one.ty().name() == "Flag");
    let ours = flags.filter(|one| one.text("/code/coding/0/code") == Some("dnr-on-file"));
    ours.filter_map(|one| one.text("/status")).collect()
}

#[test]
fn on_file_is_not_discussed_and_discussed_is_not_a_preference() {
    let mut world = enrolled();
    assert_eq!(stands(&world), (vec![], false, 0, None));
    world.put(document("will", "86533-7", "2026-01-01", json!({})));
    assert_eq!(stands(&world), (vec!["will".to_owned()], false, 0, None));
    world.put(json!({ "resourceType": "Procedure", "id": "talk", "status": "completed", "subject": { "reference": "Patient/p" },
        "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "713603004" }] }, "performedDateTime": "2026-01-10" }));
    assert_eq!(stands(&world), (vec!["will".to_owned()], true, 0, None));
    world.put(observed("said", (LOINC, "75773-2"), "2026-01-10", json!({ "valueString": "At home" })));
    assert_eq!(stands(&world), (vec!["will".to_owned()], true, 1, None));
    let plan = apply(&mut world);
    let div = plan.care_plan.text("/text/div").unwrap();
    for line in
        ["On file: Living will of 2026-01-01.", "last talked about on 2026-01-10", "“At home” (2026-01-10)"]
    {
        assert!(div.contains(line), "{line}: {div}");
    }
    let supporting = plan.care_plan.value()["supportingInfo"].to_string();
    assert!(supporting.contains("DocumentReference/will") && supporting.contains("Observation/said"));
}

#[test]
fn of_a_kind_the_newest_document_counts_that_is_current_and_final() {
    let mut world = enrolled();
    world.put(document("old", "86533-7", "2024-01-01", json!({})));
    world.put(document("new", "86533-7", "2025-01-01", json!({})));
    world.put(document("draft", "86533-7", "2025-06-01", json!({ "docStatus": "preliminary" })));
    world.put(document("gone", "86533-7", "2025-07-01", json!({ "status": "superseded" })));
    world.put(document("later", "86533-7", "2026-03-01", json!({})));
    assert_eq!(stands(&world).0, ["new"]);
    let replaces = json!({ "relatesTo": [{ "code": "replaces", "target": { "reference": "DocumentReference/new/_history/1" } }] });
    world.put(document("other", "81334-5", "2025-02-01", replaces));
    assert_eq!(stands(&world).0, ["other", "old"]);
}

#[test]
fn a_wish_not_to_speak_of_it_is_recorded_and_is_no_preference() {
    for value in [
        observed(
            "no",
            (super::OBSERVATION_SYSTEM, "acp-declined"),
            "2026-01-14",
            json!({ "valueBoolean": true }),
        ),
        observed(
            "no",
            (LOINC, "75773-2"),
            "2026-01-14",
            json!({ "dataAbsentReason": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "asked-declined" }] } }),
        ),
    ] {
        let mut world = enrolled();
        let gap = ("8".to_owned(), "acp-preference-missing");
        assert!(missing(&world).contains(&gap));
        // that it is not so is no refusal
        let not_so = json!({ "valueBoolean": false });
        world.put(observed("not", (super::OBSERVATION_SYSTEM, "acp-declined"), "2026-01-13", not_so));
        assert!(missing(&world).contains(&gap));
        world.put(value);
        assert_eq!(stands(&world).2, 0);
        assert!(!missing(&world).contains(&gap));
        let plan = apply(&mut world);
        assert!(plan.care_plan.text("/text/div").unwrap().contains("Did not want to speak of preferences"));
    }
}

#[test]
fn t39_a_flag_is_raised_from_a_current_order_and_never_from_a_code() {
    let mut world = enrolled();
    world.put(json!({ "resourceType": "Condition", "id": "z66", "subject": { "reference": "Patient/p" },
        "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z66" }] } }));
    world.put(choice("cpr", "2026-01-05", "LA33471-6"));
    apply(&mut world);
    assert_eq!(flags(&world), Vec::<&str>::new(), "an answer without an order");
    // unsigned it is the person's paper, signed it is an order
    world.put(document("polst", "93037-0", "2026-01-05", json!({})));
    apply(&mut world);
    assert_eq!(flags(&world), Vec::<&str>::new());
    world.put(document("polst", "93037-0", "2026-01-05", signed()));
    apply(&mut world);
    assert_eq!(flags(&world), ["active"]);
    assert!(apply(&mut world).drafts.is_empty());
    // a newer form says otherwise: the older answer is not that form's
    world.put(document("newer", "93037-0", "2026-01-10", signed()));
    apply(&mut world);
    assert_eq!(flags(&world), ["inactive"]);
    world.put(choice("again", "2026-01-10", "LA33471-6"));
    apply(&mut world);
    let mut all = flags(&world);
    all.sort_unstable();
    assert_eq!(all, ["active", "inactive"]);
}

#[test]
fn a_flag_that_a_person_took_down_stays_down() {
    let mut world = enrolled();
    world.put(order("dnr", "2026-01-10"));
    apply(&mut world);
    let flag = world.resources.iter().find(|(_, one)| one.text("/code/coding/0/code") == Some("dnr-on-file"));
    let flag = flag.unwrap().0.clone();
    world.set(&flag, "status", json!("inactive"));
    apply(&mut world);
    assert_eq!(flags(&world), ["inactive"]);
}

#[test]
fn t50_of_orders_that_contradict_one_another_the_latest_holds_and_a_person_is_asked() {
    let mut world = enrolled();
    world.put(order("dnr", "2026-01-02"));
    world.put(document("polst", "93037-0", "2026-01-08", signed()));
    world.put(choice("cpr", "2026-01-08", "LA33470-8"));
    let tasks = count(&world, "Task");
    let plan = apply(&mut world);
    let mut searched = 0;
    for draft in &plan.drafts {
        let Place::NewUnless(_, query) = &draft.place else { continue };
        let own = &draft.resource.value()["identifier"][0];
        let token = format!("{}|{}", own["system"].as_str().unwrap(), own["value"].as_str().unwrap());
        assert_eq!(
            pairs(query).unwrap(),
            [("identifier".to_owned(), token), ("patient".to_owned(), "Patient/p".to_owned())]
        );
        searched += u32::from(query.contains("conflict"));
    }
    assert_eq!(searched, 1, "what is written is found again");
    assert_eq!(flags(&world), Vec::<&str>::new(), "the latest says to try");
    let conflict = |world: &World| {
        let tasks = world.resources.values().filter(|one| one.ty().name() == "Task");
        tasks.filter(|one| one.text("/code/coding/0/code") == Some("code-status-conflict")).count()
    };
    assert_eq!(conflict(&world), 1);
    assert!(count(&world, "Task") > tasks);
    assert!(plan.care_plan.text("/text/div").unwrap().contains("contradict one another"));
    assert!(apply(&mut world).drafts.is_empty(), "asked once");
}

#[test]
fn a_preference_has_a_value_and_its_display_is_printed() {
    let mut world = enrolled();
    let gap = ("8".to_owned(), "acp-preference-missing");
    world.put(observed("said", (LOINC, "75773-2"), "2026-01-10", json!({})));
    assert_eq!(stands(&world).2, 0);
    assert!(missing(&world).contains(&gap), "nothing is recorded by it");
    let value = json!({ "valueCodeableConcept": { "coding": [{ "system": LOINC, "code": "LA33475-7",
        "display": "Comfort-focused treatment" }] } });
    world.put(observed("said", (LOINC, "75773-2"), "2026-01-10", value));
    assert_eq!(stands(&world).2, 1);
    assert!(!missing(&world).contains(&gap));
    let plan = apply(&mut world);
    let div = plan.care_plan.text("/text/div").unwrap();
    assert!(div.contains("“Comfort-focused treatment” (2026-01-10)"), "{div}");
}
