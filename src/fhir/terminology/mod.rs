//! Code systems and value sets: which codes there are, what they mean, and which of them a value set holds.
//! <https://hl7.org/fhir/R4/terminology-module.html>
//!
//! Nothing is assumed of a code system that is not at hand: whoever asks for what only it could tell is refused.

pub mod code_system;
pub mod editions;
pub mod extent;
pub mod filter;
mod find;
pub mod library;
pub mod member;
mod prefixes;
pub mod value_set;

#[cfg(test)]
mod tests;

pub use code_system::CodeSystem;
pub use editions::Editions;
pub use extent::Extent;
pub use library::Library;
pub use library::Shelf;
pub use member::Member;
pub use value_set::Answer;
pub use value_set::Question;
