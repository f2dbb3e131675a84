//! Calls that are carried out after they were answered: which may be, and what is refused before that.
//! <https://hl7.org/fhir/R4/async.html>

use crate::app::App;
use crate::app::Once;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::operations::Asked;
use crate::operations::Call;
use crate::operations::check_access;
use crate::operations::coded;
use crate::operations::input;
use crate::operations::offered;
use crate::operations::place::find;
use crate::operations::place::method;
use crate::operations::writing::keyed;

/// Whether a call may be carried out after it was answered.
pub fn may_be_later(app: &App, code: &str, target: Option<&(ResourceType, Option<String>)>) -> bool {
    find(offered(app), code, target).is_ok_and(|offered| offered.definition.respond_async)
}

/// Checks all that can be checked of a call that is to be carried out later, and gives its `Idempotency-Key`.
///
/// # Errors
/// As [`perform`], but for what only carrying it out can tell.
pub fn admit(session: &Session, code: &str, mut asked: Asked) -> Result<Option<Once>, Failure> {
    let offered = find(offered(session.app()), code, asked.target.as_ref())?;
    let method = method(&offered.definition, asked.method)?;
    check_access(session, asked.target.as_ref())?;
    let body = asked.body.take().transpose()?;
    let once = keyed(&offered.definition, &asked, body.as_ref())?;
    let parameters = input(session, offered, &asked.query, body).map_err(coded)?;
    let call = Call {
        operation: offered.definition.code.as_str(),
        target: asked.target,
        parameters,
        once: None,
        if_match: asked.if_match,
        method,
    };
    (offered.operation.check)(session, &call).map_err(coded)?;
    Ok(once)
}
