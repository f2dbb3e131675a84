//! What goes with a page, as SQL. <https://hl7.org/fhir/R4/search.html#include>

use crate::search::parameter::Parameters;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::query::Include;
use crate::search::query::Way;
use crate::search::restriction::Restriction;
use crate::search::sql::Sql;

/// The resources that go with the rows of a page, in the columns of the page and without sort keys.
pub fn include_plan(
    parameters: &Parameters,
    include: &Include,
    page: &[i64],
    restriction: &Restriction,
) -> Sql {
    let seen = Seen { parameters, restriction };
    if page.is_empty() {
        return Sql::of("SELECT rid, type, id, version, updated, body FROM resource WHERE 1 = 0", []);
    }
    let page = || Sql::list(page.iter().map(|rid| (*rid).into()).collect());
    let row = Scope::row(0);
    let found = match include.way {
        Way::To => Sql::of(
            "SELECT t.rid FROM idx_reference f CROSS JOIN resource t WHERE f.param = ? AND f.rid IN (",
            [include.param.into()],
        )
        .append(page())
        .push(") AND t.type = f.target_type AND t.id = f.target_id", []),
        Way::From => Sql::of(
            "SELECT f.rid FROM resource t CROSS JOIN idx_reference f WHERE f.param = ? AND t.rid IN (",
            [include.param.into()],
        )
        .append(page())
        .push(") AND f.target_type = t.type AND f.target_id = t.id", []),
    };
    let mut sql = Sql::of(
        "SELECT r0.rid, r0.type, r0.id, r0.version, r0.updated, r0.body FROM resource r0 WHERE r0.rid IN (",
        [],
    )
    .append(found)
    .push(") AND r0.deleted = 0", []);
    if let (Way::To, Some(target)) = (include.way, include.target) {
        sql = sql.push(" AND r0.type = ?", [target.number().into()]);
    }
    let visible = match (include.way, include.target) {
        (Way::From, _) => seen.visible(include.source, &row),
        (Way::To, Some(target)) => seen.visible(target, &row),
        (Way::To, None) => seen.visible_any(&seen.targets(include.param), &row),
    };
    if let Some(visible) = visible {
        sql = sql.push(" AND ", []).append(visible);
    }
    sql.push(" ORDER BY r0.rid", []).volatile()
}
