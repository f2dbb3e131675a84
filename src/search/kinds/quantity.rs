//! A quantity: a number with a unit. <https://hl7.org/fhir/R4/search.html#quantity>

use serde_json::Map;
use serde_json::Value;

use crate::search::fold::bounded;
use crate::search::fold::system;
use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::kinds::number::compare;
use crate::search::kinds::number::float;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::rows::IndexRows;
use crate::search::rows::QuantityRow;
use crate::search::value::split;
use crate::search::value::unescaped;

/// The system of a Money's currency.
const CURRENCIES: &str = "urn:iso:std:iso:4217";

pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    let Value::Object(members) = found.hit.value else { return };
    let (low, high, unit) = match (quantity(members), members.get("low"), members.get("high")) {
        (Some((low, high)), ..) => (low, high, members),
        (None, low, high) => {
            let ends = [low, high].map(|end| end.and_then(Value::as_object));
            let value =
                |end: Option<&Map<String, Value>>| end.and_then(|end| end.get("value")).and_then(float);
            let (low, high) = (value(ends[0]), value(ends[1]));
            let Some(unit) = ends[0].or(ends[1]).filter(|_| low.is_some() || high.is_some()) else { return };
            (low.unwrap_or(f64::MIN), high.unwrap_or(f64::MAX), unit)
        }
    };
    let text = |name: &str| unit.get(name).and_then(Value::as_str);
    let mut push = |system: i64, code: &str| {
        rows.quantities.push(QuantityRow {
            param: found.parameter.number,
            low,
            high,
            system,
            code: bounded(code),
        });
    };
    match (text("currency"), text("code"), text("unit")) {
        (Some(currency), ..) => push(system(Some(CURRENCIES)), currency),
        (None, Some(code), _) => push(system(text("system")), code),
        (None, None, Some(_) | None) => {}
    }
    // `5.4||mg` asks for the code or the unit as people read it.
    match (text("code"), text("unit")) {
        (code, Some(unit)) if code != Some(unit) => push(0, unit),
        (None, None) if text("currency").is_none() => push(0, ""),
        _ => {}
    }
}

/// The ends of a Quantity or Money; one that says `<` has none below.
fn quantity(members: &Map<String, Value>) -> Option<(f64, f64)> {
    let value = float(members.get("value")?)?;
    Some(match members.get("comparator").and_then(Value::as_str) {
        Some("<" | "<=") => (f64::MIN, value),
        Some(">" | ">=") => (value, f64::MAX),
        Some(_) | None => (value, value),
    })
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let parts: Vec<String> = split(asked.value, '|').into_iter().map(unescaped).collect();
    let (number, uri, code) = match parts.as_slice() {
        [number] => (number, "", ""),
        [number, uri, code] => (number, uri.as_str(), code.as_str()),
        _ => return Err("A quantity is `number`, `number|system|code` or `number||code`.".into()),
    };
    let (mut canonical, mut sql) = compare(number)?;
    if !uri.is_empty() {
        sql = sql.push(" AND system = ?", [system(Some(uri)).into()]);
    }
    if !code.is_empty() {
        sql = sql.push(" AND code = ?", [bounded(code).into()]);
    }
    if parts.len() > 1 {
        canonical = format!("{canonical}|{uri}|{code}");
    }
    Ok(Understood { canonical, condition: Condition { sql, leading: Vec::new(), reach: Reach::Range } })
}
