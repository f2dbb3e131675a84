//! What is kept from the patient (T-36): neither told nor to be told from anything else that is.

use super::*;
use crate::definitions::CANONICAL;
use crate::palliative::code_maps::CodeMaps;
use crate::palliative::screening::report::Reader;

const OWN: &str = "urn:hospital:flowsheet";

fn set(id: &str) -> String {
    format!("{CANONICAL}/PlanDefinition/{id}")
}

/// All that a patient is told of a rule set.
fn told(set: &str, facts: &[Value]) -> String {
    let screening = screen(set, facts);
    let steps = report::next_steps(std::slice::from_ref(&screening), Reader::Patient);
    let record = record(facts);
    let situation =
        Situation { record: &record, as_of: date(AS_OF), attestation_valid_days: 90, lines_of_business: &[] };
    let signals: Vec<Signal> = rule_sets().of_needs().flat_map(|set| set.signals(&situation)).collect();
    let signals = report::signals(&signals, Reader::Patient);
    format!("{} {steps:?} {signals:?}", report::result(&screening, Reader::Patient).into_value())
}

/// What a patient is told of the whole.
fn outcome(set: &str, facts: &[Value]) -> Option<Outcome> {
    screen(set, facts).whole_for_patient().outcome
}

#[test]
fn t_36_nothing_that_a_patient_is_told_is_another_where_what_is_kept_is_another() {
    let closed = ["surprise-question-12m", "prognosis-6m", "caregiver-strain-attested"];
    let open = || without(&vector(), "surprise-question-12m");
    let further = [
        vec![patient("1955-01-01")],
        open(),
        without(&open(), "agrees-acp"),
        [open(), vec![no("advanced-decline")]].concat(),
        [open(), vec![hospice_flag()]].concat(),
        vec![patient("2015-01-01"), yes("gsf-trigger")],
        vec![patient("1955-01-01"), yes("gsf-trigger"), yes("unmet-need")],
        vec![patient("1955-01-01"), condition(ICD, "N18.4"), yes("refractory-symptoms")],
        vec![patient("1955-01-01"), observation("esas-pain", "2025-11-20", json!({ "valueInteger": 8 }))],
    ];
    let mut withheld = 0;
    for rules in rule_sets().active() {
        for facts in &further {
            let without = told(&rules.canonical(), facts);
            withheld += usize::from(outcome(&rules.canonical(), facts).is_none());
            for code in closed {
                for more in [yes(code), no(code)] {
                    let with = told(&rules.canonical(), &[facts.clone(), vec![more]].concat());
                    assert_eq!(without, with, "{} tells of {code}: {facts:?}", rules.url);
                }
            }
        }
    }
    assert!(withheld > 5, "only {withheld} outcomes were withheld");
}

#[test]
fn t_36_an_outcome_is_told_where_what_is_kept_cannot_change_it_and_else_not() {
    use Outcome::*;
    let old = || patient("1955-01-01");
    for (id, facts, expected) in [
        ("RS-GSF", vec![old(), yes("surprise-question-12m")], None),
        ("RS-GSF", vec![old(), no("surprise-question-12m")], None),
        ("RS-GSF", vec![old(), yes("gsf-trigger")], Some(ScreenPositive)),
        ("RS-GSF", vec![patient("2015-01-01"), yes("surprise-question-12m")], Some(NotEligible)),
        ("RS-CA-ADULT", vector(), None),
        (
            "RS-CA-ADULT",
            [without(&vector(), "agrees-acp"), vec![no("agrees-acp")]].concat(),
            Some(NotEligible),
        ),
        ("RS-CA-ADULT", [vector(), vec![hospice_flag()]].concat(), Some(Excluded)),
        ("RS-KELLEY-B", vec![old(), condition(ICD, "F03.90"), admission()], Some(Eligible)),
    ] {
        assert_eq!(outcome(&set(id), &facts), expected, "{id} {facts:?}");
        let screening = screen(&set(id), &facts);
        let told = report::result(&screening, Reader::Patient).into_value().to_string();
        assert_eq!(told.contains("\"outcome\""), expected.is_some(), "{told}");
        assert_eq!(told.contains("What these rules say as a whole"), expected.is_none(), "{told}");
        let team = report::result(&screening, Reader::Team).into_value().to_string();
        assert!(team.contains("\"outcome\"") && !team.contains("withheld"), "{team}");
    }
    // nobody is told that nothing is to be done where that is not told
    let gsf = [screen(&set("RS-GSF"), &[old(), no("surprise-question-12m")])];
    assert_eq!(report::next_steps(&gsf, Reader::Patient), Vec::<Value>::new());
}

/// Whether a rule of these parameters is kept from the patient where the programme reads senders' codes by a map.
fn is_restricted(parameters: Value, map: Option<&Value>) -> bool {
    let set = one_rule(parameters).unwrap();
    let mut maps = CodeMaps::default();
    assert!(map.is_none_or(|map| maps.add(map)));
    maps.restrict(&restricted(&Definitions::shared().unwrap()).unwrap());
    let record = PatientRecord { restricted: maps.restricted, ..record(&[patient("1955-01-01")]) };
    let situation =
        Situation { record: &record, as_of: date(AS_OF), attestation_valid_days: 90, lines_of_business: &[] };
    finding(&set.screen(&situation), "c").restricted
}

#[test]
fn what_a_rule_reads_says_whether_it_is_kept_whatever_its_author_says() {
    let condition = |id: &str| json!([kind("condition"), value_set("valueSet", id)]);
    assert!(is_restricted(condition("vs-abuse"), None));
    assert!(!is_restricted(condition("vs-copd"), None));
    let also =
        json!([kind("condition"), value_set("valueSet", "vs-copd"), value_set("orCondition", "vs-abuse")]);
    assert!(is_restricted(also, None));
}

#[test]
fn t_36_a_code_of_a_sender_that_a_map_makes_into_what_is_kept_is_kept_too() {
    let map = |source: &str, target: (&str, &str)| {
        json!({ "resourceType": "ConceptMap", "status": "active", "group": [{ "source": OWN, "target": target.0,
            "element": [{ "code": source, "target": [{ "code": target.1, "equivalence": "equal" }] }] }] })
    };
    let answer = json!([kind("observation"), ["code", { "valueCoding": { "system": OWN, "code": "SQ" } }],
        ["value", { "valueBoolean": true }]]);
    assert!(!is_restricted(answer.clone(), None));
    assert!(is_restricted(answer.clone(), Some(&map("SQ", (LOCAL, "surprise-question-12m")))));
    assert!(!is_restricted(answer.clone(), Some(&map("SQ", (LOCAL, "esas-pain")))));
    assert!(!is_restricted(answer.clone(), Some(&map("OTHER", (LOCAL, "surprise-question-12m")))));
    assert!(is_restricted(answer, Some(&map("SQ", (ICD, "T74.11XA")))));
}

#[test]
fn t_36_a_code_that_stands_beside_one_that_is_kept_is_kept_for_that_person() {
    let mut maps = CodeMaps::default();
    maps.restrict(&restricted(&Definitions::shared().unwrap()).unwrap());
    let observation = |codes: &[(&str, &str)]| {
        let codings: Vec<Value> =
            codes.iter().map(|(system, code)| json!({ "system": system, "code": code })).collect();
        let value = json!({ "resourceType": "Observation", "id": "o", "status": "final",
            "code": { "coding": [{ "system": OWN, "code": "panel" }] },
            "component": [{ "code": { "coding": codings } }] });
        crate::fhir::Resource::from_value(value).unwrap()
    };
    let kept = |codes: &[(&str, &str)]| -> Vec<String> {
        maps.restricted_in(&[observation(codes)]).into_iter().map(|coding| coding.code).collect()
    };
    assert_eq!(kept(&[(OWN, "SQ"), (LOCAL, "surprise-question-12m")]), ["SQ"]);
    assert_eq!(kept(&[(OWN, "SQ"), (LOCAL, "esas-pain")]), Vec::<String>::new());
    assert_eq!(kept(&[(OWN, "SQ")]), Vec::<String>::new());
}

#[test]
fn sets_share_a_code_where_one_holds_what_the_other_names() {
    let of = |code: &str| {
        Codes::of(&[crate::palliative::record::Coding { system: ICD.into(), code: code.into() }])
    };
    let abuse =
        Codes::compile(&format!("{CANONICAL}/ValueSet/vs-abuse"), &Definitions::shared().unwrap().value_sets);
    let abuse = abuse.unwrap();
    assert!(abuse.shares(&of("T74.11XA")) && of("T74.11XA").shares(&abuse));
    assert!(!abuse.shares(&of("T73.1XXA")) && !of("T73.1XXA").shares(&abuse));
    assert!(of("T73.1XXA").or(of("T76.1")).shares(&abuse));
}
