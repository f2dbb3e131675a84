//! What a report says and what it does not.

use super::*;

#[test]
fn an_episode_of_a_programme_of_which_nothing_is_known_is_told_and_counts_nowhere() {
    let mut resources = person("p", "2025-01-01");
    resources[1]["extension"][1]["valueReference"]["reference"] = json!("HealthcareService/gone");
    let course = course(&resources);
    assert_eq!((course.at_risk, &course.without_rules), (0, &vec!["HealthcareService/gone".to_owned()]));
    let told = r#"{"url":"code","valueCode":"program-without-rules"},{"url":"count","valueInteger":1},{"url":"source","valueReference":{"reference":"HealthcareService/gone"}}"#;
    assert!(summary("days-at-home", vec![course]).to_string().contains(told));
}

#[test]
fn t_62_counts_are_whole_numbers_and_there_is_no_score_without_a_denominator() {
    for measure in
        ["days-at-home", "ed-treat-and-release", "unplanned-admissions", "acute-days", "crisis-events"]
    {
        let report = summary(measure, vec![]);
        for group in 0..report["group"].as_array().unwrap().len() {
            assert!(counts(&report, group).iter().all(|(_, count)| *count == 0), "{measure}");
            assert!(report["group"][group].get("measureScore").is_none(), "{measure}");
        }
    }
}

#[test]
fn a_report_on_one_person_names_what_it_was_made_from_and_a_list_names_who_is_in_it() {
    let resources = with(person("p", "2025-01-01"), [encounter("ed", "EMER", "2025-05-01", "2025-05-01")]);
    let one = report("days-at-home", vec![course(&resources)], About::Person("Patient/p".into()));
    assert_eq!((&one["type"], &one["subject"]["reference"]), (&json!("individual"), &json!("Patient/p")));
    let sources = json!([{ "reference": "Encounter/ed" }, { "reference": "EpisodeOfCare/p-2025-01-01" }]);
    assert_eq!(one["evaluatedResource"], sources);
    let about = About::People { group: Some("Group/g".into()), listed: true };
    let listed =
        report("ed-treat-and-release", vec![course(&resources), course(&person("q", "2025-01-01"))], about);
    let who = |list: usize| listed["contained"][list]["entry"].as_array().map_or(0, Vec::len);
    assert_eq!((who(2), who(3)), (2, 1));
    assert_eq!(listed["contained"][3]["entry"][0]["item"]["reference"], "Patient/p");
    assert_eq!(listed["group"][0]["population"][3]["subjectResults"]["reference"], "#visits-numerator");
    assert!(listed.get("evaluatedResource").is_none());
    let shapes = &Definitions::shared().unwrap().shapes;
    for report in [one, listed] {
        assert_eq!(crate::fhir::shape::validate(shapes, &report), Vec::new());
    }
}
