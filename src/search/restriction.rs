//! What a caller may see, as a search understands it: it becomes part of every query.

use std::collections::BTreeMap;

use crate::fhir::ResourceType;

/// How much of one resource type is visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    /// None of it.
    Nothing,
    /// Only what stands in the compartment of one of these patients (by id).
    Patients(Vec<String>),
    /// All of it.
    All,
}

/// What a caller may see of each resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// For types that are not listed.
    pub default: Visible,
    /// For single types.
    pub by_type: BTreeMap<ResourceType, Visible>,
}

impl Restriction {
    /// Everything is visible: for work of the service itself and for `COMFREY_AUTH=off`.
    pub fn none() -> Self {
        Self { default: Visible::All, by_type: BTreeMap::new() }
    }

    /// How much of this type is visible.
    pub fn of(&self, ty: ResourceType) -> &Visible {
        self.by_type.get(&ty).unwrap_or(&self.default)
    }
}
