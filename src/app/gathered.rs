//! Small writes of several requests that come at the same time, gathered into one transaction.
//! <https://hl7.org/fhir/R4/http.html#concurrency>
//!
//! A write of one resource costs a server's database a handful of statements, each a journey, whether they carry one
//! resource or twenty: sixteen clients that created one by one on PostgreSQL had a quarter of the speed of eight who sent
//! Bundles. So who comes while others are writing waits for them, and then all who have waited are written together by one
//! of them, who leads. Nobody waits for more to come. An embedded database has one writer, which does the like for all its
//! jobs; there this gained nothing.
//!
//! Only plain changes of different resources are gathered: those that are right or wrong by themselves, whatever else is
//! written. Where they cannot all be written, or one of them would have to wait for a resource that another request is
//! about to change, nothing is, and each goes on alone: one's refusal is nobody else's, and neither is one's waiting.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;
use crossbeam_channel::TryRecvError;

use crate::app::change::Written;
use crate::app::commit::commit;
use crate::app::defined;
use crate::app::prepare::Batch;
use crate::app::prepare::Prepared;
use crate::app::prepare::Work;
use crate::fhir::Failure;
use crate::store::Conn;
use crate::store::Db;
use crate::store::Fault;

/// How many writes are gathered at most, so that the first of them does not wait for ever.
const MOST: usize = 32;
/// How many lead at once: while one waits for the disk, another prepares.
const LEADERS: usize = 2;
/// How long one of several waits for what another request holds.
const WAIT: &str = "SET LOCAL lock_timeout = '50ms'";
/// Types whose rows are bound to those of other resources, which are locked and looked at in an order of their own.
const BOUND: [&str; 4] = ["EpisodeOfCare", "CarePlan", "Consent", "PlanDefinition"];

/// The writes that wait for others.
#[derive(Default)]
pub(crate) struct Gathered {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    leading: usize,
}

struct Waiting {
    batch: Batch,
    tell: Sender<News>,
    /// Whether it was told to lead, which it may not have heard yet.
    leads: bool,
}

/// What one who waits is told.
enum News {
    Over(Came),
    /// To write for those who wait.
    Lead,
}

/// What came of a write that waited for others.
pub(crate) enum Came {
    /// It is over.
    Done(Result<Written, Fault>),
    /// Nothing was done; it is to go on alone.
    Alone(Batch),
}

/// The right to write for those who wait; it goes to one of them when it ends.
pub(super) struct Lead<'a>(&'a Gathered);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        // Each is told once to lead, and once what came of its write: there is room for both.
        let mut others = state.waiting.iter_mut().filter(|one| !one.leads);
        let next = others.find(|one| one.tell.try_send(News::Lead).is_ok());
        match next {
            Some(next) => next.leads = true,
            None => state.leading -= 1,
        }
    }
}

impl Gathered {
    /// Writes a batch that [`is_plain`], with others that come at the same time.
    pub(crate) fn write(&self, db: &Db, batch: Batch) -> Came {
        let (tell, news) = crossbeam_channel::bounded(2);
        let mut lead = self.join(Waiting { batch, tell, leads: false });
        loop {
            match self.hear(db, &news, &mut lead) {
                Some(News::Over(came)) => return came,
                Some(News::Lead) => lead = Some(Lead(self)),
                None => return Came::Done(Err(Failure::internal("who led a write has told nothing").into())),
            }
        }
    }

    /// What there is to hear; one who leads writes for others until there is something, or until nobody waits: whose own
    /// write another leader has taken only waits for that, and leaves the lead to who comes next.
    fn hear(&self, db: &Db, news: &Receiver<News>, lead: &mut Option<Lead<'_>>) -> Option<News> {
        while lead.is_some() {
            match news.try_recv() {
                Ok(news) => return Some(news),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if self.serve(db) => {}
                Err(TryRecvError::Empty) => *lead = None,
            }
        }
        news.recv().ok()
    }

    /// How many wait and how many lead.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.waiting.len(), state.leading)
    }

    /// Leads without writing, so that all who come wait until this ends.
    #[cfg(test)]
    pub(super) fn hold_up(&self) -> [Lead<'_>; LEADERS] {
        self.state().leading += LEADERS;
        std::array::from_fn(|_| Lead(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits with the others; leads where not enough do.
    fn join(&self, mut one: Waiting) -> Option<Lead<'_>> {
        let mut state = self.state();
        let leads = state.leading < LEADERS;
        state.leading += usize::from(leads);
        one.leads = leads;
        state.waiting.push_back(one);
        leads.then(|| Lead(self))
    }

    /// Writes for those who have waited longest; whether anybody waited.
    fn serve(&self, db: &Db) -> bool {
        let group = take(&mut self.state().waiting);
        if group.is_empty() {
            return false;
        }
        let (batches, tell): (Vec<Batch>, Vec<Sender<News>>) =
            group.into_iter().map(|one| (one.batch, one.tell)).unzip();
        let came: Vec<Came> = match as_one(db, batches) {
            AsOne::Done(written) => written.into_iter().map(|one| Came::Done(Ok(one))).collect(),
            AsOne::Unknown(failure) => {
                tell.iter().map(|_| Came::Done(Err(Fault::Refused(failure.clone())))).collect()
            }
            AsOne::Not(batches) => batches.into_iter().map(Came::Alone).collect(),
        };
        for (came, tell) in came.into_iter().zip(tell) {
            // One who is gone misses nothing.
            tell.try_send(News::Over(came)).ok();
        }
        true
    }
}

/// Takes the first of those who wait, and of the others those that can be written with it.
fn take(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    let (mut taken, mut left): (Vec<Waiting>, VecDeque<Waiting>) = (Vec::new(), VecDeque::new());
    let mut identities = BTreeSet::new();
    for one in std::mem::take(waiting) {
        let fits = taken.len() < MOST
            && taken.first().is_none_or(|first| Arc::ptr_eq(&first.batch.set, &one.batch.set))
            && one.batch.changes.iter().all(|change| identities.insert((change.ty, change.id.clone())));
        if fits { taken.push(one) } else { left.push_back(one) }
    }
    *waiting = left;
    taken
}

/// Whether a batch is one change that is right or wrong by itself.
pub(crate) fn is_plain(batch: &Batch) -> bool {
    let [change] = batch.changes.as_slice() else { return false };
    let writes = matches!(change.work, Work::Create(_) | Work::Update { .. } | Work::Patch { .. });
    let is_bound = BOUND.contains(&change.ty.name()) || defined::is_definition(change.ty);
    let content = change.work.content();
    writes
        && !is_bound
        && change.met.is_none()
        && batch.withdrawals.is_empty()
        && batch.asked == 1
        && content.is_some_and(|content| content.name.is_none() && content.needs.is_empty())
}

/// Whether batches can be one.
fn are_one(batches: &[Batch]) -> bool {
    let Some(first) = batches.first() else { return false };
    let changes = || batches.iter().flat_map(|batch| &batch.changes);
    let identities: BTreeSet<_> = changes().map(|change| (change.ty, &change.id)).collect();
    batches.iter().all(|batch| is_plain(batch) && Arc::ptr_eq(&batch.set, &first.set))
        && identities.len() == batches.len()
}

/// What came of writing several batches as one.
pub(crate) enum AsOne {
    /// What came of each.
    Done(Vec<Written>),
    /// Nothing was written, and these can be written one by one.
    Not(Vec<Batch>),
    /// The connection was lost, and what became of them is not known.
    Unknown(Failure),
}

/// Writes batches as one, if they are plain and of different resources.
pub(crate) fn as_one(db: &Db, batches: Vec<Batch>) -> AsOne {
    if !are_one(&batches) {
        return AsOne::Not(batches);
    }
    let one = Arc::new(joined(batches));
    let work = one.clone();
    let write = move |conn: &mut Conn| {
        if !conn.is_sqlite() {
            conn.batch(WAIT)?;
        }
        commit(conn, &work)
    };
    match db.write(write) {
        Ok(written) => AsOne::Done(written),
        Err(fault) if fault.is_lost() => AsOne::Unknown(fault.into_failure()),
        // Nobody else holds the work when its end is told.
        Err(_) => AsOne::Not(Arc::into_inner(one).map_or_else(Vec::new, parted)),
    }
}

/// The batches, of which there is one at least, as one whose changes are numbered anew.
fn joined(batches: Vec<Batch>) -> Batch {
    let mut batches = batches.into_iter();
    let mut one = batches.next().expect("there is one");
    one.changes.extend(batches.flat_map(|batch| batch.changes));
    one.asked = one.changes.len();
    one.changes.iter_mut().enumerate().for_each(|(at, change)| change.change = at);
    one
}

/// One batch for each change again.
fn parted(one: Batch) -> Vec<Batch> {
    let Batch { changes, set, zone, clock, restricted, skip_unchanged, asked: _, withdrawals: _ } = one;
    let alone = |mut change: Prepared| {
        change.change = 0;
        let (set, zone, clock) = (set.clone(), zone.clone(), clock.clone());
        let (changes, restricted) = (vec![change], restricted.clone());
        Batch { changes, set, zone, clock, restricted, skip_unchanged, asked: 1, withdrawals: Vec::new() }
    };
    changes.into_iter().map(alone).collect()
}
