//! The codes of a value set, as far as they can be told without a terminology server.
//! <https://hl7.org/fhir/R4/valueset.html>

use std::collections::HashMap;
use std::collections::HashSet;

use serde_json::Map;
use serde_json::Value;

/// The most codes that an issue spells out.
const SPELLED_OUT: usize = 12;

/// A value set: listed codes by system, and systems of which any code may be in it.
#[derive(Debug)]
pub(super) struct Codes {
    listed: HashMap<String, HashSet<String>>,
    open: HashSet<String>,
    sample: String,
}

impl Codes {
    /// The codes of a value set that is composed of systems alone; none for any other.
    pub(super) fn compile(value_set: &Value) -> Option<Self> {
        let mut codes = Self { listed: HashMap::new(), open: HashSet::new(), sample: String::new() };
        let mut shown = Vec::new();
        let compose = &value_set["compose"];
        for include in compose["include"].as_array()? {
            let system = include["system"].as_str().filter(|_| include.get("valueSet").is_none())?;
            let Some(concepts) = include["concept"].as_array() else {
                codes.open.insert(system.to_owned());
                shown.push(format!("a code of {system}"));
                continue;
            };
            let listed = codes.listed.entry(system.to_owned()).or_default();
            for code in concepts.iter().filter_map(|concept| concept["code"].as_str()) {
                if listed.insert(code.to_owned()) {
                    shown.push(format!("`{code}`"));
                }
            }
        }
        codes.exclude(compose);
        let more = if shown.len() > SPELLED_OUT { ", …" } else { "" };
        shown.truncate(SPELLED_OUT);
        codes.sample = format!("{}{more}", shown.join(", "));
        Some(codes)
    }

    fn exclude(&mut self, compose: &Value) {
        for exclude in compose["exclude"].as_array().into_iter().flatten() {
            let listed = exclude["system"].as_str().and_then(|system| self.listed.get_mut(system));
            let Some(listed) = listed else { continue };
            for concept in exclude["concept"].as_array().into_iter().flatten() {
                listed.remove(concept["code"].as_str().unwrap_or_default());
            }
        }
    }

    /// Whether it has, or may have, the code of a Coding or Quantity in its system.
    pub(super) fn has_coding(&self, coding: &Map<String, Value>) -> bool {
        let text = |name| coding.get(name).and_then(Value::as_str);
        let Some((system, code)) = text("system").zip(text("code")) else { return false };
        self.open.contains(system) || self.listed.get(system).is_some_and(|codes| codes.contains(code))
    }

    /// Whether it has, or may have, a code whose system the element does not tell.
    pub(super) fn has_code(&self, code: &str) -> bool {
        !self.open.is_empty() || self.listed.values().any(|codes| codes.contains(code))
    }

    /// Whether some of its codes are of this system.
    pub(super) fn has_system(&self, system: &str) -> bool {
        self.open.contains(system) || self.listed.contains_key(system)
    }

    /// Some of its codes, for a sentence.
    pub(super) fn sample(&self) -> &str {
        &self.sample
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn has(codes: &Codes, system: &str, code: &str) -> bool {
        codes.has_coding(json!({ "system": system, "code": code }).as_object().expect("an object"))
    }

    #[test]
    fn listed_codes_count_one_by_one_and_a_system_without_a_list_as_a_whole() {
        let codes = Codes::compile(&json!({ "compose": {
            "include": [{ "system": "a", "concept": [{ "code": "1" }, { "code": "2" }, { "code": "3" }] },
                        { "system": "b" }],
            "exclude": [{ "system": "a", "concept": [{ "code": "3" }] }] } }))
        .expect("it is composed of systems");
        assert!(has(&codes, "a", "1") && has(&codes, "b", "anything"));
        assert!(!has(&codes, "a", "3") && !has(&codes, "a", "x") && !has(&codes, "c", "1"));
        assert!(!codes.has_coding(json!({ "code": "1" }).as_object().expect("an object")));
        assert!(codes.has_code("whatever"), "it may be of the open system");
    }

    #[test]
    fn a_value_set_of_other_value_sets_is_not_told() {
        let other = json!({ "compose": { "include": [{ "valueSet": ["http://example.org/other"] }] } });
        assert!(Codes::compile(&other).is_none());
        assert!(Codes::compile(&json!({ "url": "x" })).is_none());
    }
}
