//! FHIR definitions as data: R4's own, trimmed, and ours, compiled once at start.
//! <https://hl7.org/fhir/R4/resourcelist.html>
//!
//! A definition of ours is a JSON file in `operations/`, `plan-definitions/`, `measures/`, `value-sets/`, `code-systems/`,
//! `structure-definitions/` or `programs/`, and one line in `lists.rs` or `extension_list.rs`; a test holds the lists
//! against the folders. R4's definitions lie in `r4/`, one a line, made by `trim.py`, and US Core's profiles in `us-core/`,
//! made by `trim_us_core.py`.

mod aside;
mod care_dates;
mod compartments;
mod extension_list;
mod extensions;
mod lists;
mod named_codes;
mod search_parameter;
pub mod terminology;
mod us_core;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use serde_json::Value;

use crate::definitions::extension_list::STRUCTURES;
use crate::definitions::lists::CODE_SYSTEMS;
use crate::definitions::lists::Files;
use crate::definitions::lists::MEASURES;
use crate::definitions::lists::OPERATIONS;
use crate::definitions::lists::PLAN_DEFINITIONS;
use crate::definitions::lists::PROGRAMS;
use crate::definitions::lists::VALUE_SETS;
use crate::definitions::search_parameter::domain_resources;
use crate::definitions::search_parameter::search_parameter;
use crate::fhir::ResourceType;
use crate::fhir::shape::Shapes;

pub use care_dates::CareDates;
pub use compartments::ITSELF;
pub use compartments::Members;
pub use extensions::extension_issues;
pub use search_parameter::SearchParameterComponent;
pub use search_parameter::SearchParameterDefinition;
pub use us_core::US_CORE;
pub use us_core::us_core;

/// The canonical root of our own definitions.
pub const CANONICAL: &str = "https://comfrey.health/fhir";

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
    /// Our rule sets and care-plan templates by canonical URL, earlier editions with their versions.
    pub plan_definitions: BTreeMap<String, Value>,
    /// Our measures by canonical URL.
    pub measures: BTreeMap<String, Value>,
    /// Our code systems by canonical URL.
    pub code_systems: BTreeMap<String, Value>,
    /// The StructureDefinitions of our extensions by canonical URL.
    pub structures: BTreeMap<String, Value>,
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
        let r4 = || {
            let search_parameters = lines("r4/search-parameters.ndjson", R4_SEARCH_PARAMETERS)?;
            Ok((r4_structures()?, r4_value_sets()?, search_parameters))
        };
        let (shapes, domain_resources, search_parameters) =
            aside::lend(r4, |(structures, value_sets, search_parameters)| {
                let domain_resources = domain_resources(structures);
                let each =
                    search_parameters.iter().map(|parameter| search_parameter(parameter, &domain_resources));
                let search_parameters = each.collect::<Result<_, _>>()?;
                let shapes = Shapes::compile(structures.iter(), value_sets.iter())?;
                Ok((shapes, domain_resources, search_parameters))
            })?;
        Ok(Self {
            shapes,
            search_parameters,
            compartments: compartments::load()?,
            care_dates: care_dates::load()?,
            domain_resources,
            value_sets: by_url(VALUE_SETS)?,
            plan_definitions: by_url(PLAN_DEFINITIONS)?,
            measures: by_url(MEASURES)?,
            code_systems: by_url(CODE_SYSTEMS)?,
            structures: by_url(STRUCTURES)?,
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

    /// The definitions of ours that are stored among the resources.
    pub fn all_published(&self) -> impl Iterator<Item = &Value> {
        let operations = self.operations.iter();
        let by_url =
            [&self.plan_definitions, &self.measures, &self.value_sets, &self.code_systems, &self.structures];
        operations.chain(by_url.into_iter().flat_map(BTreeMap::values))
    }

    /// The texts of these definitions.
    pub fn published_texts(&self) -> impl Iterator<Item = &'static str> {
        let lists = [OPERATIONS, PLAN_DEFINITIONS, MEASURES, VALUE_SETS, CODE_SYSTEMS, STRUCTURES];
        lists.into_iter().flatten().map(|(_, text)| *text)
    }

    /// The definition of ours with this type and id.
    pub fn published(&self, ty: ResourceType, id: &str) -> Option<&Value> {
        self.published_with(ty, "id", id)
    }

    /// The definition of ours with this type and canonical URL; its edition of now.
    pub fn published_as(&self, ty: ResourceType, url: &str) -> Option<&Value> {
        self.published_with(ty, "url", url)
    }

    fn published_with(&self, ty: ResourceType, name: &str, value: &str) -> Option<&Value> {
        let is = |definition: &&Value| definition.get(name).and_then(Value::as_str) == Some(value);
        match ty.name() {
            "OperationDefinition" => self.operations.iter().find(is),
            "PlanDefinition" => self.plan_definitions.values().find(is),
            "Measure" => self.measures.values().find(is),
            "ValueSet" => self.value_sets.values().find(is),
            "CodeSystem" => self.code_systems.values().find(is),
            "StructureDefinition" => self.structures.values().find(is),
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

/// Those of a list by their URLs. An earlier edition, which is retired and kept for those who name it with its version,
/// comes under its URL with the version, after the edition of now, which may be retired too and has the id that the URL
/// ends with.
fn by_url(files: Files) -> Result<BTreeMap<String, Value>, String> {
    let values = parsed(files)?;
    let is_edition = |own: &Value| {
        let others = values.iter().filter(|value| value.get("url") == own.get("url"));
        let text = |name: &str| own.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_named_so = text("url").rsplit('/').next() == Some(text("id"));
        text("status") == "retired" && others.count() > 1 && !is_named_so
    };
    let url = |(value, (file, _)): (&Value, &(&str, &str))| {
        let text = |name: &str| {
            value.get(name).and_then(Value::as_str).ok_or_else(|| format!("{file}: no `{name}`"))
        };
        match is_edition(value) {
            true => Ok(format!("{}|{}", text("url")?, text("version")?)),
            false => text("url").map(str::to_owned),
        }
    };
    let urls: Vec<String> = values.iter().zip(files).map(url).collect::<Result<_, String>>()?;
    let mut map = BTreeMap::new();
    for ((url, value), (file, _)) in urls.into_iter().zip(values).zip(files) {
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

    /// What a rule set means, or which codes a value set has: not what is said to people about it.
    fn meaning(definition: &Value) -> String {
        const TOLD: [&str; 9] = [
            "id",
            "name",
            "status",
            "experimental",
            "date",
            "publisher",
            "description",
            "purpose",
            "documentation",
        ];
        fn without(value: &mut Value, names: &[&str]) {
            match value {
                Value::Object(map) => {
                    names.iter().for_each(|name| _ = map.shift_remove(*name));
                    map.values_mut().for_each(|inner| without(inner, &["documentation"]));
                }
                Value::Array(list) => list.iter_mut().for_each(|inner| without(inner, &["documentation"])),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        if definition["resourceType"] == "ValueSet" {
            return definition["compose"].to_string();
        }
        let mut kept = definition.clone();
        without(&mut kept, &TOLD);
        kept.to_string()
    }

    /// FNV-1a of 64 bits: it tells a slip, and need not withstand anybody.
    fn digest(text: &str) -> String {
        let step = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
    }

    #[test]
    fn no_edition_of_a_rule_set_changes_its_meaning() {
        let definitions = definitions();
        let of_kind = |plan: &&Value| {
            plan["topic"][0]["coding"][0]["system"].as_str().is_some_and(|s| s.ends_with("/rule-set-kind"))
        };
        let plans: Vec<&Value> = definitions.plan_definitions.values().filter(of_kind).collect();
        // Value sets that nothing but care plans and gaps go by may change: no decision rests on them.
        let mut texts: String = plans.iter().map(|plan| plan.to_string()).collect();
        let named = |texts: &str, url: &str| {
            texts.contains(&format!("\"{url}\""))
                || url.contains("/vs-encounter-")
                || url.contains("/vs-stay-")
        };
        for (url, set) in &definitions.value_sets {
            if named(&texts, url) {
                texts.push_str(&set.to_string());
            }
        }
        let sets = definitions.value_sets.iter().filter(|(url, _)| named(&texts, url)).map(|(_, set)| set);
        let now: BTreeMap<String, String> = plans
            .into_iter()
            .chain(sets)
            .map(|own| {
                let text = |name: &str| own[name].as_str().unwrap();
                (format!("{}|{}", text("url"), text("version")), digest(&meaning(own)))
            })
            .collect();
        let noted: BTreeMap<String, String> = include_str!("editions.txt")
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, digest)| (name.to_owned(), digest.to_owned()))
            .collect();
        for (name, digest) in &now {
            let known = noted.get(name).map(String::as_str);
            assert!(
                known == Some(digest),
                "{name} is now {digest} and was noted as {known:?}: an edition that is out keeps its meaning. Raise its \
                 `version`, keep the one before as a retired file where decisions name it, and add a line to editions.txt"
            );
        }
        let gone: Vec<_> = noted.keys().filter(|name| !now.contains_key(*name)).collect();
        assert!(
            gone.is_empty(),
            "{gone:?} were out, and decisions may name them: keep each as a retired file"
        );
    }

    #[test]
    fn every_file_of_ours_is_in_its_list() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/definitions");
        for (folder, list) in [
            ("operations", OPERATIONS),
            ("plan-definitions", PLAN_DEFINITIONS),
            ("measures", MEASURES),
            ("value-sets", VALUE_SETS),
            ("code-systems", CODE_SYSTEMS),
            ("structure-definitions", STRUCTURES),
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

    /// They are stored at start without another look at them.
    #[test]
    fn what_is_published_is_valid_and_has_a_name_and_a_version() {
        let definitions = definitions();
        let mut names = std::collections::BTreeSet::new();
        for value in definitions.all_published() {
            let text = |name: &str| value[name].as_str().unwrap_or_default();
            let ty = ResourceType::parse(text("resourceType")).expect("a type of R4");
            let name = format!("{ty}/{}", text("id"));
            assert_eq!(crate::fhir::shape::validate(&definitions.shapes, value), Vec::new(), "{name}");
            // Operations that R4 defines keep their names.
            let roots = [format!("{CANONICAL}/{ty}/"), "http://hl7.org/fhir/OperationDefinition/".to_owned()];
            assert!(roots.iter().any(|root| text("url").starts_with(root)), "{name}: {}", text("url"));
            assert!(!text("version").is_empty() && crate::fhir::reference::is_id(text("id")), "{name}");
            assert_eq!(definitions.published(ty, text("id")), Some(value), "{name}");
            let named = definitions.published_as(ty, text("url")).unwrap();
            let is_earlier = value["status"] == "retired" && named["version"] != value["version"];
            assert!(named == value || is_earlier, "{name}");
            assert!(names.insert(name.clone()), "{name} twice");
        }
        assert_eq!(names.len(), definitions.published_texts().count());
    }
}
