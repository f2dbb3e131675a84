//! Search: a query string becomes a plan; pure, without I/O. <https://hl7.org/fhir/R4/search.html>

mod bearing;
mod chain;
mod filter;
mod fits;
pub mod fold;
mod include;
mod kinds;
mod limit;
mod meets;
pub mod modifier;
pub mod page;
pub mod parameter;
pub mod parts;
pub mod plan;
pub mod prefix;
pub mod query;
pub mod restriction;
pub mod rows;
mod special;
pub mod sql;
pub mod text;
mod tree;
mod value;

pub use fits::takes;
pub use meets::codes;
pub use meets::meets;
pub use page::Edge;
pub use page::Position;
pub use parameter::Kind;
pub use parameter::Parameter;
pub use parameter::Parameters;
pub use parameter::Ready;
pub use plan::Beginning;
pub use plan::Course;
pub use plan::Hop;
pub use plan::Plan;
pub use plan::beginnings;
pub use plan::include_plan;
pub use plan::plan;
pub use plan::record_plan;
pub use query::Compartment;
pub use query::Context;
pub use query::Effort;
pub use query::Include;
pub use query::Query;
pub use query::Types;
pub use query::conditional_key;
pub use query::parse;
pub use query::parse_system;
pub use restriction::{Restriction, Visible};
pub use rows::IndexRows;
pub use rows::rows;
pub use rows::rules;

#[cfg(test)]
mod tests;
