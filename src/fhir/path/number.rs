//! Decimals as FHIRPath counts with them: by their digits, not in binary. <https://hl7.org/fhirpath/#decimal>

use std::cmp::Ordering;
use std::fmt;

/// The most digits that are kept; R4 asks for 18.
const DIGITS: usize = 36;
/// How far from the point the last digit may stand, to either side.
const MOST_PLACES: u32 = 20_000;
/// The most decimal places of a quotient, as FHIRPath asks for at least eight.
const PLACES: i32 = 8;

/// A number: its digits as a whole number, and how many of them stand after the point (fewer than none for
/// `1e20`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    digits: i128,
    places: i32,
}

impl Number {
    /// A whole number.
    pub(super) fn whole(number: i64) -> Self {
        Self { digits: i128::from(number), places: 0 }
    }

    /// The number that JSON or FHIRPath writes so; none where it is no number. Digits beyond the 36th are cut off.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().ok().filter(|size: &i32| size.abs() < 1_000)?;
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if before.is_empty() || mantissa.ends_with('.') {
            return None;
        }
        let (mut digits, mut places, mut kept) = (0_i128, -exponent, 0);
        let whole = before.bytes().map(|byte| (byte, 0));
        for (byte, place) in whole.chain(after.bytes().map(|byte| (byte, 1))) {
            let digit = char::from(byte).to_digit(10)?;
            if kept == DIGITS {
                places -= 1 - place;
                continue;
            }
            digits = digits * 10 + i128::from(digit);
            places += place;
            kept += usize::from(digits != 0);
        }
        Self { digits: if negative { -digits } else { digits }, places }.bounded()
    }

    /// Whether it was written without a point.
    pub(super) fn is_whole(self) -> bool {
        self.places <= 0
    }

    /// The number where it is whole and fits.
    pub(super) fn to_whole(self) -> Option<i64> {
        let factor = 10_i128.checked_pow(u32::try_from(self.places.checked_neg()?).ok()?)?;
        i64::try_from(self.digits.checked_mul(factor)?).ok()
    }

    /// The other way round.
    pub(super) fn negated(self) -> Self {
        Self { digits: -self.digits, ..self }
    }

    /// The sum, where the digits suffice.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let (one, two, places) = self.aligned(other)?;
        Some(Self { digits: one.checked_add(two)?, places })
    }

    /// The product, where the digits suffice.
    pub(super) fn times(self, other: Self) -> Option<Self> {
        let places = self.places.checked_add(other.places)?;
        Self { digits: self.digits.checked_mul(other.digits)?, places }.bounded()
    }

    /// Itself, unless it is so large or small that it cannot be written out.
    fn bounded(self) -> Option<Self> {
        (self.places.unsigned_abs() <= MOST_PLACES).then_some(self)
    }

    /// The quotient to eight places; none for a division by zero.
    pub(super) fn over(self, other: Self) -> Option<Self> {
        let (one, two, _) = self.aligned(other)?;
        let digits = one.checked_mul(10_i128.pow(PLACES.unsigned_abs()))?.checked_div(two)?;
        let mut quotient = Self { digits, places: PLACES };
        while quotient.places > 0 && quotient.digits % 10 == 0 {
            quotient = Self { digits: quotient.digits / 10, places: quotient.places - 1 };
        }
        Some(quotient)
    }

    /// The quotient without its fraction; none for a division by zero.
    pub(super) fn div(self, other: Self) -> Option<Self> {
        let (one, two, _) = self.aligned(other)?;
        Some(Self { digits: one.checked_div(two)?, places: 0 })
    }

    /// What a division leaves; none for a division by zero.
    pub(super) fn modulo(self, other: Self) -> Option<Self> {
        let (one, two, places) = self.aligned(other)?;
        Some(Self { digits: one.checked_rem(two)?, places })
    }

    /// Which is larger.
    pub(super) fn order(self, other: Self) -> Ordering {
        if let Some((one, two, _)) = self.aligned(other) {
            return one.cmp(&two);
        }
        // So far apart that they have no common form: the sign decides, then the size.
        let sign = self.digits.signum().cmp(&other.digits.signum());
        let size = self.magnitude().cmp(&other.magnitude());
        sign.then(if self.digits < 0 { size.reverse() } else { size })
    }

    fn magnitude(self) -> i64 {
        let length = self.digits.unsigned_abs().checked_ilog10().map_or(0, i64::from);
        length - i64::from(self.places)
    }

    /// Both as whole numbers of the same decimal place.
    fn aligned(self, other: Self) -> Option<(i128, i128, i32)> {
        let places = self.places.max(other.places);
        let raised = |number: Self| {
            let missing = u32::try_from(places.checked_sub(number.places)?).ok()?;
            if number.digits == 0 {
                return Some(0);
            }
            number.digits.checked_mul(10_i128.checked_pow(missing)?)
        };
        Some((raised(self)?, raised(other)?, places))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = usize::try_from(self.places).unwrap_or(0);
        let zeros = usize::try_from(-i64::from(self.places)).unwrap_or(0);
        let digits = format!("{:0>1$}", self.digits.unsigned_abs(), places + 1);
        let (before, after) = digits.split_at(digits.len() - places);
        let sign = if self.digits < 0 { "-" } else { "" };
        let point = if after.is_empty() { "" } else { "." };
        write!(f, "{sign}{before}{:0<zeros$}{point}{after}", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).expect("a number")
    }

    #[test]
    fn numbers_are_counted_by_their_digits() {
        assert_eq!(number("0.1").plus(number("0.2")).expect("a sum").order(number("0.3")), Ordering::Equal);
        assert_eq!(number("1.10").order(number("1.1")), Ordering::Equal);
        assert_eq!(number("-2").order(number("1e300")), Ordering::Less);
        assert_eq!(number("-1e300").order(number("-1e-300")), Ordering::Less);
        assert_eq!(number("1e-300").order(number("0")), Ordering::Greater);
        assert_eq!(number(&"9".repeat(90)).order(number(&"9".repeat(91))), Ordering::Less);
        assert_eq!(number("7").over(number("2")).expect("a quotient").to_string(), "3.5");
        assert_eq!(number("1").over(number("3")).expect("a quotient").to_string(), "0.33333333");
        assert_eq!(number("-7").div(number("2")).expect("a quotient").to_string(), "-3");
        assert_eq!(number("7.5").modulo(number("2")).expect("a rest").to_string(), "1.5");
        assert!(number("1").over(number("0")).is_none() && number("1").modulo(number("0.0")).is_none());
    }

    #[test]
    fn numbers_are_written_as_they_came() {
        for text in ["0", "-0.50", "12", "120.05", "0.001"] {
            assert_eq!(number(text).to_string(), text);
        }
        assert_eq!(number("1.5e3").to_string(), "1500");
        assert_eq!(number("1e3").to_whole(), Some(1_000));
        for text in ["", "-", ".5", "1.", "1e", "a", "1_0"] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }
}
