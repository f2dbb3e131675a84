//! R4's and US Core's code systems and value sets, each read only when it is asked for: a server that is never
//! asked does not start later for them. <https://hl7.org/fhir/R4/terminologies-systems.html>

use std::collections::HashMap;
use std::io::Read;
use std::sync::LazyLock;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::definitions::Definitions;
use crate::fhir::Failure;
use crate::fhir::terminology::Library;

/// Their lines by URL.
type Lines = LazyLock<HashMap<&'static str, &'static str>>;

static CODE_SYSTEM_TEXT: LazyLock<String> =
    LazyLock::new(|| text(include_bytes!("r4/terminology-code-systems.ndjson.gz")));
static VALUE_SET_TEXT: LazyLock<String> =
    LazyLock::new(|| text(include_bytes!("r4/terminology-value-sets.ndjson.gz")));
static CODE_SYSTEMS: Lines = LazyLock::new(|| by_url(&CODE_SYSTEM_TEXT));
static VALUE_SETS: Lines = LazyLock::new(|| by_url(&VALUE_SET_TEXT));

/// R4's CodeSystem with this URL.
pub fn r4_code_system(url: &str) -> Option<Value> {
    CODE_SYSTEMS.get(url).and_then(|line| serde_json::from_str(line).ok())
}

/// The URLs of R4's CodeSystems.
pub fn r4_code_systems() -> impl Iterator<Item = &'static str> {
    CODE_SYSTEMS.keys().copied()
}

/// R4's ValueSet with this URL.
pub fn r4_value_set(url: &str) -> Option<Value> {
    VALUE_SETS.get(url).and_then(|line| serde_json::from_str(line).ok())
}

/// Our own value sets and code systems, and R4's.
impl Library for Definitions {
    fn value_set(&self, url: &str, version: Option<&str>) -> Result<Option<Value>, Failure> {
        let own = self.value_sets.get(url).cloned();
        Ok(own.or_else(|| r4_value_set(url)).filter(|found| is_version(found, version)))
    }

    fn code_system(&self, url: &str, version: Option<&str>) -> Result<Option<Value>, Failure> {
        let own = self.code_systems.get(url).cloned();
        Ok(own.or_else(|| r4_code_system(url)).filter(|found| is_version(found, version)))
    }
}

/// Whether a definition is of the version that is named, if one is.
pub fn is_version(definition: &Value, version: Option<&str>) -> bool {
    version.is_none_or(|version| definition["version"] == version)
}

fn text(compressed: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(compressed)
        .read_to_string(&mut text)
        .expect("what is compiled in is whole, as a test shows");
    text
}

fn by_url(text: &'static str) -> HashMap<&'static str, &'static str> {
    text.lines().filter_map(|line| Some((url(line)?, line))).collect()
}

/// The URL of a line, which stands right after its type.
fn url(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(r#","url":""#)?;
    rest.split_once('"').map(|(url, _)| url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_url() {
        assert!(CODE_SYSTEMS.len() > 1_000 && VALUE_SETS.len() > 1_300);
        for (url, line) in CODE_SYSTEMS.iter().chain(VALUE_SETS.iter()) {
            let value: Value = serde_json::from_str(line).expect("a line is JSON");
            assert_eq!(value["url"], *url);
        }
        let system = r4_code_system("http://hl7.org/fhir/administrative-gender").expect("R4 has it");
        assert_eq!(system["concept"][0]["code"], "male");
        assert!(r4_value_set("http://hl7.org/fhir/ValueSet/administrative-gender").is_some());
        assert!(r4_value_set("http://hl7.org/fhir/administrative-gender").is_none());
    }
}
