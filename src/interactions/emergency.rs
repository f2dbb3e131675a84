//! What a request asks for that is made in an emergency, as its record says it.
//! <https://hl7.org/fhir/R4/valueset-audit-event-sub-type.html>

use std::collections::BTreeSet;

use crate::app::HistoryOf;
use crate::app::emergency::Emergency;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::fhir::form;
use crate::fhir::reference::Reference;
use crate::interactions::Interaction;
use crate::interactions::request::Body;
use crate::interactions::request::Request;

/// By which a search says whose resources it asks for.
const WHOSE: [&str; 3] = ["patient", "subject", "individual"];

/// What is asked for.
///
/// # Errors
/// As a search, for a query that cannot be read.
pub(super) fn emergency(interaction: &Interaction, request: &Request) -> Result<Emergency, Failure> {
    let form = match &request.body {
        Some(Body::Form(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Body::Json(_) | Body::Patch(..) | Body::Resource(_) | Body::Broken(_)) | None => String::new(),
    };
    let queries = [request.query.as_str(), form.as_str()];
    let query = queries.into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>().join("&");
    let target = target(interaction);
    let about_patients = matches!(interaction, Interaction::Search { field }
        if field.ty.is_some_and(|ty| ty.name() == "Patient"));
    let mut patients = BTreeSet::new();
    for (name, value) in form::pairs(&query)? {
        let names = WHOSE.contains(&name.split([':', '.']).next().unwrap_or_default())
            || (about_patients && name == "_id");
        for one in value.split(',') {
            let local = Reference::parse(one).local();
            match local {
                Some(local) if local.ty.name() == "Patient" => patients.insert(local.id.to_owned()),
                None if names && !name.contains('.') => patients.insert(one.to_owned()),
                Some(_) | None => continue,
            };
        }
    }
    let asked = if query.is_empty() { request.path.clone() } else { format!("{}?{query}", request.path) };
    Ok(Emergency { interaction: name(interaction), asked, target, patients })
}

/// The resource that is named.
fn target(interaction: &Interaction) -> Option<(ResourceType, String)> {
    match interaction {
        Interaction::Read { ty, id }
        | Interaction::Vread { ty, id, .. }
        | Interaction::History { of: HistoryOf::One(ty, id) } => Some((*ty, id.clone())),
        Interaction::Operation { target, .. } => {
            target.as_ref().and_then(|(ty, id)| Some((*ty, id.clone()?)))
        }
        Interaction::Search { field } => field.within.as_ref().map(|within| (within.ty, within.id.clone())),
        Interaction::Capabilities
        | Interaction::Create { .. }
        | Interaction::Update { .. }
        | Interaction::Patch { .. }
        | Interaction::Delete { .. }
        | Interaction::History { .. }
        | Interaction::Batch
        | Interaction::AsyncStatus { .. }
        | Interaction::AsyncCancel { .. } => None,
    }
}

/// The interaction as R4 calls it.
fn name(interaction: &Interaction) -> &'static str {
    match interaction {
        Interaction::Capabilities => "capabilities",
        Interaction::Read { .. } | Interaction::AsyncStatus { .. } => "read",
        Interaction::Vread { .. } => "vread",
        Interaction::Create { .. } => "create",
        Interaction::Update { .. } => "update",
        Interaction::Patch { .. } => "patch",
        Interaction::Delete { .. } | Interaction::AsyncCancel { .. } => "delete",
        Interaction::History { of: HistoryOf::One(..) } => "history-instance",
        Interaction::History { of: HistoryOf::Type(_) } => "history-type",
        Interaction::History { of: HistoryOf::All } => "history-system",
        Interaction::Search { field } if field.ty.is_some() => "search-type",
        Interaction::Search { .. } => "search-system",
        Interaction::Batch => "batch",
        Interaction::Operation { .. } => "operation",
    }
}
