//! (to come)
pub mod openapi;
pub mod pages;
