//! Criteria on how many dates of service show something, whatever shows it: a diagnosis, a service or a device.
//! <https://hl7.org/fhir/R4/encounter.html>
//!
//! What is written once may be a slip, or what was to be ruled out; on another date it is a finding. A date counts once,
//! however much was written on it, and of whatever kinds. A diagnosis counts on the date of its encounter, whether or not it
//! has passed since; what was begun before the window and goes on in it counts as one further date.
//!
//! What is on file is a lower bound, as with all that is counted: too few dates fail the criterion only where claims are
//! complete. Of diagnoses alone, encounters that are complete are enough, and so are other diagnoses where there is none of
//! these.

mod read;
mod shown;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::Value;

use crate::palliative::record::Act;
use crate::palliative::record::ActKind;
use crate::palliative::record::ActStatus;
use crate::palliative::record::Encounter;
use crate::palliative::record::PatientRecord;
use crate::palliative::record::Verification;
use crate::palliative::screening::acts;
use crate::palliative::screening::condition::ConditionRule;
use crate::palliative::screening::dates::shown::Shown;
use crate::palliative::screening::dates::shown::encounters_of;
use crate::palliative::screening::dates::shown::said;
use crate::palliative::screening::dates::shown::seen;
use crate::palliative::screening::dates::shown::since;
use crate::palliative::screening::encounter_kind::EncounterCodes;
use crate::palliative::screening::encounter_kind::EncounterKind;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::value_set::Codes;

/// A criterion on how many dates of service show something.
#[derive(Clone, Debug)]
pub struct DatesRule {
    /// Diagnoses, and reasons of encounters, that show it.
    pub diagnoses: Option<ConditionRule>,
    /// Services that show it: procedures, and encounters by their type.
    pub services: Option<Codes>,
    /// Devices that show it.
    pub devices: Option<Codes>,
    /// What it is called where it is missing.
    pub item: String,
    /// In how many days up to the screening.
    pub window_days: i64,
    /// On how many dates.
    pub min: usize,
    /// In which kinds of encounters one date is enough.
    pub sufficient: Vec<EncounterKind>,
    /// Whether a diagnosis on the problem list that is present on the day is enough.
    pub listed_suffices: bool,
    /// The codes by which the kind of an encounter is told.
    pub codes: Arc<EncounterCodes>,
}

/// What was found.
struct Found {
    /// The days; none stands for what goes on from before the window.
    days: BTreeSet<Option<Date>>,
    /// What was in the window on a day that is not known, with what is missing to tell it.
    undated: Vec<String>,
    /// What may have been, with what is missing to tell.
    perhaps: Vec<String>,
    sources: Vec<String>,
    unsure_sources: Vec<String>,
    /// Whether one of these is enough.
    enough: State,
    changes: BTreeSet<Date>,
}

impl DatesRule {
    /// Evaluates it on a day.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let window = Window::back(Some(self.window_days), as_of);
        let mut found = Found::nothing();
        self.add_diagnoses(record, &window, &mut found);
        self.add_encounters(record, &window, &mut found);
        self.add_acts(record, &window, &mut found);
        let most = found.days.len() + found.undated.len() + found.perhaps.len();
        let finding = if found.enough == State::Met || found.least() >= self.min {
            Finding::of(State::Met)
        } else if found.enough == State::Unknown || most >= self.min {
            let missing = found.perhaps.iter().chain(&found.undated).cloned().collect();
            Finding { missing, ..Finding::of(State::Unknown) }
        } else if self.is_all(record, (&window, most), &mut found.changes) {
            Finding::of(State::NotMet)
        } else {
            let from = window.from.unwrap_or(as_of);
            let item = &self.item;
            Finding::unknown(format!(
                "{item}: a further date of service, or claims from {from} to {as_of} that are complete"
            ))
        };
        let value = Some(("valueInteger".to_owned(), Value::from(found.least())));
        let date = found.days.last().copied().flatten();
        let mut evidence = found.sources;
        if finding.state == State::Unknown {
            evidence.extend(found.unsure_sources);
        }
        found.changes.extend(crate::palliative::screening::feed_changes(record, &window));
        Finding { evidence, date, value, ..finding }.within(window).changing(found.changes)
    }

    /// The kinds of acts that it reads.
    pub fn kinds(&self) -> &'static [ActKind] {
        match (&self.services, &self.devices) {
            (_, Some(_)) => &[ActKind::Device, ActKind::Procedure],
            (Some(_), None) => &[ActKind::Procedure],
            (None, None) => &[],
        }
    }

    fn add_diagnoses(&self, record: &PatientRecord, window: &Window, found: &mut Found) {
        let Some(rule) = &self.diagnoses else { return };
        for condition in record.conditions.iter().filter(|one| rule.codes.has_any(&one.code)) {
            if condition.verification == Verification::Void {
                continue;
            }
            let confirmed = |shown: Shown| match condition.verification {
                Verification::Unconfirmed => Shown::Perhaps(format!("confirmation of {}", condition.source)),
                Verification::Confirmed | Verification::Void => shown,
            };
            let mut encounters = encounters_of(condition, record).peekable();
            if encounters.peek().is_none() {
                let shown = said(condition, window, &mut found.changes).map(confirmed);
                found.add(&condition.source, shown, State::NotMet);
            }
            for encounter in encounters {
                let shown = seen(encounter, window, &mut found.changes).map(confirmed);
                found.add(&condition.source, shown, self.suffices(encounter));
            }
        }
        if self.listed_suffices {
            let (present, unsure) = rule.on_the_list(record, window, &mut found.changes);
            for condition in present {
                found.enough = State::Met;
                found.name(&condition.source);
            }
            for (condition, missing) in unsure {
                found.add(&condition.source, Some(Shown::Perhaps(missing)), State::Met);
            }
        }
    }

    /// What encounters tell by themselves: by their reason and their type.
    fn add_encounters(&self, record: &PatientRecord, window: &Window, found: &mut Found) {
        for encounter in &record.encounters {
            let by_reason =
                self.diagnoses.as_ref().is_some_and(|rule| rule.codes.has_any(&encounter.reasons));
            let by_type = self.services.as_ref().is_some_and(|codes| codes.has_any(&encounter.types));
            if by_reason || by_type {
                let enough = if by_reason { self.suffices(encounter) } else { State::NotMet };
                let shown = seen(encounter, window, &mut found.changes);
                found.add(&encounter.source, shown, enough);
            }
        }
    }

    fn add_acts(&self, record: &PatientRecord, window: &Window, found: &mut Found) {
        for act in record.acts.iter().filter(|act| self.concerns(act)) {
            let placed = acts::place(act, window, &mut found.changes).and(acts::stands(act));
            let shown = match placed {
                State::NotMet => None,
                State::Unknown => Some(Shown::Perhaps(format!("the date or status of {}", act.source))),
                State::Met => act.start.as_ref().map(|start| since(start, window)),
            };
            found.add(&act.source, shown, State::NotMet);
        }
    }

    fn concerns(&self, act: &Act) -> bool {
        let is = |codes: &Option<Codes>| codes.as_ref().is_some_and(|codes| codes.has_any(&act.code));
        let shows = match act.kind {
            ActKind::Procedure => is(&self.services) || is(&self.devices),
            ActKind::Device => is(&self.devices),
            ActKind::Request | ActKind::Document => false,
        };
        shows && act.status != ActStatus::Void
    }

    fn suffices(&self, encounter: &Encounter) -> State {
        State::of(self.codes.kind(encounter).is_some_and(|kind| self.sufficient.contains(&kind)))
    }

    /// Whether what is on file is known to be all there is.
    fn is_all(
        &self,
        record: &PatientRecord,
        (window, most): (&Window, usize),
        changes: &mut BTreeSet<Date>,
    ) -> bool {
        let from = window.from.unwrap_or(window.to);
        if record.claims_cover(from, window.to) {
            return true;
        }
        let Some(rule) = self.diagnoses.as_ref().filter(|_| self.kinds().is_empty()) else { return false };
        let other = most == 0 && rule.absent(record, window.to, changes).state == State::NotMet;
        other || record.feed_covers(from, window.to)
    }
}

impl Found {
    fn nothing() -> Self {
        Self {
            days: BTreeSet::new(),
            undated: Vec::new(),
            perhaps: Vec::new(),
            sources: Vec::new(),
            unsure_sources: Vec::new(),
            enough: State::NotMet,
            changes: BTreeSet::new(),
        }
    }

    /// Adds what one resource shows, and whether it alone is enough.
    fn add(&mut self, source: &str, shown: Option<Shown>, enough: State) {
        match shown {
            None => return,
            Some(Shown::On(day)) => {
                self.days.insert(Some(day));
            }
            Some(Shown::Before) => {
                self.days.insert(None);
            }
            Some(Shown::Sometime) => self.undated.push(format!("the exact date of {source}")),
            Some(Shown::Perhaps(missing)) => {
                self.perhaps.push(missing);
                self.unsure_sources.push(source.to_owned());
                self.enough = self.enough.or(enough.and(State::Unknown));
                return;
            }
        }
        self.enough = self.enough.or(enough);
        self.name(source);
    }

    fn name(&mut self, source: &str) {
        if !self.sources.iter().any(|one| one == source) {
            self.sources.push(source.to_owned());
        }
    }

    /// On how many dates at least: all that is not dated may be of one of the others.
    fn least(&self) -> usize {
        self.days.len().max(usize::from(!self.undated.is_empty()))
    }
}
