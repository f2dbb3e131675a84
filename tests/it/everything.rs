//! `$everything`: the whole record of a patient, an encounter or an episode, and who sees what of it.
//! <https://hl7.org/fhir/R4/patient-operation-everything.html>

use serde_json::Value;
use serde_json::json;

use crate::app::START;
use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

/// Rose's record, with all that it points to, and Otto's beside it.
fn records(app: &TestApp) -> Client {
    let clinician = app.clinician();
    let rose = json!({ "reference": "Patient/rose" });
    for resource in [
        json!({ "resourceType": "Organization", "id": "hospice", "name": "Hospice" }),
        json!({ "resourceType": "Organization", "id": "elsewhere", "name": "Of nobody" }),
        json!({ "resourceType": "Practitioner", "id": "doctor", "name": [{ "family": "Elm" }] }),
        json!({ "resourceType": "Practitioner", "id": "author", "name": [{ "family": "Oak" }] }),
        json!({ "resourceType": "Practitioner", "id": "of-otto", "name": [{ "family": "Ash" }] }),
        json!({ "resourceType": "Location", "id": "ward" }),
        json!({ "resourceType": "Medication", "id": "morphine", "code": { "text": "Morphine" } }),
        json!({ "resourceType": "Patient", "id": "otto", "name": [{ "family": "Otto" }],
            "generalPractitioner": [{ "reference": "Practitioner/of-otto" }] }),
        json!({ "resourceType": "EpisodeOfCare", "id": "episode", "status": "active", "patient": rose,
            "managingOrganization": { "reference": "Organization/hospice" },
            "diagnosis": [{ "condition": { "reference": "Condition/cancer" } }],
            "team": [{ "reference": "CareTeam/team" }], "period": { "start": "2025-11-01" } }),
        json!({ "resourceType": "Patient", "id": "rose", "name": [{ "family": "Rose" }],
            "managingOrganization": { "reference": "Organization/hospice" } }),
        json!({ "resourceType": "CareTeam", "id": "team", "subject": rose }),
        json!({ "resourceType": "Binary", "id": "scan", "contentType": "text/plain", "data": "aGk=" }),
        json!({ "resourceType": "DocumentReference", "id": "letter", "status": "current", "subject": rose,
            "content": [{ "attachment": { "url": "Binary/scan" } }] }),
        json!({ "resourceType": "Condition", "id": "cancer", "subject": rose, "code": { "text": "Cancer" },
            "onsetDateTime": "2024-03-10" }),
        json!({ "resourceType": "Condition", "id": "flu", "subject": rose, "code": { "text": "Flu" },
            "onsetDateTime": "2025-01-05", "abatementDateTime": "2025-01-20",
            "clinicalStatus": { "coding": [{ "code": "resolved",
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] } }),
        json!({ "resourceType": "Encounter", "id": "visit", "status": "finished", "subject": rose,
            "class": { "code": "AMB" }, "period": { "start": "2026-01-10T09:00:00Z", "end": "2026-01-10T10:00:00Z" },
            "episodeOfCare": [{ "reference": "EpisodeOfCare/episode" }],
            "location": [{ "location": { "reference": "Location/ward" } }] }),
        json!({ "resourceType": "Observation", "id": "pain", "status": "final", "code": { "text": "Pain" },
            "subject": rose, "encounter": { "reference": "Encounter/visit" },
            "performer": [{ "reference": "Practitioner/doctor" }], "effectiveDateTime": "2026-01-10T23:30:00Z" }),
        json!({ "resourceType": "MedicationRequest", "id": "order", "status": "active", "intent": "order",
            "medicationReference": { "reference": "Medication/morphine" }, "subject": rose,
            "authoredOn": "2026-02-01" }),
        // its author stands in an element that no search parameter covers
        json!({ "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan", "subject": rose,
            "author": { "reference": "Practitioner/author" }, "goal": [{ "reference": "Goal/home" }] }),
        json!({ "resourceType": "Goal", "id": "home", "lifecycleStatus": "active", "subject": rose,
            "description": { "text": "To be at home" } }),
        json!({ "resourceType": "Task", "id": "call", "status": "requested", "intent": "order",
            "for": rose, "focus": { "reference": "EpisodeOfCare/episode" } }),
        json!({ "resourceType": "Observation", "id": "of-otto", "status": "final", "code": { "text": "Pain" },
            "subject": { "reference": "Patient/otto" } }),
    ] {
        clinician.store(&resource);
    }
    clinician
}

/// What is Rose's own.
const OWN: [&str; 11] = [
    "CarePlan/plan",
    "CareTeam/team",
    "Condition/cancer",
    "Condition/flu",
    "DocumentReference/letter",
    "Encounter/visit",
    "EpisodeOfCare/episode",
    "Goal/home",
    "MedicationRequest/order",
    "Observation/pain",
    "Patient/rose",
];

/// What that points to.
const LINKED: [&str; 6] = [
    "Binary/scan",
    "Location/ward",
    "Medication/morphine",
    "Organization/hospice",
    "Practitioner/author",
    "Practitioner/doctor",
];

fn of_mode(reply: &Reply, mode: &str) -> Vec<String> {
    let bundle = reply.json();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let own = entries.iter().filter(|entry| entry["search"]["mode"] == mode);
    let mut names: Vec<String> = own
        .map(|entry| {
            let (ty, id) = (&entry["resource"]["resourceType"], &entry["resource"]["id"]);
            format!("{}/{}", ty.as_str().unwrap(), id.as_str().unwrap_or_default())
        })
        .collect();
    names.sort();
    names
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn a_patients_record_has_the_compartment_and_what_it_points_to_each_once() {
    let app = TestApp::new();
    let clinician = records(&app);
    let reply = clinician.get("/Patient/rose/$everything").expect(200);
    let bundle = reply.json();
    assert_eq!(bundle["type"], "searchset");
    assert_eq!(bundle["total"], 12);
    let mut own = OWN.to_vec();
    own.push("Task/call");
    assert_eq!(of_mode(&reply, "match"), own);
    assert_eq!(of_mode(&reply, "include"), LINKED);
    assert_eq!(reply.references()[0], "Patient/rose", "the patient comes first");
    assert_eq!(bundle["entry"][0]["fullUrl"], app.url("/fhir/Patient/rose"));
    assert_eq!(reply.link("self"), Some(app.url("/fhir/Patient/rose/$everything")));
    assert_eq!(reply.link("next"), None);
    let posted = clinician.post("/Patient/rose/$everything", &json!({ "resourceType": "Parameters" }));
    assert_eq!(posted.expect(200).references(), reply.references());
    // bytes as they are stored
    let read = clinician.get("/Observation/pain").expect(200).text();
    assert!(reply.text().contains(&read));
}

#[test]
fn pages_hold_everything_once_while_others_write() {
    let app = TestApp::new();
    let clinician = records(&app);
    for count in [1, 2, 3, 12, 13, 17, 18] {
        let mut link = Some(format!("/Patient/rose/$everything?_count={count}"));
        let mut seen = Vec::new();
        while let Some(url) = link {
            let reply = clinician.get(&url).expect(200);
            assert!(reply.references().len() <= count, "{count}");
            seen.extend(reply.references());
            link = reply.link("next");
            // a new version of what was shown, or is still to be, is neither repeated nor skipped
            clinician.store(&json!({ "resourceType": "Goal", "id": "home", "lifecycleStatus": "active",
                "description": { "text": format!("To be at home {}", seen.len()) },
                "subject": { "reference": "Patient/rose" } }));
        }
        let all = OWN.iter().chain(&LINKED).chain(&["Task/call"]).map(|name| (*name).to_owned());
        assert_eq!(sorted(seen), sorted(all.collect()), "{count}");
    }
    // a larger page than there is, is lowered; and a page link keeps the question
    let reply = clinician.get("/Patient/rose/$everything?_count=5000").expect(200);
    assert_eq!(reply.link("self"), Some(app.url("/fhir/Patient/rose/$everything?_count=1000")));
    let first = clinician.get("/Patient/rose/$everything?_count=1&_type=Condition&start=2026-01").expect(200);
    assert_eq!(first.references(), ["Condition/cancer"]);
    assert_eq!(first.link("next"), None);
    let first = clinician.get("/Patient/rose/$everything?_count=1&_type=Condition,Goal").expect(200);
    let second = clinician.get(&first.link("next").unwrap()).expect(200);
    assert_eq!(second.references(), ["Condition/flu"]);
    assert_eq!(second.link("self"), first.link("next"));
    // and so is the part of each resource that is asked for
    let first = clinician.get("/Patient/rose/$everything?_count=1&_type=Goal,Practitioner&_elements=description,Practitioner.id").expect(200);
    let second = clinician.get(&first.link("next").unwrap()).expect(200);
    assert_eq!(
        (first.references(), second.references()),
        (vec!["Goal/home".to_owned()], vec!["Practitioner/doctor".to_owned()])
    );
    assert!(
        first.link("self").unwrap().ends_with("_elements=description,Practitioner.id")
            || first.link("self").unwrap().contains("_elements=description%2CPractitioner.id"),
        "{:?}",
        first.link("self")
    );
    let keys = |reply: &Reply| -> Vec<String> {
        let mut keys: Vec<String> = reply.resources()[0].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&first), ["description", "id", "lifecycleStatus", "meta", "resourceType", "subject"]);
    assert_eq!(keys(&second), ["id", "meta", "resourceType"]);
    for resource in clinician.get("/Encounter/visit/$everything?_summary=text").expect(200).resources() {
        assert_eq!(resource["meta"]["tag"][0]["code"], "SUBSETTED", "{resource}");
        assert!(resource.get("period").is_none(), "{resource}");
    }
}

#[test]
fn types_times_of_writing_and_times_of_care_narrow_it() {
    let app = TestApp::with(|config| config.time_zone = jiff::tz::TimeZone::get("America/Phoenix").unwrap());
    let clinician = records(&app);
    app.clock().set(START + 60_000_000);
    clinician
        .store(&json!({ "resourceType": "Practitioner", "id": "doctor", "name": [{ "family": "New" }] }));
    let cases: [(&str, &[&str]); 13] = [
        ("_type=Condition", &["Condition/cancer", "Condition/flu"]),
        ("_type=Practitioner", &["Practitioner/author", "Practitioner/doctor"]),
        (
            "_type=Goal,Practitioner&_type=Task",
            &["Goal/home", "Practitioner/author", "Practitioner/doctor", "Task/call"],
        ),
        ("_type=Group", &[]),
        ("_since=2026-03-01T12:01:00Z", &["Practitioner/doctor"]),
        ("_since=2026-03-01T12:01:01Z", &[]),
        ("_type=Condition&start=2025-02", &["Condition/cancer"]),
        ("_type=Condition&end=2024-03-09", &[]),
        ("_type=Condition&start=2025-01-20&end=2025-01-20", &["Condition/cancer", "Condition/flu"]),
        // in Phoenix, 23:30Z is still the afternoon
        ("_type=Observation&start=2026-01-10&end=2026-01-10", &["Observation/pain"]),
        ("_type=Observation&start=2026-01-11", &[]),
        // what has no date of care is of every time
        ("_type=Goal,CarePlan,Patient&start=2030&end=2031", &["CarePlan/plan", "Goal/home", "Patient/rose"]),
        // and what only others point to is not linked
        ("_type=Practitioner,Location&start=2030", &["Practitioner/author"]),
    ];
    for (query, expected) in cases {
        let reply = clinician.get(&format!("/Patient/rose/$everything?{query}")).expect(200);
        assert_eq!(sorted(reply.references()), expected, "{query}");
    }
}

#[test]
fn what_a_parameter_has_wrong_is_named() {
    let app = TestApp::new();
    let clinician = records(&app);
    for (query, at) in [
        ("_type=Nothing", "_type"),
        ("_since=2026-01-01", "_since"),
        ("start=yesterday", "start"),
        ("start=2026-02-01&end=2026-01-31", "end"),
        ("_count=0", "_count"),
        ("_count=-1", "_count"),
        ("_count=x", "_count"),
        ("_elements=nope", "_elements"),
        ("_summary=count", "_summary"),
        ("_summary=true&_elements=id", "_elements"),
        ("_offset=1", "_offset"),
    ] {
        let reply = clinician.get(&format!("/Patient/rose/$everything?{query}")).expect_issue(400, "invalid");
        assert!(reply.expressions()[0].contains(at), "{query} {:?}", reply.expressions());
    }
    clinician.get("/Patient/rose/$everything?_cursor=x").expect_issue(400, "invalid");
    clinician.get("/Encounter/visit/$everything?start=2026").expect_issue(400, "invalid");
    clinician.get("/Patient/nobody/$everything").expect_issue(404, "not-found");
    clinician.delete("/Patient/otto").expect(204);
    clinician.get("/Patient/otto/$everything").expect_issue(410, "deleted");
}

#[test]
fn a_page_link_belongs_to_its_record_and_its_bearer() {
    let app = TestApp::new();
    let clinician = records(&app);
    let next = clinician.get("/Patient/rose/$everything?_count=1").expect(200).link("next").unwrap();
    let cursor = next.split_once("_cursor=").unwrap().1;
    clinician.get(&format!("/Patient/otto/$everything?_cursor={cursor}")).expect_issue(400, "invalid");
    clinician.get(&format!("/Encounter/visit/$everything?_cursor={cursor}")).expect_issue(400, "invalid");
    clinician.get(&format!("/Bundle?_cursor={cursor}")).expect_issue(400, "invalid");
    clinician.get(&format!("{next}&_count=5")).expect_issue(400, "invalid");
    let search = clinician.get("/Patient?_count=1").expect(200).link("next").unwrap();
    let cursor = search.split_once("_cursor=").unwrap().1;
    clinician.get(&format!("/Patient/rose/$everything?_cursor={cursor}")).expect_issue(400, "invalid");
    app.patient("otto").get(&next).expect_issue(404, "not-found");
    app.stranger().get(&next).expect_issue(403, "forbidden");
    app.anonymous().get(&next).expect_issue(401, "login");
}

#[test]
fn a_patients_token_shows_their_own_record_alone() {
    let app = TestApp::new();
    records(&app);
    let rose = app.patient("rose");
    let reply = rose.get("/Patient/rose/$everything").expect(200);
    assert_eq!(of_mode(&reply, "match"), OWN);
    // what a Binary holds is known from its document alone, so that it is closed to patients
    // and an author stands where anybody may name anybody: what no parameter covers opens nothing
    let covered = |name: &&str| !["Binary/scan", "Practitioner/author"].contains(name);
    let covered: Vec<&str> = LINKED.into_iter().filter(covered).collect();
    assert_eq!(of_mode(&reply, "include"), covered);
    rose.get("/Practitioner/author").expect_issue(404, "not-found");
    assert_eq!(of_mode(&reply, "outcome"), Vec::<String>::new());
    // a task is closed to patients, and is said to be where it is asked for by name
    let reply = rose.get("/Patient/rose/$everything?_type=Task,Goal").expect(200);
    assert_eq!(of_mode(&reply, "match"), ["Goal/home"]);
    let outcome = reply.resources().pop().unwrap();
    assert_eq!(outcome["issue"][0]["code"], "suppressed");
    assert!(outcome["issue"][0]["details"]["text"].as_str().unwrap().ends_with("left out: Task."));
    // of all patients that she may see there is one
    let reply = rose.get("/Patient/$everything").expect(200);
    assert_eq!(of_mode(&reply, "match"), OWN);
    let (mut paged, mut next) = (Vec::new(), Some("/Patient/$everything?_count=3".to_owned()));
    while let Some(page) = next.take() {
        let reply = rose.get(&page).expect(200);
        assert!(reply.resources().len() <= 3, "{}", reply.text());
        paged.extend(of_mode(&reply, "match"));
        next = reply.link("next");
        // the link is hers, and of this question
        if let Some(next) = &next {
            app.patient("otto").get(next).expect_issue(400, "invalid");
            app.clinician().get(next).expect_issue(422, "too-costly");
            app.anonymous().get(next).expect_issue(401, "login");
        }
    }
    assert_eq!(sorted(paged), OWN);
    rose.get("/Patient/otto/$everything").expect_issue(404, "not-found");
    rose.get("/Patient/nobody/$everything").expect_issue(404, "not-found");
    let otto = app.patient("otto");
    otto.get("/Encounter/visit/$everything").expect_issue(404, "not-found");
    otto.get("/EpisodeOfCare/episode/$everything").expect_issue(404, "not-found");
    assert_eq!(otto.get("/Patient/$everything").expect(200).ids(), ["of-otto", "of-otto", "otto"]);
}

#[test]
fn a_scope_that_is_missing_leaves_out_its_type_and_what_only_that_points_to() {
    let app = TestApp::new();
    records(&app);
    let caller =
        app.with_scope("user/Patient.rs user/Observation.rs user/Practitioner.rs user/Medication.rs");
    let reply = caller.get("/Patient/rose/$everything").expect(200);
    assert_eq!(of_mode(&reply, "match"), ["Observation/pain", "Patient/rose"]);
    // the medication is that of an order, and the author that of a plan, which do not show
    assert_eq!(of_mode(&reply, "include"), ["Practitioner/doctor"]);
    let outcome = reply.resources().pop().unwrap().to_string();
    assert!(outcome.contains("CarePlan") && !outcome.contains("Observation"), "{outcome}");
    let held = app.with_claims(json!({ "sub": "r", "patient": "rose", "fhirUser": "Patient/rose",
        "scope": "patient/Patient.rs patient/Observation.rs" }));
    let reply = held.get("/Patient/rose/$everything").expect(200);
    assert_eq!(of_mode(&reply, "match"), ["Observation/pain", "Patient/rose"]);
    assert_eq!(of_mode(&reply, "include"), Vec::<String>::new());
    for scope in ["user/Observation.rs", "user/Patient.r", "user/Patient.s"] {
        let caller = app.with_scope(scope);
        caller.get("/Patient/rose/$everything").expect_issue(403, "forbidden");
    }
    app.stranger().get("/Patient/rose/$everything").expect_issue(403, "forbidden");
    app.stranger().get("/Patient/$everything").expect_issue(403, "forbidden");
    app.anonymous().get("/Patient/rose/$everything").expect_issue(401, "login");
    app.clinician().get("/Patient/$everything").expect_issue(422, "too-costly");
}

#[test]
fn an_encounter_and_an_episode_come_with_what_belongs_to_them() {
    let app = TestApp::new();
    let clinician = records(&app);
    let reply = clinician.get("/Encounter/visit/$everything").expect(200);
    assert_eq!(
        of_mode(&reply, "match"),
        ["Encounter/visit", "EpisodeOfCare/episode", "Observation/pain", "Patient/rose"]
    );
    assert_eq!(of_mode(&reply, "include"), ["Location/ward", "Organization/hospice", "Practitioner/doctor"]);
    assert_eq!(reply.references()[0], "Encounter/visit");
    let reply = clinician.get("/EpisodeOfCare/episode/$everything").expect(200);
    let episode =
        ["CareTeam/team", "Condition/cancer", "Encounter/visit", "EpisodeOfCare/episode", "Patient/rose"];
    assert_eq!(of_mode(&reply, "match"), [&episode[..], &["Task/call"]].concat());
    assert_eq!(of_mode(&reply, "include"), ["Location/ward", "Organization/hospice"]);
    let own = app.patient("rose").get("/EpisodeOfCare/episode/$everything").expect(200);
    assert_eq!(of_mode(&own, "match"), episode);
    let observed = app.with_scope("user/Encounter.rs user/Observation.rs");
    let reply = observed.get("/Encounter/visit/$everything").expect(200);
    assert_eq!(of_mode(&reply, "match"), ["Encounter/visit", "Observation/pain"]);
    for path in ["/Encounter/visit/$everything", "/EpisodeOfCare/episode/$everything"] {
        app.anonymous().get(path).expect_issue(401, "login");
        app.with_scope("user/Patient.rs").get(path).expect_issue(403, "forbidden");
    }
    clinician.get("/Encounter/$everything").expect_issue(404, "not-supported");
}

#[test]
fn what_the_programme_writes_for_an_episode_belongs_to_it() {
    let app = TestApp::new();
    let clinician = records(&app);
    let marked = |mut resource: Value| {
        resource["subject"] = json!({ "reference": "Patient/rose" });
        resource["extension"] = json!([{ "url": "https://comfrey.health/fhir/StructureDefinition/palliative-episode",
            "valueReference": { "reference": "EpisodeOfCare/episode" } }]);
        clinician.store(&resource);
    };
    marked(json!({ "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan",
        "goal": [{ "reference": "Goal/home" }] }));
    marked(
        json!({ "resourceType": "Flag", "id": "flag", "status": "active", "code": { "text": "Hospice" } }),
    );
    let reply = clinician.get("/EpisodeOfCare/episode/$everything").expect(200);
    for name in ["CarePlan/plan", "Flag/flag", "Goal/home"] {
        assert!(of_mode(&reply, "match").contains(&name.to_owned()), "{name}");
    }
}

#[test]
fn an_entry_of_a_batch_asks_for_a_record_as_a_request_does() {
    let app = TestApp::new();
    let clinician = records(&app);
    let body = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
        { "request": { "method": "GET", "url": "Patient/rose/$everything?_type=Goal" } },
        { "request": { "method": "GET", "url": "Patient/nobody/$everything" } } ] });
    let answers = clinician.post("/", &body).expect(200).json();
    assert_eq!(answers["entry"][0]["resource"]["entry"][0]["resource"]["id"], "home");
    assert!(answers["entry"][1]["response"]["status"].as_str().unwrap().starts_with("404"));
}
