//! The rules here and the Measures among the definitions say the same.

use super::*;
use crate::palliative::measures::MEASURES;

#[test]
fn every_measure_has_its_definition_with_the_same_groups_and_populations() {
    let definitions = Definitions::shared().unwrap();
    assert_eq!(definitions.measures.len(), MEASURES.len());
    let codes = |list: &Value| -> Vec<String> {
        let code = |one: &Value| one["code"]["coding"][0]["code"].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(code).collect()
    };
    for measure in MEASURES {
        let definition = definitions.measures.values().find(|one| one["id"] == measure.id).unwrap();
        let groups: Vec<&str> = measure.groups.iter().map(|group| group.code).collect();
        assert_eq!(codes(&definition["group"]), groups, "{}", measure.id);
        for (group, defined) in measure.groups.iter().zip(definition["group"].as_array().unwrap()) {
            let own: Vec<&str> = group.populations.iter().map(|one| one.code).collect();
            assert_eq!(codes(&defined["population"]), own, "{}", measure.id);
            for population in defined["population"].as_array().unwrap() {
                assert_eq!(population["description"], population["criteria"]["expression"]);
            }
        }
    }
}

#[test]
fn a_measure_is_found_by_its_id_and_its_canonical() {
    for name in ["days-at-home", "https://comfrey.health/fhir/Measure/days-at-home"] {
        assert_eq!(Measure::find(name).unwrap().id, "days-at-home");
    }
    for name in
        ["", "days", "https://example.org/Measure/days-at-home", "https://comfrey.health/fhir/days-at-home"]
    {
        assert!(Measure::find(name).is_none(), "{name}");
    }
}
