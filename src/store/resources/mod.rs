//! Resources and their versions: the tables `resource` and `history`. <https://hl7.org/fhir/R4/http.html#versions>

mod narrow;

use std::collections::HashMap;

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Text;

use crate::fhir::ResourceType;
use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::index::integers;
use crate::store::index::texts;
use crate::store::resource_rows;
use crate::store::stored::COLUMNS;
use crate::store::stored::Stored;
use crate::store::stored::StoredRow;

pub(crate) use narrow::Narrow;

/// A resource's name: its type and id.
pub(crate) type Identity = (ResourceType, String);

/// The current version, a deletion included, as far as it is visible.
pub(crate) fn read(
    conn: &mut Conn,
    ty: ResourceType,
    id: &str,
    narrow: &Narrow,
) -> QueryResult<Option<Stored>> {
    let query = select(COLUMNS)
        .push(" FROM resource r WHERE r.type = ? AND r.id = ?", [ty.number().into(), id.into()]);
    Ok(conn.load_rows::<StoredRow>(query.append(narrow.sql()))?.pop().map(|row| row.0))
}

/// The current versions of these, deletions included, in their order, by a look-up for each; some may be the same.
pub(crate) fn read_each(conn: &mut Conn, identities: &[Identity]) -> QueryResult<Vec<Option<Stored>>> {
    if conn.is_sqlite() || identities.len() < 2 {
        return identities.iter().map(|(ty, id)| read(conn, *ty, id, &Narrow::All)).collect();
    }
    let types = integers(identities.iter().map(|(ty, _)| ty.number()));
    let ids = texts(identities.iter().map(|(_, id)| id.as_str()));
    let query = select(COLUMNS).push(
        " FROM unnest(CAST(? AS bigint[]), CAST(? AS text[])) k (type, id) CROSS JOIN LATERAL \
         (SELECT o.* FROM resource o WHERE o.type = k.type AND o.id = k.id LIMIT 1) r",
        [types, ids],
    );
    let mut found: Vec<Stored> = conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect();
    let mut take = |(ty, id): &Identity| {
        let at = found.iter().position(|one| one.ty == *ty && one.id == *id)?;
        Some(found.swap_remove(at))
    };
    Ok(identities.iter().map(&mut take).collect())
}

/// All live resources of these types in a patient's compartment, in the order in which they were first stored.
pub(crate) fn compartment(
    conn: &mut Conn,
    patient: &str,
    types: &[ResourceType],
) -> QueryResult<Vec<Stored>> {
    if types.is_empty() {
        return Ok(Vec::new());
    }
    let query = select(COLUMNS)
        .push(
            " FROM idx_compartment c JOIN resource r ON r.rid = c.rid WHERE c.patient = ? AND r.deleted = 0 \
             AND c.type IN (",
            [patient.into()],
        )
        .append(Sql::list(types.iter().map(|ty| ty.number().into()).collect()))
        .push(") ORDER BY r.rid", []);
    Ok(conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect())
}

/// The current versions of these resources, locked until the transaction ends; in no particular order.
pub(crate) fn lock(conn: &mut Conn, identities: &[Identity]) -> QueryResult<Vec<Stored>> {
    if conn.is_sqlite() {
        let mut found = Vec::new();
        for (ty, id) in identities {
            found.extend(read(conn, *ty, id, &Narrow::All)?);
        }
        return Ok(found);
    }
    let query = match identities {
        [] => return Ok(Vec::new()),
        [(ty, id)] => select(COLUMNS).push(
            " FROM resource r WHERE r.type = ? AND r.id = ? FOR UPDATE",
            [ty.number().into(), id.as_str().into()],
        ),
        // In one order for all, so that two transactions do not wait for one another.
        _ => select(COLUMNS).push(
            " FROM unnest(CAST(? AS bigint[]), CAST(? AS text[])) k (type, id) \
             JOIN resource r ON r.type = k.type AND r.id = k.id ORDER BY r.type, r.id FOR UPDATE OF r",
            [
                integers(identities.iter().map(|(ty, _)| ty.number())),
                texts(identities.iter().map(|(_, id)| id.as_str())),
            ],
        ),
    };
    Ok(conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect())
}

/// Locks these resources until the transaction ends, in one order for all. SQLite has one writer at a time anyway.
pub(crate) fn lock_numbers(conn: &mut Conn, rids: &[i64]) -> QueryResult<()> {
    if conn.is_sqlite() {
        return Ok(());
    }
    let query = Sql::of(
        "SELECT rid FROM resource WHERE rid = ANY(CAST(? AS bigint[])) ORDER BY type, id FOR UPDATE",
        [integers(rids.iter().copied())],
    );
    conn.execute(query).map(|_| ())
}

/// Stores first versions and gives each its number.
pub(crate) fn insert(conn: &mut Conn, rows: &mut [Stored]) -> QueryResult<()> {
    let mut rest = rows;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at_mut(together(conn, rest.iter()));
        let query = match &*chunk {
            [row] => insert_one(row),
            rows => resource_rows::insert(rows),
        };
        let numbered = conn.load::<(BigInt, BigInt, Text), (i64, i64, String)>(query)?;
        let mut numbers: HashMap<(i64, String), i64> =
            numbered.into_iter().map(|(rid, ty, id)| ((ty, id), rid)).collect();
        for row in chunk {
            let number = numbers.remove(&(row.ty.number(), row.id.clone()));
            row.rid = number.expect("the statement returns the rows that it was given");
        }
        rest = after;
    }
    Ok(())
}

fn insert_one(row: &Stored) -> Sql {
    Sql::of(
        "INSERT INTO resource (type, id, version, updated, deleted, method, body) VALUES (?, ?, ?, ?, 0, ?, ?) \
         RETURNING rid, type, id",
        [
            row.ty.number().into(),
            row.id.as_str().into(),
            row.version.into(),
            row.updated.into(),
            row.method.number().into(),
            row.body.clone().into(),
        ],
    )
}

/// Puts new versions in the place of the current ones, which move to the history.
pub(crate) fn replace(conn: &mut Conn, rows: &[Stored]) -> QueryResult<()> {
    archive(conn, rows)?;
    let (deletions, versions): (Vec<&Stored>, Vec<&Stored>) = rows.iter().partition(|row| row.deleted);
    let mut rest = versions.as_slice();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(together(conn, rest.iter().copied()));
        let query = match chunk {
            [row] => update_one(row),
            rows => resource_rows::update(rows),
        };
        conn.execute(query)?;
        rest = after;
    }
    for row in deletions {
        conn.execute(Sql::of(
            "UPDATE resource SET version = ?, updated = ?, deleted = 1, method = ?, body = NULL WHERE rid = ?",
            [row.version.into(), row.updated.into(), row.method.number().into(), row.rid.into()],
        ))?;
    }
    Ok(())
}

/// Moves the current versions to the history, and keeps in whose compartments they stood, and which of them are kept from
/// the patient.
fn archive(conn: &mut Conn, rows: &[Stored]) -> QueryResult<()> {
    const VERSIONS: &str = "INSERT INTO history (rid, version, updated, method, deleted, body, type) \
                            SELECT rid, version, updated, method, deleted, body, type FROM resource WHERE rid = ";
    const COMPARTMENTS: &str = "INSERT INTO history_compartment (patient, type, rid, version) \
                                SELECT c.patient, c.type, c.rid, r.version FROM idx_compartment c \
                                CROSS JOIN resource r WHERE r.rid = c.rid AND c.rid = ";
    const KEPT: &str = "INSERT INTO history_not_for_patient (rid, version, judged) \
                        SELECT r.rid, r.version, 1 FROM not_for_patient f \
                        CROSS JOIN resource r WHERE r.rid = f.rid AND f.rid = ";
    if conn.is_sqlite() {
        for row in rows {
            conn.execute(Sql::of(VERSIONS, []).push("?", [row.rid.into()]))?;
            conn.execute(Sql::of(COMPARTMENTS, []).push("?", [row.rid.into()]))?;
            conn.execute(Sql::of(KEPT, []).push("?", [row.rid.into()]))?;
        }
    } else if !rows.is_empty() {
        let rids = integers(rows.iter().map(|row| row.rid));
        let query = Sql::of("WITH archived AS (", []).push(VERSIONS, []);
        let query = query.push("ANY(CAST(? AS bigint[]))), kept AS (", [rids.clone()]).push(KEPT, []);
        let query = query.push("ANY(CAST(? AS bigint[]))) ", [rids.clone()]);
        conn.execute(query.push(COMPARTMENTS, []).push("ANY(CAST(? AS bigint[]))", [rids]))?;
    }
    for row in rows.iter().filter(|row| row.deleted) {
        // A deletion is seen by those who saw what was deleted.
        conn.execute(Sql::of(
            "INSERT INTO history_compartment (patient, type, rid, version) \
             SELECT patient, type, rid, ? FROM idx_compartment WHERE rid = ?",
            [row.version.into(), row.rid.into()],
        ))?;
    }
    Ok(())
}

fn update_one(row: &Stored) -> Sql {
    Sql::of(
        "UPDATE resource SET version = ?, updated = ?, deleted = 0, method = ?, body = ? WHERE rid = ?",
        [
            row.version.into(),
            row.updated.into(),
            row.method.number().into(),
            row.body.clone().into(),
            row.rid.into(),
        ],
    )
}

/// How many of the first of these go into one statement.
fn together<'a>(conn: &Conn, rows: impl Iterator<Item = &'a Stored>) -> usize {
    if conn.is_sqlite() { 1 } else { resource_rows::together(rows) }
}

fn select(columns: &'static str) -> Sql {
    Sql::of("SELECT ", []).push(columns, [])
}
