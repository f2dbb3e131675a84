//! From which day on a coverage is noted that follows another. <https://hl7.org/fhir/R4/coverage.html>

use super::*;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::tests::coverage;
use crate::palliative::vocabulary::COVERAGE_HISTORY_EXTENSION;

/// The entries that are noted: the coverage and since when.
fn noted(world: &World) -> Vec<(String, String)> {
    let entries =
        list(world.episode().get("extension")).filter(|one| one["url"] == COVERAGE_HISTORY_EXTENSION);
    let part = |entry: &Value, name: &str, place: &str| {
        let part = list(entry.get("extension")).find(|one| one["url"] == name).unwrap();
        part.pointer(place).unwrap().as_str().unwrap().to_owned()
    };
    entries
        .map(|one| (part(one, "coverage", "/valueReference/reference"), part(one, "since", "/valueDate")))
        .collect()
}

/// Held on 10 March, where a coverage that has been in force since long ago follows the one that has ended.
fn followed(ended: &str, has_history: bool) -> Vec<(String, String)> {
    let mut world = World::new();
    world.enrolled();
    if !has_history {
        let name = crate::palliative::enrollment::facts::name(world.episode());
        let kept: Vec<Value> = list(world.episode().get("extension"))
            .filter(|one| one["url"] != COVERAGE_HISTORY_EXTENSION)
            .cloned()
            .collect();
        world.set(&name, "extension", kept.into());
    }
    world.set("Coverage/cov", "period", json!({ "start": "2025-01-01", "end": ended }));
    let mut other = coverage();
    (other["id"], other["period"]) = (json!("other"), json!({ "start": "2020-01-01" }));
    world.put(other);
    world.today = "2026-03-10".to_owned();
    world.act(&on(Action::Hold, "2026-03-10", "hold-travel")).unwrap();
    noted(&world)
}

#[test]
fn a_coverage_that_was_in_force_all_along_counts_from_when_the_other_has_ended() {
    let entry = |id: &str, since: &str| (format!("Coverage/{id}"), since.to_owned());
    assert_eq!(followed("2026-02-27", true), [entry("cov", "2026-01-15"), entry("other", "2026-02-28")]);
    // one of before there was a history: never before its first day
    assert_eq!(followed("2026-02-27", false), [entry("other", "2026-02-28")]);
    assert_eq!(followed("2026-01-10", false), [entry("other", "2026-03-10")]);
}

#[test]
fn a_coverage_that_gets_a_line_of_business_is_noted() {
    let mut world = World::new();
    world.enrolled();
    let kind = coverage()["type"].clone();
    world.today = "2026-03-10".to_owned();
    world.resources.get_mut("Coverage/cov").unwrap().object_mut().remove("type");
    world.act(&on(Action::Hold, "2026-03-10", "hold-travel")).unwrap();
    assert_eq!(noted(&world).len(), 2, "it has none any more");
    world.set("Coverage/cov", "type", kind);
    world.today = "2026-03-12".to_owned();
    world.act(&on(Action::Resume, "2026-03-12", "hold-travel")).unwrap();
    assert_eq!(noted(&world).len(), 3);
}
