//! A token: a code, with or without the system that defines it. <https://hl7.org/fhir/R4/search.html#token>

use serde_json::Value;

use crate::search::fold::bounded;
use crate::search::fold::system;
use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::rows::IndexRows;
use crate::search::rows::TokenRow;
use crate::search::sql::Sql;
use crate::search::value::split;
use crate::search::value::unescaped;

/// The systems of a ContactPoint: codes, where an Identifier has a URI.
const CONTACT_SYSTEMS: [&str; 7] = ["phone", "fax", "email", "pager", "url", "sms", "other"];

pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    write(found.hit.value, found.parameter.number, rows);
}

fn write(value: &Value, param: i64, rows: &mut IndexRows) {
    let mut push = |code: &str, uri: Option<&str>| {
        rows.tokens.push(TokenRow { param, code: bounded(code), system: system(uri) });
    };
    match value {
        Value::String(text) => push(text, None),
        Value::Bool(truth) => push(if *truth { "true" } else { "false" }, None),
        Value::Number(number) => push(&number.to_string(), None),
        Value::Object(members) => {
            if let Some(Value::Array(codings)) = members.get("coding") {
                return codings.iter().for_each(|coding| write(coding, param, rows));
            }
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let uri = text("system").filter(|uri| !CONTACT_SYSTEMS.contains(uri));
            match text("code").or(text("value")) {
                Some(code) => push(code, uri),
                None if uri.is_some() => push("", uri),
                None => {}
            }
        }
        Value::Array(_) | Value::Null => {}
    }
}

/// Writes the identifier of a reference, for `:identifier`.
pub(super) fn index_identifier(found: &Found, identifier: &Value, rows: &mut IndexRows) {
    write(identifier, found.parameter.identifier_number, rows);
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let parts: Vec<String> = split(asked.value, '|').into_iter().map(unescaped).collect();
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
