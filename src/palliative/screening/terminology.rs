//! What rules are read against: value sets, code systems, and the rule sets that may be named.
//! <https://hl7.org/fhir/R4/valueset.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::definitions::CANONICAL;
use crate::palliative::record::Coding;
use crate::palliative::screening::criterion::Ages;
use crate::palliative::screening::encounter_kind::EncounterCodes;
use crate::palliative::screening::is_rule_set;
use crate::palliative::screening::parameters::Parameters;
use crate::palliative::screening::parameters::list;
use crate::palliative::screening::problem::Problem;
use crate::palliative::screening::value_set::Codes;
use crate::palliative::vocabulary::OBSERVATION_SYSTEM;

/// What criteria are compiled against.
pub struct Terminology<'a> {
    value_sets: &'a BTreeMap<String, Value>,
    code_systems: &'a BTreeMap<String, Value>,
    encounters: Arc<EncounterCodes>,
    plans: Option<&'a BTreeMap<String, Value>>,
    reading: Reading,
    restricted: Codes,
}

/// Why a rule document is read. What was stored once is used as it was taken then, so that no later check undoes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// To be taken: all that can be told to be wrong is refused.
    Written,
    /// To be used: what no check refused when it was stored matches nothing now.
    Stored,
}

impl<'a> Terminology<'a> {
    /// The value sets, and those by which encounters are told apart.
    ///
    /// # Errors
    /// A sentence that names the set that is missing or wrong.
    pub fn new(
        value_sets: &'a BTreeMap<String, Value>,
        code_systems: &'a BTreeMap<String, Value>,
    ) -> Result<Self, String> {
        let codes = |id: &str| Codes::compile(&format!("{CANONICAL}/ValueSet/vs-{id}"), value_sets);
        let encounters = Arc::new(EncounterCodes {
            hospice: codes("encounter-hospice-inpatient")?,
            skilled_nursing: codes("stay-snf")?,
            inpatient: codes("encounter-inpatient")?,
            observation: codes("encounter-observation")?,
            emergency: codes("encounter-emergency")?,
            outpatient: codes("encounter-outpatient")?,
            unplanned: codes("encounter-unplanned")?,
            planned: codes("encounter-planned")?,
        });
        let restricted = Codes::of(&restricted(code_systems)).or(codes("restricted")?);
        Ok(Self { value_sets, code_systems, encounters, plans: None, reading: Reading::Written, restricted })
    }

    /// The same for documents that are read for this reason.
    #[must_use]
    pub fn read_as(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }

    /// The same for a document that may name only these rule sets.
    #[must_use]
    pub fn naming(self, plans: &'a BTreeMap<String, Value>) -> Self {
        Self { plans: Some(plans), ..self }
    }

    /// Whether a canonical names no rule set that a document may name; a stored document may name any.
    pub fn is_no_rule_set(&self, canonical: &str) -> bool {
        let Some(plans) = self.plans.filter(|_| self.is_strict()) else { return false };
        let (url, version) = canonical.split_once('|').map_or((canonical, None), |(url, v)| (url, Some(v)));
        let named = |plan: &Value| {
            plan["url"] == url
                && version.is_none_or(|version| plan["version"] == version)
                && is_rule_set(plan)
        };
        !plans.values().any(named)
    }

    /// Whether it is read to be taken.
    pub fn is_strict(&self) -> bool {
        self.reading == Reading::Written
    }

    /// Ages that somebody has; of a stored document any, though nobody has them.
    ///
    /// # Errors
    /// Ages of which the greatest is below the least.
    pub fn possible(&self, ages: Ages, (parameters, name): (&Parameters, &str)) -> Result<Ages, Problem> {
        if ages.are_turned() && self.is_strict() { Err(parameters.turned(name, ages)) } else { Ok(ages) }
    }

    /// The codes by which encounters are told apart.
    pub fn encounters(&self) -> &Arc<EncounterCodes> {
        &self.encounters
    }

    /// The codes of which nothing is told to the patient, whatever reads them: observations of ours with the property
    /// `restricted`, and what the value set `vs-restricted` holds of other systems.
    pub fn restricted(&self) -> &Codes {
        &self.restricted
    }

    /// Why a code is none of a code system of ours; nothing where it is one, or in a stored document.
    pub fn unknown(&self, system: &str, code: &str) -> Option<String> {
        let concepts = self.code_systems.get(system).into_iter().flat_map(|system| list(system, "concept"));
        let known = concepts.into_iter().any(|concept| concept["code"] == code);
        (!known && self.is_strict())
            .then(|| format!("`{code}` is no code of {system}; give one that it defines."))
    }

    /// The codes of a value set.
    ///
    /// # Errors
    /// A sentence that names the set that is missing or wrong.
    pub fn codes(&self, url: &str) -> Result<Codes, String> {
        Codes::compile(url, self.value_sets)
    }
}

/// The observations of ours that are kept from the patient, by the property `restricted` of their code.
fn restricted(code_systems: &BTreeMap<String, Value>) -> Vec<Coding> {
    let is_restricted = |concept: &&Value| {
        list(concept, "property").any(|one| one["code"] == "restricted" && one["valueBoolean"] == true)
    };
    let system = code_systems.get(OBSERVATION_SYSTEM).into_iter();
    let concepts = system.flat_map(|system| list(system, "concept")).filter(is_restricted);
    let coding = |concept: &Value| {
        let code = concept["code"].as_str()?.to_owned();
        Some(Coding { system: OBSERVATION_SYSTEM.to_owned(), code })
    };
    concepts.filter_map(coding).collect()
}
