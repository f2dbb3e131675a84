//! Fixed values and patterns. <https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.pattern_x_>

use serde_json::Value;

/// Whether a value is just this one; numbers are compared by their digits as they are written.
pub(super) fn is_fixed(fixed: &Value, value: &Value) -> bool {
    fixed == value
}

/// Whether a value has all that the pattern has: each member of an object, and for each entry of a list some entry.
pub(super) fn matches(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::Object(wanted), Value::Object(given)) => {
            wanted.iter().all(|(name, inner)| given.get(name).is_some_and(|own| matches(inner, own)))
        }
        (Value::Array(wanted), Value::Array(given)) => {
            wanted.iter().all(|inner| given.iter().any(|own| matches(inner, own)))
        }
        _ => pattern == value,
    }
}

/// A fixed value or pattern in a sentence.
pub(super) fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    };
    if text.chars().count() <= 200 { text } else { text.chars().take(200).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_asks_for_what_it_has_and_leaves_the_rest() {
        let pattern = json!({ "coding": [{ "system": "s", "code": "c" }] });
        for (value, fits) in [
            (json!({ "coding": [{ "system": "s", "code": "c" }] }), true),
            (
                json!({ "coding": [{ "code": "other" }, { "system": "s", "code": "c", "display": "d" }] }),
                true,
            ),
            (json!({ "coding": [{ "system": "s" }, { "code": "c" }] }), false),
            (json!({ "text": "c" }), false),
            (json!("c"), false),
        ] {
            assert_eq!(matches(&pattern, &value), fits, "{value}");
        }
    }

    #[test]
    fn a_fixed_value_is_the_whole_value() {
        let fixed = json!({ "system": "s", "code": "c" });
        assert!(is_fixed(&fixed, &json!({ "code": "c", "system": "s" })));
        assert!(!is_fixed(&fixed, &json!({ "code": "c", "system": "s", "display": "d" })));
    }
}
