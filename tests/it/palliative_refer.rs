//! `$palliative-refer` over HTTP. The rules themselves are tested where they stand.

use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::programme::PROGRAM;
use crate::programme::act;
use crate::programme::because;
use crate::programme::is_refused_to_others;
use crate::programme::part;
use crate::programme::person;
use crate::programme::refer;
use crate::programme::referral;
use crate::programme::state;

#[test]
fn a_referral_opens_an_episode_with_its_task_and_request() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let reply = clinician.post("/Patient/p/$palliative-refer", &referral()).expect(201);
    let episode = part(&reply, "episode");
    assert_eq!((state(&episode), &episode["status"]), ("referred".to_owned(), &json!("planned")));
    let id = episode["id"].as_str().unwrap();
    assert!(reply.header("location").unwrap().ends_with(&format!("/fhir/EpisodeOfCare/{id}/_history/1")));
    assert_eq!(clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json(), episode);
    let task = part(&reply, "task")["reference"].as_str().unwrap().to_owned();
    let task = clinician.get(&format!("/{task}")).expect(200).json();
    assert_eq!(task["focus"]["reference"], format!("EpisodeOfCare/{id}"));
    let request = part(&reply, "serviceRequest")["reference"].as_str().unwrap().to_owned();
    let request = clinician.get(&format!("/{request}")).expect(200).json();
    assert_eq!(request["code"]["coding"][0]["code"], "306237005");
    assert_eq!(request["reasonCode"][0]["text"], "Breathless at home, two hospital stays");
    let deed = clinician.get(&format!("/Provenance?target=EpisodeOfCare/{id}")).expect(200).resources();
    assert_eq!(deed[0]["agent"][0]["who"]["reference"], "Practitioner/clinician-1");
}

#[test]
fn a_second_referral_finds_the_episode_open_and_is_added_to_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let mut again = referral();
    let on_type = json!({ "name": "patient", "valueReference": { "reference": "Patient/p" } });
    again["parameter"].as_array_mut().unwrap().push(on_type);
    let reply = clinician.post("/Patient/$palliative-refer", &again).expect(200);
    assert_eq!(part(&reply, "episode")["id"], id);
    assert_eq!(part(&reply, "episode")["referralRequest"].as_array().unwrap().len(), 2);
    assert!(part(&reply, "task")["reference"].is_string());
    let mut refused = referral();
    refused["parameter"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "rejectDuplicate", "valueBoolean": true }));
    let reply = clinician.post("/Patient/p/$palliative-refer", &refused).expect_issue(409, "conflict");
    assert_eq!(reply.details(), ["already-open"]);
}

#[test]
fn t_17_a_person_with_two_records_has_one_open_episode_in_a_programme() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "old");
    person(&clinician, "new");
    let link = |id: &str, ty: &str, other: &str| {
        clinician.store(&json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01",
            "link": [{ "type": ty, "other": { "reference": format!("Patient/{other}") } }] }));
    };
    let open = |id: &str| clinician.post(&format!("/Patient/{id}/$palliative-refer"), &referral());
    let episode = refer(&clinician, "old");
    for (id, ty, other) in [("new", "replaces", "old"), ("old", "replaced-by", "new")] {
        link(id, ty, other);
        let refused = open("new").expect_issue(409, "conflict");
        assert_eq!(refused.details(), ["already-open"], "{ty}");
        assert!(refused.text().contains("Patient/old"), "{}", refused.text());
        clinician.store(&json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01" }));
    }
    link("new", "seealso", "old");
    assert_eq!(clinician.get("/EpisodeOfCare?patient=new&_summary=count").expect(200).json()["total"], 0);
    let own = app.with_claims(json!({ "sub": "new", "patient": "new", "fhirUser": "Patient/new",
        "scope": "launch/patient patient/*.cruds" }));
    let mut by_patient = referral();
    by_patient["parameter"][1]["valueReference"]["reference"] = json!("Patient/new");
    by_patient["parameter"][2]["valueCode"] = json!("self");
    let told = own.post("/Patient/new/$palliative-refer", &by_patient).expect_issue(409, "conflict");
    assert!(!told.text().contains("Patient/old"), "{}", told.text());
    // Where the other episode is over, nothing stands in the way.
    let elected =
        json!([{ "name": "hospice", "part": [{ "name": "effectiveDate", "valueDate": "2026-03-01" }] }]);
    act(&clinician, &episode, "hospice-elect", elected).expect(200);
    assert_eq!(open("new").expect(422).details(), ["hospice-active"]);
    let mut back = referral();
    let list = back["parameter"].as_array_mut().unwrap();
    list.push(json!({ "name": "hospiceEnd", "valueDate": "2026-03-01" }));
    clinician.post("/Patient/new/$palliative-refer", &back).expect(201);
    // Nor is that ending undone while the person's new episode is open.
    let director = app.with_claims(json!({ "sub": "d", "fhirUser": "Practitioner/d",
        "scope": "user/*.cruds", "roles": ["program-director"] }));
    let undo = |client: &Client| act(client, &episode, "undo", because("recorded-in-error"));
    let refused = undo(&director).expect_issue(409, "conflict");
    assert_eq!(refused.details(), ["already-open"]);
    assert!(refused.text().contains("Patient/new"), "{}", refused.text());
    let untold = undo(&clinician).expect(403);
    assert!(!untold.text().contains("Patient/new"), "who may not undo is told of no other record");
    clinician.store(&json!({ "resourceType": "Patient", "id": "new", "birthDate": "1950-05-01" }));
    undo(&director).expect(200);
}

#[test]
fn t_17_of_referrals_of_two_records_of_a_person_at_once_one_opens_the_episode() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for round in 0..3 {
        let ids = [format!("new{round}"), format!("old{round}")];
        ids.iter().for_each(|id| person(&clinician, id));
        clinician.store(&json!({ "resourceType": "Patient", "id": ids[0], "birthDate": "1950-05-01",
            "link": [{ "type": "replaces", "other": { "reference": format!("Patient/{}", ids[1]) } }] }));
        let callers: Vec<_> = (0..8).map(|_| app.clinician()).collect();
        let refer = |(at, caller): (usize, &crate::client::Client)| {
            caller.post(&format!("/Patient/{}/$palliative-refer", ids[at % 2]), &referral())
        };
        let refer = &refer;
        let replies: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                callers.iter().enumerate().map(|one| scope.spawn(move || refer(one))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 201, 409, 409, 409, 409]);
        let refused = replies.iter().filter(|reply| reply.status == 409);
        refused.for_each(|reply| assert_eq!(reply.details(), ["already-open"]));
    }
}

#[test]
fn t_17_of_an_undone_ending_and_referrals_of_another_record_at_once_one_opens_the_episode() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let director = app.with_claims(json!({ "sub": "d", "fhirUser": "Practitioner/d",
        "scope": "user/*.cruds", "roles": ["program-director"] }));
    for round in 0..4 {
        let (old, new) = (format!("old{round}"), format!("new{round}"));
        [&old, &new].into_iter().for_each(|id| person(&clinician, id));
        let episode = refer(&clinician, &old);
        act(&director, &episode, "void", because("duplicate")).expect(200);
        clinician.store(&json!({ "resourceType": "Patient", "id": new, "birthDate": "1950-05-01",
            "link": [{ "type": "replaces", "other": { "reference": format!("Patient/{old}") } }] }));
        let callers: Vec<_> = (0..3).map(|_| app.clinician()).collect();
        let start = std::sync::Barrier::new(4);
        let refer_at_once = |caller: &Client| {
            start.wait();
            caller.post(&format!("/Patient/{new}/$palliative-refer"), &referral()).status
        };
        let refer_at_once = &refer_at_once;
        let (undone, mut referred) = std::thread::scope(|scope| {
            let threads: Vec<_> =
                callers.iter().map(|caller| scope.spawn(move || refer_at_once(caller))).collect();
            start.wait();
            let undone = act(&director, &episode, "undo", because("recorded-in-error"));
            let referred: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            (undone, referred)
        });
        referred.sort_unstable();
        if undone.status == 200 {
            assert_eq!(referred, [409, 409, 409], "round {round}");
        } else {
            assert_eq!(undone.expect(409).details(), ["already-open"], "round {round}");
            assert_eq!(referred, [200, 200, 201], "round {round}");
        }
        let open = |id: &str| {
            let episodes = clinician.get(&format!("/EpisodeOfCare?patient={id}")).expect(200).resources();
            episodes.iter().filter(|one| crate::programme::state(one) == "referred").count()
        };
        assert_eq!(open(&old) + open(&new), 1, "round {round}");
    }
}

#[test]
fn who_has_died_or_is_in_hospice_by_another_record_is_not_referred_by_this_one() {
    let app = TestApp::new();
    let clinician = app.clinician();
    ["new", "old"].iter().for_each(|id| person(&clinician, id));
    let patient = |id: &str, more: serde_json::Value| {
        let mut patient = json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01" });
        patient.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        clinician.store(&patient);
    };
    patient("new", json!({ "link": [{ "type": "replaces", "other": { "reference": "Patient/old" } }] }));
    let open = || clinician.post("/Patient/new/$palliative-refer", &referral());
    patient("old", json!({ "deceasedBoolean": true }));
    assert_eq!(open().expect(422).details(), ["deceased"]);
    patient("old", json!({}));
    let elected = |end: serde_json::Value| {
        clinician.store(&json!({ "resourceType": "Flag", "id": "hospice", "status": "active",
            "subject": { "reference": "Patient/old" }, "period": end, "code": { "coding": [{
                "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag", "code": "hospice-election" }] } }));
    };
    elected(json!({ "start": "2026-01-10" }));
    let refused = open().expect(422);
    assert_eq!(refused.details(), ["hospice-active"]);
    assert!(!refused.text().contains("Flag/"), "{}", refused.text());
    elected(json!({ "start": "2026-01-10", "end": "2026-02-01" }));
    open().expect(201);
}

#[test]
fn a_person_is_referred_by_identifier_and_only_by_those_who_may_find_them() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for (id, value) in [("p", "one"), ("q", "two"), ("r", "two")] {
        clinician.store(&json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01",
            "identifier": [{ "system": "urn:mrn", "value": value }] }));
    }
    let by = |client: &crate::client::Client, patient: serde_json::Value| {
        let mut body = referral();
        let list = body["parameter"].as_array_mut().unwrap();
        list.push(json!({ "name": "patient", "valueReference": patient }));
        client.post("/Patient/$palliative-refer", &body)
    };
    let identifier = |value: &str| json!({ "identifier": { "system": "urn:mrn", "value": value } });
    let first = by(&clinician, identifier("one")).expect(201);
    assert_eq!(part(&first, "episode")["patient"]["reference"], "Patient/p");
    by(&clinician, json!({ "reference": "Patient?identifier=urn:mrn|one" })).expect(200);
    assert_eq!(by(&clinician, identifier("none")).expect(404).details(), ["patient-not-found"]);
    by(&clinician, identifier("two")).expect(412);
    assert_eq!(by(&clinician, json!({ "display": "Rosa" })).expect(400).details(), ["bad-parameter"]);
    let other = app.with_claims(json!({ "sub": "q", "scope": "patient/*.cruds", "patient": "q" }));
    by(&other, identifier("one")).expect(404);
    by(&app.with_scope("user/EpisodeOfCare.cruds user/Patient.r"), identifier("one")).expect(403);
}

#[test]
fn of_eight_referrals_at_once_one_opens_the_episode() {
    let app = TestApp::new();
    person(&app.clinician(), "p");
    let callers: Vec<_> = (0..8).map(|_| app.clinician()).collect();
    let replies: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = callers
            .iter()
            .map(|caller| scope.spawn(|| caller.post("/Patient/p/$palliative-refer", &referral())))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
    let episodes = app.clinician().get("/EpisodeOfCare?patient=Patient/p").expect(200).resources();
    assert_eq!(episodes.len(), 1);
    assert_eq!(episodes[0]["referralRequest"].as_array().unwrap().len(), 8);
}

#[test]
fn the_same_key_gives_the_same_answer_and_writes_once() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let send = |body: &serde_json::Value| {
        clinician
            .request("POST", "/Patient/p/$palliative-refer")
            .header("Idempotency-Key", "5c1e")
            .json(body)
            .send()
    };
    let first = send(&referral()).expect(201);
    let again = send(&referral()).expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.json(), again.json());
    assert_eq!(clinician.get("/ServiceRequest?patient=Patient/p").expect(200).resources().len(), 1);
    let mut other = referral();
    other["parameter"][2]["valueCode"] = json!("payer");
    assert_eq!(send(&other).expect_issue(422, "business-rule").details(), ["idempotency-mismatch"]);
}

#[test]
fn what_is_missing_unknown_or_wrong_is_refused_with_where_it_is() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let empty =
        clinician.post("/Patient/p/$palliative-refer", &json!({ "resourceType": "Parameters" })).expect(400);
    assert_eq!(empty.details(), ["missing-parameter"; 4]);
    let with = |name: &str, value: serde_json::Value| {
        let mut body = referral();
        let list = body["parameter"].as_array_mut().unwrap();
        list.retain(|one| one["name"] != name);
        let mut one = json!({ "name": name });
        one.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        list.push(one);
        clinician.post("/Patient/p/$palliative-refer", &body)
    };
    let unknown = json!({ "valueReference": { "reference": "HealthcareService/nothing" } });
    assert_eq!(with("program", unknown).expect(404).details(), ["program-not-found"]);
    // A service without the settings of a programme is another one: nobody is referred to it by a slip in an id.
    clinician.store(&json!({ "resourceType": "HealthcareService", "id": "cardiology", "active": true }));
    let other = json!({ "valueReference": { "reference": "HealthcareService/cardiology" } });
    let reply = with("program", other).expect_issue(404, "not-found");
    assert_eq!(reply.details(), ["program-not-found"]);
    assert_eq!(reply.json()["issue"][0]["expression"][0], "Parameters.parameter.where(name='program')");
    assert_eq!(clinician.get("/EpisodeOfCare?patient=p&_summary=count").expect(200).json()["total"], 0);
    assert_eq!(with("source", json!({ "valueCode": "rumour" })).expect(400).details(), ["bad-parameter"]);
    assert_eq!(
        with("receivedDate", json!({ "valueDate": "2026-02" })).expect(400).details(),
        ["bad-parameter"]
    );
    assert_eq!(
        with("receivedDate", json!({ "valueDate": "2026-03-02" })).expect(422).details(),
        ["date-range"]
    );
    assert_eq!(with("colour", json!({ "valueString": "green" })).expect(400).details(), ["bad-parameter"]);
    clinician.post("/Patient/nobody/$palliative-refer", &referral()).expect(404);
    clinician.store(&json!({ "resourceType": "Patient", "id": "child", "birthDate": "2015-01-01", "deceasedBoolean": true }));
    let reply = clinician.post("/Patient/child/$palliative-refer", &referral()).expect(422);
    assert_eq!(reply.details(), ["deceased", "age"]);
}

#[test]
fn a_client_cannot_set_the_state_itself() {
    let app = TestApp::new();
    let clinician = app.clinician();
    person(&clinician, "p");
    let id = refer(&clinician, "p");
    let mut episode = clinician.get(&format!("/EpisodeOfCare/{id}")).expect(200).json();
    episode["status"] = json!("active");
    clinician.put(&format!("/EpisodeOfCare/{id}"), &episode).expect_issue(422, "business-rule");
    let forged = json!({ "resourceType": "EpisodeOfCare", "status": "active", "patient": { "reference": "Patient/p" },
        "extension": [
            { "url": "https://comfrey.health/fhir/StructureDefinition/enrollment-state", "valueCoding": {
                "system": "https://comfrey.health/fhir/CodeSystem/enrollment-state", "code": "enrolled" } },
            { "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program", "valueReference": { "reference": PROGRAM } }] });
    clinician.post("/EpisodeOfCare", &forged).expect_issue(422, "business-rule");
}

#[test]
fn nobody_refers_without_the_right_to() {
    let app = TestApp::new();
    person(&app.clinician(), "p");
    is_refused_to_others(&app, "/Patient/p/$palliative-refer", &referral());
    assert_eq!(app.clinician().get("/EpisodeOfCare").expect(200).resources().len(), 0);
}
