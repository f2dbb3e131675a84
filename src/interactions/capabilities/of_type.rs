//! What each type has: its interactions, conditions, parameters and operations, from the lists that they are done by.
//! <https://hl7.org/fhir/R4/capabilitystatement.html#rest>

use serde_json::Value;
use serde_json::json;

use crate::app::App;
use crate::app::ConditionalDelete;
use crate::definitions::us_core;
use crate::fhir::ResourceType;
use crate::fhir::operation::Definition;
use crate::interactions::capabilities::WithoutEmptyLists;
use crate::interactions::route;
use crate::interactions::route::Kind;
use crate::operations;
use crate::search;

/// A type.
pub(super) fn resource(app: &App, ty: ResourceType) -> Value {
    json!({
        "type": ty.name(),
        "profile": format!("http://hl7.org/fhir/StructureDefinition/{ty}"),
        "supportedProfile": supported_profiles(ty),
        "documentation": documentation(ty),
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

/// The profiles that `$validate` checks without their being sent, and that writes are held to where that is set.
fn supported_profiles(ty: ResourceType) -> Vec<&'static str> {
    let held = us_core().map(|library| library.profiles().filter(|profile| profile.ty == ty.name()));
    let mut urls: Vec<&str> = held.into_iter().flatten().map(|profile| profile.url.as_str()).collect();
    urls.sort_unstable();
    // Several versions of a profile have one URL.
    urls.dedup();
    urls
}

/// What differs from what the type promises; nothing for nearly all.
fn documentation(ty: ResourceType) -> &'static str {
    match ty.name() {
        "Subscription" => {
            "No notifications are sent. A Subscription with the status off or error is stored as a record; one that is \
             requested or active is refused."
        }
        _ => "",
    }
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
        | Kind::SystemSearch
        | Kind::CompartmentSearch
        | Kind::SystemHistory
        | Kind::Batch
        | Kind::Operation
        | Kind::AsyncStatus
        | Kind::AsyncCancel => None,
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
    app.parameter_set()
        .parameters
        .of(ty)
        .filter(|parameter| parameter.is_searchable())
        .filter(own)
        .map(search_parameter)
        .collect()
}

/// The parameters that every type has.
pub(super) fn parameters_for_all(app: &App) -> Vec<Value> {
    let any = ResourceType::all().next().expect("R4 has resource types");
    let set = app.parameter_set();
    let for_all =
        set.parameters.of(any).filter(|parameter| parameter.is_searchable() && is_for_all(parameter));
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

/// Whether an include can go along it.
fn is_followed(parameter: &search::Parameter) -> bool {
    parameter.leads_on() && parameter.is_searchable()
}

fn includes(app: &App, ty: ResourceType) -> Vec<String> {
    let set = app.parameter_set();
    let references = set.parameters.of(ty).filter(|parameter| is_followed(parameter));
    let mut all: Vec<String> = references.map(|parameter| format!("{ty}:{}", parameter.code)).collect();
    if !all.is_empty() {
        all.splice(0..0, ["*".to_owned(), format!("{ty}:*")]);
    }
    all
}

fn reverse_includes(app: &App, ty: ResourceType) -> Vec<String> {
    let set = app.parameter_set();
    let points_here =
        |parameter: &&search::Parameter| is_followed(parameter) && parameter.target.contains(&ty);
    let from = |source: ResourceType| {
        let parameters = set.parameters.of(source).filter(points_here);
        parameters.map(move |parameter| format!("{source}:{}", parameter.code))
    };
    let mut all: Vec<String> = ResourceType::all().flat_map(from).collect();
    if !all.is_empty() {
        all.insert(0, "*".to_owned());
    }
    all
}

/// The operations that are here.
pub(super) fn operations(app: &App, is_here: impl Fn(&Definition) -> bool) -> Vec<Value> {
    let here = operations::offered(app).iter().map(|offered| &offered.definition).filter(|own| is_here(own));
    here.map(|definition| json!({ "name": definition.code, "definition": definition.url })).collect()
}
