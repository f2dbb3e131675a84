//! To which medical home a person belongs while an episode goes on: the one of the first day stays frozen, and each change
//! is noted beside it with its day, by the next step of the enrolment. <https://hl7.org/fhir/us/davinci-atr/>
//!
//! Where nothing tells which it is, nothing is noted. One that somebody named beside what attribution said holds until
//! attribution says another than it did then.

use fhir_typed::types::Extension;
use fhir_typed::types::ExtensionValue;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::element::complex;
use crate::palliative::element::date_value;
use crate::palliative::element::day;
use crate::palliative::element::extension;
use crate::palliative::element::plain_code;
use crate::palliative::element::reference;
use crate::palliative::element::reference_value;
use crate::palliative::enrollment::attribution::Why;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::list;
use crate::palliative::vocabulary::ATTRIBUTION_EXTENSION;
use crate::palliative::vocabulary::PCMH_EXTENSION;
use crate::palliative::vocabulary::PCMH_HISTORY_EXTENSION;

/// What was noted last.
struct Noted<'a> {
    site: &'a str,
    is_named: bool,
    /// Not known where it was frozen before there was a history.
    since: Option<Date>,
    attributed: Option<&'a str>,
}

/// The medical home of the first day, frozen, with the reason for which it is that one.
pub fn frozen((site, why): (&str, Why)) -> Extension {
    extension(PCMH_EXTENSION, home(site, why))
}

/// The first entry, with the site to which the person would be attributed where another was named.
pub fn first((site, why): (&str, Why), attributed: Option<&str>, start: Date) -> Extension {
    let attributed = attributed.filter(|other| *other != unversioned(site));
    let attributed = attributed.map(|other| extension("attributed", reference_value(other)));
    entry((site, why), start, attributed)
}

/// Notes that a person is attributed to another medical home on a day than was noted last.
pub fn follow(episode: &Resource, stored: &mut Episode, (site, why): (&str, Why), on: Date) {
    let is_same = last(episode).is_some_and(|last| {
        let known = last.since.is_some() || !last.is_named;
        // A step that is told of late says nothing of what has been noted since.
        let is_late = last.since.is_some_and(|since| on < since);
        let is_passed_over = last.is_named && last.attributed == Some(site);
        last.site == site || !known || is_late || is_passed_over
    });
    if !is_same {
        stored.add(entry((site, why), on, None));
    }
}

/// The medical home on a day, as a Reference: the last that was noted by then, else the frozen one.
pub fn on(episode: &Resource, date: Date) -> Option<&Value> {
    let mut noted: Vec<(Date, &Value)> = entries(episode)
        .filter_map(|one| Some((since(one)?, part(one, "site")?.get("valueReference")?)))
        .filter(|(since, _)| *since <= date)
        .collect();
    noted.sort_by_key(|(since, _)| *since);
    let frozen = || extension_of(episode, PCMH_EXTENSION)?.get("valueReference");
    noted.pop().map(|(_, site)| site).or_else(frozen)
}

fn last(episode: &Resource) -> Option<Noted<'_>> {
    let is_named = |reference: &Value| {
        list(reference.get("extension"))
            .any(|one| one["url"] == ATTRIBUTION_EXTENSION && one["valueCode"] == Why::Named.code())
    };
    let Some(entry) = entries(episode).last() else {
        let frozen = extension_of(episode, PCMH_EXTENSION)?.get("valueReference")?;
        return Some(Noted {
            site: to_name(frozen)?,
            is_named: is_named(frozen),
            since: None,
            attributed: None,
        });
    };
    let site = part(entry, "site")?.get("valueReference")?;
    let attributed = part(entry, "attributed").and_then(|one| one.get("valueReference")).and_then(to_name);
    Some(Noted { site: to_name(site)?, is_named: is_named(site), since: since(entry), attributed })
}

fn to_name(reference: &Value) -> Option<&str> {
    reference.get("reference").and_then(Value::as_str).map(unversioned)
}

fn entries(episode: &Resource) -> impl Iterator<Item = &Value> {
    list(episode.get("extension")).filter(|one| one["url"] == PCMH_HISTORY_EXTENSION)
}

fn part<'a>(entry: &'a Value, name: &str) -> Option<&'a Value> {
    list(entry.get("extension")).find(|one| one["url"] == name)
}

fn since(entry: &Value) -> Option<Date> {
    day(part(entry, "since")?.get("valueDate")?.as_str()?)
}

fn entry(home_of: (&str, Why), since: Date, further: Option<Extension>) -> Extension {
    let (site, why) = home_of;
    let parts = [extension("site", home(site, why)), extension("since", date_value(since))];
    complex(PCMH_HISTORY_EXTENSION, parts.into_iter().chain(further).collect())
}

/// The medical home, with the reason for which it is that one.
fn home(site: &str, why: Why) -> ExtensionValue {
    let mut to = reference(site);
    to.extension.push(extension(ATTRIBUTION_EXTENSION, plain_code(why.code())));
    ExtensionValue::Reference(to)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::palliative::enrollment::enroll::Enrollment;
    use crate::palliative::enrollment::request::Request;
    use crate::palliative::enrollment::table::Action;
    use crate::palliative::enrollment::tests::World;
    use crate::palliative::enrollment::tests::on as acting;
    use crate::palliative::enrollment::tests::wish;

    const NORTH: &str = "Organization/north";
    const SOUTH: &str = "Organization/south";

    /// A person who is enrolled from 1 January with this medical home, and holds and goes on on these days, each with what
    /// attribution says then.
    fn noted(home: Option<(&str, Why)>, attributed: Option<&str>, steps: &[(&str, Option<&str>)]) -> World {
        let mut world = World::new();
        world.consented();
        let site = home.map(|(site, why)| (site.to_owned(), why));
        let start: Date = "2026-01-15".parse().unwrap();
        let own = Enrollment { start, pcmh_site: site, attributed: attributed.map(str::to_owned), ..wish() };
        world.enroll(&own).unwrap();
        world.today = "2026-03-20".into();
        for (at, (day, site)) in steps.iter().enumerate() {
            let (action, reason) =
                if at % 2 == 0 { (Action::Hold, "hold-travel") } else { (Action::Resume, "") };
            let asked = acting(action, day, reason);
            let home = site.map(|site| (site.to_owned(), Why::GeneralPractitioner));
            let reasons = if reason.is_empty() { Vec::new() } else { asked.reasons };
            world.act(&Request { home, reasons, ..acting(action, day, reason) }).unwrap();
        }
        world
    }

    fn sites(world: &World) -> Vec<String> {
        let episode = world.episode();
        let one = |entry: &Value| {
            let site = part(entry, "site").unwrap()["valueReference"]["reference"].as_str().unwrap();
            format!("{} {}", since(entry).unwrap(), site.trim_start_matches("Organization/"))
        };
        entries(episode).map(one).collect()
    }

    #[test]
    fn each_change_is_noted_with_its_day_and_the_first_stays_frozen() {
        let gp = Why::GeneralPractitioner;
        let steps = [
            ("2026-02-01", Some(NORTH)),
            ("2026-02-10", Some(SOUTH)),
            ("2026-03-01", None),
            ("2026-03-10", Some(SOUTH)),
        ];
        let world = noted(Some((NORTH, gp)), None, &steps);
        assert_eq!(sites(&world), ["2026-01-15 north", "2026-02-10 south"]);
        let episode = world.episode();
        assert_eq!(extension_of(episode, PCMH_EXTENSION).unwrap()["valueReference"]["reference"], NORTH);
        let on = |day: &str| on(episode, day.parse().unwrap()).and_then(to_name);
        assert_eq!(
            [on("2026-01-10"), on("2026-02-09"), on("2026-02-10")],
            [Some(NORTH), Some(NORTH), Some(SOUTH)]
        );
        // one that nobody knew of on the first day is known from the day on which it is noted
        let world = noted(None, None, &[("2026-02-01", None), ("2026-02-10", Some(SOUTH))]);
        assert_eq!(sites(&world), ["2026-02-10 south"]);
    }

    #[test]
    fn one_that_was_named_holds_until_attribution_says_another_than_it_did_then() {
        let named = Some((NORTH, Why::Named));
        for (attributed, now, expected) in [
            (Some(SOUTH), Some(SOUTH), &["2026-01-15 north"][..]),
            (Some(SOUTH), Some("Organization/east"), &["2026-01-15 north", "2026-02-01 east"]),
            (Some(NORTH), Some(SOUTH), &["2026-01-15 north", "2026-02-01 south"]),
            (None, Some(SOUTH), &["2026-01-15 north", "2026-02-01 south"]),
            (None, None, &["2026-01-15 north"]),
        ] {
            let world = noted(named, attributed, &[("2026-02-01", now)]);
            assert_eq!(sites(&world), expected, "{attributed:?} {now:?}");
        }
    }

    #[test]
    fn an_episode_of_before_there_was_a_history_begins_it_with_its_first_change() {
        let frozen = |why: &str| {
            let reference = json!({ "reference": NORTH,
                "extension": [{ "url": ATTRIBUTION_EXTENSION, "valueCode": why }] });
            let episode = json!({ "resourceType": "EpisodeOfCare", "id": "e", "status": "active",
                "extension": [{ "url": PCMH_EXTENSION, "valueReference": reference }] });
            Resource::from_value(episode).unwrap()
        };
        for (why, site, count) in
            [("general-practitioner", SOUTH, 1), ("general-practitioner", NORTH, 0), ("named", SOUTH, 0)]
        {
            let episode = frozen(why);
            let mut stored = Episode::of(&episode);
            follow(&episode, &mut stored, (site, Why::GeneralPractitioner), "2026-02-01".parse().unwrap());
            assert_eq!(stored.count(PCMH_HISTORY_EXTENSION), count, "{why} {site}");
            assert_eq!(on(&episode, "2026-02-01".parse().unwrap()).and_then(to_name), Some(NORTH));
        }
    }
}
