//! Profiles: what a community demands of resources beyond R4. <https://hl7.org/fhir/R4/profiling.html>
//!
//! A StructureDefinition of the derivation `constraint` is compiled from its snapshot into a tree of demands
//! ([`Profile`]); a resource is judged in one walk along that tree ([`validate`]), beside R4's own rules, which
//! `shape` judges. Checked are: how often an element is there, types of a choice, fixed values and patterns, codes
//! of the value sets that are at hand, types of what a reference points to, slices by value, pattern, type and
//! existence, the content of extensions that a profile names, and invariants. Must-support says what a system has
//! to be able to do, not what a resource has to have, so it is not judged. What else a profile demands is named in
//! an issue of the severity information, so that silence means that all was checked.

mod bindings;
mod choices;
mod codes;
mod compile;
mod constraints;
mod content;
mod discriminator;
mod extensions;
mod item;
mod library;
mod pattern;
mod slices;
mod subject;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

use crate::fhir::Issue;
use crate::fhir::Severity;
use crate::fhir::profile::item::Item;
use crate::fhir::profile::walk::Walk;
use crate::fhir::shape::At;

pub use compile::R4;
pub use extensions::extensions;
pub use library::Known;
pub use library::Library;
pub use subject::Subject;
pub use tree::Profile;
pub use walk::Budget;

/// Every problem that a resource has with a profile, each with its FHIRPath, as far as the budget reaches.
pub fn validate(
    known: &Known<'_>,
    profile: &Profile,
    subject: &Subject<'_>,
    budget: &mut Budget,
) -> Vec<Issue> {
    let ty = subject.resource["resourceType"].as_str().unwrap_or_default();
    if profile.ty != ty {
        let text = format!("{} is a profile of {}, not of {ty}.", profile.title, profile.ty);
        return vec![Issue::error("value", text).at(format!("{}.meta.profile", subject.at))];
    }
    let at = At::root(&subject.at);
    let mut walk = Walk::new(known, profile, subject).within(budget);
    walk.conform(profile, Item::resource(subject.resource), &at);
    let is_too_costly = walk.is_exhausted();
    walk.charge(budget);
    let mut issues = walk.issues;
    if is_too_costly {
        let text =
            format!("Judging the resource by {} takes too long; send smaller resources.", profile.title);
        issues.push(Issue::error("too-costly", text).at(&subject.at));
    }
    if !walk.notes.is_empty() {
        let notes: Vec<String> = walk.notes.into_iter().collect();
        let text = format!("Of {} this was not checked: {}.", profile.title, notes.join("; "));
        let note = Issue::error("informational", text).at(&subject.at);
        issues.push(Issue { severity: Severity::Information, ..note });
    }
    issues
}
