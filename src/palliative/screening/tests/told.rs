//! What is told, and kept, and until when it holds.

use super::*;

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
    assert_eq!(of(revoked.clone(), "2025-11-19"), State::Met);
    assert_eq!(of(revoked, "2025-11-20"), State::NotMet);
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
        let signals = rule_sets().of_needs().flat_map(|set| set.signals(&situation));
        signals.map(|signal| (signal.id, signal.restricted)).collect::<Vec<_>>()
    };
    let esas = |value: i64| observation("esas-pain", "2025-11-20", json!({ "valueInteger": value }));
    let open = |id: &str| (id.to_owned(), false);
    assert_eq!(signals(&[esas(4)]), [open("esas-pain")]);
    let number = |code: &str, value: i64| observation(code, "2025-11-20", json!({ "valueInteger": value }));
    assert_eq!(signals(&[number("72514-3", 4)]), [open("esas-pain")]);
    assert_eq!(signals(&[number("72514-3", 3)]), []);
    assert_eq!(signals(&[number("ipos-nausea", 3), number("ipos-mouth", 2)]), [open("ipos-nausea")]);
    assert_eq!(
        signals(&[number("pps", 60), number("adl-dependence-count", 2)]),
        [open("adl-ge2"), open("pps-le60")]
    );
    let of_spouse = json!({ "focus": [{ "reference": "RelatedPerson/spouse" }] });
    assert_eq!(signals(&[with(number("zbi-12", 13), of_spouse)]), [("zbi-12".to_owned(), true)], "t29");
    assert_eq!(
        signals(&[observation("88122-7", "2025-11-20", concept(LOINC, "LA28397-0"))]),
        [open("hrsn-food-1")]
    );
    // one sign that is made of two facts
    let severe = || condition(ICD, "I50.22");
    assert_eq!(signals(&[severe()]), [open("need-signal-acp")]);
    let plan = json!({ "resourceType": "DocumentReference", "status": "current", "subject": { "reference": "Patient/p" },
        "date": "2025-10-01T00:00:00Z", "type": { "coding": [{ "system": LOINC, "code": "81334-5" }] } });
    assert_eq!(signals(&[severe(), plan]), []);
    assert_eq!(
        signals(&[
            observation("44261-6", "2025-11-20", json!({ "valueInteger": 10 })),
            yes("unmet-need"),
            yes("caregiver-strain-attested")
        ]),
        [open("phq-9"), ("caregiver-strain".to_owned(), true), open("unmet-need")]
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
fn what_is_kept_can_be_read_again_and_holds_nothing_restricted() {
    let facts = without(&without(&vector(), "surprise-question-12m"), "agrees-acp");
    let screening = screen(ADULT, &facts);
    let kept = report::guidance_response(&screening, "p", date(AS_OF), 0).unwrap();
    assert_eq!(
        crate::fhir::shape::validate(&Definitions::shared().unwrap().shapes, kept.value()),
        Vec::new()
    );
    let recorded = recorded::recorded(&kept).unwrap();
    assert_eq!((recorded.outcome, recorded.as_of), (Outcome::Indeterminate, date(AS_OF)));
    assert_eq!(
        (recorded.rule_set, recorded.patient),
        (format!("{ADULT}|APL18-020-r2"), "Patient/p".to_owned())
    );
    assert_eq!(recorded.missing, ["clinician attestation agrees-acp (valid 90 d)"]);
    assert!(!kept.value().to_string().contains("surprise") && !kept.value().to_string().contains("g3-"));
    let other =
        Resource::from_value(json!({ "resourceType": "GuidanceResponse", "status": "success" })).unwrap();
    assert_eq!(recorded::recorded(&other), None);
}

#[test]
fn what_is_kept_says_whether_the_rule_set_is_for_the_person_at_all() {
    let outside = |set: &str, facts: &[Value], lines: &[&str]| {
        let record = record(facts);
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let situation = Situation {
            record: &record,
            as_of: date(AS_OF),
            attestation_valid_days: 90,
            lines_of_business: &lines,
        };
        let screening = rule_sets().find(set).unwrap().screen(&situation);
        let kept = report::guidance_response(&screening, "p", date(AS_OF), 0).unwrap();
        (screening.outcome, recorded::recorded(&kept).unwrap().outside)
    };
    let child = [patient("2015-01-01"), condition(ICD, "I50.22"), admission()];
    assert_eq!(outside(KELLEY, &child, &[]), (Outcome::NotEligible, Some(recorded::Outside::Age)));
    let adult = [patient("1955-01-01"), condition(ICD, "I50.22"), admission()];
    assert_eq!(outside(KELLEY, &adult, &[]), (Outcome::Eligible, None));
    let commercial = outside(ADULT, &vector(), &["commercial"]);
    assert_eq!(commercial, (Outcome::NotEligible, Some(recorded::Outside::Coverage)));
    assert_eq!(outside(ADULT, &vector(), &["medicaid-mc"]), (Outcome::Eligible, None));
}

#[test]
fn the_next_steps_are_those_that_the_missing_facts_ask_for() {
    let steps = |screenings: &[Screening]| {
        let steps = report::next_steps(screenings, report::Reader::Team);
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
    const EXAMPLES: &[u8] = include_bytes!("../../../../tests/data/r4-examples.ndjson.gz");
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
            let needs_more = [ADULT, KELLEY].contains(&set.url.as_str());
            assert!(
                !needs_more || screening.outcome != Outcome::Eligible,
                "neither an age nor an attestation is known on {as_of}"
            );
            assert!(screening.next_change.is_none_or(|next| next > situation.as_of), "{as_of}");
        }
    }
}
