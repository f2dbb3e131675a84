//! What a call names: resources of this service, the programmes that are asked about, and the days.
//! <https://hl7.org/fhir/R4/references.html>

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::parameters::Given;
use crate::fhir::parameters::Input;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::program::Program;
use crate::palliative::time_line::Stretch;

/// A parameter that cannot be read.
pub(super) fn bad(given: &Given, text: String) -> Failure {
    Failure::new(Reason::Invalid, text).at(given.at.clone())
}

/// A code, where the parameter is given.
///
/// # Errors
/// `Invalid` for a code that is none of those that are known.
pub(super) fn code<T>(
    given: &Input,
    name: &str,
    parse: fn(&str) -> Option<T>,
    known: &[&str],
) -> Result<Option<T>, Failure> {
    let Some(one) = given.one(name) else { return Ok(None) };
    let code = one.text().unwrap_or_default();
    parse(code).map(Some).ok_or_else(|| bad(one, format!("`{name}` is one of {}.", known.join(", "))))
}

/// The references of this name, as they are stored: relative to this service, each once.
///
/// # Errors
/// `Invalid` for one to anything else.
pub(super) fn references(session: &Session, given: &Input, name: &str) -> Result<Vec<String>, Failure> {
    let local = |one: &Given| {
        let text = one.reference().unwrap_or_default();
        let local = Reference::parse_under(text, session.base_url()).local();
        local
            .map(|local| format!("{}/{}", local.ty, local.id))
            .ok_or_else(|| bad(one, format!("`{name}` refers to a resource of this service.")))
    };
    let mut all: Vec<String> = given.all(name).map(local).collect::<Result<_, _>>()?;
    all.sort();
    all.dedup();
    Ok(all)
}

/// All programmes that have episodes, and those that are asked for, by their references. One that is no more here, or
/// whose settings are wrong, has no rules: it is named beside the others.
///
/// # Errors
/// 404 for an unknown programme that is asked for; 422 where the settings of one are wrong.
pub(super) fn programs(
    session: &Session,
    asked: &[String],
) -> Result<(BTreeMap<String, Program>, Vec<String>), Failure> {
    let (mut programs, mut without_rules) = (BTreeMap::new(), Vec::new());
    for reference in asked {
        programs.insert(reference.clone(), session.program(reference)?);
    }
    for (reference, program) in session.programs_in_use()? {
        match program {
            Ok(program) => drop(programs.insert(reference, program)),
            Err(_) => without_rules.push(reference),
        }
    }
    Ok((programs, without_rules))
}

/// The days between which a call asks, `periodStart` and `periodEnd`, whether or not there are any.
///
/// # Errors
/// `Invalid` for what is no day.
pub(super) fn bounds(given: &Input) -> Result<(Date, Date), Failure> {
    let day = |name: &str| given.day(name).map(|day| day.unwrap_or(Date::MIN));
    Ok((day("periodStart")?, day("periodEnd")?))
}

/// 422 `date-range`, at one of these.
pub(super) fn out_of_range(given: &Input, name: &str, text: String) -> Failure {
    let at = given.one(name).map(|one| one.at.clone()).unwrap_or_default();
    coded(Reason::BusinessRule, "date-range", text).at(at)
}

/// In how many months of the calendar a period lies.
pub(super) fn months_of(period: Stretch) -> i32 {
    let (first, last) = (period.first, period.last);
    12 * i32::from(last.year() - first.year()) + i32::from(last.month() - first.month()) + 1
}
