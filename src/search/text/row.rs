//! The words of a resource, for the index: those of its narrative, and those of all its other texts.
//! <https://hl7.org/fhir/R4/search.html#content>
//!
//! Words stand in their order with spaces between them, and a mark between two elements, so that no phrase reaches from
//! one into the next. PostgreSQL knows the first 16,383 places of a text, 256 of one word and a megabyte in all; what is
//! kept stays below that on both databases, so that both find the same. Beyond the first 16,000 words a resource is
//! found by its words but not by its phrases, and what comes after 400 KB of words is not searched.
//!
//! Of elements, those are left out that hold no text: identities, addresses and times of the resource, references,
//! systems, URLs and Base64.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::Context;
use aws_lc_rs::digest::SHA256;
use serde_json::Value;

use crate::fhir::ResourceType;
use crate::search::text::narrative::each_run;
use crate::search::text::words::each_word;

/// Stands between two elements; no word holds it.
const MARK: &str = "\u{E000}";

/// How many words have places.
const PLACES: usize = 16_000;

/// The place of all words beyond.
const BEYOND: usize = 16_383;

/// How often one word has a place.
const OFTEN: u32 = 255;

/// How many bytes of words are kept.
const MOST_BYTES: usize = 400 * 1024;

/// The members that hold no text, wherever they stand.
const WITHOUT_TEXT: [&str; 14] = [
    "resourceType",
    "id",
    "meta",
    "reference",
    "system",
    "url",
    "uri",
    "data",
    "hash",
    "valueBase64Binary",
    "div",
    "fullUrl",
    "profile",
    "targetProfile",
];

/// The words of a resource. Two are the same where their digests are.
#[derive(Clone, Debug, Default)]
pub struct TextRow {
    /// What tells whether the words are these.
    pub digest: i64,
    /// The words of the narrative, its elements with a mark between them.
    pub narrative: Arc<str>,
    /// A word for the type, and the words of all else.
    pub content: Arc<str>,
}

impl PartialEq for TextRow {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for TextRow {}

impl PartialOrd for TextRow {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TextRow {
    fn cmp(&self, other: &Self) -> Ordering {
        self.digest.cmp(&other.digest)
    }
}

impl TextRow {
    /// The words of a resource of a type.
    pub(in crate::search) fn of(ty: ResourceType, resource: &Value) -> Self {
        let mut narrative = Writer::default();
        if let Some(div) = resource.pointer("/text/div").and_then(Value::as_str) {
            each_run(div, &mut |run| narrative.element(run));
        }
        let mut content =
            Writer { out: type_word(ty), words: narrative.words + 1, bytes: narrative.out.len() };
        each_text(resource, &mut |text| content.element(text));
        let is_long = content.words > OFTEN as usize;
        let mut both = [narrative.out, content.out];
        if is_long {
            thin_out(&mut both);
        }
        let digest = digest(&both);
        let [narrative, content] = both.map(Arc::from);
        Self { digest, narrative, content }
    }

    /// The same as PostgreSQL writes a `tsvector`.
    pub(crate) fn vector(&self) -> String {
        let mut places: Vec<(&str, usize, &str)> = Vec::new();
        let mut at = 0;
        for (text, weight) in [(&self.narrative, "A"), (&self.content, "")] {
            for word in text.split(' ').filter(|word| !word.is_empty()) {
                at += 1;
                if word != MARK {
                    // Every word from here on has a mark before it, so that no two of them make a phrase.
                    places.push((word, if at > PLACES + 2 { BEYOND } else { at }, weight));
                }
            }
            at += 1;
        }
        places.sort_unstable();
        places.dedup();
        let (mut vector, mut last) = (String::new(), "");
        for (word, place, weight) in places {
            if word == last {
                vector.push(',');
            } else {
                vector.extend([" ", word, ":"]);
                last = word;
            }
            vector.push_str(&place.to_string());
            vector.push_str(weight);
        }
        vector
    }
}

/// The word that a resource of a type has and that no text does.
pub(super) fn type_word(ty: ResourceType) -> String {
    format!("{MARK}{}", ty.number())
}

#[derive(Default)]
struct Writer {
    out: String,
    /// How many words and marks there are, with those written before.
    words: usize,
    /// How many bytes were written before.
    bytes: usize,
}

impl Writer {
    fn element(&mut self, text: &str) {
        let mut begins = !self.out.is_empty();
        each_word(text, &mut |word| {
            if self.bytes + self.out.len() > MOST_BYTES {
                return;
            }
            if begins || self.words > PLACES {
                self.word(MARK);
            }
            begins = false;
            self.word(word);
        });
    }

    fn word(&mut self, word: &str) {
        if !self.out.is_empty() {
            self.out.push(' ');
        }
        self.out.push_str(word);
        self.words += 1;
    }
}

/// Gives each text of a resource but its narrative's.
fn each_text(value: &Value, each: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) if is_text(text) => each(text),
        Value::Array(all) => all.iter().for_each(|one| each_text(one, each)),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !WITHOUT_TEXT.contains(&name.as_str()))
            .for_each(|(_, member)| each_text(member, each)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a string is neither a URL nor a day or a moment, which have parameters of their own.
fn is_text(text: &str) -> bool {
    let is_url =
        ["http://", "https://", "urn:"].iter().any(|start| text.starts_with(start)) && !text.contains(' ');
    let bytes = text.as_bytes();
    let is_day = bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && (bytes.len() == 10 || bytes[10] == b'T' && !text.contains(' '));
    !is_url && !is_day
}

/// Leaves out a word where it was there so often that it has no place any more.
fn thin_out(both: &mut [String; 2]) {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for word in both.iter().flat_map(|text| text.split(' ')).filter(|word| *word != MARK) {
        *counts.entry(word).or_default() += 1;
    }
    counts.retain(|_, count| *count > OFTEN);
    if counts.is_empty() {
        return;
    }
    let mut seen: HashMap<String, u32> = counts.keys().map(|word| ((*word).to_owned(), 0)).collect();
    for text in both {
        let kept = text.split(' ').map(|word| match seen.get_mut(word) {
            Some(count) if *count == OFTEN => MARK,
            Some(count) => {
                *count += 1;
                word
            }
            None => word,
        });
        *text = kept.collect::<Vec<_>>().join(" ");
    }
}

fn digest(both: &[String; 2]) -> i64 {
    let mut context = Context::new(&SHA256);
    context.update(both[0].as_bytes());
    context.update(b"\n");
    context.update(both[1].as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&context.finish().as_ref()[..8]);
    i64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(resource: &Value) -> TextRow {
        let ty = resource["resourceType"].as_str().and_then(ResourceType::parse).expect("a type of R4");
        TextRow::of(ty, resource)
    }

    #[test]
    fn a_resource_has_the_words_of_its_narrative_and_of_its_other_texts() {
        let resource = json!({ "resourceType": "Condition", "id": "word1",
            "meta": { "tag": [{ "code": "word2" }] },
            "text": { "status": "generated", "div": "<div><p>Lung</p><p>cancer</p></div>" },
            "subject": { "reference": "Patient/word3", "display": "Ash, Pat" },
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "93880001", "display": "Primary" }] },
            "recordedDate": "2024-05-06", "onsetDateTime": "2024-05-06T10:00:00Z", "onsetString": "2024",
            "extension": [{ "url": "http://x", "valueUri": "urn:oid:1.2" }] });
        let row = row(&resource);
        assert_eq!(&*row.narrative, "lung \u{E000} cancer");
        let content = row.content.replace(" \u{E000}", " |");
        assert_eq!(content.split_once(" | ").unwrap().1, "generated | ash pat | 93880001 | primary | 2024");
        let vector = row.vector();
        for lexeme in [" lung:1A", " cancer:3A", " ash:9", " pat:10"] {
            assert!(vector.contains(lexeme), "{lexeme}: {vector}");
        }
        assert!(!vector.contains(" \u{E000}:"), "{vector}");
    }

    #[test]
    fn the_digest_tells_one_text_from_another() {
        let text = |text: &str| row(&json!({ "resourceType": "Basic", "code": { "text": text } })).digest;
        assert_eq!(text("One two"), text("one, TWO"));
        assert_ne!(text("one two"), text("two one"));
        let narrative = |div: &str| row(&json!({ "resourceType": "Basic", "text": { "div": div } })).digest;
        assert_ne!(narrative("<div>one</div>"), text("one"));
    }

    #[test]
    fn a_long_text_stays_within_what_both_databases_take() {
        let many: String = (0..20_000).map(|number| format!("w{number} ")).collect();
        let long = row(&json!({ "resourceType": "Basic", "code": { "text": many } }));
        let words: Vec<&str> = long.content.split(' ').collect();
        assert!(words.contains(&"w19999"));
        assert!(long.vector().contains(" w19999:16383"));
        let same = row(&json!({ "resourceType": "Basic", "code": { "text": "pain ".repeat(300) } }));
        assert_eq!(same.content.matches("pain").count(), 255);
        assert_eq!(same.vector().matches(',').count(), 254);
        let longest: String = (0..200_000).map(|number| format!("word{number} ")).collect();
        let longest = row(&json!({ "resourceType": "Basic", "code": { "text": longest } }));
        assert!(longest.content.len() < MOST_BYTES + 200);
    }
}
