//! A composite: values of several parameters that stand in the same element, one row for each of the ways in which
//! they stand together. <https://hl7.org/fhir/R4/search.html#combining>
//!
//! `system|code$gt5|http://unitsofmeasure.org|kg` is one range of the index in both databases, down to the value (by
//! their query plans); a code without its system, or a number without a unit, compares the values of that code within
//! the index. As in R4, a composite has no modifiers, `:missing` among them.

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::path::Hit;
use crate::search::contained::FRAGMENT;
use crate::search::fold::ordered;
use crate::search::kinds;
use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;
use crate::search::parts::Composite;
use crate::search::parts::From;
use crate::search::parts::Part;
use crate::search::parts::SpanColumns;
use crate::search::parts::TextColumns;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::rows::CompositeRow;
use crate::search::rows::IndexRows;
use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::search::value::split;

/// How many rows a resource has for one parameter at most, against one that was made to have many: an element with a
/// hundred codes for each of two parts has ten thousand.
const MOST_ROWS: usize = 10_000;

/// Types of a choice element whose values are no tokens, though a token's reader would find a code in them.
const NO_TOKENS: [&str; 7] = ["Age", "Distance", "Duration", "Money", "Quantity", "Range", "Reference"];

/// What a part gives to a row.
#[derive(Clone, Debug, Default)]
struct Cell {
    text: Option<(String, i64)>,
    span: Option<(i64, i64)>,
}

/// Writes the rows of a composite parameter; one whose elements are kept under another has none.
pub(in crate::search) fn index(
    (parameter, composite): (&Parameter, &Composite),
    (resource, zone): (&Value, &TimeZone),
    rows: &mut IndexRows,
) {
    if composite.kept_under != parameter.number {
        return;
    }
    let mut left = MOST_ROWS;
    for (place, path) in (0..).zip(&composite.elements) {
        for element in path.find(resource) {
            let start = CompositeRow { param: parameter.number, place, ..CompositeRow::default() };
            let mut own = vec![start];
            for part in &composite.parts {
                let cells = match part.from {
                    From::Element => cells(part, element.value, zone),
                    From::Resource => cells(part, resource, zone),
                };
                own = own
                    .iter()
                    .flat_map(|row| cells.iter().map(|cell| cell.in_row(row, part)))
                    .take(left)
                    .collect();
            }
            left -= own.len();
            rows.composites.extend(own);
        }
    }
}

/// The values of a part.
fn cells(part: &Part, within: &Value, zone: &TimeZone) -> Vec<Cell> {
    let mut rows = IndexRows::default();
    let is_meant =
        |hit: &Hit| part.parameter.kind != Kind::Token || !hit.ty.is_some_and(|ty| NO_TOKENS.contains(&ty));
    for hit in part.path.find(within).into_iter().filter(is_meant) {
        kinds::index(&Found { parameter: &part.parameter, hit, zone }, &mut rows);
    }
    rows.sort();
    let text = |text: String, number: i64| Cell { text: Some((text, number)), span: None };
    let span = |low: i64, high: i64| Cell { text: None, span: Some((low, high)) };
    let number = part.parameter.number;
    match part.parameter.kind {
        Kind::Token => {
            let own = rows.tokens.into_iter().filter(|row| row.param == number);
            own.map(|row| text(row.code, row.system)).collect()
        }
        Kind::String => {
            // Nor its pieces or later words.
            let own = rows.strings.into_iter().filter(|row| row.param == number);
            own.map(|row| text(row.folded, 0)).collect()
        }
        Kind::Reference => {
            // A search names no contained resource.
            let own = rows.references.into_iter().filter(|row| row.target_type != FRAGMENT);
            own.map(|row| text(row.target_id, row.target_type)).collect()
        }
        Kind::Uri => rows.uris.into_iter().map(|row| text(row.uri, 0)).collect(),
        Kind::Date => rows.dates.into_iter().map(|row| span(row.low, row.high)).collect(),
        Kind::Number => {
            rows.numbers.into_iter().map(|row| span(ordered(row.low), ordered(row.high))).collect()
        }
        Kind::Quantity => {
            let cell = |span| move |text| Cell { text: Some(text), span: Some(span) };
            let own = rows.quantities.into_iter();
            own.map(|row| cell((ordered(row.low), ordered(row.high)))((row.code, row.system))).collect()
        }
        // Refused when the parameter is compiled.
        Kind::Composite | Kind::Special => Vec::new(),
    }
}

impl Cell {
    /// The row with this in the part's columns.
    fn in_row(&self, row: &CompositeRow, part: &Part) -> CompositeRow {
        let mut row = row.clone();
        match (part.text, self.text.clone()) {
            (Some(TextColumns::First), Some(text)) => (row.code, row.system) = text,
            (Some(TextColumns::Second), Some(text)) => (row.code2, row.system2) = text,
            (None, _) | (_, None) => {}
        }
        match (part.span, self.span) {
            (Some(SpanColumns::First), Some(span)) => (row.low, row.high) = kept(span),
            (Some(SpanColumns::Second), Some(span)) => (row.low2, row.high2) = kept(span),
            (None, _) | (_, None) => {}
        }
        row
    }
}

/// A span as its columns hold it: a single value above zero stands in the first alone, with nothing in the second, which
/// SQLite keeps in no bytes. No other span ends below its beginning, so that [`column`] tells it.
fn kept((low, high): (i64, i64)) -> (i64, i64) {
    if low == high && low > 0 { (low, 0) } else { (low, high) }
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let composite = asked.parameter.composite.as_ref().ok_or("It has no parts.")?;
    let values = split(asked.value, '$');
    if values.len() != composite.parts.len() || values.iter().any(|value| value.is_empty()) {
        return Err(format!(
            "A value has {} parts, `{}`; write `\\$` for a dollar sign inside one.",
            composite.parts.len(),
            composite.parts.iter().map(|part| part.parameter.code.as_str()).collect::<Vec<_>>().join("$")
        ));
    }
    let (mut spelt, mut conditions, mut first) = (Vec::new(), Vec::new(), None);
    for (part, value) in composite.parts.iter().zip(values) {
        let own = Asked { parameter: &part.parameter, modifier: None, value, context: asked.context };
        let understood = kinds::of_kind(&own)
            .map_err(|problem| format!("Its part `{}`: {problem}", part.parameter.code))?;
        spelt.push(understood.canonical.replace('\\', "\\\\").replace('$', "\\$"));
        let sql = understood.condition.sql.of_others(|text| in_columns(part, text), stored);
        conditions.push(Sql::of("(", []).append(sql).push(")", []));
        if part.text == Some(TextColumns::First) && part.parameter.kind == Kind::Token {
            first = Some((understood.condition.leading, understood.condition.reach));
        }
    }
    if composite.parts.iter().all(|part| part.text != Some(TextColumns::Second)) {
        // So that the span is looked up in the index and not only compared.
        conditions.push(Sql::of("code2 = '' AND system2 = 0", []));
    }
    if let Some(place) = composite.place.and_then(|place| i64::try_from(place).ok()) {
        conditions.push(Sql::of("place = ?", [place.into()]));
    }
    let (leading, reach) = first.unwrap_or((Vec::new(), Reach::Range));
    // A resource may have several rows, so that no condition is narrower than this.
    let reach = reach.max(Reach::Equal);
    Ok(Understood {
        canonical: spelt.join("$"),
        condition: Condition { sql: Sql::join(conditions, " AND "), leading, reach },
    })
}

/// A text of SQL with the columns of a part.
fn in_columns(part: &Part, text: &str) -> String {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let (mut replaced, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find(is_word) {
        let end = rest[start..].find(|letter| !is_word(letter)).map_or(rest.len(), |at| start + at);
        let word = &rest[start..end];
        replaced.push_str(&rest[..start]);
        replaced.push_str(column(part, word).unwrap_or(word));
        rest = &rest[end..];
    }
    replaced.push_str(rest);
    replaced
}

/// The column in which a part has what stands in a column of its own kind's table.
fn column(part: &Part, name: &str) -> Option<&'static str> {
    let (text, number) = match part.text {
        Some(TextColumns::First) => (Some("code"), Some("system")),
        Some(TextColumns::Second) => (Some("code2"), Some("system2")),
        None => (None, None),
    };
    let (low, high) = match part.span {
        Some(SpanColumns::First) => (Some("low"), Some("(CASE WHEN low > high THEN low ELSE high END)")),
        Some(SpanColumns::Second) => {
            (Some("low2"), Some("(CASE WHEN low2 > high2 THEN low2 ELSE high2 END)"))
        }
        None => (None, None),
    };
    match name {
        "code" | "folded" | "target_id" | "uri" => text,
        "system" | "target_type" => number,
        "low" => low,
        "high" => high,
        _ => None,
    }
}

/// A value as the columns hold it.
fn stored(bind: Bind) -> Bind {
    match bind {
        Bind::Real(number) => ordered(number).into(),
        Bind::Text(_) | Bind::Int(_) | Bind::Bytes(_) | Bind::NullText | Bind::NullInt => bind,
    }
}
