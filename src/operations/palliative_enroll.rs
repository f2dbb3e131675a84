//! `$palliative-enroll`: starts the service for a person. <https://hl7.org/fhir/R4/episodeofcare.html>

use serde_json::Value;

use crate::app::Answer;
use crate::app::Session;
use crate::app::audit::Deed;
use crate::app::programme::until_current;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Resource;
use crate::fhir::outcome::outcome;
use crate::fhir::parameters::Output;
use crate::fhir::reference::Reference;
use crate::operations::Call;
use crate::operations::opened::Opened;
use crate::operations::opened::named;
use crate::palliative::enrollment::attribution::attribute;
use crate::palliative::enrollment::attribution::unsettled;
use crate::palliative::enrollment::attribution::without_list;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::enroll;
use crate::palliative::enrollment::enroll::Enrollment;

/// Checks every guard and starts the service, or with `dryRun` shows what would be written.
///
/// # Errors
/// 409 where the state does not allow it; 422 with every guard that does not hold; 412 and 428 about `If-Match`.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let wish = Enrollment::read(&call.parameters)?;
    until_current(call.if_match, || attempt(session, &call, &wish))
}

fn attempt(session: &Session, call: &Call, wish: &Enrollment) -> Result<Answer, Failure> {
    let mut opened = Opened::of(session, call, (named(session, call)?, &["Encounter", "RiskAssessment"]))?;
    let (wish, told) = &at_home(session, &mut opened, wish)?;
    let mut decision = enroll::decide(&opened.case(), wish)?;
    decision.warnings.extend(told.iter().filter(|_| !decision.drafts.is_empty()).cloned());
    write(session, call, decision, &opened.episode)
}

/// The wish with the medical home: the one that is named, else the one to which the patient is attributed on the first
/// day; and what is to be looked at where none can be told.
fn at_home(
    session: &Session,
    opened: &mut Opened,
    wish: &Enrollment,
) -> Result<(Enrollment, Vec<Issue>), Failure> {
    if let Some((site, _)) = &wish.pcmh_site {
        let case = opened.case();
        let attributed = session.home_on((case.patient(), case.chart), (wish.start, &opened.program))?;
        session.add_to_chart(&mut opened.chart, site);
        return Ok((Enrollment { attributed: attributed.map(|(site, _)| site), ..wish.clone() }, Vec::new()));
    }
    let (patient, on) = (opened.case().patient().to_owned(), (wish.start, &opened.program));
    let Some(person) = opened.chart.find(&patient) else { return Ok((wish.clone(), Vec::new())) };
    let sites = session.sites_of(person, on)?;
    let listed = if sites.len() > 1 { session.attributed_by_list(&patient, on)? } else { Some(Vec::new()) };
    let group = opened.program.attribution_group.as_deref().filter(|_| listed.is_none());
    let mut told: Vec<Issue> = group.map(without_list).into_iter().collect();
    let found = attribute(&sites, &listed.unwrap_or_default(), (&opened.chart, wish.start, &opened.program));
    let Some((site, why)) = found else {
        told.extend((!sites.is_empty()).then(|| unsettled(&sites)));
        return Ok((wish.clone(), told));
    };
    let local = Reference::parse(site).local();
    if let Some(found) = local.map(|local| session.filed(local.ty, local.id)).transpose()?.flatten() {
        opened.chart.add(found);
    }
    Ok((Enrollment { pcmh_site: Some((site.to_owned(), why)), ..wish.clone() }, told))
}

fn write(session: &Session, call: &Call, decision: Decision, episode: &Resource) -> Result<Answer, Failure> {
    let dry = call.parameters.boolean("dryRun") == Some(true);
    let warnings = decision.warnings.clone();
    session.require_deciding(&decision.drafts)?;
    if dry || (decision.drafts.is_empty() && call.once.is_none()) {
        let told = decision.drafts.iter().map(|draft| &draft.resource).filter(|one| session.may_be_told(one));
        let resources: Vec<Value> = told.map(|one| one.value().clone()).collect();
        return Ok(Answer::value(output(resources, episode, &warnings).into_value()));
    }
    let deed = Deed::of(call.operation, &decision, Some(episode));
    let changes = session.audited(session.decided(&decision.drafts)?, &deed)?;
    let episode = episode.clone();
    session.write_once(call.once.as_ref(), changes, move |written| {
        let told = written.iter().filter(|one| one.shown);
        let resources = told.map(|one| one.stored.value()).collect::<Result<_, _>>()?;
        let version = written.first().map(|one| one.stored.version);
        Ok(Answer { version, ..Answer::value(output(resources, &episode, &warnings).into_value()) })
    })
}

fn output(resources: Vec<Value>, episode: &Resource, warnings: &[Issue]) -> Output {
    let first = |ty: &str| {
        resources.iter().find(|one| one.get("resourceType").and_then(Value::as_str) == Some(ty)).cloned()
    };
    let now = first("EpisodeOfCare").unwrap_or_else(|| episode.value().clone());
    let mut output = Output::new().resource("episode", now);
    for (name, ty) in [("careTeam", "CareTeam"), ("task", "Task"), ("flag", "Flag")] {
        if let Some(resource) = first(ty) {
            output = output.resource(name, resource);
        }
    }
    if warnings.is_empty() { output } else { output.resource("warnings", outcome(warnings)) }
}
