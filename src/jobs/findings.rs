//! Evaluates patients whose findings a write, a rule or a day may have changed, a few at a time.
//! <https://hl7.org/fhir/R4/clinicalreasoning-module.html>
//!
//! What is left to do stands in the database, so that a process that was killed, or another instance, goes on with it.
//! Readers do not wait for this: they have those evaluated whom they ask about.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::app::App;
use crate::fhir::Failure;
use crate::jobs::Left;
use crate::jobs::Stop;

/// After how many patients the log says how far it is.
const TOLD_EVERY: usize = 5_000;

/// Evaluates some of those who are due.
///
/// # Errors
/// Only what the database fails with.
pub fn run_next(app: &Arc<App>, _: &Stop) -> Result<Left, Failure> {
    static DONE: AtomicUsize = AtomicUsize::new(0);
    let done = app.evaluate_some()?;
    let before = DONE.fetch_add(done, Ordering::Relaxed);
    if before / TOLD_EVERY != (before + done) / TOLD_EVERY {
        let left = app.count_due(app.clock.now())?;
        log::info!("{} patients were evaluated since the start, {left} are due", before + done);
    }
    Ok(if done > 0 { Left::More } else { Left::Nothing })
}
