//! A reference: to a resource here, by id, type and id or full URL, or to one elsewhere.
//! <https://hl7.org/fhir/R4/search.html#reference>
//!
//! What a document or a message begins with stands in its Bundle itself, with an id that may be that of another resource
//! stored here. It is found by its id, and its row points to nothing that is stored.

use serde_json::Value;

use crate::fhir::ResourceType;
use crate::fhir::reference::Local;
use crate::fhir::reference::Reference;
use crate::fhir::reference::is_id;
use crate::search::bearing::Nature;
use crate::search::canonical;
use crate::search::contained;
use crate::search::contained::FRAGMENT;
use crate::search::fold::bounded;
use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::kinds::token;
use crate::search::modifier::Modifier;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::rows::ELSEWHERE;
use crate::search::rows::IndexRows;
use crate::search::rows::ReferenceRow;
use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::search::value::unescaped;

pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    let param = found.parameter.number;
    let mut push = |target_type: i64, id: &str| {
        rows.references.push(ReferenceRow { param, target_type, target_id: bounded(id) });
    };
    match found.hit.value {
        // A canonical or a URI; it is found with and without the version and the part that it names.
        Value::String(url) => canonical::forms(url).iter().for_each(|form| push(ELSEWHERE, form)),
        Value::Object(members) if found.parameter.nature == Nature::Whole => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let ty = text("resourceType").and_then(ResourceType::parse);
            let ty = ty.filter(|ty| found.parameter.target.contains(ty));
            if let (Some(ty), Some(id)) = (ty, text("id")) {
                push(ELSEWHERE, &format!("{ty}/{id}"));
            }
        }
        Value::Object(members) => {
            match members.get("reference").and_then(Value::as_str).map(Reference::parse) {
                Some(Reference::Local(local)) => {
                    push(local.ty.number(), local.id);
                    if let Some(version) = local.version {
                        push(ELSEWHERE, &versioned(local, version));
                    }
                }
                Some(Reference::Urn(url) | Reference::Elsewhere(url)) => push(ELSEWHERE, url),
                // Which type it is of tells the resource in which it stands.
                Some(Reference::Contained(id)) => push(FRAGMENT, id),
                // These point to nothing that is stored.
                Some(Reference::Conditional { .. } | Reference::Unreadable) | None => {}
            }
            if let Some(identifier) = members.get("identifier") {
                token::index_identifier(found, identifier, rows);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
    }
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let text = unescaped(asked.value);
    let named = match asked.modifier {
        // The identifier has rows of its own, under a number of its own.
        Some(Modifier::Identifier) => return token::understand(asked),
        Some(Modifier::Type(ty)) => Some(ty),
        _ => None,
    };
    let allowed = |ty: ResourceType| {
        let targets = &asked.parameter.target;
        targets.is_empty() || targets.contains(&ty)
    };
    if let Some(ty) = named.filter(|ty| !allowed(*ty)) {
        return Err(not_a_target(asked, ty));
    }
    // A canonical with its version is compared as it is.
    if text.contains('|') {
        return Ok(elsewhere(&text));
    }
    match Reference::parse_under(&text, asked.context.base_url) {
        Reference::Local(local) if !allowed(local.ty) => Err(not_a_target(asked, local.ty)),
        Reference::Local(local) if named.is_some_and(|ty| ty != local.ty) => {
            Err(format!("`{text}` is not of the type that the modifier names."))
        }
        // Only the reference to that very version; without one, it is found whatever version it names.
        Reference::Local(local @ Local { version: Some(version), .. }) => {
            Ok(elsewhere(&versioned(local, version)))
        }
        Reference::Local(local) if asked.parameter.nature == Nature::Whole => {
            Ok(local_to(asked, &[local.ty], local.id))
        }
        // A canonical keeps the whole URL, even of a definition here.
        Reference::Local(local) if text.contains("://") => Ok(either(local, &text)),
        Reference::Local(local) => Ok(local_to(asked, &[local.ty], local.id)),
        Reference::Urn(url) | Reference::Elsewhere(url) => Ok(elsewhere(url)),
        // A part of a definition here, which a canonical names by the whole URL.
        Reference::Unreadable if text.contains("://") && text.contains('#') => Ok(elsewhere(&text)),
        Reference::Contained(_) | Reference::Conditional { .. } | Reference::Unreadable if !is_id(&text) => {
            Err("A reference is an id, `Type/id` or an absolute URL.".into())
        }
        Reference::Contained(_) | Reference::Conditional { .. } | Reference::Unreadable => Ok(match named {
            Some(ty) => local_to(asked, &[ty], &text),
            None if asked.parameter.target.is_empty() => {
                local_to(asked, &ResourceType::all().collect::<Vec<_>>(), &text)
            }
            None => local_to(asked, &asked.parameter.target, &text),
        }),
    }
}

fn local_to(asked: &Asked, types: &[ResourceType], id: &str) -> Understood {
    if let (Nature::Whole, [ty]) = (asked.parameter.nature, types) {
        return elsewhere(&format!("{ty}/{id}"));
    }
    let canonical = match types {
        [ty] => format!("{ty}/{id}"),
        _ => id.to_owned(),
    };
    let types: Vec<Bind> = types.iter().map(|ty| ty.number().into()).collect();
    Understood { canonical, condition: points_to(types, id.into()) }
}

fn elsewhere(url: &str) -> Understood {
    Understood {
        canonical: url.to_owned(),
        condition: points_to(vec![ELSEWHERE.into()], bounded(url).into()),
    }
}

/// A reference to a resource of this type, contained or not, that a row tells though the reference does not.
pub(in crate::search) fn known_by_row(ty: ResourceType) -> Condition {
    let types = [contained::target(ty.number()).into(), ty.number().into()];
    let sql = Sql::of("target_type IN (?, ?)", types);
    Condition { sql, leading: Vec::new(), reach: Reach::Range }
}

/// A reference to a resource here, or a canonical with its URL.
fn either(local: Local, url: &str) -> Understood {
    let (ty, id): (Bind, Bind) = (local.ty.number().into(), local.id.into());
    let (other, url): (Bind, Bind) = (ELSEWHERE.into(), bounded(url).into());
    let sql = Sql::of(
        "(target_type = ? AND target_id = ? OR target_type = ? AND target_id = ?)",
        [ty.clone(), id.clone(), other.clone(), url.clone()],
    );
    let leading = vec![("target_type", vec![ty, other]), ("target_id", vec![id, url])];
    let canonical = format!("{}/{}", local.ty, local.id);
    Understood { canonical, condition: Condition { sql, leading, reach: Reach::Equal } }
}

/// The reference to one version, without the service's own URL.
fn versioned(local: Local, version: &str) -> String {
    format!("{}/{}/_history/{version}", local.ty, local.id)
}

fn points_to(types: Vec<Bind>, id: Bind) -> Condition {
    let (sql, reach) = match types.as_slice() {
        [ty] => (Sql::of("target_type = ?", [ty.clone()]), Reach::Exact),
        types => {
            (Sql::of("target_type IN (", []).append(Sql::list(types.to_vec())).push(")", []), Reach::Equal)
        }
    };
    let sql = sql.push(" AND target_id = ?", [id.clone()]);
    Condition { sql, leading: vec![("target_type", types), ("target_id", vec![id])], reach }
}

fn not_a_target(asked: &Asked, ty: ResourceType) -> String {
    let known: Vec<&str> = asked.parameter.target.iter().map(|ty| ty.name()).collect();
    format!("It never refers to {ty}, only to {}.", known.join(", "))
}
