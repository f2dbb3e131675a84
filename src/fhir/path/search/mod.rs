//! The part of FHIRPath in which R4 writes its search expressions. <https://hl7.org/fhirpath/>
//!
//! Eleven shapes cover all of R4's search parameters: child paths, unions, `as`, `where(x = 'literal')`,
//! `where(resolve() is T)`, `[n]`, `exists()`, `and`, `=` and `!=`. A full engine was refused: it is hundreds of times slower,
//! since it knows neither what is asked of it beforehand nor that JSON is walked without building nodes. An
//! expression beyond these shapes is an error when definitions are loaded, never a wrong answer later.

mod lexer;
mod parser;

use serde_json::Value;

/// A compiled expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    expression: Expression,
}

#[derive(Clone, Debug, PartialEq)]
enum Expression {
    Steps(Vec<Step>),
    Union(Vec<Expression>),
    And(Box<Expression>, Box<Expression>),
    /// The expression, whether it must equal or must not, and the literal.
    Compare(Box<Expression>, Comparison, Literal),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    Unequal,
}

#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Text(String),
    Truth(bool),
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Only a resource of this type goes on.
    Root(String),
    /// A child; a choice element such as `value` is found under `valueQuantity` too.
    Child(String),
    /// A choice element as one type: the JSON member and the type's name.
    Typed(String, String),
    /// Only what was found under a choice element of this type goes on.
    OfType(String),
    /// Only what has this child with this text goes on.
    Where(String, String),
    /// Only a reference to this type goes on.
    ResolvesTo(String),
    /// Only the nth goes on.
    Index(usize),
    Exists,
    Nested(Box<Expression>),
}

/// Something that an expression found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit<'a> {
    /// The JSON.
    pub value: &'a Value,
    /// The type, where a choice element says so (`Quantity` for `valueQuantity`); a primitive type begins with
    /// a capital as well (`String`).
    pub ty: Option<&'a str>,
}

static TRUE: Value = Value::Bool(true);
static FALSE: Value = Value::Bool(false);

impl Path {
    /// Compiles an expression.
    ///
    /// # Errors
    /// A sentence for whoever wrote the definition, where the expression is beyond the shapes known here.
    pub fn compile(text: &str) -> Result<Self, String> {
        parser::parse(text).map(|expression| Self { expression })
    }

    /// The branches that begin at this resource type (or at `Resource` or `DomainResource`, or at nothing);
    /// none where there are none. An expression that many types share is so cut down to each of them.
    #[must_use]
    pub fn for_type(&self, name: &str) -> Option<Self> {
        let begins_here = |expression: &Expression| match expression {
            Expression::Steps(steps) => match steps.first() {
                Some(Step::Root(root)) => root == name || root == "Resource" || root == "DomainResource",
                _ => true,
            },
            Expression::Union(_) | Expression::And(..) | Expression::Compare(..) => true,
        };
        match &self.expression {
            Expression::Union(all) => {
                let mut own: Vec<_> = all.iter().filter(|branch| begins_here(branch)).cloned().collect();
                let expression = if own.len() == 1 { own.pop()? } else { Expression::Union(own) };
                (expression != Expression::Union(Vec::new())).then_some(Self { expression })
            }
            single => begins_here(single).then(|| self.clone()),
        }
    }

    /// The branches of a union; the expression itself where it is none.
    pub fn branches(&self) -> Vec<Self> {
        match &self.expression {
            Expression::Union(all) => all.iter().map(|branch| Self { expression: branch.clone() }).collect(),
            Expression::Steps(_) | Expression::And(..) | Expression::Compare(..) => vec![self.clone()],
        }
    }

    /// The type that every reference found is to, where the expression says so: `…where(resolve() is Patient)`.
    pub fn resolves_to(&self) -> Option<&str> {
        match &self.expression {
            Expression::Steps(steps) => match steps.last() {
                Some(Step::ResolvesTo(ty)) => Some(ty),
                _ => None,
            },
            Expression::Union(_) | Expression::And(..) | Expression::Compare(..) => None,
        }
    }

    /// The type to which it narrows the references that another path finds, where it does nothing else:
    /// `Goal.subject.where(resolve() is Patient)` narrows `Goal.subject`.
    pub fn narrows(&self, other: &Self) -> Option<&str> {
        let (Expression::Steps(own), Expression::Steps(others)) = (&self.expression, &other.expression)
        else {
            return None;
        };
        match own.split_last() {
            Some((Step::ResolvesTo(ty), rest)) if rest == others.as_slice() => Some(ty),
            _ => None,
        }
    }

    /// The elements that it goes through, by their names in JSON, for each of its branches; a branch that says
    /// whether something is so, and what else is no plain path, is left out.
    pub fn elements(&self) -> Vec<Vec<&str>> {
        let mut branches = Vec::new();
        self.expression.elements(&mut branches);
        branches
    }

    /// Finds all values in a resource, in the order of the document.
    pub fn find<'a>(&'a self, resource: &'a Value) -> Vec<Hit<'a>> {
        let mut hits = Vec::new();
        self.expression.collect(resource, None, &mut hits);
        hits
    }
}

impl Expression {
    fn elements<'a>(&'a self, branches: &mut Vec<Vec<&'a str>>) {
        let steps = match self {
            Expression::Union(all) => return all.iter().for_each(|one| one.elements(branches)),
            Expression::Steps(steps) => steps,
            Expression::And(..) | Expression::Compare(..) => return,
        };
        let mut names = Vec::new();
        for step in steps {
            match step {
                Step::Child(name) | Step::Typed(name, _) => names.push(name.as_str()),
                Step::Exists | Step::Nested(_) => return,
                Step::Root(_) | Step::OfType(_) | Step::Where(..) => {}
                Step::ResolvesTo(_) | Step::Index(_) => {}
            }
        }
        branches.push(names);
    }

    fn collect<'a>(&'a self, at: &'a Value, ty: Option<&'a str>, hits: &mut Vec<Hit<'a>>) {
        match self {
            Expression::Union(all) => all.iter().for_each(|branch| branch.collect(at, ty, hits)),
            Expression::Steps(steps) => walk(steps, Hit { value: at, ty }, hits),
            Expression::And(left, right) => {
                // `false` is an answer too: somebody may search for all who are not deceased.
                let value = if left.is_true(at) && right.is_true(at) { &TRUE } else { &FALSE };
                hits.push(Hit { value, ty: None });
            }
            Expression::Compare(inner, comparison, literal) => {
                let mut found = Vec::new();
                inner.collect(at, ty, &mut found);
                let wanted = *comparison == Comparison::Equal;
                if found.iter().any(|hit| literal.equals(hit.value) == wanted) {
                    hits.push(Hit { value: &TRUE, ty: None });
                }
            }
        }
    }

    fn is_true(&self, at: &Value) -> bool {
        let mut found = Vec::new();
        self.collect(at, None, &mut found);
        found.iter().any(|hit| hit.value.as_bool() != Some(false))
    }
}

impl Literal {
    fn equals(&self, value: &Value) -> bool {
        match self {
            Literal::Text(text) => value.as_str() == Some(text),
            Literal::Truth(truth) => value.as_bool() == Some(*truth),
        }
    }
}

fn walk<'a>(steps: &'a [Step], at: Hit<'a>, hits: &mut Vec<Hit<'a>>) {
    let Some((step, rest)) = steps.split_first() else { return hits.push(at) };
    match step {
        Step::Root(name) => {
            let base = name == "Resource" || name == "DomainResource";
            if base || text_at(at.value, "resourceType") == Some(name) {
                walk(rest, at, hits);
            }
        }
        Step::Child(name) => child(name, rest, at, hits),
        Step::Typed(member, ty) => {
            if let Some(value) = at.value.get(member) {
                each(value, rest, Some(ty), hits);
            }
        }
        Step::OfType(ty) if at.ty.is_some_and(|found| found != ty) => {}
        Step::Where(name, text) if text_at(at.value, name) != Some(text) => {}
        Step::ResolvesTo(ty) if !refers_to(at.value, ty) => {}
        Step::OfType(_) | Step::Where(..) | Step::ResolvesTo(_) => walk(rest, at, hits),
        // Reached only where the element is single, or else taken by `each`.
        Step::Index(n) => {
            if *n == 0 {
                walk(rest, at, hits);
            }
        }
        Step::Exists => hits.push(Hit { value: &TRUE, ty: None }),
        Step::Nested(inner) => {
            let mut found = Vec::new();
            inner.collect(at.value, at.ty, &mut found);
            found.into_iter().for_each(|hit| walk(rest, hit, hits));
        }
    }
}

fn child<'a>(name: &str, rest: &'a [Step], at: Hit<'a>, hits: &mut Vec<Hit<'a>>) {
    let Some(members) = at.value.as_object() else { return };
    if let Some(value) = members.get(name) {
        return each(value, rest, None, hits);
    }
    for (member, value) in members {
        if let Some(ty) = member.strip_prefix(name).filter(|ty| CHOICES.binary_search(ty).is_ok()) {
            each(value, rest, Some(ty), hits);
        }
    }
}

fn each<'a>(value: &'a Value, rest: &'a [Step], ty: Option<&'a str>, hits: &mut Vec<Hit<'a>>) {
    match (value, rest.split_first()) {
        (Value::Null, _) => {}
        (Value::Array(all), Some((Step::Index(n), rest))) => {
            if let Some(value) = all.get(*n) {
                walk(rest, Hit { value, ty }, hits);
            }
        }
        (Value::Array(all), _) => {
            all.iter().filter(|value| !value.is_null()).for_each(|value| walk(rest, Hit { value, ty }, hits));
        }
        (value, _) => walk(rest, Hit { value, ty }, hits),
    }
}

fn text_at<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// Whether a reference says that it points to this type: by its `type`, or by its text (`Patient/1`,
/// `https://…/Patient/1/_history/2`).
fn refers_to(value: &Value, ty: &str) -> bool {
    let Some(text) = text_at(value, "reference") else { return text_at(value, "type") == Some(ty) };
    let text = text.split_once("/_history/").map_or(text, |(before, _)| before);
    text.rsplit('/').nth(1) == Some(ty) || (!text.contains('/') && text_at(value, "type") == Some(ty))
}

/// The types that a choice element can have, as they stand at the end of its name; sorted.
#[rustfmt::skip]
const CHOICES: [&str; 50] = [
    "Address", "Age", "Annotation", "Attachment", "Base64Binary", "Boolean", "Canonical", "Code",
    "CodeableConcept", "Coding", "ContactDetail", "ContactPoint", "Contributor", "Count", "DataRequirement",
    "Date", "DateTime", "Decimal", "Distance", "Dosage", "Duration", "Expression", "HumanName", "Id",
    "Identifier", "Instant", "Integer", "Markdown", "Meta", "Money", "Oid", "ParameterDefinition", "Period",
    "PositiveInt", "Quantity", "Range", "Ratio", "Reference", "RelatedArtifact", "SampledData", "Signature",
    "String", "Time", "Timing", "TriggerDefinition", "UnsignedInt", "Uri", "Url", "UsageContext", "Uuid",
];

#[cfg(test)]
mod tests;
