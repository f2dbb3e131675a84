//! Each criterion with a case for, a case against and one that does not tell.

use super::cases::Shared;
use super::cases::shared;
use super::*;
use crate::palliative::screening::criterion::Criterion;
use crate::palliative::screening::criterion::Rule;

fn attested_case(id: &'static str, code: &str) -> Shared {
    shared(id, vec![yes(code)], vec![no(code)], vec![])
}

fn diagnosis_case(id: &'static str, system: &str, code: &str) -> Shared {
    let unconfirmed = json!({ "verificationStatus": { "coding": [{ "code": "provisional" }] } });
    let found = condition(system, code);
    shared(id, vec![found.clone()], vec![other_condition()], vec![with(found, unconfirmed)])
}

fn number_case(id: &'static str, code: &'static str, unit: &'static str, numbers: (f64, f64)) -> Shared {
    let of = |value, unit| vec![observation(code, "2025-11-01", quantity(value, unit))];
    shared(id, of(numbers.0, unit), of(numbers.1, unit), of(numbers.0, "mmol/L"))
}

fn cases() -> Vec<Shared> {
    let all = [adult_heart(), adult_other(), kelley()];
    all.into_iter().flatten().collect()
}

fn adult_heart() -> Vec<Shared> {
    let nyha = |code: &str| vec![observation("88020-3", "2025-09-01", concept(LOINC, code))];
    vec![
        shared("g1-hospital-use", vec![admission()], vec![with_feed(), no("likely-hospital-use")], vec![]),
        attested_case("g2-advanced-decline", "advanced-decline"),
        attested_case("g3-death-within-year", "surprise-question-12m"),
        attested_case("g4-max-therapy", "max-therapy-reached"),
        attested_case("g5a-alternatives-to-ed", "agrees-alternative-to-ed"),
        attested_case("g5b-acp-willing", "agrees-acp"),
        diagnosis_case("dx-chf", ICD, "I50.22"),
        shared("chf-nyha3", nyha("LA28407-7"), nyha("LA28405-1"), nyha("LA99999-9")),
        shared(
            "chf-adm6",
            vec![with(admission(), because("I50.9"))],
            vec![with_feed(), with(admission(), because("S72.0"))],
            vec![with_feed(), admission()],
        ),
        attested_case("chf-no-invasive", "no-further-invasive-intervention"),
        number_case("chf-ef30", "10230-1", "%", (29.9, 30.0)),
        attested_case("significant-comorbidity", "significant-comorbidity"),
    ]
}

fn adult_other() -> Vec<Shared> {
    let stage =
        |code: &str| vec![observation("21908-9", "2020-01-01", concept(SCT, code)), other_condition()];
    let born = |birth: &str| vec![patient(birth), hospice_flag()];
    let lines = |count: i64| vec![attestation("treatment-lines-failed", json!({ "valueInteger": count }))];
    vec![
        diagnosis_case("dx-copd", SCT, "185086009"),
        number_case("copd-fev35", "20152-5", "%", (34.0, 35.0)),
        number_case("copd-o2-lt3", "3151-8", "L/min", (2.0, 3.0)),
        number_case("copd-o2-ge3", "3151-8", "L/min", (3.0, 2.0)),
        diagnosis_case("dx-cancer", ICD, "C18.9"),
        shared("ca-stage34-or-heme", stage("258224005"), stage("258219007"), vec![other_condition()]),
        number_case("ca-kps70", "89243-0", "{score}", (70.0, 80.0)),
        shared("ca-2lines", lines(2), lines(1), vec![]),
        diagnosis_case("liver-irreversible", ICD, "K74.60"),
        number_case("liver-alb3", "1751-7", "g/dL", (2.9, 3.0)),
        number_case("liver-inr13", "6301-6", "{INR}", (1.4, 1.3)),
        diagnosis_case("liver-decomp", ICD, "R18.8"),
        number_case("liver-meld19", "44760-7", "{score}", (20.0, 19.0)),
        shared("hospice-active-adult", born("1955-01-01"), born("2006-01-01"), vec![hospice_flag()]),
    ]
}

fn kelley() -> Vec<Shared> {
    let housing = |value: Value| vec![observation("71802-3", "2025-09-01", value)];
    let adl = |count: i64| {
        vec![observation("adl-dependence-count", "2025-09-01", json!({ "valueInteger": count }))]
    };
    vec![
        diagnosis_case("smc", SCT, "26929004"),
        diagnosis_case("copd", ICD, "J44.9"),
        diagnosis_case("copd-oxygen", ICD, "Z99.81"),
        shared(
            "copd-admission",
            vec![with(admission(), because("J44.1"))],
            vec![with_feed()],
            vec![admission()],
        ),
        shared("adl", adl(1), adl(0), vec![]),
        shared("adm12", vec![admission()], vec![with_feed()], vec![]),
        shared(
            "nh",
            housing(concept(SCT, "160734000")),
            housing(concept(SCT, "160724003")),
            housing(json!({ "valueString": "with her daughter" })),
        ),
        shared(
            "hospice-active",
            vec![hospice_flag()],
            vec![],
            vec![with(hospice_flag(), json!({ "period": { "start": "2025-12" } }))],
        ),
    ]
}

/// Facts for, against and that do not tell for what every rule set has by being made for somebody, with the lines of
/// business of the day. Whether somebody is alive is never open.
fn implied(criterion: &Criterion) -> Option<[(Vec<Value>, Vec<String>); 3]> {
    let alone = |facts: Vec<Value>| (facts, Vec::new());
    let born = |year: i32, day: &str| alone(vec![patient(&format!("{year}{day}"))]);
    match (&criterion.rule, criterion.ages.min, criterion.ages.max) {
        (Rule::Alive, ..) => {
            let dead = |more: Value| alone(vec![with(patient("1955-01-01"), more)]);
            let by_date = dead(json!({ "deceasedDateTime": "2025-12-01" }));
            Some([alone(vec![patient("1955-01-01")]), dead(json!({ "deceasedBoolean": true })), by_date])
        }
        (Rule::Age, Some(min), None) if criterion.id == "applies-to-age" => {
            let year = 2025 - min;
            Some([born(year, "-12-01"), born(year, "-12-02"), born(year, "")])
        }
        (Rule::Age, None, Some(max)) if criterion.id == "applies-to-age" => {
            let year = 2025 - max - 1;
            Some([born(year, "-12-02"), born(year, "-12-01"), born(year, "")])
        }
        (Rule::LineOfBusiness(lines), ..) => {
            let untold = json!({ "resourceType": "Coverage", "status": "active", "type": { "text": "the plan" },
                "beneficiary": { "reference": "Patient/p" } });
            let of = |line: &str| (vec![patient("1955-01-01")], vec![line.to_owned()]);
            Some([of(&lines[0]), of("another"), alone(vec![patient("1955-01-01"), untold])])
        }
        _ => None,
    }
}

/// What a rule set finds by one criterion; none where it does not tell of it.
fn found(set: &RuleSet, id: &str, (facts, lines): (&[Value], &[String])) -> Option<Finding> {
    let record = record(facts);
    let situation = Situation {
        record: &record,
        as_of: date(AS_OF),
        attestation_valid_days: 90,
        lines_of_business: lines,
    };
    let results = set.screen(&situation).results;
    results.into_iter().find(|result| result.criterion.id == id).map(|result| result.finding)
}

#[test]
fn t37_each_criterion_of_each_rule_set_has_a_case_for_one_against_and_one_that_does_not_tell() {
    let cases: Vec<Shared> = cases().into_iter().chain(super::cases::all()).collect();
    let states = [State::Met, State::NotMet, State::Unknown];
    let mut walked = BTreeSet::new();
    for set in rule_sets().all() {
        for criterion in set.criteria() {
            let (id, name) = (criterion.id.as_str(), set.canonical());
            let own = cases.iter().find(|case| case.id == id);
            let of_case = |case: &Shared| case.states.clone().map(|facts| (facts, Vec::new()));
            let facts = own.map(of_case).or_else(|| implied(criterion));
            let facts = facts.unwrap_or_else(|| panic!("{name} {id} has no case"));
            for ((facts, lines), expected) in facts.iter().zip(states) {
                let finding = found(set, id, (facts, lines));
                // What goes without saying is not told: a patient who is alive. A death on the day is known.
                let is_alive = matches!(criterion.rule, Rule::Alive);
                let expected = if is_alive && expected == State::Unknown { State::NotMet } else { expected };
                let state = finding.as_ref().map_or(State::Met, |finding| finding.state);
                assert_eq!(state, expected, "{name} {id}: {finding:?}");
                assert!(is_alive || finding.is_some(), "{name} {id} is not told of");
                let is_told = finding.is_none_or(|one| (state == State::Unknown) != one.missing.is_empty());
                assert!(
                    is_told,
                    "{name} {id}: what would settle it is told where it is unknown, and only there"
                );
            }
            assert!(criterion.sentence.ends_with('.'), "{name} {id}: a sentence");
            walked.insert(id);
        }
    }
    let idle: Vec<&str> = cases.iter().map(|case| case.id).filter(|id| !walked.contains(id)).collect();
    assert_eq!(idle, Vec::<&str>::new(), "cases of no criterion");
    assert!(rule_sets().all().any(|set| !set.active), "earlier editions too");
}

#[test]
fn with_no_facts_at_all_nothing_is_denied() {
    for set in [ADULT, KELLEY] {
        let screening = screen(set, &[patient("1955-01-01")]);
        assert_eq!(screening.outcome, Outcome::Indeterminate, "{set}");
        assert!(!screening.missing.is_empty());
    }
    assert_eq!(missing(&screen(KELLEY, &[patient("1955-01-01")])), ["smc", "adm12"]);
}

#[test]
fn an_age_outside_of_a_rule_set_is_the_reason_why_it_is_not_met() {
    let mut facts = vec![condition(SCT, "26929004"), admission(), patient("2010-01-01")];
    let screening = screen(KELLEY, &facts);
    assert_eq!(screening.outcome, Outcome::NotEligible);
    assert_eq!(finding(&screening, "applies-to-age").state, State::NotMet);
    facts[2] = patient("1955-01-01");
    assert_eq!(screen(KELLEY, &facts).outcome, Outcome::Eligible);
}

#[test]
fn a_line_of_business_is_checked_where_one_is_known() {
    let record = record(&vector());
    let outcome = |lines: &[String]| {
        let situation = Situation {
            record: &record,
            as_of: date(AS_OF),
            attestation_valid_days: 90,
            lines_of_business: lines,
        };
        rule_sets().find(ADULT).unwrap().screen(&situation).outcome
    };
    assert_eq!(outcome(&[]), Outcome::Eligible);
    assert_eq!(outcome(&["commercial".to_owned(), "medicaid-mc".to_owned()]), Outcome::Eligible);
    assert_eq!(outcome(&["commercial".to_owned()]), Outcome::NotEligible);
    // none of the day: what is on file tells whether that is known
    let with_coverage = |kind: Value, end: &str| {
        let coverage = json!({ "resourceType": "Coverage", "status": "active", "type": kind,
            "beneficiary": { "reference": "Patient/p" }, "period": { "start": "2024-01-01", "end": end } });
        let screening = screen(ADULT, &[vector(), vec![coverage]].concat());
        (screening.outcome, screening.missing.len())
    };
    let medicaid = json!({ "coding": [{ "system": "https://nahdo.org/sopt", "code": "211" }] });
    assert_eq!(with_coverage(medicaid, "2025-06-30"), (Outcome::NotEligible, 0), "it is over");
    let untold = json!({ "text": "the plan" });
    assert_eq!(with_coverage(untold.clone(), "2025-06-30"), (Outcome::NotEligible, 0));
    assert_eq!(with_coverage(untold, "2026-12-31"), (Outcome::Indeterminate, 1), "its line would settle it");
}

#[test]
fn copd_is_severe_only_with_oxygen_or_a_respiratory_admission() {
    let copd = || vec![patient("1955-01-01"), condition(ICD, "J44.9"), admission()];
    let screening = screen(KELLEY, &[copd(), vec![with_feed_later()]].concat());
    assert_eq!(screening.outcome, Outcome::Indeterminate, "the admission has no reason");
    let respiratory = [copd(), vec![with(admission(), because("J44.1"))]].concat();
    assert_eq!(screen(KELLEY, &respiratory).outcome, Outcome::Eligible);
    assert_eq!(screen(KELLEY, &[copd(), vec![condition(ICD, "Z99.81")]].concat()).outcome, Outcome::Eligible);
}

#[test]
fn t49_a_stay_was_not_for_what_was_then_ruled_out_or_written_by_mistake() {
    let of = |verification: &str, icd: &str| {
        let status = json!({ "coding": [{ "code": verification,
            "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status" }] });
        let diagnosis = with(condition(ICD, icd), json!({ "id": "d", "verificationStatus": status }));
        let stay = with(
            admission(),
            json!({ "diagnosis": [{ "rank": 1,
            "condition": { "reference": "Condition/d" } }] }),
        );
        state(ADULT, "chf-adm6", &[with_feed(), diagnosis, stay])
    };
    for (verification, icd, expected) in [
        ("confirmed", "I50.9", State::Met),
        ("confirmed", "S72.0", State::NotMet),
        ("refuted", "I50.9", State::Unknown),
        ("entered-in-error", "I50.9", State::Unknown),
        ("provisional", "I50.9", State::Unknown),
        ("provisional", "S72.0", State::NotMet),
    ] {
        assert_eq!(of(verification, icd), expected, "{verification} {icd}");
    }
}

#[test]
fn a_criterion_of_one_name_is_the_same_rule_in_every_rule_set() {
    let mut known: std::collections::BTreeMap<String, (String, String)> = std::collections::BTreeMap::new();
    for set in rule_sets().active() {
        for criterion in set.criteria().iter().filter(|criterion| !criterion.id.starts_with("applies-to")) {
            let rule = format!("{criterion:?}");
            let (first, own) = known.entry(criterion.id.clone()).or_insert((rule.clone(), set.url.clone()));
            assert_eq!(*first, rule, "{} of {own} and {}", criterion.id, set.url);
        }
    }
}
