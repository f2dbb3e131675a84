//! Patches of a resource: JSON Patch (RFC 6902), merge patch (RFC 7396) and FHIRPath Patch.
//! <https://hl7.org/fhir/R4/http.html#patch>
//!
//! A patch is read at the edge and applied to the JSON of a version; what comes of it is an ordinary resource, which
//! is then validated as a whole like any other.

mod fhir_path;
mod given;
mod json;
mod merge;
mod spot;

use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::path::Budget;
use crate::fhir::shape;
use crate::fhir::shape::Shapes;

/// How many operations a patch may have.
const MOST_OPERATIONS: usize = 1_000;

/// How much of a resource the operations of one patch may walk through together, in bytes or so: each looks through
/// all of it.
const MOST_WALKED: usize = 256 * 1024 * 1024;

/// How many bytes of that cost as much as a step of an expression.
const BYTES_A_STEP: usize = 64;

/// What to change of a resource.
#[derive(Clone, Debug)]
pub struct Patch {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Json(Vec<json_patch::PatchOperation>),
    Merge(Value),
    FhirPath(Vec<fhir_path::Operation>),
}

impl Patch {
    /// Reads a JSON Patch.
    ///
    /// # Errors
    /// `Structure` where it is none, with the number of the operation that is wrong.
    pub fn json(document: Value) -> Result<Self, Failure> {
        Ok(Self { kind: Kind::Json(json::read(document)?) })
    }

    /// Reads a merge patch.
    ///
    /// # Errors
    /// `Structure` where it is no object.
    pub fn merge(document: Value) -> Result<Self, Failure> {
        if document.is_object() {
            return Ok(Self { kind: Kind::Merge(document) });
        }
        Err(Failure::new(Reason::Structure, "A merge patch is a JSON object with the elements to change."))
    }

    /// Reads a FHIRPath patch.
    ///
    /// # Errors
    /// What is wrong with the Parameters, with the place in them.
    pub fn parameters(shapes: &Shapes, parameters: &Value) -> Result<Self, Failure> {
        shape::check(shapes, parameters)?;
        Ok(Self { kind: Kind::FhirPath(fhir_path::read(parameters)?) })
    }

    /// What it makes of a resource.
    ///
    /// # Errors
    /// `Unprocessable` where it does not fit the resource, a test of it does not hold, or it changes type or id.
    pub fn apply(&self, shapes: &Shapes, mut value: Value, budget: &mut Budget) -> Result<Resource, Failure> {
        let identity = identity(&value);
        match &self.kind {
            Kind::Json(operations) => {
                charge(operations.len(), &value, budget)?;
                json::apply(operations, &mut value)?;
            }
            Kind::Merge(changes) => merge::apply(changes, &mut value),
            Kind::FhirPath(operations) => {
                charge(operations.len(), &value, budget)?;
                budget.lend(|budget| fhir_path::apply(operations, shapes, &mut value, budget))?;
            }
        }
        let [ty, id] = self::identity(&value);
        for (name, old, new) in [("resourceType", &identity[0], ty), ("id", &identity[1], id)] {
            if *old != new {
                let text = format!("A patch cannot change `{name}`; leave it as it is.");
                return Err(unfit(text).at(format!("{}.{name}", shown(&identity[0]))));
            }
        }
        Resource::from_value(value)
    }
}

/// Type and id.
fn identity(value: &Value) -> [Option<Value>; 2] {
    ["resourceType", "id"].map(|name| value.get(name).cloned())
}

/// The type as an expression begins with it.
fn shown(ty: &Option<Value>) -> &str {
    ty.as_ref().and_then(Value::as_str).unwrap_or("Resource")
}

/// Takes away what it costs that each operation may look through all of the resource.
fn charge(operations: usize, value: &Value, budget: &mut Budget) -> Result<(), Failure> {
    let walked = operations.saturating_mul(size(value));
    let left = walked <= MOST_WALKED && budget.take(walked / BYTES_A_STEP).is_ok();
    if left {
        return Ok(());
    }
    let text = "The patches have too many operations for resources of this size; send the whole with PUT.";
    Err(unfit(text).code("too-costly"))
}

/// Why a patch does not fit a resource.
fn unfit(text: impl Into<String>) -> Failure {
    Failure::new(Reason::Unprocessable, text).code("processing")
}

/// Why a document is no patch.
fn unread(text: impl Into<String>) -> Failure {
    Failure::new(Reason::Structure, text)
}

/// Refuses a patch of more operations than any use has.
fn check_length(operations: usize) -> Result<(), Failure> {
    if operations <= MOST_OPERATIONS {
        return Ok(());
    }
    let text = format!(
        "A patch has at most {MOST_OPERATIONS} operations, this one has {operations}; send the whole resource with PUT."
    );
    Err(Failure::new(Reason::Invalid, text).code("too-costly"))
}

/// Whether nothing is in it, so that FHIR wants it left out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// How deep it nests; what a resource and a patch hold is bounded when it is read.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// About how many bytes it has.
fn size(value: &Value) -> usize {
    const EACH: usize = 8;
    match value {
        Value::Array(items) => EACH + items.iter().map(size).sum::<usize>(),
        Value::Object(members) => {
            EACH + members.iter().map(|(name, value)| EACH + name.len() + size(value)).sum::<usize>()
        }
        Value::String(text) => EACH + text.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => EACH,
    }
}

#[cfg(test)]
mod tests;
