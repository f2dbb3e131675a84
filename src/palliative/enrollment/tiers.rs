//! The tiers of need that an episode carries, each with the day since when. The earlier ones stay beside the newest:
//! what was paid and told of earlier days goes by them. One that a clinician set until a day says which tier is next.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::resource::Resource;
use crate::palliative::element::day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::vocabulary::TIER_EXTENSION;

/// A tier of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    /// Its code.
    pub tier: &'a str,
    /// Its first day.
    pub since: Date,
    /// Where it ends by itself: the tier that takes its place, and from which day on.
    pub after: Option<(Date, &'a str)>,
    /// Where no stratification gave it, but somebody named it with the enrolment: on which day.
    pub named: Option<Date>,
}

/// The tiers of an episode in the order of their first days; of one day, the one that was put there last comes last.
/// A tier without a day has stood since the episode began. One that a clinician set ends with its last day, unless
/// another one has begun by then.
pub fn all(episode: &Resource) -> Vec<(Date, &str)> {
    let written = written(episode);
    let mut tiers = Vec::new();
    for (at, one) in written.iter().enumerate() {
        tiers.push((one.since, one.tier));
        let next = written.get(at + 1).map(|next| next.since);
        tiers.extend(one.after.filter(|(from, _)| next.is_none_or(|next| *from < next)));
    }
    tiers
}

/// The tier of an episode on a day.
pub fn on(episode: &Resource, date: Date) -> Option<&str> {
    let (_, tier) = all(episode).into_iter().rfind(|(since, _)| *since <= date)?;
    Some(tier)
}

/// The tier that was put on the episode last, by its first day.
pub fn newest(episode: &Resource) -> Option<Held<'_>> {
    written(episode).pop()
}

/// The tier that was named with the enrolment; none where none was.
pub fn named(episode: &Resource) -> Option<Held<'_>> {
    written(episode).into_iter().rfind(|one| one.named.is_some())
}

/// The episode with a tier from a day on; the one that began on that day makes room for it, but one that was named stays
/// beneath what a stratification gives, for it holds again where that was a mistake. None where the newest is
/// the same, or began later. Where the newest is the same but ends otherwise, it goes on from its own first day.
pub fn with(episode: &Resource, held: &Held) -> Option<Resource> {
    let newest = newest(episode);
    let goes_on =
        |newest: &Held| newest.tier == held.tier && newest.after.is_none_or(|(from, _)| held.since < from);
    let from = match newest {
        Some(newest) if newest.since > held.since => return None,
        Some(newest) if goes_on(&newest) && newest.after == held.after => return None,
        Some(newest) if goes_on(&newest) => newest.since,
        Some(_) | None => held.since,
    };
    let mut parts = vec![
        json!({ "url": "tier", "valueCode": held.tier }),
        json!({ "url": "since", "valueDate": from.to_string() }),
    ];
    if let Some((until, tier)) = held.after.and_then(|(from, tier)| Some((from.yesterday().ok()?, tier))) {
        parts.push(json!({ "url": "until", "valueDate": until.to_string() }));
        parts.push(json!({ "url": "settled", "valueCode": tier }));
    }
    parts.extend(held.named.map(|day| json!({ "url": "named", "valueDate": day.to_string() })));
    let added = json!({ "url": TIER_EXTENSION, "extension": parts });
    let began = began(episode);
    let stays = |one: &Value| held.named.is_none() && date_of(one, "named").is_some();
    let makes_room = |one: &Value| is_tier(one) && since(one).unwrap_or(began) == from && !stays(one);
    let kept = list(episode.get("extension")).filter(|one| !makes_room(one));
    let extensions: Vec<Value> = kept.cloned().chain([added]).collect();
    let mut episode = episode.clone();
    episode.object_mut().insert("extension".to_owned(), extensions.into());
    Some(episode)
}

/// The episode without any tier; none where it has none.
pub fn without(episode: &Resource) -> Option<Resource> {
    let all: Vec<&Value> = list(episode.get("extension")).collect();
    let kept: Vec<Value> = all.iter().filter(|one| !is_tier(one)).map(|one| (*one).clone()).collect();
    (kept.len() < all.len()).then(|| {
        let mut episode = episode.clone();
        episode.object_mut().insert("extension".to_owned(), kept.into());
        episode
    })
}

/// The tiers as they are written on the episode, in the order of their first days.
fn written(episode: &Resource) -> Vec<Held<'_>> {
    let began = began(episode);
    let own = list(episode.get("extension")).filter(|one| is_tier(one));
    let mut tiers: Vec<Held> = own.filter_map(|one| read(one, began)).collect();
    tiers.sort_by_key(|one| one.since);
    tiers
}

fn read(extension: &Value, began: Date) -> Option<Held<'_>> {
    let code = |name: &str| part(extension, name)?.get("valueCode")?.as_str();
    let since = since(extension).unwrap_or(began);
    let until = || date_of(extension, "until")?.tomorrow().ok();
    let after = until().filter(|from| *from > since).zip(code("settled"));
    Some(Held { tier: code("tier")?, since, after, named: date_of(extension, "named") })
}

fn began(episode: &Resource) -> Date {
    episode.text("/period/start").and_then(day).unwrap_or(Date::MIN)
}

fn is_tier(extension: &Value) -> bool {
    extension.get("url").and_then(Value::as_str) == Some(TIER_EXTENSION)
}

fn part<'a>(extension: &'a Value, name: &str) -> Option<&'a Value> {
    list(extension.get("extension")).find(|part| part.get("url").and_then(Value::as_str) == Some(name))
}

fn since(extension: &Value) -> Option<Date> {
    date_of(extension, "since")
}

fn date_of(extension: &Value, name: &str) -> Option<Date> {
    day(part(extension, name)?.get("valueDate")?.as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn held<'a>(tier: &'a str, since: &str) -> Held<'a> {
        Held { tier, since: date(since), after: None, named: None }
    }

    fn told(episode: &Resource) -> Vec<(String, &str)> {
        all(episode).into_iter().map(|(since, tier)| (since.to_string(), tier)).collect()
    }

    #[test]
    fn a_new_tier_stands_beside_the_earlier_ones_and_each_day_has_its_own() {
        let episode = json!({ "resourceType": "EpisodeOfCare", "id": "e", "period": { "start": "2025-03-01" },
            "extension": [{ "url": "https://example.org/other", "valueCode": "kept" }] });
        let episode = Resource::from_value(episode).unwrap();
        let first = with(&episode, &held("tier-3", "2025-03-01")).unwrap();
        let second = with(&first, &held("tier-2", "2025-05-10")).unwrap();
        assert_eq!(told(&second), [("2025-03-01".to_owned(), "tier-3"), ("2025-05-10".to_owned(), "tier-2")]);
        for (on_day, expected) in [
            ("2025-02-28", None),
            ("2025-03-01", Some("tier-3")),
            ("2025-05-09", Some("tier-3")),
            ("2025-05-10", Some("tier-2")),
            ("2026-01-01", Some("tier-2")),
        ] {
            assert_eq!(on(&second, date(on_day)), expected, "{on_day}");
        }
        assert_eq!(second.value()["extension"][0]["valueCode"], "kept");
        assert!(with(&second, &held("tier-2", "2025-06-01")).is_none(), "it is that tier already");
        assert!(with(&second, &held("tier-4", "2025-05-09")).is_none(), "a later one stands");
        let again = with(&second, &held("tier-1", "2025-05-10")).unwrap();
        assert_eq!(told(&again), [("2025-03-01".to_owned(), "tier-3"), ("2025-05-10".to_owned(), "tier-1")]);
    }

    #[test]
    fn a_tier_that_was_named_stays_beneath_what_a_stratification_of_the_same_day_gives() {
        let episode =
            json!({ "resourceType": "EpisodeOfCare", "id": "e", "period": { "start": "2026-01-01" } });
        let episode = Resource::from_value(episode).unwrap();
        let four = Held { named: Some(date("2026-01-02")), ..held("tier-4", "2026-01-01") };
        let first = with(&episode, &four).unwrap();
        assert_eq!(named(&first), Some(four));
        let given = with(&first, &held("tier-2", "2026-01-01")).unwrap();
        assert_eq!((on(&given, date("2026-01-01")), named(&given)), (Some("tier-2"), Some(four)));
        let again = with(&given, &held("tier-3", "2026-01-01")).unwrap();
        assert_eq!(told(&again), [("2026-01-01".to_owned(), "tier-4"), ("2026-01-01".to_owned(), "tier-3")]);
        let back = with(&again, &four).unwrap();
        assert_eq!(told(&back), [("2026-01-01".to_owned(), "tier-4")]);
        assert_eq!(without(&back).unwrap().value()["extension"], json!([]));
        assert_eq!((without(&episode), named(&episode)), (None, None));
    }

    #[test]
    fn a_tier_without_a_day_has_stood_since_the_episode_began() {
        let tier =
            json!([{ "url": TIER_EXTENSION, "extension": [{ "url": "tier", "valueCode": "tier-2" }] }]);
        let of = |more: Value| {
            let mut episode = json!({ "resourceType": "EpisodeOfCare", "id": "e", "extension": tier });
            episode.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Resource::from_value(episode).unwrap()
        };
        let begun = of(json!({ "period": { "start": "2025-03-01" } }));
        assert_eq!((on(&begun, date("2025-02-28")), on(&begun, date("2025-03-01"))), (None, Some("tier-2")));
        assert_eq!(on(&of(json!({})), date("2025-02-28")), Some("tier-2"));
    }

    #[test]
    fn a_tier_that_a_clinician_set_ends_with_its_last_day() {
        let episode =
            json!({ "resourceType": "EpisodeOfCare", "id": "e", "period": { "start": "2026-01-01" } });
        let episode = Resource::from_value(episode).unwrap();
        let until = |since: &str, from: &str, settled: &'static str| Held {
            after: Some((date(from), settled)),
            ..held("tier-1", since)
        };
        let on_days = |episode: &Resource, days: &[(&str, &str)]| {
            for (day, tier) in days {
                assert_eq!(on(episode, date(day)), Some(*tier), "{day}");
            }
        };
        let four = with(&episode, &held("tier-4", "2026-01-05")).unwrap();
        let set = with(&four, &until("2026-02-01", "2026-03-16", "tier-4")).unwrap();
        let days = [("2026-01-31", "tier-4"), ("2026-02-01", "tier-1"), ("2026-03-15", "tier-1")];
        on_days(&set, &days);
        on_days(&set, &[("2026-03-16", "tier-4"), ("2027-01-01", "tier-4")]);
        // Said again while it holds: its first day stays, and what comes after it is as it is known now.
        assert!(with(&set, &until("2026-02-10", "2026-03-16", "tier-4")).is_none());
        let longer = with(&set, &until("2026-02-10", "2026-04-01", "tier-3")).unwrap();
        on_days(&longer, &days);
        on_days(&longer, &[("2026-03-31", "tier-1"), ("2026-04-01", "tier-3")]);
        assert_eq!(told(&longer).len(), 3);
        // Ended before its day, and after it: what begins then stands for itself.
        let ended = with(&longer, &held("tier-4", "2026-02-20")).unwrap();
        on_days(&ended, &[("2026-02-19", "tier-1"), ("2026-02-20", "tier-4"), ("2026-04-01", "tier-4")]);
        let after = with(&longer, &held("tier-3", "2026-04-05")).unwrap();
        on_days(&after, &[("2026-03-31", "tier-1"), ("2026-04-01", "tier-3"), ("2026-04-05", "tier-3")]);
        let again = with(&longer, &held("tier-1", "2026-04-05")).unwrap();
        on_days(&again, &[("2026-04-01", "tier-3"), ("2026-04-05", "tier-1")]);
        assert!(with(&after, &until("2026-03-01", "2026-04-01", "tier-2")).is_none(), "a later one stands");
        let for_good = with(&longer, &held("tier-1", "2026-03-01")).unwrap();
        on_days(&for_good, &[("2026-02-01", "tier-1"), ("2026-04-01", "tier-1")]);
    }
}
