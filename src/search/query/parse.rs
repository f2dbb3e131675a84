//! From a query string to a query. <https://hl7.org/fhir/R4/search.html>

use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::form::encoded;
use crate::fhir::form::pairs;
use crate::search::mistake;
use crate::search::query::Among;
use crate::search::query::Context;
use crate::search::query::Criterion;
use crate::search::query::Query;
use crate::search::query::Shown;
use crate::search::query::SortBy;
use crate::search::query::Summary;
use crate::search::query::Test;
use crate::search::query::Total;
use crate::search::query::contained;
use crate::search::query::criterion;
use crate::search::query::result;
use crate::search::query::span;

/// How many criteria a query may have: enough for any question, and far from what a database refuses.
const MOST_CRITERIA: usize = 40;

/// How many values all criteria may look up together. A plan repeats a criterion up to six times and rounds their
/// number up, and SQLite takes 32,766 values in a statement.
const MOST_VALUES: usize = 2_500;

/// What is wrong with a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::search) enum Problem {
    /// The name, modifier or include is not known or not supported: a lenient search goes on without it.
    Unknown(String),
    /// The value is wrong: no search can go on as if it had not been asked.
    Wrong(String),
    /// The name is known and has no value, which R4 has a search ignore.
    Empty,
    /// What the search depends on fails it: a value set that is not known, a database that does not answer.
    Failed(Box<Failure>),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// A name and its value, decoded.
pub(super) type Pair = (String, String);

/// Understands a query string or form body, percent-encoded.
///
/// # Errors
/// 400 with every parameter, modifier, prefix, value or include that is wrong, naming what is known.
pub fn parse(context: &Context, ty: ResourceType, query: &str) -> Result<Query, Failure> {
    of_types(context, &[ty], &pairs(query)?)
}

/// The same search on each of some types, which are never none.
///
/// # Errors
/// As [`parse`], for a parameter that any of the types does not have.
pub(super) fn of_types(context: &Context, types: &[ResourceType], pairs: &[Pair]) -> Result<Query, Failure> {
    context.effort.begin();
    let (mut all, mut issues): (Vec<Query>, Vec<Issue>) = (Vec::new(), Vec::new());
    for ty in types {
        let (read, wrong) = of_type(context, (*ty, types), pairs)?;
        // One type's word on a parameter is enough.
        let new = |issue: &Issue| !issues.iter().any(|other| other.expression == issue.expression);
        let new: Vec<Issue> = if all.is_empty() { wrong } else { wrong.into_iter().filter(new).collect() };
        issues.extend(new);
        all.push(read);
    }
    if all.iter().flat_map(|read| &read.criteria).map(Criterion::values).sum::<usize>() > MOST_VALUES {
        let text = "The search names more values than can be looked up at once; name fewer, or search twice.";
        issues.push(Issue::error("too-costly", text));
    }
    if !issues.is_empty() {
        return Err(Failure::of(Reason::Invalid, issues));
    }
    let mut ignored: Vec<String> = all.iter().flat_map(|read| read.ignored.iter().cloned()).collect();
    if all.len() > 1 && !ignored.is_empty() {
        // What one type does not know is ignored for all of them.
        let is_known = |pair: &&Pair| !ignored.contains(&format!("{}={}", pair.0, pair.1));
        let known: Vec<Pair> = pairs.iter().filter(is_known).cloned().collect();
        ignored.sort_unstable();
        ignored.dedup();
        return Ok(Query { ignored, ..of_types(context, types, &known)? });
    }
    same_order(&all)?;
    let mut all = all.into_iter().flat_map(contained::each);
    let first = all.next().ok_or_else(|| Failure::internal("a search on no type"))?;
    Ok(Query { also: all.collect(), ..first })
}

fn of_type(
    context: &Context,
    (ty, types): (ResourceType, &[ResourceType]),
    pairs: &[Pair],
) -> Result<(Query, Vec<Issue>), Failure> {
    let mut read = blank(context, ty);
    let (mut issues, mut understood) = (Vec::new(), Vec::new());
    let mut of_own = Vec::new();
    for (name, value) in pairs {
        let before = (read.criteria.len(), read.includes.len());
        let once = result::once(pairs, (name, value));
        match once.and_then(|()| take(context, &mut read, types, (name, value))) {
            Ok(Part::Criterion) => understood.push(format!("{}={}", shown(name), shown(value))),
            Ok(Part::Result) => {}
            // It narrows nothing, which one who meant to give a value had better be told.
            Err(Problem::Empty) => read.ignored.push(format!("{name}=")),
            Err(Problem::Unknown(_)) if context.lenient => read.ignored.push(format!("{name}={value}")),
            // What goes with the matches changes none of them.
            Err(Problem::Wrong(_)) if context.lenient && result::is_include(name) => {
                read.ignored.push(format!("{name}={value}"));
            }
            Err(Problem::Unknown(text)) => issues.push(issue(Reason::NotSupported, name, text)),
            Err(Problem::Wrong(text)) => issues.push(issue(Reason::Invalid, name, text)),
            Err(Problem::Failed(failure)) if failure.status() >= 500 || context.effort.is_over() => {
                return Err(*failure);
            }
            Err(Problem::Failed(failure)) => {
                let named = |issue: Issue| issue.at(format!("http.{name}"));
                issues.extend(failure.issues.into_iter().map(named));
            }
        }
        let is_of_own = |criterion: &Criterion| criterion.of_contained().is_none();
        if read.includes.len() > before.1 || read.criteria[before.0..].iter().any(is_of_own) {
            of_own.push(name);
        }
    }
    if read.among != Among::Own {
        issues.extend(of_own.into_iter().map(|name| contained::refused(name)));
    }
    if read.summary == Summary::Text && !read.includes.is_empty() {
        let text = "`_summary=text` does not go with `_include` and `_revinclude`; leave one of them out.";
        issues.push(issue(Reason::Invalid, "_summary", text.to_owned()));
    }
    let beside = mistake::beside(context, ty, &read.criteria);
    if read.criteria.iter().map(weight).sum::<usize>() > MOST_CRITERIA + beside {
        let text = format!("A search may have {MOST_CRITERIA} conditions, and this one has more.");
        issues.push(Issue::error(Reason::TooLarge.code(), text));
    }
    if let Some((criterion, (name, value))) = mistake::left_out(context, ty, &read.criteria) {
        read.criteria.push(criterion);
        // Of several types not each has the parameter.
        if types.len() == 1 {
            understood.push(format!("{name}={value}"));
        }
    }
    span::join(context.parameters, &mut read.criteria);
    understood.extend(result::shown(context, &read));
    read.self_query = understood.join("&");
    Ok((read, issues))
}

/// Refuses to sort dates among texts.
fn same_order(all: &[Query]) -> Result<(), Failure> {
    let Some((first, others)) = all.split_first() else { return Ok(()) };
    for other in others {
        for (one, another) in first.sort.iter().zip(&other.sort) {
            if let (SortBy::Parameter(kind, _), SortBy::Parameter(differs, _)) = (&one.by, &another.by)
                && kind != differs
            {
                let text = format!(
                    "One of the keys is of the kind {} for {} and of the kind {} for {}; no order has both.",
                    kind.name(),
                    first.ty,
                    differs.name(),
                    other.ty
                );
                return Err(Failure::of(Reason::Invalid, vec![issue(Reason::Invalid, "_sort", text)]));
            }
        }
    }
    Ok(())
}

/// How many conditions a criterion is.
fn weight(criterion: &Criterion) -> usize {
    match &criterion.test {
        Test::Id(_) | Test::Updated(_) | Test::Index(_) | Test::Tree(_) | Test::Words(_) => 1,
        Test::Chain(_, types) => types.iter().map(|(_, inner)| weight(inner)).max().unwrap_or(1),
        Test::Has(_, _, inner) => weight(inner),
        Test::All(parts) | Test::Any(parts) => parts.iter().map(weight).sum(),
    }
}

/// What a parameter became.
enum Part {
    /// A condition on the resources.
    Criterion,
    /// Something about the result.
    Result,
}

fn take(
    context: &Context,
    read: &mut Query,
    types: &[ResourceType],
    (name, value): (&str, &str),
) -> Result<Part, Problem> {
    if result::take(context, read, types, (name, value))? {
        return Ok(Part::Result);
    }
    context.effort.step()?;
    match criterion::read(context, read.ty, (name, value), criterion::DEEPEST)? {
        // Each by itself can be what the search begins with.
        Criterion { test: Test::All(all), negated: false, .. } => read.criteria.extend(all),
        criterion => read.criteria.push(criterion),
    }
    Ok(Part::Criterion)
}

fn blank(context: &Context, ty: ResourceType) -> Query {
    Query {
        ty,
        also: Vec::new(),
        is_inside: false,
        among: Among::Own,
        shown: Shown::Container,
        compartment: None,
        criteria: Vec::new(),
        sort: Vec::new(),
        count: context.default_count.min(context.max_count),
        total: Total::Default,
        summary: Summary::False,
        elements: Vec::new(),
        includes: Vec::new(),
        ignored: Vec::new(),
        self_query: String::new(),
        edge: None,
    }
}

/// <https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.location>
pub(super) fn issue(reason: Reason, name: &str, text: String) -> Issue {
    Issue::error(reason.code(), text).at(format!("http.{name}"))
}

/// Percent-encoded, with what a query may hold left readable.
pub(super) fn shown(text: &str) -> String {
    encoded(text).replace("%3A", ":").replace("%2C", ",").replace("%2F", "/").replace("%2A", "*")
}
