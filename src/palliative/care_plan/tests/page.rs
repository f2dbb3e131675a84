//! Goals in the person's own words, and the page.

use serde_json::Value;
use serde_json::json;

use super::LOINC;
use super::World;
use super::apply;
use super::complete;
use super::enrolled;
use super::missing;
use super::name;
use super::observed;
use super::score;

#[test]
fn a_goal_is_in_the_persons_own_words_where_the_record_has_them() {
    let mut world = enrolled();
    let mut said = observed(
        "said",
        (LOINC, "75773-2"),
        "2026-01-10",
        json!({ "valueString": "No more hospital <please>" }),
    );
    said["performer"] = json!([{ "reference": "RelatedPerson/son" }]);
    world.put(said);
    let plan = apply(&mut world);
    let goal = &world.resources[&name(&world, "Goal", "d8-wishes")];
    assert_eq!(goal.text("/description/text"), Some("No more hospital <please>"));
    assert_eq!(goal.text("/expressedBy/reference"), Some("RelatedPerson/son"));
    assert_eq!(goal.value()["addresses"], json!([{ "reference": "Observation/said" }]));
    let others = &world.resources[&name(&world, "Goal", "d1-contact")];
    assert_eq!(others.text("/expressedBy/reference"), Some("Practitioner/dr"), "who set the goal");
    assert!(!missing(&world).iter().any(|(_, code)| *code == "goal-own-words-missing"));
    let supporting = plan.care_plan.value()["supportingInfo"].to_string();
    assert!(supporting.contains("Observation/said"));
}

#[test]
fn a_goal_of_the_persons_own_is_taken_in_and_names_the_level_that_counts() {
    let mut world = enrolled();
    world.put(score((LOINC, "72514-3"), 6.0));
    world.put(json!({ "resourceType": "Goal", "id": "own", "lifecycleStatus": "active", "subject": { "reference": "Patient/p" },
        "description": { "text": "Pain that lets me sleep" }, "expressedBy": { "reference": "Patient/p" },
        "target": [{ "measure": { "coding": [{ "system": LOINC, "code": "72514-3" }] },
            "detailQuantity": { "value": 5, "comparator": "<=" } }] }));
    let plan = apply(&mut world);
    assert!(plan.care_plan.value()["goal"].as_array().unwrap().contains(&json!({ "reference": "Goal/own" })));
    let goal = &world.resources[&name(&world, "Goal", "d2-pain")];
    assert_eq!(goal.value()["target"][0]["detailQuantity"]["value"], 5);
    assert!(apply(&mut world).drafts.is_empty());
}

#[test]
fn t63_the_page_is_escaped_whatever_a_person_wrote() {
    let mut world = enrolled();
    let script = "<script>alert(1)</script>";
    world.set("Patient/p", "name", json!([{ "text": script }]));
    world.set(
        "Patient/p",
        "generalPractitioner",
        json!([{ "reference": "Practitioner/gp", "display": script }]),
    );
    world.put(observed("said", (LOINC, "95541-9"), "2026-01-10", json!({ "valueString": script })));
    world.put(json!({ "resourceType": "Condition", "id": "c", "subject": { "reference": "Patient/p" },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "problem-list-item" }] }],
        "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
        "code": { "text": script } }));
    world.program.name = script.into();
    let plan = apply(&mut world);
    let div = plan.care_plan.text("/text/div").unwrap();
    assert!(div.matches("&lt;script&gt;").count() >= 5 && !div.contains("<script"), "{div}");
    let stored = name(&world, "CarePlan", "plan");
    world.set(&stored, "note", json!([{ "text": format!("Domain 7: {script}") }]));
    world.put(score((LOINC, "72514-3"), 5.0));
    let plan = apply(&mut world);
    let div = plan.care_plan.text("/text/div").unwrap();
    assert!(div.contains("Domain 7: &lt;script&gt;") && !div.contains("<script"), "{div}");
}

#[test]
fn the_page_names_no_problem_with_a_security_label_and_none_of_one_visit() {
    let mut world = enrolled();
    let problem = |id: &str, category: &str, text: &str| {
        json!({ "resourceType": "Condition", "id": id, "subject": { "reference": "Patient/p" },
            "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": category }] }],
            "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
            "code": { "text": text } })
    };
    world.put(problem("open", "problem-list-item", "Heart failure"));
    world.put(problem("secret", "problem-list-item", "Substance use"));
    world.set("Condition/secret", "meta", json!({ "versionId": "1", "security": [{ "code": "SUD" }] }));
    world.put(problem("visit", "encounter-diagnosis", "Cold"));
    let plan = apply(&mut world);
    let div = plan.care_plan.text("/text/div").unwrap();
    assert!(div.contains("Heart failure") && !div.contains("Substance") && !div.contains("Cold"), "{div}");
    let addresses = plan.care_plan.value()["addresses"].as_array().unwrap();
    assert_eq!(addresses.len(), 1, "neither a secret nor the visit's diagnosis: {addresses:?}");
    assert_eq!(addresses[0]["reference"], "Condition/open");
}

#[test]
fn the_page_says_nothing_of_what_carries_a_security_label() {
    let label = json!({ "security": [{ "code": "R" }], "versionId": "1" });
    let all = |labelled: bool| {
        let mut world = enrolled();
        let prefers = json!({ "valueString": "No machines" });
        world.put(observed("said", (LOINC, "75773-2"), "2026-01-10", prefers));
        world.put(json!({ "resourceType": "Procedure", "id": "talk", "status": "completed",
            "subject": { "reference": "Patient/p" }, "performedDateTime": "2026-01-11",
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "713603004" }] } }));
        world.put(json!({ "resourceType": "DocumentReference", "id": "will", "status": "current",
            "docStatus": "final", "type": { "coding": [{ "system": LOINC, "code": "86533-7" }] },
            "subject": { "reference": "Patient/p" }, "date": "2026-01-03T10:00:00Z",
            "content": [{ "attachment": { "contentType": "text/plain", "url": "https://example.org/1" } }] }));
        world.put(
            json!({ "resourceType": "ServiceRequest", "id": "dnr", "status": "active", "intent": "order",
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "304253006" }] },
            "subject": { "reference": "Patient/p" }, "requester": { "reference": "Practitioner/dr" },
            "authoredOn": "2026-01-12" }),
        );
        world.put(json!({ "resourceType": "Goal", "id": "own", "lifecycleStatus": "active",
            "subject": { "reference": "Patient/p" }, "description": { "text": "Dance once more" },
            "extension": [{ "url": crate::palliative::vocabulary::DOMAIN_EXTENSION, "valueCoding": {
                "system": crate::palliative::vocabulary::DOMAIN_SYSTEM, "code": "4" } }],
            "expressedBy": { "reference": "Patient/p" } }));
        if labelled {
            for one in [
                "Observation/said",
                "Procedure/talk",
                "DocumentReference/will",
                "ServiceRequest/dnr",
                "Goal/own",
            ] {
                world.set(one, "meta", label.clone());
            }
        }
        let plan = apply(&mut world);
        let flags = world.resources.values().filter(|one| one.ty().name() == "Flag");
        let raised = flags.filter(|one| one.text("/code/coding/0/code") == Some("dnr-on-file"));
        assert_eq!(raised.count(), 1, "the order holds");
        plan.care_plan.text("/text/div").unwrap().to_owned()
    };
    let (open, closed) = (all(false), all(true));
    for told in ["No machines", "2026-01-11", "Living will", "no resuscitation", "Dance once more"] {
        assert!(open.contains(told), "{told}: {open}");
        assert!(!closed.contains(told), "{told}: {closed}");
    }
    for untrue in ["not recorded yet", "no conversation", "no document"] {
        assert!(!closed.contains(untrue), "{untrue}: {closed}");
    }
}

#[test]
fn a_wish_not_to_speak_of_it_with_a_security_label_is_not_printed() {
    let mut world = enrolled();
    let declined = (super::OBSERVATION_SYSTEM, "acp-declined");
    world.put(observed("no", declined, "2026-01-14", json!({ "valueBoolean": true })));
    world.set("Observation/no", "meta", json!({ "versionId": "1", "security": [{ "code": "R" }] }));
    let plan = apply(&mut world);
    let div = plan.care_plan.text("/text/div").unwrap();
    assert!(!div.contains("Did not want") && !div.contains("not recorded yet"), "{div}");
}

#[test]
fn who_has_left_the_team_is_neither_printed_nor_has_a_role() {
    let mut world = enrolled();
    apply(&mut world);
    complete(&mut world);
    let members = world.resources["CareTeam/team"].value()["participant"].clone();
    let with_period = |role: &str, period: Value| {
        let mut members = members.clone();
        let mut all = members.as_array_mut().unwrap().iter_mut();
        all.find(|one| one.to_string().contains(role)).unwrap()["period"] = period;
        members
    };
    let page = |world: &mut World| apply(world).care_plan.text("/text/div").unwrap_or_default().to_owned();
    assert!(page(&mut world).contains("Practitioner/chaplain"));
    for (period, is_there) in
        [(json!({ "end": "2020-01-01" }), false), (json!({ "start": "2020-01-01" }), true)]
    {
        world.set("CareTeam/team", "participant", with_period("chaplain", period));
        let lacks = missing(&world).iter().any(|(_, code)| *code == "team-role-missing");
        assert_eq!(lacks, !is_there);
        assert_eq!(page(&mut world).contains("Practitioner/chaplain"), is_there);
    }
    for (status, is_there) in [("entered-in-error", false), ("active", true), ("inactive", false)] {
        world.set("CareTeam/team", "status", json!(status));
        assert_eq!(page(&mut world).contains("Practitioner/chaplain"), is_there, "{status}");
    }
    // nor is a relative who is no more on the books the caregiver that is known
    world.set("RelatedPerson/spouse", "active", json!(false));
    assert!(missing(&world).iter().any(|(_, code)| *code == "caregiver-unknown"));
}
