//! The compartments of R4: which search parameters put a resource into each.
//! <https://hl7.org/fhir/R4/compartmentdefinition.html>

use std::collections::BTreeMap;

use crate::definitions::lines;
use crate::definitions::names;
use crate::fhir::ResourceType;

const R4_COMPARTMENTS: &str = include_str!("r4/compartments.ndjson");

/// Stands for the resource itself that a compartment is about.
pub const ITSELF: &str = "{def}";

/// By type, the codes of the search parameters that put a resource into a compartment, or [`ITSELF`]; a type without
/// any is not in the map.
pub type Members = BTreeMap<ResourceType, Vec<String>>;

/// The members of each compartment, by the type of what it is about.
///
/// # Errors
/// Where a definition names a type that there is not.
pub(super) fn load() -> Result<BTreeMap<ResourceType, Members>, String> {
    let ty = |name: &str| ResourceType::parse(name).ok_or_else(|| format!("compartments: no type `{name}`"));
    let mut compartments = BTreeMap::new();
    for definition in lines("r4/compartments.ndjson", R4_COMPARTMENTS)? {
        let about = ty(definition["code"].as_str().unwrap_or_default())?;
        let mut members = Members::new();
        for entry in definition["resource"].as_array().into_iter().flatten() {
            let codes: Vec<String> = names(&entry["param"]).map(str::to_owned).collect();
            if !codes.is_empty() {
                members.insert(ty(entry["code"].as_str().unwrap_or_default())?, codes);
            }
        }
        let own = members.entry(about).or_default();
        if !own.iter().any(|code| code == ITSELF) {
            own.insert(0, ITSELF.to_owned());
        }
        compartments.insert(about, members);
    }
    Ok(compartments)
}
