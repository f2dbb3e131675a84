//! The integration tests: one binary, one module per topic, against the real server over HTTP.
//!
//! `COMFREY_TEST_DATABASE_URL=postgres://…` runs them on PostgreSQL, on a server that may be filled with databases.

mod app;
mod client;
mod database;
mod signer;

mod architecture;
mod outside_fhir;
