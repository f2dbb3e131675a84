//! Quantities made comparable across the units of UCUM, by exact decimals.
//! <https://hl7.org/fhir/R4/datatypes.html#Quantity> <https://ucum.org/ucum>
//!
//! A value is carried to the base units that UCUM defines its unit by: 10 mg/dL and 100 mg/L are both 100 g/m3. Factors
//! have 28 digits, and only the result is rounded to a floating-point number, so that what is equal stays equal. A
//! temperature is carried to kelvins. A unit on another scale than a straight one (`[pH]`, `B`) compares with itself
//! alone, and an arbitrary unit (`[iU]`) with itself in any amount of substance, as UCUM says.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::RwLock;

use octofhir_ucum::Number;
use octofhir_ucum::SpecialTerm;
use octofhir_ucum::evaluate;
use octofhir_ucum::get_canonical_units;
use octofhir_ucum::parse_expression;

/// The system of UCUM's codes.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// How long the code of a unit may be; UCUM's own and what is written with them are far shorter.
const LONGEST: usize = 100;

/// How many units are kept analysed. Few are in use; more come from whoever makes them up.
const MOST_KEPT: usize = 4_096;

/// A unit of UCUM, analysed.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    base: String,
    factor: Number,
    offset: Number,
}

type Kept = RwLock<HashMap<String, Option<Arc<Unit>>>>;

static KEPT: LazyLock<Kept> = LazyLock::new(Kept::default);

impl Unit {
    /// The unit with this code; none where UCUM has no such unit.
    pub fn of(code: &str) -> Option<Arc<Self>> {
        if code.len() > LONGEST {
            return None;
        }
        if let Ok(kept) = KEPT.read()
            && let Some(unit) = kept.get(code)
        {
            return unit.clone();
        }
        let unit = Self::analyse(code).map(Arc::new);
        if let Ok(mut kept) = KEPT.write() {
            if kept.len() >= MOST_KEPT {
                kept.clear();
            }
            kept.insert(code.to_owned(), unit.clone());
        }
        unit
    }

    fn analyse(code: &str) -> Option<Self> {
        let term = evaluate(&parse_expression(code).ok()?).ok()?;
        match (get_canonical_units(code), term.special) {
            (Ok(base), _) => Some(Self { base: base.unit, factor: base.factor, offset: base.offset }),
            (Err(_), Some(SpecialTerm { unit, scale })) => {
                Some(Self { base: unit.code.to_owned(), factor: scale, offset: Number::ZERO })
            }
            (Err(_), None) => None,
        }
    }

    /// The unit to which its values are carried: the same text for all units that compare with one another.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A value, as a JSON number writes it, carried to the base unit; none where it is beyond all floating-point numbers.
    pub fn in_base(&self, value: &str) -> Option<f64> {
        let value = Number::parse(value)?.checked_mul(self.factor)?.checked_add(self.offset)?;
        Some(value.to_f64()).filter(|value| value.is_finite())
    }
}

/// A point of SampledData: how far it is from the origin, times the factor, from the origin on.
/// <https://hl7.org/fhir/R4/datatypes.html#SampledData>
pub fn sampled(point: &str, factor: &str, origin: &str) -> Option<String> {
    let distance = Number::parse(point)?.checked_mul(Number::parse(factor)?)?;
    Some(format!("{:e}", distance.checked_add(Number::parse(origin)?)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn in_base(value: &str, code: &str) -> (f64, String) {
        let unit = Unit::of(code).unwrap_or_else(|| panic!("UCUM has {code}"));
        (unit.in_base(value).expect("a number"), unit.base().to_owned())
    }

    #[test]
    fn what_is_equal_is_equal_whatever_its_unit() {
        let table = [
            (("10", "mg/dL"), ("100", "mg/L")),
            (("0.1", "g"), ("100", "mg")),
            (("37", "Cel"), ("98.6", "[degF]")),
            (("32", "[degF]"), ("273.15", "K")),
            (("0", "Cel"), ("32", "[degF]")),
            (("1", "[lb_av]"), ("0.45359237", "kg")),
            (("1", "[in_i]"), ("2.54", "cm")),
            (("120", "mm[Hg]"), ("12", "cm[Hg]")),
            (("90", "min"), ("1.5", "h")),
            (("70", "/min"), ("70", "{beats}/min")),
            (("5", "%"), ("0.05", "1")),
            (("3", "[iU]/mL"), ("3000", "[IU]/L")),
            (("5.5", "10*9/L"), ("5500", "/uL")),
            (("1", "B"), ("10", "dB")),
            (("1e3", "ug"), ("1.0", "mg")),
        ];
        for ((one, unit), (other, of)) in table {
            assert_eq!(in_base(one, unit), in_base(other, of), "{one} {unit} and {other} {of}");
        }
    }

    #[test]
    fn what_does_not_compare_has_another_base() {
        let table =
            [("kg", "m"), ("[iU]", "[arb'U]"), ("[iU]", "g"), ("[pH]", "mol/L"), ("B", "Np"), ("s", "m")];
        for (one, other) in table {
            assert_ne!(in_base("1", one).1, in_base("1", other).1, "{one} and {other}");
        }
        for code in ["", "mmHg", "kilo", "KG", "m g", "µg", "[degF", "Cel2", "m999999999", &"m.".repeat(80)]
        {
            assert_eq!(Unit::of(code), None, "{code}");
        }
        assert!(in_base("100", "[lb_av]").0 < in_base("45.4", "kg").0);
    }

    #[test]
    fn a_sampled_point_is_reckoned_exactly() {
        assert_eq!(sampled("3", "0.1", "0").and_then(|text| text.parse().ok()), Some(0.3));
        assert_eq!(sampled("-20", "2", "2048").and_then(|text| text.parse().ok()), Some(2008.0));
        assert_eq!(sampled("E", "1", "0"), None);
    }

    proptest! {
        #[test]
        fn no_text_is_a_unit_by_accident_or_stops_the_service(code in "[a-zA-Z0-9*^./()\\[\\]{}'%+-]{0,40}") {
            if let Some(unit) = Unit::of(&code) {
                prop_assert!(!unit.base().is_empty());
                unit.in_base("70.5");
            }
        }
    }
}
