//! Stratifications that were mistakes, over HTTP: which tier the open episode has without them, where somebody named one
//! with the enrolment, and where nothing is left that speaks for one.

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;
use crate::palliative_override::DAY;
use crate::palliative_override::START;
use crate::palliative_override::all;
use crate::palliative_override::deciding;
use crate::palliative_override::patient;
use crate::palliative_override::stratify;
use crate::programme::consented;
use crate::programme::refer;
use crate::programme::wish;

/// Stratifies with this tier, as a clinician decides; the RiskAssessment.
fn set(client: &Client, tier: &str) -> Value {
    let parts =
        json!([{ "name": "tier", "valueCode": tier }, { "name": "reason", "valueString": "As seen." }]);
    kept(client, deciding(parts))
}

fn kept(client: &Client, given: Value) -> Value {
    all(&stratify(client, given).expect(200), "riskAssessment").remove(0)["resource"].clone()
}

fn with_status(assessment: &Value, status: &str) -> (String, Value) {
    let mut changed = assessment.clone();
    changed["status"] = status.into();
    (format!("RiskAssessment/{}", assessment["id"].as_str().unwrap()), changed)
}

fn say(client: &Client, assessment: &Value, status: &str) {
    let (name, changed) = with_status(assessment, status);
    client.put(&format!("/{name}"), &changed).expect(200);
}

/// The tiers on the episode, each with its day, and whether it was named; the last one holds.
fn tiers(client: &Client, episode: &str) -> Vec<(String, String, bool)> {
    let stored = client.get(&format!("/EpisodeOfCare/{episode}")).expect(200).json();
    let own = |one: &&Value| one["url"].as_str().unwrap().ends_with("/risk-tier");
    let part = |one: &Value, name: &str, value: &str| {
        let parts = one["extension"].as_array().unwrap();
        parts.iter().find(|part| part["url"] == name).map(|part| part[value].as_str().unwrap().to_owned())
    };
    let tiers = stored["extension"].as_array().unwrap().iter().filter(own).map(|one| {
        let named = part(one, "named", "valueDate").is_some();
        (part(one, "tier", "valueCode").unwrap(), part(one, "since", "valueDate").unwrap(), named)
    });
    tiers.collect()
}

fn tier(code: &str, since: &str, named: bool) -> (String, String, bool) {
    (code.to_owned(), since.to_owned(), named)
}

/// Enrols from a day, with a tier or without.
fn enroll(client: &Client, episode: &str, start: &str, tier: Option<&str>) {
    let mut wish = wish("p");
    let given = wish["parameter"].as_array_mut().unwrap();
    given.retain(|one| one["name"] != "tier" && one["name"] != "startDate");
    given.push(json!({ "name": "startDate", "valueDate": start }));
    given.extend(tier.map(|tier| json!({ "name": "tier", "valueCode": tier })));
    client.post(&format!("/EpisodeOfCare/{episode}/$palliative-enroll"), &wish).expect(200);
}

#[test]
fn a_tier_that_the_enrolment_named_outlasts_mistakes_before_it_and_holds_again_after_later_ones() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = consented(&clinician, "p");
    patient(&clinician);
    set(&clinician, "tier-2");
    app.clock().set(START + DAY);
    let second = set(&clinician, "tier-3");
    app.clock().set(START + 2 * DAY);
    enroll(&clinician, &episode, "2026-03-02", Some("tier-1"));
    let named = tier("tier-1", "2026-03-02", true);
    assert_eq!(tiers(&clinician, &episode), std::slice::from_ref(&named));
    app.clock().set(START + 3 * DAY);
    say(&clinician, &second, "entered-in-error");
    assert_eq!(tiers(&clinician, &episode), std::slice::from_ref(&named), "nobody took this one back");
    say(&clinician, &second, "final");
    assert_eq!(tiers(&clinician, &episode), std::slice::from_ref(&named));
    let later = set(&clinician, "tier-4");
    let given = tier("tier-4", "2026-03-04", false);
    assert_eq!(tiers(&clinician, &episode), [named.clone(), given.clone()]);
    app.clock().set(START + 5 * DAY);
    say(&clinician, &later, "entered-in-error");
    let again = tier("tier-1", "2026-03-06", true);
    assert_eq!(tiers(&clinician, &episode), [named.clone(), given.clone(), again.clone()]);
    app.clock().set(START + 6 * DAY);
    say(&clinician, &later, "final");
    assert_eq!(tiers(&clinician, &episode), [named, given, again, tier("tier-4", "2026-03-07", false)]);
}

#[test]
fn the_only_stratification_is_taken_back_and_the_tier_that_was_named_on_its_day_stays() {
    let app = TestApp::new();
    let clinician = app.clinician();
    let episode = consented(&clinician, "p");
    patient(&clinician);
    let only = set(&clinician, "tier-2");
    enroll(&clinician, &episode, "2026-03-01", Some("tier-1"));
    say(&clinician, &only, "entered-in-error");
    assert_eq!(tiers(&clinician, &episode), [tier("tier-1", "2026-03-01", true)]);
    // The other way round: one on the day of the enrolment, and after it.
    let after = set(&clinician, "tier-2");
    assert_eq!(tiers(&clinician, &episode).last(), Some(&tier("tier-2", "2026-03-01", false)));
    say(&clinician, &after, "entered-in-error");
    assert_eq!(tiers(&clinician, &episode).last().map(|one| one.0.as_str()), Some("tier-1"));
}

#[test]
fn a_tier_that_the_enrolment_took_from_a_mistake_goes_with_it() {
    let app = TestApp::new();
    let clinician = app.clinician();
    patient(&clinician);
    let mistake = kept(&clinician, json!([{ "name": "record", "valueBoolean": true }]));
    app.clock().set(START + DAY);
    let episode = consented(&clinician, "p");
    enroll(&clinician, &episode, "2026-03-02", None);
    assert_eq!(tiers(&clinician, &episode), [tier("tier-4", "2026-03-02", false)]);
    say(&clinician, &mistake, "entered-in-error");
    assert_eq!(tiers(&clinician, &episode), []);
}

#[test]
fn several_mistakes_leave_no_tier_whether_they_are_taken_back_one_by_one_or_together() {
    for together in [false, true] {
        let app = TestApp::new();
        let clinician = app.clinician();
        patient(&clinician);
        let episode = refer(&clinician, "p");
        let first = set(&clinician, "tier-2");
        app.clock().set(START + 4 * DAY);
        let second = set(&clinician, "tier-3");
        assert_eq!(tiers(&clinician, &episode).len(), 2);
        app.clock().set(START + 5 * DAY);
        if together {
            let entry = [&first, &second].map(|one| {
                let (name, resource) = with_status(one, "entered-in-error");
                json!({ "resource": resource, "request": { "method": "PUT", "url": name } })
            });
            let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entry });
            clinician.post("", &bundle).expect(200);
        } else {
            say(&clinician, &first, "entered-in-error");
            assert_eq!(tiers(&clinician, &episode).len(), 2, "the second one stands");
            say(&clinician, &second, "entered-in-error");
        }
        assert_eq!(tiers(&clinician, &episode), [], "together: {together}");
    }
}
