//! What was observed: a number with the room that it leaves, a concept, or yes and no.
//! <https://hl7.org/fhir/R4/observation-definitions.html#Observation.value_x_>

use serde_json::Value;

use crate::palliative::record::Concept;

/// All numbers that a value can stand for: `25 %`, `25-30 %`, `<30 %`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The least number.
    pub low: f64,
    /// Whether the least number itself is left out.
    pub low_open: bool,
    /// The greatest number.
    pub high: f64,
    /// Whether the greatest number itself is left out.
    pub high_open: bool,
}

/// The unit of a number, as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// The system of the code; empty where none is given.
    pub system: String,
    /// The coded unit; empty where none is given.
    pub code: String,
    /// The unit that people read; empty where none is given.
    pub text: String,
}

/// What was observed, beside the JSON that says so: the element's name, such as `valueQuantity`, and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The element's name: `valueQuantity`, `valueBoolean` and so on.
    pub element: String,
    /// The element's value.
    pub json: Value,
    /// What it means to a rule.
    pub meaning: Meaning,
}

/// What an observed value means to a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// A number, with its unit.
    Number(Interval, Unit),
    /// A concept.
    Concept(Concept),
    /// Yes or no.
    Boolean(bool),
    /// Nothing that a rule can compare: a text, a ratio, a time.
    Other,
}

impl Interval {
    /// One number.
    pub fn exactly(number: f64) -> Self {
        Self { low: number, low_open: false, high: number, high_open: false }
    }

    /// From one number to another, both included.
    pub fn between(low: f64, high: f64) -> Self {
        Self { low, low_open: false, high, high_open: false }
    }

    /// Whether every number of this one is also in the other.
    pub fn is_within(&self, other: &Self) -> bool {
        lower(self) >= lower(other) && upper(self) <= upper(other)
    }

    /// Whether no number is in both.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        lower(self) > upper(other) || lower(other) > upper(self)
    }
}

/// Where an interval begins: an open end begins just above its number.
fn lower(interval: &Interval) -> (f64, i8) {
    (interval.low, i8::from(interval.low_open))
}

/// Where an interval ends: an open end ends just below its number.
fn upper(interval: &Interval) -> (f64, i8) {
    (interval.high, -i8::from(interval.high_open))
}

impl Observed {
    /// Reads `value[x]` of an Observation or of a component of one.
    pub fn read(holder: &Value) -> Option<Self> {
        let element = |(name, _): &(&String, &Value)| {
            name.strip_prefix("value").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
        };
        let (name, json) = holder.as_object()?.iter().find(element)?;
        let meaning = match name.as_str() {
            "valueQuantity" => quantity(json),
            "valueInteger" => {
                number(Some(json)).map(|n| Meaning::Number(Interval::exactly(n), Unit::default()))
            }
            "valueRange" => range(json),
            "valueSampledData" => sampled(json),
            "valueCodeableConcept" => Some(Meaning::Concept(Concept::read(Some(json)))),
            "valueBoolean" => json.as_bool().map(Meaning::Boolean),
            "valueString" => Some(text(json)),
            _ => None,
        };
        Some(Self { element: name.clone(), json: json.clone(), meaning: meaning.unwrap_or(Meaning::Other) })
    }
}

/// A text that is an answer ("NYHA class III") may be compared as a concept; a number in a text ("EF 25-30") is
/// never read as a number.
fn text(json: &Value) -> Meaning {
    let texts = json.as_str().map(str::to_owned).into_iter().collect();
    Meaning::Concept(Concept { codings: Vec::new(), texts })
}

fn number(json: Option<&Value>) -> Option<f64> {
    json?.as_f64().filter(|number| number.is_finite())
}

fn unit(quantity: &Value) -> Unit {
    let text = |name| quantity.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    Unit { system: text("system"), code: text("code"), text: text("unit") }
}

fn quantity(json: &Value) -> Option<Meaning> {
    let value = number(json.get("value"))?;
    let above = |low_open| Interval { low: value, low_open, high: f64::INFINITY, high_open: false };
    let below = |high_open| Interval { low: f64::NEG_INFINITY, low_open: false, high: value, high_open };
    let interval = match json.get("comparator").and_then(Value::as_str) {
        None => Interval::exactly(value),
        Some("<") => below(true),
        Some("<=") => below(false),
        Some(">") => above(true),
        Some(">=") => above(false),
        Some(_) => return None,
    };
    Some(Meaning::Number(interval, unit(json)))
}

fn range(json: &Value) -> Option<Meaning> {
    let (low, high) = (json.get("low"), json.get("high"));
    let units: Vec<Unit> = [low, high].into_iter().flatten().map(unit).collect();
    let (first, last) = (units.first()?, units.last()?);
    if first != last {
        return None;
    }
    let bound = |end: Option<&Value>, open| match end {
        Some(quantity) => number(quantity.get("value")),
        None => Some(open),
    };
    let interval = Interval::between(bound(low, f64::NEG_INFINITY)?, bound(high, f64::INFINITY)?);
    Some(Meaning::Number(interval, first.clone()))
}

/// The span of all samples: `E` (an error) leaves everything open, `L` and `U` lie beyond the limits.
fn sampled(json: &Value) -> Option<Meaning> {
    let origin = json.get("origin")?;
    let factor = number(json.get("factor")).unwrap_or(1.0);
    let base = number(origin.get("value"))?;
    let mut span: Option<Interval> = None;
    for sample in json.get("data")?.as_str()?.split_whitespace() {
        let (low, high) = match sample {
            "E" => (f64::NEG_INFINITY, f64::INFINITY),
            "L" => (f64::NEG_INFINITY, number(json.get("lowerLimit"))?),
            "U" => (number(json.get("upperLimit"))?, f64::INFINITY),
            digits => {
                let value = base + factor * digits.parse::<f64>().ok().filter(|n| n.is_finite())?;
                (value, value)
            }
        };
        let so_far = span.get_or_insert(Interval::between(low, high));
        *so_far = Interval::between(so_far.low.min(low), so_far.high.max(high));
    }
    Some(Meaning::Number(span?, unit(origin)))
}
