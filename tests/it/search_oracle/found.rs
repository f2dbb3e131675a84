//! The values in a resource as a search compares them, read by the words of the R4 page.
//! <https://hl7.org/fhir/R4/search.html#ptypes>

use serde_json::Value;

use crate::search_oracle::parameters::Kind;
use crate::search_oracle::parameters::Parameter;
use crate::search_oracle::parameters::each;
use crate::search_oracle::parameters::walk;

/// Before and after all instants that a date can name.
pub const EVER: (i64, i64) = (i64::MIN, i64::MAX);

/// How many parts a number's unit is cut into, so that numbers compare as whole ones.
const SCALE: u32 = 18;

/// The systems of some codes whose element names none: that of the value set to which R4 binds the element.
const IMPLIED: [(&str, &str, &str); 7] = [
    ("Patient", "gender", "http://hl7.org/fhir/administrative-gender"),
    ("Practitioner", "gender", "http://hl7.org/fhir/administrative-gender"),
    ("Encounter", "status", "http://hl7.org/fhir/encounter-status"),
    ("Observation", "status", "http://hl7.org/fhir/observation-status"),
    ("CarePlan", "status", "http://hl7.org/fhir/request-status"),
    ("Goal", "lifecycle-status", "http://hl7.org/fhir/goal-status"),
    ("Claim", "use", "http://hl7.org/fhir/claim-use"),
];

/// A code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The system, where it is named.
    pub system: Option<String>,
    /// The code or value.
    pub code: Option<String>,
    /// Whether the element cannot name a system.
    pub bare: bool,
}

/// A value.
#[derive(Clone, Debug)]
pub enum Found {
    /// Text.
    Text(String),
    /// A part of a name or of an address.
    Part(String),
    /// A code.
    Token(Token),
    /// What people read beside a code.
    Said(String),
    /// An identifier with the system and the code of its type.
    Typed(String, String, String),
    /// A reference: to a resource here, to a URL, to what has an identifier.
    Reference {
        /// `Type/id`.
        local: Option<String>,
        /// The whole URL of something elsewhere.
        url: Option<String>,
        /// The identifier.
        identifier: Option<Token>,
    },
    /// The first and the last instant, in microseconds.
    Span(i64, i64),
    /// The least and the most.
    Number(i128, i128),
    /// The same with system, code and unit.
    Quantity {
        /// The least.
        low: i128,
        /// The most.
        high: i128,
        /// The unit's system.
        system: Option<String>,
        /// The unit's code.
        code: Option<String>,
        /// The unit as people read it.
        unit: Option<String>,
    },
    /// A URI.
    Uri(String),
}

/// Every value of a parameter in a resource.
pub fn found(resource: &Value, parameter: &Parameter) -> Vec<Found> {
    if parameter.paths == ["=deceased"] {
        let dead = resource.get("deceasedDateTime").is_some() || resource["deceasedBoolean"] == true;
        return vec![Found::Token(truth_of(dead))];
    }
    let mut all = Vec::new();
    let ty = resource["resourceType"].as_str().unwrap_or_default();
    let implied = IMPLIED.iter().find(|(own, code, _)| *own == ty && *code == parameter.code);
    for path in &parameter.paths {
        let only = path.split_once('{').map(|(_, rest)| rest.trim_end_matches('}'));
        for value in walk(resource, path) {
            match parameter.kind {
                Kind::Text => {
                    let mut own = Vec::new();
                    texts(value, &mut own);
                    let of_name =
                        value.is_object() || path.starts_with("name.") || path.starts_with("address.");
                    all.extend(own.into_iter().map(|text| match text {
                        Found::Text(text) if of_name => Found::Part(text),
                        other => other,
                    }));
                }
                Kind::Token if implied.is_some() && value.is_string() => {
                    let system = implied.map(|(.., system)| (*system).to_owned());
                    let code = value.as_str().map(str::to_owned);
                    all.push(Found::Token(Token { system, code, bare: false }));
                }
                Kind::Token => {
                    all.extend(tokens(value).into_iter().map(Found::Token));
                    beside(value, &mut all);
                }
                Kind::Reference => all.extend(reference(value, only)),
                Kind::Date => all.extend(dates(value).map(|(low, high)| Found::Span(low, high))),
                Kind::Number => all.extend(number(value)),
                Kind::Quantity => all.extend(quantity(value)),
                Kind::Uri => all.extend(value.as_str().map(|uri| Found::Uri(uri.to_owned()))),
            }
        }
    }
    all
}

fn texts(value: &Value, all: &mut Vec<Found>) {
    match value {
        Value::String(text) => all.push(Found::Text(text.clone())),
        Value::Object(members) => {
            for part in [
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
            ] {
                members.get(part).map_or(Vec::new(), each).into_iter().for_each(|part| texts(part, all));
            }
        }
        _ => {}
    }
}

/// The text of a concept, the displays of its codings, and what an identifier says of its type.
fn beside(value: &Value, all: &mut Vec<Found>) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if !value.is_object() {
        return;
    }
    let codings = walk(value, "coding").into_iter().chain([value]);
    all.extend(codings.filter_map(|coding| text(&coding["display"])).map(Found::Said));
    all.extend([&value["text"], &value["type"]["text"]].into_iter().filter_map(text).map(Found::Said));
    for coding in walk(value, "type.coding") {
        let parts = (text(&coding["system"]), text(&coding["code"]), text(&value["value"]));
        if let (Some(system), Some(code), Some(value)) = parts {
            all.push(Found::Typed(system, code, value));
        }
    }
}

fn bare(code: &str) -> Token {
    Token { system: None, code: Some(code.to_owned()), bare: true }
}

/// `true` and `false` have a system, if somebody names it.
fn truth_of(truth: bool) -> Token {
    let system = Some("http://hl7.org/fhir/special-values".to_owned());
    Token { system, ..bare(if truth { "true" } else { "false" }) }
}

fn tokens(value: &Value) -> Vec<Token> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    match value {
        Value::String(code) => vec![bare(code)],
        Value::Bool(truth) => vec![truth_of(*truth)],
        Value::Object(members) if members.contains_key("coding") => {
            walk(value, "coding").into_iter().flat_map(tokens).collect()
        }
        // A ContactPoint says with `system` what kind of contact it is.
        Value::Object(_) if value["system"].as_str().is_some_and(|system| !system.contains(':')) => {
            text("value")
                .map(|value| Token { system: None, code: Some(value), bare: true })
                .into_iter()
                .collect()
        }
        Value::Object(_) => {
            let (system, code) = (text("system"), text("code").or(text("value")));
            let token = Token { system, code, bare: false };
            Some(token).filter(|token| token.system.is_some() || token.code.is_some()).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn reference(value: &Value, only: Option<&str>) -> Option<Found> {
    let url = |url: &str| Some(Found::Reference { local: None, url: Some(url.to_owned()), identifier: None });
    let Some(members) = value.as_object() else { return value.as_str().and_then(url) };
    let text = members.get("reference").and_then(Value::as_str).unwrap_or_default();
    let identifier = members.get("identifier").and_then(|identifier| tokens(identifier).pop());
    let (mut local, mut elsewhere) = (None, None);
    // A fragment points to something, though to nothing that a search names.
    if text.contains(':') || text.starts_with('#') {
        elsewhere = Some(text.to_owned());
    } else if !text.is_empty() {
        local = Some(text.split("/_history").next().expect("a split has a first part").to_owned());
    }
    if let Some(only) = only {
        // The type of what is elsewhere is told from its URL.
        let part = format!("{only}/");
        let own = local.as_deref().is_some_and(|local| local.starts_with(&part))
            || elsewhere.as_deref().is_some_and(|url| url.contains(&format!("/{part}")));
        if !own {
            return None;
        }
    }
    let any = local.is_some() || elsewhere.is_some() || identifier.is_some();
    any.then_some(Found::Reference { local, url: elsewhere, identifier })
}

/// The span of a date, Period or Timing.
fn dates(value: &Value) -> Option<(i64, i64)> {
    match value {
        Value::String(text) => span(text),
        Value::Object(members) if members.contains_key("event") || members.contains_key("repeat") => {
            let events = walk(value, "event").into_iter().chain(walk(value, "repeat.boundsPeriod"));
            events.filter_map(dates).reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
        }
        Value::Object(_) => {
            let end = |name: &str| value[name].as_str().and_then(span);
            let (start, end) = (end("start"), end("end"));
            (start.is_some() || end.is_some())
                .then(|| (start.map_or(EVER.0, |start| start.0), end.map_or(EVER.1, |end| end.1)))
        }
        _ => None,
    }
}

/// The instants that a date or time covers by its precision, in microseconds of UTC, both ends inside.
pub fn span(text: &str) -> Option<(i64, i64)> {
    const DAY: i64 = 86_400_000_000;
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let parts: Vec<i64> = date.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let start = |year, month, day| days(year, month, day) * DAY;
    let (low, width) = match *parts.as_slice() {
        [year] => (start(year, 1, 1), start(year + 1, 1, 1) - start(year, 1, 1)),
        [year, 12] => (start(year, 12, 1), 31 * DAY),
        [year, month] => (start(year, month, 1), start(year, month + 1, 1) - start(year, month, 1)),
        [year, month, day] => (start(year, month, day), DAY),
        _ => return None,
    };
    let Some(time) = time else { return Some((low, low + width - 1)) };
    let at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(at);
    let offset = match zone {
        "" | "Z" => 0,
        zone => {
            let minutes = zone[1..3].parse::<i64>().ok()? * 60 + zone[4..6].parse::<i64>().ok()?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    let mut parts = clock.split(':');
    let mut next = || parts.next();
    let (hours, minutes) = (next()?.parse::<i64>().ok()?, next()?.parse::<i64>().ok()?);
    let (mut within, mut width) = ((hours * 60 + minutes - offset) * 60_000_000, 60_000_000);
    if let Some(seconds) = next() {
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        width = 10_i64.pow(6 - u32::try_from(fraction.len()).ok()?);
        let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<i64>().ok()? * width };
        within += whole.parse::<i64>().ok()? * 1_000_000 + fraction;
    }
    Some((low + within, low + within + width - 1))
}

/// Days since 1970-01-01, counted year by year and month by month.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let leap = |year: i64| i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    let years: i64 = match year {
        1970.. => (1970..year).map(|year| 365 + leap(year)).sum(),
        _ => -(year..1970).map(|year| 365 + leap(year)).sum::<i64>(),
    };
    let lengths = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    years + lengths[..usize::try_from(month - 1).expect("a month")].iter().sum::<i64>() + day - 1
}

fn number(value: &Value) -> Option<Found> {
    let (low, high) = ends(value)?;
    Some(Found::Number(low, high))
}

/// A number, or the ends of a Range.
fn ends(value: &Value) -> Option<(i128, i128)> {
    if let Value::Number(number) = value {
        let number = decimal(&number.to_string())?;
        return Some((number, number));
    }
    let end = |name: &str| decimal(&value[name].get("value")?.to_string());
    let (low, high) = (end("low"), end("high"));
    (low.is_some() || high.is_some()).then(|| (low.unwrap_or(i128::MIN), high.unwrap_or(i128::MAX)))
}

fn quantity(value: &Value) -> Option<Found> {
    let (low, high, unit) = match value.get("value") {
        Some(number) => {
            let number = decimal(&number.to_string())?;
            match value["comparator"].as_str() {
                Some("<" | "<=") => (i128::MIN, number, value),
                Some(_) => (number, i128::MAX, value),
                None => (number, number, value),
            }
        }
        None => {
            let (low, high) = ends(value)?;
            (low, high, value.get("low").or(value.get("high"))?)
        }
    };
    let text = |name: &str| unit[name].as_str().map(str::to_owned);
    Some(Found::Quantity { low, high, system: text("system"), code: text("code"), unit: text("unit") })
}

/// A decimal as a whole number of the smallest parts.
pub fn decimal(text: &str) -> Option<i128> {
    let (text, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places =
        i32::try_from(SCALE).ok()? + exponent.parse::<i32>().ok()? - i32::try_from(fraction.len()).ok()?;
    digits.checked_mul(10_i128.checked_pow(u32::try_from(places).ok()?)?)
}

/// Half a unit of the last digit that a number is written with.
pub fn half(text: &str) -> Option<i128> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let places = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let power = i32::try_from(SCALE).ok()? + exponent.parse::<i32>().ok()? - i32::try_from(places).ok()?;
    Some(10_i128.checked_pow(u32::try_from(power).ok()?)? / 2)
}

/// Case, accents and punctuation away, spaces single: as far as the texts of these tests need it. What is nothing but
/// punctuation is compared as it is.
pub fn fold(text: &str) -> String {
    let within = |letter: &char| "'`\u{b4}\u{2018}\u{2019}".contains(*letter);
    let between =
        |letter: char| if "!\"(),-./:;?[\\]_{}\u{2013}\u{2014}".contains(letter) { ' ' } else { letter };
    let bare: String = text.chars().filter(|letter| !within(letter)).map(between).collect();
    let folded = letters(&bare);
    if folded.is_empty() { letters(text) } else { folded }
}

/// Case and accents away, spaces single.
pub fn letters(text: &str) -> String {
    let plain: String = text
        .to_lowercase()
        .chars()
        .filter(|letter| !('\u{300}'..='\u{36f}').contains(letter))
        .map(|letter| match letter {
            'á' | 'à' | 'â' | 'ä' | 'å' | 'ã' => 'a',
            'é' | 'è' | 'ê' | 'ë' => 'e',
            'í' | 'ì' | 'î' | 'ï' => 'i',
            'ó' | 'ò' | 'ô' | 'ö' | 'õ' => 'o',
            'ú' | 'ù' | 'û' | 'ü' => 'u',
            'ñ' => 'n',
            'ç' => 'c',
            other => other,
        })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
