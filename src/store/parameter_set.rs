//! The search parameters that clients have stored and that are in use. <https://hl7.org/fhir/R4/searchparameter.html>
//!
//! A number grows with every change of them. Each write reads it where it takes its time, and so knows whether its rows
//! were worked out by the parameters of now; each instance reads it once a second, and so knows of the others' changes.

use std::collections::HashMap;

use diesel::result::Error;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Binary;
use diesel::sql_types::Text;

use crate::fhir::ResourceType;
use crate::search::sql::Sql;
use crate::store::connection::Conn;

/// Which set of parameters there is, and of which the index has all rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The number of the set.
    pub number: i64,
    /// The number of the newest set of which all that is stored has its rows.
    pub indexed: i64,
}

/// A SearchParameter that is in use.
pub(crate) struct Active {
    /// The number of the first set that has it as it is.
    pub(crate) since: i64,
    /// The number of its resource.
    pub(crate) rid: i64,
    /// Its id.
    pub(crate) id: String,
    /// Its JSON.
    pub(crate) body: Vec<u8>,
}

/// A code of a type.
pub(crate) type Name = (ResourceType, String);

/// What becomes of the parameters that a resource defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Defines {
    /// These, and no others from now on; perhaps none any more.
    Now(Vec<Name>),
    /// These as before, in other words.
    Same(Vec<Name>),
}

/// What came of a change of the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// They are as they should be.
    Done,
    /// Another resource defines one of them.
    Taken,
    /// A type would have more than it may.
    Full,
}

/// The mark of now.
pub(crate) fn mark(conn: &mut Conn) -> QueryResult<Mark> {
    let query = Sql::of("SELECT number, indexed FROM parameter_set", []);
    let row = conn.load::<(BigInt, BigInt), (i64, i64)>(query)?;
    row.first().map(|(number, indexed)| Mark { number: *number, indexed: *indexed }).ok_or(Error::NotFound)
}

/// All that are in use, the oldest first.
pub(crate) fn active(conn: &mut Conn) -> QueryResult<Vec<Active>> {
    let query = "SELECT p.since, r.rid, r.id, r.body FROM (SELECT s.rid, max(s.since) AS since FROM stored_parameter s \
                 GROUP BY s.rid) p CROSS JOIN resource r WHERE r.rid = p.rid AND r.deleted = 0 ORDER BY r.rid";
    let rows =
        conn.load::<(BigInt, BigInt, Text, Binary), (i64, i64, String, Vec<u8>)>(Sql::of(query, []))?;
    Ok(rows.into_iter().map(|(since, rid, id, body)| Active { since, rid, id, body }).collect())
}

/// The live resources of a type: their numbers, versions and JSON.
pub(crate) fn stored(conn: &mut Conn, ty: ResourceType) -> QueryResult<Vec<(i64, i64, Vec<u8>)>> {
    let query =
        "SELECT r.rid, r.version, r.body FROM resource r WHERE r.type = ? AND r.deleted = 0 ORDER BY r.rid";
    conn.load::<(BigInt, BigInt, Binary), (i64, i64, Vec<u8>)>(Sql::of(query, [ty.number().into()]))
}

/// Whether this is the current version of a resource.
pub(crate) fn is_current(conn: &mut Conn, rid: i64, version: i64) -> QueryResult<bool> {
    let query =
        Sql::of("SELECT rid FROM resource WHERE rid = ? AND version = ?", [rid.into(), version.into()]);
    Ok(!conn.load::<(BigInt,), (i64,)>(query)?.is_empty())
}

/// Which resource defines a code of a type, by the type's number.
pub(crate) fn names(conn: &mut Conn) -> QueryResult<HashMap<(i64, String), i64>> {
    let query = Sql::of("SELECT type, code, rid FROM stored_parameter", []);
    let rows = conn.load::<(BigInt, Text, BigInt), (i64, String, i64)>(query)?;
    Ok(rows.into_iter().map(|(ty, code, rid)| ((ty, code), rid)).collect())
}

/// Makes each resource define its parameters, of which a type may have so many. All that lose theirs do so before any
/// takes one, so that two may exchange their codes.
pub(crate) fn put(conn: &mut Conn, all: &[(i64, Defines)], most: i64) -> QueryResult<Put> {
    let mut changes = false;
    for (rid, defines) in all {
        changes = changes || *defines != Defines::Now(Vec::new()) || defines_any(conn, *rid)?;
    }
    if !changes {
        return Ok(Put::Done);
    }
    // First of all, so that those who change the set do so one after another.
    conn.execute(Sql::of("UPDATE parameter_set SET number = number + 1", []))?;
    for (rid, defines) in all {
        if matches!(defines, Defines::Now(_)) {
            conn.execute(Sql::of("DELETE FROM stored_parameter WHERE rid = ?", [(*rid).into()]))?;
        }
    }
    for (rid, defines) in all {
        let (Defines::Now(names) | Defines::Same(names)) = defines;
        for (ty, code) in names {
            // What it has already stays as it is and counts as put; another's is left alone.
            let sql = "INSERT INTO stored_parameter (type, code, rid, since) SELECT ?, ?, ?, s.number \
                       FROM parameter_set s WHERE 1 = 1 ON CONFLICT (type, code) \
                       DO UPDATE SET since = stored_parameter.since WHERE stored_parameter.rid = excluded.rid";
            let binds = [ty.number().into(), code.as_str().into(), (*rid).into()];
            if conn.execute(Sql::of(sql, binds))? == 0 {
                return Ok(Put::Taken);
            }
        }
    }
    let sql = "SELECT s.type FROM stored_parameter s CROSS JOIN parameter_set p GROUP BY s.type \
               HAVING count(*) > ? AND max(CASE WHEN s.since = p.number THEN 1 ELSE 0 END) = 1";
    let full = conn.load::<(BigInt,), (i64,)>(Sql::of(sql, [most.into()]))?;
    Ok(if full.is_empty() { Put::Done } else { Put::Full })
}

fn defines_any(conn: &mut Conn, rid: i64) -> QueryResult<bool> {
    let query = Sql::of("SELECT rid FROM stored_parameter WHERE rid = ?", [rid.into()]);
    Ok(!conn.load::<(BigInt,), (i64,)>(query)?.is_empty())
}

/// Makes what these resources define wait for the next index: for one who writes without the rows of it. The set gets
/// another number where it was searched by, so that all hear of it; an index that is being made goes on, without it.
pub(crate) fn hold_back(conn: &mut Conn, rids: &[i64]) -> QueryResult<()> {
    if rids.is_empty() {
        return Ok(());
    }
    let these = || Sql::list(rids.iter().map(|rid| (*rid).into()).collect());
    let query = Sql::of("SELECT s.rid FROM stored_parameter s, parameter_set p WHERE s.rid IN (", [])
        .append(these())
        .push(") AND s.since <= p.begun", []);
    if conn.load::<(BigInt,), (i64,)>(query)?.is_empty() {
        return Ok(());
    }
    let raise = "UPDATE parameter_set SET number = number + 1 WHERE EXISTS (SELECT 1 FROM stored_parameter s \
                 WHERE s.since <= parameter_set.indexed AND s.rid IN (";
    conn.execute(Sql::of(raise, []).append(these()).push("))", []))?;
    let wait = "UPDATE stored_parameter SET since = (SELECT p.number + 1 FROM parameter_set p) \
                WHERE since <= (SELECT p.begun FROM parameter_set p) AND rid IN (";
    conn.execute(Sql::of(wait, []).append(these()).push(")", [])).map(|_| ())
}

/// Has the next index include what waits for it.
pub(crate) fn include_waiting(conn: &mut Conn) -> QueryResult<()> {
    let sql = "UPDATE parameter_set SET number = number + 1 WHERE number < (SELECT max(s.since) FROM stored_parameter s)";
    conn.execute(Sql::of(sql, [])).map(|_| ())
}

/// Notes that the index is about to be made anew with the set of this number; false where there is another by now.
pub(crate) fn begin_index(conn: &mut Conn, number: i64) -> QueryResult<bool> {
    let sql = "UPDATE parameter_set SET begun = number WHERE number = ?";
    Ok(conn.execute(Sql::of(sql, [number.into()]))? == 1)
}

/// Notes that the index that was begun with the set of this number is whole.
pub(crate) fn end_index(conn: &mut Conn, number: i64) -> QueryResult<()> {
    let sql = "UPDATE parameter_set SET indexed = ? WHERE indexed < ? AND begun >= ?";
    conn.execute(Sql::of(sql, [number.into(), number.into(), number.into()])).map(|_| ())
}
