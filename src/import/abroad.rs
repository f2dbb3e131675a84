//! References to elsewhere among what is imported, where nothing says which address is that of this service: an absolute
//! one may then be to a resource here, and stays one to elsewhere. <https://hl7.org/fhir/R4/references.html#literal>

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

use crate::fhir::reference::base_of;

/// How many references name a resource by a whole URL, and one of the addresses under which they do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abroad {
    /// How many there are.
    pub many: u64,
    /// The address of the first: `https://example.org/fhir`.
    pub base: Option<String>,
}

impl Abroad {
    /// Those in a resource, but for these URLs, of which it is known what they name.
    pub fn of(resource: &Value, known: &HashSet<&str>) -> Self {
        let mut found = Self::default();
        found.read(resource, known);
        found
    }

    fn read(&mut self, value: &Value, known: &HashSet<&str>) {
        match value {
            Value::Object(members) => {
                let url = members.get("reference").and_then(Value::as_str).filter(|url| !known.contains(url));
                if let Some(base) = url.and_then(base_of) {
                    self.many += 1;
                    self.base.get_or_insert_with(|| base.to_owned());
                }
                members.values().for_each(|member| self.read(member, known));
            }
            Value::Array(items) => items.iter().for_each(|item| self.read(item, known)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.many += other.many;
        self.base = self.base.take().or(other.base);
    }
}

impl fmt::Display for Abroad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.base.as_deref().unwrap_or_default();
        write!(
            f,
            "warning: {} references name their resource by a whole URL, such as those under {base}; without \
             COMFREY_BASE_URL none of them is known to be here, and no search by `Type/id` finds it",
            self.many
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_urls_of_resources_are_counted_and_nothing_else_is() {
        let resource = json!({
            "subject": { "reference": "https://a.example/fhir/Patient/1" },
            "encounter": { "reference": "Encounter/1" },
            "performer": [{ "reference": "http://b.example/Practitioner/2" }, { "reference": "urn:uuid:x" },
                { "reference": "#p" }],
            "contained": [{ "reference": "https://a.example/page" }],
            "url": "https://a.example/fhir/Patient/3",
        });
        let mut found = Abroad::of(&resource, &HashSet::new());
        assert_eq!((found.many, found.base.as_deref()), (2, Some("https://a.example/fhir")));
        let known = HashSet::from(["https://a.example/fhir/Patient/1"]);
        let beside = Abroad::of(&resource, &known);
        assert_eq!((beside.many, beside.base.as_deref()), (1, Some("http://b.example")));
        found.add(Abroad { many: 1, base: Some("https://c.example".into()) });
        found.add(Abroad::default());
        assert_eq!((found.many, found.base.as_deref()), (3, Some("https://a.example/fhir")));
    }
}
