//! How much is taken on at a time. What comes on top of that is refused at once with 429 and a time to come back,
//! instead of waiting in memory for longer than its client does. <https://www.rfc-editor.org/rfc/rfc6585#section-4>
//!
//! With this bound the queues behind it are bounded too: a request waits in one of them at a time.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use actix_web::web::Data;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::http::Served;

/// How many requests are being carried out or wait for it.
#[derive(Debug, Default)]
pub struct Load {
    taken: AtomicU32,
}

/// The place of one request; it becomes free when dropped.
pub struct Place(Data<Served>);

/// Takes a place for a request. It goes along to the thread that carries the request out, so that one whose client
/// has gone away keeps its place until it is done.
///
/// # Errors
/// `Throttled` where as many as may be are there already.
pub fn take(served: &Data<Served>) -> Result<Place, Failure> {
    let place = Place(served.clone());
    if served.load.taken.fetch_add(1, Ordering::Relaxed) < served.app.config.max_requests {
        return Ok(place);
    }
    let text = "The server has as much to do as it can hold; wait a moment and send the request again.";
    Err(Failure::new(Reason::Throttled, text))
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.load.taken.fetch_sub(1, Ordering::Relaxed);
    }
}
