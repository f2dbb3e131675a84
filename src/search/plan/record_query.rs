//! What is asked for of a record: about whom, what of it, and from where on.
//! <https://hl7.org/fhir/R4/patient-operation-everything.html>

use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::Span;

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Focus {
    /// Patients, by id.
    Patients(Vec<String>),
    /// A resource of a patient's, such as an encounter.
    Resource(ResourceType, String),
}

/// One page of a record.
#[derive(Clone, Debug)]
pub struct RecordQuery {
    /// What it is about.
    pub focus: Focus,
    /// Only resources of these types; all where empty.
    pub types: Vec<ResourceType>,
    /// Only resources written at this time or later.
    pub since: Option<Micros>,
    /// Only care of this time.
    pub care: Option<Care>,
    /// How many resources a page has at most.
    pub count: u32,
    /// Where the page begins.
    pub after: Place,
}

/// Which care is asked for: when, and by the numbers of which date parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Care {
    /// When.
    pub span: Span,
    /// Dates of what happens at or during them.
    pub at: Vec<i64>,
    /// Dates from which on something holds.
    pub from: Vec<i64>,
    /// Dates until which it holds.
    pub until: Vec<i64>,
}

/// A part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What belongs to it.
    Own,
    /// What that points to.
    Linked,
}

/// Where a page ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In which part.
    pub part: Part,
    /// After which key: see [`RecordQuery::key`].
    pub key: i64,
}

impl Place {
    /// Before everything.
    pub const START: Place = Place { part: Part::Own, key: -1 };
}

impl RecordQuery {
    /// By what a resource's place in its part goes: its row number, but what the record is about comes first.
    pub fn key(&self, ty: ResourceType, id: &str, rid: i64) -> i64 {
        match self.first() {
            Some((first, own)) if first == ty && own == id => 0,
            Some(_) | None => rid,
        }
    }

    pub(super) fn first(&self) -> Option<(ResourceType, &str)> {
        match &self.focus {
            Focus::Patients(patients) => match patients.as_slice() {
                [patient] => Some((patient_type(), patient)),
                _ => None,
            },
            Focus::Resource(ty, id) => Some((*ty, id)),
        }
    }
}

pub(super) fn patient_type() -> ResourceType {
    ResourceType::parse("Patient").expect("Patient is a type of R4")
}
