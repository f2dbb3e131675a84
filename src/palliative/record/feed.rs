//! In which periods all of a patient's encounters, or all claims, are known to reach this service.
//! <https://hl7.org/fhir/R4/extensibility.html>

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::Resource;
use crate::palliative::record::Moment;

/// The extension that says in which period a source of encounters (claims, or admission messages) is complete
/// for a patient. It stands on the Patient or on a Coverage, with a Period as its value.
pub const FEED_EXTENSION: &str = "https://comfrey.health/fhir/StructureDefinition/encounter-feed";

/// The same for claims, which tell of encounters, procedures, devices and medicines.
pub const CLAIMS_EXTENSION: &str = "https://comfrey.health/fhir/StructureDefinition/claims-feed";

/// A period in which what happens to the patient reaches this service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The first day that it covers.
    pub from: Date,
    /// The last day that it covers; open while it goes on.
    pub to: Option<Date>,
    /// Of what it tells.
    pub of: FeedOf,
}

/// Of what a feed tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedOf {
    /// Encounters.
    Encounters,
    /// All that is paid for: encounters, procedures, devices, medicines.
    Claims,
}

/// The feeds that a Patient or a Coverage tells of.
pub(super) fn feeds(resource: &Resource, zone: &TimeZone) -> Vec<Feed> {
    // Of a Coverage that was written by mistake, or is no more than drafted, nothing follows.
    let is_void = matches!(resource.text("/status"), Some("entered-in-error" | "draft"));
    if is_void || !matches!(resource.ty().name(), "Patient" | "Coverage") {
        return Vec::new();
    }
    let extensions = resource.get("extension").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    extensions.iter().filter_map(|extension| feed(extension, zone)).collect()
}

fn feed(extension: &Value, zone: &TimeZone) -> Option<Feed> {
    let of = match extension.get("url")?.as_str()? {
        FEED_EXTENSION => FeedOf::Encounters,
        CLAIMS_EXTENSION => FeedOf::Claims,
        _ => return None,
    };
    let period = extension.get("valuePeriod")?;
    let moment = |name| period.get(name).and_then(Value::as_str).and_then(|text| Moment::read(text, zone));
    // A feed counts only for days that it surely covers: from the last possible start to the first possible
    // end. Without a start nothing is known; a start that cannot be read is no start.
    let to = match period.get("end") {
        Some(_) => Some(moment("end")?.first),
        None => None,
    };
    Some(Feed { from: moment("start")?.last, to, of })
}
