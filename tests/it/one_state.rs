//! A transaction that only reads is read of one state, which nobody who writes waits for.
//! <https://hl7.org/fhir/R4/http.html#trules>

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

fn bundle(entries: &[Value]) -> Value {
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

fn get(url: &str) -> Value {
    json!({ "request": { "method": "GET", "url": url } })
}

fn put(id: &str, number: usize) -> Value {
    let patient =
        json!({ "resourceType": "Patient", "id": id, "name": [{ "family": format!("N{number}") }] });
    json!({ "resource": patient, "request": { "method": "PUT", "url": format!("Patient/{id}") } })
}

fn write(client: &Client, number: usize) {
    client.post("", &bundle(&[put("a", number), put("b", number)])).expect(200);
}

#[test]
fn no_reader_sees_half_of_what_was_written_together() {
    let app = TestApp::new();
    let clinician = app.clinician();
    write(&clinician, 0);
    let reads = [
        get("Patient/a"),
        get("Patient?_id=b"),
        get("Patient/a/_history?_count=1"),
        get("Patient/_history?_count=2"),
        get("Patient/b"),
    ];
    let ended = AtomicBool::new(false);
    let (seen, written) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 0;
            while !ended.load(Ordering::SeqCst) {
                number += 1;
                write(&clinician, number);
            }
            number
        });
        let seen: Vec<Value> =
            (0..60).map(|_| clinician.post("", &bundle(&reads)).expect(200).json()).collect();
        ended.store(true, Ordering::SeqCst);
        (seen, writer.join().unwrap())
    });
    assert!(written > 5, "others wrote in between: {written}");
    let mut distinct = std::collections::HashSet::new();
    for answer in seen {
        let part = |at: usize| answer["entry"][at]["resource"].clone();
        let family = |patient: &Value| patient["name"][0]["family"].as_str().unwrap().to_owned();
        let first = family(&part(0));
        assert_eq!(first, family(&part(1)["entry"][0]["resource"]), "{answer}");
        assert_eq!(first, family(&part(2)["entry"][0]["resource"]), "{answer}");
        assert_eq!(first, family(&part(4)), "{answer}");
        // The history of a type ends where a write is under way; it never shows half of one.
        let newest = part(3)["entry"].as_array().unwrap().clone();
        assert_eq!(family(&newest[0]["resource"]), family(&newest[1]["resource"]), "{answer}");
        distinct.insert(first);
    }
    assert!(distinct.len() > 1, "the state moves on");
}

#[test]
fn people_who_are_due_are_evaluated_before_a_transaction_reads_of_them() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for at in 0..5 {
        clinician
            .store(&json!({ "resourceType": "Patient", "id": format!("p{at}"), "birthDate": "1950-01-01" }));
    }
    let path = "$palliative-identify?program=HealthcareService/default&outcomes=not-eligible";
    let answer = clinician.post("", &bundle(&[get(path), get("Patient/p1"), get(path)])).expect(200).json();
    let after = clinician.get(&format!("/{path}")).expect(200).json();
    let summary = |body: &Value| -> Value {
        let parts = body["parameter"].as_array().unwrap();
        parts.iter().find(|part| part["name"] == "summary").unwrap().clone()
    };
    for at in [0, 2] {
        assert_eq!(summary(&answer["entry"][at]["resource"]), summary(&after));
    }
    assert!(summary(&after).to_string().contains('5'), "{after}");
}

#[test]
fn a_transaction_that_only_reads_is_refused_as_its_entries_are() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "1" }));
    clinician.store(&json!({ "resourceType": "Patient", "id": "2" }));
    let both = bundle(&[get("Patient/1"), get("Patient/2")]);
    let reply = clinician.post("", &bundle(&[get("Patient/1"), get("Patient/none")]));
    assert_eq!(reply.expect_issue(404, "not-found").expressions(), ["Bundle.entry[1].request.url"]);
    clinician.post("", &both).expect(200);
    app.patient("1").post("", &both).expect_issue(404, "not-found");
    app.patient("1").post("", &bundle(&[get("Patient/1"), get("Patient?_id=1")])).expect(200);
    app.stranger().post("", &both).expect_issue(403, "forbidden");
    app.anonymous().post("", &both).expect(401);
}

#[test]
fn what_tries_whether_a_write_would_be_taken_is_part_of_it_and_writes_nothing() {
    let app = TestApp::new();
    let clinician = app.clinician();
    clinician.store(&json!({ "resourceType": "Patient", "id": "1" }));
    let judge = |mode: &str, id: &str| {
        json!({ "resource": { "resourceType": "Patient", "id": id },
            "request": { "method": "POST", "url": format!("Patient/$validate?mode={mode}") } })
    };
    let reads = [
        judge("create", "2"),
        get("Patient/1"),
        judge("update", "3"),
        get("Patient/1/$validate?mode=delete"),
        get("Patient?_summary=count"),
    ];
    let answer = clinician.post("", &bundle(&reads)).expect(200).json();
    for at in [0, 2, 3] {
        let issue = &answer["entry"][at]["resource"]["issue"][0];
        assert_eq!(issue["severity"], "information", "{at} {answer}");
    }
    assert_eq!(answer["entry"][4]["resource"]["total"], 1, "{answer}");
    assert_eq!(clinician.get("/Patient").expect(200).ids(), ["1"]);
    // Who may not write is told so by each of them, and others learn nothing.
    let reader = app.with_scope("user/Patient.rs").post("", &bundle(&reads)).expect(200).json();
    assert_eq!(reader["entry"][3]["resource"]["issue"][0]["code"], "forbidden", "{reader}");
    app.stranger().post("", &bundle(&reads)).expect_issue(403, "forbidden");
}
