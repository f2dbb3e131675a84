//! Evaluates patients who are due, many with one query. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>
//!
//! Marks and records are read in one state of the database, so that every write whose mark is seen is seen itself, and
//! a mark that is not seen stays. What was found is kept only where nobody else has evaluated the patient since.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::app::App;
use crate::app::findings::marks::BESIDE;
use crate::app::findings::marks::NAMED;
use crate::app::findings::rules::Kept;
use crate::app::findings::rules::Rules;
use crate::app::screening::Subject;
use crate::app::screening::named_by;
use crate::app::screening::screened_types;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::date_in;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::coverage::next_change;
use crate::palliative::findings::Going;
use crate::palliative::findings::Person;
use crate::palliative::findings::ProgramFinding;
use crate::palliative::findings::SetFinding;
use crate::palliative::findings::by_program;
use crate::palliative::findings::by_set;
use crate::palliative::findings::has_no_data;
use crate::palliative::findings::links;
use crate::palliative::findings::rank;
use crate::palliative::risk::tier::Earlier;
use crate::search::parameter::numbers;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::findings::NEVER;
use crate::store::findings::NOT_ELIGIBLE;
use crate::store::findings::ProgramRow;
use crate::store::findings::due;
use crate::store::findings::kept;
use crate::store::findings::kept::Evaluated;
use crate::store::findings::read;
use crate::store::payment;

/// A patient's record as it was read, and what the evaluation must know of the tables.
struct Chart {
    evaluated: Evaluated,
    resources: Vec<Resource>,
    open: Vec<String>,
    is_replaced: bool,
}

/// Evaluates these patients, and keeps what was found; how many were evaluated by this one.
///
/// # Errors
/// Only what the database fails with.
pub(crate) fn evaluate(
    app: &App,
    rules: &Rules,
    (patients, now): (&[String], Micros),
) -> Result<usize, Failure> {
    let charts = app.db.snapshot(|conn| charts(conn, patients))?;
    let judged =
        charts.into_iter().map(|chart| judge(app, rules, chart, now)).collect::<Result<Vec<_>, _>>()?;
    let (judged, number) = (Arc::new(judged), rules.number);
    let stamp = i64::from_be_bytes(uuid::Uuid::new_v4().as_bytes()[..8].try_into().expect("it has 16 bytes"));
    let kept = app.db.write(move |conn| {
        let mut done = 0;
        for one in judged.iter() {
            done += usize::from(kept::put(conn, one, (number, stamp))?);
        }
        Ok(done)
    });
    kept.map_err(Fault::into_failure)
}

/// Marks the patients of what is named by medicines and devices that were written.
///
/// # Errors
/// Only what the database fails with.
pub(crate) fn spread(app: &App) -> Result<(), Failure> {
    let named = app.db.read(|conn| Ok(due::named(conn)?))?;
    if named.is_empty() {
        return Ok(());
    }
    let params: Vec<i64> = naming().collect();
    let spread = app.db.write(move |conn| {
        for (subject, mark) in &named {
            let of = subject.split_once('/').and_then(|(ty, id)| Some((ResourceType::parse(ty)?, id)));
            if let Some((ty, id)) = of {
                due::spread(conn, (ty.number(), id), (&params, *mark))?;
            }
        }
        Ok(due::unmark(conn, &named)?)
    });
    spread.map(drop).map_err(Fault::into_failure)
}

/// The search parameters by which a patient's resource names a medicine or a device; 0 stands for an element that no
/// parameter covers.
fn naming() -> impl Iterator<Item = i64> {
    let of = |ty: &str, code: &str| ResourceType::parse(ty).map(|ty| numbers(ty, code)[0]);
    let pairs = [
        ("MedicationRequest", "medication"),
        ("MedicationStatement", "medication"),
        ("DeviceRequest", "device"),
        ("DeviceUseStatement", "device"),
    ];
    pairs.into_iter().filter_map(move |(ty, code)| of(ty, code)).chain([0])
}

fn charts(conn: &mut Conn, patients: &[String]) -> Result<Vec<Chart>, Fault> {
    let mut charts: BTreeMap<String, Chart> = patients.iter().map(|id| (id.clone(), empty(id))).collect();
    for (id, mark) in read::marks(conn, patients)? {
        charts.entry(id.clone()).and_modify(|chart| chart.evaluated.marks.push((id, mark)));
    }
    for (id, stamp) in read::stamps(conn, patients)? {
        charts.entry(id).and_modify(|chart| chart.evaluated.stamp = Some(stamp));
    }
    for (id, program) in read::open_episodes(conn, patients)? {
        charts.entry(id).and_modify(|chart| chart.open.push(program));
    }
    let ty = ResourceType::parse("Patient").expect("Patient is a type of R4");
    for stored in payment::linking(conn, patients)? {
        let other = Resource::from_value(stored.value()?)?;
        for link in links(&other, "replaces") {
            let id = Reference::parse(link)
                .local()
                .filter(|local| local.ty == ty)
                .map(|local| local.id.to_owned());
            if let Some(chart) = id.and_then(|id| charts.get_mut(&id)) {
                chart.is_replaced = true;
            }
        }
    }
    for row in read::compartments(conn, patients, &types())? {
        let resource = Resource::from_value(row.stored.value()?)?;
        charts.entry(row.patient).and_modify(|chart| chart.resources.push(resource));
    }
    add_named(conn, &mut charts)?;
    Ok(charts.into_values().collect())
}

/// Adds the medicines and devices that are named, which stand in no compartment.
fn add_named(conn: &mut Conn, charts: &mut BTreeMap<String, Chart>) -> Result<(), Fault> {
    let wanted: Vec<(String, BTreeSet<(ResourceType, String)>)> =
        charts.iter().map(|(id, chart)| (id.clone(), named_by(&chart.resources, ""))).collect();
    for ty in NAMED.iter().filter_map(|name| ResourceType::parse(name)) {
        let ids: BTreeSet<&String> = wanted
            .iter()
            .flat_map(|(_, named)| named)
            .filter(|(own, _)| *own == ty)
            .map(|(_, id)| id)
            .collect();
        let ids: Vec<String> = ids.into_iter().cloned().collect();
        for stored in payment::named(conn, ty, &ids)? {
            let resource = Resource::from_value(stored.value()?)?;
            let name = (ty, stored.id);
            for (patient, _) in wanted.iter().filter(|(_, named)| named.contains(&name)) {
                charts.entry(patient.clone()).and_modify(|chart| chart.resources.push(resource.clone()));
            }
        }
    }
    Ok(())
}

fn empty(patient: &str) -> Chart {
    let evaluated = Evaluated {
        patient: patient.to_owned(),
        marks: Vec::new(),
        stamp: None,
        found: None,
        change_at: NEVER,
    };
    Chart { evaluated, resources: Vec::new(), open: Vec::new(), is_replaced: false }
}

/// What is read of a patient.
fn types() -> Vec<ResourceType> {
    let beside = BESIDE.iter().filter(|name| **name == "RiskAssessment");
    let beside = beside.filter_map(|name| ResourceType::parse(name));
    screened_types().into_iter().chain(beside).collect()
}

/// What is found of a patient for every programme.
fn judge(app: &App, rules: &Rules, chart: Chart, now: Micros) -> Result<Evaluated, Failure> {
    let Chart { mut evaluated, resources, open, is_replaced } = chart;
    let Some(patient) =
        resources.iter().find(|one| one.ty().name() == "Patient" && one.id() == Some(&evaluated.patient))
    else {
        return Ok(evaluated);
    };
    let mut found = Vec::new();
    for group in &rules.groups {
        let Some(first) = group.first() else { continue };
        let zone = &first.program.zone;
        let subject = Subject::new(&evaluated.patient, resources.clone(), &first.program, date_in(now, zone));
        let situation = subject.situation();
        let person = Person { patient, situation: &situation, is_replaced };
        let sets: Vec<SetFinding> = rules.sets.iter().map(|(set, _)| by_set(set, &situation)).collect();
        let mut change = sets.iter().filter_map(|one| one.change).min();
        change = earlier_of(change, next_change(resources.iter(), subject.as_of, &first.program));
        for kept in group {
            let own: Vec<SetFinding> = kept.own.iter().map(|place| sets[*place]).collect();
            let one = for_program(app, &person, kept, (&own, &resources, &open))?;
            change = earlier_of(change, one.change);
            found.push(row(rules, kept, &one, (&sets, has_no_data(&subject.record))));
        }
        evaluated.change_at = evaluated.change_at.min(change.map_or(NEVER, |day| midnight(day, zone)));
    }
    evaluated.found = Some(found);
    Ok(evaluated)
}

fn for_program(
    app: &App,
    person: &Person,
    kept: &Kept,
    (own, resources, open): (&[SetFinding], &[Resource], &[String]),
) -> Result<ProgramFinding, Failure> {
    let program = &kept.program;
    let algorithm = app.risk.of(program)?;
    let earlier = Earlier::among(resources, program);
    let going = Going { program, algorithm, rule_sets: &app.rule_sets };
    Ok(by_program(person, &going, own, (&earlier, open.contains(&program.id))))
}

fn row(
    rules: &Rules,
    kept: &Kept,
    one: &ProgramFinding,
    (sets, no_data): (&[SetFinding], bool),
) -> ProgramRow {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX).min(999);
    let said =
        rules.sets.iter().zip(sets).map(|((_, set), said)| (*set, rank(said.outcome), number(said.missing)));
    ProgramRow {
        program: kept.program.id.clone(),
        outcome: rank(one.outcome),
        missing: number(one.missing),
        tier: one.tier.map_or(0, |tier| tier as i64 + 1),
        score: (i64::from(one.score.0), i64::from(one.score.1)),
        no_data,
        suppressed: one.suppressions.iter().map(|reason| reason.bit()).sum(),
        sets: said.filter(|(_, outcome, _)| *outcome != NOT_ELIGIBLE).collect(),
    }
}

fn earlier_of(one: Option<Date>, other: Option<Date>) -> Option<Date> {
    one.into_iter().chain(other).min()
}

/// The first moment of a day.
fn midnight(day: Date, zone: &TimeZone) -> Micros {
    day.to_zoned(zone.clone()).map_or(NEVER, |at| at.timestamp().as_microsecond())
}
