//! Criteria on how many dates of service show something, whatever shows it: a diagnosis, a service or a device.
//! <https://hl7.org/fhir/R4/encounter.html>
//!
//! What is written once may be a slip, or what was to be ruled out; on another date it is a finding. A date counts once,
//! however much was written on it, and of whatever kinds. A diagnosis counts on the date of its encounter, whether or not it
//! has passed since; what was begun before the window and goes on in it counts as one further date. Partial dates count as
//! far as they cannot be of one day, and an encounter is of one date at most, whatever it is not known of it.
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
    /// The last and the first day on which each was; the day before the window stands for what goes on from before it.
    spans: BTreeSet<(Date, Date)>,
    /// The days that are known, also of what may have been.
    days: BTreeSet<Date>,
    /// What was, or may have been, on a day that is not known: an encounter, or what stands for itself.
    open: BTreeSet<String>,
    /// What is missing to tell the days of these.
    undated: Vec<String>,
    /// What is missing to tell what may have been.
    perhaps: Vec<String>,
    sources: Vec<String>,
    unsure_sources: Vec<String>,
    /// Whether one of these is enough.
    enough: State,
    changes: BTreeSet<Date>,
}

impl DatesRule {
    /// The codes of what it reads.
    pub fn all_codes(&self) -> Vec<&Codes> {
        let diagnoses = self.diagnoses.iter().map(|rule| &rule.codes);
        diagnoses.chain(&self.services).chain(&self.devices).collect()
    }

    /// Evaluates it on a day.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let window = Window::back(Some(self.window_days), as_of);
        let mut found = Found::nothing();
        self.add_diagnoses(record, &window, &mut found);
        self.add_encounters(record, &window, &mut found);
        self.add_acts(record, &window, &mut found);
        let most = found.days.len() + found.open.len();
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
        let date = found.latest(&window);
        let mut evidence = found.sources;
        if finding.state == State::Unknown {
            found.unsure_sources.iter().for_each(|source| once(&mut evidence, source));
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
                Verification::Unconfirmed => shown.if_told(format!("confirmation of {}", condition.source)),
                Verification::Confirmed | Verification::Void => shown,
            };
            let mut encounters = encounters_of(condition, record).peekable();
            if encounters.peek().is_none() {
                let shown = said(condition, window, &mut found.changes).map(confirmed);
                found.add(&[&condition.source], shown, State::NotMet);
            }
            for encounter in encounters {
                let shown = seen(encounter, window, &mut found.changes).map(confirmed);
                // The date is the encounter's: who checks it looks there, and it is told only with it.
                found.add(&[&encounter.source, &condition.source], shown, self.suffices(encounter));
            }
        }
        if self.listed_suffices {
            let (present, unsure) = rule.on_the_list(record, window, &mut found.changes);
            for condition in present {
                found.enough = State::Met;
                once(&mut found.sources, &condition.source);
            }
            for (condition, missing) in unsure {
                found.add(&[&condition.source], Some(Shown::Perhaps(missing, None)), State::Met);
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
                found.add(&[&encounter.source], shown, enough);
            }
        }
    }

    fn add_acts(&self, record: &PatientRecord, window: &Window, found: &mut Found) {
        for act in record.acts.iter().filter(|act| self.concerns(act)) {
            let placed = acts::place(act, window, &mut found.changes).and(acts::stands(act));
            let shown = match placed {
                State::NotMet => None,
                State::Unknown => Some(Shown::Perhaps(format!("the date or status of {}", act.source), None)),
                State::Met => act.start.as_ref().map(|start| since(start, window)),
            };
            found.add(&[&act.source], shown, State::NotMet);
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
            spans: BTreeSet::new(),
            days: BTreeSet::new(),
            open: BTreeSet::new(),
            undated: Vec::new(),
            perhaps: Vec::new(),
            sources: Vec::new(),
            unsure_sources: Vec::new(),
            enough: State::NotMet,
            changes: BTreeSet::new(),
        }
    }

    /// Adds what these show, of which the first has the date, and whether it alone is enough.
    fn add(&mut self, sources: &[&str], shown: Option<Shown>, enough: State) {
        let (Some(event), Some(shown)) = (sources.first(), shown) else { return };
        let (known, is_sure) = match shown {
            Shown::Between(first, last) => {
                self.spans.insert((last, first));
                self.enough = self.enough.or(enough);
                if first != last {
                    once(&mut self.undated, &format!("the exact date of {event}"));
                }
                (Some(first).filter(|_| first == last), true)
            }
            Shown::Perhaps(missing, day) => {
                once(&mut self.perhaps, &missing);
                self.enough = self.enough.or(enough.and(State::Unknown));
                (day, false)
            }
        };
        match known {
            Some(day) => _ = self.days.insert(day),
            None => _ = self.open.insert((*event).to_owned()),
        }
        let named = if is_sure { &mut self.sources } else { &mut self.unsure_sources };
        sources.iter().for_each(|source| once(named, source));
    }

    /// On how many dates at least: so many days are needed that each of the spans has one of them.
    fn least(&self) -> usize {
        let (mut least, mut reached) = (0, None);
        for (last, first) in &self.spans {
            if reached.is_none_or(|day| first > day) {
                least += 1;
                reached = Some(last);
            }
        }
        least
    }

    /// The latest day of the window that is known.
    fn latest(&self, window: &Window) -> Option<Date> {
        let days = self.spans.iter().filter(|(last, first)| last == first).map(|(last, _)| *last);
        days.filter(|day| window.from.is_none_or(|from| *day >= from)).max()
    }
}

/// Adds it where it is not there yet.
fn once(all: &mut Vec<String>, one: &str) {
    if !all.iter().any(|known| known == one) {
        all.push(one.to_owned());
    }
}
