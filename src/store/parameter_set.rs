//! The search parameters that clients have stored and that are in use. <https://hl7.org/fhir/R4/searchparameter.html>
//!
//! A number grows with every change of them. Each write reads it where it takes its time, and so knows whether its rows
//! were worked out by the parameters of now; each instance reads it once a second, and so knows of the others' changes.

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
    /// Its id.
    pub(crate) id: String,
    /// Its JSON.
    pub(crate) body: Vec<u8>,
}

/// What becomes of the parameters that a resource defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Defines {
    /// These, and no others from now on; perhaps none any more.
    Now(Vec<(ResourceType, String)>),
    /// The same as before, in other words.
    Same,
}

/// The mark of now.
pub(crate) fn mark(conn: &mut Conn) -> QueryResult<Mark> {
    let query = Sql::of("SELECT number, indexed FROM parameter_set", []);
    let row = conn.load::<(BigInt, BigInt), (i64, i64)>(query)?;
    row.first().map(|(number, indexed)| Mark { number: *number, indexed: *indexed }).ok_or(Error::NotFound)
}

/// All that are in use, the oldest first.
pub(crate) fn active(conn: &mut Conn) -> QueryResult<Vec<Active>> {
    let query = "SELECT p.since, r.id, r.body FROM (SELECT s.rid, max(s.since) AS since FROM stored_parameter s \
                 GROUP BY s.rid) p CROSS JOIN resource r WHERE r.rid = p.rid AND r.deleted = 0 ORDER BY r.rid";
    let rows = conn.load::<(BigInt, Text, Binary), (i64, String, Vec<u8>)>(Sql::of(query, []))?;
    Ok(rows.into_iter().map(|(since, id, body)| Active { since, id, body }).collect())
}

/// Makes a resource define these parameters; false where another one defines one of them.
pub(crate) fn put(conn: &mut Conn, rid: i64, defines: &Defines) -> QueryResult<bool> {
    let names = match defines {
        Defines::Now(names) => {
            let gone = conn.execute(Sql::of("DELETE FROM stored_parameter WHERE rid = ?", [rid.into()]))?;
            if gone == 0 && names.is_empty() {
                return Ok(true);
            }
            names.as_slice()
        }
        Defines::Same => &[],
    };
    conn.execute(Sql::of("UPDATE parameter_set SET number = number + 1", []))?;
    for (ty, code) in names {
        let sql = "INSERT INTO stored_parameter (type, code, rid, since) SELECT ?, ?, ?, s.number \
                   FROM parameter_set s WHERE 1 = 1 ON CONFLICT (type, code) DO NOTHING";
        let binds = [ty.number().into(), code.as_str().into(), rid.into()];
        if conn.execute(Sql::of(sql, binds))? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Notes that the index is about to be made anew with the set of this number; false where there is another by now.
pub(crate) fn begin_index(conn: &mut Conn, number: i64) -> QueryResult<bool> {
    let sql = "UPDATE parameter_set SET begun = number WHERE number = ?";
    Ok(conn.execute(Sql::of(sql, [number.into()]))? == 1)
}

/// Notes that the index that was begun is whole.
pub(crate) fn end_index(conn: &mut Conn) -> QueryResult<()> {
    let sql = "UPDATE parameter_set SET indexed = begun WHERE indexed < begun";
    conn.execute(Sql::of(sql, [])).map(|_| ())
}
