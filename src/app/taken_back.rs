//! A stratification that turns out to be a mistake, by whatever request, while an open episode carries the tier that it
//! gave: the same write gives the episode the tier that the others give. <https://hl7.org/fhir/R4/riskassessment.html>
//!
//! Otherwise a tier that a clinician has taken back would hold until somebody stratifies the person again. The days
//! before keep their tier, as what was done on them went by it, unless nothing is left that speaks for one. It is an
//! effect: it takes no right to the episode, and the answer does not show it. Where the episode is changed in the same
//! moment, the write is prepared anew.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::app::change::Change;
use crate::app::change::ChangeAction;
use crate::app::prepare::Prepared;
use crate::app::prepare::Work;
use crate::app::screening::about;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::tiers;
use crate::palliative::enrollment::tiers::Held;
use crate::palliative::program::Program;
use crate::palliative::risk::decision::standing;
use crate::palliative::risk::tier::Earlier;

/// What becomes of RiskAssessments of one patient: as each was and as it will be, by its id.
type Changed = BTreeMap<String, (Resource, Option<Resource>)>;

/// The changes of episodes that follow from a prepared write.
pub(crate) fn tiers_after(session: &Session, prepared: &[Prepared]) -> Result<Vec<Change>, Failure> {
    let mut patients: BTreeMap<String, Changed> = BTreeMap::new();
    for one in prepared.iter().filter(|one| one.ty.name() == "RiskAssessment") {
        let now = match &one.work {
            Work::Update { content, .. } | Work::Patch { content, .. } => {
                Some(content.bytes.of_version(1, 0))
            }
            Work::Delete { .. } => None,
            Work::Create(_) | Work::Keep | Work::Nothing => continue,
        };
        let before = match session.as_service().read(one.ty, &one.id) {
            Ok(before) => Resource::from_value(before.value()?)?,
            Err(failure) if matches!(failure.reason, Reason::NotFound | Reason::Deleted) => continue,
            Err(failure) => return Err(failure),
        };
        let now = now.map(|bytes| serde_json::from_slice(&bytes).map_err(Failure::internal)).transpose()?;
        let now = now.map(Resource::from_value).transpose()?;
        if let Some(patient) = about(&before, session.base_url()) {
            let changed = patients.entry(patient.to_owned()).or_default();
            changed.insert(one.id.clone(), (before.clone(), now));
        }
    }
    let mut changes = Vec::new();
    for (patient, changed) in &patients {
        let (assessments, episodes) = facts(session, patient)?;
        let is_written = |episode: &Resource| {
            prepared.iter().any(|one| one.ty == episode.ty() && Some(one.id.as_str()) == episode.id())
        };
        for episode in episodes.iter().filter(|episode| !is_written(episode)) {
            // One whose programme cannot be read has no tier to be worked out.
            let Ok(program) = session.program_of(episode) else { continue };
            let Some(episode) = corrected(session, (episode, &program), (&assessments, changed)) else {
                continue;
            };
            let id = episode.id().unwrap_or_default().to_owned();
            let read = version(&episode);
            changes.push(Change::programme(ChangeAction::update(episode, id, read)).as_effect());
        }
    }
    Ok(changes)
}

/// A patient's stratifications and open episodes.
fn facts(session: &Session, patient: &str) -> Result<(Vec<Resource>, Vec<Resource>), Failure> {
    let types: Vec<ResourceType> =
        ["EpisodeOfCare", "RiskAssessment"].into_iter().filter_map(ResourceType::parse).collect();
    let stored = session.as_service().compartment(patient, &types)?;
    let all = stored.iter().map(|one| Resource::from_value(one.value()?)).collect::<Result<Vec<_>, _>>()?;
    let own = all.into_iter().filter(|one| about(one, session.base_url()) == Some(patient));
    let (episodes, assessments): (Vec<_>, Vec<_>) = own.partition(|one| one.ty().name() == "EpisodeOfCare");
    let open = |episode: &Resource| state_of(episode).is_some_and(State::is_open);
    Ok((assessments, episodes.into_iter().filter(open).collect()))
}

/// The episode with the tier that holds without the mistake; none where that is the same as before.
fn corrected(
    session: &Session,
    (episode, program): (&Resource, &Program),
    (assessments, changed): (&[Resource], &Changed),
) -> Option<Resource> {
    let today = session.today_in(program);
    let after = assessments.iter().filter_map(|one| match changed.get(one.id()?) {
        Some((_, now)) => now.clone(),
        None => Some(one.clone()),
    });
    let after: Vec<Resource> = after.collect();
    let (all, left) = (Earlier::among(assessments, program), Earlier::among(&after, program));
    // The day alone does not tell which came first of an enrolment and a stratification, what stands on the episode does.
    let is_named = tiers::newest(episode).is_some_and(|one| one.named.is_some());
    let is_last = last(&all, today) == last(&left, today);
    let before = spoken_for(episode, (&all, !is_named), today);
    let now = spoken_for(episode, (&left, !is_named && is_last), today);
    // A tier that came from elsewhere is not taken back with these.
    if before == now || tiers::on(episode, today) != before.map(|one| one.tier) {
        return None;
    }
    match now {
        Some(held) => tiers::with(episode, &held),
        // No stratification is left, and nobody named a tier: nothing speaks for any that is on the episode.
        None => tiers::without(episode),
    }
}

/// The last stratification up to a day.
fn last(earlier: &[Earlier], today: Date) -> Option<&Earlier> {
    earlier.iter().rev().find(|one| one.on <= today)
}

/// The tier for which something speaks, from today on: the one that was named with the enrolment, unless the last
/// stratification is known to have followed that or is of a later day, else the one that the stratifications give.
fn spoken_for<'a>(
    episode: &'a Resource,
    (earlier, is_followed): (&[Earlier], bool),
    today: Date,
) -> Option<Held<'a>> {
    let last = last(earlier, today).map(|one| one.on);
    if let Some(named) = tiers::named(episode).filter(|one| !is_followed && last <= one.named) {
        return Some(Held { since: today, after: None, ..named });
    }
    let (tier, until) = standing(earlier, today)?;
    let after = until.and_then(|(until, next)| Some((until.tomorrow().ok()?, next.code())));
    Some(Held { tier: tier.code(), since: today, after, named: None })
}
