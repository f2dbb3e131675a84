//! A referral: a new episode, or one more referral on the episode that is open. Anyone may refer.
//! <https://hl7.org/fhir/R4/servicerequest.html>

use fhir_typed::Resource as Typed;
use fhir_typed::types::CodeableConcept;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Issue;
use crate::fhir::outcome::Reason;
use crate::fhir::resource::Resource;
use crate::palliative::element::date_value;
use crate::palliative::element::extension;
use crate::palliative::element::plain_code;
use crate::palliative::element::reference;
use crate::palliative::element::remark;
use crate::palliative::enrollment::checks::died;
use crate::palliative::enrollment::checks::no_programme;
use crate::palliative::enrollment::companions::Deed;
use crate::palliative::enrollment::companions::enrollment_task;
use crate::palliative::enrollment::companions::in_hospice_since;
use crate::palliative::enrollment::companions::provenance;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::episode::opened;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::request::Wanted;
use crate::palliative::enrollment::requested::request;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::transition::amend;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::HOSPICE_END_EXTENSION;
use crate::palliative::vocabulary::RECEIVED_EXTENSION;
use crate::palliative::vocabulary::SOURCE_EXTENSION;

/// A referral as it came in.
#[derive(Clone, Debug)]
pub struct Referral {
    /// `requester`: a reference to anybody, the patient included.
    pub requester: String,
    /// `source`: `clinician`, `self`, `caregiver`, `algorithm`, `payer`.
    pub source: String,
    /// `receivedDate`: the day in the programme's zone.
    pub received: Date,
    /// `reason`, as CodeableConcepts.
    pub reasons: Vec<Value>,
    /// `serviceRequest`
    pub service_request: Option<Wanted>,
    /// `urgency`
    pub urgency: Option<String>,
    /// `note`
    pub note: Option<String>,
    /// `language` in which to speak with the person.
    pub language: Option<String>,
    /// `hospiceEnd`: the day on which an earlier hospice election was revoked or ended.
    pub hospice_end: Option<Date>,
    /// `rejectDuplicate`
    pub duplicate: Duplicate,
}

/// What to do with a referral of a person whose episode is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicate {
    /// Add it to the episode.
    Add,
    /// Refuse it.
    Reject,
}

/// An episode that does not exist yet, to stand in a [`Case`].
pub fn blank(patient: &str) -> Result<Resource, Failure> {
    Resource::from_value(json!({ "resourceType": "EpisodeOfCare", "patient": { "reference": patient } }))
}

/// The patient's open episode in the programme.
pub fn open_episode<'a>(case: &Case<'a>) -> Option<&'a Resource> {
    let program = case.program.reference();
    case.chart
        .of("EpisodeOfCare")
        .find(|one| program_of(one) == Some(program.as_str()) && state_of(one).is_some_and(State::is_open))
}

/// Decides on a referral of one who has no open episode in the programme.
///
/// # Errors
/// 404 where the programme is another service, 409 where another programme excludes it, 422 with every rule that does not
/// hold.
pub fn open(case: &Case, referral: &Referral) -> Result<Decision, Failure> {
    check(case, referral)?;
    let mut drafts = Drafts::default();
    let name = drafts.name();
    let request = request(case, referral, &mut drafts)?;
    let mut episode = opened(case.program, case.patient(), State::Referred, referral.received);
    episode.referral_request.push(*reference(&request));
    episode.extension.push(extension(RECEIVED_EXTENSION, date_value(referral.received)));
    episode.extension.push(extension(SOURCE_EXTENSION, plain_code(&referral.source)));
    let ended = referral.hospice_end.map(|end| extension(HOSPICE_END_EXTENSION, date_value(end)));
    episode.extension.extend(ended);
    drafts.create(&name, Typed::EpisodeOfCare(Box::new(episode)))?;
    let mut task = enrollment_task(case, &name, State::Referred);
    task.based_on.push(*reference(&request));
    task.requester = Some(reference(&referral.requester));
    task.priority = referral.urgency.as_deref().map(Into::into);
    task.note.extend(referral.note.as_deref().map(|note| remark(note, case.now)));
    let task = drafts.add(Typed::Task(Box::new(task)))?;
    end_hospice(case, referral, &mut drafts);
    record(case, referral, vec![name, task, request], drafts)
}

/// Decides on a referral of one whose episode is open: it is added to the episode.
///
/// # Errors
/// 409 `already-open` where the caller wants duplicates refused.
pub fn add(case: &Case, referral: &Referral) -> Result<Decision, Failure> {
    if referral.duplicate == Duplicate::Reject {
        let text = format!("{} is open for this patient in this programme.", case.episode_name());
        return Err(coded(Reason::Conflict, "already-open", text));
    }
    let mut drafts = Drafts::default();
    let request = request(case, referral, &mut drafts)?;
    let mut stored = Episode::of(case.episode);
    if stored.referral_requests().any(|one| one == request) {
        return Ok(Decision::nothing(case.state()?));
    }
    stored.add_referral_request(&request);
    drafts.push(stored.into_resource()?, Place::Existing(version(case.episode)));
    record(case, referral, vec![case.episode_name(), request], drafts)
}

fn record(
    case: &Case,
    referral: &Referral,
    targets: Vec<String>,
    mut drafts: Drafts,
) -> Result<Decision, Failure> {
    let deed = Deed { action: Action::Refer.code(), on: referral.received, reasons: Vec::new(), targets };
    drafts.add(Typed::Provenance(Box::new(provenance(case, deed))))?;
    let state = state_of(case.episode).unwrap_or(State::Referred);
    Ok(Decision { state, drafts: drafts.into_list(), warnings: Vec::new() })
}

fn check(case: &Case, referral: &Referral) -> Result<(), Failure> {
    no_programme(case.program).map_or(Ok(()), |failure| Err(failure.at(parameter("program"))))?;
    for (_, other) in case.others_open() {
        if case.program.exclusive_with.iter().any(|program| program == other) {
            return Err(coded(
                Reason::Conflict,
                "exclusive-program",
                format!("The person has an open episode in {other}, which this programme excludes."),
            ));
        }
    }
    let program = (!case.program.active).then(|| {
        broken("program-inactive", "The programme takes nobody at present.").at(parameter("program"))
    });
    let issues: Vec<Issue> = program
        .into_iter()
        .chain(died(case))
        .chain(age(case, referral.received))
        .chain(received(case, referral))
        .chain(hospice(case, referral))
        .chain(ended_before_begun(case, referral))
        .collect();
    if issues.is_empty() { Ok(()) } else { Err(Failure::of(Reason::BusinessRule, issues)) }
}

/// The age must lie within the programme's limits.
pub fn age(case: &Case, date: Date) -> Option<Issue> {
    let (min, max) = (case.program.age_min, case.program.age_max);
    if min.is_none() && max.is_none() {
        return None;
    }
    let Some((youngest, oldest)) = case.youngest_on(date).zip(case.age_on(date)) else {
        return Some(broken("age", "The programme has age limits, and the patient has no birth date."));
    };
    let outside = min.is_some_and(|min| youngest < min) || max.is_some_and(|max| oldest > max);
    let text = if youngest == oldest {
        format!("At {oldest} the person is outside the programme's age limits.")
    } else {
        format!(
            "At {youngest} or {oldest}, by a birth date that is not whole, the person may be outside the programme's age \
             limits; give the Patient the whole `birthDate`."
        )
    };
    outside.then(|| broken("age", text))
}

fn received(case: &Case, referral: &Referral) -> Option<Issue> {
    let today = case.today();
    (referral.received > today).then(|| {
        broken("date-range", format!("{} lies after today, {today}.", referral.received))
            .at(parameter("receivedDate"))
    })
}

/// An adult may come back only when the hospice period has ended: the one on the day of the referral, and one that began
/// since then or is about to begin.
fn hospice(case: &Case, referral: &Referral) -> Option<Issue> {
    let (day, today) = (referral.received, case.today());
    let over = |on: Date| referral.hospice_end.is_some_and(|end| end <= on);
    let then = in_hospice_since(case, day).filter(|_| !case.may_have_both_on(day) && !over(day));
    let now = || in_hospice_since(case, today).or_else(|| to_come(case, today));
    let since = then.or_else(|| now().filter(|_| !case.may_have_both_on(today) && !over(today)))?;
    let text = format!(
        "Adult hospice election active since {since}; give `hospiceEnd` when it was revoked or ended."
    );
    Some(broken("hospice-active", text).at(parameter("hospiceEnd")))
}

/// The first day of an election that begins later.
fn to_come(case: &Case, today: Date) -> Option<String> {
    let starts = active_elections(case).filter_map(|flag| flag.text("/period/start"));
    starts
        .filter(|start| first_day(start, case.program).is_some_and(|start| start > today))
        .min()
        .map(str::to_owned)
}

/// No election ends before the day on which it begins.
fn ended_before_begun(case: &Case, referral: &Referral) -> Option<Issue> {
    let end = referral.hospice_end?;
    let starts = active_elections(case).filter_map(|flag| flag.text("/period/start"));
    let begun =
        starts.filter(|start| first_day(start, case.program).is_some_and(|start| end < start)).max()?;
    Some(
        broken("date-range", format!("{end} lies before {begun}, when the hospice election begins."))
            .at(parameter("hospiceEnd")),
    )
}

fn active_elections<'a>(case: &'a Case) -> impl Iterator<Item = &'a Resource> {
    case.chart.of("Flag").filter(|flag| {
        flag.text("/status") == Some("active")
            && has_coding(flag.get("code"), FLAG_SYSTEM, "hospice-election")
    })
}

fn end_hospice(case: &Case, referral: &Referral, drafts: &mut Drafts) {
    let Some(end) = referral.hospice_end else { return };
    for flag in active_elections(case) {
        let mut flag = flag.clone();
        let start = flag.value().pointer("/period/start").cloned();
        let mut period = json!({ "end": end.to_string() });
        if let (Some(start), Some(period)) = (start, period.as_object_mut()) {
            period.insert("start".into(), start);
        }
        flag.object_mut().insert("status".into(), "inactive".into());
        flag.object_mut().insert("period".into(), period);
        amend(drafts, flag);
    }
}

/// A CodeableConcept from its JSON.
pub fn concept_of(value: &Value) -> CodeableConcept {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let coding = list(value.get("coding")).map(|one| fhir_typed::types::Coding {
        system: text(one, "system").map(Into::into),
        version: text(one, "version").map(Into::into),
        code: text(one, "code").map(Into::into),
        display: text(one, "display").map(Into::into),
        ..Default::default()
    });
    CodeableConcept {
        coding: coding.collect(),
        text: text(value, "text").map(Into::into),
        ..Default::default()
    }
}
