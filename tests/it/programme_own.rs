//! A programme's own algorithm of stratification and its own care-plan template: checked with every place when they are
//! stored, settled once they are published, and used by the programme that names them.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::database::Database;
use crate::programme::act;
use crate::programme::agreed;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::parts;
use crate::programme::person;
use crate::programme::referral;

const ALGORITHM: &str = include_str!("../../src/definitions/plan-definitions/palliative-risk.json");
const TEMPLATE: &str = include_str!("../../src/definitions/plan-definitions/palliative-careplan.json");
const SETTINGS: &str = "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings";
const OWN_ALGORITHM: &str = "https://example.org/PlanDefinition/need";
const OWN_TEMPLATE: &str = "https://example.org/PlanDefinition/plan";

/// What makes a document another.
type Change<'a> = dyn Fn(&mut Value) + 'a;

/// A copy of a document of ours under a name of its own.
fn copy(text: &str, (id, url, version): (&str, &str, &str)) -> Value {
    let mut plan: Value = serde_json::from_str(text).unwrap();
    (plan["id"], plan["url"], plan["version"]) = (json!(id), json!(url), json!(version));
    plan
}

fn algorithm(id: &str, version: &str) -> Value {
    copy(ALGORITHM, (id, OWN_ALGORITHM, version))
}

fn template(id: &str, version: &str) -> Value {
    let mut plan = copy(TEMPLATE, (id, OWN_TEMPLATE, version));
    plan["topic"] = json!([{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/rule-set-kind",
        "code": "care-plan" }] }]);
    plan
}

/// The action of a document with this id, wherever it stands.
fn action<'a>(plan: &'a mut Value, id: &str) -> &'a mut Value {
    fn find<'a>(element: &'a mut Value, id: &str) -> Option<&'a mut Value> {
        if element["id"] == id {
            return Some(element);
        }
        element.get_mut("action")?.as_array_mut()?.iter_mut().find_map(|inner| find(inner, id))
    }
    plan["action"].as_array_mut().unwrap().iter_mut().find_map(|inner| find(inner, id)).unwrap()
}

fn parameter<'a>(action: &'a mut Value, name: &str) -> &'a mut Value {
    let all = action["extension"][0]["extension"].as_array_mut().unwrap();
    all.iter_mut().find(|one| one["url"] == name).unwrap()
}

fn programme(id: &str, settings: Value) -> Value {
    let mut all = vec![json!({ "url": "tz", "valueString": "America/Los_Angeles" })];
    all.extend(settings.as_array().unwrap().clone());
    json!({ "resourceType": "HealthcareService", "id": id, "name": id, "active": true,
        "providedBy": { "reference": "Organization/default" },
        "extension": [{ "url": SETTINGS, "extension": all }] })
}

/// Someone whose score is 9 to 15 by our weights.
fn patient(client: &Client) {
    let observed = |id: &str, coding: (&str, &str), value: Value| {
        let mut one = json!({ "resourceType": "Observation", "id": id, "status": "final",
            "subject": { "reference": "Patient/p" }, "effectiveDateTime": "2026-02-20",
            "performer": [{ "reference": "Practitioner/doctor" }],
            "code": { "coding": [{ "system": coding.0, "code": coding.1 }] } });
        one.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        one
    };
    let stay = |id: &str, day: &str| {
        json!({ "resourceType": "Encounter", "id": id, "status": "finished", "subject": { "reference": "Patient/p" },
            "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP" },
            "period": { "start": format!("{day}T10:00:00-08:00"), "end": format!("{day}T20:00:00-08:00") } })
    };
    let percent = json!({ "value": 25.0, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%" });
    let loinc = "http://loinc.org";
    let nyha = json!({ "valueCodeableConcept": { "coding": [{ "system": loinc, "code": "LA28406-9" }] } });
    for fact in [
        json!({ "resourceType": "Practitioner", "id": "doctor" }),
        json!({ "resourceType": "Patient", "id": "p", "birthDate": "1953-06-01" }),
        json!({ "resourceType": "Condition", "id": "hf", "subject": { "reference": "Patient/p" },
            "clinicalStatus": { "coding": [{ "code": "active",
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
            "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I50.22" }] } }),
        observed("ef", (loinc, "10230-1"), json!({ "valueQuantity": percent })),
        observed("nyha", (loinc, "88020-3"), nyha),
        observed("kps", (loinc, "89243-0"), json!({ "valueInteger": 50 })),
        stay("stay-1", "2026-01-20"),
        stay("stay-2", "2025-10-02"),
        observed(
            "sq",
            ("https://comfrey.health/fhir/CodeSystem/palliative-observation", "surprise-question-12m"),
            json!({ "valueBoolean": true }),
        ),
    ] {
        client.store(&fact);
    }
}

fn tier(client: &Client, program: &str) -> Value {
    let path = format!("/Patient/p/$palliative-stratify?program=HealthcareService/{program}");
    part(&client.get(&path).expect(200), "tier")
}

/// Whether case finding lists somebody of this tier.
fn is_listed(client: &Client, program: &str, tier: &str) -> bool {
    let path = format!(
        "/$palliative-identify?program=HealthcareService/{program}&outcomes=eligible&outcomes=not-eligible\
         &outcomes=indeterminate"
    );
    client.get(&path).expect(200).text().contains(&format!("\"{tier}\""))
}

#[test]
fn an_algorithm_of_the_programmes_own_with_another_weight_gives_another_tier() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let mut own = algorithm("need-1", "1");
    parameter(action(&mut own, "B2"), "level")["valueInteger"] = json!(1);
    clinician.put("/PlanDefinition/need-1", &own).expect(201);
    clinician.store(&programme("ours", json!([])));
    clinician.store(&programme("own", json!([{ "url": "riskAlgorithm", "valueCanonical": OWN_ALGORITHM }])));
    clinician.store(&programme(
        "pinned",
        json!([{ "url": "riskAlgorithm", "valueCanonical": format!("{OWN_ALGORITHM}|1") }]),
    ));
    assert_eq!(tier(&clinician, "ours"), "tier-3");
    assert_eq!(tier(&clinician, "own"), "tier-2");
    assert!(is_listed(&clinician, "own", "tier-2") && !is_listed(&clinician, "own", "tier-3"));
    assert!(is_listed(&clinician, "ours", "tier-3"));
    // what is recorded names it, with its version
    let record = parameters(json!([{ "name": "record", "valueBoolean": true },
        { "name": "program", "valueReference": { "reference": "HealthcareService/own" } }]));
    let kept = clinician.post("/Patient/p/$palliative-stratify", &record).expect(200);
    assert!(part(&kept, "riskAssessment").to_string().contains(&format!("{OWN_ALGORITHM}|1")));
    // a later edition holds where no version is named
    let mut later = algorithm("need-2", "2");
    parameter(action(&mut later, "tier-3"), "from")["valueInteger"] = json!(6);
    parameter(action(&mut later, "tier-4"), "from")["valueInteger"] = json!(9);
    clinician.put("/PlanDefinition/need-2", &later).expect(201);
    assert_eq!(tier(&clinician, "own"), "tier-4");
    assert!(is_listed(&clinician, "own", "tier-4"));
    assert_eq!(tier(&clinician, "pinned"), "tier-2");
}

#[test]
fn a_broken_algorithm_is_refused_with_every_place() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let mut plan = algorithm("need-1", "1");
    plan.as_object_mut().unwrap().remove("version");
    plan["extension"] = json!([]);
    plan.as_object_mut().unwrap().remove("extension");
    let none = json!("https://comfrey.health/fhir/ValueSet/vs-none");
    parameter(action(&mut plan, "dx-hf"), "valueSet")["valueCanonical"] = none;
    action(&mut plan, "A")["id"] = json!("Z");
    parameter(action(&mut plan, "B1"), "level")["valueInteger"] = json!(4);
    action(&mut plan, "C1")["condition"][0]["expression"]["expression"] = json!("`x`");
    parameter(action(&mut plan, "floor-kelley-b"), "ruleSet")["valueCanonical"] =
        json!("https://example.org/PlanDefinition/none");
    parameter(action(&mut plan, "override-function"), "tier")["valueCode"] = json!("tier-9");
    parameter(action(&mut plan, "urgent-24"), "code")["valueCode"] = json!("dance");
    action(&mut plan, "urgent-48")["selectionBehavior"] = json!("all");
    let reply = clinician.put("/PlanDefinition/need-1", &plan).expect_issue(422, "invalid");
    let mut told = reply.expressions();
    told.sort();
    let places = [
        "",
        ".action[0].action[0].extension[0].extension[1]",
        ".action[1].action[0].id",
        ".action[1].action[1].action[0].extension[0].extension[0]",
        ".action[1].action[2].action[0].condition[0].expression",
        ".action[3].action[0].extension[0].extension[1]",
        ".action[4].action[0].extension[0].extension[0]",
        ".action[5].action[0].extension[0].extension[0]",
        ".action[5].action[1].selectionBehavior",
        ".version",
    ];
    assert_eq!(told, places.map(|place| format!("PlanDefinition{place}")), "{}", reply.text());
    clinician.get("/PlanDefinition/need-1").expect(404);
    // rules are of one kind, tiers rise, and what a stratification does not read is no item of it
    let changes: [(&Change, &str); 9] = [
        // what nothing would read is refused: a second list of tasks, another action, a condition of all floors, a series
        // beside a criterion, a second worth of a level
        (
            &|plan| {
                let second = plan["action"][5].clone();
                plan["action"].as_array_mut().unwrap().push(second);
            },
            ".action[6].id",
        ),
        (
            &|plan| plan["action"].as_array_mut().unwrap().push(json!({ "id": "notes", "title": "Notes" })),
            ".action[6]",
        ),
        (
            &|plan| {
                let condition = action(plan, "C1")["condition"].clone();
                plan["action"][3]["condition"] = condition;
            },
            ".action[3].condition",
        ),
        (
            &|plan| {
                let mut second = action(plan, "dx-hf")["extension"][0].clone();
                second["url"] = json!("https://comfrey.health/fhir/StructureDefinition/risk-series");
                action(plan, "dx-hf")["extension"].as_array_mut().unwrap().push(second);
            },
            ".action[0].action[0]",
        ),
        (
            &|plan| {
                let second = action(plan, "B1")["extension"][0].clone();
                action(plan, "B1")["extension"].as_array_mut().unwrap().push(second);
            },
            ".action[1].action[1].action[0].extension[1]",
        ),
        (
            &|plan| {
                let mut second = plan["topic"][0].clone();
                second["coding"][0]["code"] = json!("screening");
                plan["topic"].as_array_mut().unwrap().push(second);
            },
            ".topic",
        ),
        (&|plan| parameter(action(plan, "tier-2"), "from")["valueInteger"] = json!(9), ".action[2]"),
        (&|plan| action(plan, "B1")["id"] = json!("B2"), ".action[1].action[1].action[1].id"),
        (
            &|plan| {
                action(plan, "dx-hf")["extension"][0]["extension"] = json!([
                    { "url": "kind", "valueCode": "procedureCount" },
                    { "url": "valueSet", "valueCanonical": "https://comfrey.health/fhir/ValueSet/vs-copd" }]);
            },
            ".action[0].action[0]",
        ),
    ];
    for (change, place) in changes {
        let mut plan = algorithm("need-1", "1");
        change(&mut plan);
        let reply = clinician.put("/PlanDefinition/need-1", &plan).expect_issue(422, "invalid");
        assert_eq!(reply.expressions(), [format!("PlanDefinition{place}")], "{}", reply.text());
    }
}

fn draft(client: &Client, episode: &str, mode: &str) -> crate::client::Reply {
    let body = parameters(json!([{ "name": "mode", "valueCode": mode }]));
    client.post(&format!("/EpisodeOfCare/{episode}/$palliative-careplan"), &body).expect(200)
}

/// The episode of somebody who has agreed to a programme.
fn episode(client: &Client, program: &str) -> String {
    person(client, "p");
    let referral = referral().to_string().replace(crate::programme::PROGRAM, program);
    let body = serde_json::from_str(&referral).unwrap();
    let referred = client.post("/Patient/p/$palliative-refer", &body).expect(201);
    let id = part(&referred, "episode")["id"].as_str().unwrap().to_owned();
    act(client, &id, "screen", json!([])).expect(200);
    act(client, &id, "determine", json!([])).expect(200);
    act(client, &id, "consent", agreed("p")).expect(200);
    id
}

fn with_activity(mut plan: Value, id: &str, text: &str) -> Value {
    let row = action(&mut plan, "d1-contact")["action"].as_array_mut().unwrap();
    row.push(json!({ "id": id, "textEquivalent": text }));
    plan
}

#[test]
fn a_template_of_the_programmes_own_with_one_more_activity_shows_it_in_the_draft() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let dog = "Find somebody who looks after the dog.";
    clinician.put("/PlanDefinition/plan-1", &with_activity(template("plan-1", "1"), "dog", dog)).expect(201);
    let kelley = json!({ "url": "ruleSet",
        "valueCanonical": "https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B" });
    clinician.store(&programme(
        "own",
        json!([kelley, { "url": "carePlanTemplate", "valueCanonical": OWN_TEMPLATE }]),
    ));
    let id = episode(&clinician, "HealthcareService/own");
    let told = draft(&clinician, &id, "draft");
    let plan = part(&told, "carePlan");
    assert!(plan.to_string().contains(dog), "{plan}");
    assert_eq!(plan["instantiatesCanonical"], json!([format!("{OWN_TEMPLATE}|1")]));
    // ours is still to be had by its name, and does not have it
    let named = |template: &str| {
        let body = parameters(json!([{ "name": "template", "valueCanonical": template }]));
        clinician.post(&format!("/EpisodeOfCare/{id}/$palliative-careplan"), &body)
    };
    let ours = named("https://comfrey.health/fhir/PlanDefinition/palliative-careplan").expect(200);
    assert!(!part(&ours, "carePlan").to_string().contains(dog));
    named("https://example.org/PlanDefinition/none").expect_issue(404, "not-found");
    // a later edition adds what is new, and makes nothing twice
    draft(&clinician, &id, "apply");
    let goals = || clinician.get("/Goal?patient=Patient/p").expect(200).resources().len();
    let before = goals();
    assert!(before > 0);
    let garden = "Ask who waters the garden.";
    let later = with_activity(with_activity(template("plan-2", "2"), "dog", dog), "garden", garden);
    clinician.put("/PlanDefinition/plan-2", &later).expect(201);
    // an earlier edition that is written again is no later one
    let mut mended = with_activity(template("plan-1", "1"), "dog", dog);
    mended["description"] = json!("With the dog.");
    clinician.put("/PlanDefinition/plan-1", &mended).expect(200);
    let plan = part(&draft(&clinician, &id, "apply"), "carePlan");
    let has = |text: &str| {
        let all = plan["activity"].as_array().unwrap();
        all.iter().filter(|one| one["detail"]["description"] == text).count()
    };
    assert_eq!((goals(), has(dog), has(garden)), (before, 1, 1));
    assert_eq!(clinician.get("/CarePlan?patient=Patient/p").expect(200).resources().len(), 1);
    assert!(parts(&draft(&clinician, &id, "check"), "carePlan").len() == 1);
    // and gaps are told by it
    clinician.get("/Patient/p/$palliative-gaps").expect(200);
}

#[test]
fn a_broken_template_is_refused_with_every_place() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let mut plan = template("plan-1", "1");
    parameter(action(&mut plan, "tier-3"), "tier")["valueCode"] = json!("tier-9");
    action(&mut plan, "d1-contact")["extension"][0]["valueCoding"]["code"] = json!("9");
    action(&mut plan, "d1-home")["goalId"] = json!(["goal-none"]);
    action(&mut plan, "d1-phone").as_object_mut().unwrap().remove("textEquivalent");
    action(&mut plan, "d1-share")["timingDuration"]["value"] = json!(100_000);
    action(&mut plan, "d1-assessment")["extension"][0]["valueCode"] = json!("monthly");
    plan["goal"][0]["priority"] = json!({ "text": "high" });
    let reply = clinician.put("/PlanDefinition/plan-1", &plan).expect_issue(422, "invalid");
    let mut told = reply.expressions();
    told.sort();
    let places = [
        "action[0].action[0].extension[0].extension[1]",
        "action[1].action[0].action[0]",
        "action[1].action[0].action[1].timingDuration",
        "action[1].action[0].action[2].extension[0].valueCode",
        "action[1].action[0].extension[0].valueCoding",
        "action[1].action[1].goalId",
        "goal[0].priority",
        "goal[1]",
    ];
    assert_eq!(told, places.map(|place| format!("PlanDefinition.{place}")), "{}", reply.text());
    clinician.get("/PlanDefinition/plan-1").expect(404);
    // nothing is passed over in silence: a second list of rows, a day beside a cadence, a criterion beside a tier
    let extension = |id: &str, value: Value| {
        let mut extension = json!({ "url": format!("https://comfrey.health/fhir/StructureDefinition/{id}") });
        extension.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        extension
    };
    let cadence = extension("care-plan-cadence", json!({ "valueCode": "assess" }));
    let criterion =
        extension("criterion", json!({ "extension": [{ "url": "kind", "valueCode": "condition" }] }));
    let add = |action: &mut Value, one: &Value| match &mut action["extension"] {
        Value::Array(all) => all.push(one.clone()),
        none => *none = json!([one]),
    };
    let changes: [(&Change, &str); 3] = [
        (
            &|plan| {
                let second = plan["action"][1].clone();
                plan["action"].as_array_mut().unwrap().push(second);
            },
            "action[3].id",
        ),
        (&|plan| add(action(plan, "d1-share"), &cadence), "action[1].action[0].action[1].timingDuration"),
        (&|plan| add(action(plan, "tier-3"), &criterion), "action[0].action[0]"),
    ];
    for (change, place) in changes {
        let mut plan = template("plan-1", "1");
        change(&mut plan);
        let reply = clinician.put("/PlanDefinition/plan-1", &plan).expect_issue(422, "invalid");
        assert_eq!(reply.expressions(), [format!("PlanDefinition.{place}")], "{}", reply.text());
    }
}

#[test]
fn published_rules_of_either_kind_are_settled_and_have_one_name() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (id, plan) in [("need-1", algorithm("need-1", "1")), ("plan-1", template("plan-1", "1"))] {
        let path = format!("/PlanDefinition/{id}");
        clinician.put(&path, &plan).expect(201);
        let mut changed = plan.clone();
        changed["title"] = json!("Another");
        clinician.put(&path, &changed).expect_issue(422, "business-rule");
        clinician.delete(&path).expect_issue(422, "business-rule");
        let mut copy = plan.clone();
        copy["id"] = json!("copy");
        clinician.put("/PlanDefinition/copy", &copy).expect_issue(409, "conflict");
        let mut retired = plan.clone();
        retired["status"] = json!("retired");
        clinician.put(&path, &retired).expect(200);
        let mut ours = plan.clone();
        (ours["id"], ours["url"]) =
            (json!("copy"), json!("https://comfrey.health/fhir/PlanDefinition/palliative-risk"));
        clinician.put("/PlanDefinition/copy", &ours).expect_issue(409, "conflict");
    }
}

#[test]
fn a_programme_names_what_is_here_and_no_draft() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (setting, plan) in
        [("riskAlgorithm", algorithm("need-1", "1")), ("carePlanTemplate", template("plan-1", "1"))]
    {
        let canonical = plan["url"].clone();
        let service = programme("own", json!([{ "url": setting, "valueCanonical": canonical }]));
        let place = "HealthcareService.extension[0].extension[1]";
        let refused = || {
            let reply = clinician.put("/HealthcareService/own", &service).expect_issue(422, "business-rule");
            assert_eq!(reply.expressions(), [place]);
        };
        refused();
        let mut draft = plan.clone();
        draft["status"] = json!("draft");
        let path = format!("/PlanDefinition/{}", plan["id"].as_str().unwrap());
        clinician.put(&path, &draft).expect(201);
        refused();
        // of the other kind
        let other = if setting == "riskAlgorithm" { "carePlanTemplate" } else { "riskAlgorithm" };
        clinician.put(&path, &plan).expect(200);
        let crossed = programme("own", json!([{ "url": other, "valueCanonical": canonical }]));
        clinician.put("/HealthcareService/own", &crossed).expect_issue(422, "business-rule");
        assert!([200, 201].contains(&clinician.put("/HealthcareService/own", &service).status));
    }
}

#[test]
fn only_one_who_may_write_plan_definitions_stores_them() {
    let app = TestApp::new();
    for (id, plan) in [("need-1", algorithm("need-1", "1")), ("plan-1", template("plan-1", "1"))] {
        let path = format!("/PlanDefinition/{id}");
        app.anonymous().put(&path, &plan).expect(401);
        for caller in [
            app.with_scope("user/PlanDefinition.read user/Patient.write"),
            app.with_scope("user/HealthcareService.write"),
            app.patient("1"),
        ] {
            caller.put(&path, &plan).expect_issue(403, "forbidden");
        }
        app.clinician().get(&path).expect(404);
        app.with_scope("user/PlanDefinition.write").put(&path, &plan).expect(201);
    }
}

#[test]
fn what_one_server_stores_another_on_the_same_database_goes_by_at_once() {
    let database = Database::fresh();
    let (one, other) = (TestApp::on(&database), TestApp::on(&database));
    let (one, other) = (one.clinician(), other.clinician());
    patient(&one);
    one.put("/PlanDefinition/need-1", &algorithm("need-1", "1")).expect(201);
    one.store(&programme("own", json!([{ "url": "riskAlgorithm", "valueCanonical": OWN_ALGORITHM }])));
    assert_eq!((tier(&one, "own"), tier(&other, "own")), (json!("tier-3"), json!("tier-3")));
    let mut later = algorithm("need-2", "2");
    parameter(action(&mut later, "B2"), "level")["valueInteger"] = json!(1);
    one.put("/PlanDefinition/need-2", &later).expect(201);
    assert_eq!((tier(&other, "own"), tier(&one, "own")), (json!("tier-2"), json!("tier-2")));
}
