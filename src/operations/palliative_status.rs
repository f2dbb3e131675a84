//! `$palliative-status`: where a person stands with each programme on a day.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use jiff::civil::Date;
use serde_json::Value;

use crate::app::Answer;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::datetime::date_in;
use crate::fhir::parameters::Output;
use crate::fhir::reference::Reference;
use crate::operations::Call;
use crate::palliative::enrollment::companions::in_hospice_since;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::home_history;
use crate::palliative::enrollment::standing;
use crate::palliative::enrollment::standing::Standing;
use crate::palliative::vocabulary::COVERAGE_EXTENSION;

/// What the answer is made from. A caller who may not read all of it would be told that there is no election, or no
/// episode, where there is one.
const READ: [&str; 2] = ["EpisodeOfCare", "Flag"];

/// One part for each programme that the person has an episode in; nothing where there is none.
///
/// # Errors
/// 404 for an unknown patient or programme; 403 for a caller who may not read episodes and flags; 422 for a day
/// that has not come.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    session.require_reading(&READ)?;
    let patient = patient(session, &call)?;
    let chart = chart(session, &patient)?;
    let actor = session.actor();
    let by_program = by_program(&chart);
    let wanted = wanted(session, &call, &by_program)?;
    if by_program.is_empty() {
        service_day(session, &call)?;
    }
    let mut output = Output::new();
    for (reference, episodes) in by_program {
        if !wanted.is_empty() && !wanted.contains(&reference.to_owned()) {
            continue;
        }
        let Ok(program) = session.program(reference) else {
            output = without_settings(output, &call, (reference, episodes), session)?;
            continue;
        };
        let (now, rule_sets) = (session.now(), &[]);
        let case =
            Case { program: &program, episode: &patient, chart: &chart, actor: &actor, now, rule_sets };
        let date = day(&call, &case)?;
        if let Some(standing) = standing::on(episodes.into_iter(), date) {
            output = output.part("program", told(&case, &standing, date));
        }
    }
    let value = output.into_value();
    Ok(Answer { tag: Some(tag(&value)), ..Answer::value(value) })
}

fn patient(session: &Session, call: &Call) -> Result<Resource, Failure> {
    match call.target.as_ref() {
        Some((ty, Some(id))) => session.subject(*ty, id),
        Some((_, None)) | None => Err(Failure::new(Reason::Invalid, "Call $palliative-status on a Patient.")),
    }
}

fn chart(session: &Session, patient: &Resource) -> Result<Chart, Failure> {
    let types: Vec<ResourceType> = READ.iter().filter_map(|name| ResourceType::parse(name)).collect();
    let stored = session.compartment(patient.id().unwrap_or_default(), &types)?;
    let resources: Vec<Resource> =
        stored.iter().map(|one| Resource::from_value(one.value()?)).collect::<Result<_, Failure>>()?;
    session.with_elsewhere(Chart::new(resources), patient.id().unwrap_or_default())
}

/// The programmes that are asked about; none for all. One in which the person has an episode may be gone or broken.
fn wanted(
    session: &Session,
    call: &Call,
    own: &BTreeMap<&str, Vec<&Resource>>,
) -> Result<Vec<String>, Failure> {
    let reference = |text: &str| {
        let local = Reference::parse_under(text, session.base_url()).local();
        let known = local.map(|local| format!("{}/{}", local.ty, local.id));
        match known.filter(|known| own.contains_key(known.as_str())) {
            Some(known) => Ok(known),
            None => session.program(text).map(|program| program.reference()),
        }
    };
    call.parameters.references("program").map(reference).collect()
}

/// Where the person stands with a programme whose HealthcareService is gone or has wrong settings: all that the episode
/// says by itself. What can be done next, whom to call and where the day begins is the programme's to say.
fn without_settings(
    output: Output,
    call: &Call,
    (reference, episodes): (&str, Vec<&Resource>),
    session: &Session,
) -> Result<Output, Failure> {
    let date = service_day(session, call)?;
    let Some(standing) = standing::on(episodes.into_iter(), date) else { return Ok(output) };
    let text = "The programme's HealthcareService is not here any more or has settings that cannot be read; put it right \
                to learn of hospice, the actions that are possible and the programme's contacts.";
    let part = of_episode(reference, &standing, date);
    Ok(output.part("program", part.value("unresolved", "string", text)))
}

/// The day that is asked about where no programme says where it is: today where the service is, or an earlier one.
fn service_day(session: &Session, call: &Call) -> Result<Date, Failure> {
    let today = date_in(session.now(), session.zone());
    let date = call.parameters.day("asOf")?.unwrap_or(today);
    if date > today {
        let issue = broken("date-range", format!("{date} has not come yet.")).at(parameter("asOf"));
        return Err(Failure::of(Reason::BusinessRule, vec![issue]));
    }
    Ok(date)
}

/// What the episode says by itself.
fn of_episode(program: &str, standing: &Standing, date: Date) -> Output {
    let mut part = Output::new()
        .reference("program", program)
        .value("state", "code", standing.state.code())
        .reference("episode", name(standing.episode))
        .value("since", "date", standing.since.to_string());
    if let Some(tier) = standing.tier(date) {
        part = part.value("tier", "code", tier);
    }
    let coverage =
        extension_of(standing.episode, COVERAGE_EXTENSION).and_then(|one| one.get("valueReference"));
    for (name, kept) in [("coverage", coverage), ("pcmhSite", home_history::on(standing.episode, date))] {
        part = kept.into_iter().fold(part, |part, kept| part.value(name, "Reference", kept.clone()));
    }
    part
}

/// The episodes of each programme.
fn by_program(chart: &Chart) -> BTreeMap<&str, Vec<&Resource>> {
    let mut programs: BTreeMap<&str, Vec<&Resource>> = BTreeMap::new();
    for episode in chart.of("EpisodeOfCare") {
        if let Some(program) = program_of(episode) {
            programs.entry(program).or_default().push(episode);
        }
    }
    programs
}

/// The day that is asked about: today where the programme works, or an earlier one.
fn day(call: &Call, case: &Case) -> Result<Date, Failure> {
    let date = call.parameters.day("asOf")?.unwrap_or(case.today());
    if date > case.today() {
        let text = format!("{date} has not come yet where {} works.", case.program.reference());
        return Err(Failure::of(
            Reason::BusinessRule,
            vec![broken("date-range", text).at(parameter("asOf"))],
        ));
    }
    Ok(date)
}

fn told(case: &Case, standing: &Standing, date: Date) -> Output {
    let program = case.program.reference();
    let mut part = of_episode(&program, standing, date);
    part = part.value("hospice", "boolean", in_hospice_since(case, date).is_some());
    // On an earlier day than today nothing was known of what was to come.
    let coming = standing.later.filter(|_| date == case.today());
    if let Some((state, since)) = coming {
        part = part.value("coming", "code", state.code()).value("comingSince", "date", since.to_string());
    }
    for action in standing.allowed(case.actor, coming.map(|(state, _)| state)) {
        part = part.value("allowedActions", "code", action.code());
    }
    let phones = case.program.phones.iter().cloned();
    phones.fold(part, |part, phone| part.value("contacts", "ContactPoint", phone))
}

/// The same as long as the answer is.
fn tag(value: &Value) -> String {
    let digest = digest::digest(&digest::SHA256, value.to_string().as_bytes());
    let text: String = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{text}\"")
}
