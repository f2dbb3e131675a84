//! The list of candidates and the counts as FHIR has them.
//! <https://hl7.org/fhir/R4/list.html> <https://hl7.org/fhir/R4/measurereport.html>

use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::parameters::Output;
use crate::palliative::enrollment::state::State;
use crate::palliative::identify::Counts;
use crate::palliative::identify::OUTCOMES;
use crate::palliative::identify::Person;
use crate::palliative::program::Program;
use crate::palliative::screening::Outcome;
use crate::palliative::vocabulary::CANDIDATE_SCORE_EXTENSION;
use crate::palliative::vocabulary::CANDIDATE_TIER_EXTENSION;
use crate::palliative::vocabulary::OUTCOME_SYSTEM;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;
use crate::palliative::vocabulary::STAGE_SYSTEM;
use crate::palliative::vocabulary::SUPPRESSED_EXTENSION;
use crate::palliative::vocabulary::SUPPRESSED_SYSTEM;
use crate::palliative::vocabulary::TIER_SYSTEM;
use crate::palliative::vocabulary::UPTAKE_MEASURE;

/// What was found, to be told.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The programme.
    pub program: &'a Program,
    /// The day.
    pub as_of: Date,
    /// The Group whose members were looked at, as `Group/id`; everybody where there is none.
    pub group: Option<&'a str>,
    /// The counts of all of them.
    pub counts: &'a Counts,
    /// The candidates of this page.
    pub people: &'a [Person],
}

/// A stage on the way into a programme, and whether one whose episode is in a state has come so far.
type Stage = (&'static str, &'static str, fn(State) -> bool);

/// The stages that an open episode can have come to; the first stage, to be found, is of the rule sets.
const STAGES: [Stage; 6] = [
    ("referred", "Referred", |_| true),
    ("screened", "Screened", |state| !matches!(state, State::Referred | State::Screening)),
    ("eligible", "Eligible", |state| matches!(state, State::Eligible) || has_been_offered(state)),
    ("offered", "Offered", has_been_offered),
    ("consented", "Consented", |state| {
        matches!(state, State::Consented | State::Waitlisted) || has_been_enrolled(state)
    }),
    ("enrolled", "Enrolled", has_been_enrolled),
];

fn has_been_offered(state: State) -> bool {
    matches!(state, State::Offered | State::Consented | State::Waitlisted) || has_been_enrolled(state)
}

fn has_been_enrolled(state: State) -> bool {
    matches!(state, State::Enrolled | State::OnHold)
}

impl Report<'_> {
    /// How many there are of each kind.
    pub fn summary(&self) -> Output {
        let output = Output::new().value("evaluated", "integer", self.counts.evaluated());
        let of = |outcome: Outcome| self.counts.of_outcome(outcome);
        OUTCOMES
            .into_iter()
            .fold(output, |output, outcome| output.value(part(outcome), "integer", of(outcome)))
            .value("noData", "integer", self.counts.no_data)
            .value("suppressed", "integer", self.counts.suppressed)
            .value("pending", "integer", self.counts.pending)
    }

    /// The candidates of this page, in their order.
    pub fn list(&self) -> Value {
        let mut list = json!({
            "resourceType": "List",
            "extension": [self.of_program()],
            "status": "current",
            "mode": "snapshot",
            "title": format!("Candidates for {} on {}", self.program.name, self.as_of),
            "code": { "text": "Candidates for a palliative care programme" },
            "date": self.as_of.to_string(),
            "orderedBy": { "text": "By tier of need, then by score, the highest first" },
        });
        if let Some(group) = self.group {
            list["subject"] = json!({ "reference": group });
        }
        if !self.people.is_empty() {
            list["entry"] = self.people.iter().map(entry).collect();
        }
        list
    }

    /// The counts as the first stages of the way into the programme.
    pub fn measure_report(&self) -> Value {
        let of = |outcome: Outcome| self.counts.of_outcome(outcome);
        let outcomes = OUTCOMES
            .iter()
            .map(|outcome| population((OUTCOME_SYSTEM, outcome.code(), display(*outcome)), of(*outcome)));
        let no_data = population((OUTCOME_SYSTEM, "no-data", "No data"), self.counts.no_data);
        let found = of(Outcome::Eligible) + of(Outcome::ScreenPositive);
        let identified = population((STAGE_SYSTEM, "identified", "Identified"), found);
        let stages = STAGES.iter().map(|(code, display, has_come)| {
            let open = self.counts.open.iter().filter(|(state, _)| has_come(*state));
            population((STAGE_SYSTEM, code, display), open.map(|(_, count)| count).sum())
        });
        let evaluated = json!({
            "code": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/measure-population",
                "code": "initial-population", "display": "Initial Population" }] },
            "count": self.counts.evaluated(),
        });
        let kinds: Vec<Value> = [evaluated].into_iter().chain(outcomes).chain([no_data]).collect();
        let stages: Vec<Value> = [identified].into_iter().chain(stages).collect();
        let mut report = json!({
            "resourceType": "MeasureReport",
            "extension": [self.of_program()],
            "status": if self.counts.pending == 0 { "complete" } else { "pending" },
            "type": "summary",
            "measure": UPTAKE_MEASURE,
            "date": self.as_of.to_string(),
            "period": { "start": self.as_of.to_string(), "end": self.as_of.to_string() },
            "group": [
                { "code": { "text": "What the rule sets say" },
                  "population": kinds },
                { "code": { "text": "How far people have come" },
                  "population": stages },
            ],
        });
        if let Some(organization) = &self.program.organization {
            report["reporter"] = json!({ "reference": organization });
        }
        report
    }

    fn of_program(&self) -> Value {
        json!({ "url": PROGRAM_EXTENSION, "valueReference": { "reference": self.program.reference() } })
    }
}

fn population((system, code, display): (&str, &str, &str), count: i64) -> Value {
    let coding = json!({ "system": system, "code": code, "display": display });
    json!({ "code": { "coding": [coding] }, "count": count })
}

fn entry(person: &Person) -> Value {
    let score = |score: i64| json!({ "value": score });
    let mut extensions = Vec::new();
    if let Some(tier) = person.tier {
        let coding = json!({ "system": TIER_SYSTEM, "code": tier.code(), "display": tier.display() });
        extensions.push(json!({ "url": CANDIDATE_TIER_EXTENSION, "valueCoding": coding }));
        extensions.push(json!({ "url": CANDIDATE_SCORE_EXTENSION,
            "valueRange": { "low": score(person.score.0), "high": score(person.score.1) } }));
    }
    for one in &person.suppressions {
        let coding = json!({ "system": SUPPRESSED_SYSTEM, "code": one.code() });
        extensions.push(json!({ "url": SUPPRESSED_EXTENSION, "valueCoding": coding }));
    }
    let outcome = person.outcome;
    let flag = json!({ "system": OUTCOME_SYSTEM, "code": outcome.code(), "display": display(outcome) });
    let mut entry = json!({
        "flag": { "coding": [flag] },
        "item": { "reference": format!("Patient/{}", person.id) },
    });
    if !extensions.is_empty() {
        entry["extension"] = extensions.into();
    }
    entry
}

/// The words for an outcome.
pub(super) fn display(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Eligible => "Eligible",
        Outcome::ScreenPositive => "Screen positive",
        Outcome::Indeterminate => "Indeterminate",
        Outcome::Excluded => "Excluded",
        Outcome::NotEligible => "Not eligible",
    }
}

/// The name of an outcome's count.
fn part(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Eligible => "eligible",
        Outcome::ScreenPositive => "screenPositive",
        Outcome::Indeterminate => "indeterminate",
        Outcome::Excluded => "excluded",
        Outcome::NotEligible => "notEligible",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_episode_counts_at_every_stage_that_it_has_passed() {
        let passed = |state: State| -> Vec<&str> {
            STAGES.iter().filter(|(.., has_come)| has_come(state)).map(|(code, ..)| *code).collect()
        };
        assert_eq!(passed(State::Screening), ["referred"]);
        assert_eq!(passed(State::Eligible), ["referred", "screened", "eligible"]);
        assert_eq!(passed(State::Offered), ["referred", "screened", "eligible", "offered"]);
        assert_eq!(passed(State::Waitlisted), ["referred", "screened", "eligible", "offered", "consented"]);
        assert_eq!(passed(State::OnHold).len(), STAGES.len());
        for state in State::all().filter(|state| state.is_open()) {
            let places: Vec<bool> = STAGES.iter().map(|(.., has_come)| has_come(state)).collect();
            assert!(places.is_sorted_by(|before, after| before >= after), "{state:?} skips no stage");
        }
    }
}
