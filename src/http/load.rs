//! How much is taken on at a time. What comes on top of that is refused at once with 429 and a time to come back,
//! instead of waiting in memory for longer than its client does. <https://www.rfc-editor.org/rfc/rfc6585#section-4>
//!
//! With this bound the queues behind it are bounded too: a request waits in one of them at a time. Bodies that are
//! still arriving have places of their own, so that clients that send slowly keep nobody from being answered whose
//! request is there.

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
    arriving: AtomicU32,
}

/// What a place is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The body of the request is arriving.
    Arrival,
    /// The request is being carried out or waits for it.
    Work,
}

impl Load {
    fn of(&self, stage: Stage) -> &AtomicU32 {
        match stage {
            Stage::Arrival => &self.arriving,
            Stage::Work => &self.taken,
        }
    }
}

/// The place of one request; it becomes free when dropped.
pub struct Place(Data<Served>, Stage);

/// Takes a place for a stage of a request. That for work goes along to the thread that carries the request out, so that one whose client
/// has gone away keeps its place until it is done.
///
/// # Errors
/// `Throttled` where as many as may be are there already.
pub fn take(served: &Data<Served>, stage: Stage) -> Result<Place, Failure> {
    let place = Place(served.clone(), stage);
    if served.load.of(stage).fetch_add(1, Ordering::Relaxed) < served.app.config.max_requests {
        return Ok(place);
    }
    let text = "The server has as much to do as it can hold; wait a moment and send the request again.";
    Err(Failure::new(Reason::Throttled, text))
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.load.of(self.1).fetch_sub(1, Ordering::Relaxed);
    }
}
