//! `$palliative-careplan` over HTTP. The template's rules are tested where they stand.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::programme::REASON;
use crate::programme::act;
use crate::programme::because;
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
fn of_sixteen_plans_applied_at_once_one_is_kept_and_no_goal_is_there_twice() {
    let app = TestApp::new();
    let id = enrolled(&app.clinician(), "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-careplan");
    let callers: Vec<_> = (0..16).map(|_| app.clinician()).collect();
    std::thread::scope(|scope| {
        for caller in &callers {
            scope.spawn(|| caller.post(&path, &mode("apply")).expect(200));
        }
    });
    let clinician = app.clinician();
    let plans = clinician.get("/CarePlan?patient=Patient/p").expect(200).resources();
    assert_eq!(plans.len(), 1);
    assert_eq!(plans[0]["meta"]["versionId"], "1");
    let goals = clinician.get("/Goal?patient=Patient/p").expect(200).resources();
    let mut named: Vec<_> = goals.iter().map(|goal| goal["identifier"][0]["value"].to_string()).collect();
    named.sort();
    named.dedup();
    assert_eq!((goals.len(), named.len()), (5, 5));
    assert_eq!(clinician.get("/Task?patient=Patient/p").expect(200).resources().len(), 3);
}

#[test]
fn what_comes_up_later_is_added_by_sixteen_at_once_only_once() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-careplan");
    clinician.post(&path, &mode("apply")).expect(200);
    clinician.store(&pain("pain", json!({ "valueInteger": 8 })));
    let callers: Vec<_> = (0..16).map(|_| app.clinician()).collect();
    std::thread::scope(|scope| {
        for caller in &callers {
            scope.spawn(|| caller.post(&path, &mode("apply")).expect(200));
        }
    });
    assert_eq!(clinician.get("/Goal?patient=Patient/p").expect(200).resources().len(), 6);
    let plan = &clinician.get("/CarePlan?patient=Patient/p").expect(200).resources()[0];
    assert_eq!(plan["meta"]["versionId"], "2");
    let mut goals: Vec<_> = plan["goal"].as_array().unwrap().iter().map(|one| one.to_string()).collect();
    goals.sort();
    goals.dedup();
    assert_eq!((goals.len(), plan["goal"].as_array().unwrap().len()), (6, 6));
}

fn pain(id: &str, value: Value) -> Value {
    let mut one = json!({ "resourceType": "Observation", "id": id, "status": "final",
        "subject": { "reference": "Patient/p" }, "effectiveDateTime": "2026-02-28",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "72514-3" }] } });
    one.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    one
}

fn performance(value: Value) -> Value {
    let mut one = pain("pps", value);
    one["code"] = json!({ "coding": [{
        "system": "https://comfrey.health/fhir/CodeSystem/palliative-observation", "code": "pps" }] });
    one
}

#[test]
fn t41_a_palliative_performance_scale_between_two_steps_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    for (id, value, at) in [
        ("a", json!({ "valueInteger": 55 }), "Observation.valueInteger"),
        ("b", json!({ "valueQuantity": { "value": 45.5 } }), "Observation.valueQuantity.value"),
    ] {
        let path = format!("/Observation/{id}");
        let mut wrong = performance(value);
        wrong["id"] = json!(id);
        let reply = clinician.put(&path, &wrong).expect(422);
        assert_eq!(reply.expressions(), [at]);
        wrong["status"] = json!("entered-in-error");
        clinician.put(&path, &wrong).expect(201);
    }
    let mut panel = pain(
        "panel",
        json!({ "component": [
        { "code": { "coding": [{ "system": "http://loinc.org", "code": "72514-3" }] }, "valueInteger": 5 },
        { "code": { "coding": [{ "system": "http://loinc.org", "code": "89243-0" }] }, "valueInteger": 65 }] }),
    );
    let reply = clinician.put("/Observation/panel", &panel).expect(422);
    assert_eq!(reply.expressions(), ["Observation.component[1].valueInteger"]);
    panel["component"][1]["valueInteger"] = json!(60);
    clinician.put("/Observation/panel", &panel).expect(201);
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
            "pcp-missing",
            "team-role-missing",
            "team-role-missing",
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
    let read = [
        "CarePlan",
        "CareTeam",
        "Condition",
        "DocumentReference",
        "Encounter",
        "EpisodeOfCare",
        "Flag",
        "Goal",
        "Observation",
        "Patient",
        "Procedure",
        "RelatedPerson",
        "ServiceRequest",
        "Task",
    ];
    let scopes = |left_out: &str| {
        let kept = read.iter().filter(|ty| **ty != left_out).map(|ty| format!("user/{ty}.rs"));
        format!("{} user/EpisodeOfCare.cu", kept.collect::<Vec<_>>().join(" "))
    };
    for body in [mode("check"), mode("draft")] {
        app.with_scope(&scopes("")).post(&path, &body).expect(200);
        for left_out in read {
            app.with_scope(&scopes(left_out)).post(&path, &body).expect(403);
        }
    }
}

#[test]
fn what_is_written_is_todays_and_no_past_days() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-careplan");
    let on = |mode: &str, day: &str| {
        parameters(json!([{ "name": "mode", "valueCode": mode }, { "name": "asOf", "valueDate": day }]))
    };
    let refused = clinician.post(&path, &on("apply", "2026-02-28")).expect_issue(422, "business-rule");
    assert_eq!(refused.details(), ["date-range"]);
    assert_eq!(refused.expressions(), ["Parameters.parameter.where(name='asOf')"]);
    assert_eq!(clinician.get("/CarePlan?patient=Patient/p").expect(200).resources().len(), 0);
    for mode in ["draft", "check"] {
        clinician.post(&path, &on(mode, "2026-02-28")).expect(200);
    }
    clinician.post(&path, &on("apply", "2026-03-01")).expect(200);
    assert_eq!(clinician.get("/CarePlan?patient=Patient/p").expect(200).resources().len(), 1);
}

#[test]
fn what_a_mother_observed_of_her_child_makes_no_plan_of_hers() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    clinician.store(&json!({ "resourceType": "Patient", "id": "child" }));
    let mut wish = pain("wish", json!({ "valueString": "Go to the zoo" }));
    wish["code"]["coding"][0]["code"] = json!("75773-2");
    for mut one in [pain("pain", json!({ "valueInteger": 8 })), wish] {
        one["subject"] = json!({ "reference": "Patient/child" });
        one["performer"] = json!([{ "reference": "Patient/p" }]);
        clinician.store(&one);
    }
    let draft =
        clinician.post(&format!("/EpisodeOfCare/{id}/$palliative-careplan"), &mode("draft")).expect(200);
    assert_eq!(parts(&draft, "goals").len(), 5, "none on pain");
    assert!(!draft.text().contains("zoo"), "{}", draft.text());
    let every = "status=open-gap&status=prospective-gap&status=closed-gap";
    let gaps = clinician.get(&format!("/Patient/p/$palliative-gaps?{every}")).expect(200);
    assert!(
        gaps.text().contains("symptom-overdue") && !gaps.text().contains("pain-positive"),
        "{}",
        gaps.text()
    );
    assert!(!gaps.text().contains("Observation/"), "{}", gaps.text());
}

#[test]
fn a_plan_is_written_only_by_those_who_may_read_whom_its_page_names() {
    let app = TestApp::new();
    let id = enrolled(&app.clinician(), "p");
    let path = format!("/EpisodeOfCare/{id}/$palliative-careplan");
    let read = "CarePlan CareTeam Condition DocumentReference Encounter EpisodeOfCare Flag Goal Observation \
                Patient Procedure RelatedPerson ServiceRequest Task";
    let scopes: Vec<String> = read.split_whitespace().map(|ty| format!("user/{ty}.cruds")).collect();
    let scopes = format!("{} user/Provenance.cruds", scopes.join(" "));
    app.with_scope(&scopes).post(&path, &mode("draft")).expect(200);
    app.with_scope(&scopes).post(&path, &mode("apply")).expect_issue(403, "forbidden");
    assert_eq!(app.clinician().get("/CarePlan").expect(200).resources().len(), 0);
}

#[test]
fn nobody_writes_a_plan_without_the_right_to() {
    let app = TestApp::new();
    let id = enrolled(&app.clinician(), "p");
    is_refused_to_others(&app, &format!("/EpisodeOfCare/{id}/$palliative-careplan"), &mode("apply"));
    assert_eq!(app.clinician().get("/CarePlan").expect(200).resources().len(), 0);
}

#[test]
fn a_social_need_is_written_as_a_concern_and_a_request_that_hold_to_us_core_once() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    clinician.store(&json!({ "resourceType": "Observation", "id": "food", "status": "final",
        "subject": { "reference": "Patient/p" }, "effectiveDateTime": "2026-02-20",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "88122-7" }] },
        "valueCodeableConcept": { "coding": [{ "system": "http://loinc.org", "code": "LA28397-0" }] } }));
    let path = format!("/EpisodeOfCare/{episode}/$palliative-careplan");
    let drafted = clinician.post(&path, &mode("draft")).expect(200);
    assert_eq!(parts(&drafted, "needs").len(), 2);
    let screened = "/Patient/p/$palliative-screen";
    let before = clinician.get(screened).expect(200).text();
    let count = |ty: &str| {
        let found = clinician.get(&format!("/{ty}?patient=p&_summary=count")).expect(200).json();
        found["total"].as_u64().unwrap()
    };
    let (conditions, requests) = (count("Condition"), count("ServiceRequest"));
    // who may not write them writes nothing of the plan either
    let narrow = app.with_scope(
        "user/*.rs user/CarePlan.crus user/Goal.crus user/Task.crus user/Provenance.crus user/Flag.crus",
    );
    narrow.post(&path, &mode("apply")).expect_issue(403, "forbidden");
    assert_eq!((count("CarePlan"), count("Condition")), (0, conditions));
    let applied = clinician.post(&path, &mode("apply")).expect(200);
    let written = parts(&applied, "needs");
    for one in &written {
        let ty = one["resourceType"].as_str().unwrap();
        assert!(one["meta"]["profile"][0].as_str().unwrap().contains("/us/core/"), "{one}");
        let judged = clinician.post(&format!("/{ty}/$validate"), one).expect(200).json();
        let wrong = |issue: &&Value| issue["severity"] == "error" || issue["severity"] == "fatal";
        let wrong: Vec<&Value> = judged["issue"].as_array().unwrap().iter().filter(wrong).collect();
        assert!(wrong.is_empty(), "{ty}: {wrong:?}");
    }
    assert_eq!((count("Condition"), count("ServiceRequest")), (conditions + 1, requests + 1));
    clinician.post(&path, &mode("apply")).expect(200);
    assert_eq!((count("Condition"), count("ServiceRequest")), (conditions + 1, requests + 1));
    // what was written says nothing new of the person to the rules
    assert_eq!(clinician.get(screened).expect(200).text(), before);
}

#[test]
fn a_plan_that_ended_with_its_episode_is_found_by_the_days_that_it_had() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    clinician.post(&format!("/EpisodeOfCare/{id}/$palliative-careplan"), &mode("apply")).expect(200);
    // On this day or later.
    let found = |day: &str| {
        clinician.get(&format!("/CarePlan?patient=Patient/p&date=ge{day}")).expect(200).resources().len()
    };
    assert_eq!((found("2026-02-28"), found("2026-06-01")), (1, 1));
    let ending = parameters(json!([
        { "name": "endDate", "valueDate": "2026-03-01" },
        { "name": "reason", "valueCoding": { "system": REASON, "code": "moved-out-of-area" } },
        { "name": "initiatedBy", "valueCode": "patient" },
        { "name": "destination", "valueReference": { "reference": "Organization/next" } },
    ]));
    clinician.post(&format!("/EpisodeOfCare/{id}/$palliative-disenroll"), &ending).expect(200);
    assert_eq!((found("2026-02-28"), found("2026-03-01"), found("2026-03-02")), (1, 1, 0));
    let plan = clinician.get("/CarePlan?patient=Patient/p").expect(200).resources().remove(0);
    assert_eq!((&plan["status"], &plan["period"]["end"]), (&json!("completed"), &json!("2026-03-01")));
    let judged = clinician.post("/CarePlan/$validate", &plan).expect(200).json();
    let issues = judged["issue"].as_array().unwrap();
    assert!(issues.iter().all(|issue| issue["severity"] != "error"), "{judged}");
    let director =
        app.with_claims(json!({ "sub": "d", "scope": "user/*.cruds", "roles": ["program-director"] }));
    act(&director, &id, "undo", because("recorded-in-error")).expect(200);
    let plan = clinician.get("/CarePlan?patient=Patient/p").expect(200).resources().remove(0);
    assert_eq!((&plan["status"], &plan["period"]["end"]), (&json!("active"), &json!(null)));
    assert_eq!(found("2026-06-01"), 1);
}
