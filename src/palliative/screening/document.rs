//! A rule set as a PlanDefinition. <https://hl7.org/fhir/R4/plandefinition.html>
//!
//! Two actions make a rule set: `criteria`, whose actions are criteria and whose condition joins them, and,
//! where there is any, `exclusions`, each of whose actions excludes. The condition is an expression in the part
//! of CQL that [`super::expression`] reads. The extension `applies-to` of the PlanDefinition says for whom it is
//! made.
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
use crate::palliative::screening::criterion::Rule;
use crate::palliative::screening::encounters::EncounterClass;
use crate::palliative::screening::encounters::EncounterRule;
use crate::palliative::screening::observation::ObservationRule;
use crate::palliative::screening::observation::Pick;
use crate::palliative::screening::parameters::Parameters;
use crate::palliative::screening::parameters::list;
use crate::palliative::screening::stays::EncounterCodes;
use crate::palliative::screening::test::Op;
use crate::palliative::screening::test::Test;
use crate::palliative::screening::test::Units;
use crate::palliative::screening::value_set::Codes;
use crate::palliative::vocabulary::FLAG_SYSTEM;

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
    pub fn encounters(&self) -> &EncounterCodes {
        &self.encounters
    }

    fn codes(&self, url: &str) -> Result<Codes, String> {
        Codes::compile(url, self.value_sets)
    }
}

/// The criteria below an action.
///
/// # Errors
/// A sentence that names the criterion and what is wrong with it.
pub fn criteria(action: &Value, terminology: &Terminology) -> Result<Vec<Criterion>, String> {
    list(action, "action").map(|action| criterion(action, terminology)).collect()
}

fn criterion(action: &Value, terminology: &Terminology) -> Result<Criterion, String> {
    let id = action["id"].as_str().ok_or("an action has no id")?.to_owned();
    let wrong = |problem: String| format!("criterion {id}: {problem}");
    let parameters = Parameters::of(action, CRITERION).ok_or_else(|| wrong("it has no rule".to_owned()))?;
    let reader = Reader { action, parameters: &parameters, terminology };
    let criterion = reader.criterion(&id).map_err(wrong)?;
    parameters.finish().map_err(wrong)?;
    Ok(criterion)
}

struct Reader<'a> {
    action: &'a Value,
    parameters: &'a Parameters<'a>,
    terminology: &'a Terminology<'a>,
}

impl Reader<'_> {
    fn criterion(&self, id: &str) -> Result<Criterion, String> {
        let text =
            |name: &str| self.action[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name}"));
        let attestation = self.parameters.text("orAttestation", "valueCode")?;
        let documents =
            list(self.action, "documentation").filter_map(|document| document["citation"].as_str());
        Ok(Criterion {
            id: id.to_owned(),
            sentence: text("description")?,
            source: documents.collect::<Vec<_>>().join("; "),
            coding: self.action["code"][0]["coding"][0]
                .as_object()
                .map(|coding| Value::Object(coding.clone())),
            restricted: self.parameters.flag("restricted")?.unwrap_or(false),
            rule: self.rule()?,
            or_conditions: self.or_conditions()?,
            or_attestation: attestation.map(|code| attested(code, Test::Boolean(true), None)),
            ages: self.parameters.ages()?,
        })
    }

    fn rule(&self) -> Result<Rule, String> {
        let kind = self.parameters.text("kind", "valueCode")?.ok_or("it has no kind")?;
        Ok(match kind {
            "condition" => Rule::Condition(ConditionRule {
                codes: self.value_set("valueSet")?.ok_or("it has no valueSet")?,
                lookback_days: self.parameters.whole("lookbackDays")?,
                min_encounters: self.count("minEncounters")?.unwrap_or(1),
            }),
            "observation" => Rule::Observation(self.observation()?),
            "attestation" => Rule::Attestation(self.attestation()?),
            "encounterCount" => Rule::Encounters(self.encounters()?),
            "flag" => Rule::Flag(self.flag()?),
            "age" => Rule::Age,
            other => return Err(format!("`{other}` is not a kind of criterion")),
        })
    }

    fn observation(&self) -> Result<ObservationRule, String> {
        let listed = self.parameters.all("code", "valueCoding")?;
        let mut codes = Codes::of(&listed.into_iter().filter_map(Coding::read).collect::<Vec<_>>());
        for url in self.parameters.all("codeSet", "valueCanonical")? {
            codes = codes.or(self.terminology.codes(url.as_str().unwrap_or_default())?);
        }
        let pick = match self.parameters.text("pick", "valueCode")? {
            None | Some("latest") => Pick::Latest,
            Some("min") => Pick::Min,
            Some("max") => Pick::Max,
            Some(other) => return Err(format!("`{other}` is no way to pick a value")),
        };
        Ok(ObservationRule {
            codes,
            item: self.action["title"].as_str().ok_or("it has no title")?.to_owned(),
            test: self.test()?,
            lookback_days: self.parameters.whole("lookbackDays")?,
            pick,
            attested: false,
            invalidated_by: self.value_set("invalidatedBy")?,
        })
    }

    fn attestation(&self) -> Result<ObservationRule, String> {
        let code = self.parameters.text("code", "valueCode")?.ok_or("it has no code")?;
        Ok(attested(code, self.test()?, self.parameters.whole("validDays")?))
    }

    fn test(&self) -> Result<Test, String> {
        match self.parameters.text("op", "valueCode")? {
            None => Ok(Test::Boolean(self.parameters.flag("value")?.ok_or("it has neither op nor value")?)),
            Some("in") => Ok(Test::Answer {
                is: Box::new(self.value_set("value")?.ok_or("`in` needs a value set as its value")?),
                is_not: self.value_set("contrary")?.map(Box::new),
            }),
            Some(op) => {
                let limit = self.parameters.one("value", "valueDecimal")?.and_then(Value::as_f64);
                let accepted =
                    self.parameters.all("unit", "valueCode")?.into_iter().filter_map(Value::as_str);
                let units = Units {
                    accepted: accepted.map(str::to_owned).collect(),
                    optional: self.parameters.flag("unitOptional")?.unwrap_or(false),
                };
                Ok(Test::Number {
                    op: Op::parse(op).ok_or_else(|| format!("`{op}` is no comparison"))?,
                    limit: limit.ok_or("it has no value to compare with")?,
                    units,
                })
            }
        }
    }

    fn encounters(&self) -> Result<EncounterRule, String> {
        let class = |code: &Value| {
            EncounterClass::parse(code.as_str().unwrap_or_default())
                .ok_or_else(|| format!("{code} is no class"))
        };
        Ok(EncounterRule {
            classes: self
                .parameters
                .all("class", "valueCode")?
                .into_iter()
                .map(class)
                .collect::<Result<_, _>>()?,
            window_days: self.parameters.whole("windowDays")?.ok_or("it has no windowDays")?,
            min: self.count("min")?.ok_or("it has no min")?,
            reasons: self.value_set("reasonValueSet")?,
            unclear_is_unplanned: self.parameters.flag("unclearIsUnplanned")?.unwrap_or(true),
            codes: Arc::clone(&self.terminology.encounters),
        })
    }

    fn flag(&self) -> Result<Codes, String> {
        let code = self.parameters.text("code", "valueCode")?.ok_or("it has no code")?.to_owned();
        Ok(Codes::of(&[Coding { system: FLAG_SYSTEM.to_owned(), code }]))
    }

    fn or_conditions(&self) -> Result<Option<ConditionRule>, String> {
        let sets = self.parameters.all("orCondition", "valueCanonical")?;
        let codes = sets.into_iter().map(|url| self.terminology.codes(url.as_str().unwrap_or_default()));
        let joined = codes.reduce(|all, one| Ok(all?.or(one?))).transpose()?;
        Ok(joined.map(|codes| ConditionRule { codes, lookback_days: None, min_encounters: 1 }))
    }

    fn value_set(&self, name: &str) -> Result<Option<Codes>, String> {
        let url = self.parameters.text(name, "valueCanonical")?;
        url.map(|url| self.terminology.codes(url)).transpose()
    }

    fn count(&self, name: &str) -> Result<Option<usize>, String> {
        let number = self.parameters.whole(name)?;
        number.map(|number| usize::try_from(number).map_err(|_| format!("{name} is negative"))).transpose()
    }
}

fn attested(code: &str, test: Test, valid_days: Option<i64>) -> ObservationRule {
    let coding = Coding { system: OBSERVATION_SYSTEM.to_owned(), code: code.to_owned() };
    ObservationRule {
        codes: Codes::of(&[coding]),
        item: code.to_owned(),
        test,
        lookback_days: valid_days,
        pick: Pick::Latest,
        attested: true,
        invalidated_by: None,
    }
}
