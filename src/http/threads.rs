//! Which thread carries a request out.
//!
//! A short read of an embedded database takes less time than to hand it to another thread. All else waits on the
//! database, and goes to the threads beside the worker, so that the worker goes on with other connections; for reads by id of
//! a server's one such thread waits for many (see [`fetched`](crate::http::fetched)).

use std::sync::Arc;

use actix_web::web;

use crate::app::App;
use crate::fhir::Failure;
use crate::http::sent::Sent;
use crate::interactions::Interaction;

/// A kind of thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thread {
    /// The worker that has the connection.
    Worker,
    /// One that may wait.
    Waiting,
    /// One that takes its turn with others and gives way to reads.
    InTurn,
}

/// The kind for what is not short: the turns of large writes are fewer while there are reads.
pub fn of(app: &App, interaction: &Interaction, sent: Option<&(Sent, Vec<u8>)>) -> Thread {
    // a form is a search
    let written = sent.filter(|(sent, _)| !matches!(sent, Sent::Form));
    match written {
        Some((_, bytes)) if app.takes_turns(bytes.len()) => Thread::InTurn,
        Some(_) => Thread::Waiting,
        None => {
            if !interaction.is_write() {
                app.notice_read();
            }
            Thread::Waiting
        }
    }
}

/// Carries the work out by a thread of this kind.
///
/// # Errors
/// What the work refuses; `Throttled` or `Internal` where there is no thread for it.
pub async fn by<T: Send + 'static>(
    thread: Thread,
    app: &Arc<App>,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let app = Arc::clone(app);
    let done = match thread {
        Thread::Worker => return work(),
        Thread::Waiting => web::block(work).await,
        Thread::InTurn => web::block(move || app.in_turn(work)?).await,
    };
    done.map_err(Failure::internal)?
}
