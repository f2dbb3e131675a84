//! What is told to whom, and what is kept.
//! <https://hl7.org/fhir/R4/riskassessment.html>

use super::*;
use crate::palliative::risk::document::Item;
use crate::palliative::risk::series::SERIES;
use crate::palliative::screening::Reading;

#[test]
fn t36_neither_a_patient_nor_what_is_kept_tells_of_the_surprise_question_or_a_prognosis() {
    let program = program(json!([]));
    let prognosis = observed((LOCAL, "prognosis-6m"), 10, json!({ "valueBoolean": true }));
    let found = of([first(), vec![prognosis]].concat());
    let found = Stratification { tier: Tier::Four, ..found };
    let told = |reader| {
        let report = report(&found, &program, reader);
        let kept = report.drafts(&around(&BTreeSet::new())).unwrap();
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
fn t36_a_series_of_values_is_kept_from_the_patient_as_what_it_reads_is() {
    fn reading_burden(value: &mut Value) {
        match value {
            Value::Object(object) if object.get("url").is_some_and(|url| url == SERIES) => {
                let parameters = object["extension"].as_array_mut().unwrap();
                for code in parameters.iter_mut().filter(|one| one["url"] == "code") {
                    code["valueCoding"] = json!({ "system": LOCAL, "code": "zbi-12" });
                }
            }
            Value::Object(object) => object.values_mut().for_each(reading_burden),
            Value::Array(all) => all.iter_mut().for_each(reading_burden),
            _ => {}
        }
    }
    let definitions = Definitions::shared().unwrap();
    let all = definitions.plan_definitions.values();
    let mut plan = all.into_iter().find(|plan| plan["id"] == "palliative-risk").unwrap().clone();
    let kept = |plan: &Value| -> Vec<bool> {
        let algorithm = Algorithm::own(plan, &definitions, Reading::Stored).unwrap();
        let series = algorithm.document.items.iter().filter(|one| matches!(one, Item::Series(..)));
        let record = PatientRecord::new("p", Vec::new(), &jiff::tz::TimeZone::UTC);
        let situation = Situation {
            record: &record,
            as_of: day(AS_OF),
            attestation_valid_days: 90,
            lines_of_business: &[],
        };
        series.map(|one| one.evaluate(&situation).restricted).collect()
    };
    let ours = kept(&plan);
    assert!(!ours.is_empty() && ours.iter().all(|kept| !kept));
    reading_burden(&mut plan);
    assert!(kept(&plan).iter().all(|kept| *kept));
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
        let kept = |found: &Stratification| {
            report(found, &program, Reader::Team).drafts(&around(&BTreeSet::new())).unwrap()
        };
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
fn a_labelled_score_asks_for_a_contact_once_and_another_of_the_same_day_once_more() {
    let program = program(json!([]));
    let on = |id: &str| {
        let mut facts = vec![patient("1950-01-01")];
        let mut dyspnea = number((LOCAL, "esas-dyspnea"), 1, 8);
        dyspnea["id"] = json!(id);
        dyspnea["meta"] = json!({ "security": [{ "code": "HIV" }] });
        facts.push(dyspnea);
        let mut found = of(facts);
        assert_eq!(tasks(&found).len(), 1);
        let mut kept = |day: &str| {
            found.as_of = super::day(day);
            let none = BTreeSet::new();
            let made = report(&found, &program, Reader::Team).task(&found.tasks[0], &around(&none)).unwrap();
            let (task, _) = made.expect("nobody was asked before");
            assert!(!task.value().to_string().contains(id), "{}", task.value());
            task.text("/identifier/0/value").unwrap().to_owned()
        };
        let today = kept("2026-01-15");
        assert_eq!(today, kept("2026-01-16"), "the same score asks once");
        today
    };
    assert_ne!(on("first-secret"), on("second-secret"));
}

#[test]
fn a_second_severe_symptom_asks_for_a_contact_beside_one_that_goes_on() {
    let program = program(json!([]));
    let severe = |code: &str, id: &str| {
        let mut one = number((LOCAL, code), 1, 8);
        one["id"] = json!(id);
        one
    };
    let asked = |facts: &[Value], before: &BTreeSet<String>| -> Vec<(Option<i64>, Vec<String>, String)> {
        let found = of([vec![patient("1950-01-01")], facts.to_vec()].concat());
        let report = report(&found, &program, Reader::Team);
        let tasks =
            found.tasks.iter().filter_map(|due| Some((due, report.task(due, &around(before)).unwrap()?)));
        let told = tasks.map(|(due, (task, _))| {
            let values = task.value()["identifier"].as_array().unwrap().iter();
            let values = values.map(|one| one["value"].as_str().unwrap().to_owned()).collect();
            (due.hours, values, task.text("/reasonReference/reference").unwrap().to_owned())
        });
        told.collect()
    };
    let value = |id: &str| format!("p/urgent-symptom-contact/Observation/{id}");
    let (pain, dyspnea, nausea) =
        (severe("esas-pain", "a"), severe("esas-dyspnea", "b"), severe("esas-nausea", "c"));
    let none = BTreeSet::new();
    let first = asked(std::slice::from_ref(&pain), &none);
    assert_eq!(first, [(Some(24), vec![value("a")], "Observation/a".to_owned())]);
    let before: BTreeSet<String> = [value("a")].into();
    assert!(asked(std::slice::from_ref(&pain), &before).is_empty(), "the same score asks once");
    let second = asked(&[pain.clone(), dyspnea.clone()], &before);
    assert_eq!(second, [(Some(24), vec![value("b")], "Observation/b".to_owned())]);
    // one that is due later asks too, though pain is due sooner
    let third = asked(&[pain.clone(), nausea.clone()], &before);
    assert_eq!(third, [(Some(48), vec![value("c")], "Observation/c".to_owned())]);
    let both: BTreeSet<String> = [value("a"), value("b")].into();
    assert!(asked(&[pain.clone(), dyspnea.clone()], &both).is_empty());
    assert!(asked(std::slice::from_ref(&dyspnea), &both).is_empty(), "what has passed asks for nothing");
    // what comes up together is one task
    let together = asked(&[pain, dyspnea, nausea], &none);
    assert_eq!(together.iter().map(|one| one.1.len()).collect::<Vec<_>>(), [2, 1]);
}
