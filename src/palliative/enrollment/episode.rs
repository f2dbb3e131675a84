//! The EpisodeOfCare of an enrolment: how it begins and how its state changes.
//! <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! `statusHistory` has one entry for each fine state that the episode was in, the present one with an open end:
//! it is what undoing and the counting of enrolled days read.

use fhir_typed::Resource as Typed;
use fhir_typed::resources::EpisodeOfCare;
use fhir_typed::resources::EpisodeOfCareStatusHistory;
use fhir_typed::types::Extension;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::element::amended;
use crate::palliative::element::code_value;
use crate::palliative::element::coding;
use crate::palliative::element::concept;
use crate::palliative::element::concepts;
use crate::palliative::element::day;
use crate::palliative::element::extension;
use crate::palliative::element::find;
use crate::palliative::element::find_date;
use crate::palliative::element::find_text;
use crate::palliative::element::period;
use crate::palliative::element::reference;
use crate::palliative::element::reference_value;
use crate::palliative::element::remove;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::list;
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

/// A stored episode while it is being changed: what changes is typed, and what others wrote on it stays as it is.
#[derive(Clone, Debug)]
pub struct Episode {
    pub(super) stored: Resource,
    change: EpisodeOfCare,
}

/// The elements of which every entry stays as it was; what changes is added.
const ADDED_TO: [&str; 3] = ["extension", "statusHistory", "referralRequest"];

impl Episode {
    /// The episode as it stands.
    pub fn of(stored: &Resource) -> Self {
        let change = EpisodeOfCare {
            status: stored.text("/status").unwrap_or_default().into(),
            patient: reference(stored.text("/patient/reference").unwrap_or_default()),
            ..EpisodeOfCare::default()
        };
        Self { stored: stored.clone(), change }
    }

    /// The text of a code, string, canonical or reference, or of a coding's code, in the extension with this URL.
    pub fn text(&self, url: &str) -> Option<&str> {
        const PLACES: [&str; 6] = [
            "/valueCode",
            "/valueString",
            "/valueCanonical",
            "/valueCoding/code",
            "/valueReference/reference",
            "/valueCodeableConcept/coding/0/code",
        ];
        let stored = || {
            let found = extension_of(&self.stored, url)?;
            PLACES.iter().find_map(|place| found.pointer(place)?.as_str())
        };
        find_text(&self.change.extension, url).or_else(stored)
    }

    /// The date in the extension with this URL.
    pub fn date(&self, url: &str) -> Option<Date> {
        let stored = || day(extension_of(&self.stored, url)?.get("valueDate")?.as_str()?);
        find_date(&self.change.extension, url).or_else(stored)
    }

    /// The extension with this URL, as it was stored.
    pub fn stored_extension(&self, url: &str) -> Option<&Value> {
        extension_of(&self.stored, url)
    }

    /// Whether there is an extension with this URL.
    pub fn has(&self, url: &str) -> bool {
        find(&self.change.extension, url).is_some() || extension_of(&self.stored, url).is_some()
    }

    /// How many extensions have this URL.
    pub fn count(&self, url: &str) -> usize {
        let is_of = |one: &&Value| one.get("url").and_then(Value::as_str) == Some(url);
        let added = self.change.extension.iter().filter(|one| one.url == url).count();
        list(self.stored.get("extension")).filter(is_of).count() + added
    }

    /// Puts the extension in place of those with its URL.
    pub fn set(&mut self, extension: Extension) {
        self.remove(&extension.url);
        self.change.extension.push(extension);
    }

    /// Adds the extension beside those with its URL.
    pub fn add(&mut self, extension: Extension) {
        self.change.extension.push(extension);
    }

    /// Takes every extension with this URL away.
    pub fn remove(&mut self, url: &str) {
        remove(&mut self.change.extension, url);
        if let Some(list) = self.stored.object_mut().get_mut("extension").and_then(Value::as_array_mut) {
            list.retain(|one| one.get("url").and_then(Value::as_str) != Some(url));
        }
    }

    /// Puts the episode in another state from a day on; the coarse status follows.
    pub fn change_state(&mut self, state: State, on: Date) {
        let ever = self.ever();
        self.change.status = state.episode_status(ever).into();
        self.set(state_extension(state));
        let history = self.stored.object_mut().get_mut("statusHistory").and_then(Value::as_array_mut);
        if let Some(last) = history.and_then(|history| history.last_mut()) {
            let start = last.pointer("/period/start").and_then(Value::as_str).and_then(day);
            let end = start.map_or(on, |start| start.max(on));
            if let Some(period) = last.get_mut("period").and_then(Value::as_object_mut) {
                period.insert("end".to_owned(), end.to_string().into());
            }
        }
        self.change.status_history.push(entry(state, ever, on));
    }

    /// Whether the service ever started.
    pub fn ever(&self) -> Ever {
        if self.start().is_some() { Ever::Enrolled } else { Ever::NotEnrolled }
    }

    /// The first enrolled day.
    pub fn start(&self) -> Option<Date> {
        match &self.change.period {
            Some(period) => day(period.start.as_ref()?.value.as_deref()?),
            None => day(self.stored.text("/period/start")?),
        }
    }

    /// The last enrolled day, inside.
    pub fn end(&self) -> Option<Date> {
        match &self.change.period {
            Some(period) => day(period.end.as_ref()?.value.as_deref()?),
            None => day(self.stored.text("/period/end")?),
        }
    }

    /// Sets the first enrolled day; the last is open.
    pub fn open_period(&mut self, first: Date) {
        self.change.period = Some(period(Some(first), None));
    }

    /// Opens the end of a period that was closed.
    pub fn reopen_period(&mut self) {
        if let Some(first) = self.start() {
            self.open_period(first);
        }
    }

    /// Sets the last enrolled day, never before the first. Says whether there was any enrolled day at all.
    pub fn close_period(&mut self, last_day: Date) -> bool {
        let Some(first) = self.start() else { return true };
        self.change.period = Some(period(Some(first), Some(last_day.max(first))));
        last_day >= first
    }

    /// The state that led to the present one; none where it is not on record.
    pub fn previous(&self) -> Option<State> {
        let path = self.path();
        path.len().checked_sub(2).map(|before| path[before].0)
    }

    /// The day on which the episode came to its present state, where an undoing led back to it: the first time.
    pub fn reached(&self) -> Option<Date> {
        self.path().last()?.1
    }

    /// The states that led to the present one, each with its first day. What follows a closed state undid it, unless it
    /// says that all was a mistake: so neither what was undone is on the path nor the undoing.
    fn path(&self) -> Vec<(State, Option<Date>)> {
        let mut path: Vec<(State, Option<Date>)> = Vec::new();
        for entry in list(self.stored.get("statusHistory")) {
            let Some(state) = state_in(entry) else {
                path.clear();
                continue;
            };
            let is_closed = path.last().is_some_and(|(last, _)| !last.is_open());
            if is_closed && state != State::EnteredInError {
                path.pop();
            }
            if path.last().is_none_or(|(last, _)| *last != state) {
                let since = entry.pointer("/period/start").and_then(Value::as_str).and_then(day);
                path.push((state, since));
            }
        }
        path
    }

    /// The day since when the episode is in its present state.
    pub fn since(&self) -> Option<Date> {
        let last = self.stored.get("statusHistory")?.as_array()?.last()?;
        day(last.pointer("/period/start")?.as_str()?)
    }

    /// Puts a team first, unless it is there.
    pub fn lead_team(&mut self, team: &str) {
        let here = |one: &Value| {
            one.get("reference").and_then(Value::as_str).map(unversioned) == Some(unversioned(team))
        };
        if list(self.stored.get("team")).any(here) {
            return;
        }
        let teams = self.stored.object_mut().entry("team").or_insert_with(|| Value::Array(Vec::new()));
        if let Some(teams) = teams.as_array_mut() {
            teams.insert(0, json!({ "reference": team }));
        }
    }

    /// Whether anybody manages the care.
    pub fn has_care_manager(&self) -> bool {
        self.change.care_manager.is_some() || self.stored.get("careManager").is_some()
    }

    /// Names who manages the care.
    pub fn set_care_manager(&mut self, to: &str) {
        self.change.care_manager = Some(reference(to));
    }

    /// The requests that the episode answers.
    pub fn referral_requests(&self) -> impl Iterator<Item = &str> {
        list(self.stored.get("referralRequest")).filter_map(|one| one.get("reference")?.as_str())
    }

    /// Adds a request that the episode answers.
    pub fn add_referral_request(&mut self, to: &str) {
        self.change.referral_request.push(*reference(to));
    }

    /// The episode with all that was changed.
    ///
    /// # Errors
    /// `Internal` where the change cannot be written: a fault of ours.
    pub fn into_resource(self) -> Result<Resource, Failure> {
        amended(self.stored, Typed::EpisodeOfCare(Box::new(self.change)), &ADDED_TO)
    }
}

fn state_in(entry: &Value) -> Option<State> {
    let is_state = |one: &&Value| one.get("url").and_then(Value::as_str) == Some(STATE_EXTENSION);
    let state = list(entry.get("extension")).find(is_state)?;
    State::parse(state.pointer("/valueCoding/code")?.as_str()?)
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
