//! The clinical rules: they see facts, a programme and a date, and return findings or the resources to write.
//! <https://hl7.org/fhir/R4/clinicalreasoning-module.html>

pub mod care_plan;
pub mod code_maps;
pub mod element;
pub mod enrollment;
pub mod findings;
pub mod gaps;
pub mod identify;
pub mod measures;
pub mod not_for_patient;
pub mod payment;
pub mod program;
pub mod program_names;
mod program_setters;
mod program_settings;
pub mod record;
pub mod required_roles;
pub mod risk;
pub mod rule_frame;
pub mod rule_kind;
pub mod rule_part;
pub mod screening;
pub mod time_line;
pub mod vocabulary;
