//! References in all their forms, hierarchies and lists.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use super::database::Database;
use super::database::query;
use super::matches::check;
use crate::search::Restriction;
use crate::search::Visible;

fn records() -> Vec<Value> {
    let encounter = |id: &str, patient: &str, location: &str| {
        json!({ "resourceType": "Encounter", "id": id, "status": "finished", "subject": { "reference": patient },
            "location": [{ "location": { "reference": location } }] })
    };
    let part = |id: &str, whole: &str| json!({ "resourceType": "Location", "id": id, "partOf": { "reference": whole } });
    vec![
        json!({ "resourceType": "Patient", "id": "1" }),
        json!({ "resourceType": "Patient", "id": "2" }),
        json!({ "resourceType": "Location", "id": "house" }),
        part("ward", "Location/house"),
        part("bed", "Location/ward"),
        part("round", "Location/about"),
        part("about", "Location/round"),
        encounter("in-house", "Patient/1", "Location/house"),
        encounter("in-ward", "Patient/1", "Location/ward"),
        encounter("in-bed", "Patient/2/_history/3", "Location/bed"),
        encounter("in-ring", "urn:uuid:2d1a0b4e-0000-4000-8000-000000000001", "Location/round"),
        json!({ "resourceType": "Encounter", "id": "told", "status": "finished", "subject": { "display": "Ana" } }),
        json!({ "resourceType": "Encounter", "id": "known", "status": "finished",
            "subject": { "identifier": { "system": "urn:mrn", "value": "7" } } }),
        json!({ "resourceType": "Encounter", "id": "abroad", "status": "finished",
            "subject": { "reference": "https://elsewhere.test/fhir/Patient/1" } }),
        json!({ "resourceType": "Encounter", "id": "bare", "status": "finished" }),
        json!({ "resourceType": "CarePlan", "id": "plan", "status": "active", "intent": "plan",
            "subject": { "reference": "Patient/1" }, "category": [{ "text": "At home" }],
            "instantiatesCanonical": ["https://comfrey.test/fhir/PlanDefinition/p|2", "http://example.org/q"] }),
        json!({ "resourceType": "List", "id": "round", "status": "current", "mode": "working",
            "entry": [{ "item": { "reference": "Encounter/in-bed" } }, { "item": { "reference": "Patient/2" } }] }),
    ]
}

#[test]
fn a_reference_is_found_in_whatever_form_it_is_asked_for() {
    let table: &[(&str, &[&str])] = &[
        ("Encounter?patient=1", &["in-house", "in-ward"]),
        ("Encounter?subject=Patient/1", &["in-house", "in-ward"]),
        ("Encounter?subject:Patient=1", &["in-house", "in-ward"]),
        ("Encounter?subject=https://comfrey.test/fhir/Patient/1", &["in-house", "in-ward"]),
        ("Encounter?subject=https://elsewhere.test/fhir/Patient/1", &["abroad"]),
        ("Encounter?subject=urn:uuid:2d1a0b4e-0000-4000-8000-000000000001", &["in-ring"]),
        ("Encounter?patient=2", &["in-bed"]),
        ("Encounter?subject=Patient/2/_history/3", &["in-bed"]),
        ("Encounter?subject=https://comfrey.test/fhir/Patient/2/_history/3", &["in-bed"]),
        ("Encounter?subject=Patient/2/_history/4", &[]),
        ("Encounter?subject:identifier=urn:mrn|7", &["known"]),
        ("Encounter?subject:identifier=7", &["known"]),
        ("Encounter?subject:identifier=urn:mrn|", &["known"]),
        ("Encounter?subject:identifier=|7", &[]),
        // What is known by an identifier or a name alone points nowhere.
        ("Encounter?subject:missing=true", &["bare", "known", "told"]),
        ("Encounter?subject:missing=false", &["abroad", "in-bed", "in-house", "in-ring", "in-ward"]),
        ("CarePlan?instantiates-canonical=https://comfrey.test/fhir/PlanDefinition/p", &["plan"]),
        ("CarePlan?instantiates-canonical=https://comfrey.test/fhir/PlanDefinition/p|2", &["plan"]),
        ("CarePlan?instantiates-canonical=https://comfrey.test/fhir/PlanDefinition/p|3", &[]),
        ("CarePlan?instantiates-canonical=http://example.org/q", &["plan"]),
        ("CarePlan?instantiates-canonical:below=https://comfrey.test/fhir/PlanDefinition/p", &["plan"]),
        ("CarePlan?instantiates-canonical:below=https://comfrey.test/fhir/PlanDefinition/p|2", &["plan"]),
        ("CarePlan?category:missing=false", &["plan"]),
        ("CarePlan?category:missing=true", &[]),
        ("CarePlan?category:text=at home", &["plan"]),
    ];
    check(&mut Database::of(&records()), table);
}

#[test]
fn what_a_document_begins_with_is_found_by_its_id_and_leads_nowhere() {
    let bundle = |id: &str, ty: &str, first: Value| {
        json!({ "resourceType": "Bundle", "id": id, "type": ty, "entry": [{ "resource": first },
            { "resource": { "resourceType": "Composition", "id": "later" } }] })
    };
    let composition = |id: &str| json!({ "resourceType": "Composition", "id": id, "title": "One" });
    let all = [
        bundle("document", "document", composition("c1")),
        bundle("message", "message", json!({ "resourceType": "MessageHeader", "id": "m1" })),
        composition("c1"),
    ];
    let table: &[(&str, &[&str])] = &[
        ("Bundle?composition=c1", &["document"]),
        ("Bundle?composition=Composition/c1", &["document"]),
        ("Bundle?composition:Composition=c1", &["document"]),
        ("Bundle?composition=https://comfrey.test/fhir/Composition/c1", &["document"]),
        ("Bundle?composition=https://comfrey.test/fhir/Composition/c2", &[]),
        ("Bundle?composition=later", &[]),
        ("Bundle?composition=m1", &[]),
        ("Bundle?composition:missing=false", &["document"]),
        ("Bundle?message=m1", &["message"]),
    ];
    let mut database = Database::of(&all);
    check(&mut database, table);
    for wrong in [
        "Bundle?composition.title=One",
        "Composition?_has:Bundle:composition:type=document",
        "Bundle?_include=Bundle:composition",
    ] {
        let failure = query(wrong).unwrap_err();
        assert_eq!(failure.status(), 400, "{wrong}");
        assert!(failure.issues[0].text.contains("by its id alone"), "{failure:?}");
    }
    let included = database.included(&query("Bundle?_include=*").unwrap(), &Restriction::none());
    assert!(included.is_empty(), "{included:?}");
}

#[test]
fn a_hierarchy_is_followed_to_its_end_and_a_ring_only_once() {
    let table: &[(&str, &[&str])] = &[
        ("Encounter?location:below=house", &["in-bed", "in-house", "in-ward"]),
        ("Encounter?location:below=Location/ward", &["in-bed", "in-ward"]),
        ("Encounter?location:above=bed", &["in-bed", "in-house", "in-ward"]),
        ("Encounter?location:above=house", &["in-house"]),
        ("Encounter?location:below=about", &["in-ring"]),
        ("Encounter?location:above=about,bed", &["in-bed", "in-house", "in-ring", "in-ward"]),
        ("Encounter?location:below=nowhere", &[]),
        ("Encounter?location:below=house&patient=1", &["in-house", "in-ward"]),
        ("Location?partof:below=house", &["bed", "ward"]),
        ("Patient?_has:Encounter:patient:location:below=ward", &["1", "2"]),
    ];
    check(&mut Database::of(&records()), table);
    for wrong in ["subject:below=Patient/1", "location:below=Patient/1", "location:above=a b"] {
        assert_eq!(query(&format!("Encounter?{wrong}")).unwrap_err().status(), 400, "{wrong}");
    }
}

#[test]
fn a_list_gives_what_its_items_point_to() {
    let table: &[(&str, &[&str])] = &[
        ("Encounter?_list=round", &["in-bed"]),
        ("Encounter?_list=List/round,other", &["in-bed"]),
        ("Encounter?_list=https://comfrey.test/fhir/List/round&status=finished", &["in-bed"]),
        ("Patient?_list=round", &["2"]),
        ("Patient?_list=other", &[]),
        ("Encounter?patient._list=round", &["in-bed"]),
    ];
    check(&mut Database::of(&records()), table);
    for wrong in ["_list=$current-problems", "_list=a/b", "_list:not=round"] {
        assert_eq!(query(&format!("Patient?{wrong}")).unwrap_err().status(), 400, "{wrong}");
    }
}

#[test]
fn hierarchies_and_lists_show_nothing_of_what_is_hidden() {
    let mut database = Database::of(&records());
    let only = |patient: &str| Restriction {
        default: Visible::Patients(vec![patient.into()]),
        by_type: BTreeMap::new(),
    };
    let mut found = |search: &str, restriction: &Restriction| {
        let mut ids = database.ids(&query(search).unwrap(), restriction);
        ids.sort();
        ids
    };
    // Of the places, a patient sees those where they have been: the ward of patient 1 is part of the house.
    assert_eq!(found("Encounter?location:below=house", &only("1")), ["in-house", "in-ward"]);
    // Patient 2 has been in the bed alone; that it is part of the ward is theirs to see, of the ward nothing is.
    assert_eq!(found("Encounter?location:below=ward", &only("2")), ["in-bed"]);
    assert_eq!(found("Encounter?location:below=house", &only("2")), [""; 0]);
    // The list is nobody's own.
    assert_eq!(found("Encounter?_list=round", &only("2")), [""; 0]);
    let lists = Restriction {
        default: Visible::All,
        by_type: BTreeMap::from([(super::ty("List"), Visible::Nothing)]),
    };
    assert_eq!(found("Encounter?_list=round", &lists), [""; 0]);
    assert_eq!(found("Encounter?_list=round", &Restriction::none()), ["in-bed"]);
}

#[test]
fn a_search_for_more_than_a_statement_takes_is_refused() {
    let codes = |name: &str| {
        format!("{name}={}", (0..400).map(|at| format!("urn:s|{at}")).collect::<Vec<_>>().join(","))
    };
    assert!(query(&format!("Patient?{}", codes("identifier"))).is_ok());
    let many = query(&format!("Patient?{}&{}&{}", codes("identifier"), codes("gender"), codes("language")));
    let failure = many.unwrap_err();
    assert_eq!((failure.status(), failure.issues[0].code), (400, "too-costly"));
    let mut database = Database::of(&records());
    let most = format!("Patient?{}&{}&_sort=birthdate", codes("identifier"), codes("gender"));
    assert_eq!(database.find(&most), [""; 0]);
}

fn forms() -> Vec<Value> {
    let form = |id: &str, url: &str, title: &str| json!({ "resourceType": "Questionnaire", "id": id, "status": "active", "url": url, "title": title });
    let of_version = |mut form: Value, version: &str| {
        form["version"] = json!(version);
        form
    };
    let answered = |id: &str, form: &str, (status, patient): (&str, &str)| {
        json!({ "resourceType": "QuestionnaireResponse", "id": id, "status": status, "questionnaire": form,
            "subject": { "reference": format!("Patient/{patient}") } })
    };
    vec![
        json!({ "resourceType": "Patient", "id": "a" }),
        json!({ "resourceType": "Patient", "id": "b" }),
        of_version(form("nine", "http://example.org/phq", "PHQ-9"), "1.0"),
        of_version(form("two", "http://example.org/phq", "PHQ-2"), "2"),
        form("esas", "http://example.org/esas", "ESAS"),
        answered("any", "http://example.org/phq", ("completed", "a")),
        answered("one", "http://example.org/phq|1.0", ("in-progress", "b")),
        answered("next", "http://example.org/phq|1.1", ("completed", "b")),
        answered("tenth", "http://example.org/phq|10.0", ("stopped", "b")),
        answered("eased", "http://example.org/esas", ("amended", "a")),
        answered("kin", "http://example.org/phq2|1.0", ("stopped", "a")),
        json!({ "resourceType": "Encounter", "id": "nine", "status": "finished" }),
    ]
}

#[test]
fn a_chain_goes_along_a_canonical_with_and_without_its_version() {
    let table: &[(&str, &[&str])] = &[
        ("QuestionnaireResponse?questionnaire.title=PHQ", &["any", "one"]),
        ("QuestionnaireResponse?questionnaire.title=PHQ-2", &["any"]),
        ("QuestionnaireResponse?questionnaire.title:contains=hq", &["any", "one"]),
        ("QuestionnaireResponse?questionnaire:Questionnaire.version=1.0", &["any", "one"]),
        ("QuestionnaireResponse?questionnaire.title=esas", &["eased"]),
        ("QuestionnaireResponse?questionnaire._id=nine", &["any", "one"]),
        ("QuestionnaireResponse?questionnaire.title=PHQ&subject=Patient/a", &["any"]),
        ("QuestionnaireResponse?questionnaire.title=PHQ&status=in-progress&_sort=-_lastUpdated", &["one"]),
        ("QuestionnaireResponse?questionnaire.title=none", &[]),
        ("QuestionnaireResponse?questionnaire.version:missing=true", &["eased"]),
        ("QuestionnaireResponse?_filter=questionnaire.title co hq", &["any", "one"]),
        ("Patient?_has:QuestionnaireResponse:subject:questionnaire.title=PHQ-9", &["a", "b"]),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:status=completed", &["nine", "two"]),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:status=in-progress", &["nine"]),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:status:not=completed", &["esas", "nine"]),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:status=completed&title=phq-2", &["two"]),
        (
            "Questionnaire?_has:QuestionnaireResponse:questionnaire:subject:Patient.active:missing=true&version=2",
            &["two"],
        ),
        ("Encounter?_has:QuestionnaireResponse:encounter:questionnaire.title=PHQ", &[]),
        // By the version: all, those of one, and those of one alone.
        (
            "QuestionnaireResponse?questionnaire:below=http://example.org/phq",
            &["any", "next", "one", "tenth"],
        ),
        ("QuestionnaireResponse?questionnaire:below=http://example.org/phq|1", &["next", "one"]),
        ("QuestionnaireResponse?questionnaire:below=http://example.org/phq|1.1", &["next"]),
        (
            "QuestionnaireResponse?questionnaire:below=http://example.org/phq|1.1,http://example.org/esas",
            &["eased", "next"],
        ),
        ("QuestionnaireResponse?questionnaire:below=http://example.org", &[]),
    ];
    let mut database = Database::of(&forms());
    check(&mut database, table);
    for (search, expected) in table {
        let query = query(&format!("{search}&_total=accurate")).unwrap();
        let total = database.total(&query, &Restriction::none());
        assert_eq!(total, i64::try_from(expected.len()).ok(), "the total of {search}");
    }
}

#[test]
fn a_chain_along_a_canonical_shows_nothing_of_what_is_hidden() {
    let mut database = Database::of(&forms());
    let restricted = |questionnaires: Visible| Restriction {
        default: Visible::Patients(vec!["a".into()]),
        by_type: BTreeMap::from([(super::ty("Questionnaire"), questionnaires)]),
    };
    let (open, closed) = (restricted(Visible::All), restricted(Visible::Nothing));
    let table: [(&str, &[&str], &[&str]); 7] = [
        ("QuestionnaireResponse?questionnaire.title=PHQ", &["any"], &[]),
        ("QuestionnaireResponse?questionnaire.title:contains=hq&status=completed", &["any"], &[]),
        ("QuestionnaireResponse?_filter=questionnaire.title co hq", &["any"], &[]),
        ("QuestionnaireResponse?questionnaire:below=http://example.org/phq|1", &[], &[]),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:status=in-progress", &[], &[]),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:status=completed", &["nine", "two"], &[]),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:status:not=completed", &["esas"], &[]),
    ];
    for (search, of_open, of_closed) in table {
        let query = query(&format!("{search}&_total=accurate&_sort=_id")).unwrap();
        for (restriction, expected) in [(&open, of_open), (&closed, of_closed)] {
            assert_eq!(database.ids(&query, restriction), expected, "{search}");
            let total = database.total(&query, restriction);
            assert_eq!(total, i64::try_from(expected.len()).ok(), "the total of {search}");
        }
    }
}
