//! Search: a query string becomes a plan; pure, without I/O. <https://hl7.org/fhir/R4/search.html>

pub mod restriction;
pub mod rows;
pub mod sql;

pub use restriction::{Restriction, Visible};
pub use rows::IndexRows;
