//! Plans made, made again, and what people do to them in between.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::definitions::Definitions;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::completeness::gaps;
use crate::palliative::care_plan::plan::Plan;
use crate::palliative::care_plan::plan::make;
use crate::palliative::care_plan::template::Template;
use crate::palliative::care_plan::template::Templates;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::tests::World;
use crate::palliative::enrollment::tests::codes;
use crate::palliative::enrollment::tests::referral;
use crate::palliative::enrollment::tests::wish;
use crate::palliative::gaps::assessments::Assessments;
use crate::palliative::record::PatientRecord;
use crate::palliative::risk::Algorithms;
use crate::palliative::screening::Situation;
use crate::palliative::vocabulary::OBSERVATION_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE;
use crate::palliative::vocabulary::TEMPLATE_ACTION_EXTENSION;
use crate::palliative::vocabulary::TIER_EXTENSION;

mod rows;
mod wishes;

const LOINC: &str = "http://loinc.org";

fn template() -> Template {
    let templates = Templates::compile(&Definitions::shared().unwrap()).unwrap();
    templates.find(TEMPLATE).unwrap().clone()
}

/// Runs something on the patient as of today.
fn on<T>(world: &World, template: &Template, run: impl FnOnce(&Planning, &Situation) -> T) -> T {
    let definitions = Definitions::shared().unwrap();
    let assessments = Assessments::compile(&definitions.value_sets).unwrap();
    let algorithms = Algorithms::compile(&definitions).unwrap();
    let algorithm = algorithms.of(&world.program).unwrap();
    let resources = world.resources.values().cloned().collect();
    let record = PatientRecord::new("p", resources, &world.program.zone);
    world.with_case(world.episode(), |case| {
        let as_of = case.today();
        let situation =
            Situation { record: &record, as_of, attestation_valid_days: 90, lines_of_business: &[] };
        run(&Planning { case, template, algorithm, assessments: &assessments, as_of }, &situation)
    })
}

fn planned(world: &World) -> Result<Plan, crate::fhir::Failure> {
    on(world, &template(), make)
}

pub fn apply(world: &mut World) -> Plan {
    let plan = planned(world).unwrap();
    world.write(&Decision { state: State::Enrolled, drafts: plan.drafts.clone(), warnings: Vec::new() });
    plan
}

fn missing(world: &World) -> Vec<(String, &'static str)> {
    on(world, &template(), |planning, _| {
        let plan = world.resources.values().find(|one| one.ty().name() == "CarePlan");
        let goals: Vec<_> =
            world.resources.values().filter(|one| one.ty().name() == "Goal").cloned().collect();
        gaps(planning, plan, &goals).into_iter().map(|gap| (gap.domain, gap.code)).collect()
    })
}

fn count(world: &World, ty: &str) -> usize {
    world.resources.values().filter(|one| one.ty().name() == ty).count()
}

/// The name of the only resource of a type, or of the goal that an action made.
fn name(world: &World, ty: &str, action: &str) -> String {
    let of = |one: &Value| one["value"].as_str().is_some_and(|value| value.ends_with(&format!("/{action}")));
    let found =
        world.resources.iter().find(|(_, one)| one.ty().name() == ty && list(one.get("identifier")).any(of));
    found.unwrap_or_else(|| panic!("no {ty} of {action}")).0.clone()
}

/// The actions of the template that a plan has.
fn actions(plan: &Value) -> BTreeSet<String> {
    let extensions = plan["extension"].as_array().unwrap();
    let marks = extensions.iter().filter(|one| one["url"] == TEMPLATE_ACTION_EXTENSION);
    marks.map(|one| one["valueCode"].as_str().unwrap().to_owned()).collect()
}

/// The plan's activity of an action.
fn activity<'a>(plan: &'a Value, id: &str) -> &'a Value {
    let all = plan["activity"].as_array().unwrap();
    all.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("no activity {id}"))
}

fn observed(id: &str, (system, code): (&str, &str), day: &str, value: Value) -> Value {
    let mut one = json!({ "resourceType": "Observation", "id": id, "status": "final",
        "subject": { "reference": "Patient/p" }, "effectiveDateTime": day,
        "performer": [{ "reference": "Practitioner/dr" }],
        "code": { "coding": [{ "system": system, "code": code }] } });
    one.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    one
}

fn score(code: (&str, &str), number: f64) -> Value {
    observed(
        &format!("score-{}", code.1),
        code,
        "2026-01-14",
        json!({ "valueQuantity": {
        "value": number, "system": "http://unitsofmeasure.org", "code": "{score}" } }),
    )
}

fn enrolled() -> World {
    let mut world = World::new();
    world.enrolled();
    world
}

fn tier(world: &mut World, tier: &str) {
    let name = crate::palliative::enrollment::facts::name(world.episode());
    let mut extensions: Vec<Value> =
        list(world.episode().get("extension")).filter(|one| one["url"] != TIER_EXTENSION).cloned().collect();
    extensions.push(json!({ "url": TIER_EXTENSION, "extension": [
        { "url": "tier", "valueCode": tier }, { "url": "since", "valueDate": "2026-01-15" }] }));
    world.set(&name, "extension", extensions.into());
}

#[test]
fn the_template_has_the_eight_domains_and_rows_that_always_belong() {
    let template = template();
    let domains: BTreeSet<_> = template.rows.iter().map(|row| row.domain.as_str()).collect();
    assert_eq!(domains.into_iter().collect::<String>(), "12345678");
    let always: Vec<_> =
        template.rows.iter().filter(|row| row.trigger.is_none()).map(|row| row.id.as_str()).collect();
    let expected =
        ["d1-contact", "d2-watch", "d3-watch", "d4-watch", "d5-meaning", "d6-language", "d8-wishes"];
    assert_eq!(always, expected);
}

#[test]
fn a_plan_has_goals_tasks_and_activities_of_the_rows_that_hold() {
    let mut world = World::new();
    world.enrolled();
    let plan = apply(&mut world);
    // tier 3: the row for staying at home belongs too
    assert_eq!(plan.goals.len(), 5);
    assert_eq!(plan.tasks.len(), 2);
    assert!(
        plan.skipped.iter().any(|(id, reason)| id == "d2-pain" && reason.contains("pain rated 4 or above"))
    );
    let stored = world.resources.values().find(|one| one.ty().name() == "CarePlan").unwrap();
    assert_eq!((stored.text("/status"), stored.text("/period/start")), (Some("active"), Some("2026-01-15")));
    assert_eq!(stored.text("/category/0/coding/0/code"), Some("assess-plan"));
    assert_eq!(stored.text("/category/1/coding/0/code"), Some("palliative"));
    assert!(stored.text("/text/div").unwrap().contains("know whom to call"));
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
    template.rows[0].goals[0].text = "Somebody answers at any hour.".into();
    let plan = on(&world, &template, |planning, situation| make(planning, situation).unwrap());
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
    world.enroll(&wish()).unwrap();
    apply(&mut world);
    assert_eq!(status(&world), "active");
    assert_eq!(count(&world, "CarePlan"), 1);
}

#[test]
fn what_has_newly_come_up_is_added_and_nothing_else() {
    let mut world = enrolled();
    apply(&mut world);
    let before = world.resources.clone();
    world.today = "2026-01-20".into();
    world.put(observed("pain", (LOINC, "72514-3"), "2026-01-19", json!({ "valueInteger": 8 })));
    let plan = apply(&mut world);
    assert_eq!(count(&world, "Goal"), before.values().filter(|one| one.ty().name() == "Goal").count() + 1);
    let goal = &world.resources[&name(&world, "Goal", "d2-pain")];
    assert_eq!(goal.text("/startDate"), Some("2026-01-20"));
    assert_eq!(goal.text("/target/0/dueDate"), Some("2026-01-22"), "in 48 hours, for it is 7 or more");
    assert_eq!(goal.value()["addresses"], json!([{ "reference": "Observation/pain" }]));
    assert!(actions(plan.care_plan.value()).contains("d2-pain-plan"));
    let reason = &activity(plan.care_plan.value(), "d2-pain-plan")["detail"]["reasonReference"];
    assert_eq!(*reason, json!([{ "reference": "Observation/pain" }]));
    for (key, old) in before.iter().filter(|(key, _)| !key.starts_with("CarePlan/")) {
        assert_eq!(old, &world.resources[key], "{key}");
    }
    assert!(apply(&mut world).drafts.is_empty());
}

#[test]
fn what_a_person_ended_or_took_out_does_not_come_back() {
    let mut world = enrolled();
    apply(&mut world);
    let goal = name(&world, "Goal", "d5-meaning");
    world.set(&goal, "lifecycleStatus", json!("cancelled"));
    let deleted = name(&world, "Goal", "d6-language");
    world.resources.remove(&deleted);
    let task = name(&world, "Task", "d1-share");
    world.set(&task, "status", json!("cancelled"));
    let plan_name = name(&world, "CarePlan", "plan");
    let mut plan = world.resources[&plan_name].value().clone();
    let kept = |one: &&Value| one["id"] != "d8-order";
    plan["activity"] = plan["activity"].as_array().unwrap().iter().filter(kept).cloned().collect();
    plan["goal"] = plan["goal"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["reference"] != deleted.as_str())
        .cloned()
        .collect();
    world.set(&plan_name, "activity", plan["activity"].clone());
    world.set(&plan_name, "goal", plan["goal"].clone());
    let again = apply(&mut world);
    assert!(again.drafts.is_empty(), "{:#?}", again.drafts);
    assert!(again.skipped.iter().any(|(id, reason)| id == "d6-language" && reason.contains("taken it out")));
    // with something new the rest stays out all the same
    world.put(score((LOINC, "72514-3"), 5.0));
    let more = apply(&mut world);
    assert_eq!(more.drafts.iter().filter(|draft| draft.resource.ty().name() == "Goal").count(), 1);
    let stored = world.resources[&plan_name].value();
    assert!(stored["activity"].as_array().unwrap().iter().all(|one| one["id"] != "d8-order"));
}

#[test]
fn a_plan_that_a_person_ended_stays_ended() {
    let mut world = enrolled();
    apply(&mut world);
    let plan = name(&world, "CarePlan", "plan");
    world.set(&plan, "status", json!("revoked"));
    world.put(score((LOINC, "72514-3"), 5.0));
    let again = apply(&mut world);
    assert!(again.drafts.is_empty());
    assert_eq!(again.care_plan.text("/status"), Some("revoked"));
    assert!(again.skipped[0].1.contains("revoked"), "{:?}", again.skipped);
}

#[test]
fn a_change_of_tier_moves_the_review_and_what_is_done_again_and_again() {
    let mut world = enrolled();
    let plan = apply(&mut world);
    let esas =
        |plan: &Value| activity(plan, "d2-esas")["detail"]["scheduledTiming"]["repeat"]["period"].clone();
    let review = |world: &World| {
        let plan = &world.resources[&name(world, "CarePlan", "plan")];
        super::completeness::next_review(plan).unwrap().to_string()
    };
    assert_eq!((review(&world), esas(plan.care_plan.value())), ("2026-03-16".to_owned(), json!(30)));
    world.today = "2026-01-25".into();
    tier(&mut world, "tier-4");
    let plan = apply(&mut world);
    assert_eq!((review(&world), esas(plan.care_plan.value())), ("2026-02-24".to_owned(), json!(14)));
    assert!(apply(&mut world).drafts.is_empty());
    // a day that a person has set stays
    let plan = name(&world, "CarePlan", "plan");
    let mut extensions = world.resources[&plan].value()["extension"].clone();
    for one in extensions.as_array_mut().unwrap().iter_mut().filter(|one| one.get("valueDate").is_some()) {
        one["valueDate"] = json!("2026-02-01");
    }
    world.set(&plan, "extension", extensions);
    tier(&mut world, "tier-2");
    apply(&mut world);
    assert_eq!(review(&world), "2026-02-01");
}

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

#[test]
fn a_page_that_a_person_wrote_stays() {
    let mut world = enrolled();
    apply(&mut world);
    let plan = name(&world, "CarePlan", "plan");
    let own = json!({ "status": "additional", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>By hand</p></div>" });
    world.set(&plan, "text", own.clone());
    world.put(score((LOINC, "72514-3"), 5.0));
    assert_eq!(apply(&mut world).care_plan.value()["text"], own);
}

#[test]
fn without_an_agreement_there_is_no_plan() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    let failure = planned(&world).unwrap_err();
    assert_eq!((failure.status(), codes(&failure)), (409, vec!["invalid-transition".to_owned()]));
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
fn completeness_names_each_item_that_is_missing_and_none_that_is_there() {
    let mut world = World::new();
    world.enrolled();
    assert_eq!(missing(&world)[0], ("1".to_owned(), "plan-missing"));
    apply(&mut world);
    let found = missing(&world);
    let has = |domain: &str, code: &str| found.iter().any(|(own, gap)| own == domain && *gap == code);
    for (domain, code) in [
        ("1", "goal-own-words-missing"),
        ("7", "domain-activity-missing"),
        ("2", "symptom-assessment-overdue"),
        ("4", "caregiver-unknown"),
        ("1", "contact-24-7-missing"),
        ("1", "pcp-missing"),
        ("1", "team-role-missing"),
    ] {
        assert!(has(domain, code), "{domain} {code} in {found:?}");
    }
    assert_eq!(found.len(), 8, "a prescriber and a chaplain are missing: {found:?}");
    complete(&mut world);
    assert_eq!(missing(&world), Vec::new());
}

fn complete(world: &mut World) {
    world.put(score((LOINC, "72514-3"), 2.0));
    world.put(
        json!({ "resourceType": "RelatedPerson", "id": "spouse", "patient": { "reference": "Patient/p" } }),
    );
    world.put(json!({ "resourceType": "Goal", "id": "own", "lifecycleStatus": "active", "subject": { "reference": "Patient/p" },
        "description": { "text": "See my grandchildren" }, "expressedBy": { "reference": "Patient/p" } }));
    world.set("Patient/p", "generalPractitioner", json!([{ "reference": "Practitioner/gp" }]));
    world.program.phone_all_day = true;
    let team = |role: &str| {
        json!({ "role": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-team-role",
        "code": role }] }], "member": { "reference": format!("Practitioner/{role}") } })
    };
    let mut members: Vec<Value> =
        list(world.resources["CareTeam/team"].get("participant")).cloned().collect();
    members.extend(["prescriber", "chaplain"].map(team));
    world.set("CareTeam/team", "participant", members.into());
    let plan = name(world, "CarePlan", "plan");
    world.set(&plan, "note", json!([{ "text": "No need: domain 7" }]));
}
