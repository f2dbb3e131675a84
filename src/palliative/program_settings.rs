//! The settings of a programme as they stand in its HealthcareService, each with its place.
//! <https://hl7.org/fhir/R4/healthcareservice.html>

use serde_json::Value;

use crate::fhir::outcome::Issue;
use crate::palliative::enrollment::facts::list;
use crate::palliative::vocabulary::SETTINGS_EXTENSION;

/// What is wrong with a setting.
pub(super) fn wrong((extension, setting): Place, text: String) -> Issue {
    Issue::error("business-rule", text).at(at((extension, setting)))
}

/// Where a setting stands: the place of the extension that has it, and its own in there.
pub(super) type Place = (usize, usize);

/// A place as a path.
pub(super) fn at((extension, setting): Place) -> String {
    format!("HealthcareService.extension[{extension}].extension[{setting}]")
}

/// The settings that a HealthcareService has, with their places and names.
pub(super) fn settings(service: &Value) -> impl Iterator<Item = (Place, &str, &Value)> {
    list(service.get("extension"))
        .enumerate()
        .filter(|(_, extension)| extension.get("url").and_then(Value::as_str) == Some(SETTINGS_EXTENSION))
        .flat_map(|(outer, extension)| {
            list(extension.get("extension"))
                .enumerate()
                .map(move |(inner, setting)| ((outer, inner), setting))
        })
        .filter_map(|(place, setting)| Some((place, setting.get("url")?.as_str()?, setting)))
}
