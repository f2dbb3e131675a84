//! FHIR's data types, each made in one line, for the resources that the programme writes.
//! <https://hl7.org/fhir/R4/datatypes.html>

use fhir_typed::types;
use fhir_typed::types::CodeableConcept;
use fhir_typed::types::Coding;
use fhir_typed::types::Extension;
use fhir_typed::types::ExtensionValue;
use fhir_typed::types::Reference;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::instant;
use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;

/// A code with its system and the words for it.
pub fn coding(system: &str, code: &str, display: &str) -> Coding {
    Coding {
        system: Some(system.into()),
        code: Some(code.into()),
        display: (!display.is_empty()).then(|| display.into()),
        ..Coding::default()
    }
}

/// A concept with one code.
pub fn concept(system: &str, code: &str, display: &str) -> Box<CodeableConcept> {
    concepts(vec![coding(system, code, display)])
}

/// A concept with these codes.
pub fn concepts(coding: Vec<Coding>) -> Box<CodeableConcept> {
    Box::new(CodeableConcept { coding, ..CodeableConcept::default() })
}

/// A concept in words.
pub fn words(text: &str) -> Box<CodeableConcept> {
    Box::new(CodeableConcept { text: Some(text.into()), ..CodeableConcept::default() })
}

/// A reference to `Type/id` or to a `urn:uuid:` that the write will resolve.
pub fn reference(to: &str) -> Box<Reference> {
    Box::new(Reference { reference: Some(to.into()), ..Reference::default() })
}

/// A reference by name alone, to somebody who has no resource here.
pub fn named(name: &str) -> Box<Reference> {
    Box::new(Reference { display: Some(name.into()), ..Reference::default() })
}

/// The target of a typed reference.
pub fn target(reference: &Reference) -> Option<&str> {
    reference.reference.as_ref()?.value.as_deref()
}

/// An extension with a value.
pub fn extension(url: &str, value: ExtensionValue) -> Extension {
    Extension { url: url.to_owned(), value: Some(value), ..Extension::default() }
}

/// An extension of extensions.
pub fn complex(url: &str, parts: Vec<Extension>) -> Extension {
    Extension { url: url.to_owned(), extension: parts, ..Extension::default() }
}

/// `valueCoding`
pub fn code_value(coding: Coding) -> ExtensionValue {
    ExtensionValue::Coding(Box::new(coding))
}

/// `valueDate`
pub fn date_value(date: Date) -> ExtensionValue {
    ExtensionValue::Date(date.to_string().into())
}

/// `valueReference`
pub fn reference_value(to: &str) -> ExtensionValue {
    ExtensionValue::Reference(reference(to))
}

/// `valueCode`
pub fn plain_code(code: &str) -> ExtensionValue {
    ExtensionValue::Code(code.into())
}

/// `valueString`
pub fn string_value(text: &str) -> ExtensionValue {
    ExtensionValue::String(text.into())
}

/// The first extension with this URL.
pub fn find<'a>(extensions: &'a [Extension], url: &str) -> Option<&'a Extension> {
    extensions.iter().find(|extension| extension.url == url)
}

/// The date in the first extension with this URL.
pub fn find_date(extensions: &[Extension], url: &str) -> Option<Date> {
    match find(extensions, url)?.value.as_ref()? {
        ExtensionValue::Date(date) => day(date.value.as_deref()?),
        _ => None,
    }
}

/// The text of a code, string or canonical, or of a coding's code, in the first extension with this URL.
pub fn find_text<'a>(extensions: &'a [Extension], url: &str) -> Option<&'a str> {
    match find(extensions, url)?.value.as_ref()? {
        ExtensionValue::Code(code) => code.value.as_deref(),
        ExtensionValue::String(text) => text.value.as_deref(),
        ExtensionValue::Canonical(canonical) => canonical.value.as_deref(),
        ExtensionValue::Coding(coding) => coding.code.as_ref()?.value.as_deref(),
        ExtensionValue::Reference(reference) => target(reference),
        _ => None,
    }
}

/// Puts the extension in place of those with its URL.
pub fn set(extensions: &mut Vec<Extension>, extension: Extension) {
    remove(extensions, &extension.url);
    extensions.push(extension);
}

/// Takes every extension with this URL away.
pub fn remove(extensions: &mut Vec<Extension>, url: &str) {
    extensions.retain(|extension| extension.url != url);
}

/// A period of whole days, both inside.
pub fn period(start: Option<Date>, end: Option<Date>) -> Box<types::Period> {
    let text = |date: Option<Date>| date.map(|date| date.to_string().into());
    Box::new(types::Period { start: text(start), end: text(end), ..types::Period::default() })
}

/// The day that a date or time begins with.
pub fn day(text: &str) -> Option<Date> {
    text.get(..10)?.parse().ok()
}

/// A remark.
pub fn remark(text: &str, at: Micros) -> types::Annotation {
    types::Annotation { time: Some(instant(at).into()), text: text.into(), ..types::Annotation::default() }
}

/// Text as it stands in XHTML.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no place for the other control characters, not even escaped.
            control if control.is_control() && control != '\n' && control != '\t' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The typed resource as JSON.
///
/// # Errors
/// `Internal`, where a required element was left out: a fault of ours.
pub fn written(resource: fhir_typed::Resource) -> Result<Resource, Failure> {
    Resource::from_value(fhir_typed::value(resource).map_err(Failure::internal)?)
}

/// A stored resource with the elements of a typed one in place of its own; those named are added to, not replaced.
/// What the typed one leaves out stays as it was stored.
///
/// # Errors
/// `Internal`, where a required element was left out: a fault of ours.
pub fn amended(
    mut stored: Resource,
    change: fhir_typed::Resource,
    added_to: &[&str],
) -> Result<Resource, Failure> {
    let Value::Object(change) = fhir_typed::value(change).map_err(Failure::internal)? else {
        return Err(Failure::internal("a typed resource was written as something other than an object"));
    };
    let object = stored.object_mut();
    for (name, value) in change {
        match (object.get_mut(&name), value) {
            (Some(Value::Array(own)), Value::Array(more)) if added_to.contains(&name.as_str()) => {
                own.extend(more);
            }
            (_, value) => {
                object.insert(name, value);
            }
        }
    }
    // FHIR knows no empty list; taking the last of its entries away takes the element away.
    object.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    Ok(stored)
}

/// FNV-1a over a text: short, the same on every machine, and no secret.
pub fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
