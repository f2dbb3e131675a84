//! Goals in the person's own words, and the page.

use serde_json::json;

use super::LOINC;
use super::apply;
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
    assert_eq!(addresses.len(), 2, "the visit's diagnosis is no problem: {addresses:?}");
}
