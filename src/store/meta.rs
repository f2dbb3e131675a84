//! One resource for each profile, tag and security label that occurs, found in the search index.
//! <https://hl7.org/fhir/R4/resource-operation-meta.html>

use std::collections::BTreeSet;

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;

use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::resources::Narrow;
use crate::store::stored::COLUMNS;
use crate::store::stored::Stored;
use crate::store::stored::StoredRow;

/// How many different ones of each kind are looked for.
const MOST: i64 = 1_000;
/// How many resources are read at a time.
const AT_ONCE: usize = 256;

/// The index numbers of the parameters that search for them, of the types that are seen in one way.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// How much is seen.
    pub(crate) narrow: Narrow,
    /// Of the tags and labels.
    pub(crate) tokens: Vec<i64>,
    /// Of the profiles.
    pub(crate) uris: Vec<i64>,
}

/// A resource for each.
pub(crate) fn examples(conn: &mut Conn, wanted: &[Wanted]) -> QueryResult<Vec<Stored>> {
    let mut rids = BTreeSet::new();
    for one in wanted {
        for (table, numbers, group) in [
            ("idx_token", &one.tokens, " GROUP BY x.param, x.code, x.system"),
            ("idx_uri", &one.uris, " GROUP BY x.param, x.uri"),
        ] {
            if numbers.is_empty() || one.narrow == Narrow::Nothing {
                continue;
            }
            let query = found_in(table, &one.narrow, numbers).push(group, []).limit(MOST);
            let found = conn.load::<(BigInt,), (i64,)>(query.volatile())?;
            rids.extend(found.into_iter().map(|row| row.0));
        }
    }
    let rids: Vec<Bind> = rids.into_iter().map(Bind::from).collect();
    let mut all = Vec::with_capacity(rids.len());
    for some in rids.chunks(AT_ONCE) {
        let query = Sql::of("SELECT ", []).push(COLUMNS, []).push(" FROM resource r WHERE r.rid IN (", []);
        let query = query.append(Sql::list(some.to_vec())).push(") ORDER BY r.rid", []);
        all.extend(conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0));
    }
    Ok(all)
}

/// From the index where all is seen, from the patient's compartment where that is what is seen.
fn found_in(table: &'static str, narrow: &Narrow, numbers: &[i64]) -> Sql {
    let numbers = Sql::list(numbers.iter().map(|number| (*number).into()).collect());
    let select = match narrow {
        Narrow::Inside(_) | Narrow::Whole(_) => "SELECT min(x.rid) FROM idx_compartment k CROSS JOIN ",
        Narrow::All | Narrow::Nothing | Narrow::Referred(_) | Narrow::Linked(_) => "SELECT min(x.rid) FROM ",
    };
    let sql = Sql::of(select, []).push(table, []).push(" x", []);
    let of = |sql: Sql| sql.push("x.param IN (", []).append(numbers.clone()).push(")", []);
    match narrow {
        Narrow::All | Narrow::Nothing => of(sql.push(" WHERE ", [])),
        Narrow::Inside(patients) | Narrow::Whole(patients) => {
            let sql = sql
                .push(" CROSS JOIN resource r WHERE x.rid = k.rid AND r.rid = k.rid AND k.patient IN (", []);
            let patients = patients.iter().map(|id| Bind::from(id.as_str())).collect();
            of(sql.append(Sql::list(patients)).push(") AND ", [])).append(narrow.sql())
        }
        Narrow::Referred(_) | Narrow::Linked(_) => {
            of(sql.push(" CROSS JOIN resource r WHERE r.rid = x.rid AND ", [])).append(narrow.sql())
        }
    }
}
