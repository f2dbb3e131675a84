//! A string: text that begins so, whatever its case and accents. <https://hl7.org/fhir/R4/search.html#string>

use serde_json::Value;

use crate::search::fold::bounded;
use crate::search::fold::fold;
use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::modifier::Modifier;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::rows::IndexRows;
use crate::search::rows::StringRow;
use crate::search::sql::Sql;
use crate::search::value::unescaped;

/// How one text stands to another, whatever their case and accents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::search) enum Comparison {
    /// It is the same.
    Is,
    /// It is another.
    IsNot,
    /// It ends with it.
    Ends,
    /// It comes after it, letter by letter.
    After,
    /// It comes before it.
    Before,
    /// It is the same or comes after it.
    From,
    /// It is the same or comes before it.
    UpTo,
}

/// The parts of a HumanName and of an Address that are searched.
const PARTS: [&str; 12] = [
    "family",
    "given",
    "prefix",
    "suffix",
    "text",
    "line",
    "city",
    "district",
    "state",
    "postalCode",
    "country",
    "value",
];

/// The last of all characters, so that a range from a text to the text with it covers all that begin so.
const LAST: char = char::MAX;

pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    each_text(found.hit.value, &mut |text| {
        let folded = fold(text);
        if !folded.is_empty() {
            rows.strings.push(StringRow { param: found.parameter.number, folded, exact: bounded(text) });
        }
    });
}

fn each_text(value: &Value, write: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => write(text),
        Value::Array(all) => all.iter().for_each(|value| each_text(value, write)),
        Value::Object(members) => PARTS
            .iter()
            .filter_map(|part| members.get(*part))
            .filter(|part| part.is_string() || part.is_array())
            .for_each(|part| each_text(part, write)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let text = unescaped(asked.value);
    let folded = fold(&text);
    if folded.is_empty() {
        return Err("The text is empty.".into());
    }
    let leading = match asked.modifier {
        Some(Modifier::Exact) => vec![("folded", vec![folded.as_str().into()])],
        _ => Vec::new(),
    };
    let (canonical, sql, reach) = match asked.modifier {
        Some(Modifier::Exact) => {
            let exact = bounded(&text);
            let sql = Sql::of("folded = ? AND exact = ?", [folded.into(), exact.as_str().into()]);
            (exact, sql, Reach::Exact)
        }
        Some(Modifier::Contains) => {
            let pattern = format!("%{}%", literal(&folded));
            (folded, Sql::of("folded LIKE ? ESCAPE '!'", [pattern.into()]), Reach::Range)
        }
        _ => {
            let sql = begins("folded", &folded);
            (folded, sql, Reach::Range)
        }
    };
    Ok(Understood { canonical, condition: Condition { sql, leading, reach } })
}

/// A text in this column begins so.
pub(super) fn begins(column: &'static str, text: &str) -> Sql {
    let end = format!("{text}{LAST}");
    let from = Sql::of(column, []).push(" >= ? AND ", [text.into()]);
    from.push(column, []).push(" < ?", [end.into()])
}

/// Understands a text with which others are compared.
pub(in crate::search) fn compared(comparison: Comparison, text: &str) -> Result<Understood, String> {
    let folded = fold(text);
    if folded.is_empty() {
        return Err("The text is empty.".into());
    }
    let text = || [folded.as_str().into()];
    let (sql, reach) = match comparison {
        Comparison::Is => (Sql::of("folded = ?", text()), Reach::Equal),
        Comparison::IsNot => (Sql::of("folded <> ?", text()), Reach::Range),
        Comparison::Ends => {
            let pattern = format!("%{}", literal(&folded));
            (Sql::of("folded LIKE ? ESCAPE '!'", [pattern.into()]), Reach::Range)
        }
        Comparison::After => (Sql::of("folded > ?", text()), Reach::Range),
        Comparison::Before => (Sql::of("folded < ?", text()), Reach::Range),
        Comparison::From => (Sql::of("folded >= ?", text()), Reach::Range),
        Comparison::UpTo => (Sql::of("folded <= ?", text()), Reach::Range),
    };
    let leading = match reach {
        Reach::Equal => vec![("folded", text().to_vec())],
        Reach::Exact | Reach::Range | Reach::Upwards(_) | Reach::Between { .. } => Vec::new(),
    };
    let canonical = format!("{comparison:?} {folded}");
    Ok(Understood { canonical, condition: Condition { sql, leading, reach } })
}

/// A text for LIKE, in which no letter stands for others.
fn literal(folded: &str) -> String {
    folded.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
