//! Makes the search index anew where another version of the service made it. <https://hl7.org/fhir/R4/search.html>

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crate::app::App;
use crate::app::upkeep::Renewed;
use crate::fhir::Failure;
use crate::jobs::Left;
use crate::jobs::Stop;

/// Looks once after the start of the process whether the index is by this version's rules, and makes it so.
///
/// # Errors
/// Only what the database fails with.
pub fn run_next(app: &Arc<App>, _: &Stop) -> Result<Left, Failure> {
    static LOOKED: AtomicBool = AtomicBool::new(false);
    if !LOOKED.load(Ordering::Relaxed) {
        LOOKED.store(app.renew_index()? == Renewed::Done, Ordering::Relaxed);
    }
    Ok(Left::Nothing)
}
