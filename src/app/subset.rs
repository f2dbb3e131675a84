//! Parts of a resource on demand: `_summary` and `_elements`. <https://hl7.org/fhir/R4/search.html#summary>
//!
//! Stored bytes are parsed again only where one of the two is asked for.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::app::whole::MARK;
use crate::app::whole::MARK_SYSTEM;
use crate::definitions;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;

/// Which part of each resource is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Subset {
    /// All of it.
    #[default]
    All,
    /// What R4 marks as summary.
    Summary,
    /// The narrative, and what is mandatory.
    Text,
    /// All but the narrative.
    Data,
    /// These elements of the top level, and what is mandatory.
    Elements(Vec<String>),
}

/// What the structure of a type says of an element that a subset may keep.
#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    summary: bool,
    mandatory: bool,
    backbone: bool,
}

type Table = HashMap<String, Flags>;

impl Subset {
    /// What `_summary` and `_elements` ask for, of resources of this type or, without one, of any.
    ///
    /// # Errors
    /// `Invalid` for a value that they do not have, and where both ask for a part.
    pub fn of(
        ty: Option<ResourceType>,
        summary: Option<&str>,
        elements: Option<&str>,
    ) -> Result<Self, Failure> {
        let summary = match summary {
            Some("true") => Self::Summary,
            Some("text") => Self::Text,
            Some("data") => Self::Data,
            Some("false") | None => Self::All,
            Some(_) => {
                let text =
                    "`_summary` is true, text, data or false, and `count` where several are asked for.";
                return Err(Failure::new(Reason::Invalid, text).at("http._summary"));
            }
        };
        let Some(elements) = elements else { return Ok(summary) };
        let names: Vec<String> = elements.split(',').map(|name| name.trim().to_owned()).collect();
        Self::check_elements(ty, &names)?;
        if summary != Self::All {
            return Err(both());
        }
        Ok(Self::Elements(names))
    }

    /// Makes sure that the type, or where none is given any type, has these elements.
    ///
    /// # Errors
    /// `Invalid` for the first that it has not.
    pub fn check_elements(ty: Option<ResourceType>, names: &[String]) -> Result<(), Failure> {
        let has = |ty: ResourceType, name: &str| flags(ty.name(), name).is_some();
        let is_known = |name: &&String| match (name.split_once('.'), ty) {
            // JSON's own, which is always there, and which client libraries ask for.
            _ if *name == "resourceType" => true,
            (Some((of, element)), _) => ResourceType::parse(of).is_some_and(|of| has(of, element)),
            (None, Some(ty)) => has(ty, name),
            (None, None) => ResourceType::all().any(|ty| has(ty, name)),
        };
        let Some(name) = names.iter().find(|name| !is_known(name)) else { return Ok(()) };
        let of = ty.map_or("any type", ResourceType::name);
        let text = format!("`_elements` names `{}`, which is no element of {of}.", shown(name));
        Err(Failure::new(Reason::Invalid, text).at("http._elements"))
    }

    /// Of what goes with the matches of a search, which stays whole where only the matches' elements are named:
    /// `Patient.name` names those of any Patient.
    #[must_use]
    pub fn of_included(&self) -> Self {
        match self {
            Self::Elements(names) => {
                let named: Vec<String> = names.iter().filter(|name| name.contains('.')).cloned().collect();
                if named.is_empty() { Self::All } else { Self::Elements(named) }
            }
            Self::All | Self::Summary | Self::Text | Self::Data => self.clone(),
        }
    }

    /// The resource's bytes, or of them the part that is wanted, marked as such.
    ///
    /// # Errors
    /// `Internal` where stored bytes are no JSON.
    pub fn apply(&self, body: Vec<u8>) -> Result<Vec<u8>, Failure> {
        if *self == Self::All {
            return Ok(body);
        }
        let mut resource: Value = serde_json::from_slice(&body).map_err(Failure::internal)?;
        self.cut(&mut resource);
        Ok(resource.to_string().into_bytes())
    }

    fn cut(&self, resource: &mut Value) {
        let name = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(object) = resource.as_object_mut() else { return };
        match self {
            Self::All => return,
            Self::Data => object.retain(|key, _| key != "text"),
            Self::Text => keep(object, &name, |key, flags| key == "text" || flags.mandatory),
            Self::Elements(names) => {
                let named: Vec<&str> = names.iter().filter_map(|own| of_type(own, &name)).collect();
                if named.is_empty() {
                    return;
                }
                keep(object, &name, |key, flags| {
                    flags.mandatory || named.iter().any(|own| is_named(own, &name, key))
                });
            }
            Self::Summary => summarise(object, &name),
        }
        mark(object);
    }
}

/// Refuses two parts at once.
pub fn both() -> Failure {
    let text = "`_summary` and `_elements` each name a part of the resources; give one of them.";
    Failure::new(Reason::Invalid, text).at("http._elements")
}

/// A name that a client gave, as it is repeated to them.
pub(crate) fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// What an item of `_elements` means for a type: `note` and `Goal.note` are both the note of a Goal.
fn of_type<'a>(own: &'a str, ty: &str) -> Option<&'a str> {
    match own.split_once('.') {
        None => Some(own),
        Some((of, element)) => (of == ty).then_some(element),
    }
}

/// Whether an item of `_elements` names this key: `value` stands for `valueQuantity` too.
fn is_named(own: &str, ty: &str, key: &str) -> bool {
    own == key
        || key.strip_prefix(own).is_some_and(|rest| {
            rest.starts_with(|first: char| first.is_ascii_uppercase())
                && table().contains_key(&format!("{ty}.{own}[x]"))
        })
}

fn keep(object: &mut Map<String, Value>, ty: &str, wanted: impl Fn(&str, Flags) -> bool) {
    object.retain(|key, _| {
        let key = key.strip_prefix('_').unwrap_or(key);
        matches!(key, "resourceType" | "id" | "meta") || wanted(key, flags(ty, key).unwrap_or_default())
    });
}

/// Keeps the elements that are marked as summary, and of those without a data type of their own again only these.
fn summarise(object: &mut Map<String, Value>, path: &str) {
    object.retain(|key, value| {
        let key = key.strip_prefix('_').unwrap_or(key);
        if matches!(key, "resourceType" | "id") {
            return true;
        }
        let flags = flags(path, key).unwrap_or_default();
        if flags.backbone && flags.summary {
            summarise_each(value, &format!("{path}.{key}"));
        }
        flags.summary
    });
}

fn summarise_each(value: &mut Value, path: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| summarise_each(item, path)),
        Value::Object(object) => summarise(object, path),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn mark(object: &mut Map<String, Value>) {
    let tag = json!({
        "system": MARK_SYSTEM,
        "code": MARK,
        "display": "subsetted",
    });
    let meta = object.entry("meta").or_insert_with(|| json!({}));
    match meta.get_mut("tag").and_then(Value::as_array_mut) {
        Some(tags) => tags.push(tag),
        None => meta["tag"] = json!([tag]),
    }
}

/// The flags of an element: of `valueQuantity` those of `value[x]`.
fn flags(path: &str, key: &str) -> Option<Flags> {
    let table = table();
    if let Some(flags) =
        table.get(&format!("{path}.{key}")).or_else(|| table.get(&format!("{path}.{key}[x]")))
    {
        return Some(*flags);
    }
    let capitals = key.char_indices().filter(|(_, letter)| letter.is_ascii_uppercase());
    capitals.map(|(at, _)| &key[..at]).find_map(|stem| table.get(&format!("{path}.{stem}[x]")).copied())
}

/// R4's elements with their flags by path, built when a subset is first asked for.
fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let structures = definitions::r4_structures().expect("the definitions were read at start");
        structures.iter().filter(|structure| structure["kind"] == "resource").flat_map(rows).collect()
    })
}

fn rows(structure: &Value) -> impl Iterator<Item = (String, Flags)> {
    let elements = structure["snapshot"]["element"].as_array().into_iter().flatten();
    elements.filter_map(|element| {
        let flag = |name: &str| element[name].as_bool().unwrap_or(false);
        let row = Flags {
            summary: flag("isSummary"),
            mandatory: element["min"].as_u64().is_some_and(|min| min > 0),
            backbone: element["type"][0]["code"] == "BackboneElement",
        };
        Some((element["path"].as_str()?.to_owned(), row))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(name: &str) -> ResourceType {
        ResourceType::parse(name).expect("a type of R4")
    }

    fn observation() -> Value {
        json!({
            "resourceType": "Observation", "id": "1", "meta": { "versionId": "1" },
            "text": { "status": "generated", "div": "<div/>" }, "status": "final", "code": { "text": "pain" },
            "valueQuantity": { "value": 3 }, "note": [{ "text": "n" }],
            "component": [{ "code": { "text": "c" }, "valueString": "v", "interpretation": [{ "text": "i" }] }],
        })
    }

    fn subset(query: &str) -> Result<Subset, Failure> {
        let one = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        Subset::of(Some(ty("Observation")), one("_summary"), one("_elements"))
    }

    fn keys(query: &str) -> Vec<String> {
        let mut resource = observation();
        subset(query).expect(query).cut(&mut resource);
        resource.as_object().expect("an object").keys().cloned().collect()
    }

    #[test]
    fn each_subset_keeps_what_it_names_and_what_is_mandatory() {
        let base = ["resourceType", "id", "meta"];
        let cases: [(&str, &[&str]); 7] = [
            ("_summary=text", &["text", "status", "code"]),
            ("_summary=data", &["status", "code", "valueQuantity", "note", "component"]),
            ("_summary=true", &["status", "code", "valueQuantity", "component"]),
            ("_elements=note", &["status", "code", "note"]),
            ("_elements=value", &["status", "code", "valueQuantity"]),
            ("_summary=false&_elements=Observation.note", &["status", "code", "note"]),
            ("_elements=Patient.name", &["text", "status", "code", "valueQuantity", "note", "component"]),
        ];
        for (query, rest) in cases {
            let expected: Vec<&str> = base.into_iter().chain(rest.iter().copied()).collect();
            assert_eq!(keys(query), expected, "{query}");
        }
    }

    #[test]
    fn a_summary_goes_into_elements_without_a_type_of_their_own() {
        let mut resource = observation();
        Subset::Summary.cut(&mut resource);
        assert_eq!(resource["component"], json!([{ "code": { "text": "c" }, "valueString": "v" }]));
    }

    #[test]
    fn a_subset_is_marked_as_one_and_the_whole_is_not() {
        let body = observation().to_string().into_bytes();
        assert_eq!(Subset::All.apply(body.clone()).expect("untouched"), body);
        let cut = Subset::Data.apply(body).expect("JSON");
        let cut: Value = serde_json::from_slice(&cut).expect("JSON");
        assert_eq!(cut["meta"]["versionId"], "1");
        assert_eq!(cut["meta"]["tag"][0]["code"], "SUBSETTED");
    }

    #[test]
    fn elements_are_those_of_the_type_or_of_any() {
        assert_eq!(Subset::of(None, None, Some("note,Patient.name")).map(|_| ()), Ok(()));
        assert!(Subset::of(None, None, Some("nope")).is_err());
        assert!(subset("_elements=Patient.nope").is_err());
    }
}
