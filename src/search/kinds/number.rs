//! A number, compared with the precision in which it is asked for. <https://hl7.org/fhir/R4/search.html#number>
//!
//! `5.4` asks for what rounds to it: from 5.35 up to, and without, 5.45. A number in a resource is the
//! number itself: were it a span too, `gt5.4` would find 5.4. With a prefix other than `eq`, `ne` and `ap` the
//! number asked for is exact as well, as R4 says.

use serde_json::Value;

use crate::search::fold::ordered;
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
    let Compared { canonical, sql, reach } = compare(asked.value, &|text| text.parse().ok())?;
    Ok(Understood { canonical, condition: Condition { sql, leading: Vec::new(), reach } })
}

/// What a number with its prefix asks of `low` and `high`.
pub(super) struct Compared {
    /// Its one spelling.
    pub canonical: String,
    /// The condition.
    pub sql: Sql,
    /// How narrow it is.
    pub reach: Reach,
}

/// Understands a number with its prefix; `read` makes of a decimal what the columns hold.
pub(super) fn compare(text: &str, read: &dyn Fn(&str) -> Option<f64>) -> Result<Compared, String> {
    let (prefix, text) = prefix(text)?;
    let wrong = || format!("`{text}` is not a number; write 5, -5.4 or 1e3, after a prefix if you like.");
    let (low, value, high) = Decimal::parse(text)
        .and_then(|asked| {
            let read = |decimal: String| read(&decimal).filter(|number| number.is_finite());
            let ends = match prefix {
                Prefix::Ap => {
                    let [low, high] = asked.about();
                    (read(low)?.min(read(asked.low())?), read(high)?.max(read(asked.high())?))
                }
                _ => (read(asked.low())?, read(asked.high())?),
            };
            Some((ends.0, read(asked.value())?, ends.1))
        })
        .ok_or_else(wrong)?;
    let (low, high) = match prefix {
        // The upper end is outside; the float before it is inside. With more digits than a float has, all three are the
        // same, and the number itself is inside all the same.
        Prefix::Eq | Prefix::Ne => (low, high.next_down().max(value)),
        Prefix::Ap => (low, high),
        Prefix::Gt | Prefix::Lt | Prefix::Ge | Prefix::Le | Prefix::Sa | Prefix::Eb => (value, value),
    };
    let reach = match prefix {
        Prefix::Gt | Prefix::Ge | Prefix::Ap => Reach::Upwards(ordered(low)),
        Prefix::Eq | Prefix::Ne | Prefix::Lt | Prefix::Le | Prefix::Sa | Prefix::Eb => Reach::Range,
    };
    let canonical = format!("{}{text}", prefix.name());
    Ok(Compared { canonical, sql: spans(prefix, low.into(), high.into()), reach })
}

/// A decimal with the span of what rounds to it, in whole numbers, so that 5.35 is what `5.35` reads as.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Decimal {
    /// The value in tenths of a unit of its last digit.
    tenths: i128,
    /// The power of ten of a tenth.
    exponent: i32,
}

impl Decimal {
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
        Some(Self { tenths, exponent: exponent - i32::try_from(fraction.len()).ok()? - 1 })
    }

    /// The value, as a decimal.
    fn value(self) -> String {
        format!("{}e{}", self.tenths, self.exponent)
    }

    /// Half a unit of the last digit below it.
    fn low(self) -> String {
        format!("{}e{}", self.tenths - 5, self.exponent)
    }

    /// The same above it.
    fn high(self) -> String {
        format!("{}e{}", self.tenths + 5, self.exponent)
    }

    /// A tenth of the value below and above it, as R4 recommends for `ap`.
    fn about(self) -> [String; 2] {
        let ends = [9, 11].map(|tenths| self.tenths * tenths);
        [ends[0].min(ends[1]), ends[0].max(ends[1])].map(|end| format!("{end}e{}", self.exponent - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<[f64; 3]> {
        let read = |text: String| text.parse().unwrap();
        Decimal::parse(text).map(|decimal| [decimal.low(), decimal.value(), decimal.high()].map(read))
    }

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
            assert_eq!(read(text), Some([low, value, high]), "{text}");
        }
        for text in ["", "-", "e", "5.", ".5", "5,4", "1e999", "1e", "0x10", "NaN", "inf", "٣"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(Decimal::parse("-50").map(Decimal::about), Some(["-5500e-2".into(), "-4500e-2".into()]));
        for text in ["1e300", "-1e300"] {
            assert!(compare(text, &|text| text.parse().ok()).is_ok(), "{text}");
        }
    }
}
