//! A resource as it is stored, before it is: with plain references in the place of those by a search.
//! <https://hl7.org/fhir/R4/http.html#trules>

use serde_json::Value;

use crate::app::session::Session;
use crate::fhir::ResourceType;

impl Session {
    /// The same with each reference by a search that one resource meets as a reference to that one. What meets none or
    /// several, or may not be asked, stays: whoever stores it is told so then.
    pub fn resolved(&self, mut value: Value) -> Value {
        // A document or message keeps the references of its own entries.
        if value["resourceType"] != "Bundle" {
            self.resolve(&mut value);
        }
        value
    }

    fn resolve(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(text) if name == "reference" => {
                            if let Some(found) = self.one_met_by(text) {
                                *text = found;
                            }
                        }
                        value => self.resolve(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.resolve(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn one_met_by(&self, reference: &str) -> Option<String> {
        let (name, query) = reference.split_once('?')?;
        let ty = ResourceType::parse(name)?;
        let found = self.meeting(&self.condition(ty, query, 1).ok()?).ok()?;
        found.first().map(|stored| format!("{ty}/{}", stored.id))
    }
}
