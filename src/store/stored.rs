//! One version of a resource as it stands in the database. <https://hl7.org/fhir/R4/resource.html#Meta>

use diesel::backend::Backend;
use diesel::deserialize::FromSql;
use diesel::deserialize::QueryableByName;
use diesel::row::Field;
use diesel::row::NamedRow;
use diesel::row::Row;
use diesel::sql_types::BigInt;
use diesel::sql_types::Binary;
use diesel::sql_types::Text;
use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;

/// How a version came to be: the `request.method` of a history entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By a create.
    Post,
    /// By an update or a patch.
    Put,
    /// By a delete.
    Delete,
}

impl Method {
    /// The number under which the database knows it.
    pub fn number(self) -> i64 {
        match self {
            Method::Post => 0,
            Method::Put => 1,
            Method::Delete => 2,
        }
    }

    /// The method with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        [Method::Post, Method::Put, Method::Delete].into_iter().find(|method| method.number() == number)
    }

    /// The HTTP method.
    pub fn name(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

/// One version of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The type.
    pub ty: ResourceType,
    /// The logical id.
    pub id: String,
    /// The version, from 1.
    pub version: i64,
    /// When the version was written.
    pub updated: Micros,
    /// Whether the version is a deletion.
    pub deleted: bool,
    /// How the version came to be.
    pub method: Method,
    /// The complete JSON, as it goes to the client; empty for a deletion.
    pub body: Vec<u8>,
    /// The number under which the database knows the resource.
    pub rid: i64,
}

impl Stored {
    /// The JSON as a value.
    ///
    /// # Errors
    /// `Internal` where the stored bytes are no JSON.
    pub fn value(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|_| Failure::internal(format!("the stored body of rid {} is no JSON", self.rid)))
    }

    /// The same resource without content.
    pub(crate) fn clone_identity(&self) -> Self {
        Self { id: self.id.clone(), body: Vec::new(), ..*self }
    }
}

/// The columns of [`Stored`] in the order in which rows give them; `r` is the table `resource`.
pub(crate) const COLUMNS: &str = "r.rid, r.type, r.id, r.version, r.updated, r.deleted, r.method, r.body";

/// A row of [`COLUMNS`].
#[derive(Debug)]
pub(crate) struct StoredRow(pub(crate) Stored);

impl<DB: Backend> QueryableByName<DB> for StoredRow
where
    i64: FromSql<BigInt, DB>,
    String: FromSql<Text, DB>,
    Vec<u8>: FromSql<Binary, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> diesel::deserialize::Result<Self> {
        let deleted = column::<i64, BigInt, DB>(row, 5)? != 0;
        let method = column::<i64, BigInt, DB>(row, 6)?;
        let hit = hit(row, 7)?;
        let method = Method::from_number(method).ok_or("a method that is not known")?;
        Ok(Self(Stored { deleted, method, ..hit }))
    }
}

/// A row of [`COLUMNS`], and the patient in whose compartment it stands.
#[derive(Debug)]
pub(crate) struct Belonging {
    pub(crate) stored: Stored,
    pub(crate) patient: String,
}

impl<DB: Backend> QueryableByName<DB> for Belonging
where
    i64: FromSql<BigInt, DB>,
    String: FromSql<Text, DB>,
    Vec<u8>: FromSql<Binary, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> diesel::deserialize::Result<Self> {
        Ok(Self { stored: StoredRow::build(row)?.0, patient: column::<String, Text, DB>(row, 8)? })
    }
}

/// A row of a search plan: rid, type, id, version, updated, body, then its sort keys.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) stored: Stored,
    pub(crate) sort_keys: Vec<Option<String>>,
}

impl<DB: Backend> QueryableByName<DB> for Hit
where
    i64: FromSql<BigInt, DB>,
    String: FromSql<Text, DB>,
    Vec<u8>: FromSql<Binary, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> diesel::deserialize::Result<Self> {
        let sort_keys = (6..row.field_count()).map(|at| optional::<String, Text, DB>(row, at));
        Ok(Self { stored: hit(row, 5)?, sort_keys: sort_keys.collect::<Result<_, _>>()? })
    }
}

/// The five columns that every row begins with, and the body.
fn hit<'a, DB: Backend>(row: &impl Row<'a, DB>, body: usize) -> diesel::deserialize::Result<Stored>
where
    i64: FromSql<BigInt, DB>,
    String: FromSql<Text, DB>,
    Vec<u8>: FromSql<Binary, DB>,
{
    let ty = column::<i64, BigInt, DB>(row, 1)?;
    Ok(Stored {
        rid: column::<i64, BigInt, DB>(row, 0)?,
        ty: ResourceType::from_number(ty).ok_or("a resource type that is not known")?,
        id: column::<String, Text, DB>(row, 2)?,
        version: column::<i64, BigInt, DB>(row, 3)?,
        updated: column::<i64, BigInt, DB>(row, 4)?,
        deleted: false,
        method: Method::Put,
        body: optional::<Vec<u8>, Binary, DB>(row, body)?.unwrap_or_default(),
    })
}

fn column<'a, T, ST, DB: Backend>(row: &impl Row<'a, DB>, at: usize) -> diesel::deserialize::Result<T>
where
    T: FromSql<ST, DB>,
{
    let field = row.get(at).ok_or("a column is missing")?;
    T::from_nullable_sql(field.value())
}

fn optional<'a, T, ST, DB: Backend>(
    row: &impl Row<'a, DB>,
    at: usize,
) -> diesel::deserialize::Result<Option<T>>
where
    T: FromSql<ST, DB>,
{
    let field = row.get(at).ok_or("a column is missing")?;
    if field.is_null() { Ok(None) } else { T::from_nullable_sql(field.value()).map(Some) }
}
