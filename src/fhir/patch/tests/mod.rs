//! What each kind of patch makes of a resource, and what it refuses.

mod fhir_path;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::definitions::Definitions;
use crate::fhir::json::parse;
use crate::fhir::path::Budget;

fn patient() -> Value {
    json!({ "resourceType": "Patient", "id": "p", "active": true, "birthDate": "1950-01-01",
        "name": [{ "family": "Ash", "given": ["Ada", "Bea"] }, { "family": "Oak" }] })
}

fn applied(patch: &Patch, value: Value) -> Result<Value, Failure> {
    let shapes = &Definitions::shared().expect("the definitions load").shapes;
    patch.apply(shapes, value, &mut Budget::default()).map(Resource::into_value)
}

fn patched(patch: Result<Patch, Failure>) -> Result<Value, Failure> {
    applied(&patch?, patient())
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = patient();
    change(&mut value);
    value
}

#[test]
fn json_patch_operations_do_what_rfc_6902_says() {
    let cases = [
        (json!([]), patient()),
        (
            json!([{ "op": "add", "path": "/gender", "value": "female" }]),
            with(|value| value["gender"] = json!("female")),
        ),
        (
            json!([{ "op": "add", "path": "/name/0/given/-", "value": "Cy" }]),
            with(|value| value["name"][0]["given"] = json!(["Ada", "Bea", "Cy"])),
        ),
        (
            json!([{ "op": "add", "path": "/name/0/given/0", "value": "Cy" }]),
            with(|value| value["name"][0]["given"] = json!(["Cy", "Ada", "Bea"])),
        ),
        (
            json!([{ "op": "remove", "path": "/name/1" }]),
            with(|value| value["name"] = json!([{ "family": "Ash", "given": ["Ada", "Bea"] }])),
        ),
        (
            json!([{ "op": "replace", "path": "/birthDate", "value": "1951" }]),
            with(|value| value["birthDate"] = json!("1951")),
        ),
        (
            json!([{ "op": "move", "from": "/name/0/given/1", "path": "/name/0/given/0" }]),
            with(|value| value["name"][0]["given"] = json!(["Bea", "Ada"])),
        ),
        (
            json!([{ "op": "copy", "from": "/name/0/family", "path": "/name/1/family" }]),
            with(|value| value["name"][1]["family"] = json!("Ash")),
        ),
        (json!([{ "op": "test", "path": "/name/1", "value": { "family": "Oak" } }]), patient()),
    ];
    for (operations, expected) in cases {
        assert_eq!(patched(Patch::json(operations.clone())).expect("it fits"), expected, "{operations}");
    }
}

#[test]
fn what_is_left_empty_is_left_out() {
    let remove = |paths: &[&str]| {
        let operations: Vec<Value> =
            paths.iter().map(|path| json!({ "op": "remove", "path": path })).collect();
        patched(Patch::json(Value::Array(operations))).expect("it fits")
    };
    let without_given = with(|value| value["name"][0] = json!({ "family": "Ash" }));
    assert_eq!(remove(&["/name/0/given/1", "/name/0/given/0"]), without_given);
    let one_name = with(|value| value["name"] = json!([{ "family": "Ash", "given": ["Ada", "Bea"] }]));
    assert_eq!(remove(&["/name/1/family"]), one_name);
    assert!(remove(&["/name/1", "/name/0"]).get("name").is_none());
    // An element that is emptied and filled again stays.
    let refill = json!([{ "op": "remove", "path": "/name/1/family" }, { "op": "add", "path": "/name/1/text", "value": "x" }]);
    assert_eq!(patched(Patch::json(refill)).expect("it fits")["name"][1], json!({ "text": "x" }));
    let merge = json!({ "maritalStatus": { "text": null } });
    let married = with(|value| value["maritalStatus"] = json!({ "text": "x" }));
    let merged = Patch::merge(merge).and_then(|patch| applied(&patch, married)).expect("it fits");
    assert_eq!(merged, patient());
}

#[test]
fn what_does_not_fit_the_resource_is_refused_with_its_place() {
    let cases = [
        (json!([{ "op": "test", "path": "/active", "value": false }]), "Patient.active"),
        (json!([{ "op": "test", "path": "/gender", "value": "male" }]), "Patient.gender"),
        (json!([{ "op": "remove", "path": "/gender" }]), "Patient.gender"),
        (json!([{ "op": "remove", "path": "/name/2" }]), "Patient.name[2]"),
        (json!([{ "op": "replace", "path": "/name/2/family", "value": "x" }]), "Patient.name[2].family"),
        (json!([{ "op": "add", "path": "/name/5", "value": {} }]), "Patient.name[5]"),
        (json!([{ "op": "add", "path": "/contact/0/gender", "value": "male" }]), "Patient.contact[0].gender"),
        (json!([{ "op": "add", "path": "/name/x", "value": {} }]), "Patient.name.x"),
        (json!([{ "op": "copy", "from": "/gender", "path": "/active" }]), "Patient.active"),
        (json!([{ "op": "move", "from": "/name", "path": "/name/0" }]), "Patient.name[0]"),
        (json!([{ "op": "replace", "path": "/id", "value": "q" }]), "Patient.id"),
        (json!([{ "op": "remove", "path": "/id" }]), "Patient.id"),
        (json!([{ "op": "replace", "path": "/resourceType", "value": "Group" }]), "Patient.resourceType"),
        (json!([{ "op": "replace", "path": "", "value": 1 }]), "Patient.resourceType"),
    ];
    for (operations, expression) in cases {
        let failure = patched(Patch::json(operations.clone())).expect_err("it does not fit");
        assert_eq!(failure.status(), 422, "{operations}");
        assert_eq!(failure.issues[0].expression.as_deref(), Some(expression), "{operations}");
    }
    for merge in [json!({ "id": "q" }), json!({ "id": null }), json!({ "resourceType": "Group" })] {
        assert_eq!(
            patched(Patch::merge(merge.clone())).expect_err("it does not fit").status(),
            422,
            "{merge}"
        );
    }
}

#[test]
fn what_is_no_patch_is_refused() {
    let cases = [
        json!({}),
        json!("x"),
        json!([1]),
        json!([{}]),
        json!([{ "op": "add", "path": "/a" }]),
        json!([{ "op": "add", "value": 1 }]),
        json!([{ "op": "copy", "path": "/a" }]),
        json!([{ "op": "swap", "path": "/a" }]),
        json!([{ "op": "remove", "path": "a" }]),
        json!([{ "op": "remove", "path": "/~2" }]),
        json!([{ "op": "remove", "path": 1 }]),
    ];
    for document in cases {
        assert_eq!(Patch::json(document.clone()).expect_err("it is none").status(), 400, "{document}");
    }
    for document in [json!([]), json!(1), Value::Null] {
        assert_eq!(Patch::merge(document.clone()).expect_err("it is none").status(), 400, "{document}");
    }
}

#[test]
fn a_test_compares_numbers_by_their_value() {
    let number = |text: &str| parse(text.as_bytes()).expect("it is JSON");
    let test = |stored: &str, asked: &str| {
        let mut value = patient();
        value["multipleBirthInteger"] = number(stored);
        let test = json!([{ "op": "test", "path": "/multipleBirthInteger", "value": number(asked) }]);
        Patch::json(test).and_then(|patch| applied(&patch, value)).is_ok()
    };
    for (one, other) in
        [("1.10", "1.1"), ("100", "1e2"), ("-0.50", "-5e-1"), ("0", "0.00"), ("0", "-0"), ("7", "7")]
    {
        assert!(test(one, other) && test(other, one), "{one} {other}");
    }
    for (one, other) in [("1", "-1"), ("1", "10"), ("9007199254740993", "9007199254740992"), ("0.1", "0.01")]
    {
        assert!(!test(one, other) && !test(other, one), "{one} {other}");
    }
}

#[test]
fn a_patch_can_neither_nest_nor_grow_without_end() {
    let doubling: Vec<Value> =
        (0..40).map(|_| json!({ "op": "copy", "from": "/contact", "path": "/contact/0/x" })).collect();
    let mut seed = json!([{ "op": "add", "path": "/contact", "value": [{}] }]);
    seed.as_array_mut().expect("it is a list").extend(doubling);
    let failure = patched(Patch::json(seed)).expect_err("it nests too deep");
    assert_eq!(failure.status(), 422);
    let long = "x".repeat(100_000);
    let mut growing = vec![json!({ "op": "add", "path": "/name/0/text", "value": long })];
    growing.extend((0..999).map(|_| json!({ "op": "copy", "from": "/name/0", "path": "/name/-" })));
    assert_eq!(
        patched(Patch::json(Value::Array(growing))).expect_err("it grows").issues[0].code,
        "too-costly"
    );
    let many = vec![json!({ "op": "test", "path": "/active", "value": true }); MOST_OPERATIONS + 1];
    assert_eq!(Patch::json(Value::Array(many)).expect_err("they are too many").status(), 400);
}

#[test]
fn merge_patches_do_what_rfc_7396_says() {
    let cases = [
        (json!({}), patient()),
        (json!({ "gender": "female" }), with(|value| value["gender"] = json!("female"))),
        (json!({ "name": [{ "text": "x" }] }), with(|value| value["name"] = json!([{ "text": "x" }]))),
        (
            json!({ "maritalStatus": { "text": "x", "coding": null } }),
            with(|value| value["maritalStatus"] = json!({ "text": "x" })),
        ),
        (json!({ "resourceType": "Patient", "id": "p" }), patient()),
    ];
    for (changes, expected) in cases {
        assert_eq!(patched(Patch::merge(changes.clone())).expect("it fits"), expected, "{changes}");
    }
    assert!(patched(Patch::merge(json!({ "birthDate": null }))).expect("it fits").get("birthDate").is_none());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-5..5_i32).prop_map(Value::from),
        "[a-z/~0-9-]{0,6}".prop_map(Value::String),
        prop::sample::select(vec![
            "/name",
            "/name/0",
            "/name/0/given/1",
            "/id",
            "",
            "add",
            "move",
            "remove",
            "copy",
            "test"
        ])
        .prop_map(Value::from),
    ];
    let name =
        prop_oneof![Just("op"), Just("path"), Just("from"), Just("value"), Just("name"), Just("given")];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((name.clone(), inner), 0..5).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_document_makes_a_patch_panic(document in any_json()) {
        for patch in [Patch::json(document.clone()), Patch::json(json!([document])), Patch::merge(document)] {
            if let Ok(resource) = patched(patch) {
                prop_assert_eq!(&resource["id"], "p");
                prop_assert_eq!(&resource["resourceType"], "Patient");
            }
        }
    }
}
