//! A rule set as a PlanDefinition. <https://hl7.org/fhir/R4/plandefinition.html>
//!
//! Two actions make a rule set: `criteria`, whose actions are criteria and whose condition joins them, and,
//! where there is any, `exclusions`, each of whose actions excludes. The condition is an expression in the part
//! of CQL that [`super::expression`] reads. The extension `applies-to` of the PlanDefinition says for whom it is
//! made; the code of `criteria`, where it has one, to what it leads where it is met: a rule set that leads to
//! anything but a referral finds people to look at, and makes nobody eligible.
//!
//! An action that is a criterion has the sentence as its `description`, where it comes from as its
//! `documentation`, the name of what it needs as its `title`, and the rule in the extension `criterion`, one
//! inner extension a parameter. A parameter that is not known, or that the kind does not read, is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::definitions::CANONICAL;
use crate::palliative::record::Coding;
use crate::palliative::screening::condition::ConditionRule;
use crate::palliative::screening::criterion::Criterion;
use crate::palliative::screening::observation::ObservationRule;
use crate::palliative::screening::observation::Pick;
use crate::palliative::screening::parameters::Parameters;
use crate::palliative::screening::parameters::list;
use crate::palliative::screening::problem::Problem;
use crate::palliative::screening::stays::EncounterCodes;
use crate::palliative::screening::test::Test;
use crate::palliative::screening::value_set::Codes;

/// The extension that holds the rule of a criterion.
const CRITERION: &str = "https://comfrey.health/fhir/StructureDefinition/criterion";
/// The local codes of what is observed or attested.
const OBSERVATION_SYSTEM: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";

/// What criteria are compiled against.
pub struct Terminology<'a> {
    value_sets: &'a BTreeMap<String, Value>,
    encounters: Arc<EncounterCodes>,
}

impl<'a> Terminology<'a> {
    /// The value sets, and those by which encounters are told apart.
    ///
    /// # Errors
    /// A sentence that names the set that is missing or wrong.
    pub fn new(value_sets: &'a BTreeMap<String, Value>) -> Result<Self, String> {
        let codes = |id: &str| Codes::compile(&format!("{CANONICAL}/ValueSet/vs-encounter-{id}"), value_sets);
        let encounters = Arc::new(EncounterCodes {
            hospice: codes("hospice-inpatient")?,
            inpatient: codes("inpatient")?,
            observation: codes("observation")?,
            emergency: codes("emergency")?,
            outpatient: codes("outpatient")?,
            unplanned: codes("unplanned")?,
            planned: codes("planned")?,
        });
        Ok(Self { value_sets, encounters })
    }

    /// The codes by which encounters are told apart.
    pub fn encounters(&self) -> &Arc<EncounterCodes> {
        &self.encounters
    }

    /// The codes of a value set.
    ///
    /// # Errors
    /// A sentence that names the set that is missing or wrong.
    pub fn codes(&self, url: &str) -> Result<Codes, String> {
        Codes::compile(url, self.value_sets)
    }
}

/// The criteria below an action, each read or refused.
pub fn criteria(action: &Value, terminology: &Terminology) -> Vec<Result<Criterion, Problem>> {
    let read = |(at, action): (usize, &Value)| {
        criterion(action, terminology).map_err(|problem| problem.under(&format!("action[{at}]")))
    };
    list(action, "action").enumerate().map(read).collect()
}

/// The criterion that an action is.
///
/// # Errors
/// What is wrong with it, and where.
pub fn criterion(action: &Value, terminology: &Terminology) -> Result<Criterion, Problem> {
    let id = action["id"].as_str().ok_or_else(|| Problem::new("", "A criterion needs an `id`."))?;
    let no_rule =
        || Problem::new("", format!("The criterion `{id}` has no extension {CRITERION} with its rule."));
    let parameters = Parameters::of(action, CRITERION).ok_or_else(no_rule)?;
    let reader = Reader { action, parameters: &parameters, terminology };
    let criterion = reader.criterion(id)?;
    parameters.finish()?;
    Ok(criterion)
}

/// Reads one criterion; what makes each kind stands in [`super::kinds`].
pub struct Reader<'a> {
    /// The action.
    pub action: &'a Value,
    /// The parameters of its rule.
    pub parameters: &'a Parameters<'a>,
    /// What it is compiled against.
    pub terminology: &'a Terminology<'a>,
}

impl Reader<'_> {
    fn criterion(&self, id: &str) -> Result<Criterion, Problem> {
        let attestation = self.parameters.text("orAttestation", "valueCode")?;
        let documents =
            list(self.action, "documentation").filter_map(|document| document["citation"].as_str());
        let rule = self.rule()?;
        Ok(Criterion {
            id: id.to_owned(),
            sentence: self.text("description")?,
            source: documents.collect::<Vec<_>>().join("; "),
            coding: self.action["code"][0]["coding"][0]
                .as_object()
                .map(|coding| Value::Object(coding.clone())),
            restricted: self.parameters.flag("restricted")?.unwrap_or(false),
            or_conditions: self.or_conditions()?,
            or_attestation: attestation.map(|code| attested(code, Test::Boolean(true), None)),
            ages: self.ages()?,
            rule,
        })
    }

    /// A text of the action that must be there.
    pub fn text(&self, name: &str) -> Result<String, Problem> {
        let text = self.action[name].as_str().map(str::to_owned);
        text.ok_or_else(|| Problem::new("", format!("The criterion has no `{name}`; give it one.")))
    }

    /// The codes of the value set that a parameter names, where it is given.
    pub fn value_set(&self, name: &str) -> Result<Option<Codes>, Problem> {
        let url = self.parameters.text(name, "valueCanonical")?;
        url.map(|url| self.codes(name, url)).transpose()
    }

    /// The codes of the value set that a parameter must name.
    pub fn needed_value_set(&self, name: &str) -> Result<Codes, Problem> {
        self.value_set(name)?.ok_or_else(|| self.parameters.missing(name))
    }

    /// The codes that are listed one by one, and those of the value sets that are named beside them.
    pub fn listed_codes(&self) -> Result<Codes, Problem> {
        let listed = self.parameters.all("code", "valueCoding")?;
        let sets = self.parameters.all("codeSet", "valueCanonical")?;
        if listed.is_empty() && sets.is_empty() {
            return Err(self.parameters.missing("code"));
        }
        let codes = Codes::of(&listed.into_iter().filter_map(Coding::read).collect::<Vec<_>>());
        sets.into_iter().try_fold(codes, |codes, url| {
            Ok(codes.or(self.codes("codeSet", url.as_str().unwrap_or_default())?))
        })
    }

    /// How often, where that is said.
    pub fn count(&self, name: &str) -> Result<Option<usize>, Problem> {
        Ok(self.parameters.number(name)?.and_then(|number| usize::try_from(number).ok()))
    }

    /// A number of days that must be said.
    pub fn days(&self, name: &str) -> Result<i64, Problem> {
        self.parameters.number(name)?.ok_or_else(|| self.parameters.missing(name))
    }

    /// The codes of a value set that a parameter names.
    pub fn codes(&self, name: &str, url: &str) -> Result<Codes, Problem> {
        self.terminology.codes(url).map_err(|problem| self.parameters.wrong(name, problem))
    }

    fn or_conditions(&self) -> Result<Option<ConditionRule>, Problem> {
        let sets = self.parameters.all("orCondition", "valueCanonical")?;
        let codes = sets.into_iter().map(|url| self.codes("orCondition", url.as_str().unwrap_or_default()));
        let joined = codes.reduce(|all, one| Ok(all?.or(one?))).transpose()?;
        Ok(joined.map(|codes| ConditionRule { codes, lookback_days: None, min_encounters: 1 }))
    }
}

/// What a clinician attests.
pub fn attested(code: &str, test: Test, valid_days: Option<i64>) -> ObservationRule {
    let coding = Coding { system: OBSERVATION_SYSTEM.to_owned(), code: code.to_owned() };
    ObservationRule {
        codes: Codes::of(&[coding]),
        item: code.to_owned(),
        test,
        lookback_days: valid_days,
        pick: Pick::Latest,
        attested: true,
        about_another: true,
        invalidated_by: None,
    }
}
