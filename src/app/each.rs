//! Writing several changes that have nothing to do with one another: each stands or falls by itself, and all share one
//! durable commit. <https://hl7.org/fhir/R4/http.html#transaction>
//!
//! They are carried out in the order of their resources, several of one resource in their own order: so two who write
//! the same resources in opposite orders do not wait for one another.

use crate::app::change::Change;
use crate::app::change::Written;
use crate::app::commit::commit;
use crate::app::gathered;
use crate::app::gathered::AsOne;
use crate::app::prepare::Batch;
use crate::app::prepare::examine;
use crate::app::prepare::prepare;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::store::Conn;
use crate::store::Db;
use crate::store::Fault;

/// What came of a change within the shared transaction.
enum Turn {
    Done(Written),
    Refused(Failure),
    /// It met something that was not so when it was prepared; by itself it has another try.
    Again,
}

impl Session {
    /// Writes each change in a savepoint of its own; what is wrong with one leaves the others as they are. None is
    /// answered before all that succeeded are durable. The results are in the changes' order.
    pub fn write_each(&self, changes: &[Change]) -> Vec<Result<Written, Failure>> {
        let mut results: Vec<Option<Result<Written, Failure>>> = Vec::new();
        let mut batches: Vec<(usize, Batch)> = Vec::new();
        for (place, change) in changes.iter().enumerate() {
            results.push(match self.ready(change) {
                Ok(batch) => {
                    batches.push((place, batch));
                    None
                }
                Err(failure) => Some(Err(failure)),
            });
        }
        batches.sort_by(|(_, one), (_, other)| identity(one).cmp(&identity(other)));
        let (places, batches): (Vec<usize>, Vec<Batch>) = batches.into_iter().unzip();
        for (place, turn) in places.into_iter().zip(turns(&self.app().db, batches)) {
            results[place] = match turn {
                Turn::Done(written) => Some(Ok(written)),
                Turn::Refused(failure) => Some(Err(failure)),
                Turn::Again => None,
            };
        }
        self.notice(changes);
        let alone = |(change, result): (&Change, Option<_>)| result.unwrap_or_else(|| self.alone(change));
        changes.iter().zip(results).map(alone).collect()
    }

    fn ready(&self, change: &Change) -> Result<Batch, Failure> {
        let one = std::slice::from_ref(change);
        examine(self, one)?;
        prepare(self, one)
    }

    fn alone(&self, change: &Change) -> Result<Written, Failure> {
        let mut written = self.write(vec![change.clone()])?;
        written.pop().ok_or_else(|| Failure::internal("a write of one change gave no result"))
    }
}

/// Writes batches of one change each, given in the order of their resources: all at once where that can be, else each in a
/// savepoint of its own. None of the turns is over before all that succeeded are durable.
fn turns(db: &Db, batches: Vec<Batch>) -> Vec<Turn> {
    let count = batches.len();
    let refused = |failure: &Failure| (0..count).map(|_| Turn::Refused(failure.clone())).collect();
    let batches = match gathered::as_one(db, batches) {
        AsOne::Done(written) => return written.into_iter().map(Turn::Done).collect(),
        AsOne::Unknown(failure) => return refused(&failure),
        AsOne::Not(batches) => batches,
    };
    if count == 0 {
        return Vec::new();
    }
    let turns = db.write(move |conn| batches.iter().map(|batch| turn(conn, batch)).collect());
    match turns.map_err(Fault::into_failure) {
        Ok(turns) => turns,
        // The database is gone for all of them alike; asking it once for each would take as long each time.
        Err(failure) if failure.reason == Reason::Unavailable => refused(&failure),
        Err(_) => (0..count).map(|_| Turn::Again).collect(),
    }
}

fn identity(batch: &Batch) -> Option<(ResourceType, &str)> {
    batch.changes.first().map(|change| (change.ty, change.id.as_str()))
}

fn turn(conn: &mut Conn, batch: &Batch) -> Result<Turn, Fault> {
    conn.transaction("SAVEPOINT entry")?;
    let turn = match commit(conn, batch) {
        Ok(mut written) => {
            conn.transaction("RELEASE SAVEPOINT entry")?;
            let written =
                written.pop().ok_or_else(|| Failure::internal("a commit of one change gave no result"))?;
            return Ok(Turn::Done(written));
        }
        Err(Fault::Refused(failure)) => Turn::Refused(failure),
        Err(Fault::Stale) => Turn::Again,
        Err(fault) if fault.is_collision() => Turn::Again,
        Err(fault) => return Err(fault),
    };
    conn.batch("ROLLBACK TO SAVEPOINT entry; RELEASE SAVEPOINT entry")?;
    Ok(turn)
}
