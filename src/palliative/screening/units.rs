//! The units in which a number may be compared, by UCUM. <https://ucum.org/ucum>
//!
//! A unit of the same dimension as the accepted one is carried over: 25 g/L is 2.5 g/dL. A number without a
//! dimension is not: a ratio of 0.25 may be 25 % of something else, and a score is no percentage.

use crate::fhir::quantity;
use crate::palliative::record::Interval;
use crate::palliative::record::Unit;

/// How people write units that UCUM writes otherwise, in small letters.
const UNIT_TEXTS: [(&str, &[&str]); 8] = [
    ("%", &["%", "percent", "pct", "% predicted", "percent predicted"]),
    ("g/dL", &["g/dl", "gm/dl", "g/100ml"]),
    ("L/min", &["l/min", "lpm", "liters/min", "litres/min", "liter/min", "litre/min"]),
    ("kg", &["kg", "kgs", "kilogram", "kilograms"]),
    ("[lb_av]", &["lb", "lbs", "pound", "pounds"]),
    ("{INR}", &["inr", "{inr}", "1", "ratio", "{ratio}"]),
    ("{score}", &["score", "{score}", "points", "1", "{#}"]),
    ("{count}", &["count", "{count}", "1", "{#}"]),
];

/// The units that a number may have.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// UCUM codes; the first is the unit of the rule's own numbers.
    pub accepted: Vec<String>,
    /// Whether a number without any unit may be used.
    pub optional: bool,
}

impl Units {
    /// A value on the scale on which [`Units::limit`] is, too; none where its unit does not compare.
    pub fn measure(&self, interval: &Interval, unit: &Unit) -> Option<Interval> {
        let Some(scale) = self.scale() else { return self.accept(unit).then_some(*interval) };
        let own = self.code_of(unit).and_then(quantity::Unit::of)?;
        if own.base() != scale.base() {
            return None;
        }
        let carried =
            |number: f64| if number.is_finite() { own.in_base(&number.to_string()) } else { Some(number) };
        Some(Interval { low: carried(interval.low)?, high: carried(interval.high)?, ..*interval })
    }

    /// A number of the rule on that scale.
    pub fn limit(&self, limit: f64) -> f64 {
        self.scale().and_then(|scale| scale.in_base(&limit.to_string())).unwrap_or(limit)
    }

    /// Whether a number in this unit is on the scale of the accepted ones as it stands. A UCUM code must be one of
    /// those accepted; a unit that is only written for people must be a known way to write one.
    fn accept(&self, unit: &Unit) -> bool {
        let accepted = |written: &str| {
            self.accepted.iter().any(|code| {
                let texts =
                    UNIT_TEXTS.iter().find(|(known, _)| known == code).map_or(&[][..], |(_, texts)| texts);
                code == written || texts.contains(&written.to_lowercase().as_str())
            })
        };
        match (unit.code.as_str(), unit.text.as_str()) {
            ("", "") => self.optional,
            ("", text) => accepted(text),
            (code, _) => {
                is_coded(unit) && (self.accepted.iter().any(|known| known == code) || self.is_plain(code))
            }
        }
    }

    /// The unit of the rule's own numbers, where it has a dimension.
    fn scale(&self) -> Option<std::sync::Arc<quantity::Unit>> {
        let one = quantity::Unit::of("1")?;
        quantity::Unit::of(self.accepted.first()?).filter(|unit| unit.base() != one.base())
    }

    /// The UCUM code of a unit.
    fn code_of<'a>(&'a self, unit: &'a Unit) -> Option<&'a str> {
        match (unit.code.as_str(), unit.text.as_str()) {
            ("", "") => self.accepted.first().filter(|_| self.optional).map(String::as_str),
            ("", text) => {
                let small = text.to_lowercase();
                let known = UNIT_TEXTS.iter().find(|(_, texts)| texts.contains(&small.as_str()));
                Some(known.map_or(text, |(code, _)| code))
            }
            (code, _) => is_coded(unit).then_some(code),
        }
    }

    /// UCUM's `1` and annotations such as `{INR}` all say that there is no dimension.
    fn is_plain(&self, code: &str) -> bool {
        let plain = |code: &str| code == "1" || (code.starts_with('{') && code.ends_with('}'));
        plain(code) && self.accepted.iter().any(|known| plain(known))
    }
}

fn is_coded(unit: &Unit) -> bool {
    unit.system.is_empty() || unit.system == quantity::UCUM
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(code: &str) -> Units {
        Units { accepted: vec![code.to_owned()], optional: false }
    }

    fn unit(code: &str, text: &str) -> Unit {
        Unit { system: String::new(), code: code.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn t43_a_unit_of_the_same_dimension_is_carried_over_exactly_and_no_other_is_taken() {
        for (accepted, limit, value, given) in [
            ("g/dL", 3.0, 30.0, unit("g/L", "")),
            ("g/dL", 3.0, 3.0, unit("g/dL", "")),
            ("g/dL", 3.0, 3.0, unit("", "gm/dL")),
            ("g/dL", 2.5, 25.0, unit("", "g/L")),
            ("L/min", 3.0, 3000.0, unit("mL/min", "")),
            ("kg", 45.359_237, 100.0, unit("[lb_av]", "")),
            ("kg", 45.359_237, 100.0, unit("", "lbs")),
            ("{INR}", 1.3, 1.3, unit("1", "")),
            ("%", 30.0, 30.0, unit("%", "")),
        ] {
            let units = units(accepted);
            let measured = units.measure(&Interval::exactly(value), &given).map(|interval| interval.low);
            assert_eq!(measured, Some(units.limit(limit)), "{value} {given:?} in {accepted}");
        }
        for (accepted, given) in [
            ("g/dL", unit("mmol/L", "")),
            ("g/dL", unit("", "")),
            ("g/dL", unit("GM", "")),
            ("%", unit("1", "")),
            ("%", unit("L", "")),
            ("{score}", unit("%", "")),
            ("kg", unit("", "stone-ish")),
        ] {
            assert_eq!(
                units(accepted).measure(&Interval::exactly(1.0), &given),
                None,
                "{given:?} in {accepted}"
            );
        }
        let elsewhere = Unit { system: "http://example.org".to_owned(), ..unit("g/L", "") };
        assert_eq!(units("g/dL").measure(&Interval::exactly(1.0), &elsewhere), None);
    }
}
