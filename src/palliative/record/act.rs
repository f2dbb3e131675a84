//! What was done for a person, supplied, asked for or written down: procedures, devices, requests, documents.
//! <https://hl7.org/fhir/R4/procedure.html> <https://hl7.org/fhir/R4/devicerequest.html>
//! <https://hl7.org/fhir/R4/servicerequest.html> <https://hl7.org/fhir/R4/documentreference.html>

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::Resource;
use crate::palliative::record::Concept;
use crate::palliative::record::Moment;
use crate::palliative::record::source;
use crate::palliative::record::target_id;

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActKind {
    /// A Procedure.
    Procedure,
    /// A device that was ordered or is used.
    Device,
    /// A ServiceRequest.
    Request,
    /// A document, or a Consent that stands for one.
    Document,
}

/// What its status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActStatus {
    /// It is so.
    Stands,
    /// It was taken back or not done, or replaced by another.
    Withdrawn,
    /// Planned only, or written by mistake: it says nothing.
    Void,
    /// The status does not tell.
    Unknown,
}

/// Something that was done, supplied, asked for or written down.
#[derive(Clone, Debug)]
pub struct Act {
    /// `Type/<id>`.
    pub source: String,
    /// What kind of thing it is.
    pub kind: ActKind,
    /// What it is; empty where only a Device says so that is not at hand.
    pub code: Concept,
    /// What its status says.
    pub status: ActStatus,
    /// From when.
    pub start: Option<Moment>,
    /// Until when.
    pub end: Option<Moment>,
    /// Whether it goes on where it has no end.
    pub goes_on: bool,
    /// Whether the patient, or one who speaks for the patient, asked for it; none where nobody is named.
    pub by_patient: Option<bool>,
    refers_to: Option<String>,
}

impl ActKind {
    /// The types of resources that are of this kind.
    pub fn types(self) -> &'static [&'static str] {
        match self {
            ActKind::Procedure => &["Procedure"],
            ActKind::Device => &["DeviceRequest", "DeviceUseStatement"],
            ActKind::Request => &["ServiceRequest"],
            ActKind::Document => &["Consent", "DocumentReference"],
        }
    }
}

impl Act {
    /// Reads a resource that is one of these; none where it is of another type.
    pub fn read(resource: &Resource, zone: &TimeZone) -> Option<Self> {
        let moment = |pointer: &&str| resource.text(pointer).and_then(|text| Moment::read(text, zone));
        let (kind, codes, starts, ends): (_, &[&str], &[&str], &[&str]) = match resource.ty().name() {
            "Procedure" => (
                ActKind::Procedure,
                &["code"],
                &["/performedDateTime", "/performedPeriod/start"],
                &["/performedPeriod/end"],
            ),
            "DeviceRequest" => (
                ActKind::Device,
                &["codeCodeableConcept"],
                &["/occurrenceDateTime", "/occurrencePeriod/start", "/authoredOn"],
                &["/occurrencePeriod/end"],
            ),
            "DeviceUseStatement" => (
                ActKind::Device,
                &[],
                &["/timingDateTime", "/timingPeriod/start", "/recordedOn"],
                &["/timingPeriod/end"],
            ),
            "ServiceRequest" => (
                ActKind::Request,
                &["code"],
                &["/authoredOn", "/occurrenceDateTime", "/occurrencePeriod/start"],
                &[],
            ),
            "DocumentReference" => (ActKind::Document, &["type", "category"], &["/date"], &[]),
            "Consent" => {
                (ActKind::Document, &["scope", "category"], &["/dateTime"], &["/provision/period/end"])
            }
            _ => return None,
        };
        let device = resource.get("device").or_else(|| resource.get("codeReference"));
        let mut code = concept(resource, codes);
        if let Some(contained) = device.and_then(|device| contained(resource, target_id(device)?)) {
            code = contained;
        }
        let status = status(resource);
        let starts_now = resource.text("/status") == Some("active");
        Some(Self {
            source: source(resource),
            kind,
            code,
            status,
            start: starts.iter().find_map(moment),
            end: ends.iter().find_map(moment),
            goes_on: matches!(kind, ActKind::Device | ActKind::Document) && starts_now,
            by_patient: by_patient(resource),
            refers_to: device.and_then(target_id).map(str::to_owned),
        })
    }
}

/// Fills in what is named by reference to a Device among the resources.
pub(super) fn resolve(acts: &mut [Act], resources: &[Resource]) {
    for act in acts.iter_mut().filter(|act| act.kind == ActKind::Device && act.code.is_empty()) {
        let found = resources
            .iter()
            .find(|resource| resource.ty().name() == "Device" && resource.id() == act.refers_to.as_deref());
        if let Some(found) = found {
            act.code = Concept::read(found.get("type"));
        }
    }
}

/// The codes of several elements, of which some repeat, as one concept.
fn concept(resource: &Resource, names: &[&str]) -> Concept {
    names.iter().map(|name| resource.get(name)).fold(Concept::default(), |mut all, value| {
        let one =
            if value.is_some_and(Value::is_array) { Concept::read_all(value) } else { Concept::read(value) };
        all.codings.extend(one.codings);
        all.texts.extend(one.texts);
        all
    })
}

fn contained(resource: &Resource, id: &str) -> Option<Concept> {
    let contained = resource.get("contained")?.as_array()?;
    let device = contained.iter().find(|inner| inner["id"] == id && inner["resourceType"] == "Device")?;
    Some(Concept::read(device.get("type")))
}

fn status(resource: &Resource) -> ActStatus {
    let code = resource.text("/status").unwrap_or_default();
    let is_order = || resource.text("/intent").is_none_or(|intent| intent.ends_with("order"));
    let refuses = resource.get("doNotPerform").and_then(Value::as_bool) == Some(true);
    match (resource.ty().name(), code) {
        (_, "entered-in-error") => ActStatus::Void,
        ("Procedure", "completed" | "in-progress") => ActStatus::Stands,
        ("Procedure", "not-done") => ActStatus::Withdrawn,
        ("Procedure", "preparation") => ActStatus::Void,
        ("DeviceRequest" | "ServiceRequest", "revoked") => ActStatus::Withdrawn,
        ("DeviceRequest" | "ServiceRequest", _) if refuses || !is_order() => ActStatus::Void,
        ("DeviceRequest" | "ServiceRequest" | "DeviceUseStatement", "active" | "completed") => {
            ActStatus::Stands
        }
        ("DeviceRequest" | "ServiceRequest", "draft") | ("DeviceUseStatement", "intended") => ActStatus::Void,
        ("DocumentReference", "current") => match resource.text("/docStatus") {
            None | Some("final" | "amended") => ActStatus::Stands,
            Some("entered-in-error") => ActStatus::Void,
            Some(_) => ActStatus::Unknown,
        },
        ("DocumentReference", "superseded") | ("Consent", "inactive" | "rejected") => ActStatus::Withdrawn,
        ("Consent", "active") => ActStatus::Stands,
        ("Consent", "draft" | "proposed") => ActStatus::Void,
        _ => ActStatus::Unknown,
    }
}

fn by_patient(resource: &Resource) -> Option<bool> {
    let requester = resource.get("requester")?;
    let named = requester.get("reference").and_then(Value::as_str).unwrap_or_default();
    let of_type = requester.get("type").and_then(Value::as_str);
    let ty = of_type.or_else(|| named.split("/_history/").next()?.rsplit('/').nth(1))?;
    Some(matches!(ty, "Patient" | "RelatedPerson"))
}
