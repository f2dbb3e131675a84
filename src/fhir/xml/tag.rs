//! Start tags and the few attributes that FHIR has. <https://hl7.org/fhir/R4/xml.html>

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::attributes::Attributes;

use crate::fhir::xml::is_character;
use crate::fhir::xml::problem::Problem;
use crate::fhir::xml::problem::Read;
use crate::fhir::xml::problem::shortened;
use crate::fhir::xml::source::Source;
use crate::fhir::xml::source::Space;

/// A start tag; one that closes itself is followed by its end.
#[derive(Clone, Copy)]
pub(super) struct Tag<'a> {
    /// The name without its prefix.
    pub(super) name: &'a str,
    pub(super) prefix: &'a str,
    pub(super) space: Space,
    /// What stands between `<` and `>` or `/>`.
    pub(super) raw: &'a str,
    /// How long the name with its prefix is, with which `raw` begins.
    pub(super) name_length: usize,
}

/// The attributes that FHIR has.
#[derive(Default)]
pub(super) struct Given {
    pub(super) id: Option<String>,
    pub(super) url: Option<String>,
    pub(super) value: Option<String>,
}

impl<'a> Tag<'a> {
    /// What follows the name: the attributes as they stand in the text.
    pub(super) fn rest(&self) -> &'a str {
        &self.raw[self.name_length..]
    }

    /// Whether one of its attributes has this name.
    pub(super) fn has(&self, name: &str) -> bool {
        let mut attributes = unchecked(self.raw, self.name_length).flatten();
        attributes.any(|attribute| attribute.key.into_inner() == name.as_bytes())
    }
}

impl<'a> Source<'a> {
    /// The attributes of a FHIR element.
    pub(super) fn given(&self, tag: &Tag<'a>) -> Read<Given> {
        let mut given = Given::default();
        for attribute in unchecked(tag.raw, tag.name_length) {
            let attribute = attribute.map_err(|_| self.bad_attributes(tag.name))?;
            let key = std::str::from_utf8(attribute.key.into_inner()).unwrap_or_default();
            if key == "xmlns" || key.starts_with("xmlns:") {
                continue;
            }
            let place = match key {
                "value" => &mut given.value,
                "id" => &mut given.id,
                "url" => &mut given.url,
                _ => match key.split_once(':').map(|(prefix, _)| self.space(prefix)).transpose()? {
                    Some(Space::Schema) => continue,
                    _ => {
                        let text = format!(
                            "`{}` is no attribute that FHIR has on `{}`; remove it",
                            shortened(key),
                            shortened(tag.name)
                        );
                        return Err(self.problem(text));
                    }
                },
            };
            if place.is_some() {
                let text = format!("`{}` has the attribute `{key}` twice; keep one", shortened(tag.name));
                return Err(self.problem(text));
            }
            *place = Some(self.value(key, &attribute)?);
        }
        Ok(given)
    }

    fn value(&self, key: &str, attribute: &Attribute<'a>) -> Read<String> {
        let fault = |text: &str| self.problem(format!("The attribute `{key}` {text}"));
        if attribute.value.contains(&b'<') {
            return Err(fault("holds a bare `<`; write `&lt;`"));
        }
        let normalized = attribute.normalized_value(XmlVersion::Explicit1_0);
        let text = normalized.map_err(|_| {
            fault("holds an `&` that is no reference which XML knows; write `&amp;`, or the character itself")
        })?;
        if matches!(text, Cow::Owned(_)) && !text.chars().all(is_character) {
            return Err(fault("refers to a character that XML cannot hold; remove it"));
        }
        Ok(text.into_owned())
    }

    /// The attributes of a tag cannot be told apart.
    pub(super) fn bad_attributes(&self, name: &str) -> Box<Problem> {
        let text = format!("The attributes of `{}` are not written as name=\"value\"", shortened(name));
        self.problem(text)
    }
}

/// The attributes of a tag; whether one is given twice is looked at where they are few.
pub(super) fn unchecked(raw: &str, name_length: usize) -> Attributes<'_> {
    let mut attributes = Attributes::new(raw, name_length);
    attributes.with_checks(false);
    attributes
}
