//! The enrolment of a person in a palliative programme: states, the table of transitions, guards, and what each
//! transition writes. An EpisodeOfCare carries it. <https://hl7.org/fhir/R4/episodeofcare.html>

pub mod actions;
pub mod attribution;
pub mod authorization;
pub mod both_kinds;
pub mod checks;
pub mod closing;
pub mod companions;
pub mod consent;
pub mod coverage;
pub mod coverage_history;
pub mod death;
pub mod disenroll;
pub mod drafts;
pub mod election;
pub mod ending;
pub mod enroll;
pub mod episode;
pub mod evidence;
pub mod facts;
pub mod guards;
pub mod home_history;
pub mod inputs;
pub mod leaving;
pub mod qualifying;
pub mod reasons;
pub mod refer;
pub mod request;
pub mod requested;
pub mod standing;
pub mod state;
pub mod table;
pub mod tiers;
pub mod transition;
pub mod undoing;
pub mod withdrawal;

use serde_json::Value;

use crate::fhir::reference::Reference;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::state::State;
use crate::palliative::vocabulary::CONSENT_EXTENSION;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;

pub use crate::palliative::vocabulary::STATE_EXTENSION;

/// What the database keeps of an episode beside its JSON: it holds a person to one open episode per programme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpisodeRow {
    /// The patient's id.
    pub patient: String,
    /// The id of the programme's HealthcareService.
    pub program: String,
    /// The code of the fine state.
    pub state: String,
    /// Whether the episode takes up the person's place in the programme.
    pub open: bool,
    /// The id of the agreement (a Consent) that it rests on; empty where it names none.
    pub consent: String,
}

/// The row of an episode of a programme of ours; none for any other resource.
pub fn episode_row(resource: &Resource) -> Option<EpisodeRow> {
    if resource.ty().name() != "EpisodeOfCare" {
        return None;
    }
    let state =
        State::parse(extension_of(resource, STATE_EXTENSION)?.pointer("/valueCoding/code")?.as_str()?)?;
    let program =
        extension_of(resource, PROGRAM_EXTENSION)?.pointer("/valueReference/reference")?.as_str()?;
    Some(EpisodeRow {
        patient: patient_of(resource)?.to_owned(),
        program: program.strip_prefix("HealthcareService/")?.to_owned(),
        state: state.code().to_owned(),
        open: state.is_open(),
        consent: consent_of(resource).unwrap_or_default().to_owned(),
    })
}

/// The id of the agreement that an episode rests on.
fn consent_of(episode: &Resource) -> Option<&str> {
    let reference =
        extension_of(episode, CONSENT_EXTENSION)?.pointer("/valueReference/reference")?.as_str()?;
    let local = Reference::parse(reference).local()?;
    (local.ty.name() == "Consent").then_some(local.id)
}

/// The id of the patient whose episode it is, whichever version of the Patient it names. By which URL a client knows
/// this service is settled before: what is stored refers to what is here by relative references.
pub fn patient_of(episode: &Resource) -> Option<&str> {
    let local = Reference::parse(episode.text("/patient/reference")?).local()?;
    (local.ty.name() == "Patient").then_some(local.id)
}

/// The patient whose episode it is, as `Patient/id`: without the version of the Patient, where it names one.
pub fn patient_name(episode: &Resource) -> Option<&str> {
    patient_of(episode)?;
    let text = episode.text("/patient/reference")?;
    Some(text.split_once("/_history/").map_or(text, |(name, _)| name))
}

/// The first extension of a resource with this URL.
pub fn extension_of<'a>(resource: &'a Resource, url: &str) -> Option<&'a Value> {
    let extensions = resource.get("extension")?.as_array()?;
    extensions.iter().find(|extension| extension.get("url").and_then(Value::as_str) == Some(url))
}

#[cfg(test)]
mod naive_days;
#[cfg(test)]
mod sequences;
#[cfg(test)]
pub(crate) mod tests;
