//! A rule set, and what it says of a patient. <https://hl7.org/fhir/R4/plandefinition.html>

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Value;

use crate::palliative::screening::Signal;
use crate::palliative::screening::Situation;
use crate::palliative::screening::criterion::Criterion;
use crate::palliative::screening::criterion::Rule;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::logic::Logic;
use crate::palliative::screening::logic::State;

/// A rule set. One version never changes once it was used.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// Its canonical URL.
    pub url: String,
    /// Its version.
    pub version: String,
    /// Its name for people.
    pub title: String,
    /// Whether it is in use.
    pub active: bool,
    /// To what it leads where it is met, as a Coding of the next steps; none for a referral.
    pub leads_to: Option<Value>,
    /// The criteria, in their order, those that are implied last.
    pub(super) criteria: Vec<Criterion>,
    /// The whole: it applies, its logic is met, and nothing excludes.
    pub(super) whole: Logic,
    /// Which of the criteria exclude.
    pub(super) exclusions: Vec<usize>,
}

/// What a rule set says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its logic is met and nothing excludes.
    Eligible,
    /// Its logic is not met.
    NotEligible,
    /// Facts are missing.
    Indeterminate,
    /// An exclusion is met.
    Excluded,
    /// The logic of a rule set that finds people to look at is met, and nothing excludes: it makes nobody eligible.
    ScreenPositive,
}

/// What a rule set says of a patient on a day.
#[derive(Clone, Debug)]
pub struct Screening<'a> {
    /// The rule set.
    pub rule_set: &'a RuleSet,
    /// What it says.
    pub outcome: Outcome,
    /// Each criterion, in the order of the rule set.
    pub results: Vec<CriterionResult<'a>>,
    /// Where it is indeterminate, the places in `results` of the smallest set of criteria whose settling the
    /// right way would make it eligible.
    pub missing: Vec<usize>,
    /// The next day on which any criterion can change although nothing new is written.
    pub next_change: Option<Date>,
    /// The state of every criterion of the rule set, those that are not told among them.
    states: Vec<State>,
    /// The places among these of the criteria that are kept from the patient.
    closed: Vec<usize>,
    /// The places among these of `results`.
    told: Vec<usize>,
}

/// What is told of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// What the rule set says; none where that is kept from the reader.
    pub outcome: Option<Outcome>,
    /// As [`Screening::missing`].
    pub missing: Vec<usize>,
}

/// The next step of a rule set that finds whom to inform of hospice.
const OF_HOSPICE: &str = "offer-hospice-information";

/// With how many restricted criteria all that they could be is tried.
const MOST_CLOSED: usize = 6;

/// A criterion and what was found.
#[derive(Clone, Debug)]
pub struct CriterionResult<'a> {
    /// The criterion.
    pub criterion: &'a Criterion,
    /// What was found.
    pub finding: Finding,
}

impl Outcome {
    /// The outcome with this code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Eligible, Self::NotEligible, Self::Indeterminate, Self::Excluded, Self::ScreenPositive]
            .into_iter()
            .find(|outcome| outcome.code() == code)
    }

    /// The code in results.
    pub fn code(self) -> &'static str {
        match self {
            Outcome::Eligible => "eligible",
            Outcome::NotEligible => "not-eligible",
            Outcome::Indeterminate => "indeterminate",
            Outcome::Excluded => "excluded",
            Outcome::ScreenPositive => "screen-positive",
        }
    }
}

impl RuleSet {
    /// The canonical with its version.
    pub fn canonical(&self) -> String {
        format!("{}|{}", self.url, self.version)
    }

    /// Whether this version is the one that a canonical names.
    pub fn is_named_by(&self, canonical: &str) -> bool {
        canonical == self.url || canonical == self.canonical()
    }

    /// The criteria.
    pub fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// The types that it reads beside those of every screening.
    pub fn further_types(&self) -> BTreeSet<&'static str> {
        self.criteria.iter().flat_map(Criterion::further_types).collect()
    }

    /// Whether it reads where the patient's general practitioners work.
    pub fn reads_practices(&self) -> bool {
        self.criteria.iter().any(Criterion::reads_practices)
    }

    /// What it says of a patient on a day. What carries a security label counts, and is not told.
    pub fn screen(&self, situation: &Situation) -> Screening<'_> {
        let labelled = &situation.record.labelled;
        let found = |(at, criterion): (usize, &Criterion)| {
            let found = criterion.evaluate(situation).without(labelled);
            match self.is_lifted(at, situation) {
                true => Finding { state: State::NotMet, missing: Vec::new(), ..found },
                false => found,
            }
        };
        let findings: Vec<Finding> = self.criteria.iter().enumerate().map(found).collect();
        let silent = |at: usize| self.is_silent(at, &findings[at], situation);
        let states: Vec<_> = findings
            .iter()
            .enumerate()
            .map(|(at, finding)| if silent(at) { State::Met } else { finding.state })
            .collect();
        let outcome = self.outcome(&states);
        let next_change = findings.iter().filter_map(|finding| finding.changes.first().copied()).min();
        let told: Vec<usize> = (0..findings.len()).filter(|at| !silent(*at)).collect();
        let missing = self.missing_of(outcome, &states, &told);
        let closed = (0..findings.len()).filter(|at| findings[*at].restricted).collect();
        let all = self.criteria.iter().zip(findings).enumerate();
        let results = all
            .filter(|(at, _)| told.binary_search(at).is_ok())
            .map(|(_, (criterion, finding))| CriterionResult { criterion, finding })
            .collect();
        Screening { rule_set: self, outcome, results, missing, next_change, states, closed, told }
    }

    /// Whether one of the criteria with these ids excludes those who have elected hospice.
    pub fn excludes_for_hospice(&self, ids: &[String]) -> bool {
        let exclusions = self.exclusions.iter().map(|at| &self.criteria[*at]);
        let mut named = exclusions.filter(|one| ids.contains(&one.id));
        named.any(|one| matches!(&one.rule, Rule::Flag(rule) if rule.is_of_hospice()))
    }

    /// Whether a criterion excludes those who are in hospice, on a day on which the programme serves the person beside it.
    /// Who is in hospice needs no information on it, whoever else serves them.
    fn is_lifted(&self, at: usize, situation: &Situation) -> bool {
        let is_of_hospice = matches!(&self.criteria[at].rule, Rule::Flag(rule) if rule.is_of_hospice_now());
        let informs = self.leads_to.as_ref().is_some_and(|step| step["code"] == OF_HOSPICE);
        is_of_hospice
            && !informs
            && self.exclusions.contains(&at)
            && situation.record.beside_hospice.contains(situation.as_of)
    }

    /// Where it is indeterminate, the places among those told of the smallest set of criteria to be settled.
    fn missing_of(&self, outcome: Outcome, states: &[State], told: &[usize]) -> Vec<usize> {
        let missing = match outcome {
            Outcome::Indeterminate => self.missing(states),
            Outcome::Eligible | Outcome::NotEligible | Outcome::Excluded | Outcome::ScreenPositive => {
                Vec::new()
            }
        };
        missing.iter().filter_map(|at| told.iter().position(|one| one == at)).collect()
    }

    /// What it says whatever these criteria are; none where that turns on them.
    fn whatever(&self, states: &[State], open: &[usize]) -> Option<Outcome> {
        let Some((first, rest)) = open.split_first() else { return Some(self.outcome(states)) };
        let mut states = states.to_vec();
        let mut outcomes = [State::Met, State::NotMet, State::Unknown].into_iter().map(|state| {
            states[*first] = state;
            self.whatever(&states, rest)
        });
        let one = outcomes.next()??;
        outcomes.all(|other| other == Some(one)).then_some(one)
    }

    /// The needs that it shows: itself where it stands for one as a whole, else each criterion that is met.
    pub fn signals(&self, situation: &Situation) -> Vec<Signal> {
        let said = self.screen(situation);
        let met = || said.results.iter().filter(|one| one.finding.state == State::Met);
        if let Some(coding) = &self.leads_to {
            let whole = Signal {
                id: self.url.rsplit('/').next().unwrap_or_default().to_owned(),
                coding: Some(coding.clone()),
                text: self.title.clone(),
                restricted: said.turns_on_restricted(),
            };
            return Some(whole).filter(|_| said.outcome == Outcome::ScreenPositive).into_iter().collect();
        }
        // That somebody is of the ages it is made for is no need.
        let told = met().filter(|one| one.criterion.coding.is_some());
        told.map(|one| Signal {
            id: one.criterion.id.clone(),
            coding: one.criterion.coding.clone(),
            text: one.criterion.sentence.clone(),
            restricted: one.finding.restricted,
        })
        .collect()
    }

    fn outcome(&self, states: &[State]) -> Outcome {
        if self.exclusions.iter().any(|at| states[*at] == State::Met) {
            return Outcome::Excluded;
        }
        match self.whole.judge(states) {
            State::Met if self.leads_to.is_some() => Outcome::ScreenPositive,
            State::Met => Outcome::Eligible,
            State::NotMet => Outcome::NotEligible,
            State::Unknown => Outcome::Indeterminate,
        }
    }

    /// The smallest set; all that is unknown where no set alone can do it.
    fn missing(&self, states: &[State]) -> Vec<usize> {
        let attestations: Vec<_> = self.criteria.iter().map(Criterion::is_attestation).collect();
        let smallest = self.whole.smallest_missing(states, &attestations);
        if !smallest.is_empty() {
            return smallest;
        }
        (0..states.len()).filter(|at| states[*at] == State::Unknown).collect()
    }

    /// What goes without saying is not told: that the patient is alive, or a line of business where no coverage is on
    /// file, which keeps nobody out who was not asked about one yet.
    fn is_silent(&self, at: usize, finding: &Finding, situation: &Situation) -> bool {
        match self.criteria[at].rule {
            Rule::Alive => finding.state == State::Met,
            Rule::LineOfBusiness(_) => {
                let on_file = situation.record.coverages.iter().any(|one| one.stands || one.cancelled);
                situation.lines_of_business.is_empty() && !on_file
            }
            _ => false,
        }
    }
}

impl Screening<'_> {
    /// Whether what it says would be another if what is kept from the patient were: whoever is told it could tell the one
    /// from the other. With very many such criteria it is taken to.
    pub fn turns_on_restricted(&self) -> bool {
        let is_many = self.closed.len() > MOST_CLOSED;
        is_many || self.rule_set.whatever(&self.states, &self.closed).is_none()
    }

    /// All of what it says.
    pub fn whole(&self) -> Whole {
        Whole { outcome: Some(self.outcome), missing: self.missing.clone() }
    }

    /// What may be told to a patient of what it says: nothing that turns on what is kept from the patient, and of what is
    /// missing neither that, nor what would be missing only because of it.
    pub fn whole_for_patient(&self) -> Whole {
        if self.turns_on_restricted() {
            return Whole { outcome: None, missing: Vec::new() };
        }
        let mut states = self.states.clone();
        self.closed.iter().for_each(|at| states[*at] = State::Unknown);
        let missing = self.rule_set.missing_of(self.outcome, &states, &self.told);
        let is_open = |at: &usize| !self.results[*at].finding.restricted;
        Whole { outcome: Some(self.outcome), missing: missing.into_iter().filter(is_open).collect() }
    }
}
