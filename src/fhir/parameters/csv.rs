//! The parameters of one name as a table, for spreadsheets: a row for each, a column for each part that the
//! operation's definition names. <https://www.rfc-editor.org/rfc/rfc4180>
//!
//! A spreadsheet takes a cell that begins like a formula for one, so such text gets an apostrophe before it. A sum of
//! money takes two columns, so that the first can be added up.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::fhir::operation::Parameter;
use crate::fhir::outcome::Failure;

/// A Parameters resource of which each parameter is parsed when its turn comes: it may have tens of thousands.
#[derive(Deserialize)]
struct Parameters<'a> {
    #[serde(borrow, default)]
    parameter: Vec<&'a RawValue>,
}

/// The parameters of a Parameters resource that this one of its definition describes.
///
/// # Errors
/// `Internal` where the bytes are no Parameters: a fault of ours.
pub fn table(parameters: &[u8], row: &Parameter) -> Result<Vec<u8>, Failure> {
    let all: Parameters = serde_json::from_slice(parameters).map_err(Failure::internal)?;
    let mut out = Vec::new();
    let heads = row.part.iter().flat_map(|part| {
        let currency = is_money(part).then(|| format!("{}Currency", part.name));
        [Some(part.name.clone()), currency].into_iter().flatten()
    });
    line(&mut out, heads);
    for raw in all.parameter {
        let parameter: Value = serde_json::from_str(raw.get()).map_err(Failure::internal)?;
        if parameter.get("name").and_then(Value::as_str) == Some(row.name.as_str()) {
            line(&mut out, row.part.iter().flat_map(|part| cells(&parameter, part)));
        }
    }
    Ok(out)
}

fn is_money(part: &Parameter) -> bool {
    part.types == ["Money"]
}

/// The cells of one column, or of two where it is money.
fn cells(parameter: &Value, column: &Parameter) -> Vec<String> {
    let parts = parameter.get("part").and_then(Value::as_array).into_iter().flatten();
    let own: Vec<&Value> =
        parts.filter(|part| part.get("name").and_then(Value::as_str) == Some(column.name.as_str())).collect();
    if is_money(column) {
        let of = |name: &str| {
            own.first().and_then(|one| one.get("valueMoney")?.get(name)).map_or_else(String::new, scalar)
        };
        return vec![of("value"), of("currency")];
    }
    let texts: Vec<String> = own.iter().map(|part| text(part)).collect();
    vec![texts.join("; ")]
}

/// The text of a part: of its value, or of all that it consists of.
fn text(part: &Value) -> String {
    if let Some(parts) = part.get("part").and_then(Value::as_array) {
        return parts.iter().map(text).collect::<Vec<_>>().join(" ");
    }
    let element = part.as_object().and_then(|part| part.iter().find(|(name, _)| name.starts_with("value")));
    element.map_or_else(String::new, |(_, value)| scalar(value))
}

/// The text of a value; of a reference its target, and of a coding its code.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Number(number) => number.to_string(),
        Value::Bool(is) => is.to_string(),
        Value::String(text) => harmless(text),
        Value::Array(list) => list.iter().map(scalar).collect::<Vec<_>>().join(" "),
        Value::Object(_) => {
            let told = ["reference", "code", "display", "text"].iter().find_map(|name| value.get(name));
            told.map_or_else(String::new, scalar)
        }
    }
}

/// The text, so that no spreadsheet takes it for a formula. A number of ours never comes here.
fn harmless(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

fn line(out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if cell.contains([',', '"', '\r', '\n']) {
            out.extend_from_slice(format!("\"{}\"", cell.replace('"', "\"\"")).as_bytes());
        } else {
            out.extend_from_slice(cell.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::table;
    use crate::fhir::operation::Definition;

    fn definition() -> Definition {
        let part =
            |name: &str, ty: &str| json!({ "name": name, "use": "out", "min": 0, "max": "*", "type": ty });
        let days = json!({ "name": "days", "use": "out", "min": 0, "max": "*", "part": [part("start", "date"), part("lob", "code")] });
        let row = json!({ "name": "row", "use": "out", "min": 0, "max": "*",
            "part": [part("who", "Reference"), part("note", "string"), part("change", "decimal"), part("amount", "Money"),
                part("code", "Coding"), days] });
        Definition::compile(&json!({ "code": "x", "parameter": [row] })).unwrap()
    }

    fn written(parts: serde_json::Value) -> String {
        let given = json!({ "resourceType": "Parameters", "parameter": [
            { "name": "other", "valueString": "no row" }, { "name": "row", "part": parts }] });
        let bytes = table(given.to_string().as_bytes(), &definition().output[0]).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, row) = text.split_once("\r\n").unwrap();
        assert_eq!(head, "who,note,change,amount,amountCurrency,code,days");
        row.to_owned()
    }

    #[test]
    fn a_row_has_a_cell_for_each_part_and_two_for_money() {
        let parts = json!([{ "name": "who", "valueReference": { "reference": "Patient/1" } },
            { "name": "change", "valueDecimal": -0.5 },
            { "name": "amount", "valueMoney": { "value": 450.5, "currency": "USD" } },
            { "name": "code", "valueCoding": { "system": "http://x", "code": "S0311" } },
            { "name": "code", "valueCoding": { "code": "G9054" } },
            { "name": "days", "part": [{ "name": "start", "valueDate": "2026-03-01" }, { "name": "lob", "valueCode": "dual" }] }]);
        assert_eq!(written(parts), "Patient/1,,-0.5,450.5,USD,S0311; G9054,2026-03-01 dual\r\n");
        assert_eq!(written(json!([])), ",,,,,,\r\n");
    }

    #[test]
    fn text_is_quoted_where_it_must_be_and_never_a_formula() {
        let cases = [
            ("a,b", "\"a,b\""),
            ("say \"yes\"", "\"say \"\"yes\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("plain - text", "plain - text"),
        ];
        for (text, expected) in cases {
            let row = written(json!([{ "name": "note", "valueString": text }]));
            assert_eq!(row, format!(",{expected},,,,,\r\n"), "{text}");
        }
    }
}
