//! `_filter`: comparisons joined with `and`, `or` and `not`. <https://hl7.org/fhir/R4/search_filter.html>
//!
//! A filter becomes criteria as any other parameter does: what it compares goes through the kinds, what it follows
//! goes through the chains. So it is narrowed to what the caller may see where they are, and a lenient search
//! refuses a filter that it does not understand, because half a filter is another question.
//!
//! `a[b eq 1].c eq 2` asks for one resource at `a` that satisfies both.

mod operator;
mod parse;

use crate::fhir::ResourceType;
use crate::search::bearing::Nature;
use crate::search::canonical;
use crate::search::chain;
use crate::search::chain::Step;
use crate::search::filter::operator::Operator;
use crate::search::filter::operator::Way;
use crate::search::filter::parse::Comparison;
use crate::search::filter::parse::Filter;
use crate::search::kinds;
use crate::search::kinds::Text;
use crate::search::kinds::Understood;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;
use crate::search::query::Condition;
use crate::search::query::Context;
use crate::search::query::Criterion;
use crate::search::query::Problem;
use crate::search::query::Reach;
use crate::search::query::Rows;
use crate::search::query::Test;
use crate::search::query::parameter;
use crate::search::query::read_criterion;
use crate::search::special;
use crate::search::sql::Sql;
use crate::search::text;
use crate::search::value::split;
use crate::search::value::unescaped;
use crate::search::value::well_escaped;

/// The names that stand for systems in a filter.
const SYSTEMS: [(&str, &str); 4] = [
    ("loinc", "http://loinc.org"),
    ("snomed", "http://snomed.info/sct"),
    ("rxnorm", "http://www.nlm.nih.gov/research/umls/rxnorm"),
    ("ucum", "http://unitsofmeasure.org"),
];

/// How many conditions on one parameter are looked up together: a database takes no expression of any size.
const MOST_TOGETHER: usize = 64;

/// Reads a filter as a condition on a type.
pub(in crate::search) fn read(
    context: &Context,
    ty: ResourceType,
    text: &str,
    depth: u8,
) -> Result<Criterion, Problem> {
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    let filter = parse::parse(text).map_err(Problem::Wrong)?;
    Reading { context, depth }.filter(ty, &filter).map_err(|problem| match problem {
        Problem::Unknown(text) | Problem::Wrong(text) => Problem::Wrong(text),
        Problem::Empty => Problem::Wrong("A comparison has an empty value; give it one.".into()),
        Problem::Failed(failure) => Problem::Failed(failure),
    })
}

/// What a filter is understood against, and how many steps a chain may still have.
struct Reading<'a, 'c> {
    context: &'a Context<'c>,
    depth: u8,
}

impl Reading<'_, '_> {
    fn filter(&self, ty: ResourceType, filter: &Filter) -> Result<Criterion, Problem> {
        let each =
            |parts: &[Filter]| parts.iter().map(|part| self.filter(ty, part)).collect::<Result<_, _>>();
        match filter {
            Filter::All(parts) => Ok(all(each(parts)?)),
            Filter::Any(parts) => Ok(any(each(parts)?)),
            Filter::Not(inner) => Ok(not(self.filter(ty, inner)?)),
            // That nothing is found along a path is not that something is found there without a value.
            Filter::Compare(Comparison { path, operator: Operator::Pr, value }) if value == "false" => {
                let present = Comparison { path: path.clone(), operator: Operator::Pr, value: "true".into() };
                Ok(not(self.compare(ty, &present, 0)?))
            }
            Filter::Compare(comparison) => self.compare(ty, comparison, 0),
        }
    }

    /// A comparison, from this place of its path on.
    fn compare(&self, ty: ResourceType, comparison: &Comparison, at: usize) -> Result<Criterion, Problem> {
        let (Some(head), Some(rest)) = (comparison.path.get(at), comparison.path.get(at + 1)) else {
            return self.leaf(ty, comparison);
        };
        let step = Step { ty, head: &head.name, rest: &rest.name, depth: self.depth };
        chain::along(self.context, &step, &mut |target, depth| {
            let deeper = Reading { context: self.context, depth };
            let beyond = deeper.compare(target, comparison, at + 1)?;
            match &head.within {
                Some(within) => Ok(all(vec![deeper.filter(target, within)?, beyond])),
                None => Ok(beyond),
            }
        })
    }

    /// The comparison itself, at the end of its path.
    fn leaf(&self, ty: ResourceType, comparison: &Comparison) -> Result<Criterion, Problem> {
        let Some(last) = comparison.path.last() else { return Ok(all(Vec::new())) };
        if let Some((code, modifier)) = last.name.split_once(':') {
            return Err(Problem::Wrong(format!(
                "In a filter, `{code}` takes an operator and no modifier; leave out `:{modifier}`."
            )));
        }
        self.context.effort.step()?;
        let parameter = parameter(self.context, ty, &last.name)?;
        if parameter.of_words {
            return Err(text::only_by_itself(&last.name));
        }
        let way = way(parameter, comparison.operator)?;
        let value = escaped(parameter.kind, &comparison.value);
        let code = parameter.code.as_str();
        let read = |name: &str, value: &str| read_criterion(self.context, ty, (name, value), self.depth);
        match way {
            Way::Plain => read(code, &value),
            Way::Unlike if parameter.nature == Nature::Canonical => {
                read(code, &value).map(|like| canonical::unlike(parameter, &unescaped(&value), unlike(like)))
            }
            Way::Unlike => read(code, &value).map(unlike),
            Way::Prefix(prefix) => read(code, &format!("{prefix}{value}")),
            Way::Modifier(modifier) => read(&format!("{code}:{}", modifier.name()), &value),
            Way::Present if comparison.value != "true" => {
                Err(Problem::Wrong(format!("`{code} pr` is followed by `true` or `false`.")))
            }
            // Every resource has it.
            Way::Present if special::is_column(code) => Ok(all(Vec::new())),
            Way::Present => read(&format!("{code}:missing"), "false"),
            Way::Text(text) => {
                // A long text ends in the last of its pieces.
                let also = (text == Text::Ends).then_some(parameter.text_number);
                indexed(parameter, also, kinds::compared_text(text, &comparison.value))
            }
            Way::Covers => {
                indexed(parameter, None, kinds::covering_date(&comparison.value, self.context.zone))
            }
            Way::Overlaps => {
                indexed(parameter, None, kinds::overlapping_date(&comparison.value, self.context.zone))
            }
        }
    }
}

/// What the operator asks of the parameter.
fn way(parameter: &Parameter, operator: Operator) -> Result<Way, Problem> {
    let (kind, code) = (parameter.kind, &parameter.code);
    let found = match operator.of(kind) {
        // An instant covers nothing but itself, and overlaps with what it is inside of.
        Some(Way::Covers) if special::is_column(code) => None,
        Some(Way::Overlaps) if special::is_column(code) => Some(Way::Prefix("eq")),
        found => found,
    };
    found.ok_or_else(|| {
        Problem::Wrong(format!(
            "The operator `{}` does not go with `{code}`, which is of the kind {}; known are {}.",
            operator.name(),
            kind.name(),
            Operator::names_of(kind)
        ))
    })
}

/// The value as an ordinary search would have it: one value, with the system that a short name stands for.
fn escaped(kind: Kind, value: &str) -> String {
    if kind == Kind::String {
        return value.replace('\\', "\\\\").replace(',', "\\,").replace('|', "\\|").replace('$', "\\$");
    }
    let value = well_escaped(value);
    let mut parts: Vec<&str> = split(&value, '|');
    let system = match (kind, parts.len()) {
        (Kind::Token, 2) => parts.first_mut(),
        (Kind::Quantity, 3) => parts.get_mut(1),
        _ => None,
    };
    if let Some(system) = system
        && let Some((_, url)) = SYSTEMS.iter().find(|(name, _)| name == system)
    {
        *system = url;
    }
    split(&parts.join("|"), ',').join("\\,")
}

fn indexed(
    parameter: &Parameter,
    also: Option<i64>,
    understood: Result<Understood, String>,
) -> Result<Criterion, Problem> {
    let Understood { canonical, condition } =
        understood.map_err(|problem| Problem::Wrong(format!("`{}`: {problem}", parameter.code)))?;
    let rows = Rows { kind: parameter.kind, param: parameter.number, also, any: vec![condition] };
    let canonical = named(&parameter.code, &[&canonical]);
    Ok(Criterion { canonical, test: Test::Index(rows), negated: false })
}

/// A value that does not meet the conditions: of rows, one row that does not; an id has but one value.
fn unlike(criterion: Criterion) -> Criterion {
    // A URL with a version is looked up as a whole, beside the URL itself, which is always unlike it.
    if let Test::Index(rows @ Rows { kind: Kind::Uri, also: Some(_), .. }) = &criterion.test {
        let any_url = Rows { also: None, any: Vec::new(), ..rows.clone() };
        let canonical = named("pr", &[&criterion.canonical]);
        let present = Criterion { canonical, test: Test::Index(any_url), negated: false };
        return all(vec![present, not(criterion)]);
    }
    let Test::Index(rows) = criterion.test else { return not(criterion) };
    let each = rows.any.into_iter().map(|condition| condition.sql);
    let sql = Sql::of("NOT (", []).append(Sql::join(each, " OR ")).push(")", []);
    // A concept told in words alone has a row, by which it is not missing, and no code that could be unlike another.
    let sql = match rows.kind {
        Kind::Token => sql.push(" AND NOT (code = '' AND system = 0)", []),
        _ => sql,
    };
    let any = vec![Condition { sql, leading: Vec::new(), reach: Reach::Range }];
    let canonical = named("ne", &[&criterion.canonical]);
    Criterion { canonical, test: Test::Index(Rows { any, ..rows }), negated: false }
}

fn not(criterion: Criterion) -> Criterion {
    let canonical = named("not", &[&criterion.canonical]);
    Criterion { canonical, negated: !criterion.negated, ..criterion }
}

fn all(mut parts: Vec<Criterion>) -> Criterion {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    Criterion { canonical: spelt("and", &parts), test: Test::All(parts), negated: false }
}

fn any(parts: Vec<Criterion>) -> Criterion {
    let canonical = spelt("or", &parts);
    let test = match merged(&parts) {
        Some(rows) => Test::Index(rows),
        None => Test::Any(parts),
    };
    Criterion { canonical, test, negated: false }
}

/// Several conditions on one parameter as one look-up.
fn merged(parts: &[Criterion]) -> Option<Rows> {
    let rows = |part: &Criterion| match &part.test {
        Test::Index(rows) if !part.negated && !rows.any.is_empty() => Some(rows.clone()),
        Test::Index(_) | Test::Id(_) | Test::Updated(_) | Test::Chain(..) | Test::Has(..) => None,
        Test::Tree(_) | Test::Words(_) | Test::All(_) | Test::Any(_) => None,
    };
    let mut each = parts.iter().map(rows);
    let mut whole = each.next()??;
    for next in each {
        // A parameter that joins two looks at the rows of both, and either of the two at its own alone.
        let place = |rows: &Rows| (rows.kind, rows.param, rows.also);
        let next = next.filter(|next| place(next) == place(&whole))?;
        whole.any.extend(next.any);
    }
    (whole.any.len() <= MOST_TOGETHER).then_some(whole)
}

/// One spelling for all that say the same, whatever the order of the parts.
fn spelt(word: &str, parts: &[Criterion]) -> String {
    let mut parts: Vec<&str> = parts.iter().map(|part| part.canonical.as_str()).collect();
    parts.sort_unstable();
    parts.dedup();
    named(word, &parts)
}

/// A word with parts, each after its length, so that nothing in one is taken for what stands between them.
fn named(word: &str, parts: &[&str]) -> String {
    let each: Vec<String> = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    format!("_filter:{word}({})", each.join(","))
}
