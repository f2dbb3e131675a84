//! The integration tests: one binary, one module per topic, against the real server over HTTP.

mod architecture;
