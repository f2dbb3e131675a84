//! Nobody who is held to one patient can tell another patient who is here from one who is not: whatever is asked, the
//! answer is the same, byte for byte, with its headers, counts and words.
//! <https://hl7.org/fhir/R4/security.html>
//!
//! Each row is sent twice: with the names of Quill, of whom there is something of every kind, and with names of the same
//! length that nothing has.

use comfrey::operations::OPERATIONS;
use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::programme::PROGRAM;
use crate::programme::act;
use crate::programme::enrolled;
use crate::programme::parameters;
use crate::programme::part;
use crate::programme::person;
use crate::programme::refer;

/// A method, a path and a JSON body, or none. What stands behind an `@` differs.
type Row = (&'static str, &'static str, &'static str);

/// Words that only what is Quill's has, and that no row sends.
const SECRET: &str = "Quillsecret";
/// What is the other's name, beside the names by which the rows ask.
const MARKS: [&str; 3] = [SECRET, "qqq", "Quillmark"];

/// What is sent for `@q` (the patient), `@n` (a family name), `@c` (a code), `@e` (an episode), `@j` (a job) and `@r` (a
/// run).
struct Names([String; 6]);

impl Names {
    fn fill(&self, template: &str) -> String {
        let Self([patient, family, code, episode, job, run]) = self;
        let all = [("@q", patient), ("@n", family), ("@c", code), ("@e", episode), ("@j", job), ("@r", run)];
        all.into_iter().fold(template.to_owned(), |text, (sign, name)| text.replace(sign, name))
    }

    /// The same text as it would be with other names.
    fn renamed(&self, other: &Self, text: &str) -> String {
        self.0.iter().zip(&other.0).fold(text.to_owned(), |text, (own, other)| text.replace(own, other))
    }
}

/// Names of the same length that nothing has.
fn nobody(of: &Names) -> Names {
    let Names([_, _, _, episode, job, run]) = of;
    let turned = |text: &str| -> String {
        let turn = |one: char| {
            if one.is_ascii_hexdigit() {
                "fedcba9876543210".chars().nth(one.to_digit(16).unwrap() as usize).unwrap()
            } else {
                one
            }
        };
        text.chars().map(turn).collect()
    };
    let [episode, job, run] = [episode, job, run].map(|text| turned(text));
    Names(["zzz".into(), "Nobodyone".into(), "othercode".into(), episode, job, run])
}

/// p, who was found eligible, and Quill, of whom there is something of each kind.
fn world(app: &TestApp) -> (Names, String) {
    let clinician = app.clinician();
    person(&clinician, "p");
    let own = refer(&clinician, "p");
    act(&clinician, &own, "screen", json!([])).expect(200);
    act(&clinician, &own, "determine", json!([])).expect(200);
    let episode = enrolled(&clinician, "qqq");
    let subject = json!({ "reference": "Patient/qqq" });
    let text = |text: &str| json!({ "text": text });
    for resource in [
        json!({ "resourceType": "Patient", "id": "qqq", "birthDate": "1950-05-01",
            "name": [{ "family": "Quillmark", "given": [SECRET] }],
            "generalPractitioner": [{ "reference": "Practitioner/qqq-gp" }] }),
        json!({ "resourceType": "Practitioner", "id": "qqq-gp", "name": [{ "family": "Quillmark" }] }),
        json!({ "resourceType": "Medication", "id": "qqq-med", "code": text(SECRET) }),
        json!({ "resourceType": "MedicationRequest", "id": "qqq-rx", "status": "active", "intent": "order",
            "subject": subject, "medicationReference": { "reference": "Medication/qqq-med" } }),
        json!({ "resourceType": "Observation", "id": "qqq-obs", "status": "final", "subject": subject,
            "code": { "coding": [{ "system": "urn:codes", "code": "quillcode" }] }, "note": [text(SECRET)],
            "performer": [{ "reference": "Practitioner/qqq-gp" }], "encounter": { "reference": "Encounter/qqq-stay" } }),
        json!({ "resourceType": "Observation", "id": "qqq-gone", "status": "final", "subject": subject,
            "code": text(SECRET) }),
        json!({ "resourceType": "Task", "id": "qqq-task", "status": "requested", "intent": "order",
            "for": subject, "description": SECRET }),
        json!({ "resourceType": "Group", "id": "qqq-group", "type": "person", "actual": true,
            "member": [{ "entity": subject }] }),
        json!({ "resourceType": "Group", "id": "roster", "type": "person", "actual": true,
            "member": [{ "entity": subject }, { "entity": { "reference": "Patient/p" } }] }),
        json!({ "resourceType": "List", "id": "qqq-list", "status": "current", "mode": "working",
            "subject": subject, "entry": [{ "item": { "reference": "Observation/qqq-obs" } }] }),
        json!({ "resourceType": "RelatedPerson", "id": "qqq-rel", "patient": subject,
            "name": [{ "family": SECRET }] }),
        json!({ "resourceType": "ServiceRequest", "id": "qqq-order", "status": "active", "intent": "order",
            "subject": subject, "code": text(SECRET) }),
        json!({ "resourceType": "Binary", "id": "qqq-bin", "contentType": "text/plain", "data": "eWVz",
            "securityContext": subject }),
        json!({ "resourceType": "Flag", "id": "qqq-flag", "status": "active", "subject": subject,
            "code": text(SECRET) }),
    ] {
        clinician.store(&resource);
    }
    clinician.delete("/Observation/qqq-gone").expect(204);
    let record = parameters(json!([{ "name": "record", "valueBoolean": true }]));
    for operation in ["palliative-stratify", "palliative-screen"] {
        clinician.post(&format!("/Patient/qqq/${operation}"), &record).expect(200);
    }
    let plan = format!("/EpisodeOfCare/{episode}/$palliative-careplan");
    clinician.post(&plan, &parameters(json!([{ "name": "mode", "valueCode": "apply" }]))).expect(200);
    let march = parameters(json!([{ "name": "periodStart", "valueDate": "2026-03-01" },
        { "name": "periodEnd", "valueDate": "2026-03-31" }]));
    let run = clinician.post("/EpisodeOfCare/$palliative-payment-months", &march).expect(200);
    let run = part(&run, "runId").as_str().unwrap().to_owned();
    let job = clinician.request("GET", "/Patient/qqq/$everything").header("prefer", "respond-async").send();
    let job = job.expect(202).header("content-location").unwrap().rsplit('/').next().unwrap().to_owned();
    (Names(["qqq".into(), "Quillmark".into(), "quillcode".into(), episode, job, run]), own)
}

/// Everything by which there are two who are held to p, one who has no scope, and one whose time is over.
fn callers(app: &TestApp) -> Vec<(&'static str, Client)> {
    let held = |user: Option<&str>| {
        app.with_claims(json!({ "sub": "one", "scope": "patient/*.cruds", "patient": "p", "fhirUser": user }))
    };
    vec![
        ("the patient", held(Some("Patient/p"))),
        ("who is related to the patient", held(Some("RelatedPerson/p-rel"))),
        ("who treats the patient", held(Some("Practitioner/nurse"))),
        ("an app", held(None)),
        (
            "the patient as a user",
            app.with_claims(json!({ "sub": "two", "scope": "user/*.cruds", "fhirUser": "Patient/p" })),
        ),
        ("who has no scope", app.stranger()),
        ("who has another scope", app.with_scope("system/Slot.rs user/Schedule.rs")),
        ("whose time is over", app.with_claims(json!({ "sub": "one", "scope": "user/*.cruds", "exp": 1 }))),
    ]
}

/// What tells one answer from another, with these names in place of those.
fn told(reply: &Reply, names: Option<(&Names, &Names)>) -> String {
    let mut headers: Vec<String> = reply
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let all = format!("{}\n{}\n{}", reply.status, headers.join("\n"), reply.text());
    names.map_or(all.clone(), |(own, other)| own.renamed(other, &all))
}

fn send(client: &Client, (method, path, body): Row, names: &Names, own: &str) -> Reply {
    let fill = |template: &str| names.fill(&template.replace("@own", own));
    let request = client.request(method, &fill(path));
    match (method, path) {
        (_, path) if path.ends_with("_search") => {
            request.body("application/x-www-form-urlencoded", fill(body)).send()
        }
        ("PATCH", _) => request.body("application/json-patch+json", fill(body)).send(),
        _ if body.is_empty() => request.send(),
        _ => request.json(&serde_json::from_str(&fill(body)).expect("a row's body is JSON")).send(),
    }
}

fn check(rows: &[Row]) {
    let app = TestApp::new();
    let (quill, own) = world(&app);
    let none = nobody(&quill);
    let clinician = app.clinician();
    let before = clinician.get("/_history?_count=0&_total=accurate").expect(200).json()["total"].clone();
    let mut seen = Vec::new();
    for (who, caller) in callers(&app) {
        for row in rows {
            let (of_nobody, of_quill) = (send(&caller, *row, &none, &own), send(&caller, *row, &quill, &own));
            let (expected, found) = (told(&of_nobody, Some((&none, &quill))), told(&of_quill, None));
            if expected != found || found.contains(SECRET) || of_quill.status >= 500 {
                seen.push(format!("{who}: {row:?}\n of nobody {expected}\n of Quill {found}"));
            }
        }
    }
    assert!(seen.is_empty(), "{} differ:\n{}", seen.len(), seen.join("\n\n"));
    let after = clinician.get("/_history?_count=0&_total=accurate").expect(200).json()["total"].clone();
    assert_eq!(after, before, "nothing was written");
}

#[rustfmt::skip]
const READS: &[Row] = &[
    ("GET", "/Patient/@q", ""),
    ("HEAD", "/Patient/@q", ""),
    ("GET", "/Patient/@q?_summary=true", ""),
    ("GET", "/Patient/@q/_history", ""),
    ("GET", "/Patient/@q/_history/1", ""),
    ("GET", "/Patient/@q/_history/99", ""),
    ("GET", "/Observation/@q-obs", ""),
    ("GET", "/Observation/@q-gone", ""),
    ("GET", "/Observation/@q-gone/_history", ""),
    ("GET", "/Observation/@q-gone/_history/2", ""),
    ("GET", "/EpisodeOfCare/@e", ""),
    ("GET", "/EpisodeOfCare/@e/_history", ""),
    ("GET", "/Practitioner/@q-gp", ""),
    ("GET", "/Practitioner/@q-gp/_history", ""),
    ("GET", "/Medication/@q-med", ""),
    ("GET", "/MedicationRequest/@q-rx", ""),
    ("GET", "/Task/@q-task", ""),
    ("GET", "/Group/@q-group", ""),
    ("GET", "/List/@q-list", ""),
    ("GET", "/RelatedPerson/@q-rel", ""),
    ("GET", "/Binary/@q-bin", ""),
    ("GET", "/Flag/@q-flag", ""),
    ("GET", "/async/@j", ""),
    ("DELETE", "/async/@j", ""),
    ("POST", "/", r#"{"resourceType":"Bundle","type":"batch","entry":[
        {"request":{"method":"GET","url":"Patient/@q"}},{"request":{"method":"GET","url":"Observation?patient=@q"}},
        {"request":{"method":"GET","url":"Observation/@q-obs/_history/1"}}]}"#),
];

#[rustfmt::skip]
const SEARCHES: &[Row] = &[
    ("GET", "/Patient?family=@n", ""),
    ("GET", "/Patient?_id=@q,p&_total=accurate", ""),
    ("GET", "/Patient?_id=@q&_summary=count", ""),
    ("GET", "/Patient?name:contains=@n&_count=0", ""),
    ("GET", "/Patient?_content=@n", ""),
    ("GET", "/Patient?_filter=family%20eq%20%22@n%22", ""),
    ("GET", "/Patient?_filter=_id%20eq%20%22@q%22%20or%20_id%20eq%20%22p%22", ""),
    ("GET", "/Patient?general-practitioner=Practitioner/@q-gp", ""),
    ("GET", "/Patient?general-practitioner.family=@n", ""),
    ("GET", "/Patient?_has:Observation:patient:code=@c", ""),
    ("GET", "/Patient?_has:Group:member:_id=@q-group", ""),
    ("GET", "/Observation?_list=@q-list", ""),
    ("GET", "/Observation?patient=@q", ""),
    ("GET", "/Observation?patient=@q&_total=accurate&_sort=-date", ""),
    ("GET", "/Observation?patient=@q,p&_total=accurate&_sort=-date", ""),
    ("GET", "/Observation?subject:Patient.family=@n", ""),
    ("GET", "/Observation?code=@c&_summary=count", ""),
    ("GET", "/Observation?code=@c&_sort=_lastUpdated", ""),
    ("GET", "/Observation?performer=Practitioner/@q-gp", ""),
    ("GET", "/Observation?performer:Practitioner.family=@n", ""),
    ("GET", "/Observation?_id=@q-obs&_include=*&_revinclude=Provenance:target", ""),
    ("GET", "/Observation?_filter=code%20eq%20%22@c%22", ""),
    ("GET", "/MedicationRequest?patient=@q&_include=MedicationRequest:medication", ""),
    ("GET", "/Medication?_has:MedicationRequest:medication:patient=@q", ""),
    ("GET", "/Practitioner?family=@n", ""),
    ("GET", "/Practitioner?_has:Patient:general-practitioner:family=@n", ""),
    ("GET", "/Practitioner?_id=@q-gp&_revinclude=Patient:general-practitioner", ""),
    ("GET", "/Group?member=Patient/@q", ""),
    ("GET", "/Task?patient=@q", ""),
    ("GET", "/EpisodeOfCare?patient=@q", ""),
    ("GET", "/EpisodeOfCare?_id=@e,@own&_total=accurate", ""),
    ("GET", "/CarePlan?subject:Patient.family=@n", ""),
    ("GET", "/CarePlan?patient=@q&_include=CarePlan:goal", ""),
    ("GET", "/RiskAssessment?patient=@q", ""),
    ("GET", "/GuidanceResponse?patient=@q", ""),
    ("GET", "/AuditEvent?patient=@q", ""),
    ("GET", "/AuditEvent?entity=Patient/@q", ""),
    ("GET", "/Provenance?patient=@q", ""),
    ("GET", "/Provenance?target=EpisodeOfCare/@e", ""),
    ("GET", "/RelatedPerson?patient=@q", ""),
    ("GET", "/?_type=Patient,Observation&_id=@q,@q-obs", ""),
    ("POST", "/Patient/_search", "family=@n&_total=accurate"),
    ("POST", "/_search", "_type=Patient,Observation&_id=@q,@q-obs"),
    ("GET", "/Patient/@q/Observation", ""),
    ("GET", "/Patient/@q/*", ""),
    ("POST", "/Patient/@q/_search", ""),
    ("POST", "/Patient/@q/Observation/_search", "code=@c"),
    ("GET", "/Practitioner/@q-gp/Observation", ""),
    ("GET", "/Encounter/@q-stay/Observation", ""),
    ("GET", "/RelatedPerson/@q-rel/*", ""),
];

#[rustfmt::skip]
const WRITES: &[Row] = &[
    ("PUT", "/Patient/@q", r#"{"resourceType":"Patient","id":"@q"}"#),
    ("PUT", "/Patient?family=@n", r#"{"resourceType":"Patient"}"#),
    ("PATCH", "/Patient/@q", r#"[{"op":"replace","path":"/active","value":true}]"#),
    ("PATCH", "/Observation?code=@c", r#"[{"op":"replace","path":"/status","value":"amended"}]"#),
    ("DELETE", "/Patient/@q", ""),
    ("DELETE", "/Observation/@q-obs", ""),
    ("DELETE", "/Observation/@q-gone", ""),
    ("DELETE", "/Observation?code=@c", ""),
    ("PUT", "/Observation/@q-obs", r#"{"resourceType":"Observation","id":"@q-obs","status":"final","code":{"text":"x"},
        "subject":{"reference":"Patient/p"}}"#),
    ("POST", "/Observation", r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},
        "subject":{"reference":"Patient/@q"}}"#),
    ("POST", "/Observation", r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},
        "subject":{"reference":"Patient?family=@n"}}"#),
    ("POST", "/", r#"{"resourceType":"Bundle","type":"transaction","entry":[
        {"request":{"method":"DELETE","url":"Observation/@q-obs"}}]}"#),
    ("POST", "/", r#"{"resourceType":"Bundle","type":"transaction","entry":[
        {"request":{"method":"DELETE","url":"Observation?code=@c"}},{"request":{"method":"GET","url":"Patient/@q"}}]}"#),
];

#[rustfmt::skip]
const CALLS: &[(&str, &[Row])] = &[
    ("validate", &[
        ("GET", "/Patient/@q/$validate", ""),
        ("POST", "/Observation/$validate", r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/@q"}}"#),
        ("POST", "/Patient/@q/$validate", r#"{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"delete"}]}"#),
    ]),
    ("Patient-everything", &[
        ("GET", "/Patient/@q/$everything", ""),
        ("GET", "/Patient/@q/$everything?_since=2020-01-01T00:00:00Z&_type=Observation&_count=1", ""),
    ]),
    ("Encounter-everything", &[("GET", "/Encounter/@q-stay/$everything", "")]),
    ("EpisodeOfCare-everything", &[("GET", "/EpisodeOfCare/@e/$everything", "")]),
    ("ValueSet-expand", &[("GET", "/ValueSet/$expand?url=urn:@q", "")]),
    ("ValueSet-validate-code", &[("GET", "/ValueSet/$validate-code?url=urn:@q&code=@c&system=urn:codes", "")]),
    ("CodeSystem-validate-code", &[("GET", "/CodeSystem/$validate-code?url=urn:codes&code=@c", "")]),
    ("CodeSystem-lookup", &[("GET", "/CodeSystem/$lookup?system=urn:codes&code=@c", "")]),
    ("meta", &[("GET", "/Patient/@q/$meta", ""), ("GET", "/Observation/@q-obs/_history/1/$meta", "")]),
    ("meta-add", &[("POST", "/Patient/@q/$meta-add", r#"{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"x"}]}}]}"#)]),
    ("meta-delete", &[("POST", "/Patient/@q/$meta-delete", r#"{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"x"}]}}]}"#)]),
    ("palliative-screen", &[
        ("GET", "/Patient/@q/$palliative-screen", ""),
        ("GET", "/Patient/$palliative-screen?patient=Patient/@q", ""),
        ("POST", "/Patient/@q/$palliative-screen", r#"{"resourceType":"Parameters","parameter":[{"name":"record","valueBoolean":true}]}"#),
        ("POST", "/Patient/p/$palliative-screen", r#"{"resourceType":"Parameters","parameter":[{"name":"resource","resource":
            {"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"MedicationRequest","id":"m",
            "status":"active","intent":"order","subject":{"reference":"Patient/p"},"medicationReference":{"reference":"Medication/@q-med"}}}]}}]}"#),
        ("GET", "/Patient/p/$palliative-screen?program=HealthcareService/@q", ""),
    ]),
    ("palliative-stratify", &[
        ("GET", "/Patient/@q/$palliative-stratify", ""),
        ("POST", "/Patient/@q/$palliative-stratify", r#"{"resourceType":"Parameters","parameter":[{"name":"record","valueBoolean":true}]}"#),
    ]),
    ("palliative-gaps", &[("GET", "/Patient/@q/$palliative-gaps", "")]),
    ("Group-palliative-gaps", &[
        ("GET", "/Group/@q-group/$palliative-gaps", ""),
        ("GET", "/Group/$palliative-gaps?group=Group/@q-group", ""),
    ]),
    ("palliative-identify", &[
        ("GET", "/$palliative-identify?group=Group/@q-group", ""),
        ("GET", "/Group/@q-group/$palliative-identify", ""),
    ]),
    ("palliative-refer", &[
        ("POST", "/Patient/@q/$palliative-refer", r#"{"resourceType":"Parameters","parameter":[
            {"name":"program","valueReference":{"reference":"HealthcareService/default"}},
            {"name":"requester","valueReference":{"reference":"Patient/@q"}},{"name":"source","valueCode":"self"},
            {"name":"receivedDate","valueDate":"2026-02-15"}]}"#),
        ("POST", "/Patient/p/$palliative-refer", r#"{"resourceType":"Parameters","parameter":[
            {"name":"program","valueReference":{"reference":"HealthcareService/default"}},
            {"name":"requester","valueReference":{"reference":"RelatedPerson/@q-rel"}},{"name":"source","valueCode":"caregiver"},
            {"name":"receivedDate","valueDate":"2026-02-15"}]}"#),
        ("POST", "/Patient/$palliative-refer", r#"{"resourceType":"Parameters","parameter":[
            {"name":"patient","valueReference":{"reference":"Patient/@q"}},
            {"name":"program","valueReference":{"reference":"HealthcareService/default"}},
            {"name":"requester","valueReference":{"reference":"Patient/p"}},{"name":"source","valueCode":"self"},
            {"name":"receivedDate","valueDate":"2026-02-15"},
            {"name":"serviceRequest","valueReference":{"reference":"ServiceRequest/@q-order"}}]}"#),
    ]),
    ("palliative-transition", &[
        ("POST", "/EpisodeOfCare/@e/$palliative-transition", r#"{"resourceType":"Parameters","parameter":[{"name":"action","valueCode":"discharge"}]}"#),
        ("POST", "/EpisodeOfCare/@own/$palliative-transition", r#"{"resourceType":"Parameters","parameter":[{"name":"action","valueCode":"consent"},
            {"name":"consent","valueReference":{"reference":"Consent/@q-consent"}},{"name":"decidedBy","valueCode":"patient"}]}"#),
        ("POST", "/EpisodeOfCare/@own/$palliative-transition", r#"{"resourceType":"Parameters","parameter":[{"name":"action","valueCode":"determine"},
            {"name":"screenResult","valueReference":{"reference":"GuidanceResponse/@q-result"}}]}"#),
    ]),
    ("palliative-enroll", &[
        ("POST", "/EpisodeOfCare/@e/$palliative-enroll", r#"{"resourceType":"Parameters","parameter":[{"name":"startDate","valueDate":"2026-03-01"},
            {"name":"setting","valueCode":"home"},{"name":"coverage","valueReference":{"reference":"Coverage/@q-coverage"}}]}"#),
        ("POST", "/EpisodeOfCare/@own/$palliative-enroll", r#"{"resourceType":"Parameters","parameter":[{"name":"startDate","valueDate":"2026-03-01"},
            {"name":"setting","valueCode":"home"},{"name":"coverage","valueReference":{"reference":"Coverage/@q-coverage"}},
            {"name":"careTeam","valueReference":{"reference":"CareTeam/@q-team"}},{"name":"consent","valueReference":{"reference":"Consent/@q-consent"}}]}"#),
    ]),
    ("palliative-disenroll", &[
        ("POST", "/EpisodeOfCare/@e/$palliative-disenroll", r#"{"resourceType":"Parameters","parameter":[{"name":"endDate","valueDate":"2026-03-01"},
            {"name":"reason","valueCoding":{"system":"https://comfrey.health/fhir/CodeSystem/palliative-reason","code":"patient-request"}},
            {"name":"initiatedBy","valueCode":"patient"}]}"#),
    ]),
    ("palliative-status", &[
        ("GET", "/Patient/@q/$palliative-status", ""),
        ("GET", "/Patient/p/$palliative-status?program=HealthcareService/@q", ""),
    ]),
    ("palliative-careplan", &[
        ("POST", "/EpisodeOfCare/@e/$palliative-careplan", r#"{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"check"}]}"#),
        ("POST", "/Patient/@q/$palliative-careplan", r#"{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"draft"}]}"#),
        ("POST", "/Patient/p/$palliative-careplan", r#"{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"draft"},
            {"name":"episode","valueReference":{"reference":"EpisodeOfCare/@e"}}]}"#),
    ]),
    ("palliative-payment-months", &[
        ("POST", "/EpisodeOfCare/$palliative-payment-months", r#"{"resourceType":"Parameters","parameter":[{"name":"periodStart","valueDate":"2026-03-01"},
            {"name":"periodEnd","valueDate":"2026-03-31"},{"name":"patient","valueReference":{"reference":"Patient/@q"}}]}"#),
        ("POST", "/EpisodeOfCare/$palliative-payment-months?_format=text/csv", r#"{"resourceType":"Parameters","parameter":[{"name":"periodStart","valueDate":"2026-03-01"},
            {"name":"periodEnd","valueDate":"2026-03-31"},{"name":"previousRun","valueString":"@r"}]}"#),
    ]),
    ("Measure-evaluate-measure", &[
        ("GET", "/Measure/$evaluate-measure?measure=days-at-home&periodStart=2026-01-01&periodEnd=2026-03-31&subject=Patient/@q", ""),
        ("GET", "/Measure/$evaluate-measure?measure=days-at-home&periodStart=2026-01-01&periodEnd=2026-03-31&subject=Group/@q-group", ""),
    ]),
];

/// One who sees all is told another thing of Quill than of nobody: else the row could not fail.
fn each_can_fail(rows: &[Row]) {
    let app = TestApp::new();
    let (quill, own) = world(&app);
    let (none, clinician) = (nobody(&quill), app.clinician());
    let is_empty = |row: &Row| {
        let (of_nobody, of_quill) =
            (send(&clinician, *row, &none, &own), send(&clinician, *row, &quill, &own));
        told(&of_nobody, Some((&none, &quill))) == told(&of_quill, None)
    };
    let empty: Vec<&Row> = rows.iter().filter(|row| row.0 != "DELETE").filter(|row| is_empty(row)).collect();
    assert!(empty.is_empty(), "{empty:#?}");
}

#[test]
fn no_read_tells_of_another_patient() {
    check(READS);
    each_can_fail(READS);
}

#[test]
fn no_search_tells_of_another_patient() {
    check(SEARCHES);
    each_can_fail(SEARCHES);
}

#[test]
fn no_write_tells_of_another_patient() {
    check(WRITES);
}

#[test]
fn no_operation_tells_of_another_patient_and_each_has_its_rows() {
    let mut known: Vec<&str> = CALLS.iter().map(|(name, _)| *name).collect();
    let mut offered: Vec<&str> = OPERATIONS.iter().map(|operation| operation.definition).collect();
    known.sort_unstable();
    offered.sort_unstable();
    assert_eq!(known, offered, "an operation has no row here, or a row no operation");
    let rows: Vec<Row> = CALLS.iter().flat_map(|(_, rows)| rows.iter().copied()).collect();
    check(&rows);
}

#[test]
fn what_shows_all_that_one_may_see_shows_nothing_of_another_patient() {
    let app = TestApp::new();
    let (Names([.., episode, _, _]), own) = world(&app);
    assert!(PROGRAM.starts_with("HealthcareService/"));
    for (who, caller) in callers(&app).into_iter().take(5) {
        for path in [
            "/?_count=1000",
            "/_history?_count=1000",
            "/Patient?_revinclude=Observation:*&_revinclude=Patient:*&_revinclude=Encounter:*&_count=1000",
            "/Observation/_history",
            "/Patient/$everything?_count=1000",
            "/Patient/p/$everything?_count=1000",
            "/Encounter?_include=*&_revinclude=Observation:*",
            "/EpisodeOfCare?_include=*&_revinclude=Provenance:target",
            "/Organization?_revinclude=EpisodeOfCare:organization",
            "/Practitioner?_revinclude=Patient:*&_revinclude=CareTeam:*",
            "/AuditEvent?_include=*",
            "/Provenance?_include=*",
            "/$meta",
            "/Patient/p/$palliative-status",
        ] {
            let reply = caller.get(path);
            let text = reply.text();
            let mark = MARKS.into_iter().chain([episode.as_str()]).find(|mark| text.contains(mark));
            assert_eq!(mark, None, "{who} {path}");
            assert!(reply.status == 200 || reply.status == 403, "{who} {path} {text}");
        }
        let seen = caller.get("/EpisodeOfCare").expect(200);
        let ids: Vec<Value> = seen.resources().iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, [json!(own)], "{who}");
    }
}
