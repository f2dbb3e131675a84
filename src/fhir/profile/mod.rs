//! Profiles: what a community demands of resources beyond R4. <https://hl7.org/fhir/R4/profiling.html>
//!
//! A StructureDefinition of the derivation `constraint` is compiled from its snapshot into a tree of demands
//! ([`Profile`]); a resource is judged in one walk along that tree ([`validate`]), beside R4's own rules, which
//! `shape` judges. Checked are: how often an element is there, types of a choice, fixed values and patterns, codes
//! of the value sets that are at hand, types of what a reference points to, slices by value, pattern, type and
//! existence, the content of extensions that a profile names, and invariants. Must-support says what a system has
//! to be able to do, not what a resource has to have, so it is not judged. What else a profile demands is named in
//! an issue of the severity information, so that silence means that all was checked.

mod choices;
mod codes;
mod compile;
mod constraints;
mod content;
mod discriminator;
mod item;
mod library;
mod pattern;
mod slices;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

use serde_json::Value;

use crate::fhir::Issue;
use crate::fhir::Severity;
use crate::fhir::profile::item::Item;
use crate::fhir::profile::walk::Walk;
use crate::fhir::shape::At;

pub use compile::R4;
pub use library::Known;
pub use library::Library;
pub use tree::Profile;

/// The canonical URLs of the profiles that a resource claims to conform to.
pub fn claims(resource: &Value) -> impl Iterator<Item = &str> {
    resource["meta"]["profile"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Every problem that a resource has with a profile, each with its FHIRPath.
pub fn validate(known: &Known<'_>, profile: &Profile, resource: &Value) -> Vec<Issue> {
    let ty = resource["resourceType"].as_str().unwrap_or_default();
    if profile.ty != ty {
        let text = format!("{} is a profile of {}, not of {ty}.", profile.title, profile.ty);
        return vec![Issue::error("value", text).at(format!("{ty}.meta.profile"))];
    }
    let at = At::root(ty);
    let mut walk = Walk::new(known, profile, resource);
    walk.conform(profile, Item::resource(resource), &at);
    let mut issues = walk.issues;
    if !walk.notes.is_empty() {
        let notes: Vec<String> = walk.notes.into_iter().collect();
        let text = format!("Of {} this was not checked: {}.", profile.title, notes.join("; "));
        issues.push(Issue { severity: Severity::Information, ..Issue::error("informational", text) });
    }
    issues
}
