//! Invariants, by what they see.

use super::*;

#[test]
fn invariants_are_judged_where_they_stand() {
    let elements = json!([{ "path": "Patient.name", "constraint": [
        { "key": "own-1", "severity": "error", "human": "A name has a family name.", "expression": "family.exists()" },
        { "key": "own-2", "severity": "warning", "human": "Two are better.", "expression": "given.count() > 1" },
        { "key": "ele-1", "severity": "error", "human": "R4's own", "expression": "false" },
        { "key": "own-3", "severity": "error", "human": "R4's own", "expression": "false",
          "source": "http://hl7.org/fhir/StructureDefinition/HumanName" }] }]);
    let resource = patient(json!({ "name": [{ "family": "A", "given": ["B", "C"] }, { "given": ["D"] }] }));
    let issues = issues(&[profile("Patient", &elements)], &resource);
    assert_eq!(found(&issues, Severity::Error), ["invariant Patient.name[1]"]);
    assert_eq!(found(&issues, Severity::Warning), ["invariant Patient.name[1]"]);
    assert!(
        issues.iter().any(|issue| issue.text.contains("A name has a family name (own-1).")),
        "{issues:?}"
    );
}

#[test]
fn an_invariant_that_is_no_fhirpath_is_named_as_not_checked() {
    let elements = json!([{ "path": "Patient.name", "constraint": [
        { "key": "own-1", "severity": "error", "human": "?", "expression": "family.nonsense(" }] }]);
    let issues = issues(&[profile("Patient", &elements)], &patient(json!({ "name": [{}] })));
    assert_eq!(found(&issues, Severity::Error), Vec::<String>::new());
    assert!(issues.iter().any(|issue| issue.text.contains("own-1")), "{issues:?}");
}

#[test]
fn an_invariant_of_a_contained_resource_sees_what_contains_it() {
    let elements = json!([{ "path": "Organization.name", "constraint": [
        { "key": "own-1", "severity": "error", "human": "?", "expression": "%rootResource.active" }] }]);
    let outer = |active: bool| {
        patient(
            json!({ "active": active, "contained": [{ "resourceType": "Organization", "id": "o", "name": "O" }] }),
        )
    };
    let errors = |outer: &Value| {
        let definition = profile("Organization", &elements);
        let library = Library::compile([definition].iter(), std::iter::empty()).expect("it compiles");
        let r4 = Definitions::shared().expect("the definitions load");
        let known = Known::new(&r4.shapes, vec![&library]);
        let inner = &Subject::all(outer)[1];
        found(
            &validate(&known, known.find(URL).expect("it is there"), inner, &mut Budget::default()),
            Severity::Error,
        )
    };
    assert_eq!(errors(&outer(true)), Vec::<String>::new());
    assert_eq!(errors(&outer(false)), ["invariant Patient.contained[0].name"]);
}
