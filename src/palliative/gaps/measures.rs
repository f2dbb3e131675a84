//! Which measures count which gap, as the code system of gaps says with each of its codes.
//! <https://hl7.org/fhir/us/davinci-deqm/gaps-in-care-reporting.html>

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::definitions::Definitions;
use crate::palliative::enrollment::facts::list;
use crate::palliative::vocabulary::GAP_SYSTEM;

/// The measures of each gap.
#[derive(Clone, Debug, Default)]
pub struct Measures {
    of_gap: BTreeMap<String, Vec<String>>,
}

impl Measures {
    /// Those that the code system of gaps names, with their versions.
    pub fn of(definitions: &Definitions) -> Self {
        let system = definitions.code_systems.get(GAP_SYSTEM);
        let concepts = list(system.and_then(|system| system.get("concept")));
        let measures = |concept: &Value| -> Vec<String> {
            let named = list(concept.get("property")).filter(|one| one["code"] == "measure");
            named.filter_map(|one| one["valueString"].as_str().map(str::to_owned)).collect()
        };
        let of_gap = concepts.filter_map(|one| Some((one["code"].as_str()?.to_owned(), measures(one))));
        Self { of_gap: of_gap.collect() }
    }

    /// The measures that count a gap, as canonicals with their versions.
    pub fn of_gap(&self, code: &str) -> &[String] {
        self.of_gap.get(code).map_or(&[], Vec::as_slice)
    }

    /// All of them, each once.
    pub fn all(&self) -> BTreeSet<&str> {
        self.of_gap.values().flatten().map(String::as_str).collect()
    }

    /// The measure that a canonical names, with or without its version.
    pub fn find(&self, canonical: &str) -> Option<&str> {
        let without_version = |known: &str| known.split('|').next() == Some(canonical);
        self.all().into_iter().find(|known| *known == canonical || without_version(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_has_the_measures_of_its_code_and_a_measure_is_known_with_and_without_its_version() {
        let measures = Measures::of(&Definitions::shared().unwrap());
        let acp = "https://comfrey.health/fhir/Measure/acp-documented|1.0.0";
        assert_eq!(measures.of_gap("acp-preference-missing"), [acp]);
        assert_eq!(measures.of_gap("contact-overdue"), [""; 0]);
        assert_eq!(measures.find("https://comfrey.health/fhir/Measure/acp-documented"), Some(acp));
        assert_eq!(measures.find(acp), Some(acp));
        assert_eq!(measures.find("https://comfrey.health/fhir/Measure/acp-documented|2.0.0"), None);
        assert_eq!(measures.find("https://comfrey.health/fhir/Measure/acp"), None);
        assert_eq!(measures.all().len(), 5);
    }
}
