//! A request that was taken on, in the hands of the one who carries it out. <https://hl7.org/fhir/R4/async.html>
//!
//! It is held for a short while, again and again; where its holder is gone, another takes it up. What came of it is kept
//! by its holder alone, in one transaction with its being done.

use std::sync::Arc;

use serde_json::Value;

use crate::access::Caller;
use crate::app::App;
use crate::app::answer::Answer;
use crate::app::job;
use crate::app::job::Progress;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::datetime::Micros;
use crate::store::Fault;
use crate::store::jobs;
use crate::store::jobs::Hold;

/// For how long a request is held without a sign of life.
const HELD: Micros = 15_000_000;

/// How often a request is taken up whose holders die.
const MOST_TRIES: i64 = 3;

/// A request in hand.
pub struct HeldJob {
    hold: Hold,
    tries: i64,
    at: Micros,
    caller: Caller,
    base_url: String,
    /// What was asked for.
    pub request: Value,
    /// How far it is.
    pub progress: Arc<Progress>,
}

impl HeldJob {
    /// The name that its answer is kept under in the transaction that carries it out, so that it is not carried out
    /// again where its holder dies between the two.
    pub fn id(&self) -> &str {
        &self.hold.id
    }

    /// The unit of work of those who asked, at the moment when they did.
    pub fn session(&self, app: &Arc<App>) -> Session {
        let session = Session::new(Arc::clone(app), self.caller.clone(), self.base_url.clone());
        session.later(self.at, Arc::clone(&self.progress))
    }

    /// Whether it may be taken up again after this time.
    pub fn has_tries_left(&self) -> bool {
        self.tries < MOST_TRIES
    }
}

impl App {
    /// Takes the request in hand that has waited longest, or whose holder is gone.
    ///
    /// # Errors
    /// What the database fails with.
    pub fn take_job(&self) -> Result<Option<HeldJob>, Failure> {
        loop {
            let now = self.clock.now();
            if !self.db.read(|conn| Ok(jobs::is_anything_due(conn, now)?))? {
                return Ok(None);
            }
            let holder = uuid::Uuid::new_v4().simple().to_string();
            let name = holder.clone();
            let taken = self.db.write(move |conn| {
                jobs::forget(conn, now)?;
                Ok(jobs::take(conn, (&name, now + HELD), now)?)
            });
            let Some((id, at, tries, asked)) = taken.map_err(Fault::into_failure)? else { return Ok(None) };
            let hold = Hold { id, holder };
            let refused = match read(&asked) {
                Some((caller, base_url, request)) if tries <= MOST_TRIES => {
                    let progress = Arc::new(Progress::of(hold.clone()));
                    return Ok(Some(HeldJob { hold, tries, at, caller, base_url, request, progress }));
                }
                Some(_) => "a request that was taken on was begun too often without an end",
                None => "a request that was taken on cannot be read",
            };
            self.finish(&hold, "", Err(Failure::internal(refused)))?;
        }
    }

    /// Says that the work goes on and how far it is; false where the request is not in these hands any more: it was
    /// cancelled, or taken up by another.
    ///
    /// # Errors
    /// What the database fails with.
    pub fn hold_job(&self, job: &HeldJob) -> Result<bool, Failure> {
        let (hold, until, so_far) = (job.hold.clone(), self.clock.now() + HELD, job.progress.so_far());
        let going = self.db.write(move |conn| Ok(jobs::go_on(conn, &hold, until, so_far)?));
        going.map_err(Fault::into_failure)
    }

    /// Keeps what came of it, where it is still in these hands.
    ///
    /// # Errors
    /// What the database fails with.
    pub fn finish_job(
        &self,
        job: &HeldJob,
        path: &str,
        done: Result<Answer, Failure>,
    ) -> Result<(), Failure> {
        self.finish(&job.hold, path, done)
    }

    /// Puts it back for the next who takes one: where this process is about to end, as if it had not been begun.
    ///
    /// # Errors
    /// What the database fails with.
    pub fn put_job_back(&self, job: &HeldJob, why: PutBack) -> Result<(), Failure> {
        let tries = match why {
            PutBack::Ending => job.tries - 1,
            PutBack::Failed => job.tries,
        };
        let hold = job.hold.clone();
        let put = self.db.write(move |conn| Ok(jobs::put_back(conn, &hold, tries)?));
        put.map_err(Fault::into_failure)
    }

    fn finish(&self, hold: &Hold, path: &str, done: Result<Answer, Failure>) -> Result<(), Failure> {
        let result = job::result(path, done)?;
        let (hold, expires) = (hold.clone(), self.clock.now() + job::KEPT);
        let finished = self.db.write(move |conn| Ok(jobs::finish(conn, &hold, result.clone(), expires)?));
        finished.map(|_| ()).map_err(Fault::into_failure)
    }
}

/// Why a request is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutBack {
    /// The process is about to end.
    Ending,
    /// The database could not be reached.
    Failed,
}

fn read(asked: &[u8]) -> Option<(Caller, String, Value)> {
    let mut asked: Value = serde_json::from_slice(asked).ok()?;
    let request = asked.get_mut("request").map(Value::take)?;
    Some((Caller::from_json(asked.get("caller")?)?, asked.get("baseUrl")?.as_str()?.to_owned(), request))
}
