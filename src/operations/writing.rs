//! Which calls change something: they are carried out once for each `Idempotency-Key`, and are no part of a transaction.
//! <https://hl7.org/fhir/R4/operations.html>

use aws_lc_rs::digest;
use serde_json::Value;

use crate::access::Action;
use crate::app::Once;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::operation::Definition;
use crate::fhir::parameters::Input;
use crate::operations::Asked;
use crate::operations::Offered;
use crate::operations::coded;
use crate::operations::input;
use crate::operations::offered;
use crate::operations::place::find;
use crate::operations::place::method;

/// Checks what can be checked of a call in a transaction before what it is about is there: the method, the scope and the
/// parameters, and that it only reads.
///
/// # Errors
/// As [`perform`].
pub fn examine(session: &Session, code: &str, mut asked: Asked) -> Result<(), Failure> {
    let offered = find(offered(session.app()), code, asked.target.as_ref())?;
    method(&offered.definition, asked.method)?;
    asked.target.as_ref().map_or(Ok(()), |(ty, _)| session.require(Action::Read, *ty))?;
    let body = asked.body.take().transpose()?;
    let given = input(session, offered, &asked.query, body).map_err(coded)?;
    if writes(offered, &given) {
        let code = &offered.definition.code;
        let text = format!(
            "This call of ${code} writes, and so is not part of a transaction; call it by itself or in a batch."
        );
        return Err(Failure::new(Reason::NotSupported, text));
    }
    Ok(())
}

/// Whether a call changes anything.
pub(super) fn writes(offered: &Offered, given: &Input) -> bool {
    offered.definition.affects_state || (offered.operation.writes)(given)
}

/// The request's `Idempotency-Key`; for what changes nothing it has no meaning.
pub(super) fn once(
    definition: &Definition,
    asked: &Asked,
    body: Option<&Value>,
) -> Result<Option<Once>, Failure> {
    if definition.affects_state { keyed(definition, asked, body) } else { Ok(None) }
}

/// An `Idempotency-Key` with a digest of all that the operation is given.
pub(super) fn keyed(
    definition: &Definition,
    asked: &Asked,
    body: Option<&Value>,
) -> Result<Option<Once>, Failure> {
    let Some(key) = asked.idempotency_key.clone() else { return Ok(None) };
    if !(1..=128).contains(&key.chars().count()) {
        return Err(Failure::new(Reason::Invalid, "`Idempotency-Key` has 1 to 128 characters."));
    }
    let body = body.map(Value::to_string);
    let given = format!("{}\n{:?}\n{}\n{body:?}", definition.code, asked.target, asked.query);
    let digest = digest::digest(&digest::SHA256, given.as_bytes());
    Ok(Some(Once { key, digest: digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect() }))
}
