//! The parameters of a rule: the inner extensions of one extension. <https://hl7.org/fhir/R4/extensibility.html>
//!
//! Each is marked when it is read, so that one that no rule reads is refused and not passed over.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::palliative::screening::criterion::Ages;

/// The inner extensions of an extension, each read once.
pub struct Parameters<'a> {
    given: Vec<(&'a str, &'a Value)>,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Parameters<'a> {
    /// Those of the extension with this URL on an element; none where it has no such extension.
    pub fn of(element: &'a Value, url: &str) -> Option<Self> {
        let extension = list(element, "extension").find(|extension| extension["url"] == url)?;
        let given = list(extension, "extension").filter_map(|inner| Some((inner["url"].as_str()?, inner)));
        Some(Self { given: given.collect(), read: RefCell::default() })
    }

    /// All values of a parameter, in the element for its type.
    pub fn all(&self, name: &str, element: &str) -> Result<Vec<&'a Value>, String> {
        self.read.borrow_mut().insert(name.to_owned());
        let given = self.given.iter().filter(|(known, _)| *known == name);
        given.map(|(_, inner)| inner.get(element).ok_or_else(|| format!("{name} has no {element}"))).collect()
    }

    /// The one value of a parameter.
    pub fn one(&self, name: &str, element: &str) -> Result<Option<&'a Value>, String> {
        match self.all(name, element)?.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(format!("{name} is given twice")),
        }
    }

    /// The one text of a parameter.
    pub fn text(&self, name: &str, element: &str) -> Result<Option<&'a str>, String> {
        Ok(self.one(name, element)?.and_then(Value::as_str))
    }

    /// The one number of a parameter.
    pub fn whole(&self, name: &str) -> Result<Option<i64>, String> {
        Ok(self.one(name, "valueInteger")?.and_then(Value::as_i64))
    }

    /// A yes or no; no where it is not given.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        Ok(self.one(name, "valueBoolean")?.and_then(Value::as_bool))
    }

    /// The ages `ageMin` and `ageMax`.
    pub fn ages(&self) -> Result<Ages, String> {
        let age = |name| Ok::<_, String>(self.whole(name)?.and_then(|age| i32::try_from(age).ok()));
        Ok(Ages { min: age("ageMin")?, max: age("ageMax")? })
    }

    /// Refuses what was given and never read.
    ///
    /// # Errors
    /// Names the first such parameter.
    pub fn finish(&self) -> Result<(), String> {
        let read = self.read.borrow();
        match self.given.iter().find(|(name, _)| !read.contains(*name)) {
            Some((name, _)) => Err(format!("the parameter `{name}` is not known here")),
            None => Ok(()),
        }
    }
}

/// The entries of a list that may be missing.
pub fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
