//! To which medical home an enrolment attributes a person (T-72), and the coverages that were in force while it went on.
//! <https://hl7.org/fhir/us/davinci-atr/>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::act;
use crate::programme::because;
use crate::programme::consented;
use crate::programme::coverage;
use crate::programme::enrolled;
use crate::programme::part;
use crate::programme::wish;

const OURS: &str = "https://comfrey.health/fhir/StructureDefinition";
const LISTED: &str = "http://hl7.org/fhir/us/davinci-atr/StructureDefinition/ext-attributedProvider";

fn reference(to: &str) -> Value {
    json!({ "reference": to })
}

/// Two sites with a practitioner each, and a person who names both.
fn sites(clinician: &Client) -> String {
    for (site, doctor) in [("north", "a"), ("south", "b")] {
        clinician.store(&json!({ "resourceType": "Organization", "id": site, "name": site,
            "extension": [{ "url": format!("{OURS}/pcmh-recognition"), "extension": [
                { "url": "program", "valueCode": "ncqa-pcmh" }, { "url": "status", "valueCode": "achieved" }] }] }));
        clinician
            .store(&json!({ "resourceType": "Practitioner", "id": doctor, "name": [{ "family": doctor }] }));
        clinician.store(&json!({ "resourceType": "PractitionerRole", "id": format!("{doctor}-role"),
            "practitioner": reference(&format!("Practitioner/{doctor}")),
            "organization": reference(&format!("Organization/{site}")) }));
    }
    // one who works there no more
    clinician
        .store(&json!({ "resourceType": "PractitionerRole", "id": "left", "period": { "end": "2025-12-31" },
        "practitioner": reference("Practitioner/a"), "organization": reference("Organization/south") }));
    let episode = consented(clinician, "p");
    name_doctors(clinician, &["Practitioner/a", "PractitionerRole/b-role"]);
    episode
}

fn name_doctors(clinician: &Client, doctors: &[&str]) {
    let mut patient = clinician.get("/Patient/p").expect(200).json();
    patient["generalPractitioner"] = doctors.iter().map(|one| reference(one)).collect();
    clinician.put("/Patient/p", &patient).expect(200);
}

fn visit(clinician: &Client, id: &str, day: &str, doctor: &str) {
    clinician.store(&json!({ "resourceType": "Encounter", "id": id, "status": "finished", "subject": reference("Patient/p"),
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" },
        "period": { "start": day, "end": day },
        "participant": [{ "individual": reference(&format!("Practitioner/{doctor}")) }] }));
}

fn setting(clinician: &Client, setting: Value) {
    let mut programme = clinician.get("/HealthcareService/default").expect(200).json();
    let settings = programme["extension"][0]["extension"].as_array_mut().unwrap();
    settings.retain(|one| one["url"] != setting["url"]);
    settings.push(setting);
    clinician.put("/HealthcareService/default", &programme).expect(200);
}

fn enrol(clinician: &Client, episode: &str, dry: bool) -> Reply {
    let mut wish = wish("p");
    wish["parameter"].as_array_mut().unwrap().push(json!({ "name": "dryRun", "valueBoolean": dry }));
    clinician.post(&format!("/EpisodeOfCare/{episode}/$palliative-enroll"), &wish)
}

/// The extensions of a kind of the episode in an answer.
fn kept(reply: &Reply, name: &str) -> Vec<Value> {
    let episode = part(reply, "episode");
    let url = format!("{OURS}/{name}");
    let all = episode["extension"].as_array().unwrap().iter();
    all.filter(|one| one["url"] == url.as_str()).cloned().collect()
}

/// The medical home in an answer, and why it is that one.
fn home(reply: &Reply) -> Option<(String, String)> {
    let kept = kept(reply, "attributed-pcmh").pop()?;
    let text = |pointer: &str| kept.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    assert_eq!(text("/valueReference/extension/0/url"), format!("{OURS}/attribution-reason"));
    Some((text("/valueReference/reference"), text("/valueReference/extension/0/valueCode")))
}

#[test]
fn t_72_the_medical_home_is_kept_with_the_reason_for_which_it_is_that_one() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = sites(&clinician);
    let tried = || home(&enrol(&clinician, &episode, true).expect(200));
    let is = |site: &str, why: &str| Some((format!("Organization/{site}"), why.to_owned()));
    // nothing tells which of the two: none is kept, and that is told
    let reply = enrol(&clinician, &episode, true).expect(200);
    assert_eq!(home(&reply), None);
    assert!(part(&reply, "warnings").to_string().contains("Organization/north and Organization/south"));
    visit(&clinician, "v1", "2026-01-10", "b");
    visit(&clinician, "v2", "2026-01-20", "a");
    assert_eq!(tried(), is("north", "most-recent-visit"));
    // the list of the programme decides before the visits
    clinician.store(&json!({ "resourceType": "Group", "id": "atr", "type": "person", "actual": true, "member": [
        { "entity": reference("Patient/p"), "extension": [{ "url": LISTED, "valueReference": reference("Practitioner/b") }] }] }));
    setting(&clinician, json!({ "url": "attributionGroup", "valueReference": reference("Group/atr") }));
    assert_eq!(tried(), is("south", "attribution-list"));
    clinician.delete("/Group/atr").expect(204);
    assert_eq!(tried(), is("north", "most-recent-visit"));
    let reply = enrol(&clinician, &episode, true).expect(200);
    assert!(part(&reply, "warnings").to_string().contains("attribution list Group/atr is not here"));
    for doctor in ["Practitioner/b", "PractitionerRole/b-role", "Organization/south"] {
        name_doctors(&clinician, &[doctor]);
        assert_eq!(tried(), is("south", "general-practitioner"), "{doctor}");
    }
    // a programme that works through medical homes takes it for the one that it needs
    setting(&clinician, json!({ "url": "pcmhRequired", "valueBoolean": true }));
    assert_eq!(tried(), is("south", "general-practitioner"));
    name_doctors(&clinician, &["PractitionerRole/left"]);
    enrol(&clinician, &episode, true).expect_issue(422, "business-rule");
    // what is named holds, and stays as it was when the patient changes
    let mut named = wish("p");
    let site = json!({ "name": "pcmhSite", "valueReference": reference("Organization/north") });
    named["parameter"].as_array_mut().unwrap().push(site);
    let path = format!("/EpisodeOfCare/{episode}/$palliative-enroll");
    app.patient("p").post(&path, &named).expect_issue(403, "forbidden");
    app.with_scope("user/Patient.rs").post(&path, &named).expect(403);
    assert_eq!(home(&clinician.post(&path, &named).expect(200)), is("north", "named"));
    name_doctors(&clinician, &["Organization/south"]);
    let status = clinician.get("/Patient/p/$palliative-status").expect(200).text();
    assert!(status.contains("Organization/north") && !status.contains("Organization/south"), "{status}");
}

#[test]
fn coverages_that_change_while_an_episode_goes_on_are_noted_with_their_days() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = enrolled(&clinician, "p");
    let entries = |reply: &Reply| -> Vec<(String, String, String)> {
        let of = |one: &Value, name: &str, pointer: &str| {
            let parts = one["extension"].as_array().unwrap();
            let part = parts.iter().find(|part| part["url"] == name).unwrap();
            part.pointer(pointer).unwrap().as_str().unwrap().to_owned()
        };
        let all = kept(reply, "coverage-history");
        all.iter()
            .map(|one| {
                (
                    of(one, "coverage", "/valueReference/reference"),
                    of(one, "lob", "/valueCode"),
                    of(one, "since", "/valueDate"),
                )
            })
            .collect()
    };
    let entry =
        |id: &str, line: &str, since: &str| (format!("Coverage/{id}"), line.to_owned(), since.to_owned());
    let first = entry("p-coverage", "medicaid-mc", "2026-03-01");
    let held = act(&clinician, &episode, "hold", because("hold-travel")).expect(200);
    assert_eq!(entries(&held), std::slice::from_ref(&first), "nothing has changed");
    // the same coverage, of another line of business, and then another coverage
    let mut other = coverage("p");
    other["type"]["coding"][0]["code"] = json!("111");
    clinician.put("/Coverage/p-coverage", &other).expect(200);
    let resumed = act(&clinician, &episode, "resume", because("hold-travel")).expect(200);
    let second = entry("p-coverage", "medicare-advantage", "2026-03-01");
    assert_eq!(entries(&resumed), [first.clone(), second.clone()]);
    other["period"]["end"] = json!("2026-02-28");
    clinician.put("/Coverage/p-coverage", &other).expect(200);
    let mut next = coverage("q");
    (next["beneficiary"], next["period"]["start"]) = (reference("Patient/p"), json!("2026-03-01"));
    clinician.store(&next);
    let held = act(&clinician, &episode, "hold", because("hold-travel")).expect(200);
    let third = entry("q-coverage", "medicaid-mc", "2026-03-01");
    assert_eq!(entries(&held), [first, second, third]);
    // the first stays frozen, and no client writes any of it
    assert_eq!(kept(&held, "coverage")[0]["valueReference"]["reference"], "Coverage/p-coverage");
    let path = format!("/EpisodeOfCare/{episode}");
    let mut stored = clinician.get(&path).expect(200).json();
    let url = format!("{OURS}/coverage-history");
    stored["extension"].as_array_mut().unwrap().retain(|one| one["url"] != url.as_str());
    clinician.put(&path, &stored).expect_issue(422, "business-rule");
}

#[test]
fn t_72_an_organization_that_is_no_medical_home_is_none_however_it_is_led_to() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = sites(&clinician);
    let tried = || home(&enrol(&clinician, &episode, true).expect(200));
    let is = |site: &str, why: &str| Some((format!("Organization/{site}"), why.to_owned()));
    clinician.store(&json!({ "resourceType": "Organization", "id": "hospital", "name": "Hospital" }));
    name_doctors(&clinician, &["Organization/hospital"]);
    assert_eq!(tried(), None);
    // beside a medical home it is no second one
    name_doctors(&clinician, &["Organization/hospital", "Organization/north"]);
    assert_eq!(tried(), is("north", "general-practitioner"));
    let mut north = clinician.get("/Organization/north").expect(200).json();
    north["active"] = json!(false);
    clinician.put("/Organization/north", &north).expect(200);
    assert_eq!(tried(), None);
    // one that is only described within a role is none of ours, and stops nothing
    clinician.store(&json!({ "resourceType": "PractitionerRole", "id": "inside", "practitioner": reference("Practitioner/b"),
        "contained": [{ "resourceType": "Organization", "id": "o", "name": "Somewhere" }], "organization": reference("#o") }));
    name_doctors(&clinician, &["PractitionerRole/inside"]);
    assert_eq!(tried(), None);
    name_doctors(&clinician, &["Practitioner/b"]);
    assert_eq!(tried(), is("south", "general-practitioner"));
    enrol(&clinician, &episode, false).expect(200);
}

#[test]
fn t_72_a_list_that_names_a_practitioner_decides_between_organizations() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = sites(&clinician);
    let tried = || home(&enrol(&clinician, &episode, true).expect(200));
    let is = |site: &str, why: &str| Some((format!("Organization/{site}"), why.to_owned()));
    name_doctors(&clinician, &["Organization/north", "Organization/south"]);
    clinician.store(&json!({ "resourceType": "Encounter", "id": "v", "status": "finished", "subject": reference("Patient/p"),
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" },
        "period": { "start": "2026-01-20", "end": "2026-01-20" }, "serviceProvider": reference("Organization/north") }));
    assert_eq!(tried(), is("north", "most-recent-visit"));
    setting(&clinician, json!({ "url": "attributionGroup", "valueReference": reference("Group/atr") }));
    let list = |provider: &str| {
        let member = json!({ "entity": reference("Patient/p"),
            "extension": [{ "url": LISTED, "valueReference": reference(provider) }] });
        json!({ "resourceType": "Group", "id": "atr", "type": "person", "actual": true, "member": [member] })
    };
    // the practitioner of the north works in the south no more
    for (provider, site, why) in [
        ("Practitioner/b", "south", "attribution-list"),
        ("PractitionerRole/b-role", "south", "attribution-list"),
        ("Practitioner/a", "north", "attribution-list"),
        ("PractitionerRole/left", "north", "most-recent-visit"),
    ] {
        clinician.store(&list(provider));
        assert_eq!(tried(), is(site, why), "{provider}");
    }
}

/// The sites of a history, each with its day.
fn history(reply: &Reply) -> Vec<String> {
    let part = |one: &Value, name: &str| {
        let parts = one["extension"].as_array().unwrap();
        parts.iter().find(|part| part["url"] == name).cloned().unwrap_or_default()
    };
    let all = kept(reply, "attributed-pcmh-history");
    let told = all.iter().map(|one| {
        let site = part(one, "site")["valueReference"]["reference"].as_str().unwrap().to_owned();
        format!("{} {site}", part(one, "since")["valueDate"].as_str().unwrap())
    });
    told.collect()
}

#[test]
fn a_later_medical_home_is_noted_with_its_day_by_the_next_step() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = sites(&clinician);
    name_doctors(&clinician, &["Practitioner/a"]);
    let reply = enrol(&clinician, &episode, false).expect(200);
    assert_eq!(history(&reply), ["2026-03-01 Organization/north"]);
    // two, of which a visit tells which it is: visits are read where nothing else tells
    name_doctors(&clinician, &["Practitioner/a", "Practitioner/b"]);
    visit(&clinician, "moved", "2026-03-04", "b");
    app.clock().set(crate::app::START + 10 * 86_400_000_000);
    let on = |day: &str, reason: Option<&str>| {
        let mut inputs = vec![json!({ "name": "effectiveDate", "valueDate": day })];
        inputs.extend(reason.map(|code| {
            json!({ "name": "reason", "valueCoding": { "system": crate::programme::REASON, "code": code } })
        }));
        Value::Array(inputs)
    };
    let held = act(&clinician, &episode, "hold", on("2026-03-05", Some("hold-travel"))).expect(200);
    let both = ["2026-03-01 Organization/north", "2026-03-05 Organization/south"];
    assert_eq!(history(&held), both);
    let frozen = kept(&held, "attributed-pcmh");
    assert_eq!((frozen.len(), &frozen[0]["valueReference"]["reference"]), (1, &json!("Organization/north")));
    let resumed = act(&clinician, &episode, "resume", on("2026-03-07", None)).expect(200);
    assert_eq!(history(&resumed), both, "what stays as it is is not noted again");
    // each day has its own
    for (day, site) in [("2026-03-04", "north"), ("2026-03-05", "south"), ("2026-03-10", "south")] {
        let status = clinician.get(&format!("/Patient/p/$palliative-status?asOf={day}")).expect(200).text();
        assert!(status.contains(&format!("Organization/{site}")), "{day} {status}");
    }
    // an ending notes it too, and no client does
    name_doctors(&clinician, &["Organization/north"]);
    let mut stored = clinician.get(&format!("/EpisodeOfCare/{episode}")).expect(200).json();
    let url = format!("{OURS}/attributed-pcmh-history");
    stored["extension"].as_array_mut().unwrap().retain(|one| one["url"] != url.as_str());
    clinician.put(&format!("/EpisodeOfCare/{episode}"), &stored).expect_issue(422, "business-rule");
    let ending = json!({ "resourceType": "Parameters", "parameter": [{ "name": "endDate", "valueDate": "2026-03-09" },
        { "name": "reason", "valueCoding": { "system": crate::programme::REASON, "code": "patient-request" } },
        { "name": "initiatedBy", "valueCode": "patient" }] });
    let path = format!("/EpisodeOfCare/{episode}/$palliative-disenroll");
    let ended = clinician.post(&path, &ending).expect(200);
    assert_eq!(history(&ended).last().unwrap(), "2026-03-09 Organization/north");
}

#[test]
fn an_attribution_list_that_nothing_in_the_request_is_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let path = "/HealthcareService/default";
    let mut programme = clinician.get(path).expect(200).json();
    let with = |programme: &mut Value, to: &str| {
        let settings = programme["extension"][0]["extension"].as_array_mut().unwrap();
        settings.retain(|one| one["url"] != "attributionGroup");
        settings.push(json!({ "url": "attributionGroup", "valueReference": reference(to) }));
        settings.len() - 1
    };
    let urn = "urn:uuid:0b8a5a52-6f2d-4b0e-8a0e-2f0d9a3c1f11";
    for to in [urn, "urn:oid:1.2.3", "urn:theirs"] {
        let at = with(&mut programme, to);
        let refused = clinician.put(path, &programme).expect_issue(422, "business-rule");
        assert_eq!(
            refused.expressions(),
            [format!("HealthcareService.extension[0].extension[{at}]")],
            "{to}"
        );
    }
    // within a transaction it is what comes with it, where that is a Group
    with(&mut programme, urn);
    let bundle = |resource: Value| {
        let ty = resource["resourceType"].as_str().unwrap().to_owned();
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
            { "fullUrl": urn, "request": { "method": "POST", "url": ty }, "resource": resource },
            { "request": { "method": "PUT", "url": &path[1..] }, "resource": programme }] })
    };
    clinician.post("/", &bundle(json!({ "resourceType": "Patient" }))).expect(422);
    let list = json!({ "resourceType": "Group", "type": "person", "actual": true });
    clinician.post("/", &bundle(list)).expect(200);
    let stored = clinician.get(path).expect(200).text();
    assert!(stored.contains("\"Group/") && !stored.contains(urn), "{stored}");
}

#[test]
fn an_attribution_list_may_be_named_by_a_search_for_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let path = "/HealthcareService/default";
    let programme = |to: &str| {
        let mut programme = clinician.get(path).expect(200).json();
        let settings = programme["extension"][0]["extension"].as_array_mut().unwrap();
        settings.retain(|one| one["url"] != "attributionGroup");
        settings.push(json!({ "url": "attributionGroup", "valueReference": reference(to) }));
        programme
    };
    let search = "Group?identifier=https://plan.example/lists|atr";
    let refused = clinician.put(path, &programme(search));
    assert_eq!(refused.status, 412, "there is none: {}", refused.text());
    clinician.store(&json!({ "resourceType": "Group", "id": "atr", "type": "person", "actual": true,
        "identifier": [{ "system": "https://plan.example/lists", "value": "atr" }] }));
    let stored = clinician.put(path, &programme(search)).expect(200).json();
    let settings = stored["extension"][0]["extension"].as_array().unwrap();
    let named = settings.iter().find(|one| one["url"] == "attributionGroup").unwrap();
    assert_eq!(named["valueReference"]["reference"], "Group/atr");
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "request": { "method": "PUT", "url": &path[1..] }, "resource": programme(search) }] });
    clinician.post("", &bundle).expect(200);
    // a search for anything else names no list
    clinician.store(&json!({ "resourceType": "Patient", "id": "q", "identifier": [{ "value": "q" }] }));
    clinician.put(path, &programme("Patient?identifier=q")).expect_issue(422, "business-rule");
    app.with_scope("user/HealthcareService.cruds")
        .put(path, &programme(search))
        .expect_issue(403, "forbidden");
}
