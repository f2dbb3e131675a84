//! The parameters that every resource has and that are columns of its own row: `_id` and `_lastUpdated`.
//! <https://hl7.org/fhir/R4/search.html#all>

use crate::search::kinds;
use crate::search::modifier::Modifier;
use crate::search::prefix::Prefix;
use crate::search::query::Context;
use crate::search::query::Criterion;
use crate::search::query::Problem;
use crate::search::query::Test;
use crate::search::query::spelling;
use crate::search::query::values;
use crate::search::sql::Sql;
use crate::search::value::unescaped;

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
        // Every resource has both, so that the question is one of a mistake.
        Some(other) => {
            return Err(Problem::Unknown(format!(
                "`{code}` has no modifier `:{}`; known is :not.",
                other.name()
            )));
        }
    };
    let values = values(code, value)?;
    let (test, spelt) = if code == "_id" {
        let ids: Vec<String> = values.into_iter().map(unescaped).collect();
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
