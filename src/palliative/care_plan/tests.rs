use serde_json::Value;
use serde_json::json;

use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::completeness::gaps;
use crate::palliative::care_plan::plan::Plan;
use crate::palliative::care_plan::plan::make;
use crate::palliative::care_plan::template::Template;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::tests::World;
use crate::palliative::enrollment::tests::codes;
use crate::palliative::enrollment::tests::referral;

fn template() -> Template {
    let text = include_str!("../../definitions/plan-definitions/palliative-careplan.json");
    Template::read(&serde_json::from_str(text).unwrap()).unwrap()
}

fn planned(world: &World) -> Result<Plan, crate::fhir::Failure> {
    let template = template();
    world
        .with_case(world.episode(), |case| make(&Planning { case, template: &template, as_of: case.today() }))
}

fn apply(world: &mut World) -> Plan {
    let plan = planned(world).unwrap();
    world.write(&Decision { state: State::Enrolled, drafts: plan.drafts.clone(), warnings: Vec::new() });
    plan
}

fn missing(world: &World) -> Vec<(String, &'static str)> {
    let template = template();
    world.with_case(world.episode(), |case| {
        let planning = Planning { case, template: &template, as_of: case.today() };
        let plan = world.resources.values().find(|one| one.ty().name() == "CarePlan");
        let goals: Vec<_> =
            world.resources.values().filter(|one| one.ty().name() == "Goal").cloned().collect();
        gaps(&planning, plan, &goals).into_iter().map(|gap| (gap.domain, gap.code)).collect()
    })
}

fn count(world: &World, ty: &str) -> usize {
    world.resources.values().filter(|one| one.ty().name() == ty).count()
}

#[test]
fn the_template_has_the_eight_domains_and_four_rows_that_always_belong() {
    let template = template();
    let domains: std::collections::BTreeSet<_> =
        template.rows.iter().map(|row| row.domain.as_str()).collect();
    assert_eq!(domains.into_iter().collect::<String>(), "12345678");
    let always: Vec<_> =
        template.rows.iter().filter(|row| row.trigger.is_none()).map(|row| row.id.as_str()).collect();
    assert_eq!(always, ["d1-contact", "d5-meaning", "d6-language", "d8-wishes"]);
}

#[test]
fn a_plan_has_goals_tasks_and_activities_of_the_rows_that_hold() {
    let mut world = World::new();
    world.enrolled();
    let plan = apply(&mut world);
    // tier 3: the row for staying at home belongs too
    assert_eq!(plan.goals.len(), 5);
    assert_eq!(plan.tasks.len(), 2);
    assert!(plan.skipped.iter().any(|(id, reason)| id == "d2-pain" && reason.contains("pain 4 or above")));
    let stored = world.resources.values().find(|one| one.ty().name() == "CarePlan").unwrap();
    assert_eq!((stored.text("/status"), stored.text("/period/start")), (Some("active"), Some("2026-01-15")));
    assert_eq!(stored.text("/category/0/coding/0/code"), Some("assess-plan"));
    assert_eq!(stored.text("/category/1/coding/0/code"), Some("palliative"));
    assert!(stored.text("/text/div").unwrap().contains("whom to call"));
    let goals: Vec<_> = stored.value()["goal"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["reference"].as_str().unwrap())
        .collect();
    assert_eq!(goals.len(), 5);
    assert!(goals.iter().all(|goal| world.resources.contains_key(*goal)), "{goals:?}");
    let wishes = world
        .resources
        .values()
        .find(|one| {
            one.ty().name() == "Goal" && one.text("/description/text").unwrap().starts_with("A named agent")
        })
        .unwrap();
    assert_eq!(wishes.text("/target/0/dueDate"), Some("2026-02-14"), "30 days in tier 3");
}

#[test]
fn applying_twice_adds_nothing() {
    let mut world = World::new();
    world.enrolled();
    apply(&mut world);
    let before = world.resources.clone();
    world.today = "2026-01-20".into();
    assert!(apply(&mut world).drafts.is_empty());
    assert_eq!(world.resources, before);
}

#[test]
fn a_goal_that_a_person_edited_is_told_and_left_alone() {
    let mut world = World::new();
    world.enrolled();
    apply(&mut world);
    let name = world.resources.iter().find(|(_, one)| one.ty().name() == "Goal").unwrap().0.clone();
    world.set(&name, "description", json!({ "text": "Sit in the garden" }));
    let plan = apply(&mut world);
    assert_eq!(plan.edited().collect::<Vec<_>>(), [name.as_str()]);
    assert_eq!(world.resources[&name].text("/description/text"), Some("Sit in the garden"));
    // progress is no edit
    let other = world.resources.iter().filter(|(_, one)| one.ty().name() == "Goal").nth(1).unwrap().0.clone();
    world.set(&other, "lifecycleStatus", json!("completed"));
    assert_eq!(apply(&mut world).edited().count(), 1);
}

#[test]
fn a_goal_that_nobody_edited_follows_the_template() {
    let mut world = World::new();
    world.enrolled();
    apply(&mut world);
    let mut template = template();
    template.rows[0].goal.text = "Somebody answers at any hour.".into();
    let plan = world.with_case(world.episode(), |case| {
        make(&Planning { case, template: &template, as_of: case.today() }).unwrap()
    });
    let changed: Vec<_> = plan.drafts.iter().filter(|draft| draft.resource.ty().name() == "Goal").collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].resource.text("/description/text"), Some("Somebody answers at any hour."));
}

#[test]
fn a_plan_made_before_the_start_becomes_active_with_it() {
    let mut world = World::new();
    world.consented();
    apply(&mut world);
    let status = |world: &World| {
        world
            .resources
            .values()
            .find(|one| one.ty().name() == "CarePlan")
            .unwrap()
            .text("/status")
            .unwrap()
            .to_owned()
    };
    assert_eq!(status(&world), "draft");
    world.enroll(&crate::palliative::enrollment::tests::wish()).unwrap();
    apply(&mut world);
    assert_eq!(status(&world), "active");
    assert_eq!(count(&world, "CarePlan"), 1);
}

#[test]
fn without_an_agreement_there_is_no_plan() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    let failure = planned(&world).unwrap_err();
    assert_eq!((failure.status(), codes(&failure)), (409, vec!["invalid-transition".to_owned()]));
}

#[test]
fn another_language_than_english_asks_for_an_interpreter() {
    for (language, expected) in [("es", true), ("en-US", false)] {
        let mut world = World::new();
        let spoken = json!([{ "language": { "coding": [{ "system": "urn:ietf:bcp:47", "code": language }] }, "preferred": true }]);
        world.set("Patient/p", "communication", spoken);
        world.enrolled();
        let plan = apply(&mut world);
        assert_eq!(
            plan.care_plan.value().to_string().contains("trained interpreter for every contact"),
            expected
        );
    }
}

#[test]
fn a_discharge_completes_the_plan() {
    let mut world = World::new();
    world.enrolled();
    apply(&mut world);
    let end = crate::palliative::enrollment::tests::on(
        crate::palliative::enrollment::table::Action::Discharge,
        "2026-01-20",
        "moved-out-of-area",
    );
    world.act(&end).unwrap();
    let plan = world.resources.values().find(|one| one.ty().name() == "CarePlan").unwrap();
    assert_eq!(plan.text("/status"), Some("completed"));
}

#[test]
fn a_narrative_escapes_what_a_person_wrote() {
    let mut world = World::new();
    world.consented();
    apply(&mut world);
    let name = world.resources.iter().find(|(_, one)| one.ty().name() == "Goal").unwrap().0.clone();
    world.set(&name, "description", json!({ "text": "<script>alert(1)</script>" }));
    world.enroll(&crate::palliative::enrollment::tests::wish()).unwrap();
    let plan = apply(&mut world);
    let div = plan.care_plan.text("/text/div").unwrap();
    assert!(div.contains("&lt;script&gt;") && !div.contains("<script"), "{div}");
}

#[test]
fn completeness_names_each_item_that_is_missing_and_none_that_is_there() {
    let mut world = World::new();
    world.enrolled();
    assert_eq!(missing(&world)[0], ("1".to_owned(), "plan-missing"));
    apply(&mut world);
    let found = missing(&world);
    let has = |domain: &str, code: &str| found.iter().any(|(own, gap)| own == domain && *gap == code);
    for (domain, code) in [
        ("1", "goal-own-words-missing"),
        ("2", "domain-activity-missing"),
        ("3", "domain-activity-missing"),
        ("4", "domain-activity-missing"),
        ("7", "domain-activity-missing"),
        ("2", "symptom-assessment-overdue"),
        ("4", "caregiver-unknown"),
        ("1", "contact-24-7-missing"),
        ("1", "pcp-missing"),
    ] {
        assert!(has(domain, code), "{domain} {code} in {found:?}");
    }
    assert_eq!(found.len(), 9, "{found:?}");
    complete(&mut world);
    assert_eq!(missing(&world), Vec::new());
}

fn complete(world: &mut World) {
    let observed = |id: &str, system: &str, code: &str| {
        json!({ "resourceType": "Observation", "id": id, "status": "final", "subject": { "reference": "Patient/p" },
            "code": { "coding": [{ "system": system, "code": code }] }, "effectiveDateTime": "2026-01-14" })
    };
    world.put(observed("pain", "http://loinc.org", "72514-3"));
    world.put(
        json!({ "resourceType": "RelatedPerson", "id": "spouse", "patient": { "reference": "Patient/p" } }),
    );
    world.put(json!({ "resourceType": "Goal", "id": "own", "lifecycleStatus": "active", "subject": { "reference": "Patient/p" },
        "description": { "text": "See my grandchildren" }, "expressedBy": { "reference": "Patient/p" } }));
    world.set("Patient/p", "generalPractitioner", json!([{ "reference": "Practitioner/gp" }]));
    world.program.phone_all_day = true;
    let plan = world.resources.iter().find(|(_, one)| one.ty().name() == "CarePlan").unwrap().0.clone();
    let notes: Vec<Value> = ["2", "3", "4", "7"]
        .iter()
        .map(|domain| json!({ "text": format!("No need: domain {domain}") }))
        .collect();
    world.set(&plan, "note", Value::Array(notes));
}
