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
}

/// The set that is in use, as far as this instance knows.
pub(crate) struct Current {
    held: RwLock<Held>,
    /// Whoever has it looks; the others go by what there is.
    looking: Mutex<()>,
}

struct Held {
    set: Arc<ParameterSet>,
    /// When it was last seen to be in use; none where it is to be looked at again.
    seen: Option<Instant>,
}

impl Current {
    /// The set in use now.
    ///
    /// # Errors
    /// `Unavailable` where the database fails.
    pub(crate) fn open(db: &Db, definitions: &Definitions, own: &Arc<Parameters>) -> Result<Self, Failure> {
        let set = db.snapshot(|conn| load(conn, definitions, own))?;
        let held = Held { set: Arc::new(set), seen: Some(Instant::now()) };
        Ok(Self { held: RwLock::new(held), looking: Mutex::new(()) })
    }

    fn held(&self) -> (Arc<ParameterSet>, bool) {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        (held.set.clone(), held.seen.is_some_and(|seen| seen.elapsed() < OLDEST))
    }

    fn put(&self, held: Held) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

impl App {
    /// The search parameters in use.
    pub fn parameter_set(&self) -> Arc<ParameterSet> {
        let (set, is_fresh) = self.current.held();
        if is_fresh {
            return set;
        }
        let Ok(_turn) = self.current.looking.try_lock() else { return set };
        // A database that does not answer says so to the search itself.
        let found = self.look(&set).unwrap_or(set);
        self.current.put(Held { set: found.clone(), seen: Some(Instant::now()) });
        found
    }

    /// The search parameters in use at this moment, whoever has changed them.
    ///
    /// # Errors
    /// `Unavailable` where the database fails.
    pub(crate) fn newest_parameter_set(&self) -> Result<Arc<ParameterSet>, Failure> {
        let (set, _) = self.current.held();
        let found = self.look(&set)?;
        self.current.put(Held { set: found.clone(), seen: Some(Instant::now()) });
        Ok(found)
    }

    /// Has the next one who asks for the parameters look whether they are still in use.
    pub(crate) fn look_again(&self) {
        self.current.held.write().unwrap_or_else(PoisonError::into_inner).seen = None;
    }

    fn look(&self, set: &Arc<ParameterSet>) -> Result<Arc<ParameterSet>, Failure> {
        if self.db.read(|conn| Ok(parameter_set::mark(conn)?))? == set.mark {
            return Ok(set.clone());
        }
        Ok(Arc::new(self.db.snapshot(|conn| load(conn, &self.definitions, &self.parameters))?))
    }
}

/// Reads the set in use. A definition that this program does not understand, which another version has stored, is
/// left out and said so.
pub(crate) fn load(
    conn: &mut Conn,
    definitions: &Definitions,
    own: &Arc<Parameters>,
) -> Result<ParameterSet, Fault> {
    let mark = parameter_set::mark(conn)?;
    let mut all: Option<Parameters> = None;
    for active in parameter_set::active(conn)? {
        let ready = if active.since <= mark.indexed { Ready::Yes } else { Ready::AfterReindex };
        let value: Value = serde_json::from_slice(&active.body)
            .map_err(|_| Failure::internal("the stored body of a SearchParameter is no JSON"))?;
        let added = definitions.read_search_parameter(&value).and_then(|definition| {
            let further = defined::further(own, definition);
            all.as_ref().unwrap_or(own).and(&further, &definitions.shapes, ready)
        });
        match added {
            Ok(parameters) => all = Some(parameters),
            Err(_) => log::warn!(
                "SearchParameter/{} is not searched by: this version of the program does not understand it",
                active.id
            ),
        }
    }
    Ok(ParameterSet { mark, parameters: all.map_or_else(|| own.clone(), Arc::new) })
}
