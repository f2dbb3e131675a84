//! The Goals of a plan: in the person's words where the record has them, with a target and a day.
//! <https://hl7.org/fhir/R4/goal.html>
//!
//! What a person has edited stays as it is. It is recognised by a digest of what the template wrote, kept on the
//! goal: where the goal's content no longer has that digest, somebody changed it. Older goals have a digest without
//! who expressed them. A goal that a person has ended is
//! not touched at all.

use fhir_typed::Resource as Typed;
use fhir_typed::resources::Goal;
use fhir_typed::resources::GoalStart;
use fhir_typed::resources::GoalTarget;
use fhir_typed::resources::GoalTargetDetail;
use fhir_typed::resources::GoalTargetDue;
use fhir_typed::types::Quantity;
use fhir_typed::types::Reference;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::fact::Because;
use crate::palliative::care_plan::fact::Facts;
use crate::palliative::care_plan::items::Found;
use crate::palliative::care_plan::items::Item;
use crate::palliative::care_plan::items::claim;
use crate::palliative::care_plan::items::domain;
use crate::palliative::care_plan::items::existing;
use crate::palliative::care_plan::items::identifier;
use crate::palliative::care_plan::items::new_place;
use crate::palliative::care_plan::reading::Said;
use crate::palliative::care_plan::reading::is_in_own_words;
use crate::palliative::care_plan::reading::is_open;
use crate::palliative::care_plan::reading::own_words;
use crate::palliative::care_plan::template::Days;
use crate::palliative::care_plan::template::GoalTemplate;
use crate::palliative::care_plan::template::Row;
use crate::palliative::care_plan::template::Trigger;
use crate::palliative::element;
use crate::palliative::element::concept;
use crate::palliative::element::reference;
use crate::palliative::element::words;
use crate::palliative::element::written;
use crate::palliative::enrollment::companions::acting;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name as name_of;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::refer::concept_of;
use crate::palliative::vocabulary::TEMPLATE_DIGEST_EXTENSION;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

const ACHIEVEMENT: &str = "http://terminology.hl7.org/CodeSystem/goal-achievement";
/// The types that a goal may say it addresses.
const ADDRESSED: [&str; 3] = ["Condition/", "Observation/", "RiskAssessment/"];
/// The elements of a goal that come from the template.
const CONTENT: [&str; 3] = ["category", "description", "target"];
/// Whose words a goal is in.
const WHOSE: &str = "expressedBy";

/// A goal of a row, from a day on, and why it belongs to the plan.
#[derive(Clone, Copy, Debug)]
pub struct Aim<'a> {
    /// The row.
    pub row: &'a Row,
    /// The goal.
    pub goal: &'a GoalTemplate,
    /// From when on.
    pub since: Date,
    /// Why.
    pub because: &'a Because,
    /// The concern that it is for.
    pub need: Option<&'a str>,
    /// What the facts show, by which it may be due sooner.
    pub facts: &'a Facts<'a>,
}

/// The goal: made, found, found edited, or brought up to the template.
///
/// # Errors
/// `Internal` where a required element is missing.
pub fn goal(planning: &Planning, aim: Aim, name: String) -> Result<Found, Failure> {
    let said = aim.goal.own_words.as_ref().and_then(|codes| own_words(planning, codes));
    let Some(stored) = existing(planning, "Goal", &aim.goal.id) else {
        let made = made(planning, aim, (said.as_ref(), None))?;
        let item = Item::Write(made.clone(), new_place(planning, &name, &aim.goal.id));
        return Ok(Found { name, resource: made, item });
    };
    let name = name_of(stored);
    let found = |item| Found { name: name.clone(), resource: stored.clone(), item };
    if !is_open(stored) {
        return Ok(found(Item::Same));
    }
    let kept =
        extension_of(stored, TEMPLATE_DIGEST_EXTENSION).and_then(|one| one.get("valueString")?.as_str());
    let whole = kept == Some(digest(stored).as_str());
    if !whole && kept != Some(digest_of(stored, &CONTENT).as_str()) {
        return Ok(found(Item::Edited));
    }
    let since = stored.text("/startDate").and_then(|day| day.parse().ok()).unwrap_or(aim.since);
    let made = made(planning, Aim { since, ..aim }, (said.as_ref(), Some(stored)))?;
    let (was, is) = (is_in_own_words(stored), is_in_own_words(&made));
    // A digest without it does not tell whether a person has edited whose words they are: such are left.
    let whose = if whole { was || is } else { is && !was };
    let renewed = renewed(stored, &made, whose.then_some(WHOSE));
    if digest(stored) == digest(&renewed) {
        return Ok(found(Item::Same));
    }
    let item = Item::Write(renewed.clone(), Place::Existing(version(stored)));
    Ok(Found { name, resource: renewed, item })
}

/// The stored goal with what the template has now.
fn renewed(stored: &Resource, made: &Resource, whose: Option<&'static str>) -> Resource {
    let mut renewed = stored.clone();
    for element in CONTENT.into_iter().chain(whose) {
        match made.get(element) {
            Some(value) => renewed.object_mut().insert(element.to_owned(), value.clone()),
            None => renewed.object_mut().remove(element),
        };
    }
    keep_digest(&mut renewed);
    renewed
}

fn made(
    planning: &Planning,
    aim: Aim,
    (said, stored): (Option<&Said>, Option<&Resource>),
) -> Result<Resource, Failure> {
    let sources =
        aim.because.evidence.iter().map(String::as_str).chain(said.map(|said| said.source.as_str()));
    let addresses = sources.filter(|source| ADDRESSED.iter().any(|ty| source.starts_with(ty)));
    let need = aim.need.filter(|need| !aim.because.evidence.iter().any(|one| one == need));
    let addresses = addresses.chain(need);
    let goal = Goal {
        meta: Some(claim("us-core-goal")),
        identifier: vec![identifier(planning, &aim.goal.id)],
        extension: vec![domain(&aim.row.domain)],
        lifecycle_status: "active".into(),
        achievement_status: Some(concept(ACHIEVEMENT, "in-progress", "In Progress")),
        category: aim.goal.category.iter().map(concept_of).collect(),
        description: words(said.map_or(aim.goal.text.as_str(), |said| said.text.as_str())),
        subject: reference(planning.case.patient()),
        start: Some(GoalStart::Date(aim.since.to_string().into())),
        target: target(planning, aim, stored).into_iter().collect(),
        expressed_by: said.map(|said| reference(&said.by)).or_else(|| professional(planning)),
        addresses: addresses.map(|source| *reference(source)).collect(),
        ..Goal::default()
    };
    let mut made = written(Typed::Goal(Box::new(goal)))?;
    keep_digest(&mut made);
    Ok(made)
}

/// The acting person, where it is a professional who has a resource: R4 lets nobody else set a goal but the patient
/// and those close, who do so in their own words.
fn professional(planning: &Planning) -> Option<Box<Reference>> {
    let who = acting(planning.case);
    let to = crate::palliative::element::target(&who)?;
    (to.starts_with("Practitioner/") || to.starts_with("PractitionerRole/")).then_some(who)
}

fn target(planning: &Planning, aim: Aim, stored: Option<&Resource>) -> Option<GoalTarget> {
    let due = due(planning, aim, stored);
    let measure = aim.goal.measure.as_ref();
    let personal = measure.and_then(|measure| personal(planning, measure));
    let detail = personal.or_else(|| aim.goal.detail.clone()).and_then(|(name, value)| match name.as_str() {
        "detailQuantity" => Some(GoalTargetDetail::Quantity(Box::new(quantity(&value)))),
        "detailCodeableConcept" => Some(GoalTargetDetail::CodeableConcept(Box::new(concept_of(&value)))),
        _ => None,
    });
    if due.is_none() && measure.is_none() {
        return None;
    }
    Some(GoalTarget {
        measure: measure.map(|measure| Box::new(concept_of(measure))),
        detail,
        due: due.map(|due| GoalTargetDue::Date(due.into())),
        ..GoalTarget::default()
    })
}

/// The day until when it is to be reached. A stored goal keeps its day, unless the tier sets it, or it has since come
/// to be due sooner.
fn due(planning: &Planning, aim: Aim, stored: Option<&Resource>) -> Option<String> {
    let usual = aim.goal.due?;
    let holds = |(when, days): &(Trigger, i64)| Some((aim.facts.holds(Some(when)).ok()?, *days));
    let sooner = aim.goal.sooner.iter().find_map(holds);
    let after = |from: Date, days: i64| from.saturating_add(days.days());
    let by_usual = after(aim.since, usual.of(planning.intensity()));
    let kept = stored.and_then(|stored| stored.text("/target/0/dueDate")?.parse::<Date>().ok());
    let day = match (kept, sooner, usual) {
        (None, None, _) | (Some(_), None, Days::Tier(_)) => by_usual,
        (None, Some((_, days)), _) => after(aim.since, days),
        (Some(kept), None, Days::Fixed(_)) => kept,
        (Some(kept), Some((because, days)), _) => {
            let soon = after(planning.as_of, days);
            // What was due before it came up is due anew; what has been due since stays so.
            let anew = shown_on(planning, &because).is_some_and(|on| on > kept);
            if soon < kept || anew { soon } else { kept }
        }
    };
    Some(day.to_string())
}

/// The last day of the observations that show something.
fn shown_on(planning: &Planning, because: &Because) -> Option<Date> {
    let all = because.evidence.iter().chain(&because.hidden);
    let observations = all.filter_map(|one| planning.case.chart.find(one));
    let when = observations
        .filter_map(|one| one.text("/effectiveDateTime").or_else(|| one.text("/effectivePeriod/start")));
    when.filter_map(|when| first_day(when, planning.case.program)).max()
}

/// The value that the person has named for what is measured, in a goal of their own.
fn personal(planning: &Planning, measure: &Value) -> Option<(String, Value)> {
    let same = |target: &&Value| {
        codings(target.get("measure")).any(|own| codings(Some(measure)).any(|wanted| own == wanted))
    };
    let ours =
        |goal: &Resource| list(goal.get("identifier")).any(|one| one["system"] == TEMPLATE_ITEM_SYSTEM);
    let own =
        planning.case.chart.of("Goal").filter(|goal| is_in_own_words(goal) && is_open(goal) && !ours(goal));
    own.flat_map(|goal| list(goal.get("target")).filter(same).collect::<Vec<_>>())
        .find_map(|target| Some(("detailQuantity".to_owned(), target.get("detailQuantity")?.clone())))
}

fn quantity(value: &Value) -> Quantity {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Quantity {
        value: value.get("value").map(|number| number.to_string().into()),
        comparator: text("comparator").map(Into::into),
        unit: text("unit").map(Into::into),
        system: text("system").map(Into::into),
        code: text("code").map(Into::into),
        ..Quantity::default()
    }
}

/// The digest of what came from the template, and of whose words it is in.
fn digest(goal: &Resource) -> String {
    let [category, description, target] = CONTENT;
    digest_of(goal, &[category, description, target, WHOSE])
}

/// The digest of these elements.
fn digest_of(goal: &Resource, elements: &[&str]) -> String {
    let content: Vec<Value> =
        elements.iter().map(|name| goal.get(name).cloned().unwrap_or_default()).collect();
    element::digest(&Value::Array(content).to_string())
}

fn keep_digest(goal: &mut Resource) {
    let digest = digest(goal);
    keep(goal, &digest);
}

/// Gives a goal the digest that was kept before whose words it is in was part of it.
#[cfg(test)]
pub fn as_before(goal: &mut Resource) {
    let digest = digest_of(goal, &CONTENT);
    keep(goal, &digest);
}

fn keep(goal: &mut Resource, digest: &str) {
    let mut extensions: Vec<Value> = list(goal.get("extension"))
        .filter(|one| one.get("url").and_then(Value::as_str) != Some(TEMPLATE_DIGEST_EXTENSION))
        .cloned()
        .collect();
    extensions.push(json!({ "url": TEMPLATE_DIGEST_EXTENSION, "valueString": digest }));
    goal.object_mut().insert("extension".into(), Value::Array(extensions));
}
