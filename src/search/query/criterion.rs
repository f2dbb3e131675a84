//! One condition of a query: a parameter with its modifier and values, a chain, or `_has`.
//! <https://hl7.org/fhir/R4/search.html#chaining>

use std::collections::HashSet;

use crate::fhir::ResourceType;
use crate::search::canonical;
use crate::search::chain;
use crate::search::filter;
use crate::search::kinds;
use crate::search::kinds::Asked;
use crate::search::modifier;
use crate::search::modifier::Modifier;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;
use crate::search::query::Condition;
use crate::search::query::Context;
use crate::search::query::Criterion;
use crate::search::query::Rows;
use crate::search::query::Test;
use crate::search::query::nearest::nearest;
use crate::search::query::parse::Problem;
use crate::search::query::result;
use crate::search::special;
use crate::search::text;
use crate::search::tree;
use crate::search::value::is_escaped_well;
use crate::search::value::split;

/// How often chains and `_has` may nest: more than any path through R4 has. A statement grows by one step with each.
pub(in crate::search) const DEEPEST: u8 = 16;

/// How many values one parameter may have.
const MOST_VALUES: usize = 500;

/// Reads one pair of name and value as a condition on a type.
pub(in crate::search) fn read(
    context: &Context,
    ty: ResourceType,
    (name, value): (&str, &str),
    depth: u8,
) -> Result<Criterion, Problem> {
    if name == "_filter" {
        return filter::read(context, ty, value, depth);
    }
    if let Some(rest) = name.strip_prefix("_has:").or_else(|| (name == "_has").then_some("")) {
        return chain::read_has(context, ty, (rest, value), depth);
    }
    if let Some((head, rest)) = name.split_once('.') {
        return chain::read(context, ty, head, (rest, value), depth);
    }
    let (code, modifier) = modified(name)?;
    if code == "_list" {
        return special::read_list(context, modifier, value);
    }
    if text::is_one(code) && context.parameters.find(ty, code).is_some_and(|one| one.path.is_none()) {
        let is_first = depth == DEEPEST;
        return if is_first {
            text::read(context, (ty, code), modifier, value)
        } else {
            Err(text::only_by_itself(code))
        };
    }
    let parameter = parameter(context, ty, code)?;
    if let Some(modifier) = modifier.filter(|modifier| !modifier.is_of(parameter.kind)) {
        return Err(no_modifier(modifier.name(), parameter));
    }
    if special::is_column(code) {
        return special::read(context, code, modifier, value);
    }
    match modifier {
        Some(Modifier::Missing) => missing(context, parameter, value),
        Some(Modifier::Below) if parameter.kind == Kind::Reference && parameter.has_canonicals() => {
            canonical::read(parameter, value)
        }
        Some(way @ (Modifier::Above | Modifier::Below)) if parameter.kind == Kind::Reference => {
            tree::read(context, parameter, way, value)
        }
        modifier => rows(context, parameter, modifier, value),
    }
}

/// The parameter of a type with this code.
pub(in crate::search) fn parameter<'a>(
    context: &Context<'a>,
    ty: ResourceType,
    code: &str,
) -> Result<&'a Parameter, Problem> {
    let searchable = |parameter: &&Parameter| parameter.is_searchable();
    match context.parameters.find(ty, code) {
        Some(found) if searchable(&found) => Ok(found),
        Some(found) if !found.is_ready => Err(Problem::Unknown(format!(
            "`{code}` is a search parameter of {ty} that is newer than the search index, so that what was stored \
             before it would not be found; whoever runs the service makes the index anew by `comfrey reindex`."
        ))),
        Some(found) => Err(Problem::Unknown(format!(
            "Searching {ty} by `{code}`, a parameter of the kind {}, is not supported.",
            found.kind.name()
        ))),
        None => {
            let known = context.parameters.of(ty).filter(searchable).map(|parameter| parameter.code.as_str());
            let known = nearest(code, known.chain(result::NAMES));
            Err(Problem::Unknown(format!("`{code}` is not a search parameter of {ty}; known are {known}.")))
        }
    }
}

/// A name without its modifier.
fn modified(name: &str) -> Result<(&str, Option<Modifier>), Problem> {
    let Some((code, modifier)) = name.split_once(':') else { return Ok((name, None)) };
    let modifier = Modifier::parse(modifier).ok_or_else(|| {
        Problem::Unknown(format!("The modifier `:{modifier}` of `{code}` is not known or not supported."))
    })?;
    Ok((code, Some(modifier)))
}

fn no_modifier(modifier: &str, parameter: &Parameter) -> Problem {
    let known: Vec<String> = modifier::names(parameter.kind).iter().map(|name| format!(":{name}")).collect();
    Problem::Unknown(format!(
        "The modifier `:{modifier}` does not go with `{}`, which is of the kind {}; known are {}.",
        parameter.code,
        parameter.kind.name(),
        known.join(", ")
    ))
}

/// `:missing=true` holds where there is no row.
fn missing(context: &Context, parameter: &Parameter, value: &str) -> Result<Criterion, Problem> {
    let negated = is_missing(&parameter.code, value)?;
    let (param, also) = numbers(context, parameter, &|own| own.number);
    let rows = Rows { kind: parameter.kind, param, also, any: Vec::new() };
    let test = match fragments(context, parameter) {
        None => Test::Index(rows),
        Some(fragments) => Test::Any([rows, fragments].map(one_of).into()),
    };
    let canonical = format!("{}:missing={value}", parameter.code);
    Ok(Criterion { canonical, test, negated })
}

/// What a parameter for references to one type finds by fragments that say nothing of the type of what they mean: their rows
/// stand under another one.
fn fragments(context: &Context, parameter: &Parameter) -> Option<Rows> {
    let (param, to) = context.parameters.widened(parameter)?;
    Some(Rows { kind: Kind::Reference, param, also: None, any: vec![kinds::known_by_row(to)] })
}

fn one_of(rows: Rows) -> Criterion {
    Criterion { canonical: String::new(), test: Test::Index(rows), negated: false }
}

/// The value of `:missing`.
pub(in crate::search) fn is_missing(code: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        "" => Err(Problem::Empty),
        _ => Err(Problem::Wrong(format!("`{code}:missing` is `true` or `false`."))),
    }
}

/// Refuses a system where what is found has none, and an identifier where a URL names what is meant.
fn check_parts(parameter: &Parameter, modifier: Option<Modifier>, values: &[&str]) -> Result<(), Problem> {
    let code = &parameter.code;
    if modifier == Some(Modifier::Identifier) && !parameter.has_references() {
        return Err(Problem::Unknown(format!(
            "`{code}` names what is published under a URL, which has no `:identifier`; search by the URL."
        )));
    }
    let has_bar = || values.iter().any(|value| split(value, '|').len() > 1);
    if parameter.kind == Kind::Token && modifier.is_none() && !parameter.has_systems() && has_bar() {
        return Err(Problem::Wrong(format!(
            "What `{code}` finds has no system; leave out the bar and what stands before it, or write `\\|` for a bar \
             in the value."
        )));
    }
    Ok(())
}

fn rows(
    context: &Context,
    parameter: &Parameter,
    modifier: Option<Modifier>,
    value: &str,
) -> Result<Criterion, Problem> {
    let values = values(&parameter.code, value)?;
    let negated = modifier.is_some_and(Modifier::is_negation);
    let modifier = modifier.filter(|modifier| *modifier != Modifier::Not);
    check_parts(parameter, modifier, &values)?;
    let (kind, number): (Kind, fn(&Parameter) -> i64) = match modifier {
        Some(Modifier::Identifier) => (Kind::Token, |own| own.identifier_number),
        Some(Modifier::OfType) => (Kind::Token, |own| own.of_type_number),
        Some(Modifier::Text) => (Kind::String, |own| own.text_number),
        _ => (parameter.kind, |own| own.composite.as_ref().map_or(own.number, |parts| parts.kept_under)),
    };
    let (param, mut also) = numbers(context, parameter, &number);
    let (mut any, mut canonical) = (Vec::new(), Vec::new());
    for value in values {
        let asked = Asked { parameter, modifier, value, context };
        also = also.or(kinds::beside(&asked));
        let (spelt, conditions) = kinds::understand(&asked)?;
        any.extend(conditions);
        canonical.push(spelt);
    }
    if any.len() > MOST_VALUES {
        return Err(Problem::Wrong(format!(
            "`{}` asks for too much at once; name fewer values.",
            parameter.code
        )));
    }
    let spelt = match modifier {
        // `Patient/1` and `1` with `:Patient` say the same and have the same spelling.
        Some(Modifier::Type(_)) => parameter.code.clone(),
        Some(modifier) => format!("{}:{}", parameter.code, modifier.name()),
        None if negated => format!("{}:not", parameter.code),
        None => parameter.code.clone(),
    };
    let canonical = format!("{spelt}={}", spelling(canonical));
    Ok(Criterion { canonical, test: Test::Index(Rows { kind, param, also, any }), negated })
}

/// Under which numbers the index has what a parameter finds: its own, or those of the two that it joins.
fn numbers(
    context: &Context,
    parameter: &Parameter,
    number: &dyn Fn(&Parameter) -> i64,
) -> (i64, Option<i64>) {
    let joined = parameter.joins.map(|joined| joined.numbers.map(|one| context.parameters.by_number(one)));
    match joined {
        Some([Some(one), Some(other)]) => (number(one), Some(number(other))),
        Some(_) | None => (number(parameter), None),
    }
}

impl Criterion {
    /// How many values it binds where it is written into a statement.
    pub(super) fn values(&self) -> usize {
        let of_condition = |one: &Condition| {
            one.sql.binds() + one.leading.iter().map(|(_, values)| values.len()).sum::<usize>()
        };
        match &self.test {
            Test::Id(ids) => ids.len(),
            Test::Updated(spans) => 2 * spans.len(),
            Test::Index(rows) => rows.any.iter().map(of_condition).sum(),
            Test::Chain(_, types) => types.iter().map(|(_, inner)| inner.values()).sum(),
            Test::Has(_, _, inner) => inner.values(),
            Test::Tree(tree) => 2 * tree.ids.len(),
            Test::Words(_) => 1,
            Test::All(parts) | Test::Any(parts) => parts.iter().map(Self::values).sum(),
        }
    }
}

/// The values of a parameter, each once and none of them empty.
pub(in crate::search) fn values<'a>(code: &str, value: &'a str) -> Result<Vec<&'a str>, Problem> {
    if value.is_empty() {
        return Err(Problem::Empty);
    }
    if !is_escaped_well(value) {
        return Err(Problem::Wrong(format!(
            "In `{code}` a backslash stands before what needs none; write `\\\\` for a backslash, and it alone before \
             `,`, `|` and `$`."
        )));
    }
    let mut values = split(value, ',');
    if values.iter().any(|value| value.is_empty()) {
        return Err(Problem::Wrong(format!(
            "`{code}` has an empty value beside a comma; write `\\,` for a comma inside a value."
        )));
    }
    if values.len() > MOST_VALUES {
        return Err(Problem::Wrong(format!("`{code}` has more than {MOST_VALUES} values.")));
    }
    let mut seen = HashSet::new();
    values.retain(|value| seen.insert(*value));
    Ok(values)
}

/// Values in one spelling, whatever their order; a comma inside one keeps its backslash.
pub(in crate::search) fn spelling(mut values: Vec<String>) -> String {
    values.iter_mut().for_each(|value| *value = value.replace('\\', "\\\\").replace(',', "\\,"));
    values.sort_unstable();
    values.dedup();
    values.join(",")
}
