//! Which resources a search finds, in which order, on how many pages.

use serde_json::Value;
use serde_json::json;

use super::database::Database;
use super::database::query;
use crate::search::Edge;
use crate::search::Position;
use crate::search::Restriction;

pub(super) fn people() -> Vec<Value> {
    vec![
        json!({ "resourceType": "Patient", "id": "ana", "active": true, "gender": "female", "birthDate": "1940-05-06",
            "meta": { "lastUpdated": "2025-03-01T00:00:00Z", "profile": ["http://example.org/Profile/a"], "tag": [{ "code": "demo" }] },
            "identifier": [{ "system": "urn:mrn", "value": "1" }, { "value": "free" }],
            "name": [{ "family": "Nuñez", "given": ["Ana", "María"] }], "address": [{ "city": "Tucson" }] }),
        json!({ "resourceType": "Patient", "id": "bob", "active": false, "gender": "male", "birthDate": "1950",
            "meta": { "lastUpdated": "2025-01-01T00:00:00Z", "profile": ["http://example.org/Profile"] },
            "identifier": [{ "system": "urn:mrn", "value": "2" }, { "system": "urn:other", "value": "1" }],
            "name": [{ "family": "Nunley", "given": ["Bob"] }], "generalPractitioner": [{ "reference": "Practitioner/doc" }] }),
        json!({ "resourceType": "Patient", "id": "cy", "gender": "male",
            "meta": { "lastUpdated": "2025-02-01T00:00:00Z" },
            "name": [{ "family": "a,b|c" }, { "family": "Zed 100%" }] }),
        json!({ "resourceType": "Practitioner", "id": "doc", "name": [{ "family": "House" }],
            "identifier": [{ "system": "urn:npi", "value": "77" }] }),
    ]
}

pub(super) fn records() -> Vec<Value> {
    let observation = |id: &str, patient: &str, code: &str, date: &str, value: Value| {
        json!({ "resourceType": "Observation", "id": id, "status": "final", "effectiveDateTime": date,
            "code": { "coding": [{ "system": "http://loinc.org", "code": code }] },
            "subject": { "reference": format!("Patient/{patient}") }, "valueQuantity": value,
            "performer": [{ "reference": "Practitioner/doc", "identifier": { "system": "urn:npi", "value": "77" } }] })
    };
    let kg = |value: Value| json!({ "value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" });
    let mut all = people();
    all.extend([
        observation("o1", "ana", "w", "2025-01-01", kg(json!(60.5))),
        observation("o2", "ana", "w", "2025-02-01", kg(json!(59))),
        observation("o3", "bob", "w", "2025-01-15", kg(json!(80))),
        observation("o4", "bob", "h", "2025-01-20", json!({ "value": 180, "unit": "cm" })),
        json!({ "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan",
            "subject": { "reference": "Patient/ana" }, "goal": [{ "reference": "Goal/g1" }, { "reference": "Goal/gone" }],
            "instantiatesCanonical": ["http://example.org/PlanDefinition/p|1"] }),
        json!({ "resourceType": "Goal", "id": "g1", "lifecycleStatus": "active", "description": { "text": "walk" },
            "subject": { "reference": "Patient/ana" } }),
    ]);
    all
}

pub(super) fn check(database: &mut Database, table: &[(&str, &[&str])]) {
    for (search, expected) in table {
        let mut found = database.find(search);
        found.sort();
        assert_eq!(found, *expected, "{search}");
    }
}

#[test]
fn texts_and_tokens_match_as_r4_says() {
    let table: &[(&str, &[&str])] = &[
        ("Patient?family=nun", &["ana", "bob"]),
        ("Patient?family=NUÑ", &["ana", "bob"]),
        ("Patient?family:exact=Nuñez", &["ana"]),
        ("Patient?family:exact=nunez", &[]),
        ("Patient?family:contains=NLE", &["bob"]),
        ("Patient?family:contains=100%25", &["cy"]),
        ("Patient?family:contains=1_0", &[]),
        ("Patient?family=unez", &[]),
        ("Patient?name=maria", &["ana"]),
        ("Patient?name=maria,bob", &["ana", "bob"]),
        ("Patient?name=maria&name=nunez", &["ana"]),
        ("Patient?name=maria&name=bob", &[]),
        ("Patient?family=a\\,b\\|c", &["cy"]),
        ("Patient?family=a,b", &["cy"]),
        ("Patient?address=tuc", &["ana"]),
        ("Patient?identifier=urn:mrn|1", &["ana"]),
        ("Patient?identifier=1", &["ana", "bob"]),
        ("Patient?identifier=|free", &["ana"]),
        ("Patient?identifier=|1", &[]),
        ("Patient?identifier=urn:other|", &["bob"]),
        ("Patient?identifier=urn:mrn|1,urn:mrn|2", &["ana", "bob"]),
        ("Patient?identifier=urn%3Amrn%7C1", &["ana"]),
        ("Patient?active=true", &["ana"]),
        ("Patient?active:not=true", &["bob", "cy"]),
        ("Patient?active:missing=true", &["cy"]),
        ("Patient?active:missing=false", &["ana", "bob"]),
        ("Patient?gender=male&active=false", &["bob"]),
        ("Patient?gender:not=male,other", &["ana"]),
        ("Patient?_tag=demo", &["ana"]),
        ("Patient?_profile=http://example.org/Profile", &["bob"]),
        ("Patient?_profile:below=http://example.org/Profile", &["ana", "bob"]),
        ("Patient?_profile:above=http://example.org/Profile/a/b", &["ana", "bob"]),
        ("Patient?_id=ana,cy,nobody", &["ana", "cy"]),
        ("Patient?_id:not=ana", &["bob", "cy"]),
        ("Patient?_id:missing=true", &[]),
        ("Patient?_id:missing=false&gender=female", &["ana"]),
        ("Patient?_lastUpdated:missing=true&gender=female", &[]),
        ("Patient?_lastUpdated:missing=false", &["ana", "bob", "cy"]),
        ("Patient?_lastUpdated=2025-01", &["bob"]),
        ("Patient?_lastUpdated=gt2025-01-31T23:59:59Z", &["ana", "cy"]),
        ("Patient?_lastUpdated=ge2025-02&_lastUpdated=lt2025-03", &["cy"]),
        ("Patient", &["ana", "bob", "cy"]),
        ("Practitioner?name=nun", &[]),
    ];
    check(&mut Database::of(&people()), table);
}

#[test]
fn references_chains_and_quantities_match_as_r4_says() {
    let table: &[(&str, &[&str])] = &[
        ("Observation?patient=ana", &["o1", "o2"]),
        ("Observation?patient=Patient/ana", &["o1", "o2"]),
        ("Observation?patient=https://comfrey.test/fhir/Patient/ana", &["o1", "o2"]),
        ("Observation?patient=https://elsewhere.test/fhir/Patient/ana", &[]),
        ("Observation?subject=ana", &["o1", "o2"]),
        ("Observation?subject:Patient=ana", &["o1", "o2"]),
        ("Observation?subject:Group=ana", &[]),
        ("Observation?patient=ana,bob&code=h", &["o4"]),
        ("Observation?patient=Patient/ana,bob&code=w", &["o1", "o2", "o3"]),
        ("Observation?patient._id:missing=true", &[]),
        ("Observation?patient._id:missing=false&code=h", &["o4"]),
        ("Observation?performer:identifier=urn:npi|77", &["o1", "o2", "o3", "o4"]),
        ("Observation?performer:identifier=urn:npi|78", &[]),
        ("Observation?code=http://loinc.org|w&patient=bob", &["o3"]),
        ("Observation?patient.name=ana", &["o1", "o2"]),
        ("Observation?subject:Patient.family:exact=Nunley", &["o3", "o4"]),
        ("Observation?subject.identifier=urn:mrn|1&code=w", &["o1", "o2"]),
        ("Observation?subject:Patient.general-practitioner:Practitioner.name=house", &["o3", "o4"]),
        ("Observation?patient.active:not=true", &["o3", "o4"]),
        ("Observation?patient._id=bob&date=2025-01-20", &["o4"]),
        ("Patient?_has:Observation:patient:code=h", &["bob"]),
        ("Patient?_has:Observation:patient:code=w", &["ana", "bob"]),
        ("Patient?_has:Observation:patient:date=gt2025-01-31", &["ana"]),
        ("Practitioner?_has:Patient:general-practitioner:_has:Observation:patient:code=h", &["doc"]),
        ("CarePlan?goal=g1", &["plan"]),
        ("CarePlan?instantiates-canonical=http://example.org/PlanDefinition/p", &["plan"]),
        ("CarePlan?instantiates-canonical=http://example.org/PlanDefinition/p\\|1", &["plan"]),
        ("CarePlan?instantiates-canonical=http://example.org/PlanDefinition/p\\|2", &[]),
        ("Observation?value-quantity=60.5", &["o1"]),
        ("Observation?value-quantity=60.49", &[]),
        ("Observation?value-quantity=61", &["o1"]),
        ("Observation?value-quantity=60", &[]),
        ("Observation?value-quantity=gt60|http://unitsofmeasure.org|kg", &["o1", "o3"]),
        ("Observation?value-quantity=gt60||kg", &["o1", "o3"]),
        ("Observation?value-quantity=ge180||cm", &["o4"]),
        ("Observation?value-quantity=ap55||kg", &["o1", "o2"]),
        ("Observation?value-quantity=ne59||kg", &["o1", "o3"]),
    ];
    check(&mut Database::of(&records()), table);
}

#[test]
fn the_order_is_that_of_the_keys_and_nothing_is_lost_between_pages() {
    let mut database = Database::of(&records());
    let table: &[(&str, &[&str])] = &[
        ("Patient", &["cy", "bob", "ana"]),
        ("Patient?_sort=family", &["cy", "ana", "bob"]),
        ("Patient?_sort=active", &["bob", "ana", "cy"]),
        ("Patient?_sort=-active", &["ana", "bob", "cy"]),
        ("Patient?_sort=-active,_id", &["ana", "bob", "cy"]),
        ("Patient?_sort=_profile", &["bob", "ana", "cy"]),
        ("Patient?_sort=-_tag,family", &["ana", "cy", "bob"]),
        ("Patient?_sort=death-date,-_id", &["cy", "bob", "ana"]),
        ("Observation?_sort=patient,-date", &["o2", "o1", "o4", "o3"]),
        ("Observation?_sort=code,-date", &["o4", "o2", "o3", "o1"]),
        ("Observation?_sort=-code,date", &["o1", "o3", "o2", "o4"]),
        ("Observation?_sort=-date,code", &["o2", "o4", "o3", "o1"]),
        ("Patient?_sort=_lastUpdated", &["bob", "cy", "ana"]),
        ("Patient?_sort=-_lastUpdated", &["ana", "cy", "bob"]),
        ("Patient?_sort=_id", &["ana", "bob", "cy"]),
        ("Patient?_sort=birthdate", &["ana", "bob", "cy"]),
        ("Patient?_sort=-birthdate", &["bob", "ana", "cy"]),
        ("Patient?_sort=gender,-family", &["ana", "cy", "bob"]),
        ("Observation?patient=ana,bob&code=w&_sort=-date", &["o2", "o3", "o1"]),
        ("Observation?_sort=-value-quantity", &["o4", "o3", "o1", "o2"]),
        ("Observation?_sort=value-quantity,_id", &["o2", "o1", "o3", "o4"]),
    ];
    for (search, expected) in table {
        assert_eq!(database.find(search), *expected, "{search}");
        let separator = if search.contains('?') { '&' } else { '?' };
        for count in 1..=3 {
            let pages = database.all_pages(&format!("{search}{separator}_count={count}"));
            assert!(pages.iter().all(|page| page.len() <= count && !page.is_empty()), "{search}: {pages:?}");
            assert_eq!(pages.concat(), *expected, "{search} by {count}");
        }
    }
}

#[test]
fn a_page_stays_where_it_was_while_others_write() {
    let mut database = Database::of(&people());
    let first = database.all_pages("Patient?gender=male,female&_count=2");
    assert_eq!(first, [vec!["cy", "bob"], vec!["ana"]]);
    let mut query = query("Patient?gender=male,female&_count=2").unwrap();
    query.edge = Some(Edge::After(Position { keys: Vec::new(), rid: 2 }));
    database.store(&json!({ "resourceType": "Patient", "id": "new", "gender": "male" }));
    assert_eq!(database.ids(&query, &Restriction::none()), ["ana"]);
}

#[test]
fn totals_count_all_matches_and_includes_follow_references() {
    let mut database = Database::of(&records());
    let all = Restriction::none();
    let mut total = |search: &str| database.total(&query(search).unwrap(), &all);
    assert_eq!(total("Observation?_total=accurate&_count=1"), Some(4));
    assert_eq!(total("Observation?code=w&_total=estimate"), Some(3));
    assert_eq!(total("Observation?_summary=count&date=ge2025-01-15"), Some(3));
    assert_eq!(total("Observation?_count=0&identifier=none"), Some(0));
    assert_eq!(total("Observation?patient=ana"), Some(2));
    assert_eq!(total("Observation?patient=ana&_total=none"), None);
    assert_eq!(total("Observation?status=final"), None);
    let mut included = |search: &str| database.included(&query(search).unwrap(), &all);
    assert_eq!(included("CarePlan?patient=ana&_include=CarePlan:goal"), ["Goal/g1"]);
    assert_eq!(included("CarePlan?_include=CarePlan:subject"), ["Patient/ana"]);
    assert_eq!(included("CarePlan?_include=CarePlan:subject:Group"), [] as [&str; 0]);
    assert_eq!(
        included("Patient?_id=ana&_revinclude=Observation:subject:Patient"),
        ["Observation/o1", "Observation/o2"]
    );
    assert_eq!(included("Patient?_id=nobody&_revinclude=Observation:subject"), [] as [&str; 0]);
    let all_of_ana = "Patient?_id=ana&_revinclude=CarePlan:patient&_revinclude=Goal:patient";
    assert_eq!(included(all_of_ana), ["CarePlan/plan", "Goal/g1"]);
    assert_eq!(included("CarePlan?_include=*"), ["Patient/ana", "Goal/g1"]);
    assert_eq!(included("CarePlan?_include=CarePlan:*:Patient"), ["Patient/ana"]);
    let of_ana = ["Observation/o1", "Observation/o2"];
    assert_eq!(included("Patient?_id=ana&_revinclude=Observation:*"), of_ana);
}

#[test]
fn a_search_of_many_matches_walks_and_finds_the_same() {
    let mut database = Database::new();
    database.run_all("BEGIN");
    let encounter = |at: i64| {
        json!({ "resourceType": "Encounter", "id": format!("e{at}"), "status": if at % 30 == 0 { "planned" } else { "finished" },
            "class": { "code": if at % 2 == 0 { "EMER" } else { "AMB" } }, "period": { "start": format!("2024-01-{:02}", at % 28 + 1), "end": "2024-02-01" } })
    };
    (0..450).for_each(|at| database.store(&encounter(at)));
    database.run_all("COMMIT");
    let newest = |step: i64, of: fn(i64) -> bool| -> Vec<String> {
        (0..450)
            .rev()
            .step_by(1)
            .filter(|at| of(*at))
            .take(step.unsigned_abs() as usize)
            .map(|at| format!("e{at}"))
            .collect()
    };
    assert_eq!(database.find("Encounter?status=finished&_count=3"), newest(3, |at| at % 30 != 0));
    assert_eq!(database.find("Encounter?status=planned&_count=3"), newest(3, |at| at % 30 == 0));
    assert_eq!(
        database.find("Encounter?status=planned,finished&class=EMER&_count=3"),
        newest(3, |at| at % 2 == 0)
    );
    assert_eq!(database.find("Encounter?date=ge2024-01-01&_count=3"), newest(3, |_| true));
    assert_eq!(database.find("Encounter?_lastUpdated=gt2024&_count=3"), newest(3, |_| true));
    assert_eq!(
        database.find("Encounter?_lastUpdated=lt2024,gt2024&class=EMER&_count=3"),
        newest(3, |at| at % 2 == 0)
    );
    assert_eq!(database.find("Encounter?date=sa2024-01-20&_count=3"), newest(3, |at| at % 28 + 1 > 20));
    let pages = database.all_pages("Encounter?status=finished&class=EMER&_count=70");
    assert_eq!(pages.concat(), newest(9_999, |at| at % 30 != 0 && at % 2 == 0));
}

#[test]
fn an_identifier_without_a_value_is_sorted_as_if_it_were_not_there() {
    let mut database = Database::new();
    for (id, identifier) in
        [("a", json!([{ "system": "urn:mrn" }])), ("b", json!([{ "value": "1" }])), ("c", json!(null))]
    {
        database.store(&json!({ "resourceType": "Patient", "id": id, "identifier": identifier }));
    }
    assert_eq!(database.find("Patient?_sort=identifier,_id"), ["b", "a", "c"]);
    assert_eq!(database.find("Patient?_sort=-identifier,-_id"), ["b", "c", "a"]);
}
