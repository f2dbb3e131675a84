//! What our definitions say of themselves: their parameters, and what in them is from memory.

use super::*;
use crate::definitions::CANONICAL;

#[test]
fn every_parameter_of_a_criterion_is_told_of_in_its_definition() {
    let definitions = Definitions::shared().unwrap();
    let structure = &definitions.structures[&format!("{CANONICAL}/StructureDefinition/criterion")];
    let told: Vec<&str> = structure["snapshot"]["element"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|element| element["sliceName"].as_str())
        .collect();
    let mut names: Vec<&str> = Vec::new();
    for text in [
        include_str!("../kinds.rs"),
        include_str!("../dates/read.rs"),
        include_str!("../document.rs"),
        include_str!("../parameters.rs"),
    ] {
        for (call, rest) in text.match_indices("(\"").map(|(at, _)| (&text[..at], &text[at + 2..])) {
            let reads = [
                "parameters.text",
                "number",
                "conditions",
                "count",
                "decimal",
                "flag",
                "value_set",
                "value_sets",
                "days",
                "own_code",
                "own_codes",
                "codings",
                "all",
                "up_to",
                "ages_named",
            ];
            if reads.iter().any(|one| call.ends_with(&format!(".{one}")) || call.ends_with(one)) {
                names.extend(rest.split('"').next());
            }
        }
    }
    names.extend(["kind", "max", "ageMin", "ageMax"]);
    assert!(names.len() > 30, "{names:?}");
    let untold: Vec<_> = names.iter().filter(|name| !told.contains(name)).collect();
    assert!(untold.is_empty(), "{untold:?} are not told of in criterion.json");
    let unread: Vec<_> = told.iter().filter(|name| !names.contains(name)).collect();
    assert!(unread.is_empty(), "{unread:?} are told of and read by nothing");
}

#[test]
fn what_is_from_memory_says_so() {
    let definitions = Definitions::shared().unwrap();
    for id in [
        "liver-decompensation",
        "hiv-aids",
        "stroke-severe",
        "cancer-any",
        "cancer-poor-prognosis",
        "cancer-heme",
        "cancer-metastatic",
        "copd",
        "liver-cirrhosis",
        "neurodegenerative",
        "ckd4",
        "dnr-status",
        "sickle-cell",
        "caregiver-problem",
        "egfr",
        "peds-life-threatening",
    ] {
        let text =
            definitions.value_sets[&format!("{CANONICAL}/ValueSet/vs-{id}")]["description"].to_string();
        assert!(["from memory", "not verified"].iter().any(|mark| text.contains(mark)), "{id}: {text}");
    }
    for (set, ids) in [
        ("RS-CA-ADULT", vec!["liver-decomp", "liver-meld19", "liver-inr13"]),
        ("RS-SPICT", vec!["liver-decomp"]),
        ("RS-NEED", vec!["hrsn-food-1", "hrsn-housing", "hrsn-transport", "hrsn-utilities"]),
    ] {
        let set = rule_sets().find(&format!("{CANONICAL}/PlanDefinition/{set}")).unwrap();
        for id in ids {
            let criterion = set.criteria().iter().find(|one| one.id == id).unwrap();
            assert!(criterion.source.to_lowercase().contains("from memory"), "{id}: {}", criterion.source);
        }
    }
}
