//! What a caller may see, as a search understands it: it becomes part of every query.

use std::collections::BTreeMap;

use crate::fhir::ResourceType;

/// How much of one resource type is visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    /// None of it.
    Nothing,
    /// Only what stands in the compartment of one of these patients (by id) and is not kept from them.
    Patients(Vec<String>),
    /// All that stands in the compartment of one of these patients: for one who treats them.
    Whole(Vec<String>),
    /// All of it.
    All,
}

impl Visible {
    /// The patients outside of whose compartments nothing is visible, where it is so.
    pub fn patients(&self) -> Option<&[String]> {
        match self {
            Self::Patients(patients) | Self::Whole(patients) => Some(patients),
            Self::Nothing | Self::All => None,
        }
    }

    /// The same for one from whom nothing is kept that is kept from the patients.
    #[must_use]
    pub fn whole(self) -> Self {
        match self {
            Self::Patients(patients) => Self::Whole(patients),
            Self::Nothing | Self::Whole(_) | Self::All => self,
        }
    }
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
