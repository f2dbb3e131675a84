//! Each row of the template: met, not met and unknown.

use serde_json::Value;
use serde_json::json;

use super::LOINC;
use super::OBSERVATION_SYSTEM;
use super::actions;
use super::enrolled;
use super::observed;
use super::planned;
use super::score;
use super::tier;
use crate::palliative::enrollment::tests::World;

/// What is put on record for an action to belong to the plan, and for it to be known that it does not.
struct Case {
    action: String,
    met: Vec<Value>,
    not_met: Vec<Value>,
}

fn case(action: &str, met: Vec<Value>, not_met: Vec<Value>) -> Case {
    Case { action: action.to_owned(), met, not_met }
}

pub(super) fn answer(code: &str, answer: &str) -> Value {
    let value = json!({ "valueCodeableConcept": { "coding": [{ "system": LOINC, "code": answer }] } });
    observed(&format!("answer-{code}"), (LOINC, code), "2026-01-14", value)
}

pub(super) fn condition(code: &str) -> Value {
    json!({ "resourceType": "Condition", "id": "problem", "subject": { "reference": "Patient/p" },
        "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code }] },
        "recordedDate": "2026-01-10" })
}

pub(super) fn attested(code: &str, is: bool) -> Value {
    observed(
        &format!("attested-{code}"),
        (OBSERVATION_SYSTEM, code),
        "2026-01-14",
        json!({ "valueBoolean": is }),
    )
}

pub(super) fn own(code: &str, number: f64) -> Value {
    score((OBSERVATION_SYSTEM, code), number)
}

fn symptoms() -> Vec<Case> {
    let symptoms = [
        "tiredness",
        "drowsiness",
        "nausea",
        "appetite",
        "dyspnea",
        "depression",
        "anxiety",
        "wellbeing",
        "other",
    ];
    let rated = symptoms.iter().chain(["pain"].iter());
    let all_low: Vec<Value> = rated.map(|one| own(&format!("esas-{one}"), 3.0)).collect();
    let cases: Vec<Case> = symptoms
        .iter()
        .map(|one| case(&format!("d2-{one}"), vec![own(&format!("esas-{one}"), 4.0)], all_low.clone()))
        .collect();
    let any = case("d2-protocol", vec![own("esas-nausea", 6.0)], all_low.clone());
    // Who has pain alone is the one who gets an opioid.
    let bowel = case("d2-bowel", vec![own("esas-pain", 4.0)], all_low.clone());
    let review = case("d2-review", vec![score((LOINC, "72514-3"), 4.0)], all_low);
    cases.into_iter().chain([any, bowel, review]).collect()
}

fn cases() -> Vec<Case> {
    let pain = |number| vec![score((LOINC, "72514-3"), number)];
    let pps = |id: &str, day: &str, number: i64| {
        observed(id, (OBSERVATION_SYSTEM, "pps"), day, json!({ "valueInteger": number }))
    };
    let fell = vec![pps("a", "2025-12-01", 70), pps("b", "2026-01-10", 50)];
    let adl = |number: i64| {
        observed(
            "adl",
            (OBSERVATION_SYSTEM, "adl-dependence-count"),
            "2026-01-14",
            json!({ "valueInteger": number }),
        )
    };
    let steady = vec![pps("a", "2025-12-01", 70), pps("b", "2026-01-10", 60), adl(1)];
    let loinc = |code: &str, number| score((LOINC, code), number);
    let calm = vec![loinc("44261-6", 9.0), loinc("70274-6", 9.0)];
    let no_need = || {
        vec![
            answer("88122-7", "LA28398-8"),
            answer("88123-5", "LA28398-8"),
            answer("71802-3", "LA31993-1"),
            answer("93030-5", "LA32-8"),
            answer("96779-4", "LA32-8"),
            // without any diagnosis on file a social one may be missing too
            json!({ "resourceType": "Condition", "id": "hf", "subject": { "reference": "Patient/p" },
                "clinicalStatus": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] },
                "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I50.22" }] },
                "recordedDate": "2026-01-10" }),
        ]
    };
    let rested = vec![own("zbi-12", 12.0), own("zbi-22", 20.0), attested("caregiver-strain-attested", false)];
    let well = vec![own("pps", 60.0), attested("prognosis-6m", false)];
    let others = [
        case("d2-pain", pain(4.0), pain(3.0)),
        case("d2-function", fell, steady.clone()),
        case("d2-therapy", vec![adl(2)], steady),
        case("d3-mood", vec![loinc("44261-6", 10.0)], calm.clone()),
        case("d3-counselling", vec![loinc("70274-6", 10.0)], calm),
        case("d3-safety", vec![loinc("44260-8", 1.0)], vec![loinc("44260-8", 0.0)]),
        case("d3-safety", vec![answer("44260-8", "LA6569-3")], vec![answer("44260-8", "LA6568-5")]),
        case("d3-gad", vec![loinc("55758-7", 3.0)], vec![loinc("55758-7", 2.0), own("esas-anxiety", 3.0)]),
        case("d4-food", vec![answer("88122-7", "LA28397-0")], no_need()),
        case("d4-housing", vec![answer("71802-3", "LA31994-9")], no_need()),
        case("d4-transport", vec![answer("93030-5", "LA33-6")], no_need()),
        case("d4-utilities", vec![answer("96779-4", "LA33-6")], no_need()),
        case("d4-money", vec![condition("Z59.6")], no_need()),
        case("d4-other", vec![condition("Z59.89")], no_need()),
        case("d4-safety", vec![condition("T74.11XA")], vec![condition("I50.22")]),
        case("d4-safety-check", vec![condition("T76.01XA")], vec![condition("I50.22")]),
        case("d4-caregiver", vec![own("zbi-12", 13.0)], rested.clone()),
        case("d4-respite", vec![attested("caregiver-strain-attested", true)], rested),
        case("d7-dying", vec![own("pps", 30.0)], well.clone()),
        case("d7-comfort", vec![attested("prognosis-6m", true)], well),
    ];
    symptoms().into_iter().chain(others).collect()
}

pub(super) fn why(world: &World, action: &str) -> Result<(), String> {
    let plan = planned(world).unwrap();
    // what is due in hours is named with what shows it
    let is_of = |one: &String| one == action || one.starts_with(&format!("{action}/"));
    if actions(plan.care_plan.value()).iter().any(is_of) {
        return Ok(());
    }
    // where the row is left out, so are its parts
    let row = super::template().rows.into_iter().find(|row| {
        row.id == action
            || row.goals.iter().any(|goal| goal.id == action)
            || row.activities.iter().any(|activity| activity.id == action)
    });
    let row = row.unwrap_or_else(|| panic!("{action} is in no row")).id;
    let reason = plan.skipped.into_iter().find(|(id, _)| id == action || *id == row);
    Err(reason.unwrap_or_else(|| panic!("{action}: no reason")).1)
}

#[test]
fn t37_each_row_is_in_the_plan_where_it_is_met_and_left_out_where_it_is_not_or_is_unknown() {
    for Case { action, met, not_met } in cases() {
        let mut world = enrolled();
        let unknown = why(&world, &action).unwrap_err();
        assert!(unknown.starts_with("Not known"), "{action}: {unknown}");
        assert!(unknown.contains("To settle it: "), "{action}: {unknown}");
        not_met.into_iter().for_each(|one| world.put(one));
        let not = why(&world, &action).unwrap_err();
        assert!(not.starts_with("Does not hold"), "{action}: {not}");
        let mut world = enrolled();
        met.into_iter().for_each(|one| world.put(one));
        assert_eq!(why(&world, &action), Ok(()), "{action}");
    }
}

#[test]
fn thoughts_of_death_ask_for_a_safety_check_in_whatever_form_the_answer_comes() {
    let ucum = "http://unitsofmeasure.org";
    for (value, expected) in [
        (json!({ "value": 2, "unit": "score" }), "met"),
        (json!({ "value": 1, "unit": "Points" }), "met"),
        (json!({ "value": 3, "system": ucum, "code": "1" }), "met"),
        (json!({ "value": 1, "system": ucum, "code": "{score}" }), "met"),
        (json!({ "value": 1, "system": ucum, "code": "{points}" }), "met"),
        (json!({ "value": 2 }), "met"),
        (json!({ "value": 0, "comparator": ">" }), "met"),
        (json!({ "value": 1, "comparator": ">=", "unit": "score" }), "met"),
        (json!({ "value": 0, "unit": "score" }), "Does not hold"),
        (json!({ "value": 1, "comparator": "<", "unit": "score" }), "Does not hold"),
        (json!({ "value": 0, "comparator": ">=" }), "Not known"),
        (json!({ "value": 2, "system": ucum, "code": "mg" }), "Not known"),
        (json!({ "value": 2, "unit": "%" }), "Not known"),
    ] {
        let mut world = enrolled();
        world.put(observed("nine", (LOINC, "44260-8"), "2026-01-14", json!({ "valueQuantity": value })));
        let said = why(&world, "d3-safety").err().unwrap_or_else(|| "met".to_owned());
        assert!(said.starts_with(expected), "{value}: {said}");
    }
}

#[test]
fn an_item_of_the_ipos_rated_3_makes_the_row_of_its_symptom_and_one_that_was_not_asked_is_not_missed() {
    for (item, action) in [
        ("ipos-pain", "d2-pain"),
        ("ipos-pain", "d2-pain-plan"),
        ("ipos-weakness", "d2-tiredness"),
        ("ipos-nausea", "d2-nausea"),
        ("ipos-dyspnea", "d2-protocol"),
        ("ipos-anxiety", "d3-gad"),
        ("ipos-mouth", "d2-ipos-mouth"),
        ("ipos-item", "d2-ipos-item"),
    ] {
        for (number, expected) in [(3.0, true), (2.0, false)] {
            let mut world = enrolled();
            world.put(own(item, number));
            assert_eq!(why(&world, action).is_ok(), expected, "{item} {number} {action}");
        }
    }
    let mut world = enrolled();
    assert!(!why(&world, "d2-pain").unwrap_err().contains("IPOS: Pain"), "the IPOS is not asked for");
    world.put(own("ipos-pain", 4.0));
    let plan = planned(&world).unwrap();
    let goal = plan.goals.iter().find(|one| one.resource.value().to_string().contains("Pain at or below"));
    let due = goal.unwrap().resource.text("/target/0/dueDate").map(str::to_owned);
    assert_eq!(due.as_deref(), Some("2026-01-17"), "two days");
}

#[test]
fn rows_by_tier_follow_the_tier() {
    for (code, home, dying) in [("tier-1", false, None), ("tier-3", true, None), ("tier-4", true, Some(()))] {
        let mut world = enrolled();
        tier(&mut world, code);
        assert_eq!(why(&world, "d1-home").is_ok(), home, "{code}");
        assert_eq!(why(&world, "d7-dying").ok(), dying, "{code}");
    }
    let mut world = enrolled();
    tier(&mut world, "unheard-of");
    assert!(why(&world, "d1-home").unwrap_err().starts_with("Not known"));
}

#[test]
fn t52_a_child_is_not_asked_with_instruments_for_adults() {
    let mut world = enrolled();
    assert!(why(&world, "d2-esas").is_ok() && why(&world, "d2-child-pain").is_err());
    world.set("Patient/p", "birthDate", json!("2015-05-01"));
    for adult in ["d2-esas", "d2-pain-each", "d2-pps", "d3-phq"] {
        assert!(why(&world, adult).is_err(), "{adult}");
    }
    assert!(why(&world, "d2-child-pain").is_ok());
    world.put(own("pps", 30.0));
    assert!(why(&world, "d7-concurrent").is_ok() && why(&world, "d7-hospice").is_err());
}

#[test]
fn a_screening_that_was_declined_is_no_negative_answer() {
    let mut world = enrolled();
    for code in ["88122-7", "88123-5", "71802-3", "93030-5", "96779-4"] {
        let declined = json!({ "dataAbsentReason": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "asked-declined" }] } });
        world.put(observed(&format!("answer-{code}"), (LOINC, code), "2026-01-14", declined));
    }
    for need in ["food", "housing", "transport", "utilities"] {
        assert!(why(&world, &format!("d4-{need}")).unwrap_err().starts_with("Not known"), "{need}");
    }
}

#[test]
fn what_is_assessed_is_as_often_as_the_tier_says() {
    for (code, days, caregiver) in
        [("tier-1", 180, 365), ("tier-2", 90, 180), ("tier-3", 30, 90), ("tier-4", 14, 30)]
    {
        let mut world = enrolled();
        tier(&mut world, code);
        let plan = planned(&world).unwrap().care_plan;
        let period =
            |id| super::activity(plan.value(), id)["detail"]["scheduledTiming"]["repeat"]["period"].clone();
        assert_eq!((period("d2-esas"), period("d4-zbi")), (json!(days), json!(caregiver)), "{code}");
        assert_eq!(period("d3-phq"), 90);
    }
}

#[test]
fn an_item_of_the_ipos_without_an_exact_date_is_not_taken_for_one_that_was_not_asked() {
    let mut world = enrolled();
    world.put(own("esas-nausea", 1.0));
    let mut ipos = own("ipos-nausea", 4.0);
    ipos["effectiveDateTime"] = json!("2026-01");
    world.put(ipos);
    let why = why(&world, "d2-nausea").unwrap_err();
    assert!(
        why.starts_with("Not known") && why.contains("the exact date of Observation/score-ipos-nausea"),
        "{why}"
    );
}
