//! Which date search parameters say when care was given, by resource type: for `start` and `end` of `$everything`.
//! <https://hl7.org/fhir/R4/patient-operation-everything.html>

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fhir::ResourceType;

const CARE_DATES: &str = include_str!("care-dates.json");

/// The date parameters of one type, by their codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CareDates {
    /// Dates at or during which it happened.
    pub at: Vec<String>,
    /// Dates from which on it holds.
    pub from: Vec<String>,
    /// Dates until which it holds.
    pub until: Vec<String>,
}

/// The table.
pub(super) fn load() -> Result<BTreeMap<ResourceType, CareDates>, String> {
    let table: Value =
        serde_json::from_str(CARE_DATES).map_err(|cause| format!("care-dates.json: {cause}"))?;
    let types = table["types"].as_object().ok_or("care-dates.json: no `types`")?;
    types.iter().map(|(name, own)| Ok((ty(name)?, dates(own)))).collect()
}

fn ty(name: &str) -> Result<ResourceType, String> {
    ResourceType::parse(name).ok_or_else(|| format!("care-dates.json: there is no type `{name}`"))
}

fn dates(own: &Value) -> CareDates {
    let codes = |name: &str| -> Vec<String> {
        let list = own[name].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    CareDates { at: codes("at"), from: codes("from"), until: codes("until") }
}

#[cfg(test)]
mod tests {
    use crate::definitions::Definitions;

    #[test]
    fn every_date_of_care_is_a_date_parameter_of_its_type() {
        let definitions = Definitions::shared().expect("the definitions load");
        for (ty, dates) in &definitions.care_dates {
            assert!(!dates.at.is_empty() || !dates.from.is_empty(), "{ty}");
            for code in dates.at.iter().chain(&dates.from).chain(&dates.until) {
                let mut all = definitions.search_parameters.iter();
                let found = all.any(|p| p.code == *code && p.base.contains(ty) && p.kind == "date");
                assert!(found, "{ty}.{code}");
            }
        }
    }
}
