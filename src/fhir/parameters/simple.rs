//! Values of simple types, in JSON and in URLs. <https://hl7.org/fhir/R4/datatypes.html#primitive>

use serde_json::Value;
use serde_json::json;

use crate::fhir::reference::is_id;

/// The simple types.
pub(super) const PRIMITIVES: [&str; 19] = [
    "base64Binary",
    "boolean",
    "canonical",
    "code",
    "date",
    "dateTime",
    "decimal",
    "id",
    "instant",
    "integer",
    "markdown",
    "oid",
    "positiveInt",
    "string",
    "time",
    "unsignedInt",
    "uri",
    "url",
    "uuid",
];

/// The value of a simple type from its text in a URL; a reference is simple enough.
pub(super) fn from_text(ty: &str, text: &str) -> Option<Value> {
    match ty {
        "boolean" => text.parse::<bool>().ok().map(Value::Bool),
        "integer" | "positiveInt" | "unsignedInt" => text.parse::<i64>().ok().map(Value::from),
        "decimal" => serde_json::from_str::<serde_json::Number>(text).ok().map(Value::Number),
        "Reference" => Some(json!({ "reference": text })),
        _ if PRIMITIVES.contains(&ty) => Some(Value::from(text)),
        _ => None,
    }
}

/// How a value of a type may look.
pub(super) fn example(ty: &str) -> Option<&'static str> {
    match ty {
        "boolean" => Some("`true` or `false`"),
        "integer" | "positiveInt" | "unsignedInt" => Some("a whole number such as 20"),
        "decimal" => Some("a number such as 2.5"),
        "date" => Some("2026-03-01"),
        "dateTime" => Some("2026-03-01 or 2026-03-01T12:00:00Z"),
        "instant" => Some("2026-03-01T12:00:00Z"),
        "code" => Some("a code, without spaces around it"),
        "id" => Some("1 to 64 letters, digits, `-` and `.`"),
        "uri" | "url" | "canonical" => Some("a URL such as http://example.org/name"),
        _ => None,
    }
}

/// Whether a value is one of the type.
pub(super) fn is_well_formed(ty: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match ty {
        "boolean" => value.is_boolean(),
        "integer" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "unsignedInt" => value.as_i64().is_some_and(|number| (0..=i64::from(i32::MAX)).contains(&number)),
        "positiveInt" => value.as_i64().is_some_and(|number| (1..=i64::from(i32::MAX)).contains(&number)),
        "decimal" => value.is_number(),
        "date" => is_date(text),
        "dateTime" => {
            text.split_once('T').map_or_else(|| is_date(text), |(date, _)| is_instant(text) && is_date(date))
        }
        "instant" => is_instant(text),
        "code" => !text.is_empty() && text.trim() == text && !text.contains("  "),
        "id" => is_id(text),
        _ if PRIMITIVES.contains(&ty) => !text.is_empty(),
        "Reference" => value.as_object().is_some_and(|reference| !reference.is_empty()),
        _ => value.as_object().is_some_and(|element| !element.is_empty()),
    }
}

fn is_date(text: &str) -> bool {
    let full = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    full.len() == 10 && full.parse::<jiff::civil::Date>().is_ok()
}

fn is_instant(text: &str) -> bool {
    text.contains('T') && text.parse::<jiff::Timestamp>().is_ok()
}
