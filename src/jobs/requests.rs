//! Requests that were taken on (`Prefer: respond-async`), carried out one after the other.
//! <https://hl7.org/fhir/R4/async.html>
//!
//! While one is carried out, another thread says every second that it goes on; should the process be killed, no one says
//! so any more, and the next who looks takes it up.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use crate::app::Answer;
use crate::app::App;
use crate::app::HeldJob;
use crate::app::PutBack;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::interactions::asynchronous::Kept;
use crate::jobs::Left;
use crate::jobs::Stop;

/// How often it is said that the work goes on.
const BEAT: Duration = Duration::from_secs(1);

/// Carries out the request that has waited longest, where there is one.
///
/// # Errors
/// What the database fails with.
pub fn run_next(app: &Arc<App>, stop: &Stop) -> Result<Left, Failure> {
    let Some(mut job) = app.take_job()? else { return Ok(Left::Nothing) };
    let name = format!("async {}", job.id());
    let Some(kept) = Kept::read(&mut job.request, &name) else {
        let failure = Failure::internal("a request that was taken on cannot be read");
        app.finish_job(&job, "", Err(failure))?;
        return Ok(Left::More);
    };
    let path = kept.path().to_owned();
    let done = while_beating(app, &job, stop, || carry_out(app, &job, kept));
    if job.progress.is_ended() {
        // Cancelled, or about to end with the process; in the one case there is nothing to put back.
        app.put_job_back(&job, PutBack::Ending)?;
        return Ok(Left::More);
    }
    match done {
        Err(failure) if failure.reason == Reason::Unavailable && job.has_tries_left() => {
            app.put_job_back(&job, PutBack::Failed)?;
            Err(failure)
        }
        done => {
            log::info!(status = status(&done); "a request that was taken on is done");
            app.finish_job(&job, &path, done).map(|()| Left::More)
        }
    }
}

fn status(done: &Result<Answer, Failure>) -> u16 {
    match done {
        Ok(answer) => answer.status,
        Err(failure) => failure.status(),
    }
}

/// A panic ends the request and not the thread.
fn carry_out(app: &Arc<App>, job: &HeldJob, kept: Kept) -> Result<Answer, Failure> {
    let session = job.session(app);
    catch_unwind(AssertUnwindSafe(|| kept.carry_out(&session)))
        .unwrap_or_else(|_| Err(Failure::internal("a panic, whose place is logged above")))
}

/// Does the work while another thread says that it goes on, and tells it where it shall not.
fn while_beating<T>(app: &Arc<App>, job: &HeldJob, stop: &Stop, work: impl FnOnce() -> T) -> T {
    let over = Stop::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                over.wait(BEAT);
                if over.is_asked() {
                    return;
                }
                // A database that does not answer may answer the next time, as long as no other has taken it up.
                if stop.is_asked() || app.hold_job(job).is_ok_and(|is_held| !is_held) {
                    job.progress.end();
                }
            }
        });
        let done = work();
        over.ask();
        done
    })
}
