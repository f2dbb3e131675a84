//! Work that outlives a request: one thread for each kind of it, each in a file of its own.
//! <https://hl7.org/fhir/R4/async.html>
//!
//! What there is to do stands in the database, so that nothing is lost where the process ends: a thread takes a step at
//! a time and looks again a moment later where nothing is left. Tests take the steps by hand.

pub mod findings;
pub mod index;
pub mod requests;

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crate::app::App;
use crate::fhir::Failure;

/// How long a thread that found nothing to do waits before it looks again.
const PAUSE: Duration = Duration::from_millis(500);
/// How long it waits where a step failed.
const PAUSE_AFTER_A_FAILURE: Duration = Duration::from_secs(5);
/// How long the end of the process waits for the steps in hand.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a step left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// There may be more to do at once.
    More,
    /// There is nothing to do now.
    Nothing,
}

/// One kind of work.
struct Worker {
    /// What its thread is called.
    name: &'static str,
    /// Does a piece of it that is whole by itself.
    step: fn(&Arc<App>, &Stop) -> Result<Left, Failure>,
}

/// All kinds of work.
const WORKERS: &[Worker] = &[
    Worker { name: "comfrey-findings", step: findings::run_next },
    Worker { name: "comfrey-index", step: index::run_next },
    Worker { name: "comfrey-requests", step: requests::run_next },
];

/// Whether the process is about to end; clones know it together.
#[derive(Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Whether a step that takes long should end now.
    pub fn is_asked(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks all threads to end.
    pub fn ask(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Waits so long, or until it is asked.
    pub fn wait(&self, pause: Duration) {
        let asked = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_timeout_while(asked, pause, |asked| !*asked));
    }
}

/// The running threads; dropping it asks them to end and waits a little.
pub struct Workers {
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
}

/// Starts a thread for each kind of work.
///
/// # Errors
/// One line for the operator.
pub fn start(app: &Arc<App>) -> Result<Workers, String> {
    let stop = Stop::default();
    let start = |worker: &'static Worker| {
        let (app, stop) = (Arc::clone(app), stop.clone());
        std::thread::Builder::new()
            .name(worker.name.to_owned())
            .spawn(move || keep_working(worker, &app, &stop))
            .map_err(|_| format!("The thread `{}` cannot be started.", worker.name))
    };
    let threads = WORKERS.iter().map(start).collect::<Result<_, _>>()?;
    Ok(Workers { stop, threads })
}

fn keep_working(worker: &Worker, app: &Arc<App>, stop: &Stop) {
    while !stop.is_asked() {
        match catch_unwind(AssertUnwindSafe(|| (worker.step)(app, stop))) {
            Ok(Ok(Left::More)) => {}
            Ok(Ok(Left::Nothing)) => stop.wait(PAUSE),
            // What went wrong was logged where it was caught.
            Ok(Err(_)) | Err(_) => {
                log::warn!("a step of {} failed; it goes on in a moment", worker.name);
                stop.wait(PAUSE_AFTER_A_FAILURE);
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.ask();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && !self.threads.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_the_end_is_woken_by_it() {
        let stop = Stop::default();
        stop.wait(Duration::from_millis(1));
        assert!(!stop.is_asked());
        let other = stop.clone();
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(move || other.wait(Duration::from_secs(60)));
            stop.ask();
        });
        assert!(stop.is_asked() && begun.elapsed() < Duration::from_secs(30));
    }
}
