//! What is refused: by the table, by who asks, by what is missing. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;

#[test]
fn only_a_director_voids_and_undoes_and_a_patient_does_only_what_is_theirs() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.actor.roles.clear();
    let void = Request { reasons: vec!["wrong-patient".into()], ..request(Action::Void) };
    assert_eq!(world.act(&void).unwrap_err().status(), 403);
    world.actor.side = crate::palliative::enrollment::facts::Side::Patient;
    assert_eq!(world.act(&request(Action::Screen)).unwrap_err().status(), 403);
    world.actor.side = crate::palliative::enrollment::facts::Side::Team;
    world.act(&determined(Outcome::Eligible)).unwrap();
    world.actor.side = crate::palliative::enrollment::facts::Side::Patient;
    world.act(&agreed()).unwrap();
    world.actor.roles.push("program-director".into());
    world.actor.side = crate::palliative::enrollment::facts::Side::Team;
    world.act(&void).unwrap();
    assert_eq!(
        (world.state(), text(&world, "/status"), &task(&world)["status"]),
        ("entered-in-error", "entered-in-error", &json!("entered-in-error"))
    );
}

#[test]
fn missing_inputs_are_all_named() {
    let mut world = World::new();
    world.enrolled();
    let refused = world.act(&request(Action::Discharge)).unwrap_err();
    assert_eq!((refused.status(), codes(&refused)), (400, vec!["missing-parameter".to_owned(); 3]));
    let wrong = world.act(&on(Action::Discharge, "2026-01-15", "hold-travel")).unwrap_err();
    assert_eq!((wrong.status(), codes(&wrong)), (400, vec!["bad-parameter".to_owned()]));
}

#[test]
fn every_pair_that_the_table_does_not_list_is_refused_whatever_else_is_given() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    let name = crate::palliative::enrollment::facts::name(world.episode());
    for state in State::all() {
        let mut episode = world.resources[&name].value().clone();
        episode["extension"][0]["valueCoding"]["code"] = state.code().into();
        world.resources.insert(name.clone(), crate::palliative::enrollment::tests::resource(episode));
        for action in Action::all().filter(|action| !matches!(action, Action::Refer | Action::Enroll)) {
            let result = world.with_case(world.episode(), |case| {
                crate::palliative::enrollment::transition::decide(case, &request(action), Beside::default())
            });
            is_refused_as_the_table_says(result, state, action);
        }
        let late = crate::palliative::enrollment::enroll::Enrollment {
            start: "2026-01-20".parse().unwrap(),
            ..wish()
        };
        let result = world
            .with_case(world.episode(), |case| crate::palliative::enrollment::enroll::decide(case, &late));
        is_refused_as_the_table_says(result, state, Action::Enroll);
    }
}

/// 409 with all that would be possible, just where the table has no row.
fn is_refused_as_the_table_says(result: Result<Decision, Failure>, state: State, action: Action) {
    let refused = result.err().filter(|failure| codes(failure) == ["invalid-transition"]);
    let pair = format!("{} {}", state.code(), action.code());
    assert_eq!(refused.is_some(), row(state, action).is_none(), "{pair}");
    let Some(failure) = refused else { return };
    assert_eq!((failure.status(), failure.issues.len()), (409, 1), "{pair}");
    let named: Vec<&str> =
        failure.issues[0].extension.iter().map(|one| one["valueCode"].as_str().unwrap()).collect();
    let possible: Vec<&str> = allowed(state).into_iter().map(Action::code).collect();
    assert_eq!(named, possible, "{pair}");
    let diagnostics = format!("allowed: {}", possible.join(", "));
    assert_eq!(failure.issues[0].diagnostics.as_deref(), Some(diagnostics.as_str()), "{pair}");
}

#[test]
fn one_who_died_or_is_in_hospice_is_not_resumed() {
    let mut world = World::new();
    world.enrolled();
    world.act(&on(Action::Hold, "2026-01-15", "hold-travel")).unwrap();
    let resume = Request { date: Some("2026-01-15".parse().unwrap()), ..request(Action::Resume) };
    world.set("Patient/p", "deceasedBoolean", json!(true));
    assert_eq!(codes(&world.act(&resume).unwrap_err()), ["deceased"]);
    world.set("Patient/p", "deceasedBoolean", json!(false));
    world.put(json!({ "resourceType": "Flag", "id": "f", "status": "active", "subject": { "reference": "Patient/p" },
        "code": { "coding": [{ "system": FLAG_SYSTEM, "code": "hospice-election" }] }, "period": { "start": "2026-01-10" } }));
    assert_eq!(codes(&world.act(&resume).unwrap_err()), ["hospice-active"]);
    world.resources.remove("Flag/f");
    let early = Request { date: Some("2026-01-14".parse().unwrap()), ..request(Action::Resume) };
    assert_eq!(codes(&world.act(&early).unwrap_err()), ["date-range"], "before the pause began");
    world.act(&resume).unwrap();
}

#[test]
fn an_enrolment_does_not_overlap_an_earlier_one_in_the_same_programme() {
    let mut world = World::new();
    world.enrolled();
    world.act(&on(Action::Discharge, "2026-01-25", "patient-request")).unwrap();
    let first = crate::palliative::enrollment::facts::name(world.episode());
    world.refer(&referral()).unwrap();
    let name = |world: &World| {
        let mut all = world
            .resources
            .iter()
            .filter(|(name, one)| one.ty().name() == "EpisodeOfCare" && **name != first);
        all.next().unwrap().1.clone()
    };
    for one in [determined(Outcome::Eligible), agreed()] {
        let decision = world.with_case(&name(&world), |case| {
            crate::palliative::enrollment::transition::decide(case, &one, Beside::default())
        });
        world.write(&decision.unwrap());
    }
    for (start, ok) in [("2026-01-15", false), ("2026-01-25", false), ("2026-01-26", true)] {
        let wish =
            crate::palliative::enrollment::enroll::Enrollment { start: start.parse().unwrap(), ..wish() };
        let result =
            world.with_case(&name(&world), |case| crate::palliative::enrollment::enroll::decide(case, &wish));
        assert_eq!(
            result.map(|_| ()).map_err(|failure| codes(&failure)),
            if ok { Ok(()) } else { Err(vec!["date-range".to_owned()]) },
            "{start}"
        );
    }
}

#[test]
fn t26_what_an_action_does_not_take_is_refused_and_leaves_the_agreement_as_it_was() {
    let mut world = World::new();
    world.enrolled();
    let before = world.episode().clone();
    let hold = on(Action::Hold, "2026-01-15", "hold-travel");
    let other = || Some("Consent/other".to_owned());
    let cases = [
        ("consent", Request { consent: other(), ..hold.clone() }),
        ("place", Request { place: Some("home".into()), ..hold.clone() }),
        ("authorization", Request { authorization: Some("ClaimResponse/1".into()), ..hold.clone() }),
        ("decidedBy", Request { decided_by: Some("patient".into()), ..hold.clone() }),
        ("initiatedBy", Request { initiated_by: Some("patient".into()), ..hold.clone() }),
        ("targetProgram", Request { target_program: Some("HealthcareService/x".into()), ..hold.clone() }),
        ("screenResult", Request { screen_result: Some("GuidanceResponse/g".into()), ..hold.clone() }),
        ("hospice", Request { hospice: elected("2026-01-15").hospice, ..hold.clone() }),
        ("asOf", Request { as_of: hold.date, ..hold.clone() }),
        ("ruleSet", Request { rule_sets: vec!["urn:x".into()], ..hold.clone() }),
    ];
    for (name, asked) in cases {
        let refused = world.act(&asked).unwrap_err();
        assert_eq!((refused.status(), codes(&refused)), (422, vec!["bad-parameter".to_owned()]), "{name}");
        let at = format!("Parameters.parameter.where(name='{name}')");
        assert_eq!(refused.issues[0].expression.as_deref(), Some(at.as_str()));
        assert!(
            refused.issues[0].text.contains("effectiveDate, expectedDate, outreach, reason, note"),
            "{name}"
        );
    }
    let graduation = on(Action::Graduate, "2026-01-15", "graduated-improved");
    let asked = Request { expected: graduation.date, outreach: offered("2026-01-15").outreach, ..graduation };
    assert_eq!(codes(&world.act(&asked).unwrap_err()), ["bad-parameter"; 2]);
    assert_eq!(world.episode(), &before);
    let back = Request { date: hold.date, ..undo() };
    world.act(&on(Action::Discharge, "2026-01-15", "coverage-lost")).unwrap();
    assert_eq!(codes(&world.act(&back).unwrap_err()), ["bad-parameter"], "undoing is of today");
}

#[test]
fn dates_that_contradict_one_another_or_lie_ahead_are_refused() {
    let refused = |world: &mut World, asked: &Request, at: &str| {
        let refused = world.act(asked).unwrap_err();
        assert_eq!((refused.status(), codes(&refused)), (422, vec!["date-range".to_owned()]), "{asked:?}");
        let at = format!("Parameters.parameter.where(name='{at}')");
        assert_eq!(refused.issues[0].expression.as_deref(), Some(at.as_str()), "{asked:?}");
    };
    let day = |text: &str| Some(text.parse().unwrap());
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    refused(&mut world, &Request { as_of: day("2026-01-16"), ..request(Action::Screen) }, "asOf");
    world.act(&determined(Outcome::Eligible)).unwrap();
    refused(&mut world, &offered("2030-01-01"), "outreach");
    refused(&mut world, &offered("2026-01-11"), "outreach");
    refused(&mut world, &Request { date: day("2026-01-15"), ..offered("2030-01-01") }, "effectiveDate");
    refused(&mut world, &Request { date: day("2026-01-15"), ..offered("2026-01-14") }, "effectiveDate");
    world.act(&offered("2026-01-14")).unwrap();
    for attempt in ["2026-01-11", "2026-01-15"] {
        let mut lapse = on(Action::Lapse, "2026-01-14", "unable-to-contact");
        lapse.outreach = [offered("2026-01-14").outreach, offered(attempt).outreach].concat();
        refused(&mut world, &lapse, "outreach");
    }
    world.act(&agreed()).unwrap();
    world.enroll(&wish()).unwrap();
    refused(&mut world, &Request { date: day("2026-01-20"), ..elected("2026-01-18") }, "effectiveDate");
    let hold = on(Action::Hold, "2026-01-20", "hold-travel");
    refused(&mut world, &Request { expected: day("2026-01-19"), ..hold.clone() }, "expectedDate");
    world.act(&Request { expected: day("2026-01-20"), ..hold }).unwrap();
}
