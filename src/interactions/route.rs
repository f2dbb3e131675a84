//! The one table of FHIR routes: method and path to an [`Interaction`]. Routing, the CapabilityStatement and the
//! OpenAPI document read it. <https://hl7.org/fhir/R4/http.html#summary>

use std::borrow::Cow;

use crate::app::HistoryOf;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::bundle::Method;
use crate::fhir::form::percent_decoded;
use crate::fhir::reference::is_id;
use crate::interactions::Field;
use crate::interactions::Interaction;
use crate::search::Compartment;

/// What a route does; [`Interaction`] is this with the values of the path in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The CapabilityStatement.
    Capabilities,
    /// The current version.
    Read,
    /// One version.
    Vread,
    /// A new resource.
    Create,
    /// A new version.
    Update,
    /// A new version of what a search finds.
    ConditionalUpdate,
    /// A new version made out of the current one.
    Patch,
    /// A new version made out of the current one of what a search finds.
    ConditionalPatch,
    /// The end of a resource.
    Delete,
    /// The end of what a search finds.
    ConditionalDelete,
    /// The versions of one resource.
    History,
    /// The versions of the resources of a type.
    TypeHistory,
    /// The versions of all resources.
    SystemHistory,
    /// A search of one type.
    Search,
    /// A search of several types.
    SystemSearch,
    /// A search of one type, or of several, in a compartment.
    CompartmentSearch,
    /// Batch or transaction.
    Batch,
    /// A `$operation`.
    Operation,
    /// How far a request is that was taken on, or its answer.
    AsyncStatus,
    /// The end of a request that was taken on.
    AsyncCancel,
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct RouteRow {
    /// The method; `GET` answers `HEAD` too.
    pub method: Method,
    /// The path under the base URL: `{type}/{id}`. Words in braces are variables.
    pub path: &'static str,
    /// What it does.
    pub kind: Kind,
    /// How many words the path has.
    words: usize,
}

#[rustfmt::skip]
const ROUTES: [RouteRow; 30] = [
    row(Method::Get,    "metadata",                        Kind::Capabilities),
    row(Method::Post,   "",                                Kind::Batch),
    row(Method::Get,    "",                                Kind::SystemSearch),
    row(Method::Post,   "_search",                         Kind::SystemSearch),
    row(Method::Get,    "_history",                        Kind::SystemHistory),
    row(Method::Get,    "${operation}",                    Kind::Operation),
    row(Method::Post,   "${operation}",                    Kind::Operation),
    row(Method::Get,    "async/{id}",                      Kind::AsyncStatus),
    row(Method::Delete, "async/{id}",                      Kind::AsyncCancel),
    row(Method::Get,    "{type}",                          Kind::Search),
    row(Method::Post,   "{type}",                          Kind::Create),
    row(Method::Put,    "{type}",                          Kind::ConditionalUpdate),
    row(Method::Patch,  "{type}",                          Kind::ConditionalPatch),
    row(Method::Delete, "{type}",                          Kind::ConditionalDelete),
    row(Method::Post,   "{type}/_search",                  Kind::Search),
    row(Method::Get,    "{type}/_history",                 Kind::TypeHistory),
    row(Method::Get,    "{type}/${operation}",             Kind::Operation),
    row(Method::Post,   "{type}/${operation}",             Kind::Operation),
    row(Method::Get,    "{type}/{id}",                     Kind::Read),
    row(Method::Put,    "{type}/{id}",                     Kind::Update),
    row(Method::Patch,  "{type}/{id}",                     Kind::Patch),
    row(Method::Delete, "{type}/{id}",                     Kind::Delete),
    row(Method::Get,    "{type}/{id}/_history",            Kind::History),
    row(Method::Get,    "{type}/{id}/_history/{version}",  Kind::Vread),
    row(Method::Get,    "{type}/{id}/${operation}",        Kind::Operation),
    row(Method::Post,   "{type}/{id}/${operation}",        Kind::Operation),
    row(Method::Get,    "{compartment}/{id}/*",              Kind::CompartmentSearch),
    row(Method::Post,   "{compartment}/{id}/_search",        Kind::CompartmentSearch),
    row(Method::Get,    "{compartment}/{id}/{type}",         Kind::CompartmentSearch),
    row(Method::Post,   "{compartment}/{id}/{type}/_search", Kind::CompartmentSearch),
];

/// The types that have compartments.
pub const COMPARTMENTS: [&str; 5] = ["Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"];

const fn row(method: Method, path: &'static str, kind: Kind) -> RouteRow {
    RouteRow { method, path, kind, words: words(path) }
}

const fn words(path: &str) -> usize {
    let path = path.as_bytes();
    let (mut words, mut at) = ((!path.is_empty()) as usize, 0);
    while at < path.len() {
        words += (path[at] == b'/') as usize;
        at += 1;
    }
    words
}

/// All routes.
pub fn table() -> impl Iterator<Item = RouteRow> {
    ROUTES.into_iter()
}

/// What a method and a path ask for. The path is what follows the base URL, percent-encoded, without the query.
///
/// # Errors
/// `NotFound` for a path that means nothing here; `MethodNotAllowed`, with the methods that the path has.
pub fn route(method: Method, path: &str) -> Result<Interaction, Failure> {
    let segments = segments(path)?;
    let wanted = if method == Method::Head { Method::Get } else { method };
    let mut allow: Option<Vec<Method>> = None;
    for row in ROUTES {
        let Some(found) = found(&row, &segments) else { continue };
        if row.method == wanted {
            return Ok(interaction(row.kind, found));
        }
        allow.get_or_insert_default().push(row.method);
    }
    Err(allow.map_or_else(|| unknown(&segments), |allow| not_allowed(&allow)))
}

/// The methods that a path has, without `HEAD`, which goes with `GET`.
///
/// # Errors
/// `NotFound` for a path that means nothing here.
pub fn methods(path: &str) -> Result<Vec<Method>, Failure> {
    let segments = segments(path)?;
    let here = ROUTES.iter().filter(|row| found(row, &segments).is_some());
    let methods: Vec<Method> = here.map(|row| row.method).collect();
    if methods.is_empty() { Err(unknown(&segments)) } else { Ok(methods) }
}

/// What the variables of a path are.
#[derive(Default)]
struct Found<'a> {
    ty: Option<ResourceType>,
    compartment: Option<ResourceType>,
    id: Option<&'a str>,
    version: Option<i64>,
    operation: Option<&'a str>,
}

fn segments(path: &str) -> Result<Vec<Cow<'_, str>>, Failure> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    path.split('/').map(decoded).collect::<Option<_>>().ok_or_else(|| {
        Failure::new(Reason::NotFound, "The path is not UTF-8 in percent-encoding, so nothing is there.")
    })
}

fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    if segment.contains('%') {
        percent_decoded(segment).map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(segment))
    }
}

fn found<'a>(row: &RouteRow, segments: &'a [Cow<'_, str>]) -> Option<Found<'a>> {
    if row.words != segments.len() {
        return None;
    }
    let mut found = Found::default();
    for (word, segment) in row.path.split('/').zip(segments) {
        let segment: &str = segment;
        match word {
            "{type}" => found.ty = Some(ResourceType::parse(segment)?),
            "{compartment}" => {
                found.compartment = Some(ResourceType::parse(segment).filter(has_compartments)?);
            }
            "{id}" => found.id = Some(is_id(segment).then_some(segment)?),
            "{version}" => found.version = Some(version(segment)?),
            "${operation}" => found.operation = Some(segment.strip_prefix('$')?),
            word if word == segment => {}
            _ => return None,
        }
    }
    Some(found)
}

fn has_compartments(ty: &ResourceType) -> bool {
    COMPARTMENTS.contains(&ty.name())
}

/// Versions count from 1; what cannot be one is looked for as 0, which no resource has.
fn version(segment: &str) -> Option<i64> {
    is_id(segment).then(|| segment.parse().ok().filter(|_| !segment.starts_with(['0', '-'])).unwrap_or(0))
}

fn interaction(kind: Kind, found: Found<'_>) -> Interaction {
    const HAS_TYPE: &str = "the row's path has {type}";
    const HAS_ID: &str = "the row's path has {id}";
    let id = || found.id.expect(HAS_ID).to_owned();
    let ty = || found.ty.expect(HAS_TYPE);
    match kind {
        Kind::Capabilities => Interaction::Capabilities,
        Kind::Batch => Interaction::Batch,
        Kind::Read => Interaction::Read { ty: ty(), id: id() },
        Kind::Vread => Interaction::Vread {
            ty: ty(),
            id: id(),
            version: found.version.expect("the row's path has {version}"),
        },
        Kind::Create => Interaction::Create { ty: ty() },
        Kind::Update => Interaction::Update { ty: ty(), id: Some(id()) },
        Kind::ConditionalUpdate => Interaction::Update { ty: ty(), id: None },
        Kind::Patch => Interaction::Patch { ty: ty(), id: Some(id()) },
        Kind::ConditionalPatch => Interaction::Patch { ty: ty(), id: None },
        Kind::Delete => Interaction::Delete { ty: ty(), id: Some(id()) },
        Kind::ConditionalDelete => Interaction::Delete { ty: ty(), id: None },
        Kind::History => Interaction::History { of: HistoryOf::One(ty(), id()) },
        Kind::TypeHistory => Interaction::History { of: HistoryOf::Type(ty()) },
        Kind::SystemHistory => Interaction::History { of: HistoryOf::All },
        Kind::Search | Kind::SystemSearch => {
            Interaction::Search { field: Field { ty: found.ty, within: None } }
        }
        Kind::CompartmentSearch => {
            let about = found.compartment.expect("the row's path has {compartment}");
            let within = Some(Compartment { ty: about, id: id() });
            Interaction::Search { field: Field { ty: found.ty, within } }
        }
        Kind::Operation => Interaction::Operation {
            code: found.operation.expect("the row's path has ${operation}").to_owned(),
            target: found.ty.map(|ty| (ty, found.id.map(str::to_owned))),
        },
        Kind::AsyncStatus => Interaction::AsyncStatus { id: id() },
        Kind::AsyncCancel => Interaction::AsyncCancel { id: id() },
    }
}

fn unknown(segments: &[Cow<'_, str>]) -> Failure {
    let first = segments.first().map_or("", |segment| segment.as_ref());
    let text = if first.ends_with(':') {
        "The URL is not under the base URL of this server.".to_owned()
    } else if ResourceType::parse(first).is_some() {
        "There is nothing at this path; an id has 1 to 64 letters, digits, `-` and `.`.".to_owned()
    } else {
        format!("`{}` is not a resource type of FHIR R4.", shown(first))
    };
    Failure::new(Reason::NotFound, text)
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn not_allowed(allow: &[Method]) -> Failure {
    let text = "This method is not offered at this path; the Allow header names those that are.";
    let mut failure = Failure::new(Reason::MethodNotAllowed, text);
    failure.allow = Some(allow_header(allow));
    failure
}

/// The value of the `Allow` header for these methods.
pub fn allow_header(methods: &[Method]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for method in methods {
        names.push(method.name());
        if *method == Method::Get {
            names.push("HEAD");
        }
    }
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;

    fn ty(name: &str) -> ResourceType {
        ResourceType::parse(name).expect("a type of R4")
    }

    #[test]
    fn every_route_leads_to_its_interaction() {
        let (patient, goal, id) = (ty("Patient"), ty("Goal"), || "1".to_owned());
        let all = Interaction::Search { field: Field { ty: None, within: None } };
        let goals = Interaction::Search { field: Field { ty: Some(goal), within: None } };
        let within = |about: &str, ty: Option<ResourceType>| {
            let about = Compartment { ty: self::ty(about), id: "1".into() };
            Interaction::Search { field: Field { ty, within: Some(about) } }
        };
        let cases = [
            (Method::Get, "metadata", Interaction::Capabilities),
            (Method::Head, "metadata", Interaction::Capabilities),
            (Method::Post, "", Interaction::Batch),
            (Method::Post, "/", Interaction::Batch),
            (Method::Get, "$export", Interaction::Operation { code: "export".into(), target: None }),
            (Method::Get, "Goal", goals.clone()),
            (Method::Get, "", all.clone()),
            (Method::Get, "/", all.clone()),
            (Method::Post, "_search", all),
            (Method::Post, "Goal", Interaction::Create { ty: goal }),
            (Method::Post, "Goal/_search", goals),
            (Method::Get, "async/1", Interaction::AsyncStatus { id: id() }),
            (Method::Delete, "async/1/", Interaction::AsyncCancel { id: id() }),
            (Method::Get, "Goal/1", Interaction::Read { ty: goal, id: id() }),
            (Method::Head, "Goal/1/", Interaction::Read { ty: goal, id: id() }),
            (Method::Put, "Goal/1", Interaction::Update { ty: goal, id: Some(id()) }),
            (Method::Put, "Goal", Interaction::Update { ty: goal, id: None }),
            (Method::Patch, "Goal/1", Interaction::Patch { ty: goal, id: Some(id()) }),
            (Method::Patch, "Goal", Interaction::Patch { ty: goal, id: None }),
            (Method::Delete, "Goal/1", Interaction::Delete { ty: goal, id: Some(id()) }),
            (Method::Delete, "Goal", Interaction::Delete { ty: goal, id: None }),
            (Method::Get, "Goal/1/_history", Interaction::History { of: HistoryOf::One(goal, id()) }),
            (Method::Get, "Goal/_history", Interaction::History { of: HistoryOf::Type(goal) }),
            (Method::Head, "_history/", Interaction::History { of: HistoryOf::All }),
            (Method::Get, "Goal/1/_history/2", Interaction::Vread { ty: goal, id: id(), version: 2 }),
            (Method::Get, "Goal/1/_history/x", Interaction::Vread { ty: goal, id: id(), version: 0 }),
            (Method::Get, "Patient/1/Goal", within("Patient", Some(goal))),
            (Method::Get, "Encounter/1/Goal", within("Encounter", Some(goal))),
            (Method::Get, "Device/1/*", within("Device", None)),
            (Method::Get, "Patient/1/%2A", within("Patient", None)),
            (Method::Post, "RelatedPerson/1/_search", within("RelatedPerson", None)),
            (Method::Post, "Patient/1/Goal/_search", within("Patient", Some(goal))),
            (
                Method::Post,
                "Patient/%24validate",
                Interaction::Operation { code: "validate".into(), target: Some((patient, None)) },
            ),
            (
                Method::Get,
                "Patient/1/$validate",
                Interaction::Operation { code: "validate".into(), target: Some((patient, Some(id()))) },
            ),
        ];
        for (method, path, expected) in cases {
            assert_eq!(route(method, path).expect(path), expected, "{method:?} {path}");
        }
    }

    #[test]
    fn a_method_that_a_path_lacks_is_refused_with_those_it_has() {
        let cases = [
            (Method::Post, "Goal/1", "GET, HEAD, PUT, PATCH, DELETE"),
            (Method::Put, "async/1", "GET, HEAD, DELETE"),
            (Method::Patch, "Goal/1/_history/1", "GET, HEAD"),
            (Method::Patch, "Goal/1/_history", "GET, HEAD"),
            (Method::Put, "", "POST, GET, HEAD"),
            (Method::Put, "Patient/1/*", "GET, HEAD"),
            (Method::Get, "Goal/_search", "POST"),
            (Method::Put, "metadata", "GET, HEAD"),
            (Method::Delete, "Goal/1/_history/1", "GET, HEAD"),
            (Method::Put, "Goal/1/$validate", "GET, HEAD, POST"),
            (Method::Get, "_search", "POST"),
            (Method::Post, "_history", "GET, HEAD"),
            (Method::Delete, "Goal/_history", "GET, HEAD"),
        ];
        for (method, path, allow) in cases {
            let failure = route(method, path).expect_err(path);
            assert_eq!((failure.status(), failure.allow.as_deref()), (405, Some(allow)), "{method:?} {path}");
        }
    }

    #[test]
    fn a_path_that_means_nothing_is_not_found() {
        let long = format!("Goal/{}", "a".repeat(65));
        let paths = [
            "Nothing",
            "Nothing/1",
            "async",
            "async/1/2",
            "Goal/a_b",
            &long,
            "Goal/1/2",
            "Goal/1/*",
            "Goal/1/Condition",
            "Goal/1/_history/1/2",
            "Goal//1",
            "%ff",
            "a%2",
        ];
        for path in paths {
            assert_eq!(route(Method::Get, path).expect_err(path).status(), 404, "{path}");
        }
        assert_eq!(route(Method::Get, "Group/1/Goal").expect_err("no compartment").status(), 404);
    }

    #[test]
    fn the_types_with_compartments_are_those_of_the_definitions() {
        let definitions = Definitions::shared().expect("the definitions load");
        let defined: Vec<&str> = definitions.compartments.keys().map(|ty| ty.name()).collect();
        assert_eq!(COMPARTMENTS, *defined);
    }

    #[test]
    fn every_row_of_the_table_is_reached_by_its_own_path() {
        for row in table() {
            let path = row
                .path
                .replace("{type}", "Goal")
                .replace("{compartment}", "Patient")
                .replace("{id}", "1")
                .replace("{version}", "1");
            let path = path.replace("${operation}", "$validate");
            let interaction = route(row.method, &path).expect(row.path);
            assert_eq!(
                matches!(interaction, Interaction::Operation { .. }),
                row.kind == Kind::Operation,
                "{}",
                row.path
            );
        }
    }
}
