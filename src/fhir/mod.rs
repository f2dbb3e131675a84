//! What FHIR R4 says, as code: no I/O, no HTTP, no SQL. <https://hl7.org/fhir/R4/>

pub mod bundle;
pub mod datetime;
pub mod form;
pub mod json;
pub mod operation;
pub mod outcome;
pub mod parameters;
pub mod patch;
pub mod path;
pub mod profile;
pub mod quantity;
pub mod reference;
pub mod resource;
pub mod resource_type;
pub mod shape;
pub mod terminology;
pub mod xml;

pub use outcome::{Failure, Issue, Reason, Severity};
pub use resource::Resource;
pub use resource_type::ResourceType;
