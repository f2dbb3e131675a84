//! The kinds of search parameters: what each writes to the index and asks of it, side by side in one file.
//! <https://hl7.org/fhir/R4/search.html#ptypes>

mod composite;
mod date;
mod membership;
mod near;
mod number;
mod quantity;
mod reference;
mod string;
mod token;
mod uri;

pub(super) use composite::index as index_composite;
pub(super) use date::around as date_around;
pub(super) use date::covering as covering_date;
pub(super) use date::overlapping as overlapping_date;
pub(super) use date::value as date_value;
use jiff::tz::TimeZone;
pub(super) use reference::known_by_row;
pub(super) use string::Comparison as Text;
pub(super) use string::compared as compared_text;
pub(super) use uri::index_version;
pub(super) use uri::index_whole;
pub(super) use uri::unlike as unlike_uri;

use crate::fhir::path::Hit;
use crate::search::modifier::Modifier;
use crate::search::parameter::Kind;
use crate::search::parameter::Parameter;
use crate::search::prefix::Prefix;
use crate::search::query::Condition;
use crate::search::query::Context;
use crate::search::query::Problem;
use crate::search::query::Reach;
use crate::search::rows::IndexRows;
use crate::search::sql::Bind;
use crate::search::sql::Sql;

/// A value that a parameter's path found in a resource.
pub(super) struct Found<'a> {
    /// The parameter.
    pub parameter: &'a Parameter,
    /// The value.
    pub hit: Hit<'a>,
    /// In which zone a date without one is read.
    pub zone: &'a TimeZone,
}

/// A value that a search asks for.
pub(super) struct Asked<'a, 'c> {
    /// The parameter.
    pub parameter: &'a Parameter,
    /// Its modifier, but for `:missing` and `:not`, which are the same for all kinds.
    pub modifier: Option<Modifier>,
    /// One value, still escaped.
    pub value: &'a str,
    /// What it is understood against.
    pub context: &'a Context<'c>,
}

/// A value as it was understood.
pub(super) struct Understood {
    /// One spelling for all that mean the same.
    pub canonical: String,
    /// What the index must have.
    pub condition: Condition,
}

/// Writes the index rows of a value.
pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    match found.parameter.kind {
        Kind::String => string::index(found, rows),
        Kind::Token => token::index(found, rows),
        Kind::Reference => reference::index(found, rows),
        Kind::Date => date::index(found, rows),
        Kind::Number => number::index(found, rows),
        Kind::Quantity => quantity::index(found, rows),
        Kind::Uri => uri::index(found, rows),
        Kind::Special => near::index(found, rows),
        // A composite has parts, not a value.
        Kind::Composite => {}
    }
}

/// Understands a value: its one spelling, and the conditions of which one must hold.
pub(super) fn understand(asked: &Asked) -> Result<(String, Vec<Condition>), Problem> {
    if asked.parameter.kind == Kind::Token && membership::is_asked(asked.modifier) {
        return Ok(membership::understand(asked)?);
    }
    let versions = if asked.parameter.kind == Kind::Uri { uri::versions(asked) } else { None };
    match of_kind(asked) {
        Ok(Understood { canonical, condition }) => match versions {
            None => Ok((canonical, vec![condition])),
            // Each is looked up for itself, since they have no column in common.
            Some(versions) => {
                let reach = condition.reach.max(Reach::Equal);
                Ok((canonical, vec![Condition { leading: Vec::new(), reach, ..condition }, versions]))
            }
        },
        Err(problem) => Err(Problem::Wrong(format!("`{}`: {problem}", asked.parameter.code))),
    }
}

/// Under which further number the index has rows at which a search for this value looks, if it does.
pub(super) fn beside(asked: &Asked) -> Option<i64> {
    match asked.parameter.kind {
        Kind::String => string::beside(asked.parameter, asked.modifier),
        Kind::Uri => uri::beside(asked),
        Kind::Token | Kind::Reference | Kind::Date | Kind::Number => None,
        Kind::Quantity | Kind::Composite | Kind::Special => None,
    }
}

/// Understands a value, or says in a sentence what is wrong with it.
fn of_kind(asked: &Asked) -> Result<Understood, String> {
    match asked.parameter.kind {
        Kind::String => string::understand(asked),
        Kind::Token => token::understand(asked),
        Kind::Reference => reference::understand(asked),
        Kind::Date => date::understand(asked),
        Kind::Number => number::understand(asked),
        Kind::Quantity => quantity::understand(asked),
        Kind::Uri => uri::understand(asked),
        Kind::Composite => composite::understand(asked),
        Kind::Special => near::understand(asked),
    }
}

/// The table in which a kind has its rows, and the column by which a text or number is sorted: upwards and downwards.
pub(super) fn table(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::String => ("idx_string", "folded", "folded"),
        Kind::Token => ("idx_token", "code", "code"),
        Kind::Reference => ("idx_reference", "target_id", "target_id"),
        Kind::Date => ("idx_date", "low", "high"),
        Kind::Number => ("idx_number", "low", "high"),
        Kind::Quantity => ("idx_quantity", "low", "high"),
        Kind::Uri => ("idx_uri", "uri", "uri"),
        // Nothing is sorted by these.
        Kind::Composite | Kind::Special => ("idx_composite", "code", "code"),
    }
}

/// A prefix without its value's text, and what is wrong where it is none.
pub(super) fn prefix(value: &str) -> Result<(Prefix, &str), String> {
    Prefix::split(value).map_err(|letters| {
        format!("`{letters}` is not a prefix; known are {}, and none means eq.", Prefix::known())
    })
}

/// How the span in the columns `low` and `high` stands to a span searched for, both ends inside.
/// <https://hl7.org/fhir/R4/search.html#prefix>
pub(super) fn spans(prefix: Prefix, low: Bind, high: Bind) -> Sql {
    match prefix {
        // `low <= ?` follows from the rest; it gives the index a range with two ends.
        Prefix::Eq => Sql::of("low >= ? AND low <= ? AND high <= ?", [low, high.clone(), high]),
        Prefix::Ne => Sql::of("(low < ? OR high > ?)", [low, high]),
        Prefix::Gt => Sql::of("high > ?", [high]),
        Prefix::Lt => Sql::of("low < ?", [low]),
        Prefix::Ge => Sql::of("high >= ? AND (high > ? OR low >= ?)", [low.clone(), high, low]),
        Prefix::Le => Sql::of("low <= ? AND (low < ? OR high <= ?)", [high.clone(), low, high]),
        Prefix::Sa => Sql::of("low > ?", [high]),
        Prefix::Eb => Sql::of("low < ? AND high < ?", [low.clone(), low]),
        Prefix::Ap => Sql::of("low <= ? AND high >= ?", [high, low]),
    }
}
