//! The integration tests: one binary, one module per topic, against the real server over HTTP.
//!
//! `COMFREY_TEST_DATABASE_URL=postgres://…` runs them on PostgreSQL, on a server that may be filled with databases.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed, in its helper functions too")]

mod app;
mod client;
mod database;
mod signer;

mod access;
mod architecture;
mod asynchronous;
mod batch;
mod capabilities;
mod commands;
mod conditional;
mod contract;
mod count;
mod crash;
mod create;
mod definitions;
mod delete;
mod demo;
mod everything;
mod explain;
mod extensions;
mod filter;
mod findings_kills;
mod full_text;
mod fuzz;
mod history;
mod hostile;
mod http;
mod import;
mod include;
mod invariants;
mod issuer_keys;
mod lifecycle;
mod lifecycle_actors;
mod lifecycle_kills;
mod meta;
mod mutants;
mod official_examples;
mod outside_fhir;
mod paging;
mod palliative_careplan;
mod palliative_disenroll;
mod palliative_enroll;
mod palliative_gaps;
mod palliative_payment_months;
mod palliative_recorded;
mod palliative_refer;
mod palliative_screen;
mod palliative_status;
mod palliative_stratify;
mod palliative_transition;
mod patch;
mod programme;
mod races;
mod read;
mod readme;
mod rule_documents;
mod scale;
mod search;
mod search_oracle;
mod search_token;
mod search_value;
mod stored_parameters;
mod system_search;
mod terminology;
mod transaction;
mod update;
mod us_core;
mod validate;
mod walk;
mod xml;
