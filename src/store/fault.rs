//! What can go wrong in the database, and what of it a caller learns.
//!
//! The database's own text may quote values, so it reaches neither a client nor the log: the log gets the kind of
//! error, the constraint and the table.

use std::time::Duration;

use diesel::result::DatabaseErrorKind;
use diesel::result::Error;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::store::deadline::WORDS;

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
            Self::Database(_) if self.is_second_episode() || self.is_second_plan() => false,
            Self::Database(Error::DatabaseError(kind, details)) => match kind {
                DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::UniqueViolation => true,
                // diesel does not tell 40P01 (deadlock) apart by its code.
                DatabaseErrorKind::Unknown => details.message().contains("deadlock"),
                _ => false,
            },
            Self::Database(_) => false,
        }
    }

    /// Whether the connection was lost; where that was at the commit, it is not known whether it came about.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Database(error) if is_lost(error))
    }

    /// Whether a row was there already that only one may make.
    pub(crate) fn is_collision(&self) -> bool {
        matches!(self, Self::Database(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
    }

    /// Whether the database gave an error of no known kind.
    pub(crate) fn is_nameless(&self) -> bool {
        matches!(self, Self::Database(error) if is_nameless(error))
    }

    /// Whether a second open episode of a patient in a programme was refused by the unique index.
    pub(crate) fn is_second_episode(&self) -> bool {
        self.is_refused_by(("episode_open", "episode."))
    }

    /// Whether a second care plan of an episode was refused by the unique index.
    pub(crate) fn is_second_plan(&self) -> bool {
        self.is_refused_by(("care_plan_current", "care_plan.episode"))
    }

    /// Whether a unique index refused a row: PostgreSQL names the index, SQLite its columns.
    fn is_refused_by(&self, (index, column): (&str, &str)) -> bool {
        let Self::Database(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, details)) = self else {
            return false;
        };
        details.constraint_name() == Some(index) || details.message().contains(&format!("failed: {column}"))
    }
}

/// The same error in words that are known here, for all that the client library tells by nothing but the server's words.
/// Where those are in another language, it is the time that tells whether the statement was broken off for it, and of
/// anything else only that it may pass.
pub(crate) fn in_known_words(error: Error, is_plain: bool, spent: Option<Duration>) -> Error {
    let is_foreign = !is_plain && is_nameless(&error) && !is_lost(&error);
    let words = match spent {
        _ if is_too_long(&error) => WORDS,
        Some(_) if is_foreign => WORDS,
        None if is_foreign => FOREIGN,
        Some(_) | None => return error,
    };
    if words == WORDS {
        log::warn!("a statement was broken off after {:.3} s", spent.unwrap_or_default().as_secs_f64());
    }
    Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(words.to_owned()))
}

/// Whether a statement was broken off because it took too long.
pub(crate) fn is_too_long(error: &Error) -> bool {
    let says = |text: &str| text.contains(WORDS) || text.contains("statement timeout");
    matches!(error, Error::DatabaseError(_, told) if says(told.message()))
}

/// Whether SQLite found the file locked and did not wait.
pub(crate) fn is_locked(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(_, told) if told.message().contains("locked"))
}

/// Whether the error says that the connection is gone.
pub(crate) fn is_lost(error: &Error) -> bool {
    match error {
        Error::BrokenTransactionManager => true,
        Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
            _,
        ) => true,
        Error::DatabaseError(DatabaseErrorKind::Unknown, details) => {
            let text = details.message();
            [
                "terminating connection",
                "server closed the connection",
                "no connection to the server",
                "shutting down",
            ]
            .iter()
            .any(|sign| text.contains(sign))
        }
        _ => false,
    }
}

/// Whether the error has no kind that the client library knows, so that its words are all that tells it.
pub(crate) fn is_nameless(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::Unknown, _))
}

/// What cannot be carried out now, and may be later, is unavailability; all else is our own fault.
fn failure(error: &Error) -> Failure {
    if is_too_long(error) {
        let text = "This took longer than it may and was broken off; nothing was changed. Ask for less, such as by a \
                    patient, a code or a date and without a long chain or `_has`, or try again when there is less to do.";
        return Failure::new(Reason::Unavailable, text).code("timeout");
    }
    match passing_cause(error) {
        Some(cause) => unavailable(cause),
        None => Failure::internal(describe(error)),
    }
}

/// Words of SQLite and PostgreSQL, and what they mean to us.
const CAUSES: [(&str, &[&str]); 5] = [
    ("its disk is full or failing", &["is full", "No space left", "disk I/O error"]),
    ("its file cannot be written", &["readonly database", "unable to open database"]),
    ("it took too long", &["database is locked", "canceling statement", "deadlock"]),
    ("it has no room for this now", &["out of memory", "out of shared memory", "too many clients"]),
    ("it says why in a language that is not known here", &[FOREIGN]),
];

/// What stands for an error that the server told in another language.
const FOREIGN: &str = "the server's words are in another language";

fn passing_cause(error: &Error) -> Option<&'static str> {
    if is_lost(error) {
        return Some("the connection was lost");
    }
    match error {
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => Some("it takes no writes"),
        Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
            Some("a write kept meeting others")
        }
        Error::DatabaseError(_, details) => {
            let says = |words: &[&str]| words.iter().any(|words| details.message().contains(words));
            CAUSES.iter().find(|(_, words)| says(words)).map(|(cause, _)| *cause)
        }
        _ => None,
    }
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
