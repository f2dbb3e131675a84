//! The search parameters in use: those that come with the program, and those that clients have stored.
//! <https://hl7.org/fhir/R4/searchparameter.html>
//!
//! A stored parameter is in use while its `status` is active. From then on what is written has its rows, on every
//! instance, because no write is committed whose rows were worked out by another set of parameters. What was stored
//! before has them after `comfrey reindex`; until then a search by the parameter is refused, for it would find too
//! little and nobody would know. (To answer with a warning was thought of: an `If-None-Exist` would have made doubles.)
//! The rows of a parameter that is no more in use are left where they are, for the next reindex to take away.
//!
//! Whether another instance has changed the set is looked at once a second at most, so that no search has a query more.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::app::App;
use crate::app::defined;
use crate::definitions::Definitions;
use crate::fhir::Failure;
use crate::search::Parameters;
use crate::search::Ready;
use crate::store::Conn;
use crate::store::Db;
use crate::store::Fault;
use crate::store::Mark;
use crate::store::lent::is_lent;
use crate::store::parameter_set;

/// How long another instance's change may go unnoticed by a search.
const OLDEST: Duration = Duration::from_secs(1);

/// A set of search parameters.
#[derive(Debug)]
pub struct ParameterSet {
    /// Which one.
    pub mark: Mark,
    /// The parameters.
    pub parameters: Arc<Parameters>,
    /// The numbers of the SearchParameters that this version of the program does not understand.
    pub(crate) left_out: Vec<i64>,
}

/// The set that is in use, as far as this instance knows.
pub(crate) struct Current {
    held: RwLock<Held>,
    /// Whoever has it looks, so that what was seen later is kept later. Searches that do not get it go by what there
    /// is; writes whose parameters were others wait for it.
    looking: Mutex<()>,
}

struct Held {
    set: Arc<ParameterSet>,
    /// When it was last seen to be in use; none where it is to be looked at again.
    seen: Option<Instant>,
    /// How often it was to be looked at again: a look that began before the last time is not enough.
    asked: u64,
}

impl Current {
    /// The set in use now.
    ///
    /// # Errors
    /// `Unavailable` where the database fails.
    pub(crate) fn open(db: &Db, definitions: &Definitions, own: &Arc<Parameters>) -> Result<Self, Failure> {
        let most = found_by_searches(db, 0);
        let set = db.snapshot(|conn| load(conn, (definitions, own), most))?;
        let held = Held { set: Arc::new(set), seen: Some(Instant::now()), asked: 0 };
        Ok(Self { held: RwLock::new(held), looking: Mutex::new(()) })
    }

    fn held(&self) -> (Arc<ParameterSet>, bool) {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        (held.set.clone(), held.seen.is_some_and(|seen| seen.elapsed() < OLDEST))
    }

    fn asked(&self) -> u64 {
        self.held.read().unwrap_or_else(PoisonError::into_inner).asked
    }

    /// Keeps what was found by a look that began when so often was asked for one.
    fn put(&self, set: Arc<ParameterSet>, asked: u64) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.set = set;
        held.seen = (held.asked == asked).then(Instant::now);
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.looking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// The search parameters in use.
    pub fn parameter_set(&self) -> Arc<ParameterSet> {
        let (set, is_fresh) = self.current.held();
        if is_fresh {
            return set;
        }
        let Ok(turn) = self.current.looking.try_lock() else { return set };
        // A database that does not answer says so to the search itself.
        self.look(&turn).unwrap_or(set)
    }

    /// The search parameters in use at this moment, whoever has changed them.
    ///
    /// # Errors
    /// `Unavailable` where the database fails.
    pub(crate) fn newest_parameter_set(&self) -> Result<Arc<ParameterSet>, Failure> {
        self.look_again();
        let turn = self.current.turn();
        match self.current.held() {
            // Whoever had the turn before has begun to look after this was asked for.
            (set, true) => Ok(set),
            (_, false) => self.look(&turn),
        }
    }

    /// Has the next one who asks for the parameters look whether they are still in use.
    pub(crate) fn look_again(&self) {
        let mut held = self.current.held.write().unwrap_or_else(PoisonError::into_inner);
        held.seen = None;
        held.asked += 1;
    }

    /// Looks, in its turn.
    fn look(&self, _turn: &MutexGuard<'_, ()>) -> Result<Arc<ParameterSet>, Failure> {
        let (set, asked) = (self.current.held().0, self.current.asked());
        let found = self.found(&set);
        // What a write that is not committed has changed is for itself alone.
        if is_lent() {
            return found;
        }
        self.current.put(found.as_ref().unwrap_or(&set).clone(), asked);
        found
    }

    fn found(&self, set: &Arc<ParameterSet>) -> Result<Arc<ParameterSet>, Failure> {
        let mark = self.db.read(|conn| Ok(parameter_set::mark(conn)?))?;
        if mark == set.mark {
            return Ok(set.clone());
        }
        let most = found_by_searches(&self.db, set.mark.indexed);
        if (Mark { indexed: mark.indexed.min(most), ..mark }) == set.mark {
            return Ok(set.clone());
        }
        let own = (&*self.definitions, &self.parameters);
        Ok(Arc::new(self.db.snapshot(|conn| load(conn, own, most))?))
    }
}

/// The newest set of which searches find all rows: they may go to a replica, which has the rows once it has the note
/// that they are whole. One that does not answer has what it had before.
fn found_by_searches(db: &Db, before: i64) -> i64 {
    if std::ptr::eq(db, db.for_searches()) {
        return i64::MAX;
    }
    db.for_searches().read(|conn| Ok(parameter_set::mark(conn)?)).map_or(before, |mark| mark.indexed)
}

/// Reads the set in use, of which searches find all rows up to the set with the last number. A definition that this
/// program does not understand, which another version has stored, is left out and said so.
pub(crate) fn load(
    conn: &mut Conn,
    (definitions, own): (&Definitions, &Arc<Parameters>),
    most: i64,
) -> Result<ParameterSet, Fault> {
    let mark = parameter_set::mark(conn)?;
    let mark = Mark { indexed: mark.indexed.min(most), ..mark };
    let (mut parameters, mut left_out) = (own.clone(), Vec::new());
    for active in parameter_set::active(conn)? {
        let ready = if active.since <= mark.indexed { Ready::Yes } else { Ready::AfterReindex };
        let value: Value = serde_json::from_slice(&active.body)
            .map_err(|_| Failure::internal("the stored body of a SearchParameter is no JSON"))?;
        let added = definitions.read_search_parameter(&value).and_then(|definition| {
            let further = defined::further(own, definition);
            if further.base.is_empty() {
                return Ok(());
            }
            // The first copies those of the program, the others are added to the copy.
            Arc::make_mut(&mut parameters).add(&further, &definitions.shapes, ready)
        });
        if added.is_err() {
            log::warn!(
                "SearchParameter/{} is not searched by: this version of the program does not understand it",
                active.id
            );
            left_out.push(active.rid);
        }
    }
    Ok(ParameterSet { mark, parameters, left_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_began_before_one_was_asked_for_is_not_the_last() {
        let set = Arc::new(ParameterSet {
            mark: Mark::default(),
            parameters: Arc::new(Parameters::compile(&Definitions::shared().unwrap()).unwrap()),
            left_out: Vec::new(),
        });
        let held = Held { set: set.clone(), seen: None, asked: 3 };
        let current = Current { held: RwLock::new(held), looking: Mutex::new(()) };
        current.put(set.clone(), 2);
        assert!(!current.held().1, "it was asked for after that look began");
        current.put(set, 3);
        assert!(current.held().1);
    }
}
