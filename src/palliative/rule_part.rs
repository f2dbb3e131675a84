//! A part of a document of rules with its place: an action, a goal, a target.
//! <https://hl7.org/fhir/R4/plandefinition-definitions.html#PlanDefinition.action>
//!
//! All that is wrong is told with its place. An element, or an extension of ours, that nothing reads is refused, so that
//! nobody believes in one that does nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::definitions::CANONICAL;
use crate::palliative::screening::Problem;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::expression;
use crate::palliative::screening::logic::Logic;
use crate::palliative::screening::parameters::Parameters;
use crate::palliative::screening::parameters::list;
use crate::palliative::vocabulary::DUE_WHEN_EXTENSION;
use crate::palliative::vocabulary::OWN_WORDS_EXTENSION;

/// How many parts stand in one list at most: each costs time for each patient.
const MOST: usize = 500;

/// The extensions of which several are read.
const SEVERAL: [&str; 2] = [DUE_WHEN_EXTENSION, OWN_WORDS_EXTENSION];

/// A part of a document with its place.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The element.
    pub value: &'a Value,
    /// Its place, as a path from the document.
    pub at: String,
}

/// What is read of a kind of part.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Its elements.
    pub elements: &'static [&'static str],
    /// The extensions of ours that it may have.
    pub extensions: &'static [&'static str],
}

/// A condition: how the facts are joined, and which they are.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What it says in words, where it says so.
    pub words: String,
    /// How they are joined.
    pub logic: Logic,
    /// The facts that it names, each once.
    pub facts: Vec<usize>,
}

impl<'a> Part<'a> {
    /// The action of a document with this id.
    ///
    /// # Errors
    /// Where there is none.
    pub fn action(plan: &'a Value, id: &str) -> Result<Self, Problem> {
        let found = list(plan, "action").enumerate().find(|(_, action)| action["id"] == id);
        let missing =
            || Problem::new("action", format!("The document has no action with the id `{id}`; give it one."));
        found.map(|(at, value)| Self { value, at: format!("action[{at}]") }).ok_or_else(missing)
    }

    /// The parts in a list of the document itself.
    ///
    /// # Errors
    /// Where there are more than there may be.
    pub fn all(plan: &'a Value, name: &str) -> Result<Vec<Self>, Problem> {
        Self { value: plan, at: String::new() }.inner(name)
    }

    /// The parts in a list of this one.
    ///
    /// # Errors
    /// Where there are more than there may be.
    pub fn inner(&self, name: &str) -> Result<Vec<Self>, Problem> {
        let all: Vec<&'a Value> = list(self.value, name).collect();
        if all.len() > MOST {
            let text = format!("There are {}, and at most {MOST} may be; leave some out.", all.len());
            return Err(Problem::new(self.place(name), text));
        }
        let place = |at: usize| self.place(&format!("{name}[{at}]"));
        Ok(all.into_iter().enumerate().map(|(at, value)| Self { value, at: place(at) }).collect())
    }

    /// The only part in a list of this one, where it has any.
    ///
    /// # Errors
    /// Where there are several: one alone is read.
    pub fn only(&self, name: &str) -> Result<Option<Self>, Problem> {
        let mut all = self.inner(name)?.into_iter();
        let first = all.next();
        all.next().map_or(Ok(first), |second| {
            Err(Problem::new(second.at, format!("Of `{name}` one alone is read; leave this out.")))
        })
    }

    /// The place of something in it.
    pub fn place(&self, inner: &str) -> String {
        if self.at.is_empty() { inner.to_owned() } else { format!("{}.{inner}", self.at) }
    }

    /// A problem with the part itself.
    pub fn wrong(&self, text: impl Into<String>) -> Problem {
        Problem::new(self.at.clone(), text)
    }

    /// A problem with something in it.
    pub fn wrong_at(&self, inner: &str, text: impl Into<String>) -> Problem {
        Problem::new(self.place(inner), text)
    }

    /// A text that it must have.
    ///
    /// # Errors
    /// Where it has none.
    pub fn text(&self, name: &str) -> Result<String, Problem> {
        let text = self.value[name].as_str().map(str::to_owned);
        text.ok_or_else(|| self.wrong(format!("There is no `{name}`; give it one.")))
    }

    /// Its id, by which conditions, and what is made of it, name it.
    ///
    /// # Errors
    /// Where it has none, or one that is no name.
    pub fn id(&self) -> Result<String, Problem> {
        let is_name = |id: &&str| {
            let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            (1..=64).contains(&id.len()) && id.chars().all(is_letter)
        };
        let id = self.value["id"].as_str().filter(is_name).map(str::to_owned);
        id.ok_or_else(|| {
            self.wrong("An action needs an `id` of 1 to 64 letters, digits, `-`, `.` and `_`; give it one.")
        })
    }

    /// Its id, which is a code of a system of ours.
    ///
    /// # Errors
    /// Where it is none.
    pub fn code(&self, system: &str, terminology: &Terminology) -> Result<String, Problem> {
        let id = self.id()?;
        terminology.unknown(system, &id).map_or(Ok(id), |text| Err(self.wrong_at("id", text)))
    }

    /// What one of its extensions says, all of which is read.
    ///
    /// # Errors
    /// Where it has no such extension, or what reading it fails with.
    pub fn with<T>(
        &self,
        url: &str,
        read: impl FnOnce(&Parameters<'a>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let missing = || self.wrong(format!("There is no extension {url}; give it one."));
        let parameters = Parameters::of(self.value, url).ok_or_else(missing)?;
        let done = read(&parameters).and_then(|done| parameters.finish().map(|()| done));
        done.map_err(|problem| self.lift(problem))
    }

    /// Whether it has such an extension.
    pub fn has(&self, url: &str) -> bool {
        Parameters::of(self.value, url).is_some()
    }

    /// A problem that was found in it, seen from the document.
    pub fn lift(&self, problem: Problem) -> Problem {
        if self.at.is_empty() { problem } else { problem.under(&self.at) }
    }

    /// Its condition, where it has one.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn condition(&self, facts: &[&str]) -> Result<Option<Condition>, Problem> {
        let Some(condition) = self.only("condition")? else { return Ok(None) };
        if condition.value["kind"] != "applicability" {
            return Err(condition.wrong_at("kind", "A condition is of the kind `applicability`; make it so."));
        }
        let expression = &condition.value["expression"];
        let wrong = |text: String| condition.wrong_at("expression", text);
        if expression["language"] != "text/cql" {
            return Err(wrong("The condition is an expression in `text/cql`.".to_owned()));
        }
        let text = expression["expression"].as_str();
        let text = text.ok_or_else(|| wrong("The condition has no `expression`; give it one.".to_owned()))?;
        let words = expression["description"].as_str().unwrap_or_default().to_owned();
        Condition::read((words, text), facts).map(Some).map_err(wrong)
    }

    /// Its condition, which it must have.
    ///
    /// # Errors
    /// Where it has none, or one that cannot be read.
    pub fn needed_condition(&self, facts: &[&str]) -> Result<Condition, Problem> {
        self.condition(facts)?
            .ok_or_else(|| self.wrong("There is no `condition`; say when it holds, by the ids of `items`."))
    }

    /// Tells of the elements, and of the extensions of ours, that nothing reads.
    pub fn check(&self, shape: &Shape, problems: &mut Vec<Problem>) {
        let given = self.value.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        for name in given.filter(|name| !shape.elements.contains(name)) {
            problems.push(self.wrong_at(name, format!("`{name}` is not read here; leave it out.")));
        }
        self.check_extensions(shape.extensions, problems);
    }

    /// Tells of the extensions of ours that nothing reads, and of a second one where one alone is read.
    pub fn check_extensions(&self, read: &[&str], problems: &mut Vec<Problem>) {
        let mut seen = BTreeSet::new();
        for (at, one) in list(self.value, "extension").enumerate() {
            let url = one["url"].as_str().unwrap_or_default();
            let is_read = read.contains(&url);
            let text = if url.starts_with(CANONICAL) && !is_read {
                format!("The extension {url} is not read here; leave it out.")
            } else if is_read && !SEVERAL.contains(&url) && !seen.insert(url) {
                format!("Of the extension {url} one alone is read; leave this out.")
            } else {
                continue;
            };
            problems.push(self.wrong_at(&format!("extension[{at}]"), text));
        }
    }
}

impl Condition {
    /// Reads an expression over facts by their ids.
    ///
    /// # Errors
    /// A sentence for the author of the document.
    pub fn read((words, text): (String, &str), facts: &[&str]) -> Result<Self, String> {
        let logic = expression::parse(text, &|id| facts.iter().position(|fact| *fact == id));
        let logic = logic.map_err(|problem| format!("In the expression, {problem}."))?;
        let mut named = Vec::new();
        names(&logic, &mut named);
        Ok(Self { words, logic, facts: named })
    }
}

/// The facts that a condition names, each once.
fn names(logic: &Logic, named: &mut Vec<usize>) {
    match logic {
        Logic::Criterion(at) if named.contains(at) => {}
        Logic::Criterion(at) => named.push(*at),
        Logic::AtLeast(_, parts) => parts.iter().for_each(|part| names(part, named)),
        Logic::Not(part) => names(part, named),
    }
}

/// The ids of parts, whether or not these can be read.
pub fn ids<'a>(parts: &[Part<'a>]) -> Vec<&'a str> {
    parts.iter().map(|part| part.value["id"].as_str().unwrap_or_default()).collect()
}

/// Tells of ids that stand twice.
pub fn distinct<'a, 'b: 'a>(parts: impl Iterator<Item = &'a Part<'b>>, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for part in parts {
        let id = part.value["id"].as_str().unwrap_or_default();
        if !id.is_empty() && !seen.insert(id) {
            problems.push(part.wrong_at("id", format!("`{id}` is the id of another too; rename one.")));
        }
    }
}

/// Problems as they are told: each once, from the resource on.
pub fn told(problems: Vec<Problem>) -> Vec<Problem> {
    let mut all: Vec<Problem> = Vec::with_capacity(problems.len());
    let whole = |problem: Problem| {
        if problem.at.starts_with("PlanDefinition") { problem } else { problem.under("PlanDefinition") }
    };
    for problem in problems.into_iter().map(whole) {
        if !all.contains(&problem) {
            all.push(problem);
        }
    }
    all
}
