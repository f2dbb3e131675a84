//! Where a search begins and why, in words that hold nothing of what was asked for: of a condition they have the
//! name of its parameter, never its value. <https://hl7.org/fhir/R4/search.html>

use crate::fhir::ResourceType;
use crate::search::parameter::Parameters;
use crate::search::plan::driver::Start;
use crate::search::plan::driver::Width;
use crate::search::plan::driver::candidates;
use crate::search::plan::gate::Gate;
use crate::search::plan::rows::Search;
use crate::search::plan::rows::Way;
use crate::search::plan::scope::Seen;
use crate::search::plan::searches;
use crate::search::query::Criterion;
use crate::search::query::Query;
use crate::search::query::Test;
use crate::search::query::Tree;
use crate::search::restriction::Restriction;
use crate::search::sql::Sql;

/// Where the search on one type begins.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The type.
    pub ty: ResourceType,
    /// Each condition by its name, and about how many resources meet one of its kind; none where no index can be
    /// looked up for it, so that it is tested row by row.
    pub conditions: Vec<(String, Option<&'static str>)>,
    /// The condition with which it begins: the first of the narrowest kind.
    pub first: Option<String>,
    /// How it goes on.
    pub course: Course,
    /// What decides between two ways, where there are two.
    pub probe: Option<Probe>,
}

/// How the rows of a page are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// The rows of the first condition are few: they are collected, tested and sorted. Where the probe says that they
    /// are many, the order is walked, or the type where no index has that order, and each row tested. The rows of a code
    /// that is of one system are tested from the newest on, however many; so are some of a span's before it is collected.
    Either,
    /// The rows in a span of time, or at the end of a long chain, are few: they are collected, tested and sorted. Where
    /// the probe says that they are many, the search begins with another condition, such as the code beside a span.
    Beside,
    /// The rows of the first condition are collected, tested and sorted.
    Collect,
    /// The order of the page is walked, and each row tested, until the page is full.
    Walk,
    /// All resources of the type are tested and sorted.
    Sort,
}

/// What counts the rows of the first condition, up to a number.
#[derive(Clone, Debug)]
pub struct Probe {
    /// One row with one integer.
    pub count: Sql,
    /// From how many on they count as many.
    pub most: i64,
}

/// Where the search on each type of a query begins, within what the caller may see.
pub fn beginnings(parameters: &Parameters, query: &Query, restriction: &Restriction) -> Vec<Beginning> {
    let seen = Seen { parameters, restriction };
    let of_one = |search: Search| {
        let found: Vec<(Start, Width)> =
            candidates(&seen, search.query).map(|(start, driver)| (start, driver.width)).collect();
        let first = found.iter().min_by_key(|(_, width)| *width).map(|(start, _)| *start);
        let ordering = search.ordering();
        let (course, probe) = match search.way(&ordering, 1) {
            Way::Either(driver, _) => (Course::Either, Some(probe(&search.gate(driver, &ordering)))),
            Way::Beside(driver, _) => (Course::Beside, Some(probe(&search.gate(driver, &ordering)))),
            Way::Collect(_) => (Course::Collect, None),
            Way::Walk(_) => (Course::Walk, None),
            Way::Sort => (Course::Sort, None),
        };
        let first = first.map(|start| start_name(parameters, search.query, start));
        Beginning {
            ty: search.query.ty,
            conditions: conditions(parameters, search.query, &found),
            first,
            course,
            probe,
        }
    };
    searches(seen, query).map(of_one).collect()
}

fn probe(gate: &Gate) -> Probe {
    let count = Sql::of("SELECT count(*) AS n FROM (", []).append(gate.rows()).push(") g", []);
    Probe { count, most: gate.most }
}

/// Every criterion, and the compartments that can be looked up beside them.
fn conditions(
    parameters: &Parameters,
    query: &Query,
    found: &[(Start, Width)],
) -> Vec<(String, Option<&'static str>)> {
    let criteria = (0..query.criteria.len()).map(Start::Criterion);
    let others = found.iter().map(|(start, _)| *start).filter(|start| !matches!(start, Start::Criterion(_)));
    let named = |start: Start| {
        let width = found.iter().find(|(other, _)| *other == start).map(|(_, width)| width.words());
        (start_name(parameters, query, start), width)
    };
    criteria.chain(others).map(named).collect()
}

impl Width {
    fn words(self) -> &'static str {
        match self {
            Width::Named => "as many as are named",
            Width::Identified => "those with one identifier or URI",
            Width::Owned => "those that belong to one other resource",
            Width::Spelt => "those with one text",
            Width::Chained => "those whose owner meets another condition",
            Width::Distant => "those to which several references lead from what meets another condition",
            Width::Between => "those in a span of time with two ends",
            Width::Coded => "those with one code",
            Width::Ranged => "those in a range",
            Width::All => "perhaps nearly all",
        }
    }
}

fn start_name(parameters: &Parameters, query: &Query, start: Start) -> String {
    match start {
        Start::Criterion(at) => {
            query.criteria.get(at).map_or_else(String::new, |criterion| name(parameters, criterion))
        }
        Start::Compartment => "the compartment of the URL".to_owned(),
        Start::Visible => "the compartment that the caller may see".to_owned(),
    }
}

/// A condition by its parameters.
fn name(parameters: &Parameters, criterion: &Criterion) -> String {
    let code = |param: i64| parameters.by_number(param).map_or("?", |parameter| parameter.code.as_str());
    let joined = |parts: &[Criterion], word: &str| {
        let each: Vec<String> = parts.iter().map(|part| name(parameters, part)).collect();
        format!("({})", each.join(word))
    };
    let name = match &criterion.test {
        Test::Id(_) => "_id".to_owned(),
        Test::Updated(_) => "_lastUpdated".to_owned(),
        Test::Index(rows) => {
            // Of a text and its later words, both are the parameter's own.
            let other = rows.also.filter(|also| code(*also) != code(rows.param));
            let either = other.map_or_else(String::new, |also| format!(" or {}", code(also)));
            let missing = if rows.any.is_empty() { ":missing" } else { "" };
            format!("{}{either}{missing}", code(rows.param))
        }
        Test::Chain(param, types) => {
            let each: Vec<String> = types
                .iter()
                .map(|(ty, inner)| format!("{}:{ty}.{}", code(*param), name(parameters, inner)))
                .collect();
            each.join(" or ")
        }
        Test::Has(source, param, inner) => {
            format!("_has:{source}:{}:{}", code(*param), name(parameters, inner))
        }
        Test::Tree(Tree { param, upwards: true, .. }) => format!("{}:above", code(*param)),
        Test::Tree(Tree { param, .. }) => format!("{}:below", code(*param)),
        Test::Words(words) => words.code().to_owned(),
        Test::All(parts) => joined(parts, " and "),
        Test::Any(parts) => joined(parts, " or "),
    };
    if criterion.negated { format!("not {name}") } else { name }
}
