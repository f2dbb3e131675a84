//! Criteria on a value that is found again: often enough, and so many days apart.
//! <https://hl7.org/fhir/R4/observation.html>

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Value;

use crate::palliative::record::PatientRecord;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::finding::Place;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::observation::ObservationRule;

/// A criterion on a value that is found again.
#[derive(Clone, Debug)]
pub struct RepeatRule {
    /// What is observed, what its value must be, and how far back it counts.
    pub observation: ObservationRule,
    /// On how many days.
    pub min: usize,
    /// How many days apart.
    pub apart_days: i64,
}

impl RepeatRule {
    /// Evaluates it on a day. It is not met only where it was measured as often and as far apart as it asks for:
    /// what nobody looked for again is not known to have passed.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let rule = &self.observation;
        let window = Window::back(rule.lookback_days, as_of);
        let mut changes = BTreeSet::new();
        let (mut met, mut possible, mut measured) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut sources = Vec::new();
        for observation in record.observations.iter().filter(|one| rule.concerns(one)) {
            let Some(effective) = &observation.effective else { continue };
            changes.extend(window.changes(effective.first, effective.last));
            let place = window.place(effective);
            if matches!(place, Place::Before | Place::After) {
                continue;
            }
            let sure = place == Place::Inside && effective.is_one_day();
            let day = effective.first;
            match rule.verdict(observation).state {
                State::Met if sure => {
                    met.insert(day);
                    sources.push(observation.source.clone());
                }
                State::Met | State::Unknown => {
                    possible.insert(day);
                }
                State::NotMet => {}
            }
            measured.extend(sure.then_some(day));
        }
        let found = self.apart(&met);
        possible.extend(met.iter().copied());
        let finding = if found >= self.min {
            Finding::of(State::Met)
        } else if self.apart(&possible) < self.min && self.apart(&measured) >= self.min {
            Finding::of(State::NotMet)
        } else {
            Finding::unknown(format!("{}: {} values, {} d apart", rule.item, self.min, self.apart_days))
        };
        let date = met.last().copied();
        let value = Some(("valueInteger".to_owned(), Value::from(found)));
        Finding { evidence: sources, date, value, ..finding }.within(window).changing(changes)
    }

    /// The most days of these that are so far apart: taking each as early as can be is best.
    fn apart(&self, days: &BTreeSet<Date>) -> usize {
        let mut taken: Option<Date> = None;
        let mut count = 0;
        for day in days {
            let far = taken.is_none_or(|last| {
                i64::from(last.until(*day).map_or(0, |span| span.get_days())) >= self.apart_days
            });
            if far {
                taken = Some(*day);
                count += 1;
            }
        }
        count
    }
}
