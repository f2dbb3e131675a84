//! The election of hospice: what it writes, and what it means for the episode.
//! <https://hl7.org/fhir/R4/flag.html>

use fhir_typed::Resource as Typed;
use fhir_typed::types::Identifier;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::element::extension;
use crate::palliative::element::reference;
use crate::palliative::element::reference_value;
use crate::palliative::enrollment::companions::flag;
use crate::palliative::enrollment::companions::hospice_since;
use crate::palliative::enrollment::companions::task;
use crate::palliative::enrollment::companions::task_of;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::transition::Change;
use crate::palliative::program::HospicePolicy;
use crate::palliative::record::Flag;
use crate::palliative::record::PatientRecord;
use crate::palliative::vocabulary::ELECTION_EXTENSION;
use crate::palliative::vocabulary::REVIEW_TASK_SYSTEM;

/// Records the election. It ends the episode, but where the programme goes on beside hospice, for one below 21 or whose
/// payer allows it: then it asks for a review of both.
///
/// # Errors
/// `Internal`, for a fault of ours.
pub fn elect(
    case: &Case,
    request: &Request,
    drafts: &mut Drafts,
    change: &mut Change,
) -> Result<(), Failure> {
    if hospice_since(case, change.on).is_none() {
        let mut made = flag(case, "hospice-election", "Hospice elected", change.on);
        let election = request.hospice.as_ref();
        made.author = election.and_then(|one| one.organization.as_deref()).map(reference);
        let document = election.and_then(|one| one.document.as_deref());
        made.extension.extend(document.map(|to| extension(ELECTION_EXTENSION, reference_value(to))));
        drafts.add(Typed::Flag(Box::new(made)))?;
    }
    let both = case.program.hospice_policy == HospicePolicy::Concurrent && case.may_have_both_on(change.on);
    if both {
        let words = "Review hospice and palliative care side by side";
        let mut review = task(case, &case.episode_name(), "concurrent-care-review", words);
        review.part_of.extend(task_of(case).map(|task| *reference(&name(task))));
        // There is another review of this kind, which a birthday asks for; by this it is told from that.
        review.identifier = vec![Identifier {
            system: Some(REVIEW_TASK_SYSTEM.into()),
            value: Some(review_name(case, change.on).into()),
            ..Identifier::default()
        }];
        return drafts.add(Typed::Task(Box::new(review))).map(|_| ());
    }
    change.to = State::HospiceElected;
    change.last_day = Some(change.on.yesterday().unwrap_or(change.on));
    Ok(())
}

/// Takes over what other records of the person say of an election of hospice; none of them is named.
pub fn hear(record: &mut PatientRecord, elsewhere: &[Resource]) {
    let flags = elsewhere.iter().filter(|one| one.ty().name() == "Flag");
    let flags = flags.map(|one| Flag { source: String::new(), ..Flag::read(one, &record.zone) });
    let elections: Vec<Flag> = flags.filter(Flag::is_election).collect();
    record.flags.extend(elections);
}

/// Whether an election of this day is in force and has asked for the review of both kinds of care already.
pub fn is_recorded(case: &Case, date: Date) -> bool {
    let name = review_name(case, date);
    let is_review = |task: &Resource| {
        list(task.get("identifier")).any(|one| {
            one.get("system").and_then(Value::as_str) == Some(REVIEW_TASK_SYSTEM)
                && one.get("value").and_then(Value::as_str) == Some(&name)
        })
    };
    let mut live = case.chart.of("Task").filter(|task| task.text("/status") != Some("entered-in-error"));
    hospice_since(case, date).is_some() && live.any(is_review)
}

fn review_name(case: &Case, date: Date) -> String {
    format!("{}/hospice-election/{date}", case.episode.id().unwrap_or_default())
}
