//! What can go wrong in the database, and what of it a caller learns.
//!
//! The database's own text may quote values, so it reaches neither a client nor the log: the log gets the kind of
//! error, the constraint and the table.

use diesel::result::DatabaseErrorKind;
use diesel::result::Error;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::store::connection::is_lost;

/// Why work in the database ended without success.
#[derive(Debug)]
pub enum Fault {
    /// The request is refused, for a reason that the client is told.
    Refused(Failure),
    /// What was prepared outside the transaction does not hold any more: prepare again.
    Stale,
    /// The database failed.
    Database(Error),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl Fault {
    /// What the client is told; the cause goes to the log, once, here.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Refused(failure) => failure,
            Self::Stale => Failure::new(
                Reason::Conflict,
                "The resources kept changing while the request was carried out; send it again.",
            ),
            Self::Database(error) => failure(&error),
        }
    }

    /// Whether the same work may succeed when it is simply done again.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Stale => false,
            Self::Database(Error::DatabaseError(kind, details)) => match kind {
                DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::UniqueViolation => true,
                // diesel does not tell 40P01 (deadlock) apart by its code.
                DatabaseErrorKind::Unknown => details.message().contains("deadlock"),
                _ => false,
            },
            Self::Database(_) => false,
        }
    }

    /// Whether a second open episode of a patient in a programme was refused by the unique index.
    pub(crate) fn is_second_episode(&self) -> bool {
        let Self::Database(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, details)) = self else {
            return false;
        };
        details.constraint_name().unwrap_or_default().contains("episode")
            || details.message().contains("episode.")
    }
}

fn failure(error: &Error) -> Failure {
    if is_lost(error) {
        return unavailable("the connection to the database was lost");
    }
    if let Error::DatabaseError(_, details) = error {
        let text = details.message();
        let full = ["is full", "No space left", "disk I/O error"].iter().any(|sign| text.contains(sign));
        if full {
            return unavailable("the database's disk is full or failing");
        }
        let busy = ["database is locked", "canceling statement"].iter().any(|sign| text.contains(sign));
        if busy {
            return unavailable("the database took too long");
        }
    }
    Failure::internal(describe(error))
}

/// What an operator may read of an error: never its text, which can quote values.
pub(crate) fn describe(error: &Error) -> String {
    match error {
        Error::DatabaseError(kind, details) => format!(
            "database error {kind:?}, table {}, constraint {}",
            details.table_name().unwrap_or("-"),
            details.constraint_name().unwrap_or("-")
        ),
        Error::DeserializationError(_) => "a database row is not of the expected form".into(),
        Error::SerializationError(_) => "a value cannot be bound".into(),
        Error::NotFound => "a database row is missing".into(),
        _ => "database client error".into(),
    }
}

/// The database cannot be reached now.
pub(crate) fn unavailable(cause: &str) -> Failure {
    log::error!("database unavailable: {cause}");
    Failure::new(Reason::Unavailable, "The database cannot be reached now; try again in a few seconds.")
}
