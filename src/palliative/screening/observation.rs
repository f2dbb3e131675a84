//! Criteria on measurements and answers, and on what clinicians attest.
//! <https://hl7.org/fhir/R4/observation.html>
//!
//! The latest value counts. Where partial dates, or two values of one day, leave it open which that is, the
//! criterion is settled only if all of them say the same.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::palliative::record::Observation;
use crate::palliative::record::PatientRecord;
use crate::palliative::screening::condition::ConditionRule;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::finding::Place;
use crate::palliative::screening::finding::Window;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::medication::taken_on;
use crate::palliative::screening::test::Test;
use crate::palliative::screening::test::Verdict;
use crate::palliative::screening::value_set::Codes;

/// Which of several values counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The latest.
    Latest,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// A criterion on measurements or answers.
#[derive(Clone, Debug)]
pub struct ObservationRule {
    /// What is observed.
    pub codes: Codes,
    /// What it is called where it is missing.
    pub item: String,
    /// What its value must be.
    pub test: Test,
    /// How far back it counts; none for any time.
    pub lookback_days: Option<i64>,
    /// Which of several counts.
    pub pick: Pick,
    /// Whether only a Practitioner's or PractitionerRole's word counts: an attestation.
    pub attested: bool,
    /// Whether it may be about another than the patient, as a caregiver's burden is; an attestation may.
    pub about_another: bool,
    /// Medicines under which the value says nothing.
    pub invalidated_by: Option<Codes>,
    /// The same on another scale, with a limit of its own: the latest of both counts.
    pub also: Option<Box<Other>>,
    /// Diagnoses that meet it where no such observation is on file.
    pub if_none: Option<ConditionRule>,
}

/// Another scale of the same.
#[derive(Clone, Debug)]
pub struct Other {
    /// Its codes.
    pub codes: Codes,
    /// What its value must be.
    pub test: Test,
}

impl ObservationRule {
    /// The codes of all that it reads.
    pub fn all_codes(&self) -> Vec<&Codes> {
        let others = self.also.iter().map(|other| &other.codes);
        let diagnoses = self.if_none.iter().map(|rule| &rule.codes);
        std::iter::once(&self.codes).chain(others).chain(diagnoses).collect()
    }

    /// Evaluates it on a day.
    pub fn evaluate(&self, record: &PatientRecord, as_of: Date) -> Finding {
        let window = Window::back(self.lookback_days, as_of);
        let mut changes = BTreeSet::new();
        let mut candidates = Vec::new();
        let mut undated = Vec::new();
        for observation in record.observations.iter().filter(|observation| self.concerns(observation)) {
            let Some(effective) = &observation.effective else {
                undated.push(observation);
                continue;
            };
            changes.extend(window.changes(effective.first, effective.last));
            match window.place(effective) {
                Place::Inside => candidates.push((observation, true)),
                Place::Unsure => candidates.push((observation, false)),
                Place::Before | Place::After => {}
            }
        }
        let finding = match self.invalidating((record, as_of), &candidates, &mut changes) {
            Some(finding) => finding,
            None if candidates.iter().any(|(_, inside)| *inside) => self.judge(&candidates),
            None => self.none_usable(&candidates, &undated),
        };
        let finding = finding.within(window).changing(changes);
        match &self.if_none {
            // An observation that does not tell, or whose date is not clear, is on file all the same.
            Some(rule) if !finding.has_evidence() => finding.or(rule.evaluate(record, as_of)),
            _ => finding,
        }
    }

    /// Whether it is one that the rule is about, and that counts.
    pub fn concerns(&self, observation: &Observation) -> bool {
        let attested = observation.by_practitioner || !self.attested;
        let about_patient = self.about_another || !observation.of_another;
        let usable = observation.is_final && observation.value.is_some();
        let asked = self.codes.has_any(&observation.code) || self.other(observation).is_some();
        usable && attested && about_patient && asked
    }

    /// The other scale, where the observation is on that one.
    fn other(&self, observation: &Observation) -> Option<&Other> {
        self.also.as_deref().filter(|other| other.codes.has_any(&observation.code))
    }

    /// Unknown, where a medicine that the patient takes, or took when it was measured, makes the value say nothing.
    fn invalidating(
        &self,
        (record, as_of): (&PatientRecord, Date),
        candidates: &[(&Observation, bool)],
        changes: &mut BTreeSet<Date>,
    ) -> Option<Finding> {
        let codes = self.invalidated_by.as_ref()?;
        let (taken, later) = taken_on(record, codes, as_of);
        changes.extend(later);
        if let Some(first) = taken.first() {
            let missing =
                format!("{}: it says nothing while {first} is active (reason: treatment)", self.item);
            return Some(Finding { evidence: taken, ..Finding::unknown(missing) });
        }
        let counted = match self.pick {
            Pick::Latest => possibly_latest(candidates),
            Pick::Min | Pick::Max => candidates.iter().map(|(one, _)| *one).collect(),
        };
        let days = counted.iter().filter_map(|one| one.effective.as_ref());
        let mut days = days.flat_map(|moment| [moment.first, moment.last]);
        let (mut taken, day) = days.find_map(|day| {
            let (taken, _) = taken_on(record, codes, day);
            (!taken.is_empty()).then_some((taken, day))
        })?;
        taken.truncate(1);
        let missing = format!(
            "{}: that of {day} says nothing, as {} was taken then (reason: treatment)",
            self.item,
            taken.concat()
        );
        Some(Finding { evidence: taken, ..Finding::unknown(missing) })
    }

    fn none_usable(&self, unsure: &[(&Observation, bool)], undated: &[&Observation]) -> Finding {
        let no_limit = self.lookback_days.is_none();
        if no_limit && unsure.is_empty() && !undated.is_empty() {
            let all: Vec<_> = undated.iter().map(|observation| (*observation, true)).collect();
            return self.agreed(&all.iter().map(|(observation, _)| *observation).collect::<Vec<_>>());
        }
        let without_date =
            unsure.iter().map(|(observation, _)| *observation).chain(undated.iter().copied()).next();
        match without_date {
            Some(observation) => {
                let source = &observation.source;
                let missing = format!("{}: the exact date of {source} (reason: date)", self.missing_item());
                Finding { evidence: vec![source.clone()], ..Finding::unknown(missing) }
            }
            None => Finding::unknown(self.missing_item()),
        }
    }

    fn missing_item(&self) -> String {
        let days = self.lookback_days;
        if self.attested {
            return format!("clinician attestation {} (valid {} d)", self.item, days.unwrap_or_default());
        }
        days.map_or_else(|| self.item.clone(), |days| format!("{} (not older than {days} d)", self.item))
    }

    fn judge(&self, candidates: &[(&Observation, bool)]) -> Finding {
        match self.pick {
            Pick::Latest => self.agreed(&possibly_latest(candidates)),
            Pick::Min | Pick::Max => self.extreme(candidates),
        }
    }

    /// The finding that all of these agree on.
    fn agreed(&self, observations: &[&Observation]) -> Finding {
        let judged: Vec<_> = observations.iter().map(|one| (*one, self.verdict(one))).collect();
        let Some((first, verdict)) = judged.first() else { return Finding::unknown(self.missing_item()) };
        let agree = judged.iter().all(|(_, other)| other.state == verdict.state);
        // Of two scales at one moment neither is later: a need that one of them shows is there.
        let at_once = observations.windows(2).all(|pair| pair[0].effective == pair[1].effective);
        let shown = judged.iter().find(|(_, one)| one.state == State::Met);
        if let (false, true, Some(_), Some((one, shown))) = (agree, at_once, &self.also, shown) {
            return self.told(one, shown);
        }
        if !agree {
            let sources: Vec<_> = observations.iter().map(|one| one.source.clone()).collect();
            let missing = format!(
                "{}: which of {} is the latest (reason: date)",
                self.missing_item(),
                sources.join(", ")
            );
            return Finding { evidence: sources, ..Finding::unknown(missing) };
        }
        self.told(first, verdict)
    }

    /// What an observation says.
    pub fn verdict(&self, observation: &Observation) -> Verdict {
        let test = self.other(observation).map_or(&self.test, |other| &other.test);
        observation.value.as_ref().map_or_else(|| Verdict::unusable("value"), |value| test.judge(value))
    }

    fn told(&self, observation: &Observation, verdict: &Verdict) -> Finding {
        let missing = verdict.reason.map(|reason| {
            let source = &observation.source;
            format!("{}: {source} cannot be used (reason: {reason})", self.missing_item())
        });
        Finding {
            evidence: vec![observation.source.clone()],
            value: observation.value.as_ref().map(|value| (value.element.clone(), value.json.clone())),
            date: observation.effective.as_ref().map(|effective| effective.first),
            missing: missing.into_iter().collect(),
            ..Finding::of(verdict.state)
        }
    }

    /// The least or greatest: met or not met by any one value that decides it, unknown if one that could decide
    /// otherwise is not clear.
    fn extreme(&self, candidates: &[(&Observation, bool)]) -> Finding {
        let judged: Vec<_> =
            candidates.iter().map(|(one, inside)| (*one, *inside, self.verdict(one))).collect();
        let deciding = if self.test.is_met_by_one(self.pick) { State::Met } else { State::NotMet };
        let decided = judged.iter().find(|(_, inside, verdict)| *inside && verdict.state == deciding);
        let open = || judged.iter().find(|(_, inside, verdict)| !*inside || verdict.state == State::Unknown);
        let told = decided.or_else(open).or_else(|| judged.first());
        match told {
            Some((one, true, verdict)) => self.told(one, verdict),
            Some((one, false, _)) => self.none_usable(&[(*one, false)], &[]),
            None => Finding::unknown(self.missing_item()),
        }
    }
}

/// Those that may be the latest: no other is surely later.
fn possibly_latest<'a>(candidates: &[(&'a Observation, bool)]) -> Vec<&'a Observation> {
    let surely_inside = candidates.iter().filter(|(_, inside)| *inside).map(|(one, _)| *one);
    let latest_low =
        surely_inside.filter_map(|one| one.effective.as_ref()).map(|effective| effective.low).max();
    let may_be = |one: &&Observation| one.effective.as_ref().map(|effective| effective.high) >= latest_low;
    let mut latest: Vec<_> = candidates.iter().map(|(one, _)| *one).filter(may_be).collect();
    // Of one day or instant, the one that was made available last replaces the others.
    latest.sort_by(|a, b| (issued(b), &a.source).cmp(&(issued(a), &b.source)));
    let same_moment = latest.windows(2).all(|pair| pair[0].effective == pair[1].effective);
    let ordered = latest.len() > 1 && issued(latest[0]) > issued(latest[1]) && issued(latest[1]).is_some();
    if same_moment && ordered {
        latest.truncate(1);
    }
    latest
}

fn issued(observation: &Observation) -> Option<i64> {
    observation.issued.as_ref().map(|issued| issued.low)
}
