//! The EpisodeOfCare of an enrolment: how it begins and how its state changes.
//! <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! `statusHistory` has one entry for each fine state that the episode was in, the present one with an open end:
//! it is what undoing and the counting of enrolled days read.

use fhir_typed::resources::EpisodeOfCare;
use fhir_typed::resources::EpisodeOfCareStatusHistory;
use fhir_typed::types::Extension;
use jiff::civil::Date;

use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::element::code_value;
use crate::palliative::element::coding;
use crate::palliative::element::concept;
use crate::palliative::element::concepts;
use crate::palliative::element::day;
use crate::palliative::element::extension;
use crate::palliative::element::find_text;
use crate::palliative::element::period;
use crate::palliative::element::reference;
use crate::palliative::element::reference_value;
use crate::palliative::element::set;
use crate::palliative::enrollment::state::Ever;
use crate::palliative::enrollment::state::State;
use crate::palliative::program::Program;
use crate::palliative::vocabulary::EPISODE_TYPE_SYSTEM;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;
use crate::palliative::vocabulary::SNOMED;
use crate::palliative::vocabulary::STATE_EXTENSION;
use crate::palliative::vocabulary::STATE_SYSTEM;

/// A new episode in its first state.
pub fn opened(program: &Program, patient: &str, state: State, since: Date) -> EpisodeOfCare {
    let mut episode = EpisodeOfCare {
        r#type: vec![
            *concept(EPISODE_TYPE_SYSTEM, "palliative-program", "Palliative care programme"),
            *concept(SNOMED, "103735009", "Palliative care"),
        ],
        patient: reference(patient),
        managing_organization: program.organization.as_deref().map(reference),
        status: state.episode_status(Ever::NotEnrolled).into(),
        ..EpisodeOfCare::default()
    };
    episode.extension.push(state_extension(state));
    episode.extension.push(extension(PROGRAM_EXTENSION, reference_value(&program.reference())));
    episode.status_history.push(entry(state, Ever::NotEnrolled, since));
    episode
}

/// The stored episode as typed Rust.
///
/// # Errors
/// `Internal` where the stored JSON is not what R4 says: it was validated when it was stored.
pub fn typed(episode: &Resource) -> Result<EpisodeOfCare, Failure> {
    match fhir_typed::typed(episode.value().clone()).map_err(Failure::internal)? {
        fhir_typed::Resource::EpisodeOfCare(episode) => Ok(*episode),
        _ => Err(Failure::internal("an EpisodeOfCare was read as another type")),
    }
}

/// Puts the episode in another state from a day on; the coarse status follows.
pub fn change_state(episode: &mut EpisodeOfCare, state: State, on: Date) {
    let ever = ever(episode);
    episode.status = state.episode_status(ever).into();
    set(&mut episode.extension, state_extension(state));
    if let Some(last) = episode.status_history.last_mut() {
        let start = last.period.start.as_ref().and_then(|start| day(start.value.as_deref()?));
        last.period.end = Some(start.map_or(on, |start| start.max(on)).to_string().into());
    }
    episode.status_history.push(entry(state, ever, on));
}

/// Whether the service ever started.
pub fn ever(episode: &EpisodeOfCare) -> Ever {
    if start(episode).is_some() { Ever::Enrolled } else { Ever::NotEnrolled }
}

/// The first enrolled day.
pub fn start(episode: &EpisodeOfCare) -> Option<Date> {
    day(episode.period.as_ref()?.start.as_ref()?.value.as_deref()?)
}

/// The last enrolled day, inside.
pub fn end(episode: &EpisodeOfCare) -> Option<Date> {
    day(episode.period.as_ref()?.end.as_ref()?.value.as_deref()?)
}

/// Sets the last enrolled day, never before the first. Says whether there was any enrolled day at all.
pub fn close_period(episode: &mut EpisodeOfCare, last_day: Date) -> bool {
    let Some(first) = start(episode) else { return true };
    episode.period = Some(period(Some(first), Some(last_day.max(first))));
    last_day >= first
}

/// The state that the episode was in before the present one.
pub fn previous(episode: &EpisodeOfCare) -> Option<State> {
    let before = episode.status_history.len().checked_sub(2)?;
    State::parse(find_text(&episode.status_history.get(before)?.extension, STATE_EXTENSION)?)
}

/// The day since when the episode is in its present state.
pub fn since(episode: &EpisodeOfCare) -> Option<Date> {
    day(episode.status_history.last()?.period.start.as_ref()?.value.as_deref()?)
}

fn entry(state: State, ever: Ever, since: Date) -> EpisodeOfCareStatusHistory {
    EpisodeOfCareStatusHistory {
        status: state.episode_status(ever).into(),
        period: period(Some(since), None),
        extension: vec![state_extension(state)],
        ..EpisodeOfCareStatusHistory::default()
    }
}

fn state_extension(state: State) -> Extension {
    extension(STATE_EXTENSION, code_value(coding(STATE_SYSTEM, state.code(), state.display())))
}

/// The state as a concept, for `Task.businessStatus`.
pub fn state_concept(state: State) -> Box<fhir_typed::types::CodeableConcept> {
    concepts(vec![coding(STATE_SYSTEM, state.code(), state.display())])
}
