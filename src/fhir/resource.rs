//! A resource: JSON with a `resourceType`. <https://hl7.org/fhir/R4/resource.html>

use serde_json::{Map, Value};

use crate::fhir::outcome::{Failure, Reason};
use crate::fhir::reference::unversioned;
use crate::fhir::resource_type::ResourceType;

/// A JSON object whose `resourceType` is one of R4's. Decimals and the order of elements are kept as they came.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    ty: ResourceType,
    value: Value,
}

impl Resource {
    /// Takes a JSON value as a resource.
    ///
    /// # Errors
    /// `Structure` where it is no object or has no known `resourceType`.
    pub fn from_value(value: Value) -> Result<Self, Failure> {
        let name = value.get("resourceType").and_then(Value::as_str).ok_or_else(|| {
            Failure::new(Reason::Structure, "The body has no `resourceType`; send a FHIR R4 resource.")
        })?;
        let ty = ResourceType::parse(name).ok_or_else(|| {
            let shown: String = name.chars().take(60).collect();
            Failure::new(Reason::Structure, format!("`{shown}` is not a resource type of FHIR R4."))
                .at("resourceType")
        })?;
        Ok(Self { ty, value })
    }

    /// The type.
    pub fn ty(&self) -> ResourceType {
        self.ty
    }

    /// The logical id, where there is one.
    pub fn id(&self) -> Option<&str> {
        self.value.get("id").and_then(Value::as_str)
    }

    /// An element of the top level.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.value.get(name)
    }

    /// A text at a JSON pointer such as `/period/start`.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer).and_then(Value::as_str)
    }

    /// What the reference at a JSON pointer such as `/subject/reference` names, whichever version of it.
    pub fn refers(&self, pointer: &str) -> Option<&str> {
        self.text(pointer).map(unversioned)
    }

    /// The whole JSON.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The whole JSON, to change; `resourceType` must stay.
    pub fn object_mut(&mut self) -> &mut Map<String, Value> {
        self.value.as_object_mut().expect("a resource is made from a JSON object")
    }

    /// Gives up the JSON.
    pub fn into_value(self) -> Value {
        self.value
    }
}
