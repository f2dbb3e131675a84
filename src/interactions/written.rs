//! What a write is answered with. <https://hl7.org/fhir/R4/http.html#ops>

use crate::app::Answer;
use crate::app::Body;
use crate::app::Change;
use crate::app::Session;
use crate::app::WriteOutcome;
use crate::app::Written;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Severity;
use crate::fhir::outcome::outcome;
use crate::interactions::request::Prefer;
use crate::interactions::request::Return;

/// Writes one change and answers it.
///
/// # Errors
/// What the session refuses.
pub fn one(session: &Session, change: Change, prefer: Prefer) -> Result<Answer, Failure> {
    let mut written = session.write(vec![change])?;
    let written = written.pop().ok_or_else(|| Failure::internal("a write of one change gave no result"))?;
    Ok(answer(session, written, prefer.return_))
}

/// The answer to a change that was written.
pub fn answer(session: &Session, written: Written, wanted: Return) -> Answer {
    let stored = written.stored;
    let (status, words) = match written.outcome {
        WriteOutcome::Created => (201, "created"),
        WriteOutcome::Updated => (200, "updated"),
        WriteOutcome::Unchanged => (200, "there already and was left as it is"),
        WriteOutcome::Deleted => return Answer { version: Some(stored.version), ..Answer::empty(204) },
        WriteOutcome::AlreadyDeleted => return Answer::empty(204),
    };
    let place = format!("{}/{}/_history/{}", stored.ty, stored.id, stored.version);
    let body = match wanted {
        Return::Minimal => Body::Empty,
        Return::Representation | Return::Unstated => Body::Stored(stored.body),
        Return::OperationOutcome => {
            let text = format!("{}/{} was {words}.", stored.ty, stored.id);
            Body::Value(outcome(&[Issue {
                severity: Severity::Information,
                ..Issue::error("informational", text)
            }]))
        }
    };
    Answer {
        status,
        body,
        location: Some(format!("{}/{place}", session.base_url())),
        version: Some(stored.version),
        updated: Some(stored.updated),
        ..Answer::empty(status)
    }
}
