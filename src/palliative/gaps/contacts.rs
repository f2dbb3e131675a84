//! Contacts that are due: the first after the referral, then as often as the tier asks for.
//! <https://hl7.org/fhir/R4/encounter.html>
//!
//! A contact is an encounter that took place and names the episode, or that the programme's organisation gave. One in
//! person is any but those of class `VR`.

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::Resource;
use crate::fhir::reference::unversioned;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::guards::members;
use crate::palliative::gaps::Done;
use crate::palliative::gaps::Duty;
use crate::palliative::gaps::Following;
use crate::palliative::gaps::Gap;
use crate::palliative::gaps::Rhythm;
use crate::palliative::gaps::after;
use crate::palliative::vocabulary::RECEIVED_EXTENSION;

/// The days in which contacts in person are counted.
const IN_PERSON_DAYS: i64 = 30;

/// A contact with the programme.
struct Contact<'a> {
    on: Date,
    encounter: &'a Resource,
}

/// The first contact after the referral.
pub fn first(following: &Following) -> Option<Gap> {
    let planning = following.planning;
    let received = extension_of(planning.case.episode, RECEIVED_EXTENSION)?.get("valueDate")?.as_str()?;
    let received: Date = received.parse().ok()?;
    let program = planning.case.program;
    let days = program.first_visit_days.unwrap_or(following.intensity.first_contact_days);
    let due = after(received, days);
    let contacts = contacts(following);
    let counts = |contact: &&Contact| !program.in_person_required || is_in_person(contact.encounter);
    let first = contacts.iter().filter(counts).find(|contact| contact.on >= received);
    let words = format!("a first contact within {days} days of the referral");
    let rhythm = Rhythm::Once;
    let duty = Duty { code: "first-visit-overdue", domain: "1", rhythm, due, done: first.map(done), words };
    Some(duty.on(planning.as_of)).filter(|_| received <= planning.as_of)
}

/// Contacts, contacts in person and visits of a prescriber, as often as the tier asks for.
pub fn rhythm(following: &Following, start: Date) -> Vec<Gap> {
    let row = following.intensity;
    let contacts = contacts(following);
    let as_of = following.planning.as_of;
    let in_person: Vec<&Contact> = contacts.iter().filter(|one| is_in_person(one.encounter)).collect();
    let prescribers = prescribers(following);
    let visits: Vec<&Contact> = contacts.iter().filter(|one| is_of(one.encounter, &prescribers)).collect();
    let all: Vec<&Contact> = contacts.iter().collect();
    let mut duties = vec![duty(
        ("contact-overdue", format!("{} contacts in {} days", row.contacts, row.contact_days)),
        &all,
        (row.contacts, row.contact_days, start),
    )];
    duties.extend(row.in_person.map(|least| {
        let words = format!("{least} contacts in person in {IN_PERSON_DAYS} days");
        duty(("in-person-overdue", words), &in_person, (least, IN_PERSON_DAYS, start))
    }));
    duties.extend(row.prescriber_days.map(|days| {
        let words = format!("a visit of a prescriber every {days} days");
        duty(("prescriber-visit-overdue", words), &visits, (1, days, start))
    }));
    duties.into_iter().map(|duty| duty.on(as_of)).collect()
}

/// So many contacts in so many days: in time until the earliest of the last so many leaves the window.
fn duty(
    (code, words): (&'static str, String),
    contacts: &[&Contact],
    (least, days, start): (i64, i64, Date),
) -> Duty {
    let least = usize::try_from(least).unwrap_or(usize::MAX);
    let earliest = contacts.iter().rev().nth(least.saturating_sub(1));
    let begun = after(start, days);
    let due = earliest.map_or(begun, |contact| after(contact.on, days).max(begun));
    let done = earliest.and(contacts.last()).map(|contact| done(contact));
    Duty { code, domain: "1", rhythm: Rhythm::Again, due, done, words }
}

/// The contacts up to the day, the earliest first.
fn contacts<'a>(following: &Following<'a>) -> Vec<Contact<'a>> {
    let planning = following.planning;
    let case = planning.case;
    let episode = case.episode_name();
    let ours = |encounter: &Resource| {
        let of_episode = list(encounter.get("episodeOfCare"))
            .any(|one| one["reference"].as_str().map(unversioned) == Some(episode.as_str()));
        let organization = case.program.organization.as_deref().map(unversioned);
        let given = encounter.text("/serviceProvider/reference").map(unversioned);
        of_episode || (given.is_some() && given == organization)
    };
    let took_place = |encounter: &Resource| {
        matches!(
            encounter.text("/status"),
            Some("arrived" | "triaged" | "in-progress" | "onleave" | "finished")
        )
    };
    let mut contacts: Vec<Contact> = case
        .chart
        .of("Encounter")
        .filter(|encounter| ours(encounter) && took_place(encounter))
        .filter_map(|encounter| {
            let on = first_day(encounter.text("/period/start")?, case.program)?;
            Some(Contact { on, encounter })
        })
        .filter(|contact| contact.on <= planning.as_of)
        .collect();
    contacts.sort_by(|a, b| (a.on, a.encounter.id()).cmp(&(b.on, b.encounter.id())));
    contacts
}

fn done(contact: &Contact) -> Done {
    Done { on: contact.on, source: name(contact.encounter) }
}

fn is_in_person(encounter: &Resource) -> bool {
    encounter.text("/class/code").is_some_and(|class| class != "VR")
}

/// The members of the episode's team who prescribe.
fn prescribers(following: &Following) -> Vec<String> {
    let case = following.planning.case;
    let teams =
        list(case.episode.get("team")).filter_map(|team| case.chart.find(team["reference"].as_str()?));
    teams.flat_map(|team| members(team, "prescriber")).collect()
}

fn is_of(encounter: &Resource, people: &[String]) -> bool {
    list(encounter.get("participant")).any(|participant| {
        let individual = participant.pointer("/individual/reference").and_then(Value::as_str);
        individual.map(unversioned).is_some_and(|one| people.iter().any(|own| unversioned(own) == one))
    })
}
