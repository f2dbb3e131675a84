//! A Parameters resource in the making. <https://hl7.org/fhir/R4/parameters.html>

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::fhir::operation::is_resource_type;

/// A Parameters resource in the making.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    parameter: Vec<Value>,
}

impl Output {
    /// One without parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value of a FHIR type: `("startDate", "date", "2026-02-01")`.
    #[must_use]
    pub fn value(mut self, name: &str, ty: &str, value: impl Into<Value>) -> Self {
        let mut parameter = Map::new();
        parameter.insert("name".to_owned(), name.into());
        parameter.insert(element(ty), value.into());
        self.parameter.push(Value::Object(parameter));
        self
    }

    /// Adds a reference.
    #[must_use]
    pub fn reference(self, name: &str, reference: impl Into<String>) -> Self {
        self.value(name, "Reference", json!({ "reference": reference.into() }))
    }

    /// Adds a resource.
    #[must_use]
    pub fn resource(mut self, name: &str, resource: Value) -> Self {
        self.parameter.push(json!({ "name": name, "resource": resource }));
        self
    }

    /// Adds a parameter that consists of parts.
    #[must_use]
    pub fn part(mut self, name: &str, part: Output) -> Self {
        if !part.parameter.is_empty() {
            self.parameter.push(json!({ "name": name, "part": part.parameter }));
        }
        self
    }

    /// Adds all parameters of another.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.parameter.extend(other.parameter);
        self
    }

    /// The Parameters resource.
    pub fn into_value(self) -> Value {
        let mut resource = Map::new();
        resource.insert("resourceType".to_owned(), "Parameters".into());
        if !self.parameter.is_empty() {
            resource.insert("parameter".to_owned(), Value::Array(self.parameter));
        }
        Value::Object(resource)
    }
}

/// Where a parameter of this type stands.
pub(crate) fn element(ty: &str) -> String {
    if is_resource_type(ty) {
        return format!("resource ({ty})");
    }
    let mut letters = ty.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    format!("value{}", first.into_iter().chain(letters).collect::<String>())
}
