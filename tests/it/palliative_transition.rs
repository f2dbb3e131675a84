//! `$palliative-transition` over HTTP. The rules themselves are tested where they stand.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::programme::PROGRAM;
use crate::programme::REASON;
use crate::programme::act;
use crate::programme::because as dated;
use crate::programme::consented;
use crate::programme::coverage;
use crate::programme::enrolled;
use crate::programme::is_refused_to_others;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::parts;
use crate::programme::person;
use crate::programme::refer;
use crate::programme::state;

#[test]
fn what_the_state_does_not_allow_is_refused_with_what_it_does() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let reply = act(&clinician, &id, "resume", json!([])).expect_issue(409, "conflict");
    assert_eq!(reply.details(), ["invalid-transition"]);
    let issue = &reply.json()["issue"][0];
    assert_eq!(issue["diagnostics"], "allowed: screen, determine, lapse, hospice-elect, death, void");
    assert_eq!(issue["extension"].as_array().unwrap().len(), 6);
}

#[test]
fn of_several_rule_sets_that_say_no_the_one_for_the_person_says_why() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let mut programme = clinician.get(&format!("/{PROGRAM}")).expect(200).json();
    let settings = programme["extension"][0]["extension"].as_array_mut().unwrap();
    settings.retain(|one| one["url"] != "ruleSet");
    for set in ["RS-CA-PEDS", "RS-CA-ADULT"] {
        let url = format!("https://comfrey.health/fhir/PlanDefinition/{set}");
        settings.push(json!({ "url": "ruleSet", "valueCanonical": url }));
    }
    clinician.store(&programme);
    person(&clinician, "p");
    let mut commercial = coverage("p");
    commercial["type"]["coding"][0]["code"] = json!("512");
    clinician.store(&commercial);
    let id = refer(&clinician, "p");
    let screened = part(&act(&clinician, &id, "screen", json!([])).expect(200), "related");
    assert!(screened["moduleCanonical"].as_str().unwrap().contains("/RS-CA-ADULT|"), "{screened}");
    let task = part(&act(&clinician, &id, "determine", json!([])).expect(200), "task");
    assert_eq!(task["statusReason"]["coding"][0]["code"], "not-eligible-coverage", "{task}");
}

#[test]
fn a_dry_run_checks_and_shows_and_writes_nothing() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let reply =
        act(&clinician, &id, "screen", json!([{ "name": "dryRun", "valueBoolean": true }])).expect(200);
    assert_eq!(state(&part(&reply, "episode")), "screening");
    assert_eq!(state(&clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json()), "referred");
    let named = |rule_set: &str| {
        json!([{ "name": "dryRun", "valueBoolean": true }, { "name": "asOf", "valueDate": "2026-02-20" },
            { "name": "ruleSet", "valueCanonical": format!("https://comfrey.health/fhir/PlanDefinition/{rule_set}") }])
    };
    let screened = part(&act(&clinician, &id, "screen", named("RS-CA-ADULT")).expect(200), "related");
    let module = screened["moduleCanonical"].as_str().unwrap();
    assert!(
        module.contains("/RS-CA-ADULT|") && screened["extension"].to_string().contains("2026-02-20"),
        "{screened}"
    );
    act(&clinician, &id, "screen", named("RS-NONE")).expect(404);
    let refused = act(&clinician, &id, "determine", named("RS-CA-ADULT")).expect_issue(422, "business-rule");
    assert_eq!(refused.details()[..2], ["bad-parameter", "bad-parameter"]);
    let reply = act(&clinician, &id, "screen", json!([])).expect(200);
    assert_eq!(part(&reply, "task")["businessStatus"]["coding"][0]["code"], "screening");
    let screened = part(&reply, "related");
    assert_eq!(
        (&screened["resourceType"], &screened["status"]),
        (&json!("GuidanceResponse"), &json!("success"))
    );
    assert_eq!(parts(&reply, "allowedActions"), ["determine", "lapse", "hospice-elect", "death", "void"]);
}

#[test]
fn determine_screens_and_freezes_what_it_found() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let reply = act(&clinician, &id, "determine", json!([])).expect(200);
    let episode = part(&reply, "episode");
    assert_eq!(state(&episode), "eligible");
    let diagnosis = &episode["diagnosis"][0];
    assert_eq!(diagnosis["condition"]["reference"], "Condition/p-hf");
    assert_eq!(diagnosis["role"]["coding"][0]["code"], "qualifying");
    assert_eq!(episode["diagnosis"].as_array().unwrap().len(), 1);
    let url = "https://comfrey.health/fhir/StructureDefinition/eligibility-evidence";
    let evidence = episode["extension"].as_array().unwrap().iter().find(|one| one["url"] == url).unwrap();
    let of = |name: &str| {
        evidence["extension"].as_array().unwrap().iter().find(|one| one["url"] == name).unwrap().clone()
    };
    assert!(of("ruleSet")["valueCanonical"].as_str().unwrap().contains("RS-KELLEY-B|"));
    let result = of("result")["valueReference"]["reference"].as_str().unwrap().to_owned();
    let kept = clinician.get(&format!("/{result}")).expect(200).json();
    assert_eq!(kept["resourceType"], "GuidanceResponse");
}

#[test]
fn determine_can_rest_on_a_screening_that_was_recorded() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let record = parameters(json!([
        { "name": "ruleSet", "valueCanonical": "https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B" },
        { "name": "record", "valueBoolean": true }]));
    let screened = clinician.post("/Patient/p/$palliative-screen", &record).expect(200);
    let result = part(&screened, "result");
    let kept = result["part"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "guidanceResponse")
        .unwrap()["valueReference"]
        .clone();
    let reply =
        act(&clinician, &id, "determine", json!([{ "name": "screenResult", "valueReference": kept }]))
            .expect(200);
    assert_eq!(state(&part(&reply, "episode")), "eligible");
    person(&clinician, "q");
    let other = refer(&clinician, "q");
    let foreign = json!([{ "name": "screenResult", "valueReference": kept }]);
    assert_eq!(act(&clinician, &other, "determine", foreign).expect(400).details(), ["bad-parameter"]);
}

#[test]
fn a_screening_is_recorded_by_its_operation_alone() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let record = parameters(json!([{ "name": "record", "valueBoolean": true }]));
    clinician.post("/Patient/p/$palliative-screen", &record).expect(200);
    let recorded = clinician.get("/GuidanceResponse").expect(200).resources().remove(0);
    let path = format!("/GuidanceResponse/{}", recorded["id"].as_str().unwrap());
    let outcome = json!({ "url": "https://comfrey.health/fhir/StructureDefinition/screen-outcome",
        "valueCode": "eligible" });
    let plain = json!({ "resourceType": "GuidanceResponse", "id": "plain", "status": "success",
        "moduleUri": "http://example.org/module", "subject": { "reference": "Patient/p" } });
    let with = |resource: &Value, name: &str, value: &Value| {
        let mut changed = resource.clone();
        changed[name] = value.clone();
        changed
    };
    let forged = with(&plain, "extension", &json!([outcome]));
    let merge = |name: &str, value: &Value| json!({ name: value });
    let subject = json!({ "reference": "Patient/other" });
    clinician.store(&plain);
    let mut requests = vec![
        ("POST", "/GuidanceResponse".to_owned(), forged.clone()),
        ("PUT", "/GuidanceResponse/new".to_owned(), with(&forged, "id", &json!("new"))),
        ("PUT", "/GuidanceResponse?subject=Patient/none".to_owned(), forged.clone()),
        ("PUT", "/GuidanceResponse/plain".to_owned(), forged.clone()),
        ("PATCH", "/GuidanceResponse/plain".to_owned(), merge("extension", &forged["extension"])),
        ("PATCH", path.clone(), merge("extension", &json!(null))),
        (
            "PATCH",
            path.clone(),
            merge("contained", &json!([{ "resourceType": "Parameters", "id": "result" }])),
        ),
        ("DELETE", path.clone(), json!(null)),
    ];
    for (name, value) in
        [("subject", &subject), ("status", &json!("entered-in-error")), ("extension", &forged["extension"])]
    {
        requests.push(("PUT", path.clone(), with(&recorded, name, value)));
    }
    for (method, path, body) in &requests {
        let call = clinician.request(method, path);
        let reply = match *method {
            "PATCH" => call.body("application/merge-patch+json", body.to_string()).send(),
            "DELETE" => call.send(),
            _ => call.json(body).send(),
        };
        let text = reply.expect_issue(422, "business-rule").text();
        assert!(text.contains("$palliative-screen"), "{method} {path} {text}");
        if *method != "PATCH" {
            let mut entry = json!({ "request": { "method": method, "url": path.trim_start_matches('/') } });
            if !body.is_null() {
                entry["resource"] = body.clone();
            }
            let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
            clinician.post("", &bundle).expect_issue(422, "business-rule");
        }
    }
    assert_eq!(clinician.get(&path).expect(200).json(), recorded);
    // What no decision reads may be changed.
    clinician.put(&path, &with(&recorded, "note", &json!([{ "text": "seen" }]))).expect(200);
    clinician.delete("/GuidanceResponse/plain").expect(204);
}

#[test]
fn one_without_data_stays_in_screening() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-05-01" }));
    let id = refer(&clinician, "p");
    act(&clinician, &id, "screen", json!([])).expect(200);
    let reply = act(&clinician, &id, "determine", json!([])).expect_issue(422, "business-rule");
    assert_eq!(reply.details(), ["indeterminate"]);
    assert_eq!(state(&clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json()), "screening");
}

#[test]
fn a_version_that_is_no_longer_current_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let screen = parameters(json!([{ "name": "action", "valueCode": "screen" }]));
    let path = format!("/EpisodeOfCare/{id}/$palliative-transition");
    let send =
        |version: &str| clinician.request("POST", &path).header("If-Match", version).json(&screen).send();
    assert_eq!(send("W/\"7\"").expect_issue(412, "conflict").details(), ["version-mismatch"]);
    let reply = send("W/\"1\"").expect(200);
    assert_eq!(part(&reply, "episode")["meta"]["versionId"], "2");
}

#[test]
fn hold_resume_discharge_and_the_same_discharge_again() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    act(&clinician, &id, "hold", dated("hold-travel")).expect(200);
    act(&clinician, &id, "resume", dated("hold-travel")).expect(200);
    assert_eq!(
        act(&clinician, &id, "discharge", dated("declined-cost")).expect(400).details(),
        ["missing-parameter", "bad-parameter"]
    );
    let reply = act(&clinician, &id, "discharge", dated("moved-out-of-area")).expect(200);
    let episode = part(&reply, "episode");
    assert_eq!((&episode["status"], &episode["period"]["end"]), (&json!("finished"), &json!("2026-03-01")));
    let flags = clinician.get("/Flag?patient=Patient/p").expect(200).resources();
    assert_eq!(flags[0]["status"], "inactive");
    let again = act(&clinician, &id, "discharge", dated("moved-out-of-area")).expect(200);
    assert_eq!(part(&again, "episode")["meta"]["versionId"], episode["meta"]["versionId"]);
}

#[test]
fn a_transfer_opens_the_episode_in_the_other_programme() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(
        &json!({ "resourceType": "HealthcareService", "id": "other", "active": true, "extension": [{
        "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
        "extension": [{ "url": "acceptsConsent", "valueBoolean": true }] }] }),
    );
    let id = enrolled(&clinician, "p");
    let to = |program: &str| {
        json!([{ "name": "targetProgram", "valueReference": { "reference": program } },
            { "name": "effectiveDate", "valueDate": "2026-03-05" },
            { "name": "reason", "valueCoding": { "system": REASON, "code": "transferred-program" } }])
    };
    let unknown = act(&clinician, &id, "transfer", to("HealthcareService/nothing")).expect(404);
    assert_eq!(unknown.details(), ["program-not-found"]);
    clinician.store(&json!({ "resourceType": "HealthcareService", "id": "cardiology", "active": true }));
    let strange = act(&clinician, &id, "transfer", to("HealthcareService/cardiology")).expect(404);
    assert_eq!(strange.details(), ["program-not-found"], "another service is no programme");
    let reply = act(&clinician, &id, "transfer", to("HealthcareService/other")).expect(200);
    assert_eq!(part(&reply, "episode")["period"]["end"], "2026-03-04");
    let related = parts(&reply, "related");
    let next = related.iter().find(|one| one["resourceType"] == "EpisodeOfCare").unwrap();
    assert_eq!(state(next), "consented");
    assert_eq!(next["diagnosis"][0]["condition"]["reference"], "Condition/p-hf");
}

#[test]
fn of_two_at_once_one_decides_and_the_other_hears_the_new_state() {
    let app = TestApp::new();
    let id = consented(&app.clinician(), "p");
    let callers = [app.clinician(), app.clinician(), app.clinician(), app.clinician()];
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = callers
            .iter()
            .map(|caller| scope.spawn(|| act(caller, &id, "waitlist", json!([])).status))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
}

#[test]
fn a_dry_run_shows_nothing_to_one_who_may_not_write_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let dry = || json!([{ "name": "dryRun", "valueBoolean": true }]);
    act(&app.with_scope("user/EpisodeOfCare.cruds"), &id, "screen", dry()).expect(403);
    let enough = "user/EpisodeOfCare.cruds user/Task.cu user/Provenance.c user/GuidanceResponse.c";
    act(&app.with_scope(enough), &id, "screen", dry()).expect(200);
    // what the caller chooses to ask of the record is for those who may read it
    for (name, value, chosen) in [
        ("ruleSet", "valueCanonical", "https://comfrey.health/fhir/PlanDefinition/RS-NEED"),
        ("asOf", "valueDate", "2026-01-20"),
    ] {
        let mut asked = dry();
        asked.as_array_mut().unwrap().push(json!({ "name": name, value: chosen }));
        let reads = format!("{enough} user/GuidanceResponse.cr");
        act(&app.with_scope(&reads), &id, "screen", asked.clone()).expect(403);
        act(&clinician, &id, "screen", asked).expect(200);
    }
}

#[test]
fn nobody_changes_a_state_without_the_right_to() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let screen = parameters(json!([{ "name": "action", "valueCode": "screen" }]));
    is_refused_to_others(&app, &format!("/EpisodeOfCare/{id}/$palliative-transition"), &screen);
    let void = json!([{ "name": "reason", "valueCoding": { "system": REASON, "code": "duplicate" } }]);
    act(&clinician, &id, "void", void.clone()).expect(403);
    assert_eq!(state(&clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json()), "referred");
    let own = json!({ "sub": "p", "scope": "patient/*.cruds", "patient": "p" });
    let path = format!("/EpisodeOfCare/{id}/$palliative-transition");
    assert_eq!(app.with_claims(own).post(&path, &screen).expect(403).details(), ["scope"]);
    let director = json!({ "sub": "d", "scope": "user/*.cruds", "roles": ["program-director"] });
    let reply = act(&app.with_claims(director), &id, "void", void).expect(200);
    assert_eq!(part(&reply, "episode")["status"], "entered-in-error");
}

#[test]
fn an_undone_ending_gives_back_what_it_closed_unless_hospice_was_elected() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let id = enrolled(&clinician, "p");
    let local = |name: &str, code: &str| json!({ "coding": [{ "system": format!("https://comfrey.health/fhir/CodeSystem/{name}"), "code": code }] });
    let task = json!({ "resourceType": "Task", "id": "outreach", "status": "accepted", "intent": "order",
        "code": local("palliative-task", "outreach"), "for": { "reference": "Patient/p" },
        "focus": { "reference": format!("EpisodeOfCare/{id}") } });
    let flag = |status: &str| {
        json!({ "resourceType": "Flag", "id": "hospice", "status": status, "period": { "start": "2026-03-01" },
            "code": local("palliative-flag", "hospice-election"), "subject": { "reference": "Patient/p" } })
    };
    clinician.put("/Task/outreach", &task).expect(201);
    let reason = |code: &str| json!({ "name": "reason", "valueCoding": { "system": REASON, "code": code } });
    let ended = json!([{ "name": "effectiveDate", "valueDate": "2026-03-01" }, reason("moved-out-of-area"),
        { "name": "initiatedBy", "valueCode": "patient" }]);
    act(&clinician, &id, "discharge", ended).expect(200);
    let status = || clinician.get("/Task/outreach").expect(200).json()["status"].clone();
    assert_eq!(status(), "cancelled");
    clinician.put("/Flag/hospice", &flag("active")).expect(201);
    let director =
        app.with_claims(json!({ "sub": "d", "scope": "user/*.cruds", "roles": ["program-director"] }));
    let undo = || act(&director, &id, "undo", json!([reason("recorded-in-error")]));
    assert_eq!(undo().expect(422).details(), ["hospice-active"]);
    assert_eq!(status(), "cancelled");
    clinician.put("/Flag/hospice", &flag("entered-in-error")).expect(200);
    assert_eq!(state(&part(&undo().expect(200), "episode")), "enrolled");
    assert_eq!(status(), "accepted");
}

/// The default programme with a further setting.
fn with_setting(client: &crate::client::Client, setting: Value) {
    let path = "/HealthcareService/default";
    let mut programme = client.get(path).expect(200).json();
    programme["extension"][0]["extension"].as_array_mut().unwrap().push(setting);
    client.put(path, &programme).expect(200);
}

#[test]
fn people_leave_by_the_programmes_rule_set_where_no_clinician_attests_that_the_aims_are_reached() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let (p, q) = (enrolled(&clinician, "p"), enrolled(&clinician, "q"));
    let device = app.with_claims(json!({ "sub": "rules", "scope": "system/*.cruds" }));
    let graduation = || dated("graduated-improved");
    let refused = act(&device, &p, "graduate", graduation()).expect_issue(422, "business-rule");
    assert_eq!(refused.details(), ["attestation-missing"]);
    let exit = |rule_set: &str| {
        let canonical = format!("https://comfrey.health/fhir/PlanDefinition/{rule_set}");
        json!({ "url": "exitRuleSet", "valueCanonical": canonical })
    };
    with_setting(&clinician, exit("RS-KELLEY-B|1"));
    let mut dry = graduation();
    dry.as_array_mut().unwrap().push(json!({ "name": "dryRun", "valueBoolean": true }));
    act(&device, &p, "graduate", dry).expect(200);
    let reply = act(&device, &p, "graduate", graduation()).expect(200);
    assert_eq!(state(&part(&reply, "episode")), "graduated");
    let kept = parts(&reply, "related").into_iter().find(|one| one["resourceType"] == "GuidanceResponse");
    assert!(kept.unwrap()["moduleCanonical"].as_str().unwrap().ends_with("/RS-KELLEY-B|1"));
    // one who is held to a patient's own data does not graduate, whatever a rule set says
    let own = json!({ "sub": "q", "scope": "patient/*.cruds", "patient": "q", "fhirUser": "Patient/q" });
    assert_eq!(act(&app.with_claims(own), &q, "graduate", graduation()).expect(403).details(), ["scope"]);
    // a screening by which people come in does not say that they leave
    let screened = clinician.post(
        "/Patient/q/$palliative-screen",
        &parameters(json!([
        { "name": "record", "valueBoolean": true },
        { "name": "ruleSet", "valueCanonical": "https://comfrey.health/fhir/PlanDefinition/RS-CA-ADULT" }])),
    );
    screened.expect(200);
    let found = clinician.get("/GuidanceResponse?patient=Patient/q").expect(200).resources();
    let other =
        found.iter().find(|one| one["moduleCanonical"].as_str().unwrap().contains("RS-CA-ADULT")).unwrap();
    let mut named = graduation();
    named.as_array_mut().unwrap().push(json!({ "name": "screenResult",
        "valueReference": { "reference": format!("GuidanceResponse/{}", other["id"].as_str().unwrap()) } }));
    let refused = act(&device, &q, "graduate", named.clone()).expect_issue(422, "business-rule");
    assert_eq!(refused.expressions(), ["Parameters.parameter.where(name='screenResult')"]);
    assert_eq!(state(&part(&act(&clinician, &q, "graduate", named).expect(200), "episode")), "graduated");
}

#[test]
fn an_adult_elects_hospice_and_stays_where_the_programme_names_the_payer_of_veterans() {
    for (named, state_after) in [(true, "enrolled"), (false, "hospice-elected")] {
        let app = TestApp::new();
        let clinician = app.clinician();
        let id = enrolled(&clinician, "p");
        if named {
            let path = "/HealthcareService/default";
            let mut programme = clinician.get(path).expect(200).json();
            let settings = programme["extension"][0]["extension"].as_array_mut().unwrap();
            settings.retain(|one| one["url"] != "hospicePolicy");
            settings.push(json!({ "url": "hospicePolicy", "valueCode": "concurrent" }));
            settings.push(json!({ "url": "concurrentLob", "valueCode": "va-dod-ihs" }));
            clinician.put(path, &programme).expect(200);
        }
        let mut veteran = crate::programme::coverage("p");
        veteran["type"] = json!({ "coding": [{ "system": "https://nahdo.org/sopt", "code": "32" }] });
        clinician.put(&format!("/Coverage/{}", veteran["id"].as_str().unwrap()), &veteran).expect(200);
        let election =
            json!([{ "name": "hospice", "part": [{ "name": "effectiveDate", "valueDate": "2026-03-01" }] }]);
        let reply = act(&clinician, &id, "hospice-elect", election).expect(200);
        assert_eq!(state(&part(&reply, "episode")), state_after);
        let reviews =
            clinician.get("/Task?patient=p&code=concurrent-care-review&_summary=count").expect(200).json();
        assert_eq!(reviews["total"], i64::from(named));
        let flags = clinician.get("/Flag?patient=p&_summary=count").expect(200).json();
        assert!(flags["total"].as_i64() >= Some(1));
    }
}

/// A rule set that is a client's own: heart failure makes eligible, and one criterion excludes.
fn excluding(id: &str, exclusion: Value) -> Value {
    let criterion = |id: &str, parameters: Value| {
        json!({ "id": id, "title": id, "description": "A sentence.", "extension": [{ "extension": parameters,
            "url": "https://comfrey.health/fhir/StructureDefinition/criterion" }] })
    };
    json!({ "resourceType": "PlanDefinition", "id": id, "url": format!("https://partner.example/{id}"), "version": "1",
        "title": "Own", "status": "active", "topic": [{ "coding": [{ "code": "screening",
            "system": "https://comfrey.health/fhir/CodeSystem/rule-set-kind" }] }],
        "action": [
            { "id": "criteria", "action": [criterion("hf", heart_failure())], "condition": [{ "kind": "applicability",
                "expression": { "language": "text/cql", "expression": "`hf`" } }] },
            { "id": "exclusions", "action": [criterion("excludes", exclusion)] },
        ] })
}

fn heart_failure() -> Value {
    let set = "https://comfrey.health/fhir/ValueSet/vs-heart-failure";
    json!([{ "url": "kind", "valueCode": "condition" }, { "url": "valueSet", "valueCanonical": set }])
}

#[test]
fn only_who_is_in_hospice_is_not_eligible_for_hospice() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let hospice =
        json!([{ "url": "kind", "valueCode": "flag" }, { "url": "code", "valueCode": "hospice-election" }]);
    clinician.store(&excluding("by-disease", heart_failure()));
    clinician.store(&excluding("by-hospice", hospice));
    let programme = clinician.get("/HealthcareService/default").expect(200).json();
    for (rule_set, expected) in
        [("by-disease", "not-eligible-criteria"), ("by-hospice", "not-eligible-hospice")]
    {
        let url = format!("https://partner.example/{rule_set}");
        let mut own = programme.clone();
        let settings = own["extension"][0]["extension"].as_array_mut().unwrap();
        settings.retain(|one| one["url"] != "ruleSet");
        settings.push(json!({ "url": "ruleSet", "valueCanonical": url }));
        clinician.put("/HealthcareService/default", &own).expect(200);
        for recorded in [false, true] {
            let id = format!("{rule_set}-{recorded}");
            person(&clinician, &id);
            let episode = refer(&clinician, &id);
            clinician.store(
                &json!({ "resourceType": "Flag", "id": format!("{id}-hospice"), "status": "active",
                "period": { "start": "2026-01-15" }, "subject": { "reference": format!("Patient/{id}") },
                "code": { "coding": [{ "code": "hospice-election",
                    "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag" }] } }),
            );
            let inputs = if recorded {
                act(&clinician, &episode, "screen", json!([])).expect(200);
                let found = clinician.get(&format!("/GuidanceResponse?patient=Patient/{id}")).expect(200);
                let name = format!("GuidanceResponse/{}", found.resources()[0]["id"].as_str().unwrap());
                json!([{ "name": "screenResult", "valueReference": { "reference": name } }])
            } else {
                json!([])
            };
            let reply = act(&clinician, &episode, "determine", inputs).expect(200);
            assert_eq!(state(&part(&reply, "episode")), "not-eligible", "{id}");
            assert_eq!(part(&reply, "task")["statusReason"]["coding"][0]["code"], expected, "{id}");
        }
    }
}
