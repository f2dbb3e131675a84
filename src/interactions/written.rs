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
use crate::interactions::Interaction;
use crate::interactions::request::Request;
use crate::interactions::request::Return;
use crate::interactions::subset;
use crate::interactions::subset::Subset;

/// What a write is to be answered with.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// By `Prefer`: nothing, the resource or an OperationOutcome.
    return_: Return,
    /// Of the resource, by `_summary` or `_elements`, this.
    subset: Subset,
}

impl Wanted {
    /// Takes what a request wants out of it.
    ///
    /// # Errors
    /// `Invalid` for a part of the resource that there is not.
    pub fn take(interaction: &Interaction, request: &mut Request) -> Result<Self, Failure> {
        let shown = match interaction {
            Interaction::Create { ty } | Interaction::Update { ty, .. } | Interaction::Patch { ty, .. } => {
                Some(*ty)
            }
            // What is deleted is not shown.
            Interaction::Delete { .. }
            | Interaction::Capabilities
            | Interaction::Read { .. }
            | Interaction::Vread { .. }
            | Interaction::History { .. }
            | Interaction::Search { .. }
            | Interaction::Batch
            | Interaction::Operation { .. }
            | Interaction::AsyncStatus { .. }
            | Interaction::AsyncCancel { .. } => None,
        };
        Ok(Self { return_: request.prefer.return_, subset: subset::of_write(shown, request)? })
    }
}

/// Writes one change and answers it.
///
/// # Errors
/// What the session refuses.
pub fn one(session: &Session, change: Change, wanted: &Wanted) -> Result<Answer, Failure> {
    let mut written = session.write(vec![change])?;
    let written = written.pop().ok_or_else(|| Failure::internal("a write of one change gave no result"))?;
    answer(session, written, wanted)
}

/// The answer to a change that was written. One who may write it but not read it is told where it is, and no more.
///
/// # Errors
/// `Internal` where a part is wanted of stored bytes that are no JSON.
pub fn answer(session: &Session, written: Written, wanted: &Wanted) -> Result<Answer, Failure> {
    let (stored, subset) = (written.stored, &wanted.subset);
    let wanted = wanted.return_;
    let (status, words) = match written.outcome {
        WriteOutcome::Created => (201, "created"),
        WriteOutcome::Updated => (200, "updated"),
        WriteOutcome::Unchanged => (200, "there already and was left as it is"),
        WriteOutcome::Deleted => {
            let version = Some(stored.version).filter(|_| written.count == 1);
            let answer = Answer { version, ..Answer::empty(204) };
            return Ok(gone(answer, wanted, &deleted(&stored, written.count)));
        }
        WriteOutcome::AlreadyDeleted => {
            let text = match written.count {
                0 => format!("No {} met the search; nothing was deleted.", stored.ty),
                _ => format!("{}/{} was not there; nothing was deleted.", stored.ty, stored.id),
            };
            return Ok(gone(Answer::empty(204), wanted, &text));
        }
    };
    let place = format!("{}/{}/_history/{}", stored.ty, stored.id, stored.version);
    let body = match wanted {
        Return::Minimal => Body::Empty,
        Return::Representation | Return::Unstated if !written.shown => Body::Empty,
        Return::Representation | Return::Unstated => Body::Stored(subset.apply(stored.body)?),
        Return::OperationOutcome => said(&format!("{}/{} was {words}.", stored.ty, stored.id)),
    };
    Ok(Answer {
        status,
        body,
        location: Some(format!("{}/{place}", session.base_url())),
        version: Some(stored.version),
        updated: Some(stored.updated),
        ..Answer::empty(status)
    })
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
