//! Writing: prepare without a lock, commit in one durable transaction, and prepare again where the world moved on.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use crate::app::answer::Answer;
use crate::app::change::Change;
use crate::app::change::Written;
use crate::app::commit::commit;
use crate::app::defined;
use crate::app::gathered;
use crate::app::gathered::Came;
use crate::app::guard;
use crate::app::job::require_hold;
use crate::app::once;
use crate::app::once::Once;
use crate::app::prepare::Batch;
use crate::app::prepare::examine;
use crate::app::prepare::prepare;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::lent::LONGEST;
use crate::store::steady::Steady;

/// How often a write is prepared before it gives up. Each time that one has to begin again, another has been
/// written, so this is how many may come between.
const TRIES: u32 = 200;
/// How often a write is prepared at once; later tries come after a pause, so that a crowd thins out.
const TRIES_AT_ONCE: u32 = 3;

impl Session {
    /// Writes all changes or none, in one durable transaction; the outcomes stand in their order.
    ///
    /// # Errors
    /// `Forbidden`; `Structure` or `Unprocessable` with every problem of every resource; `Precondition`,
    /// `MultipleMatches`, `Conflict`; `BusinessRule` for what only the programme may set.
    pub fn write(&self, changes: Vec<Change>) -> Result<Vec<Written>, Failure> {
        examine(self, &changes)?;
        self.prepared(&changes, |batch| {
            if self.may_wait_for_others(&batch) {
                match self.app().gathered.write(&self.app().db, batch) {
                    Came::Done(written) => return Ok(vec![written?]),
                    Came::Alone(batch) => return self.carry_out(batch, commit),
                }
            }
            self.carry_out(batch, commit)
        })
    }

    /// Whether a write may be gathered with those of others: not what reads or holds something besides, and not where one
    /// writer does so for all.
    fn may_wait_for_others(&self, batch: &Batch) -> bool {
        let app = self.app();
        !app.is_embedded() && !app.is_provisional() && self.hold().is_none() && gathered::is_plain(batch)
    }

    /// Writes like [`Session::write`] and answers, both once for each `Idempotency-Key`: a repeated request gets the
    /// answer that the first one got. The answer is kept in the same transaction.
    ///
    /// # Errors
    /// As [`Session::write`]; `BusinessRule` where the key was used for another request.
    pub fn write_once(
        &self,
        once: Option<&Once>,
        changes: Vec<Change>,
        answer: impl Fn(&[Written]) -> Result<Answer, Failure> + Send + Sync + 'static,
    ) -> Result<Answer, Failure> {
        examine(self, &changes)?;
        let once = self.scoped(once);
        let answer = Arc::new(answer);
        self.commit_with(&changes, move |conn, batch| {
            let Some(once) = &once else { return Ok(answer(&commit(conn, batch)?)?) };
            if let Some(kept) = once::claim(conn, once, batch.clock.now())? {
                return Ok(kept);
            }
            let answer = answer(&commit(conn, batch)?)?;
            once::keep(conn, once, &answer)?;
            Ok(answer)
        })
    }

    /// Writes like [`Session::write`], and reads what is there then, all in one transaction and of one state: nothing is
    /// written where the reading fails. Others who write wait for it, on an embedded database, so that it has a few seconds. It may be
    /// done several times.
    ///
    /// # Errors
    /// As [`Session::write`]; what the reading refuses; 413 `too-costly` where it takes too long.
    pub fn write_and_read<T: Send + 'static>(
        &self,
        changes: Vec<Change>,
        read: impl Fn(&Self) -> Result<T, Failure> + Send + Sync + 'static,
    ) -> Result<(Vec<Written>, T), Failure> {
        examine(self, &changes)?;
        // The search parameters are those of before the write, for it and for what reads.
        self.parameter_set();
        let (reader, steady, left) = (self.seeing_its_writes(), Steady::default(), OnceLock::new());
        self.commit_with(&changes, move |conn, batch| {
            steady.begin(conn)?;
            let written = commit(conn, batch)?;
            // What is read again because others wrote is not the request's own work.
            let left = *left.get_or_init(|| reader.allowance.left());
            let read = || {
                reader.allowance.set(left);
                read(&reader)
            };
            Ok((written, steady.lend(conn, LONGEST, read)?))
        })
    }

    /// Does all that [`Session::write`] does and undoes it again: what would be refused is refused.
    ///
    /// # Errors
    /// As [`Session::write`].
    pub fn rehearse(&self, changes: &[Change]) -> Result<(), Failure> {
        examine(self, changes)?;
        let undone = || Failure::of(Reason::Conflict, Vec::new());
        let rehearsed = self.commit_with(changes, move |conn, batch| {
            commit(conn, batch)?;
            // Nothing is kept of a transaction that ends in a refusal.
            Err::<(), Fault>(Fault::Refused(undone()))
        });
        rehearsed.or_else(|failure| if failure.issues.is_empty() { Ok(()) } else { Err(failure) })
    }

    pub(super) fn commit_with<T: Send + 'static>(
        &self,
        changes: &[Change],
        work: impl Fn(&mut Conn, &Batch) -> Result<T, Fault> + Send + Sync + 'static,
    ) -> Result<T, Failure> {
        let work = Arc::new(work);
        self.prepared(changes, |batch| {
            let work = work.clone();
            self.carry_out(batch, move |conn, batch| work(conn, batch))
        })
    }

    /// Carries out what is prepared, in a transaction of its own.
    fn carry_out<T: Send + 'static>(
        &self,
        batch: Batch,
        work: impl Fn(&mut Conn, &Batch) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let hold = self.hold();
        self.app().db.write(move |conn| {
            require_hold(conn, hold.as_ref())?;
            work(conn, &batch)
        })
    }

    /// Prepares changes and has them carried out; again, where the world moved on.
    fn prepared<T>(
        &self,
        changes: &[Change],
        carry_out: impl Fn(Batch) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        let mut tries = 0;
        let mut renewed: Option<Self> = None;
        loop {
            tries += 1;
            let allowed = self.allowance.left();
            let batch = prepare(renewed.as_ref().unwrap_or(self), changes)?;
            match carry_out(batch) {
                Ok(done) => {
                    self.notice(changes);
                    return Ok(done);
                }
                Err(Fault::Stale) if tries < TRIES => {
                    self.allowance.set(allowed);
                    renewed = Some(self.renewed());
                    pause(tries);
                }
                Err(fault) if fault.is_second_episode() => return Err(guard::second_episode()),
                Err(fault) if fault.is_second_plan() => return Err(guard::second_plan()),
                Err(fault) => return Err(fault.into_failure()),
            }
        }
    }
}

impl Session {
    /// Has the next one who searches look at the search parameters, where these changes may have changed them.
    pub(super) fn notice(&self, changes: &[Change]) {
        if changes.iter().any(|change| defined::is_definition(change.action.ty())) {
            self.app().look_again();
        }
    }
}

/// A random time, so that those who met do not meet again.
pub(crate) fn pause(tries: u32) {
    if tries > TRIES_AT_ONCE {
        let longest = u64::from(tries.min(20)) * 500;
        let random = uuid::Uuid::new_v4().as_u64_pair().0;
        std::thread::sleep(Duration::from_micros(random % longest));
    }
}
