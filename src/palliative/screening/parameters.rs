//! The parameters of a rule: the inner extensions of one extension. <https://hl7.org/fhir/R4/extensibility.html>
//!
//! Each is marked when it is read, so that one that no rule reads is refused and not passed over.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::palliative::screening::criterion::Ages;
use crate::palliative::screening::problem::Problem;

/// The greatest number of days, or of times: more than anybody lives, and few enough for every date to be reckoned with.
const MOST: i64 = 100_000;
/// The greatest age.
const OLDEST: i64 = 150;

/// The inner extensions of an extension, each read once.
pub struct Parameters<'a> {
    place: String,
    given: Vec<(&'a str, &'a Value)>,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Parameters<'a> {
    /// Those of the extension with this URL on an element; none where it has no such extension.
    pub fn of(element: &'a Value, url: &str) -> Option<Self> {
        let (at, extension) =
            list(element, "extension").enumerate().find(|(_, extension)| extension["url"] == url)?;
        let given =
            list(extension, "extension").map(|inner| (inner["url"].as_str().unwrap_or_default(), inner));
        Some(Self { place: format!("extension[{at}]"), given: given.collect(), read: RefCell::default() })
    }

    /// All values of a parameter, in the element for its type.
    pub fn all(&self, name: &str, element: &str) -> Result<Vec<&'a Value>, Problem> {
        self.read.borrow_mut().insert(name.to_owned());
        let given = self.given.iter().filter(|(known, _)| *known == name);
        let wrong = || self.wrong(name, format!("`{name}` has no {element}; give it one."));
        given.map(|(_, inner)| inner.get(element).ok_or_else(wrong)).collect()
    }

    /// The one value of a parameter.
    pub fn one(&self, name: &str, element: &str) -> Result<Option<&'a Value>, Problem> {
        match self.all(name, element)?.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(self.wrong(name, format!("`{name}` is given twice; keep one of them."))),
        }
    }

    /// The one text of a parameter.
    pub fn text(&self, name: &str, element: &str) -> Result<Option<&'a str>, Problem> {
        Ok(self.one(name, element)?.and_then(Value::as_str))
    }

    /// The one whole number of a parameter.
    pub fn whole(&self, name: &str) -> Result<Option<i64>, Problem> {
        Ok(self.one(name, "valueInteger")?.and_then(Value::as_i64))
    }

    /// The one number of days, or of times, of a parameter: no less than none.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Problem> {
        self.up_to(name, MOST)
    }

    fn up_to(&self, name: &str, most: i64) -> Result<Option<i64>, Problem> {
        match self.whole(name)? {
            Some(number) if !(0..=most).contains(&number) => {
                Err(self.wrong(name, format!("`{name}` is {number}; give 0 to {most}.")))
            }
            number => Ok(number),
        }
    }

    /// The one decimal of a parameter.
    pub fn decimal(&self, name: &str) -> Result<Option<f64>, Problem> {
        Ok(self.one(name, "valueDecimal")?.and_then(Value::as_f64))
    }

    /// A yes or no; none where it is not given.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        Ok(self.one(name, "valueBoolean")?.and_then(Value::as_bool))
    }

    /// The ages `ageMin` and `ageMax`.
    pub fn ages(&self) -> Result<Ages, Problem> {
        self.ages_named("ageMin", "ageMax")
    }

    /// The ages in two parameters.
    pub fn ages_named(&self, min: &str, max: &str) -> Result<Ages, Problem> {
        let age = |name| Ok(self.up_to(name, OLDEST)?.and_then(|age| i32::try_from(age).ok()));
        Ok(Ages { min: age(min)?, max: age(max)? })
    }

    /// The problem with ages of which the greatest is below the least.
    pub fn turned(&self, name: &str, ages: Ages) -> Problem {
        let (least, greatest) = (ages.min.unwrap_or_default(), ages.max.unwrap_or_default());
        let text =
            format!("Nobody is {least} or older and {greatest} or younger; give ages that somebody has.");
        self.wrong(name, text)
    }

    /// A problem with a parameter, at the place where it is given; or at the whole, where it is not.
    pub fn wrong(&self, name: &str, text: impl Into<String>) -> Problem {
        self.wrong_one(name, 0, text)
    }

    /// A problem with one of the values of a parameter.
    pub fn wrong_one(&self, name: &str, which: usize, text: impl Into<String>) -> Problem {
        let of_name = self.given.iter().enumerate().filter(|(_, (known, _))| *known == name);
        let at = of_name.map(|(at, _)| at).nth(which);
        let place = &self.place;
        Problem::new(at.map_or_else(|| place.clone(), |at| format!("{place}.extension[{at}]")), text)
    }

    /// A parameter that is needed and not given.
    pub fn missing(&self, name: &str) -> Problem {
        Problem::new(self.place.clone(), format!("The parameter `{name}` is missing; give it."))
    }

    /// Refuses what was given and never read.
    ///
    /// # Errors
    /// Names the first such parameter.
    pub fn finish(&self) -> Result<(), Problem> {
        let read = self.read.borrow();
        match self.given.iter().find(|(name, _)| !read.contains(*name)) {
            Some((name, _)) => {
                Err(self.wrong(name, format!("The parameter `{name}` is not known here; leave it out.")))
            }
            None => Ok(()),
        }
    }
}

/// The entries of a list that may be missing.
pub fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
