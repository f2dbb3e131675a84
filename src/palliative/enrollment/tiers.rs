//! The tiers of need that an episode carries, each with the day since when. The earlier ones stay beside the newest:
//! what was paid and told of earlier days goes by them. <https://hl7.org/fhir/R4/episodeofcare.html>

use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::resource::Resource;
use crate::palliative::element::day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::vocabulary::TIER_EXTENSION;

/// The tiers of an episode in the order of their first days; of one day, the one that was put there last comes last.
/// A tier without a day has stood since the episode began.
pub fn all(episode: &Resource) -> Vec<(Date, &str)> {
    let began = episode.text("/period/start").and_then(day).unwrap_or(Date::MIN);
    let own = list(episode.get("extension")).filter(|one| is_tier(one));
    let mut tiers: Vec<(Date, &str)> = own
        .filter_map(|one| Some((since(one).unwrap_or(began), part(one, "tier")?.get("valueCode")?.as_str()?)))
        .collect();
    tiers.sort_by_key(|(since, _)| *since);
    tiers
}

/// The tier of an episode on a day.
pub fn on(episode: &Resource, date: Date) -> Option<&str> {
    let (_, tier) = all(episode).into_iter().rfind(|(since, _)| *since <= date)?;
    Some(tier)
}

/// The episode with a tier from a day on; the one that began on that day makes room for it. None where the newest is
/// the same, or began later.
pub fn with(episode: &Resource, tier: &str, from: Date) -> Option<Resource> {
    if all(episode).last().is_some_and(|(since, newest)| *newest == tier || *since > from) {
        return None;
    }
    let added = json!({ "url": TIER_EXTENSION, "extension": [
        { "url": "tier", "valueCode": tier }, { "url": "since", "valueDate": from.to_string() }] });
    let kept = list(episode.get("extension")).filter(|one| !is_tier(one) || since(one) != Some(from));
    let extensions: Vec<Value> = kept.cloned().chain([added]).collect();
    let mut episode = episode.clone();
    episode.object_mut().insert("extension".to_owned(), extensions.into());
    Some(episode)
}

fn is_tier(extension: &Value) -> bool {
    extension.get("url").and_then(Value::as_str) == Some(TIER_EXTENSION)
}

fn part<'a>(extension: &'a Value, name: &str) -> Option<&'a Value> {
    list(extension.get("extension")).find(|part| part.get("url").and_then(Value::as_str) == Some(name))
}

fn since(extension: &Value) -> Option<Date> {
    day(part(extension, "since")?.get("valueDate")?.as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn told(episode: &Resource) -> Vec<(String, &str)> {
        all(episode).into_iter().map(|(since, tier)| (since.to_string(), tier)).collect()
    }

    #[test]
    fn a_new_tier_stands_beside_the_earlier_ones_and_each_day_has_its_own() {
        let episode = json!({ "resourceType": "EpisodeOfCare", "id": "e", "period": { "start": "2025-03-01" },
            "extension": [{ "url": "https://example.org/other", "valueCode": "kept" }] });
        let episode = Resource::from_value(episode).unwrap();
        let first = with(&episode, "tier-3", date("2025-03-01")).unwrap();
        let second = with(&first, "tier-2", date("2025-05-10")).unwrap();
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
        assert!(with(&second, "tier-2", date("2025-06-01")).is_none(), "it is that tier already");
        assert!(with(&second, "tier-4", date("2025-05-09")).is_none(), "a later one stands");
        let again = with(&second, "tier-1", date("2025-05-10")).unwrap();
        assert_eq!(told(&again), [("2025-03-01".to_owned(), "tier-3"), ("2025-05-10".to_owned(), "tier-1")]);
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
}
