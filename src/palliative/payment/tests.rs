use std::collections::BTreeMap;

use jiff::civil::Date;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::Account;
use super::Asked;
use super::Intakes;
use super::delta::Reason;
use super::delta::differences;
use super::line::Line;
use super::line::UNIT;
use super::line::Unmet;
use super::month::half_even;
use super::policy::Class;
use super::policy::MonthRule;
use super::policy::TierRule;
use crate::fhir::datetime::span;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::program::Program;
use crate::palliative::time_line::Stretch;
use crate::palliative::vocabulary::END_DATE_EXTENSION;
use crate::palliative::vocabulary::FLAG_SYSTEM;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;
use crate::palliative::vocabulary::RECEIVED_EXTENSION;
use crate::palliative::vocabulary::SETTINGS_EXTENSION;
use crate::palliative::vocabulary::STATE_EXTENSION;
use crate::palliative::vocabulary::TIER_EXTENSION;

/// A person in memory, and what is asked of them.
#[derive(Clone)]
struct World {
    resources: Vec<Value>,
    programs: BTreeMap<String, Program>,
    asked: Asked,
}

fn program(id: &str, settings: Value) -> Program {
    let mut all = json!([{ "url": "tz", "valueString": "America/Phoenix" }]);
    all.as_array_mut().unwrap().extend(settings.as_array().unwrap().clone());
    let service = json!({ "resourceType": "HealthcareService", "id": id,
        "extension": [{ "url": SETTINGS_EXTENSION, "extension": all }] });
    Program::read(&Resource::from_value(service).unwrap()).unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

impl World {
    /// A person born in 1950 with one coverage, in the programme `p`, asked for 2025 in 2026.
    fn new(settings: Value) -> Self {
        let mut world = Self {
            resources: Vec::new(),
            programs: BTreeMap::new(),
            asked: Asked {
                period: Stretch::new(day("2025-01-01"), day("2025-12-31")).unwrap(),
                now: span("2026-03-01T12:00:00Z", &jiff::tz::TimeZone::UTC).unwrap().low,
                programs: Vec::new(),
                payer: None,
                month_rule: None,
                tier_rule: None,
                intakes: Intakes::LeftOut,
            },
        };
        world.program(program("p", settings));
        world.put(json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01" }));
        world.put(coverage("c", "211", (None, None)));
        world
    }

    fn program(&mut self, program: Program) {
        self.programs.insert(program.reference(), program);
    }

    fn put(&mut self, resource: Value) {
        self.resources
            .retain(|own| own["resourceType"] != resource["resourceType"] || own["id"] != resource["id"]);
        self.resources.push(resource);
    }

    fn lines(&self) -> Vec<Line> {
        let resources = self.resources.iter().map(|one| Resource::from_value(one.clone()).unwrap()).collect();
        let chart = Chart::new(resources);
        Account { chart: &chart, programs: &self.programs, asked: &self.asked }.lines()
    }

    /// The month, eligible days and units of each line.
    fn short(&self) -> Vec<(String, i64, i64)> {
        self.lines().into_iter().map(|line| (line.month, line.eligible_days, line.unit)).collect()
    }

    fn units(&self) -> i64 {
        self.lines().iter().map(|line| line.unit).sum()
    }
}

/// Settings of a programme that asks for no contact.
fn free() -> Value {
    json!([{ "url": "requiresService", "valueBoolean": false }])
}

fn coverage(id: &str, code: &str, (start, end): (Option<&str>, Option<&str>)) -> Value {
    let mut period = json!({});
    for (name, bound) in [("start", start), ("end", end)] {
        if let Some(bound) = bound {
            period[name] = bound.into();
        }
    }
    json!({ "resourceType": "Coverage", "id": id, "status": "active", "period": period,
        "type": { "coding": [{ "system": "https://nahdo.org/sopt", "code": code }] },
        "payor": [{ "reference": format!("Organization/plan-{id}") }],
        "beneficiary": { "reference": "Patient/a" } })
}

fn state(code: &str) -> Value {
    json!({ "url": STATE_EXTENSION, "valueCoding": { "code": code } })
}

/// An enrolled episode of a programme.
fn episode(id: &str, program: &str, (start, end): (&str, Option<&str>)) -> Value {
    let mut period = json!({ "start": start });
    let mut history = json!([{ "extension": [state("enrolled")], "period": { "start": start } }]);
    if let Some(end) = end {
        period["end"] = end.into();
        let last = json!({ "extension": [state("discharged")], "period": { "start": end } });
        history.as_array_mut().unwrap().push(last);
    }
    let now = if end.is_some() { "discharged" } else { "enrolled" };
    json!({ "resourceType": "EpisodeOfCare", "id": id, "patient": { "reference": "Patient/a" },
        "extension": [state(now), { "url": PROGRAM_EXTENSION,
            "valueReference": { "reference": format!("HealthcareService/{program}") } }],
        "statusHistory": history, "period": period, "team": [{ "reference": "CareTeam/t" }] })
}

fn visit(id: &str, start: &str, class: &str, who: &str) -> Value {
    json!({ "resourceType": "Encounter", "id": id, "status": "finished", "period": { "start": start },
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class },
        "participant": [{ "individual": { "reference": who } }], "subject": { "reference": "Patient/a" } })
}

fn team() -> Value {
    json!({ "resourceType": "CareTeam", "id": "t", "status": "active", "participant": [
        { "member": { "reference": "PractitionerRole/nurse" } }, { "member": { "reference": "RelatedPerson/son" } }] })
}

/// The person of the vector: enrolled from 2025-02-20 to 2025-04-09, with a home visit in each month.
fn vector(rule: MonthRule) -> World {
    let mut world = World::new(free());
    world.asked.month_rule = Some(rule);
    world.put(episode("e", "p", ("2025-02-20", Some("2025-04-09"))));
    world.put(team());
    world.put(json!({ "resourceType": "PractitionerRole", "id": "nurse", "practitioner": { "reference": "Practitioner/n" } }));
    for (at, month) in ["02-25", "03-10", "04-01"].iter().enumerate() {
        world.put(visit(&format!("v{at}"), &format!("2025-{month}T10:00:00-07:00"), "HH", "Practitioner/n"));
    }
    world
}

#[test]
fn v_pm_prorated_counts_the_share_of_days_with_four_decimals() {
    let short = vector(MonthRule::Prorated).short();
    let months: Vec<(&str, i64, i64)> =
        short.iter().map(|(month, days, unit)| (&month[..], *days, *unit)).collect();
    assert_eq!(months, [("2025-02", 9, 3_214), ("2025-03", 31, 10_000), ("2025-04", 9, 3_000)]);
}

#[test]
fn v_pm_any_day_is_three_units() {
    assert_eq!(vector(MonthRule::AnyDay).units(), 3 * UNIT);
}

#[test]
fn v_pm_first_of_month_pays_march_and_april() {
    let world = vector(MonthRule::FirstOfMonth);
    let paid: Vec<String> =
        world.lines().into_iter().filter(|line| line.unit == UNIT).map(|line| line.month).collect();
    assert_eq!(paid, ["2025-03", "2025-04"]);
    assert_eq!(world.lines()[0].unmet, Some(Unmet::NotOnTheFirst));
}

#[test]
fn v_pm_fifteen_day_pays_march_alone() {
    let lines = vector(MonthRule::FifteenDay).lines();
    let of: Vec<_> = lines.iter().map(|line| (line.unit, line.unmet)).collect();
    assert_eq!(of, [(0, Some(Unmet::TooFewDays)), (UNIT, None), (0, Some(Unmet::TooFewDays))]);
}

#[test]
fn v_pm_mccm_is_a_thousand_dollars() {
    let amounts = |world: &World| -> Vec<i64> {
        world.lines().iter().map(|line| line.amount.as_ref().unwrap().cents).collect()
    };
    let mut world = vector(MonthRule::Mccm);
    assert_eq!(amounts(&world), [20_000, 40_000, 40_000]);
    world.resources.retain(|one| one["id"] != "v2");
    assert_eq!(amounts(&world), [20_000, 40_000, 0], "a later month is paid for its service");
    world.put(episode("e", "p", ("2025-02-10", Some("2025-04-09"))));
    assert_eq!(amounts(&world), [40_000, 40_000, 0], "nineteen days of the first month");
    world.asked.period = Stretch::new(day("2025-04-01"), day("2025-04-30")).unwrap();
    world.put(visit("v2", "2025-04-02T10:00:00-07:00", "VR", "Practitioner/n"));
    assert_eq!(amounts(&world), [40_000], "April is a later month whatever the run asks for");
}

#[test]
fn v_dah_patient_b_is_paid_up_to_the_day_of_death() {
    let mut world = World::new(free());
    world.put(json!({ "resourceType": "Patient", "id": "a", "birthDate": "1950-05-01", "deceasedDateTime": "2025-05-20" }));
    world.put(episode("e", "p", ("2025-02-01", None)));
    for (rule, unit) in
        [(MonthRule::AnyDay, UNIT), (MonthRule::FifteenDay, UNIT), (MonthRule::Prorated, 6_452)]
    {
        world.asked.month_rule = Some(rule);
        assert_eq!(world.short().last().unwrap(), &("2025-05".to_owned(), 20, unit));
    }
}

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
    world.put(patient(json!({ "deceasedDateTime": "2025-03" })));
    assert_eq!(world.short()[1], ("2025-03".to_owned(), 1, UNIT), "the first day that it can have been");
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
    let line = world.lines().remove(0);
    let source: Vec<(&str, &str, &str)> =
        line.sources.iter().map(|one| (&one.first[8..], &one.last[8..], &one.cover.line[..])).collect();
    assert_eq!(source, [("01", "05", "medicaid-mc"), ("06", "10", "dual"), ("11", "20", "medicare-ffs")]);
    assert_eq!((line.eligible_days, &line.cover.line[..]), (20, "medicaid-mc"));
    world.asked.payer = Some("Organization/plan-m".to_owned());
    assert_eq!(world.lines()[0].eligible_days, 10, "the first coverage pays until it ends");
    world.asked.payer = None;
    world.program(program(
        "p",
        json!([{ "url": "lobAllowed", "valueCode": "medicare-ffs" },
        { "url": "requiresService", "valueBoolean": false }]),
    ));
    assert_eq!(world.lines()[0].eligible_days, 15, "only days with a line of business that is served");
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
fn t_67_an_open_end_goes_on_and_a_cancelled_coverage_does_not() {
    let mut world = World::new(free());
    world.put(episode("e", "p", ("2025-03-01", Some("2025-03-31"))));
    assert_eq!(world.units(), UNIT);
    let mut cancelled = coverage("c", "211", (None, Some("2030-01-01")));
    cancelled["status"] = "cancelled".into();
    world.put(cancelled);
    assert_eq!(world.units(), 0);
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

fn with_tiers(tiers: &[(&str, &str)]) -> Value {
    let mut episode = episode("e", "p", ("2025-03-01", Some("2025-03-31")));
    for (tier, since) in tiers {
        let parts = json!([{ "url": "tier", "valueCode": tier }, { "url": "since", "valueDate": since }]);
        episode["extension"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "url": TIER_EXTENSION, "extension": parts }));
    }
    episode
}

fn row(tier: &str, amount: &str) -> Value {
    let money: Value = serde_json::from_str(&format!("{{\"value\":{amount},\"currency\":\"USD\"}}")).unwrap();
    json!({ "url": "payTable", "extension": [{ "url": "tier", "valueCode": tier }, { "url": "amount", "valueMoney": money },
        { "url": "serviceCode", "valueCoding": { "code": "S0311" } }] })
}

#[test]
fn the_tier_rule_chooses_the_row_of_the_table() {
    let mut settings = free();
    settings.as_array_mut().unwrap().extend([row("tier-2", "300"), row("tier-3", "450.50")]);
    let mut world = World::new(settings);
    world.put(with_tiers(&[("tier-3", "2025-03-01"), ("tier-2", "2025-03-11")]));
    let paid = |rule: TierRule| {
        let mut world = world.clone();
        world.asked.tier_rule = Some(rule);
        let line = world.lines().remove(0);
        (line.tier.unwrap(), line.amount.unwrap().cents)
    };
    assert_eq!(paid(TierRule::AtMonthStart), ("tier-3".to_owned(), 45_050));
    assert_eq!(paid(TierRule::Highest), ("tier-3".to_owned(), 45_050));
    // (10 × 450.50 + 21 × 300) / 31
    assert_eq!(paid(TierRule::DayWeighted), ("tier-2".to_owned(), 34_855));
    assert_eq!(world.lines()[0].service_codes, [json!({ "code": "S0311" })]);
    world.put(with_tiers(&[]));
    assert_eq!((world.lines()[0].tier.clone(), world.lines()[0].amount.clone()), (None, None));
}

#[test]
fn a_dual_month_is_paid_by_the_row_of_dual_or_else_of_the_line_that_is_billed() {
    let of = |line: &str, amount: &str| {
        let mut row = row("tier-2", amount);
        row["extension"].as_array_mut().unwrap().push(json!({ "url": "lob", "valueCode": line }));
        row
    };
    let mut settings = free();
    settings.as_array_mut().unwrap().extend([of("medicare-hospice", "7"), of("medicaid-mc", "300")]);
    let mut world = World::new(settings.clone());
    world.put(with_tiers(&[("tier-2", "2025-03-01")]));
    let mut billed = coverage("a", "211", (None, None));
    billed["order"] = 1.into();
    world.put(billed);
    world.put(coverage("z", "12", (None, None)));
    let line = world.lines().remove(0);
    assert_eq!((&line.cover.line[..], &line.cover.billed[..]), ("dual", "medicaid-mc"));
    assert_eq!(line.amount.map(|amount| amount.cents), Some(30_000));
    assert_eq!(line.service_codes, [json!({ "code": "S0311" })]);
    settings.as_array_mut().unwrap().push(of("dual", "250"));
    world.program(program("p", settings));
    assert_eq!(world.lines().remove(0).amount.map(|amount| amount.cents), Some(25_000));
}

#[test]
fn an_assessment_gives_the_tier_of_days_before_the_episodes_own() {
    let assessment = |id: &str, status: &str, on: &str, tier: &str| {
        json!({ "resourceType": "RiskAssessment", "id": id, "status": status, "occurrenceDateTime": on,
            "prediction": [{ "qualitativeRisk": { "coding": [{ "system": "https://comfrey.health/fhir/CodeSystem/risk-tier", "code": tier }] } }] })
    };
    let mut world = World::new(free());
    world.put(with_tiers(&[("tier-4", "2025-03-21")]));
    world.put(assessment("x", "final", "2025-02-01", "tier-2"));
    world.put(assessment("y", "preliminary", "2025-02-10", "tier-3"));
    world.put(assessment("z", "final", "2025-03-25", "tier-1"));
    let line = world.lines().remove(0);
    assert_eq!(line.tier_days, [(Some("tier-2".to_owned()), 20), (Some("tier-4".to_owned()), 11)]);
}

#[test]
fn a_table_that_cannot_be_read_is_refused() {
    for amount in ["-1", "1.005", "1e3"] {
        let service = json!({ "resourceType": "HealthcareService", "id": "p",
            "extension": [{ "url": SETTINGS_EXTENSION, "extension": [row("tier-1", amount)] }] });
        assert_eq!(
            Program::read(&Resource::from_value(service).unwrap()).unwrap_err().status(),
            422,
            "{amount}"
        );
    }
}

fn intake(id: &str, start: &str) -> Value {
    let mut visit = visit(id, start, "HH", "Practitioner/x");
    visit["type"] = json!([{ "coding": [{ "system": "http://snomed.info/sct", "code": "305284002" }] }]);
    visit
}

/// An episode that ended in this state without a day of the service.
fn ended(id: &str, code: &str, (received, ended): (&str, &str)) -> Value {
    json!({ "resourceType": "EpisodeOfCare", "id": id, "patient": { "reference": "Patient/a" },
        "extension": [state(code), { "url": PROGRAM_EXTENSION, "valueReference": { "reference": "HealthcareService/p" } },
            { "url": RECEIVED_EXTENSION, "valueDate": received }, { "url": END_DATE_EXTENSION, "valueDate": ended }],
        "statusHistory": [{ "extension": [state(code)], "period": { "start": ended } }] })
}

#[test]
fn an_intake_is_paid_whether_or_not_the_person_enrols_and_once_for_each_episode() {
    let settings = json!([{ "url": "payTable", "extension": [{ "url": "class", "valueCode": "intake" },
        { "url": "amount", "valueMoney": { "value": 150 } }] }]);
    let mut world = World::new(settings);
    world.asked.intakes = Intakes::Included;
    world.put(ended("d", "declined", ("2025-01-05", "2025-01-20")));
    world.put(intake("i1", "2025-01-10T10:00:00-07:00"));
    world.put(intake("i2", "2025-01-12T10:00:00-07:00"));
    let lines = world.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0].month[..], lines[0].class, lines[0].unit), ("2025-01", Class::Intake, UNIT));
    assert_eq!(lines[0].amount.as_ref().unwrap().cents, 15_000);
    assert_eq!(lines[0].sources[0].first, "2025-01-10", "the first of two");
    for (code, count) in [("not-eligible", 1), ("lapsed", 1), ("offered", 0), ("entered-in-error", 0)] {
        world.put(ended("d", code, ("2025-01-05", "2025-01-20")));
        assert_eq!(world.lines().len(), count, "{code}");
    }
    world.asked.intakes = Intakes::LeftOut;
    world.put(ended("d", "declined", ("2025-01-05", "2025-01-20")));
    assert_eq!(world.lines().len(), 0);
}

#[test]
fn an_intake_on_the_first_day_counts_and_one_of_an_earlier_referral_does_not() {
    let mut world = World::new(free());
    world.asked.intakes = Intakes::Included;
    let mut enrolled = episode("e", "p", ("2025-06-10", Some("2025-06-20")));
    let received = json!({ "url": RECEIVED_EXTENSION, "valueDate": "2025-06-01" });
    enrolled["extension"].as_array_mut().unwrap().push(received);
    world.put(enrolled);
    world.put(intake("old", "2025-02-10T10:00:00-07:00"));
    let intakes = |world: &World| world.lines().iter().filter(|line| line.class == Class::Intake).count();
    assert_eq!(intakes(&world), 0);
    world.put(intake("new", "2025-06-10T10:00:00-07:00"));
    assert_eq!(intakes(&world), 1);
    let mut linked = intake("old", "2025-02-10T10:00:00-07:00");
    linked["episodeOfCare"] = json!([{ "reference": "EpisodeOfCare/e" }]);
    world.put(linked);
    let lines = world.lines();
    let intake = lines.iter().find(|line| line.class == Class::Intake).unwrap();
    assert_eq!(intake.month, "2025-02", "one that names the episode belongs to it");
}

#[test]
fn t_21_what_became_known_later_is_a_difference_and_differences_add_up() {
    let mut world = vector(MonthRule::Prorated);
    let first = world.lines();
    world.put(coverage("c", "211", (None, Some("2025-03-10"))));
    let second = world.lines();
    let found = differences(&first, &second);
    let reasons: Vec<_> = found.iter().map(|one| (one.line().unwrap().month.clone(), one.reason)).collect();
    assert_eq!(reasons, [("2025-03".to_owned(), Reason::Adjust), ("2025-04".to_owned(), Reason::Void)]);
    assert_eq!(found[0].changed(), ["eligibleDays", "unit", "tier", "source"]);
    let sum = |lines: &[Line]| lines.iter().map(|line| line.unit).sum::<i64>();
    let changes: i64 = found.iter().map(super::delta::Difference::unit_change).sum();
    assert_eq!(sum(&first) + changes, sum(&second));
    assert!(differences(&second, &second).is_empty());
    assert!(differences(&[], &second).iter().all(|one| one.reason == Reason::New));
}

#[test]
fn halves_are_rounded_to_the_even_number() {
    let table = [(5, 2, 2), (7, 2, 4), (9, 2, 4), (10, 4, 2), (11, 4, 3), (1, 3, 0), (2, 3, 1), (0, 5, 0)];
    for (numerator, denominator, expected) in table {
        assert_eq!(half_even(numerator, denominator), expected, "{numerator}/{denominator}");
    }
}

/// What a random person is made of, in days since 2025-01-01.
#[derive(Clone, Debug)]
struct Person {
    start: i64,
    end: Option<i64>,
    hold: Option<(i64, i64)>,
    covered: Vec<(i64, i64)>,
    hospice: Option<(i64, i64)>,
    died: Option<i64>,
    turns_21: i64,
}

fn person() -> impl Strategy<Value = Person> {
    let between = || (0_i64..360, 0_i64..120);
    (
        0_i64..300,
        prop::option::of(0_i64..200),
        prop::option::of((0_i64..100, 0_i64..60)),
        prop::collection::vec(between(), 0..4),
        prop::option::of(between()),
        prop::option::of(0_i64..400),
        -50_i64..400,
    )
        .prop_map(|(start, long, hold, covered, hospice, died, turns_21)| Person {
            start,
            end: long.map(|long| start + long),
            hold: hold.map(|(after, long)| (start + after, start + after + long)),
            covered: covered.into_iter().map(|(at, long)| (at, at + long)).collect(),
            hospice: hospice.map(|(at, long)| (at, at + long)),
            died,
            turns_21,
        })
}

fn at(offset: i64) -> Date {
    day("2025-01-01").checked_add(jiff::Span::new().days(offset)).unwrap()
}

impl Person {
    /// Whether the day counts, by the words of the rules.
    fn counts(&self, today: i64) -> bool {
        let enrolled = self.start <= today && self.end.is_none_or(|end| today <= end);
        let held = self.hold.is_some_and(|(from, to)| from < today && today < to);
        let covered = self.covered.iter().any(|(from, to)| (*from..=*to).contains(&today));
        let hospice = self.hospice.is_some_and(|(from, to)| from <= today && today < to);
        let alive = self.died.is_none_or(|died| today <= died);
        enrolled && !held && covered && alive && !(hospice && today >= self.turns_21)
    }

    fn world(&self) -> World {
        let mut world = World::new(free());
        let born = at(self.turns_21).checked_sub(jiff::Span::new().years(21)).unwrap();
        let mut patient = json!({ "resourceType": "Patient", "id": "a", "birthDate": born.to_string() });
        if let Some(died) = self.died {
            patient["deceasedDateTime"] = at(died).to_string().into();
        }
        world.resources.clear();
        world.put(patient);
        for (number, (from, to)) in self.covered.iter().enumerate() {
            let (from, to) = (at(*from).to_string(), at(*to).to_string());
            world.put(coverage(&format!("c{number}"), "211", (Some(&from), Some(&to))));
        }
        if let Some((from, to)) = self.hospice {
            world.put(json!({ "resourceType": "Flag", "id": "f", "status": "inactive",
                "code": { "coding": [{ "system": FLAG_SYSTEM, "code": "hospice-election" }] },
                "period": { "start": at(from).to_string(), "end": at(to).to_string() } }));
        }
        let end = self.end.map(|end| at(end).to_string());
        let mut episode = episode("e", "p", (&at(self.start).to_string(), end.as_deref()));
        if let Some((from, to)) = self.hold {
            let entry = |code: &str, on: i64| json!({ "extension": [state(code)], "period": { "start": at(on).to_string() } });
            let history = episode["statusHistory"].as_array_mut().unwrap();
            history.splice(1..1, [entry("on-hold", from), entry("enrolled", to)]);
        }
        world.put(episode);
        world
    }
}

/// The number of the month, its days, those of them that count, and whether the first does.
fn months_of(person: &Person) -> Vec<(i8, i64, i64, bool)> {
    let mut months: Vec<(i8, i64, i64, bool)> = Vec::new();
    for offset in 0..365 {
        let (month, counts) = (at(offset).month(), person.counts(offset));
        match months.last_mut().filter(|last| last.0 == month) {
            Some(last) => (last.1, last.2) = (last.1 + 1, last.2 + i64::from(counts)),
            None => months.push((month, 1, i64::from(counts), counts)),
        }
    }
    months
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn units_are_what_a_plain_count_of_days_says(person in person()) {
        let mut world = person.world();
        let months = months_of(&person);
        for rule in [MonthRule::AnyDay, MonthRule::FirstOfMonth, MonthRule::FifteenDay, MonthRule::Prorated] {
            world.asked.month_rule = Some(rule);
            let line = |(month, length, counted, first): &(i8, i64, i64, bool)| {
                let unit = match rule {
                    MonthRule::AnyDay | MonthRule::Mccm => UNIT,
                    MonthRule::FirstOfMonth => UNIT * i64::from(*first),
                    MonthRule::FifteenDay => UNIT * i64::from(*counted >= 15),
                    MonthRule::Prorated => half_even(counted * UNIT, *length),
                };
                (*counted > 0).then(|| (format!("2025-{month:02}"), *counted, unit))
            };
            let expected: Vec<_> = months.iter().filter_map(line).collect();
            prop_assert_eq!(world.short(), expected);
        }
    }
}
