//! XML judged as a client sees it: what is sent, the tree that it gives, and what comes back.

mod forms;
mod refused;

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::*;

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    let lines = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).expect("a definition a line")).collect()
    };
    let structures = lines(include_str!("../../../definitions/r4/structures.ndjson"));
    Shapes::compile(structures.iter(), std::iter::empty()).expect("R4 compiles")
});

fn taken(text: &str) -> Value {
    read(&SHAPES, text.as_bytes()).unwrap_or_else(|failure| panic!("{:?}: {text}", failure.issues))
}

fn written(resource: &Value) -> String {
    let bytes = write(&SHAPES, resource, Style::Compact).expect("a resource of R4");
    String::from_utf8(bytes)
        .expect("UTF-8")
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
        .expect("a declaration")
        .to_owned()
}

fn patient(inner: &str) -> String {
    format!("<Patient xmlns=\"http://hl7.org/fhir\">{inner}</Patient>")
}

/// Sentence and expression of what is refused.
fn refused(text: &str) -> (String, String) {
    let failure = read(&SHAPES, text.as_bytes()).expect_err(text);
    assert_eq!(failure.status(), 400, "{text}");
    (failure.issues[0].text.clone(), failure.issues[0].expression.clone().unwrap_or_default())
}
