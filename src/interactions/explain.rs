//! `_explain=true`: how a search is carried out, as Parameters in place of its Bundle. It shows names of parameters,
//! tables and indexes, and numbers; of what was asked for and of what was found it holds nothing.
//! <https://hl7.org/fhir/R4/parameters.html>

use serde_json::Value;

use crate::app::Answer;
use crate::app::Explained;
use crate::app::Purpose;
use crate::app::Session;
use crate::app::Statement;
use crate::app::Step;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::form::encoded;
use crate::fhir::form::pairs;
use crate::fhir::parameters::Output;
use crate::search::Beginning;
use crate::search::Course;
use crate::search::Query;

/// The parameter's name.
pub(super) const EXPLAIN: &str = "_explain";

/// Whether a search is to be carried out or explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Carried out.
    Matches,
    /// Explained.
    Explanation,
}

/// What a query string wants, and the string without the word that says so.
///
/// # Errors
/// `Invalid` for a word that is neither `true` nor `false`; `Forbidden` for who may not have it explained.
pub(super) fn wanted(session: &Session, query: String) -> Result<(Wanted, String), Failure> {
    let all = pairs(&query)?;
    let words: Vec<&str> = all.iter().filter(|pair| pair.0 == EXPLAIN).map(|pair| pair.1.as_str()).collect();
    let wanted = match words[..] {
        [] => return Ok((Wanted::Matches, query)),
        ["false"] => Wanted::Matches,
        ["true"] => Wanted::Explanation,
        _ => {
            let text = "`_explain` is there once, and is `true` or `false`.";
            return Err(Failure::new(Reason::Invalid, text).at("http._explain"));
        }
    };
    if wanted == Wanted::Explanation {
        session.require_operator()?;
    }
    let rest = all.iter().filter(|(name, _)| name != EXPLAIN);
    let rest: Vec<String> =
        rest.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    Ok((wanted, rest.join("&")))
}

/// Refuses it within a Bundle, where the other entries would wait for it.
///
/// # Errors
/// `Invalid`.
pub(super) fn refuse_in_bundle(query: &str) -> Result<(), Failure> {
    if pairs(query)?.iter().all(|(name, _)| name != EXPLAIN) {
        return Ok(());
    }
    let text = "A search within a Bundle is not explained; send it alone to have it explained.";
    Err(Failure::new(Reason::NotSupported, text).at("http._explain"))
}

/// The explanation of a search.
///
/// # Errors
/// As the search itself.
pub(super) fn explain(session: &Session, query: &Query) -> Result<Answer, Failure> {
    let explained = session.explain(query)?;
    Ok(Answer::value(written(&explained)))
}

fn written(explained: &Explained) -> Value {
    let found = &explained.found;
    let mut output = Output::new()
        .value("database", "string", explained.database)
        .value("matches", "integer", count(found.matches.len()))
        .value("included", "integer", count(found.included.len()));
    if let Some(total) = found.total {
        output = output.value("total", "integer", total);
    }
    let time: f64 = explained.statements.iter().filter(|own| own.purpose != Purpose::Probe).map(millis).sum();
    output = output.value("milliseconds", "decimal", rounded(time));
    for (beginning, seen) in &explained.beginnings {
        output = output.part("search", of_type(beginning, *seen));
    }
    explained
        .statements
        .iter()
        .fold(output, |output, own| output.part("statement", statement(own)))
        .into_value()
}

fn of_type(beginning: &Beginning, seen: Option<i64>) -> Output {
    let mut output = Output::new().value("type", "code", beginning.ty.name());
    for (name, width) in &beginning.conditions {
        let part = Output::new().value("name", "string", name.as_str());
        output = output.part("condition", part.value("expected", "string", width.unwrap_or(TESTED)));
    }
    if let Some(first) = &beginning.first {
        output = output.value("beginsWith", "string", first.as_str());
    }
    let many = beginning.probe.as_ref().zip(seen).is_some_and(|(probe, seen)| seen > probe.most);
    output = output.value("course", "string", course(beginning.course, many));
    if let (Some(probe), Some(seen)) = (&beginning.probe, seen) {
        let part = Output::new().value("counted", "integer", seen).value("most", "integer", probe.most);
        output = output.part("probe", part);
    }
    output
}

/// What is said of a condition with which no search can begin.
const TESTED: &str = "not looked up: tested row by row";

fn course(course: Course, many: bool) -> &'static str {
    match course {
        Course::Either if many => {
            "The probe counted more rows of the first condition than are collected: the order of the page is walked, \
             and each row tested, until the page is full."
        }
        Course::Beside if many => {
            "The probe counted more rows of the first condition than are collected: the search begins with the condition \
             that stands beside it, such as a code beside a span of time."
        }
        Course::Either | Course::Beside => {
            "The probe counted few rows of the first condition: they are collected, tested and sorted."
        }
        Course::Collect => "The rows of the first condition are collected, tested and sorted.",
        Course::Walk => "The order of the page is walked, and each row tested, until the page is full.",
        Course::Sort => "All resources of the type are tested and sorted.",
    }
}

fn statement(own: &Statement) -> Output {
    let purpose = match own.purpose {
        Purpose::Page => "page",
        Purpose::Total => "total",
        Purpose::Include => "include",
        Purpose::Probe => "probe",
    };
    let output = Output::new()
        .value("purpose", "code", purpose)
        .value("milliseconds", "decimal", rounded(millis(own)))
        .value("rows", "integer", count(own.rows))
        .value("values", "integer", count(own.binds))
        .value("sql", "string", own.sql.as_str());
    own.plan.iter().fold(output, |output, one| output.part("plan", step(one)))
}

fn step(one: &Step) -> Output {
    let mut output = Output::new().value("depth", "integer", count(one.depth)).value(
        "operation",
        "string",
        one.operation.as_str(),
    );
    for (name, text) in [("table", &one.table), ("index", &one.index)] {
        if let Some(text) = text {
            output = output.value(name, "string", text.as_str());
        }
    }
    if let Some(rows) = one.rows {
        output = output.value("expectedRows", "integer", rows);
    }
    if let Some(cost) = one.cost {
        output = output.value("expectedCost", "decimal", cost);
    }
    output
}

/// FHIR's integers have 32 bits.
fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn millis(own: &Statement) -> f64 {
    own.time.as_secs_f64() * 1_000.0
}

/// To microseconds: clocks tell no more.
fn rounded(millis: f64) -> f64 {
    (millis * 1_000.0).round() / 1_000.0
}
