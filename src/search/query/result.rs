//! The parameters about the result: order, size, total, what goes with it. <https://hl7.org/fhir/R4/search.html#return>

use crate::fhir::ResourceType;
use crate::search::include;
use crate::search::include::Start;
use crate::search::parameter::Kind;
use crate::search::query::Context;
use crate::search::query::Order;
use crate::search::query::Query;
use crate::search::query::Shown;
use crate::search::query::Sort;
use crate::search::query::SortBy;
use crate::search::query::Summary;
use crate::search::query::Total;
use crate::search::query::contained::AMONG;
use crate::search::query::contained::SHOWN;
use crate::search::query::criterion::parameter;
use crate::search::query::nearest::nearest;
use crate::search::query::parse::Pair;
use crate::search::query::parse::Problem;
use crate::search::query::parse::shown as encoded;

/// Their names, as a message about an unknown one lists them.
pub(in crate::search) const NAMES: [&str; 12] = [
    "_sort",
    "_count",
    "_total",
    "_summary",
    "_elements",
    "_include",
    "_revinclude",
    "_has",
    "_list",
    "_filter",
    "_contained",
    "_containedType",
];

/// The most sort keys and includes of a query.
const MOST: usize = 10;

/// Parameters of which a search has one value, under the names that each has.
const SINGLE: [&[&str]; 5] =
    [&["_count"], &["_total", "_totalMethod"], &["_summary"], &["_contained"], &["_containedType"]];

const TOTALS: [(&str, Total); 3] =
    [("none", Total::None), ("estimate", Total::Estimate), ("accurate", Total::Accurate)];

const SUMMARIES: [(&str, Summary); 5] = [
    ("true", Summary::True),
    ("text", Summary::Text),
    ("data", Summary::Data),
    ("count", Summary::Count),
    ("false", Summary::False),
];

/// Takes a parameter that is about the result; false where it is not one.
pub(super) fn take(
    context: &Context,
    read: &mut Query,
    types: &[ResourceType],
    (name, value): (&str, &str),
) -> Result<bool, Problem> {
    if !is_about_result(name) {
        return Ok(false);
    }
    let (base, modifier) = name.split_once(':').map_or((name, None), |(base, rest)| (base, Some(rest)));
    let start = Start::read(name).transpose()?;
    if let (None, Some(modifier)) = (start, modifier) {
        return Err(Problem::Unknown(format!("The modifier `:{modifier}` of `{base}` is not supported.")));
    }
    if value.is_empty() {
        return Err(Problem::Empty);
    }
    if let Some(start) = start {
        let include = include::read(context, types, start, value)?;
        if !read.includes.contains(&include) {
            if read.includes.len() == MOST {
                return Err(Problem::Wrong(format!("A search may have {MOST} includes.")));
            }
            read.includes.push(include);
        }
        return Ok(true);
    }
    match base {
        "_sort" => read.sort = sort(context, read, value)?,
        "_count" => read.count = count(context, value)?,
        // What a client library calls the same.
        "_totalMethod" if value == "count" => read.total = Total::Accurate,
        "_total" | "_totalMethod" => read.total = one_of(&TOTALS, name, value)?,
        "_summary" => read.summary = one_of(&SUMMARIES, name, value)?,
        "_elements" => {
            let more = elements(value)?.into_iter().filter(|name| !read.elements.contains(name));
            let more: Vec<String> = more.collect();
            read.elements.extend(more);
        }
        // How an answer is written is read where it is written.
        "_format" | "_pretty" => {}
        "_contained" => read.among = one_of(&AMONG, name, value)?,
        "_containedType" => read.shown = one_of(&SHOWN, name, value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Refuses a parameter that is there twice with different values, of which only one could count.
pub(super) fn once(pairs: &[Pair], (name, value): (&str, &str)) -> Result<(), Problem> {
    let Some(group) = SINGLE.iter().find(|group| group.contains(&name)) else { return Ok(()) };
    let is_same = |(other, value): &&Pair| group.contains(&other.as_str()) && !value.is_empty();
    match pairs.iter().find(is_same) {
        Some((_, first)) if first != value && !value.is_empty() => Err(Problem::Wrong(format!(
            "`{name}` is there twice with different values; leave one of them out."
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Whether a parameter says what goes with the matches.
pub(super) fn is_include(name: &str) -> bool {
    matches!(name.split(':').next(), Some("_include" | "_revinclude"))
}

/// Whether a parameter is about the result, and no condition on the resources.
pub(super) fn is_about_result(name: &str) -> bool {
    let base = name.split(':').next().unwrap_or_default();
    NAMES[..7].contains(&base)
        || NAMES[10..].contains(&base)
        || matches!(base, "_totalMethod" | "_format" | "_pretty")
}

/// The parameters about the result as they were understood, percent-encoded, defaults left out.
pub(super) fn shown(context: &Context, read: &Query) -> Vec<String> {
    let mut parts = Vec::new();
    let mut push = |name: &str, value: String| parts.push(format!("{name}={}", encoded(&value)));
    if !read.sort.is_empty() {
        push("_sort", read.sort.iter().map(|sort| sort_name(context, sort)).collect::<Vec<_>>().join(","));
    }
    push("_count", read.count.to_string());
    if let Some((name, _)) = TOTALS.iter().find(|(_, total)| *total == read.total) {
        push("_total", (*name).to_owned());
    }
    if let Some((name, _)) = SUMMARIES[..4].iter().find(|(_, summary)| *summary == read.summary) {
        push("_summary", (*name).to_owned());
    }
    if !read.elements.is_empty() {
        push("_elements", read.elements.join(","));
    }
    if let Some((name, _)) = AMONG[1..].iter().find(|(_, among)| *among == read.among) {
        push("_contained", (*name).to_owned());
        if read.shown == Shown::Contained {
            push("_containedType", "contained".to_owned());
        }
    }
    for include in &read.includes {
        let (name, value) = include::shown(context, include);
        push(name, value);
    }
    parts
}

fn sort(context: &Context, read: &Query, value: &str) -> Result<Vec<Sort>, Problem> {
    if !read.sort.is_empty() {
        return Err(Problem::Wrong("`_sort` is there twice; put all keys into one, with commas.".into()));
    }
    let keys: Vec<&str> = value.split(',').collect();
    if keys.len() > MOST {
        return Err(Problem::Wrong(format!("`_sort` may have {MOST} keys.")));
    }
    keys.into_iter().map(|key| sort_key(context, read, key)).collect()
}

fn sort_key(context: &Context, read: &Query, key: &str) -> Result<Sort, Problem> {
    let (code, order) = match key.strip_prefix('-') {
        Some(code) => (code, Order::Descending),
        None => (key, Order::Ascending),
    };
    let mut joins = None;
    let by = match code {
        "_id" => SortBy::Id,
        "_lastUpdated" => SortBy::Updated,
        code => match parameter(context, read.ty, code)? {
            sortable if !sortable.of_words && !matches!(sortable.kind, Kind::Composite | Kind::Special) => {
                joins = sortable.joins.map(|joined| joined.numbers);
                SortBy::Parameter(sortable.kind, sortable.number)
            }
            other => {
                return Err(Problem::Unknown(format!("Sorting by `{}` is not supported.", other.code)));
            }
        },
    };
    Ok(Sort { by, order, joins })
}

fn sort_name(context: &Context, sort: &Sort) -> String {
    let code = match sort.by {
        SortBy::Id => "_id",
        SortBy::Updated => "_lastUpdated",
        SortBy::Parameter(_, number) | SortBy::Second(_, number) => {
            context.parameters.by_number(number).map_or("", |parameter| parameter.code.as_str())
        }
    };
    match sort.order {
        Order::Ascending => code.to_owned(),
        Order::Descending => format!("-{code}"),
    }
}

fn count(context: &Context, value: &str) -> Result<u32, Problem> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    // A number too long for 32 bits is a large one all the same.
    let count = if digits { Some(value.parse::<u32>().unwrap_or(u32::MAX)) } else { None };
    count.map(|count| count.min(context.max_count)).ok_or_else(|| {
        Problem::Wrong(format!("`_count` is a whole number from 0 to {}, not `{value}`.", context.max_count))
    })
}

fn one_of<T: Copy>(known: &[(&'static str, T)], name: &str, value: &str) -> Result<T, Problem> {
    known.iter().find(|(known, _)| *known == value).map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known = nearest(value, known.iter().map(|(name, _)| *name));
        Problem::Wrong(format!("`{value}` is no value of `{name}`; known are {known}."))
    })
}

fn elements(value: &str) -> Result<Vec<String>, Problem> {
    let names: Vec<String> = value.split(',').map(str::to_owned).collect();
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let plain = |name: &String| match name.split_once('.') {
        Some((ty, element)) => ResourceType::parse(ty).is_some() && word(element),
        None => word(name),
    };
    match names.iter().find(|name| !plain(name)) {
        None => Ok(names),
        Some(name) => Err(Problem::Wrong(format!(
            "`_elements` names elements of the top level, such as `status,Patient.name`, and not `{name}`."
        ))),
    }
}
