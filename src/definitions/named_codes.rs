//! The codes that our definitions name: what a rule, a value set or a template of ours reads, and our own codes.
//! <https://hl7.org/fhir/R4/terminologies.html>

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::Value;

use crate::definitions::Definitions;

/// A system with a code of it.
type Code = (String, String);

impl Definitions {
    /// Whether one of our rule sets, value sets, code systems or templates names a code.
    pub fn names_code(&self, system: &str, code: &str) -> bool {
        static NAMED: OnceLock<BTreeSet<Code>> = OnceLock::new();
        let named = NAMED.get_or_init(|| {
            let all = [&self.plan_definitions, &self.value_sets, &self.code_systems];
            let mut named = BTreeSet::new();
            all.into_iter().flat_map(BTreeMap::values).for_each(|one| collect(one, &mut named));
            named
        });
        named.contains(&(system.to_owned(), code.to_owned()))
    }
}

/// Collects every coding, every include of a value set and every concept of a code system.
fn collect(value: &Value, named: &mut BTreeSet<Code>) {
    if let Value::Array(all) = value {
        all.iter().for_each(|one| collect(one, named));
    }
    let Value::Object(object) = value else { return };
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let system =
        text("system").or_else(|| text("url").filter(|_| text("resourceType") == Some("CodeSystem")));
    if let Some(system) = system {
        named.extend(text("code").map(|code| (system.to_owned(), code.to_owned())));
        concepts(system, object.get("concept"), named);
    }
    object.values().for_each(|one| collect(one, named));
}

fn concepts(system: &str, list: Option<&Value>, named: &mut BTreeSet<Code>) {
    for concept in list.and_then(Value::as_array).into_iter().flatten() {
        named.extend(concept["code"].as_str().map(|code| (system.to_owned(), code.to_owned())));
        concepts(system, concept.get("concept"), named);
    }
}

#[cfg(test)]
mod tests {
    use crate::definitions::Definitions;

    #[test]
    fn a_code_is_named_by_a_value_set_a_criterion_or_a_code_system_of_ours() {
        let definitions = Definitions::shared().unwrap();
        let own = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
        for (system, code) in [("http://loinc.org", "72514-3"), (own, "pps"), (own, "esas-pain")] {
            assert!(definitions.names_code(system, code), "{system} {code}");
        }
        for (system, code) in [("http://loinc.org", "pps"), (own, "esas-pian"), ("", "pps")] {
            assert!(!definitions.names_code(system, code), "{system} {code}");
        }
    }
}
