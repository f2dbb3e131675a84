//! FHIR definitions as data: R4's own, trimmed, and ours, compiled once at start.
//! <https://hl7.org/fhir/R4/resourcelist.html>
//!
//! A definition of ours is a JSON file in `operations/`, `plan-definitions/`, `value-sets/`, `code-systems/` or
//! `programs/`, and one line in the lists below; a test holds the lists against the folders. R4's definitions
//! lie in `r4/`, one a line, made by `trim.py`, and US Core's profiles in `us-core/`, made by `trim_us_core.py`.

mod care_dates;
mod compartments;
mod search_parameter;
pub mod terminology;
mod us_core;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use serde_json::Value;

use crate::definitions::search_parameter::domain_resources;
use crate::definitions::search_parameter::search_parameter;
use crate::fhir::ResourceType;
use crate::fhir::shape::Shapes;

pub use care_dates::CareDates;
pub use compartments::ITSELF;
pub use compartments::Members;
pub use search_parameter::SearchParameterComponent;
pub use search_parameter::SearchParameterDefinition;
pub use us_core::US_CORE;
pub use us_core::us_core;

/// The canonical root of our own definitions.
pub const CANONICAL: &str = "https://comfrey.health/fhir";

/// Files by name with their text.
macro_rules! files {
    ($($file:literal),* $(,)?) => { &[$(($file, include_str!($file))),*] };
}

type Files = &'static [(&'static str, &'static str)];

/// OperationDefinitions, one for each operation that is offered.
const OPERATIONS: Files = files![
    "operations/CodeSystem-lookup.json",
    "operations/CodeSystem-validate-code.json",
    "operations/Encounter-everything.json",
    "operations/EpisodeOfCare-everything.json",
    "operations/Patient-everything.json",
    "operations/ValueSet-expand.json",
    "operations/ValueSet-validate-code.json",
    "operations/meta-add.json",
    "operations/meta-delete.json",
    "operations/meta.json",
    "operations/palliative-careplan.json",
    "operations/palliative-disenroll.json",
    "operations/palliative-enroll.json",
    "operations/palliative-gaps.json",
    "operations/palliative-payment-months.json",
    "operations/palliative-refer.json",
    "operations/palliative-screen.json",
    "operations/palliative-status.json",
    "operations/palliative-stratify.json",
    "operations/palliative-transition.json",
    "operations/validate.json",
];

/// PlanDefinitions: rule sets (guidelines) and care-plan templates.
const PLAN_DEFINITIONS: Files = files![
    "plan-definitions/RS-AZ.json",
    "plan-definitions/palliative-careplan.json",
    "plan-definitions/palliative-risk.json",
    "plan-definitions/RS-CA-ADULT.json",
    "plan-definitions/RS-CA-PEDS.json",
    "plan-definitions/RS-FRAILTY.json",
    "plan-definitions/RS-GSF.json",
    "plan-definitions/RS-HOSPICE-GEN.json",
    "plan-definitions/RS-KCC.json",
    "plan-definitions/RS-KELLEY-A.json",
    "plan-definitions/RS-KELLEY-B.json",
    "plan-definitions/RS-KELLEY-C.json",
    "plan-definitions/RS-MCCM.json",
    "plan-definitions/RS-NEED.json",
    "plan-definitions/RS-NY-3GI-NYP.json",
    "plan-definitions/RS-NY-3GI-OPEN.json",
    "plan-definitions/RS-REACH-HN.json",
    "plan-definitions/RS-SIP.json",
    "plan-definitions/RS-SPICT.json",
    "plan-definitions/need-signals.json",
];

/// ValueSets that rule sets and templates name.
const VALUE_SETS: Files = files![
    "value-sets/vs-acp-document.json",
    "value-sets/vs-advanced-illness.json",
    "value-sets/vs-analgesic.json",
    "value-sets/vs-bed-transfer-device.json",
    "value-sets/vs-cancer-any.json",
    "value-sets/vs-cancer-heme.json",
    "value-sets/vs-cancer-metastatic.json",
    "value-sets/vs-cancer-poor-prognosis.json",
    "value-sets/vs-cancer-stage-0-2.json",
    "value-sets/vs-cancer-stage-3-4.json",
    "value-sets/vs-cancer-stage-4.json",
    "value-sets/vs-caregiver-assessment.json",
    "value-sets/vs-caregiver-problem.json",
    "value-sets/vs-chronic-resp-failure.json",
    "value-sets/vs-ckd4.json",
    "value-sets/vs-ckd45.json",
    "value-sets/vs-ckd5-esrd.json",
    "value-sets/vs-copd.json",
    "value-sets/vs-dementia.json",
    "value-sets/vs-dnr-status.json",
    "value-sets/vs-egfr.json",
    "value-sets/vs-encounter-emergency.json",
    "value-sets/vs-encounter-hospice-inpatient.json",
    "value-sets/vs-encounter-inpatient.json",
    "value-sets/vs-encounter-observation.json",
    "value-sets/vs-encounter-outpatient.json",
    "value-sets/vs-encounter-planned.json",
    "value-sets/vs-encounter-unplanned.json",
    "value-sets/vs-esas-items.json",
    "value-sets/vs-frailty-device.json",
    "value-sets/vs-frailty-dx.json",
    "value-sets/vs-frailty-encounter.json",
    "value-sets/vs-frailty-sx.json",
    "value-sets/vs-function-assessment.json",
    "value-sets/vs-heart-failure.json",
    "value-sets/vs-hiv-aids.json",
    "value-sets/vs-home-oxygen.json",
    "value-sets/vs-home-visit.json",
    "value-sets/vs-hospice-ambulatory.json",
    "value-sets/vs-hospice-dx.json",
    "value-sets/vs-hospice-encounter.json",
    "value-sets/vs-hrsn-condition.json",
    "value-sets/vs-hrsn-negative.json",
    "value-sets/vs-hrsn-positive.json",
    "value-sets/vs-ild.json",
    "value-sets/vs-kidney-transplant.json",
    "value-sets/vs-liver-cirrhosis.json",
    "value-sets/vs-liver-decompensation.json",
    "value-sets/vs-lives-alone.json",
    "value-sets/vs-lvef.json",
    "value-sets/vs-mobility-neuro.json",
    "value-sets/vs-neurodegenerative.json",
    "value-sets/vs-nursing-facility-visit.json",
    "value-sets/vs-nursing-home-resident.json",
    "value-sets/vs-nyha-1-2.json",
    "value-sets/vs-nyha-3-4.json",
    "value-sets/vs-nyha-4.json",
    "value-sets/vs-office-visit.json",
    "value-sets/vs-pain-score.json",
    "value-sets/vs-palliative-dx.json",
    "value-sets/vs-palliative-encounter.json",
    "value-sets/vs-palliative-intervention.json",
    "value-sets/vs-palliative-request.json",
    "value-sets/vs-peds-group.json",
    "value-sets/vs-peds-life-threatening.json",
    "value-sets/vs-performance-ecog.json",
    "value-sets/vs-performance-kps.json",
    "value-sets/vs-respiratory.json",
    "value-sets/vs-severe-medical-condition.json",
    "value-sets/vs-sickle-cell.json",
    "value-sets/vs-social-need.json",
    "value-sets/vs-stay-home-health.json",
    "value-sets/vs-stay-nursing-facility.json",
    "value-sets/vs-stay-snf.json",
    "value-sets/vs-stroke-severe.json",
    "value-sets/vs-symptom-assessment.json",
    "value-sets/vs-symptom-scores.json",
    "value-sets/vs-telephone-visit.json",
    "value-sets/vs-vitamin-k-antagonist.json",
];

/// CodeSystems of our own codes.
const CODE_SYSTEMS: Files = files![
    "code-systems/cancer-stage.json",
    "code-systems/careplan-completeness.json",
    "code-systems/enrollment-action.json",
    "code-systems/enrollment-state.json",
    "code-systems/line-of-business.json",
    "code-systems/medicine-name.json",
    "code-systems/ncp-domain.json",
    "code-systems/next-step.json",
    "code-systems/nyha-class.json",
    "code-systems/palliative-careplan-category.json",
    "code-systems/palliative-consent-category.json",
    "code-systems/palliative-encounter-type.json",
    "code-systems/palliative-error.json",
    "code-systems/palliative-flag.json",
    "code-systems/palliative-gap.json",
    "code-systems/palliative-observation.json",
    "code-systems/palliative-program.json",
    "code-systems/palliative-reason.json",
    "code-systems/palliative-setting.json",
    "code-systems/palliative-task.json",
    "code-systems/palliative-team-role.json",
    "code-systems/payment-tier.json",
    "code-systems/peds-group.json",
    "code-systems/risk-adjustment.json",
    "code-systems/risk-domain.json",
    "code-systems/risk-method.json",
    "code-systems/risk-tier.json",
    "code-systems/rule-set-kind.json",
    "code-systems/screen-outcome.json",
];

/// The resources of the programmes that a new database starts with.
const PROGRAMS: Files = files!["programs/default-organization.json", "programs/default.json"];

const R4_STRUCTURES: &str = include_str!("r4/structures.ndjson");
const R4_VALUE_SETS: &str = include_str!("r4/value-sets.ndjson");
const R4_SEARCH_PARAMETERS: &str = include_str!("r4/search-parameters.ndjson");

/// Everything that is defined by data.
#[derive(Debug)]
pub struct Definitions {
    /// R4's types and resources, compiled for validation.
    pub shapes: Shapes,
    /// R4's search parameters and those that US Core adds.
    pub search_parameters: Vec<SearchParameterDefinition>,
    /// What `DomainResource` stands for where a search parameter names it.
    domain_resources: Vec<ResourceType>,
    /// The members of each compartment, by the type of what it is about.
    pub compartments: BTreeMap<ResourceType, Members>,
    /// By type, which date parameters say when care was given.
    pub care_dates: BTreeMap<ResourceType, CareDates>,
    /// Our value sets by canonical URL.
    pub value_sets: BTreeMap<String, Value>,
    /// Our rule sets and care-plan templates by canonical URL.
    pub plan_definitions: BTreeMap<String, Value>,
    /// Our code systems by canonical URL.
    pub code_systems: BTreeMap<String, Value>,
    /// Our OperationDefinitions, in the order of their list.
    pub operations: Vec<Value>,
    /// The resources of the default programmes, in the order of their list.
    pub programs: Vec<Value>,
}

impl Definitions {
    /// Parses and compiles everything.
    ///
    /// # Errors
    /// A sentence that names the definition that is wrong.
    pub fn load() -> Result<Self, String> {
        let structures = r4_structures()?;
        let value_sets = r4_value_sets()?;
        let domain_resources = domain_resources(&structures);
        let search_parameters = lines("r4/search-parameters.ndjson", R4_SEARCH_PARAMETERS)?;
        Ok(Self {
            shapes: Shapes::compile(structures.iter(), value_sets.iter())?,
            search_parameters: search_parameters
                .iter()
                .map(|parameter| search_parameter(parameter, &domain_resources))
                .collect::<Result<_, _>>()?,
            compartments: compartments::load()?,
            care_dates: care_dates::load()?,
            domain_resources,
            value_sets: by_url(VALUE_SETS)?,
            plan_definitions: by_url(PLAN_DEFINITIONS)?,
            code_systems: by_url(CODE_SYSTEMS)?,
            operations: parsed(OPERATIONS)?,
            programs: parsed(PROGRAMS)?,
        })
    }

    /// Reads a SearchParameter that is none of these.
    ///
    /// # Errors
    /// A sentence that says what it lacks.
    pub fn read_search_parameter(&self, value: &Value) -> Result<SearchParameterDefinition, String> {
        search_parameter(value, &self.domain_resources)
    }

    /// The definition of ours with this type and id, which is read under it though nobody has stored it.
    pub fn published(&self, ty: ResourceType, id: &str) -> Option<&Value> {
        let has_id = |value: &&Value| value.get("id").and_then(Value::as_str) == Some(id);
        match ty.name() {
            "OperationDefinition" => self.operations.iter().find(has_id),
            "PlanDefinition" => self.plan_definitions.values().find(has_id),
            "ValueSet" => self.value_sets.values().find(has_id),
            "CodeSystem" => self.code_systems.values().find(has_id),
            _ => None,
        }
    }

    /// The same for the whole process: loaded when first asked for, then shared.
    ///
    /// # Errors
    /// As [`Definitions::load`].
    pub fn shared() -> Result<Arc<Self>, String> {
        static SHARED: Mutex<Option<Arc<Definitions>>> = Mutex::new(None);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(definitions) = shared.as_ref() {
            return Ok(Arc::clone(definitions));
        }
        let loaded = Arc::new(Self::load()?);
        *shared = Some(Arc::clone(&loaded));
        Ok(loaded)
    }
}

/// R4's StructureDefinitions, trimmed, parsed anew: for documentation such as OpenAPI schemas.
///
/// # Errors
/// A sentence that names the line that is no JSON.
pub fn r4_structures() -> Result<Vec<Value>, String> {
    lines("r4/structures.ndjson", R4_STRUCTURES)
}

/// The value sets to which R4 binds elements as required, with their codes where they can be listed, parsed anew.
///
/// # Errors
/// A sentence that names the line that is no JSON.
pub fn r4_value_sets() -> Result<Vec<Value>, String> {
    lines("r4/value-sets.ndjson", R4_VALUE_SETS)
}

fn lines(file: &str, text: &str) -> Result<Vec<Value>, String> {
    let parse =
        |(at, line)| serde_json::from_str(line).map_err(|cause| format!("{file}:{}: {cause}", at + 1));
    text.lines().enumerate().map(parse).collect()
}

fn parsed(files: Files) -> Result<Vec<Value>, String> {
    let parse =
        |(file, text): &(&str, &str)| serde_json::from_str(text).map_err(|cause| format!("{file}: {cause}"));
    files.iter().map(parse).collect()
}

fn by_url(files: Files) -> Result<BTreeMap<String, Value>, String> {
    let mut map = BTreeMap::new();
    for (value, (file, _)) in parsed(files)?.into_iter().zip(files) {
        let url =
            value.get("url").and_then(Value::as_str).ok_or_else(|| format!("{file}: no `url`"))?.to_owned();
        if map.insert(url, value).is_some() {
            return Err(format!("{file}: its `url` is that of another file"));
        }
    }
    Ok(map)
}

/// The texts of a list.
fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definitions() -> Arc<Definitions> {
        Definitions::shared().expect("the embedded definitions load")
    }

    #[test]
    fn every_file_of_ours_is_in_its_list() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/definitions");
        for (folder, list) in [
            ("operations", OPERATIONS),
            ("plan-definitions", PLAN_DEFINITIONS),
            ("value-sets", VALUE_SETS),
            ("code-systems", CODE_SYSTEMS),
            ("programs", PROGRAMS),
        ] {
            let mut listed: Vec<String> = list.iter().map(|(file, _)| (*file).to_owned()).collect();
            let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
            let mut present: Vec<String> = entries
                .map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy()))
                .filter(|name| name.ends_with(".json"))
                .collect();
            listed.sort();
            present.sort();
            assert_eq!(listed, present);
        }
    }

    #[test]
    fn every_resource_type_has_a_structure() {
        let structures = r4_structures().expect("they parse");
        for ty in ResourceType::all() {
            assert!(structures.iter().any(|s| s["name"] == ty.name() && s["kind"] == "resource"), "{ty}");
        }
    }

    #[test]
    fn parameters_of_all_resources_stand_at_each_type() {
        let definitions = definitions();
        let find =
            |code: &str| definitions.search_parameters.iter().find(|p| p.code == code).expect("it is there");
        assert_eq!(find("_id").base.len(), ResourceType::all().count());
        assert_eq!(find("_text").base.len(), ResourceType::all().count() - 3);
        assert!(definitions.search_parameters.len() > 1_300);
    }

    #[test]
    fn compartments_name_parameters_that_exist() {
        let definitions = definitions();
        let sizes = definitions.compartments.iter().map(|(ty, members)| (ty.name(), members.len()));
        let expected =
            [("Device", 33), ("Encounter", 25), ("Patient", 66), ("Practitioner", 59), ("RelatedPerson", 32)];
        assert_eq!(sizes.collect::<Vec<_>>(), expected);
        for (ty, codes) in definitions.compartments.values().flatten() {
            for code in codes.iter().filter(|code| *code != ITSELF) {
                let found =
                    definitions.search_parameters.iter().any(|p| p.code == *code && p.base.contains(ty));
                assert!(found, "{ty}.{code}");
            }
        }
    }

    #[test]
    fn parts_of_composites_are_defined() {
        let definitions = definitions();
        for parameter in definitions.search_parameters.iter().filter(|p| p.kind == "composite") {
            assert!(!parameter.component.is_empty(), "{}", parameter.url);
            for part in &parameter.component {
                assert!(definitions.search_parameters.iter().any(|p| p.url == part.definition), "{part:?}");
            }
        }
    }
}
