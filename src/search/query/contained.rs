//! `_contained` and `_containedType`: searches for what stands in other resources.
//! <https://hl7.org/fhir/R4/search.html#contained>
//!
//! Such a search is another one on the same type, with the numbers that the index has for contained resources (see
//! `search::contained`); `both` is the two together. R4 says neither what goes with a contained match nor what refers
//! to one, and its words are kept with those of its container: what asks for that is refused by its name.

use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::search::contained::param;
use crate::search::query::Criterion;
use crate::search::query::Query;
use crate::search::query::Rows;
use crate::search::query::Sort;
use crate::search::query::SortBy;
use crate::search::query::Test;
use crate::search::query::Tree;
use crate::search::query::parse::issue;

/// Which resources a search looks at (`_contained`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// Those that stand by themselves.
    Own,
    /// Those that stand in others.
    Contained,
    /// All of them.
    Both,
}

/// What of a match that stands in another resource is shown (`_containedType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The resource in which it stands, once for all that match in it.
    Container,
    /// It alone.
    Contained,
}

/// The values of `_contained`.
pub(super) const AMONG: [(&str, Among); 3] =
    [("false", Among::Own), ("true", Among::Contained), ("both", Among::Both)];

/// The values of `_containedType`.
pub(super) const SHOWN: [(&str, Shown); 2] =
    [("container", Shown::Container), ("contained", Shown::Contained)];

/// What R4 leaves open for contained resources, by the name under which it was asked.
pub(super) fn refused(name: &str) -> Issue {
    let text = format!(
        "`{name}` does not go with `_contained`: R4 does not say what goes with or refers to a contained resource, and \
         its words are kept with those of its container."
    );
    issue(Reason::NotSupported, name, text)
}

/// The search itself, or the one for contained resources, or the two.
pub(super) fn each(query: Query) -> Vec<Query> {
    match query.among {
        Among::Own => vec![query],
        Among::Contained => inside(&query).into_iter().collect(),
        Among::Both => {
            inside(&query).into_iter().fold(vec![query], |all, inside| [all, vec![inside]].concat())
        }
    }
}

fn inside(query: &Query) -> Option<Query> {
    let criteria = query.criteria.iter().map(Criterion::of_contained).collect::<Option<Vec<_>>>()?;
    let sort = query.sort.iter().map(|sort| {
        let by = match &sort.by {
            SortBy::Parameter(kind, number) => SortBy::Parameter(*kind, param(*number)),
            SortBy::Id | SortBy::Updated | SortBy::Second(..) => sort.by.clone(),
        };
        Sort { by, joins: sort.joins.map(|both| both.map(param)), ..*sort }
    });
    Some(Query { is_inside: true, criteria, sort: sort.collect(), ..query.clone() })
}

impl Criterion {
    /// The same of a contained resource; none where no contained resource can be asked so. What a reference leads to
    /// stays what it is.
    pub(in crate::search) fn of_contained(&self) -> Option<Self> {
        let all = |parts: &[Self]| parts.iter().map(Self::of_contained).collect::<Option<Vec<_>>>();
        let test = match &self.test {
            Test::Id(_) | Test::Updated(_) => self.test.clone(),
            Test::Index(rows) => {
                let (number, also) = (param(rows.param), rows.also.map(param));
                Test::Index(Rows { param: number, also, ..rows.clone() })
            }
            Test::Chain(number, types) => Test::Chain(param(*number), types.clone()),
            Test::Tree(tree) => Test::Tree(Tree { param: param(tree.param), ..tree.clone() }),
            Test::All(parts) => Test::All(all(parts)?),
            Test::Any(parts) => Test::Any(all(parts)?),
            Test::Has(..) | Test::Words(_) => return None,
        };
        Some(Self { test, ..self.clone() })
    }
}
