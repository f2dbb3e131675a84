//! What turned out to be a mistake, and so is found only by who asks for it: an episode of care with the status
//! `entered-in-error`. <https://hl7.org/fhir/R4/episodeofcare-definitions.html#EpisodeOfCare.status>
//!
//! An enrolment that was voided may be another person's: who looks for those that are enrolled must not find it, by
//! itself, on the way of a chain, or beside a match. R4 leaves open what a search does with mistakes. So what is left out
//! becomes a condition like any other, of the page and of the total, and whoever asks for the status is not in its way.
//! A read and a history have it, as what an audit looks into.

use crate::fhir::ResourceType;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameters;
use crate::search::query::Condition;
use crate::search::query::Context;
use crate::search::query::Criterion;
use crate::search::query::Reach;
use crate::search::query::Rows;
use crate::search::query::Test;
use crate::search::sql::Sql;

/// Whether a search finds what turned out to be a mistake, such as an episode that was voided, without asking for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistakes {
    /// It does: what the service itself looks for, and what a write must not make twice.
    Found,
    /// It does not, on no way: what a client reads.
    LeftOut,
}

/// The type of which mistakes are left out.
const TYPE: &str = "EpisodeOfCare";
/// The parameter that tells them.
const PARAMETER: &str = "status";
/// The code of a mistake.
const CODE: &str = "entered-in-error";
/// How a query that leaves them out says so.
const NAME: &str = "status:not";

/// Whether mistakes of this type are left out.
pub(super) fn are_left_out(ty: ResourceType) -> bool {
    ty.name() == TYPE
}

/// The condition that leaves mistakes out of a search on a type with these criteria, with the pair of name and value
/// that says so; none where nothing is to be left out, or where the search says itself which status it means.
pub(super) fn left_out(
    context: &Context,
    ty: ResourceType,
    criteria: &[Criterion],
) -> Option<(Criterion, (&'static str, &'static str))> {
    if context.mistakes == Mistakes::Found || !are_left_out(ty) {
        return None;
    }
    let rows = rows(context.parameters)?;
    let says = |criterion: &Criterion| means(criterion, rows.param) || excludes(criterion, &rows);
    if criteria.iter().any(says) {
        return None;
    }
    let canonical = format!("{NAME}={CODE}");
    Some((Criterion { canonical, test: Test::Index(rows), negated: true }, (NAME, CODE)))
}

/// How many conditions a search may have beside those that it asks for itself: the one that leaves mistakes out, which
/// its own links name.
pub(super) fn beside(context: &Context, ty: ResourceType, criteria: &[Criterion]) -> usize {
    if context.mistakes == Mistakes::Found || !are_left_out(ty) {
        return 0;
    }
    let rows = rows(context.parameters);
    usize::from(rows.is_some_and(|rows| criteria.iter().any(|one| excludes(one, &rows))))
}

/// What a chain asks of a resource of this type, of those that are no mistakes alone.
pub(super) fn meant(context: &Context, ty: ResourceType, criterion: Criterion) -> Criterion {
    match left_out(context, ty, std::slice::from_ref(&criterion)) {
        Some((other, _)) => {
            let canonical = criterion.canonical.clone();
            Criterion { canonical, test: Test::All(vec![criterion, other]), negated: false }
        }
        None => criterion,
    }
}

/// The rows of the index that tell a mistake.
pub(super) fn rows(parameters: &Parameters) -> Option<Rows> {
    let status = parameters.find(ResourceType::parse(TYPE)?, PARAMETER)?;
    let sql = Sql::of("code = ?", [CODE.into()]);
    let condition = Condition { sql, leading: vec![("code", vec![CODE.into()])], reach: Reach::Equal };
    Some(Rows { kind: Kind::Token, param: status.number, also: None, any: vec![condition] })
}

/// Whether a criterion is, by itself, on those alone that it names by their status, or names mistakes among them.
fn means(criterion: &Criterion, status: i64) -> bool {
    match &criterion.test {
        _ if criterion.negated => false,
        // Neither another status than one, nor any of a system, nor any at all names one.
        Test::Index(rows) => {
            let names = |one: &Condition| matches!(one.reach, Reach::Equal | Reach::Exact);
            rows.param == status && !rows.any.is_empty() && rows.any.iter().all(names)
        }
        Test::All(parts) => parts.iter().any(|part| means(part, status)),
        Test::Any(parts) => {
            let names = |part: &Criterion| means(part, status) && part.canonical.contains(CODE);
            parts.iter().all(|part| means(part, status)) || parts.iter().any(names)
        }
        Test::Id(_) | Test::Updated(_) | Test::Chain(..) | Test::Has(..) | Test::Tree(_) | Test::Words(_) => {
            false
        }
    }
}

/// Whether a criterion leaves out itself all that these rows tell.
fn excludes(criterion: &Criterion, mistakes: &Rows) -> bool {
    match &criterion.test {
        Test::Index(rows) => {
            criterion.negated
                && rows.param == mistakes.param
                && mistakes.any.iter().all(|condition| rows.any.contains(condition))
        }
        _ => false,
    }
}
