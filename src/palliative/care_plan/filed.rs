//! What is on file of a social need: the concern or the request that stands, or that a person has ended and no later
//! answer speaks against. <https://hl7.org/fhir/us/sdoh-clinicalcare/STU2/sdoh_clinical_care_scope.html>
//!
//! An answer that was given after the end asks anew: a need that comes back is one that nobody has seen to.

use serde_json::Value;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::span;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::fact::Because;
use crate::palliative::care_plan::items::identifier_value;
use crate::palliative::care_plan::reading::when_observed;
use crate::palliative::enrollment::facts::list;
use crate::palliative::record::is_labelled;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

/// Where a fact says when it was found out, beside observations.
const FOUND_OUT: [&str; 4] = ["/authored", "/recordedDate", "/onsetDateTime", "/performedDateTime"];

/// What is found of an item.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filed<'a> {
    /// One that stands.
    Open(&'a Resource),
    /// One that stands, and that nothing which is written may name.
    Withheld,
    /// One that was ended, and no later answer asks anew; none where it may not be named.
    Over(Option<&'a Resource>),
    /// None, or one that was ended before these answers; they are named where one was.
    Missing(Option<String>),
}

/// What there is of an item among all that may be it. Of what stands, the first that may be named; of what was ended,
/// the last.
pub(super) fn filed<'a>(
    planning: &Planning,
    because: &Because,
    all: &[&'a Resource],
    is_over: fn(&Resource) -> bool,
) -> Filed<'a> {
    let (over, open): (Vec<&Resource>, Vec<&Resource>) = all.iter().copied().partition(|one| is_over(one));
    if !open.is_empty() {
        return open.into_iter().find(|one| !is_labelled(one)).map_or(Filed::Withheld, Filed::Open);
    }
    // An end of which nothing tells the day is later than any answer.
    let ends = over.into_iter().map(|one| (ended(planning, one).unwrap_or(Micros::MAX), one));
    let Some((since, last)) = ends.max_by_key(|(end, _)| *end) else { return Filed::Missing(None) };
    let later: Vec<&str> =
        because.evidence.iter().map(String::as_str).filter(|one| is_after(planning, one, since)).collect();
    if later.is_empty() {
        return Filed::Over((!is_labelled(last)).then_some(last));
    }
    Filed::Missing(Some(later.join("+")))
}

/// What an action has made for the episode, at first and for later answers.
pub(super) fn made<'a>(planning: &Planning<'a>, ty: &'a str, action: &str) -> Vec<&'a Resource> {
    planning.case.chart.of(ty).filter(|one| asked_by(planning, one, action).is_some()).collect()
}

/// For which later answers an action has made this; empty where it was made at first, none where it is none of its.
pub(super) fn asked_by<'a>(planning: &Planning, resource: &'a Resource, action: &str) -> Option<&'a str> {
    let value = identifier_value(planning, action);
    let of = |one: &'a Value| {
        let own = one["value"].as_str().filter(|_| one["system"] == TEMPLATE_ITEM_SYSTEM)?;
        let rest = own.strip_prefix(value.as_str())?;
        if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
    };
    list(resource.get("identifier")).find_map(of)
}

/// The name of an action for later answers than the first.
pub(super) fn asked_again(action: &str, answers: Option<&str>) -> String {
    answers.map_or_else(|| action.to_owned(), |answers| format!("{action}/{answers}"))
}

/// When an item was ended: on the day that it says, and no later than somebody has written so.
fn ended(planning: &Planning, resource: &Resource) -> Option<Micros> {
    let zone = &planning.case.program.zone;
    let high = |text: &str| span(text, zone).map(|one| one.high);
    let said = ["/abatementDateTime", "/abatementPeriod/end"].iter().find_map(|place| resource.text(place));
    let written = resource.text("/meta/lastUpdated").and_then(high);
    let said = said.and_then(high);
    said.into_iter().chain(written).min()
}

fn is_after(planning: &Planning, source: &str, end: Micros) -> bool {
    let Some(found) = planning.case.chart.find(source) else { return false };
    let when = when_observed(found).or_else(|| FOUND_OUT.iter().find_map(|place| found.text(place)));
    when.and_then(|text| span(text, &planning.case.program.zone)).is_some_and(|when| when.low > end)
}
