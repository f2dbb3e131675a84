//! `$evaluate-measure`: what a measure came to in a period, for a person, a Group or all who were enrolled.
//! <https://hl7.org/fhir/R4/measure-operation-evaluate-measure.html>
//!
//! Only the measures of this service are evaluated, by their rules here: a Measure of a client's own says nothing that
//! could be carried out.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::app::Answer;
use crate::app::Session;
use crate::app::measured::MEASURED_TYPES;
use crate::app::measured::Whom;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::datetime::date_in;
use crate::fhir::parameters::Input;
use crate::fhir::reference::Reference;
use crate::fhir::reference::strip_base;
use crate::operations::Call;
use crate::operations::named::bad;
use crate::operations::named::bounds;
use crate::operations::named::code;
use crate::operations::named::months_of;
use crate::operations::named::out_of_range;
use crate::operations::named::programs;
use crate::operations::named::references;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::measures::MEASURES;
use crate::palliative::measures::Measure;
use crate::palliative::measures::conventions::Conventions;
use crate::palliative::measures::conventions::OfProgram;
use crate::palliative::measures::conventions::RUN_OUT_DAYS;
use crate::palliative::measures::conventions::Residents;
use crate::palliative::measures::conventions::Side;
use crate::palliative::measures::course::Course;
use crate::palliative::measures::course::Question;
use crate::palliative::measures::report::About;
use crate::palliative::measures::report::Report;
use crate::palliative::program::Program;
use crate::palliative::time_line::Holds;
use crate::palliative::time_line::Stretch;

/// How many months a period may have.
const MOST_MONTHS: i32 = 36;
const TYPES_OF_REPORT: [&str; 3] = ["subject", "subject-list", "population"];

/// Evaluates a measure.
///
/// # Errors
/// 403 for one who may not read all that it is made from, of the person or of all patients; 404 for an unknown measure,
/// programme, patient or Group; 400 for a type of report that does not fit the subject, and for unknown codes; 422 where
/// the programmes that are named differ in a convention and the request does not say it, `date-range` for a period that ends before it begins, has not begun or is too long, and `too-costly` for more patients
/// and months than a request may read.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let asked = asked(session, &call)?;
    let question = Question {
        programs: &asked.programs,
        asked: &asked.named,
        period: asked.period,
        conventions: asked.conventions,
        kinds: &session.app().care_kinds,
        now: session.now(),
    };
    let is_of_one = matches!(asked.about, About::Person(_));
    let of_person = |chart: &Chart| {
        let course = question.course(chart)?;
        // What thousands of people's days were made from is of no use to anybody, and much.
        Some(if is_of_one { course } else { Course { sources: Vec::new(), ..course } })
    };
    let months = usize::try_from(months_of(asked.period)).unwrap_or_default();
    let courses = session.measured(&asked.whom, months, of_person)?.into_iter().flatten().collect();
    let of_program = |name: &String| {
        let program = asked.programs.get(name);
        (name.clone(), program.and_then(|program| program.organization.clone()))
    };
    let today = date_in(session.now(), session.zone());
    let report = Report {
        measure: asked.measure,
        definition: asked.definition,
        about: asked.about,
        period: asked.period,
        conventions: asked.conventions,
        now: session.now(),
        days_since: i64::from(asked.period.last.until(today).map_or(0, |span| span.get_days())),
        run_out_days: asked.run_out_days,
        programs: asked.named.iter().map(of_program).collect(),
        courses,
    };
    Ok(Answer::value(report.into_value()))
}

/// Refuses what can be refused before anybody's facts are read.
///
/// # Errors
/// As [`run`].
pub fn check(session: &Session, call: &Call) -> Result<(), Failure> {
    asked(session, call).map(drop)
}

/// What is asked for, with all that it names.
struct Asked<'a> {
    measure: &'static Measure,
    definition: &'a Value,
    period: Stretch,
    conventions: Conventions,
    run_out_days: i64,
    about: About,
    whom: Whom,
    named: Vec<String>,
    programs: BTreeMap<String, Program>,
}

fn asked<'a>(session: &'a Session, call: &Call) -> Result<Asked<'a>, Failure> {
    session.require_reading(&MEASURED_TYPES)?;
    let given = &call.parameters;
    let (measure, definition) = measure(session, call)?;
    let period = period(session, given)?;
    let named = references(session, given, "program")?;
    let (about, whom) = subject(session, given, (&named, period))?;
    let (programs, _) = programs(session, &named)?;
    let own: Vec<&OfProgram> = named.iter().filter_map(|name| Some(&programs.get(name)?.measures)).collect();
    let conventions = conventions(given, &own)?;
    let run_out_days = own.iter().map(|one| one.run_out_days).max().unwrap_or(RUN_OUT_DAYS);
    Ok(Asked { measure, definition, period, conventions, run_out_days, about, whom, named, programs })
}

/// The measure that the URL or the parameter names, and its Measure.
fn measure<'a>(session: &'a Session, call: &Call) -> Result<(&'static Measure, &'a Value), Failure> {
    let instance = call.target.as_ref().and_then(|(ty, id)| Some((*ty, id.as_deref()?)));
    let given = call.parameters.one("measure");
    let unknown = || {
        let known: Vec<&str> = MEASURES.iter().map(|measure| measure.id).collect();
        let text =
            format!("There is no such measure that is evaluated here; those that are: {}.", known.join(", "));
        Failure::new(Reason::NotFound, text).at(given.map(|one| one.at.clone()).unwrap_or_default())
    };
    let (name, version) = match (instance, given) {
        (Some(_), Some(given)) => {
            return Err(bad(given, "Leave `measure` out where the URL names the Measure.".to_owned()));
        }
        (Some((_, id)), None) => (id, None),
        (None, Some(given)) => {
            let text = given.text().unwrap_or_default();
            let (name, version) = text.split_once('|').map_or((text, None), |(name, v)| (name, Some(v)));
            let local = strip_base(name, session.base_url());
            (local.strip_prefix("Measure/").unwrap_or(local), version)
        }
        (None, None) => {
            let text = "Name the measure in `measure`, or call this on a Measure.";
            return Err(Failure::new(Reason::Invalid, text).code("required").at("Parameters.parameter"));
        }
    };
    let measure = Measure::find(name).ok_or_else(unknown)?;
    let ty = ResourceType::parse("Measure").expect("Measure is a type of R4");
    let definition = session.app().definitions.published(ty, measure.id).ok_or_else(unknown)?;
    let is = |name: &str, wanted: &str| definition.get(name).and_then(Value::as_str) == Some(wanted);
    if version.is_some_and(|version| !is("version", version)) {
        return Err(unknown());
    }
    // What a client stored under the id before there was this measure is the client's.
    if let Some((ty, id)) = instance
        && session.read(ty, id)?.value()?.get("url") != definition.get("url")
    {
        return Err(unknown());
    }
    Ok((measure, definition))
}

/// From one day to another, of which the first has come.
fn period(session: &Session, given: &Input) -> Result<Stretch, Failure> {
    let wrong = |name: &str, text: String| out_of_range(given, name, text);
    let (first, last) = bounds(given)?;
    let today = date_in(session.now(), session.zone());
    if first > today {
        let text = format!("`periodStart` is {first}, which has not come; give {today} or earlier.");
        return Err(wrong("periodStart", text));
    }
    let period = Stretch::new(first, last);
    let period = period.ok_or_else(|| {
        wrong("periodEnd", format!("`periodEnd` is {last}, before `periodStart`; give {first} or later."))
    })?;
    if months_of(period) > MOST_MONTHS {
        let text = format!("A period has at most {MOST_MONTHS} months; {first} to {last} are more.");
        return Err(wrong("periodEnd", text));
    }
    Ok(period)
}

/// What the request asks for; else what the programmes that it names agree on, else what is usual.
fn conventions(given: &Input, own: &[&OfProgram]) -> Result<Conventions, Failure> {
    let said: Vec<&str> = Conventions::default()
        .told()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| given.one(name).is_some())
        .collect();
    let usual = Conventions::of_programs(own, &said).map_err(|open| {
        let text = format!(
            "The programmes that are named go by different conventions; give {} in the request.",
            open.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        );
        let at = given.one("program").map(|one| one.at.clone()).unwrap_or_default();
        Failure::new(Reason::Unprocessable, text).code("business-rule").at(at)
    })?;
    let counted = |counts: bool| if counts { Holds::Counted } else { Holds::LeftOut };
    let side = |name: &str| code(given, name, Side::parse, &["home", "away"]);
    Ok(Conventions {
        discharge_day: side("dischargeDay")?.unwrap_or(usual.discharge_day),
        hospital_at_home: side("hospitalAtHome")?.unwrap_or(usual.hospital_at_home),
        hospice_inpatient: side("gipHospice")?.unwrap_or(usual.hospice_inpatient),
        residents: code(given, "nfResident", Residents::parse, &["exclude", "home", "away"])?
            .unwrap_or(usual.residents),
        holds: given.boolean("holdCounts").map_or(usual.holds, counted),
    })
}

/// Whom the report is about, and of whom it is made: each of them the caller may see.
fn subject(
    session: &Session,
    given: &Input,
    (named, period): (&[String], Stretch),
) -> Result<(About, Whom), Failure> {
    let kind = code(given, "reportType", of_report, &TYPES_OF_REPORT)?;
    let Some(subject) = given.one("subject") else {
        if kind == Some("subject") {
            return Err(misfit(given, "`reportType` subject takes a Patient in `subject`."));
        }
        session.require_reading_all(&MEASURED_TYPES)?;
        let programs = named.iter().filter_map(|name| Some(name.split_once('/')?.1.to_owned())).collect();
        return Ok((
            About::People { group: None, listed: kind == Some("subject-list") },
            Whom::Enrolled(programs),
        ));
    };
    let local = Reference::parse_under(subject.text().unwrap_or_default(), session.base_url()).local();
    match local.map(|local| (local.ty.name(), local.id.to_owned())) {
        Some(("Patient", id)) => {
            if kind.is_some_and(|kind| kind != "subject") {
                let text = "A report about one Patient is of `reportType` subject; name a Group for others.";
                return Err(misfit(given, text));
            }
            let ty = ResourceType::parse("Patient").expect("Patient is a type of R4");
            session.subject(ty, &id)?;
            session.require_reading_of(&id, &MEASURED_TYPES)?;
            Ok((About::Person(format!("Patient/{id}")), Whom::One(id)))
        }
        Some(("Group", id)) => {
            if kind == Some("subject") {
                let text = "A report about a Group is of `reportType` population or subject-list.";
                return Err(misfit(given, text));
            }
            session.require_reading_all(&MEASURED_TYPES)?;
            let program = session.screening_program(named.first().map(String::as_str))?;
            let members = session.members_within(&id, &program, period)?;
            let about =
                About::People { group: Some(format!("Group/{id}")), listed: kind == Some("subject-list") };
            Ok((about, Whom::Members(members)))
        }
        Some(_) | None => {
            let text = "`subject` is a reference to a Patient or a Group of this service, such as Patient/1.";
            Err(bad(subject, text.to_owned()))
        }
    }
}

fn of_report(code: &str) -> Option<&'static str> {
    TYPES_OF_REPORT.into_iter().find(|known| *known == code)
}

/// A type of report that does not fit its subject.
fn misfit(given: &Input, text: &str) -> Failure {
    let at = given.one("reportType").map(|one| one.at.clone()).unwrap_or_default();
    Failure::new(Reason::Invalid, text).at(at)
}
