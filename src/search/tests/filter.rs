//! What a filter finds, what it is refused for, and what it shows of others' data: nothing.

use serde_json::Value;
use serde_json::json;

use super::database::Database;
use super::database::context;
use super::database::query;
use super::matches::check;
use super::matches::records;
use super::ty;
use super::visibility::only;
use super::visibility::two_patients;
use crate::fhir::form::encoded;
use crate::search::Context;
use crate::search::Restriction;
use crate::search::conditional_key;
use crate::search::parse;

fn filtered(search: &str) -> String {
    let (ty, filter) = search.split_once('?').unwrap();
    format!("{ty}?_filter={}", encoded(filter))
}

fn check_all(database: &mut Database, table: &[(&str, &[&str])]) {
    let table: Vec<(String, &[&str])> = table.iter().map(|(search, ids)| (filtered(search), *ids)).collect();
    let table: Vec<(&str, &[&str])> = table.iter().map(|(search, ids)| (search.as_str(), *ids)).collect();
    check(database, &table);
}

#[test]
fn each_operator_finds_what_the_page_says() {
    let table: &[(&str, &[&str])] = &[
        (r#"Patient?family eq "nunez""#, &["ana"]),
        ("Patient?family eq Nuñez", &["ana"]),
        ("Patient?family eq nun", &[]),
        (r#"Patient?family eq "a,b|c""#, &["cy"]),
        // One of two names is another.
        ("Patient?family ne nunez", &["bob", "cy"]),
        (r#"Patient?family ne "a,b|c""#, &["ana", "bob", "cy"]),
        ("Patient?family co NLE", &["bob"]),
        (r#"Patient?family co "100%""#, &["cy"]),
        ("Patient?family co 1_0", &[]),
        ("Patient?family sw nun", &["ana", "bob"]),
        ("Patient?family ew NEZ", &["ana"]),
        (r#"Patient?family ew "0%""#, &["cy"]),
        ("Patient?family ew n", &[]),
        ("Patient?family gt nunez", &["bob", "cy"]),
        ("Patient?family ge nunley", &["bob", "cy"]),
        ("Patient?family lt nunez", &["cy"]),
        ("Patient?family le nunez", &["ana", "cy"]),
        ("Patient?gender eq male", &["bob", "cy"]),
        ("Patient?gender ne male", &["ana"]),
        ("Patient?identifier eq urn:mrn|1", &["ana"]),
        ("Patient?identifier ne urn:mrn|1", &["ana", "bob"]),
        ("Patient?birthdate eq 1940", &["ana"]),
        ("Patient?birthdate ne 1940", &["bob"]),
        ("Patient?birthdate gt 1940-05-06", &["bob"]),
        ("Patient?birthdate ge 1940-05-06", &["ana", "bob"]),
        ("Patient?birthdate lt 1950", &["ana"]),
        ("Patient?birthdate le 1950", &["ana", "bob"]),
        ("Patient?birthdate sa 1940", &["bob"]),
        ("Patient?birthdate eb 1950", &["ana"]),
        ("Patient?birthdate ap 1950", &["bob"]),
        ("Patient?birthdate co 1950-02-03", &["bob"]),
        ("Patient?birthdate co 1950-02-03T10:00:00Z", &["bob"]),
        ("Patient?birthdate co 1950-01-01T00:00:00+01:00", &[]),
        ("Patient?birthdate po 1940-05", &["ana"]),
        ("Patient?birthdate po 1950-02-03", &["bob"]),
        ("Patient?birthdate pr true", &["ana", "bob"]),
        ("Patient?birthdate pr false", &["cy"]),
        ("Patient?_id eq cy", &["cy"]),
        ("Patient?_id ne cy", &["ana", "bob"]),
        ("Patient?_id pr true", &["ana", "bob", "cy"]),
        ("Patient?_id pr false", &[]),
        ("Patient?_lastUpdated ge 2025-02", &["ana", "cy"]),
        ("Patient?_lastUpdated po 2025-02", &["cy"]),
        ("Patient?_profile eq http://example.org/Profile", &["bob"]),
        ("Patient?_profile ne http://example.org/Profile", &["ana"]),
        ("Observation?subject re Patient/ana", &["o1", "o2"]),
        ("Observation?subject re https://comfrey.test/fhir/Patient/ana", &["o1", "o2"]),
        ("Observation?patient re ana", &["o1", "o2"]),
        ("Observation?value-quantity eq 60.5", &["o1"]),
        ("Observation?value-quantity gt 60|ucum|kg", &["o1", "o3"]),
        ("Observation?value-quantity gt 60||kg", &["o1", "o3"]),
        ("Observation?code eq loinc|w", &["o1", "o2", "o3"]),
        ("Observation?code eq http://loinc.org|h", &["o4"]),
        ("Observation?code eq snomed|h", &[]),
    ];
    check_all(&mut Database::of(&records()), table);
}

#[test]
fn comparisons_are_joined_and_followed_along_references() {
    let table: &[(&str, &[&str])] = &[
        (r#"Patient?given eq "ana" and birthdate lt 1950"#, &["ana"]),
        ("Patient?given eq ana and birthdate gt 1950", &[]),
        ("Observation?code-value-quantity eq http://loinc.org|w$gt60 or code eq h", &["o1", "o3", "o4"]),
        ("Patient?given eq ana or given eq bob", &["ana", "bob"]),
        ("Patient?given eq ana or gender eq male", &["ana", "bob", "cy"]),
        ("Patient?given eq ana or gender eq male and active eq false", &["bob"]),
        ("Patient?given eq ana or (gender eq male and active eq false)", &["ana", "bob"]),
        ("Patient?not (gender eq male)", &["ana"]),
        ("Patient?not(gender eq male and active eq false)", &["ana", "cy"]),
        ("Patient?not (gender eq male or active eq true)", &[]),
        ("Patient?not (not (active eq true))", &["ana"]),
        ("Patient?birthdate pr false or birthdate lt 1945", &["ana", "cy"]),
        ("Patient?_id eq ana or _lastUpdated lt 2025-02", &["ana", "bob"]),
        (r#"Observation?subject:Patient.family sw "nune""#, &["o1", "o2"]),
        ("Observation?patient.family ew ley and code eq h", &["o4"]),
        ("Observation?not (patient.family ew ley)", &["o1", "o2"]),
        ("Observation?patient.family ew ley or patient.active eq true", &["o1", "o2", "o3", "o4"]),
        ("Observation?patient.general-practitioner:Practitioner.name eq house", &["o3", "o4"]),
        // That of a patient without a practitioner, and that without a patient, have none of theirs.
        ("Observation?patient.general-practitioner pr false", &["o1", "o2"]),
        ("CarePlan?patient.general-practitioner pr false", &["plan"]),
        ("Observation?patient[gender eq male].family sw nun", &["o3", "o4"]),
        ("Observation?patient[gender eq female].family eq nunley", &[]),
        (
            "Observation?patient[gender eq male and active eq false].general-practitioner pr true",
            &["o3", "o4"],
        ),
        ("Observation?patient[not (gender eq male)].birthdate lt 1945", &["o1", "o2"]),
    ];
    let mut database = Database::of(&records());
    check_all(&mut database, table);
    let beside = [
        ("Observation?code=w&_filter=patient.active%20eq%20true&_sort=date", vec!["o1", "o2"]),
        ("Observation?_filter=code%20eq%20h&_filter=patient.gender%20eq%20female", vec![]),
        ("Observation?_filter=code%20eq%20h%20or%20date%20lt%202025-01-10&_sort=date", vec!["o1", "o4"]),
        ("Patient?_has:Observation:patient:_filter=code%20eq%20h%20or%20code%20eq%20x", vec!["bob"]),
    ];
    for (search, expected) in beside {
        assert_eq!(database.find(search), expected, "{search}");
        let query = query(&format!("{search}&_total=accurate")).unwrap();
        let total = database.total(&query, &Restriction::none());
        assert_eq!(total, i64::try_from(expected.len()).ok(), "{search}");
    }
}

#[test]
fn as_many_comparisons_as_a_filter_may_have_are_carried_out() {
    let mut database = Database::of(&records());
    let mut filter = String::from("gender eq other");
    for at in 1..40 {
        filter.push_str(if at % 2 == 0 { " and _id pr true" } else { " or _id eq ana" });
    }
    assert_eq!(database.find(&filtered(&format!("Patient?{filter}"))), ["ana"]);
    let deep =
        format!("Observation?patient[{}gender eq female{}].family sw nun", "(".repeat(9), ")".repeat(9));
    assert_eq!(database.find(&filtered(&deep)).len(), 2);
}

#[test]
fn a_filter_that_is_not_understood_is_refused_with_what_is_known() {
    let table = [
        (
            "Patient?gender co m",
            "`co` does not go with `gender`, which is of the kind token; known are eq, ne",
        ),
        ("Patient?family po x", "kind string; known are eq, ne, co, sw, ew, gt, lt, ge, le, pr"),
        ("Observation?subject eq Patient/1", "kind reference; known are pr, re"),
        ("Patient?_lastUpdated co 2025", "`co` does not go with `_lastUpdated`"),
        ("Patient?colour eq blue", "`colour` is not a search parameter of Patient"),
        ("Patient?birthdate eq soon", "not a date"),
        ("Patient?birthdate eq ge2024", "not a date"),
        ("Patient?birthdate po lt2024", "not a date"),
        ("Patient?birthdate pr yes", "`true` or `false`"),
        ("Patient?family ew \"\"", "The text is empty"),
        ("Patient?name:exact eq x", "no modifier"),
        ("Patient?family.name eq x", "only a reference leads"),
        ("Observation?subject.colour eq x", "`colour` is not a search parameter"),
        ("Observation?subject:Encounter.status eq x", "never refers to `Encounter`"),
        (
            "Patient?link:Patient.link:Patient.link:Patient.link:Patient.link:Patient.link:Patient.link:Patient.\
             link:Patient.link:Patient.link:Patient.link:Patient.link:Patient.link:Patient.link:Patient.link:Patient.\
             link:Patient.link:Patient.name eq x",
            "too long",
        ),
        ("Patient?gender eq", "At character 10"),
        ("Observation?related[type eq has-component].target pr true", "`related` is not a search parameter"),
    ];
    for (search, text) in table {
        for lenient in [false, true] {
            let (name, filter) = search.split_once('?').unwrap();
            let context = Context { lenient, ..context() };
            let failure =
                parse(&context, ty(name), &format!("_filter={}", encoded(filter))).expect_err(search);
            assert_eq!(failure.status(), 400, "{search}");
            assert_eq!(failure.issues.len(), 1, "{search}");
            assert_eq!(failure.issues[0].expression.as_deref(), Some("http._filter"), "{search}");
            assert!(failure.issues[0].text.contains(text), "{search}: {}", failure.issues[0].text);
        }
    }
    let many = "_filter=name%20eq%20a%20or%20gender%20eq%20male&".repeat(21);
    assert!(query(&format!("Patient?{many}")).is_err());
}

#[test]
fn a_filter_keeps_its_spelling_and_is_the_same_question_in_any_order() {
    let key = |search: &str| conditional_key(&query(&filtered(search)).unwrap());
    assert_eq!(key("Patient?name eq a or gender eq male"), key("Patient?gender eq male or name eq \"A\""));
    assert_eq!(key("Patient?gender eq male"), conditional_key(&query("Patient?gender=male").unwrap()));
    let different = [
        ("Patient?name eq a", "Patient?name sw a"),
        ("Patient?name eq a", "Patient?name ne a"),
        ("Patient?name eq a or name eq b", "Patient?name eq a and name eq b"),
        ("Patient?birthdate co 1940", "Patient?birthdate po 1940"),
        ("Patient?gender ne male", "Patient?not (gender eq male)"),
    ];
    for (one, other) in different {
        assert_ne!(key(one), key(other));
    }
    let read = query(&filtered("Patient?name eq \"a, b\"")).unwrap();
    let again = parse(&context(), read.ty, &read.self_query).unwrap();
    assert_eq!((again.self_query, again.criteria), (read.self_query, read.criteria));
}

#[test]
fn a_filter_shows_nothing_of_another_patient() {
    let mut database = Database::of(&two_patients());
    let table: [(&str, &[&str]); 12] = [
        ("Patient?name sw family", &["a"]),
        ("Patient?_id eq b", &[]),
        ("Patient?_id eq b or _id eq a", &["a"]),
        ("Patient?not (_id eq a)", &[]),
        ("Patient?name sw family or gender eq male", &["a"]),
        ("Condition?code eq cancer or subject re Patient/b", &["ca"]),
        ("Condition?patient.name ew b", &[]),
        ("Condition?patient.name ew b or patient.name ew a", &["ca"]),
        // The encounter that their own condition names is another patient's.
        ("Condition?encounter:Encounter.status eq finished", &[]),
        ("Condition?encounter:Encounter[status eq finished].date gt 2000", &[]),
        ("Condition?not (encounter:Encounter.status pr true)", &["ca"]),
        ("Practitioner?name eq mine or name eq theirs", &["mine"]),
    ];
    for (search, expected) in table {
        let query = query(&format!("{}&_total=accurate", filtered(search))).unwrap();
        assert_eq!(database.ids(&query, &only("a")), expected, "{search}");
        let total = database.total(&query, &only("a"));
        assert_eq!(total, i64::try_from(expected.len()).ok(), "the total of {search}");
    }
}

#[test]
fn what_is_told_in_words_alone_is_not_unlike_a_code() {
    let told = |id: &str, code: Value| json!({ "resourceType": "Observation", "id": id, "status": "final", "code": code });
    let all = [
        told("words", json!({ "text": "soon" })),
        told("code", json!({ "coding": [{ "code": "normal" }] })),
        told("system", json!({ "coding": [{ "system": "urn:s", "code": "normal" }] })),
        told("other", json!({ "coding": [{ "code": "stat" }], "text": "soon" })),
    ];
    let table: &[(&str, &[&str])] = &[
        ("Observation?code ne normal", &["other"]),
        ("Observation?code ne |normal", &["other", "system"]),
        ("Observation?not (code eq normal)", &["other", "words"]),
        ("Observation?code pr true", &["code", "other", "system", "words"]),
    ];
    check_all(&mut Database::of(&all), table);
}
