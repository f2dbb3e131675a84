//! Two ends of one span: `date=ge2024-03&date=lt2024-04`, on a date of which a resource has one at most, is one
//! condition with two ends, which an index looks up at once. <https://hl7.org/fhir/R4/search.html#date>
//!
//! Where a resource may have several dates, one of them may meet the first condition and another the second, so that
//! the two stay apart.

use crate::search::parameter::Kind;
use crate::search::parameter::Parameters;
use crate::search::query::Condition;
use crate::search::query::Criterion;
use crate::search::query::Reach;
use crate::search::query::Rows;
use crate::search::query::Test;
use crate::search::sql::Sql;

/// Conditions on the same single date become one, in the place of the first.
pub(super) fn join(parameters: &Parameters, criteria: &mut Vec<Criterion>) {
    let mut at = 0;
    while at < criteria.len() {
        let Some(param) = single(parameters, &criteria[at]) else {
            at += 1;
            continue;
        };
        let same = (0..at).find(|before| single(parameters, &criteria[*before]) == Some(param));
        match same {
            Some(first) => {
                let second = criteria.remove(at);
                add(&mut criteria[first], second);
            }
            None => at += 1,
        }
    }
}

/// The number of the date, where the criterion is a single condition with ends on one that does not repeat.
fn single(parameters: &Parameters, criterion: &Criterion) -> Option<i64> {
    let Test::Index(Rows { kind: Kind::Date, param, also: None, any }) = &criterion.test else { return None };
    let is_span = matches!(any.as_slice(), [Condition { reach: Reach::Between { .. }, .. }]);
    let is_single = parameters.by_number(*param).is_some_and(|parameter| parameter.is_single);
    (is_span && is_single && !criterion.negated).then_some(*param)
}

fn add(first: &mut Criterion, second: Criterion) {
    let (Test::Index(own), Test::Index(other)) = (&mut first.test, second.test) else { return };
    let (Some(one), Some(another)) = (own.any.first_mut(), other.any.into_iter().next()) else { return };
    if let (Reach::Between { from, to, .. }, Reach::Between { from: later, to: earlier, .. }) =
        (one.reach, another.reach)
    {
        // What lies whole in one of them need not lie whole in what is common to both.
        one.reach = Reach::Between { from: from.max(later), to: to.min(earlier), whole: false };
    }
    one.sql = Sql::join([std::mem::take(&mut one.sql), another.sql], " AND ");
    // In one spelling, whichever of them came first.
    let mut both = [std::mem::take(&mut first.canonical), second.canonical];
    both.sort_unstable();
    first.canonical = both.join("&");
}
