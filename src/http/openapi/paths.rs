//! The FHIR interactions as paths, from the one table of routes: once for each documented type by its name, and
//! once for any type. <https://hl7.org/fhir/R4/http.html>

use utoipa::openapi::HttpMethod;
use utoipa::openapi::PathItem;
use utoipa::openapi::Paths;
use utoipa::openapi::path::Operation;
use utoipa::openapi::path::OperationBuilder;
use utoipa::openapi::request_body::RequestBody;

use crate::definitions::Definitions;
use crate::fhir::ResourceType;
use crate::fhir::bundle::Method;
use crate::http::openapi::CORE;
use crate::http::openapi::answers;
use crate::http::openapi::bodies;
use crate::http::openapi::examples;
use crate::http::openapi::parameters;
use crate::http::openapi::security;
use crate::interactions::route::COMPARTMENTS;
use crate::interactions::route::Kind;
use crate::interactions::route::RouteRow;

/// Under which heading the interactions with any type stand.
pub const ANY_TYPE: &str = "Any type";
/// Under which heading what concerns no type stands.
pub const SYSTEM: &str = "System";

/// Adds the paths of a row of the table.
pub fn add(paths: &mut Paths, definitions: &Definitions, row: RouteRow) {
    if row.kind == Kind::Operation {
        return;
    }
    let typed = row.path.starts_with("{type}");
    let types = CORE.iter().filter(|_| typed).filter_map(|name| ResourceType::parse(name)).map(Some);
    for ty in types.chain([None]) {
        let path = ty.map_or_else(|| row.path.to_owned(), |ty| row.path.replace("{type}", ty.name()));
        let operation = Described { definitions, row, ty }.operation();
        let path = format!("/fhir/{path}");
        let path = path.trim_end_matches('/').to_owned();
        insert(paths, path, http_method(row.method), operation);
    }
}

/// Adds an operation to a path that may have others.
pub fn insert(paths: &mut Paths, path: String, method: HttpMethod, operation: Operation) {
    let item = PathItem::new(method, operation);
    match paths.paths.get_mut(&path) {
        Some(known) => known.merge_operations(item),
        None => drop(paths.paths.insert(path, item)),
    }
}

/// The method as OpenAPI names it.
pub fn http_method(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::Get,
        Method::Head => HttpMethod::Head,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
    }
}

/// A row of the table, for one type or for any.
struct Described<'a> {
    definitions: &'a Definitions,
    row: RouteRow,
    ty: Option<ResourceType>,
}

impl Described<'_> {
    fn operation(&self) -> Operation {
        let (id, summary) = self.words();
        let tag = match (self.ty, self.row.path.contains("{type}")) {
            (Some(ty), _) => ty.name(),
            (None, true) => ANY_TYPE,
            (None, false) => SYSTEM,
        };
        let operation = OperationBuilder::new()
            .tag(tag)
            .operation_id(Some(format!("{id}{}", self.ty.map_or("", ResourceType::name))))
            .summary(Some(summary))
            .responses(answers::of(self.row.kind, self.ty))
            .request_body(self.request_body())
            .securities(Some(self.scope().map(|scope| security::needed(&scope)).into_iter().flatten()));
        self.with_query(self.with_path_and_headers(operation)).build()
    }

    fn words(&self) -> (&'static str, String) {
        let name = self.ty.map_or("resource", ResourceType::name);
        match (self.row.kind, self.row.method) {
            (Kind::Capabilities, _) => {
                ("capabilities", "What this server offers: its CapabilityStatement".into())
            }
            (Kind::Batch, _) => {
                ("batch", "A transaction (all or nothing) or a batch (each by itself)".into())
            }
            (Kind::Search, Method::Post) => {
                ("searchByForm", format!("Search by form: every {name} that fits"))
            }
            (Kind::Search, _) => ("search", format!("Search: every {name} that fits")),
            (Kind::SystemSearch, Method::Post) => {
                ("searchOfAllByForm", "Search by form: every resource of the types that it names".into())
            }
            (Kind::SystemSearch, _) => {
                ("searchOfAll", "Search: every resource of the types that it names".into())
            }
            (Kind::CompartmentSearch, method) => self.words_of_compartment(method),
            (Kind::Create, _) => ("create", format!("A new {name}, under an id that the server makes")),
            (Kind::Read, _) => ("read", format!("The current version of a {name}")),
            (Kind::Vread, _) => ("vread", format!("One version of a {name}")),
            (Kind::Update, _) => {
                ("update", format!("A new version of a {name}, or the first one under this id"))
            }
            (Kind::ConditionalUpdate, _) => (
                "conditionalUpdate",
                format!("A new version of the {name} that the query finds, or a new one"),
            ),
            (Kind::Patch, _) => ("patch", format!("A new version of a {name}, made out of the current one")),
            (Kind::ConditionalPatch, _) => {
                ("conditionalPatch", format!("A new version of the {name} that the query finds, by a patch"))
            }
            (Kind::Delete, _) => ("delete", format!("Deletes a {name}; its history stays")),
            (Kind::ConditionalDelete, _) => {
                ("conditionalDelete", format!("Deletes the {name} that the query finds; its history stays"))
            }
            (Kind::History, _) => ("history", format!("The versions of a {name}, newest first")),
            (Kind::TypeHistory, _) => {
                ("historyOfType", format!("The versions of every {name}, newest first"))
            }
            (Kind::SystemHistory, _) => {
                ("historyOfAll", "The versions of every resource, newest first".into())
            }
            (Kind::Operation, _) => ("operation", String::new()),
            (Kind::AsyncStatus, _) => (
                "asyncStatus",
                "How far a request is that was taken on with `respond-async`, or its answer".into(),
            ),
            (Kind::AsyncCancel, _) => {
                ("asyncCancel", "Cancels a request that was taken on, or removes its answer".into())
            }
        }
    }

    fn words_of_compartment(&self, method: Method) -> (&'static str, String) {
        let about = "what belongs to a patient, an encounter, a device, a practitioner or a related person";
        match (method == Method::Post, self.row.path.contains("{type}")) {
            (true, true) => {
                ("searchOfCompartmentByForm", format!("Search by form for one type among {about}"))
            }
            (false, true) => ("searchOfCompartment", format!("Search for one type among {about}")),
            (true, false) => ("searchOfWholeCompartmentByForm", format!("Search by form among {about}")),
            (false, false) => ("searchOfWholeCompartment", format!("Search among {about}")),
        }
    }

    fn scope(&self) -> Option<Vec<String>> {
        let letter = match self.row.kind {
            Kind::Capabilities | Kind::AsyncStatus | Kind::AsyncCancel => return None,
            Kind::Batch => return Some(vec!["user/*.cruds".into()]),
            Kind::Read | Kind::Vread | Kind::History => "r",
            Kind::Create => "c",
            Kind::Update => "u",
            Kind::ConditionalUpdate => "cus",
            Kind::Patch => "ru",
            Kind::ConditionalPatch => "rus",
            Kind::Delete => "d",
            Kind::ConditionalDelete => "ds",
            Kind::Search | Kind::SystemSearch | Kind::CompartmentSearch => "s",
            Kind::TypeHistory | Kind::SystemHistory => "s",
            Kind::Operation => return None,
        };
        Some(vec![format!("user/{}.{letter}", self.ty.map_or("*", ResourceType::name))])
    }

    fn with_path_and_headers(&self, mut operation: OperationBuilder) -> OperationBuilder {
        let example = self.ty.and_then(|ty| examples::id(ty.name()));
        for part in self.row.path.split('/') {
            operation =
                match part {
                    "{type}" if self.ty.is_none() => operation.parameter(parameters::in_path(
                        "type",
                        "A resource type of R4",
                        Some("Organization"),
                    )),
                    "{compartment}" => operation.parameter(parameters::in_path(
                        "compartment",
                        &format!("The type of what it belongs to: {}", COMPARTMENTS.join(", ")),
                        Some("Patient"),
                    )),
                    "{id}" if self.row.path.starts_with("{compartment}/") => operation.parameter(
                        parameters::in_path("id", "The logical id of that", examples::id("Patient")),
                    ),
                    "{id}" if self.row.path.starts_with("async/") => operation
                        .parameter(parameters::in_path("id", "What ended the URL in Content-Location", None)),
                    "{id}" => operation.parameter(parameters::in_path("id", "The logical id", example)),
                    "{version}" => {
                        operation.parameter(parameters::in_path("version", "The version, from 1", Some("1")))
                    }
                    _ => operation,
                };
        }
        let headers: &[&str] = match self.row.kind {
            Kind::Read | Kind::Vread => &["IfNoneMatch", "IfModifiedSince", "Prefer", "PurposeOfUse"],
            Kind::Create => &["IfNoneExist", "Prefer"],
            Kind::Update => &["IfMatch", "OnlyIfNone", "Prefer"],
            Kind::ConditionalUpdate | Kind::Patch => &["IfMatch", "Prefer"],
            Kind::ConditionalPatch | Kind::Delete | Kind::ConditionalDelete => &["IfMatch", "Prefer"],
            Kind::Batch => &["Prefer"],
            Kind::Search | Kind::SystemSearch | Kind::CompartmentSearch => &["Prefer", "PurposeOfUse"],
            Kind::History | Kind::TypeHistory | Kind::SystemHistory => &["Prefer", "PurposeOfUse"],
            Kind::Capabilities => &["IfNoneMatch"],
            Kind::Operation | Kind::AsyncStatus | Kind::AsyncCancel => &[],
        };
        headers
            .iter()
            .fold(operation, |operation, name| operation.parameter_ref(parameters::shared_ref(name)))
    }

    fn with_query(&self, mut operation: OperationBuilder) -> OperationBuilder {
        operation = match (self.row.kind, self.row.method) {
            (Kind::Search | Kind::SystemSearch | Kind::CompartmentSearch, Method::Get) => {
                if !self.row.path.contains("{type}") {
                    let words = "The types that are meant, separated by commas: `Condition,Goal`";
                    operation = operation.parameter(parameters::in_query("_type", words).build());
                }
                let own = self.ty.map(|ty| parameters::of_search(self.definitions, ty)).unwrap_or_default();
                operation = own.into_iter().fold(operation, OperationBuilder::parameter);
                parameters::of_every_search().fold(operation, OperationBuilder::parameter_ref)
            }
            (Kind::History | Kind::TypeHistory | Kind::SystemHistory, _) => {
                parameters::of_every_history().into_iter().fold(operation, OperationBuilder::parameter)
            }
            (Kind::Read | Kind::Vread, _) => {
                let parts = parameters::of_every_read().into_iter();
                parts.fold(operation, OperationBuilder::parameter)
            }
            (Kind::Capabilities, _) => operation.parameter(
                parameters::in_query("mode", "`full`, as without it; `normative`; `terminology`").build(),
            ),
            (Kind::ConditionalUpdate | Kind::ConditionalPatch | Kind::ConditionalDelete, _) => {
                operation.parameter_ref(parameters::shared_ref("Criteria"))
            }
            _ => operation,
        };
        let formats = ["Format", "Pretty"].map(parameters::shared_ref);
        formats.into_iter().fold(operation, OperationBuilder::parameter_ref)
    }

    fn request_body(&self) -> Option<RequestBody> {
        let schema = self.ty.map_or("Resource", ResourceType::name);
        let (words, schema, example) = match (self.row.kind, self.row.method) {
            (Kind::Create, _) => {
                ("The resource; an `id` in it is ignored", schema, examples::resource(schema))
            }
            (Kind::Update, _) => {
                ("The whole resource, with the `id` of the URL", schema, examples::resource_with_id(schema))
            }
            (Kind::ConditionalUpdate, _) => (
                "The whole resource, without an `id` or with that of the one that the query finds",
                schema,
                examples::resource(schema),
            ),
            (Kind::Patch | Kind::ConditionalPatch, _) => return Some(bodies::patch()),
            (Kind::Batch, _) => {
                ("A Bundle of type `transaction` or `batch`", "Bundle", examples::resource("Bundle"))
            }
            (Kind::Search | Kind::SystemSearch | Kind::CompartmentSearch, Method::Post) => {
                return Some(bodies::form());
            }
            _ => return None,
        };
        Some(bodies::resource(words, schema, example))
    }
}
