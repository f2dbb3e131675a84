//! Comfrey: an HL7 FHIR R4 service for palliative care.
//!
//! The modules, outermost first. A module uses only what stands below it; `tests/it/architecture.rs` holds it
//! to that.

pub mod access;
pub mod app;
pub mod config;
pub mod definitions;
pub mod fhir;
pub mod http;
pub mod import;
pub mod interactions;
pub mod jobs;
pub mod operations;
pub mod palliative;
pub mod search;
pub mod store;
