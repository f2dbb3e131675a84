//! The parts of an algorithm: a fact, a level, a step, and what they are made of.
//! <https://hl7.org/fhir/R4/plandefinition.html>

use crate::palliative::risk::document::Item;
use crate::palliative::risk::document::Step;
use crate::palliative::risk::domain::Level;
use crate::palliative::risk::domain::MOST;
use crate::palliative::risk::domain::Missing;
use crate::palliative::risk::domain::Worth;
use crate::palliative::risk::series::SERIES;
use crate::palliative::risk::series::Series;
use crate::palliative::risk::tier::Tier;
use crate::palliative::rule_part::Part;
use crate::palliative::screening::Codes;
use crate::palliative::screening::Problem;
use crate::palliative::screening::document::CRITERION;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::document::codings;
use crate::palliative::screening::document::criterion;
use crate::palliative::screening::parameters::Parameters;

/// The extension that says what a level is worth.
pub(super) const LEVEL_EXTENSION: &str = "https://comfrey.health/fhir/StructureDefinition/risk-level";

/// The fact that an action is: a criterion, or a series of values. A criterion on a type that is not read where the
/// document is used, as each type of `read` is beside those of every screening, would never be met.
///
/// # Errors
/// What is wrong with it, and where.
pub(in crate::palliative) fn item(
    part: &Part,
    terminology: &Terminology,
    read: &[&str],
) -> Result<Item, Problem> {
    let id = part.id()?;
    if !part.has(SERIES) {
        let found = criterion(part.value, terminology).map_err(|problem| part.lift(problem))?;
        if let Some(ty) = found.further_types().find(|ty| !read.contains(ty)) {
            let text = format!("Criteria of this kind read {ty}, which is not read here; use another kind.");
            return Err(part.wrong(text));
        }
        if found.reads_practices() {
            let text = "Criteria of this kind read where general practitioners work, which rule sets alone do; use \
                another kind.";
            return Err(part.wrong(text));
        }
        return Ok(Item::Criterion(Box::new(found)));
    }
    if part.has(CRITERION) {
        return Err(part.wrong("It is a criterion or a series of values; leave one of the two out."));
    }
    let name = part.text("title")?;
    part.with(SERIES, |parameters| {
        Ok(Item::Series(id, Box::new(Series::read(name, parameters, terminology)?)))
    })
}

/// What is made of missing facts, and what is told then and where nothing is met.
pub(super) fn missing(parameters: &Parameters) -> Result<(Missing, String, String), Problem> {
    let words = |name: &str| {
        let text = parameters.text(name, "valueString")?.map(str::to_owned);
        text.ok_or_else(|| parameters.missing(name))
    };
    let missing = match parameters.text("missing", "valueCode")? {
        Some("zero") => Missing::Zero,
        Some("evidence") => Missing::Evidence,
        Some("bounds") => Missing::Bounds,
        Some(other) => {
            let text =
                format!("`{other}` says not what is made of missing facts; use zero, evidence or bounds.");
            return Err(parameters.wrong("missing", text));
        }
        None => return Err(parameters.missing("missing")),
    };
    Ok((missing, words("missingText")?, words("noneText")?))
}

/// Scores that come in steps.
pub(super) fn step(parameters: &Parameters) -> Result<Step, Problem> {
    let codes = codings(parameters, "code")?;
    let step = parameters.decimal("step")?.ok_or_else(|| parameters.missing("step"))?;
    if step > 0.0 {
        return Ok(Step { codes: Codes::of(&codes), step });
    }
    Err(parameters.wrong("step", "A step is greater than 0."))
}

/// A level of a domain.
pub(super) fn level(part: &Part, items: &[&str]) -> Result<Level, Problem> {
    part.id()?;
    let sentence = part.text("description")?;
    let condition = part.needed_condition(items)?;
    let worth = part.with(LEVEL_EXTENSION, |parameters| {
        match (worth(parameters, "level")?, worth(parameters, "points")?) {
            (Some(level), None) => Ok(Worth::Level(level)),
            (None, Some(points)) => Ok(Worth::Points(points)),
            _ => {
                let text = format!("A level has one of `level` and `points`, from 1 to {MOST}; give one.");
                Err(parameters.wrong("level", text))
            }
        }
    })?;
    Ok(Level { sentence, worth, logic: condition.logic, items: condition.facts })
}

fn worth(parameters: &Parameters, name: &str) -> Result<Option<u8>, Problem> {
    let Some(given) = parameters.whole(name)? else { return Ok(None) };
    let worth = u8::try_from(given).ok().filter(|worth| (1..=MOST).contains(worth));
    let wrong = || parameters.wrong(name, format!("`{name}` is {given}; give 1 to {MOST}."));
    worth.map(Some).ok_or_else(wrong)
}

/// The tier that is given.
pub(super) fn tier(parameters: &Parameters) -> Result<Tier, Problem> {
    let code = parameters.text("tier", "valueCode")?.ok_or_else(|| parameters.missing("tier"))?;
    Tier::parse(code).ok_or_else(|| {
        let known = Tier::ALL.map(Tier::code).join(", ");
        parameters.wrong("tier", format!("`{code}` is no tier; use one of {known}."))
    })
}

/// A number that must be given.
pub(super) fn needed(parameters: &Parameters, name: &str) -> Result<i64, Problem> {
    parameters.number(name)?.ok_or_else(|| parameters.missing(name))
}

/// A number that is no less than one, where it is given.
pub(super) fn positive(parameters: &Parameters, name: &str) -> Result<Option<i64>, Problem> {
    match parameters.number(name)? {
        Some(0) => Err(parameters.wrong(name, format!("`{name}` is 0; give 1 or more."))),
        number => Ok(number),
    }
}
