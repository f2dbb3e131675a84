//! A concept: codings of one meaning, and the text that people read.
//! <https://hl7.org/fhir/R4/datatypes.html#CodeableConcept>

use serde_json::Value;

/// One code of one system.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Coding {
    /// The system's canonical URL; empty where none is given.
    pub system: String,
    /// The code.
    pub code: String,
}

/// Codings of one meaning, and the text that people read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Concept {
    /// The codings.
    pub codings: Vec<Coding>,
    /// The texts: the concept's own, then the codings' displays.
    pub texts: Vec<String>,
}

/// Code systems that senders also name by their object identifier.
const SYSTEMS_BY_OID: [(&str, &str); 6] = [
    ("urn:oid:2.16.840.1.113883.6.90", "http://hl7.org/fhir/sid/icd-10-cm"),
    ("urn:oid:2.16.840.1.113883.6.96", "http://snomed.info/sct"),
    ("urn:oid:2.16.840.1.113883.6.1", "http://loinc.org"),
    ("urn:oid:2.16.840.1.113883.6.88", "http://www.nlm.nih.gov/research/umls/rxnorm"),
    ("urn:oid:2.16.840.1.113883.6.12", "http://www.ama-assn.org/go/cpt"),
    ("urn:oid:2.16.840.1.113883.5.4", "http://terminology.hl7.org/CodeSystem/v3-ActCode"),
];

impl Coding {
    /// Reads a Coding; one without a code says nothing.
    pub fn read(coding: &Value) -> Option<Self> {
        let code = coding.get("code")?.as_str()?.trim().to_owned();
        let system = coding.get("system").and_then(Value::as_str).unwrap_or_default();
        let known = SYSTEMS_BY_OID.iter().find(|(oid, _)| *oid == system);
        Some(Self { system: known.map_or(system, |(_, url)| url).to_owned(), code })
    }
}

impl Concept {
    /// Reads a CodeableConcept, or a Coding as a concept of one.
    pub fn read(concept: Option<&Value>) -> Self {
        let Some(concept) = concept else { return Self::default() };
        let codings = concept.get("coding").and_then(Value::as_array).map(Vec::as_slice);
        let codings = codings.unwrap_or(std::slice::from_ref(concept));
        let text = |value: &Value, name| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let displays = codings.iter().filter_map(|coding| text(coding, "display"));
        Self {
            codings: codings.iter().filter_map(Coding::read).collect(),
            texts: text(concept, "text").into_iter().chain(displays).collect(),
        }
    }

    /// Reads the concepts of a repeating element as one.
    pub fn read_all(concepts: Option<&Value>) -> Self {
        let concepts = concepts.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        concepts.iter().map(|concept| Self::read(Some(concept))).fold(Self::default(), |mut all, one| {
            all.codings.extend(one.codings);
            all.texts.extend(one.texts);
            all
        })
    }

    /// Whether one of the codings is this code, of this system.
    pub fn has(&self, system: &str, code: &str) -> bool {
        self.codings.iter().any(|coding| coding.system == system && coding.code == code)
    }

    /// Whether nothing is said at all.
    pub fn is_empty(&self) -> bool {
        self.codings.is_empty() && self.texts.is_empty()
    }
}
