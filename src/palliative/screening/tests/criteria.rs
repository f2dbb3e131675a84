//! Each criterion with a case for, a case against and one that does not tell.

use super::*;

struct Case {
    set: &'static str,
    id: &'static str,
    met: Vec<Value>,
    not_met: Vec<Value>,
    unknown: Vec<Value>,
}

fn case(
    set: &'static str,
    id: &'static str,
    met: Vec<Value>,
    not_met: Vec<Value>,
    unknown: Vec<Value>,
) -> Case {
    Case { set, id, met, not_met, unknown }
}

fn attested_case(id: &'static str, code: &str) -> Case {
    case(ADULT, id, vec![yes(code)], vec![no(code)], vec![])
}

fn diagnosis_case(set: &'static str, id: &'static str, system: &str, code: &str) -> Case {
    let unconfirmed = json!({ "verificationStatus": { "coding": [{ "code": "provisional" }] } });
    let found = condition(system, code);
    case(set, id, vec![found.clone()], vec![other_condition()], vec![with(found, unconfirmed)])
}

fn number_case(id: &'static str, code: &'static str, unit: &'static str, numbers: (f64, f64)) -> Case {
    let of = |value, unit| vec![observation(code, "2025-11-01", quantity(value, unit))];
    case(ADULT, id, of(numbers.0, unit), of(numbers.1, unit), of(numbers.0, "mmol/L"))
}

fn cases() -> Vec<Case> {
    let all = [adult_heart(), adult_other(), kelley(), implied()];
    all.into_iter().flatten().collect()
}

fn adult_heart() -> Vec<Case> {
    let nyha = |code: &str| vec![observation("88020-3", "2025-09-01", concept(LOINC, code))];
    vec![
        case(
            ADULT,
            "g1-hospital-use",
            vec![admission()],
            vec![with_feed(), no("likely-hospital-use")],
            vec![],
        ),
        attested_case("g2-advanced-decline", "advanced-decline"),
        attested_case("g3-death-within-year", "surprise-question-12m"),
        attested_case("g4-max-therapy", "max-therapy-reached"),
        attested_case("g5a-alternatives-to-ed", "agrees-alternative-to-ed"),
        attested_case("g5b-acp-willing", "agrees-acp"),
        diagnosis_case(ADULT, "dx-chf", ICD, "I50.22"),
        case(ADULT, "chf-nyha3", nyha("LA28407-7"), nyha("LA28405-1"), nyha("LA99999-9")),
        case(
            ADULT,
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

fn adult_other() -> Vec<Case> {
    let stage =
        |code: &str| vec![observation("21908-9", "2020-01-01", concept(SCT, code)), other_condition()];
    let born = |birth: &str| vec![patient(birth), hospice_flag()];
    let lines = |count: i64| vec![attestation("treatment-lines-failed", json!({ "valueInteger": count }))];
    vec![
        diagnosis_case(ADULT, "dx-copd", SCT, "185086009"),
        number_case("copd-fev35", "20152-5", "%", (34.0, 35.0)),
        number_case("copd-o2-lt3", "3151-8", "L/min", (2.0, 3.0)),
        number_case("copd-o2-ge3", "3151-8", "L/min", (3.0, 2.0)),
        diagnosis_case(ADULT, "dx-cancer", ICD, "C18.9"),
        case(ADULT, "ca-stage34-or-heme", stage("258224005"), stage("258219007"), vec![other_condition()]),
        number_case("ca-kps70", "89243-0", "{score}", (70.0, 80.0)),
        case(ADULT, "ca-2lines", lines(2), lines(1), vec![]),
        diagnosis_case(ADULT, "liver-irreversible", ICD, "K74.60"),
        number_case("liver-alb3", "1751-7", "g/dL", (2.9, 3.0)),
        number_case("liver-inr13", "6301-6", "{INR}", (1.4, 1.3)),
        diagnosis_case(ADULT, "liver-decomp", ICD, "R18.8"),
        number_case("liver-meld19", "44760-7", "{score}", (20.0, 19.0)),
        case(ADULT, "hospice-active-adult", born("1955-01-01"), born("2006-01-01"), vec![hospice_flag()]),
    ]
}

fn kelley() -> Vec<Case> {
    let housing = |value: Value| vec![observation("71802-3", "2025-09-01", value)];
    let adl = |count: i64| {
        vec![observation("adl-dependence-count", "2025-09-01", json!({ "valueInteger": count }))]
    };
    vec![
        diagnosis_case(KELLEY, "smc", SCT, "26929004"),
        diagnosis_case(KELLEY, "copd", ICD, "J44.9"),
        diagnosis_case(KELLEY, "copd-oxygen", ICD, "Z99.81"),
        case(
            KELLEY,
            "copd-admission",
            vec![with(admission(), because("J44.1"))],
            vec![with_feed()],
            vec![admission()],
        ),
        case(KELLEY, "adl", adl(1), adl(0), vec![]),
        case(KELLEY, "adm12", vec![admission()], vec![with_feed()], vec![]),
        case(
            KELLEY,
            "nh",
            housing(concept(SCT, "160734000")),
            housing(concept(SCT, "160724003")),
            housing(json!({ "valueString": "with her daughter" })),
        ),
        case(
            KELLEY,
            "hospice-active",
            vec![hospice_flag()],
            vec![],
            vec![with(hospice_flag(), json!({ "period": { "start": "2025-12" } }))],
        ),
    ]
}

fn implied() -> Vec<Case> {
    vec![
        case(
            KELLEY,
            "applies-to-age",
            vec![patient("2007-12-01")],
            vec![patient("2007-12-02")],
            vec![patient("2007")],
        ),
        case(
            KELLEY,
            "alive",
            vec![patient("1955-01-01")],
            vec![with(patient("1955-01-01"), json!({ "deceasedBoolean": true }))],
            vec![],
        ),
        case(
            ADULT,
            "alive",
            vec![patient("1955-01-01")],
            vec![with(patient("1955-01-01"), json!({ "deceasedDateTime": "2025-12-01" }))],
            vec![],
        ),
    ]
}

#[test]
fn t37_each_criterion_has_a_case_for_one_against_and_one_that_does_not_tell() {
    for case in cases() {
        for (facts, expected) in
            [(&case.met, State::Met), (&case.not_met, State::NotMet), (&case.unknown, State::Unknown)]
        {
            let screening = screen(case.set, facts);
            let told = screening.results.iter().find(|result| result.criterion.id == case.id);
            // What goes without saying is not told: a patient who is alive.
            let state = told.map_or(State::Met, |result| result.finding.state);
            if case.id == "alive" && expected == State::Unknown {
                continue;
            }
            assert_eq!(state, expected, "{}: {:?}", case.id, told.map(|result| &result.finding));
            let finding = told.map(|result| &result.finding);
            assert!(
                finding.is_none_or(|finding| (state == State::Unknown) != finding.missing.is_empty()),
                "{}",
                case.id
            );
        }
    }
}

#[test]
fn no_criterion_is_without_its_cases() {
    let cases = cases();
    let shared = super::cases::all();
    for set in rule_sets().all() {
        for criterion in set.criteria() {
            let id = criterion.id.as_str();
            let own = cases.iter().any(|case| case.id == id) || shared.iter().any(|case| case.id == id);
            assert!(own || id == "applies-to-lob", "{} {id}", set.url);
            assert!(criterion.sentence.ends_with('.'), "{id}: a sentence");
        }
    }
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
