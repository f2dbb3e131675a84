//! The integration tests: one binary, one module per topic, against the real server over HTTP.

mod app;
mod client;
mod database;
mod signer;

mod architecture;
mod batch;
mod capabilities;
mod create;
mod delete;
mod history;
mod import;
mod official_examples;
mod outside_fhir;
mod read;
mod search;
mod transaction;
mod update;
