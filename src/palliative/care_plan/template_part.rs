//! The goals and activities of a template, and when they are due. <https://hl7.org/fhir/R4/plandefinition.html>

use serde_json::Value;

use crate::palliative::care_plan::template::Activity;
use crate::palliative::care_plan::template::Becomes;
use crate::palliative::care_plan::template::Cadence;
use crate::palliative::care_plan::template::Days;
use crate::palliative::care_plan::template::Due;
use crate::palliative::care_plan::template::GoalTemplate;
use crate::palliative::care_plan::template::Trigger;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::record::Coding;
use crate::palliative::rule_part::Part;
use crate::palliative::screening::Codes;
use crate::palliative::screening::Problem;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::parameters::list;
use crate::palliative::vocabulary::CADENCE_EXTENSION;
use crate::palliative::vocabulary::DOMAIN_EXTENSION;
use crate::palliative::vocabulary::DOMAIN_SYSTEM;
use crate::palliative::vocabulary::DUE_WHEN_EXTENSION;
use crate::palliative::vocabulary::OWN_WORDS_EXTENSION;
use crate::palliative::vocabulary::SDOH_SYSTEM;

/// The type of an action that becomes a Task.
const ACTION_TYPE: &str = "http://terminology.hl7.org/CodeSystem/action-type";

/// How many hours something that is due in hours may take at most.
const HOURS: i64 = 240;

/// How many days something may take at most: ten years.
const DAYS: i64 = 3_650;

/// The domain of a row.
pub(super) fn domain(part: &Part, terminology: &Terminology) -> Result<String, Problem> {
    let missing =
        || part.wrong(format!("A row has a domain in the extension {DOMAIN_EXTENSION}; give it one."));
    let (at, extension) = extensions(part, DOMAIN_EXTENSION).next().ok_or_else(missing)?;
    let place = format!("extension[{at}].valueCoding");
    let code = extension["valueCoding"]["code"].as_str();
    let code = code.ok_or_else(|| part.wrong_at(&place, "The domain has no `code`; give it one."))?;
    let unknown = terminology.unknown(DOMAIN_SYSTEM, code);
    unknown.map_or(Ok(code.to_owned()), |text| Err(part.wrong_at(&place, text)))
}

/// The goal that an action names.
pub(super) fn goal(plan: &Value, part: &Part, facts: &[&str]) -> Result<GoalTemplate, Problem> {
    let id = part.id()?;
    let named = part.only("goalId")?;
    let name = named.as_ref().map(|one| one.value);
    let mut goals = Part::all(plan, "goal")?.into_iter();
    let goal = goals.find(|goal| name.is_some() && goal.value.get("id") == name);
    let goal = goal.ok_or_else(|| part.wrong_at("goalId", "There is no such goal; give the `id` of one."))?;
    let text = goal.value.pointer("/description/text").and_then(Value::as_str);
    let text = text.ok_or_else(|| goal.wrong_at("description", "The goal has no `text`; give it one."))?;
    let target = goal.only("target")?;
    let empty = Part { value: &Value::Null, at: goal.place("target[0]") };
    let target = target.unwrap_or(empty);
    let details = ["detailQuantity", "detailCodeableConcept"].iter();
    let mut details = details.filter_map(|name| Some(((*name).to_owned(), target.value.get(name)?.clone())));
    Ok(GoalTemplate {
        trigger: part.condition(facts)?,
        text: text.to_owned(),
        category: goal.value.get("category").cloned(),
        measure: target.value.get("measure").cloned(),
        detail: details.next(),
        due: days(&target, "due")?,
        sooner: sooner(&target, facts)?,
        own_words: own_words(&goal)?,
        id,
    })
}

fn sooner(target: &Part, facts: &[&str]) -> Result<Vec<(Trigger, i64)>, Problem> {
    let read = |(at, extension): (usize, &Value)| {
        let wrong = |text: String| target.wrong_at(&format!("extension[{at}]"), text);
        let part = |name: &str| list(extension, "extension").find(|one| one["url"] == name);
        let when = part("when").and_then(|one| one["valueString"].as_str());
        let days = part("days").and_then(|one| one["valueInteger"].as_i64());
        match (when, days.filter(|days| (0..=DAYS).contains(days))) {
            (Some(when), Some(days)) => {
                Ok((Trigger::read((String::new(), when), facts).map_err(wrong)?, days))
            }
            _ => Err(wrong(format!("What is due sooner says `when`, and in how many `days` (0 to {DAYS})."))),
        }
    };
    extensions(target, DUE_WHEN_EXTENSION).map(read).collect()
}

/// The observations in which the person says it in their own words.
fn own_words(goal: &Part) -> Result<Option<Codes>, Problem> {
    let read = |(at, extension): (usize, &Value)| {
        let place = format!("extension[{at}].valueCoding");
        Coding::read(&extension["valueCoding"])
            .ok_or_else(|| goal.wrong_at(&place, "The coding has no code; give it one."))
    };
    let codings: Vec<Coding> = extensions(goal, OWN_WORDS_EXTENSION).map(read).collect::<Result<_, _>>()?;
    Ok((!codings.is_empty()).then(|| Codes::of(&codings)))
}

/// An activity.
pub(super) fn activity(part: &Part, facts: &[&str]) -> Result<Activity, Problem> {
    let (id, text) = (part.id()?, part.text("textEquivalent")?);
    let every = every(part)?;
    let due = if every.is_some() { None } else { due(part)? };
    let code = part.only("code")?;
    let is_task = has_coding(part.value.get("type"), ACTION_TYPE, "create");
    if part.value.get("type").is_some() && !is_task {
        let text =
            format!("An action is of the type `create` of {ACTION_TYPE}, which makes a Task, or of none.");
        return Err(part.wrong_at("type", text));
    }
    Ok(Activity {
        text,
        code: code.as_ref().map(|code| code.value.clone()),
        becomes: if is_task { Becomes::Task } else { Becomes::Detail },
        due,
        every,
        trigger: part.condition(facts)?,
        is_of_need: of_need(part, code.as_ref())?,
        id,
    })
}

/// How often an activity is done, where it is done again and again.
fn every(part: &Part) -> Result<Option<Days>, Problem> {
    let Some(timing) = part.value.get("timingTiming") else { return Ok(None) };
    let wrong = |text: String| part.wrong_at("timingTiming", text);
    let repeat = timing.get("repeat").and_then(Value::as_object);
    let repeat = repeat.filter(|_| timing.as_object().is_some_and(|timing| timing.len() == 1));
    let repeat = repeat.filter(|repeat| {
        repeat.iter().all(|(name, value)| match name.as_str() {
            "frequency" => *value == 1,
            "periodUnit" => *value == "d",
            name => name == "period",
        })
    });
    let text = format!(
        "An activity is done once (`frequency` 1) in a `period` of 1 to {DAYS} whole days (`periodUnit` d), or by a cadence of \
         the tier; nothing else of a timing is read."
    );
    let Some(repeat) = repeat else { return Err(wrong(text)) };
    if let Some(cadence) = cadence(part)? {
        return if repeat.contains_key("period") { Err(wrong(text)) } else { Ok(Some(Days::Tier(cadence))) };
    }
    let period = repeat.get("period").and_then(Value::as_i64).filter(|days| (1..=DAYS).contains(days));
    let period = period.filter(|_| repeat.contains_key("periodUnit"));
    period.map(|days| Some(Days::Fixed(days))).ok_or_else(|| wrong(text))
}

/// Whether an action brings a concern and a request for help: both, with the category of a social need, or neither.
fn of_need(part: &Part, code: Option<&Part>) -> Result<bool, Problem> {
    if part.value.get("output").is_none() {
        return Ok(false);
    }
    let brings: Vec<&str> = list(part.value, "output").filter_map(|one| one["type"].as_str()).collect();
    let categories = code.map(|code| list(code.value, "coding")).into_iter().flatten();
    let has_category = categories.filter(|one| one["system"] == SDOH_SYSTEM).count() == 1;
    if brings == ["Condition", "ServiceRequest"] && has_category {
        return Ok(true);
    }
    let text = format!(
        "An action brings a Condition and a ServiceRequest, in this order and with one code of {SDOH_SYSTEM}, or nothing."
    );
    Err(part.wrong_at("output", text))
}

/// Within which time an action is due.
fn due(part: &Part) -> Result<Option<Due>, Problem> {
    let duration = part.value.get("timingDuration");
    let is_in_hours = |duration: &&Value| duration["code"] == "h";
    let Some(hours) = duration.filter(is_in_hours).filter(|_| !part.has(CADENCE_EXTENSION)) else {
        return Ok(days(part, "timingDuration")?.map(Due::Days));
    };
    let whole = hours["value"].as_i64().filter(|hours| (1..=HOURS).contains(hours));
    let wrong = || part.wrong_at("timingDuration", format!("Give 1 to {HOURS} whole hours."));
    whole.map(|hours| Some(Due::Hours(hours))).ok_or_else(wrong)
}

/// The days of a duration, or those of the cadence that stands in its place.
fn days(part: &Part, name: &str) -> Result<Option<Days>, Problem> {
    if let Some(cadence) = cadence(part)? {
        let text =
            "It is due by a cadence of the tier, or in so many days or hours; leave one of the two out.";
        let is_plain = part.value.get(name).is_none();
        return is_plain.then_some(Some(Days::Tier(cadence))).ok_or_else(|| part.wrong_at(name, text));
    }
    let Some(duration) = part.value.get(name) else { return Ok(None) };
    let whole = duration.get("value").and_then(Value::as_i64).filter(|_| duration["code"] == "d");
    let whole = whole.filter(|days| (0..=DAYS).contains(days));
    let wrong = || part.wrong_at(name, format!("Give 0 to {DAYS} whole days, with the `code` d."));
    whole.map(|days| Some(Days::Fixed(days))).ok_or_else(wrong)
}

fn cadence(part: &Part) -> Result<Option<Cadence>, Problem> {
    let Some((at, extension)) = extensions(part, CADENCE_EXTENSION).next() else { return Ok(None) };
    let code = extension["valueCode"].as_str().unwrap_or_default();
    let wrong = || {
        let text = format!("`{code}` is no cadence of a tier; use reassess, assess, caregiver or acp.");
        part.wrong_at(&format!("extension[{at}].valueCode"), text)
    };
    Cadence::parse(code).map(Some).ok_or_else(wrong)
}

/// The extensions of this URL, with their places among all.
fn extensions<'a>(part: &Part<'a>, url: &'a str) -> impl Iterator<Item = (usize, &'a Value)> {
    list(part.value, "extension").enumerate().filter(move |(_, one)| one["url"] == url)
}
