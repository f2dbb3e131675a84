//! The parameters that every resource has and that are no rows of it in the index: `_id` and `_lastUpdated`, which are
//! columns of its own row, and `_list`, which asks who points to it.
//! <https://hl7.org/fhir/R4/search.html#all>

use crate::fhir::ResourceType;
use crate::fhir::reference::is_id;
use crate::fhir::reference::strip_base;
use crate::search::kinds;
use crate::search::modifier::Modifier;
use crate::search::prefix::Prefix;
use crate::search::query::Context;
use crate::search::query::Criterion;
use crate::search::query::Problem;
use crate::search::query::Test;
use crate::search::query::is_missing;
use crate::search::query::parameter;
use crate::search::query::spelling;
use crate::search::query::values;
use crate::search::sql::Sql;
use crate::search::value::unescaped;

/// The type whose items `_list` follows.
const LIST: &str = "List";

/// Whether a parameter is a column of the resource and has no rows in the index.
pub(super) fn is_column(code: &str) -> bool {
    matches!(code, "_id" | "_lastUpdated")
}

/// Reads a condition on `_id` or `_lastUpdated`.
pub(super) fn read(
    context: &Context,
    code: &str,
    modifier: Option<Modifier>,
    value: &str,
) -> Result<Criterion, Problem> {
    let negated = match modifier {
        None => false,
        Some(Modifier::Not) => true,
        // Every resource has both.
        Some(Modifier::Missing) => {
            let negated = is_missing(code, value)?;
            let canonical = format!("{code}:missing={value}");
            return Ok(Criterion { canonical, test: Test::All(Vec::new()), negated });
        }
        Some(other) => {
            return Err(Problem::Unknown(format!(
                "`{code}` has no modifier `:{}`; every resource has it, and one alone.",
                other.name()
            )));
        }
    };
    let values = values(code, value)?;
    let (test, spelt) = if code == "_id" {
        let ids: Vec<String> = values.into_iter().map(unescaped).collect();
        // To find nothing under what names a resource in another way would say that there is no such resource. What is
        // meant as an id and can be none, such as `no_such`, is truly not there.
        if let Some(other) = ids.iter().find(|id| id.contains(['/', '|', ':'])) {
            let text = format!("`_id` is the id alone, such as `42`; `{other}` is none.");
            return Err(Problem::Wrong(text));
        }
        (Test::Id(ids.clone()), ids)
    } else {
        let (mut spans, mut spelt) = (Vec::new(), Vec::new());
        for value in values {
            let (prefix, span) = kinds::date_value(value, context.zone)
                .map_err(|problem| Problem::Wrong(format!("`{code}`: {problem}")))?;
            spelt.push(format!("{}{}..{}", prefix.name(), span.low, span.high));
            spans.push((prefix, kinds::date_around(prefix, span, context.now)));
        }
        (Test::Updated(spans), spelt)
    };
    let name = if negated { format!("{code}:not") } else { code.to_owned() };
    Ok(Criterion { canonical: format!("{name}={}", spelling(spelt)), test, negated })
}

/// Reads `_list`: whatever an item of one of these lists points to.
pub(super) fn read_list(
    context: &Context,
    modifier: Option<Modifier>,
    value: &str,
) -> Result<Criterion, Problem> {
    if let Some(modifier) = modifier {
        return Err(Problem::Unknown(format!("`_list` has no modifier `:{}`.", modifier.name())));
    }
    let list = ResourceType::parse(LIST).expect("a type of R4");
    let item = parameter(context, list, "item")?;
    let mut ids = Vec::new();
    for value in values("_list", value)? {
        let text = unescaped(value);
        if text.starts_with('$') {
            return Err(Problem::Unknown(format!(
                "Functional lists such as `{text}` are not supported; name a stored List by its id."
            )));
        }
        let own = strip_base(&text, context.base_url);
        let id = own.strip_prefix("List/").unwrap_or(own);
        if !is_id(id) {
            return Err(Problem::Wrong("`_list` is the id of a List, such as `42` or `List/42`.".into()));
        }
        ids.push(id.to_owned());
    }
    let canonical = format!("_list={}", spelling(ids.clone()));
    let named = Criterion { canonical: String::new(), test: Test::Id(ids), negated: false };
    Ok(Criterion { canonical, test: Test::Has(list, item.number, Box::new(named)), negated: false })
}

/// What an `_lastUpdated` asks of the column, which holds one instant.
pub(super) fn updated(column: &Sql, prefix: Prefix, (low, high): (i64, i64)) -> Sql {
    let is = |sign: &'static str, bound: i64| column.clone().push(sign, [bound.into()]);
    match prefix {
        Prefix::Eq | Prefix::Ap => is(" >= ?", low).push(" AND ", []).append(is(" <= ?", high)),
        Prefix::Ne => is(" < ?", low).push(" OR ", []).append(is(" > ?", high)),
        Prefix::Gt | Prefix::Sa => is(" > ?", high),
        Prefix::Lt | Prefix::Eb => is(" < ?", low),
        Prefix::Ge => is(" >= ?", low),
        Prefix::Le => is(" <= ?", high),
    }
}
