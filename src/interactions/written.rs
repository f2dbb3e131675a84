//! What a write is answered with. <https://hl7.org/fhir/R4/http.html#ops>

use crate::app::Answer;
use crate::app::Body;
use crate::app::Change;
use crate::app::Session;
use crate::app::Stored;
use crate::app::WriteOutcome;
use crate::app::Written;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Severity;
use crate::fhir::outcome::outcome;
use crate::interactions::request::Return;

/// Writes one change and answers it.
///
/// # Errors
/// What the session refuses.
pub fn one(session: &Session, change: Change, wanted: Return) -> Result<Answer, Failure> {
    let mut written = session.write(vec![change])?;
    let written = written.pop().ok_or_else(|| Failure::internal("a write of one change gave no result"))?;
    Ok(answer(session, written, wanted))
}

/// The answer to a change that was written. One who may write it but not read it is told where it is, and no more.
pub fn answer(session: &Session, written: Written, wanted: Return) -> Answer {
    let stored = written.stored;
    let (status, words) = match written.outcome {
        WriteOutcome::Created => (201, "created"),
        WriteOutcome::Updated => (200, "updated"),
        WriteOutcome::Unchanged => (200, "there already and was left as it is"),
        WriteOutcome::Deleted => {
            let version = Some(stored.version).filter(|_| written.count == 1);
            let answer = Answer { version, ..Answer::empty(204) };
            return gone(answer, wanted, &deleted(&stored, written.count));
        }
        WriteOutcome::AlreadyDeleted => {
            let text = match written.count {
                0 => format!("No {} met the search; nothing was deleted.", stored.ty),
                _ => format!("{}/{} was not there; nothing was deleted.", stored.ty, stored.id),
            };
            return gone(Answer::empty(204), wanted, &text);
        }
    };
    let place = format!("{}/{}/_history/{}", stored.ty, stored.id, stored.version);
    let body = match wanted {
        Return::Minimal => Body::Empty,
        Return::Representation | Return::Unstated if !written.shown => Body::Empty,
        Return::Representation | Return::Unstated => Body::Stored(stored.body),
        Return::OperationOutcome => said(&format!("{}/{} was {words}.", stored.ty, stored.id)),
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

fn deleted(stored: &Stored, count: usize) -> String {
    match count {
        1 => format!("{}/{} was deleted.", stored.ty, stored.id),
        count => format!("{count} {} were deleted.", stored.ty),
    }
}

/// What is gone is answered with nothing, or with an outcome where that is asked for.
fn gone(answer: Answer, wanted: Return, text: &str) -> Answer {
    match wanted {
        Return::OperationOutcome => Answer { status: 200, body: said(text), ..answer },
        Return::Unstated | Return::Minimal | Return::Representation => answer,
    }
}

fn said(text: &str) -> Body {
    Body::Value(outcome(&[Issue { severity: Severity::Information, ..Issue::error("informational", text) }]))
}
