//! Examples that work as they stand against the sample patients of `comfrey demo`.

use std::sync::LazyLock;

use serde_json::Value;

static EXAMPLES: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("examples.json"))
        .expect("the embedded examples are JSON, as a test shows")
});

/// The id of a resource of this type among the samples.
pub fn id(ty: &str) -> Option<&'static str> {
    EXAMPLES["ids"][ty].as_str()
}

/// A resource of this type to create.
pub fn resource(ty: &str) -> Option<Value> {
    EXAMPLES["resources"].get(ty).cloned()
}

/// A resource of this type to update, under the id that the path's example has.
pub fn resource_with_id(ty: &str) -> Option<Value> {
    let mut resource = resource(ty)?;
    resource.as_object_mut()?.insert("id".into(), id(ty)?.into());
    Some(resource)
}

/// The input of an operation on an instance; without an example of its own, no parameters.
pub fn input(code: &str) -> Value {
    let none = || serde_json::json!({ "resourceType": "Parameters" });
    EXAMPLES["inputs"].get(code).cloned().unwrap_or_else(none)
}

/// The input of an operation on a type, which may have to name the instance.
pub fn input_of_type(code: &str) -> Value {
    EXAMPLES["inputs"].get(format!("{code} of a type")).cloned().unwrap_or_else(|| input(code))
}

/// What an answer of this schema looks like. Each answer has one, since a page would otherwise make one up from
/// the schema, which for FHIR's types that hold one another takes a browser minutes.
pub fn answer(schema: &str) -> Value {
    let none = || serde_json::json!({ "resourceType": "Parameters" });
    let given = EXAMPLES["answers"].get(schema).cloned();
    given.or_else(|| resource_with_id(schema)).or_else(|| resource(schema)).unwrap_or_else(none)
}
