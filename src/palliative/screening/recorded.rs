//! A screening that was recorded, as it is read again. <https://hl7.org/fhir/R4/guidanceresponse.html>

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::Resource;
use crate::palliative::screening::CriterionResult;
use crate::palliative::screening::Outcome;
use crate::palliative::screening::Screening;
use crate::palliative::screening::State;
use crate::palliative::screening::compile::APPLIES_TO_AGE;
use crate::palliative::screening::compile::APPLIES_TO_LOB;
use crate::palliative::screening::report::AS_OF_EXTENSION;
use crate::palliative::screening::report::OUTCOME_EXTENSION;

/// What a recorded screening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The rule set, as `url|version`.
    pub rule_set: String,
    /// What it said.
    pub outcome: Outcome,
    /// For which day.
    pub as_of: Date,
    /// Whom it is about: `Patient/<id>`.
    pub patient: String,
    /// What is missing, in sentences.
    pub missing: Vec<String>,
    /// The diagnoses that show what is met, as `Condition/id`.
    pub conditions: Vec<String>,
    /// The ids of the criteria that are met.
    pub met: Vec<String>,
    /// Why the rule set is not for the person at all, where it is not.
    pub outside: Option<Outside>,
}

/// Why a rule set is not for somebody, whatever their state. The lesser is the nearer: a payer may change, an age does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outside {
    /// It is for other lines of business.
    Coverage,
    /// It is for other ages.
    Age,
    /// It excludes those who have elected hospice.
    Hospice,
}

/// What a GuidanceResponse of ours records; none where it is not one.
pub fn recorded(response: &Resource) -> Option<Recorded> {
    let extensions = || response.get("extension").and_then(Value::as_array).into_iter().flatten();
    let extension = |url: &str, element: &str| {
        extensions().find(|extension| extension["url"] == url)?.get(element)?.as_str()
    };
    let outcome = extension(OUTCOME_EXTENSION, "valueCode")?;
    Some(Recorded {
        rule_set: response.text("/moduleCanonical")?.to_owned(),
        outcome: Outcome::parse(outcome)?,
        as_of: extension(AS_OF_EXTENSION, "valueDate")?.parse().ok()?,
        patient: response.text("/subject/reference")?.to_owned(),
        missing: missing_sentences(response),
        conditions: conditions(response),
        met: met(response),
        outside: outside(|id| is_kept_as_not_met(response, id)),
    })
}

/// The parts of each criterion.
fn criteria(response: &Resource) -> impl Iterator<Item = &Vec<Value>> {
    let all = response.value().pointer("/contained/0/parameter").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(|one| one.get("part")?.as_array())
}

fn met(response: &Resource) -> Vec<String> {
    let met = criteria(response).filter(|parts| has(parts, "state", State::Met.code()));
    let ids = met.filter_map(|parts| parts.iter().find(|part| part["name"] == "id")?["valueCode"].as_str());
    ids.map(str::to_owned).collect()
}

impl Screening<'_> {
    /// Why the rule set is not for the person at all, where it is not.
    pub fn outside(&self) -> Option<Outside> {
        let is_not_met = |one: &CriterionResult| one.finding.state == State::NotMet;
        outside(|id| self.results.iter().any(|one| one.criterion.id == id && is_not_met(one)))
    }
}

/// Why a rule set is not for the person, by which of the criteria that it implies of itself are not met; the age before
/// the payer where it is both.
fn outside(is_not_met: impl Fn(&str) -> bool) -> Option<Outside> {
    let implied = [(APPLIES_TO_AGE, Outside::Age), (APPLIES_TO_LOB, Outside::Coverage)];
    implied.into_iter().find_map(|(id, outside)| is_not_met(id).then_some(outside))
}

/// Whether a criterion is recorded as one that is not met.
fn is_kept_as_not_met(response: &Resource, id: &str) -> bool {
    let mut of_id = criteria(response).filter(|parts| has(parts, "id", id));
    of_id.any(|parts| has(parts, "state", State::NotMet.code()))
}

fn has(parts: &[Value], name: &str, code: &str) -> bool {
    parts.iter().any(|part| part["name"] == name && part["valueCode"] == code)
}

/// The diagnoses among the evidence of criteria that are met, each once.
fn conditions(response: &Resource) -> Vec<String> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let criteria = list(response.value().pointer("/contained/0/parameter"));
    let parts = criteria.iter().filter(|one| one["name"] == "criterion").map(|one| list(one.get("part")));
    let met = parts.filter(|parts| {
        parts.iter().any(|part| part["name"] == "state" && part["valueCode"] == State::Met.code())
    });
    let evidence = met.flatten().filter(|part| part["name"] == "evidence");
    let mut found: Vec<String> = evidence
        .filter_map(|part| part["valueReference"]["reference"].as_str().map(str::to_owned))
        .filter(|to| to.starts_with("Condition/"))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn missing_sentences(response: &Resource) -> Vec<String> {
    let details = response.value().pointer("/contained/0/parameter");
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let parameters = list(details);
    let wanted: Vec<&Value> =
        parameters.iter().filter(|one| one["name"] == "missing").map(|one| &one["valueCode"]).collect();
    let criteria =
        parameters.iter().filter(|one| one["name"] == "criterion").map(|one| list(one.get("part")));
    let part = |parts: &[Value], name: &str| parts.iter().find(|part| part["name"] == name).cloned();
    criteria
        .filter(|parts| part(parts, "id").is_some_and(|id| wanted.contains(&&id["valueCode"])))
        .filter_map(|parts| part(&parts, "missing")?["valueString"].as_str().map(str::to_owned))
        .collect()
}
