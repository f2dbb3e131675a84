//! A ValueSet compiled to what can be asked of it: whether it holds a code.
//! <https://hl7.org/fhir/R4/valueset.html>
//!
//! Codes are listed one by one (`compose.include.concept`: SNOMED CT, LOINC and the like, whose hierarchies are
//! not at hand) or by prefix. A prefix is a filter on the code by regular expression, in one form only:
//! `(I50|I11\.0).*`. It is compared without dots and case, so that `I50.9`, `I509` and `i50.9` are one.
//! `exclude` takes away what `include` brought in; `include.valueSet` takes in another set of ours.
//!
//! A set may also list codes of a CodeSystem of ours that stand for words: `III` of `nyha-class` is what is left
//! of "NYHA class III". See [`Codes::has_text`].

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::definitions::CANONICAL;
use crate::palliative::record::Coding;
use crate::palliative::record::Concept;

/// The codes of a ValueSet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    included: Listed,
    excluded: Listed,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Listed {
    exact: BTreeMap<String, BTreeSet<String>>,
    prefixes: Vec<(String, String)>,
    joined: Vec<Codes>,
}

impl Codes {
    /// Compiles the set with this URL, with those that it takes in.
    ///
    /// # Errors
    /// A sentence for the author of the set.
    pub fn compile(url: &str, sets: &BTreeMap<String, Value>) -> Result<Self, String> {
        Self::compile_within(url, sets, 0).map_err(|problem| format!("{url}: {problem}"))
    }

    fn compile_within(url: &str, sets: &BTreeMap<String, Value>, depth: usize) -> Result<Self, String> {
        if depth > 8 {
            return Err("value sets take in one another in a ring".to_owned());
        }
        let set = sets.get(url).ok_or_else(|| format!("there is no ValueSet {url}"))?;
        let listed = |name: &str| {
            let parts = set["compose"][name].as_array().map_or(&[][..], Vec::as_slice);
            parts.iter().try_fold(Listed::default(), |mut listed, part| {
                listed.add(part, sets, depth)?;
                Ok::<_, String>(listed)
            })
        };
        let codes = Self { included: listed("include")?, excluded: listed("exclude")? };
        if codes.included.is_empty() { Err(format!("{url} holds no code")) } else { Ok(codes) }
    }

    /// The set of these codes alone.
    pub fn of(codings: &[Coding]) -> Self {
        let mut included = Listed::default();
        for coding in codings {
            included.exact.entry(coding.system.clone()).or_default().insert(coding.code.clone());
        }
        Self { included, excluded: Listed::default() }
    }

    /// This set and another.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let included = Listed { joined: vec![self, other], ..Listed::default() };
        Self { included, excluded: Listed::default() }
    }

    /// Whether the code is in the set.
    pub fn has(&self, coding: &Coding) -> bool {
        self.included.has(coding) && !self.excluded.has(coding)
    }

    /// Whether any code is in both sets. A prefix stands for the codes that begin with it.
    pub fn shares(&self, other: &Self) -> bool {
        let in_both = |coding: &Coding| self.has(coding) && other.has(coding);
        self.included.named().any(|one| in_both(&one)) || other.included.named().any(|one| in_both(&one))
    }

    /// Whether any coding of the concept is in the set.
    pub fn has_any(&self, concept: &Concept) -> bool {
        concept.codings.iter().any(|coding| self.has(coding))
    }

    /// Whether the set lists codes of this system.
    pub fn knows_system(&self, system: &str) -> bool {
        let Listed { exact, prefixes, joined } = &self.included;
        exact.contains_key(system)
            || prefixes.iter().any(|(known, _)| known == system)
            || joined.iter().any(|codes| codes.knows_system(system))
    }

    /// Whether a text, without the words that only say what kind of answer it is, is one of the words that the
    /// set lists: "NYHA class III" is `III`; "class III-IV" is not.
    pub fn has_text(&self, text: &str) -> bool {
        let upper = text.to_uppercase();
        let words = upper.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let left: Vec<_> = words.filter(|word| !KIND_WORDS.contains(word)).collect();
        let [answer] = left.as_slice() else { return false };
        self.words().any(|word| word == *answer)
    }

    /// Whether a text contains one of the words that the set lists, as a medicine's name does.
    pub fn is_named_in(&self, text: &str) -> bool {
        let upper = text.to_uppercase();
        let mut words = upper.split(|c: char| !c.is_alphanumeric());
        words.any(|word| self.words().any(|name| name == word))
    }

    /// The numbers among the words that the set lists.
    pub fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        self.words().filter_map(|word| word.parse().ok()).filter(|number: &f64| number.is_finite())
    }

    fn words(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        let ours = self.included.exact.iter().filter(|(system, _)| system.starts_with(CANONICAL));
        let own = ours.flat_map(|(_, codes)| codes.iter().map(String::as_str));
        Box::new(own.chain(self.included.joined.iter().flat_map(Codes::words)))
    }
}

/// Words in an answer that only say what kind of answer it is.
const KIND_WORDS: [&str; 14] = [
    "NYHA",
    "CLASS",
    "STAGE",
    "GROUP",
    "CLINICAL",
    "PATHOLOGIC",
    "PATHOLOGICAL",
    "FUNCTIONAL",
    "CLASSIFICATION",
    "AJCC",
    "NEW",
    "YORK",
    "HEART",
    "ASSOCIATION",
];

impl Listed {
    fn add(&mut self, part: &Value, sets: &BTreeMap<String, Value>, depth: usize) -> Result<(), String> {
        for url in part["valueSet"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            self.joined.push(Codes::compile_within(url, sets, depth + 1)?);
        }
        let Some(system) = part["system"].as_str() else { return Ok(()) };
        for concept in part["concept"].as_array().into_iter().flatten() {
            let code = concept["code"].as_str().ok_or("a concept has no code")?;
            self.exact.entry(system.to_owned()).or_default().insert(code.to_owned());
        }
        for filter in part["filter"].as_array().into_iter().flatten() {
            for prefix in prefixes(filter)? {
                self.prefixes.push((system.to_owned(), prefix));
            }
        }
        Ok(())
    }

    fn has(&self, coding: &Coding) -> bool {
        let exact = self.exact.get(&coding.system).is_some_and(|codes| codes.contains(&coding.code));
        let by_prefix = || {
            let mut prefixes = self.prefixes.iter().filter(|(system, _)| *system == coding.system).peekable();
            let code = prefixes.peek().map(|_| plain(&coding.code)).unwrap_or_default();
            prefixes.any(|(_, prefix)| code.starts_with(prefix))
        };
        exact || by_prefix() || self.joined.iter().any(|codes| codes.has(coding))
    }

    /// The codes and prefixes that are listed, and those of the sets that are taken in.
    fn named(&self) -> Box<dyn Iterator<Item = Coding> + '_> {
        let of = |system: &String, code: &String| Coding { system: system.clone(), code: code.clone() };
        let exact =
            self.exact.iter().flat_map(move |(system, codes)| codes.iter().map(move |code| of(system, code)));
        let prefixes = self.prefixes.iter().map(move |(system, prefix)| of(system, prefix));
        let joined = self.joined.iter().flat_map(|codes| codes.included.named());
        Box::new(exact.chain(prefixes).chain(joined))
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefixes.is_empty() && self.joined.is_empty()
    }
}

fn plain(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_uppercase()).collect()
}

/// The prefixes of a filter such as `(I50|I11\.0).*` or `B20.*`.
fn prefixes(filter: &Value) -> Result<Vec<String>, String> {
    let wrong = || format!("the filter {filter} is not a regex on `code` of the form `(I50|I11\\.0).*`");
    if filter["property"] != "code" || filter["op"] != "regex" {
        return Err(wrong());
    }
    let pattern = filter["value"].as_str().and_then(|value| value.strip_suffix(".*")).ok_or_else(wrong)?;
    let alternatives = pattern.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(pattern);
    let literal = |part: &str| {
        let code = part.replace("\\.", "");
        let simple = !code.is_empty() && code.chars().all(|c| c.is_ascii_alphanumeric());
        if simple { Ok(plain(&code)) } else { Err(wrong()) }
    };
    alternatives.split('|').map(literal).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ICD: &str = "http://hl7.org/fhir/sid/icd-10-cm";

    fn sets(compose: Value) -> BTreeMap<String, Value> {
        let inner = json!({ "compose": { "include": [{ "system": ICD, "filter": [{ "property": "code", "op": "regex", "value": "B20.*" }] }] } });
        BTreeMap::from([("x".to_owned(), json!({ "compose": compose })), ("inner".to_owned(), inner)])
    }

    fn coding(code: &str) -> Coding {
        Coding { system: ICD.to_owned(), code: code.to_owned() }
    }

    #[test]
    fn t46_a_prefix_holds_all_below_it_with_and_without_dots() {
        let filter = |value: &str| json!([{ "system": ICD, "filter": [{ "property": "code", "op": "regex", "value": value }] }]);
        let compose = json!({ "include": filter("(I50|I11\\.0|C).*"), "exclude": filter("C44.*") });
        let codes = Codes::compile("x", &sets(compose)).unwrap();
        for code in ["I50", "I50.9", "I509", "i50.9", "I50.814", "I11.0", "I110", "C18.9"] {
            assert!(codes.has(&coding(code)), "{code}");
        }
        for code in ["I5", "I51.0", "I11.9", "C44.1", "C441", "II50"] {
            assert!(!codes.has(&coding(code)), "{code}");
        }
        assert!(!codes.has(&Coding { system: "http://snomed.info/sct".into(), code: "I50.9".into() }));
    }

    #[test]
    fn a_set_takes_in_another() {
        let codes = Codes::compile("x", &sets(json!({ "include": [{ "valueSet": ["inner"] }] }))).unwrap();
        assert!(codes.has(&coding("B20")) && codes.knows_system(ICD));
    }

    #[test]
    fn an_answer_in_words_is_read_and_an_unclear_one_is_not() {
        let system = format!("{CANONICAL}/CodeSystem/nyha-class");
        let codes = Codes::of(&[Coding { system, code: "III".into() }]);
        for text in
            ["III", "NYHA Class III", "Class iii", "New York Heart Association Classification - Class III"]
        {
            assert!(codes.has_text(text), "{text}");
        }
        for text in ["II", "III-IV", "III or IV", "not III", "", "IIIb"] {
            assert!(!codes.has_text(text), "{text}");
        }
        assert!(codes.is_named_in("class III today") && !codes.is_named_in("class IIII"));
    }

    #[test]
    fn a_set_that_cannot_be_compiled_is_refused() {
        let filter = |property: &str, op: &str, value: &str| json!({ "include": [{ "system": ICD, "filter": [{ "property": property, "op": op, "value": value }] }] });
        for compose in [
            filter("concept", "is-a", "I50"),
            filter("code", "regex", "I50"),
            filter("code", "regex", "I5[0-9].*"),
            filter("code", "regex", "(I50|).*"),
            json!({ "include": [{ "valueSet": ["missing"] }] }),
            json!({ "include": [{ "valueSet": ["x"] }] }),
            json!({ "include": [] }),
        ] {
            assert!(Codes::compile("x", &sets(compose.clone())).is_err(), "{compose}");
        }
    }
}
