//! Whatever comes, validation ends, and soon.

use proptest::prelude::*;

use super::*;

#[test]
fn the_deepest_body_that_is_read_is_also_walked() {
    let levels = crate::fhir::json::MAX_DEPTH / 2 - 1;
    let inner = r#"{"url":"a","valueUri":"urn:x:1"}"#;
    let opened = r#"{"url":"a","extension":["#.repeat(levels - 1);
    let text = format!(
        r#"{{"resourceType":"Basic","code":{{"text":"a"}},"extension":[{opened}{inner}{}]}}"#,
        "]}".repeat(levels - 1)
    );
    let mut resource = crate::fhir::json::parse(text.as_bytes()).expect("it is not too deep");
    assert_eq!(issues(&resource), []);
    let mut count = 0;
    links_mut(&SHAPES, &mut resource, &mut |_, _| count += 1);
    assert_eq!(count, levels + 1);
}

#[test]
fn a_body_full_of_problems_is_not_described_without_end() {
    let names: serde_json::Map<String, Value> = (0..5_000).map(|n| (format!("z{n}"), Value::Null)).collect();
    let found = validate(&SHAPES, &patient(Value::Object(names)));
    assert_eq!(found.len(), 1_001);
    assert!(found[1_000].text.starts_with("4000 more"));
}

#[test]
fn a_resource_contains_a_thousand_others_and_no_more() {
    let of = |count: usize| {
        let inside =
            |at: usize| json!({ "resourceType": "Basic", "id": format!("b{at}"), "code": { "text": "x" } });
        let basic = json!({ "resourceType": "Basic", "code": { "text": "x" },
            "contained": (0..count).map(inside).collect::<Vec<_>>(),
            "extension": (0..count).map(|at| json!({ "url": "urn:x:1",
                "valueReference": { "reference": format!("#b{at}") } })).collect::<Vec<_>>() });
        issues(&basic)
    };
    assert_eq!(of(1_000), []);
    assert_eq!(of(1_001), [("too-costly".to_owned(), "Basic.contained".to_owned())]);
}

/// Names that R4 knows.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "resourceType", "contained", "id", "_id", "name", "given", "_given", "extension", "url", "valueReference",
    "reference", "entry", "resource", "link", "meta", "text", "div", "status", "parameter", "part",
    "managingOrganization", "birthDate", "_birthDate", "period", "start", "coding", "code", "system",
    "valueQuantity", "valueRange", "valuePeriod", "low", "high", "value", "end", "component", "item",
    "linkId", "type", "fullUrl", "request", "abatementDateTime", "clinicalStatus", "lastModified",
    "authoredOn",
];

/// Trees of names that R4 knows, in places where it does not expect them.
fn wild() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(json!(1)),
        Just(json!(true)),
        prop::sample::select(vec!["", "#", "#a", "a", "Patient", "Bundle", "Patient/1", "2026"])
            .prop_map(Value::from),
    ];
    let names = prop::sample::select(NAMES);
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((names.clone(), inner), 0..5).prop_map(|members| Value::Object(
                members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn no_tree_makes_it_panic(tree in wild(), ty in prop::sample::select(vec!["Patient", "Bundle", "Parameters", "Observation", "Condition", "Questionnaire", "Task"])) {
        let mut resource = tree;
        if let Some(map) = resource.as_object_mut() {
            map.insert("resourceType".to_owned(), ty.into());
        }
        for issue in validate(&SHAPES, &resource) {
            prop_assert!(issue.expression.is_some_and(|at| at.starts_with(ty) || at.starts_with("Resource")));
        }
        links_mut(&SHAPES, &mut resource, &mut |_, text| text.push('x'));
    }
}
