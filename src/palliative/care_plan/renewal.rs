//! A plan that is there already: what the template has added is put into it, all else is left.
//! <https://hl7.org/fhir/R4/careplan.html>
//!
//! The plan keeps the actions that it once had (`had.rs`). What it had and has no more was taken out by a person, and does
//! not come back. Beside it stands the tier for which its dates were set: where the tier has changed, the next review and what is
//! done again and again move with it, unless a person has set another day.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::completeness::next_review;
use crate::palliative::care_plan::had::Had;
use crate::palliative::care_plan::items;
use crate::palliative::care_plan::plan::PLAN;
use crate::palliative::care_plan::template::Days;
use crate::palliative::element::day;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::state::State;
use crate::palliative::risk::tier::Tier;
use crate::palliative::vocabulary::NEXT_REVIEW_EXTENSION;
use crate::palliative::vocabulary::TEMPLATE_ACTION_EXTENSION;
use crate::palliative::vocabulary::TIER_EXTENSION;

/// `CarePlan.status` in a state of the enrolment.
pub fn status_of(state: State) -> &'static str {
    match state {
        State::Enrolled => "active",
        State::OnHold => "on-hold",
        _ => "draft",
    }
}

/// Whether a person, or the end of the episode, has ended the plan.
pub fn is_ended(plan: &Resource) -> bool {
    matches!(plan.text("/status"), Some("revoked" | "completed" | "entered-in-error"))
}

/// Goes on with a plan that a person has made: it gets the name under which the template finds it, the template's own
/// and, where it has none, the day of its next review; whether it is such a plan.
pub fn adopt(plan: &mut Resource, added: &Resource) -> bool {
    if items::made_for(plan, PLAN).is_some() {
        return false;
    }
    for name in ["identifier", "instantiatesCanonical", "extension"] {
        let known: Vec<Value> = list(plan.get(name)).cloned().collect();
        let has = |url: &str| known.iter().any(|one| one["url"] == url);
        let new = list(added.get(name)).filter(|one| match name {
            "extension" => {
                [NEXT_REVIEW_EXTENSION, TIER_EXTENSION].iter().any(|url| one["url"] == *url)
                    && !has(NEXT_REVIEW_EXTENSION)
            }
            _ => !known.contains(one),
        });
        let all: Vec<Value> = known.iter().chain(new).cloned().collect();
        if !all.is_empty() {
            plan.object_mut().insert(name.to_owned(), Value::Array(all));
        }
    }
    true
}

/// Adds what is new to a plan that is there; whether anything was.
pub fn extend(plan: &mut Resource, added: &Resource, state: State) -> bool {
    let mut changed = false;
    for name in ["goal", "activity", "extension", "supportingInfo", "addresses"] {
        let known: Vec<&Value> = list(plan.get(name)).collect();
        let new = list(added.get(name)).filter(|one| match name {
            // Of the extensions only the marks of actions are added to: the others are of the first day.
            "extension" => one["url"] == TEMPLATE_ACTION_EXTENSION && !known.contains(one),
            _ => !known.contains(one),
        });
        let new: Vec<Value> = new.cloned().collect();
        // New evidence alone is no reason for a new version; with something new it goes along.
        let counts = matches!(name, "goal" | "activity" | "extension");
        if new.is_empty() || (!counts && !changed) {
            continue;
        }
        changed = true;
        let all: Vec<Value> = known.into_iter().cloned().chain(new).collect();
        plan.object_mut().insert(name.to_owned(), Value::Array(all));
    }
    if plan.text("/status") == Some("draft") && status_of(state) == "active" {
        plan.object_mut().insert("status".to_owned(), json!("active"));
        changed = true;
    }
    changed
}

/// The day of the next review, and beside it the tier by which it was set.
pub fn review(planning: &Planning, tier: Option<Tier>, since: Date) -> [Value; 2] {
    let due = since.saturating_add(planning.intensity_of(tier).review_days.days());
    let tier = tier.map(|tier| json!({ "url": "tier", "valueCode": tier.code() }));
    let parts: Vec<Value> =
        tier.into_iter().chain([json!({ "url": "since", "valueDate": since.to_string() })]).collect();
    [
        json!({ "url": NEXT_REVIEW_EXTENSION, "valueDate": due.to_string() }),
        json!({ "url": TIER_EXTENSION, "extension": parts }),
    ]
}

/// Moves the dates of a plan where the tier has changed since they were set; whether any was moved.
pub fn follow_tier(planning: &Planning, plan: &mut Resource) -> bool {
    let Some((old, since)) = set_for(plan) else { return false };
    let new = planning.tier();
    if old == new {
        return false;
    }
    let [due, mark] = review(planning, new, planning.as_of);
    let [before, _] = review(planning, old, since);
    let by_us = next_review(plan).map(|day| day.to_string()).as_deref() == before["valueDate"].as_str();
    replace(plan, mark);
    if by_us {
        replace(plan, due);
    }
    repeat(planning, plan, (old, new));
    true
}

fn set_for(plan: &Resource) -> Option<(Option<Tier>, Date)> {
    let mark = extension_of(plan, TIER_EXTENSION)?;
    let part = |name: &str| list(mark.get("extension")).find(|one| one["url"] == name);
    let since = day(part("since")?["valueDate"].as_str()?)?;
    Some((part("tier").and_then(|one| Tier::parse(one["valueCode"].as_str()?)), since))
}

fn replace(plan: &mut Resource, extension: Value) {
    let kept = list(plan.get("extension")).filter(|one| one["url"] != extension["url"]).cloned();
    let all: Vec<Value> = kept.chain([extension.clone()]).collect();
    plan.object_mut().insert("extension".to_owned(), Value::Array(all));
}

/// Gives the activities that follow the tier its cadence, where they have that of the old one.
fn repeat(planning: &Planning, plan: &mut Resource, (old, new): (Option<Tier>, Option<Tier>)) {
    let activities = planning.template.rows.iter().flat_map(|row| &row.activities);
    let had = Had::of(planning, plan);
    let id = |id: &str| had.element_id(planning, id);
    let followed: Vec<(String, Days)> = activities
        .filter_map(|one| Some((id(&one.id), one.every.filter(|days| matches!(days, Days::Tier(_)))?)))
        .collect();
    let (old, new) = (planning.intensity_of(old), planning.intensity_of(new));
    let Some(Value::Array(own)) = plan.object_mut().get_mut("activity") else { return };
    for activity in own {
        let Some((_, days)) = followed.iter().find(|(id, _)| activity["id"] == id.as_str()) else { continue };
        let Some(period) = activity.pointer_mut("/detail/scheduledTiming/repeat/period") else { continue };
        if period.as_i64() == Some(days.of(old)) {
            *period = json!(days.of(new));
        }
    }
}
