//! Constraints as definitions write them.

use super::*;

#[test]
fn a_constraint_is_kept_broken_or_cannot_be_told() {
    let period = |start: &str, end: &str| json!({ "resourceType": "Encounter", "period": { "start": start, "end": end } });
    let order =
        "period.start.hasValue().not() or period.end.hasValue().not() or (period.start <= period.end)";
    assert_eq!(constraint(order, &period("2026-01-01", "2026-02")), Ok(Some(true)));
    assert_eq!(constraint(order, &period("2026-03-01", "2026-02")), Ok(Some(false)));
    assert_eq!(constraint(order, &period("2026-02-05", "2026-02")), Ok(None));
    // Nothing to look into tells nothing; a code that is asked for and is not there is missing.
    assert_eq!(constraint("id.contains('/').not()", &json!({ "resourceType": "Patient" })), Ok(None));
    assert_eq!(constraint("gender = 'male'", &json!({ "resourceType": "Patient" })), Ok(Some(false)));
    assert_eq!(
        constraint(
            "multipleBirth is integer implies multipleBirth > 0",
            &json!({ "resourceType": "Patient" })
        ),
        Ok(None)
    );
    let component =
        "value.empty() or component.code.where(coding.intersect(%resource.code.coding).exists()).empty()";
    let mut repeats = observation(("valueString", json!("a")));
    assert_eq!(constraint(component, &repeats), Ok(Some(true)));
    repeats["component"][0]["code"] = repeats["code"].clone();
    assert_eq!(constraint(component, &repeats), Ok(Some(false)));
}

#[test]
fn references_are_followed_within_a_bundle() {
    let bundle = json!({ "resourceType": "Bundle", "type": "document", "entry": [
        { "fullUrl": "https://a.org/fhir/Composition/1", "resource": { "resourceType": "Composition", "subject": { "reference": "Patient/2" },
            "author": [{ "reference": "urn:uuid:3" }] } },
        { "fullUrl": "https://a.org/fhir/Patient/2", "resource": { "resourceType": "Patient", "gender": "other" } },
        { "fullUrl": "urn:uuid:3", "resource": { "resourceType": "Practitioner", "gender": "male" } },
    ] });
    assert_eq!(constraint("entry.first().resource.is(Composition)", &bundle), Ok(Some(true)));
    assert_eq!(found("entry.resource.subject.resolve().gender", &bundle), Ok(vec!["other".to_owned()]));
    assert_eq!(
        found("entry.resource.author.resolve().ofType(Practitioner).gender", &bundle),
        Ok(vec!["male".to_owned()])
    );
    assert_eq!(found("entry.resource.author.resolve().ofType(Patient)", &bundle), Ok(vec![]));
}

#[test]
fn every_expression_of_r4_compiles() {
    let mut count = 0;
    for structure in crate::definitions::r4_structures().expect("the definitions are JSON") {
        for element in structure["snapshot"]["element"].as_array().into_iter().flatten() {
            for rule in element["constraint"].as_array().into_iter().flatten() {
                let text = rule["expression"].as_str().expect("a constraint has an expression");
                Expression::compile(text).unwrap_or_else(|problem| panic!("{}: {problem}", rule["key"]));
                count += 1;
            }
        }
    }
    assert!(count > 230, "{count}");
}
