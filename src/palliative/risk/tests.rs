//! The vectors of the stratification, and the rules of its score.

use std::sync::OnceLock;

use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use super::Algorithm;
use super::Algorithms;
use super::Facts;
use super::Status;
use super::Stratification;
use super::document::Document;
use super::report::Report;
use super::tier::Earlier;
use super::tier::Tier;
use crate::definitions::Definitions;
use crate::fhir::Resource;
use crate::palliative::program::Program;
use crate::palliative::record::FEED_EXTENSION;
use crate::palliative::record::PatientRecord;
use crate::palliative::screening::RuleSets;
use crate::palliative::screening::Situation;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::report::Reader;
use crate::palliative::vocabulary::SETTINGS_EXTENSION;

const AS_OF: &str = "2026-01-15";
const LOCAL: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// A date so many days before the day of the stratification.
fn ago(days: i64) -> String {
    (day(AS_OF) - jiff::Span::new().days(days)).to_string()
}

fn compiled() -> &'static (Algorithms, RuleSets) {
    static COMPILED: OnceLock<(Algorithms, RuleSets)> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let definitions = Definitions::shared().unwrap();
        (Algorithms::compile(&definitions).unwrap(), RuleSets::compile(&definitions).unwrap())
    })
}

fn program(settings: Value) -> Program {
    let service = json!({ "resourceType": "HealthcareService", "id": "prog",
        "extension": [{ "url": SETTINGS_EXTENSION, "extension": settings }] });
    Program::read(&Resource::from_value(service).unwrap()).unwrap()
}

fn algorithm() -> &'static Algorithm {
    compiled().0.of(&program(json!([]))).unwrap()
}

fn patient(birth: &str) -> Value {
    json!({ "resourceType": "Patient", "id": "p", "birthDate": birth })
}

fn with_feed(birth: &str) -> Value {
    let mut patient = patient(birth);
    patient["extension"] = json!([{ "url": FEED_EXTENSION, "valuePeriod": { "start": "2020-01-01" } }]);
    patient
}

fn condition(icd: &str) -> Value {
    json!({ "resourceType": "Condition", "id": format!("c-{icd}"), "subject": { "reference": "Patient/p" },
        "clinicalStatus": { "coding": [{ "code": "active" }] },
        "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": icd }] } })
}

fn observed(coding: (&str, &str), days: i64, value: Value) -> Value {
    let mut observation = json!({ "resourceType": "Observation", "id": format!("o-{}-{days}", coding.1),
        "status": "final", "subject": { "reference": "Patient/p" }, "effectiveDateTime": ago(days),
        "performer": [{ "reference": "Practitioner/d" }],
        "code": { "coding": [{ "system": coding.0, "code": coding.1 }] } });
    observation.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    observation
}

fn number(coding: (&str, &str), days: i64, value: i64) -> Value {
    observed(coding, days, json!({ "valueInteger": value }))
}

fn quantity(coding: (&str, &str), days: i64, value: f64, unit: &str) -> Value {
    let system = "http://unitsofmeasure.org";
    let value = json!({ "value": value, "unit": unit, "system": system, "code": unit });
    observed(coding, days, json!({ "valueQuantity": value }))
}

fn admission(days: i64) -> Value {
    json!({ "resourceType": "Encounter", "id": format!("e-{days}"), "status": "finished",
        "subject": { "reference": "Patient/p" },
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP" },
        "hospitalization": { "admitSource": { "coding": [{ "code": "emd" }] } },
        "period": { "start": ago(days), "end": ago(days - 3) } })
}

fn nyha(class: &str) -> Value {
    let answer = json!({ "coding": [{ "system": LOINC, "code": class }] });
    observed((LOINC, "88020-3"), 30, json!({ "valueCodeableConcept": answer }))
}

fn surprise() -> Value {
    observed((LOCAL, "surprise-question-12m"), 10, json!({ "valueBoolean": true }))
}

fn zarit(value: i64) -> Value {
    let mut one = number((LOCAL, "zbi-12"), 20, value);
    one["focus"] = json!([{ "reference": "RelatedPerson/spouse" }]);
    one
}

/// Section 3.7 without symptoms, caregiver and social needs: V-RISK-2.
fn second() -> Vec<Value> {
    vec![
        patient("1953-06-01"),
        condition("I50.22"),
        condition("J44.9"),
        quantity((LOINC, "10230-1"), 60, 25.0, "%"),
        nyha("LA28406-9"),
        number((LOINC, "89243-0"), 20, 50),
        admission(40),
        admission(150),
        surprise(),
        quantity((LOINC, "29463-7"), 100, 70.0, "kg"),
        quantity((LOINC, "29463-7"), 5, 70.0, "kg"),
        quantity((LOINC, "1751-7"), 15, 3.1, "g/dL"),
    ]
}

fn first() -> Vec<Value> {
    let mut all = second();
    let food = json!({ "valueCodeableConcept": { "coding": [{ "system": LOINC, "code": "LA28397-0" }] } });
    all.extend([
        number((LOCAL, "esas-dyspnea"), 10, 7),
        number((LOCAL, "esas-pain"), 10, 3),
        number((LOCAL, "esas-wellbeing"), 10, 6),
        number((LOINC, "44261-6"), 10, 11),
        zarit(15),
        observed((LOINC, "88122-7"), 30, food),
    ]);
    all
}

fn in_program(facts: Vec<Value>, program: &Program, earlier: &[Earlier]) -> Stratification<'static> {
    let resources = facts.into_iter().map(|one| Resource::from_value(one).unwrap()).collect();
    let record = PatientRecord::new("p", resources, &program.zone);
    let situation =
        Situation { record: &record, as_of: day(AS_OF), attestation_valid_days: 90, lines_of_business: &[] };
    algorithm().stratify(&Facts { situation: &situation, program, rule_sets: &compiled().1, earlier })
}

fn of(facts: Vec<Value>) -> Stratification<'static> {
    in_program(facts, &program(json!([])), &[])
}

fn levels(found: &Stratification) -> String {
    let one = |one: &super::domain::Component| match one.value() {
        Some(value) => format!("{}{value}", one.domain),
        None => format!("{}[{},{}]", one.domain, one.low, one.high),
    };
    found.components.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn codes(found: &Stratification) -> Vec<String> {
    found.applied.iter().map(|one| one.code.clone()).collect()
}

fn tasks(found: &Stratification) -> Vec<(String, Option<i64>)> {
    found.tasks.iter().map(|one| (one.code.clone(), one.hours)).collect()
}

/// The level of a domain by its letter, as an interval.
fn level(found: &Stratification, letter: &str) -> (u8, u8) {
    let one = found.components.iter().find(|one| one.domain == letter).unwrap();
    (one.low, one.high)
}

/// The level of a domain for these facts about an adult without anything else.
fn alone(letter: &str, facts: Vec<Value>) -> (u8, u8) {
    level(&of([vec![patient("1950-01-01")], facts].concat()), letter)
}

#[test]
fn v_risk_1_every_domain_is_known_and_the_tier_is_the_highest() {
    let found = of(first());
    assert_eq!(levels(&found), "A3 B2 C3 D3 E2 F1");
    assert_eq!((found.score_min, found.score_max), (14, 14));
    assert_eq!((found.tier, found.status), (Tier::Four, Status::Final));
    assert!(codes(&found).is_empty() && found.collect.is_empty());
    assert_eq!(tasks(&found), [("urgent-symptom-contact".to_owned(), Some(24))]);
    assert_eq!(found.tasks[0].evidence[0].text, "Observation/o-esas-dyspnea-10");
}

#[test]
fn v_risk_2_what_is_not_known_leaves_the_score_open_and_is_to_be_collected() {
    let found = of(second());
    assert_eq!(levels(&found), "A3 B2 C3 D[0,3] E[0,3] F1");
    assert_eq!((found.score_min, found.score_max), (9, 15));
    assert_eq!((found.tier, found.status), (Tier::Three, Status::Preliminary));
    assert_eq!(found.collect, ["D", "E"]);
    assert!(tasks(&found).is_empty());
}

#[test]
fn v_risk_3_sickle_cell_alone_is_no_severe_condition_and_a_feed_shows_no_use() {
    let found = of(vec![with_feed("1996-01-01"), condition("D57.1")]);
    assert_eq!(levels(&found), "A0 B[0,3] C0 D[0,3] E[0,3] F[0,3]");
    assert_eq!((found.score_min, found.score_max), (0, 12));
    assert_eq!((found.tier, found.status), (Tier::One, Status::Preliminary));
    assert_eq!(found.collect, ["B", "D", "E", "F"]);
}

#[test]
fn a_the_severity_of_illness_has_its_levels() {
    let oxygen = |flow: f64| quantity((LOINC, "3151-8"), 20, flow, "L/min");
    let stage = |code: &str| {
        let answer = json!({ "text": code });
        observed((LOINC, "21908-9"), 30, json!({ "valueCodeableConcept": answer }))
    };
    for (facts, expected) in [
        (vec![], 0),
        (vec![condition("J44.9")], 0),
        (vec![condition("I50.9")], 1),
        (vec![condition("J44.9"), condition("Z99.81")], 2),
        (vec![condition("I50.9"), condition("F03.90")], 2),
        (vec![condition("I50.9"), nyha("LA28406-9")], 2),
        (vec![nyha("LA28406-9")], 0),
        (vec![condition("N18.6")], 2),
        (vec![condition("K74.60"), condition("K76.7")], 2),
        (vec![condition("C78.0")], 3),
        (vec![condition("C18.9"), stage("Stage III")], 0),
        (vec![condition("C18.9"), stage("Stage IV")], 3),
        (vec![oxygen(2.0)], 0),
        (vec![oxygen(3.0)], 3),
        (vec![condition("I50.9"), nyha("LA28407-7")], 3),
        (vec![number((LOINC, "44760-7"), 10, 20)], 3),
        (vec![number((LOINC, "44760-7"), 10, 19)], 0),
        (vec![condition("F03.90"), number((LOCAL, "fast-stage"), 10, 7)], 3),
        (vec![condition("F03.90"), number((LOCAL, "fast-stage"), 10, 6)], 1),
    ] {
        assert_eq!(alone("A", facts.clone()), (expected, expected), "{facts:?}");
    }
}

#[test]
fn b_function_is_read_from_any_one_scale_and_the_worst_counts() {
    let pps = |value| number((LOCAL, "pps"), 10, value);
    let cfi = |value| observed((LOCAL, "cfi"), 300, json!({ "valueQuantity": { "value": value } }));
    let one = |coding, value| number(coding, 10, value);
    for (facts, expected) in [
        (vec![], (0, 3)),
        (vec![pps(80)], (0, 0)),
        (vec![pps(70)], (1, 1)),
        (vec![pps(60)], (1, 1)),
        (vec![pps(50)], (2, 2)),
        (vec![pps(40)], (2, 2)),
        (vec![pps(30)], (3, 3)),
        (vec![one((SNOMED, "273546003"), 40)], (2, 2)),
        (vec![one((LOINC, "89247-1"), 1)], (0, 0)),
        (vec![one((LOINC, "89247-1"), 2)], (1, 1)),
        (vec![one((SNOMED, "423740007"), 3)], (2, 2)),
        (vec![one((LOINC, "89247-1"), 4)], (3, 3)),
        (vec![one((SNOMED, "763264000"), 4)], (0, 0)),
        (vec![one((SNOMED, "763264000"), 6)], (1, 1)),
        (vec![one((SNOMED, "763264000"), 7)], (2, 2)),
        (vec![one((SNOMED, "763264000"), 8)], (3, 3)),
        (vec![cfi(0.2)], (0, 0)),
        (vec![cfi(0.25)], (1, 1)),
        (vec![cfi(0.35)], (2, 2)),
        (vec![pps(70), one((LOINC, "89247-1"), 3)], (2, 2)),
        (vec![number((LOCAL, "pps"), 91, 30)], (0, 3)),
        (vec![number((SNOMED, "763264000"), 365, 8)], (3, 3)),
    ] {
        assert_eq!(alone("B", facts.clone()), expected, "{facts:?}");
    }
}

#[test]
fn t41_a_score_between_two_steps_is_not_used_and_is_told() {
    let found = of(vec![patient("1950-01-01"), number((LOCAL, "pps"), 10, 35)]);
    assert_eq!(level(&found, "B"), (0, 3));
    assert_eq!(found.warnings, ["Observation/o-pps-10 was not used: its scale goes in steps of 10."]);
    assert!(of(first()).warnings.is_empty());
}

#[test]
fn t52_scales_that_are_not_made_for_children_are_not_read_for_them() {
    let facts = |birth| vec![patient(birth), number((LOINC, "89243-0"), 10, 30), surprise()];
    let (child, adult) = (of(facts("2015-01-01")), of(facts("1950-01-01")));
    assert_eq!((level(&child, "B"), level(&child, "F")), ((0, 3), (0, 3)));
    assert_eq!((level(&adult, "B"), level(&adult, "F")), ((3, 3), (1, 1)));
}

#[test]
fn c_without_a_feed_what_is_known_is_a_lower_bound() {
    let visits = |days: &[i64]| days.iter().map(|days| admission(*days)).collect::<Vec<_>>();
    let known = |facts: Vec<Value>| level(&of([vec![with_feed("1950-01-01")], facts].concat()), "C");
    for (facts, least) in [
        (visits(&[]), 0),
        (visits(&[200]), 1),
        (visits(&[200, 300]), 2),
        (visits(&[40, 150]), 3),
        (visits(&[200, 230, 260, 300]), 3),
        (visits(&[400]), 0),
    ] {
        assert_eq!(known(facts.clone()), (least, least), "with a feed: {facts:?}");
        assert_eq!(alone("C", facts.clone()), (least, 3), "without: {facts:?}");
    }
    let emergency = |days: i64| {
        let mut visit = admission(days);
        visit["class"]["code"] = "EMER".into();
        visit["period"]["end"] = visit["period"]["start"].clone();
        visit
    };
    assert_eq!(known(vec![emergency(100)]), (0, 0));
    assert_eq!(known(vec![emergency(100), emergency(200)]), (1, 1));
}

#[test]
fn d_symptoms_count_by_their_worst_and_mood_adds_one() {
    let item = |name: &str, value| number((LOCAL, name), 10, value);
    let pain = |days, value| number((LOINC, "72514-3"), days, value);
    let mood = |value| number((LOINC, "44261-6"), 10, value);
    for (facts, expected) in [
        (vec![], (0, 3)),
        (vec![item("esas-nausea", 3)], (0, 0)),
        (vec![item("esas-nausea", 4)], (1, 1)),
        (vec![item("esas-nausea", 7)], (2, 2)),
        (vec![item("esas-nausea", 7), item("esas-anxiety", 8)], (2, 2)),
        (vec![item("esas-nausea", 7), item("esas-anxiety", 8), item("esas-other", 9)], (3, 3)),
        (vec![pain(5, 7)], (2, 2)),
        (vec![pain(5, 7), pain(35, 8)], (3, 3)),
        (vec![pain(5, 7), pain(36, 8)], (2, 2)),
        (vec![pain(5, 7), pain(20, 2), pain(30, 8)], (2, 2)),
        (vec![pain(31, 9), pain(40, 9)], (0, 3)),
        (vec![mood(9)], (0, 0)),
        (vec![mood(10)], (1, 1)),
        (vec![mood(10), item("esas-nausea", 5)], (2, 2)),
        (vec![mood(10), pain(5, 7), pain(20, 7)], (3, 3)),
    ] {
        assert_eq!(alone("D", facts.clone()), expected, "{facts:?}");
    }
}

#[test]
fn e_strain_being_alone_and_social_needs_add_up() {
    let caregiver = |there| observed((LOCAL, "caregiver-identified"), 10, json!({ "valueBoolean": there }));
    let answer = |code: &str| {
        let value = json!({ "valueCodeableConcept": { "coding": [{ "system": LOINC, "code": code }] } });
        observed((LOINC, "88122-7"), 30, value)
    };
    for (facts, expected) in [
        (vec![], (0, 3)),
        (vec![condition("I50.9")], (0, 3)),
        (vec![caregiver(true)], (0, 0)),
        (vec![caregiver(false)], (1, 1)),
        (vec![zarit(12)], (0, 0)),
        (vec![zarit(13)], (1, 1)),
        (vec![answer("LA28398-8")], (0, 0)),
        (vec![answer("LA6729-3")], (1, 1)),
        (vec![condition("Z59.41")], (1, 1)),
        (vec![condition("Z60.2"), zarit(13), answer("LA28397-0")], (3, 3)),
    ] {
        assert_eq!(alone("E", facts.clone()), expected, "{facts:?}");
    }
}

#[test]
fn f_decline_adds_up() {
    let weight = |days, value| quantity((LOINC, "29463-7"), days, value, "kg");
    let albumin = |value| quantity((LOINC, "1751-7"), 10, value, "g/dL");
    let pps = |days, value| number((LOCAL, "pps"), days, value);
    for (facts, expected) in [
        (vec![], (0, 3)),
        (vec![surprise()], (1, 1)),
        (vec![pps(10, 50)], (0, 3)),
        (vec![pps(10, 50), pps(90, 70)], (1, 1)),
        (vec![pps(10, 60), pps(90, 70)], (0, 0)),
        (vec![pps(10, 50), pps(91, 70)], (0, 3)),
        (vec![weight(5, 63.0), weight(183, 70.0)], (1, 1)),
        (vec![weight(5, 63.1), weight(183, 70.0)], (0, 0)),
        (vec![quantity((LOINC, "29463-7"), 5, 138.0, "[lb_av]"), weight(100, 70.0)], (1, 1)),
        (vec![quantity((LOINC, "29463-7"), 5, 150.0, "[lb_av]"), weight(100, 70.0)], (0, 0)),
        (vec![quantity((LOINC, "29463-7"), 5, 138.0, "cm"), weight(100, 70.0)], (0, 3)),
        (vec![albumin(2.5)], (0, 0)),
        (vec![albumin(2.4)], (1, 1)),
        (vec![albumin(2.4), weight(5, 60.0), weight(100, 70.0)], (1, 1)),
        (vec![albumin(2.4), surprise(), pps(10, 50), pps(90, 70)], (3, 3)),
    ] {
        assert_eq!(alone("F", facts.clone()), expected, "{facts:?}");
    }
}

#[test]
fn floors_and_overrides_raise_a_tier_and_are_recorded_in_their_order() {
    let base = vec![with_feed("1950-01-01"), condition("I50.9"), admission(200)];
    let kelley = of(base.clone());
    assert_eq!((kelley.tier, codes(&kelley)), (Tier::Two, vec!["floor-kelley-b".to_owned()]));
    assert_eq!(kelley.status, Status::Preliminary);
    let bed = of([base.clone(), vec![number((LOCAL, "pps"), 10, 30)]].concat());
    assert_eq!((bed.tier, bed.status), (Tier::Four, Status::Final), "nothing open can change it");
    assert_eq!(codes(&bed), ["override-function"], "the score alone gives tier 2");
    assert_eq!(tasks(&bed), [("hospice-information".to_owned(), None)]);
    let attested = observed((LOCAL, "prognosis-6m"), 10, json!({ "valueBoolean": true }));
    let attested = of([base, vec![attested]].concat());
    assert_eq!(
        (attested.tier, codes(&attested).join(" ")),
        (Tier::Four, "floor-kelley-b override-prognosis".into())
    );
    let child = of(vec![patient("2010-01-01"), number((LOINC, "89247-1"), 10, 4)]);
    assert_eq!(tasks(&child), [("concurrent-care-review".to_owned(), None)]);
    let frail = |value| of(vec![patient("1950-01-01"), number((SNOMED, "763264000"), 10, value)]).tier;
    assert_eq!((frail(8), frail(9)), (Tier::One, Tier::Four));
}

#[test]
fn an_entry_rule_set_sets_a_floor_only_where_the_contract_is_for_specialist_care() {
    let adult = "https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B";
    let facts = || vec![with_feed("1950-01-01"), condition("I50.9"), admission(200)];
    let tier = |specialist: bool| {
        let settings = json!([{ "url": "ruleSet", "valueCanonical": adult },
                              { "url": "specialist", "valueBoolean": specialist }]);
        let found = in_program(facts(), &program(settings), &[]);
        (found.tier, codes(&found))
    };
    assert_eq!(tier(false), (Tier::Two, vec!["floor-kelley-b".to_owned()]));
    let both = vec!["floor-kelley-b".to_owned(), "floor-specialist".to_owned()];
    assert_eq!(tier(true), (Tier::Three, both));
}

fn report<'a>(found: &'a Stratification<'a>, program: &'a Program, reader: Reader) -> Report<'a> {
    Report { found, patient: "p", program, reader, now: 1_768_478_400_000_000 }
}

#[test]
fn a_tier_is_kept_until_two_stratifications_in_a_row_are_lower() {
    let program = program(json!([]));
    let high = of(first());
    let assessment = report(&high, &program, Reader::Team).risk_assessment(&|_| true).unwrap();
    let on = |day: &str, of: &Resource| {
        let mut value = of.value().clone();
        value["occurrenceDateTime"] = day.into();
        Resource::from_value(value).unwrap()
    };
    let run = |earlier: &[Resource]| {
        let earlier = Earlier::among(earlier, &program);
        let found = in_program(second(), &program, &earlier);
        (found.computed, found.tier, codes(&found), found)
    };
    let october = on("2025-10-01", &assessment);
    let (computed, tier, applied, found) = run(std::slice::from_ref(&october));
    assert_eq!((computed, tier, applied), (Tier::Three, Tier::Four, vec!["hysteresis".to_owned()]));
    let kept = report(&found, &program, Reader::Team).risk_assessment(&|_| true).unwrap();
    let (_, tier, ..) = run(&[on("2026-01-01", &kept), october.clone()]);
    assert_eq!(tier, Tier::Four, "14 days are too few");
    let (_, tier, applied, _) = run(&[on("2025-12-01", &kept), october.clone()]);
    assert_eq!((tier, applied), (Tier::Three, vec![]));
    let mut elsewhere = october.value().clone();
    elsewhere["extension"][0]["valueReference"]["reference"] = "HealthcareService/other".into();
    let mut mistaken = october.value().clone();
    mistaken["status"] = "entered-in-error".into();
    for one in [elsewhere, mistaken] {
        assert_eq!(run(&[Resource::from_value(one).unwrap()]).1, Tier::Three);
    }
}

#[test]
fn t36_neither_a_patient_nor_what_is_kept_tells_of_the_surprise_question_or_a_prognosis() {
    let program = program(json!([]));
    let prognosis = observed((LOCAL, "prognosis-6m"), 10, json!({ "valueBoolean": true }));
    let found = of([first(), vec![prognosis]].concat());
    let found = Stratification { tier: Tier::Four, ..found };
    let told = |reader| {
        let report = report(&found, &program, reader);
        let kept = report.drafts(None, &|_| true).unwrap();
        let kept: String = kept.iter().map(|draft| draft.resource.value().to_string()).collect();
        (report.told(json!({})).into_value().to_string(), kept)
    };
    let (team, kept) = told(Reader::Team);
    assert!(team.contains("surprised"));
    let (patient, _) = told(Reader::Patient);
    for text in [&patient, &kept] {
        assert!(!text.contains("surprise") && !text.contains("prognosis-6") && !text.contains("six months"));
    }
}

#[test]
fn t29_a_caregivers_answers_are_neither_told_to_the_patient_nor_pointed_to_by_what_is_kept() {
    let program = program(json!([]));
    let found = of(first());
    let report = |reader| report(&found, &program, reader);
    let told = |reader| report(reader).told(json!({})).into_value().to_string();
    assert!(told(Reader::Team).contains("under strain") && !told(Reader::Patient).contains("under strain"));
    let kept = report(Reader::Team).risk_assessment(&|_| true).unwrap().value().to_string();
    assert!(!kept.contains("under strain") && !kept.contains("o-zbi-12") && kept.contains("o-88122-7"));
}

#[test]
fn what_is_written_is_valid_and_the_same_for_the_same_facts() {
    let program = program(json!([]));
    let definitions = Definitions::shared().unwrap();
    for facts in [first(), second(), vec![patient("1950-01-01")]] {
        let found = of(facts.clone());
        let kept =
            |found: &Stratification| report(found, &program, Reader::Team).drafts(None, &|_| true).unwrap();
        for draft in kept(&found) {
            let problems = crate::fhir::shape::validate(&definitions.shapes, draft.resource.value());
            assert_eq!(problems, Vec::new(), "{}", draft.resource.value());
        }
        let mut turned = facts;
        turned.reverse();
        assert_eq!(kept(&found), kept(&of(turned)), "the order of facts does not matter");
    }
    let found = of(first());
    let assessment = report(&found, &program, Reader::Team).risk_assessment(&|_| true).unwrap();
    assert!(!assessment.value().to_string().contains("probability"));
    let basis = assessment.value()["basis"].to_string();
    for used in ["Condition/c-I50.22", "Encounter/e-40", "Observation/o-10230-1-60"] {
        assert!(basis.contains(used), "{used}");
    }
}

#[test]
fn the_tiers_of_scores_begin_where_the_document_says() {
    let rows = &algorithm().document.tiers;
    assert_eq!(rows.each_ref().map(|(from, _)| *from), [0, 5, 9, 13]);
    let contacts = Tier::ALL.map(|tier| algorithm().intensity(tier).contacts_per_30_days());
    assert_eq!(contacts, [0.33, 1.0, 2.0, 4.0]);
    assert_eq!(Tier::ALL.map(|tier| algorithm().intensity(tier).reassess_days), [180, 90, 30, 14]);
    assert_eq!(Tier::ALL.map(|tier| algorithm().intensity(tier).first_contact_days), [30, 14, 7, 2]);
}

#[test]
fn a_broken_document_is_refused_with_what_is_wrong() {
    let definitions = Definitions::shared().unwrap();
    let terminology = Terminology::new(&definitions.value_sets).unwrap();
    let whole = definitions.plan_definitions[crate::palliative::vocabulary::RISK_ALGORITHM].clone();
    let read = |change: &dyn Fn(&mut Value)| {
        let mut plan = whole.clone();
        change(&mut plan);
        Document::read(&plan, &terminology).err()
    };
    assert_eq!(read(&|_| {}), None);
    let changes: [&dyn Fn(&mut Value); 7] = [
        &|plan| plan["extension"] = json!([]),
        &|plan| {
            plan["action"][1]["action"][0]["action"][0]["condition"][0]["expression"]["expression"] =
                "`x`".into()
        },
        &|plan| {
            plan["action"][1]["action"][0]["action"][0]["extension"][0]["extension"][0]["valueInteger"] =
                4.into()
        },
        &|plan| plan["action"][2]["action"][1]["extension"][0]["extension"][0]["valueInteger"] = 0.into(),
        &|plan| plan["action"][2]["action"].as_array_mut().unwrap().truncate(3),
        &|plan| plan["action"][3]["action"][0]["extension"][0]["extension"][0]["valueCode"] = "tier-9".into(),
        &|plan| plan["action"][5]["action"][0]["extension"][0]["extension"][1]["url"] = "days".into(),
    ];
    for (at, change) in changes.iter().enumerate() {
        assert!(read(change).is_some(), "change {at} was not refused");
    }
}
