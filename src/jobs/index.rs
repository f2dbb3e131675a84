//! Makes the search index anew where another version of the service made it, after it has looked which earlier versions
//! may be told to patients. <https://hl7.org/fhir/R4/search.html>

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::app::App;
use crate::app::upkeep::Renewed;
use crate::fhir::Failure;
use crate::jobs::Left;
use crate::jobs::Stop;

/// How long it waits after the first failure, and twice as long after each further one, up to so many.
const PAUSE: Duration = Duration::from_secs(5);
const MOST_DOUBLED: u32 = 9;

/// Looks after the start of the process at earlier versions that nobody has looked at yet, and then once whether the index
/// is by this version's rules, and makes it so.
///
/// # Errors
/// Only what the database fails with.
pub fn run_next(app: &Arc<App>, stop: &Stop) -> Result<Left, Failure> {
    static JUDGED: AtomicBool = AtomicBool::new(false);
    static LOOKED: AtomicBool = AtomicBool::new(false);
    static FAILED: AtomicU32 = AtomicU32::new(0);
    if LOOKED.load(Ordering::Relaxed) {
        return Ok(Left::Nothing);
    }
    if !JUDGED.load(Ordering::Relaxed) {
        let left = app.judge_versions()? > 0;
        JUDGED.store(!left, Ordering::Relaxed);
        return Ok(Left::More);
    }
    match app.renew_index() {
        Ok(renewed) => LOOKED.store(renewed == Renewed::Done, Ordering::Relaxed),
        Err(failure) => {
            // All that is stored is looked at again the next time.
            let times = FAILED.fetch_add(1, Ordering::Relaxed).min(MOST_DOUBLED);
            stop.wait(PAUSE * 2_u32.pow(times));
            return Err(failure);
        }
    }
    Ok(Left::Nothing)
}
