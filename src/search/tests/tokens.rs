//! Tokens with the systems that they imply, and the modifiers that only tokens have.

use serde_json::Value;
use serde_json::json;

use super::DEFINITIONS;
use super::PARAMETERS;
use super::database::Database;
use super::database::query;
use super::matches::check;
use super::ty;
use crate::fhir::ResourceType;
use crate::search::Kind;

const ICD: &str = "http://hl7.org/fhir/sid/icd-10-cm";

fn people() -> Vec<Value> {
    let typed = |code: &str, value: &str| {
        json!({ "type": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": code }],
            "text": format!("Número {code}") }, "system": "urn:ids", "value": value })
    };
    vec![
        json!({ "resourceType": "Patient", "id": "ana", "active": true, "gender": "female",
            "identifier": [typed("MR", "7"), typed("SS", "8"), { "value": "loose" }],
            "telecom": [{ "system": "phone", "value": "555", "use": "home" }, { "system": "email", "value": "a@b" }],
            "communication": [{ "language": { "text": "Sign language" } }] }),
        json!({ "resourceType": "Patient", "id": "bob", "active": false, "gender": "male",
            "identifier": [typed("SS", "7")], "telecom": [{ "system": "phone", "value": "555", "use": "work" }] }),
        json!({ "resourceType": "Patient", "id": "cy", "deceasedBoolean": true }),
    ]
}

fn conditions() -> Vec<Value> {
    let condition = |id: &str, system: &str, code: &str, display: &str| {
        json!({ "resourceType": "Condition", "id": id, "subject": { "reference": "Patient/ana" },
            "code": { "coding": [{ "system": system, "code": code, "display": display }] } })
    };
    vec![
        condition("breast", ICD, "C50.911", "Malignant neoplasm of breast"),
        condition("undotted", ICD, "C50912", "Malignant neoplasm of breast"),
        condition("category", ICD, "C50", "Malignant neoplasm of breast"),
        condition("skin", ICD, "C44.9", "Skin cancer"),
        condition("copd", "http://snomed.info/sct", "13645005", "Chronic obstructive lung disease"),
        condition("other", "urn:other", "C50.911", "Ménière's disease"),
        json!({ "resourceType": "Condition", "id": "told", "subject": { "reference": "Patient/ana" },
            "code": { "text": "Old malignant thing" } }),
        json!({ "resourceType": "Condition", "id": "none", "subject": { "reference": "Patient/ana" } }),
    ]
}

#[test]
fn codes_truths_and_contact_points_have_the_systems_of_r4s_table() {
    let table: &[(&str, &[&str])] = &[
        ("Patient?gender=female", &["ana"]),
        ("Patient?gender=http://hl7.org/fhir/administrative-gender|female", &["ana"]),
        ("Patient?gender=http://hl7.org/fhir/administrative-gender|", &["ana", "bob"]),
        ("Patient?gender=http://example.org/|female", &[]),
        ("Patient?gender=|female", &[]),
        ("Patient?gender:not=http://hl7.org/fhir/administrative-gender|female", &["bob", "cy"]),
        ("Patient?active=true", &["ana"]),
        ("Patient?deceased=true", &["cy"]),
        ("Patient?telecom=555", &["ana", "bob"]),
        ("Patient?phone=555", &["ana", "bob"]),
        ("Patient?email=a@b", &["ana"]),
        ("Patient?identifier=urn:ids|", &["ana", "bob"]),
        ("Patient?identifier=|loose", &["ana"]),
        ("Patient?identifier=|7", &[]),
    ];
    check(&mut Database::of(&people()), table);
}

#[test]
fn a_bar_is_refused_where_r4_has_no_system_and_nowhere_else() {
    let all = ResourceType::all().flat_map(|ty| PARAMETERS.of(ty)).filter(|one| one.kind == Kind::Token);
    let without = all.filter(|one| !one.has_systems() && one.path.is_some());
    let mut names: Vec<String> = without.map(|one| format!("{}.{}", one.ty, one.code)).collect();
    names.sort_unstable();
    for name in
        ["Patient.active", "Patient.deceased", "Patient.phone", "Practitioner.email", "Patient.telecom"]
    {
        assert!(names.iter().any(|other| other == name), "{name}");
    }
    let others =
        ["Patient.identifier", "Patient.gender", "Observation.code", "Observation._tag", "Patient.race"];
    for name in others {
        assert!(names.iter().all(|other| other != name), "{name}");
    }
    assert_eq!(names.len(), 37, "truths and contacts alone: {names:?}");
}

#[test]
fn every_parameter_over_codes_that_r4_lists_knows_their_system() {
    let mut known = 0;
    let mut without = Vec::new();
    for parameter in
        ResourceType::all().flat_map(|ty| PARAMETERS.of(ty)).filter(|one| one.kind == Kind::Token)
    {
        let Some(path) = &parameter.path else { continue };
        if DEFINITIONS.shapes.finds_codes(parameter.ty, path) {
            known += 1;
            if parameter.implied.is_empty() {
                without.push(format!("{}.{}", parameter.ty, parameter.code));
            }
        }
    }
    assert!(known > 150, "{known}");
    // Elements that R4 binds to no list: codes of whatever system the resource is about, languages and media types.
    let expected = [
        "CapabilityStatement.format",
        "CodeSystem.code",
        "CodeSystem.language",
        "ConceptMap.source-code",
        "ConceptMap.target-code",
        "DocumentReference.contenttype",
        "DocumentReference.language",
        "Library.content-type",
        "OperationDefinition.code",
        "SearchParameter.code",
        "Subscription.payload",
        "ValueSet.code",
    ];
    assert_eq!(without, expected);
    let status = PARAMETERS.find(ty("Encounter"), "status").unwrap();
    assert_eq!(
        status.implied["finished"],
        [crate::search::fold::system(Some("http://hl7.org/fhir/encounter-status"))]
    );
}

#[test]
fn a_string_is_a_token_whatever_its_case_and_a_type_of_content_has_parameters() {
    let table: &[(&str, &[&str])] = &[
        ("Medication?lot-number=ab1", &["lot"]),
        ("Medication?lot-number=AB1", &["lot"]),
        ("Medication?lot-number=ab", &[]),
        ("Medication?identifier=AB1", &["lot"]),
        ("Medication?identifier=ab1", &[]),
        ("DocumentReference?contenttype=text/xml", &["plain"]),
        ("DocumentReference?contenttype:below=text/xml", &["plain", "utf"]),
        ("DocumentReference?contenttype:below=text", &["more", "plain", "utf"]),
        ("DocumentReference?contenttype:below=text/x", &[]),
        ("DocumentReference?contenttype:above=text/xml; charset=UTF-8", &["plain", "utf"]),
        ("DocumentReference?contenttype:above=text/xml", &["plain"]),
        ("DocumentReference?contenttype:below=text/xml,text/xml-external", &["more", "plain", "utf"]),
    ];
    let document = |id: &str, content: &str| {
        json!({ "resourceType": "DocumentReference", "id": id, "status": "current",
            "content": [{ "attachment": { "contentType": content } }] })
    };
    let all = [
        json!({ "resourceType": "Medication", "id": "lot", "batch": { "lotNumber": "Ab1" },
            "identifier": [{ "value": "AB1" }] }),
        document("plain", "text/xml"),
        document("utf", "text/xml; charset=UTF-8"),
        document("more", "text/xml-external"),
    ];
    check(&mut Database::of(&all), table);
    for wrong in ["contenttype:below=urn:ietf:bcp:13|text/xml", "language:below=de"] {
        assert_eq!(query(&format!("DocumentReference?{wrong}")).unwrap_err().status(), 400, "{wrong}");
    }
}

#[test]
fn the_text_beside_a_code_is_searched_as_a_string() {
    let mut all = people();
    all.extend(conditions());
    let table: &[(&str, &[&str])] = &[
        ("Condition?code:text=malignant", &["breast", "category", "undotted"]),
        ("Condition?code:text=OLD malig", &["told"]),
        ("Condition?code:text=meniere", &["other"]),
        ("Condition?code:text=neoplasm", &[]),
        ("Condition?code:text=skin,chronic", &["copd", "skin"]),
        ("Condition?code:text=C50", &[]),
        ("Patient?identifier:text=numero mr", &["ana"]),
        ("Patient?language:text=sign", &["ana"]),
        ("Patient?_has:Condition:patient:code:text=skin", &["ana"]),
        ("Condition?subject:Patient.language:text=french", &[]),
    ];
    check(&mut Database::of(&all), table);
}

#[test]
fn an_identifier_is_found_by_its_type() {
    let types = "http://terminology.hl7.org/CodeSystem/v2-0203";
    let searches = [
        (format!("Patient?identifier:of-type={types}|MR|7"), &["ana"][..]),
        (format!("Patient?identifier:of-type={types}|SS|7"), &["bob"]),
        (format!("Patient?identifier:of-type={types}|SS|7,{types}|SS|8"), &["ana", "bob"]),
        (format!("Patient?identifier:of-type={types}|MR|8"), &[]),
        ("Patient?identifier:of-type=urn:other|MR|7".into(), &[]),
    ];
    let mut database = Database::of(&people());
    for (search, expected) in &searches {
        check(&mut database, &[(search, expected)]);
    }
    for wrong in
        ["identifier:of-type=MR|7", "identifier:of-type=|MR|7", "active:of-type=a|b|c", "gender:of-type=x"]
    {
        assert_eq!(query(&format!("Patient?{wrong}")).unwrap_err().status(), 400, "{wrong}");
    }
}

#[test]
fn a_code_is_found_by_what_stands_above_and_below_it() {
    let table: &[(&str, &[&str])] = &[
        ("Condition?code:below=http://hl7.org/fhir/sid/icd-10-cm|C50", &["breast", "category", "undotted"]),
        ("Condition?code:below=http://hl7.org/fhir/sid/icd-10-cm|C50.91", &["breast", "undotted"]),
        ("Condition?code:below=http://hl7.org/fhir/sid/icd-10-cm|C5091", &["breast", "undotted"]),
        ("Condition?code:below=http://hl7.org/fhir/sid/icd-10-cm|C50.911", &["breast"]),
        ("Condition?code:above=http://hl7.org/fhir/sid/icd-10-cm|C50.911", &["breast", "category"]),
        ("Condition?code:above=http://hl7.org/fhir/sid/icd-10-cm|C50.9", &["category"]),
        (
            "Condition?code:below=http://hl7.org/fhir/sid/icd-10-cm|C44,http://hl7.org/fhir/sid/icd-10-cm|C50.91",
            &["breast", "skin", "undotted"],
        ),
        ("Patient?_has:Condition:patient:code:below=http://hl7.org/fhir/sid/icd-10-cm|C50", &["ana"]),
    ];
    let mut all = conditions();
    all.push(people().remove(0));
    check(&mut Database::of(&all), table);
}

#[test]
fn a_code_is_found_by_the_value_sets_that_hold_it() {
    let table: &[(&str, &[&str])] = &[
        ("Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender", &["ana", "bob"]),
        ("Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", &["ana", "bob"]),
        ("Patient?gender:not-in=http://hl7.org/fhir/ValueSet/administrative-gender", &["cy"]),
        ("Patient?gender:in=http://hl7.org/fhir/ValueSet/encounter-status", &[]),
        // Ours: ICD-10-CM by patterns, SNOMED CT by its codes.
        (
            "Condition?code:in=https://comfrey.health/fhir/ValueSet/vs-cancer-any",
            &["breast", "category", "undotted"],
        ),
        ("Condition?code:in=https://comfrey.health/fhir/ValueSet/vs-copd", &["copd"]),
        (
            "Condition?code:not-in=https://comfrey.health/fhir/ValueSet/vs-cancer-any",
            &["copd", "none", "other", "skin", "told"],
        ),
        (
            "Condition?code:in=https://comfrey.health/fhir/ValueSet/vs-copd,https://comfrey.health/fhir/ValueSet/vs-cancer-any",
            &["breast", "category", "copd", "undotted"],
        ),
    ];
    let mut all = conditions();
    all.extend(people());
    check(&mut Database::of(&all), table);
}

#[test]
fn what_cannot_be_told_of_a_code_is_refused() {
    let table = [
        ("code:in=urn:unknown", "not-found"),
        ("code:in=ValueSet/unknown", "not-found"),
        ("code:in=http://hl7.org/fhir/ValueSet/condition-code", "not-supported"),
        ("code:below=C50", "invalid"),
        ("code:below=http://snomed.info/sct|13645005", "not-supported"),
        ("code:above=http://hl7.org/fhir/sid/icd-10-cm|C5", "code-invalid"),
        (
            "clinical-status:below=http://terminology.hl7.org/CodeSystem/condition-clinical|nope",
            "code-invalid",
        ),
    ];
    for (wrong, code) in table {
        let failure = query(&format!("Condition?{wrong}")).expect_err(wrong);
        let name = wrong.split('=').next().unwrap();
        assert_eq!((failure.status(), failure.issues.len()), (400, 1), "{wrong}");
        assert_eq!(failure.issues[0].code, code, "{wrong}: {}", failure.issues[0].text);
        assert_eq!(failure.issues[0].expression.as_deref(), Some(format!("http.{name}").as_str()));
    }
}
