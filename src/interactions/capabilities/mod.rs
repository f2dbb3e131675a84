//! capabilities: what this server can do, from the lists that it does it by.
//! <https://hl7.org/fhir/R4/http.html#capabilities>

mod of_type;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;

use aws_lc_rs::digest;
use serde_json::Value;
use serde_json::json;

use crate::app::Answer;
use crate::app::App;
use crate::app::Session;
use crate::definitions::terminology::r4_code_systems;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::form;
use crate::interactions::capabilities::of_type::operations as offered;
use crate::interactions::capabilities::of_type::parameters_for_all;
use crate::interactions::capabilities::of_type::resource;
use crate::interactions::request::Request;
use crate::interactions::route;
use crate::interactions::subset;
use crate::interactions::subset::Subset;
use crate::operations;

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

impl Mode {
    /// The type of what it asks for.
    fn type_name(self) -> &'static str {
        match self {
            Self::Full | Self::Normative => "CapabilityStatement",
            Self::Terminology => "TerminologyCapabilities",
        }
    }
}

/// The CapabilityStatement, or the TerminologyCapabilities where `mode` asks for these.
///
/// # Errors
/// `Invalid` for another parameter or mode.
pub fn capabilities(session: &Session, request: &Request) -> Result<Answer, Failure> {
    let mode = mode(&request.query)?;
    let subset = subset::of_write(ResourceType::parse(mode.type_name()), &mut request.clone())?;
    let (tag, bytes) = kept(session, mode);
    if subset != Subset::All {
        return Ok(Answer::bytes(subset.apply(bytes)?));
    }
    let known = request.conditions.if_none_match.as_deref();
    if known.is_some_and(|known| known.split(',').any(|own| [tag.as_str(), "*"].contains(&own.trim()))) {
        return Ok(Answer { tag: Some(tag), ..Answer::empty(304) });
    }
    Ok(Answer { tag: Some(tag), ..Answer::bytes(bytes) })
}

fn mode(query: &str) -> Result<Mode, Failure> {
    let mut mode = Mode::Full;
    for (name, value) in form::pairs(query)? {
        mode = match (name.as_str(), value.as_str()) {
            ("mode", "full") => Mode::Full,
            ("mode", "normative") => Mode::Normative,
            ("mode", "terminology") => Mode::Terminology,
            ("mode", _) => {
                let text = "`mode` is full, normative or terminology.";
                return Err(Failure::new(Reason::Invalid, text).at("http.mode"));
            }
            ("_format" | "_pretty" | "_summary" | "_elements", _) => mode,
            _ => {
                let text = "metadata has the parameters `mode`, `_summary` and `_elements`.";
                return Err(Failure::new(Reason::Invalid, text));
            }
        };
    }
    Ok(mode)
}

/// The bytes for this base URL, made when first asked for, and again where clients have changed the search parameters.
/// All else is part of the binary.
fn kept(session: &Session, mode: Mode) -> (String, Vec<u8>) {
    static KEPT_STATEMENTS: Mutex<Vec<Kept>> = Mutex::new(Vec::new());
    let base_url = session.base_url();
    let mut kept = KEPT_STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let settings = settings(session.app());
    if let Some(own) = kept.iter().find(|own| own.is_of(mode, base_url, &settings)) {
        return (own.tag.clone(), own.bytes.clone());
    }
    let value = match mode {
        Mode::Full | Mode::Normative => statement(session.app(), base_url, mode),
        Mode::Terminology => terminology(session.app(), base_url),
    };
    let bytes = value.to_string().into_bytes();
    let digest = digest::digest(&digest::SHA256, &bytes);
    let tag: String = digest.as_ref().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("W/\"{tag}\"");
    if session.app().is_provisional() {
        // What it speaks of may never come to be, and something else may take its number.
        return (tag, bytes);
    }
    kept.truncate(KEPT - 1);
    let own = Kept { mode, base_url: base_url.to_owned(), settings, tag: tag.clone(), bytes: bytes.clone() };
    kept.insert(0, own);
    (tag, bytes)
}

/// A statement that was made, with what it was made for.
struct Kept {
    mode: Mode,
    base_url: String,
    settings: String,
    tag: String,
    bytes: Vec<u8>,
}

impl Kept {
    fn is_of(&self, mode: Mode, base_url: &str, settings: &str) -> bool {
        self.mode == mode && self.base_url == base_url && self.settings == settings
    }
}

/// What the statement speaks of beside the definitions: settings, and the search parameters that clients have stored.
fn settings(app: &App) -> String {
    let parameters = app.parameter_set().mark;
    format!("{} {:?} {parameters:?}", app.config.cors_origins.is_empty(), app.config.conditional_delete)
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
        "patchFormat": [
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/fhir+json",
            "application/fhir+xml",
        ],
        "rest": [{
            "mode": "server",
            "documentation": "Unknown search parameters are refused. Chains lead into contained resources; \
                              _contained and _containedType search for these alone or as well, without _include, \
                              _revinclude, _has, _list, _text, _content and compartments. A transaction is written completely or not at \
                              all. Version ids count from 1. Who follows changes asks a history with the `_since` \
                              of the newest version that came; nothing is left out. Operations \
                              whose definition has the extension respond-async are carried out later where the \
                              client prefers that (Prefer: respond-async).",
            "security": security(app),
            "resource": types.map(|ty| resource(app, ty)).collect::<Vec<_>>(),
            "interaction": interactions_of_all(),
            "searchParam": parameters_for_all(app),
            "operation": offered(app, |definition| definition.system),
            "compartment": compartments(),
        }],
    })
    .without_empty_lists()
}

/// What concerns no single type. <https://hl7.org/fhir/R4/valueset-system-restful-interaction.html>
fn interactions_of_all() -> Vec<Value> {
    let codes = ["transaction", "batch", "search-system", "history-system"];
    codes.map(|code| json!({ "code": code })).to_vec()
}

/// Their definitions begin with a small letter.
fn compartments() -> Vec<String> {
    let url = |name: &str| {
        let (first, rest) = name.split_at(1);
        format!("http://hl7.org/fhir/CompartmentDefinition/{}{rest}", first.to_ascii_lowercase())
    };
    route::COMPARTMENTS.map(url).to_vec()
}

fn security(app: &App) -> Value {
    json!({
        "cors": !app.config.cors_origins.is_empty(),
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
        "codeSystem": code_systems(app),
        "expansion": { "paging": true, "parameter": expansion_parameters(app) },
        "validateCode": { "translations": false },
    })
    .without_empty_lists()
}

/// The code systems that are known without their being stored: ours and R4's.
fn code_systems(app: &App) -> Vec<Value> {
    let ours = app.definitions.code_systems.keys().cloned();
    let all: BTreeSet<String> = ours.chain(r4_code_systems().map(str::to_owned)).collect();
    all.into_iter().map(|uri| json!({ "uri": uri })).collect()
}

/// What `$expand` takes, by its own definition.
fn expansion_parameters(app: &App) -> Vec<Value> {
    let expand = operations::offered(app).iter().find(|own| own.definition.code == "expand");
    let inputs = expand.into_iter().flat_map(|own| &own.definition.input);
    inputs.map(|own| json!({ "name": own.name, "documentation": own.documentation })).collect()
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
