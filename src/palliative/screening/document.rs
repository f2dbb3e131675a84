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

use serde_json::Value;

use crate::definitions::CANONICAL;
use crate::fhir::quantity;
use crate::palliative::record::Coding;
use crate::palliative::screening::condition::ConditionRule;
use crate::palliative::screening::criterion::Criterion;
use crate::palliative::screening::observation::ObservationRule;
use crate::palliative::screening::observation::Pick;
use crate::palliative::screening::parameters::Parameters;
use crate::palliative::screening::parameters::list;
use crate::palliative::screening::problem::Problem;
pub use crate::palliative::screening::terminology::Reading;
pub use crate::palliative::screening::terminology::Terminology;
use crate::palliative::screening::test::Test;
use crate::palliative::screening::units::Units;
use crate::palliative::screening::value_set::Codes;
use crate::palliative::vocabulary::OBSERVATION_SYSTEM;

/// The extension that holds the rule of a criterion.
pub const CRITERION: &str = "https://comfrey.health/fhir/StructureDefinition/criterion";

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
        let attestation = self.own_code("orAttestation", OBSERVATION_SYSTEM)?;
        let documents =
            list(self.action, "documentation").filter_map(|document| document["citation"].as_str());
        let rule = self.rule()?;
        let or_attestation = attestation.map(|code| attested(code, Test::Boolean(true), None));
        let declared = self.parameters.flag("restricted")? == Some(true);
        let mut criterion = Criterion {
            id: id.to_owned(),
            sentence: self.text("description")?,
            source: documents.collect::<Vec<_>>().join("; "),
            coding: self.action["code"][0]["coding"][0]
                .as_object()
                .map(|coding| Value::Object(coding.clone())),
            restricted: declared,
            or_conditions: self.conditions("orCondition")?,
            or_attestation,
            ages: self.ages()?,
            rule,
        };
        // What it reads says so, whether or not its author does.
        let closed = self.terminology.restricted();
        criterion.restricted |= criterion.codes().iter().any(|codes| codes.shares(closed));
        Ok(criterion)
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

    /// The code of a code system of ours, where it is given.
    pub fn own_code(&self, name: &str, system: &str) -> Result<Option<&str>, Problem> {
        self.own_codes(name, system)?;
        self.parameters.text(name, "valueCode")
    }

    /// The codes of a code system of ours, each of which it must define.
    pub fn own_codes(&self, name: &str, system: &str) -> Result<Vec<&str>, Problem> {
        own_codes(self.parameters, self.terminology, (name, system))
    }

    /// The codes that are listed one by one, and those of the value sets that are named beside them.
    pub fn listed_codes(&self) -> Result<Codes, Problem> {
        let listed = self.codings("code")?;
        let sets = self.parameters.all("codeSet", "valueCanonical")?;
        if self.parameters.all("code", "valueCoding")?.is_empty() && sets.is_empty() {
            return Err(self.parameters.missing("code"));
        }
        let codes = Codes::of(&listed);
        sets.into_iter().try_fold(codes, |codes, url| {
            Ok(codes.or(self.codes("codeSet", url.as_str().unwrap_or_default())?))
        })
    }

    /// The codes that a parameter lists; one of a code system of ours must be defined there. A stored one that has no code
    /// is passed over.
    pub fn codings(&self, name: &str) -> Result<Vec<Coding>, Problem> {
        let read = |(at, coding): (usize, &Value)| {
            let wrong = |text: String| self.parameters.wrong_one(name, at, text);
            let Some(coding) = Coding::read(coding) else {
                let problem = || wrong(format!("`{name}` has no code; give it one."));
                return if self.terminology.is_strict() { Err(problem()) } else { Ok(None) };
            };
            let own = coding.system.starts_with(CANONICAL);
            let unknown = self.terminology.unknown(&coding.system, &coding.code).filter(|_| own);
            unknown.map_or(Ok(Some(coding)), |text| Err(wrong(text)))
        };
        let given = self.parameters.all(name, "valueCoding")?.into_iter().enumerate();
        given.filter_map(|one| read(one).transpose()).collect()
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

    /// The codes of all value sets that a parameter names; none where it names none.
    pub fn joined_value_sets(&self, name: &str) -> Result<Option<Codes>, Problem> {
        let sets = self.parameters.all(name, "valueCanonical")?;
        let codes = sets.into_iter().map(|url| self.codes(name, url.as_str().unwrap_or_default()));
        codes.reduce(|all, one| Ok(all?.or(one?))).transpose()
    }

    /// The units in which a value counts.
    pub fn units(&self) -> Result<Units, Problem> {
        let given = self.parameters.all("unit", "valueCode")?.into_iter().filter_map(Value::as_str);
        let accepted: Vec<String> = given.map(str::to_owned).collect();
        if let Some(unknown) = accepted.iter().find(|code| quantity::Unit::of(code).is_none()) {
            let text = format!("`{unknown}` is no unit of UCUM; write it as UCUM does, such as `g/dL`.");
            return Err(self.parameters.wrong("unit", text));
        }
        Ok(Units { accepted, optional: self.parameters.flag("unitOptional")?.unwrap_or(false) })
    }

    /// Any diagnosis of the value sets that a parameter names; nothing where it names none.
    pub fn conditions(&self, name: &str) -> Result<Option<ConditionRule>, Problem> {
        let joined = self.joined_value_sets(name)?;
        Ok(joined.map(|codes| ConditionRule { codes, lookback_days: None, min_encounters: 1 }))
    }
}

/// The codes that a parameter gives, each of which a code system of ours must define.
///
/// # Errors
/// The place of one that it does not.
pub fn own_codes<'a>(
    parameters: &Parameters<'a>,
    terminology: &Terminology,
    (name, system): (&str, &str),
) -> Result<Vec<&'a str>, Problem> {
    let known = |(at, code): (usize, &'a Value)| {
        let code = code.as_str().unwrap_or_default();
        let unknown = terminology.unknown(system, code);
        unknown.map_or(Ok(code), |text| Err(parameters.wrong_one(name, at, text)))
    };
    parameters.all(name, "valueCode")?.into_iter().enumerate().map(known).collect()
}

/// The codes that a parameter lists, of which there is one at least.
///
/// # Errors
/// The place of one that has no code; where there is none.
pub fn codings(parameters: &Parameters, name: &str) -> Result<Vec<Coding>, Problem> {
    let given = parameters.all(name, "valueCoding")?;
    if given.is_empty() {
        return Err(parameters.missing(name));
    }
    let read = |(at, coding): (usize, &Value)| {
        let wrong = || parameters.wrong_one(name, at, format!("`{name}` has no code; give it one."));
        Coding::read(coding).ok_or_else(wrong)
    };
    given.into_iter().enumerate().map(read).collect()
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
        also: None,
        if_none: None,
    }
}
