//! The words of a resource by a plain reading, and whether they are what `_text` or `_content` asks for.
//! <https://hl7.org/fhir/R4/search.html#content>

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::search_oracle::found::letters;

/// Members whose strings are addresses, identities or bytes.
const NO_TEXT: &str = " resourceType id meta reference system url uri data hash valueBase64Binary div fullUrl profile \
                       targetProfile ";

/// Addresses and times.
static NO_WORDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^((https?://|urn:)[^ ]*|\d{4}-\d\d-\d\d(T[^ ]*)?)$").unwrap());

static INLINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"</?(a|b|i|em|strong|span|u|small|code|sub|sup|tt)(\s[^>]*)?/?>|<!--.*?-->").unwrap()
});

static OTHER: LazyLock<Regex> = LazyLock::new(|| Regex::new("<[^>]*>").unwrap());

static TERM: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"-?"[^"]*"|\S+"#).unwrap());

/// The words of each element.
pub struct Words {
    /// Of the narrative's elements.
    narrative: Vec<Vec<String>>,
    /// Of all texts, the narrative's among them.
    content: Vec<Vec<String>>,
}

impl Words {
    /// Reads a resource.
    pub fn of(resource: &Value) -> Self {
        let mut narrative = Vec::new();
        if let Some(div) = resource["text"]["div"].as_str() {
            let plain = INLINE.replace_all(div, "");
            for part in OTHER.split(&plain) {
                let mut text = part.to_owned();
                for (written, meant) in [
                    ("&lt;", "<"),
                    ("&gt;", ">"),
                    ("&quot;", "\""),
                    ("&#39;", "'"),
                    ("&nbsp;", " "),
                    ("&amp;", "&"),
                ] {
                    text = text.replace(written, meant);
                }
                narrative.push(words(&text));
            }
        }
        let mut content = narrative.clone();
        read(resource, &mut content);
        narrative.retain(|one| !one.is_empty());
        content.retain(|one| !one.is_empty());
        Self { narrative, content }
    }

    /// The words of each element that the parameter looks at.
    pub fn elements(&self, code: &str) -> &[Vec<String>] {
        if code == "_text" { &self.narrative } else { &self.content }
    }

    /// Whether they are what is asked for: terms, of which all must hold, with OR between several lists of them.
    pub fn hold(&self, code: &str, asked: &str) -> bool {
        let holds = |term: &str| match term.strip_prefix('-') {
            Some(term) => !self.has(code, term),
            None => self.has(code, term),
        };
        asked.split(" OR ").any(|all| TERM.find_iter(all).all(|found| holds(found.as_str())))
    }

    /// Whether one element has these words side by side.
    fn has(&self, code: &str, term: &str) -> bool {
        let wanted = words(term);
        self.elements(code).iter().any(|own| {
            own.windows(wanted.len()).any(|side_by_side| {
                let (last, before) = side_by_side.split_last().expect("a word is asked for");
                let (wanted_last, wanted_before) = wanted.split_last().expect("a word is asked for");
                let ends = match term.ends_with('*') {
                    true => last.starts_with(wanted_last.as_str()),
                    false => last == wanted_last,
                };
                before == wanted_before && ends
            })
        })
    }
}

/// Lower case, without accents.
fn words(text: &str) -> Vec<String> {
    let folded = letters(text);
    let parts = folded.split(|letter: char| !letter.is_alphanumeric());
    parts.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn read(value: &Value, all: &mut Vec<Vec<String>>) {
    match value {
        Value::String(text) => {
            if !NO_WORDS.is_match(text) {
                all.push(words(text));
            }
        }
        Value::Array(list) => list.iter().for_each(|one| read(one, all)),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !NO_TEXT.contains(&format!(" {name} ")))
            .for_each(|(_, member)| read(member, all)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
