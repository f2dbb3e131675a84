//! With what a search begins whose narrowest condition is one on the other end of a reference.
//! <https://hl7.org/fhir/R4/search.html#chaining>

use crate::fhir::ResourceType;
use crate::search::contained;
use crate::search::plan::driver::Driver;
use crate::search::plan::driver::named;
use crate::search::plan::driver::of_rows;
use crate::search::plan::links::of_neighbour;
use crate::search::plan::scope::END;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::query::Criterion;
use crate::search::query::Test;
use crate::search::sql::Sql;

/// Begins with the rows of the resources that are pointed to.
pub(super) fn chained(seen: &Seen, param: i64, ty: ResourceType, inner: &Criterion) -> Option<Driver> {
    let beside = of_neighbour(inner).and_then(|inner| within(seen, ty, &inner));
    let inner = within(seen, ty, inner)?;
    // The inner rows are narrowed to what is visible: a chain must not tell of what is hidden.
    let visible = seen.visible(ty, &Scope::row(1)).map(|sql| Sql::of(" AND ", []).append(sql));
    let link = Sql::of(
        "r1.rid = d1.rid AND r1.deleted = 0 AND d0.param = ? AND d0.target_type = ? AND d0.target_id = r1.id",
        [param.into(), ty.number().into()],
    );
    let from = inner.rows().push(" CROSS JOIN resource r1 CROSS JOIN idx_reference d0", []);
    let own = (from, link.append(visible.unwrap_or_default()));
    let Some(beside) = beside else { return Some(Driver::beyond(inner, own)) };
    let (from, filter) = own;
    let own = Sql::of("SELECT d0.rid FROM ", []).append(from).push(" WHERE ", []).append(filter);
    // What is contained tells itself where it stands: whether that refers to it is looked up row by row, for joined,
    // PostgreSQL would begin with all fragments there are.
    let inside = Sql::of("SELECT r1.container FROM ", []).append(beside.rows());
    let inside = inside.push(" CROSS JOIN contained r1 WHERE r1.rid = d1.rid AND EXISTS (SELECT 1 ", []).push(
        "FROM idx_reference f WHERE f.rid = r1.container AND f.param = ? AND f.target_type = ? AND f.target_id = r1.id",
        [param.into(), contained::target(ty.number()).into()],
    );
    let each = [own, inside.push(END, [])];
    let from = Sql::of("(", []).append(Sql::join(each, " UNION ALL ")).push(") d0", []);
    Some(Driver::beyond(inner, (from, Sql::of("1 = 1", []))))
}

/// Begins with the rows of the resources that point here.
pub(super) fn pointed_to(
    seen: &Seen,
    (ty, source): (ResourceType, ResourceType),
    param: i64,
    inner: &Criterion,
) -> Option<Driver> {
    let inner = within(seen, source, inner)?;
    let link = Sql::of(
        "f1.rid = d1.rid AND f1.param = ? AND f1.target_type = ? AND d0.type = ? AND d0.id = f1.target_id \
         AND d0.deleted = 0",
        [param.into(), ty.number().into(), ty.number().into()],
    );
    let from = inner.rows().push(" CROSS JOIN idx_reference f1 CROSS JOIN resource d0", []);
    // Nor must what is hidden tell of what it points to.
    let (from, filter) = match seen.visible(source, &Scope::row(1)) {
        Some(visible) => {
            let link = link.push(" AND r1.rid = d1.rid AND ", []).append(visible);
            (from.push(" CROSS JOIN resource r1", []), link)
        }
        None => (from, link),
    };
    Some(Driver::beyond(inner, (from, filter)))
}

/// The condition on the other end of a reference, where it can be looked up by itself.
fn within(seen: &Seen, ty: ResourceType, inner: &Criterion) -> Option<Driver> {
    match &inner.test {
        Test::Index(rows) if !inner.negated => of_rows(seen, rows),
        // A list is named by its id, and what it names is few of a type.
        Test::Id(ids) if !inner.negated => Some(named(ty, ids)),
        Test::Index(_) | Test::Id(_) | Test::Updated(_) | Test::Tree(_) | Test::Chain(..) | Test::Has(..) => {
            None
        }
        Test::Words(_) | Test::All(_) | Test::Any(_) => None,
    }
}
