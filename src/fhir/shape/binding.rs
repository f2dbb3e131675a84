//! The codes that a required binding allows. <https://hl7.org/fhir/R4/terminologies.html#required>

use std::collections::HashMap;

use serde_json::Map;
use serde_json::Value;

/// A value set as a list: each code with the systems that define it.
#[derive(Debug)]
pub(in crate::fhir) struct CodeList {
    pub(super) url: String,
    codes: HashMap<String, Vec<String>>,
    /// The first codes, as a sentence shows them.
    sample: String,
}

/// The most codes that an issue spells out.
const SPELLED_OUT: usize = 20;

impl CodeList {
    /// The list of a value set that enumerates its codes; none where it does not.
    pub(super) fn compile(value_set: &Value) -> Option<Self> {
        let mut codes: HashMap<String, Vec<String>> = HashMap::new();
        let mut sample = String::new();
        for include in value_set["compose"]["include"].as_array()? {
            let system = include["system"].as_str()?;
            for concept in include["concept"].as_array()? {
                let code = concept["code"].as_str()?;
                if codes.len() < SPELLED_OUT {
                    sample.push_str(if codes.is_empty() { "`" } else { ", `" });
                    sample.push_str(code);
                    sample.push('`');
                } else if codes.len() == SPELLED_OUT {
                    sample.push_str(", …");
                }
                codes.entry(code.to_owned()).or_default().push(system.to_owned());
            }
        }
        let url = value_set["url"].as_str()?.to_owned();
        (!codes.is_empty()).then_some(Self { url, codes, sample })
    }

    /// Each code with the systems that define it.
    pub(super) fn codes(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.codes.iter().map(|(code, systems)| (code.as_str(), systems.as_slice()))
    }

    /// Whether it has the code, whatever the system.
    pub(super) fn has_code(&self, code: &str) -> bool {
        self.codes.contains_key(code)
    }

    /// Whether it has the code of a Coding in the Coding's system.
    pub(super) fn has_coding(&self, coding: &Map<String, Value>) -> bool {
        let text = |name| coding.get(name).and_then(Value::as_str);
        let systems = text("code").and_then(|code| self.codes.get(code));
        systems
            .is_some_and(|systems| text("system").is_some_and(|s| systems.iter().any(|system| system == s)))
    }

    /// What to send instead.
    pub(super) fn advice(&self) -> String {
        format!("use one of {} from {}", self.sample, self.url)
    }
}
