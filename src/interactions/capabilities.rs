//! capabilities: what this server can do, from the lists that it does it by.
//! <https://hl7.org/fhir/R4/http.html#capabilities>

use std::sync::Mutex;
use std::sync::PoisonError;

use serde_json::Value;
use serde_json::json;

use crate::app::Answer;
use crate::app::App;
use crate::app::ConditionalDelete;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::form;
use crate::fhir::operation::Definition;
use crate::interactions::request::Request;
use crate::interactions::route;
use crate::interactions::route::Kind;
use crate::operations;
use crate::search;

/// When what is said below last changed.
const DATE: &str = "2026-11-22";
/// The types whose definitions R4 has declared normative.
const NORMATIVE: [&str; 11] = [
    "Binary",
    "Bundle",
    "CapabilityStatement",
    "CodeSystem",
    "Observation",
    "OperationDefinition",
    "OperationOutcome",
    "Parameters",
    "Patient",
    "StructureDefinition",
    "ValueSet",
];
/// For how many base URLs the statement is kept.
const KEPT: usize = 8;

/// What `mode` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Full,
    Normative,
    Terminology,
}

/// The CapabilityStatement, or the TerminologyCapabilities where `mode` asks for these.
///
/// # Errors
/// `Invalid` for another parameter or mode.
pub fn capabilities(session: &Session, request: &Request) -> Result<Answer, Failure> {
    let mode = mode(&request.query)?;
    Ok(Answer::bytes(kept(session, mode)))
}

fn mode(query: &str) -> Result<Mode, Failure> {
    let mut mode = Mode::Full;
    for (name, value) in form::pairs(query)? {
        mode = match (name.as_str(), value.as_str()) {
            ("mode", "full") => Mode::Full,
            ("mode", "normative") => Mode::Normative,
            ("mode", "terminology") => Mode::Terminology,
            ("mode", _) => {
                return Err(Failure::new(Reason::Invalid, "`mode` is full, normative or terminology."));
            }
            ("_format" | "_pretty", _) => mode,
            _ => return Err(Failure::new(Reason::Invalid, "The only parameter of metadata is `mode`.")),
        };
    }
    Ok(mode)
}

/// The bytes for this base URL, made when first asked for. Definitions are part of the binary, so nothing else can
/// change them while the process runs.
fn kept(session: &Session, mode: Mode) -> Vec<u8> {
    static KEPT_STATEMENTS: Mutex<Vec<(Mode, String, Vec<u8>)>> = Mutex::new(Vec::new());
    let base_url = session.base_url();
    let mut kept = KEPT_STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, _, bytes)) = kept.iter().find(|(own, url, _)| *own == mode && url == base_url) {
        return bytes.clone();
    }
    let value = match mode {
        Mode::Full | Mode::Normative => statement(session.app(), base_url, mode),
        Mode::Terminology => terminology(session.app(), base_url),
    };
    let bytes = value.to_string().into_bytes();
    kept.truncate(KEPT - 1);
    kept.insert(0, (mode, base_url.to_owned(), bytes.clone()));
    bytes
}

fn statement(app: &App, base_url: &str, mode: Mode) -> Value {
    let types = ResourceType::all().filter(|ty| mode == Mode::Full || NORMATIVE.contains(&ty.name()));
    json!({
        "resourceType": "CapabilityStatement",
        "url": format!("{base_url}/metadata"),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "Comfrey",
        "title": "Comfrey: FHIR R4 for palliative care",
        "status": "active",
        "experimental": false,
        "date": DATE,
        "publisher": "Comfrey",
        "description": "Finds people who may benefit from palliative care, explains why, enrols them and shares \
                        their care plans.",
        "kind": "instance",
        "software": { "name": "Comfrey", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "Comfrey", "url": base_url },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": ["application/json-patch+json", "application/merge-patch+json"],
        "rest": [{
            "mode": "server",
            "documentation": "Unknown search parameters are refused. A transaction is written completely or not at \
                              all. Version ids count from 1.",
            "security": security(),
            "resource": types.map(|ty| resource(app, ty)).collect::<Vec<_>>(),
            "interaction": [{ "code": "transaction" }, { "code": "batch" }, { "code": "history-system" }],
            "searchParam": parameters_for_all(app),
            "operation": operations(app, |definition| definition.system),
            "compartment": ["http://hl7.org/fhir/CompartmentDefinition/patient"],
        }],
    })
    .without_empty_lists()
}

fn security() -> Value {
    json!({
        "cors": true,
        "service": [{
            "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                "code": "SMART-on-FHIR",
                "display": "SMART-on-FHIR",
            }],
            "text": "OAuth 2 by the SMART App Launch guide",
        }],
        "description": "Bearer tokens with SMART scopes for system, user and patient; a patient's scope reaches that \
                        patient's compartment alone.",
    })
}

fn resource(app: &App, ty: ResourceType) -> Value {
    json!({
        "type": ty.name(),
        "profile": format!("http://hl7.org/fhir/StructureDefinition/{ty}"),
        "interaction": interactions().iter().map(|code| json!({ "code": code })).collect::<Vec<_>>(),
        "versioning": "versioned-update",
        "readHistory": true,
        "updateCreate": true,
        "conditionalCreate": true,
        "conditionalRead": "full-support",
        "conditionalUpdate": offers(Kind::ConditionalUpdate),
        "conditionalDelete": conditional_delete(app),
        "referencePolicy": ["literal", "logical", "local"],
        "searchInclude": includes(app, ty),
        "searchRevInclude": reverse_includes(app, ty),
        "searchParam": search_parameters(app, ty),
        "operation": operations(app, |definition| {
            (definition.type_level || definition.instance) && definition.is_on(ty)
        }),
    })
    .without_empty_lists()
}

/// The codes of the interactions that the route table has for every type.
/// <https://hl7.org/fhir/R4/valueset-type-restful-interaction.html>
fn interactions() -> Vec<&'static str> {
    let code = |kind: Kind| match kind {
        Kind::Read => Some("read"),
        Kind::Vread => Some("vread"),
        Kind::Create => Some("create"),
        Kind::Update => Some("update"),
        Kind::Patch => Some("patch"),
        Kind::Delete => Some("delete"),
        Kind::History => Some("history-instance"),
        Kind::TypeHistory => Some("history-type"),
        Kind::Search => Some("search-type"),
        Kind::Capabilities
        | Kind::ConditionalUpdate
        | Kind::ConditionalPatch
        | Kind::ConditionalDelete
        | Kind::CompartmentSearch
        | Kind::SystemHistory
        | Kind::Batch
        | Kind::Operation => None,
    };
    let mut codes: Vec<&str> = route::table().filter_map(|row| code(row.kind)).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Whether the route table has a row of this kind.
fn offers(kind: Kind) -> bool {
    route::table().any(|row| row.kind == kind)
}

/// <https://hl7.org/fhir/R4/valueset-conditional-delete-status.html>
fn conditional_delete(app: &App) -> &'static str {
    match app.config.conditional_delete {
        _ if !offers(Kind::ConditionalDelete) => "not-supported",
        ConditionalDelete::Single => "single",
        ConditionalDelete::Multiple => "multiple",
    }
}

/// The parameters of a type, and of those that every type has the two that clients look for here.
fn search_parameters(app: &App, ty: ResourceType) -> Vec<Value> {
    let own = |parameter: &&search::Parameter| {
        !is_for_all(parameter) || matches!(parameter.code.as_str(), "_id" | "_lastUpdated")
    };
    app.parameters
        .of(ty)
        .filter(|parameter| parameter.is_searchable())
        .filter(own)
        .map(search_parameter)
        .collect()
}

/// The parameters that every type has.
fn parameters_for_all(app: &App) -> Vec<Value> {
    let any = ResourceType::all().next().expect("R4 has resource types");
    let for_all =
        app.parameters.of(any).filter(|parameter| parameter.is_searchable() && is_for_all(parameter));
    for_all.map(search_parameter).collect()
}

fn is_for_all(parameter: &search::Parameter) -> bool {
    parameter.code.starts_with('_')
}

fn search_parameter(parameter: &search::Parameter) -> Value {
    json!({
        "name": parameter.code,
        "definition": parameter.url,
        "type": parameter.kind.name(),
        "documentation": parameter.documentation,
    })
    .without_empty_lists()
}

fn includes(app: &App, ty: ResourceType) -> Vec<String> {
    let references = app.parameters.of(ty).filter(|parameter| parameter.kind == search::Kind::Reference);
    references.map(|parameter| format!("{ty}:{}", parameter.code)).collect()
}

fn reverse_includes(app: &App, ty: ResourceType) -> Vec<String> {
    let points_here = |parameter: &&search::Parameter| {
        parameter.kind == search::Kind::Reference && parameter.target.contains(&ty)
    };
    let from = |source: ResourceType| {
        let parameters = app.parameters.of(source).filter(points_here);
        parameters.map(move |parameter| format!("{source}:{}", parameter.code))
    };
    ResourceType::all().flat_map(from).collect()
}

fn operations(app: &App, is_here: impl Fn(&Definition) -> bool) -> Vec<Value> {
    let here = operations::offered(app).iter().map(|offered| &offered.definition).filter(|own| is_here(own));
    here.map(|definition| json!({ "name": definition.code, "definition": definition.url })).collect()
}

fn terminology(app: &App, base_url: &str) -> Value {
    json!({
        "resourceType": "TerminologyCapabilities",
        "url": format!("{base_url}/metadata?mode=terminology"),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "ComfreyTerminology",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": { "name": "Comfrey", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "Comfrey", "url": base_url },
        "codeSystem": app.definitions.code_systems.keys().map(|uri| json!({ "uri": uri })).collect::<Vec<_>>(),
    })
    .without_empty_lists()
}

/// FHIR's JSON has neither empty lists nor empty texts.
trait WithoutEmptyLists {
    fn without_empty_lists(self) -> Value;
}

impl WithoutEmptyLists for Value {
    fn without_empty_lists(mut self) -> Value {
        if let Some(object) = self.as_object_mut() {
            object.retain(|_, value| value != &json!([]) && value != &json!(""));
            for list in object.values_mut().filter_map(Value::as_array_mut) {
                list.iter_mut().for_each(|item| *item = item.take().without_empty_lists());
            }
        }
        self
    }
}
