//! What goes with the matches of a search, as it was understood. <https://hl7.org/fhir/R4/search.html#include>

use crate::fhir::ResourceType;

/// What goes with the matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// Which way.
    pub way: Way,
    /// From where on.
    pub hops: Hops,
    /// The type that has the reference; none for `*`, the references of any type.
    pub source: Option<ResourceType>,
    /// The number of the reference parameter; none for all of them.
    pub param: Option<i64>,
    /// Only references to this type.
    pub target: Option<ResourceType>,
}

/// From where on an include is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hops {
    /// From the matches alone.
    One,
    /// From what is included too, as often as that brings more (`:iterate`).
    All,
}

/// The way of an include.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `_include`: what the matches point to.
    To,
    /// `_revinclude`: what points to the matches.
    From,
}
