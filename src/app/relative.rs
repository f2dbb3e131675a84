//! References to resources here by their whole URL, as they are stored: relative. <https://hl7.org/fhir/R4/references.html#literal>

use serde_json::Value;

use crate::app::session::Session;
use crate::fhir::reference::Reference;
use crate::fhir::shape::Link;
use crate::fhir::shape::links_mut;

/// Whether a reference names a resource here by its whole URL.
pub(crate) fn refers_below(value: &Value, base: &str) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| match value {
            Value::String(text) => name == "reference" && below(text, base).is_some(),
            Value::Array(_) | Value::Object(_) => refers_below(value, base),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }),
        Value::Array(items) => items.iter().any(|item| refers_below(item, base)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

impl Session {
    /// The same with references to resources here made relative, as they are in what is stored.
    pub fn relative(&self, mut value: Value) -> Value {
        if refers_below(&value, self.base_url()) {
            make_relative(self, &mut value);
        }
        value
    }
}

/// Makes references to resources here relative: by whichever URL a client knows the service, the patient that it
/// refers to is the same, for the compartment, for searches and for the rules.
pub(crate) fn make_relative(session: &Session, value: &mut Value) {
    links_mut(&session.app().definitions.shapes, value, &mut |link, text| {
        if matches!(link, Link::Reference)
            && let Some(relative) = below(text, session.base_url())
        {
            *text = relative.to_owned();
        }
    });
}

/// `Patient/1` of `http://example.org/fhir/Patient/1`, below that base; what would be no reference without the base
/// stays as it is.
fn below<'a>(text: &'a str, base: &str) -> Option<&'a str> {
    let relative = text.strip_prefix(base)?.strip_prefix('/')?;
    Reference::parse(relative).local().map(|_| relative)
}
