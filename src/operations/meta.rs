//! `$meta`: the profiles, tags and security labels of a resource, of a type or of everything.
//! <https://hl7.org/fhir/R4/resource-operation-meta.html>

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::app::Answer;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::parameters::Output;
use crate::operations::Call;

/// What of a Meta is collected.
pub(crate) const LISTS: [&str; 3] = ["profile", "security", "tag"];

/// The whole meta of a resource; of a type and of everything all that occurs, as far as the caller may see it.
///
/// # Errors
/// `Forbidden` where the caller may search nothing.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let (ty, id) = call.target.map_or((None, None), |(ty, id)| (Some(ty), id));
    if let (Some(ty), Some(id)) = (ty, id) {
        let stored = session.read(ty, &id)?;
        return Ok(answer(stored.value()?.get("meta").cloned().unwrap_or_default()));
    }
    let mut found: [BTreeMap<String, Value>; 3] = Default::default();
    for resource in session.examples_of_meta(ty)? {
        let Some(Value::Object(meta)) = resource.value()?.get_mut("meta").map(Value::take) else { continue };
        for (list, found) in LISTS.into_iter().zip(&mut found) {
            for item in meta.get(list).and_then(Value::as_array).into_iter().flatten() {
                found.entry(identity(item)).or_insert_with(|| plain(item));
            }
        }
    }
    let lists = LISTS.into_iter().zip(found).filter(|(_, found)| !found.is_empty());
    let meta: Map<String, Value> =
        lists.map(|(list, found)| (list.to_owned(), found.into_values().collect())).collect();
    Ok(answer(Value::Object(meta)))
}

/// The answer of each of the three operations: the meta, if there is anything in it.
pub(crate) fn answer(meta: Value) -> Answer {
    let output = Output::new();
    let is_empty = meta.as_object().is_none_or(Map::is_empty);
    Answer::value(if is_empty { output } else { output.value("return", "Meta", meta) }.into_value())
}

/// What makes an item the same as another: its URI, or its system and code.
pub(crate) fn identity(item: &Value) -> String {
    match item.as_str() {
        Some(uri) => uri.to_owned(),
        None => json!([item.get("system"), item.get("code")]).to_string(),
    }
}

/// A coding without what is a single resource's own matter.
fn plain(item: &Value) -> Value {
    let Some(coding) = item.as_object() else { return item.clone() };
    let kept =
        coding.iter().filter(|(name, _)| matches!(name.as_str(), "system" | "version" | "code" | "display"));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into()
}
