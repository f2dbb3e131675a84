//! One criterion: its sentence, and the rule that stands beside it. <https://hl7.org/fhir/R4/plandefinition.html>

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Value;

use crate::palliative::record::ActKind;
use crate::palliative::record::Coding;
use crate::palliative::record::Deceased;
use crate::palliative::record::Moment;
use crate::palliative::record::PatientRecord;
use crate::palliative::record::birthday;
use crate::palliative::screening::Situation;
use crate::palliative::screening::acts::ActRule;
use crate::palliative::screening::condition::ConditionRule;
use crate::palliative::screening::coverage::CoverageRule;
use crate::palliative::screening::coverage::may_hold;
use crate::palliative::screening::dates::DatesRule;
use crate::palliative::screening::encounters::EncounterRule;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::flag::FlagRule;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::medical_home;
use crate::palliative::screening::medication::MedicationRule;
use crate::palliative::screening::observation::ObservationRule;
use crate::palliative::screening::repeat::RepeatRule;
use crate::palliative::screening::stay::StayRule;
use crate::palliative::screening::trend::TrendRule;
use crate::palliative::screening::value_set::Codes;

/// One criterion of a rule set.
#[derive(Clone, Debug)]
pub struct Criterion {
    /// Its id, unique in the rule set.
    pub id: String,
    /// The sentence that a clinician reviews, and that is returned.
    pub sentence: String,
    /// Where it comes from.
    pub source: String,
    /// What it stands for, as a Coding, where it is a need signal.
    pub coding: Option<Value>,
    /// Whether it is kept from the patient: it tells what a clinician thinks of the time that is left, or how a caregiver is.
    pub restricted: bool,
    /// The rule.
    pub rule: Rule,
    /// Other diagnoses that meet it as well.
    pub or_conditions: Option<ConditionRule>,
    /// An attestation that meets it as well.
    pub or_attestation: Option<ObservationRule>,
    /// The ages for which it can be met.
    pub ages: Ages,
}

/// The rule of a criterion.
#[derive(Clone, Debug)]
pub enum Rule {
    /// On diagnoses.
    Condition(ConditionRule),
    /// On measurements and answers.
    Observation(ObservationRule),
    /// On what a clinician attests.
    Attestation(ObservationRule),
    /// On how often something happened.
    Encounters(EncounterRule),
    /// On a value that is found again.
    Repeat(RepeatRule),
    /// On how many dates of service show something.
    Dates(DatesRule),
    /// On how far a measurement fell or rose.
    Trend(TrendRule),
    /// On how many days were spent in a setting.
    Stay(StayRule),
    /// On coverage.
    Coverage(CoverageRule),
    /// On what was done, supplied, asked for or written down.
    Act(ActRule),
    /// On medicines that are taken.
    Medication(MedicationRule),
    /// On a Flag.
    Flag(FlagRule),
    /// On the patient's belonging to a medical home.
    MedicalHome,
    /// On nothing but the ages.
    Age,
    /// On the line of business of the patient's coverage.
    LineOfBusiness(Vec<String>),
    /// On the patient's being alive.
    Alive,
}

impl Rule {
    /// The codes of what it reads about a person.
    pub fn codes(&self) -> Vec<&Codes> {
        match self {
            Self::Condition(rule) => vec![&rule.codes],
            Self::Observation(rule) | Self::Attestation(rule) => rule.all_codes(),
            Self::Repeat(rule) => rule.observation.all_codes(),
            Self::Trend(rule) => vec![&rule.codes],
            Self::Encounters(rule) => rule.reasons.iter().collect(),
            Self::Dates(rule) => rule.all_codes(),
            Self::Act(rule) => vec![&rule.codes],
            Self::Medication(rule) => vec![&rule.codes],
            Self::Flag(rule) => vec![&rule.codes],
            Self::Stay(_)
            | Self::Coverage(_)
            | Self::MedicalHome
            | Self::Age
            | Self::LineOfBusiness(_)
            | Self::Alive => Vec::new(),
        }
    }
}

/// A range of ages in completed years, both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ages {
    /// The least.
    pub min: Option<i32>,
    /// The greatest.
    pub max: Option<i32>,
}

impl Criterion {
    /// The types that it reads beside those of every screening.
    pub fn further_types(&self) -> impl Iterator<Item = &'static str> + use<> {
        let kinds: &'static [ActKind] = match &self.rule {
            Rule::Act(rule) => rule.kinds,
            Rule::Dates(rule) => rule.kinds(),
            _ => &[],
        };
        kinds.iter().flat_map(|kind| kind.types().iter().copied())
    }

    /// Evaluates it.
    pub fn evaluate(&self, situation: &Situation) -> Finding {
        let Situation { record, as_of, .. } = *situation;
        let mut finding = match &self.rule {
            Rule::Condition(rule) => rule.evaluate(record, as_of),
            Rule::Observation(rule) => rule.evaluate(record, as_of),
            Rule::Attestation(rule) => valid(rule, situation).evaluate(record, as_of),
            Rule::Encounters(rule) => rule.evaluate(record, as_of),
            Rule::Repeat(rule) => rule.evaluate(record, as_of),
            Rule::Dates(rule) => rule.evaluate(record, as_of),
            Rule::Trend(rule) => rule.evaluate(record, as_of),
            Rule::Stay(rule) => rule.evaluate(record, as_of),
            Rule::Coverage(rule) => rule.evaluate(record, as_of),
            Rule::Act(rule) => rule.evaluate(record, as_of),
            Rule::Medication(rule) => rule.evaluate(record, as_of),
            Rule::Flag(rule) => rule.evaluate(record, as_of),
            Rule::MedicalHome => medical_home::evaluate(record, as_of),
            Rule::Age => Finding::of(State::Met),
            Rule::LineOfBusiness(served) => line_of_business(served, situation),
            Rule::Alive => alive(record, as_of),
        };
        if let Some(rule) = &self.or_conditions {
            finding = finding.or(rule.evaluate(record, as_of));
        }
        if let Some(rule) = &self.or_attestation {
            let attested = valid(rule, situation).evaluate(record, as_of);
            finding = self.or_attested(finding, attested);
        }
        let restricted = self.is_restricted_for(record);
        Finding { restricted, ..self.ages.apply(finding, record, as_of) }
    }

    /// The codes of all that it reads about a person.
    pub fn codes(&self) -> Vec<&Codes> {
        let conditions = self.or_conditions.iter().map(|rule| &rule.codes);
        let attested = self.or_attestation.iter().flat_map(ObservationRule::all_codes);
        self.rule.codes().into_iter().chain(conditions).chain(attested).collect()
    }

    /// Whether it is kept from the patient: by itself, or because the programme's maps make what it reads such a thing.
    fn is_restricted_for(&self, record: &PatientRecord) -> bool {
        let reads = |coding: &Coding| self.codes().iter().any(|codes| codes.has(coding));
        self.restricted || record.restricted.iter().any(reads)
    }

    /// Whether it reads where the patient's general practitioners work.
    pub fn reads_practices(&self) -> bool {
        matches!(self.rule, Rule::MedicalHome)
    }

    /// Whether only a clinician's word can settle it.
    pub fn is_attestation(&self) -> bool {
        matches!(self.rule, Rule::Attestation(_))
    }

    /// Diagnoses are a closed world, so an attestation that was not made leaves an absent diagnosis absent. What
    /// else is not there may still be attested, and is unknown until it is.
    fn or_attested(&self, finding: Finding, attested: Finding) -> Finding {
        let closed = matches!(self.rule, Rule::Condition(_)) && finding.state == State::NotMet;
        if closed && attested.state == State::Unknown {
            return finding.changing(attested.changes);
        }
        finding.or(attested)
    }
}

/// An attestation, valid as long as the programme says where the rule set does not.
fn valid(rule: &ObservationRule, situation: &Situation) -> ObservationRule {
    let days = rule.lookback_days.unwrap_or(situation.attestation_valid_days);
    ObservationRule { lookback_days: Some(days), ..rule.clone() }
}

impl Ages {
    /// Whether there is no limit.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the greatest is below the least, so that nobody is of these ages.
    pub fn are_turned(&self) -> bool {
        self.min.zip(self.max).is_some_and(|(min, max)| min > max)
    }

    /// The finding for one who may be of other ages, for whom it is not met.
    pub fn apply(&self, finding: Finding, record: &PatientRecord, as_of: Date) -> Finding {
        if self.is_unlimited() {
            return finding;
        }
        let changes = record.birth.as_ref().map(|birth| self.birthdays(birth, as_of)).unwrap_or_default();
        let applies = self.hold(record, as_of);
        let state = finding.state.and(applies);
        let finding = match (applies, state) {
            (State::NotMet, _) => {
                Finding { window: finding.window, ..Finding::of(State::NotMet) }.changing(finding.changes)
            }
            (State::Unknown, State::Unknown) => {
                let mut finding = finding;
                finding.missing.push("the patient's date of birth".to_owned());
                Finding { state, ..finding }
            }
            _ => finding,
        };
        finding.changing(changes)
    }

    fn hold(&self, record: &PatientRecord, as_of: Date) -> State {
        let Some((youngest, oldest)) = record.age_on(as_of) else { return State::Unknown };
        let (min, max) = (self.min.unwrap_or(i32::MIN), self.max.unwrap_or(i32::MAX));
        if youngest >= min && oldest <= max {
            State::Met
        } else if oldest < min || youngest > max {
            State::NotMet
        } else {
            State::Unknown
        }
    }

    /// The later birthdays on which the range begins or ends.
    fn birthdays(&self, birth: &Moment, as_of: Date) -> BTreeSet<Date> {
        let ages = [self.min, self.max.map(|max| max.saturating_add(1))];
        let days = ages
            .into_iter()
            .flatten()
            .flat_map(|age| [birthday(birth.first, age), birthday(birth.last, age)]);
        days.flatten().filter(|day| *day > as_of).collect()
    }
}

/// By the coverage of the day. A coverage of a line that nothing tells leaves it open; one that is over is none.
fn line_of_business(served: &[String], situation: &Situation) -> Finding {
    if situation.lines_of_business.iter().any(|line| served.contains(line)) {
        return Finding::of(State::Met);
    }
    let coverages = situation.record.coverages.iter();
    let open = coverages.filter(|one| one.stands && one.line.is_none() && may_hold(one, situation.as_of));
    let open: Vec<&str> = open.map(|one| one.source.as_str()).collect();
    if open.is_empty() {
        return Finding::of(State::NotMet);
    }
    Finding::unknown(format!("the line of business of {}", open.join(", ")))
}

fn alive(record: &PatientRecord, as_of: Date) -> Finding {
    let dead = record.deceased_by(as_of);
    let (date, changes) = match &record.deceased {
        Deceased::On(moment) => {
            (Some(moment.first), [moment.first].into_iter().filter(|day| *day > as_of).collect())
        }
        Deceased::No | Deceased::Undated => (None, BTreeSet::new()),
    };
    let said_by = match &record.deceased_by_word_of {
        None => format!("Patient/{}", record.id),
        Some(episode) => episode.clone(),
    };
    let evidence = if dead && !said_by.is_empty() { vec![said_by] } else { Vec::new() };
    Finding { evidence, date: date.filter(|_| dead), ..Finding::of(State::of(!dead)) }.changing(changes)
}
