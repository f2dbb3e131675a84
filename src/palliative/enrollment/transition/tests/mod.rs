//! Tests of the whole lifecycle: each transition on a patient in memory, every resource valid R4.

mod asking;
mod coverages;
mod ending;
mod payers;
mod refusals;
mod reopening;
mod revoking;
mod undoing;
mod vectors;

use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::evidence::Evidence;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::refer::Duplicate;
use crate::palliative::enrollment::refer::Referral;
use crate::palliative::enrollment::request::Hospice;
use crate::palliative::enrollment::request::Outreach;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::table::allowed;
use crate::palliative::enrollment::table::transition as row;
use crate::palliative::enrollment::tests::World;
use crate::palliative::enrollment::tests::agreed;
use crate::palliative::enrollment::tests::codes;
use crate::palliative::enrollment::tests::determined;
use crate::palliative::enrollment::tests::on;
use crate::palliative::enrollment::tests::programme;
use crate::palliative::enrollment::tests::referral;
use crate::palliative::enrollment::tests::request;
use crate::palliative::enrollment::tests::wish;
use crate::palliative::enrollment::transition::Beside;
use crate::palliative::program::HospicePolicy;
use crate::palliative::screening::Outcome;
use crate::palliative::screening::recorded::Outside;
use crate::palliative::vocabulary::END_REASON_EXTENSION;
use crate::palliative::vocabulary::ENROLLED_DAYS_EXTENSION;
use crate::palliative::vocabulary::EPISODE_EXTENSION;
use crate::palliative::vocabulary::EVIDENCE_EXTENSION;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::TASK_SYSTEM;

fn text<'a>(world: &'a World, pointer: &str) -> &'a str {
    world.episode().text(pointer).unwrap_or("(nothing)")
}

fn offered(date: &str) -> Request {
    let attempt = Outreach {
        method: "phone".into(),
        by: "Practitioner/dr".into(),
        date: date.parse().unwrap(),
        language: Some("es".into()),
        interpreter_used: Some(true),
    };
    Request { date: Some(attempt.date), outreach: vec![attempt], ..request(Action::Offer) }
}

fn elected(date: &str) -> Request {
    let election =
        Hospice { date: date.parse().unwrap(), organization: Some("Organization/h".into()), document: None };
    Request { date: Some(election.date), hospice: Some(election), ..request(Action::HospiceElect) }
}

fn task(world: &World) -> &Value {
    let task =
        world.resources.values().find(|one| one.ty().name() == "Task" && one.get("businessStatus").is_some());
    task.expect("the enrolment's task").value()
}

fn undo() -> Request {
    Request { reasons: vec!["recorded-in-error".into()], ..request(Action::Undo) }
}
