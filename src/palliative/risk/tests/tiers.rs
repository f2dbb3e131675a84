//! From levels to a score and a tier: the vectors, floors, overrides, and what came before.
//! <https://hl7.org/fhir/R4/riskassessment.html>

use super::*;
use crate::palliative::risk::decision::Decision;

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

#[test]
fn t_36_a_floor_that_turns_on_what_is_kept_from_the_patient_is_told_to_the_team_alone() {
    let applied = |set: &str, facts: Vec<Value>| {
        let settings = json!([{ "url": "ruleSet", "valueCanonical": format!("https://comfrey.health/fhir/PlanDefinition/{set}") },
                              { "url": "specialist", "valueBoolean": true }]);
        let program = program(settings);
        let found = in_program(facts, &program, &[]);
        assert!(codes(&found).contains(&"floor-specialist".to_owned()), "{:?}", codes(&found));
        let of = |reader: Reader| {
            report(&found, &program, reader)
                .told(Value::Null)
                .into_value()
                .to_string()
                .contains("floor-specialist")
        };
        let kept = report(&found, &program, Reader::Team).risk_assessment(&|_| true).unwrap();
        (of(Reader::Team), of(Reader::Patient), kept.value().to_string().contains("floor-specialist"))
    };
    let attested = |code: &str| observed((LOCAL, code), 10, json!({ "valueBoolean": true }));
    let adult = [
        "advanced-decline",
        "surprise-question-12m",
        "max-therapy-reached",
        "agrees-alternative-to-ed",
        "agrees-acp",
    ];
    let by_prognosis = || {
        let mut all = vec![with_feed("1950-01-01"), condition("I50.9"), admission(20), nyha("LA28406-9")];
        all.push(quantity((LOINC, "10230-1"), 60, 25.0, "%"));
        all.extend(adult.map(attested));
        all
    };
    assert_eq!(applied("RS-CA-ADULT", by_prognosis()), (true, false, false));
    let plain = vec![with_feed("1950-01-01"), condition("I50.9"), admission(200)];
    assert_eq!(applied("RS-KELLEY-B", plain), (true, true, true));
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
fn a_broken_document_is_refused_with_what_is_wrong() {
    let definitions = Definitions::shared().unwrap();
    let terminology = Terminology::new(&definitions.value_sets, &definitions.code_systems).unwrap();
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

#[test]
fn what_a_clinician_decides_leaves_no_mark_on_floors_and_hysteresis_beneath_it() {
    let program = program(json!([]));
    let decision = |tier: Tier, since: &str, until: &str| Decision {
        set: Some((tier, day(until))),
        reason: "Lives with two nurses.".to_owned(),
        by: "Practitioner/d".to_owned(),
        since: day(since),
    };
    let run = |facts: Vec<Value>, earlier: &[Resource]| {
        let earlier = Earlier::among(earlier, &program);
        in_program(facts, &program, &earlier)
    };
    let kept = |found: &Stratification, on: &str| {
        let assessment = report(found, &program, Reader::Team).risk_assessment(&|_| true).unwrap();
        let mut value = assessment.value().clone();
        value["occurrenceDateTime"] = on.into();
        Resource::from_value(value).unwrap()
    };
    let said = |mut found: Stratification<'static>, decision: Decision| {
        let (tier, _) = decision.set.unwrap();
        (found.tier, found.decision, found.said) = (tier, Some(decision.clone()), Some(decision));
        found
    };
    // Set higher than the facts give: when it is over nothing keeps the tier up.
    let higher = said(of(second()), decision(Tier::Four, "2025-12-20", "2026-01-14"));
    let found = run(second(), &[kept(&higher, "2025-12-20")]);
    assert_eq!((found.settled, found.tier, codes(&found)), (Tier::Three, Tier::Three, vec![]));
    // Its last day.
    let higher = said(of(second()), decision(Tier::Four, "2025-12-20", AS_OF));
    let found = run(second(), &[kept(&higher, "2025-12-20")]);
    assert_eq!(
        (found.computed, found.tier, codes(&found)),
        (Tier::Three, Tier::Four, vec!["clinician-override".into()])
    );
    assert_eq!(found.next_change, Some(day("2026-01-16")), "it is over the day after");
    // Set lower than what held: beneath it the tier is still kept up.
    let lower = said(of(first()), decision(Tier::One, "2025-12-20", AS_OF));
    let found = run(second(), &[kept(&lower, "2025-12-20")]);
    assert_eq!((found.computed, found.settled, found.tier), (Tier::Three, Tier::Four, Tier::One));
    assert_eq!(codes(&found), ["hysteresis", "clinician-override"]);
    // One of tomorrow says nothing about today, and one for another programme nothing about this.
    let found = run(second(), &[kept(&lower, "2026-01-16")]);
    assert_eq!(found.tier, Tier::Three);
}

#[test]
fn t_36_an_action_that_only_what_is_kept_from_the_patient_asks_for_is_told_to_the_team_alone() {
    let prognosis = || observed((LOCAL, "prognosis-6m"), 10, json!({ "valueBoolean": true }));
    let bed = || number((LOCAL, "pps"), 10, 30);
    let told = |born: &str, code: &str, mut facts: Vec<Value>| {
        facts.push(with_feed(born));
        let program = program(json!([]));
        let found = in_program(facts, &program, &[]);
        assert!(found.tasks.iter().any(|one| one.code == code), "{:?}", found.tasks);
        let of = |reader: Reader| {
            report(&found, &program, reader).told(Value::Null).into_value().to_string().contains(code)
        };
        (of(Reader::Team), of(Reader::Patient))
    };
    assert_eq!(told("1950-01-01", "hospice-information", vec![prognosis()]), (true, false));
    assert_eq!(told("2015-01-01", "concurrent-care-review", vec![prognosis()]), (true, false));
    // what function alone asks for is told, whatever else is known
    assert_eq!(told("1950-01-01", "hospice-information", vec![bed()]), (true, true));
    assert_eq!(told("1950-01-01", "hospice-information", vec![bed(), prognosis()]), (true, true));
}
