//! Where in the JSON an expression leads.

use super::*;

fn places(expression: &str, resource: &Value) -> Vec<String> {
    let compiled = Expression::compile(expression).expect("an expression");
    let found =
        locate(&compiled, &definitions().shapes, resource, &mut Budget::default()).expect("it is evaluated");
    let step = |step: &LocationStep| match step {
        LocationStep::Member(name) => format!(".{name}"),
        LocationStep::Index(index) => format!("[{index}]"),
    };
    found.iter().map(|location| location.steps.iter().map(step).collect()).collect()
}

#[test]
fn places_are_found_for_elements_and_for_primitives() {
    let patient = patient();
    assert_eq!(places("Patient", &patient), [""]);
    assert_eq!(places("Patient.name", &patient), [".name[0]", ".name[1]", ".name[2]"]);
    assert_eq!(places("Patient.name.where(use = 'nickname').given", &patient), [".name[1].given[0]"]);
    assert_eq!(places("Patient.multipleBirth", &patient), [".multipleBirthInteger"]);
    assert_eq!(places("Patient.birthDate", &patient), [".birthDate"]);
    assert_eq!(places("Patient.birthDate.extension", &patient), ["._birthDate.extension[0]"]);
    assert_eq!(places("Patient.name[2].family", &patient), [".name[2]._family"]);
    // Equal values are told apart by where they stand; what is computed stands nowhere.
    assert_eq!(
        places("Patient.name.given.where($this = 'Ada')", &patient),
        [".name[0].given[0]", ".name[1].given[0]"]
    );
    assert_eq!(places("Patient.name.given.first() & 'x'", &patient), Vec::<String>::new());
    assert_eq!(places("Patient.photo", &patient), Vec::<String>::new());
}
