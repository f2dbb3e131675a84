//! Searches for what stands in other resources, and chains that lead there.

use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::json;

use super::PARAMETERS;
use super::database::Database;
use super::database::query;
use super::visibility::only;
use crate::fhir::ResourceType;
use crate::search::Restriction;
use crate::search::beginnings;
use crate::search::contained;
use crate::search::plan;
use crate::search::rows;

pub(super) fn medicine(id: &str, code: &str, status: &str) -> Value {
    json!({ "resourceType": "Medication", "id": id, "status": status, "code": { "coding": [{ "code": code }] } })
}

pub(super) fn order(id: &str, patient: &str, mut inside: Vec<Value>) -> Value {
    if let Some(first) = inside.first_mut() {
        first["manufacturer"] = json!({ "reference": "#maker" });
    }
    inside.push(json!({ "resourceType": "Organization", "id": "maker", "name": format!("Maker of {id}"),
        "address": [{ "city": "Ulm" }] }));
    json!({ "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order",
        "medicationReference": { "reference": "#m1" }, "subject": { "reference": format!("Patient/{patient}") },
        "contained": inside })
}

/// Stored in this order, so that the number of the first is 1.
pub(super) fn records() -> Vec<Value> {
    vec![
        order("r1", "ana", vec![medicine("m1", "a", "active")]),
        order("r2", "bob", vec![medicine("m1", "b", "active"), medicine("m2", "a", "inactive")]),
        medicine("own", "a", "active"),
        json!({ "resourceType": "Patient", "id": "ana", "name": [{ "family": "Ash" }],
            "meta": { "lastUpdated": "2025-05-01T00:00:00Z" },
            "contained": [{ "resourceType": "Condition", "id": "c", "subject": { "reference": "#" },
                "code": { "coding": [{ "code": "pain" }] }, "onsetDateTime": "2024-02-01" }] }),
        json!({ "resourceType": "Observation", "id": "o1", "status": "final", "code": { "coding": [{ "code": "x" }] },
            "subject": { "reference": "#pp" }, "contained": [{ "resourceType": "Patient", "id": "pp",
                "name": [{ "family": "Hidden" }], "generalPractitioner": [{ "reference": "Practitioner/d" }] }] }),
        json!({ "resourceType": "Practitioner", "id": "d", "name": [{ "family": "Doctor" }] }),
    ]
}

#[test]
fn a_container_is_found_once_by_what_one_of_its_contained_resources_has() {
    let mut database = Database::of(&records());
    let table: [(&str, &[&str]); 28] = [
        ("Medication?code=a", &["own"]),
        ("Medication?code=a&_contained=false", &["own"]),
        ("Medication?code=a&_contained=true", &["r2", "r1"]),
        ("Medication?code=a&_contained=both", &["own", "r2", "r1"]),
        ("Medication?_contained=true", &["r2", "r1"]),
        ("Medication?_contained=both", &["own", "r2", "r1"]),
        // The two conditions meet in the second order, but in no one medication of it.
        ("Medication?code=a&status=active&_contained=true", &["r1"]),
        ("Medication?code:not=a&_contained=true", &["r2"]),
        ("Medication?code=b,a&status:not=active&_contained=true", &["r2"]),
        ("Medication?_id=m2&_contained=true", &["r2"]),
        ("Medication?_id=m2,own&_contained=both", &["own", "r2"]),
        ("Medication?_filter=code eq b and status eq active&_contained=true", &["r2"]),
        ("Medication?manufacturer:missing=true&_contained=true", &["r2"]),
        ("Medication?manufacturer.name=maker of r1&_contained=true", &["r1"]),
        ("Organization?address=ulm&_contained=true", &["r2", "r1"]),
        ("Patient?name=hidden", &[]),
        ("Patient?name=hidden&_contained=true", &["o1"]),
        ("Patient?general-practitioner.name=doctor&_contained=true", &["o1"]),
        ("Patient?_contained=both", &["o1", "ana"]),
        ("Condition?subject=Patient/ana&_contained=true", &["ana"]),
        ("Condition?subject:Patient.name=ash&_contained=true", &["ana"]),
        // `#` is the patient, although nothing says so but the patient.
        ("Condition?patient.name=ash&_contained=true", &["ana"]),
        ("Condition?patient:missing=false&_contained=true", &["ana"]),
        ("Condition?patient:missing=true&_contained=true", &[]),
        ("Condition?onset-date=2024-02&_contained=true", &["ana"]),
        ("Condition?_lastUpdated=2025-05-01&_contained=true", &["ana"]),
        ("Condition?_lastUpdated=lt2025-05-01&_contained=true", &[]),
        ("Patient?name=ash&_contained=true", &[]),
    ];
    for (search, expected) in table {
        assert_eq!(database.find(search), expected, "{search}");
        let query = query(&format!("{search}&_total=accurate")).unwrap();
        assert_eq!(database.total(&query, &Restriction::none()), Some(expected.len() as i64), "{search}");
    }
}

#[test]
fn a_chain_leads_into_what_stands_in_the_same_resource() {
    let mut database = Database::of(&[
        records(),
        vec![
            json!({ "resourceType": "MedicationRequest", "id": "r3", "status": "active", "intent": "order",
            "medicationReference": { "reference": "Medication/own" }, "subject": { "reference": "Patient/ana" },
            // Nothing refers to it.
            "contained": [medicine("m1", "b", "active")] }),
        ],
    ]
    .concat());
    let table: [(&str, &[&str]); 20] = [
        ("MedicationRequest?medication.code=a", &["r3", "r1"]),
        ("MedicationRequest?medication.code=b", &["r2"]),
        ("MedicationRequest?medication:Medication.status=active", &["r3", "r2", "r1"]),
        ("MedicationRequest?medication:Medication.manufacturer.name=maker of r2", &["r2"]),
        ("MedicationRequest?medication.code=a&subject=Patient/ana", &["r3", "r1"]),
        ("MedicationRequest?medication.code:not=a", &["r2"]),
        ("MedicationRequest?medication:missing=true", &[]),
        // A fragment is no id of a resource.
        ("MedicationRequest?medication._id=m1", &[]),
        ("MedicationRequest?medication._id=own", &["r3"]),
        ("MedicationRequest?medication=m1", &[]),
        ("Observation?subject:Patient.name=hidden", &["o1"]),
        ("Observation?subject:Patient.general-practitioner.name=doctor", &["o1"]),
        // The fragment does not say that it means a patient; what it means does.
        ("Observation?patient.name=hidden", &["o1"]),
        ("Observation?patient:Patient.name=hidden&status=final", &["o1"]),
        ("Observation?patient.gender:not=male", &["o1"]),
        ("Observation?patient.general-practitioner.name=doctor", &["o1"]),
        (
            "Observation?patient.general-practitioner:Practitioner._has:Patient:general-practitioner:name=x",
            &[],
        ),
        ("Observation?patient:missing=false", &["o1"]),
        ("Observation?patient:missing=true", &[]),
        ("Observation?_filter=patient pr true and not (patient.name eq Ash)", &["o1"]),
    ];
    for (search, expected) in table {
        assert_eq!(database.find(search), expected, "{search}");
    }
}

#[test]
fn contained_resources_come_by_themselves_where_that_is_asked_for_after_those_of_their_own() {
    let mut database = Database::of(&records());
    let none = Restriction::none();
    let mut places = |search: &str| -> Vec<(String, Option<i64>)> {
        let query = query(search).unwrap();
        let rows = database.rows(&plan(&super::PARAMETERS, &query, &none).unwrap());
        rows.into_iter()
            .map(|((rid, _, id, ..), _)| (id, contained::at(rid).map(|(_, place)| place)))
            .collect()
    };
    let only = "_containedType=contained";
    let (first, second) = (("r1".to_owned(), Some(0)), ("r2".to_owned(), Some(1)));
    let own = ("own".to_owned(), None);
    assert_eq!(places(&format!("Medication?code=a&_contained=true&{only}")), [second.clone(), first.clone()]);
    let both = format!("Medication?code=a&_contained=both&{only}");
    assert_eq!(places(&both), [own.clone(), second.clone(), first.clone()]);
    assert_eq!(places(&format!("{both}&_sort=status,-_id")), [own.clone(), first.clone(), second.clone()]);
    assert_eq!(places(&format!("{both}&_sort=-status")), [second.clone(), own.clone(), first.clone()]);
    let all = places(&format!("Medication?_contained=true&{only}&_sort=code"));
    assert_eq!(all, [first, second, ("r2".to_owned(), Some(0))]);
    let total = query(&format!("{both}&_total=accurate")).unwrap();
    assert_eq!(database.total(&total, &none), Some(3));
}

#[test]
fn a_page_of_contained_resources_does_not_carry_their_containers() {
    let mut database = Database::of(&records());
    let query = query("Medication?code=a&_contained=both&_containedType=contained").unwrap();
    let rows = database.rows(&plan(&super::PARAMETERS, &query, &Restriction::none()).unwrap());
    let bodies: Vec<bool> = rows.iter().map(|((.., body), _)| body.is_some()).collect();
    assert_eq!(bodies, [true, false, false]);
}

#[test]
fn a_row_that_is_left_of_another_type_finds_nothing() {
    let mut database = Database::of(&records());
    let organization = super::ty("Organization").number();
    database.run_all(&format!("UPDATE contained SET type = {organization} WHERE id = 'm2'"));
    assert_eq!(database.find("Medication?code=a&_contained=true"), ["r1"]);
    assert_eq!(database.find("Medication?_contained=true&_containedType=contained"), ["r2", "r1"]);
}

#[test]
fn what_is_contained_is_found_whatever_its_type_and_a_fragment_means_the_first_with_its_id() {
    for ty in ResourceType::all() {
        let resource = json!({ "resourceType": "Basic", "id": "b", "subject": { "reference": "#x" },
            "contained": [{ "resourceType": "Unknown", "id": "x" }, { "resourceType": ty.name(), "id": "x" },
                { "resourceType": "Basic", "id": "x" }] });
        let rows = rows(&super::PARAMETERS, &resource, &TimeZone::UTC);
        let first = rows.contained.first().unwrap();
        assert_eq!((first.place, first.ty, first.id.as_str()), (1, Some(ty.number()), "x"));
        let linked: Vec<i64> = rows.references.iter().map(|row| row.target_type).collect();
        assert!(!linked.is_empty() && linked.iter().all(|meant| *meant == contained::target(ty.number())));
    }
    let each = ResourceType::all().map(|ty| {
        json!({ "resourceType": "Basic", "id": ty.name(), "contained": [{ "resourceType": ty.name(), "id": "x" }] })
    });
    let mut database = Database::of(&each.collect::<Vec<_>>());
    for ty in ResourceType::all() {
        assert_eq!(database.find(&format!("{ty}?_contained=true")), [ty.name()]);
    }
}

#[test]
fn a_chain_from_what_is_contained_begins_at_its_end() {
    let begins = |search: &str| {
        let found = beginnings(&PARAMETERS, &query(search).unwrap(), &Restriction::none());
        found.last().unwrap().first.is_some()
    };
    for search in [
        "Medication?manufacturer.name=maker",
        "Condition?subject:Patient.name=ash",
        "Patient?general-practitioner:Practitioner.name=doctor",
    ] {
        assert!(begins(&format!("{search}&_contained=true")), "{search}");
        assert!(begins(&format!("{search}&_contained=both")), "{search}");
    }
    assert!(!begins("Medication?manufacturer.name:missing=true&_contained=true"));
    // Behind several references: a list of what leads there, also where it comes back.
    let about_ana = |ty: &str| {
        json!({ "resourceType": ty, "id": ty, "subject": { "reference": "Patient/ana" }, "status": "final",
            "code": { "text": "x" } })
    };
    let eva = json!({ "resourceType": "Patient", "id": "eva", "name": [{ "family": "Oak" }],
        "generalPractitioner": [{ "reference": "Practitioner/d" }] });
    let more = vec![eva, about_ana("Observation"), about_ana("Condition")];
    let mut database = Database::of(&[records(), more].concat());
    let practice = "Patient?general-practitioner:Practitioner._has:Patient:general-practitioner:family";
    let back = "Condition?subject:Patient._has:Observation:subject:subject:Patient._has:Condition:subject:subject:Patient.family";
    let table: [(String, &[&str]); 5] = [
        (format!("{practice}=oak"), &["o1"]),
        (format!("{practice}=ash"), &[]),
        (format!("{back}=ash"), &["ana"]),
        (format!("{back}=oak"), &[]),
        (format!("{back}=ash&code=pain"), &["ana"]),
    ];
    for (search, expected) in table {
        let search = format!("{search}&_contained=true");
        assert!(begins(&search), "{search}");
        assert_eq!(database.find(&search), expected, "{search}");
    }
    // Two that stand side by side: only the one that refers to it is meant.
    let both = "Medication?manufacturer.name=maker of r2&_contained=true&_containedType=contained";
    let plan = plan(&PARAMETERS, &query(both).unwrap(), &Restriction::none()).unwrap();
    assert_eq!(database.rows(&plan).len(), 1);
}

#[test]
fn what_stands_in_anothers_resource_is_not_seen() {
    let mut database = Database::of(&records());
    for (search, ana, bob) in [
        ("Medication?_contained=true", &["r1"][..], &["r2"][..]),
        ("Medication?code=a&_contained=true", &["r1"], &["r2"]),
        ("Medication?code=b&_contained=true&_sort=code", &[], &["r2"]),
        ("Medication?manufacturer.name=maker&_contained=true", &["r1"], &["r2"]),
        // The observation is about nobody whom anyone may see.
        ("Patient?name=hidden&_contained=true", &[], &[]),
        ("Patient?_contained=both", &["ana"], &[]),
        ("Condition?_contained=true&_containedType=contained", &["ana"], &[]),
        ("MedicationRequest?medication.code=a", &["r1"], &[]),
        ("MedicationRequest?medication.code=b", &[], &["r2"]),
        ("Observation?patient.name=hidden", &[], &[]),
        ("Observation?patient:missing=false", &[], &[]),
        ("Condition?patient.name=ash&_contained=true", &["ana"], &[]),
    ] {
        for (patient, expected) in [("ana", ana), ("bob", bob)] {
            let query = query(&format!("{search}&_total=accurate")).unwrap();
            assert_eq!(database.ids(&query, &only(patient)), expected, "{search} for {patient}");
            let total = database.total(&query, &only(patient));
            assert_eq!(total, Some(expected.len() as i64), "{search} for {patient}");
        }
    }
}

#[test]
fn what_r4_leaves_open_is_refused_by_its_name() {
    for (name, value) in [
        ("_include", "Medication:manufacturer"),
        ("_include:iterate", "Medication:manufacturer"),
        ("_revinclude", "MedicationRequest:medication"),
        ("_has:MedicationRequest:medication:status", "active"),
        ("_list", "1"),
        ("_text", "pain"),
        ("_content", "pain"),
    ] {
        for among in ["true", "both"] {
            let failure = query(&format!("Medication?{name}={value}&_contained={among}")).unwrap_err();
            assert_eq!(failure.issues.len(), 1, "{name}");
            let issue = &failure.issues[0];
            assert_eq!(issue.expression.as_deref(), Some(format!("http.{name}").as_str()));
            assert_eq!(issue.code, "not-supported", "{name}");
        }
        query(&format!("Medication?{name}={value}&_contained=false")).unwrap();
    }
    for (wrong, at) in [("_contained=yes", "http._contained"), ("_containedType=both", "http._containedType")]
    {
        let failure = query(&format!("Medication?{wrong}")).unwrap_err();
        assert_eq!(failure.issues[0].expression.as_deref(), Some(at));
    }
}
