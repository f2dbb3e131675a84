//! Advance care planning as it stands: what was preferred, what is on file, what was talked about, what was ordered.
//! <https://hl7.org/fhir/us/pacio-adi/>
//!
//! Four different facts that are never taken for one another. A document counts while it is current and its text is
//! final; of one kind the newest does. A directive is the person's; a portable medical order is a clinician's, and
//! counts as an order only where its text is said to be final and a clinician has signed it: so the newest of those
//! holds, whatever unsigned paper is newer, and what it says are the answers that belong to it. That the heart is not to be restarted follows from a current
//! order alone, never from a diagnosis code. Where orders contradict one another the latest holds until a person has
//! looked.

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::date_in;
use crate::fhir::datetime::span;
use crate::fhir::reference::Reference;
use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::reading::declined;
use crate::palliative::care_plan::reading::observed;
use crate::palliative::care_plan::reading::preferences;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::covers;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::vocabulary::LOINC;
use crate::palliative::vocabulary::SNOMED;

/// The kinds of documents, with words for them.
const DOCUMENTS: [(&str, &str, &str); 9] = [
    (LOINC, "93037-0", "Portable medical order"),
    (LOINC, "81334-5", "Personal advance care plan"),
    (LOINC, "86533-7", "Living will"),
    (LOINC, "75320-2", "Advance directive"),
    (LOINC, "104144-1", "Mental health advance directive"),
    (LOINC, "64298-3", "Power of attorney for health care"),
    (LOINC, "42348-3", "Advance directive"),
    (SNOMED, "736366004", "Advance care plan"),
    (SNOMED, "425392003", "Advance directive"),
];
const PORTABLE_ORDER: &str = "93037-0";
/// The person's choice on resuscitation in a portable medical order, and its answers.
const RESUSCITATION: &str = "100822-6";
const YES: &str = "LA33470-8";
const NO: &str = "LA33471-6";
/// Not for resuscitation.
const NOT_FOR_RESUSCITATION: &str = "304253006";
/// A conversation on advance care planning.
const CONVERSATION: [&str; 4] = ["713603004", "99497", "99498", "S0257"];

/// Advance care planning as it stands on a day.
#[derive(Clone, Debug)]
pub struct Wishes<'a> {
    /// What the person prefers, the latest first, each with when.
    pub preferences: Vec<(String, &'a Resource)>,
    /// When the person last said not to want to speak of it.
    pub declined: Option<(String, &'a Resource)>,
    /// The documents that count, the newest of each kind, and the newest order where a newer paper is none.
    pub documents: Vec<Document<'a>>,
    /// The last day on which it was talked about, and where that is recorded.
    pub discussed: Option<(Date, &'a Resource)>,
    /// What is ordered on resuscitation, the latest first.
    pub orders: Vec<Order>,
}

/// A document that counts.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    /// What it is.
    pub words: &'static str,
    /// The resource.
    pub resource: &'a Resource,
    /// When it was made, where that is known.
    pub on: Option<Date>,
    at: Option<Micros>,
    code: &'static str,
}

/// What is ordered on resuscitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resuscitation {
    /// To be tried.
    Try,
    /// Not to be tried.
    DoNot,
}

/// An order on resuscitation that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What is ordered.
    pub says: Resuscitation,
    /// From when on.
    pub on: Date,
    /// The resource, as `Type/id`.
    pub source: String,
    at: Micros,
}

impl<'a> Wishes<'a> {
    /// Reads them.
    pub fn of(planning: &Planning<'a>) -> Self {
        let documents = documents(planning);
        let mut orders: Vec<Order> =
            portable_order(planning, &documents).into_iter().chain(requests(planning)).collect();
        orders.sort_by(|a, b| (b.at, &b.source).cmp(&(a.at, &a.source)));
        Self {
            preferences: preferences(planning),
            declined: declined(planning).into_iter().next(),
            discussed: discussed(planning),
            documents,
            orders,
        }
    }

    /// The order that the heart is not to be restarted, where that is the latest.
    pub fn not_for_resuscitation(&self) -> Option<&Order> {
        self.orders.first().filter(|order| order.says == Resuscitation::DoNot)
    }

    /// Whether orders that are in force contradict one another.
    pub fn contradict(&self) -> bool {
        self.orders.iter().any(|order| order.says != self.orders[0].says)
    }

    /// The resources behind all of it, as `Type/id`.
    pub fn sources(&self) -> Vec<String> {
        let preferences = self.preferences.iter().map(|(_, one)| name(one));
        let documents = self.documents.iter().map(|document| name(document.resource));
        let orders = self.orders.iter().map(|order| order.source.clone());
        let mut all: Vec<String> = preferences.chain(documents).chain(orders).collect();
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|one| seen.insert(one.clone()));
        all
    }
}

impl Document<'_> {
    /// Whether it is an order: said to be final, and signed by a clinician. To have written it is not to have signed it.
    pub fn is_order(&self) -> bool {
        let clinician = |to: &str| to.starts_with("Practitioner/") || to.starts_with("PractitionerRole/");
        let by = |one: &Value| one.get("reference").and_then(Value::as_str).is_some_and(clinician);
        self.code == PORTABLE_ORDER
            && matches!(self.resource.text("/docStatus"), Some("final" | "amended"))
            && self.resource.get("authenticator").is_some_and(by)
    }
}

fn documents<'a>(planning: &Planning<'a>) -> Vec<Document<'a>> {
    let mut all: Vec<Document> =
        planning.case.chart.of("DocumentReference").filter_map(|one| document(planning, one)).collect();
    let by = |one: &Document<'a>| (one.is_order(), replaced_by(one.resource).collect::<Vec<_>>());
    let replaced: Vec<(bool, Vec<String>)> = all.iter().map(by).collect();
    // Only another order takes the place of an order.
    all.retain(|one| {
        let (order, own) = (one.is_order(), name(one.resource));
        !replaced.iter().any(|(by_order, names)| (*by_order || !order) && names.contains(&own))
    });
    all.sort_by(|a, b| (b.at, b.resource.id()).cmp(&(a.at, a.resource.id())));
    let (mut seen, mut orders) = (Vec::new(), 0);
    all.retain(|one| {
        orders += u32::from(one.is_order());
        let new = !seen.contains(&one.code) || (one.is_order() && orders == 1);
        seen.push(one.code);
        new
    });
    all
}

fn document<'a>(planning: &Planning, one: &'a Resource) -> Option<Document<'a>> {
    let is_final = matches!(one.text("/docStatus"), None | Some("final" | "amended"));
    let zone = &planning.case.program.zone;
    let at = one.text("/date").and_then(|when| Some(span(when, zone)?.low));
    let on = at.map(|at| date_in(at, zone));
    if one.text("/status") != Some("current") || !is_final || on.is_some_and(|on| on > planning.as_of) {
        return None;
    }
    let concepts = || one.get("type").into_iter().chain(list(one.get("category")));
    let is = |(system, code, _): &&(&str, &str, &str)| {
        concepts().any(|concept| has_coding(Some(concept), system, code))
    };
    let (_, code, words) = DOCUMENTS.iter().find(is)?;
    Some(Document { words, resource: one, on, at, code })
}

/// The documents whose place this one takes.
fn replaced_by(one: &Resource) -> impl Iterator<Item = String> {
    list(one.get("relatesTo"))
        .filter(|relation| relation["code"] == "replaces")
        .filter_map(|relation| relation["target"]["reference"].as_str().map(|to| unversioned(to).to_owned()))
}

/// What the current portable order says: the latest answer that is derived from it, or where there is none, the latest
/// that is derived from nothing and is no older.
fn portable_order(planning: &Planning, documents: &[Document]) -> Option<Order> {
    let document = documents.iter().find(|one| one.is_order())?;
    let own = name(document.resource);
    let zone = &planning.case.program.zone;
    let found = observed(planning, |one| has_coding(one.get("code"), LOINC, RESUSCITATION));
    let dated = found.into_iter().filter_map(|(when, one)| Some((span(&when, zone)?.low, one)));
    let (of_it, others): (Vec<_>, Vec<_>) = dated.partition(|(_, one)| is_derived(one, &own));
    let loose = |(at, one): &(Micros, &Resource)| {
        let older = document.on.is_some_and(|made| date_in(*at, zone) < made);
        one.get("derivedFrom").is_none() && !older
    };
    let answers = if of_it.is_empty() { others.into_iter().filter(loose).collect() } else { of_it };
    answers.into_iter().find_map(|(at, one)| {
        let codes: Vec<&str> = codings(one.get("valueCodeableConcept")).map(|(_, code)| code).collect();
        let says = match (codes.contains(&NO), codes.contains(&YES)) {
            (true, false) => Resuscitation::DoNot,
            (false, true) => Resuscitation::Try,
            _ => return None,
        };
        let at = document.at.unwrap_or(at).max(at);
        Some(Order { says, on: date_in(at, zone), source: own.clone(), at })
    })
}

/// Whether an answer is derived from this document, of whichever version.
fn is_derived(answer: &Resource, document: &str) -> bool {
    let references = list(answer.get("derivedFrom")).filter_map(|from| from.get("reference")?.as_str());
    let mut locals = references.filter_map(|to| Reference::parse(to).local());
    locals.any(|local| format!("{}/{}", local.ty.name(), local.id) == document)
}

/// Orders of a clinician not to try resuscitation.
fn requests(planning: &Planning) -> Vec<Order> {
    let ordered = |one: &&Resource| {
        let clinician = one.text("/requester/reference").is_some_and(|by| by.starts_with("Practitioner"));
        let order = matches!(one.text("/intent"), Some("order" | "original-order" | "reflex-order"));
        let forbidden = one.get("doNotPerform").and_then(Value::as_bool) == Some(true);
        one.text("/status") == Some("active")
            && order
            && clinician
            && !forbidden
            && has_coding(one.get("code"), SNOMED, NOT_FOR_RESUSCITATION)
            && covers(one.get("occurrencePeriod"), planning.as_of, planning.case.program)
    };
    let zone = &planning.case.program.zone;
    let orders = planning.case.chart.of("ServiceRequest").filter(ordered);
    orders
        .filter_map(|one| {
            let at = span(one.text("/authoredOn")?, zone)?.low;
            let on = Some(date_in(at, zone)).filter(|on| *on <= planning.as_of)?;
            Some(Order { says: Resuscitation::DoNot, on, source: name(one), at })
        })
        .collect()
}

/// The last day on which it was talked about, and where that is recorded.
fn discussed<'a>(planning: &Planning<'a>) -> Option<(Date, &'a Resource)> {
    let chart = planning.case.chart;
    let is = |concept: Option<&Value>| codings(concept).any(|(_, code)| CONVERSATION.contains(&code));
    let procedures = chart
        .of("Procedure")
        .filter(|one| one.text("/status") == Some("completed") && is(one.get("code")))
        .filter_map(|one| {
            let when = one.text("/performedDateTime").or_else(|| one.text("/performedPeriod/start"))?;
            Some((when, one))
        });
    let visits = chart
        .of("Encounter")
        .filter(|one| one.text("/status") == Some("finished"))
        .filter(|one| list(one.get("type")).any(|ty| is(Some(ty))))
        .filter_map(|one| Some((one.text("/period/start")?, one)));
    let dated = procedures
        .chain(visits)
        .filter_map(|(when, one)| Some((first_day(when, planning.case.program)?, one)));
    dated.filter(|(day, _)| *day <= planning.as_of).max_by_key(|(day, _)| *day)
}
