//! What an operation is given and gives: a Parameters resource, read against the operation's definition.
//! <https://hl7.org/fhir/R4/parameters.html>

pub mod csv;
pub mod output;
pub mod read;
mod simple;

use serde_json::Value;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;
use crate::fhir::resource::Resource;

pub use output::Output;
pub use read::read;

/// The parameters that were given, each of them fitting the definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    given: Vec<Given>,
}

/// One parameter that was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Its name.
    pub name: String,
    /// Where it stands: `Parameters.parameter[2]`.
    pub at: String,
    /// What it is.
    pub content: Content,
}

/// What a parameter is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A value: its FHIR type and its JSON.
    Value(String, Value),
    /// A resource.
    Resource(Resource),
    /// Parts.
    Parts(Input),
}

/// A coding that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding<'a> {
    /// Its system, if it has one.
    pub system: Option<&'a str>,
    /// Its code.
    pub code: &'a str,
    /// Its display, if it has one.
    pub display: Option<&'a str>,
}

impl Input {
    /// Every parameter of this name, in their order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &Given> {
        self.given.iter().filter(move |given| given.name == name)
    }

    /// The first parameter of this name.
    pub fn one(&self, name: &str) -> Option<&Given> {
        self.given.iter().find(|given| given.name == name)
    }

    /// The text of a string, code, id, URL, date or instant.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.one(name).and_then(Given::text)
    }

    /// The texts of all parameters of this name.
    pub fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.all(name).filter_map(Given::text)
    }

    /// A truth value.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.one(name).and_then(|given| given.value()?.as_bool())
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.one(name).and_then(|given| given.value()?.as_i64())
    }

    /// A whole day.
    ///
    /// # Errors
    /// `Invalid` where only a month or a year is given.
    pub fn day(&self, name: &str) -> Result<Option<jiff::civil::Date>, Failure> {
        let Some(given) = self.one(name) else { return Ok(None) };
        let day = given.text().filter(|text| text.len() == 10).and_then(|text| text.parse().ok());
        day.map(Some).ok_or_else(|| {
            Failure::new(Reason::Invalid, format!("`{name}` must be a whole date, such as 2026-02-01."))
                .at(given.at.clone())
        })
    }

    /// What a reference refers to: `Patient/1`.
    pub fn reference(&self, name: &str) -> Option<&str> {
        self.one(name).and_then(Given::reference)
    }

    /// What all references of this name refer to.
    pub fn references(&self, name: &str) -> impl Iterator<Item = &str> {
        self.all(name).filter_map(Given::reference)
    }

    /// A coding.
    pub fn coding(&self, name: &str) -> Option<Coding<'_>> {
        self.one(name).and_then(Given::coding)
    }

    /// All codings of this name.
    pub fn codings(&self, name: &str) -> impl Iterator<Item = Coding<'_>> {
        self.all(name).filter_map(Given::coding)
    }

    /// A resource.
    pub fn resource(&self, name: &str) -> Option<&Resource> {
        self.one(name).and_then(Given::resource)
    }

    /// The parts of a parameter.
    pub fn parts(&self, name: &str) -> Option<&Input> {
        self.one(name).and_then(Given::parts)
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }
}

impl Given {
    /// The JSON of a value.
    pub fn value(&self) -> Option<&Value> {
        match &self.content {
            Content::Value(_, value) => Some(value),
            Content::Resource(_) | Content::Parts(_) => None,
        }
    }

    /// The text of a string, code, id, URL, date or instant.
    pub fn text(&self) -> Option<&str> {
        self.value().and_then(Value::as_str)
    }

    /// What a reference refers to.
    pub fn reference(&self) -> Option<&str> {
        self.value().and_then(|value| value.get("reference")?.as_str())
    }

    /// A coding, or the first one of a CodeableConcept, that has a code.
    pub fn coding(&self) -> Option<Coding<'_>> {
        let value = self.value()?;
        let coding = value.get("coding").and_then(|list| list.get(0)).unwrap_or(value);
        let text = |name: &str| coding.get(name).and_then(Value::as_str);
        Some(Coding { system: text("system"), code: text("code")?, display: text("display") })
    }

    /// A resource.
    pub fn resource(&self) -> Option<&Resource> {
        match &self.content {
            Content::Resource(resource) => Some(resource),
            Content::Value(..) | Content::Parts(_) => None,
        }
    }

    /// The parts.
    pub fn parts(&self) -> Option<&Input> {
        match &self.content {
            Content::Parts(parts) => Some(parts),
            Content::Value(..) | Content::Resource(_) => None,
        }
    }
}
