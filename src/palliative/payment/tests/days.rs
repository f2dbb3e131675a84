//! Which days count, and by whom they are paid. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;

#[test]
fn t_14_a_death_without_a_day_is_not_life_for_ever() {
    let mut world = World::new(free());
    world.put(episode("e", "p", ("2025-02-01", None)));
    let patient = |died: Value| {
        let mut patient = json!({ "resourceType": "Patient", "id": "a" });
        patient.as_object_mut().unwrap().extend(died.as_object().unwrap().clone());
        patient
    };
    world.put(patient(json!({ "deceasedBoolean": true })));
    assert_eq!(world.short(), [], "nobody saw the person");
    world.put(visit("v", "2025-02-03T10:00:00-07:00", "AMB", "Practitioner/x"));
    assert_eq!(world.short(), [("2025-02".to_owned(), 3, UNIT)]);
    let mut stay = visit("v", "2025-02-03T10:00:00-07:00", "IMP", "Practitioner/x");
    stay["period"]["end"] = json!("2025-02-07T10:00:00-07:00");
    world.put(stay);
    assert_eq!(world.short(), [("2025-02".to_owned(), 7, UNIT)], "a stay is a contact to its end");
    world.put(visit("v", "2025-02-03T10:00:00-07:00", "AMB", "Practitioner/x"));
    world.put(patient(json!({ "deceasedDateTime": "2025-03" })));
    assert_eq!(world.short()[1], ("2025-03".to_owned(), 1, UNIT), "the first day that it can have been");
}

#[test]
fn v_death_the_day_of_the_death_counts_and_no_later_one() {
    let mut world = World::new(free());
    world.put(json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01", "deceasedDateTime": "2025-07-08" }));
    world.put(episode("e", "p", ("2025-01-01", None)));
    let days: i64 = world.lines().iter().map(|line| line.eligible_days).sum();
    assert_eq!(days, 189);
    assert_eq!(world.short().last().unwrap(), &("2025-07".to_owned(), 8, UNIT));
}

#[test]
fn t_2_a_month_in_which_the_clocks_change_has_its_days() {
    let zone = json!([{ "url": "tz", "valueString": "America/Los_Angeles" },
        { "url": "requiresService", "valueBoolean": false }]);
    let mut world = World::new(free());
    world.program(program("p", zone));
    world.asked.month_rule = Some(MonthRule::Prorated);
    world.put(episode("e", "p", ("2025-03-09", Some("2025-11-02"))));
    let short = world.short();
    assert_eq!(short[0], ("2025-03".to_owned(), 23, 7_419), "a day of 23 hours is a day");
    assert_eq!(short.last().unwrap(), &("2025-11".to_owned(), 2, 667), "and so is one of 25");
}

#[test]
fn t_15_a_visit_after_the_death_is_no_contact() {
    let mut world = vector(MonthRule::AnyDay);
    world.program(program("p", json!([])));
    world.put(json!({ "resourceType": "Patient", "id": "a", "deceasedDateTime": "2025-03-05" }));
    assert_eq!(world.units(), UNIT);
    assert_eq!(world.lines()[1].unmet, Some(Unmet::NoContact));
}

#[test]
fn a_contact_is_one_of_the_team_at_home_in_a_clinic_or_by_telephone() {
    let with = |visit: Value| {
        let mut world = vector(MonthRule::AnyDay);
        world.program(program("p", json!([])));
        world.resources.retain(|one| one["resourceType"] != "Encounter");
        world.put(visit);
        world.units()
    };
    let on = "2025-03-10T10:00:00-07:00";
    for (class, units) in [("HH", UNIT), ("AMB", UNIT), ("VR", UNIT), ("IMP", 0), ("EMER", 0)] {
        assert_eq!(with(visit("v", on, class, "Practitioner/n")), units, "{class}");
    }
    for (who, units) in
        [("PractitionerRole/nurse", UNIT), ("Practitioner/other", 0), ("RelatedPerson/son", 0)]
    {
        assert_eq!(with(visit("v", on, "HH", who)), units, "{who}");
    }
    let mut cancelled = visit("v", on, "HH", "Practitioner/n");
    cancelled["status"] = "cancelled".into();
    assert_eq!(with(cancelled), 0, "T-8");
    assert_eq!(with(visit("v", "2025", "HH", "Practitioner/n")), 0, "in which month it was is not known");
}

#[test]
fn t_1_a_day_is_one_of_the_programmes_zone() {
    let mut world = vector(MonthRule::AnyDay);
    world.program(program("p", json!([])));
    world.resources.retain(|one| one["resourceType"] != "Encounter");
    world.put(visit("v", "2025-04-01T05:30:00Z", "HH", "Practitioner/n"));
    let paid: Vec<String> =
        world.lines().into_iter().filter(|line| line.unit > 0).map(|line| line.month).collect();
    assert_eq!(paid, ["2025-03"], "it was still March in Phoenix");
}

#[test]
fn t_20_the_day_of_a_hospice_election_is_hospices() {
    let flag = |start: &str, end: Option<&str>| {
        json!({ "resourceType": "Flag", "id": "f", "status": if end.is_some() { "inactive" } else { "active" },
            "code": { "coding": [{ "system": FLAG_SYSTEM, "code": "hospice-election" }] },
            "period": { "start": start, "end": end } })
    };
    let mut world = World::new(free());
    world.put(episode("e", "p", ("2025-02-20", Some("2025-04-09"))));
    world.put(flag("2025-03-05", None));
    assert_eq!(world.short(), [("2025-02".to_owned(), 9, UNIT), ("2025-03".to_owned(), 4, UNIT)]);
    world.put(flag("2025-03-05", Some("2025-03-20")));
    assert_eq!(world.short()[1].1, 4 + 12, "T-53: from the day of the revocation on it counts again");
    world.put(json!({ "resourceType": "Patient", "id": "a", "birthDate": "2004-03-11" }));
    assert_eq!(world.short()[1].1, 31 - 9, "both kinds of care until the 21st birthday");
    let mut mistake = flag("2025-03-05", None);
    mistake["status"] = "entered-in-error".into();
    world.put(mistake);
    assert_eq!(world.short()[1].1, 31);
}

#[test]
fn t_20_a_day_of_transfer_is_the_new_programmes_alone() {
    let mut world = World::new(free());
    world.program(program("q", free()));
    world.asked.month_rule = Some(MonthRule::Prorated);
    // Both claim the tenth; that the old one ended a day early is not relied on.
    world.put(episode("e", "p", ("2025-03-01", Some("2025-03-10"))));
    world.put(episode("f", "q", ("2025-03-10", None)));
    let days = |world: &World| -> Vec<(String, i64)> {
        let lines = world.lines().into_iter().filter(|line| line.month == "2025-03");
        lines.map(|line| (line.episode, line.eligible_days)).collect()
    };
    let split = [("EpisodeOfCare/e".to_owned(), 9), ("EpisodeOfCare/f".to_owned(), 22)];
    assert_eq!(days(&world), split);
    world.asked.programs = vec!["HealthcareService/p".to_owned()];
    assert_eq!(days(&world), split[..1], "a run of one programme finds the same as a run of both");
}

#[test]
fn t_22_the_line_of_business_is_that_of_the_day() {
    let mut world = World::new(free());
    world.put(episode("e", "p", ("2025-03-01", Some("2025-03-31"))));
    world.put(coverage("c", "211", (None, Some("2025-03-10"))));
    world.put(coverage("m", "12", (Some("2025-03-06"), Some("2025-03-20"))));
    let days = |world: &World| -> Vec<(String, String, i64)> {
        let mut lines = world.lines();
        lines.sort_by(|one, other| one.sources[0].first.cmp(&other.sources[0].first));
        let short = |line: Line| (line.sources[0].first[8..].to_owned(), line.cover.line, line.eligible_days);
        lines.into_iter().map(short).collect()
    };
    let row = |first: &str, line: &str, days: i64| (first.to_owned(), line.to_owned(), days);
    let all = [row("01", "medicaid-mc", 5), row("06", "dual", 5), row("11", "medicare-ffs", 10)];
    assert_eq!(days(&world), all);
    world.asked.payer = Some("Organization/plan-m".to_owned());
    assert_eq!(days(&world), all[2..], "the first coverage pays until it ends");
    world.asked.payer = None;
    world.program(program(
        "p",
        json!([{ "url": "lobAllowed", "valueCode": "medicare-ffs" },
        { "url": "requiresService", "valueBoolean": false }]),
    ));
    let served: i64 = world.lines().iter().map(|line| line.eligible_days).sum();
    assert_eq!(served, 15, "only days with a line of business that is served");
}

#[test]
fn t_22_a_run_by_one_payer_is_the_part_of_the_run_by_all_that_is_the_payers() {
    let mut world = World::new(free());
    world.put(episode("e", "p", ("2025-03-01", Some("2025-03-31"))));
    world.put(coverage("c", "211", (None, Some("2025-03-10"))));
    world.put(coverage("m", "511", (Some("2025-03-11"), None)));
    let units = |world: &World, payer: &str| -> Vec<(i64, i64, Option<Unmet>)> {
        let mut world = world.clone();
        world.asked.payer = (!payer.is_empty()).then(|| format!("Organization/{payer}"));
        world.lines().iter().map(|line| (line.eligible_days, line.unit, line.unmet)).collect()
    };
    let none = Some(Unmet::InAnotherLine);
    // The lines of a month stand in the order of their lines of business: commercial before medicaid-mc.
    for (rule, commercial, medicaid) in [
        (MonthRule::AnyDay, (21, 0, none), (10, UNIT, None)),
        (MonthRule::FirstOfMonth, (21, 0, none), (10, UNIT, None)),
        (MonthRule::FifteenDay, (21, UNIT, None), (10, 0, none)),
        (MonthRule::Prorated, (21, 6_774, None), (10, 3_226, None)),
    ] {
        world.asked.month_rule = Some(rule);
        assert_eq!(units(&world, ""), [commercial, medicaid], "{rule:?}");
        assert_eq!(units(&world, "plan-m"), [commercial], "{rule:?}");
        assert_eq!(units(&world, "plan-c"), [medicaid], "{rule:?}");
    }
    // Three who pay for a month pay for no more than the month.
    world.asked.month_rule = Some(MonthRule::Prorated);
    for (first, second) in [(5, 9), (10, 20), (4, 8), (1, 30)] {
        let on = |day: i64| format!("2025-03-{day:02}");
        world.put(coverage("c", "211", (None, Some(&on(first)))));
        world.put(coverage("m", "511", (Some(&on(first + 1)), Some(&on(second)))));
        world.put(coverage("n", "12", (Some(&on(second + 1)), None)));
        assert_eq!(world.units(), UNIT, "{first} {second}");
    }
}

#[test]
fn one_payer_is_not_billed_twice_for_a_day_and_two_payers_each_for_their_programme() {
    let serving = |line: &str| {
        let mut settings = free();
        settings.as_array_mut().unwrap().push(json!({ "url": "lobAllowed", "valueCode": line }));
        settings
    };
    let mut world = World::new(free());
    world.asked.month_rule = Some(MonthRule::Prorated);
    world.asked.period = Stretch::month_of(day("2025-03-01"));
    world.program(program("p", serving("medicaid-mc")));
    world.program(program("q", serving("medicare-ffs")));
    world.put(episode("e", "p", ("2025-03-01", None)));
    world.put(episode("f", "q", ("2025-03-11", None)));
    world.put(coverage("m", "12", (None, None)));
    let days = |world: &World| -> Vec<i64> { world.lines().iter().map(|line| line.eligible_days).collect() };
    assert_eq!(days(&world), [31, 21], "each is another payer's");
    let mut same = coverage("m", "12", (None, None));
    same["payor"] = json!([{ "reference": "Organization/plan-c" }]);
    world.put(same.clone());
    assert_eq!(days(&world), [10, 21], "one payer");
    same["payor"] = json!([{ "display": "Some plan" }]);
    world.put(same.clone());
    assert_eq!(days(&world), [10, 21], "it may be the same payer");
    same["payor"] = json!([{ "reference": "Organization/plan-c/_history/3" }]);
    world.put(same.clone());
    assert_eq!(days(&world), [10, 21], "one payer, whichever version of it");
    world.asked.payer = Some("Organization/plan-c".to_owned());
    assert_eq!(days(&world), [10, 21], "both are asked for");
    world.asked.payer = None;
    for payer in [
        "#p1",
        "https://elsewhere.example/fhir/Organization/1",
        "urn:uuid:0b5c1c2e-6d4f-4f0e-9f0e-1d2c3b4a5f60",
    ] {
        same["payor"] = json!([{ "reference": payer }]);
        world.put(same.clone());
        assert_eq!(days(&world), [10, 21], "{payer} may be the same payer");
        let told: Vec<Option<String>> = world.lines().into_iter().map(|line| line.cover.payer).collect();
        assert!(told.iter().flatten().all(|told| !told.starts_with('#')), "{told:?}");
    }
    world.put(coverage("m", "12", (None, None)));
    let mut transfer = episode("f", "q", ("2025-03-11", None));
    transfer["extension"].as_array_mut().unwrap().push(json!({ "url": TRANSFERRED_FROM_EXTENSION,
        "valueReference": { "reference": "EpisodeOfCare/e" } }));
    world.put(transfer);
    assert_eq!(days(&world), [10, 21], "the days after a transfer are the new programme's, whoever pays");
}

#[test]
fn coverage_order_decides_who_is_billed_and_a_plan_for_both_is_named() {
    let mut world = World::new(free());
    world.put(episode("e", "p", ("2025-03-01", Some("2025-03-31"))));
    let mut first = coverage("z", "12", (None, None));
    first["order"] = 1.into();
    world.put(first);
    let line = world.lines().remove(0);
    assert_eq!((line.cover.payer.as_deref(), &line.cover.line[..]), (Some("Organization/plan-z"), "dual"));
    world.put(coverage("d", "141", (None, None)));
    assert_eq!(world.lines()[0].cover.line, "dual-snp");
}

#[test]
fn days_on_hold_are_paid_only_where_the_programme_says_so() {
    let mut held = episode("e", "p", ("2025-03-01", None));
    let entry = |code: &str, since: &str| json!({ "extension": [state(code)], "period": { "start": since } });
    let history = held["statusHistory"].as_array_mut().unwrap();
    history.extend([entry("on-hold", "2025-03-10"), entry("enrolled", "2025-03-20")]);
    let mut world = World::new(free());
    world.asked.period = Stretch::month_of(day("2025-03-01"));
    world.put(held);
    assert_eq!(world.short(), [("2025-03".to_owned(), 22, UNIT)]);
    world.program(program(
        "p",
        json!([{ "url": "holdCountsForPayment", "valueBoolean": true },
        { "url": "requiresService", "valueBoolean": false }]),
    ));
    assert_eq!(world.short(), [("2025-03".to_owned(), 31, UNIT)]);
}

#[test]
fn no_day_after_today_counts_and_a_month_that_is_not_over_is_provisional() {
    let mut world = World::new(free());
    world.put(episode("e", "p", ("2025-03-01", None)));
    world.asked.now = span("2025-04-11T05:00:00Z", &jiff::tz::TimeZone::UTC).unwrap().low;
    let last = world.lines().pop().unwrap();
    assert_eq!((&last.month[..], last.eligible_days, last.provisional), ("2025-04", 10, true));
    assert!(!world.lines()[0].provisional);
}
