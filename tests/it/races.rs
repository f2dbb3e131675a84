//! Many clients at once, on two servers over one database: whatever comes first, one result.
//! <https://hl7.org/fhir/R4/http.html#concurrency>

use std::collections::BTreeSet;
use std::sync::Barrier;

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;
use crate::crash::Running;
use crate::database::Database;

/// Two servers on one database.
fn two_servers() -> [TestApp; 2] {
    let first = TestApp::new();
    let url = first.app().config.database_url.clone();
    let second = TestApp::with(|config| config.database_url = url);
    [first, second]
}

/// Does it once for each number, all at the same moment, on either server by turns.
fn at_once<T: Send>(
    servers: &[TestApp; 2],
    count: usize,
    work: impl Fn(usize, Client) -> T + Sync,
) -> Vec<T> {
    let clients = [servers[0].clinician(), servers[1].clinician()];
    with_clients(&clients, count, work)
}

fn with_clients<T: Send>(
    clients: &[Client; 2],
    count: usize,
    work: impl Fn(usize, Client) -> T + Sync,
) -> Vec<T> {
    let start = Barrier::new(count);
    std::thread::scope(|scope| {
        let (start, work) = (&start, &work);
        let one = move |at: usize| {
            start.wait();
            work(at, clients[at % 2].clone())
        };
        let threads: Vec<_> = (0..count).map(|at| scope.spawn(move || one(at))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn patient() -> Value {
    json!({ "resourceType": "Patient", "active": true,
        "identifier": [{ "system": "urn:mrn", "value": "race" }] })
}

/// The same criteria, written in several ways.
const CRITERIA: [&str; 4] = [
    "identifier=urn:mrn|race&active=true",
    "active=true&identifier=urn:mrn|race",
    "active=true&identifier=urn%3Amrn%7Crace&active=true",
    "identifier=urn:mrn|race,urn:mrn|race&active=true",
];

fn create(client: &Client, at: usize) -> Reply {
    client.request("POST", "/Patient").header("if-none-exist", CRITERIA[at % 4]).json(&patient()).send()
}

/// A conditional create with something that refers to it.
fn transaction(client: &Client, at: usize) -> Reply {
    let name = format!("urn:uuid:00000000-0000-4000-8000-{at:012}");
    let goal = json!({ "resourceType": "Goal", "lifecycleStatus": "active", "description": { "text": "home" },
        "subject": { "reference": name } });
    client.post(
        "",
        &json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "fullUrl": name, "resource": patient(),
          "request": { "method": "POST", "url": "Patient", "ifNoneExist": CRITERIA[at % 4] } },
        { "resource": goal, "request": { "method": "POST", "url": "Goal" } },
    ] }),
    )
}

fn update(client: &Client, at: usize) -> Reply {
    client.put(&format!("/Patient?{}", CRITERIA[at % 4]), &patient())
}

fn update_in_transaction(client: &Client, at: usize) -> Reply {
    client.post("", &json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": patient(), "request": { "method": "PUT", "url": format!("Patient?{}", CRITERIA[at % 4]) } },
    ] }))
}

fn the_only_one(servers: &[TestApp; 2]) -> String {
    let mut ids = servers[0].clinician().get("/Patient?identifier=urn:mrn|race").expect(200).ids();
    assert_eq!(ids.len(), 1, "{ids:?}");
    ids.remove(0)
}

#[test]
fn of_many_creates_under_one_condition_one_is_made() {
    let servers = two_servers();
    let replies = at_once(&servers, 32, |at, client| create(&client, at));
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 31, "{statuses:?}");
    let id = the_only_one(&servers);
    assert!(replies.iter().all(|reply| reply.json()["id"] == id.as_str()));
}

#[test]
fn of_many_transactions_under_one_condition_one_makes_it_and_all_refer_to_it() {
    let servers = two_servers();
    for reply in at_once(&servers, 32, |at, client| transaction(&client, at)) {
        reply.expect(200);
    }
    let id = the_only_one(&servers);
    let goals = servers[0].clinician().get(&format!("/Goal?patient={id}&_count=50")).expect(200);
    assert_eq!(goals.ids().len(), 32);
}

#[test]
fn creates_and_updates_under_one_condition_exclude_one_another() {
    let servers = two_servers();
    let replies = at_once(&servers, 32, |at, client| match at % 4 {
        0 => create(&client, at / 4),
        1 => transaction(&client, at / 4),
        2 => update(&client, at / 4),
        _ => update_in_transaction(&client, at / 4),
    });
    for reply in &replies {
        assert!(matches!(reply.status, 200 | 201), "{} {}", reply.status, reply.text());
    }
    let id = the_only_one(&servers);
    let version =
        servers[0].clinician().get(&format!("/Patient/{id}")).expect(200).header("etag").unwrap().to_owned();
    // Each of the 16 updates made a version, one of them or a create before them the first.
    assert!(matches!(version.as_str(), "W/\"16\"" | "W/\"17\""), "{version}");
}

#[test]
fn two_processes_on_one_database_make_one() {
    let database = Database::fresh();
    let servers = [Running::start(database.url()), Running::start(database.url())];
    let clients = servers.each_ref().map(|server| Client::new(server.base.trim_end_matches("/fhir"), None));
    let replies = with_clients(&clients, 32, |at, client| match at % 8 {
        0..=3 => create(&client, at / 4),
        4 | 5 => transaction(&client, at / 4),
        6 => update(&client, at / 4),
        _ => update_in_transaction(&client, at / 4),
    });
    for reply in &replies {
        assert!(matches!(reply.status, 200 | 201), "{} {}", reply.status, reply.text());
    }
    assert_eq!(clients[0].get("/Patient?identifier=urn:mrn|race").expect(200).ids().len(), 1);
    assert!(replies.iter().filter(|reply| reply.status == 201).count() <= 1);
}

#[test]
fn of_deletes_and_updates_under_one_condition_none_fails() {
    let servers = two_servers();
    let replies = at_once(&servers, 24, |at, client| match at % 3 {
        0 => client.delete(&format!("/Patient?{}", CRITERIA[at % 4])),
        1 => update(&client, at),
        _ => create(&client, at),
    });
    for reply in &replies {
        assert!(matches!(reply.status, 200 | 201 | 204), "{} {}", reply.status, reply.text());
    }
    let left = servers[0].clinician().get("/Patient?identifier=urn:mrn|race").expect(200).ids();
    assert!(left.len() <= 1, "{left:?}");
}

/// A rule set of this id, whose name is that of all others.
fn rule_set(id: &str, status: &str) -> Value {
    let copd = json!([{ "url": "kind", "valueCode": "condition" },
        { "url": "valueSet", "valueCanonical": "https://comfrey.health/fhir/ValueSet/vs-copd" }]);
    json!({ "resourceType": "PlanDefinition", "id": id, "url": "https://example.org/PlanDefinition/lung", "version": "1,a",
        "title": "Lung", "status": status,
        "topic": [{ "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/rule-set-kind", "code": "screening" }] }],
        "action": [{ "id": "criteria",
            "condition": [{ "kind": "applicability", "expression": { "language": "text/cql", "expression": "`copd`" } }],
            "action": [{ "id": "copd", "title": "COPD", "description": "The patient has the disease.",
                "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/criterion", "extension": copd }] }] }] })
}

#[test]
fn of_many_rule_sets_of_one_name_one_is_stored() {
    let servers = two_servers();
    // One that is no rule set yet has the name already, and becomes one among the others.
    let mut before = rule_set("lung-0", "draft");
    before.as_object_mut().unwrap().remove("topic");
    servers[0].clinician().store(&before);
    let replies = at_once(&servers, 16, |at, client| {
        let id = format!("lung-{at}");
        let entry = |id: &str| {
            json!({ "resource": rule_set(id, "active"),
            "request": { "method": "PUT", "url": format!("PlanDefinition/{id}") } })
        };
        let bundle =
            |entries: Value| json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        match at % 4 {
            0 | 1 => client.put(&format!("/PlanDefinition/{id}"), &rule_set(&id, "active")),
            2 => client.post("/PlanDefinition", &rule_set(&id, "draft")),
            _ => client.post("", &bundle(json!([entry(&id)]))),
        }
    });
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses.iter().filter(|status| matches!(status, 200 | 201)).count(), 1, "{statuses:?}");
    for reply in replies.into_iter().filter(|reply| reply.status > 201) {
        reply.expect_issue(409, "conflict");
    }
    let stored = servers[1]
        .clinician()
        .get("/PlanDefinition?url=https%3A//example.org/PlanDefinition/lung&topic=screening");
    assert_eq!(stored.expect(200).ids().len(), 1);
}

#[test]
fn no_update_under_if_match_is_lost() {
    const EACH: i64 = 3;
    let servers = two_servers();
    let counter = |value: i64| {
        json!({ "resourceType": "Observation", "id": "counter", "status": "final", "code": { "text": "count" },
            "valueInteger": value })
    };
    servers[0].clinician().store(&counter(0));
    at_once(&servers, 16, |_, client| {
        let mut left = EACH;
        while left > 0 {
            let read = client.get("/Observation/counter").expect(200);
            let next = counter(read.json()["valueInteger"].as_i64().unwrap() + 1);
            let call = client
                .request("PUT", "/Observation/counter")
                .header("if-match", read.header("etag").unwrap());
            let reply = call.json(&next).send();
            assert!(matches!(reply.status, 200 | 412), "{} {}", reply.status, reply.text());
            left -= i64::from(reply.status == 200);
        }
    });
    let last = servers[1].clinician().get("/Observation/counter").expect(200);
    assert_eq!(last.json()["valueInteger"], 16 * EACH);
    assert_eq!(last.header("etag"), Some(format!("W/\"{}\"", 16 * EACH + 1).as_str()));
}

#[test]
fn no_patch_is_lost_though_none_names_a_version() {
    let servers = two_servers();
    servers[0]
        .clinician()
        .store(&json!({ "resourceType": "Patient", "id": "p", "identifier": [{ "value": "0" }] }));
    let replies = at_once(&servers, 32, |at, client| {
        let add = json!([{ "op": "add", "path": "/identifier/-", "value": { "value": at.to_string() } }]);
        client.request("PATCH", "/Patient/p").body("application/json-patch+json", add.to_string()).send()
    });
    for reply in &replies {
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let last = servers[0].clinician().get("/Patient/p").expect(200);
    assert_eq!(last.header("etag"), Some("W/\"33\""));
    let values: BTreeSet<String> =
        last.json()["identifier"].as_array().unwrap().iter().map(|one| one["value"].to_string()).collect();
    assert_eq!(values.len(), 32);
}

#[test]
fn transactions_over_the_same_resources_in_opposite_orders_do_not_block_one_another() {
    let servers = two_servers();
    let put = |ty: &str, id: usize, mark: &str| {
        let resource = json!({ "resourceType": ty, "id": format!("r{id}"), "language": mark });
        json!({ "resource": resource, "request": { "method": "PUT", "url": format!("{ty}/r{id}") } })
    };
    let statuses = at_once(&servers, 12, |at, client| {
        let mut statuses = Vec::new();
        for turn in 0..3 {
            let mark = format!("x-{at}-{turn}");
            let mut entries: Vec<Value> =
                (0..6).flat_map(|id| [put("Patient", id, &mark), put("Practitioner", id, &mark)]).collect();
            if at % 2 == 1 {
                entries.reverse();
            }
            let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
            statuses.push(client.post("", &bundle).status);
        }
        statuses
    });
    let statuses: Vec<u16> = statuses.into_iter().flatten().collect();
    assert!(statuses.iter().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
    assert!(statuses.contains(&200));
    // All of them bear the mark of one and the same transaction.
    let clinician = servers[0].clinician();
    let marks: BTreeSet<String> = (0..6)
        .flat_map(|id| [format!("/Patient/r{id}"), format!("/Practitioner/r{id}")])
        .map(|path| clinician.get(&path).expect(200).json()["language"].to_string())
        .collect();
    assert_eq!(marks.len(), 1, "{marks:?}");
}

/// Two processes on one database, with a person on it who has an identifier.
fn two_with_a_person(database: &Database) -> ([Running; 2], [Client; 2]) {
    let servers = [Running::start(database.url()), Running::start(database.url())];
    let clients = servers.each_ref().map(|server| Client::new(server.base.trim_end_matches("/fhir"), None));
    clients[0].store(&json!({ "resourceType": "Patient", "id": "p", "birthDate": "1950-05-01",
        "identifier": [{ "system": "urn:mrn", "value": "a|b,c" }] }));
    (servers, clients)
}

fn referral(patient: Value) -> Value {
    let mut body = crate::programme::referral();
    body["parameter"][3]["valueDate"] = json!("2024-02-15");
    if !patient.is_null() {
        let list = body["parameter"].as_array_mut().unwrap();
        list.push(json!({ "name": "patient", "valueReference": patient }));
    }
    body
}

#[test]
fn of_32_referrals_of_a_person_on_two_processes_one_opens_the_episode() {
    let database = Database::fresh();
    let (_servers, clients) = two_with_a_person(&database);
    let by_identifier = json!({ "identifier": { "system": "urn:mrn", "value": "a|b,c" } });
    let by_search = json!({ "reference": "Patient?identifier=urn:mrn%7Ca%5C%7Cb%5C,c" });
    let replies = with_clients(&clients, 32, |at, client| match at / 2 % 4 {
        0 => client.post("/Patient/p/$palliative-refer", &referral(json!(null))),
        1 => client.post("/Patient/$palliative-refer", &referral(json!({ "reference": "Patient/p" }))),
        2 => client.post("/Patient/$palliative-refer", &referral(by_identifier.clone())),
        _ => client.post("/Patient/$palliative-refer", &referral(by_search.clone())),
    });
    let created = replies.iter().filter(|reply| reply.status == 201).count();
    let found = replies.iter().filter(|reply| reply.status == 200).count();
    let other = replies.iter().find(|reply| !matches!(reply.status, 200 | 201)).map(Reply::text);
    assert_eq!((created, found), (1, 31), "{other:?}");
    let episodes = clients[0].get("/EpisodeOfCare?patient=Patient/p").expect(200).resources();
    assert_eq!(episodes.len(), 1);
    assert_eq!(episodes[0]["referralRequest"].as_array().unwrap().len(), 32);
    let tasks = clients[1].get("/Task?patient=Patient/p").expect(200).resources();
    assert_eq!(tasks.len(), 1, "one task for the one episode");
}

#[test]
fn one_key_on_two_processes_is_one_referral_and_one_change_of_state() {
    let database = Database::fresh();
    let (_servers, clients) = two_with_a_person(&database);
    let send = |client: &Client, path: &str, body: &Value| {
        client.request("POST", path).header("Idempotency-Key", "the-one").json(body).send()
    };
    let once = |replies: Vec<Reply>, status: u16| {
        for reply in &replies {
            assert_eq!((reply.status, reply.json()), (status, replies[0].json()), "{}", reply.text());
        }
        let first = replies.iter().filter(|reply| reply.header("idempotency-replayed").is_none()).count();
        assert_eq!(first, 1, "one was carried out");
        replies[0].json()
    };
    let body = referral(json!(null));
    let referred = once(
        with_clients(&clients, 16, |_, client| send(&client, "/Patient/p/$palliative-refer", &body)),
        201,
    );
    assert_eq!(clients[0].get("/ServiceRequest?patient=Patient/p").expect(200).ids().len(), 1);
    let id = referred["parameter"][0]["resource"]["id"].as_str().unwrap();
    let path = format!("/EpisodeOfCare/{id}/$palliative-transition");
    let screen = crate::programme::parameters(json!([{ "name": "action", "valueCode": "screen" }]));
    let other = send(&clients[0], &path, &screen).expect_issue(422, "business-rule");
    assert_eq!(other.details(), ["idempotency-mismatch"]);
    let send = |client: &Client| {
        client.request("POST", &path).header("Idempotency-Key", "the-next").json(&screen).send()
    };
    once(with_clients(&clients, 16, |_, client| send(&client)), 200);
    let episode = clients[0].get(&format!("/EpisodeOfCare/{id}")).expect(200).json();
    assert_eq!(episode["meta"]["versionId"], "2", "one change of state");
}

#[test]
fn large_transactions_and_reads_at_the_same_time_are_all_answered() {
    let servers = two_servers();
    servers[0].clinician().put("/Patient/p", &json!({ "resourceType": "Patient", "id": "p" })).expect(201);
    // Large enough to take turns while others read.
    let goal = |writer: usize| {
        json!({ "resourceType": "Goal", "lifecycleStatus": "active", "subject": { "reference": "Patient/p" },
            "description": { "text": format!("{writer} {}", "home ".repeat(100)) } })
    };
    let entry = |writer| json!({ "resource": goal(writer), "request": { "method": "POST", "url": "Goal" } });
    let replies = at_once(&servers, 16, |at, client| {
        if at % 4 < 2 {
            return (0..60).map(|_| client.get("/Patient/p").expect(200)).collect();
        }
        let entries: Vec<Value> = (0..40).map(|_| entry(at)).collect();
        // One of them is refused as a whole.
        let kind = if at == 15 { json!("high") } else { Value::Null };
        let mut bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
        if !kind.is_null() {
            bundle["entry"][39]["resource"]["lifecycleStatus"] = kind;
        }
        vec![client.post("", &bundle)]
    });
    for (at, replies) in replies.iter().enumerate().filter(|(at, _)| at % 4 >= 2) {
        let reply = &replies[0];
        assert_eq!(reply.status, if at == 15 { 422 } else { 200 }, "{}", reply.text());
    }
    let all = servers[0].clinician().get("/Goal?patient=Patient/p&_summary=count").expect(200).json();
    assert_eq!(all["total"], 7 * 40);
}
