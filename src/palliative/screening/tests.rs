//! Each criterion with a case for, a case against and one that does not tell; the test vectors and the traps of
//! the clinical design.

use std::sync::OnceLock;

use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::json;

use super::*;
use crate::definitions::Definitions;
use crate::fhir::Resource;

const AS_OF: &str = "2025-12-01";
const ADULT: &str = "https://comfrey.health/fhir/PlanDefinition/RS-CA-ADULT";
const KELLEY: &str = "https://comfrey.health/fhir/PlanDefinition/RS-KELLEY-B";
const LOCAL: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";
const ICD: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const SCT: &str = "http://snomed.info/sct";
const LOINC: &str = "http://loinc.org";

fn rule_sets() -> &'static RuleSets {
    static SETS: OnceLock<RuleSets> = OnceLock::new();
    SETS.get_or_init(|| RuleSets::compile(&Definitions::shared().unwrap()).unwrap())
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn record(facts: &[Value]) -> PatientRecord {
    let named = facts.iter().enumerate().map(|(at, fact)| {
        let mut fact = fact.clone();
        if fact.get("id").is_none() {
            fact["id"] = json!(format!("r{at}"));
        }
        Resource::from_value(fact).unwrap()
    });
    PatientRecord::new("p", named.collect(), &TimeZone::get("America/Los_Angeles").unwrap())
}

fn screen_on<'a>(set: &str, facts: &[Value], as_of: &str) -> Screening<'a> {
    let record = record(facts);
    let situation =
        Situation { record: &record, as_of: date(as_of), attestation_valid_days: 90, lines_of_business: &[] };
    rule_sets().find(set).unwrap().screen(&situation)
}

fn screen<'a>(set: &str, facts: &[Value]) -> Screening<'a> {
    screen_on(set, facts, AS_OF)
}

fn finding(screening: &Screening, id: &str) -> Finding {
    screening.results.iter().find(|result| result.criterion.id == id).unwrap().finding.clone()
}

fn state(set: &str, id: &str, facts: &[Value]) -> State {
    finding(&screen(set, facts), id).state
}

fn missing(screening: &Screening) -> Vec<String> {
    screening.missing.iter().map(|at| screening.results[*at].criterion.id.clone()).collect()
}

fn with(mut base: Value, more: Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

fn patient(birth: &str) -> Value {
    json!({ "resourceType": "Patient", "id": "p", "birthDate": birth })
}

/// A patient of 70 whose encounters are complete from 2020 on.
fn with_feed() -> Value {
    with(
        patient("1955-01-01"),
        json!({ "extension": [{
        "url": crate::palliative::record::FEED_EXTENSION, "valuePeriod": { "start": "2020-01-01" } }] }),
    )
}

fn condition(system: &str, code: &str) -> Value {
    json!({ "resourceType": "Condition", "code": { "coding": [{ "system": system, "code": code }] },
        "clinicalStatus": { "coding": [{ "code": "active" }] }, "subject": { "reference": "Patient/p" },
        "recordedDate": "2024-01-10" })
}

fn other_condition() -> Value {
    condition(ICD, "M17.0")
}

fn observation(code: &str, date: &str, value: Value) -> Value {
    let system =
        if code.contains('-') && code.starts_with(|c: char| c.is_ascii_digit()) { LOINC } else { LOCAL };
    let base = json!({ "resourceType": "Observation", "status": "final", "effectiveDateTime": date,
        "code": { "coding": [{ "system": system, "code": code }] }, "subject": { "reference": "Patient/p" } });
    with(base, value)
}

fn quantity(value: f64, unit: &str) -> Value {
    json!({ "valueQuantity": { "value": value, "system": "http://unitsofmeasure.org", "code": unit, "unit": unit } })
}

fn attestation(code: &str, value: Value) -> Value {
    with(observation(code, "2025-11-01", value), json!({ "performer": [{ "reference": "Practitioner/d" }] }))
}

fn yes(code: &str) -> Value {
    attestation(code, json!({ "valueBoolean": true }))
}

fn no(code: &str) -> Value {
    attestation(code, json!({ "valueBoolean": false }))
}

fn encounter(class: &str, start: &str, end: &str) -> Value {
    json!({ "resourceType": "Encounter", "status": "finished", "class": { "code": class,
        "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode" },
        "period": { "start": start, "end": end }, "subject": { "reference": "Patient/p" } })
}

fn because(icd: &str) -> Value {
    json!({ "reasonCode": [{ "coding": [{ "system": ICD, "code": icd }] }] })
}

fn admission() -> Value {
    encounter("IMP", "2025-10-01T10:00:00-07:00", "2025-10-05T10:00:00-07:00")
}

fn hospice_flag() -> Value {
    json!({ "resourceType": "Flag", "status": "active", "subject": { "reference": "Patient/p" },
        "period": { "start": "2025-11-15" },
        "code": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/palliative-flag",
                               "code": "hospice-election" }] } })
}

fn concept(system: &str, code: &str) -> Value {
    json!({ "valueCodeableConcept": { "coding": [{ "system": system, "code": code }] } })
}

const GENERAL: [&str; 5] = [
    "advanced-decline",
    "surprise-question-12m",
    "max-therapy-reached",
    "agrees-alternative-to-ed",
    "agrees-acp",
];

/// Vector V-RULE-1: 70 years, heart failure with reduced ejection fraction, NYHA III, ejection fraction 25, all
/// attestations, one admission.
fn vector() -> Vec<Value> {
    let mut facts = vec![
        patient("1955-01-01"),
        condition(SCT, "703272007"),
        observation("88020-3", "2025-09-01", concept(LOINC, "LA28406-9")),
        with(observation("10230-1", "2025-09-02", quantity(25.0, "%")), json!({ "id": "ef" })),
        admission(),
    ];
    facts.extend(GENERAL.map(yes));
    facts
}

fn without(facts: &[Value], code: &str) -> Vec<Value> {
    facts.iter().filter(|fact| fact.pointer("/code/coding/0/code") != Some(&json!(code))).cloned().collect()
}

#[test]
fn v_rule_1_all_that_is_asked_for_is_eligible() {
    let screening = screen(ADULT, &vector());
    assert_eq!(screening.outcome, Outcome::Eligible);
    let ef = finding(&screening, "chf-ef30");
    assert_eq!(
        (ef.state, ef.date, ef.evidence),
        (State::Met, Some(date("2025-09-02")), vec!["Observation/ef".to_owned()])
    );
    assert_eq!(ef.value.unwrap().0, "valueQuantity");
    assert_eq!(ef.window.unwrap().from, Some(date("2023-12-02")));
    assert!(screening.missing.is_empty());
}

#[test]
fn v_rule_1_without_one_attestation_only_that_is_missing() {
    let screening = screen(ADULT, &without(&vector(), "surprise-question-12m"));
    assert_eq!(screening.outcome, Outcome::Indeterminate);
    assert_eq!(missing(&screening), ["g3-death-within-year"]);
    let g3 = finding(&screening, "g3-death-within-year");
    assert_eq!(g3.missing, ["clinician attestation surprise-question-12m (valid 90 d)"]);
}

#[test]
fn v_rule_1_an_adult_who_elected_hospice_is_excluded_and_one_of_19_is_not() {
    let mut facts = vector();
    facts.push(hospice_flag());
    assert_eq!(screen(ADULT, &facts).outcome, Outcome::Excluded);
    facts[0] = patient("2006-06-01");
    assert_eq!(screen(ADULT, &facts).outcome, Outcome::Eligible);
    facts[0] = patient("2004-12-01");
    assert_eq!(screen(ADULT, &facts).outcome, Outcome::Excluded, "21 on this day");
    facts[0] = patient("2004-12-02");
    assert_eq!(screen(ADULT, &facts).outcome, Outcome::Eligible, "21 tomorrow");
}

#[test]
fn v_rule_1_an_ejection_fraction_of_exactly_30_needs_a_comorbidity() {
    let mut facts = without(&vector(), "10230-1");
    facts.push(observation("10230-1", "2025-09-02", quantity(30.0, "%")));
    let screening = screen(ADULT, &facts);
    assert_eq!(screening.outcome, Outcome::Indeterminate);
    assert_eq!(missing(&screening), ["significant-comorbidity"]);
    facts.push(yes("significant-comorbidity"));
    assert_eq!(screen(ADULT, &facts).outcome, Outcome::Eligible);
}

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
    let stage =
        |code: &str| vec![observation("21908-9", "2020-01-01", concept(SCT, code)), other_condition()];
    let born = |birth: &str| vec![patient(birth), hospice_flag()];
    let housing = |value: Value| vec![observation("71802-3", "2025-09-01", value)];
    let adl = |count: i64| {
        vec![observation("adl-dependence-count", "2025-09-01", json!({ "valueInteger": count }))]
    };
    let nyha = |code: &str| vec![observation("88020-3", "2025-09-01", concept(LOINC, code))];
    let lines = |count: i64| vec![attestation("treatment-lines-failed", json!({ "valueInteger": count }))];
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
    for set in [ADULT, KELLEY] {
        for criterion in rule_sets().find(set).unwrap().criteria() {
            let known = cases.iter().any(|case| case.set == set && case.id == criterion.id);
            assert!(known || criterion.id == "applies-to-lob", "{set} {}", criterion.id);
            assert!(criterion.sentence.ends_with('.'), "{}: a sentence", criterion.id);
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

/// A second Patient resource of no consequence would be a mistake: a feed may stand on a Coverage instead.
fn with_feed_later() -> Value {
    json!({ "resourceType": "Coverage", "extension": [{
        "url": crate::palliative::record::FEED_EXTENSION, "valuePeriod": { "start": "2020-01-01" } }] })
}

#[test]
fn t37_a_count_without_a_feed_is_a_lower_bound() {
    assert_eq!(state(KELLEY, "adm12", &[patient("1955-01-01")]), State::Unknown);
    assert_eq!(state(KELLEY, "adm12", &[with_feed()]), State::NotMet);
    assert_eq!(state(KELLEY, "adm12", &[with_feed_later()]), State::NotMet);
    let old = encounter("IMP", "2024-11-20", "2024-11-30");
    assert_eq!(state(KELLEY, "adm12", &[with_feed(), old]), State::NotMet);
    let into_window = encounter("IMP", "2024-11-20", "2024-12-01");
    assert_eq!(state(KELLEY, "adm12", &[with_feed(), into_window]), State::Met);
}

#[test]
fn t8_encounters_that_did_not_take_place_never_count() {
    for status in ["planned", "cancelled", "entered-in-error"] {
        let void = with(admission(), json!({ "status": status }));
        assert_eq!(state(KELLEY, "adm12", &[with_feed(), void]), State::NotMet, "{status}");
    }
    let unclear = with(admission(), json!({ "status": "unknown" }));
    assert_eq!(state(KELLEY, "adm12", &[with_feed(), unclear]), State::Unknown);
    let planned_later = encounter("IMP", "2025-12-05", "2025-12-06");
    assert_eq!(state(KELLEY, "adm12", &[with_feed(), planned_later]), State::NotMet);
}

#[test]
fn a_stay_in_hospice_is_no_admission_to_hospital() {
    let types = json!({ "type": [{ "coding": [{ "system": SCT, "code": "305336008" }] }] });
    assert_eq!(state(KELLEY, "adm12", &[with_feed(), with(admission(), types)]), State::NotMet);
    let by_type = json!({ "class": { "code": "FLD" }, "type": [{ "coding": [{ "system": SCT, "code": "183452005" }] }] });
    assert_eq!(state(KELLEY, "adm12", &[with(admission(), by_type)]), State::Met);
}

#[test]
fn t44_a_range_meets_a_limit_only_as_a_whole() {
    let of = |value: Value| state(ADULT, "chf-ef30", &[observation("10230-1", "2025-11-01", value)]);
    let range = |low: f64, high: f64| {
        let end = |value: f64| json!({ "value": value, "system": "http://unitsofmeasure.org", "code": "%" });
        json!({ "valueRange": { "low": end(low), "high": end(high) } })
    };
    assert_eq!(of(range(20.0, 25.0)), State::Met);
    assert_eq!(of(range(25.0, 30.0)), State::Unknown);
    assert_eq!(of(range(30.0, 35.0)), State::NotMet);
    let compared = |comparator: &str, value: f64| json!({ "valueQuantity": { "value": value, "comparator": comparator, "code": "%" } });
    assert_eq!(of(compared("<", 30.0)), State::Met);
    assert_eq!(of(compared("<=", 30.0)), State::Unknown);
    assert_eq!(of(compared(">=", 30.0)), State::NotMet);
    assert_eq!(of(compared(">", 25.0)), State::Unknown);
    assert_eq!(of(json!({ "valueString": "EF 25-30" })), State::Unknown);
    let samples = json!({ "valueSampledData": { "origin": { "value": 0, "code": "%" }, "period": 1, "dimensions": 1, "data": "22 25 29" } });
    assert_eq!(of(samples), State::Met);
}

#[test]
fn t43_a_wrong_or_missing_unit_does_not_tell() {
    let of =
        |value: Value| finding(&screen(ADULT, &[observation("20152-5", "2025-11-01", value)]), "copd-fev35");
    for value in [
        quantity(1.2, "L"),
        json!({ "valueQuantity": { "value": 30 } }),
        json!({ "valueInteger": 30 }),
        json!({ "valueQuantity": { "value": 30, "system": "https://example.org/units", "code": "%" } }),
    ] {
        let found = of(value.clone());
        assert_eq!(found.state, State::Unknown, "{value}");
        assert!(found.missing[0].contains("reason: unit"), "{:?}", found.missing);
    }
    assert_eq!(of(json!({ "valueQuantity": { "value": 30, "unit": "percent" } })).state, State::Met);
}

#[test]
fn t42_values_grow_stale_and_the_latest_counts() {
    let kps = |date: &str, value: f64| observation("89243-0", date, quantity(value, "{score}"));
    let of = |facts: &[Value]| state(ADULT, "ca-kps70", facts);
    assert_eq!(of(&[kps("2025-09-02", 60.0)]), State::Met);
    assert_eq!(of(&[kps("2025-09-01", 60.0)]), State::Unknown, "91 days old");
    assert_eq!(of(&[kps("2025-10-01", 60.0), kps("2025-11-01", 80.0)]), State::NotMet);
    assert_eq!(of(&[kps("2025-11-01", 60.0), kps("2025-10-01", 80.0)]), State::Met);
    assert_eq!(of(&[kps("2025-11-01", 60.0), kps("2025-12-02", 80.0)]), State::Met, "not yet measured");
    assert_eq!(
        of(&[kps("2025-11-01", 60.0), kps("2025-11-01", 80.0)]),
        State::Unknown,
        "which is the later?"
    );
    let issued = |value: f64, at: &str| with(kps("2025-11-01", value), json!({ "issued": at }));
    assert_eq!(
        of(&[issued(60.0, "2025-11-01T10:00:00Z"), issued(80.0, "2025-11-01T11:00:00Z")]),
        State::NotMet
    );
    assert_eq!(of(&[kps("2025-09", 60.0)]), State::Unknown, "it may be 1 September");
}

#[test]
fn observations_that_are_not_final_or_about_another_do_not_count() {
    let adl = observation("adl-dependence-count", "2025-09-01", json!({ "valueInteger": 3 }));
    for status in ["preliminary", "registered", "cancelled", "entered-in-error", "unknown"] {
        assert_eq!(
            state(KELLEY, "adl", &[with(adl.clone(), json!({ "status": status }))]),
            State::Unknown,
            "{status}"
        );
    }
    for status in ["amended", "corrected"] {
        assert_eq!(
            state(KELLEY, "adl", &[with(adl.clone(), json!({ "status": status }))]),
            State::Met,
            "{status}"
        );
    }
    let of_caregiver = with(adl, json!({ "focus": [{ "reference": "RelatedPerson/r" }] }));
    assert_eq!(state(KELLEY, "adl", &[of_caregiver]), State::Unknown);
}

#[test]
fn only_a_clinician_attests_and_only_for_so_long() {
    let of = |fact: Value| state(ADULT, "g4-max-therapy", &[fact]);
    let by = |performer: &str| {
        with(yes("max-therapy-reached"), json!({ "performer": [{ "reference": performer }] }))
    };
    assert_eq!(of(by("PractitionerRole/1")), State::Met);
    for performer in ["Patient/p", "RelatedPerson/r", "Organization/o"] {
        assert_eq!(of(by(performer)), State::Unknown, "{performer}");
    }
    let on = |date: &str| with(yes("max-therapy-reached"), json!({ "effectiveDateTime": date }));
    assert_eq!(of(on("2025-09-02")), State::Met);
    assert_eq!(of(on("2025-09-01")), State::Unknown);
    assert_eq!(of(attestation("max-therapy-reached", json!({ "valueString": "yes" }))), State::Unknown);
}

#[test]
fn t49_what_is_refuted_or_over_is_no_diagnosis() {
    let of = |more: Value| state(ADULT, "dx-chf", &[with(condition(ICD, "I50.9"), more), other_condition()]);
    let verification = |code: &str| json!({ "verificationStatus": { "coding": [{ "code": code }] } });
    let clinical = |code: &str| json!({ "clinicalStatus": { "coding": [{ "code": code }] } });
    for (more, expected) in [
        (verification("refuted"), State::NotMet),
        (verification("entered-in-error"), State::NotMet),
        (verification("unconfirmed"), State::Unknown),
        (verification("differential"), State::Unknown),
        (verification("confirmed"), State::Met),
        (clinical("recurrence"), State::Met),
        (clinical("relapse"), State::Met),
        (clinical("inactive"), State::NotMet),
        (clinical("remission"), State::NotMet),
        (clinical("resolved"), State::NotMet),
        (json!({ "abatementDateTime": "2025-06-01" }), State::NotMet),
        (json!({ "abatementString": "last summer" }), State::NotMet),
        (json!({ "clinicalStatus": null }), State::Unknown),
        (json!({ "recordedDate": "2026-01-01" }), State::NotMet),
    ] {
        assert_eq!(of(more.clone()), expected, "{more}");
    }
    let family = json!({ "resourceType": "FamilyMemberHistory", "status": "completed",
        "condition": [{ "code": { "coding": [{ "system": ICD, "code": "I50.9" }] } }] });
    assert_eq!(state(ADULT, "dx-chf", &[family, other_condition()]), State::NotMet);
}

#[test]
fn what_ended_later_was_there_before() {
    let ended = json!({ "clinicalStatus": { "coding": [{ "code": "resolved" }] }, "abatementDateTime": "2025-06-01" });
    let facts = [with(condition(ICD, "I50.9"), ended), other_condition()];
    assert_eq!(finding(&screen_on(ADULT, &facts, "2025-05-31"), "dx-chf").state, State::Met);
    assert_eq!(finding(&screen_on(ADULT, &facts, "2025-06-01"), "dx-chf").state, State::NotMet);
}

#[test]
fn a_diagnosis_of_an_encounter_counts_while_the_encounter_is_in_the_look_back() {
    let seen = |start: &str| {
        let visit = with(encounter("AMB", start, start), json!({ "id": "v" }));
        let diagnosis = json!({ "resourceType": "Condition", "encounter": { "reference": "Encounter/v" },
            "category": [{ "coding": [{ "code": "encounter-diagnosis" }] }],
            "code": { "coding": [{ "system": ICD, "code": "R18.8" }] } });
        state(ADULT, "liver-decomp", &[visit, diagnosis])
    };
    assert_eq!(seen("2025-01-10"), State::Met);
    assert_eq!(seen("2024-12-01"), State::Met);
    assert_eq!(seen("2024-11-30"), State::NotMet);
}

#[test]
fn with_no_diagnosis_on_file_a_diagnosis_is_unknown() {
    assert_eq!(state(ADULT, "dx-chf", &[patient("1955-01-01")]), State::Unknown);
    assert_eq!(state(ADULT, "dx-chf", &[with_feed()]), State::NotMet);
    let void = with(
        other_condition(),
        json!({ "verificationStatus": { "coding": [{ "code": "entered-in-error" }] } }),
    );
    assert_eq!(state(ADULT, "dx-chf", &[void]), State::Unknown);
}

#[test]
fn t40_an_inr_under_a_vitamin_k_antagonist_does_not_tell() {
    let inr = observation("6301-6", "2025-11-01", json!({ "valueQuantity": { "value": 2.4 } }));
    assert_eq!(state(ADULT, "liver-inr13", std::slice::from_ref(&inr)), State::Met);
    let medicine = |concept: Value, status: &str| {
        json!({ "resourceType": "MedicationRequest", "status": status, "intent": "order", "authoredOn": "2025-06-01",
            "medicationCodeableConcept": concept })
    };
    let warfarin = || json!({ "coding": [{ "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "855332" }] });
    for concept in [
        warfarin(),
        json!({ "text": "Warfarin sodium 5 mg tablets" }),
        json!({ "coding": [{ "system": "http://www.whocc.no/atc", "code": "B01AA04" }] }),
    ] {
        let found =
            finding(&screen(ADULT, &[inr.clone(), medicine(concept.clone(), "active")]), "liver-inr13");
        assert_eq!(found.state, State::Unknown, "{concept}");
        assert!(found.missing[0].contains("reason: treatment"));
    }
    assert_eq!(state(ADULT, "liver-inr13", &[inr.clone(), medicine(warfarin(), "stopped")]), State::Met);
    assert_eq!(
        state(ADULT, "liver-inr13", &[inr, medicine(json!({ "text": "Apixaban" }), "active")]),
        State::Met
    );
}

#[test]
fn t45_a_leukaemia_or_metastasis_needs_no_stage() {
    for (system, code) in [(ICD, "C92.00"), (ICD, "C78.7"), (SCT, "94260004"), (SCT, "93143009")] {
        assert_eq!(state(ADULT, "ca-stage34-or-heme", &[condition(system, code)]), State::Met, "{code}");
        assert_eq!(state(ADULT, "dx-cancer", &[condition(system, code)]), State::Met, "{code}");
    }
    for text in ["Stage IIIA", "clinical stage IV", "4"] {
        let fact = observation("21902-2", "2019-01-01", json!({ "valueCodeableConcept": { "text": text } }));
        assert_eq!(state(ADULT, "ca-stage34-or-heme", &[fact]), State::Met, "{text}");
    }
    for (system, code) in [(SCT, "92691004"), (SCT, "126906006"), (ICD, "D05.1"), (ICD, "C44.91")] {
        assert_eq!(
            state(ADULT, "dx-cancer", &[condition(system, code)]),
            State::NotMet,
            "{code} is not malignant, or skin"
        );
    }
}

#[test]
fn nyha_class_is_read_from_codes_and_words() {
    let of = |value: Value| state(ADULT, "chf-nyha3", &[observation("88020-3", "2025-09-01", value)]);
    let words = |text: &str| json!({ "valueCodeableConcept": { "text": text } });
    for value in [
        concept(SCT, "422293003"),
        words("NYHA Class III"),
        json!({ "valueString": "IV" }),
        json!({ "valueInteger": 3 }),
    ] {
        assert_eq!(of(value.clone()), State::Met, "{value}");
    }
    for value in [concept(SCT, "420300004"), words("Class II"), json!({ "valueInteger": 1 })] {
        assert_eq!(of(value.clone()), State::NotMet, "{value}");
    }
    for value in [
        words("Class II-III"),
        json!({ "valueInteger": 7 }),
        json!({ "valueQuantity": { "value": 3, "unit": "kg" } }),
    ] {
        assert_eq!(of(value.clone()), State::Unknown, "{value}");
    }
}

#[test]
fn t53_a_flag_counts_in_its_period() {
    let of = |flag: Value, as_of: &str| {
        finding(&screen_on(KELLEY, &[patient("1955-01-01"), flag], as_of), "hospice-active").state
    };
    assert_eq!(of(hospice_flag(), "2025-11-14"), State::NotMet);
    assert_eq!(of(hospice_flag(), "2025-11-15"), State::Met);
    let revoked = with(
        hospice_flag(),
        json!({ "status": "inactive", "period": { "start": "2025-11-15", "end": "2025-11-20" } }),
    );
    assert_eq!(of(revoked.clone(), "2025-11-20"), State::Met);
    assert_eq!(of(revoked, "2025-11-21"), State::NotMet);
    assert_eq!(of(with(hospice_flag(), json!({ "status": "entered-in-error" })), AS_OF), State::NotMet);
}

#[test]
fn what_is_found_holds_until_the_day_it_says() {
    let mut facts = vector();
    facts.push(with(hospice_flag(), json!({ "status": "active", "period": { "start": "2026-02-01" } })));
    facts.push(patient("1955-01-01"));
    let states = |as_of: Date| {
        let screening = screen_on(ADULT, &facts, &as_of.to_string());
        let states: Vec<_> =
            screening.results.iter().map(|r| (r.criterion.id.clone(), r.finding.state)).collect();
        (states, screening.outcome, screening.next_change)
    };
    let mut day = date(AS_OF);
    let mut changed = 0;
    let (mut before, _, mut next) = states(day);
    for _ in 0..800 {
        day = day.tomorrow().unwrap();
        let (now, _, next_now) = states(day);
        if now != before {
            assert!(next.is_some_and(|next| next <= day), "{day}: it said {next:?}");
            changed += 1;
        }
        if next.is_some_and(|next| next <= day) {
            next = next_now;
        }
        before = now;
    }
    assert!(changed >= 4, "attestations, the flag, the admission and the class grow old: {changed}");
}

#[test]
fn needs_are_told_whatever_the_rule_sets_say() {
    let signals = |facts: &[Value]| {
        let record = record(facts);
        let situation = Situation {
            record: &record,
            as_of: date(AS_OF),
            attestation_valid_days: 90,
            lines_of_business: &[],
        };
        rule_sets().signals(&situation).iter().map(|signal| signal.criterion.id.clone()).collect::<Vec<_>>()
    };
    let esas = |value: i64| observation("esas-pain", "2025-11-20", json!({ "valueInteger": value }));
    assert_eq!(signals(&[esas(4)]), ["esas-pain"]);
    assert_eq!(
        signals(&[
            observation("44261-6", "2025-11-20", json!({ "valueInteger": 10 })),
            yes("unmet-need"),
            yes("caregiver-strain-attested")
        ]),
        ["phq-9", "caregiver-strain", "unmet-need"]
    );
    assert!(
        signals(&[esas(3), no("unmet-need"), yes("surprise-question-12m")]).is_empty(),
        "t36: no prognosis"
    );
}

#[test]
fn the_order_of_the_facts_does_not_matter() {
    let told = |facts: &[Value]| {
        format!("{:?}", screen(ADULT, facts).results.iter().map(|r| &r.finding).collect::<Vec<_>>())
    };
    let facts: Vec<_> = vector()
        .into_iter()
        .enumerate()
        .map(|(at, fact)| with(json!({ "id": format!("r{at}") }), fact))
        .collect();
    let mut reversed = facts.clone();
    reversed.reverse();
    assert_eq!(told(&facts), told(&reversed));
}

#[test]
fn a_rule_set_is_found_by_its_canonical() {
    assert!(rule_sets().find(&format!("{ADULT}|APL18-020-r1")).is_some());
    assert!(rule_sets().find(&format!("{ADULT}|2")).is_none());
    assert!(rule_sets().find("RS-CA-ADULT").is_none());
    let active: Vec<_> = rule_sets().active().map(RuleSet::canonical).collect();
    assert_eq!(active, [format!("{ADULT}|APL18-020-r1"), format!("{KELLEY}|1")]);
}

#[test]
fn our_definitions_are_valid_fhir() {
    let definitions = Definitions::shared().unwrap();
    let ours = [&definitions.plan_definitions, &definitions.value_sets, &definitions.code_systems];
    for (url, definition) in ours.into_iter().flatten() {
        assert_eq!(crate::fhir::shape::validate(&definitions.shapes, definition), Vec::new(), "{url}");
        let name = url.rsplit('/').next().unwrap();
        assert_eq!(definition["id"], name, "{url}");
    }
}

#[test]
fn every_value_set_of_ours_compiles() {
    let definitions = Definitions::shared().unwrap();
    for url in definitions.value_sets.keys() {
        assert!(Codes::compile(url, &definitions.value_sets).is_ok(), "{url}");
    }
}

/// A rule set of one criterion, in the words of its parameters.
fn one_rule(parameters: Value) -> std::result::Result<RuleSet, String> {
    let inner: Vec<Value> = parameters
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| {
            let (name, rest) = (parameter[0].clone(), parameter[1].clone());
            with(json!({ "url": name }), rest)
        })
        .collect();
    let plan = json!({ "url": "https://example.org/PlanDefinition/x", "version": "1", "title": "x", "status": "active",
        "action": [{ "id": "criteria",
            "condition": [{ "kind": "applicability", "expression": { "language": "text/cql", "expression": "`c`" } }],
            "action": [{ "id": "c", "title": "a value", "description": "A sentence.", "extension": [{
                "url": "https://comfrey.health/fhir/StructureDefinition/criterion", "extension": inner }] }] }] });
    let definitions = Definitions::shared().unwrap();
    RuleSet::compile(&plan, &document::Terminology::new(&definitions.value_sets)?)
}

fn state_of(parameters: Value, facts: &[Value]) -> State {
    let set = one_rule(parameters).unwrap();
    let record = record(facts);
    let situation =
        Situation { record: &record, as_of: date(AS_OF), attestation_valid_days: 90, lines_of_business: &[] };
    finding(&set.screen(&situation), "c").state
}

fn kind(kind: &str) -> Value {
    json!(["kind", { "valueCode": kind }])
}

fn value_set(name: &str, id: &str) -> Value {
    json!([name, { "valueCanonical": format!("https://comfrey.health/fhir/ValueSet/{id}") }])
}

fn days(name: &str, days: i64) -> Value {
    json!([name, { "valueInteger": days }])
}

#[test]
fn t38_a_rule_can_ask_for_diagnoses_of_several_encounters() {
    let rule =
        || json!([kind("condition"), value_set("valueSet", "vs-heart-failure"), days("minEncounters", 2)]);
    let seen = |encounter: &str| {
        with(
            condition(ICD, "I50.9"),
            json!({ "encounter": { "reference": format!("Encounter/{encounter}") } }),
        )
    };
    assert_eq!(state_of(rule(), &[seen("a")]), State::NotMet);
    assert_eq!(state_of(rule(), &[seen("a"), seen("a")]), State::NotMet);
    assert_eq!(state_of(rule(), &[seen("a"), seen("b")]), State::Met);
    assert_eq!(state_of(rule(), &[condition(ICD, "I50.9")]), State::Met, "it is on the problem list");
}

#[test]
fn a_rule_can_pick_the_least_or_the_greatest_value() {
    let rule = |pick: &str, op: &str| {
        json!([kind("observation"), ["code", { "valueCoding": { "system": LOINC, "code": "1751-7" } }],
            ["op", { "valueCode": op }], ["value", { "valueDecimal": 3.0 }], ["unit", { "valueCode": "g/dL" }],
            days("lookbackDays", 365), ["pick", { "valueCode": pick }]])
    };
    let albumin = |date: &str, value: f64| observation("1751-7", date, quantity(value, "g/dL"));
    let facts = [albumin("2025-06-01", 2.5), albumin("2025-11-01", 3.5)];
    assert_eq!(state_of(rule("latest", "lt"), &facts), State::NotMet);
    assert_eq!(state_of(rule("min", "lt"), &facts), State::Met);
    assert_eq!(state_of(rule("max", "lt"), &facts), State::NotMet);
    assert_eq!(state_of(rule("max", "ge"), &facts), State::Met);
    assert_eq!(state_of(rule("min", "ge"), &facts), State::NotMet);
    assert_eq!(state_of(rule("min", "eq"), &[albumin("2025-06-01", 3.0)]), State::Met);
    let unclear = [albumin("2025-06-01", 3.5), observation("1751-7", "2025-07-01", quantity(25.0, "g/L"))];
    assert_eq!(state_of(rule("min", "lt"), &unclear), State::Unknown, "the other unit may hide a lower one");
    let decided = [albumin("2025-06-01", 2.5), observation("1751-7", "2025-07-01", quantity(25.0, "g/L"))];
    assert_eq!(state_of(rule("min", "lt"), &decided), State::Met);
}

#[test]
fn every_class_of_encounter_counts_its_own() {
    let count = |class: &str, min: i64, facts: &[Value]| {
        let rule = json!([kind("encounterCount"), ["class", { "valueCode": class }], days("windowDays", 365), days("min", min)]);
        state_of(rule, facts)
    };
    let visit = |class: &str, start: &str, end: &str| encounter(class, start, end);
    let chain = [
        with_feed(),
        visit("EMER", "2025-06-01T10:00:00Z", "2025-06-01T14:00:00Z"),
        visit("IMP", "2025-06-01T15:00:00Z", "2025-06-04T10:00:00Z"),
        visit("EMER", "2025-08-01T10:00:00Z", "2025-08-01T14:00:00Z"),
        visit("OBSENC", "2025-09-01T10:00:00Z", "2025-09-02T14:00:00Z"),
        visit("AMB", "2025-10-01T10:00:00Z", "2025-10-01T10:30:00Z"),
    ];
    for (class, number) in [
        ("inpatient-any", 1),
        ("inpatient-unplanned", 1),
        ("ed", 2),
        ("ed-treat-release", 1),
        ("observation", 1),
        ("hospital-any", 3),
        ("outpatient", 1),
    ] {
        assert_eq!(count(class, number, &chain), State::Met, "{class}");
        assert_eq!(count(class, number + 1, &chain), State::NotMet, "{class}");
        assert_eq!(count(class, number + 1, &chain[1..]), State::Unknown, "{class} without a feed");
    }
    let elective =
        with(admission(), json!({ "type": [{ "coding": [{ "system": SCT, "code": "8715000" }] }] }));
    assert_eq!(count("inpatient-unplanned", 1, &[with_feed(), elective]), State::NotMet);
}

#[test]
fn t73_whether_an_unclear_admission_was_planned_is_for_the_rule_to_say() {
    let rule = |unclear: Value| {
        let mut rule = json!([kind("encounterCount"), ["class", { "valueCode": "inpatient-unplanned" }],
            days("windowDays", 365), days("min", 1)]);
        rule.as_array_mut().unwrap().extend(unclear.as_array().unwrap().clone());
        rule
    };
    assert_eq!(state_of(rule(json!([])), &[with_feed(), admission()]), State::Met);
    let strict = json!([["unclearIsUnplanned", { "valueBoolean": false }]]);
    assert_eq!(state_of(rule(strict), &[with_feed(), admission()]), State::Unknown);
}

#[test]
fn a_rule_that_cannot_be_understood_is_refused_when_it_is_loaded() {
    let condition = || vec![kind("condition"), value_set("valueSet", "vs-copd")];
    let and = |mut rule: Vec<Value>, more: Value| {
        rule.push(more);
        Value::Array(rule)
    };
    assert!(one_rule(Value::Array(condition())).is_ok());
    for (rule, problem) in [
        (json!([]), "kind"),
        (json!([kind("horoscope")]), "horoscope"),
        (json!([kind("condition")]), "valueSet"),
        (json!([kind("condition"), value_set("valueSet", "vs-none")]), "vs-none"),
        (and(condition(), days("windowDays", 3)), "windowDays"),
        (and(condition(), json!(["minEncounters", { "valueString": "2" }])), "minEncounters"),
        (and(condition(), value_set("valueSet", "vs-ild")), "twice"),
        (
            json!([kind("encounterCount"), ["class", { "valueCode": "spa" }], days("windowDays", 1), days("min", 1)]),
            "spa",
        ),
        (json!([kind("attestation"), ["code", { "valueCode": "unmet-need" }]]), "value"),
    ] {
        let refused = one_rule(rule.clone()).unwrap_err();
        assert!(refused.contains(problem), "{rule}: {refused}");
    }
}

#[test]
fn what_is_kept_can_be_read_again_and_holds_nothing_restricted() {
    let facts = without(&without(&vector(), "surprise-question-12m"), "agrees-acp");
    let screening = screen(ADULT, &facts);
    let kept = report::guidance_response(&screening, "p", date(AS_OF), 0).unwrap();
    assert_eq!(
        crate::fhir::shape::validate(&Definitions::shared().unwrap().shapes, kept.value()),
        Vec::new()
    );
    let recorded = report::recorded(&kept).unwrap();
    assert_eq!((recorded.outcome, recorded.as_of), (Outcome::Indeterminate, date(AS_OF)));
    assert_eq!(
        (recorded.rule_set, recorded.patient),
        (format!("{ADULT}|APL18-020-r1"), "Patient/p".to_owned())
    );
    assert_eq!(recorded.missing, ["clinician attestation agrees-acp (valid 90 d)"]);
    assert!(!kept.value().to_string().contains("surprise") && !kept.value().to_string().contains("g3-"));
    let other =
        Resource::from_value(json!({ "resourceType": "GuidanceResponse", "status": "success" })).unwrap();
    assert_eq!(report::recorded(&other), None);
}

#[test]
fn the_next_steps_are_those_that_the_missing_facts_ask_for() {
    let steps = |screenings: &[Screening]| {
        let steps = report::next_steps(screenings);
        steps.iter().map(|step| step["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let nothing_known = screen(KELLEY, &[patient("1955-01-01")]);
    let child = screen(KELLEY, &[patient("2015-01-01")]);
    let one_word_missing = screen(ADULT, &without(&vector(), "agrees-acp"));
    assert_eq!(steps(std::slice::from_ref(&nothing_known)), ["collect-data"]);
    assert_eq!(steps(std::slice::from_ref(&child)), ["none"]);
    assert_eq!(
        steps(&[screen(ADULT, &vector()), nothing_known, one_word_missing]),
        ["refer", "collect-data", "attest"]
    );
}

#[test]
fn every_official_example_can_be_a_fact_and_is_screened_without_harm() {
    use std::io::BufRead;
    const EXAMPLES: &[u8] = include_bytes!("../../../tests/data/r4-examples.ndjson.gz");
    let lines = std::io::BufReader::new(flate2::read::GzDecoder::new(EXAMPLES)).lines();
    let read = |line: std::io::Result<String>| {
        let line = line.unwrap();
        let (_, text) = line.split_once('\t')?;
        Resource::from_value(serde_json::from_str(text).unwrap()).ok()
    };
    let facts: Vec<_> = lines.filter_map(read).filter(|fact| fact.ty().name() != "Patient").collect();
    let zone = TimeZone::get("America/Los_Angeles").unwrap();
    let record = PatientRecord::new("p", facts, &zone);
    assert!(record.conditions.len() > 10 && record.observations.len() > 50 && record.encounters.len() > 5);
    for as_of in ["1900-01-01", "2013-06-01", "2026-03-01", "9999-12-31"] {
        let situation = Situation {
            record: &record,
            as_of: date(as_of),
            attestation_valid_days: 90,
            lines_of_business: &[],
        };
        for set in rule_sets().active() {
            let screening = set.screen(&situation);
            assert_ne!(
                screening.outcome,
                Outcome::Eligible,
                "neither an age nor an attestation is known on {as_of}"
            );
            assert!(screening.next_change.is_none_or(|next| next > situation.as_of), "{as_of}");
        }
    }
}
