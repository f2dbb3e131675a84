//! Earlier versions of which nobody has looked yet whether they are kept from the patient: those that were replaced before
//! there was a mark for each. Until then they are kept. <https://hl7.org/fhir/R4/security-labels.html>

use diesel::result::QueryResult;

use crate::search::sql::Sql;
use crate::store::connection::Conn;
use crate::store::stored::Stored;
use crate::store::stored::StoredRow;

/// The first of them, each before those that come after it.
pub(crate) fn open(conn: &mut Conn, count: i64) -> QueryResult<Vec<Stored>> {
    let query = Sql::of(
        "SELECT h.rid, r.type, r.id, h.version, h.updated, h.deleted, h.method, h.body \
         FROM (SELECT n.rid, n.version FROM history_not_for_patient n WHERE n.judged = 0 ORDER BY n.rid, n.version",
        [],
    );
    let query = query.limit(count).push(
        ") k CROSS JOIN history h CROSS JOIN resource r WHERE h.rid = k.rid AND h.version = k.version \
         AND r.rid = h.rid ORDER BY h.rid, h.version",
        [],
    );
    Ok(conn.load_rows::<StoredRow>(query)?.into_iter().map(|row| row.0).collect())
}

/// Lets the patient be told a version.
pub(crate) fn tell(conn: &mut Conn, (rid, version): (i64, i64)) -> QueryResult<()> {
    const TOLD: &str = "DELETE FROM history_not_for_patient WHERE rid = ? AND version = ?";
    conn.execute(Sql::of(TOLD, [rid.into(), version.into()])).map(|_| ())
}

/// Keeps a version from the patient for good.
pub(crate) fn keep(conn: &mut Conn, (rid, version): (i64, i64)) -> QueryResult<()> {
    const KEPT: &str = "UPDATE history_not_for_patient SET judged = 1 WHERE rid = ? AND version = ?";
    conn.execute(Sql::of(KEPT, [rid.into(), version.into()])).map(|_| ())
}

/// Does with a deletion, which says nothing itself, as was done with the version before it.
pub(crate) fn follow(conn: &mut Conn, (rid, version): (i64, i64)) -> QueryResult<()> {
    let told = "DELETE FROM history_not_for_patient WHERE rid = ? AND version = ? AND NOT EXISTS \
                (SELECT 1 FROM history_not_for_patient b WHERE b.rid = ? AND b.version = ?)";
    conn.execute(Sql::of(told, [rid.into(), version.into(), rid.into(), (version - 1).into()]))?;
    keep(conn, (rid, version))
}

/// Keeps these versions from the patient.
pub(crate) fn mark(conn: &mut Conn, versions: &[(i64, i64)]) -> QueryResult<()> {
    const MARKED: &str = "INSERT INTO history_not_for_patient (rid, version, judged) VALUES (?, ?, 1) \
                          ON CONFLICT (rid, version) DO NOTHING";
    for (rid, version) in versions {
        conn.execute(Sql::of(MARKED, [(*rid).into(), (*version).into()]))?;
    }
    Ok(())
}
