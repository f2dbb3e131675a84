//! R4's types as compiled tables, and what is wrong with a resource according to them.
//! <https://hl7.org/fhir/R4/validation.html>
//!
//! The StructureDefinitions are compiled once into tables; a resource is judged in one walk over its JSON, which
//! finds every problem and says for each where it is ([`validate`]). R4's invariants are data too and are worked out on
//! the way. Profiles are not judged here, only R4 itself.

mod attributes;
mod binding;
mod calendar;
mod compile;
mod contained;
mod grammar;
mod implied;
mod layout;
mod links;
mod narrative;
mod path;
mod primitive;
mod references;
mod rules;
mod suggest;
mod tables;
#[cfg(test)]
mod tests;
mod values;
mod walk;
mod xhtml;

use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::Severity;
use crate::fhir::path::Budget;
use crate::fhir::shape::walk::Rigour;

pub use layout::Form;
pub use layout::Layout;
pub use layout::Slot;
pub use links::Link;
pub use links::links_mut;
pub(in crate::fhir) use primitive::Primitive;
pub use references::misdirected;
pub(in crate::fhir) use tables::Content;
pub(in crate::fhir) use tables::Kind;
pub(in crate::fhir) use tables::Property;
pub use tables::Shapes;
pub(in crate::fhir) use tables::Type;

pub(in crate::fhir) use path::At;

/// Every problem of a resource, each with its FHIRPath; none where it is valid.
pub fn validate(shapes: &Shapes, resource: &Value) -> Vec<Issue> {
    validate_within(shapes, resource, &mut Budget::for_request(Budget::OF_REQUEST))
}

/// Every problem of a resource, as far as the budget reaches; that it does not reach is a problem too.
pub fn validate_within(shapes: &Shapes, resource: &Value, budget: &mut Budget) -> Vec<Issue> {
    walk::walk(shapes, resource, (Rigour::Errors, budget))
}

/// What R4 recommends and a resource does not follow, as warnings.
pub fn advice(shapes: &Shapes, resource: &Value) -> Vec<Issue> {
    let mut budget = Budget::for_request(Budget::OF_REQUEST);
    let mut issues = walk::walk(shapes, resource, (Rigour::Warnings, &mut budget));
    issues.retain(|issue| issue.severity == Severity::Warning);
    issues
}

/// Whether a narrative is XHTML of the harmless subset that FHIR allows.
pub(in crate::fhir) fn narrative_is_fine(text: &str) -> bool {
    narrative::check(text).is_ok()
}

/// Refuses a resource that has a problem: 400 where its shape is wrong (an unknown element, a wrong JSON type, a
/// list where there is none), else 422.
///
/// # Errors
/// `Structure` or `Unprocessable`, with every issue.
pub fn check(shapes: &Shapes, resource: &Value) -> Result<(), Failure> {
    verdict(validate(shapes, resource))
}

/// Refuses what has these issues, if one of them is an error: 400 where the shape is wrong, else 422.
///
/// # Errors
/// As [`check`].
pub fn verdict(issues: Vec<Issue>) -> Result<(), Failure> {
    if issues.iter().all(|issue| issue.severity != Severity::Error) {
        return Ok(());
    }
    let structural = issues.iter().any(|issue| issue.code == "structure");
    Err(Failure::of(if structural { Reason::Structure } else { Reason::Unprocessable }, issues))
}
