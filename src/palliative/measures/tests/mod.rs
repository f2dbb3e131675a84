//! People, programmes and reports for the tests of measures.

mod definitions;
mod equity;
mod reports;
mod residence;
mod roll_up;
mod traps;
mod vectors;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;
use serde_json::json;

use super::conventions::Conventions;
use super::course::Course;
use super::course::Question;
use super::kinds::CareKinds;
use super::report::About;
use super::report::Report;
use crate::definitions::Definitions;
use crate::fhir::Resource;
use crate::fhir::datetime::Micros;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::measures::Measure;
use crate::palliative::program::Program;
use crate::palliative::time_line::Stretch;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;
use crate::palliative::vocabulary::SETTINGS_EXTENSION;
use crate::palliative::vocabulary::STATE_EXTENSION;

/// 2026-06-01T12:00:00Z
const NOW: Micros = 1_780_315_200_000_000;
const PROGRAM: &str = "HealthcareService/p";

fn kinds() -> &'static CareKinds {
    static KINDS: OnceLock<CareKinds> = OnceLock::new();
    KINDS.get_or_init(|| {
        let definitions = Definitions::shared().unwrap();
        CareKinds::compile(&definitions.value_sets, &definitions.code_systems).unwrap()
    })
}

fn programs(zone: &str) -> BTreeMap<String, Program> {
    let service = json!({ "resourceType": "HealthcareService", "id": "p", "extension": [
        { "url": SETTINGS_EXTENSION, "extension": [{ "url": "tz", "valueString": zone }] }] });
    let program = Program::read(&Resource::from_value(service).unwrap()).unwrap();
    BTreeMap::from([(PROGRAM.to_owned(), program)])
}

fn stretch(first: &str, last: &str) -> Stretch {
    Stretch::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
}

fn year() -> Stretch {
    stretch("2025-01-01", "2025-12-31")
}

fn chart(resources: &[Value]) -> Chart {
    Chart::new(resources.iter().map(|one| Resource::from_value(one.clone()).unwrap()).collect())
}

/// A person's course in 2025 in Phoenix.
fn course(resources: &[Value]) -> Course {
    course_with(resources, Conventions::default())
}

fn course_with(resources: &[Value], conventions: Conventions) -> Course {
    course_in("America/Phoenix", resources, conventions).unwrap()
}

fn course_in(zone: &str, resources: &[Value], conventions: Conventions) -> Option<Course> {
    let programs = programs(zone);
    let (period, now) = (year(), NOW);
    Question { programs: &programs, asked: &[], period, conventions, kinds: kinds(), now }
        .course(&chart(resources))
}

/// A person, enrolled from a day on.
fn person(id: &str, since: &str) -> Vec<Value> {
    vec![json!({ "resourceType": "Patient", "id": id }), episode(id, since, None)]
}

fn episode(id: &str, since: &str, until: Option<&str>) -> Value {
    let state = if until.is_some() { "discharged" } else { "enrolled" };
    let mut episode = json!({ "resourceType": "EpisodeOfCare", "id": format!("{id}-{since}"), "extension": [
        { "url": STATE_EXTENSION, "valueCoding": { "code": state } },
        { "url": PROGRAM_EXTENSION, "valueReference": { "reference": PROGRAM } }],
        "patient": { "reference": format!("Patient/{id}") }, "period": { "start": since } });
    if let Some(until) = until {
        episode["period"]["end"] = until.into();
    }
    episode
}

/// One who died at the end of a day, of whom the Patient says so.
fn died(id: &str, since: &str, on: &str) -> Vec<Value> {
    let patient = json!({ "resourceType": "Patient", "id": id, "deceasedDateTime": on });
    vec![patient, episode(id, since, None)]
}

fn encounter(id: &str, class: &str, start: &str, end: &str) -> Value {
    json!({ "resourceType": "Encounter", "id": id, "status": "finished",
        "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class },
        "period": { "start": start, "end": end } })
}

fn of_type(mut encounter: Value, code: &str) -> Value {
    encounter["type"] = json!([{ "coding": [{ "system": "http://snomed.info/sct", "code": code }] }]);
    encounter
}

/// A stay in a skilled nursing facility.
fn nursing(id: &str, start: &str, end: &str) -> Value {
    of_type(encounter(id, "IMP", start, end), "449411000124106")
}

/// At a place of this kind.
fn at(mut encounter: Value, kind: &str) -> [Value; 2] {
    let id = format!("at-{kind}");
    encounter["location"] = json!([{ "location": { "reference": format!("Location/{id}") } }]);
    let system = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
    let place = json!({ "resourceType": "Location", "id": id, "type": [{ "coding": [{ "system": system, "code": kind }] }] });
    [encounter, place]
}

fn with(mut person: Vec<Value>, more: impl IntoIterator<Item = Value>) -> Vec<Value> {
    person.extend(more);
    person
}

fn report(measure: &str, courses: Vec<Course>, about: About) -> Value {
    let definitions = Definitions::shared().unwrap();
    let measure = Measure::find(measure).unwrap();
    let definition = definitions.measures.values().find(|one| one["id"] == measure.id).unwrap();
    let report = Report {
        measure,
        definition,
        about,
        period: year(),
        conventions: Conventions::default(),
        now: NOW,
        days_since: 152,
        run_out_days: super::conventions::RUN_OUT_DAYS,
        programs: Vec::new(),
        courses,
    };
    report.into_value()
}

fn summary(measure: &str, courses: Vec<Course>) -> Value {
    report(measure, courses, About::People { group: None, listed: false })
}

/// The counts of a group of a report, by population.
fn counts(report: &Value, group: usize) -> Vec<(String, i64)> {
    let populations = report["group"][group]["population"].as_array().unwrap();
    let one = |population: &Value| {
        let code = population["code"]["coding"][0]["code"].as_str().unwrap().to_owned();
        (code, population["count"].as_i64().expect("an integer"))
    };
    populations.iter().map(one).collect()
}

fn score(report: &Value, group: usize) -> Option<f64> {
    report["group"][group]["measureScore"]["value"].as_f64()
}

fn extension(element: &Value, name: &str) -> Option<Value> {
    let all = element["extension"].as_array()?;
    let found =
        all.iter().find(|one| one["url"].as_str().is_some_and(|url| url.ends_with(&format!("/{name}"))))?;
    found.as_object()?.iter().find(|(key, _)| key.starts_with("value")).map(|(_, value)| value.clone())
}
