//! Plans made, and what a complete one has.

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
use crate::palliative::gaps::assessments::Assessments;
use crate::palliative::record::PatientRecord;
use crate::palliative::risk::Algorithms;
use crate::palliative::screening::Situation;
use crate::palliative::vocabulary::OBSERVATION_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE;
use crate::palliative::vocabulary::TEMPLATE_ACTION_EXTENSION;
use crate::palliative::vocabulary::TIER_EXTENSION;

mod again;
mod goals;
mod language;
mod marks;
mod needs;
mod needs_again;
mod orders;
mod page;
mod rows;
mod wishes;

const LOINC: &str = "http://loinc.org";

fn template() -> Template {
    let templates = Templates::compile(&Definitions::shared().unwrap()).unwrap();
    templates.find(TEMPLATE).unwrap().as_ref().clone()
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

/// Applies the plan of today, as the session would.
pub fn apply(world: &mut World) -> Plan {
    let plan = planned(world).unwrap();
    world.write(&Decision { state: State::Enrolled, drafts: plan.drafts.clone(), warnings: Vec::new() });
    plan
}

fn missing(world: &World) -> Vec<(String, &'static str)> {
    on(world, &template(), |planning, _| {
        let plan = world.resources.values().find(|one| one.ty().name() == "CarePlan");
        gaps(planning, plan, &[]).into_iter().map(|gap| (gap.domain, gap.code)).collect()
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
    marks.map(|one| one["valueCode"].as_str().unwrap().rsplit('#').next().unwrap().to_owned()).collect()
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
fn without_an_agreement_there_is_no_plan() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    let failure = planned(&world).unwrap_err();
    assert_eq!((failure.status(), codes(&failure)), (409, vec!["invalid-transition".to_owned()]));
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
    let mut goals: Vec<Value> = list(world.resources[&plan].get("goal")).cloned().collect();
    goals.push(json!({ "reference": "Goal/own" }));
    world.set(&plan, "goal", goals.into());
    world.set(&plan, "note", json!([{ "text": "No need: domain 7" }]));
}

#[test]
fn what_was_called_off_or_is_not_of_the_plan_completes_none() {
    let mut world = World::new();
    world.enrolled();
    apply(&mut world);
    complete(&mut world);
    let plan = name(&world, "CarePlan", "plan");
    let own_words = ("1".to_owned(), "goal-own-words-missing");
    for status in ["cancelled", "rejected", "entered-in-error", "completed"] {
        world.set("Goal/own", "lifecycleStatus", json!(status));
        assert_eq!(missing(&world), std::slice::from_ref(&own_words), "{status}");
    }
    world.set("Goal/own", "lifecycleStatus", json!("active"));
    assert_eq!(missing(&world), Vec::new());
    let named = world.resources[&plan].value()["goal"].clone();
    let others: Vec<_> = list(Some(&named)).filter(|one| one["reference"] != "Goal/own").cloned().collect();
    world.set(&plan, "goal", others.into());
    assert_eq!(missing(&world), [own_words], "a goal that the plan does not name");
    world.set(&plan, "goal", named);
    // the goal on wishes alone makes up for preferences that are not recorded
    let wishes = name(&world, "Goal", "d8-wishes");
    world.set(&wishes, "lifecycleStatus", json!("rejected"));
    assert_eq!(missing(&world), [("8".to_owned(), "acp-preference-missing")]);
    world.set(&wishes, "lifecycleStatus", json!("active"));
    // a task that was called off, and planned activities that were
    let activities = world.resources[&plan].value()["activity"].clone();
    let of_first = |one: &&Value| one["extension"][0]["valueCoding"]["code"] == "1";
    for task in list(Some(&activities)).filter(of_first) {
        let Some(task) = task["reference"]["reference"].as_str() else { continue };
        world.set(task, "status", json!("rejected"));
    }
    let mut called_off = activities.clone();
    for one in called_off.as_array_mut().unwrap() {
        if let Some(status) = one.pointer_mut("/detail/status") {
            *status = json!("cancelled");
        }
    }
    world.set(&plan, "activity", called_off);
    let domains: BTreeSet<String> = missing(&world)
        .into_iter()
        .filter(|(_, code)| *code == "domain-activity-missing")
        .map(|(domain, _)| domain)
        .collect();
    assert!(domains.contains("1") && domains.contains("2") && !domains.contains("7"), "{domains:?}");
}
