//! A quantity: a number with a unit. <https://hl7.org/fhir/R4/search.html#quantity>
//!
//! One in a unit of UCUM is written twice: as it came, for those who ask for a number, or for the unit by a name; and
//! carried to UCUM's base units, for those who ask for a code of UCUM: `70|http://unitsofmeasure.org|kg` finds 154.3
//! `[lb_av]`, which lies between 69.5 and 70.5 kg, and not 156 `[lb_av]`.

use serde_json::Map;
use serde_json::Value;

use crate::fhir::quantity::UCUM;
use crate::fhir::quantity::Unit;
use crate::fhir::quantity::sampled;
use crate::search::fold::bounded;
use crate::search::fold::system;
use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::kinds::number::Compared;
use crate::search::kinds::number::compare;
use crate::search::query::Condition;
use crate::search::rows::IN_BASE_UNITS;
use crate::search::rows::IndexRows;
use crate::search::rows::QuantityRow;
use crate::search::value::split;
use crate::search::value::unescaped;

/// The system of a Money's currency.
const CURRENCIES: &str = "urn:iso:std:iso:4217";

/// What was measured, as decimals; without end on the side that is not there.
struct Measured<'a> {
    low: Option<String>,
    high: Option<String>,
    unit: &'a Map<String, Value>,
}

/// A point of a sample: its number, and how it is written.
type Point<'a> = (f64, &'a str);

pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    let Value::Object(members) = found.hit.value else { return };
    let measured = match members.get("origin") {
        Some(Value::Object(origin)) => samples(members, origin),
        Some(_) | None => quantity(members).or_else(|| range(members)),
    };
    let Some(measured) = measured else { return };
    let text = |name: &str| measured.unit.get(name).and_then(Value::as_str);
    let mut push = |(low, high): (f64, f64), system: i64, code: &str| {
        let code = bounded(code);
        rows.quantities.push(QuantityRow { param: found.parameter.number, low, high, system, code });
    };
    let Some(sent) = measured.span(&|text| text.parse().ok()) else { return };
    match (text("currency"), text("code"), text("unit")) {
        (Some(currency), ..) => push(sent, system(Some(CURRENCIES)), currency),
        (None, Some(code), _) => push(sent, system(text("system")), code),
        (None, None, Some(_) | None) => {}
    }
    // `5.4||mg` asks for the code or the unit as people read it.
    match (text("code"), text("unit")) {
        (code, Some(unit)) if code != Some(unit) => push(sent, 0, unit),
        (None, None) if text("currency").is_none() => push(sent, 0, ""),
        _ => {}
    }
    if let Some(unit) = text("code").filter(|_| text("system") == Some(UCUM)).and_then(Unit::of)
        && let Some(span) = measured.span(&|text| unit.in_base(text))
    {
        push(span, IN_BASE_UNITS, unit.base());
    }
}

impl Measured<'_> {
    /// Both ends as numbers; none where one is beyond them.
    fn span(&self, read: &dyn Fn(&str) -> Option<f64>) -> Option<(f64, f64)> {
        let end = |end: &Option<String>, open: f64| match end {
            Some(text) => read(text).filter(|number| number.is_finite()),
            None => Some(open),
        };
        Some((end(&self.low, f64::MIN)?, end(&self.high, f64::MAX)?))
    }
}

/// A Quantity or Money; one that says `<` has no end below.
fn quantity(unit: &Map<String, Value>) -> Option<Measured<'_>> {
    let value = decimal(unit, "value")?;
    let (low, high) = match unit.get("comparator").and_then(Value::as_str) {
        Some("<" | "<=") => (None, Some(value)),
        Some(">" | ">=") => (Some(value), None),
        Some(_) | None => (Some(value.clone()), Some(value)),
    };
    Some(Measured { low, high, unit })
}

/// A Range, whose ends have the same unit.
fn range(members: &Map<String, Value>) -> Option<Measured<'_>> {
    let ends = ["low", "high"].map(|end| members.get(end).and_then(Value::as_object));
    let [low, high] = ends.map(|end| end.and_then(|end| decimal(end, "value")));
    let unit = ends[0].or(ends[1]).filter(|_| low.is_some() || high.is_some())?;
    Some(Measured { low, high, unit })
}

/// SampledData, from the least of its points to the greatest, in the unit of its origin. A point below or above what
/// can be measured is at that limit or beyond, and an error (`E`) is no point.
fn samples<'a>(members: &Map<String, Value>, unit: &'a Map<String, Value>) -> Option<Measured<'a>> {
    let limits = ["lowerLimit", "upperLimit"].map(|limit| decimal(members, limit));
    let (mut least, mut greatest): (Option<Point>, Option<Point>) = (None, None);
    let (mut below, mut above) = (false, false);
    for point in members.get("data").and_then(Value::as_str)?.split_ascii_whitespace() {
        let point = match point {
            "L" => {
                below = true;
                limits[0].as_deref()
            }
            "U" => {
                above = true;
                limits[1].as_deref()
            }
            point => Some(point),
        };
        let number = point.and_then(|point| Some((point.parse().ok()?, point)));
        if let Some((number, point)) = number.filter(|(number, _): &Point| number.is_finite()) {
            least = least.filter(|(other, _)| *other <= number).or(Some((number, point)));
            greatest = greatest.filter(|(other, _)| *other >= number).or(Some((number, point)));
        }
    }
    let origin = decimal(unit, "value").unwrap_or_else(|| "0".to_owned());
    let factor = decimal(members, "factor").unwrap_or_else(|| "1".to_owned());
    let end = |(_, point): Point| sampled(point, &factor, &origin);
    let (mut low, mut high) = (least.and_then(end), greatest.and_then(end));
    if factor.starts_with('-') {
        (low, high, below, above) = (high, low, above, below);
    }
    let any = low.is_some() || below || above;
    any.then(|| Measured { low: low.filter(|_| !below), high: high.filter(|_| !above), unit })
}

fn decimal(members: &Map<String, Value>, name: &str) -> Option<String> {
    Some(members.get(name)?.as_number()?.as_str().to_owned())
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let parts: Vec<String> = split(asked.value, '|').into_iter().map(unescaped).collect();
    let (number, uri, code) = match parts.as_slice() {
        [number] => (number, "", ""),
        [number, uri, code] => (number, uri.as_str(), code.as_str()),
        _ => return Err("A quantity is `number`, `number|system|code` or `number||code`.".into()),
    };
    let unit = if uri == UCUM { Unit::of(code) } else { None };
    let Compared { canonical: spelt, sql, reach } = match &unit {
        Some(unit) => compare(number, &|text| unit.in_base(text))?,
        None => compare(number, &|text| text.parse().ok())?,
    };
    let sql = match &unit {
        Some(unit) => sql.push(" AND system = ? AND code = ?", [IN_BASE_UNITS.into(), unit.base().into()]),
        None => {
            let sql = match uri {
                // What was carried to other units is not what was sent.
                "" => sql.push(" AND system >= 0", []),
                uri => sql.push(" AND system = ?", [system(Some(uri)).into()]),
            };
            match code {
                "" => sql,
                code => sql.push(" AND code = ?", [bounded(code).into()]),
            }
        }
    };
    let canonical = if parts.len() > 1 { format!("{spelt}|{uri}|{code}") } else { spelt };
    Ok(Understood { canonical, condition: Condition { sql, leading: Vec::new(), reach } })
}
