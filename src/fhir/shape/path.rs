//! Where the walk is, written out only when something is wrong there.
//! <https://hl7.org/fhir/R4/fhirpath.html>
//!
//! The path uses the names of JSON, so `Observation.valueQuantity.unit` where pure FHIRPath would say
//! `Observation.value.ofType(Quantity).unit`: a client finds it in what it sent, and R4's servers answer so.
//! Repeating elements carry their index from zero; `_birthDate` is part of `birthDate`.

use std::fmt;

/// A place in a resource, linked to the place around it.
#[derive(Clone, Copy)]
pub(in crate::fhir) struct At<'p> {
    parent: Option<&'p At<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Name(&'p str),
    Index(usize),
}

impl<'p> At<'p> {
    /// The resource itself.
    pub(in crate::fhir) fn root(name: &'p str) -> Self {
        Self { parent: None, step: Step::Name(name) }
    }

    /// An element of this place.
    pub(in crate::fhir) fn child(&'p self, name: &'p str) -> Self {
        Self { parent: Some(self), step: Step::Name(name) }
    }

    /// An entry of this place, which is a list.
    pub(in crate::fhir) fn index(&'p self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }

    /// The index of an entry of a list; zero elsewhere.
    pub(super) fn place(&self) -> usize {
        match self.step {
            Step::Index(index) => index,
            Step::Name(_) => 0,
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Name(name) if self.parent.is_some() => write!(f, ".{name}"),
            Step::Name(name) => f.write_str(name),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}
