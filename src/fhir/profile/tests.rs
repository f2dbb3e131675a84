//! Each kind of demand, with a case for and one against.

use serde_json::Value;
use serde_json::json;

use crate::definitions::Definitions;
use crate::fhir::Issue;
use crate::fhir::Severity;
use crate::fhir::profile::Budget;
use crate::fhir::profile::Known;
use crate::fhir::profile::Library;
use crate::fhir::profile::Profile;
use crate::fhir::profile::Subject;
use crate::fhir::profile::validate;

const URL: &str = "http://example.org/StructureDefinition/own";

fn profile(ty: &str, elements: &Value) -> Value {
    let mut all = vec![json!({ "path": ty })];
    all.extend(elements.as_array().expect("a list").iter().cloned());
    json!({ "resourceType": "StructureDefinition", "url": URL, "name": "Own", "type": ty, "derivation": "constraint",
            "snapshot": { "element": all } })
}

fn issues(definitions: &[Value], resource: &Value) -> Vec<Issue> {
    let value_sets = [json!({ "url": "http://example.org/colours", "compose": { "include": [
        { "system": "urn:colours", "concept": [{ "code": "red" }, { "code": "blue" }] }] } })];
    let library = Library::compile(definitions.iter(), value_sets.iter()).expect("they compile");
    let r4 = Definitions::shared().expect("the definitions load");
    let known = Known::new(&r4.shapes, vec![&library]);
    validate(&known, known.find(URL).expect("it is there"), &Subject::of(resource), &mut Budget::default())
}

/// The errors, as issue code and place.
fn errors(elements: &Value, resource: &Value) -> Vec<String> {
    let ty = resource["resourceType"].as_str().expect("a type");
    found(&issues(&[profile(ty, elements)], resource), Severity::Error)
}

fn found(issues: &[Issue], severity: Severity) -> Vec<String> {
    let of = issues.iter().filter(|issue| issue.severity == severity);
    of.map(|issue| format!("{} {}", issue.code, issue.expression.as_deref().unwrap_or_default())).collect()
}

/// A demand of elements, a resource that meets it, and one that does not with what is then found.
fn check(elements: &Value, good: &Value, bad: &Value, wrong: &[&str]) {
    assert_eq!(errors(elements, good), Vec::<String>::new(), "{good}");
    assert_eq!(errors(elements, bad), wrong, "{bad}");
}

fn patient(mut members: Value) -> Value {
    members["resourceType"] = "Patient".into();
    members
}

#[test]
fn an_element_is_there_as_often_as_is_asked_for() {
    let elements = json!([{ "path": "Patient.name", "min": 1, "max": "2" }, { "path": "Patient.name.family", "min": 1 },
                          { "path": "Patient.photo", "max": "0" }]);
    let good = patient(json!({ "name": [{ "family": "A" }, { "_family": { "extension": [] } }] }));
    check(&elements, &good, &patient(json!({})), &["required Patient.name"]);
    let bad =
        patient(json!({ "name": [{ "text": "A" }, { "family": "B" }, { "family": "C" }], "photo": [{}] }));
    check(
        &elements,
        &good,
        &bad,
        &["value Patient.name", "required Patient.name[0].family", "value Patient.photo"],
    );
}

#[test]
fn an_element_that_is_not_there_needs_no_children() {
    let elements = json!([{ "path": "Patient.telecom" }, { "path": "Patient.telecom.system", "min": 1 }]);
    let bad = patient(json!({ "telecom": [{ "system": "phone" }, { "value": "1" }] }));
    check(&elements, &patient(json!({})), &bad, &["required Patient.telecom[1].system"]);
}

#[test]
fn a_base_cardinality_is_left_to_r4() {
    let elements =
        json!([{ "path": "Patient.name", "min": 1, "max": "1", "base": { "min": 1, "max": "1" } }]);
    assert_eq!(errors(&elements, &patient(json!({}))), Vec::<String>::new());
}

#[test]
fn fixed_values_and_patterns_must_be_met() {
    let elements = json!([
        { "path": "Patient.gender", "fixedCode": "female" },
        { "path": "Patient.maritalStatus", "patternCodeableConcept": { "coding": [{ "code": "M" }] } },
        { "path": "Patient.language", "maxLength": 2 },
    ]);
    let good = patient(json!({ "gender": "female", "language": "en",
                               "maritalStatus": { "coding": [{ "code": "M", "display": "Married" }] } }));
    let bad = patient(json!({ "gender": "male", "language": "en-US", "maritalStatus": { "text": "M" } }));
    let wrong = ["value Patient.gender", "value Patient.maritalStatus", "value Patient.language"];
    check(&elements, &good, &bad, &wrong);
}

#[test]
fn a_choice_may_have_the_types_that_are_left() {
    let elements = json!([{ "path": "Patient.deceased[x]", "min": 1, "type": [{ "code": "dateTime" }] }]);
    let good = patient(json!({ "deceasedDateTime": "2026-01-01" }));
    check(&elements, &good, &patient(json!({ "deceasedBoolean": true })), &["value Patient.deceasedBoolean"]);
    check(&elements, &good, &patient(json!({})), &["required Patient.deceased"]);
    let shadow = patient(json!({ "_deceasedDateTime": { "extension": [] } }));
    assert_eq!(errors(&elements, &shadow), Vec::<String>::new());
}

#[test]
fn a_reference_points_to_what_the_profile_says() {
    let target = "http://hl7.org/fhir/StructureDefinition/Organization";
    let elements = json!([{ "path": "Patient.generalPractitioner",
                            "type": [{ "code": "Reference", "targetProfile": [target] }] }]);
    let to = |text: &str| patient(json!({ "generalPractitioner": [{ "reference": text }] }));
    let wrong = ["value Patient.generalPractitioner[0].reference"];
    check(&elements, &to("Organization/1"), &to("Practitioner/1"), &wrong);
    check(&elements, &to("urn:uuid:1"), &to("https://example.org/fhir/Practitioner/1/_history/2"), &wrong);
    let mut inside = to("#o");
    inside["contained"] = json!([{ "resourceType": "PractitionerRole", "id": "o" }]);
    check(&elements, &to("Organization?identifier=1"), &inside, &wrong);
}

#[test]
fn required_codes_are_errors_extensible_ones_warnings_preferred_ones_information() {
    let bound = |strength: &str| {
        json!([{ "path": "Patient.maritalStatus",
                 "binding": { "strength": strength, "valueSet": "http://example.org/colours|1" } }])
    };
    let code = |system: &str, code: &str| {
        patient(json!({ "maritalStatus": { "coding": [{ "system": system, "code": code }] } }))
    };
    let none = patient(json!({ "maritalStatus": { "text": "purple" } }));
    let at = "code-invalid Patient.maritalStatus".to_owned();
    for (strength, severity) in [
        ("required", Severity::Error),
        ("extensible", Severity::Warning),
        ("preferred", Severity::Information),
    ] {
        let issues =
            |resource: &Value| found(&issues(&[profile("Patient", &bound(strength))], resource), severity);
        assert_eq!(issues(&code("urn:colours", "red")), Vec::<String>::new());
        assert_eq!(issues(&code("urn:colours", "green")), std::slice::from_ref(&at), "{strength}");
        assert_eq!(issues(&code("urn:other", "red")), std::slice::from_ref(&at), "{strength}");
        let expected = if strength == "required" { vec![at.clone()] } else { vec![] };
        assert_eq!(issues(&none), expected, "{strength}");
    }
}

#[test]
fn codes_of_a_value_set_that_is_not_at_hand_are_named_as_not_checked() {
    let elements = json!([{ "path": "Patient.gender",
                            "binding": { "strength": "required", "valueSet": "http://example.org/unknown" } }]);
    let issues = issues(&[profile("Patient", &elements)], &patient(json!({ "gender": "male" })));
    assert_eq!(found(&issues, Severity::Error), Vec::<String>::new());
    assert!(issues.iter().any(|issue| issue.text.contains("http://example.org/unknown")), "{issues:?}");
}

#[test]
fn slices_are_told_by_value_pattern_type_and_existence() {
    let sliced = |kind: &str, path: &str, slice: &Value| {
        let mut elements = vec![json!({ "path": "Patient.identifier", "slicing": {
            "discriminator": [{ "type": kind, "path": path }], "rules": "open" } })];
        elements.extend(slice.as_array().expect("a list").iter().cloned());
        Value::from(elements)
    };
    let own = |more: Value| {
        let mut slice = json!({ "path": "Patient.identifier", "sliceName": "own", "min": 1, "max": "1" });
        slice.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        slice
    };
    let with = |identifiers: Value| patient(json!({ "identifier": identifiers }));
    let by_value = sliced(
        "value",
        "system",
        &json!([own(json!({})), { "path": "Patient.identifier.system", "fixedUri": "urn:own" },
                { "path": "Patient.identifier.value", "min": 1 }]),
    );
    let good = with(json!([{ "system": "urn:other" }, { "system": "urn:own", "value": "1" }]));
    check(&by_value, &good, &with(json!([{ "system": "urn:other" }])), &["required Patient.identifier"]);
    let bad = with(json!([{ "system": "urn:own" }, { "system": "urn:own", "value": "1" }]));
    check(&by_value, &good, &bad, &["required Patient.identifier[0].value", "value Patient.identifier"]);
    let by_pattern =
        sliced("pattern", "$this", &json!([own(json!({ "patternIdentifier": { "system": "urn:own" } }))]));
    check(&by_pattern, &good, &with(json!([{ "value": "1" }])), &["required Patient.identifier"]);
    let by_existence = sliced(
        "exists",
        "period",
        &json!([own(json!({})), { "path": "Patient.identifier.period", "min": 1 }]),
    );
    let dated = with(json!([{ "period": { "start": "2026" } }]));
    check(&by_existence, &dated, &good, &["required Patient.identifier"]);
}

#[test]
fn a_closed_choice_takes_its_slices_only() {
    let elements = json!([
        { "path": "Patient.deceased[x]", "slicing": { "discriminator": [{ "type": "type", "path": "$this" }],
                                                      "rules": "closed" } },
        { "path": "Patient.deceased[x]", "sliceName": "deceasedBoolean", "min": 1, "max": "1",
          "type": [{ "code": "boolean" }] },
    ]);
    let wrong = ["required Patient.deceased", "value Patient.deceasedDateTime"];
    let bad = patient(json!({ "deceasedDateTime": "2026" }));
    check(&elements, &patient(json!({ "deceasedBoolean": false })), &bad, &wrong);
}

#[test]
fn a_slice_of_references_is_told_by_what_they_point_to() {
    let elements = json!([
        { "path": "Patient.generalPractitioner", "slicing": {
            "discriminator": [{ "type": "type", "path": "resolve()" }], "rules": "open" } },
        { "path": "Patient.generalPractitioner", "sliceName": "practice", "min": 1, "max": "1", "type": [{
            "code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Organization"] }] },
    ]);
    let to = |text: &str| patient(json!({ "generalPractitioner": [{ "reference": text }] }));
    check(&elements, &to("Organization/1"), &to("Practitioner/1"), &["required Patient.generalPractitioner"]);
}

#[test]
fn an_extension_is_judged_by_its_own_definition() {
    let elements = json!([
        { "path": "Patient.extension", "slicing": { "discriminator": [{ "type": "value", "path": "url" }],
                                                    "rules": "open" } },
        { "path": "Patient.extension", "sliceName": "colour", "min": 0, "max": "1",
          "type": [{ "code": "Extension", "profile": ["http://example.org/StructureDefinition/colour|1"] }] },
    ]);
    let mut colour = profile(
        "Extension",
        &json!([
        { "path": "Extension.url", "fixedUri": "http://example.org/StructureDefinition/colour" },
        { "path": "Extension.value[x]", "min": 1, "type": [{ "code": "code" }],
          "binding": { "strength": "required", "valueSet": "http://example.org/colours" } }]),
    );
    colour["url"] = "http://example.org/StructureDefinition/colour".into();
    colour["version"] = "1.2".into();
    let definitions = [profile("Patient", &elements), colour];
    let with = |value: Value| {
        let mut extension = value;
        extension["url"] = "http://example.org/StructureDefinition/colour".into();
        let other = json!({ "url": "urn:other", "valueString": "x" });
        found(&issues(&definitions, &patient(json!({ "extension": [other, extension] }))), Severity::Error)
    };
    assert_eq!(with(json!({ "valueCode": "red" })), Vec::<String>::new());
    assert_eq!(with(json!({ "valueCode": "green" })), ["code-invalid Patient.extension[1].valueCode"]);
    assert_eq!(with(json!({ "valueString": "red" })), ["value Patient.extension[1].valueString"]);
    assert_eq!(with(json!({})), ["required Patient.extension[1].value"]);
}

#[test]
fn children_of_a_content_reference_are_those_of_the_element_referred_to() {
    let elements = json!([
        { "path": "QuestionnaireResponse.item" },
        { "path": "QuestionnaireResponse.item.text", "min": 1 },
        { "path": "QuestionnaireResponse.item.item", "contentReference": "#QuestionnaireResponse.item" },
    ]);
    let response = |inner: Value| {
        json!({ "resourceType": "QuestionnaireResponse", "item": [{ "text": "a", "item": [{ "text": "b",
                "item": [inner] }] }] })
    };
    let wrong = ["required QuestionnaireResponse.item[0].item[0].item[0].text"];
    check(&elements, &response(json!({ "text": "c" })), &response(json!({ "linkId": "c" })), &wrong);
}

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
fn profiles_that_demand_one_another_come_to_an_end() {
    let elements = json!([{ "path": "Patient.contact",
                            "type": [{ "code": "BackboneElement", "profile": ["http://example.org/loop"] }] }]);
    let mut inner = profile("BackboneElement", &json!([]));
    inner["url"] = "http://example.org/loop".into();
    inner["snapshot"]["element"][0]["type"] =
        json!([{ "code": "BackboneElement", "profile": ["http://example.org/loop"] }]);
    let resource = patient(json!({ "contact": [{ "gender": "male" }] }));
    // So do those that offer themselves as one of several.
    let mut either = inner.clone();
    either["snapshot"]["element"][0]["type"][0]["profile"] =
        json!(["http://example.org/loop", "http://example.org/loop"]);
    let of_either = issues(&[profile("Patient", &elements), either], &resource);
    assert!(found(&of_either, Severity::Error).iter().all(|issue| issue.starts_with("too-costly")));
    assert_eq!(
        found(&issues(&[profile("Patient", &elements), inner], &resource), Severity::Error),
        Vec::<String>::new()
    );
}

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

#[test]
fn a_profile_made_to_cost_time_is_given_up() {
    let many: Vec<Value> = (0..2_000).map(|_| json!({ "path": "Patient.telecom.value", "min": 0 })).collect();
    let mut elements = vec![json!({ "path": "Patient.telecom" })];
    elements.extend(many);
    let resource = patient(json!({ "telecom": vec![json!({ "value": "1" }); 20_000] }));
    let issues = issues(&[profile("Patient", &elements.into())], &resource);
    assert_eq!(found(&issues, Severity::Error), ["too-costly Patient"]);
    // So are invariants that each come to an end and take too long together.
    let rule = json!({ "key": "a-1", "severity": "error", "human": "x", "source": "http://a.org",
        "expression": "%resource.descendants().select(%resource.telecom).count() > 0" });
    let elements = json!([{ "path": "Patient.telecom", "constraint": [rule] }]);
    let resource = patient(json!({ "telecom": vec![json!({ "value": "1" }); 700] }));
    let issues = self::issues(&[profile("Patient", &elements)], &resource);
    assert_eq!(found(&issues, Severity::Error), ["too-costly Patient"]);
    let too_many = vec![json!({ "path": "Patient.name" }); 5_001];
    assert!(Profile::compile(&profile("Patient", &too_many.into())).is_err());
}

#[test]
fn a_binding_of_a_choice_is_about_the_types_that_have_codes() {
    let elements = json!([{ "path": "Observation.value[x]",
                            "binding": { "strength": "required", "valueSet": "http://example.org/colours" } }]);
    let of = |value: Value| {
        let mut observation = json!({ "resourceType": "Observation" });
        observation.as_object_mut().expect("an object").extend(value.as_object().expect("an object").clone());
        observation
    };
    let good =
        of(json!({ "valueQuantity": { "value": 1, "system": "http://unitsofmeasure.org", "code": "kg" } }));
    let bad =
        of(json!({ "valueCodeableConcept": { "coding": [{ "system": "urn:colours", "code": "green" }] } }));
    check(&elements, &good, &bad, &["code-invalid Observation.valueCodeableConcept"]);
    assert_eq!(errors(&elements, &of(json!({ "valueString": "green" }))), Vec::<String>::new());
}

#[test]
fn walks_for_one_request_share_what_it_may_cost() {
    let definitions = [profile(
        "Patient",
        &json!([{ "path": "Patient.telecom" }, { "path": "Patient.telecom.value", "min": 1 }]),
    )];
    let library = Library::compile(definitions.iter(), std::iter::empty()).expect("it compiles");
    let r4 = Definitions::shared().expect("the definitions load");
    let known = Known::new(&r4.shapes, vec![&library]);
    let resource = patient(json!({ "telecom": vec![json!({ "system": "phone" }); 600] }));
    let (subject, mut budget) = (Subject::of(&resource), Budget::default());
    let own = known.find(URL).expect("it is there");
    let mut walk = || validate(&known, own, &subject, &mut budget).len();
    assert_eq!([walk(), walk(), walk()], [600, 400, 0]);
    assert!(budget.is_used_up());
}

#[test]
fn a_profile_that_demands_itself_or_itself_of_one_value_ends() {
    let mut own = profile("Patient", &json!([]));
    own["snapshot"]["element"][0]["type"] = json!([{ "code": "Patient", "profile": [URL, URL] }]);
    assert_eq!(found(&issues(&[own], &patient(json!({}))), Severity::Error), Vec::<String>::new());
}
