//! Reads by id of several requests that wait at the same time, fetched by one statement.
//! <https://hl7.org/fhir/R4/http.html#read>
//!
//! On a database server most of what a read by id costs is its journey: a thread that waits for it, a statement to the
//! server and back, and two processes that take turns on a core. Twenty rows cost hardly more than one. So the first who
//! reads goes at once, and who comes while that is under way is fetched with all others who came by then, as soon as it
//! is back. Nobody waits for more to come, and nobody joins a statement that has begun: what was written before a read
//! was asked for is seen by it. No thread waits meanwhile but the one that fetches.
//!
//! What is fetched decides nothing. It is kept for the one read that it was fetched for, which asks by itself whether
//! the caller may have it: see [`Session::current`]. Only what callers read who see all of a type is fetched so, for
//! that takes no condition of their own.
//!
//! Of 16 clients on two cores 45,900 reads a second were answered so, and 25,400 when each was fetched by itself, with 27
//! and 63 µs of the processor for each, both servers' (in pairs of runs side by side). With two who fetch at a time it was
//! 34,600: groups are smaller then.
//!
//! Where a statement is not back soon, as when the network has lost it, who comes next does not wait for it either.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use crate::access::Action;
use crate::app::App;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::store::Db;
use crate::store::Stored;
use crate::store::resources;
use crate::store::resources::Identity;
use crate::store::resources::Narrow;

/// How many are fetched at once at most.
const MOST: usize = 32;
/// How many fetch at once, where each is soon back.
const LEADERS: usize = 1;
/// After how long a statement is not waited for any more.
const SOON: Duration = Duration::from_millis(5);

/// What there is by a name, a deletion included; or why that is not known.
pub type Came = Result<Option<Stored>, Failure>;

/// Who is told what came, once; dropped without it where nothing will come.
pub type Tell = Box<dyn FnOnce(Came) + Send>;

/// What was fetched for one read.
pub struct Fetched {
    /// The type and id that were asked for.
    pub identity: (ResourceType, String),
    /// What came of it.
    pub came: Came,
}

/// The reads that wait to be fetched.
#[derive(Default)]
pub(crate) struct Reads {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    leading: usize,
    /// When somebody last went to fetch.
    begun: Option<Instant>,
}

struct Waiting {
    identity: Identity,
    tell: Tell,
}

/// The right to fetch for those who wait, and the duty.
#[must_use = "those who wait are fetched by nobody else"]
pub struct Lead {
    app: Arc<App>,
    is_over: bool,
}

impl Lead {
    /// Fetches for those who wait until nobody does; to be done by a thread that may wait for the database.
    pub fn run(mut self) {
        while let Some(group) = self.app.reads.next() {
            fetch(&self.app.db, group);
        }
        self.is_over = true;
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.is_over {
            self.app.reads.give_up();
        }
    }
}

impl Reads {
    /// Waits with the others; whether it is to lead.
    fn join(&self, one: Waiting) -> bool {
        let mut state = self.state();
        state.waiting.push_back(one);
        let is_late = || state.begun.is_none_or(|begun| begun.elapsed() > SOON);
        let leads = state.leading < LEADERS || is_late();
        if leads {
            state.leading += 1;
            state.begun = Some(Instant::now());
        }
        leads
    }

    /// Those who have waited longest; none is the end of a lead.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut state = self.state();
        let most = state.waiting.len().min(MOST);
        if most == 0 {
            state.leading -= 1;
            return None;
        }
        state.begun = Some(Instant::now());
        Some(state.waiting.drain(..most).collect())
    }

    /// A lead has ended before its time: where there is no other, those who wait learn that nothing will come.
    fn give_up(&self) {
        let mut state = self.state();
        state.leading -= 1;
        let lost = if state.leading == 0 { std::mem::take(&mut state.waiting) } else { VecDeque::new() };
        drop(state);
        drop(lost);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many wait and how many lead.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.waiting.len(), state.leading)
    }
}

/// Fetches for each of these and tells them.
fn fetch(db: &Db, group: Vec<Waiting>) {
    let (identities, tell): (Vec<Identity>, Vec<Tell>) =
        group.into_iter().map(|one| (one.identity, one.tell)).unzip();
    let one = |(ty, id): &Identity| db.read(|conn| Ok(resources::read(conn, *ty, id, &Narrow::All)?));
    let came: Vec<Came> = match db.read(|conn| Ok(resources::read_each(conn, &identities)?)) {
        Ok(found) => found.into_iter().map(Ok).collect(),
        // What is wrong with one of them is not wrong with the others.
        Err(failure) if failure.status() == 500 && identities.len() > 1 => {
            identities.iter().map(one).collect()
        }
        Err(failure) => identities.iter().map(|_| Err(failure.clone())).collect(),
    };
    tell.into_iter().zip(came).for_each(|(tell, came)| tell(came));
}

impl Session {
    /// Whether this caller's reads of a type are fetched with those of others: where they may read all of it, and the
    /// database is a server.
    pub fn reads_with_others(&self, ty: ResourceType) -> bool {
        !self.app.is_embedded()
            && self.caller().may(Action::Read, ty)
            && self.narrow(Action::Read, ty) == Narrow::All
    }

    /// Has what a read asks for fetched, with what others wait for; who is given the lead fetches for all of them.
    pub fn fetch(&self, identity: (ResourceType, String), tell: Tell) -> Option<Lead> {
        let leads = self.app.reads.join(Waiting { identity, tell });
        leads.then(|| Lead { app: Arc::clone(&self.app), is_over: false })
    }

    /// What is at hand for a read of this that may see as much; each is for one read.
    pub(super) fn at_hand(&self, (ty, id): (ResourceType, &str), narrow: &Narrow) -> Option<Came> {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |one: &mut Fetched| *narrow == Narrow::All && one.identity.0 == ty && one.identity.1 == id;
        fetched.take_if(fits).map(|one| one.came)
    }
}
