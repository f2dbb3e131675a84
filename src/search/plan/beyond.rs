//! With what a search begins whose narrowest condition is one on the other end of a reference.
//! <https://hl7.org/fhir/R4/search.html#chaining>

use crate::fhir::ResourceType;
use crate::search::contained;
use crate::search::plan::driver::Driver;
use crate::search::plan::driver::is_single;
use crate::search::plan::driver::named;
use crate::search::plan::driver::of_rows;
use crate::search::plan::links::of_neighbour;
use crate::search::plan::newest::Referring;
use crate::search::plan::scope::END;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::query::Criterion;
use crate::search::query::Test;
use crate::search::restriction::Visible;
use crate::search::sql::Sql;

/// Begins with the rows of the resources that are pointed to.
pub(super) fn chained(seen: &Seen, param: i64, ty: ResourceType, inner: &Criterion) -> Option<Driver> {
    let beside = of_neighbour(inner).and_then(|inner| within(seen, ty, &inner));
    let inner = within(seen, ty, inner)?;
    // The inner rows are narrowed to what is visible: a chain must not tell of what is hidden.
    let visible = seen.visible(ty, &Scope::row(1)).map(|sql| Sql::of(" AND ", []).append(sql));
    let beyond = Beyond { inner, visible: visible.unwrap_or_default() };
    let by_reference = seen.leads_by_reference(param);
    let own = by_reference.then(|| referring(&beyond, seen.parameters.kept_to(param, ty), ty));
    let naming = seen.named_by(param, &[ty]).map(|canonical| naming(&beyond, canonical));
    let params = seen.parameters.kept_inside(param, ty);
    let around = |beside| match seen.parameters.by_number(param).filter(|_| param < 0) {
        Some(parameter) => neighbouring(&beside, (params, parameter.ty), ty),
        None => surrounding(&beside, params, ty),
    };
    let beside = beside.filter(|_| by_reference).map(around);
    arms(beyond.inner, [own, beside, naming])
}

/// The rows on the other end of a reference, and what is visible of them.
struct Beyond {
    inner: Driver,
    visible: Sql,
}

/// Some rows, as `d0`, and what they must satisfy.
type Arm = (Sql, Sql);

/// What refers to the rows by type and id.
fn referring(beyond: &Beyond, params: Vec<i64>, ty: ResourceType) -> Arm {
    let link = Sql::of("r1.rid = d1.rid AND r1.deleted = 0 AND d0.param", []);
    let link = link.append(Scope::row(1).numbered(params));
    let link = link.push(" AND d0.target_type = ? AND d0.target_id = r1.id", [ty.number().into()]);
    let from = beyond.inner.rows().push(" CROSS JOIN resource r1 CROSS JOIN idx_reference d0", []);
    (from, link.append(beyond.visible.clone()))
}

/// What names the rows by a canonical.
fn naming(beyond: &Beyond, canonical: Sql) -> Arm {
    let from = beyond.inner.rows().push(" CROSS JOIN resource r1 CROSS JOIN idx_uri u CROSS JOIN ", []);
    let link = Sql::of("r1.rid = d1.rid AND r1.deleted = 0 AND u.rid = r1.rid AND ", []).append(canonical);
    let named =
        Sql::of("SELECT f.rid FROM ", []).append(from).push("idx_reference f WHERE ", []).append(link);
    whole(named.append(beyond.visible.clone()))
}

/// What refers to the rows inside of it. What is contained tells itself where it stands: whether that refers to it is
/// looked up row by row, for joined, PostgreSQL would begin with all fragments there are.
fn surrounding(beside: &Driver, params: Vec<i64>, ty: ResourceType) -> Arm {
    let inside = Sql::of("SELECT r1.container AS rid FROM ", []).append(beside.rows());
    let inside = inside
        .push(" CROSS JOIN contained r1 WHERE r1.rid = d1.rid AND EXISTS (SELECT 1 ", [])
        .push("FROM idx_reference f WHERE f.rid = r1.container AND f.param", [])
        .append(Scope::row(1).numbered(params))
        .push(" AND f.target_type = ? AND f.target_id = r1.id", [contained::target(ty.number()).into()]);
    whole(inside.push(END, []))
}

/// What stands beside the rows in the same resource, as one of the source's type, and refers to them: for a search of what is
/// contained, whose parameters have numbers of their own.
fn neighbouring(beside: &Driver, (params, source): (Vec<i64>, ResourceType), ty: ResourceType) -> Arm {
    let inside = Sql::of("SELECT y.rid FROM ", []).append(beside.rows());
    let beside = " CROSS JOIN contained r1 CROSS JOIN contained y WHERE r1.rid = d1.rid AND y.type = ? \
                  AND y.container = r1.container AND EXISTS (SELECT 1 FROM idx_reference f WHERE f.rid = y.rid AND f.param";
    let inside = inside.push(beside, [source.number().into()]).append(Scope::row(1).numbered(params));
    let refers = " AND f.target_type = ? AND f.target_id = r1.id";
    whole(inside.push(refers, [contained::target(ty.number()).into()]).push(END, []))
}

/// All rows of a statement.
fn whole(rows: Sql) -> Arm {
    (Sql::of("(", []).append(rows).push(") d0", []), Sql::of("1 = 1", []))
}

/// Begins with all of these rows; none where there is no way to them.
fn arms(inner: Driver, each: [Option<Arm>; 3]) -> Option<Driver> {
    let mut each: Vec<Arm> = each.into_iter().flatten().collect();
    if each.len() == 1 {
        return each.pop().map(|only| Driver::beyond(inner, only));
    }
    let select = |(from, filter): Arm| {
        Sql::of("SELECT d0.rid FROM ", []).append(from).push(" WHERE ", []).append(filter)
    };
    let all = (!each.is_empty()).then(|| Sql::join(each.into_iter().map(select), " UNION ALL "))?;
    Some(Driver::beyond(inner, whole(all)))
}

/// Begins with the rows of the resources that point here.
pub(super) fn pointed_to(
    seen: &Seen,
    (ty, source): (ResourceType, ResourceType),
    param: i64,
    criterion: &Criterion,
) -> Option<Driver> {
    let inner = within(seen, source, criterion)?;
    // Nor must what is hidden tell of what it points to.
    let is_all = *seen.restriction.of(source) == Visible::All;
    let (of_source, visible) = match seen.visible(source, &Scope::row(1)) {
        Some(visible) => {
            (" CROSS JOIN resource r1", Sql::of(" AND r1.rid = d1.rid AND ", []).append(visible))
        }
        None => ("", Sql::default()),
    };
    let kept = seen.parameters.kept_to(param, ty);
    let (tables, link) = Referring::link(kept.clone(), ty);
    let from = inner.rows().push(tables, []);
    let own = (from.push(of_source, []), link.append(visible.clone()));
    let named = seen.named_by(param, &[ty]).map(|canonical| {
        let from =
            inner.rows().push(" CROSS JOIN idx_reference f CROSS JOIN idx_uri u", []).push(of_source, []);
        let rows = Sql::of("SELECT u.rid FROM ", []).append(from).push(" WHERE ", []).in_time("f");
        let rows = rows.push("f.rid = d1.rid AND ", []);
        whole(rows.append(canonical).append(visible))
    });
    let own = seen.leads_by_reference(param).then_some(own);
    // Their numbers stand in the index by which they are found; whether one is deleted, in its row.
    let is_one_each = named.is_none() && is_single(criterion);
    let referring =
        is_one_each.then(|| Box::new(Referring { rows: inner.clone(), params: kept, ty, is_all }));
    arms(inner, [own, named, None]).map(|driver| Driver { is_live: false, referring, ..driver })
}

/// The condition on the other end of a reference, where it can be looked up by itself.
pub(super) fn within(seen: &Seen, ty: ResourceType, inner: &Criterion) -> Option<Driver> {
    match &inner.test {
        Test::Index(rows) if !inner.negated => of_rows(seen, rows),
        // A list is named by its id, and what it names is few of a type.
        Test::Id(ids) if !inner.negated => Some(named(ty, ids)),
        Test::Index(_) | Test::Id(_) | Test::Updated(_) | Test::Tree(_) | Test::Chain(..) | Test::Has(..) => {
            None
        }
        // What meets all meets the narrowest; what of it meets the others too is asked row by row.
        Test::All(parts) if !inner.negated => {
            parts.iter().filter_map(|part| within(seen, ty, part)).min_by_key(|driver| driver.width)
        }
        Test::Words(_) | Test::All(_) | Test::Any(_) => None,
    }
}
