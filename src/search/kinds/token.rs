//! A token: a code, with or without the system that defines it. <https://hl7.org/fhir/R4/search.html#token>
//!
//! Codes and identifiers are compared letter by letter, as most systems have them; an element that is a string has no
//! system, and R4 has its letters compared whatever their case.
//!
//! A `code` has the system of the value set to which R4 binds it, and so is found by it and not by `|code`, which asks
//! for a code without a system. The texts and types that go with tokens have rows of their own, under numbers of their
//! own, so that the rows of the codes stay as narrow as they are.

use serde_json::Map;
use serde_json::Value;

use crate::search::bearing::Nature;
use crate::search::fold::bounded;
use crate::search::fold::cut;
use crate::search::fold::fold;
use crate::search::fold::system;
use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::kinds::string;
use crate::search::modifier::Modifier;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::rows::IndexRows;
use crate::search::rows::StringRow;
use crate::search::rows::TokenRow;
use crate::search::sql::Sql;
use crate::search::value::split;
use crate::search::value::unescaped;

/// The systems of a ContactPoint: codes, where an Identifier has a URI.
const CONTACT_SYSTEMS: [&str; 7] = ["phone", "fax", "email", "pager", "url", "sms", "other"];

/// The system of `true` and `false`.
const SPECIAL_VALUES: &str = "http://hl7.org/fhir/special-values";

/// What `:of-type` takes.
const OF_TYPE: &str = "With `:of-type` an identifier is `system|code|value`, all three: the system and the code of \
                       its type, and its value.";

/// Stands between the code of an identifier's type and its value, where neither of them can have it.
const BETWEEN: char = '\u{1f}';

pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    let parameter = found.parameter;
    match found.hit.value {
        Value::String(code) if parameter.implied.contains_key(code) => {
            for system in &parameter.implied[code] {
                let (param, code, system) = (parameter.number, bounded(code), *system);
                rows.tokens.push(TokenRow { param, code, system });
            }
        }
        Value::String(text) if parameter.nature == Nature::Spelt => {
            let (param, code) = (parameter.number, bounded(&text.to_lowercase()));
            rows.tokens.push(TokenRow { param, code, system: 0 });
        }
        value => {
            let (codes, texts) = (rows.tokens.len(), rows.strings.len());
            write(value, parameter.number, rows);
            write_text(value, parameter.text_number, rows);
            // A concept of words alone is there all the same: `:missing` finds it by a row that no code asks for.
            if rows.tokens.len() == codes && rows.strings.len() > texts {
                rows.tokens.push(TokenRow { param: parameter.number, code: String::new(), system: 0 });
            }
            write_typed(value, parameter.of_type_number, rows);
        }
    }
}

fn write(value: &Value, param: i64, rows: &mut IndexRows) {
    let mut push = |code: &str, uri: Option<&str>| {
        rows.tokens.push(TokenRow { param, code: bounded(code), system: system(uri) });
    };
    match value {
        Value::String(text) => push(text, None),
        Value::Bool(truth) => push(if *truth { "true" } else { "false" }, Some(SPECIAL_VALUES)),
        Value::Number(number) => push(&number.to_string(), None),
        Value::Object(members) => {
            if let Some(Value::Array(codings)) = members.get("coding") {
                return codings.iter().for_each(|coding| write(coding, param, rows));
            }
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            // R4 has the use of a ContactPoint stand for its system.
            let uri = match text("system") {
                Some(system) if CONTACT_SYSTEMS.contains(&system) => text("use"),
                uri => uri,
            };
            match text("code").or(text("value")) {
                Some(code) => push(code, uri),
                None if uri.is_some() => push("", uri),
                None => {}
            }
        }
        Value::Array(_) | Value::Null => {}
    }
}

/// Writes what people read beside the code, for `:text`. Nothing is sorted by it, so that it is written once.
fn write_text(value: &Value, param: i64, rows: &mut IndexRows) {
    let Value::Object(members) = value else { return };
    let mut push = |text: Option<&Value>| {
        let folded = cut(fold(text.and_then(Value::as_str).unwrap_or_default()));
        if !folded.is_empty() {
            rows.strings.push(StringRow { param, folded, exact: String::new() });
        }
    };
    push(members.get("text"));
    push(members.get("display"));
    push(members.get("type").and_then(|ty| ty.get("text")));
    for coding in codings(members) {
        push(coding.get("display"));
    }
}

/// Writes an identifier with each code of its type, for `:of-type`.
fn write_typed(value: &Value, param: i64, rows: &mut IndexRows) {
    let Value::Object(members) = value else { return };
    let Some(own) = members.get("value").and_then(Value::as_str) else { return };
    for coding in members.get("type").and_then(Value::as_object).into_iter().flat_map(codings) {
        let text = |name: &str| coding.get(name).and_then(Value::as_str);
        if let (Some(uri), Some(code)) = (text("system"), text("code")) {
            rows.tokens.push(TokenRow { param, code: typed(code, own), system: system(Some(uri)) });
        }
    }
}

fn codings(concept: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    concept.get("coding").and_then(Value::as_array).into_iter().flatten()
}

fn typed(code: &str, value: &str) -> String {
    bounded(&format!("{code}{BETWEEN}{value}"))
}

/// Writes the identifier of a reference, for `:identifier`.
pub(super) fn index_identifier(found: &Found, identifier: &Value, rows: &mut IndexRows) {
    write(identifier, found.parameter.identifier_number, rows);
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let mut parts: Vec<String> = split(asked.value, '|').into_iter().map(unescaped).collect();
    if asked.parameter.nature == Nature::Spelt {
        parts.iter_mut().for_each(|part| *part = part.to_lowercase());
    }
    match asked.modifier {
        Some(Modifier::OfType) => return of_type(asked, &parts),
        // The text has rows of its own, like those of a string.
        Some(Modifier::Text) => return string::understand(asked),
        _ => {}
    }
    let (sql, reach) = match parts.as_slice() {
        [code] if !code.is_empty() => (Sql::of("code = ?", [bounded(code).into()]), Reach::Equal),
        [uri, code] if !code.is_empty() => {
            let binds = [bounded(code).into(), system(Some(uri)).into()];
            (Sql::of("code = ? AND system = ?", binds), Reach::Exact)
        }
        [uri, _] if !uri.is_empty() => (Sql::of("system = ?", [system(Some(uri)).into()]), Reach::Range),
        [_] | [_, _] => return Err("The code is empty.".into()),
        _ => {
            return Err(
                "A token is `code`, `system|code`, `|code` or `system|`; write `\\|` for a bar in a code."
                    .into(),
            );
        }
    };
    let code = parts.last().filter(|code| !code.is_empty());
    let leading = code.map(|code| ("code", vec![bounded(code).into()])).into_iter().collect();
    Ok(Understood { canonical: parts.join("|"), condition: Condition { sql, leading, reach } })
}

/// Understands `system|code|value`: an identifier by its type.
fn of_type(asked: &Asked, parts: &[String]) -> Result<Understood, String> {
    if !asked.parameter.has_identifiers() {
        return Err("The modifier `:of-type` goes with identifiers alone, and these are none.".into());
    }
    let [uri, code, value] = parts else { return Err(OF_TYPE.into()) };
    if parts.iter().any(String::is_empty) {
        return Err(OF_TYPE.into());
    }
    let code = typed(code, value);
    let sql = Sql::of("code = ? AND system = ?", [code.as_str().into(), system(Some(uri)).into()]);
    let leading = vec![("code", vec![code.into()])];
    Ok(Understood { canonical: parts.join("|"), condition: Condition { sql, leading, reach: Reach::Exact } })
}
