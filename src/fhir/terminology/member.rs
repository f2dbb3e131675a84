//! A code as a value set holds it. <https://hl7.org/fhir/R4/valueset-definitions.html#ValueSet.expansion.contains>

use serde_json::Map;
use serde_json::Value;

use crate::fhir::terminology::code_system::CodeSystem;
use crate::fhir::terminology::code_system::Concept;
use crate::fhir::terminology::code_system::list;

/// A code with what is known of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// Its system.
    pub system: String,
    /// The version of the system, where that is known.
    pub version: Option<String>,
    /// The code.
    pub code: String,
    /// Its display.
    pub display: Option<String>,
    /// Further words for it.
    pub designation: Vec<Value>,
    /// Whether it is no longer to be used.
    pub inactive: bool,
    /// Whether it groups others, and is not meant to be used itself.
    pub is_abstract: bool,
    /// Whether it is in the set by its form alone, as its system is not at hand.
    pub by_form: bool,
}

impl Member {
    /// A concept of a code system.
    pub fn of(system: &CodeSystem, concept: &Concept) -> Self {
        Self {
            system: system.url.clone(),
            version: system.version.clone(),
            code: concept.code.clone(),
            display: concept.display.clone(),
            designation: concept.designation.clone(),
            inactive: concept.is_inactive(),
            is_abstract: concept.is_abstract(),
            by_form: false,
        }
    }

    /// The display, in a language where there are words in it.
    pub fn display_in(&self, language: Option<&str>) -> Option<&str> {
        let translated = language.and_then(|language| {
            let own = self.designation.iter().find(|one| {
                one.get("language").and_then(Value::as_str).is_some_and(|own| speaks(own, language))
            })?;
            own.get("value").and_then(Value::as_str)
        });
        translated.or(self.display.as_deref())
    }

    /// Whether these are words for it, whatever their case and spacing.
    pub fn is_called(&self, words: &str) -> bool {
        let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let words = folded(words);
        let designated = self.designation.iter().filter_map(|one| one.get("value")?.as_str());
        self.display.as_deref().into_iter().chain(designated).any(|own| folded(own) == words)
    }

    /// Whether each word of a text begins a word of its display or is the beginning of its code.
    pub fn matches(&self, text: &str, language: Option<&str>) -> bool {
        let own = self.display_in(language).unwrap_or_default().to_lowercase();
        let words: Vec<&str> = own.split(|c: char| !c.is_alphanumeric()).collect();
        let code = self.code.to_lowercase();
        text.to_lowercase()
            .split(|c: char| !c.is_alphanumeric() && c != '-' && c != '.')
            .filter(|part| !part.is_empty())
            .all(|part| code.starts_with(part) || words.iter().any(|word| word.starts_with(part)))
    }

    /// As an entry of an expansion.
    pub fn to_json(&self, language: Option<&str>, designation: &dyn Fn(&Value) -> bool) -> Value {
        let mut entry = Map::new();
        entry.insert("system".into(), self.system.as_str().into());
        if self.is_abstract {
            entry.insert("abstract".into(), true.into());
        }
        if self.inactive {
            entry.insert("inactive".into(), true.into());
        }
        if let Some(version) = &self.version {
            entry.insert("version".into(), version.as_str().into());
        }
        entry.insert("code".into(), self.code.as_str().into());
        if let Some(display) = self.display_in(language) {
            entry.insert("display".into(), display.into());
        }
        let words: Vec<Value> = self.designation.iter().filter(|one| designation(one)).cloned().collect();
        if !words.is_empty() {
            entry.insert("designation".into(), Value::Array(words));
        }
        Value::Object(entry)
    }
}

/// A code that a value set lists, with its own words for it before those of the code system.
pub(super) fn listed_member(canonical: &str, system: Option<&CodeSystem>, listed: &Value) -> Member {
    let text = |name: &str| listed.get(name).and_then(Value::as_str).map(str::to_owned);
    let code = text("code").unwrap_or_default();
    let known = system.and_then(|system| Some(Member::of(system, system.find(&code)?))).unwrap_or_default();
    let (url, version) = canonical.split_once('|').unwrap_or((canonical, ""));
    let own = list(listed, "designation").cloned();
    Member {
        system: url.to_owned(),
        version: Some(version.to_owned()).filter(|version| !version.is_empty()).or(known.version),
        code,
        display: text("display").or(known.display),
        designation: own.chain(known.designation).collect(),
        ..known
    }
}

/// Whether a language is the one asked for or a dialect of it.
pub fn speaks(own: &str, asked: &str) -> bool {
    let (own, asked) = (own.to_lowercase(), asked.to_lowercase());
    own == asked || own.strip_prefix(&asked).is_some_and(|rest| rest.starts_with('-'))
}
