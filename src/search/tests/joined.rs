//! Parameters that join two others: their rows, and what is found.

use serde_json::Value;
use serde_json::json;

use super::PARAMETERS;
use super::composites::stored;
use super::database::Database;
use super::database::query;
use super::matches::check;
use super::ty;
use crate::search::Restriction;
use crate::search::rows::rows;

#[test]
fn the_parameters_of_two_elements_have_the_rows_of_the_two() {
    let joined = |code: &str| {
        let parameter = PARAMETERS.find(ty("Observation"), code).unwrap();
        let both = parameter.joins.map(|joined| joined.numbers.map(|one| PARAMETERS.by_number(one).unwrap()));
        both.map(|both| {
            let mut codes = both.map(|one| one.code.as_str());
            codes.sort_unstable();
            codes
        })
    };
    assert_eq!(joined("combo-code"), Some(["code", "component-code"]));
    assert_eq!(joined("combo-value-quantity"), Some(["component-value-quantity", "value-quantity"]));
    assert_eq!(joined("combo-value-concept"), Some(["component-value-concept", "value-concept"]));
    let reason = "combo-data-absent-reason";
    assert_eq!(joined(reason), Some(["component-data-absent-reason", "data-absent-reason"]));
    for code in ["code", "component-code", "status", "combo-code-value-quantity"] {
        assert_eq!(joined(code), None, "{code}");
    }
    let all = ty_count();
    assert_eq!(all, 4, "whoever adds one sees that it is searched, sorted and filtered by");
}

fn ty_count() -> usize {
    let all = crate::fhir::ResourceType::all().flat_map(|ty| PARAMETERS.of(ty));
    all.filter(|parameter| parameter.joins.is_some_and(|joined| joined.to.is_none())).count()
}

#[test]
fn a_joined_parameter_finds_what_either_of_the_two_finds() {
    let mut database = stored();
    let table: &[(&str, &[&str])] = &[
        ("Observation?combo-code=http://loinc.org|8480-6", &["high", "low"]),
        ("Observation?combo-code=http://loinc.org|85354-9", &["high", "low"]),
        ("Observation?combo-code=29463-7,8480-6", &["high", "low", "weight"]),
        ("Observation?combo-code=http://loinc.org|", &["high", "low", "weight"]),
        ("Observation?combo-code:not=8480-6", &["concept", "dated", "lasting", "stated", "weight"]),
        ("Observation?combo-code=8480-6&subject=Patient/ana", &["high"]),
        ("Observation?combo-code=8480-6&combo-code=sys", &["high", "low"]),
        ("Observation?combo-code:missing=true", &[]),
        ("Observation?combo-value-quantity=70.5", &["weight"]),
        ("Observation?combo-value-quantity=gt100", &["high", "low"]),
        ("Observation?combo-value-quantity=lt75||kg,150", &["high", "weight"]),
        ("Observation?combo-value-quantity:missing=false", &["high", "low", "weight"]),
        ("Observation?combo-value-quantity:missing=true", &["concept", "dated", "lasting", "stated"]),
        ("Observation?_filter=combo-value-quantity gt 120", &["high"]),
        // One looks at the rows of both, the other at its own alone, whichever stands first.
        ("Observation?_filter=component-code eq 8480-6 or combo-code eq 29463-7", &["high", "low", "weight"]),
        ("Observation?_filter=combo-code eq 29463-7 or component-code eq 85354-9", &["weight"]),
        ("Observation?_filter=component-code eq 85354-9 or combo-code eq 29463-7", &["weight"]),
        ("Observation?_filter=code eq 29463-7 or combo-code eq 8480-6", &["high", "low", "weight"]),
        ("Observation?_filter=combo-code eq 29463-7 or code eq 8480-6", &["weight"]),
        ("Observation?_filter=combo-code eq 29463-7 or combo-code eq 8480-6", &["high", "low", "weight"]),
        ("Observation?_filter=value-quantity gt 120 or combo-value-quantity eq 70.5", &["weight"]),
        (
            "Observation?_filter=combo-code ne \"http://loinc.org|8480-6\" and combo-code pr true",
            &["concept", "dated", "high", "lasting", "low", "stated", "weight"],
        ),
    ];
    check(&mut database, table);
    let sorted = |search: &str| stored().find(search);
    assert_eq!(
        sorted("Observation?combo-value-quantity:missing=false&_sort=combo-value-quantity"),
        ["high", "weight", "low"],
        "by the least of its values: 70 of a component, 70.5, 95"
    );
    assert_eq!(
        sorted("Observation?combo-value-quantity:missing=false&_sort=-combo-value-quantity"),
        ["high", "low", "weight"]
    );
    assert_eq!(sorted("Observation?subject=Patient/ana&_sort=combo-code")[..2], ["weight", "high"]);
}

#[test]
fn a_reference_to_one_type_has_its_rows_under_the_parameter_for_that_type_alone() {
    let joined = |name: &str, code: &str| {
        let joined = PARAMETERS.find(ty(name), code).unwrap().joins.filter(|joined| joined.to.is_some())?;
        let [first, second] = joined.numbers.map(|one| PARAMETERS.by_number(one).unwrap().code.as_str());
        assert_eq!(second, code);
        Some((first, joined.to.unwrap().name()))
    };
    let table = [
        ("Observation", "subject", Some(("patient", "Patient"))),
        ("Condition", "subject", Some(("patient", "Patient"))),
        ("Goal", "subject", Some(("patient", "Patient"))),
        ("Encounter", "participant", Some(("practitioner", "Practitioner"))),
        ("Observation", "patient", None),
        ("Observation", "performer", None),
        // Here `patient` is all of it, or of another element.
        ("Coverage", "beneficiary", None),
        ("AuditEvent", "agent", None),
    ];
    for (name, code, expected) in table {
        assert_eq!(joined(name, code), expected, "{name}.{code}");
    }
    let all = crate::fhir::ResourceType::all().flat_map(|ty| PARAMETERS.of(ty));
    let count = all.filter(|own| own.joins.is_some_and(|joined| joined.to.is_some())).count();
    assert_eq!(count, 41, "whoever adds one sees that it is searched, sorted, chained and included by");
}

fn encounters() -> Vec<Value> {
    let of = |id: &str, subject: Value| json!({ "resourceType": "Encounter", "id": id, "status": "finished", "subject": subject });
    let inside = |id: &str, subject: Value| {
        let mut encounter = of(id, subject);
        encounter["contained"] =
            json!([{ "resourceType": "Patient", "id": "p", "name": [{ "family": "Birch" }] }]);
        encounter
    };
    let urn = |last: u8| format!("urn:uuid:2d1a0b4e-0000-4000-8000-00000000000{last}");
    let identifier = json!({ "system": "urn:mrn", "value": "7" });
    vec![
        json!({ "resourceType": "Patient", "id": "1", "name": [{ "family": "Ash" }] }),
        json!({ "resourceType": "Patient", "id": "2", "name": [{ "family": "Birch" }] }),
        json!({ "resourceType": "Group", "id": "1", "type": "person", "actual": true, "code": { "text": "Ash" } }),
        of("one", json!({ "reference": "Patient/1" })),
        of("version", json!({ "reference": "Patient/2/_history/3" })),
        of("group", json!({ "reference": "Group/1" })),
        of("abroad", json!({ "reference": "https://elsewhere.test/fhir/Patient/1" })),
        of("group-abroad", json!({ "reference": "https://elsewhere.test/fhir/Group/1" })),
        of("urn", json!({ "reference": urn(1), "type": "Patient" })),
        of("urn-of-any", json!({ "reference": urn(2) })),
        of("known", json!({ "identifier": identifier, "type": "Patient" })),
        of("known-as-any", json!({ "identifier": identifier })),
        inside("inside", json!({ "reference": "#p", "type": "Patient" })),
        inside("inside-as-any", json!({ "reference": "#p" })),
        of("told", json!({ "display": "Ana" })),
    ]
}

/// The same with the rows that an index of the ninth rules has.
fn of_older_rules() -> Database {
    let mut database = Database::of(&encounters());
    let [patient, subject] =
        ["patient", "subject"].map(|code| PARAMETERS.find(ty("Encounter"), code).unwrap());
    for (from, to) in [
        (patient.number, subject.number),
        (-patient.number, -subject.number),
        (patient.identifier_number, subject.identifier_number),
    ] {
        database.run_all(&format!(
            "INSERT INTO idx_reference SELECT {to}, target_type, target_id, rid FROM idx_reference WHERE param = {from};
             INSERT INTO idx_token SELECT {to}, code, system, rid FROM idx_token WHERE param = {from}"
        ));
    }
    database
}

#[test]
fn what_is_about_a_patient_has_one_row_and_the_rest_another() {
    let own = |code: &str, of: &str| -> Vec<(i64, String)> {
        let encounter = encounters().into_iter().find(|one| one["id"] == of).unwrap();
        let parameter = PARAMETERS.find(ty("Encounter"), code).unwrap();
        let rows = rows(&PARAMETERS, &encounter, &jiff::tz::TimeZone::UTC);
        let references = rows.references.into_iter().filter(|row| row.param == parameter.number);
        let tokens = rows.tokens.into_iter().filter(|row| row.param == parameter.identifier_number);
        let references = references.map(|row| (row.target_type, row.target_id));
        references.chain(tokens.map(|row| (0, row.code))).collect()
    };
    for of in ["one", "version", "abroad", "urn", "known", "inside"] {
        assert!(own("subject", of).is_empty() && !own("patient", of).is_empty(), "{of}");
    }
    for of in ["group", "group-abroad", "urn-of-any", "known-as-any", "inside-as-any"] {
        assert!(!own("subject", of).is_empty() && own("patient", of).is_empty(), "{of}");
    }
    let person = json!({ "resourceType": "Encounter", "id": "p", "status": "finished",
        "subject": { "reference": "Patient/1" } });
    assert_eq!(rows(&PARAMETERS, &person, &jiff::tz::TimeZone::UTC).patients, ["1"]);
}

#[test]
fn a_search_by_the_subject_finds_what_stands_under_the_patient_as_well() {
    let urn = |last: u8| format!("Encounter?subject=urn:uuid:2d1a0b4e-0000-4000-8000-00000000000{last}");
    let (typed, untyped) = (urn(1), urn(2));
    let all_but_told =
        ["abroad", "group", "group-abroad", "inside", "inside-as-any", "one", "urn", "urn-of-any", "version"];
    let all_but_one: Vec<&str> = all_but_told.into_iter().filter(|id| *id != "one").collect();
    let table: &[(&str, &[&str])] = &[
        ("Encounter?patient=1", &["one"]),
        ("Encounter?subject=Patient/1", &["one"]),
        ("Encounter?subject:Patient=1", &["one"]),
        ("Encounter?subject=1", &["group", "one"]),
        ("Encounter?subject=Group/1", &["group"]),
        ("Encounter?subject=Group/1,Patient/2", &["group", "version"]),
        ("Encounter?subject=Patient/1,Patient/2", &["one", "version"]),
        ("Encounter?subject=Patient/1,https://elsewhere.test/fhir/Group/1", &["group-abroad", "one"]),
        ("Encounter?subject=Patient/2/_history/3", &["version"]),
        ("Encounter?subject=https://comfrey.test/fhir/Patient/1", &["one"]),
        ("Encounter?subject=https://elsewhere.test/fhir/Patient/1", &["abroad"]),
        ("Encounter?patient=https://elsewhere.test/fhir/Patient/1", &["abroad"]),
        ("Encounter?subject=https://elsewhere.test/fhir/Group/1", &["group-abroad"]),
        (&typed, &["urn"]),
        (&untyped, &["urn-of-any"]),
        ("Encounter?subject:identifier=urn:mrn|7", &["known", "known-as-any"]),
        ("Encounter?patient:identifier=urn:mrn|7", &["known"]),
        ("Encounter?subject:missing=false", &all_but_told),
        ("Encounter?subject:missing=true", &["known", "known-as-any", "told"]),
        ("Encounter?patient:missing=false", &["abroad", "inside", "inside-as-any", "one", "urn", "version"]),
        ("Encounter?subject:Patient.family=ash", &["one"]),
        ("Encounter?subject:Patient.family=birch", &["inside", "inside-as-any", "version"]),
        ("Encounter?patient.family=birch", &["inside", "inside-as-any", "version"]),
        ("Encounter?subject:Group.actual=true", &["group"]),
        ("Encounter?subject:Patient._id=1", &["one"]),
        ("Encounter?status=finished&subject=Patient/1", &["one"]),
        ("Encounter?status=finished&subject=Group/1,Patient/2", &["group", "version"]),
        ("Patient?_has:Encounter:subject:status=finished", &["1", "2"]),
        ("Patient?_has:Encounter:patient:_id=version", &["2"]),
        ("Group?_has:Encounter:subject:status=finished", &["1"]),
        ("Encounter?_filter=subject re Patient/1", &["one"]),
        ("Encounter?_filter=subject re Patient/1 or subject re Group/1", &["group", "one"]),
        ("Encounter?_filter=not(subject re Patient/1) and subject pr true", &all_but_one),
        ("Encounter?_filter=subject pr true", &all_but_told),
        ("Patient?family=birch&_contained=true&_containedType=container", &["inside", "inside-as-any"]),
    ];
    check(&mut Database::of(&encounters()), table);
    check(&mut of_older_rules(), table);
}

#[test]
fn what_stands_under_the_patient_is_included_and_sorted_by_the_subject() {
    for mut database in [Database::of(&encounters()), of_older_rules()] {
        let mut included = |search: &str| {
            let mut found = database.included(&query(search).unwrap(), &Restriction::none());
            found.sort();
            found
        };
        let subjects = included("Encounter?_include=Encounter:subject");
        assert_eq!(subjects, ["Group/1", "Patient/1", "Patient/2"]);
        assert_eq!(included("Encounter?_include=Encounter:patient"), ["Patient/1", "Patient/2"]);
        assert_eq!(included("Encounter?_include=Encounter:subject:Group"), ["Group/1"]);
        assert_eq!(included("Encounter?_include=Encounter:*"), subjects);
        assert_eq!(included("Patient?_revinclude=Encounter:subject"), ["Encounter/one", "Encounter/version"]);
        assert_eq!(included("Group?_revinclude=Encounter:subject"), ["Encounter/group"]);
        let sorted = |database: &mut Database, search: &str| database.find(search);
        let by_subject = "Encounter?_id=one,version,group,told&_sort=subject,_id";
        assert_eq!(sorted(&mut database, by_subject), ["group", "one", "version", "told"]);
        let backwards = "Encounter?_id=one,version,told&_sort=-subject";
        assert_eq!(sorted(&mut database, backwards), ["version", "one", "told"]);
    }
}
