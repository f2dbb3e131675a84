//! Path, header and query parameters; those of a search come from the search parameters' own definitions.
//! <https://hl7.org/fhir/R4/search.html>

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::Ref;
use utoipa::openapi::RefOr;
use utoipa::openapi::Required;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::path::ParameterBuilder;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::path::ParameterStyle;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::schema::Type;

use crate::definitions::Definitions;
use crate::definitions::SearchParameterDefinition;
use crate::fhir::ResourceType;

/// A parameter that many operations share: the name of its component, its own name, and what it means.
struct Shared {
    component: &'static str,
    name: &'static str,
    place: Place,
    words: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Search,
    Any,
}

const fn shared(component: &'static str, name: &'static str, place: Place, words: &'static str) -> Shared {
    Shared { component, name, place, words }
}

#[rustfmt::skip]
const SHARED: [Shared; 25] = [
    shared("IfMatch", "If-Match", Place::Header, "Only if this is the current version: `W/\"3\"`"),
    shared("IfNoneMatch", "If-None-Match", Place::Header, "304 where this is the current version: `W/\"3\"`"),
    shared("IfModifiedSince", "If-Modified-Since", Place::Header, "304 where nothing changed since then"),
    shared("OnlyIfNone", "If-None-Match", Place::Header, "`*`: only if there is none under this id"),
    shared("IfNoneExist", "If-None-Exist", Place::Header, "Create only if this search finds none: `identifier=http://acme.org/mrn|12345`"),
    shared("Prefer", "Prefer", Place::Header, "`return=minimal`, `return=representation` or `return=OperationOutcome`; `handling=strict` or `lenient`"),
    shared("PreferAsync", "Prefer", Place::Header, "`respond-async`: taken on with 202 and carried out later; its answer is asked for at Content-Location"),
    shared("IdempotencyKey", "Idempotency-Key", Place::Header, "The same key with the same body gives the first answer again, for a day"),
    shared("PurposeOfUse", "X-Purpose-Of-Use", Place::Header, "`ETREAT`: in an emergency, beyond the patient to whom the token is held. Takes a clinician's token with the role `emergency-access`; an AuditEvent is written before anything is answered"),
    shared("Format", "_format", Place::Any, "`json` or `xml`, or a media type; it goes before `Accept`"),
    shared("Pretty", "_pretty", Place::Any, "`true`: with line breaks, for people"),
    shared("Count", "_count", Place::Search, "Entries on a page: 20 where not given, 1000 at most"),
    shared("Sort", "_sort", Place::Search, "Search parameters to sort by, separated by commas; `-` before one for descending"),
    shared("Total", "_total", Place::Search, "`none`, `estimate` or `accurate`"),
    shared("Summary", "_summary", Place::Search, "`count` for the number alone; `true`, `text`, `data`, `false`"),
    shared("Elements", "_elements", Place::Search, "Only these elements of each resource, separated by commas"),
    shared("Include", "_include", Place::Search, "Also what the matches refer to: `CarePlan:goal`, `CarePlan:*` or `*`; as `_include:iterate` also what that refers to, and so on"),
    shared("Revinclude", "_revinclude", Place::Search, "Also what refers to the matches: `Goal:patient` or `Goal:*`; as `_revinclude:iterate` also what refers to that, and so on"),
    shared("List", "_list", Place::Search, "What the items of a List refer to: the id of the List"),
    shared("Filter", "_filter", Place::Search, "Conditions joined with `and`, `or` and `not`: `family sw \"mos\" and not (active eq false)`"),
    shared("Contained", "_contained", Place::Search, "Resources that stand in others: `true` for these alone, `both` for all; `false` where not given"),
    shared("ContainedType", "_containedType", Place::Search, "What of a contained match is answered: its `container`, or the `contained` resource itself"),
    shared("Explain", "_explain", Place::Search, "`true`: how the search is carried out, as Parameters in place of the Bundle; takes `system/*.cruds`"),
    shared("LastUpdated", "_lastUpdated", Place::Search, "When it last changed: `ge2026-01-01`"),
    shared("Id", "_id", Place::Search, "Logical ids, separated by commas"),
];

/// The shared parameters as components.
pub fn components() -> BTreeMap<String, RefOr<Parameter>> {
    let of = |one: &Shared| match one.place {
        Place::Header => text(one.name, ParameterIn::Header, one.words),
        Place::Search | Place::Any => text(one.name, ParameterIn::Query, one.words),
    };
    let shared = SHARED.iter().map(|one| (one.component.to_owned(), of(one).build().into()));
    shared.chain([("Criteria".to_owned(), criteria().into())]).collect()
}

/// The criteria of a conditional URL: any search parameters of the type.
fn criteria() -> Parameter {
    let words = "The search that names the resource: `identifier=http://acme.org/mrn|12345`";
    let values = ObjectBuilder::new().schema_type(Type::String);
    let any = ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(values));
    let parameter = ParameterBuilder::new().name("criteria").parameter_in(ParameterIn::Query);
    let parameter = parameter.required(Required::True).description(Some(words)).schema(Some(any));
    parameter.style(Some(ParameterStyle::Form)).explode(Some(true)).build()
}

/// A reference to a shared parameter.
pub fn shared_ref(component: &str) -> Ref {
    Ref::new(format!("#/components/parameters/{component}"))
}

/// References to the parameters that every search has.
pub fn of_every_search() -> impl Iterator<Item = Ref> {
    SHARED.iter().filter(|one| one.place == Place::Search).map(|one| shared_ref(one.component))
}

/// The parameters that a read has.
pub fn of_every_read() -> [Parameter; 2] {
    [
        ("_summary", "`true`, `text`, `data` or `false`: a part of the resource, marked as one"),
        ("_elements", "Only these elements and those that are mandatory, separated by commas"),
    ]
    .map(|(name, words)| text(name, ParameterIn::Query, words).build())
}

/// The parameters that a history has.
pub fn of_every_history() -> [Parameter; 7] {
    [
        ("_count", "Versions on a page: 20 where not given, 1000 at most; 0 for the number alone"),
        (
            "_since",
            "Only versions made at or after this moment: `2026-03-01T12:00:00Z`. To follow changes, ask each time with \
             the `lastUpdated` of the newest version that you have: nothing is left out",
        ),
        ("_at", "Only versions that were current at some time of this day, month, year or moment: `2026-03`"),
        ("_sort", "`-_lastUpdated`, the newest first, as without it; `_lastUpdated`, the oldest first"),
        ("_total", "`none`, `estimate` or `accurate`"),
        ("_summary", "`count` for the number alone; `true`, `text`, `data`, `false`"),
        ("_elements", "Only these elements of each resource, separated by commas"),
    ]
    .map(|(name, words)| text(name, ParameterIn::Query, words).build())
}

/// The search parameters of a type, beside those of every search.
pub fn of_search(definitions: &Definitions, ty: ResourceType) -> Vec<Parameter> {
    let own = definitions.search_parameters.iter().filter(|one| one.base.contains(&ty) && is_searchable(one));
    let shown = own.filter(|one| !SHARED.iter().any(|shared| shared.name == one.code));
    let mut all: Vec<_> = shown
        .map(|one| {
            let words = format!("{}: {}", one.kind, one.description);
            text(&one.code, ParameterIn::Query, &words).build()
        })
        .collect();
    all.sort_by(|a, b| (a.name.starts_with('_'), &a.name).cmp(&(b.name.starts_with('_'), &b.name)));
    all.dedup_by(|a, b| a.name == b.name);
    all
}

/// Whether the search takes it: as `search::Parameter::is_searchable` says.
fn is_searchable(parameter: &SearchParameterDefinition) -> bool {
    let of_words = matches!(parameter.code.as_str(), "_text" | "_content");
    of_words || parameter.expression.is_some() && (parameter.kind != "special" || parameter.code == "near")
}

/// A variable of the path, with a value to try.
pub fn in_path(name: &str, words: &str, example: Option<&str>) -> Parameter {
    let parameter = text(name, ParameterIn::Path, words).required(Required::True);
    parameter.example(example.map(Value::from)).build()
}

/// A parameter in the query.
pub fn in_query(name: &str, words: &str) -> ParameterBuilder {
    text(name, ParameterIn::Query, words)
}

fn text(name: &str, place: ParameterIn, words: &str) -> ParameterBuilder {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(words))
        .schema(Some(schema))
}
