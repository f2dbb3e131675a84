//! The tests of payable months: a person in memory, and what is asked of them. <https://hl7.org/fhir/R4/episodeofcare.html>

mod days;
mod payors;
mod plain_count;
mod rates;
mod self_pay;
mod vectors;

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
use crate::palliative::vocabulary::TRANSFERRED_FROM_EXTENSION;

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

    /// The same of each month, whoever pays.
    fn months(&self) -> Vec<(String, i64, i64)> {
        let mut months: Vec<(String, i64, i64)> = Vec::new();
        for (month, days, unit) in self.short() {
            match months.last_mut().filter(|last| last.0 == month) {
                Some(last) => (last.1, last.2) = (last.1 + days, last.2 + unit),
                None => months.push((month, days, unit)),
            }
        }
        months
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
