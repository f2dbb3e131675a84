//! The words of resources in the database's own word index, for `_text` and `_content`.
//! <https://hl7.org/fhir/R4/search.html#content>
//!
//! SQLite's FTS5 keeps no texts and cannot say what it holds of a resource; a digest beside it says whether it is the
//! right thing, here and on PostgreSQL.

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Nullable;

use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::search::text::TextRow;
use crate::store::connection::Conn;
use crate::store::index::integers;
use crate::store::index::texts;

/// SQLite: writes the words of each.
pub(super) fn insert_each(conn: &mut Conn, rows: &[(i64, TextRow)]) -> QueryResult<()> {
    for (rid, row) in rows {
        let (narrative, content) = (Bind::Text(row.narrative.clone()), Bind::Text(row.content.clone()));
        conn.execute(Sql::of(
            "INSERT INTO full_text (rowid, narrative, content) VALUES (?, ?, ?)",
            [(*rid).into(), narrative, content],
        ))?;
        // What vouches for words that are not there any more is replaced.
        let vouched = "INSERT OR REPLACE INTO idx_text (rid, digest) VALUES (?, ?)";
        conn.execute(Sql::of(vouched, [(*rid).into(), row.digest.into()]))?;
    }
    Ok(())
}

/// SQLite: removes the words of each.
pub(super) fn remove_each(conn: &mut Conn, rids: impl Iterator<Item = i64>) -> QueryResult<()> {
    for rid in rids {
        conn.execute(Sql::of("DELETE FROM full_text WHERE rowid = ?", [rid.into()]))?;
        conn.execute(Sql::of("DELETE FROM idx_text WHERE rid = ?", [rid.into()]))?;
    }
    Ok(())
}

/// PostgreSQL: writes the words of all; nothing where there are none.
pub(super) fn insert_all(rows: &[(i64, TextRow)]) -> Option<Sql> {
    if rows.is_empty() {
        return None;
    }
    let vectors: Vec<String> = rows.iter().map(|(_, row)| row.vector()).collect();
    let binds = [
        integers(rows.iter().map(|(rid, _)| *rid)),
        integers(rows.iter().map(|(_, row)| row.digest)),
        texts(vectors.iter().map(String::as_str)),
    ];
    Some(Sql::of(
        "INSERT INTO idx_text (rid, digest, words) SELECT * FROM \
         unnest(CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS tsvector[]))",
        binds,
    ))
}

/// PostgreSQL: removes the words of all; nothing where there are none.
pub(super) fn remove_all(rids: impl Iterator<Item = i64>) -> Option<Sql> {
    let mut rids = rids.peekable();
    rids.peek()?;
    Some(Sql::of("DELETE FROM idx_text WHERE rid = ANY(CAST(? AS bigint[]))", [integers(rids)]))
}

/// Whose words are there, with the digest that vouches for them, where there is one.
pub(super) fn held(
    conn: &mut Conn,
    these: impl Fn(&Conn, &'static str) -> Sql,
) -> QueryResult<Vec<(i64, Option<i64>)>> {
    let query = if conn.is_sqlite() {
        let digest =
            "SELECT f.rowid, (SELECT t.digest FROM idx_text t WHERE t.rid = f.rowid) FROM full_text f WHERE ";
        Sql::of(digest, []).append(these(conn, "f.rowid"))
    } else {
        Sql::of("SELECT f.rid, f.digest FROM idx_text f WHERE ", []).append(these(conn, "f.rid"))
    };
    conn.load::<(BigInt, Nullable<BigInt>), (i64, Option<i64>)>(query)
}
