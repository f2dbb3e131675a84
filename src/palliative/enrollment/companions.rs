//! The resources that accompany an episode: its task, referral, flags, and the record of who did what.
//! <https://hl7.org/fhir/R4/provenance.html>

use fhir_typed::Resource as Typed;
use fhir_typed::resources::Flag;
use fhir_typed::resources::Provenance;
use fhir_typed::resources::ProvenanceAgent;
use fhir_typed::resources::ProvenanceOccurred;
use fhir_typed::resources::Task;
use fhir_typed::types::CodeableConcept;
use fhir_typed::types::Reference;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::datetime::instant;
use crate::fhir::outcome::Failure;
use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::element::amended;
use crate::palliative::element::concept;
use crate::palliative::element::extension;
use crate::palliative::element::named;
use crate::palliative::element::period;
use crate::palliative::element::reference;
use crate::palliative::element::reference_value;
use crate::palliative::element::remark;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::episode::state_concept;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::Who;
use crate::palliative::enrollment::facts::covers;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::state::Ever;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::transition::Change;
use crate::palliative::vocabulary::ACTION_SYSTEM;
use crate::palliative::vocabulary::EPISODE_EXTENSION;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::TASK_SYSTEM;

/// A task of the programme about an episode.
pub fn task(case: &Case, episode: &str, code: &str, words: &str) -> Task {
    Task {
        status: "requested".into(),
        intent: "order".into(),
        code: Some(concept(TASK_SYSTEM, code, words)),
        focus: Some(reference(episode)),
        r#for: Some(reference(case.patient())),
        authored_on: Some(instant(case.now).into()),
        last_modified: Some(instant(case.now).into()),
        owner: case.program.organization.as_deref().map(reference),
        ..Task::default()
    }
}

/// The enrolment's own task, in step with the state.
pub fn enrollment_task(case: &Case, episode: &str, state: State) -> Task {
    Task {
        status: state.task_status(Ever::NotEnrolled).into(),
        business_status: Some(state_concept(state)),
        ..task(case, episode, "palliative-enrollment", "Enrolment")
    }
}

/// The episode's own task, where it is on file.
pub fn task_of<'a>(case: &Case<'a>) -> Option<&'a Resource> {
    task_among(case.chart.of("Task"), &case.episode_name())
}

/// The own task of the episode of this name, as `EpisodeOfCare/id`, among these.
pub fn task_among<'a>(mut tasks: impl Iterator<Item = &'a Resource>, episode: &str) -> Option<&'a Resource> {
    tasks.find(|task| {
        task.refers("/focus/reference") == Some(episode)
            && has_coding(task.get("code"), TASK_SYSTEM, "palliative-enrollment")
    })
}

/// Brings the episode's task in step with its state; makes one where none is on file.
///
/// # Errors
/// `Internal` where the stored task cannot be read.
pub fn keep_task(case: &Case, drafts: &mut Drafts, ever: Ever, change: &Change) -> Result<(), Failure> {
    let mut task = enrollment_task(case, &case.episode_name(), change.to);
    task.status = change.to.task_status(ever).into();
    task.status_reason = change.reasons.first().cloned().map(Box::new);
    task.note.extend(change.note.as_deref().map(|note| remark(note, case.now)));
    let Some(stored) = task_of(case) else {
        return drafts.add(Typed::Task(Box::new(task))).map(|_| ());
    };
    // What the task is about, who asked for it and who owns it is the task's own to say.
    let change = Task {
        intent: stored.text("/intent").unwrap_or("order").into(),
        status: task.status,
        business_status: task.business_status,
        status_reason: task.status_reason,
        last_modified: task.last_modified,
        note: task.note,
        ..Task::default()
    };
    let mut resource = stored.clone();
    resource.object_mut().remove("statusReason");
    let resource = amended(resource, Typed::Task(Box::new(change)), &["note"])?;
    drafts.push(resource, Place::Existing(version(stored)));
    Ok(())
}

/// A flag of ours on the patient.
pub fn flag(case: &Case, code: &str, words: &str, since: Date) -> Flag {
    Flag {
        status: "active".into(),
        code: concept(FLAG_SYSTEM, code, words),
        subject: reference(case.patient()),
        period: Some(period(Some(since), None)),
        extension: vec![extension(EPISODE_EXTENSION, reference_value(&case.episode_name()))],
        ..Flag::default()
    }
}

/// Since when a hospice election is in force on the day.
pub fn hospice_since(case: &Case, date: Date) -> Option<String> {
    elections(case, date).next().map(since)
}

/// The day on which what the flag says began, in words.
pub fn since(flag: &Resource) -> String {
    flag.text("/period/start").unwrap_or("an unknown day").to_owned()
}

/// The hospice elections that are in force on the day. The day on which an election was revoked is free again.
pub fn elections<'a>(case: &'a Case, date: Date) -> impl Iterator<Item = &'a Resource> {
    case.chart.of("Flag").filter(move |flag| is_election_on(case, flag, date))
}

/// Since when a hospice election is in force on the day, by this record of the person or another one.
pub fn in_hospice_since(case: &Case, date: Date) -> Option<String> {
    let mut elsewhere = case.chart.elsewhere("Flag").filter(|flag| is_election_on(case, flag, date));
    hospice_since(case, date).or_else(|| elsewhere.next().map(since))
}

fn is_election_on(case: &Case, flag: &Resource, date: Date) -> bool {
    let live = flag.text("/status").is_some_and(|status| status != "entered-in-error");
    let election = has_coding(flag.get("code"), FLAG_SYSTEM, "hospice-election");
    let ended = flag.text("/period/end");
    let revoked = ended.and_then(|end| first_day(end, case.program));
    live && election
        && covers(flag.get("period"), date, case.program)
        && revoked.is_none_or(|revoked| date < revoked)
        && (flag.text("/status") == Some("active") || ended.is_some())
}

/// What was done, for the record.
#[derive(Clone, Debug)]
pub struct Deed {
    /// What: a code of the system of actions.
    pub action: &'static str,
    /// When it took effect.
    pub on: Date,
    /// Why.
    pub reasons: Vec<CodeableConcept>,
    /// What it touched.
    pub targets: Vec<String>,
}

/// Who did what to which resources, and why.
pub fn provenance(case: &Case, deed: Deed) -> Provenance {
    // The patient is a target too: so it stands in the patient's compartment and is found there.
    let targets = deed.targets.iter().map(String::as_str).chain([case.patient()]);
    Provenance {
        target: targets.map(|target| *reference(target)).collect(),
        occurred: Some(ProvenanceOccurred::DateTime(deed.on.to_string().into())),
        recorded: instant(case.now).into(),
        reason: deed.reasons,
        activity: Some(concept(ACTION_SYSTEM, deed.action, "")),
        agent: vec![ProvenanceAgent {
            who: acting(case),
            on_behalf_of: case.program.organization.as_deref().map(reference),
            ..ProvenanceAgent::default()
        }],
        ..Provenance::default()
    }
}

/// The acting person as a reference.
pub fn acting(case: &Case) -> Box<Reference> {
    match &case.actor.who {
        Who::Reference(to) => reference(to),
        Who::Name(name) => named(name),
    }
}

/// Whether the resource carries this episode's mark.
pub fn is_of_episode(resource: &Resource, episode: &str) -> bool {
    crate::palliative::enrollment::extension_of(resource, EPISODE_EXTENSION)
        .and_then(|extension| extension.pointer("/valueReference/reference"))
        .and_then(Value::as_str)
        .map(unversioned)
        == Some(episode)
}
