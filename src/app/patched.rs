//! What a patch makes of the version that is there: a whole resource, valid and not too large.
//! <https://hl7.org/fhir/R4/http.html#patch>

use std::io;
use std::io::Write;

use crate::app::change::ChangeAction;
use crate::app::change::Origin;
use crate::app::profiles::check;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;

/// What a patch makes of the current version, valid as a whole; and which version that is.
pub(crate) fn patched(
    session: &Session,
    action: &ChangeAction,
    id: &str,
) -> Result<(Resource, i64), Failure> {
    let ChangeAction::Patch { ty, patch, demand, .. } = action else {
        return Err(Failure::internal("a change that is no patch was taken for one"));
    };
    let stored = session.read(*ty, id)?;
    demand.check(Some(&stored))?;
    let (shapes, value) = (&session.app().definitions.shapes, stored.value()?);
    let resource = session.allowance.spend(|budget| patch.apply(shapes, value, budget))?;
    check_size(&resource, session.app().config.max_body)?;
    check(session, resource.value(), Origin::Client)
        .map_err(|failure| Failure { reason: Reason::Unprocessable, ..failure })?;
    Ok((resource, stored.version))
}

/// Refuses a resource that could not be sent whole, which patch upon patch may make of a small one.
fn check_size(resource: &Resource, most: usize) -> Result<(), Failure> {
    if serde_json::to_writer(Room(most), resource.value()).is_ok() {
        return Ok(());
    }
    let text = format!(
        "The patch makes the resource larger than {most} bytes; leave out of it what it can do without."
    );
    Err(Failure::new(Reason::Unprocessable, text).code("too-costly").at(resource.ty().name()))
}

/// Takes so many bytes and no more, and keeps none of them.
struct Room(usize);

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
