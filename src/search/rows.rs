//! The index rows of a resource: what searches look at. One list for each kind of value.

use std::cmp::Ordering;
use std::collections::HashSet;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::reference::Local;
use crate::fhir::reference::Reference;
use crate::search::canonical;
use crate::search::contained;
use crate::search::contained::Fragments;
use crate::search::contained::Inside;
use crate::search::joined;
use crate::search::kinds;
use crate::search::kinds::Found;
use crate::search::parameter::Parameter;
use crate::search::parameter::Parameters;
use crate::search::special;
use crate::search::text::TextRow;

/// A token: a code, with or without the system that defines it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenRow {
    /// Number of the search parameter (see `search::parameter`).
    pub param: i64,
    /// The code, bounded in length; the empty text for a system alone, and, without a system, for words alone.
    pub code: String,
    /// Hash of the system, 0 where there is none.
    pub system: i64,
}

/// A text, folded for searching.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StringRow {
    /// Number of the search parameter.
    pub param: i64,
    /// Lower case, without accents and punctuation, bounded in length.
    pub folded: String,
    /// As it came; empty in a row that is for other searches than those for the whole text.
    pub exact: String,
}

/// A reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReferenceRow {
    /// Number of the search parameter.
    pub param: i64,
    /// The number of the resource type that it points to, −1 where that is not known (an absolute URL elsewhere).
    pub target_type: i64,
    /// The id of a resource here, or the whole URL (or canonical) of one elsewhere, bounded in length.
    pub target_id: String,
}

/// A date, as the span that its precision covers, in UTC microseconds; both ends inside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateRow {
    /// Number of the search parameter.
    pub param: i64,
    /// First instant.
    pub low: i64,
    /// Last instant.
    pub high: i64,
}

/// A number: both ends the same, or those of a Range.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub struct NumberRow {
    /// Number of the search parameter.
    pub param: i64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A quantity: a number with a unit.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub struct QuantityRow {
    /// Number of the search parameter.
    pub param: i64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Hash of the unit's system, 0 where there is none; [`IN_BASE_UNITS`] where the span is carried to base units.
    pub system: i64,
    /// The unit's code, or its display where there is no code.
    pub code: String,
}

/// The values of one element's parts, for a composite parameter: see `search::parts` for what stands where.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompositeRow {
    /// Number of the search parameter.
    pub param: i64,
    /// The first text, a token's code where a part is one.
    pub code: String,
    /// What goes with it: the hash of the token's system.
    pub system: i64,
    /// The second text: of another token, a unit, a string, a URI or the id of a reference.
    pub code2: String,
    /// What goes with it: the hash of a system, or the type of a reference.
    pub system2: i64,
    /// The first span's lower end: a date's, or that of a number in an order-keeping form.
    pub low: i64,
    /// Its upper end; 0 where a single value above zero stands in the lower alone.
    pub high: i64,
    /// The second span's lower end.
    pub low2: i64,
    /// Its upper end, as that of the first.
    pub high2: i64,
    /// Which of the parameter's elements it is, counted from 0.
    pub place: i64,
}

/// A URI.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UriRow {
    /// Number of the search parameter.
    pub param: i64,
    /// As it came, bounded in length.
    pub uri: String,
}

/// All index rows of one resource; each list is sorted and without doubles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IndexRows {
    /// Tokens.
    pub tokens: Vec<TokenRow>,
    /// Texts.
    pub strings: Vec<StringRow>,
    /// References.
    pub references: Vec<ReferenceRow>,
    /// Dates.
    pub dates: Vec<DateRow>,
    /// Numbers.
    pub numbers: Vec<NumberRow>,
    /// Quantities.
    pub quantities: Vec<QuantityRow>,
    /// URIs.
    pub uris: Vec<UriRow>,
    /// Values that stand together, for composite parameters.
    pub composites: Vec<CompositeRow>,
    /// Words: those of the resource, where any are kept.
    pub texts: Vec<TextRow>,
    /// Ids of the patients in whose compartment the resource stands.
    pub patients: Vec<String>,
    /// What is contained, each with rows of its own.
    pub contained: Vec<Inside>,
}

/// Stands in the place of a unit's system where a quantity is carried to UCUM's base units.
pub const IN_BASE_UNITS: i64 = -1;

/// The target type of a reference to something that is not a resource here.
pub const ELSEWHERE: i64 = -1;

/// Stands in the place of a parameter's number where a reference stands in an element that no parameter covers.
pub const ANY_ELEMENT: i64 = 0;

/// A group lists many patients, so that none of them may see it as a part of their own record, although R4's
/// compartment has it; and a patient who is linked to another is still another person.
pub(super) const NO_COMPARTMENT: [&str; 2] = ["Group", "Patient"];

/// The number of the rules by which [`rows`] makes rows. It is raised with every change after which a resource gives
/// other rows than before, so that a database with older rows is known.
const RULES: i64 = 11;

/// By which rules the rows of these parameters are made: with words they are others than without.
pub fn rules(parameters: &Parameters) -> i64 {
    if parameters.keeps_words() { RULES } else { -RULES }
}

/// The index rows of a resource; dates without a zone are read in `zone`.
pub fn rows(parameters: &Parameters, resource: &Value, zone: &TimeZone) -> IndexRows {
    let name = resource.get("resourceType").and_then(Value::as_str);
    let Some(ty) = name.and_then(ResourceType::parse) else { return IndexRows::default() };
    let mut rows = of_values(parameters, (ty, resource), zone);
    let fragments = Fragments::of(resource);
    fragments.link(&mut rows.references);
    if parameters.keeps_words() {
        rows.texts.push(TextRow::of(ty, resource));
    }
    rows.patients = patients(parameters, ty, resource, &rows.references);
    rows.references.extend(uncovered(resource, &rows.references));
    rows.contained = contained::inside(parameters, (resource, &fragments), zone);
    rows.sort();
    rows
}

/// The rows of the parameters of a type.
pub(super) fn of_values(
    parameters: &Parameters,
    (ty, resource): (ResourceType, &Value),
    zone: &TimeZone,
) -> IndexRows {
    let mut rows = IndexRows::default();
    let has_rows = |own: &&Parameter| {
        own.joins.is_none_or(|joined| joined.to.is_some()) && !special::is_column(&own.code)
    };
    for parameter in parameters.of(ty).filter(has_rows) {
        if let Some(composite) = &parameter.composite {
            kinds::index_composite((parameter, composite), (resource, zone), &mut rows);
            continue;
        }
        for hit in parameter.path.iter().flat_map(|path| path.find(resource)) {
            kinds::index(&Found { parameter, hit, zone }, &mut rows);
        }
        canonical::index_beside(parameter, resource, &mut rows);
    }
    joined::once(parameters.of(ty), &mut rows);
    rows
}

/// What the resource points to from elements that no parameter covers.
fn uncovered(resource: &Value, covered: &[ReferenceRow]) -> Vec<ReferenceRow> {
    let covered: HashSet<(i64, &str)> =
        covered.iter().map(|row| (row.target_type, row.target_id.as_str())).collect();
    let mut found = Vec::new();
    local_references(resource, &mut |local| {
        if !covered.contains(&(local.ty.number(), local.id)) {
            let (target_type, target_id) = (local.ty.number(), local.id.to_owned());
            found.push(ReferenceRow { param: ANY_ELEMENT, target_type, target_id });
        }
    });
    found
}

/// What references point to, and the Binary that holds what an attachment is about.
fn local_references(value: &Value, found: &mut dyn FnMut(Local<'_>)) {
    match value {
        Value::Object(members) => {
            let local = |name: &str| {
                members.get(name).and_then(Value::as_str).and_then(|text| Reference::parse(text).local())
            };
            let attached = local("url").filter(|local| local.ty.name() == "Binary");
            local("reference").into_iter().chain(attached).for_each(&mut *found);
            members.values().for_each(|member| local_references(member, found));
        }
        Value::Array(list) => list.iter().for_each(|item| local_references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The patients in whose compartment the resource stands.
fn patients(
    parameters: &Parameters,
    ty: ResourceType,
    resource: &Value,
    references: &[ReferenceRow],
) -> Vec<String> {
    if ty.name() == "Patient" {
        return resource.get("id").and_then(Value::as_str).map(str::to_owned).into_iter().collect();
    }
    let codes = parameters.compartment(ty).unwrap_or_default();
    let patient = ResourceType::parse("Patient").filter(|_| !NO_COMPARTMENT.contains(&ty.name()));
    let Some(patient) = patient else { return Vec::new() };
    let own = codes.iter().filter_map(|code| parameters.find(ty, code));
    let numbers: Vec<i64> = own.map(|own| own.kept_to(patient)).collect();
    let inside = |row: &&ReferenceRow| row.target_type == patient.number() && numbers.contains(&row.param);
    references.iter().filter(inside).map(|row| row.target_id.clone()).collect()
}

impl IndexRows {
    /// Gives the parameters of its rows other numbers.
    pub(crate) fn renumber(&mut self, other: fn(i64) -> i64) {
        let Self { tokens, strings, references, dates, numbers, quantities, uris, composites, .. } = self;
        tokens.iter_mut().for_each(|row| row.param = other(row.param));
        strings.iter_mut().for_each(|row| row.param = other(row.param));
        references.iter_mut().for_each(|row| row.param = other(row.param));
        dates.iter_mut().for_each(|row| row.param = other(row.param));
        numbers.iter_mut().for_each(|row| row.param = other(row.param));
        quantities.iter_mut().for_each(|row| row.param = other(row.param));
        uris.iter_mut().for_each(|row| row.param = other(row.param));
        composites.iter_mut().for_each(|row| row.param = other(row.param));
    }

    /// Sorts each list and leaves out doubles.
    pub(crate) fn sort(&mut self) {
        fn tidy<T: PartialEq>(list: &mut Vec<T>, order: impl FnMut(&T, &T) -> Ordering) {
            list.sort_by(order);
            list.dedup();
        }
        tidy(&mut self.tokens, Ord::cmp);
        tidy(&mut self.strings, Ord::cmp);
        tidy(&mut self.references, Ord::cmp);
        tidy(&mut self.dates, Ord::cmp);
        tidy(&mut self.uris, Ord::cmp);
        tidy(&mut self.composites, Ord::cmp);
        tidy(&mut self.texts, Ord::cmp);
        tidy(&mut self.patients, Ord::cmp);
        // No row holds what is not a number, so that every two of them compare.
        tidy(&mut self.numbers, |a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        tidy(&mut self.quantities, |a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    }
}
