//! The statements of a search, on one type or on several: each type has parameters of its own, and so a plan of its
//! own, which gives as many rows as the page may need; of these the page takes the first. So a page costs as many
//! walks as there are types, however much is stored. <https://hl7.org/fhir/R4/search.html#type>

use crate::search::plan::contained;
use crate::search::plan::rows::Search;
use crate::search::query::Shown;
use crate::search::sql::Sql;

/// The page.
pub(super) fn page(each: &[Search], limit: u32) -> Sql {
    let [first, others @ ..] = each else { return Sql::default() };
    let ordering = first.ordering();
    let asked = if limit == 0 { 0 } else { i64::from(limit) + 1 };
    let is_about_contained = first.query.is_about_contained();
    let rows = if is_about_contained {
        contained::rows(each, &ordering, asked)
    } else if others.is_empty() {
        first.rows(asked)
    } else {
        let rows = united(each.iter().map(|search| search.rows(asked)));
        let rows = Sql::of("SELECT u.* FROM (", []).append(rows).push(") u ORDER BY ", []);
        rows.append(ordering.by("u")).limit(asked)
    };
    // What stands in others is cut out of each of them once, after the page is known.
    let columns = match is_about_contained {
        true => {
            "SELECT q.rid, r.type, r.id, r.version, r.updated, CASE WHEN q.rid < 0 THEN NULL ELSE r.body END AS body"
        }
        false => "SELECT q.rid, r.type, r.id, r.version, r.updated, r.body",
    };
    let sql = Sql::of(columns, []).append(ordering.shown()).push(" FROM (", []).append(rows);
    let joined = match is_about_contained {
        true => {
            ") q LEFT JOIN contained z ON z.rid = q.rid CROSS JOIN resource r \
             WHERE r.rid = coalesce(z.container, q.rid) ORDER BY "
        }
        false => ") q CROSS JOIN resource r WHERE r.rid = q.rid ORDER BY ",
    };
    let sql = sql.push(joined, []);
    tidy(each, sql.append(ordering.by_shown("q")))
}

/// The total.
pub(super) fn total(each: &[Search]) -> Sql {
    let counts = each.iter().map(Search::total);
    let is_shown_once = |search: &Search| search.query.is_inside && search.query.shown == Shown::Container;
    let sql = match each {
        _ if each.iter().any(is_shown_once) => contained::total(each),
        [single] => single.total(),
        _ => Sql::of("SELECT CAST(sum(t.n) AS BIGINT) FROM (", []).append(united(counts)).push(") t", []),
    };
    tidy(each, sql)
}

/// The rows of several statements.
pub(super) fn united(parts: impl Iterator<Item = Sql>) -> Sql {
    let each = parts.map(|part| Sql::of("SELECT v.* FROM (", []).append(part).push(") v", []));
    Sql::join(each, " UNION ALL ")
}

/// What is asked of several types varies without bound.
fn tidy(each: &[Search], sql: Sql) -> Sql {
    match each {
        [single] => single.tidy(sql),
        _ => sql.volatile(),
    }
}
