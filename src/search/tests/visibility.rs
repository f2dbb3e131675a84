//! A caller who may see one patient learns nothing of another.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use super::PARAMETERS;
use super::database::Database;
use super::database::query;
use super::ty;
use crate::search::Compartment;
use crate::search::Restriction;
use crate::search::Visible;
use crate::search::plan;

pub(super) fn two_patients() -> Vec<Value> {
    let mut all = vec![
        json!({ "resourceType": "Practitioner", "id": "mine", "name": [{ "family": "Mine" }] }),
        json!({ "resourceType": "Practitioner", "id": "theirs", "name": [{ "family": "Theirs" }] }),
        json!({ "resourceType": "Group", "id": "g", "type": "person", "actual": true,
            "member": [{ "entity": { "reference": "Patient/a" } }, { "entity": { "reference": "Patient/b" } }] }),
    ];
    for (id, doctor) in [("a", "mine"), ("b", "theirs")] {
        all.extend([
            json!({ "resourceType": "Patient", "id": id, "name": [{ "family": format!("Family {id}") }],
                "generalPractitioner": [{ "reference": format!("Practitioner/{doctor}") }] }),
            json!({ "resourceType": "Condition", "id": format!("c{id}"), "subject": { "reference": format!("Patient/{id}") },
                "code": { "coding": [{ "code": "cancer" }] }, "encounter": { "reference": "Encounter/eb" } }),
            json!({ "resourceType": "Encounter", "id": format!("e{id}"), "status": "finished", "subject": { "reference": format!("Patient/{id}") },
                "period": { "start": "2024-01-01" } }),
        ]);
    }
    all
}

pub(super) fn only(patient: &str) -> Restriction {
    Restriction { default: Visible::Patients(vec![patient.into()]), by_type: BTreeMap::new() }
}

#[test]
fn a_patient_finds_what_is_theirs_however_it_is_asked_for() {
    let mut database = Database::of(&two_patients());
    let table: [(&str, &[&str]); 16] = [
        ("Patient", &["a"]),
        ("Patient?_id=b", &[]),
        ("Patient?name=family", &["a"]),
        ("Patient?_sort=-_lastUpdated", &["a"]),
        ("Condition", &["ca"]),
        ("Condition?code=cancer", &["ca"]),
        ("Condition?code:not=none", &["ca"]),
        ("Condition?patient=b", &[]),
        ("Condition?patient.name=family", &["ca"]),
        // The encounter that their own condition names is another patient's: nothing of it may show.
        ("Condition?encounter:Encounter.status=finished", &[]),
        ("Condition?encounter=Encounter/eb", &["ca"]),
        ("Encounter?date=ge2023", &["ea"]),
        ("Encounter?_has:Condition:encounter:code=cancer", &[]),
        ("Practitioner?name=mine,theirs", &["mine"]),
        ("Practitioner?_has:Patient:general-practitioner:name=family", &["mine"]),
        ("Group", &[]),
    ];
    for (search, expected) in table {
        let query = query(search).unwrap();
        assert_eq!(database.ids(&query, &only("a")), expected, "{search}");
        let counted = super::database::query(&format!(
            "{search}{}_summary=count",
            if search.contains('?') { '&' } else { '?' }
        ));
        let total = database.total(&counted.unwrap(), &only("a"));
        assert_eq!(total, Some(i64::try_from(expected.len()).unwrap()), "the total of {search}");
    }
}

#[test]
fn includes_bring_nothing_of_another_patient() {
    let mut database = Database::of(&two_patients());
    let mut included =
        |search: &str, restriction: &Restriction| database.included(&query(search).unwrap(), restriction);
    let encounter = "Condition?_id=ca&_include=Condition:encounter";
    assert_eq!(included(encounter, &Restriction::none()), ["Encounter/eb"]);
    assert_eq!(included(encounter, &only("a")), [] as [&str; 0]);
    let back = "Practitioner?_revinclude=Patient:general-practitioner";
    assert_eq!(included(back, &Restriction::none()), ["Patient/a", "Patient/b"]);
    assert_eq!(included(back, &only("a")), ["Patient/a"]);
    assert_eq!(included("Condition?_include=Condition:subject", &only("a")), ["Patient/a"]);
    // A reference that may point to any type at all.
    let targets: Vec<Value> = [
        "Patient/a",
        "Patient/b",
        "Condition/ca",
        "Condition/cb",
        "Practitioner/mine",
        "Practitioner/theirs",
    ]
    .map(|reference| json!({ "reference": reference }))
    .into();
    database.store(&json!({ "resourceType": "Provenance", "id": "pr", "target": targets }));
    let mut included = |restriction: &Restriction| {
        database.included(&query("Provenance?_id=pr&_include=Provenance:target").unwrap(), restriction)
    };
    assert_eq!(included(&Restriction::none()).len(), 6);
    let by_type = BTreeMap::from([(ty("Practitioner"), Visible::Nothing)]);
    let without = Restriction { by_type, ..only("a") };
    assert_eq!(included(&without), ["Patient/a", "Condition/ca"]);
}

#[test]
fn an_include_brings_no_type_that_the_caller_may_not_see_whatever_the_element_names() {
    let mut database = Database::of(&two_patients());
    database.store(&json!({ "resourceType": "DeviceUseStatement", "id": "use", "status": "active",
        "subject": { "reference": "Group/g" }, "device": { "reference": "Device/d" } }));
    let sees = |types: &[&str]| Restriction {
        default: Visible::Nothing,
        by_type: types.iter().map(|name| (ty(name), Visible::All)).collect(),
    };
    let mut included = |types: &[&str], include: &str| {
        let query = query(&format!("DeviceUseStatement?_include=DeviceUseStatement:{include}")).unwrap();
        database.included(&query, &sees(types))
    };
    for include in ["patient", "subject", "*"] {
        assert_eq!(included(&["DeviceUseStatement", "Patient"], include), [] as [&str; 0], "{include}");
    }
    assert_eq!(included(&["DeviceUseStatement", "Patient", "Group"], "subject"), ["Group/g"]);
}

#[test]
fn nothing_is_nothing_and_several_patients_are_several() {
    let mut database = Database::of(&two_patients());
    let nothing = Restriction { default: Visible::Nothing, by_type: BTreeMap::new() };
    for search in ["Patient", "Condition?code=cancer", "Practitioner", "Condition?_id=ca"] {
        let query =
            query(&format!("{search}{}_total=accurate", if search.contains('?') { '&' } else { '?' }))
                .unwrap();
        assert!(database.ids(&query, &nothing).is_empty());
        assert_eq!(database.total(&query, &nothing), Some(0));
    }
    let both =
        Restriction { default: Visible::Patients(vec!["a".into(), "b".into()]), by_type: BTreeMap::new() };
    assert_eq!(database.ids(&query("Condition?_sort=_id").unwrap(), &both), ["ca", "cb"]);
    let none = Restriction { default: Visible::Patients(Vec::new()), by_type: BTreeMap::new() };
    assert!(database.ids(&query("Condition").unwrap(), &none).is_empty());
    let mixed = Restriction {
        default: Visible::Nothing,
        by_type: BTreeMap::from([
            (ty("Practitioner"), Visible::All),
            (ty("Condition"), Visible::Patients(vec!["b".into()])),
        ]),
    };
    assert_eq!(database.ids(&query("Practitioner?_sort=_id").unwrap(), &mixed), ["mine", "theirs"]);
    assert_eq!(
        database.ids(&query("Condition?patient:Patient.name=family").unwrap(), &mixed),
        [] as [&str; 0]
    );
    assert_eq!(database.ids(&query("Condition").unwrap(), &mixed), ["cb"]);
}

#[test]
fn a_compartment_narrows_a_search_to_its_patient() {
    let mut database = Database::of(&two_patients());
    let mut query = query("Condition?code=cancer").unwrap();
    query.compartment = Some(Compartment { ty: ty("Patient"), id: "b".into() });
    assert_eq!(database.ids(&query, &Restriction::none()), ["cb"]);
    assert_eq!(database.total(&query, &Restriction::none()), Some(1));
    assert!(database.ids(&query, &only("a")).is_empty());
    assert_eq!(plan(&PARAMETERS, &query, &only("a")).unwrap().sort_keys, 0);
}

#[test]
fn what_stands_in_a_compartment_comes_from_the_newest_on_however_much_it_is() {
    let observation = |at: usize| {
        json!({ "resourceType": "Observation", "id": format!("o{at}"), "status": "final", "code": { "text": "x" },
            "subject": { "reference": format!("Patient/p{at}") }, "encounter": { "reference": "Encounter/e" } })
    };
    let mut database = Database::of(&(0..400).map(observation).collect::<Vec<_>>());
    // PostgreSQL goes another way once it knows how many there are.
    database.run_all("ANALYZE");
    let mut query = query("Observation?_count=5").unwrap();
    query.compartment = Some(Compartment { ty: ty("Encounter"), id: "e".into() });
    assert_eq!(database.ids(&query, &Restriction::none()), ["o399", "o398", "o397", "o396", "o395"]);
}
