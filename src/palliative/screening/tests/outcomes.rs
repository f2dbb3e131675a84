//! What each rule set says of the people for whom it is made, and of others.

use super::cases::visits;
use super::*;
use crate::definitions::CANONICAL;
use crate::palliative::time_line::Days;
use crate::palliative::time_line::Stretch;

fn outcome(set: &str, facts: &[Value]) -> Outcome {
    screen(&format!("{CANONICAL}/PlanDefinition/{set}"), facts).outcome
}

fn adult() -> Value {
    patient("1955-01-01")
}

fn value(code: &str, value: f64) -> Value {
    observation(code, "2025-11-01", json!({ "valueQuantity": { "value": value } }))
}

fn check(set: &str, cases: &[(Outcome, Vec<Value>)]) {
    for (at, (expected, facts)) in cases.iter().enumerate() {
        assert_eq!(outcome(set, facts), *expected, "{set}, case {at}");
    }
}

#[test]
fn rule_sets_of_serious_illness() {
    use Outcome::*;
    let dementia = || condition(ICD, "F03.90");
    let kelley_a = [
        (Eligible, vec![adult(), dementia()]),
        (Eligible, vec![adult(), value("adl-dependence-count", 1.0)]),
        (NotEligible, vec![adult(), other_condition(), value("adl-dependence-count", 0.0)]),
        (NotEligible, vec![patient("2015-01-01"), dementia()]),
        (Excluded, vec![adult(), dementia(), hospice_flag()]),
        (Indeterminate, vec![adult(), other_condition()]),
    ];
    check("RS-KELLEY-A", &kelley_a);
    let all = || vec![adult(), dementia(), value("adl-dependence-count", 1.0), admission()];
    check("RS-KELLEY-C", &[(Eligible, all()), (Indeterminate, all()[..3].to_vec())]);
    let arizona = || vec![adult(), dementia(), value("pps", 70.0), admission()];
    check("RS-AZ", &[(Eligible, arizona()), (Indeterminate, arizona()[..2].to_vec())]);
}

#[test]
fn a_child_is_judged_by_the_rules_for_children_and_hospice_does_not_exclude() {
    use Outcome::*;
    let group = || attestation("peds-group", concept(&format!("{CANONICAL}/CodeSystem/peds-group"), "3"));
    let child = || vec![patient("2015-01-01"), group(), yes("family-agrees"), hospice_flag()];
    let adult = || [vec![patient("2004-12-01")], child()[1..].to_vec()].concat();
    check(
        "RS-CA-PEDS",
        &[(Eligible, child()), (NotEligible, adult()), (Indeterminate, child()[..2].to_vec())],
    );
}

#[test]
fn rule_sets_of_medical_homes() {
    use Outcome::*;
    let severe = || condition(ICD, "F03.90");
    let plan = json!({ "resourceType": "DocumentReference", "status": "current",
        "type": { "coding": [{ "system": LOINC, "code": "81334-5" }] } });
    let nothing_else = || {
        vec![
            no("unmet-need"),
            value("esas-pain", 1.0),
            value("ipos-item", 1.0),
            value("44261-6", 2.0),
            value("zbi-12", 2.0),
            no("caregiver-strain-attested"),
        ]
    };
    let at = |site: Value, birth: &str| vec![with(patient(birth), homes::general_practitioner()), site];
    let home = |birth: &str| at(homes::medical_home("achieved"), birth);
    let old = || home("1955-01-01");
    let open = [
        (Eligible, [home("2015-01-01"), vec![yes("unmet-need")]].concat()),
        (Eligible, [old(), vec![severe()]].concat()),
        (Eligible, [old(), vec![severe()], nothing_else()].concat()),
        (NotEligible, [old(), vec![severe(), plan], nothing_else()].concat()),
        (NotEligible, [old(), vec![other_condition()], nothing_else()].concat()),
        (NotEligible, [at(homes::medical_home("expired"), "1955-01-01"), vec![yes("unmet-need")]].concat()),
        (Indeterminate, vec![adult(), yes("unmet-need")]),
    ];
    check("RS-NY-3GI-OPEN", &open);
    let nyp = [
        (Eligible, vec![adult(), yes("unmet-need"), condition(ICD, "D57.1")]),
        (Eligible, [vec![adult(), condition(ICD, "C18.9")], visits("EMER", 2)].concat()),
        (NotEligible, vec![adult(), yes("unmet-need"), other_condition()]),
        (Indeterminate, vec![adult(), condition(ICD, "D57.1")]),
    ];
    check("RS-NY-3GI-NYP", &nyp);
}

#[test]
fn rule_sets_that_find_people_to_look_at_make_nobody_eligible() {
    use Outcome::*;
    let kidney = || condition(ICD, "N18.4");
    let two_signs = || vec![adult(), value("89247-1", 3.0), value("adl-dependence-count", 3.0), kidney()];
    check("RS-SPICT", &[(ScreenPositive, two_signs()), (Indeterminate, two_signs()[..2].to_vec())]);
    let gsf = [
        (ScreenPositive, vec![adult(), yes("surprise-question-12m")]),
        (ScreenPositive, vec![adult(), yes("advanced-decline"), yes("sentinel-event")]),
        (ScreenPositive, vec![adult(), kidney(), yes("poor-dialysis-tolerance"), yes("refractory-symptoms")]),
        (ScreenPositive, vec![adult(), yes("gsf-trigger")]),
        (ScreenPositive, vec![adult(), yes("advanced-decline"), value("pps", 50.0)]),
        (Indeterminate, vec![adult(), yes("advanced-decline")]),
        (NotEligible, vec![patient("2015-01-01"), yes("surprise-question-12m")]),
    ];
    check("RS-GSF", &gsf);
    let frail = || condition(ICD, "R54");
    let sign = |icd: &str, date: &str| with(encounter("AMB", date, date), because(icd));
    let service = |date: &str| {
        let of_type =
            json!([{ "coding": [{ "system": "urn:oid:2.16.840.1.113883.6.285", "code": "T1030" }] }]);
        with(encounter("HH", date, date), json!({ "type": of_type }))
    };
    let frailty = [
        (ScreenPositive, vec![adult(), value("cfi", 0.25)]),
        (ScreenPositive, vec![adult(), frail(), condition(ICD, "F03.90")]),
        (ScreenPositive, vec![patient("1944-12-01"), frail()]),
        (Indeterminate, vec![adult(), frail()]),
        // signs of two kinds on two dates; two on one date are one
        (ScreenPositive, vec![patient("1944-12-01"), sign("R54", "2025-05-01"), service("2025-06-01")]),
        (Indeterminate, vec![patient("1944-12-01"), sign("R54", "2025-05-01"), service("2025-05-01")]),
    ];
    check("RS-FRAILTY", &frailty);
    let need = [
        (ScreenPositive, vec![adult(), value("72514-3", 8.0), value("44261-6", 12.0)]),
        (ScreenPositive, vec![adult(), condition(ICD, "F03.90"), value("pps", 60.0)]),
        (Indeterminate, vec![adult(), value("72514-3", 8.0)]),
    ];
    check("RS-NEED", &need);
    let hospice = |disease: Value, pps: f64| {
        vec![
            adult(),
            disease,
            value("pps", pps),
            value("adl-dependence-count", 2.0),
            yes("hospice-disease-guideline"),
        ]
    };
    let guideline = [
        (ScreenPositive, hospice(other_condition(), 60.0)),
        (NotEligible, hospice(other_condition(), 70.0)),
        (NotEligible, hospice(condition(ICD, "B20"), 60.0)),
        (ScreenPositive, hospice(condition(ICD, "B20"), 50.0)),
        (NotEligible, hospice(condition(ICD, "I63.9"), 50.0)),
        (ScreenPositive, hospice(condition(ICD, "I63.9"), 40.0)),
        (Excluded, [hospice(other_condition(), 60.0), vec![hospice_flag()]].concat()),
    ];
    check("RS-HOSPICE-GEN", &guideline);
}

#[test]
fn who_is_served_beside_hospice_is_told_nothing_of_it_anew() {
    use Outcome::*;
    let outcome = |set: &str, facts: &[Value]| {
        let always = Stretch::new(Date::MIN, Date::MAX);
        let record = PatientRecord { beside_hospice: Days::of(always), ..record(facts) };
        let situation = Situation {
            record: &record,
            as_of: date(AS_OF),
            attestation_valid_days: 90,
            lines_of_business: &[],
        };
        let screening = rule_sets().find(set).unwrap().screen(&situation);
        let told = screening.results.iter().find(|one| one.criterion.id == "hospice-active").unwrap();
        assert!(told.finding.missing.is_empty() || told.finding.state == State::Unknown, "{set}");
        screening.outcome
    };
    let declining = [adult(), value("pps", 60.0), value("adl-dependence-count", 2.0), other_condition()];
    let facts = [declining.to_vec(), vec![yes("hospice-disease-guideline"), hospice_flag()]].concat();
    assert_eq!(outcome(&format!("{CANONICAL}/PlanDefinition/RS-HOSPICE-GEN"), &facts), Excluded);
    let failing = [adult(), condition(ICD, "I50.22"), admission()];
    assert_eq!(outcome(KELLEY, &[failing.to_vec(), vec![hospice_flag()]].concat()), Eligible);
    // on which day of this month it began is not said
    let unclear = with(hospice_flag(), json!({ "period": { "start": "2025-12" } }));
    assert_eq!(outcome(KELLEY, &[failing.to_vec(), vec![unclear]].concat()), Eligible);
}

#[test]
fn what_such_a_rule_set_leads_to_is_the_next_step() {
    let url = |set: &str| format!("{CANONICAL}/PlanDefinition/{set}");
    let facts = [adult(), yes("surprise-question-12m")];
    let steps = report::next_steps(
        &[screen(&url("RS-GSF"), &facts), screen(&url("RS-GSF"), &facts)],
        report::Reader::Team,
    );
    assert_eq!(steps.iter().map(|step| &step["code"]).collect::<Vec<_>>(), ["assess-needs"]);
}

#[test]
fn rule_sets_of_federal_models() {
    use Outcome::*;
    let medicare = json!({ "resourceType": "Coverage", "status": "active", "period": { "start": "2020-01-01" },
        "type": { "coding": [{ "system": "https://nahdo.org/sopt", "code": "12" }] } });
    let choices = || {
        let own = vec![adult(), condition(ICD, "J44.9"), yes("prognosis-6m"), medicare.clone()];
        [own, visits("EMER", 1), visits("AMB", 3)].concat()
    };
    let elected = with(hospice_flag(), json!({ "period": { "start": "2025-10-01", "end": "2025-11-15" } }));
    let mccm = [(Eligible, choices()), (Excluded, [choices(), vec![elected]].concat())];
    check("RS-MCCM", &mccm);
    let reach = [
        (Eligible, vec![adult(), condition(ICD, "G80.9")]),
        (Eligible, vec![adult(), condition(ICD, "F03.90"), value("hcc-risk-score", 3.0)]),
        (Eligible, [vec![adult(), value("hcc-risk-score", 2.5)], visits("IMP", 2)].concat()),
        (Indeterminate, vec![adult(), other_condition(), value("hcc-risk-score", 3.0)]),
    ];
    check("RS-REACH-HN", &reach);
    let sip = [
        (Eligible, vec![adult(), value("hcc-risk-score", 3.0), yes("no-consistent-primary-care")]),
        (Indeterminate, vec![adult(), value("hcc-risk-score", 3.0)]),
    ];
    check("RS-SIP", &sip);
    let kcc = [
        (Eligible, vec![adult(), condition(ICD, "N18.4")]),
        (Eligible, vec![adult(), condition(ICD, "Z94.0")]),
        (NotEligible, vec![adult(), condition(ICD, "N18.31")]),
    ];
    check("RS-KCC", &kcc);
}
