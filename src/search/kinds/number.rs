//! A number, compared with the precision in which it is asked for. <https://hl7.org/fhir/R4/search.html#number>
//!
//! `5.4` asks for what rounds to it: from 5.35 up to, and without, 5.45. A number in a resource is the
//! number itself: were it a span too, `gt5.4` would find 5.4. With a prefix other than `eq`, `ne` and `ap` the
//! number asked for is exact as well, as R4 says.

use serde_json::Value;

use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::kinds::prefix;
use crate::search::kinds::spans;
use crate::search::prefix::Prefix;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::rows::IndexRows;
use crate::search::rows::NumberRow;
use crate::search::sql::Sql;

pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    let (low, high) = match found.hit.value {
        Value::Object(range) => {
            let end = |name: &str| range.get(name).and_then(|end| end.get("value")).and_then(float);
            let (low, high) = (end("low"), end("high"));
            if low.is_none() && high.is_none() {
                return;
            }
            (low.unwrap_or(f64::MIN), high.unwrap_or(f64::MAX))
        }
        value => match float(value) {
            Some(number) => (number, number),
            None => return,
        },
    };
    rows.numbers.push(NumberRow { param: found.parameter.number, low, high });
}

/// A JSON number that a column can hold.
pub(super) fn float(value: &Value) -> Option<f64> {
    value.as_number()?.as_str().parse().ok().filter(|number: &f64| number.is_finite())
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let (canonical, sql) = compare(asked.value)?;
    Ok(Understood { canonical, condition: Condition { sql, leading: Vec::new(), reach: Reach::Range } })
}

/// What a number with its prefix asks of `low` and `high`, and its one spelling.
pub(super) fn compare(text: &str) -> Result<(String, Sql), String> {
    let (prefix, text) = prefix(text)?;
    let asked = Decimal::parse(text).ok_or_else(|| {
        format!("`{text}` is not a number; write 5, -5.4 or 1e3, after a prefix if you like.")
    })?;
    let (low, high) = match prefix {
        // The upper end is outside; the float before it is inside.
        Prefix::Eq | Prefix::Ne => (asked.low, asked.high.next_down()),
        Prefix::Ap => {
            let tenth = asked.value.abs() / 10.0;
            (asked.low.min(asked.value - tenth), asked.high.max(asked.value + tenth))
        }
        Prefix::Gt | Prefix::Lt | Prefix::Ge | Prefix::Le | Prefix::Sa | Prefix::Eb => {
            (asked.value, asked.value)
        }
    };
    Ok((format!("{}{text}", prefix.name()), spans(prefix, low.into(), high.into())))
}

/// A decimal with the span of what rounds to it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Decimal {
    low: f64,
    value: f64,
    high: f64,
}

impl Decimal {
    /// Half a unit of the last digit on both sides, reckoned in whole numbers so that 5.35 is what `5.35` reads as.
    fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
        let plain = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || unsigned.len() > 36 || mantissa.ends_with('.') || mantissa.starts_with('.') {
            return None;
        }
        let exponent: i32 = exponent.parse().ok().filter(|exponent: &i32| exponent.abs() <= 300)?;
        let tenths = digits.parse::<i128>().ok()? * 10;
        let exponent = exponent - i32::try_from(fraction.len()).ok()? - 1;
        let read = |tenths: i128| format!("{tenths}e{exponent}").parse().ok().filter(|n: &f64| n.is_finite());
        Some(Self { low: read(tenths - 5)?, value: read(tenths)?, high: read(tenths + 5)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_covers_what_rounds_to_it() {
        let table = [
            ("5.4", 5.35, 5.4, 5.45),
            ("5.40", 5.395, 5.4, 5.405),
            ("100", 99.5, 100.0, 100.5),
            ("-5", -5.5, -5.0, -4.5),
            ("0", -0.5, 0.0, 0.5),
            ("5.40e-3", 0.005_395, 0.0054, 0.005_405),
            ("1e2", 50.0, 100.0, 150.0),
        ];
        for (text, low, value, high) in table {
            assert_eq!(Decimal::parse(text), Some(Decimal { low, value, high }), "{text}");
        }
        for text in ["", "-", "e", "5.", ".5", "5,4", "1e999", "1e", "0x10", "NaN", "inf", "٣"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
