//! What a reference's text points to. <https://hl7.org/fhir/R4/references.html#literal>

use serde_json::Value;

use crate::fhir::resource_type::ResourceType;

/// A `Reference.reference`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// `Patient/1` or `Patient/1/_history/2`.
    Local(Local<'a>),
    /// `Patient?identifier=system|value`, for the server to resolve within a transaction.
    Conditional {
        /// The type that is looked for.
        ty: ResourceType,
        /// What follows the question mark.
        query: &'a str,
    },
    /// `urn:uuid:…` or `urn:oid:…`: an entry of the same Bundle, or something known elsewhere.
    Urn(&'a str),
    /// `#id`: a contained resource.
    Contained(&'a str),
    /// An absolute URL that is not under our base.
    Elsewhere(&'a str),
    /// None of those.
    Unreadable,
}

/// A resource on this server, and perhaps one version of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local<'a> {
    /// Its type.
    pub ty: ResourceType,
    /// Its logical id.
    pub id: &'a str,
    /// The version, where the reference names one.
    pub version: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Reads a reference as it stands in a resource: an absolute URL is never taken for a local one.
    pub fn parse(text: &'a str) -> Self {
        if let Some(id) = text.strip_prefix('#') {
            return Self::Contained(id);
        }
        if text.starts_with("urn:") {
            return Self::Urn(text);
        }
        if text.contains("://") {
            return Self::Elsewhere(text);
        }
        if let Some((name, query)) = text.split_once('?') {
            return ResourceType::parse(name).map_or(Self::Unreadable, |ty| Self::Conditional { ty, query });
        }
        local(text).map_or(Self::Unreadable, Self::Local)
    }

    /// Reads a reference that may also be an absolute URL under the service's own base.
    pub fn parse_under(text: &'a str, base_url: &str) -> Self {
        Self::parse(strip_base(text, base_url))
    }

    /// The local resource that is meant, if one is.
    pub fn local(&self) -> Option<Local<'a>> {
        match self {
            Self::Local(local) => Some(*local),
            Self::Conditional { .. }
            | Self::Urn(_)
            | Self::Contained(_)
            | Self::Elsewhere(_)
            | Self::Unreadable => None,
        }
    }
}

/// What a reference names, whichever version of it.
pub fn unversioned(text: &str) -> &str {
    text.split_once("/_history/").map_or(text, |(name, _)| name)
}

/// The text without the service's own base URL before it.
pub fn strip_base<'a>(text: &'a str, base_url: &str) -> &'a str {
    let base_url = base_url.trim_end_matches('/');
    match text.strip_prefix(base_url) {
        Some(rest) if !base_url.is_empty() => rest.strip_prefix('/').unwrap_or(text),
        Some(_) | None => text,
    }
}

/// The base of a RESTful `fullUrl`, to which relative references of its resource are relative:
/// `http://example.org/fhir` of `http://example.org/fhir/Patient/1`.
/// <https://hl7.org/fhir/R4/bundle.html#references>
pub fn base_of(full_url: &str) -> Option<&str> {
    let (rest, _) = full_url.rsplit_once('/')?;
    let (base, ty) = rest.rsplit_once('/')?;
    (full_url.starts_with("http") && ResourceType::parse(ty).is_some()).then_some(base)
}

/// Where in a resource a reference has this text first: `Goal.subject.reference`.
pub fn place_of(resource: &Value, text: &str) -> Option<String> {
    fn search(value: &Value, text: &str, at: &str) -> Option<String> {
        match value {
            Value::Object(members) => members.iter().find_map(|(name, value)| {
                let at = format!("{at}.{name}");
                if name == "reference" && value.as_str() == Some(text) {
                    Some(at)
                } else {
                    search(value, text, &at)
                }
            }),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .find_map(|(index, item)| search(item, text, &format!("{at}[{index}]"))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
    search(resource, text, resource.get("resourceType").and_then(Value::as_str)?)
}

/// Whether the text can be a logical id. <https://hl7.org/fhir/R4/datatypes.html#id>
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

fn local(text: &str) -> Option<Local<'_>> {
    let mut segments = text.split('/');
    let ty = ResourceType::parse(segments.next()?)?;
    let id = segments.next().filter(|id| is_id(id))?;
    let version = match (segments.next(), segments.next()) {
        (None, _) => None,
        (Some("_history"), Some(version)) if is_id(version) => Some(version),
        (Some(_), _) => return None,
    };
    segments.next().is_none().then_some(Local { ty, id, version })
}

/// Whether a reference in it is a search, such as `Patient?identifier=…`.
pub fn refers_by_search(value: &Value) -> bool {
    let is_search =
        |text: &str| text.split_once('?').is_some_and(|(name, _)| ResourceType::parse(name).is_some());
    match value {
        Value::Object(members) => members.iter().any(|(name, value)| match value {
            Value::String(text) => name == "reference" && is_search(text),
            Value::Array(_) | Value::Object(_) => refers_by_search(value),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }),
        Value::Array(items) => items.iter().any(refers_by_search),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient<'a>(id: &'a str, version: Option<&'a str>) -> Reference<'a> {
        let ty = ResourceType::parse("Patient").expect("Patient is a type of R4");
        Reference::Local(Local { ty, id, version })
    }

    #[test]
    fn each_form_of_a_reference_is_told_from_the_others() {
        let ty = ResourceType::parse("Patient").expect("Patient is a type of R4");
        let cases = [
            ("Patient/1", patient("1", None)),
            ("Patient/1/_history/2", patient("1", Some("2"))),
            ("Patient?identifier=a|b", Reference::Conditional { ty, query: "identifier=a|b" }),
            ("urn:uuid:1", Reference::Urn("urn:uuid:1")),
            ("#p", Reference::Contained("p")),
            (
                "http://other.example/fhir/Patient/1",
                Reference::Elsewhere("http://other.example/fhir/Patient/1"),
            ),
            ("Person of interest", Reference::Unreadable),
            ("Patient/a_b", Reference::Unreadable),
            ("Patient/1/2", Reference::Unreadable),
            ("Patient/1/_history/2/3", Reference::Unreadable),
            ("Nobody/1", Reference::Unreadable),
        ];
        for (text, expected) in cases {
            assert_eq!(Reference::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn an_absolute_url_is_local_only_under_our_base() {
        let base = "http://ours.example/fhir";
        assert_eq!(Reference::parse_under("http://ours.example/fhir/Patient/1", base), patient("1", None));
        assert_eq!(
            Reference::parse_under("http://ours.example/fhirx/Patient/1", base),
            Reference::Elsewhere("http://ours.example/fhirx/Patient/1")
        );
        assert_eq!(Reference::parse_under("Patient/1", base), patient("1", None));
    }

    #[test]
    fn a_full_url_has_a_base_where_it_is_restful() {
        assert_eq!(base_of("http://x.example/fhir/Patient/1"), Some("http://x.example/fhir"));
        for other in ["urn:uuid:1", "http://x.example/1", "http://x.example/fhir/patients/1", "Patient/1", ""]
        {
            assert_eq!(base_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_reference_is_found_where_it_stands() {
        let resource = serde_json::json!({ "resourceType": "Goal", "id": "a", "note": [{ "text": "Patient/1" }],
            "addresses": [{ "reference": "Condition/1" }, { "reference": "Condition/2" }] });
        assert_eq!(place_of(&resource, "Condition/2").as_deref(), Some("Goal.addresses[1].reference"));
        assert_eq!(place_of(&resource, "Patient/1"), None);
    }
}
