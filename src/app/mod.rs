//! (to come)

pub mod answer;

pub use answer::Answer;
