//! `$palliative-careplan` over HTTP. The template's rules are tested where they stand.

use serde_json::json;

use crate::app::TestApp;
use crate::programme::enrolled;
use crate::programme::is_refused_to_others;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::parts;
use crate::programme::person;
use crate::programme::refer;

fn mode(mode: &str) -> serde_json::Value {
    parameters(json!([{ "name": "mode", "valueCode": mode }]))
}

#[test]
fn a_draft_is_shown_and_applying_writes_it_once() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-careplan");
    let draft = clinician.post(&path, &mode("draft")).expect(200);
    assert_eq!(parts(&draft, "goals").len(), 5);
    assert_eq!(clinician.get("/CarePlan?patient=Patient/p").expect(200).resources().len(), 0);
    let applied = clinician.post(&path, &mode("apply")).expect(200);
    let plan = part(&applied, "carePlan");
    assert_eq!((&plan["status"], &plan["intent"]), (&json!("active"), &json!("plan")));
    for goal in plan["goal"].as_array().unwrap() {
        clinician.get(&format!("/{}", goal["reference"].as_str().unwrap())).expect(200);
    }
    let counts = || {
        ["CarePlan", "Goal", "Task", "Provenance"]
            .map(|ty| clinician.get(&format!("/{ty}?patient=Patient/p")).expect(200).resources().len())
    };
    let before = counts();
    assert_eq!(before[..3], [1, 5, 3]);
    let again = clinician.post("/Patient/p/$palliative-careplan", &mode("apply")).expect(200);
    assert_eq!(part(&again, "carePlan")["meta"]["versionId"], plan["meta"]["versionId"]);
    assert_eq!(counts(), before);
    let included = clinician.get("/CarePlan?patient=Patient/p&_include=CarePlan:goal").expect(200);
    assert_eq!(included.resources().len(), 6);
}

#[test]
fn a_goal_that_a_person_edited_is_told_and_left_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-careplan");
    let applied = clinician.post(&path, &mode("apply")).expect(200);
    let mut goal = part(&applied, "goals");
    goal["description"]["text"] = json!("Sit in the garden");
    let name = format!("Goal/{}", goal["id"].as_str().unwrap());
    clinician.put(&format!("/{name}"), &goal).expect(200);
    let again = clinician.post(&path, &mode("apply")).expect(200);
    assert_eq!(parts(&again, "changed"), [json!({ "reference": name })]);
    assert_eq!(
        clinician.get(&format!("/{name}")).expect(200).json()["description"]["text"],
        "Sit in the garden"
    );
}

#[test]
fn of_four_plans_applied_at_once_one_is_kept() {
    let app = TestApp::new();
    let id = enrolled(&app.clinician(), "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-careplan");
    let callers = [app.clinician(), app.clinician(), app.clinician(), app.clinician()];
    std::thread::scope(|scope| {
        for caller in &callers {
            scope.spawn(|| caller.post(&path, &mode("apply")).expect(200));
        }
    });
    let clinician = app.clinician();
    assert_eq!(clinician.get("/CarePlan?patient=Patient/p").expect(200).resources().len(), 1);
    assert_eq!(clinician.get("/Goal?patient=Patient/p").expect(200).resources().len(), 5);
}

#[test]
fn a_check_says_what_is_missing_and_writes_nothing() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let reply =
        clinician.post(&format!("/EpisodeOfCare/{id}/$palliative-careplan"), &mode("check")).expect(200);
    let gaps = parts(&reply, "completeness");
    let codes: Vec<_> =
        gaps.iter().map(|gap| gap["part"][1]["valueCode"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        codes,
        [
            "plan-missing",
            "acp-preference-missing",
            "symptom-assessment-overdue",
            "caregiver-unknown",
            "pcp-missing"
        ]
    );
    assert_eq!(clinician.get("/CarePlan?patient=Patient/p").expect(200).resources().len(), 0);
}

#[test]
fn without_an_agreement_an_episode_or_a_template_there_is_no_plan() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let none = clinician.post("/Patient/p/$palliative-careplan", &mode("draft")).expect(404);
    assert_eq!(none.details(), ["episode-not-found"]);
    let id = refer(&clinician, "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-careplan");
    assert_eq!(clinician.post(&path, &mode("apply")).expect(409).details(), ["invalid-transition"]);
    assert_eq!(clinician.post(&path, &mode("invent")).expect(400).details(), ["bad-parameter"]);
    let other = parameters(json!([{ "name": "template", "valueCanonical": "https://example.org/none" }]));
    clinician.post(&path, &other).expect(404);
}

#[test]
fn a_plan_is_shown_only_to_those_who_may_read_plans() {
    let app = TestApp::new();
    let id = enrolled(&app.clinician(), "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-careplan");
    let episodes = "user/EpisodeOfCare.cruds user/CarePlan.rs user/Task.rs";
    for body in [mode("check"), mode("draft")] {
        app.with_scope(episodes).post(&path, &body).expect(403);
        app.with_scope(&format!("{episodes} user/Goal.rs")).post(&path, &body).expect(200);
    }
}

#[test]
fn nobody_writes_a_plan_without_the_right_to() {
    let app = TestApp::new();
    let id = enrolled(&app.clinician(), "p");
    is_refused_to_others(&app, &format!("/EpisodeOfCare/{id}/$palliative-careplan"), &mode("apply"));
    assert_eq!(app.clinician().get("/CarePlan").expect(200).resources().len(), 0);
}
