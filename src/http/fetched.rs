//! Reads by id that are fetched together (see `app::reads`): no thread waits for one of them by itself.
//! <https://hl7.org/fhir/R4/http.html#read>

use actix_web::rt::task::spawn_blocking;
use tokio::sync::oneshot;

use crate::app::Fetched;
use crate::app::Session;
use crate::fhir::Failure;
use crate::http::load::Place;
use crate::http::observe::RequestId;
use crate::http::threads::Thread;
use crate::interactions;
use crate::interactions::Interaction;

/// The session with what it is to read at hand, and then the thread that is left to carry it out, since nothing is to be
/// waited for any more; or the session as it was. The place of the request goes along with what is asked for, also where
/// its client does not wait for it.
///
/// # Errors
/// `Internal` where nobody fetches any more. What the database fails with is told to who reads.
pub async fn ahead(
    session: Session,
    interaction: Option<&Interaction>,
    (name, place): (&RequestId, Place),
) -> Result<(Session, Place, Option<Thread>), Failure> {
    let asked = interaction.and_then(interactions::read_by_id);
    let asked = asked.filter(|(ty, _)| session.reads_with_others(*ty));
    let Some((ty, id)) = asked else { return Ok((session, place, None)) };
    session.app().notice_read();
    let (tells, waits) = oneshot::channel();
    // Whose client has gone is not told.
    let tell = Box::new(move |came| drop(tells.send((came, place))));
    let lead = session.fetch((ty, id.to_owned()), tell);
    if let Some(lead) = lead {
        let name = name.clone();
        // It goes on for others when this request is over.
        drop(spawn_blocking(move || name.around(|| lead.run())));
    }
    let told = waits.await.map_err(|_| Failure::internal("who fetched for reads has told nothing"));
    let (came, place) = told?;
    let identity = (ty, id.to_owned());
    Ok((session.having(Fetched { identity, came }), place, Some(Thread::Worker)))
}
