//! Rows of social needs and of safety, and what the plan does not tell.

use serde_json::Value;
use serde_json::json;

use super::LOINC;
use super::actions;
use super::apply;
use super::enrolled;
use super::observed;
use super::rows::answer;
use super::rows::attested;
use super::rows::condition;
use super::rows::own;
use super::score;
use crate::palliative::enrollment::tests::World;

#[test]
fn t29_what_the_caregiver_answered_makes_the_row_and_is_neither_told_nor_pointed_to() {
    let mut world = enrolled();
    let mut zarit = own("zbi-12", 40.0);
    zarit["focus"] = json!([{ "reference": "RelatedPerson/spouse" }]);
    world.put(zarit);
    let plan = apply(&mut world);
    assert!(actions(plan.care_plan.value()).contains("d4-caregiver"));
    for one in plan.drafts.iter().map(|draft| draft.resource.value().to_string()) {
        assert!(!one.contains("score-zbi-12") && !one.contains("is 13 or more"), "{one}");
    }
    let goal = plan.goals.iter().find(|one| one.resource.value().to_string().contains("family caregiver"));
    let goal = &goal.unwrap().resource;
    assert_eq!(goal.text("/subject/reference"), Some("Patient/p"));
    assert!(goal.get("addresses").is_none(), "no problem of the patient's");
}

#[test]
fn t36_what_a_clinician_thinks_of_the_time_left_is_nowhere_in_the_plan() {
    let mut world = enrolled();
    world.put(attested("prognosis-6m", true));
    world.put(attested("surprise-question-12m", true));
    let plan = apply(&mut world);
    assert!(actions(plan.care_plan.value()).contains("d7-comfort"));
    for one in plan.drafts.iter().map(|draft| draft.resource.value().to_string()) {
        assert!(!one.contains("attested-") && !one.contains("rognosis") && !one.contains("urprise"), "{one}");
    }
}

#[test]
fn each_social_need_has_its_own_goal_and_referral_with_its_category() {
    let mut world = enrolled();
    world.put(answer("88122-7", "LA28397-0"));
    world.put(condition("Z59.12"));
    let plan = apply(&mut world);
    let sdoh = |one: &Value| -> Vec<String> {
        let codings = one["coding"].as_array().unwrap().iter();
        let ours = codings.filter(|coding| coding["system"].as_str().unwrap().contains("sdoh-clinicalcare"));
        ours.map(|coding| coding["code"].as_str().unwrap().to_owned()).collect()
    };
    for (need, category, addressed) in [
        ("food", "food-insecurity", "Observation/answer-88122-7"),
        ("utilities", "utility-insecurity", "Condition/problem"),
    ] {
        let goal = world.resources[&super::name(&world, "Goal", &format!("d4-{need}"))].value();
        assert_eq!(sdoh(&goal["category"][0]), [category]);
        assert_eq!(goal["addresses"][0]["reference"], addressed);
        let task = world.resources[&super::name(&world, "Task", &format!("d4-{need}-referral"))].value();
        assert_eq!(sdoh(&task["code"]), [category]);
    }
    assert!(!actions(plan.care_plan.value()).contains("d4-housing"), "Z59.12 is no need for housing");
}

/// How many concerns and requests the template has made for food.
fn made_for_food(world: &World) -> (usize, usize) {
    let of = |ty: &str| {
        let ours = |one: &&crate::fhir::Resource| {
            one.value()["identifier"].to_string().contains("d4-food-referral/")
        };
        world.resources.values().filter(|one| one.ty().name() == ty).filter(ours).count()
    };
    (of("Condition"), of("ServiceRequest"))
}

#[test]
fn a_need_that_a_screening_shows_is_a_concern_nobody_has_confirmed_a_request_and_the_goal_for_it() {
    let mut world = enrolled();
    world.put(answer("88122-7", "LA28397-0"));
    let plan = apply(&mut world);
    let made = |world: &World, ty: &str, action: &str| {
        let name = super::name(world, ty, action);
        (name.clone(), world.resources[&name].value().clone())
    };
    let (need, concern) = made(&world, "Condition", "d4-food-referral/need");
    assert_eq!(concern["verificationStatus"]["coding"][0]["code"], "unconfirmed");
    assert_eq!(concern["category"][0]["coding"][0]["code"], "health-concern");
    assert_eq!(concern["category"][1]["coding"][0]["code"], "food-insecurity");
    assert_eq!(concern["evidence"][0]["detail"][0]["reference"], "Observation/answer-88122-7");
    let (asked, request) = made(&world, "ServiceRequest", "d4-food-referral/request");
    assert_eq!(request["reasonReference"][0]["reference"], json!(need));
    assert_eq!((&request["status"], &request["intent"]), (&json!("active"), &json!("plan")), "no order");
    let (goal, made_goal) = made(&world, "Goal", "d4-food");
    assert!(made_goal["addresses"].as_array().unwrap().contains(&json!({ "reference": need })));
    assert_eq!(request["supportingInfo"], json!([{ "reference": goal }]));
    let (_, task) = made(&world, "Task", "d4-food-referral");
    assert_eq!(task["basedOn"], json!([{ "reference": asked }]));
    assert_eq!(plan.needs.len(), 2);
    // once, and the concern is one of the plan's from then on
    let again = apply(&mut world);
    assert!(again.drafts.is_empty(), "{:?}", again.drafts);
    // refuted, nothing more is asked for, and what was taken out does not come back
    world.set(&need, "verificationStatus", json!({ "coding": [{ "code": "refuted" }] }));
    world.resources.remove(&asked);
    apply(&mut world);
    assert_eq!(made_for_food(&world), (1, 0));
    world.resources.remove(&need);
    apply(&mut world);
    assert_eq!(made_for_food(&world), (0, 0));
}

#[test]
fn a_need_on_file_is_not_written_twice_and_one_that_was_declined_or_labelled_not_at_all() {
    // on file as a diagnosis, or as a concern of the same category
    let sdoh = json!([{ "coding": [{ "code": "food-insecurity",
        "system": "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes" }] }]);
    for category in [None, Some(sdoh)] {
        let mut world = enrolled();
        match category {
            None => world.put(condition("Z59.41")),
            Some(category) => {
                world.put(answer("88122-7", "LA28397-0"));
                world.put(condition("R69"));
                world.set("Condition/problem", "category", category);
            }
        }
        apply(&mut world);
        assert_eq!(super::count(&world, "Condition"), 1);
        let request =
            world.resources[&super::name(&world, "ServiceRequest", "d4-food-referral/request")].value();
        assert_eq!(request["reasonReference"][0]["reference"], "Condition/problem");
    }
    let declined = json!({ "coding": [{ "code": "asked-declined",
        "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason" }] });
    let secret = json!({ "versionId": "1", "security": [{ "code": "R" }] });
    for (element, value, row) in [("dataAbsentReason", declined, false), ("meta", secret, true)] {
        let mut world = enrolled();
        let mut asked = answer("88122-7", "LA28397-0");
        if element == "dataAbsentReason" {
            asked.as_object_mut().unwrap().remove("valueCodeableConcept");
        }
        world.put(asked);
        world.set("Observation/answer-88122-7", element, value);
        let plan = apply(&mut world);
        assert_eq!(actions(plan.care_plan.value()).contains("d4-food-referral"), row, "{element}");
        assert_eq!(made_for_food(&world), (0, 0), "{element}");
        let why = plan.skipped.iter().find(|(action, _)| action == "d4-food").map(|(_, why)| why.as_str());
        assert_eq!(why.is_some_and(|why| why.starts_with("Not known")), !row, "a refusal denies no need");
    }
}

#[test]
fn t55_abuse_asks_for_a_safety_check_today_and_the_plan_does_not_tell_of_it() {
    let mut world = enrolled();
    world.put(condition("T74.11XA"));
    let plan = apply(&mut world);
    let checks = |world: &World| -> Vec<crate::fhir::Resource> {
        let of = |one: &&crate::fhir::Resource| one.text("/code/coding/0/code") == Some("safety-check");
        world.resources.values().filter(|one| one.ty().name() == "Task").filter(of).cloned().collect()
    };
    let first = checks(&world);
    let task = &first[0];
    assert_eq!(
        (task.text("/priority"), task.text("/code/coding/0/code")),
        (Some("urgent"), Some("safety-check"))
    );
    assert_eq!(task.text("/restriction/period/end"), Some("2026-01-16T12:00:00-07:00"));
    let goal = plan.goals.iter().find(|one| one.resource.text("/description/text") == Some("Safe at home."));
    assert!(goal.unwrap().resource.get("addresses").is_none());
    for word in ["buse", "T74", "neglect"] {
        assert!(!task.value().to_string().contains(word), "{word}");
        assert!(!plan.care_plan.text("/text/div").unwrap().contains(word), "{word}");
    }
    // done once, it is done for what was on file; what comes up after it asks anew
    world.set(&crate::palliative::enrollment::facts::name(task), "status", json!("completed"));
    apply(&mut world);
    assert_eq!(checks(&world).len(), 1, "the same asks once");
    let mut second = condition("T74.01XA");
    second["id"] = json!("second-incident");
    world.put(second);
    apply(&mut world);
    let open: Vec<_> =
        checks(&world).into_iter().filter(|one| one.text("/status") == Some("requested")).collect();
    assert_eq!((open.len(), checks(&world).len()), (1, 2));
    assert_eq!(open[0].text("/priority"), Some("urgent"));
    assert!(!open[0].value().to_string().contains("second-incident"), "{}", open[0].value());
    // that the first is no more on file asks for nothing that was not asked for before
    let plan = apply(&mut world);
    world.resources.remove("Condition/problem");
    let again = apply(&mut world);
    assert_eq!((checks(&world).len(), again.tasks.len()), (2, plan.tasks.len()));
}

#[test]
fn t55_a_safety_check_is_due_within_24_hours_by_the_clocks_of_the_programme() {
    let mut world = enrolled();
    world.put(score((LOINC, "44260-8"), 1.0));
    let plan = apply(&mut world);
    let task = &world.resources[&super::name(&world, "Task", "d3-safety-check/Observation/score-44260-8")];
    assert_eq!(task.text("/priority"), Some("urgent"));
    let period = task.value().pointer("/restriction/period").unwrap();
    // at noon in Phoenix
    assert_eq!(*period, json!({ "start": "2026-01-15T12:00:00-07:00", "end": "2026-01-16T12:00:00-07:00" }));
    let page = plan.care_plan.text("/text/div").unwrap();
    assert!(page.contains("(by 2026-01-16 at 12:00)"), "{page}");
}

#[test]
fn what_rests_on_a_labelled_answer_makes_the_row_and_is_neither_told_nor_named_in_anything_written() {
    let mut world = enrolled();
    let labelled = |world: &mut World, id: &str, day: &str| {
        world.put(observed(id, (LOINC, "44260-8"), day, json!({ "valueInteger": 1 })));
        let label = json!({ "versionId": "1", "security": [{ "code": "PSY" }] });
        world.set(&format!("Observation/{id}"), "meta", label);
    };
    let template = super::template();
    let sentence = template.facts.iter().find(|fact| fact.id == "phq9-item9").unwrap().sentence.as_str();
    let checks = |world: &World| {
        let of = |one: &&crate::fhir::Resource| one.text("/code/coding/0/code") == Some("safety-check");
        let tasks = world.resources.iter().filter(|(_, one)| one.ty().name() == "Task" && of(one));
        tasks.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    labelled(&mut world, "first-secret", "2026-01-14");
    let plan = apply(&mut world);
    let first = checks(&world);
    assert_eq!(first.len(), 1, "it asks for a safety check as any other does");
    for one in plan.drafts.iter().map(|draft| draft.resource.value().to_string()) {
        assert!(!one.contains("first-secret"), "{one}");
        assert!(!one.contains(sentence), "{one}");
    }
    world.set(&first[0], "status", json!("completed"));
    apply(&mut world);
    assert_eq!(checks(&world), first, "the same answer asks once");
    labelled(&mut world, "second-secret", "2026-01-15");
    apply(&mut world);
    assert_eq!(
        checks(&world).len(),
        2,
        "another answer asks anew, on the day on which the first was seen to"
    );
}
