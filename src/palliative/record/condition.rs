//! A diagnosis or problem. <https://hl7.org/fhir/R4/condition.html>

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::Resource;
use crate::palliative::record::Concept;
use crate::palliative::record::Moment;
use crate::palliative::record::source;
use crate::palliative::record::target_id;
use crate::palliative::vocabulary::SDOH_SYSTEM;

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Confirmed, or nothing said to the contrary.
    Confirmed,
    /// Unconfirmed, provisional or differential.
    Unconfirmed,
    /// Ruled out, or written by mistake.
    Void,
}

/// Whether it is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClinicalStatus {
    /// Active, recurrence or relapse.
    Active,
    /// Inactive, remission or resolved.
    Over,
}

/// Whether, and when, it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abatement {
    /// Nothing says so.
    No,
    /// With a date.
    On(Moment),
    /// It ended at a time that cannot be told.
    Undated,
}

/// A diagnosis or problem.
#[derive(Clone, Debug)]
pub struct Condition {
    /// `Condition/<id>`.
    pub source: String,
    /// What it is.
    pub code: Concept,
    /// How sure it is.
    pub verification: Verification,
    /// Whether it is going on, where that is said.
    pub clinical_status: Option<ClinicalStatus>,
    /// Whether it was written for one encounter, as claims and visit notes do.
    pub of_encounter: bool,
    /// The id of the encounter.
    pub encounter: Option<String>,
    /// When it began.
    pub onset: Option<Moment>,
    /// When it was written down.
    pub recorded: Option<Moment>,
    /// Whether, and when, it ended.
    pub abatement: Abatement,
    /// Whether it is a social need, which says nothing of what else the person has.
    pub is_social: bool,
}

/// The category of social needs in US Core.
const US_CORE_CATEGORY: &str = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category";

impl Condition {
    /// Reads a Condition.
    pub fn read(resource: &Resource, zone: &TimeZone) -> Self {
        let moment = |pointer| resource.text(pointer).and_then(|text| Moment::read(text, zone));
        let category = Concept::read_all(resource.get("category"));
        let encounter = resource.get("encounter").and_then(target_id).map(str::to_owned);
        let is = |code: &str| category.codings.iter().any(|coding| coding.code == code);
        Self {
            source: source(resource),
            code: Concept::read(resource.get("code")),
            verification: verification(resource),
            clinical_status: clinical_status(resource),
            of_encounter: is("encounter-diagnosis") || (encounter.is_some() && !is("problem-list-item")),
            encounter,
            onset: moment("/onsetDateTime").or_else(|| moment("/onsetPeriod/start")),
            recorded: moment("/recordedDate"),
            abatement: abatement(resource, zone),
            is_social: category.has(US_CORE_CATEGORY, "sdoh")
                || category.codings.iter().any(|coding| coding.system == SDOH_SYSTEM),
        }
    }

    /// When it is first known of: its onset, else the day it was written down.
    pub fn since(&self) -> Option<&Moment> {
        self.onset.as_ref().or(self.recorded.as_ref())
    }
}

fn verification(resource: &Resource) -> Verification {
    let status = Concept::read(resource.get("verificationStatus"));
    let is = |codes: &[&str]| status.codings.iter().any(|coding| codes.contains(&coding.code.as_str()));
    if is(&["refuted", "entered-in-error"]) {
        return Verification::Void;
    }
    if is(&["unconfirmed", "provisional", "differential"]) && !is(&["confirmed"]) {
        return Verification::Unconfirmed;
    }
    Verification::Confirmed
}

fn clinical_status(resource: &Resource) -> Option<ClinicalStatus> {
    let status = Concept::read(resource.get("clinicalStatus"));
    status.codings.iter().find_map(|coding| match coding.code.as_str() {
        "active" | "recurrence" | "relapse" => Some(ClinicalStatus::Active),
        "inactive" | "remission" | "resolved" => Some(ClinicalStatus::Over),
        _ => None,
    })
}

fn abatement(resource: &Resource, zone: &TimeZone) -> Abatement {
    let text = resource.text("/abatementDateTime").or_else(|| resource.text("/abatementPeriod/end"));
    if let Some(moment) = text.and_then(|text| Moment::read(text, zone)) {
        return Abatement::On(moment);
    }
    let undated =
        ["abatementAge", "abatementRange", "abatementString"].iter().any(|name| resource.get(name).is_some());
    let said = resource.get("abatementBoolean").and_then(Value::as_bool) == Some(true);
    if undated || said { Abatement::Undated } else { Abatement::No }
}
