//! The codes that a required binding allows. <https://hl7.org/fhir/R4/terminologies.html#required>

use std::collections::HashMap;

use serde_json::Map;
use serde_json::Value;

use crate::fhir::shape::grammar::Grammar;

/// A value set: its codes, or how they are written where they are too many to list.
#[derive(Debug)]
pub(in crate::fhir) struct CodeList {
    pub(super) url: String,
    codes: Codes,
}

#[derive(Debug)]
enum Codes {
    /// Each code with the systems that define it, and the first codes as a sentence shows them.
    Listed(HashMap<String, Vec<String>>, String),
    /// All of a system whose codes are written so.
    Written(Grammar),
}

/// The most codes that an issue spells out.
const SPELLED_OUT: usize = 20;

impl CodeList {
    /// The list of a value set that enumerates its codes, or has all of a system whose codes can be told by how they are
    /// written; none where it does neither.
    pub(super) fn compile(value_set: &Value) -> Option<Self> {
        let url = value_set["url"].as_str()?.to_owned();
        let includes = value_set["compose"]["include"].as_array()?;
        if let [include] = includes.as_slice()
            && include.get("concept").is_none()
        {
            let grammar = Grammar::of_system(include["system"].as_str()?)?;
            return Some(Self { url, codes: Codes::Written(grammar) });
        }
        let mut codes: HashMap<String, Vec<String>> = HashMap::new();
        let mut sample = String::new();
        for include in includes {
            let system = include["system"].as_str()?;
            for concept in include["concept"].as_array()? {
                let code = concept["code"].as_str()?;
                if codes.len() < SPELLED_OUT {
                    sample.push_str(if codes.is_empty() { "`" } else { ", `" });
                    sample.push_str(code);
                    sample.push('`');
                } else if codes.len() == SPELLED_OUT {
                    sample.push_str(", …");
                }
                codes.entry(code.to_owned()).or_default().push(system.to_owned());
            }
        }
        (!codes.is_empty()).then_some(Self { url, codes: Codes::Listed(codes, sample) })
    }

    /// The same where R4 also takes the names of its formats; none where it has no media types.
    pub(super) fn with_formats(&self) -> Option<Self> {
        match self.codes {
            Codes::Written(Grammar::MediaType) => {
                Some(Self { url: self.url.clone(), codes: Codes::Written(Grammar::Format) })
            }
            Codes::Written(Grammar::Format | Grammar::Unit | Grammar::Answer) | Codes::Listed(..) => None,
        }
    }

    /// Each code with the systems that define it; nothing where they are too many to list.
    pub(super) fn codes(&self) -> impl Iterator<Item = (&str, &[String])> {
        let listed = match &self.codes {
            Codes::Listed(codes, _) => Some(codes),
            Codes::Written(_) => None,
        };
        listed.into_iter().flatten().map(|(code, systems)| (code.as_str(), systems.as_slice()))
    }

    /// Whether it has the code, whatever the system.
    pub(super) fn has_code(&self, code: &str) -> bool {
        match &self.codes {
            Codes::Listed(codes, _) => codes.contains_key(code),
            Codes::Written(grammar) => grammar.fits(code),
        }
    }

    /// Whether it has the code of a Coding in the Coding's system.
    pub(super) fn has_coding(&self, coding: &Map<String, Value>) -> bool {
        let text = |name| coding.get(name).and_then(Value::as_str);
        let (Some(code), Some(system)) = (text("code"), text("system")) else { return false };
        match &self.codes {
            Codes::Listed(codes, _) => {
                codes.get(code).is_some_and(|systems| systems.iter().any(|one| one == system))
            }
            Codes::Written(grammar) => system == grammar.system() && grammar.fits(code),
        }
    }

    /// What to send instead.
    pub(super) fn advice(&self) -> String {
        match &self.codes {
            Codes::Listed(_, sample) => format!("use one of {sample} from {}", self.url),
            Codes::Written(grammar) => grammar.advice().to_owned(),
        }
    }
}
