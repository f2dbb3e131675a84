//! Which profile a resource claims, and where.

use super::*;

#[test]
fn a_profile_of_another_type_or_without_a_snapshot_says_so() {
    let issues = issues(&[profile("Goal", &json!([]))], &patient(json!({})));
    assert_eq!(found(&issues, Severity::Error), ["value Patient.meta.profile"]);
    let mut bare = profile("Goal", &json!([]));
    bare.as_object_mut().expect("an object").remove("snapshot");
    assert!(Profile::compile(&bare).expect_err("it has none").contains("snapshot"));
    bare["derivation"] = "specialization".into();
    assert!(Profile::compile(&bare).is_err());
}

#[test]
fn a_version_is_found_whole_or_by_its_beginning() {
    let of = |version: &str| {
        let mut own = profile("Patient", &json!([]));
        own["version"] = version.into();
        own
    };
    let definitions = [of("6.1.0"), of("3.1.1")];
    let library = Library::compile(definitions.iter(), std::iter::empty()).expect("they compile");
    let version = |canonical: String| library.find(&canonical).and_then(|profile| profile.version.clone());
    assert_eq!(version(URL.to_owned()).as_deref(), Some("6.1.0"));
    assert_eq!(version(format!("{URL}|3.1.1")).as_deref(), Some("3.1.1"));
    assert_eq!(version(format!("{URL}|3")).as_deref(), Some("3.1.1"));
    assert_eq!(version(format!("{URL}|5.0.0")), None);
}

#[test]
fn claims_are_found_in_contained_resources_and_in_those_of_a_bundle() {
    let claiming = |claim: &str| json!({ "resourceType": "Patient", "meta": { "profile": [claim] } });
    let mut outer = claiming("a");
    outer["contained"] = json!([claiming("b")]);
    let bundle = json!({ "resourceType": "Bundle", "entry": [{}, { "resource": outer }] });
    let all = Subject::all(&bundle);
    let found: Vec<_> =
        all.iter().flat_map(|one| one.claims().map(|claim| (claim, one.at.as_str()))).collect();
    assert_eq!(found, [("b", "Bundle.entry[1].resource.contained[0]"), ("a", "Bundle.entry[1].resource")]);
}
