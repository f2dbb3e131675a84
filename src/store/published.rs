//! Which resources are our own definitions, and what was stored of them.
//! <https://hl7.org/fhir/R4/resourcelist.html>

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Text;

use crate::fhir::ResourceType;
use crate::search::sql::Sql;
use crate::store::connection::Conn;

/// A definition by its type and id.
pub(crate) type Name = (ResourceType, String);

/// The digest of all that is stored; empty before the first time.
pub(crate) fn set(conn: &mut Conn) -> QueryResult<String> {
    let rows = conn.load::<(Text,), (String,)>(Sql::of("SELECT digest FROM published_set", []))?;
    Ok(rows.into_iter().next().map(|row| row.0).unwrap_or_default())
}

/// Makes this the digest of all for the running transaction, where it was that one; false where another instance was
/// faster, which has then finished.
pub(crate) fn replace_set(conn: &mut Conn, (old, new): (&str, &str)) -> QueryResult<bool> {
    let query = Sql::of("UPDATE published_set SET digest = ? WHERE digest = ?", [new.into(), old.into()]);
    Ok(conn.execute(query)? == 1)
}

/// All of them with their digests.
pub(crate) fn all(conn: &mut Conn) -> QueryResult<Vec<(Name, String)>> {
    let query = Sql::of("SELECT type, id, digest FROM published ORDER BY type, id", []);
    let rows = conn.load::<(BigInt, Text, Text), (i64, String, String)>(query)?;
    let named = |(ty, id, digest)| Some(((ResourceType::from_number(ty)?, id), digest));
    Ok(rows.into_iter().filter_map(named).collect())
}

/// Whether this one was stored by us.
pub(crate) fn is_noted(conn: &mut Conn, (ty, id): (ResourceType, &str)) -> QueryResult<bool> {
    let key = [ty.number().into(), id.into()];
    let query = Sql::of("SELECT id FROM published WHERE type = ? AND id = ?", key);
    Ok(!conn.load::<(Text,), (String,)>(query)?.is_empty())
}

/// Keeps what was stored of one, or that it is ours no more.
pub(crate) fn put(conn: &mut Conn, (ty, id): &Name, digest: Option<&str>) -> QueryResult<()> {
    let key = [ty.number().into(), id.as_str().into()];
    let Some(digest) = digest else {
        return conn.execute(Sql::of("DELETE FROM published WHERE type = ? AND id = ?", key)).map(|_| ());
    };
    let [ty, id] = key;
    conn.execute(Sql::of(
        "INSERT INTO published (type, id, digest) VALUES (?, ?, ?) \
         ON CONFLICT (type, id) DO UPDATE SET digest = excluded.digest",
        [ty, id, digest.into()],
    ))
    .map(|_| ())
}
