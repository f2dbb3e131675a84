//! The assessment before the service, which is paid whether or not the person then enrols: one for each episode.
//! <https://hl7.org/fhir/R4/encounter.html>

use jiff::civil::Date;

use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::last_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::state::State;
use crate::palliative::payment::Account;
use crate::palliative::program::Program;
use crate::palliative::time_line::Stretch;
use crate::palliative::vocabulary::ENCOUNTER_TYPE_SYSTEM;
use crate::palliative::vocabulary::END_DATE_EXTENSION;
use crate::palliative::vocabulary::INTAKE_EXTENSION;
use crate::palliative::vocabulary::RECEIVED_EXTENSION;
use crate::palliative::vocabulary::SNOMED;

/// The admissions to palliative care of SNOMED CT, and our own code.
const INTAKES: [(&str, &str); 3] =
    [(SNOMED, "305284002"), (SNOMED, "305381007"), (ENCOUNTER_TYPE_SYSTEM, "intake")];

/// The first intake of each of a person's episodes, with its day. Each encounter is the intake of one episode.
pub fn intakes<'a>(
    account: &Account<'a>,
    episodes: &[(&'a Resource, &Program)],
) -> Vec<(&'a Resource, Date)> {
    let mut found: Vec<(&Resource, Date)> = Vec::new();
    let mut taken: Vec<&Resource> = Vec::new();
    // An episode that names its intake comes before one whose dates would fit it too.
    let mut order: Vec<&(&Resource, &Program)> = episodes.iter().collect();
    order.sort_by_key(|(episode, _)| (extension_of(episode, INTAKE_EXTENSION).is_none(), episode.id()));
    for (episode, program) in order {
        let mut own: Vec<(Date, &Resource)> = account
            .chart
            .of("Encounter")
            .filter(|encounter| {
                encounter.text("/status") == Some("finished") && is_intake(encounter, episode)
            })
            .filter(|encounter| !taken.iter().any(|other| other.id() == encounter.id()))
            .filter_map(|encounter| Some((day_in(encounter, program)?, encounter)))
            .filter(|(day, encounter)| belongs(encounter, *day, episode, program))
            .collect();
        own.sort_by_key(|(day, encounter)| (*day, encounter.id()));
        if let Some((day, encounter)) = own.first() {
            taken.push(encounter);
            found.push((episode, *day));
        }
    }
    found
}

/// The day of an encounter, where it is known to the day.
fn day_in(encounter: &Resource, program: &Program) -> Option<Date> {
    let start = encounter.text("/period/start")?;
    first_day(start, program).filter(|first| last_day(start, program) == Some(*first))
}

/// By its type, or because the episode names it.
fn is_intake(encounter: &Resource, episode: &Resource) -> bool {
    let of_type =
        list(encounter.get("type")).any(|concept| codings(Some(concept)).any(|one| INTAKES.contains(&one)));
    of_type || named(episode) == Some(name(encounter).as_str())
}

fn named(episode: &Resource) -> Option<&str> {
    extension_of(episode, INTAKE_EXTENSION)?.pointer("/valueReference/reference")?.as_str()
}

/// Whether the encounter, on its day, was the assessment for this episode: before or on the first enrolled day, or
/// within an episode that ended without one.
fn belongs(encounter: &Resource, day: Date, episode: &Resource, program: &Program) -> bool {
    let Some(state) = state_of(episode) else { return false };
    let never = matches!(state, State::Declined | State::NotEligible | State::Lapsed);
    let date = |url: &str| {
        extension_of(episode, url).and_then(|one| first_day(one.get("valueDate")?.as_str()?, program))
    };
    let until = match episode.text("/period/start") {
        Some(start) => first_day(start, program),
        None if never => date(END_DATE_EXTENSION),
        None => None,
    };
    let Some(until) = until.filter(|_| state != State::EnteredInError) else { return false };
    let linked = list(encounter.get("episodeOfCare")).any(|one| {
        one.get("reference").and_then(|one| one.as_str()).map(unversioned) == Some(name(episode).as_str())
    });
    let since = if linked || named(episode) == Some(name(encounter).as_str()) {
        Date::MIN
    } else {
        date(RECEIVED_EXTENSION).unwrap_or(until)
    };
    Stretch::new(since, until).is_some_and(|window| window.contains(day))
}
