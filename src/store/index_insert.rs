//! A row of the search index on its way into SQLite. <https://www.sqlite.org/lang_insert.html>
//!
//! A resource has about twenty rows, so that it counts what one costs beside the insert itself. These statements are
//! known by their type: their text is neither put together nor looked up for each row, which took about as long as
//! SQLite's part.

use diesel::query_builder::AstPass;
use diesel::query_builder::QueryFragment;
use diesel::query_builder::QueryId;
use diesel::query_dsl::methods::ExecuteDsl;
use diesel::result::Error;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sql_types::Double;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use diesel::sqlite::SqliteConnection;

use crate::search::sql::Bind;
use crate::store::connection::Conn;
use crate::store::index_tables::TABLES;

/// Writes rows one by one: for each of [`TABLES`], the values of all its rows one after another.
pub(super) fn each(conn: &mut Conn, values: &[Vec<Bind>; TABLES.len()]) -> QueryResult<()> {
    let on_sqlite = |link: &mut SqliteConnection| {
        for ((table, values), insert) in TABLES.iter().zip(values).zip(INSERTS) {
            values.chunks(table.columns.len()).try_for_each(|row| insert(link, row))?;
        }
        Ok(())
    };
    conn.with_link(on_sqlite, |_| Err(Error::QueryBuilderError("these are SQLite's statements".into())))?
}

/// Inserts the values of one row.
type InsertOne = fn(&mut SqliteConnection, &[Bind]) -> QueryResult<()>;

/// How a row is inserted into each of [`TABLES`].
const INSERTS: [InsertOne; TABLES.len()] =
    [one::<0>, one::<1>, one::<2>, one::<3>, one::<4>, one::<5>, one::<6>, one::<7>, one::<8>, one::<9>];

fn one<const TABLE: usize>(link: &mut SqliteConnection, row: &[Bind]) -> QueryResult<()> {
    ExecuteDsl::execute(Insert::<TABLE>(row), link).map(|_| ())
}

/// One row for the table with this place.
struct Insert<'a, const TABLE: usize>(&'a [Bind]);

impl<const TABLE: usize> QueryId for Insert<'_, TABLE> {
    type QueryId = Insert<'static, TABLE>;
}

impl<const TABLE: usize> QueryFragment<Sqlite> for Insert<'_, TABLE> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // A row that is there already was left by other definitions; it is right now.
        out.push_sql("INSERT OR IGNORE INTO ");
        out.push_sql(TABLES[TABLE].name);
        out.push_sql(" VALUES (");
        for (at, value) in self.0.iter().enumerate() {
            if at > 0 {
                out.push_sql(", ");
            }
            match value {
                Bind::Text(text) => out.push_bind_param::<Text, str>(text)?,
                Bind::Int(number) => out.push_bind_param::<BigInt, i64>(number)?,
                Bind::Real(number) => out.push_bind_param::<Double, f64>(number)?,
                Bind::Bytes(_) | Bind::NullText | Bind::NullInt => {
                    return Err(Error::QueryBuilderError("no row of the index has bytes or nothing".into()));
                }
            }
        }
        out.push_sql(")");
        Ok(())
    }
}
