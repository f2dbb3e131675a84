//! Values that FHIRPath computes with, and how they convert into one another. <https://hl7.org/fhirpath/#conversion>

use std::borrow::Cow;

use crate::fhir::datetime;
use crate::fhir::datetime::Span;
use crate::fhir::path::number::Number;

/// A value of FHIRPath's own types.
#[derive(Clone, Debug)]
pub(super) enum System<'a> {
    Boolean(bool),
    Text(Cow<'a, str>),
    Number(Number),
    Moment(Moment, Cow<'a, str>),
    Quantity(Number, Cow<'a, str>),
}

/// What kind of point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Date,
    DateTime,
    Time,
}

impl<'a> System<'a> {
    /// A date, a dateTime (which may end with `T`) or a time (which begins with it); none where it does not exist.
    pub(super) fn moment(text: Cow<'a, str>) -> Option<Self> {
        let kind = match text.find('T') {
            Some(0) => Moment::Time,
            Some(_) => Moment::DateTime,
            None => Moment::Date,
        };
        let text = match kind {
            Moment::Time => Cow::Owned(text[1..].to_owned()),
            Moment::Date | Moment::DateTime => match text.strip_suffix('T') {
                Some(date) => Cow::Owned(date.to_owned()),
                None => text,
            },
        };
        moment_span(kind, &text).map(|_| Self::Moment(kind, text))
    }

    /// The UCUM unit of a word for a stretch of time.
    pub(super) fn calendar_unit(word: &str) -> Option<&'static str> {
        Some(match word.strip_suffix('s').unwrap_or(word) {
            "year" => "a",
            "month" => "mo",
            "week" => "wk",
            "day" => "d",
            "hour" => "h",
            "minute" => "min",
            "second" => "s",
            "millisecond" => "ms",
            _ => return None,
        })
    }

    /// The same value, its text where it stands.
    pub(super) fn borrowed(&'a self) -> Self {
        match self {
            Self::Boolean(truth) => Self::Boolean(*truth),
            Self::Text(text) => Self::Text(Cow::Borrowed(text)),
            Self::Number(number) => Self::Number(*number),
            Self::Moment(kind, text) => Self::Moment(*kind, Cow::Borrowed(text)),
            Self::Quantity(number, unit) => Self::Quantity(*number, Cow::Borrowed(unit)),
        }
    }

    /// The name of its type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "Boolean",
            Self::Text(_) => "String",
            Self::Number(number) if number.is_whole() => "Integer",
            Self::Number(_) => "Decimal",
            Self::Moment(Moment::Date, _) => "Date",
            Self::Moment(Moment::DateTime, _) => "DateTime",
            Self::Moment(Moment::Time, _) => "Time",
            Self::Quantity(..) => "Quantity",
        }
    }

    /// As FHIRPath writes it.
    pub(super) fn to_text(&self) -> Cow<'a, str> {
        match self {
            Self::Boolean(truth) => if *truth { "true" } else { "false" }.into(),
            Self::Text(text) | Self::Moment(_, text) => text.clone(),
            Self::Number(number) => number.to_string().into(),
            Self::Quantity(number, unit) => format!("{number} '{unit}'").into(),
        }
    }

    /// As true or false, where it says so.
    pub(super) fn to_boolean(&self) -> Option<Self> {
        let truth = match self {
            Self::Boolean(truth) => Some(*truth),
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "1" | "1.0" => Some(true),
                "false" | "f" | "no" | "n" | "0" | "0.0" => Some(false),
                _ => None,
            },
            Self::Number(number) => match number.to_string().trim_end_matches(".0") {
                "1" => Some(true),
                "0" => Some(false),
                _ => None,
            },
            Self::Moment(..) | Self::Quantity(..) => None,
        };
        truth.map(Self::Boolean)
    }

    /// As a number.
    pub(super) fn to_number(&self) -> Option<Self> {
        match self {
            Self::Boolean(truth) => Some(Self::Number(Number::whole(i64::from(*truth)))),
            Self::Text(text) => Number::parse(text).map(Self::Number),
            Self::Number(number) => Some(Self::Number(*number)),
            Self::Moment(..) | Self::Quantity(..) => None,
        }
    }

    /// As a whole number of 32 bits.
    pub(super) fn to_integer(&self) -> Option<Self> {
        let Self::Number(number) = self.to_number()? else { return None };
        let fits = number.is_whole() && number.to_whole().is_some_and(|whole| i32::try_from(whole).is_ok());
        fits.then_some(Self::Number(number))
    }

    /// As a date, dateTime or time.
    pub(super) fn to_moment(&self, wanted: Moment) -> Option<Self> {
        let text = match self {
            Self::Text(text) | Self::Moment(_, text) => text.clone(),
            Self::Boolean(_) | Self::Number(_) | Self::Quantity(..) => return None,
        };
        let text = match (wanted, text.find('T')) {
            (Moment::Date, Some(at)) => text[..at].to_owned().into(),
            (Moment::Date | Moment::DateTime | Moment::Time, _) => text,
        };
        moment_span(wanted, &text).map(|_| Self::Moment(wanted, text))
    }

    /// As a quantity: a number, or a number with a unit after it.
    pub(super) fn to_quantity(&self) -> Option<Self> {
        let one = |number| Self::Quantity(number, "1".into());
        match self {
            Self::Quantity(..) => Some(self.clone()),
            Self::Boolean(_) | Self::Number(_) => match self.to_number()? {
                Self::Number(number) => Some(one(number)),
                Self::Boolean(_) | Self::Text(_) | Self::Moment(..) | Self::Quantity(..) => None,
            },
            Self::Text(text) => {
                let (number, unit) = text.split_once(' ').unwrap_or((text, "'1'"));
                let unit = unit.trim().strip_prefix('\'')?.strip_suffix('\'')?;
                Some(Self::Quantity(Number::parse(number)?, unit.to_owned().into()))
            }
            Self::Moment(..) => None,
        }
    }
}

/// The span that a moment covers; times lie on one day, whichever.
pub(super) fn moment_span(kind: Moment, text: &str) -> Option<Span> {
    let zone = jiff::tz::TimeZone::UTC;
    match kind {
        Moment::Date if text.contains('T') => None,
        Moment::Date | Moment::DateTime => datetime::span(text, &zone),
        Moment::Time => {
            let hour = text.len() == 2;
            datetime::span(&format!("2000-01-01T{text}{}", if hour { ":00" } else { "" }), &zone)
        }
    }
}
